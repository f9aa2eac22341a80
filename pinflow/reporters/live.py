"""The view on a terminal: a line per step that ended, and below it what is going on now.

Loaded only when there is a terminal: it imports rich.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group
from rich.live import Live as Region
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pinflow import hookimpl
from pinflow.events import Event, Progress, RunFinished, RunStarted, StepFinished, StepStarted, Waiting
from pinflow.reporters.text import fit
from pinflow.reporters.throughput import Pace, counted, details
from pinflow.reporters.wording import MARKS, PLAIN_MARKS, Said, duration, nested, said, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from pinflow.reporters.wording import Local

_ROWS = 8  # steps shown at once
_STYLES = {
    "ok": "green",
    "failed": "bold red",
    "planned": "cyan",
    "paused": "yellow",
    "in_doubt": "bold red",
    "warning": "yellow",
    "wait": "yellow",
}
_WHOLE = ("failed", "paused", "in_doubt")  # lines that are not cut: what is to be done stands at their end


class Live:
    """Shows a run on a terminal. ``clock`` gives seconds since the epoch, for what is left of a wait."""

    def __init__(
        self,
        stream: TextIO,
        *,
        color: bool = True,
        verbosity: int = 0,
        ascii_only: bool = False,
        local: Local = time.localtime,
        clock: Callable[[], float] = time.time,
        width: int | None = None,
        refresh: bool = True,
    ) -> None:
        self._verbosity = verbosity
        self._marks = PLAIN_MARKS if ascii_only else MARKS
        self._local = local
        self._clock = clock
        self._lock = threading.Lock()  # the region is drawn by a thread of its own
        self._begun: dict[str, float] = {}  # step -> when
        self._paces: dict[str, Pace] = {}
        self._waits: dict[str, Waiting] = {}
        self._notice = ""
        self._console = Console(
            file=stream,
            force_terminal=True,
            no_color=not color,
            highlight=False,
            markup=False,
            emoji=False,
            width=width,
        )
        self._region = Region(
            console=self._console,
            get_renderable=self._view,
            auto_refresh=refresh,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    @hookimpl
    def pinflow_event(self, event: Event) -> None:
        """Show ``event``."""
        if isinstance(event, RunStarted):
            self._region.start()
        with self._lock:
            self._remember(event)
        line = None if isinstance(event, Waiting) else said(event, verbosity=self._verbosity, local=self._local)
        if line is not None:
            self._console.print(self._line(line), overflow="ellipsis", no_wrap=line.mood not in _WHOLE)
        if isinstance(event, RunFinished):
            self.close()

    def notice(self, text: str) -> None:
        """Show ``text`` below everything else until the run ends. Safe to call from a signal handler."""
        self._notice = text

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to a question."""
        running = self._region.is_started
        self._region.stop()
        try:
            yield
        finally:
            if running:
                self._region.start()

    def close(self) -> None:
        """Give the terminal back as it was."""
        self._region.stop()

    def _remember(self, event: Event) -> None:
        match event:
            case StepStarted() if not nested(event.step):
                self._begun[event.step] = event.at
            case Progress() if event.step in self._begun or not nested(event.step):
                self._waits.pop(event.step, None)
                known = self._paces.get(event.step)
                self._paces[event.step] = Pace(known.first if known else event, event)
            case Waiting():
                self._waits[event.step] = event
            case StepFinished():
                for held in (self._begun, self._paces, self._waits):
                    held.pop(event.step, None)

    def _line(self, line: Said) -> Text:
        style = _STYLES.get(line.mood, "")
        mark = self._marks.get(line.mood)
        return Text.assemble((f"{mark} " if mark else "  ", style), line.text)

    def _view(self) -> RenderableType:
        with self._lock:
            now = self._clock()
            names = list(dict.fromkeys([*self._begun, *self._paces]))[:_ROWS]
            rows = [self._row(name, now) for name in names]
            waits = [wait for wait in self._waits.values() if wait.until > now][-_ROWS:]
        grid = Table.grid(padding=(0, 1))
        for row in rows:
            grid.add_row(*row)
        lines = [self._wait_line(wait, now) for wait in waits]
        if self._notice:
            lines.append(Text(self._notice, style="yellow"))
        return Group(grid, *lines)

    def _row(self, name: str, now: float) -> tuple[RenderableType, ...]:
        label = Text(fit(name, 24), style="bold")
        pace = self._paces.get(name)
        if pace is None:
            return label, Text(f"running for {duration(max(0, now - self._begun[name]))}"), Text("")
        latest = pace.latest
        bar: RenderableType = (
            Text("") if latest.total is None else ProgressBar(latest.total or 1, pace.passed, width=24)
        )
        words = ", ".join([counted(latest), *details(pace, self._local)])
        return label, bar, Text(words, no_wrap=True, overflow="ellipsis")

    def _wait_line(self, wait: Waiting, now: float) -> Text:
        text = f"{waiting(wait, self._local)} (in {duration(wait.until - now)})"
        return Text(text, style="yellow", no_wrap=True, overflow="ellipsis")
