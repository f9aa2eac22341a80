"""The values of a recipe's inputs, checked and as their types."""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

from pinflow.errors import RecipeError, UsageError
from pinflow.expressions.template import Scope, Value, compile_value
from pinflow.expressions.values import Budget
from pinflow.lazy_dataclass import dataclass
from pinflow.plan.secret_inputs import FileReference, advice_for, check_length
from pinflow.schema.constraints import Text
from pinflow.schema.file_names import READABLE, WRITABLE, is_elsewhere, is_too_long, own_name_problem
from pinflow.schema.invalid import Invalid, not_one_of, size_problem
from pinflow.schema.types import AnyType, ExactType, ListType, NumberType, TextType
from pinflow.suggestions import quote, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set
    from datetime import datetime

    from pinflow.errors import Problem
    from pinflow.expressions.expression import Reference
    from pinflow.recipe.includes import IncludePlace
    from pinflow.recipe.model import Input
    from pinflow.schema.patterns import Effort
    from pinflow.schema.types import Type

TOKEN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_OWN_FILES = tuple(dict.fromkeys((*READABLE, *WRITABLE)))  # endings of what a recipe may read or write by itself
MOST_INPUTS = 200  # 20 times the most of the bundled recipes; a default that reads long others takes 2 ms to make
_MOST_BUILT = 30  # defaults in a row, each made from the next: each takes some ten calls within calls
_TYPES: Mapping[str, Type] = {
    **dict.fromkeys(("string", "board", "file", "secret"), TextType()),
    "id": TextType(Text(r"\A[0-9]{1,32}\Z", format="id")),
    "token": TextType(Text(rf"\A(?!.*\.\.){TOKEN_NAME.pattern}\Z", format="token")),
    "date": TextType(Text(format="date")),
    "integer": NumberType(True),
    "number": NumberType(False),
    "boolean": ExactType(bool, "true or false", "boolean"),
    "list": ListType(AnyType(), list, "list"),
}


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """An input and the place of its declaration."""

    name: str
    input: Input
    place: IncludePlace

    def problem(self, message: str, *, hint: str = "") -> Problem:
        return self.place.problem(message, hint=hint, key=True)


@dataclass(frozen=True, slots=True)
class InputValues:
    """The inputs' values, and what stood in the way of some.

    ``unknown`` are those without a value that can be counted on: missing, wrong, wrongly
    declared, built on such a one, or, where a recipe is only checked, not given. ``secrets``
    are the secret ones and those whose defaults are built from one. ``files`` are
    the absolute paths that inputs of type file name.
    """

    values: Mapping[str, Any]
    problems: tuple[Problem, ...]
    missing: tuple[DeclaredInput, ...]
    unknown: frozenset[str]
    secrets: frozenset[str]
    files: frozenset[str]


class MissingInputs(UsageError):
    """Required inputs that were not given."""

    def __init__(self, missing: Iterable[DeclaredInput]) -> None:
        self.missing = list(missing)
        self.problems = [_ask(entry) for entry in self.missing]
        super().__init__("\n".join(map(str, self.problems)))


def _ask(entry: DeclaredInput) -> Problem:
    description = f" ({entry.input.description})" if entry.input.description else ""
    hint = advice_for(entry.name) if entry.input.type == "secret" else f"give it with: -i {entry.name}=..."
    return entry.problem(f"input {entry.name!r} needs a value{description}", hint=hint).without_line()


def check_known(raw_values: Iterable[str], entries: Mapping[str, DeclaredInput]) -> None:
    """Raise UsageError for what was given and isn't an input."""
    unknown = [name for name in raw_values if name not in entries]
    if unknown:
        raise UsageError("\n".join(_unknown(name, entries) for name in unknown))


def _unknown(name: str, entries: Mapping[str, DeclaredInput]) -> str:
    return f"unknown input {name!r}; {suggest(name, entries, 'the inputs are')}"


