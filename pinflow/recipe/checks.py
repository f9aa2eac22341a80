"""What must hold between the keys of a recipe, told from the plain data.

These checks do not wait for the single values to be right, so that one look at a recipe finds
everything. Whatever has the wrong type is passed over here: the model says so already.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pinflow.recipe import validators
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.errors import Problem
    from pinflow.recipe.source import Source

Loc = tuple[str | int, ...]


class Finding(NamedTuple):
    """Something wrong, and where: at the value or ``key`` behind ``loc``, or ``offset`` characters into its text."""

    loc: Loc
    what: str
    hint: str = ""
    key: bool = False
    offset: int | None = None
    quote: bool = False  # quotes around the value would make it right
    last: bool = False  # what follows was not looked at

    def problem(self, source: Source) -> Problem:
        """The same for people."""
        spelling = source.spelling(self.loc) if self.quote else None
        hint = self.hint or (f'put quotes around it: "{spelling}"' if spelling else "")
        return source.problem(self.loc, self.what, hint=hint, key=self.key, offset=self.offset)


KINDS = ("uses", "for_each", "include")
LOOP_KEYS = ("as", "key", "parallel", "limit", "collect", "do")
NUMBER_TYPES = frozenset({"integer", "number"})

# an expression costs some 50 microseconds to check, a wrong one 200, and a check ends within a second
MAX_EXPRESSIONS = 4_000
MAX_WRONG_EXPRESSIONS = 500

_FITS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(validators.TEXT_TYPES, validators.text),
    "integer": validators.whole,
    "number": validators.number,
    "boolean": validators.boolean,
    "date": validators.date,
    "list": validators.entries,
}


def check_recipe(source: Source) -> Iterator[Finding]:
    """What is wrong between the keys of a recipe whose data is a mapping, and inside its expressions."""
    data = source.data
    for name, entry in _entries(data.get("inputs")):
        yield from _check_input(("inputs", name), entry)
    if isinstance(schedule := data.get("schedule"), dict):
        yield from _check_schedule(schedule)
    ids: dict[str, Loc] = {}  # one scope for both: a later part reads `steps.x` of either
    for key in ("steps", "finally"):
        yield from _check_steps(source, (key,), data.get(key), ids)
    yield from _check_expressions(data)


def _entries(value: Any) -> list[tuple[str, dict[str, Any]]]:
    found = value.items() if isinstance(value, dict) else ()
    return [(name, entry) for name, entry in found if isinstance(entry, dict)]


# ---- inputs


def _check_input(loc: Loc, entry: dict[str, Any]) -> Iterator[Finding]:
    try:
        validators.name(loc[-1])
    except Invalid as invalid:
        yield Finding(loc, f"an input's name {invalid.message}", hint=invalid.hint, key=True)
    type_ = entry.get("type", "string")
    if entry.get("required") is True and "default" in entry:
        hint = "delete one of the two"
        yield Finding((*loc, "default"), "an input that is required can't have a default", hint=hint, key=True)
    if not isinstance(type_, str) or type_ not in _FITS:
        return
    if type_ == "secret":
        for key in ("default", "example", "choices"):
            if key in entry:
                hint = "give it when the recipe is run"
                yield Finding((*loc, key), f"a secret can't stand in a recipe ({key})", hint=hint, key=True)
        return
    yield from _check_bounds(loc, entry, type_)
    for at, value in _given(loc, entry):
        yield from _check_given(at, value, entry, type_)


def _check_bounds(loc: Loc, entry: dict[str, Any], type_: str) -> Iterator[Finding]:
    """``min`` and ``max`` bound a number, or the length of a text or list."""
    for key in ("min", "max"):
        if key in entry and type_ not in (*NUMBER_TYPES, "string", "list"):
            yield Finding((*loc, key), f"{key} means nothing for an input of type {type_}", key=True)
    if "pattern" in entry and type_ not in validators.TEXT_TYPES:
        what = f"pattern means nothing for an input of type {type_}"
        yield Finding((*loc, "pattern"), what, key=True)
    low, high = _plain_number(entry.get("min")), _plain_number(entry.get("max"))
    if low is not None and high is not None and low > high:
        yield Finding((*loc, "min"), f"min is {low}, which is more than max, {high}")


def _plain_number(value: Any) -> int | float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _given(loc: Loc, entry: dict[str, Any]) -> Iterator[tuple[Loc, Any]]:
    """Every value that the recipe itself gives an input, but for those that hold expressions."""
    choices = entry.get("choices")
    found: list[tuple[Loc, Any]] = [((*loc, key), entry[key]) for key in ("default", "example") if key in entry]
    if isinstance(choices, list):
        found += [((*loc, "choices", position), choice) for position, choice in enumerate(choices)]
    yield from ((at, value) for at, value in found if not (isinstance(value, str) and "${{" in value))


def _check_given(at: Loc, value: Any, entry: dict[str, Any], type_: str) -> Iterator[Finding]:
    if value is None and at[-1] == "default":
        return  # no value unless one is given
    try:
        fitting = _FITS[type_](value)
    except Invalid as invalid:
        what = f"{_subject_of_given(at)} {invalid.message}, as the input is of type {type_}"
        yield Finding(at, what, hint=invalid.hint, quote=invalid.quote)
        return
    choices = entry.get("choices")
    if at[-1] in ("default", "example") and isinstance(choices, list) and fitting not in _fitting(choices, type_):
        shown = ", ".join(str(choice) for choice in choices[:10])
        yield Finding(at, f"{at[-1]} is not one of the choices", hint=f"choose one of {shown}")
    size = fitting if type_ in NUMBER_TYPES else len(fitting) if type_ in ("string", "list") else None
    low, high = _plain_number(entry.get("min")), _plain_number(entry.get("max"))
    if size is not None and ((low is not None and size < low) or (high is not None and size > high)):
        yield Finding(at, f"{_subject_of_given(at)} is outside min and max")


def _fitting(choices: list[Any], type_: str) -> list[Any]:
    found = []
    for choice in choices:
        with suppress(Invalid):
            found.append(_FITS[type_](choice))
    return found


def _subject_of_given(at: Loc) -> str:
    last = at[-1]
    return f"choice {last + 1}" if isinstance(last, int) else last


# ---- schedule


def _check_schedule(schedule: dict[str, Any]) -> Iterator[Finding]:
    loc = ("schedule",)
    if "every" in schedule and "cron" in schedule:
        yield Finding((*loc, "cron"), "a schedule has every or cron, not both", hint="delete one", key=True)
    elif "every" not in schedule and "cron" not in schedule:
        yield Finding(loc, "the schedule does not say how often", hint="add `every: day`, or a cron line")
    if "at" in schedule and "cron" in schedule:
        what = "at does not go with cron, which says the time itself"
        yield Finding((*loc, "at"), what, hint="delete it", key=True)
    elif "at" in schedule and _is_distance(schedule.get("every")):
        what = "at is a time of day, and does not go with hours, minutes and seconds"
        yield Finding((*loc, "at"), what, hint="delete it, or write every: day", key=True)


def _is_distance(every: Any) -> bool:
    """Whether ``every`` is a length of time, which no clock on a wall decides about."""
    from pinflow.recipe.interval import SECONDS, parse_every

    try:
        return parse_every(validators.filled(every)).unit in SECONDS
    except Invalid:
        return False


# ---- steps


def _check_steps(source: Source, loc: Loc, steps: Any, ids: dict[str, Loc]) -> Iterator[Finding]:
    """``ids`` are those of the steps so far in the same list."""
    for position, step in enumerate(steps if isinstance(steps, list) else ()):
        if not isinstance(step, dict):
            continue
        at = (*loc, position)
        yield from _check_id(source, at, step.get("id"), ids)
        yield from _check_kind(at, step)
        yield from _check_loop_expressions(at, step)
        yield from _check_steps(source, (*at, "do"), step.get("do"), {})


def _check_id(source: Source, at: Loc, value: Any, ids: dict[str, Loc]) -> Iterator[Finding]:
    if not isinstance(value, str):
        return
    if value in ids:
        line, _ = source.where((*ids[value], "id"))
        hint = f"the first is in line {line}; rename one"
        yield Finding((*at, "id"), f"two steps have the id {value!r}", hint=hint)
    ids.setdefault(value, at)


def _check_kind(at: Loc, step: dict[str, Any]) -> Iterator[Finding]:
    """A step is one of three things, and the keys of a loop belong to a loop."""
    kinds = [key for key in KINDS if key in step]
    loop_keys = [key for key in LOOP_KEYS if key in step]
    if len(kinds) > 1:
        first, second = kinds[:2]
        hint = "put uses into a step under do" if kinds[:2] == ["uses", "for_each"] else "make two steps of it"
        yield Finding((*at, second), f"a step has {first} or {second}, not both", hint=hint, key=True)
    elif not kinds and loop_keys and not _misspelt(step, "for_each"):
        what = f"{loop_keys[0]} belongs to a loop, and for_each is missing"
        yield Finding((*at, loop_keys[0]), what, hint="add `for_each: ...`", key=True)
    elif not kinds and not any(_misspelt(step, key) for key in KINDS):
        hint = "add uses (an action), for_each (a loop) or include (another recipe's steps)"
        yield Finding(at, "this step does nothing", hint=hint)
    elif kinds == ["for_each"] and "do" not in step:
        yield Finding((*at, "for_each"), "this loop does nothing", hint="add `do:` with its steps", key=True)
    elif kinds and kinds != ["for_each"]:
        for key in loop_keys:
            hint = "delete it, or make a loop of the step"
            yield Finding((*at, key), f"{key} belongs to a loop (for_each)", hint=hint, key=True)


def _misspelt(step: dict[str, Any], key: str) -> bool:
    """Whether a key that no step has was probably meant to be ``key``: that is said already."""
    return any(len(each) <= len(key) + 2 and nearest(each, KINDS + LOOP_KEYS) == key for each in list(step)[:30])


def _check_loop_expressions(at: Loc, step: dict[str, Any]) -> Iterator[Finding]:
    key, for_each = step.get("key"), step.get("for_each")
    if isinstance(key, str) and key.strip() and "${{" not in key:
        hint = (
            f"write ${{{{ {key} }}}}" if re.fullmatch(r"[\w.]+", key) else "write an expression, such as ${{ pin.id }}"
        )
        yield Finding((*at, "key"), "key would be the same for every item", hint=hint)
    if isinstance(for_each, str) and "${{" in for_each and not re.fullmatch(r"\s*\$\{\{.*\}\}\s*", for_each, re.DOTALL):
        what = "for_each takes the name of an action, or one expression and nothing around it"
        yield Finding((*at, "for_each"), what)


# ---- expressions


def _check_expressions(data: Any) -> Iterator[Finding]:
    """Syntax errors inside ``${{ }}`` anywhere, and in the bare expressions of ``if``."""
    checked = wrong = 0
    for loc, value in _texts(data, ()):
        checked += value.count("${{") or 1
        if checked > MAX_EXPRESSIONS:
            what = f"this recipe has more than {MAX_EXPRESSIONS} expressions"
            yield Finding(loc, what, hint="split it with include", last=True)
            return
        for problem in _check_expression(loc, value):
            wrong += 1
            yield problem
        if wrong >= MAX_WRONG_EXPRESSIONS:
            what = "too many expressions are wrong; those after this one were not checked"
            yield Finding(loc, what, last=True)
            return


def _texts(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """Every text that holds an expression."""
    if isinstance(value, str):
        if "${{" in value or is_condition(loc):
            yield loc, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*loc, key))
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _texts(part, (*loc, position))


def is_condition(loc: Loc) -> bool:
    """Whether ``loc`` is the ``if`` of a step."""
    *path, key = loc or ("",)
    if key != "if" or len(path) < 2 or path[0] not in ("steps", "finally"):
        return False
    lists, positions = path[0::2], path[1::2]
    return set(lists[1:]) <= {"do"} and all(isinstance(part, int) for part in positions) and len(path) % 2 == 0


def _check_expression(loc: Loc, value: str) -> Iterator[Finding]:
    from pinflow.expressions.expression import ExpressionError, compile_expression, parse_template

    try:
        if "${{" not in value:
            if value.strip():
                compile_expression(value)
            return
        template = parse_template(value)
    except ExpressionError as error:
        yield Finding(loc, error.message, hint=error.hint or "", offset=error.offset)
        return
    if template and is_condition(loc) and not template.single:
        hint = "write it without ${{ }}, or with one pair around all of it"
        yield Finding(loc, "if takes one expression", hint=hint)
