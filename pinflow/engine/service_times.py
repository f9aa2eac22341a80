"""How long a service may take to show what was sent to it, in seconds: what all looks and audits wait by."""

from __future__ import annotations

from typing import Final

# until what was sent is applied and listed: listings that lag by 30 s were observed, and a proxy may hold a request as
# long again
SETTLE: Final = 60.0
LATE: Final = 300.0  # until what was sent is applied; a later one was never observed
LOOKS: Final = 6  # a listing may lag by 30 s (observed), looks are 5 s apart; the sixth is past it
LOOK_EVERY: Final = 5.0  # two answers of one cache node agree when they are closer
AUDIT_WAITS: Final = (
    5.0,
    15.0,
    40.0,
)  # between looks of an audit: a listing may lag by 30 s (observed), 60 are twice that
