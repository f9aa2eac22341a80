"""Dates as HTTP and API v3 write them, in English under every locale.

Source: RFC 9110 (HTTP-date) and RFC 5322 (date and time)
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache


@lru_cache(maxsize=4096)  # the same Pins are listed repeatedly
def http_date(seconds: float, zone: str = "+0000") -> str:
    """A date in UTC, such as "Fri, 01 Mar 2024 08:00:00 +0000"; HTTP writes the zone as "GMT"."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=zone == "GMT")
