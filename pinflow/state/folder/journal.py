"""The run store: what a run did, on disk before it matters, so that a killed run can go on.

Each run is one file, ``<state>/runs/<run id>.db``, with a lock beside it. An
*effect* is one change of the outside world: its intent is on disk before the
request leaves, its outcome follows. A commit takes along whatever waits to be
written: threads side by side share one, and the outcome of an effect rides with
the next intent. No content is kept: see `pinflow.engine.sanitize`.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, overload

from pinflow.engine.sanitize import is_id, keepable, noted, plain_error, plain_key, plain_path
from pinflow.errors import StateError
from pinflow.state.folder.lock import Lock, held
from pinflow.state.folder.sqlite import (
    MOUNTS,
    UNREADABLE,
    Store,
    check_place,
    damaged,
    look,
    new_file,
    open_file,
    unreadable,
)
from pinflow.state.records import EffectRecord, RunRecord, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pinflow.state.records import EffectOutcome, RunState

__all__ = [
    "EffectRecord",
    "Frozen",
    "Journal",
    "RunRecord",
    "StepRecord",
    "keepable",
    "last_run",
    "list_runs",
    "new_run_id",
    "noted",
    "plain_key",
    "plain_path",
    "prune",
]


NO_RUN = "holds no run"  # of a file whose maker ended between making it and its first row
_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_CHUNK = 500  # rows that a stream holds at a time
_REASON = 100  # characters of why an item was left out

_INTENT = """
    INSERT INTO effects VALUES (?1, ?2, ?3, 'intent', 1, ?4, ?5, ?6, ?7, 'null', '')
    ON CONFLICT (step, key) DO UPDATE SET kind = ?3, state = 'intent', attempts = attempts + 1,
    method = ?4, category = ?5, digest = ?6, sent_at = ?7, error = ''"""
_INTENT_AGAIN = _INTENT.replace("attempts + 1", "attempts")
_SETTLE = """
    INSERT INTO effects VALUES (?1, ?2, ?3, ?4, 0, '', '', '', 0, ?5, ?6)
    ON CONFLICT (step, key) DO UPDATE SET state = ?4, result = ?5, error = ?6"""
# what is done stays done, whatever a later look at the item decides
_SKIP = """
    INSERT INTO effects VALUES (?1, ?2, ?3, 'skipped', 0, '', '', '', 0, 'null', ?4)
    ON CONFLICT (step, key) DO UPDATE SET state = 'skipped', error = ?4 WHERE state NOT IN ('done', 'adopted')"""
_EFFECT = """
    SELECT kind, state, attempts, method, digest, sent_at, result, error FROM effects WHERE step = ? AND key = ?"""
_RESULTS = """
    SELECT step, key, result FROM effects WHERE (step, key) > (?, ?) AND step < ?
    AND state IN ('done', 'adopted') AND (?4 IS NULL OR kind = ?4) ORDER BY step, key LIMIT ?"""
# sent more than once, or not known to have happened, or looked for and found, or sent and then left out
_DOUBTED = """
    SELECT max(sent_at) FROM effects WHERE step >= ? AND step < ? AND kind = ?
    AND (attempts > 1 OR state IN ('intent', 'doubt', 'adopted') OR (state = 'skipped' AND attempts > 0))"""
# a write that only waits for a quota, or for the run to go on, did not fail
COUNTS = """
    SELECT kind, CASE WHEN state IN ('done', 'adopted', 'skipped') THEN state
    WHEN state IN ('intent', 'doubt') THEN 'doubt' ELSE 'failed' END AS name, count(*) FROM effects
    WHERE step >= ? AND step < ? AND NOT (state = 'refused' AND
    (error LIKE 'rate_limited,%' OR error LIKE 'spam_blocked,%' OR error LIKE 'interrupted,%')) GROUP BY kind, name"""


def effect_of(row: tuple[Any, ...], loads: Callable[[str], Any]) -> EffectRecord:
    """The effect of a row of the file; ``loads`` reads its result."""
    step, key, kind, state, attempts, method, digest, sent_at, result, error = row
    return EffectRecord(
        step=step,
        key=key,
        kind=kind,
        state="done" if state == "adopted" else state,
        attempts=attempts,
        method=method,
        digest=digest,
        sent_at=sent_at,
        result=loads(result),
        error=error,
        adopted=state == "adopted",
    )


def new_run_id(now: float, random: Callable[[int], bytes] = os.urandom) -> str:
    """The name of a run that starts ``now`` (seconds since the epoch); names sort by time.

    "20261123-175140-ab3f2c": UTC date and time, and three random bytes.
    """
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{random(3).hex()}"


def file_of(state: Path, run_id: str) -> Path | None:
    """The file of a run below ``state``; None if there is none, as of anything else that a person may have typed."""
    file = state / "runs" / f"{run_id}.db"
    return file if _ID.fullmatch(run_id) and file.is_file() else None


class Frozen(Sequence[str]):
    """A list of ids as it was when it was frozen; read from disk some hundred at a time."""

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
            return [self[place] for place in range(*index.indices(self._length))]
        place = range(self._length)[index]
        return self._between(place, place + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, self._length, _CHUNK):
            yield from self._between(start, start + _CHUNK)

    def __reversed__(self) -> Iterator[str]:
        for end in range(self._length, 0, -_CHUNK):
            yield from reversed(self._between(max(0, end - _CHUNK), end))

    def __contains__(self, id_: object) -> bool:
        query = "SELECT 1 FROM frozen WHERE step = ? AND name = ? AND id = ? LIMIT 1"
        return bool(self._store.read(query, (self._step, self._name, id_)))

    def _between(self, start: int, end: int) -> list[str]:
        query = "SELECT id FROM frozen WHERE step = ? AND name = ? AND place >= ? AND place < ? ORDER BY place"
        return [id_ for (id_,) in self._store.read(query, (self._step, self._name, start, end))]


class Journal:
    """One run's memory, owned by this process until ``close``. Safe to share between threads.

    Whatever must be on disk raises StateError when that fails, and from then on so
    does everything else: see `Store`.
    """

    def __init__(self, store: Store, lock: Lock, record: RunRecord, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._lock = lock
        self._clock = clock
        self._closed = False
        # of every effect on record: to ask the file about one costs a turn at it, and waits for whoever commits
        self._recorded: set[int] = set()
        self.run = record

    @classmethod
    def create(
        cls,
        state: Path,
        record: RunRecord,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        mounts: Path = MOUNTS,
        probe: Callable[[str], None] = lambda _: None,
    ) -> Journal:
        """A new run below ``state``, on disk and locked. Raises StateError when the place won't do.

        ``probe`` is told "commit" before and "committed" after each commit.
        """
        runs = _runs_directory(state, mounts)
        lock = _lock_run(runs, record.id, clock())
        file = runs / f"{record.id}.db"
        try:
            connection = _created(file, record)
        except BaseException:
            lock.release()
            raise
        return cls(Store(connection, file, monotonic=monotonic, probe=probe), lock, record, clock=clock)

    @classmethod
    def open(
        cls,
        state: Path,
        run_id: str,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        mounts: Path = MOUNTS,
        probe: Callable[[str], None] = lambda _: None,
    ) -> Journal:
        """The run ``run_id``, locked, to go on with.

        Raises StateError when there is none, another process has it, or the file is
        damaged, foreign, or from a newer pinflow; the file is left as it is.
        """
        file = file_of(state, run_id)
        if file is None:
            raise StateError(f"there is no run {run_id} in {state}", hint="list them with: pinflow runs")
        check_place(file.parent, mounts)
        lock = _lock_run(file.parent, run_id, clock())
        try:
            connection, record, recorded = _opened(file)
        except BaseException:
            lock.release()
            raise
        journal = cls(Store(connection, file, monotonic=monotonic, probe=probe), lock, record, clock=clock)
        journal._recorded = recorded
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def flush(self) -> None:
        """Put on disk whatever waits."""
        self._store.commit()

    def close(self) -> None:
        """Put on disk whatever waits, and let the run go, even if that fails."""
        if self._closed:
            return
        self._closed = True
        try:
            self._store.close()
        finally:
            self._lock.release()

    # the run and its steps

    def set_state(
        self, state: RunState, *, exit_code: int | None = None, error: str = "", resume_after: float | None = None
    ) -> None:
        """Put on disk how the run stands. ``error`` is `noted`'s text; ``resume_after`` seconds since the epoch."""
        finished = None if state == "running" else self._clock()
        self.run = replace(
            self.run,
            state=state,
            exit_code=exit_code,
            error=plain_error(error),
            resume_after=resume_after,
            finished=finished,
        )
        query = "UPDATE run SET state = ?, exit_code = ?, error = ?, resume_after = ?, finished = ?"
        self._store.put(query, (state, exit_code, self.run.error, resume_after, finished))
        self._store.commit()

    def step(self, path: str) -> StepRecord | None:
        """What is known of a finished step."""
        rows = self._store.read("SELECT * FROM steps WHERE path = ?", (plain_path(path),))
        return next((StepRecord(path, row[1], self._loads(row[2]), *row[3:]) for row in rows), None)

    def finish_step(self, path: str, status: str, output: object, *, seconds: float, error: str = "") -> None:
        """Remember that a step ended; on disk within half a second of work, or with the next intent."""
        row = (plain_path(path), status, _json(keepable(output)), seconds, plain_error(error))
        self._store.put("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?)", row)
        self._store.commit_sometimes()

    def item_done(self, loop: str, key: str) -> bool:
        """Whether an item of a loop needs no further work: it ended ok, or was skipped."""
        query = "SELECT 1 FROM items WHERE loop = ? AND key = ? AND status IN ('ok', 'skipped')"
        return bool(self._store.read(query, (plain_path(loop), plain_key(key))))

    def finish_item(self, loop: str, key: str, status: str) -> None:
        """Remember how an item of a loop ended; on disk as `finish_step` is."""
        row = (plain_path(loop), plain_key(key), status)
        self._store.put("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", row)
        self._store.commit_sometimes()

    # effects

    def effect(self, step: str, key: str) -> EffectRecord | None:
        """What is known of one effect."""
        place = (plain_path(step), plain_key(key))
        if hash(place) not in self._recorded:
            return None
        rows = self._store.read(_EFFECT, place)
        if not rows:
            return None
        return effect_of((step, key, *rows[0]), self._loads)

    def doubted(self, step: str, kind: str) -> set[str]:
        """The keys (see `plain_key`) of the step's effects of this kind that may have happened."""
        query = "SELECT key FROM effects WHERE step = ? AND kind = ? AND state IN ('intent', 'doubt')"
        return {key for (key,) in self._store.read(query, (plain_path(step), kind))}

    def doubted_at(self, step: str, kind: str) -> float | None:
        """When the latest write of a step, or of one inside it, was sent whose outcome was not known for a while."""
        found = (self._store.read(_DOUBTED, (*place, kind))[0][0] for place in _inside(plain_path(step)))
        return max((sent for sent in found if sent is not None), default=None)

    def record_intent(
        self, step: str, key: str, *, kind: str, method: str, category: str, digest: str, again: bool = False
    ) -> None:
        """Put an intent on disk: on return the request may leave. Takes along whatever waits.

        ``again`` says that this is one more request of the same attempt.
        """
        place = self._record(step, key)
        self._store.put(_INTENT_AGAIN if again else _INTENT, (*place, kind, method, category, digest, self._clock()))
        self._store.commit()

    def settle(
        self, step: str, key: str, state: EffectOutcome, result: object = None, *, kind: str = "", error: str = ""
    ) -> None:
        """Remember how an effect ended; on disk with the next intent, or `flush`.

        ``result`` goes through `keepable`. Until it is on disk, a killed run takes
        the effect for one that may have happened, which costs a look at the target.
        """
        place = self._record(step, key)
        self._store.put(_SETTLE, (*place, kind, state, _json(keepable(result)), plain_error(error)))
        self._store.commit_sometimes(timed=False)

    def skipped(self, step: str, key: str, kind: str, reason: str) -> None:
        """Remember that an item was left out on purpose. ``reason`` is a constant text without content."""
        kept = reason if len(reason) <= _REASON else f"{reason[: _REASON - 1]}…"
        self._store.put(_SKIP, (*self._record(step, key), kind, kept))
        self._store.commit_sometimes()

    def _record(self, step: str, key: str) -> tuple[str, str]:
        """Where an effect is in the file, which has it from now on."""
        place = (plain_path(step), plain_key(key))
        self._recorded.add(hash(place))
        return place

    def results(self, step: str, *, kind: str | None = None) -> Iterator[tuple[str, Any]]:
        """Key and result of each done effect of a step ("": of all) and of those inside it, some hundred at a time."""
        for first, below in _inside(plain_path(step)):
            rows: list[tuple[Any, ...]] = [(first, "", None)]
            while rows:
                place, after, _ = rows[-1]
                rows = self._store.read(_RESULTS, (place, after, below, kind, _CHUNK))
                for _, key, result in rows:
                    yield key, self._loads(result)

    def counts(self, step_prefix: str = "") -> dict[str, dict[str, int]]:
        """What the effects came to, of all steps or of one and those inside it, by kind.

        {"pin": {"done": 3, "adopted": 0, "skipped": 1, "failed": 0, "doubt": 0}}: a
        write that only waits for a quota or for the run to go on is none of these.
        """
        found: dict[str, dict[str, int]] = {}
        for first, below in _inside(plain_path(step_prefix)):
            for kind, name, n in self._store.read(COUNTS, (first, below)):
                names = ("done", "adopted", "skipped", "failed", "doubt")
                found.setdefault(kind, dict.fromkeys(names, 0))[name] += n
        return found

    # lists of ids, and calls

    def freeze(self, step: str, name: str, ids: Iterable[str]) -> None:
        """Put a list of ids on disk as it is now, all of it or nothing; an earlier list of that name goes.

        Raises ValueError for what is no id (see `plain_key`): the journal holds no content.
        """
        place = (plain_path(step), plain_key(name))
        for table in ("lists", "frozen"):
            self._store.put(f"DELETE FROM {table} WHERE step = ? AND name = ?", place)  # noqa: S608
        length = 0
        for id_ in ids:
            if not is_id(id_):
                raise ValueError(f"freeze() takes ids, and entry {length} of {name!r} is none")
            self._store.put("INSERT INTO frozen VALUES (?, ?, ?, ?)", (*place, length, id_))
            length += 1
            if not length % _CHUNK:
                self._store.commit()
        self._store.put("INSERT INTO lists VALUES (?, ?, ?)", (*place, length))
        self._store.commit()

    def frozen(self, step: str, name: str) -> Frozen | None:
        """The list of ids that ``freeze`` put on disk whole, if it did."""
        place = (plain_path(step), plain_key(name))
        rows = self._store.read("SELECT length FROM lists WHERE step = ? AND name = ?", place)
        return Frozen(self._store, *place, rows[0][0]) if rows else None

    def call(self, login: str, category: str, n: int = 1) -> None:
        """Count calls of a login; on disk as `finish_step` is."""
        self._store.count(login, category, n)
        self._store.commit_sometimes()

    def calls(self) -> dict[str, dict[str, int]]:
        """The calls counted in all of the run's processes: login -> category -> calls."""
        found: dict[str, dict[str, int]] = {}
        for login, category, n in self._store.read("SELECT login, category, n FROM calls"):
            found.setdefault(login, {})[category] = n
        return found

    def _loads(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:  # a flipped bit, which no check of the file's structure can see
            raise damaged(self._store.file, error) from error


# every path comes before this
LAST = "\x7f"


def _inside(path: str) -> list[tuple[str, str]]:
    """Where a step and the steps inside it stand among all paths: from the first of each pair to before the second.

    A path inside another one goes on with "." or "["; the second is the character after it. "" has all inside.
    """
    if not path:
        return [("", LAST)]
    return [(path, path + "\0"), (path + ".", path + "/"), (path + "[", path + "\\")]


def _runs_directory(state: Path, mounts: Path) -> Path:
    runs = state / "runs"
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        runs.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(f"{runs} can't be made: {error.strerror}", hint="choose another state directory") from error
    check_place(runs, mounts)
    return runs


def _lock_run(runs: Path, run_id: str, now: float) -> Lock:
    try:
        return Lock(runs / f"{run_id}.lock", f"run {run_id}", now=now)
    except OSError as error:
        raise StateError(f"{runs} can't be written: {error.strerror}", hint="make room, or make it writable") from error


def _created(file: Path, record: RunRecord) -> sqlite3.Connection:
    row = (
        *(record.id, record.recipe, record.recipe_digest, record.name),
        *(_json(dict(each)) for each in (record.inputs, record.options, record.versions)),
        *(record.started, record.state, record.finished, record.exit_code, record.resume_after, record.error),
    )
    try:
        connection = new_file(file)
        try:
            connection.execute("INSERT INTO run VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.Error:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        if not isinstance(error, FileExistsError):  # that one is another run's
            _discard(file)
        raise StateError(f"{file} can't be made: {error}", hint="make room, or make the place writable") from error
    return connection


def _discard(file: Path) -> None:
    """Take away the file of a run that did not begin. Where that fails as well, it stays, and is no run to anybody."""
    with suppress(OSError):
        for each in (file, file.with_name(f"{file.name}-journal")):
            each.unlink(missing_ok=True)


def _opened(file: Path) -> tuple[sqlite3.Connection, RunRecord, set[int]]:
    """A run's file, the run, and hashes of where its effects are."""
    connection = open_file(file)
    try:
        return connection, _read_run(connection, file), _places(connection, file)
    except BaseException:
        connection.close()
        raise


def _places(connection: sqlite3.Connection, file: Path) -> set[int]:
    try:
        return set(map(hash, connection.execute("SELECT step, key FROM effects")))
    except UNREADABLE as error:
        raise unreadable(file, error) from error


def _read_run(connection: sqlite3.Connection, file: Path) -> RunRecord:
    try:
        row = connection.execute("SELECT * FROM run").fetchone()
        if row is None:
            raise StateError(f"{file} {NO_RUN}: it was stopped before it began", hint="start the recipe anew")
        described = (json.loads(each) for each in row[5:8])
        return RunRecord(*row[1:5], *described, *row[8:])
    except (*UNREADABLE, ValueError, TypeError) as error:
        raise unreadable(file, error) from error


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def list_runs(state: Path) -> list[RunRecord]:
    """Every run below ``state`` that got as far as its file, newest first; locks nothing and raises nothing.

    A run that was "running" when its process ended is "interrupted". A file that
    can't be read is a record with the state "unreadable" and the reason in ``error``.
    """
    return [look_at_run(file) for file in _files(state) if _size(file)]


def last_run(state: Path) -> str | None:
    """The id of the newest run that got as far as its file."""
    return next((file.stem for file in _files(state) if _size(file)), None)


def prune(state: Path, keep: int = 500, *, slack: int = 100) -> None:
    """Remove all runs that ended ok, but for the newest ``keep``.

    Looks into the files only once there are ``slack`` more than that: it is called on every start.
    """
    if len(_files(state)) <= keep + slack:
        return
    done = [run.id for run in list_runs(state) if run.state == "ok"]
    for run_id in done[keep:]:
        _remove(state / "runs", run_id)


def _remove(runs: Path, run_id: str) -> None:
    try:
        lock = Lock(runs / f"{run_id}.lock", f"run {run_id}", now=0)
    except (StateError, OSError):  # someone is at work on it: the next time, then
        return
    try:
        for name in (f"{run_id}.db", f"{run_id}.db-journal"):
            with suppress(FileNotFoundError):
                (runs / name).unlink()
    finally:
        lock.release(remove=True)


def _files(state: Path) -> list[Path]:
    return sorted((state / "runs").glob("*.db"), reverse=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # taken away just now
        return 0


def look_at_run(file: Path) -> RunRecord:
    """The run in a file, as `list_runs` tells it."""
    try:
        record = _looked_at(file)
        if record.state == "running" and not held(file.with_suffix(".lock")):
            record = _looked_at(file)  # it may have ended between the two looks
            return replace(record, state="interrupted") if record.state == "running" else record
        return record
    except StateError as error:
        return _unreadable(file, error.message)
    except (*UNREADABLE, OSError) as error:
        return _unreadable(file, str(error))


def _looked_at(file: Path) -> RunRecord:
    with look(file) as connection:
        return _read_run(connection, file)


def _unreadable(file: Path, why: str) -> RunRecord:
    return RunRecord(file.stem, "", "", "", {}, {}, {}, started=0, state="unreadable", error=why)
