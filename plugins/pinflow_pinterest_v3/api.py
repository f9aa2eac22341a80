"""API v3, with the ads API v4 beside it, as data: addresses, paging, errors and quotas.

Source: https://github.com/pinterest/api-quickstart (as of 2022)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pinflow import OAuth, Quota, dataclass
from pinflow_pinterest import errors, quotas
from pinflow_pinterest.error_mapping import HINTS, map_error
from pinflow_pinterest.gateway import PinterestApi
from pinflow_pinterest_v3.paths import ADS
from pinflow_pinterest_v3.scopes import DEFAULT, MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow import Client, ErrorCode, RemoteError
    from pinflow_pinterest_v3.gateway import V3Gateway

_HINTS: Final[Mapping[errors.Kind, str]] = {
    **HINTS,
    "auth": "the token is wrong or has expired, or it is for another environment",
}
_SECRET: Final[Mapping[errors.Kind, str]] = {
    "forbidden": "on secret boards the token needs read_secret_boards and read_secret_pins",
    "not_found": "secret boards and their Pins are visible only to tokens with read_secret_boards and read_secret_pins",
}

_SEGMENT = re.compile(r"[a-z_]+|v4")
_ANALYTICS = ("/partners/analytics/", "/analytics/")

# The ads API's own classes: READ HIGH, WRITE and METRICS, from https://stackoverflow.com/questions/40144401
QUOTAS: Final[Mapping[str, Mapping[str, Quota]]] = {
    **quotas.QUOTAS,
    "standard": {
        **quotas.QUOTAS["standard"],
        "ads_read": Quota(1000, quotas.MINUTE, "user"),
        "ads_write": Quota(400, quotas.MINUTE, "user"),
        "ads_analytics": Quota(1000, quotas.MINUTE, "user"),
    },
}


@dataclass(frozen=True, slots=True)
class PathOperation:
    """The facts of one call. The scopes are those of the actions: v3 has no description that lists them."""

    id: str  # "GET /boards/{}/pins/"
    category: str
    scopes: frozenset[str] = frozenset()


def operation(method: str, path: str) -> PathOperation | None:
    """The operation of a call. None for a path of v3 without its trailing slash, which leads nowhere."""
    ads = path.startswith(f"{ADS}/")
    if not (ads or (path.startswith("/") and path.endswith("/"))):
        return None
    shape = "/".join(part if not part or _SEGMENT.fullmatch(part) else "{}" for part in path.split("/"))
    return PathOperation(f"{method.upper()} {shape}", _category(path, reads=method.upper() in ("GET", "HEAD"), ads=ads))


def _category(path: str, *, reads: bool, ads: bool) -> str:
    if ads and "/delivery_metrics" in path and not path.startswith(f"{ADS}/resources/"):
        return "ads_analytics"
    if path.startswith(_ANALYTICS):
        return "org_analytics"
    return f"{'ads' if ads else 'org'}_{'read' if reads else 'write'}"


def read_error(status: int, headers: Mapping[str, str], body: object) -> RemoteError:
    """The narrowest exception for an error answer, with a hint if a person can do something about it."""
    return map_error(status, headers, body, _HINTS, secret=_SECRET, codes=_error_codes)


def _error_codes() -> list[ErrorCode]:
    from pinflow_pinterest.error_codes import shared_codes  # only a few errors need it

    return shared_codes("v3")


def _gateway(client: Client) -> V3Gateway:
    from pinflow_pinterest_v3.gateway import V3Gateway  # loads the copying, which reading a recipe doesn't need

    return V3Gateway(client)


OAUTH: Final = OAuth(
    consent_origin="https://www.pinterest.com",
    consent_origin_variable="PINTEREST_OAUTH_URI",
    consent_path="/oauth/",
    consent_fields={"refreshable": "true"},
    token_path="/v3/oauth/access_token/",  # noqa: S106 - a path
    token_method="PUT",  # noqa: S106 - a method
    answer={"access_token": ("access_token",), "refresh_token": ("data", "refresh_token"), "scope": ("scope",)},
    rotates=False,
    scopes=frozenset(MEANINGS),
    default_scopes=DEFAULT,
    account_scopes=frozenset({"read_users"}),
    scope_meanings=MEANINGS,
    app_variables=(
        ("PINTEREST_V3_APP_ID", "PINTEREST_V3_APP_SECRET"),
        ("PINTEREST_APP_ID", "PINTEREST_APP_SECRET"),
    ),
    landing_variable="REDIRECT_LANDING_URI",
)

API: Final = PinterestApi(
    id="v3",
    title="Pinterest API v3, with ads API v4",
    prefix="/v3",
    beside=(f"{ADS}/",),
    operation=operation,
    read_error=read_error,
    items="data",
    quotas=QUOTAS,
    oauth=OAUTH,
    login_hint="pinflow auth login {token} --api v3",  # without --api it signs in to the newest version
    gateway=_gateway,
)
