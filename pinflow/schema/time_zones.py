"""Time zones by the names that people give them: Europe/Berlin, America/New_York, UTC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def find_zone(name: str) -> ZoneInfo:
    """The time zone called ``name``; raises Invalid, with the name that is probably meant, if this machine has none."""
    from zoneinfo import ZoneInfo, available_timezones  # most recipes name no zone, and these take 5 ms

    place = ""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = sorted(available_timezones())
        city = f"/{name.strip().replace(' ', '_').casefold()}"
        near = next((zone for zone in known if zone.casefold().endswith(city)), None) or nearest(name, known)
        if re.fullmatch(r"[A-Z]{2,5}|(?:UTC|GMT)?[+-][0-9:]{1,5}", name.strip()):
            near = None  # CEST is nearly EST, and something else
            place = "an abbreviation or offset doesn't follow summer time; "
        hint = f"did you mean {near}?" if near else f"{place}write it like Europe/Berlin, America/New_York or UTC"
        raise Invalid(f"isn't a time zone that this machine knows: {name[:40]}", hint) from None
