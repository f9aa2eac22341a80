"""Dates as HTTP and API v3 write them, in English under every locale.

Source: RFC 9110 (HTTP-date) and RFC 5322 (date and time)
"""

from __future__ import annotations

from functools import lru_cache
from time import gmtime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4096)  # the same Pins are listed repeatedly
def http_date(seconds: float, zone: str = "+0000") -> str:
    """A date in UTC, such as "Fri, 01 Mar 2024 08:00:00 +0000"; HTTP writes the zone as "GMT"."""
    at = gmtime(seconds)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04} {clock} {zone}"
