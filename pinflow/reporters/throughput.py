"""The speed of a loop, and when it will end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.clock import moment
from pinflow.lazy_dataclass import dataclass
from pinflow.reporters.text import inert

if TYPE_CHECKING:
    from pinflow.clock import Local
    from pinflow.events import Progress

_SOON = 5  # seconds; an earlier end is not announced, as it would be read too late


@dataclass(frozen=True, slots=True)
class Pace:
    """A loop's first and latest progress in this process; an earlier process's part is not counted for the speed."""

    first: Progress
    latest: Progress

    @classmethod
    def after(cls, pace: Pace | None, event: Progress) -> Pace:
        """The pace with the next event; one anew where a step goes on to its next part, as with the next board."""
        goes_on = pace is not None and _processed(event) >= pace.processed_count
        return cls(pace.first if pace is not None and goes_on else event, event)

    @property
    def processed_count(self) -> int:
        """How many items are processed: done, skipped or failed."""
        return _processed(self.latest)

    @property
    def rate(self) -> float | None:
        """Items per second, or None while that is unknown."""
        seconds = self.latest.at - self.first.at
        count = self.processed_count - _processed(self.first)
        return count / seconds if seconds > 0 and count > 0 else None

    @property
    def ends(self) -> float | None:
        """When it will end at this rate (seconds since the epoch), or None while that is unknown."""
        if self.rate is None or self.latest.total is None:
            return None
        return self.latest.at + max(0, self.latest.total - self.processed_count) / self.rate

    @property
    def percent(self) -> int | None:
        """How much is processed, rounded down; None while the total is unknown."""
        total = self.latest.total
        if total is None:
            return None
        return 100 if self.processed_count >= total else self.processed_count * 100 // total  # more: rows that are gone


def _processed(progress: Progress) -> int:
    return progress.done + progress.skipped + progress.failed


def progress_text(progress: Progress) -> str:
    """How far the loop is: "120 of 812 pins"."""
    total = "" if progress.total is None else f" of {progress.total}"
    return f"{progress.done}{total} {inert(progress.what)}"


def progress_details(pace: Pace, local: Local) -> list[str]:
    """The numbers of skipped and failed items, the rate and the expected end, as far as they are known."""
    latest = pace.latest
    parts = [f"{latest.skipped} skipped"] if latest.skipped else []
    if latest.failed:
        parts.append(f"{latest.failed} failed")
    if pace.rate is not None:
        parts.append(f"{pace.rate:.1f}/s")
    if pace.ends is not None and pace.ends - latest.at >= _SOON:
        parts.append(f"ends about {moment(pace.ends, latest.at, local)}")
    return parts
