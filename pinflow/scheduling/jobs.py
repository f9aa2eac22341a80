"""From recipe files to jobs: which files are meant, what they say, and whether they were edited."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import fields
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.errors import Problem, RecipeError, UsageError
from pinflow.plan.inputs import MissingInputs
from pinflow.plan.secret_inputs import variable_of
from pinflow.plan.token_choices import login_of, stored_name
from pinflow.recipe import bundled
from pinflow.recipe.model import Schedule
from pinflow.scheduling.policy import Job, JobPolicy
from pinflow.scheduling.rule_parser import parse_rule
from pinflow.state.folder import paths
from pinflow.state.records import JobRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow.app import App
    from pinflow.plan import Plan
    from pinflow.state.protocol import ScheduleStore

_FOLDERS = "folders"  # the note about where jobs were registered
RECIPES = Path("recipes")  # where recipes are looked for when none are named
_SCHEDULE = re.compile(rb"""^[^#\n]*\bschedule["']?\s*:""", re.MULTILINE)
_KEYS = {field.name: field.metadata["key"] for field in fields(Schedule) if field.metadata}


class NoSchedule(UsageError):
    """A recipe without a schedule."""


def find_recipes(
    names: Sequence[Path], offered: Mapping[str, Path], *, is_scheduled: Callable[[Path], bool]
) -> tuple[list[Path], list[Path]]:
    """The files among ``names``, and those in its folders that are scheduled; ``offered`` are recipes of plugins.

    Raises UsageError or RecipeError for a name that is neither a recipe nor a folder.
    """
    named: list[Path] = []
    listed: list[Path] = []
    for name in names:
        path = bundled.find_recipe(name, offered).resolve()
        if os.path.isdir(path):  # noqa: PTH112 - never raises, whatever was typed
            entries = sorted(entry for entry in os.listdir(path) if entry.endswith((".yaml", ".yml")))  # noqa: PTH208 - of 10,000
            listed += [file for entry in entries if is_scheduled(file := path / entry)]
        elif os.path.isfile(path):  # noqa: PTH113 - the same
            named.append(path)
        else:
            raise UsageError(f"{name} does not exist")
    unique = dict.fromkeys(named)
    return list(unique), [file for file in dict.fromkeys(listed) if file not in unique]


def _may_have_schedule(file: Path) -> bool:
    """Whether a file seems to have a schedule, in whatever form the key is written; a broken one that has it does."""
    try:
        return _SCHEDULE.search(file.read_bytes()) is not None
    except OSError:
        return True


def load_jobs(
    app: App,
    recipes: Sequence[Path],
    inputs: Mapping[str, str],
    known: Mapping[str, JobRow],
    *,
    warn: Callable[[str], None],
    on_read: Callable[[int], None] = lambda number: None,
) -> list[JobRow]:
    """The jobs of the recipes, all of them checked, by name; from ``known`` where a file was not touched since.

    ``inputs`` go to every recipe that has an input of the name; tokens of logins are among them. A recipe of a folder
    that lacks one is left out, with a call of ``warn``. ``on_read`` is called with the number of files to be read,
    before they are. Raises RecipeError with every problem of all files, and UsageError.
    """
    untouched = {file: row for row in known.values() if row.stamp == file_stamp(file := Path(row.recipe))}
    named, listed = find_recipes(
        recipes, app.registry.recipes, is_scheduled=lambda file: file in untouched or _may_have_schedule(file)
    )
    on_read(sum(file not in untouched for file in (*named, *listed)))
    problems: list[Problem] = []
    rows: list[JobRow] = []
    by_name: dict[str, JobRow] = {}
    used: set[str] = set()
    for file in [*named, *listed]:
        try:
            row = _reusable_row(untouched.get(file), inputs) or read_job(app, file, inputs)
        except MissingInputs as error:
            names = ", ".join(missing.name for missing in error.missing)
            if file in named:
                raise UsageError(
                    f"{file} can't run by itself: it needs the input {names}",
                    hint=f"give it with: -i {names}=..., or in a recipe that includes this one",
                ) from None
            warn(f"{file.name} is left out: it needs the input {names} (-i {names}=...)")
            continue
        except NoSchedule:
            if file in named:
                raise
            continue
        except RecipeError as error:
            problems += error.problems
            continue
        used.update(row.inputs)
        problems += [_duplicate_name(row, name, by_name[name]) for name in (row.name, row.title) if name in by_name]
        by_name.update({row.name: row, row.title: row})
        rows.append(row)
    if problems:
        raise RecipeError(problems)
    if unknown := sorted(set(inputs) - used):
        raise UsageError(_unknown_name(unknown[0]))
    return rows


def _duplicate_name(row: JobRow, name: str, other: JobRow) -> Problem:
    return Problem(row.recipe, 1, 1, f"two recipes are called {name!r}", f"the other is {other.recipe}; rename one")


def file_stamp(file: Path) -> str:
    """A text that changes when a file is touched; "" for one that is gone."""
    try:
        state = file.stat()
    except OSError:
        return ""
    return f"{state.st_mtime_ns}:{state.st_size}:{state.st_ino}"


def _reusable_row(row: JobRow | None, inputs: Mapping[str, str]) -> JobRow | None:
    """The row of a file that was not touched, if the inputs are the same too."""
    return row if row is not None and dict(row.inputs) == dict(inputs) else None


def read_job(app: App, file: Path, inputs: Mapping[str, str]) -> JobRow:
    """The row of a recipe, as if it were new: its rule counts from now.

    Raises RecipeError, MissingInputs, and UsageError for a recipe that has no schedule or takes a secret.
    """
    stamp = file_stamp(file)
    accepted = _accepted_names(app.plan(file, inputs=None)) if inputs else frozenset()
    own = {name: value for name, value in inputs.items() if name in accepted}
    plan = app.plan(file, inputs=own)
    block = plan.recipe.schedule
    if block is None:
        raise NoSchedule(f"{file} has no schedule", hint='add one, such as schedule: {every: day, at: "03:30"}')
    secrets = sorted(plan.secrets & own.keys())
    if secrets:
        raise UsageError(
            f"{file} takes a secret ({secrets[0]}), which a schedule can't keep",
            hint=f"start the scheduler with the variable {variable_of(secrets[0])}; for a token: pinflow auth login",
        )
    parse_rule(block)
    values = {key: getattr(block, key) for key in _KEYS}
    now = int(app.now())
    return JobRow(
        name=job_name(file),
        title=plan.recipe.name,
        recipe=str(file),
        stamp=stamp,
        digest=hashlib.sha256(json.dumps([plan.digest, values, own], default=str).encode()).hexdigest(),
        block=json.loads(json.dumps(values)),
        inputs=own,
        accounts=sorted({login.token for login in plan.logins.values()}),
        anchor=now - now % 60,
        seen=now,
    )


def job_name(file: Path) -> str:
    """What a job is called: as its recipe's file, with \\xe9 in place of a byte that is no valid text."""
    return os.fsencode(file.stem).decode(errors="backslashreplace")


def _accepted_names(plan: Plan) -> frozenset[str]:
    """The names of a recipe's inputs, and those under which tokens of its logins are kept beside them."""
    logins = {login for login, _ in plan.logins}
    return frozenset((*plan.inputs, *map(stored_name, logins), *([stored_name("")] if len(logins) == 1 else [])))


def _unknown_name(name: str) -> str:
    login = login_of(name)
    if login is None:
        return f"no scheduled recipe has an input {name!r}"
    return f"no scheduled recipe has a login {login!r}" if login else "no scheduled recipe has exactly one login"


def stored_jobs(store: ScheduleStore) -> dict[str, JobRow]:
    """The scheduled jobs by name. Raises StateError naming one whose schedule no recipe could have."""
    rows = store.jobs.all()
    for row in rows.values():
        try:
            block_of(row)
        except (ValueError, TypeError) as error:
            raise store.damage(f"the job {row.name}: {error}") from error
    return rows


def note_folders(store: ScheduleStore, jobs: Sequence[str]) -> None:
    """Store that jobs were registered in the current folder."""
    here = str(paths.current_folder())
    store.put_note(_FOLDERS, {**_folders(store), **dict.fromkeys(jobs, here)})


def folder_of(store: ScheduleStore, job: str) -> Path | None:
    """The folder where a job was registered; None if that is not known: it is of an earlier version."""
    folder = _folders(store).get(job)
    return None if folder is None else Path(folder)


def _folders(store: ScheduleStore) -> dict[str, str]:
    note = store.note(_FOLDERS)
    if note is None:
        return {}
    if isinstance(note, dict) and all(isinstance(folder, str) for folder in note.values()):
        return note
    raise store.damage("where its jobs were registered can't be read")


def job_of(row: JobRow) -> Job:
    """The job of a row: its rule and its policy."""
    block = block_of(row)
    policy = JobPolicy(block.missed, block.overlap, block.grace, int(block.jitter or 0))
    return Job(row.name, parse_rule(block), policy, row.anchor)


def next_run(row: JobRow) -> float | None:
    """When a job starts next: not while it is paused, nor while it rests."""
    if row.paused is not None:
        return None
    job = job_of(row)
    due = job.next(max(row.seen, ceil(row.rest_until) - 1))
    return None if due is None else job.start(due)


def block_of(row: JobRow) -> Schedule:
    """A job's schedule, as its recipe had it. Raises ValueError or TypeError for one that no recipe can have."""
    return _block(tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in row.block.items()))


@lru_cache(maxsize=4096)  # 10,000 jobs have few different schedules
def _block(items: tuple[tuple[str, Any], ...]) -> Schedule:
    values = dict(items)
    if values.keys() != _KEYS.keys():
        raise ValueError("its schedule has other keys")
    for name, key in _KEYS.items():
        value = values[name]
        if value != key.default:
            try:
                key.kind(list(value) if isinstance(value, tuple) else value)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from error
    return Schedule(**values)
