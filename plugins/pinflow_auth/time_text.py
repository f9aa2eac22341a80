"""Ends and due times of tokens as text."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def span_text(seconds: float) -> str:
    """A duration in one unit: "12 days"; at least two of the unit, except for seconds."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= 1.99 * size or size == 1)
    count = round(seconds / size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def expiry_text(at: float | None, now: float) -> str:
    """When something ends: "ends in 12 days (2026-12-05)", "ended 3 hours ago (...)". Seconds since the epoch."""
    if at is None:
        return "ends at an unknown time"
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    return f"ends in {span_text(at - now)} ({day})" if at > now else f"ended {span_text(now - at)} ago ({day})"


def due_text(at: float, now: float) -> str:
    """When the next refresh is due: "next one due in 12 days (2026-12-05)". Seconds since the epoch."""
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    return f"next one due in {span_text(at - now)} ({day})" if at > now else f"next one due since {day}"
