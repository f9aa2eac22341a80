"""What must hold between the APIs of different plugins: no service takes another one's tokens."""

from __future__ import annotations

import re
from itertools import combinations, product
from typing import TYPE_CHECKING

from pinflow.http.api import LOGIN_HINT
from pinflow.lazy_dataclass import replace
from pinflow.schema.file_names import is_device

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinflow.http.api import Api


_FOLDER = re.compile(r"[A-Za-z0-9_-]+")
_OWN = "PINFLOW_"


def token_problem(api: Api) -> str:
    """What is wrong with where an API says that its tokens are, and where its secrets go; "" if nothing is."""
    folder, oauth = api.names.folder, api.oauth
    if folder and (not _FOLDER.fullmatch(folder) or is_device(folder)):
        return f"the folder of its tokens must be one name of letters, digits, _ and -, not {folder[:40]!r}"
    if own := sorted(variable for variable in api.names.own_variables if variable.startswith(_OWN)):
        return f"{own[0]} is a variable of pinflow's own"
    if "" in (*api.tokens.prefixes, *api.tokens.simulated):
        return "an empty prefix begins the tokens of every service"
    paths = [api.prefix, *api.beside, *((oauth.consent_path, oauth.token_path, oauth.revoke_path) if oauth else ())]
    if wrong := [path for path in paths if path and not path.startswith("/")]:
        return f"the path {wrong[0][:40]!r} must begin with /"  # or the host before it would be another one
    return ""


def token_conflict(apis: Iterable[Api], sources: Mapping[str, str]) -> tuple[Api, Api, str] | None:
    """Two APIs of which the first could get the other's tokens or secrets, and how; None where each has its own.

    ``apis`` are in the order of their rights: of two that claim one thing, the later is the first of the answer.
    ``sources`` has the distribution of each by the API's id: one may know more hosts of its own service.
    """
    for other, api in combinations(apis, 2):
        if api.service == other.service:
            reason = _foreign_host(api, other, same_source=sources[api.id] == sources[other.id])
        else:
            reason = _shared_claim(api, other)
        if reason:
            return api, other, reason
    return None


def _foreign_host(api: Api, other: Api, *, same_source: bool) -> str:
    """How an API of the same service leads to other hosts."""
    hosts = {api.origin} if same_source else set(api.homes)
    foreign = sorted(hosts.difference(other.homes)) + sorted({other.origin}.difference(api.homes))
    return f"it is of the service {api.service!r}, and {foreign[0]} is not one of its hosts" if foreign else ""


def _shared_claim(api: Api, other: Api) -> str:
    """What two services both claim."""
    mine, theirs = api.names, other.names
    if mine.folder.lower() == theirs.folder.lower():
        return "the folder of their tokens is the same"
    if shared := set(mine.known_variables) & set(theirs.known_variables):
        return f"both read tokens from {', '.join(sorted(shared))}"
    for names, owner in ((mine, theirs), (theirs, mine)):
        for variable in sorted(names.own_variables):
            if owner.declares(variable) or (owner.carries_name(variable) and not names.carries_name(variable)):
                return f"both {api.service} and {other.service} claim the variable {variable}"
    for prefix, begun in product(api.tokens.prefixes, other.tokens.prefixes):
        if prefix.startswith(begun) or begun.startswith(prefix):
            return f"the tokens of both begin with {max(prefix, begun, key=len)}"
    return ""


def with_login_hints(apis: Mapping[str, Api]) -> dict[str, Api]:
    """The APIs; where there are several services, those without the plain names say with which API to sign in."""
    several = len({api.service for api in apis.values()}) > 1
    return {
        id: replace(api, login_hint=f"{LOGIN_HINT} --api {id}")
        if several and api.names.folder and api.login_hint == LOGIN_HINT
        else api
        for id, api in apis.items()
    }
