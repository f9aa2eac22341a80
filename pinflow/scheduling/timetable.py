"""The jobs of one scheduler, by when each starts next."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TypeAlias

from pinflow.scheduling.jobs import job_of
from pinflow.scheduling.policy import PAUSED, RESTS, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.scheduling.policy import Job
    from pinflow.state.records import JobRow, Verdict

Decision: TypeAlias = "tuple[str, int, list[Verdict]]"  # job, the watermark that its verdicts begin at, and they


class Timetable:
    """Rows of jobs and a heap of their next starts: a look costs what is due, not what is scheduled."""

    def __init__(self) -> None:
        self.rows: dict[str, JobRow] = {}  # the jobs as they are now
        self._jobs: dict[str, Job] = {}
        self._heap: list[tuple[float, str]] = []

    def replace(self, rows: Mapping[str, JobRow]) -> None:
        """Schedule just these jobs."""
        self.rows = dict(rows)
        self._jobs = {name: job_of(row) for name, row in rows.items()}
        self._heap = [(start, name) for name in rows if (start := self._next_start(name)) is not None]
        heapq.heapify(self._heap)

    def update(self, row: JobRow) -> None:
        """The job's row changed; its next start did not."""
        self.rows[row.name] = row

    def put_back(self, row: JobRow) -> None:
        """Schedule a job again that `decide` took out."""
        self.rows[row.name] = row
        if (start := self._next_start(row.name)) is not None:
            heapq.heappush(self._heap, (start, row.name))

    def _next_start(self, name: str) -> float | None:
        due = self._jobs[name].next(self.rows[name].seen)
        return None if due is None else self._jobs[name].start(due)

    def overlap_is_skipped(self, name: str) -> bool:
        """Whether a time of the job is skipped while an earlier one has not ended."""
        return self._jobs[name].policy.overlap == "skip"

    def next_starts(self) -> list[tuple[float, str]]:
        """When each job starts next, the earliest first."""
        return sorted(self._heap)

    def next_run(self) -> tuple[float, str] | None:
        """When which job runs next, of those that are neither paused nor at rest."""
        runs = ((start, name) for start, name in self._heap if not _reason_not_now(self.rows[name], start))
        return min(runs, default=None)

    def decide(self, now: float, number: int) -> list[Decision]:
        """What becomes of the times that have come, for ``number`` jobs at most; put each of them back."""
        decisions: list[Decision] = []
        not_yet: list[tuple[float, str]] = []
        while self._heap and self._heap[0][0] <= now and len(decisions) < number:
            _, name = heapq.heappop(self._heap)
            row = self.rows[name]
            verdicts = judge(self._jobs[name], row.seen, now, not_now=_reason_not_now(row, now))
            if verdicts:
                decisions.append((name, row.seen, verdicts))
            elif (start := self._next_start(name)) is not None:
                not_yet.append((max(start, now + 1), name))
        for entry in not_yet:
            heapq.heappush(self._heap, entry)
        return decisions


def _reason_not_now(row: JobRow, now: float) -> str:
    """Why the times of a job pass without a run; "" if they don't."""
    if row.paused is not None:
        return PAUSED
    if row.rest_until > now:
        return f"{RESTS} after {row.failures} failures in a row"
    return ""
