"""How an expression reads its data: ``steps.copy.board?.id``, ``pins[0]["alt text"]``.

Fields are those of mappings, and nothing else has any: no attribute of a Python object is ever looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias

from pinflow.expressions.errors import ExpressionError, Refused
from pinflow.expressions.functions import FUNCTIONS
from pinflow.expressions.values import AS_IS, MAX_WHOLE, Evaluation, kind_of, plain
from pinflow.suggestions import nearest, quoted

Run: TypeAlias = Callable[[Evaluation], Any]
Key: TypeAlias = str | int


class _Absent:
    """The type of ABSENT."""


ABSENT: Final = _Absent()  # what a path under ?? gives when there is nothing; never leaves an expression


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in the data that an expression reads, so that it can be checked before a run.

    ``path`` holds the constant fields and indexes after the name ``root``, up to the first computed one.
    ``offsets`` are those of the root and of each part of the path. ``optional`` says that something may be missing:
    anything at all if the path stands before ``??``; else what ``path[guarded_from:]`` names, which comes
    after a ``?.`` (``guarded_from`` is ``len(path)`` where there is none).
    """

    root: str
    path: tuple[Key, ...]
    offsets: tuple[int, ...]
    optional: bool
    guarded_from: int


class Step(NamedTuple):
    """One part of a path: a constant key, or one that is computed; ``optional`` after ``?.``."""

    offset: int
    key: Key | Run
    optional: bool


def named(root: str, offset: int, *, lenient: bool) -> Run:
    """Reads a name of the scope; unknown, it is an error, or ABSENT if ``lenient``."""

    def read(run: Evaluation) -> Any:
        value = run.scope.get(root, ABSENT)
        if value is ABSENT:
            if lenient:
                return ABSENT
            raise _unknown(root, run.scope, offset)
        return _checked(value, root, offset)

    return read


def item(slot: int, name: str, offset: int) -> Run:
    """Reads the variable of a loop."""
    return lambda run: _checked(run.items[slot], name, offset)


def fields(root: str, slot: int | None, keys: tuple[str, ...], walk: Run) -> Run:
    """Reads constant fields of plain dictionaries fast, and leaves whatever else it meets to ``walk``."""

    def read(run: Evaluation) -> Any:
        value = run.scope.get(root, ABSENT) if slot is None else run.items[slot]
        for key in keys:
            if type(value) is not dict:
                return walk(run)
            value = value.get(key, ABSENT)
        kind = type(value)
        if kind in AS_IS or (kind is int and -MAX_WHOLE <= value <= MAX_WHOLE):
            return value
        return walk(run)

    return read


def walk(name: str, start: Run, steps: tuple[Step, ...], *, lenient: bool) -> Run:
    """Reads one part after the other. A null after ``?.`` ends the walk; something missing is an error elsewhere."""

    def read(run: Evaluation) -> Any:
        value = start(run)
        place = name
        for step in steps:
            key = step.key(run) if callable(step.key) else step.key
            found = ABSENT if value is ABSENT else _found(value, key, place, step.offset)
            if step.optional and (found is ABSENT or found is None):
                return None
            if found is ABSENT:
                if lenient:
                    return ABSENT
                raise _missing(value, key, place, step.offset)
            place = _place(place, key)
            value = _checked(found, place, step.offset)
        return value

    return read


def _checked(value: Any, place: str, offset: int) -> Any:
    try:
        return plain(value)
    except Refused as refusal:
        raise ExpressionError(f"{place}: {refusal.message}", offset, refusal.hint) from None


def _found(value: Any, key: Any, place: str, offset: int) -> Any:
    """What the field or item holds, ABSENT if there is none; raises ExpressionError if there can be none."""
    if value is None:
        return ABSENT
    if isinstance(value, Mapping):
        if type(key) is str:
            return value.get(key, ABSENT)
        raise ExpressionError(f"{place} is a mapping, whose fields have names, not {kind_of(key)}", offset)
    if type(value) is not list:
        raise ExpressionError(
            f"{place} is {kind_of(value)}, which has no fields or items", offset, _instead(place, key)
        )
    if type(key) is str:
        raise ExpressionError(f"{place} is a list, which has no fields", offset, _instead(place, key))
    if type(key) is not int:
        raise ExpressionError(f"the items of a list have whole numbers, not {kind_of(key)}", offset)
    if key < 0:
        raise ExpressionError("items are counted from 0", offset, f"write last({place}) for the last one")
    return value[key] if key < len(value) else ABSENT


def _instead(place: str, key: Any) -> str | None:
    """The function that a person from another language meant by this field."""
    if type(key) is not str:
        return None
    if key in ("size", "count", "len"):
        key = "length"
    return f"write {key}({place})" if key in FUNCTIONS else None


def _missing(value: Any, key: Key, place: str, offset: int) -> ExpressionError:
    if value is None:
        what = f"field {quoted(key)}" if isinstance(key, str) else f"item [{key}]"
        return ExpressionError(f"{place} is null, so it has no {what}", offset, "use ?. where it may be null")
    if isinstance(key, int):
        return ExpressionError(f"{place} has no item [{key}], only {len(value)} in all", offset)
    meant = nearest(key, value)
    known = _known(value, "its fields are") or "use ?. where it may be missing"
    hint = f"did you mean {_place(place, meant)}?" if meant else known
    return ExpressionError(f"{place} has no field {quoted(key)}", offset, hint)


def _unknown(name: str, scope: Mapping[str, Any], offset: int) -> ExpressionError:
    meant = nearest(name, [*scope, "true", "false", "null"])
    if meant is None and name in FUNCTIONS:
        hint: str | None = f"write {FUNCTIONS[name].usage}"
    else:
        hint = f"did you mean {_shown(meant)}?" if meant else _known(scope, "there are")
    return ExpressionError(f"nothing is named {quoted(name)}", offset, hint)


def _known(names: Iterable[Any], start: str) -> str | None:
    """All names, where they are few enough to be read."""
    known = [_shown(each) for each in islice(names, 9) if isinstance(each, str)]
    return f"{start} {', '.join(known)}" if 0 < len(known) < 9 else None


def _place(place: str, key: Key) -> str:
    """A path with one more part, as it is written in an expression, cut where it is long."""
    if len(place) > 200:
        return place
    if isinstance(key, int):
        return f"{place}[{key}]"
    shown = _shown(key)
    return f"{place}.{shown}" if shown == key else f"{place}[{shown}]"


def _shown(name: str) -> str:
    """A name as it is if it can stand after a dot, or else in quotes, so that it can't pass for anything more."""
    return name if name.isidentifier() and name.isascii() else quoted(name)
