"""What was given for a recipe's inputs, as values of their types."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pinflow.errors import UsageError
from pinflow.expressions.expression import ExpressionError
from pinflow.expressions.template import Scope, Value, compile_value
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pinflow.errors import Problem
    from pinflow.expressions.expression import Reference
    from pinflow.recipe.includes import Place
    from pinflow.recipe.model import Input

TOKEN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_ELSEWHERE = re.compile(r"[/\\~]|[A-Za-z][A-Za-z0-9+.-]*:")  # absolute, of a home, on a drive, an address
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Declared:
    """An input and the place of its declaration."""

    name: str
    input: Input
    place: Place

    def problem(self, what: str, *, hint: str = "") -> Problem:
        return self.place.problem(what, hint=hint, key=True)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The inputs' values, and what stood in the way of some.

    ``unknown`` are those without a value that can be counted on: missing, wrong, wrongly
    declared, built on such a one, or, where a recipe is only checked, not given. ``secrets``
    are the secret ones and those whose defaults are built from one. ``files`` are
    the absolute paths that inputs of type file name.
    """

    values: Mapping[str, Any]
    problems: tuple[Problem, ...]
    missing: tuple[Declared, ...]
    unknown: frozenset[str]
    secrets: frozenset[str]
    files: frozenset[str]


class MissingInputs(UsageError):
    """Required inputs that were not given."""

    def __init__(self, missing: Iterable[Declared]) -> None:
        self.missing = list(missing)
        self.problems = [_ask(each) for each in self.missing]
        super().__init__("\n".join(map(str, self.problems)))


def _ask(each: Declared) -> Problem:
    said = f" ({each.input.description})" if each.input.description else ""
    return each.problem(f"input {each.name!r} needs a value{said}", hint=f"give it with: -i {each.name}=...")


def check_known(given: Iterable[str], declared: Mapping[str, Declared]) -> None:
    """Raise UsageError for what was given and is no input."""
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise UsageError("\n".join(_unknown(name, declared) for name in unknown))


def _unknown(name: str, declared: Mapping[str, Declared]) -> str:
    near = nearest(name, declared)
    hint = f"did you mean {near!r}?" if near else f"the inputs are: {', '.join(declared) or 'none'}"
    return f"there is no input {name!r}; {hint}"


def resolve(
    declared: Mapping[str, Declared],
    given: Mapping[str, Any],
    *,
    now: datetime,
    examples: bool,
    checking: bool,
) -> Resolved:
    """A value for every input: what was given, else its example (if ``examples``), else its default, else null.

    ``checking`` is for a recipe that nobody runs yet.
    """
    resolver = _Resolver(declared, given, now, examples or checking)
    values = {name: resolver.value(name) for name in declared}
    unknown = resolver.broken | {each.name for each in resolver.missing}
    if checking:
        unknown |= {name for name, value in values.items() if value is None}
    files = {values[name] for name, each in declared.items() if each.input.type == "file" and values[name] is not None}
    return Resolved(
        values,
        tuple(resolver.problems),
        tuple(resolver.missing),
        frozenset(unknown),
        secrets_of(declared, given),
        frozenset(files),
    )


def secrets_of(declared: Mapping[str, Declared], given: Mapping[str, Any]) -> frozenset[str]:
    """The secret inputs, and those whose defaults, if they count, are built from one."""
    found = {name for name, each in declared.items() if each.input.type == "secret"}
    built = {name: _inputs_read(each) for name, each in declared.items() if given.get(name) is None}
    while more := {name for name, read in built.items() if name not in found and read & found}:
        found |= more
    return frozenset(found)


def _inputs_read(each: Declared) -> set[str]:
    references = (reference for _, reference in compile_value(each.input.default).references)
    return {str(r.path[0]) for r in references if r.root == "inputs" and r.path}


