"""The scheduled jobs in the schedule's file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinflow.state.folder.occurrences import withdraw
from pinflow.state.folder.schedule_file import parse_json
from pinflow.state.folder.sqlite import load_path, store_path
from pinflow.state.records import JobRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow.state.folder.schedule_file import ScheduleFile

_NAMES = tuple(JobRow.__dataclass_fields__)
_COLUMNS = ", ".join(_NAMES)
_MARKS = ", ".join("?" * len(_NAMES))
_JSON: dict[str, type] = {"block": dict, "inputs": dict, "accounts": list}  # columns of JSON, and what is in them


class FolderJobs:
    """The jobs, whose schedule is the scheduler's to read. Methods raise StateError."""

    def __init__(self, file: ScheduleFile) -> None:
        self._file = file

    def all(self, *, active: bool = True) -> dict[str, JobRow]:
        """Every job by name; without ``active`` those that were removed as well."""
        rows = self._file.rows(f"SELECT {_COLUMNS} FROM jobs WHERE active >= ? ORDER BY name", (int(active),))
        return {row[0]: self._job(row) for row in rows}

    def _job(self, row: tuple[Any, ...]) -> JobRow:
        values = dict(zip(_NAMES, row, strict=True))
        try:
            parsed = {name: _parse(values[name], shape) for name, shape in _JSON.items()}
        except (ValueError, TypeError) as error:
            raise self._file.damage(f"the job {row[0]}: {error}") from error
        plain = {"active": bool(values["active"]), "recipe": load_path(values["recipe"])}
        return JobRow(**values | parsed | plain)

    def put(self, rows: Iterable[JobRow], *, now: float) -> list[str]:
        """Add jobs, or change them. Returns the names of those whose waiting occurrences were withdrawn.

        A changed digest withdraws them. A changed rule also begins anew: with the anchor and the
        watermark of the given row.
        """
        withdrawn = []
        with self._file.change() as change:
            for row in rows:
                before = change.execute(f"SELECT {_COLUMNS} FROM jobs WHERE name = ?", (row.name,)).fetchone()
                old = None if before is None else self._job(before)
                if old is not None and old.digest != row.digest:
                    reason = "the recipe was edited" if old.active else "the recipe was removed and came back"
                    if withdraw(change, row.name, reason, now):
                        withdrawn.append(row.name)
                if old is not None and old.active and old.block == row.block:
                    row = replace(row, anchor=old.anchor, seen=old.seen)
                if old is not None:
                    rest = old.rest_until if old.digest == row.digest else 0.0  # what was edited may be mended
                    row = replace(row, paused=old.paused, failures=old.failures, rest_until=rest)
                change.execute(f"INSERT OR REPLACE INTO jobs ({_COLUMNS}) VALUES ({_MARKS})", _values(row))
        return withdrawn

    def remove(self, names: Iterable[str], reason: str, *, now: float) -> None:
        """These jobs are no longer scheduled; what waits is withdrawn."""
        with self._file.change() as change:
            for name in names:
                change.execute("UPDATE jobs SET active = 0 WHERE name = ?", (name,))
                withdraw(change, name, reason, now)

    def pause(self, job: str, since: float | None) -> bool:
        """Pause a job, or (None) let it go on. Returns whether that changed anything."""
        with self._file.change() as change:
            query = "UPDATE jobs SET paused = ? WHERE name = ? AND (paused IS NULL) = ?"
            return bool(change.execute(query, (since, job, since is not None)).rowcount)

    def end_rest(self, job: str, now: float) -> bool:
        """Let a job run again that rests after failures. Returns whether it rested."""
        with self._file.change() as change:
            query = "UPDATE jobs SET rest_until = 0 WHERE name = ? AND rest_until > ?"
            return bool(change.execute(query, (job, now)).rowcount)

    def count_failure(self, job: str, failed: bool, *, rest_until: float = 0.0) -> int:
        """How many times in a row the job has failed now; ``rest_until`` is when it may run again."""
        with self._file.change() as change:
            query = "UPDATE jobs SET failures = CASE ? WHEN 1 THEN failures + 1 ELSE 0 END, rest_until = ?"
            change.execute(f"{query} WHERE name = ?", (int(failed), rest_until, job))
            row = change.execute("SELECT failures FROM jobs WHERE name = ?", (job,)).fetchone()
        return row[0] if row else 0


def _parse(text: str, shape: type) -> Any:
    """The mapping or list of a JSON text. Raises ValueError."""
    value = parse_json(text)
    if not isinstance(value, shape):
        raise ValueError(f"{text[:40]} is not a {'list' if shape is list else 'mapping'}")
    return value


def _values(row: JobRow) -> list[object]:
    values = {name: getattr(row, name) for name in _NAMES}
    values["recipe"] = store_path(row.recipe)
    return [json.dumps(value) if name in _JSON else value for name, value in values.items()]
