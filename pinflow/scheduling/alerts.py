"""What people are told of a schedule: jobs that were missed, and jobs that keep failing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pinflow.scheduling.background import BackgroundQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.app import App
    from pinflow.state.records import Level, Verdict

_NAMED = 5  # jobs, in an alert about many: what fits into a line
_MANY_MISSED = "jobs-missed"  # the key of that alert


class JobAlerts:
    """Sends alerts in the background, in order."""

    def __init__(self, app: App, start: Callable[[Callable[[], None]], None]) -> None:
        self._app = app
        self._queue = BackgroundQueue(start)
        self._missed: list[tuple[str, Verdict]] = []

    @property
    def busy(self) -> bool:
        """Whether an alert is being sent."""
        return self._queue.busy

    def add_missed(self, job: str, verdict: Verdict) -> None:
        """A job was missed; `send_missed` tells of it."""
        self._missed.append((job, verdict))

    def send_missed(self) -> None:
        """Send one alert, however many jobs a machine slept through; none where nothing was missed."""
        missed, self._missed = self._missed, []
        names = sorted({name for name, _ in missed})
        if len(names) > 1:
            more = f" and {len(names) - _NAMED:,} others" if len(names) > _NAMED else ""
            text = f"{', '.join(names[:_NAMED])}{more}; see: pinflow schedule history"
            self._send(_MANY_MISSED, "job_missed", f"{len(names):,} jobs were not run in time", text)
        elif missed:
            name, verdict = missed[-1]
            times = {None: "many times", 1: "once"}.get(verdict.count, f"{verdict.count} times")
            text = f"{verdict.reason}; see: pinflow schedule history {name}"
            self._send(f"job-missed:{name}", "job_missed", f"{name} was not run in time {times}", text)

    def send_failing(self, job: str, failures: int) -> None:
        """A job failed several times in a row."""
        title, text = f"{job} failed {failures} times in a row", f"see: pinflow schedule history {job}"
        self._send(f"job-failed:{job}", "job_failed", title, text, level="error")

    def resolve(self, job: str) -> None:
        """The job ran well: what was sent of it is over."""
        for key in (f"job-failed:{job}", f"job-missed:{job}", _MANY_MISSED):
            self._queue.put(partial(self._app.notices.resolve, key))

    def _send(self, key: str, kind: str, title: str, text: str, *, level: Level = "warning") -> None:
        self._queue.put(lambda: self._app.notices.alert(key, kind, title, text, level=level))