class _Resolver:
    def __init__(self, declared: Mapping[str, Declared], given: Mapping[str, Any], now: datetime, examples: bool):
        self._declared = declared
        self._given = given
        self._now = now
        self._examples = examples
        self._values: dict[str, Any] = {}
        self._open: list[str] = []  # the inputs whose defaults are being worked out
        self.broken: set[str] = set()  # what is wrong with them is told already
        self.problems: list[Problem] = []
        self.missing: list[Declared] = []

    def value(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._find(self._declared[name])
        return self._values[name]

    def _find(self, each: Declared) -> Any:
        if each.input.broken:
            self.broken.add(each.name)
        default = compile_value(each.input.default)
        wrong = False if default.constant else self._misnames(each, default)
        if self._given.get(each.name) is not None:
            return self._converted(each, self._given[each.name], f"{each.name}=...", by_user=True)
        if self._examples and each.input.example is not None:
            example = self._converted(each, each.input.example, "its example")
            return _beside(each, example) if each.input.type == "file" else example
        if wrong:
            self.broken.add(each.name)
            return None
        if each.input.has_default:
            return (
                self._converted(each, default.tree, "its default") if default.constant else self._built(each, default)
            )
        if each.input.required:
            self.missing.append(each)
        return None

    def _misnames(self, each: Declared, default: Value) -> bool:
        """Whether a default names what is no input; noted, even where the default is not used this time."""
        wrong = [r for _, r in default.references if r.root != "inputs" or (r.path and r.path[0] not in self._declared)]
        for reference in wrong:
            self._misnamed(each, reference)
        return bool(wrong)

    def _misnamed(self, each: Declared, reference: Reference) -> None:
        place = each.place.at("default")
        if reference.root != "inputs":
            what, hint = f"{reference.root!r} is not known before the run", "use inputs only here"
            self.problems.append(place.problem(what, hint=hint, offset=reference.offsets[0]))
            return
        name = str(reference.path[0])
        near = nearest(name, self._declared)
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(self._declared)}"
        self.problems.append(place.problem(f"there is no input {name!r}", hint=hint, offset=reference.offsets[1]))

    def _built(self, each: Declared, default: Value) -> Any:
        """A default made from other inputs."""
        references = [reference for _, reference in default.references]
        whole = any(not reference.path for reference in references)  # inputs itself, or one that is computed
        needed = sorted(self._declared if whole else {str(reference.path[0]) for reference in references})
        self._open.append(each.name)
        try:
            others = {name: self._other(each, name) for name in needed}
        finally:
            self._open.pop()
        lacking = {lacked.name for lacked in self.missing}
        if each.name in self.broken or not self.broken.isdisjoint(needed) or not lacking.isdisjoint(needed):
            self.broken.add(each.name)  # one that it needs is told already
            return None
        try:
            rendered = default.render(Scope({"inputs": others}), now=self._now)
        except ExpressionError as error:
            place = each.place.at("default")
            self.problems.append(place.problem(error.message, hint=error.hint or "", offset=error.offset))
            self.broken.add(each.name)
            return None
        return self._converted(each, rendered, "its default")

    def _other(self, each: Declared, name: str) -> Any:
        if name not in self._open:
            return self.value(name)
        circle = self._open[self._open.index(name) :]
        if self.broken.isdisjoint(circle):
            shown = " -> ".join([*circle, name])
            problem = (
                self._declared[name].place.at("default").problem(f"the defaults of inputs need each other: {shown}")
            )
            self.problems.append(problem)
        self.broken.update(circle)
        return None

    def _converted(self, each: Declared, raw: Any, origin: str, *, by_user: bool = False) -> Any:
        if raw is None:
            return None
        try:
            value = convert(raw, each.input)
            if each.input.type == "file":
                return _located(value, by_user=by_user)
        except ValueError as error:
            shown = "" if each.input.type == "secret" else f" {_shown(raw)}"
            self.problems.append(each.problem(f"input {each.name!r}: {origin}{shown} {error}"))
            self.broken.add(each.name)
            return None
        return value


def _shown(raw: Any) -> str:
    text = str(raw)
    return repr(text if len(text) <= 80 else f"{text[:79]}…")


