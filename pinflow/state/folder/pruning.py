"""Old runs are removed: a few at each start, or all at once when somebody asks for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.state.folder.events import SUFFIX as EVENTS
from pinflow.state.folder.intent_log import SUFFIX as LOG
from pinflow.state.folder.intent_log import look
from pinflow.state.folder.lock import Lock, is_locked
from pinflow.state.folder.run_index import RunFacts, RunIndex
from pinflow.state.folder.run_tables import RUN, read_run
from pinflow.state.folder.sqlite import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pinflow.state.folder.run_index import RunKind
    from pinflow.state.records import Keep, RunRecord

_ENDS: dict[str, RunKind] = {"ok": "ok", "failed": "failed", "cancelled": "failed"}
_DAY = 86_400.0


class RunPruning:
    """Removes runs in ``folder``, and keeps their index. ``now`` gives seconds since 1970."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now
        self.index = RunIndex(folder)

    def prune(self, keep: Keep, number: int) -> list[str]:
        """Remove at most ``number`` runs that need not be kept, and look into as many that the index does not know.

        Returns the ids of those that were removed. It costs the same however many runs there are, and never raises.
        """
        for run_id in self.index.unsure(number):
            self._look_into(run_id)
        due = self.index.due(keep, self._now(), number)
        return [facts.id for facts in due if self.remove(facts)]

    def all(self) -> list[RunFacts]:
        """What every run is, after a look into those that the index does not know; the oldest first."""
        names = sorted(file.stem for file in self._folder.glob("*.db"))
        runs = self.index.all(names) or [RunFacts(name, "begun") for name in names]
        return [facts if facts.kind != "begun" else self._look_into(facts.id) for facts in runs]

    def due(self, keep: Keep) -> list[RunFacts]:
        """All runs that need not be kept, the oldest first."""
        now, runs, due = self._now(), self.all(), []
        ages = {"ok": keep.ok, "failed": keep.failed, "open": keep.open, "damaged": keep.open}
        for kind, age in ages.items():
            of_kind = sorted((facts for facts in runs if facts.kind == kind), key=lambda facts: (facts.did, facts.at))
            more = len(of_kind) - keep.number if kind in ("ok", "failed") else 0
            due += [
                facts
                for place, facts in enumerate(of_kind)
                if place < more or (age is not None and facts.at < now - age)
            ]
        return sorted(due, key=lambda facts: facts.id)

    def remove(self, facts: RunFacts) -> bool:
        """Remove a run, if no process works on it, and it is what the index has of it. Returns whether it did."""
        try:
            lock = Lock(self._folder / f"{facts.id}.lock", f"run {facts.id}", now=self._now())
        except StateError:  # a process works on it: the next time, then
            return False
        removed = False
        try:
            found = _facts(self._folder / f"{facts.id}.db")
            if found is None or found.kind != facts.kind:
                self._store(facts.id, found)
                return False
            for name in (f"{facts.id}.db", f"{facts.id}.db-journal", f"{facts.id}.db{LOG}", f"{facts.id}{EVENTS}"):
                (self._folder / name).unlink(missing_ok=True)
            removed = True
            self.index.forget(facts.id)
        except OSError:  # such as a folder that is not writable
            return removed
        finally:
            lock.release(remove=removed)
        return True

    def is_kept(self, run_id: str) -> bool:
        """Whether a run is still there."""
        return (self._folder / f"{run_id}.db").exists()

    def remove_leftovers(self) -> int:
        """Remove locks and events of runs that are gone, as a process that ended in between leaves them."""
        runs = {file.stem for file in self._folder.glob("*.db")}
        leftovers = [
            file
            for suffix in (".lock", f".db{LOG}", EVENTS)
            for file in self._folder.glob(f"*{suffix}")
            if file.name.removesuffix(suffix) not in runs and _age(file, self._now()) > _DAY
        ]
        removed = 0
        for file in leftovers:
            with suppress(OSError):
                if file.suffix != ".lock" or not is_locked(file):
                    file.unlink()
                    removed += 1
        return removed

    def note_end(self, run: RunRecord, *, did: bool, unknown: bool) -> None:
        """A run's process closes it."""
        size = 0
        with suppress(OSError):
            size = (self._folder / f"{run.id}.db").stat().st_size
        self.index.put(RunFacts(run.id, _kind(run, unknown), did, run.finished or run.started, size))

    def _look_into(self, run_id: str) -> RunFacts:
        facts = RunFacts(run_id, "begun", at=self._now())
        if is_locked(self._folder / f"{run_id}.lock"):
            self.index.put(facts)  # with this moment, so that others have their turn before it
            return facts
        found = _facts(self._folder / f"{run_id}.db")
        self._store(run_id, found)
        return found or facts

    def _store(self, run_id: str, found: RunFacts | None) -> None:
        if found is None:
            self.index.forget(run_id)
        else:
            self.index.put(found)


def _facts(file: Path) -> RunFacts | None:
    """What a run is by its file; None if there is none, or it is out of reach."""
    try:
        status = file.stat()
    except OSError:
        return None
    facts = RunFacts(file.stem, "ok", at=status.st_mtime, size=status.st_size)
    try:
        with look(file, RUN) as connection:
            run = read_run(connection, file)
            if run is None:  # its process ended between making the file and its first row: nothing was sent
                return facts
            ((did,),) = connection.execute("SELECT EXISTS (SELECT 1 FROM effects)")
            query = "SELECT EXISTS (SELECT 1 FROM effects WHERE state IN ('intent', 'doubt'))"
            ((unknown,),) = connection.execute(query)
        return replace(facts, kind=_kind(run, unknown), did=bool(did), at=run.finished or run.started)
    except (*UNREADABLE, StateError, ValueError, TypeError, RecursionError):
        return facts if not status.st_size else replace(facts, kind="damaged")


def _kind(run: RunRecord, unknown: bool) -> RunKind:
    """What a run is that no process works on. One with a write of unknown outcome is open, whatever it ended as.

    One in the embedded sandbox is not: the sandbox ended with it.
    """
    if run.options.get("sandbox"):
        return _ENDS.get(run.state, "failed")
    return "open" if unknown else _ENDS.get(run.state, "open")


def _age(file: Path, now: float) -> float:
    try:
        return now - file.stat().st_mtime
    except OSError:
        return 0.0


def total_size(runs: Iterable[RunFacts]) -> int:
    """Bytes of the runs' own files."""
    return sum(facts.size for facts in runs)
