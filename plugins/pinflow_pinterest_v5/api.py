"""API v5 as data: its address, paging, errors and quotas.

Source: https://developers.pinterest.com/docs/api/v5/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow import OAuth
from pinflow_pinterest import errors, quotas
from pinflow_pinterest.catalogue import operations
from pinflow_pinterest.error_mapping import HINTS, map_error
from pinflow_pinterest.gateway import PinterestApi
from pinflow_pinterest_v5.scopes import DEFAULT, MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow import Client, ErrorCode, RemoteError
    from pinflow_pinterest_v5.gateway import V5Gateway

_TRIAL: Final = (
    "with trial access an app can't create Pins in production: apply for standard access, or set "
    "PINTEREST_API_URI=https://api-sandbox.pinterest.com and use a token of that environment"
)
_HINTS: Final[Mapping[errors.Kind, str]] = {
    **HINTS,
    "auth": "the token is wrong or has expired, or it is for the other environment: production and the vendor's "
    "sandbox have separate tokens",
    "trial": _TRIAL,
    "exclusive": "another change of the same board is under way; try again in a moment",
}
_SECRET: Final[Mapping[errors.Kind, str]] = {
    "forbidden": "on secret boards the token needs the scopes ending in _secret",
    "not_found": "secret boards and their Pins are visible only to tokens with the scopes ending in _secret",
}


def read_error(status: int, headers: Mapping[str, str], body: object) -> RemoteError:
    """The narrowest exception for an error answer, with a hint if a person can do something about it."""
    return map_error(status, headers, body, _HINTS, secret=_SECRET, codes=_error_codes)


def _error_codes() -> list[ErrorCode]:
    from pinflow_pinterest_v5.error_codes import error_codes  # only a few errors need it

    return error_codes()


def closed_reason(tier: str, method: str, path: str) -> str:
    """Why production refuses a call for every app of the tier; "" if it doesn't."""
    return _TRIAL if (tier, method, path) == ("trial", "POST", "/pins") else ""


def _gateway(client: Client) -> V5Gateway:
    from pinflow_pinterest_v5.gateway import V5Gateway  # loads the copying, which reading a recipe doesn't need

    return V5Gateway(client)


OAUTH: Final = OAuth(
    consent_origin="https://www.pinterest.com",
    consent_origin_variable="PINTEREST_OAUTH_URI",
    consent_path="/oauth/",
    consent_fields={"refreshable": "true"},
    token_path="/v5/oauth/token",  # noqa: S106 - a path
    # apps made before 2025-09-25 get the tokens that rotate only when they ask for them
    exchange_fields={"continuous_refresh": "true"},
    refresh_fields={"continuous_refresh": "true"},
    answer={
        name: (name,)
        for name in (
            "access_token",
            "refresh_token",
            "scope",
            "expires_in",
            "refresh_token_expires_in",
            "refresh_token_expires_at",
        )
    },
    client_credentials=True,
    revoke_path="/v5/oauth/token/revoke",
    rotates=True,
    access_seconds=30 * 86_400.0,
    scopes=frozenset(MEANINGS),
    default_scopes=DEFAULT,
    account_scopes=frozenset({"user_accounts:read"}),
    scope_meanings=MEANINGS,
    app_variables=(
        ("PINTEREST_V5_APP_ID", "PINTEREST_V5_APP_SECRET"),
        ("PINTEREST_APP_ID", "PINTEREST_APP_SECRET"),
    ),
    landing_variable="REDIRECT_LANDING_URI",
)

API: Final = PinterestApi(
    id="v5",
    title="Pinterest API v5",
    prefix="/v5",
    operation=operations.match,
    read_error=read_error,
    quotas=quotas.QUOTAS,
    closed=closed_reason,
    oauth=OAUTH,
    gateway=_gateway,
)
