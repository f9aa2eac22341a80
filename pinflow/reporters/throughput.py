"""How fast a loop goes, and when it will end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinflow.reporters.text import inert
from pinflow.reporters.wording import moment

if TYPE_CHECKING:
    from pinflow.events import Progress
    from pinflow.reporters.wording import Local

_SOON = 5  # seconds; what ends sooner needs no announcement


@dataclass(frozen=True, slots=True)
class Pace:
    """A loop's first and latest progress in this process; what an earlier one did says nothing of the speed."""

    first: Progress
    latest: Progress

    @property
    def passed(self) -> int:
        """Items that are dealt with, whether done, skipped or failed."""
        return _passed(self.latest)

    @property
    def rate(self) -> float | None:
        """Items a second, or None while that can't be told."""
        seconds = self.latest.at - self.first.at
        passed = self.passed - _passed(self.first)
        return passed / seconds if seconds > 0 and passed > 0 else None

    @property
    def ends(self) -> float | None:
        """When it will end (seconds since the epoch) if it goes on like this."""
        if self.rate is None or self.latest.total is None:
            return None
        return self.latest.at + max(0, self.latest.total - self.passed) / self.rate

    @property
    def percent(self) -> int | None:
        """How much of it is done, rounded down."""
        total = self.latest.total
        return None if total is None else 100 if total == 0 else self.passed * 100 // total


def _passed(progress: Progress) -> int:
    return progress.done + progress.skipped + progress.failed


def counted(progress: Progress) -> str:
    """How far it is: "120 of 812 pins"."""
    of = "" if progress.total is None else f" of {progress.total}"
    return f"{progress.done}{of} {inert(progress.what)}"


def details(pace: Pace, local: Local) -> list[str]:
    """What else there is to say: skipped, failed, rate and expected end, where there is any."""
    latest = pace.latest
    parts = [f"{latest.skipped} skipped"] if latest.skipped else []
    if latest.failed:
        parts.append(f"{latest.failed} failed")
    if pace.rate is not None:
        parts.append(f"{pace.rate:.1f}/s")
    if pace.ends is not None and pace.ends - latest.at >= _SOON:
        parts.append(f"ends about {moment(pace.ends, latest.at, local)}")
    return parts
