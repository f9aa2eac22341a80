"""The schedule in a folder: its jobs, their occurrences, notes, and the signs of life of who runs them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file
from pinflow.state.folder.jobs import FolderJobs
from pinflow.state.folder.lock import Lock, is_locked
from pinflow.state.folder.occurrences import FolderOccurrences
from pinflow.state.folder.schedule_file import ScheduleFile
from pinflow.state.records import LEASE, OPEN_STATES, Heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_TOGETHER = 5  # seconds that two processes may be apart when they look at one clock: a look lasts far less
_LONGEST_REST = 86_400  # seconds; a job rests for 6 hours at most, so that a later end is a jump of the clock
_HISTORY = 400 * 86_400  # seconds; a year's history, and some


class FolderSchedule:
    """The schedule below the folder ``state``, which is made if need be. Safe to share between threads. Close it.

    ``owner`` names who claims occurrences here; ``seams`` are those of `ScheduleFile`. All methods raise StateError
    when the file can't be used.
    """

    def __init__(self, state: Path, *, owner: str, **seams: Any) -> None:
        self.folder = state / "schedule"
        self._file = ScheduleFile(state, **seams)
        self.jobs = FolderJobs(self._file)
        self.occurrences = FolderOccurrences(self._file, owner)
        self._version = self._data_version()

    def close(self) -> None:
        self._file.close()

    def has_changed(self) -> bool:
        """Whether another process changed the schedule since this was last asked."""
        before, self._version = self._version, self._data_version()
        return self._version != before

    def _data_version(self) -> int:
        return int(self._file.rows("PRAGMA data_version")[0][0])

    def damage(self, reason: str) -> StateError:
        """The error that says that what is stored can't be believed."""
        return self._file.damage(reason)

    def note(self, name: str) -> Any:
        """What was stored under a name; None if nothing was."""
        rows = self._file.rows("SELECT value FROM notes WHERE name = ?", (name,))
        try:
            return json.loads(rows[0][0]) if rows else None
        except ValueError as error:
            raise self.damage(str(error)) from error

    def put_note(self, name: str, value: Any) -> None:
        """Store plain data under a name."""
        with self._file.change() as change:
            change.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))

    # -- the clock and old rows

    def rewind(self, now: float) -> list[str]:
        """The clock was set back to ``now``: what lies in the future again counts as not seen; the jobs concerned.

        What ran keeps its row, so that nothing runs twice; what was only passed over is due again when its time comes.
        """
        moment, ahead = int(now), int(now) + _TOGETHER
        with self._file.change() as change:
            names = [name for (name,) in change.execute("SELECT name FROM jobs WHERE seen > ?", (ahead,))]
            change.execute("UPDATE jobs SET seen = ? WHERE seen > ?", (moment, ahead))
            if names:
                passed = "state IN ('skipped', 'merged') AND run = ''"
                change.execute(f"DELETE FROM occurrences WHERE due > ? AND {passed}", (moment,))
                query = f"UPDATE occurrences SET last = ?1, count = NULL WHERE due <= ?1 AND last > ?1 AND {passed}"
                change.execute(query, (moment,))
            change.execute("UPDATE occurrences SET lease = ? WHERE lease > ?", (now + LEASE, now + LEASE + _TOGETHER))
            change.execute("UPDATE jobs SET rest_until = 0 WHERE rest_until > ?", (now + _LONGEST_REST,))
        return names

    def prune(self, now: float) -> None:
        """Forget what ended more than a year ago; withdraw what a silent owner left of a job that is gone."""
        with self._file.change() as change:
            change.execute(
                f"""UPDATE occurrences SET state = 'withdrawn', reason = 'the job is no longer scheduled', ended = ?1
                WHERE state IN {OPEN_STATES} AND lease < ?1 AND job NOT IN (SELECT name FROM jobs WHERE active = 1)""",
                (now,),
            )
            change.execute(
                f"DELETE FROM occurrences WHERE last < ? AND state NOT IN {OPEN_STATES}", (int(now) - _HISTORY,)
            )

    # -- who runs it

    @contextmanager
    def own(self, now: float) -> Iterator[None]:
        """Own the schedule as its daemon inside the block. Raises StateError naming who owns it, and since when."""
        lock = Lock(self.folder / "daemon.lock", f"the schedule in {self.folder}", now=now)
        try:
            yield
        finally:
            lock.release()

    def is_owned(self) -> bool:
        """Whether a living daemon owns the schedule."""
        return is_locked(self.folder / "daemon.lock")

    def beat(self, heartbeat: Heartbeat) -> None:
        """Write a sign of life, for `last_beat` and for what watches the file's age."""
        atomic_file.write(self.folder / "heartbeat.json", json.dumps(asdict(heartbeat)).encode())

    def last_beat(self) -> Heartbeat | None:
        """The last sign of life; None if there is none that can be read."""
        try:
            data = json.loads(atomic_file.read(self.folder / "heartbeat.json") or b"")
            return Heartbeat(**{field.name: data[field.name] for field in fields(Heartbeat)})
        except (StateError, ValueError, TypeError, KeyError):
            return None
