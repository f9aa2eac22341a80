"""The scopes of API v3, and what each lets a token do.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/oauth_scope.py, as of 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Final[Mapping[str, str]] = {
    "read_domains": "see the websites that the account has claimed",
    "read_boards": "see boards that are not secret, and their sections",
    "write_boards": "make, change and delete boards and sections",
    "read_pins": "see Pins on boards that are not secret",
    "write_pins": "make, change and delete Pins",
    "read_users": "see the account: its name and its numbers",
    "write_users": "change the account",
    "read_secret_boards": "see secret boards too",
    "read_secret_pins": "see Pins on secret boards too",
    "read_user_followers": "see who follows the account",
    "write_user_followees": "change whom the account follows",
    "read_advertisers": "see ad accounts",
    "write_advertisers": "change ad accounts",
    "read_campaigns": "see campaigns and ad groups",
    "write_campaigns": "make and change campaigns and ad groups",
    "read_merchants": "see shops and their product data",
    "write_merchants": "change shops and their product data",
    "read_pin_promotions": "see ads and their results",
    "write_pin_promotions": "make and change ads",
    "read_organic": "all that reads boards, Pins and the account",
    "write_organic": "all that changes boards, Pins and the account",
    "manage_organic": "read_organic and write_organic together",
    "read_secret": "all that reads secret boards and their Pins",
    "read_ads": "all that reads ads",
    "write_ads": "all that changes ads",
    "manage_merchants": "read_merchants and write_merchants together",
}
DEFAULT: Final = frozenset({"read_boards", "read_pins", "read_users"})
