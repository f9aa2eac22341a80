"""Plain lines with the time, for logs and pipes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pinflow.clock import Throttle
from pinflow.events import Event, Progress
from pinflow.reporters.text import inert
from pinflow.reporters.throughput import Pace, progress_details, progress_text
from pinflow.reporters.wording import MARKS, PLAIN_MARKS, event_line, is_nested

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.clock import Local

_SECONDS = 5  # between two lines about one loop that has not got 10 % further: a log of an hour stays readable


class Lines:
    """Writes a line for each event worth one. ``write`` gets each without its line end."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        verbosity: int = 0,
        ascii_only: bool = False,
        local: Local = time.localtime,
    ) -> None:
        self._write = write
        self._verbosity = verbosity
        self._marks = PLAIN_MARKS if ascii_only else MARKS
        self._local = local
        self._paces: dict[str, Pace] = {}
        self._throttles: dict[str, Throttle] = {}
        self._tenths: dict[str, int] = {}  # of each loop, as of its last line

    def pinflow_event(self, event: Event) -> None:
        """Write the line of ``event``, if it has one."""
        text = self._progress(event) if isinstance(event, Progress) else self._event(event)
        if text is not None:
            self._write(f"{time.strftime('%H:%M:%S', self._local(event.at))} {text}")

    def _event(self, event: Event) -> str | None:
        line = event_line(event, verbosity=self._verbosity, local=self._local)
        if line is None:
            return None
        mark = self._marks.get(line.mood)
        return f"{mark} {line.text}" if mark else line.text

    def _progress(self, event: Progress) -> str | None:
        if self._verbosity < 0 or event.total == 0 or (is_nested(event.step) and self._verbosity == 0):
            return None
        before = self._paces.get(event.step)
        pace = self._paces[event.step] = Pace.after(before, event)
        if pace.first is event:
            self._tenths.pop(event.step, None)
        tenth = (pace.percent or 0) // 10
        throttle = self._throttles.setdefault(event.step, Throttle(_SECONDS, last=event.at))
        if not throttle.is_due(event.at, anyway=tenth > self._tenths.get(event.step, 0)):
            return None
        self._tenths[event.step] = tenth
        share = "" if pace.percent is None else f" ({pace.percent} %)"
        return ", ".join([f"{inert(event.step)}: {progress_text(event)}{share}", *progress_details(pace, self._local)])
