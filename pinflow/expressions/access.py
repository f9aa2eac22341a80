"""How an expression reads its data: ``steps.copy.board?.id``, ``pins[0]["alt text"]``.

Fields are those of mappings, and nothing else has any: no attribute of a Python object is ever looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias

from pinflow.expressions.values import AS_IS, MAX_WHOLE, Evaluation, plain
from pinflow.lazy_dataclass import dataclass
from pinflow.schema.invalid import Invalid, describe
from pinflow.suggestions import nearest, quote

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


class PathStep(NamedTuple):
    """One part of a path: a constant key, or one that is computed; ``optional`` after ``?.``."""

    offset: int
    key: Key | Run
    optional: bool


def read_name(root: str, offset: int, *, lenient: bool) -> Run:
    """Reads a name of the scope; unknown, it is an error, or ABSENT if ``lenient``."""

    def read(run: Evaluation) -> Any:
        value = run.scope.get(root, ABSENT)
        if value is ABSENT:
            if lenient:
                return ABSENT
            raise _unknown(root, run.scope, offset)
        return _plain_value(value, root, offset)

    return read


def read_item(slot: int, name: str, offset: int) -> Run:
    """Reads the variable of a loop."""
    return lambda run: _plain_value(run.items[slot], name, offset)


def read_fields(root: str, slot: int | None, keys: tuple[str, ...], walk: Run) -> Run:
    """Reads constant fields of dictionaries fast, and leaves whatever else it meets to ``walk``."""

    def read(run: Evaluation) -> Any:
        value = run.scope.get(root, ABSENT) if slot is None else run.items[slot]
        for key in keys:
            if not isinstance(value, dict):  # a list has no names, and a null may end the path
                return walk(run)
            value = value.get(key, ABSENT)
        kind = type(value)
        if kind in AS_IS or (kind is int and -MAX_WHOLE <= value <= MAX_WHOLE):
            return value
        return walk(run)

    return read


def read_path(name: str, start: Run, steps: tuple[PathStep, ...], *, lenient: bool) -> Run:
    """Reads one part after the other. A null after ``?.`` ends the walk; something missing is an error elsewhere."""

    def read(run: Evaluation) -> Any:
        value = start(run)
        place = name
        for step in steps:
            key = step.key(run) if callable(step.key) else step.key
            inner = ABSENT if value is ABSENT else _lookup(value, key, place, step.offset)
            if step.optional and (inner is ABSENT or inner is None):
                return None
            if inner is ABSENT:
                if lenient:
                    return ABSENT
                raise _missing(value, key, place, step.offset)
            place = _place(place, key)
            value = _plain_value(inner, place, step.offset)
        return value

    return read


def _plain_value(value: Any, place: str, offset: int) -> Any:
    try:
        return plain(value)
    except Invalid as invalid:
        raise Invalid(f"{place}: {invalid.message}", invalid.hint, offset=offset) from None


def _lookup(value: Any, key: Any, place: str, offset: int) -> Any:
    """What the field or item holds, ABSENT if it is missing; raises Invalid if the value has no fields or items."""
    if value is None:
        return ABSENT
    if isinstance(value, Mapping):
        if type(key) is str:
            return value.get(key, ABSENT)
        raise Invalid(f"{place} is a mapping, whose fields have names, not {describe(key)}", offset=offset)
    if type(value) is not list:
        hint = _field_hint(place, key)
        raise Invalid(f"{place} is {describe(value)}, which has no fields or items", hint, offset=offset)
    if type(key) is str:
        raise Invalid(f"{place} is a list, which has no fields", _field_hint(place, key), offset=offset)
    if type(key) is not int:
        raise Invalid(f"the items of a list have whole numbers, not {describe(key)}", offset=offset)
    if key < 0:
        raise Invalid("items are counted from 0", f"write last({place}) for the last one", offset=offset)
    return value[key] if key < len(value) else ABSENT


def _field_hint(place: str, key: Any) -> str:
    from pinflow.expressions.other_languages import field_hint  # only a mistake pays for this import

    return field_hint(place, key) if type(key) is str else ""


def _missing(value: Any, key: Key, place: str, offset: int) -> Invalid:
    if value is None:
        part = f"field {quote(key)}" if isinstance(key, str) else f"item [{key}]"
        return Invalid(f"{place} is nothing, so it has no {part}", "use ?. where it may be null", offset=offset)
    if isinstance(key, int):
        return Invalid(f"{place} has no item [{key}], only {len(value)} in all", offset=offset)
    meant = nearest(key, value)
    known = _list_of_names(value, "its fields are") or "use ?. where it may be missing"
    hint = f"did you mean {_place(place, meant)}?" if meant else known
    return Invalid(f"{place} has no field {quote(key)}", hint, offset=offset)


def _unknown(name: str, scope: Mapping[str, Any], offset: int) -> Invalid:
    from pinflow.expressions.other_languages import name_hint  # only a mistake pays for this import

    meant = nearest(name, [*scope, "true", "false", "null"])
    hint = name_hint(name, scope)
    if not hint:
        hint = f"did you mean {_spelling(meant)}?" if meant else _list_of_names(scope, "there are")
    return Invalid(f"nothing is named {quote(name)}", hint, offset=offset)


def _list_of_names(names: Iterable[Any], start: str) -> str:
    """All names, where they are few enough to be read."""
    known = [_spelling(name) for name in islice(names, 9) if isinstance(name, str)]
    return f"{start} {', '.join(known)}" if 0 < len(known) < 9 else ""


def _place(place: str, key: Key) -> str:
    """A path with one more part, as it is written in an expression, cut where it is long."""
    if len(place) > 200:
        return place
    if isinstance(key, int):
        return f"{place}[{key}]"
    shown = _spelling(key)
    return f"{place}.{shown}" if shown == key else f"{place}[{shown}]"


def _spelling(name: str) -> str:
    """A name as it is if it can stand after a dot, or else in quotes, so that it can't pass for anything more."""
    return name if name.isidentifier() and name.isascii() else quote(name)
