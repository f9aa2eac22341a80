"""The scopes of API v5, and what each lets a token do.

Source: https://developers.pinterest.com/docs/getting-started/using-scopes/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Final[Mapping[str, str]] = {
    "ads:read": "see ad accounts, campaigns, ads and their results",
    "ads:write": "make and change campaigns, ad groups and ads",
    "billing:read": "see billing data and billing profiles",
    "billing:write": "change billing profiles and order lines",
    "biz_access:read": "see who may work with a business account",
    "biz_access:write": "change who may work with a business account",
    "boards:read": "see boards that are not secret, and their sections",
    "boards:read_secret": "see secret boards too",
    "boards:write": "make, change and delete boards and sections that are not secret",
    "boards:write_secret": "make, change and delete secret boards too",
    "catalogs:read": "see product catalogs, feeds and items",
    "catalogs:write": "make and change product catalogs, feeds and items",
    "msot:write": "send events of measurement partners",
    "pins:read": "see Pins on boards that are not secret",
    "pins:read_secret": "see Pins on secret boards too",
    "pins:write": "make, change and delete Pins on boards that are not secret",
    "pins:write_secret": "make, change and delete Pins on secret boards too",
    "user_accounts:read": "see the account: its name, its numbers, its followers",
    "user_accounts:write": "change the account: whom it follows, its websites",
}
DEFAULT: Final = frozenset({"boards:read", "pins:read", "user_accounts:read"})