def convert(raw: Any, declared: Input) -> Any:
    """``raw`` (text from a command line, or plain data) as the input's type.

    Raises ValueError saying what is wrong: "must be a whole number".
    """
    value = _typed(raw, declared.type)
    if declared.choices is not None and value not in declared.choices:
        raise ValueError(f"must be one of {', '.join(map(str, declared.choices))}")
    if declared.pattern is not None and not re.fullmatch(declared.pattern, str(value)):
        raise ValueError(f"must match {declared.pattern}")
    _check_size(value, declared)
    return value


def _located(name: str, *, by_user: bool) -> str:
    """The absolute path of a file, looked for where the user is.

    Only the user may name one elsewhere. Raises ValueError for a recipe that does.
    """
    if not by_user and (_ELSEWHERE.match(name) or ".." in re.split(r"[/\\]", name)):
        raise ValueError("must be a path below the current folder: only who runs the recipe may name a file elsewhere")
    try:
        return os.path.abspath(os.path.expanduser(name))  # noqa: PTH100, PTH111 - links stay, and so does ~x
    except FileNotFoundError:
        raise ValueError("is below the current folder, which was removed") from None


def _beside(each: Declared, path: str | None) -> str | None:
    """A recipe's example of a file may lie in its own folder."""
    own = os.path.join(os.path.dirname(each.place.source.name), str(each.input.example))  # noqa: PTH118, PTH120
    return os.path.abspath(own) if path is not None and os.path.isfile(own) else path  # noqa: PTH100, PTH113


def _check_size(value: Any, declared: Input) -> None:
    """``min`` and ``max`` bound numbers, and the length of texts and lists."""
    if isinstance(value, bool):
        return
    size = len(value) if isinstance(value, (str, list)) else value
    if declared.min is not None and size < declared.min:
        raise ValueError(f"must be at least {declared.min}{_unit(value)}")
    if declared.max is not None and size > declared.max:
        raise ValueError(f"must be at most {declared.max}{_unit(value)}")


def _unit(value: object) -> str:
    return " characters long" if isinstance(value, str) else " items long" if isinstance(value, list) else ""


def _typed(raw: Any, kind: str) -> Any:
    _check_text(raw)
    match kind:
        case "integer":
            return _whole(raw)
        case "number":
            return _number(raw)
        case "boolean":
            if isinstance(raw, bool):
                return raw
            if str(raw).lower() in ("true", "yes", "false", "no"):
                return str(raw).lower() in ("true", "yes")
            raise ValueError("must be true or false")
        case "list":
            return _list(raw)
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise ValueError("must be text")
    return _text(str(raw), kind)


def _check_text(raw: Any) -> None:
    """Bytes that are no text come from a command line as halves of characters, which can't be sent or stored."""
    if isinstance(raw, str) and any("\ud800" <= character <= "\udfff" for character in raw):
        raise ValueError("is not valid text")


def _whole(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and _WHOLE.fullmatch(raw.strip()):
        return int(raw)
    raise ValueError("must be a whole number")


def _number(raw: Any) -> int | float:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool) and math.isfinite(raw):
        return raw
    text = raw.strip() if isinstance(raw, str) else ""
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    raise ValueError("must be a number")


def _list(raw: Any) -> list[Any]:
    if isinstance(raw, (list, tuple)):
        return list(raw)
    if not isinstance(raw, str):
        raise ValueError("must be a list: a,b,c or a JSON list")
    if raw.lstrip().startswith("["):
        try:
            found: list[Any] = json.loads(raw, parse_constant=_no_number)
            json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise ValueError('is not a JSON list, such as ["a", "b"]; a,b is the same') from None
        return found
    return [part.strip() for part in raw.split(",") if part.strip()]


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _text(text: str, kind: str) -> str:
    match kind:
        case "id" if not re.fullmatch(r"[0-9]{1,32}", text):
            raise ValueError("must be an id: digits only")
        case "token" if not is_token_name(text):
            raise ValueError("must be the name of a token: letters, digits, _ . and -")
        case "date" if not _is_date(text):
            raise ValueError("must be a date such as 2026-01-31")
    return text


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


def is_token_name(text: str) -> bool:
    """Whether ``text`` can name a token: a plain name, never a path."""
    return bool(TOKEN_NAME.fullmatch(text)) and ".." not in text
