"""The view on a terminal: a line for each step that ended, and below them what is running now.

Only imported on a terminal, because it imports rich.
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

from pinflow.events import Event, Note, Progress, RunFinished, RunStarted, StepFinished, StepStarted, Waiting
from pinflow.reporters.text import fit, inert
from pinflow.reporters.throughput import Pace, progress_details, progress_text
from pinflow.reporters.wording import MARKS, PLAIN_MARKS, EventLine, duration, event_line, is_nested, waiting_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from pinflow.clock import Local

_ROWS = 8  # steps shown at once: a third of a small terminal
_STYLES = {
    "ok": "green",
    "failed": "bold red",
    "planned": "cyan",
    "paused": "yellow",
    "in_doubt": "bold red",
    "warning": "yellow",
    "wait": "yellow",
}
_WHOLE = ("failed", "paused", "in_doubt", "warning", "note")  # not cut: the id or the hint may be at their end


class Live:
    """Shows a run on a terminal. ``clock`` returns seconds since the epoch, for the rest of a wait."""

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
        self._lock = threading.Lock()  # rich draws the region in a thread of its own
        self._started: dict[str, float] = {}  # step -> seconds since the epoch
        self._paces: dict[str, Pace] = {}
        self._waits: dict[str, Waiting] = {}
        self._notes: dict[str, str] = {}  # step -> what it said last
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

    def pinflow_event(self, event: Event) -> None:
        """Show ``event``."""
        if isinstance(event, RunStarted):
            self._region.start()
        with self._lock:
            self._remember(event)
        line = None if isinstance(event, Waiting) else event_line(event, verbosity=self._verbosity, local=self._local)
        if line is not None:
            self._console.print(self._line(line), overflow="ellipsis", no_wrap=line.mood not in _WHOLE)
        if isinstance(event, RunFinished):
            self.close()

    def notice(self, text: str) -> None:
        """Show ``text`` below everything else until the run ends. Safe to call from a signal handler."""
        self._notice = text

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Stop drawing inside the block, so that a question can be asked."""
        running = self._region.is_started
        self._region.stop()
        try:
            yield
        finally:
            if running:
                self._region.start()

    def close(self) -> None:
        """Restore the terminal."""
        self._region.stop()

    def _remember(self, event: Event) -> None:
        match event:
            case StepStarted() if not is_nested(event.step):
                self._started[event.step] = event.at
            case Progress() if event.step in self._started or not is_nested(event.step):
                self._waits.pop(event.step, None)
                self._paces[event.step] = Pace.after(self._paces.get(event.step), event)
            case Note(level="info"):
                self._notes[event.step] = event.text
                if (pace := self._paces.get(event.step)) is not None and pace.percent == 100:
                    self._paces.pop(event.step)  # a part of the step is done, and the next one begins
            case Waiting():
                self._waits[event.step] = event
            case StepFinished():
                for state in (self._started, self._paces, self._waits, self._notes):
                    state.pop(event.step, None)

    def _line(self, line: EventLine) -> Text:
        style = _STYLES.get(line.mood, "")
        mark = self._marks.get(line.mood)
        return Text.assemble((f"{mark} " if mark else "  ", style), line.text)

    def _view(self) -> RenderableType:
        with self._lock:
            now = self._clock()
            names = list(dict.fromkeys([*self._started, *self._paces]))[:_ROWS]
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
        if pace is None or pace.latest.total == 0:  # "0 of 0 pins" would say nothing of what it does
            note = Text(inert(self._notes.get(name, "")), no_wrap=True, overflow="ellipsis")
            started = self._started.get(name)
            return label, Text("" if started is None else f"running for {duration(max(0, now - started))}"), note
        latest = pace.latest
        bar: RenderableType = (
            Text("") if latest.total is None else ProgressBar(latest.total or 1, pace.processed_count, width=24)
        )
        words = ", ".join([progress_text(latest), *progress_details(pace, self._local)])
        return label, bar, Text(words, no_wrap=True, overflow="ellipsis")

    def _wait_line(self, wait: Waiting, now: float) -> Text:
        text = f"{waiting_text(wait, self._local)} (in {duration(wait.until - now)})"
        return Text(text, style="yellow")  # wrapped: until when it waits stands at its end
