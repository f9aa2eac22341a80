"""Events on their way to those who listen: one at a time, in order, counted as they pass."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any

from pinflow.errors import ActionError, ends_program
from pinflow.events import EffectDone, Event, ItemFailed, ItemSkipped, Note, Progress
from pinflow.lazy_dataclass import dataclass, field
from pinflow.masking.known import harmless_words, mask_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REMEMBERED = 100  # skipped and failed items that are listed, as many as a person reads; more are only counted
REMEMBERED_OF_DRY_RUN = 10_000  # no journal has them, and all are to be corrected before the run


class Emitter:
    """Tells every listener of every event, with stars in place of secrets.

    A listener that raises, or exits, is left out from then on, with one notice.
    """

    def __init__(
        self,
        run: str,
        listeners: Iterable[Callable[[Event], None]],
        clock: Callable[[], float],
        *,
        remembered: int = REMEMBERED,
    ) -> None:
        self.tally = Tally(remembered)
        self._run = run
        self._listeners = list(listeners)
        self._clock = clock
        self._lock = threading.RLock()  # one event at a time; a listener may emit events itself
        self._waiting: deque[Event] = deque()
        self._telling = False

    def __call__(self, kind: type[Event], /, **facts: Any) -> None:
        with self._lock:
            # one by one: two numbers of an event that are a secret together are none, and reporters count with them
            masked = {name: mask_data(fact) for name, fact in facts.items()}
            event = kind(run=self._run, at=self._clock(), **masked)
            self.tally.add(event)
            self._waiting.append(event)
            if not self._telling:  # an event of a listener comes after the one that it got, for all of them
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
            raise  # the reader is gone: the program's edge knows what to do
        except (Exception, SystemExit) as error:
            if ends_program(error):
                raise
            self._listeners.remove(listener)
            name = getattr(listener, "name", "") or getattr(listener, "__qualname__", type(listener).__name__)
            text = f"the reporter {name} failed and is left out: {type(error).__name__}: {harmless_words(error)}"
            self(Note, step="", text=text, level="warning")


@dataclass(slots=True)
class _StepFailures:
    """The items of one step that failed: by kind, and how the first did that the step fails by."""

    first: str = ""
    item: str = ""  # what people call the first; "" if it has only a key
    kinds: Counter[str] = field(default_factory=Counter)
    lasting: int = 0
    passed: int = 0  # that the step does not fail by


class Tally:
    """What the effects of a run came to, in all and by step; of what failed or was skipped the first ``remembered``."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self.counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.by_step: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        self.skipped: list[tuple[str, str, str]] = []  # step, key, reason
        self.failed: list[tuple[str, str, str]] = []  # step, key, error
        self.warnings: dict[str, None] = {}  # texts, each once
        self.item_names: dict[tuple[str, str], str] = {}  # step, key -> what people call an item that is listed
        self._failures: dict[str, _StepFailures] = {}  # by the exact path of the step
        self._retried: set[str] = set()  # paths of steps that are tried once more
        self._progress: dict[str, Progress] = {}  # the latest of each loop whose end is known
        self._apart: dict[str, dict[str, dict[str, int]]] = {}  # by the beginning of a step's path

    def count_apart(self, prefix: str) -> None:
        """Count apart what is done below this beginning of a step's path, until ``take_counts``."""
        self._apart[prefix] = defaultdict(lambda: defaultdict(int))

    def take_counts(self, prefix: str) -> dict[str, dict[str, int]]:
        """What was done below the beginning since ``count_apart``."""
        return _plain(self._apart.pop(prefix))

    def add(self, event: Event) -> None:
        match event:
            case EffectDone() if not (event.outcome == "already" and event.step in self._retried):
                self._count(event.step, event.kind, event.outcome)
            case ItemSkipped() if event.step not in self._retried:
                self._count(event.step, event.kind, "skipped")
                self._remember(self.skipped, (event.step, event.key, event.reason), event.item)
            case ItemFailed():
                self._count(event.step, event.kind, "failed")
                self._remember(self.failed, (event.step, event.key, event.error), event.item)
                failures = self._failures.setdefault(event.step, _StepFailures())
                failures.kinds[event.kind] += 1
                failures.lasting += not event.retryable
                failures.passed += event.passed
                if not event.passed and not failures.first:
                    failures.first, failures.item = _failure_text(event), event.item
            case Note(level="warning") if len(self.warnings) < REMEMBERED:
                self.warnings[event.text] = None
            case Progress() if event.total is not None:
                self._progress[event.step] = event

    def _remember(self, rows: list[tuple[str, str, str]], row: tuple[str, str, str], item: str) -> None:
        if len(rows) < self._remembered:
            rows.append(row)
            if item:
                self.item_names[row[0], row[1]] = item

    def remaining(self) -> dict[str, int]:
        """How many items of unfinished loops are still to be done, by what they are, where that is known."""
        remaining: dict[str, int] = {}
        for progress in self._progress.values():
            rest = (progress.total or 0) - progress.done - progress.skipped - progress.failed
            if rest > 0:
                remaining[progress.what] = remaining.get(progress.what, 0) + rest
        return remaining

    def begin_again(self, step: str) -> None:
        """Take back what a step and those inside it failed to do; what they did and skipped is counted already."""
        for path in [path for path in self._failures if path == step or path.startswith(f"{step}[")]:
            for kind, number in self._failures.pop(path).kinds.items():
                self._count(path, kind, "failed", -number)
        self.failed = [row for row in self.failed if row[0] != step and not row[0].startswith(f"{step}[")]
        self._retried.add(step)

    def _count(self, step: str, kind: str, outcome: str, number: int = 1) -> None:
        # inside a loop every item has a path of its own: they are counted under the loop
        for counts in (self.counts[kind], self.by_step[step.partition("[")[0]][kind]):
            counts[outcome] += number
        for prefix, by_kind in list(self._apart.items()):
            if step.startswith(prefix):
                by_kind[kind][outcome] += number

    def step_counts(self, step: str) -> dict[str, dict[str, int]]:
        """The counts of one step of the outermost level."""
        return _plain(self.by_step.get(step, {}))

    @property
    def lasting_failures(self) -> int:
        """How many items failed that fail again if nothing is changed."""
        return sum(failures.lasting for failures in self._failures.values())

    def step_error(self, path: str) -> ActionError | None:
        """How many items of the step at ``path`` failed, and how the first did; None if none."""
        failures = self._failures.get(path)
        number = 0 if failures is None else failures.kinds.total() - failures.passed
        if failures is None or not number:
            return None
        how = f"{number} failed, the first: {failures.first}" if number > 1 else failures.first
        error = ActionError(f"step {path}: {how}")
        error.item = failures.item
        return error

    def all(self) -> dict[str, dict[str, int]]:
        return _plain(self.counts)


def _plain(counts: Any) -> dict[str, dict[str, int]]:
    plain = {kind: {name: n for name, n in outcomes.items() if n} for kind, outcomes in counts.items()}
    return {kind: outcomes for kind, outcomes in plain.items() if outcomes}


def _failure_text(event: ItemFailed) -> str:
    """What failed and how: the item's name, or its key, and its error, which may begin with the name already."""
    named = event.item and event.error.startswith(f"{event.item}: ")
    return event.error if named else f"{event.item or event.key}: {event.error}"
