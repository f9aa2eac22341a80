"""A run's journal in a file: what it did, on disk before it matters, so that a killed run can go on.

An *effect* is one change of the outside world: its intent is on disk before the
request leaves, its outcome follows. A commit takes along whatever waits to be
written: threads side by side share one, and the outcome of an effect rides with
the next intent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, overload

from pinflow.errors import StateError
from pinflow.state.folder.boot import boot_id
from pinflow.state.folder.checks import FolderChecks
from pinflow.state.folder.creations import FolderCreations
from pinflow.state.folder.items import FolderItems
from pinflow.state.folder.run_tables import EFFECTS, FROZEN, LISTS, RUN, RUN_ROW, STEPS
from pinflow.state.folder.spans import spans
from pinflow.state.folder.sqlite import damage_error
from pinflow.state.records import EffectRecord, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from pinflow.clock import Clock
    from pinflow.state.folder.lock import Lock
    from pinflow.state.folder.store import Store
    from pinflow.state.protocol import Checks, Creations
    from pinflow.state.records import EffectOutcome, RunRecord, RunState

_CHUNK = 500  # rows that a stream holds at a time: some 100 kB, and few enough turns at the file
_RESULT = list(EFFECTS.columns).index("result")
_FRESH = 2.0  # seconds from an intent to its request: a successor counts the settle time from the intent

_INTENT_VALUES = {"step": "?1", "key": "?2", "state": "'intent'", "attempts": "1", "result": "'null'"}
_INTENT_CHANGES = {"state": "'intent'", "error": "''"} | {
    name: f"?{number}"
    for number, name in enumerate(
        ("kind", "method", "category", "digest", "sent_at", "arguments", "place", "class", "boot", "sent"), 3
    )
}
_INTENT_AGAIN = EFFECTS.upsert(_INTENT_CHANGES | _INTENT_VALUES, _INTENT_CHANGES)
# an effect without an outcome is sent once more: what was sent before may be applied yet. A time of another start of
# the machine can't be compared: it becomes this moment
_INTENT = EFFECTS.upsert(
    _INTENT_CHANGES | _INTENT_VALUES,
    _INTENT_CHANGES
    | {
        "attempts": "attempts + 1",
        "earlier": "earlier + (state IN ('intent', 'doubt'))",
        "earlier_sent": """CASE WHEN earlier = 0 AND state NOT IN ('intent', 'doubt') THEN 0.0 WHEN boot <> ?11 THEN ?12
            WHEN state IN ('intent', 'doubt') THEN sent ELSE earlier_sent END""",
    },
)
_SETTLE = EFFECTS.upsert(
    {"step": "?1", "key": "?2", "kind": "?3", "state": "?4", "result": "?5", "error": "?6", "made": "?7"},
    {"state": "?4", "result": "?5", "error": "?6", "made": "?7"},
)
# what is done stays done, whatever a later look at the item decides
_SKIP = EFFECTS.upsert(
    {"step": "?1", "key": "?2", "kind": "?3", "state": "'skipped'", "result": "'null'", "error": "?4"},
    {"state": "'skipped'", "error": "?4"},
    where="state NOT IN ('done', 'adopted')",
)
_STATE = RUN_ROW.update(
    {"state": "?1", "exit_code": "?2", "error": "?3", "resume_after": "?4", "finished": "?5"}, "one = 1"
)
_AMEND = RUN_ROW.update({"recipe_digest": "?1", "inputs": "?2", "options": "?3"}, "one = 1")
_STEP_CHANGES = {"status": "?2", "output": "?3", "seconds": "?4", "error": "?5"}
_STEP = STEPS.upsert({"path": "?1"} | _STEP_CHANGES, _STEP_CHANGES)
_LISTED_ID = FROZEN.insert({"step": "?1", "name": "?2", "place": "?3", "id": "?4"})
_LISTED = LISTS.insert({"step": "?1", "name": "?2", "length": "?3"})
_RESULTS = """(step, key) > (?, ?) AND step < ? AND state IN ('done', 'adopted') AND (?4 IS NULL OR kind = ?4)
    ORDER BY step, key LIMIT ?"""
# sent more than once, or not known to have happened, or looked for and found, or sent and then left out
_LAST_UNKNOWN = """
    SELECT max(sent_at) FROM effects WHERE step >= ? AND step < ? AND kind = ?
    AND (attempts > 1 OR state IN ('intent', 'doubt', 'adopted') OR (state = 'skipped' AND attempts > 0))"""
# what may be applied yet beside what is known of it: a sending before the last one, the last one where another was
# taken for it or where it was left out then; of the version before, which kept no times, all that was sent again
_LATE = """
    SELECT boot, max(CASE WHEN state IN ('adopted', 'skipped') THEN sent ELSE earlier_sent END) FROM effects
    WHERE step >= ? AND step < ? AND kind = ? AND method NOT IN ('PATCH', 'DELETE')
    AND (earlier > 0 OR (boot = '' AND attempts > 1) OR (state = 'skipped' AND attempts > 0)
    OR (state = 'adopted' AND EXISTS (SELECT 1 FROM effects AS other
    WHERE other.step >= ?1 AND other.step < ?2 AND other.kind = ?3 AND other.earlier > 0))) GROUP BY boot"""
_LATE_CHANGE = """
    SELECT boot, max(earlier_sent) FROM effects WHERE step >= ? AND step < ? AND kind = ? AND earlier > 0
    AND method = 'PATCH' GROUP BY boot"""
# a write that only waits for a quota, or for the run to go on, did not fail
COUNTS = """
    SELECT kind, CASE WHEN state IN ('done', 'adopted', 'skipped') THEN state
    WHEN state IN ('intent', 'doubt') THEN 'doubt' ELSE 'failed' END AS name, count(*) FROM effects
    WHERE step >= ? AND step < ? AND NOT (state = 'refused' AND
    (error LIKE 'rate_limited,%' OR error LIKE 'spam_blocked,%' OR error LIKE 'interrupted,%')) GROUP BY kind, name"""
CALL_ROWS = "SELECT login, category, n FROM calls"


class FrozenList(Sequence[str]):
    """A list of ids as `FolderJournal.freeze` stored it, read from disk some hundred at a time."""

    __slots__ = ("_length", "_name", "_step", "_store")

    def __init__(self, store: Store, step: str, name: str, length: int) -> None:
        self._store = store
        self._step = step
        self._name = name
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._length))]
        number = range(self._length)[index]
        return self._between(number, number + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, self._length, _CHUNK):
            yield from self._between(start, start + _CHUNK)

    def __reversed__(self) -> Iterator[str]:
        for end in range(self._length, 0, -_CHUNK):
            yield from reversed(self._between(max(0, end - _CHUNK), end))

    def __contains__(self, id_: object) -> bool:
        return bool(self._store.rows(FROZEN, "step = ? AND name = ? AND id = ? LIMIT 1", (self._step, self._name, id_)))

    def _between(self, start: int, end: int) -> list[str]:
        where = "step = ? AND name = ? AND place >= ? AND place < ? ORDER BY place"
        return [row[3] for row in self._store.rows(FROZEN, where, (self._step, self._name, start, end))]


class FolderJournal(FolderItems):
    """One run's memory, owned by this process until ``close``. Safe to share between threads.

    ``recorded`` are the hashes of where its effects are; ``on_close`` is told what the
    run came to, while it is still locked. What must be on disk raises
    StateError when that fails, and from then on so does everything else: see `Store`.
    """

    def __init__(
        self,
        store: Store,
        lock: Lock,
        run: RunRecord,
        *,
        clock: Clock,
        recorded: Collection[int] = (),
        on_close: Callable[..., None] = lambda *_, **__: None,
    ) -> None:
        self.run = run
        self.checks: Checks = FolderChecks(store)
        self.lost = threading.Event()  # never set: no process takes over what a living one has locked
        super().__init__(store)
        self._lock = lock
        self._clock = clock
        self._closed = False
        self.creations: Creations = FolderCreations(store, clock)
        self._on_close = on_close
        # of every effect on record: to ask the file about one costs a turn at it, and waits for a commit
        self._recorded = set(recorded)
        self._intents: dict[tuple[str, str], float] = {}  # monotonic time of those that are not settled

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def flush(self) -> None:
        """Put on disk whatever waits."""
        self._store.take_counters()
        self._store.commit()

    def close(self) -> None:
        """Put on disk whatever waits, and let the run go, even if that fails."""
        if self._closed:
            return
        self._closed = True
        try:
            unknown = _has_unknown(self._store)
            self._store.close()
            self._on_close(self.run, did=bool(self._recorded), unknown=unknown)
        finally:
            self._lock.release()

    # the run and its steps

    def set_state(
        self, state: RunState, *, exit_code: int | None = None, error: str = "", resume_after: float | None = None
    ) -> None:
        """Put on disk how the run stands. ``resume_after`` is in seconds since the epoch."""
        finished = None if state == "running" else self._clock.now()
        changed = replace(
            self.run, state=state, exit_code=exit_code, error=error, resume_after=resume_after, finished=finished
        )
        if changed == self.run:  # as it was made a moment ago: a commit is five flushes of the disk
            return
        self.run = changed
        self._store.put(_STATE, (state, exit_code, error, resume_after, finished))
        self._store.commit()

    def amend(self, *, recipe_digest: str, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Put on disk that the run goes on with another recipe, inputs and options."""
        self.run = replace(self.run, recipe_digest=recipe_digest, inputs=inputs, options=options)
        self._store.put(_AMEND, (recipe_digest, to_json(dict(inputs)), to_json(dict(options))))
        self._store.commit()

    def step(self, path: str) -> StepRecord | None:
        """What is known of a finished step."""
        for row in self._store.rows(STEPS, "path = ?", (path,)):
            return StepRecord(path, row[1], _parse(row[2], self._store.file), *row[3:])
        return None

    def finish_step(self, path: str, status: str, output: object, *, seconds: float, error: str = "") -> None:
        """Record that a step ended; on disk within half a second of work, or with the next intent."""
        row = (path, status, to_json(output), seconds, error)
        self._store.put(_STEP, row)
        self._store.commit_sometimes()

    # effects

    def effect(self, step: str, key: str) -> EffectRecord | None:
        """What is known of one effect."""
        if hash((step, key)) not in self._recorded:
            return None
        rows = self._store.rows(EFFECTS, "step = ? AND key = ?", (step, key))
        return effect_of(rows[0], self._store.file) if rows else None

    def unknown_keys(self, step: str, kind: str) -> set[str]:
        """The keys of the step's effects of this kind that may have happened."""
        where = "step = ? AND kind = ? AND state IN ('intent', 'doubt')"
        return {row[1] for row in self._store.rows(EFFECTS, where, (step, kind))}

    def last_unknown_at(self, step: str, kind: str) -> float | None:
        """When the latest write of a step, or of one inside it, was sent whose outcome was unknown for a while."""
        moments = (self._store.read(_LAST_UNKNOWN, (*span, kind))[0][0] for span in spans(step))
        return max((moment for moment in moments if moment is not None), default=None)

    def late_age(self, step: str, kind: str, *, changes: bool = False) -> float | None:
        """At least how many seconds ago the latest write was sent that may still be applied, or None if none may.

        Of what is created, or of what is changed.
        """
        query = _LATE_CHANGE if changes else _LATE
        rows = [row for span in spans(step) for row in self._store.read(query, (*span, kind))]
        now = self._clock.monotonic()
        return min((now - sent if boot == boot_id() else 0.0 for boot, sent in rows), default=None)

    def record_intent(
        self,
        step: str,
        key: str,
        *,
        kind: str,
        method: str,
        category: str,
        digest: str,
        again: bool = False,
        arguments: str = "",
        place: str = "",
        class_: str = "",
    ) -> None:
        """Put an intent on disk: on return the request may leave. Takes along whatever waits.

        ``again`` says that this is one more request of the same attempt, and that the last one did nothing.
        """
        self._recorded.add(hash((step, key)))
        sent = self._intents[step, key] = self._clock.monotonic()
        request = (kind, method, category, digest, self._clock.now(), arguments, place, class_, boot_id(), sent)
        self._store.put(_INTENT_AGAIN if again else _INTENT, (step, key, *request))
        self._store.commit()

    def is_fresh(self, step: str, key: str) -> bool:
        """Whether the effect's intent is recent enough for its request to leave now; else record it again."""
        recorded = self._intents.get((step, key))
        return recorded is not None and self._clock.monotonic() - recorded < _FRESH

    def age(self, record: EffectRecord) -> float:
        """At least how many seconds ago the effect's intent was recorded: 0 if the machine started since."""
        return self._clock.monotonic() - record.sent if record.boot == boot_id() else 0.0

    def settle(
        self,
        step: str,
        key: str,
        state: EffectOutcome,
        result: object = None,
        *,
        kind: str = "",
        error: str = "",
        made: str = "",
    ) -> None:
        """Record how an effect ended; on disk with the next intent, or `flush`. ``made`` is the id of what it created.

        Until it is on disk, a killed run takes the effect for one that may have
        happened, which costs a look at the target.
        """
        self._recorded.add(hash((step, key)))
        self._intents.pop((step, key), None)
        self._store.put(_SETTLE, (step, key, kind, state, to_json(result), error, made))
        self._store.commit_sometimes(timed=False)

    def skip(self, step: str, key: str, kind: str, reason: str) -> None:
        """Record that an item was left out on purpose."""
        self._recorded.add(hash((step, key)))
        self._store.put(_SKIP, (step, key, kind, reason))
        self._store.commit_sometimes()

    def results(self, step: str, *, kind: str | None = None) -> Iterator[tuple[str, Any]]:
        """Key and result of each done effect of a step ("": of all) and of those inside it, some hundred at a time."""
        for first, below in spans(step):
            rows: list[tuple[Any, ...]] = [(first, "")]
            while rows:
                rows = self._store.rows(EFFECTS, _RESULTS, (*rows[-1][:2], below, kind, _CHUNK))
                for row in rows:
                    yield row[1], _parse(row[_RESULT], self._store.file)

    def counts(self, step_prefix: str = "") -> dict[str, dict[str, int]]:
        """What the effects came to, of all steps or of one and those inside it, by kind.

        {"pin": {"done": 3, "adopted": 0, "skipped": 1, "failed": 0, "doubt": 0}}: a
        write that only waits for a quota or for the run to go on counts as none of these.
        """
        counts: dict[str, dict[str, int]] = {}
        for first, below in spans(step_prefix):
            for kind, name, n in self._store.read(COUNTS, (first, below)):
                names = ("done", "adopted", "skipped", "failed", "doubt")
                counts.setdefault(kind, dict.fromkeys(names, 0))[name] += n
        return counts

    # lists of ids, and calls

    def freeze(self, step: str, name: str, ids: Iterable[str]) -> None:
        """Put a list of ids on disk as it is now, all of it or nothing; an earlier list of that name goes."""
        for table in ("lists", "frozen"):
            self._store.put(f"DELETE FROM {table} WHERE step = ? AND name = ?", (step, name))  # noqa: S608
        length = 0
        for id_ in ids:
            self._store.put(_LISTED_ID, (step, name, length, id_))
            length += 1
            if not length % _CHUNK:
                self._store.commit()
        self._store.put(_LISTED, (step, name, length))
        self._store.commit()

    def frozen_list(self, step: str, name: str) -> FrozenList | None:
        """The list of ids that ``freeze`` put on disk whole, if it did."""
        rows = self._store.rows(LISTS, "step = ? AND name = ?", (step, name))
        return FrozenList(self._store, step, name, rows[0][2]) if rows else None

    def call(self, login: str, category: str, n: int = 1) -> None:
        """Count calls of a login; on disk when other records have been committed for half a second, or with `flush`."""
        self._store.count(login, category, n)

    def calls(self) -> dict[str, dict[str, int]]:
        """The calls counted in all of the run's processes: login -> category -> calls."""
        self._store.take_counters()
        return calls_of(self._store.read(CALL_ROWS))


def _has_unknown(store: Store) -> bool:
    """Whether a write may have happened; so it is where that can't be read."""
    with suppress(StateError):  # closing the store raises it as well
        return bool(store.read("SELECT 1 FROM effects WHERE state IN ('intent', 'doubt') LIMIT 1"))
    return True


def to_json(value: object) -> str:
    """A value as a file of state holds it."""
    return json.dumps(value, separators=(",", ":"), default=str)


def _parse(text: str, file: Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:  # a flipped bit, which no check of the file's structure can see
        raise damage_error(file, error, RUN) from error


def effect_of(row: tuple[Any, ...], file: Path) -> EffectRecord:
    """The effect of a row of the file."""
    step, key, kind, state, attempts, method, _, digest, sent_at, result, error, *sent, _, _ = row
    adopted = state == "adopted"
    request = attempts, method, digest, sent_at, _parse(result, file)
    return EffectRecord(step, key, kind, "done" if adopted else state, *request, error, adopted, *sent)


def calls_of(rows: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    """login -> category -> calls, from rows of `CALL_ROWS`."""
    calls: dict[str, dict[str, int]] = {}
    for login, category, n in rows:
        calls.setdefault(login, {})[category] = n
    return calls
