"""Plain lines with the time, for logs and pipes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pinflow import hookimpl
from pinflow.events import Event, Progress
from pinflow.reporters.text import inert
from pinflow.reporters.throughput import Pace, counted, details
from pinflow.reporters.wording import MARKS, PLAIN_MARKS, nested, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.reporters.wording import Local

_SECONDS = 5  # between two lines about one loop that has not got 10 % further


class Lines:
    """Writes a line per event worth one. ``write`` gets each without its line end."""

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
        self._told: dict[str, Pace] = {}  # as of the last line

    @hookimpl
    def pinflow_event(self, event: Event) -> None:
        """Write what ``event`` is worth."""
        text = self._progress(event) if isinstance(event, Progress) else self._said(event)
        if text is not None:
            self._write(f"{time.strftime('%H:%M:%S', self._local(event.at))} {text}")

    def _said(self, event: Event) -> str | None:
        found = said(event, verbosity=self._verbosity, local=self._local)
        if found is None:
            return None
        mark = self._marks.get(found.mood)
        return f"{mark} {found.text}" if mark else found.text

    def _progress(self, event: Progress) -> str | None:
        if self._verbosity < 0 or (nested(event.step) and self._verbosity == 0):
            return None
        pace = self._paces.get(event.step)
        pace = self._paces[event.step] = Pace(pace.first if pace else event, event)
        if not self._is_due(pace, self._told.get(event.step)):
            return None
        self._told[event.step] = pace
        share = "" if pace.percent is None else f" ({pace.percent} %)"
        return ", ".join([f"{inert(event.step)}: {counted(event)}{share}", *details(pace, self._local)])

    def _is_due(self, pace: Pace, told: Pace | None) -> bool:
        since = pace.latest.at - (told.latest if told else pace.first).at
        tenth, before = (each.percent // 10 if each and each.percent is not None else 0 for each in (pace, told))
        return since >= _SECONDS or tenth > before
