"""What must hold between the APIs of different plugins: no service takes another one's tokens."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from pinflow.http.api import LOGIN_HINT
from pinflow.lazy_dataclass import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinflow.http.api import Api


def token_conflict(apis: Iterable[Api]) -> tuple[Api, Api, str] | None:
    """Two APIs of which one could get the other's tokens, and how; None where each service has its own."""
    for api, other in permutations(apis, 2):
        if api.service == other.service:
            if api.origin not in other.homes:
                return api, other, f"it is of the service {api.service!r}, and {api.origin} is not one of its hosts"
        elif api.names.folder.lower() == other.names.folder.lower():
            return api, other, "the folder of their tokens is the same"
        elif shared := set(api.names.known_variables) & set(other.names.known_variables):
            return api, other, f"both read tokens from {', '.join(sorted(shared))}"
    return None


def with_login_hints(apis: Mapping[str, Api]) -> dict[str, Api]:
    """The APIs; where there are several services, those without the plain names say with which API to sign in."""
    several = len({api.service for api in apis.values()}) > 1
    return {
        id: replace(api, login_hint=f"{LOGIN_HINT} --api {id}")
        if several and api.names.folder and api.login_hint == LOGIN_HINT
        else api
        for id, api in apis.items()
    }
