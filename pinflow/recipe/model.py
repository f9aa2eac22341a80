"""What a recipe holds: frozen parts, each declared as a table of its keys.

A line of a table says what counts where the key is left out, what may be written, and what it is for.
Reading a recipe, hints about misspelt keys and the schema for editors all go by these tables.
Expressions stay text; what needs the actions of plugins is checked by the plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from pinflow.lazy_dataclass import dataclass
from pinflow.recipe import schedule_validators, validators
from pinflow.recipe.validators import OneOf, Whole

T = TypeVar("T")
Validator: TypeAlias = Callable[[Any], Any]  # takes what was written, gives what is kept, or raises Invalid
InputType: TypeAlias = Literal[
    "string", "integer", "number", "boolean", "date", "id", "board", "token", "file", "list", "secret"
]


class Key(NamedTuple):
    """A line of a table. ``of`` is what its lists and mappings hold: a kind, or the name of a part."""

    default: Any
    kind: Validator
    about: str
    of: Validator | str | None
    required: bool
    field: str = ""  # of the part: Python has no `with`


def entry(default: T, kind: Validator, about: str, of: Validator | str | None = None, *, required: bool = False) -> T:
    """A line of a table; the default of a ``required`` key stands in where what was written is wrong."""
    metadata = {"key": Key(default, kind, about, of, required)}
    if isinstance(default, dict):  # dataclasses refuse a mapping as a plain default, although nothing changes it
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping with a fixed set of keys."""

    called: ClassVar[str] = ""  # in messages; by its place where this is empty
    vital: ClassVar[frozenset[str] | None] = None  # the keys that break it where they are wrong; None: any

    given: frozenset[str] = frozenset()  # the keys that were written
    broken: bool = False  # something is wrong and left out: what remains must not be judged as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Section):
    """A value that the recipe takes when it is run."""

    type: InputType = entry("string", OneOf(*get_args(InputType)), "What kind of value it is.")
    description: str = entry("", validators.text, "What it is for, in a line.")
    required: bool = entry(False, validators.boolean, "Whether it must be given.")
    default: Any = entry(
        None, validators.anything, "The value where none is given. It may be an expression over other inputs."
    )
    choices: tuple[Any, ...] | None = entry(None, validators.listing, "The only values that are allowed.")
    pattern: str | None = entry(None, validators.pattern, "A regular expression that the whole text must match.")
    min: int | float | None = entry(None, validators.number, "The least number, or the least length of a text or list.")
    max: int | float | None = entry(
        None, validators.number, "The greatest number, or the greatest length of a text or list."
    )
    example: Any = entry(
        None, validators.anything, "A value to try the recipe with; the sandbox uses it where none is given."
    )

    @property
    def has_default(self) -> bool:
        """Whether a default was written, be it null."""
        return "default" in self.given


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Section):
    """An account that steps act for."""

    token: str = entry(
        "unknown",
        validators.non_empty_text,
        "Name of the token, in the environment or in the token folder.",
        required=True,
    )
    plugin: str | None = entry(None, validators.non_empty_text, "The plugin that signs in, where more than one could.")
    scopes: tuple[str, ...] | None = entry(
        None,
        validators.listing,
        "Scopes to ask for. If left out, those that the steps need.",
        validators.text,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Section):
    """How often a step is tried."""

    called: ClassVar[str] = "retry"

    attempts: int = entry(3, Whole(1, 20), "How often the step is tried in all, 1 to 20.")
    delay: float = entry(1.0, validators.seconds, "How long to wait before the second try, such as 30 seconds.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Section):
    """When the recipe runs by itself. The scheduler says what the values mean."""

    called: ClassVar[str] = "the schedule"

    every: str | None = entry(None, schedule_validators.every, "How often: day, 30 minutes, 2 hours, monday.")
    at: str | tuple[str, ...] | None = entry(
        None, schedule_validators.clock_times, "The time of day, such as 03:30, or a list of times (00:00 if left out)."
    )
    cron: str | None = entry(
        None, schedule_validators.cron, "Five cron fields: minute, hour, day of month, month, day of week."
    )
    timezone: str = entry("UTC", schedule_validators.zone, "The time zone of at and cron, such as Europe/Berlin.")
    jitter: float | None = entry(
        None, validators.seconds, "Start up to this much later, so that not all start at once."
    )
    missed: Literal["skip", "last", "all"] = entry(
        "last",
        OneOf("skip", "last", "all"),
        "What to do with missed runs: skip all, run the last, or run all.",
    )
    overlap: Literal["skip", "queue"] = entry(
        "skip",
        OneOf("skip", "queue"),
        "What to do when the last run has not ended: leave this one out, or run it afterwards.",
    )
    grace: float | None = entry(
        None,
        validators.seconds,
        "How late a run may start before it counts as missed (half the time to the next one, at most 6 hours).",
    )
    until: str | None = entry(None, schedule_validators.moment, "The last day or moment on which it runs.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Section):
    """One thing that the recipe does: an action (uses), a loop (for_each, do) or another recipe's steps (include)."""

    called: ClassVar[str] = "a step"
    vital: ClassVar[frozenset[str] | None] = frozenset({"uses", "with", "auth", "api", "for_each", "do", "include"})

    id: str | None = entry(None, validators.name, "The name by which others read this step's result: steps.NAME.")
    name: str = entry("", validators.text, "What people see while the step runs.")
    uses: str | None = entry(None, validators.non_empty_text, "The action to run.")
    with_: Mapping[str, Any] = entry({}, validators.mapping, "The action's arguments.")
    auth: str | Mapping[str, str] | None = entry(
        None, validators.logins, "The login to act for, or one for each role of the action."
    )
    api: str | None = entry(None, validators.non_empty_text, "The API that the action's name belongs to.")
    if_: str | bool | None = entry(None, validators.condition, "An expression: the step is skipped where it is false.")
    timeout: float | None = entry(None, validators.positive_seconds, "How long the step may take, such as 10 minutes.")
    retry: Retry | None = entry(
        None, validators.present, "Whether to try again when the step fails for a passing reason.", "Retry"
    )
    on_error: Literal["fail", "continue"] = entry(
        "fail", OneOf("fail", "continue"), "Whether the recipe continues if this step fails."
    )
    for_each: str | tuple[Any, ...] | None = entry(
        None, validators.items, "What to loop over: an action that yields items, an expression, or a list."
    )
    as_: str | None = entry(None, validators.name, "The name of the current item in the loop's expressions.")
    key: str | None = entry(
        None, validators.non_empty_text, "An expression that tells items apart, so that a run can be resumed."
    )
    parallel: int = entry(1, Whole(1, 64), "How many items are worked on at the same time, 1 to 64.")
    limit: int | None = entry(None, Whole(1), "The greatest number of items.")
    collect: Mapping[str, Any] = entry(
        {}, validators.mapping, "What is kept of each item, in steps.NAME.rows: a name and an expression each."
    )
    duplicates: Literal["keep", "once"] = entry(
        "keep", OneOf("keep", "once"), "Whether items that are equal in all that the steps use are each done, or once."
    )
    do: tuple[Step, ...] = entry((), validators.listing, "The steps for each item of a loop.", "Step")
    include: str | None = entry(None, validators.relative_path, "A recipe in the same folder whose steps run here.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Section):
    """What a recipe file says.

    Where it is ``broken``, there may be more names than it declares.
    """

    called: ClassVar[str] = "the recipe"
    vital: ClassVar[frozenset[str] | None] = frozenset({"inputs", "auth", "finally"})

    pinflow: Literal[1] = entry(1, validators.version, "Version of the recipe language.")
    name: str = entry("", validators.non_empty_text, "The recipe's name, for people.", required=True)
    description: str = entry("", validators.text, "What the recipe does, for people.")
    api: str | None = entry(None, validators.non_empty_text, "The API that bare action names belong to, such as v5.")
    inputs: Mapping[str, Input] = entry({}, validators.mapping, "The values that the recipe takes.", "Input")
    auth: Mapping[str, Login] = entry({}, validators.mapping, "The accounts that steps act for.", "Login")
    schedule: Schedule | None = entry(None, validators.present, "When the recipe runs by itself.", "Schedule")
    steps: tuple[Step, ...] = entry((), validators.listing, "What the recipe does, in order.", "Step", required=True)
    finally_: tuple[Step, ...] = entry((), validators.listing, "Steps that run at the end, whatever happened.", "Step")
    outputs: Mapping[str, Any] = entry(
        {}, validators.mapping, "What the run gives back: a name and an expression each."
    )


def table(part: type[Section]) -> Mapping[str, Key]:
    """The keys of a part, as they are written."""
    return _tables()[part]


@cache
def _tables() -> Mapping[type[Section], Mapping[str, Key]]:
    return {part: _table(part) for part in (Recipe, Input, Login, Schedule, Step, Retry)}


def _table(part: type[Section]) -> Mapping[str, Key]:
    fields = [field for field in dataclasses.fields(part) if field.metadata]
    return {field.name.rstrip("_"): field.metadata["key"]._replace(field=field.name) for field in fields}
