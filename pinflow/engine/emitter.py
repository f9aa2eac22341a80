"""Events on their way to those who listen: one at a time, in order, counted as they pass."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pinflow.engine.secret_mask import SecretMask
from pinflow.events import EffectDone, Event, ItemFailed, ItemSkipped, Note, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REMEMBERED = 100  # skipped and failed items that are listed one by one; more are only counted


class Emitter:
    """Tells every listener of every event, without what ``mask`` hides.

    A listener that raises is left out from then on, with one notice.
    """

    def __init__(
        self,
        run: str,
        listeners: Iterable[Callable[[Event], None]],
        clock: Callable[[], float],
        mask: SecretMask = SecretMask(),  # noqa: B008  nothing changes it
    ) -> None:
        self.tally = Tally()
        self.mask = mask
        self._run = run
        self._listeners = list(listeners)
        self._clock = clock
        self._lock = threading.RLock()  # a listener may have something to tell itself
        self._waiting: deque[Event] = deque()
        self._telling = False

    def __call__(self, kind: type[Event], /, **facts: Any) -> None:
        with self._lock:
            event = kind(run=self._run, at=self._clock(), **self.mask.facts(facts))
            self.tally.add(event)
            self._waiting.append(event)
            if not self._telling:  # what a listener tells comes after what it was told, for all of them
                self._tell_all()

    def begin_again(self, step: str) -> None:
        """The step at this path is tried once more: what it failed to do so far does not count."""
        with self._lock:
            self.tally.begin_again(step)

    def _tell_all(self) -> None:
        self._telling = True
        try:
            while self._waiting:
                event = self._waiting.popleft()
                for listener in list(self._listeners):
                    self._tell(listener, event)
        finally:
            self._telling = False

    def _tell(self, listener: Callable[[Event], None], event: Event) -> None:
        try:
            listener(event)
        except BrokenPipeError:
            raise  # nobody reads any more: the program's edge knows what to do
        except Exception as error:
            self._listeners.remove(listener)
            name = getattr(listener, "name", "") or getattr(listener, "__qualname__", type(listener).__name__)
            text = f"the reporter {name} failed and is left out: {type(error).__name__}: {error}"
            self(Note, step="", text=text, level="warning")


@dataclass(slots=True)
class _Lost:
    """The items of one step that failed: by kind, and how the first did."""

    first: str
    kinds: Counter[str] = field(default_factory=Counter)


class Tally:
    """What the effects of a run came to, in all and by step."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.by_step: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        self.skipped: list[tuple[str, str, str]] = []  # step, key, reason
        self.failed: list[tuple[str, str, str]] = []  # step, key, error
        self._lost: dict[str, _Lost] = {}  # by the exact path of the step
        self._again: set[str] = set()  # paths of steps that are tried once more
        self._progress: dict[str, Progress] = {}  # the latest of each loop whose end is known
        self._watched: dict[str, dict[str, dict[str, int]]] = {}  # by the beginning of a step's path

    def watch(self, prefix: str) -> None:
        """Count apart what is done below this beginning of a step's path, until ``watched`` is asked."""
        self._watched[prefix] = defaultdict(lambda: defaultdict(int))

    def watched(self, prefix: str) -> dict[str, dict[str, int]]:
        """What was done below the beginning since ``watch``."""
        return _plain(self._watched.pop(prefix))

    def add(self, event: Event) -> None:
        match event:
            case EffectDone() if not (event.outcome == "already" and event.step in self._again):
                self._count(event.step, event.kind, event.outcome)
            case ItemSkipped() if event.step not in self._again:
                self._count(event.step, event.kind, "skipped")
                _remember(self.skipped, (event.step, event.key, event.reason))
            case ItemFailed():
                self._count(event.step, event.kind, "failed")
                lost = self._lost.setdefault(event.step, _Lost(f"{event.key}: {event.error}"))
                lost.kinds[event.kind] += 1
                _remember(self.failed, (event.step, event.key, event.error))
            case Progress() if event.total is not None:
                self._progress[event.step] = event

    def remaining(self) -> dict[str, int]:
        """How much of what was begun is still to be done, by what it is, where that is known."""
        left: dict[str, int] = {}
        for each in self._progress.values():
            rest = (each.total or 0) - each.done - each.skipped - each.failed
            if rest > 0:
                left[each.what] = left.get(each.what, 0) + rest
        return left

    def begin_again(self, step: str) -> None:
        """Take back what a step and those inside it failed to do; what they did and skipped is counted already."""
        for path in [path for path in self._lost if path == step or path.startswith(f"{step}[")]:
            for kind, number in self._lost.pop(path).kinds.items():
                self._count(path, kind, "failed", -number)
        self.failed = [row for row in self.failed if row[0] != step and not row[0].startswith(f"{step}[")]
        self._again.add(step)

    def _count(self, step: str, kind: str, outcome: str, number: int = 1) -> None:
        # inside a loop every item has a path of its own: they are counted under the loop
        for counts in (self.counts[kind], self.by_step[step.partition("[")[0]][kind]):
            counts[outcome] += number
        for prefix, its in list(self._watched.items()):
            if step.startswith(prefix):
                its[kind][outcome] += number

    def of(self, step: str) -> dict[str, dict[str, int]]:
        """The counts of one step of the outermost level."""
        return _plain(self.by_step.get(step, {}))

    def failures(self, path: str) -> str:
        """How many items of the step at ``path`` failed, and how the first did; "" if none."""
        lost = self._lost.get(path)
        if lost is None:
            return ""
        number = lost.kinds.total()
        return f"{number} failed, the first: {lost.first}" if number > 1 else lost.first

    def all(self) -> dict[str, dict[str, int]]:
        return _plain(self.counts)


def _plain(counts: Any) -> dict[str, dict[str, int]]:
    plain = {kind: {name: n for name, n in outcomes.items() if n} for kind, outcomes in counts.items()}
    return {kind: outcomes for kind, outcomes in plain.items() if outcomes}


def _remember(rows: list[tuple[str, str, str]], row: tuple[str, str, str]) -> None:
    if len(rows) < REMEMBERED:
        rows.append(row)
