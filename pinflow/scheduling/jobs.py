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
from pinflow.recipe import bundled
from pinflow.recipe.model import Schedule
from pinflow.scheduling.policy import Job, Terms
from pinflow.scheduling.rule_parser import rule_of
from pinflow.state.records import JobRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow.app import App

HERE = Path("recipes")  # where recipes are looked for when none are named
_SCHEDULE = re.compile(rb"""^[^#\n]*\bschedule["']?\s*:""", re.MULTILINE)
_KEYS = tuple(field.name for field in fields(Schedule) if field.metadata)


class NoSchedule(UsageError):
    """A recipe that does not say when it runs."""


def found(given: Sequence[Path], *, scheduled: Callable[[Path], bool]) -> tuple[list[Path], list[Path]]:
    """The files that are meant: those that were named, and those of the named folders that are ``scheduled``.

    Raises UsageError for a name that leads nowhere.
    """
    named: list[Path] = []
    listed: list[Path] = []
    for each in given:
        path = bundled.find_recipe(each).resolve()
        if os.path.isdir(path):  # noqa: PTH112 - never raises, whatever was typed
            names = sorted(name for name in os.listdir(path) if name.endswith((".yaml", ".yml")))  # noqa: PTH208 - of 10,000
            listed += [file for name in names if scheduled(file := path / name)]
        elif os.path.isfile(path):  # noqa: PTH113 - the same
            named.append(path)
        else:
            raise UsageError(f"there is no recipe or folder {each}")
    own = set(named)
    return list(dict.fromkeys(named)), list(dict.fromkeys(each for each in listed if each not in own))


def _may_have_schedule(file: Path) -> bool:
    """Whether a file seems to have a schedule, in whatever form the key is written; a broken one that has it does."""
    try:
        return _SCHEDULE.search(file.read_bytes()) is not None
    except OSError:
        return True


def load(
    app: App,
    given: Sequence[Path],
    inputs: Mapping[str, str],
    known: Mapping[str, JobRow],
    *,
    left_out: Callable[[str], None],
    reading: Callable[[int], None] = lambda number: None,
) -> list[JobRow]:
    """The jobs of the recipes, all of them checked, by name; from ``known`` where a file was not touched since.

    ``inputs`` go to every recipe that has an input of the name. A recipe of a folder that lacks one is left out,
    which ``left_out`` is told. ``reading`` is told how many have to be read, before
    they are. Raises RecipeError with every problem of all files, and UsageError.
    """
    same = {file: row for row in known.values() if row.stamp == stamp_of(file := Path(row.recipe))}
    named, listed = found(given, scheduled=lambda file: file in same or _may_have_schedule(file))
    reading(sum(file not in same for file in (*named, *listed)))
    problems: list[Problem] = []
    rows: list[JobRow] = []
    called: dict[str, JobRow] = {}
    used: set[str] = set()
    for file in [*named, *listed]:
        try:
            row = _again(same.get(file), inputs) or read_job(app, file, inputs)
        except MissingInputs as error:
            lacks = ", ".join(each.name for each in error.missing)
            if file in named:
                raise UsageError(
                    f"{file} can't run by itself: it needs the input {lacks}",
                    hint=f"give it with: -i {lacks}=..., or in a recipe that includes this one",
                ) from None
            left_out(f"{file.name} is left out: it needs the input {lacks} (-i {lacks}=...)")
            continue
        except NoSchedule:
            if file in named:
                raise
            continue
        except RecipeError as error:
            problems += error.problems
            continue
        used.update(row.inputs)
        problems += [_same_name(row, name, called[name]) for name in (row.name, row.title) if name in called]
        called.update({row.name: row, row.title: row})
        rows.append(row)
    if problems:
        raise RecipeError(problems)
    if unknown := sorted(set(inputs) - used):
        raise UsageError(f"no scheduled recipe has an input {unknown[0]!r}")
    return rows


def _same_name(row: JobRow, name: str, other: JobRow) -> Problem:
    return Problem(row.recipe, 1, 1, f"two recipes are called {name!r}", f"the other is {other.recipe}; rename one")


def stamp_of(file: Path) -> str:
    """What changes when a file is touched; "" for one that is gone."""
    try:
        state = file.stat()
    except OSError:
        return ""
    return f"{state.st_mtime_ns}:{state.st_size}:{state.st_ino}"


def _again(row: JobRow | None, inputs: Mapping[str, str]) -> JobRow | None:
    """The job of a file that was not touched, if the inputs are no others either."""
    return row if row is not None and dict(row.inputs) == dict(inputs) else None


def read_job(app: App, file: Path, inputs: Mapping[str, str]) -> JobRow:
    """What a recipe says of its schedule, with nothing of it in the table yet: the rule counts from now.

    Raises RecipeError, MissingInputs, and UsageError for a recipe that has no schedule or takes a secret.
    """
    stamp = stamp_of(file)
    takes = app.plan(file, inputs=None).inputs if inputs else {}
    own = {name: value for name, value in inputs.items() if name in takes}
    plan = app.plan(file, inputs=own)
    block = plan.recipe.schedule
    if block is None:
        raise NoSchedule(f"{file} has no schedule", hint='add one, such as schedule: {every: day, at: "03:30"}')
    secrets = sorted(name for name in plan.secrets if plan.inputs.get(name) is not None)
    if secrets:
        raise UsageError(
            f"{file} takes a secret ({secrets[0]}), which a schedule can't keep",
            hint="sign in with a stored token instead: pinflow auth login",
        )
    rule_of(block)
    said = {key: getattr(block, key) for key in _KEYS}
    now = int(app.now())
    return JobRow(
        name=file.stem,
        title=plan.recipe.name,
        recipe=str(file),
        stamp=stamp,
        digest=hashlib.sha256(json.dumps([plan.digest, said, own], default=str).encode()).hexdigest(),
        block=json.loads(json.dumps(said)),
        inputs=own,
        accounts=sorted({login.token for login in plan.logins.values()}),
        anchor=now - now % 60,
        seen=now,
    )


def job_of(row: JobRow) -> Job:
    """What decides about the times of a job."""
    block = block_of(row)
    terms = Terms(block.missed, block.overlap, block.grace, int(block.jitter or 0))
    return Job(row.name, rule_of(block), terms, row.anchor)


def next_run(row: JobRow) -> float | None:
    """When a job starts next: not while it is paused, nor while it rests."""
    if row.paused is not None:
        return None
    job = job_of(row)
    due = job.next(max(row.seen, ceil(row.rest_until) - 1))
    return None if due is None else job.start(due)


def block_of(row: JobRow) -> Schedule:
    """A job's schedule, as its recipe had it."""
    return _block(tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in row.block.items()))


@lru_cache(maxsize=4096)
def _block(items: tuple[tuple[str, Any], ...]) -> Schedule:
    return Schedule(**dict(items))
