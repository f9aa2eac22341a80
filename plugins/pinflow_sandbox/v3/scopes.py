"""The scopes of API v3: what composite ones contain, and which scopes of v5 each corresponds to.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/oauth_scope.py, as of 2022); the scopes of v5 are
inferred from the names.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_V3 = """
    read_domains read_boards write_boards read_pins write_pins read_users write_users read_secret_boards
    read_secret_pins read_user_followers write_user_followees read_advertisers write_advertisers read_campaigns
    write_campaigns read_merchants write_merchants read_pin_promotions write_pin_promotions read_organic
    write_organic manage_organic read_secret read_ads write_ads manage_merchants
"""
V3_SCOPES = frozenset(_V3.split())

_ORGANIC = ("boards", "pins", "users")
_READ_ORGANIC = frozenset(f"read_{noun}" for noun in _ORGANIC) | {"read_domains", "read_user_followers"}
_WRITE_ORGANIC = frozenset(f"write_{noun}" for noun in _ORGANIC) | {"write_user_followees"}
_ADS = ("advertisers", "campaigns", "pin_promotions")

_CONTENTS: Final[Mapping[str, frozenset[str]]] = {
    "read_organic": _READ_ORGANIC,
    "write_organic": _WRITE_ORGANIC,
    "manage_organic": _READ_ORGANIC | _WRITE_ORGANIC | {"read_organic", "write_organic"},
    "read_secret": frozenset({"read_secret_boards", "read_secret_pins"}),
    "read_ads": frozenset(f"read_{noun}" for noun in _ADS),
    "write_ads": frozenset(f"write_{noun}" for noun in _ADS),
    "manage_merchants": frozenset({"read_merchants", "write_merchants"}),
}
_NOUNS = {"boards": "boards", "pins": "pins", "user_accounts": "users", "ads": "advertisers"}  # of v5 -> of v3
# v3 has no scope for writing to secret boards: it takes the scopes to read them and to write
_MEANS: Final[Mapping[str, frozenset[str]]] = {
    **{f"{v5}:{verb}": frozenset({f"{verb}_{v3}"}) for v5, v3 in _NOUNS.items() for verb in ("read", "write")},
    **{f"{noun}:read_secret": frozenset({f"read_secret_{noun}"}) for noun in ("boards", "pins")},
    **{f"{noun}:write_secret": frozenset({f"read_secret_{noun}", f"write_{noun}"}) for noun in ("boards", "pins")},
}


@cache
def expand_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """These scopes and all that the composite ones contain."""
    return scopes.union(*(_CONTENTS.get(scope, frozenset()) for scope in scopes))


@cache
def v5_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """The scopes of API v5 that these (expanded) scopes of v3 correspond to."""
    return frozenset(v5 for v5, needed in _MEANS.items() if needed <= scopes)
