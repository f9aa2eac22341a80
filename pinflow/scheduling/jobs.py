"""From recipe files to jobs: which files are meant, what they say, and whether they were edited."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow import paths
from pinflow.errors import Problem, RecipeError, UsageError
from pinflow.inputs import MissingInputs
from pinflow.recipe.model import Schedule
from pinflow.scheduling.policy import Job, Terms
from pinflow.scheduling.table import JobRow
from pinflow.scheduling.vocabulary import rule_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow.app import App

HERE = Path("recipes")  # where recipes are looked for when none are named
_KEYS = tuple(field.name for field in fields(Schedule) if field.metadata)


def found(given: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files that are meant: those that were named, and those of the named folders.

    A folder's are all its recipes that have a schedule. Raises UsageError for a name that leads nowhere.
    """
    named, listed = [], []
    for each in given:
        path = paths.find_recipe(each)
        if path.is_dir():
            listed += [file for file in sorted(path.iterdir()) if file.suffix in (".yaml", ".yml") and _scheduled(file)]
        elif path.is_file():
            named.append(path)
        else:
            raise UsageError(f"there is no recipe or folder {each}")
    return _absolute(named), _absolute(each for each in listed if each not in named)


def _absolute(files: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(each.resolve() for each in files))


def _scheduled(file: Path) -> bool:
    """Whether a file seems to have a schedule; a broken one that has the word does."""
    try:
        text = file.read_bytes()
    except OSError:
        return True
    return any(line.startswith(b"schedule:") for line in text.splitlines())


def load(
    app: App,
    given: Sequence[Path],
    inputs: Mapping[str, str],
    known: Mapping[str, JobRow],
    *,
    left_out: Callable[[str], None],
) -> list[JobRow]:
    """The jobs of the recipes, all of them checked, by name; from ``known`` where a file was not touched since.

    ``inputs`` go to every recipe that has an input of the name. A recipe of a folder that lacks one is left out,
    which ``left_out`` is told. Raises RecipeError with every problem of all files, and UsageError.
    """
    named, listed = found(given)
    problems: list[Problem] = []
    rows: dict[str, JobRow] = {}
    used: set[str] = set()
    for file in [*named, *listed]:
        try:
            row = _again(file, inputs, known) or read_job(app, file, inputs)
        except MissingInputs as error:
            lacks = ", ".join(each.name for each in error.missing)
            if file in named:
                raise UsageError(
                    f"{file} can't run by itself: it needs the input {lacks}", hint=f"give it with: -i {lacks}=..."
                ) from None
            left_out(f"{file.name} is left out: it needs the input {lacks} (-i {lacks}=...)")
            continue
        except RecipeError as error:
            problems += error.problems
            continue
        used.update(row.inputs)
        problems += _same_name(row, rows)
        rows[row.name] = row
    if problems:
        raise RecipeError(problems)
    if unknown := sorted(set(inputs) - used):
        raise UsageError(f"no scheduled recipe has an input {unknown[0]!r}")
    return list(rows.values())


def _same_name(row: JobRow, rows: Mapping[str, JobRow]) -> list[Problem]:
    for other in rows.values():
        if row.name == other.name or row.title == other.title:
            name = row.name if row.name == other.name else row.title
            return [
                Problem(
                    row.recipe, 1, 1, f"two recipes are called {name!r}", f"the other is {other.recipe}; rename one"
                )
            ]
    return []


def stamp_of(file: Path) -> str:
    """What changes when a file is touched; "" for one that is gone."""
    try:
        state = file.stat()
    except OSError:
        return ""
    return f"{state.st_mtime_ns}:{state.st_size}:{state.st_ino}"


def _again(file: Path, inputs: Mapping[str, str], known: Mapping[str, JobRow]) -> JobRow | None:
    """The job as it was read before, if nothing about it can have changed."""
    row = known.get(file.stem)
    if row is None or not row.active or row.recipe != str(file) or row.stamp != stamp_of(file):
        return None
    return row if not (set(row.inputs) | set(inputs)) or dict(row.inputs) == dict(inputs) else None


def read_job(app: App, file: Path, inputs: Mapping[str, str]) -> JobRow:
    """What a recipe says of its schedule, with nothing of it in the table yet: the rule counts from now.

    Raises RecipeError, MissingInputs, and UsageError for a recipe that has no schedule or takes a secret.
    """
    stamp = stamp_of(file)
    checked = app.plan(file, inputs=None)
    own = {name: value for name, value in inputs.items() if name in checked.inputs}
    plan = app.plan(file, inputs=own)
    block = plan.recipe.schedule
    if block is None:
        raise UsageError(f"{file} has no schedule", hint='add one, such as schedule: {every: day, at: "03:30"}')
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


def block_of(row: JobRow) -> Schedule:
    """A job's schedule, as its recipe had it."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.block.items()
    }
    return Schedule(**values)
