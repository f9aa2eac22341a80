"""What is recorded of one run, read without owning it."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from pinflow.errors import StateError, UsageError
from pinflow.state.folder.journal import COUNTS, LAST, effect_of, file_of, look_at_run
from pinflow.state.folder.sqlite import RUN, look, unreadable
from pinflow.state.records import RunDetail, StepRecord

if TYPE_CHECKING:
    from pathlib import Path


def read_run(state: Path, run_id: str) -> RunDetail:
    """The run ``run_id`` below ``state``. Raises UsageError if there is none, StateError if it can't be read."""
    file = file_of(state, run_id)
    if file is None:
        raise UsageError(f"there is no run {run_id!r} in {state}", hint="pinflow runs lists them")
    record = look_at_run(file)
    try:
        with look(file) as connection:
            if record.state == "unreadable":  # what is said of the run itself, and not the file
                raise StateError(record.error, hint=RUN.advice)
            steps = [
                StepRecord(path, status, json.loads(output), seconds, error)
                for path, status, output, seconds, error in connection.execute(_STEPS)
            ]
            effects = [effect_of(row, json.loads) for row in connection.execute(_EFFECTS)]
            counts: dict[str, dict[str, int]] = {}
            for kind, outcome, number in connection.execute(COUNTS, ("", LAST)):
                counts.setdefault(kind, {})[outcome] = number
            calls: dict[str, dict[str, int]] = {}
            for login, category, number in connection.execute("SELECT login, category, n FROM calls"):
                calls.setdefault(login, {})[category] = number
    except (sqlite3.Error, ValueError) as error:
        raise unreadable(file, error) from error
    return RunDetail(record, steps, effects, counts, calls)


_STEPS = "SELECT path, status, output, seconds, error FROM steps"
_EFFECTS = "SELECT step, key, kind, state, attempts, method, digest, sent_at, result, error FROM effects"