def resolve(
    entries: Mapping[str, DeclaredInput],
    raw_values: Mapping[str, Any],
    *,
    now: datetime,
    examples: bool,
    checking: bool,
    typed: Set[str],
    kept: Set[str],
    here: str,
) -> InputValues:
    """The value of every input: as passed, else its example (if ``examples``), else its default, else null.

    ``checking`` is for a recipe that is not run yet. ``typed`` are the inputs that have their values from a person,
    ``kept`` those that have them from the record of the same run, and ``here`` is the folder that paths count from.
    """
    if len(entries) > MOST_INPUTS:
        extra = list(entries.values())[MOST_INPUTS]
        hint = "put what belongs together into a table, or into one input of type list"
        raise RecipeError(
            [extra.problem(f"a recipe and all that it includes have at most {MOST_INPUTS} inputs", hint=hint)]
        )
    resolver = _Resolver(entries, raw_values, now, examples or checking, typed=typed, kept=kept, here=here)
    values = {name: resolver.value(name) for name in entries}
    unknown = resolver.broken | {entry.name for entry in resolver.missing}
    if checking:
        unknown |= {name for name, value in values.items() if value is None}
    files = {values[name] for name, entry in entries.items() if entry.input.type == "file" and values[name] is not None}
    return InputValues(
        values,
        tuple(resolver.problems),
        tuple(resolver.missing),
        frozenset(unknown),
        secrets_of(entries, raw_values),
        frozenset(files),
    )


def secrets_of(entries: Mapping[str, DeclaredInput], raw_values: Mapping[str, Any]) -> frozenset[str]:
    """The secret inputs, and those whose defaults, if they count, are built from one."""
    secrets = {name for name, entry in entries.items() if entry.input.type == "secret"}
    built = {name: _inputs_read(entry) for name, entry in entries.items() if raw_values.get(name) is None}
    while more := {name for name, read in built.items() if name not in secrets and read & secrets}:
        secrets |= more
    return frozenset(secrets)


def _inputs_read(entry: DeclaredInput) -> set[str]:
    references = (reference for _, reference in compile_value(entry.input.default).references)
    return {str(r.path[0]) for r in references if r.root == "inputs" and r.path}


