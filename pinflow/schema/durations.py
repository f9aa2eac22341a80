"""Units of time and the words for them, the same in recipes, on the command line and in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final[Mapping[str, int]] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 7 * 86_400}
_SHORT = {"s": "seconds", "sec": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPELLINGS: Final[Mapping[str, str]] = {  # "hours", "hour" and "h" -> "hours"
    **{unit: unit for unit in SECONDS},
    **{unit.removesuffix("s"): unit for unit in SECONDS},
    **_SHORT,
}