@dataclass(frozen=True, slots=True)
class RecordedInputs:
    """The inputs of an earlier run: their ``values``, and which of them were ``given``, not left to their defaults.

    ``typed`` are those of the given ones whose values a person gave.
    """

    values: Mapping[str, Any]
    given: frozenset[str]
    typed: frozenset[str]

    def lasting(self, entries: Mapping[str, DeclaredInput], raw_values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that still hold beside ``raw_values``: not defaults that are made from one of these."""
        stale = set(raw_values)
        built = {name: _inputs_read(entry) for name, entry in entries.items() if name not in self.given}
        while more := {name for name, read in built.items() if name not in stale and read & stale}:
            stale |= more
        return {name: value for name, value in self.values.items() if name in entries and name not in stale}


class _Resolver:
    """Works out the values one by one: a default may need those of other inputs."""

    def __init__(
        self,
        entries: Mapping[str, DeclaredInput],
        raw_values: Mapping[str, Any],
        now: datetime,
        examples: bool,
        *,
        typed: Set[str],
        kept: Set[str],
        here: str,
    ):
        self._entries = entries
        self._raw_values = raw_values
        self._now = now
        self._examples = examples
        self._as_given = typed | kept  # a path of these may be anywhere, as far as this can tell
        self._here = here
        self._values: dict[str, Any] = {}
        self._open: list[str] = []  # the inputs whose defaults are being evaluated
        self._effort: Effort | None = None
        self._budget = Budget()  # of all defaults that are made from other inputs
        self.broken: set[str] = set()  # their problems are noted already
        self.problems: list[Problem] = []
        self.missing: list[DeclaredInput] = []

    def value(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._find(self._entries[name])
        return self._values[name]

    def _find(self, entry: DeclaredInput) -> Any:
        if entry.input.broken:
            self.broken.add(entry.name)
        default = compile_value(entry.input.default)
        wrong = False if default.constant else self._misnames(entry, default)
        if self._raw_values.get(entry.name) is not None:
            return self._convert(entry, self._raw_values[entry.name], "", as_given=entry.name in self._as_given)
        if self._examples and entry.input.example is not None:
            example = self._convert(entry, entry.input.example, "the example of ")
            return _beside(entry, example) if entry.input.type == "file" else example
        if wrong:
            self.broken.add(entry.name)
            return None
        if entry.input.has_default and default.constant:
            return self._convert(entry, default.tree, "the default of ")
        if entry.input.has_default:
            return self._default_from_inputs(entry, default)
        if entry.input.required:
            self.missing.append(entry)
        return None

    def _misnames(self, entry: DeclaredInput, default: Value) -> bool:
        """Whether a default names something else than an input; noted, even where the default is not used this time."""
        wrong = [r for _, r in default.references if r.root != "inputs" or (r.path and r.path[0] not in self._entries)]
        for reference in wrong:
            self._misnamed(entry, reference)
        return bool(wrong)

    def _misnamed(self, entry: DeclaredInput, reference: Reference) -> None:
        place = entry.place.at("default")
        if reference.root != "inputs":
            message, hint = f"{reference.root!r} is not known before the run", "use inputs only here"
            self.problems.append(place.problem(message, hint=hint, offset=reference.offsets[0]))
            return
        name = str(reference.path[0])
        hint = suggest(name, self._entries, "the inputs are")
        self.problems.append(place.problem(f"unknown input {name!r}", hint=hint, offset=reference.offsets[1]))

    def _default_from_inputs(self, entry: DeclaredInput, default: Value) -> Any:
        """A default made from other inputs."""
        references = [reference for _, reference in default.references]
        whole = any(not reference.path for reference in references)  # inputs itself, or one that is computed
        needed = sorted(self._entries if whole else {str(reference.path[0]) for reference in references})
        self._open.append(entry.name)
        try:
            others = {name: self._other(entry, name) for name in needed}
        finally:
            self._open.pop()
        missing = {entry.name for entry in self.missing}
        if entry.name in self.broken or not self.broken.isdisjoint(needed) or not missing.isdisjoint(needed):
            self.broken.add(entry.name)  # one that it needs is told already
            return None
        try:
            with self._budget.share():
                rendered = default.render(Scope({"inputs": others}), now=self._now)
        except Invalid as invalid:
            self.problems.append(entry.place.at("default").locate(invalid))
            self.broken.add(entry.name)
            return None
        return self._convert(entry, rendered, "the default of ")

    def _other(self, entry: DeclaredInput, name: str) -> Any:
        if name not in self._open and len(self._open) >= _MOST_BUILT:
            if not self.broken.intersection(self._open):
                message = f"more than {_MOST_BUILT} defaults of inputs are built on one another"
                self.problems.append(entry.place.at("default").problem(message, hint="write the value itself here"))
            self.broken.update(self._open)
            return None
        if name not in self._open:
            return self.value(name)
        circle = self._open[self._open.index(name) :]
        if self.broken.isdisjoint(circle):
            shown = " -> ".join([*circle, name])
            problem = (
                self._entries[name].place.at("default").problem(f"the defaults of inputs need each other: {shown}")
            )
            self.problems.append(problem)
        self.broken.update(circle)
        return None

    def _effort_left(self) -> Effort:
        """What the patterns of all inputs share; made when it is first needed, as few recipes have any."""
        if self._effort is None:
            from pinflow.schema.patterns import Effort

            self._effort = Effort()
        return self._effort

    def _convert(self, entry: DeclaredInput, raw: Any, origin: str, *, as_given: bool = False) -> Any:
        if raw is None:
            return None
        try:
            value = convert(raw, entry.input, self._effort_left() if entry.input.pattern else None)
            return self._absolute_path(value, as_given=as_given) if entry.input.type == "file" else value
        except Invalid as invalid:
            if isinstance(raw, str) and entry.input.type != "secret":
                invalid.show(raw)
            invalid.about(f"{origin}input {entry.name!r}")
            problem = entry.problem(invalid.message, hint=invalid.hint)
            self.problems.append(problem if origin else problem.without_line())  # what was given isn't in the recipe
            self.broken.add(entry.name)
            return None

    def _absolute_path(self, name: str, *, as_given: bool) -> str:
        """The absolute path of a file, looked for where the person is.

        Only a person may name one elsewhere, or of any kind. Raises Invalid for a recipe that does.
        """
        if not as_given and is_elsewhere(name):
            raise Invalid(
                "must be a path below the current folder", "only who runs the recipe may name a file elsewhere"
            )
        if is_too_long(name):
            raise Invalid("is too long for the name of a file", "choose a shorter one")
        if not as_given and (problem := own_name_problem(name, _OWN_FILES)):
            raise Invalid(f"{quote(name)} {problem[0]}", problem[1])
        path = os.path.join(self._here, os.path.expanduser(name))  # noqa: PTH111, PTH118 - links stay, and so does ~x
        if not os.path.isabs(path):  # noqa: PTH117
            raise Invalid("is below the current folder, which was removed")
        return os.path.normpath(path)


def convert(raw: Any, entry: Input, effort: Effort | None = None) -> Any:
    """``raw`` (text from a command line, or plain data) as the input's type. Raises Invalid.

    ``effort`` bounds what all patterns of a recipe may take together.
    """
    if isinstance(raw, FileReference):
        raw = raw.read() if entry.type == "secret" else str(raw)
    value = _read(raw, entry.type)
    problems: list[Invalid] = []
    converted = _TYPES[entry.type].convert(value, (), problems)
    if problems:
        raise problems[0]
    value = value if entry.type == "number" else converted  # a whole number stays one
    if entry.type == "secret":
        check_length(value)
    if entry.choices is not None and value not in entry.choices:
        raise not_one_of(entry.choices, value, show=entry.type != "secret")
    if entry.pattern is not None:
        _check_pattern(entry.pattern, str(value), effort)
    if wrong := size_problem(value, entry.min, entry.max):
        raise Invalid(wrong)
    return value


def _check_pattern(pattern: str, text: str, effort: Effort | None) -> None:
    from pinflow.schema.patterns import Effort, TooMuchEffort, matches

    try:
        matched = matches(pattern, text, effort or Effort())
    except TooMuchEffort:
        raise Invalid(f"takes too long to compare with {pattern}", "write a simpler pattern") from None
    if not matched:
        raise Invalid(f"doesn't match {pattern}")


def _beside(entry: DeclaredInput, path: str | None) -> str | None:
    """A recipe's example of a file may lie in its own folder."""
    own = os.path.join(os.path.dirname(entry.place.source.name), str(entry.input.example))  # noqa: PTH118, PTH120
    return os.path.abspath(own) if path is not None and os.path.isfile(own) else path  # noqa: PTH100, PTH113


def _read(raw: Any, type_: str) -> Any:
    """The plain data that a text spells for an input of this type; what spells none stays as it is."""
    if isinstance(raw, tuple):
        return list(raw)
    if isinstance(raw, float) and not math.isfinite(raw):
        return str(raw)  # which is not a number to anybody else
    if not isinstance(raw, str):
        return raw
    # bytes that are not text come from a command line as halves of characters: a file may have such a name, but they
    # can't be sent
    if type_ != "file" and any("\ud800" <= character <= "\udfff" for character in raw):
        raise Invalid("isn't valid text")
    text = raw.strip()
    match type_:
        case "integer" | "number" if _WHOLE.fullmatch(text):
            return int(text)
        case "number" if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        case "boolean" if raw.lower() in ("true", "yes", "false", "no"):
            return raw.lower() in ("true", "yes")
        case "list":
            return _read_list(raw)
    return raw


def _read_list(raw: str) -> list[Any]:
    if not raw.lstrip().startswith("["):
        return [part.strip() for part in raw.split(",") if part.strip()]
    try:
        items: list[Any] = json.loads(raw, parse_constant=_refuse_constant)
        json.dumps(items, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Invalid("isn't a JSON list", 'write it like ["a", "b"]; a,b is the same') from None
    return items


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def is_token_name(text: str) -> bool:
    """Whether ``text`` can name a token: a plain name, never a path."""
    return bool(TOKEN_NAME.fullmatch(text)) and ".." not in text
