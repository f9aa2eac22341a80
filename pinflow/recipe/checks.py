"""What must hold between the keys of a recipe, told from the plain data.

These checks do not wait for the single values to be right, so that one look at a recipe finds
everything. Whatever has the wrong type is passed over here: the model says so already.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pinflow.recipe import validators
from pinflow.recipe.model import Schedule
from pinflow.schema.invalid import Invalid, join_words, size_problem
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.recipe.source import Source
    from pinflow.schema.invalid import Location

KINDS = ("uses", "for_each", "include")
LOOP_KEYS = ("as", "key", "duplicates", "parallel", "limit", "collect", "do")
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


def check_recipe(source: Source) -> Iterator[Invalid]:
    """What is wrong between the keys of a recipe whose data is a mapping, and inside its expressions.

    Raises Invalid where it stops because there are too many expressions, or too many wrong ones.
    """
    data = source.data
    for name, entry in _entries(data.get("inputs")):
        yield from _check_input(("inputs", name), entry)
    if isinstance(schedule := data.get("schedule"), dict):
        yield from _check_schedule(schedule)
    ids: dict[str, Location] = {}  # one scope for both: a later part reads `steps.x` of either
    for key in ("steps", "finally"):
        yield from _check_steps(source, (key,), data.get(key), ids)
    yield from _check_expressions(data)


def _entries(value: Any) -> list[tuple[str, dict[str, Any]]]:
    entries = value.items() if isinstance(value, dict) else ()
    return [(name, entry) for name, entry in entries if isinstance(entry, dict)]


# ---- inputs


def _check_input(loc: Location, entry: dict[str, Any]) -> Iterator[Invalid]:
    try:
        validators.name(loc[-1])
    except Invalid as invalid:
        yield Invalid(f"an input's name {invalid.message}", invalid.hint, loc, at_key=True)
    type_ = entry.get("type", "string")
    if entry.get("required") is True and "default" in entry:
        hint = "delete one of the two"
        yield Invalid("an input that is required can't have a default", hint, (*loc, "default"), at_key=True)
    if not isinstance(type_, str) or type_ not in _FITS:
        return
    if type_ == "secret":
        for key in ("default", "example", "choices"):
            if key in entry:
                hint = "give it when the recipe is run"
                yield Invalid(f"a secret can't stand in a recipe ({key})", hint, (*loc, key), at_key=True)
        return
    yield from _check_bounds(loc, entry, type_)
    for at, value in _own_values(loc, entry):
        yield from _check_own_value(at, value, entry, type_)


def _check_bounds(loc: Location, entry: dict[str, Any], type_: str) -> Iterator[Invalid]:
    """``min`` and ``max`` bound a number, or the length of a text or list."""
    for key in ("min", "max"):
        if key in entry and type_ not in (*NUMBER_TYPES, "string", "list"):
            yield Invalid(f"{key} has no effect on an input of type {type_}", location=(*loc, key), at_key=True)
    if "pattern" in entry and type_ not in validators.TEXT_TYPES:
        message = f"pattern has no effect on an input of type {type_}"
        yield Invalid(message, location=(*loc, "pattern"), at_key=True)
    low, high = _plain_number(entry.get("min")), _plain_number(entry.get("max"))
    if low is not None and high is not None and low > high:
        yield Invalid(f"min is {low}, which is more than max, {high}", location=(*loc, "min"))


def _plain_number(value: Any) -> int | float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _own_values(loc: Location, entry: dict[str, Any]) -> Iterator[tuple[Location, Any]]:
    """Every value that the recipe itself gives an input, but for those that hold expressions."""
    choices = entry.get("choices")
    values: list[tuple[Location, Any]] = [((*loc, key), entry[key]) for key in ("default", "example") if key in entry]
    if isinstance(choices, list):
        values += [((*loc, "choices", position), choice) for position, choice in enumerate(choices)]
    yield from ((at, value) for at, value in values if not (isinstance(value, str) and "${{" in value))


def _check_own_value(at: Location, value: Any, entry: dict[str, Any], type_: str) -> Iterator[Invalid]:
    if value is None and at[-1] == "default":
        return  # no value unless one is given
    try:
        fitting = _FITS[type_](value)
    except Invalid as invalid:
        yield Invalid(f"{_subject(at)} {invalid.message}, as the input is of type {type_}", invalid.hint, at)
        return
    choices = entry.get("choices")
    if at[-1] in ("default", "example") and isinstance(choices, list) and fitting not in _fitting(choices, type_):
        yield Invalid(f"{at[-1]} must be {join_words(choices[:10])}", location=at)
    low, high = _plain_number(entry.get("min")), _plain_number(entry.get("max"))
    if type_ in (*NUMBER_TYPES, "string", "list") and (wrong := size_problem(fitting, low, high)):
        yield Invalid(f"{_subject(at)} {wrong}", location=at)


def _fitting(choices: list[Any], type_: str) -> list[Any]:
    fitting = []
    for choice in choices:
        with suppress(Invalid):
            fitting.append(_FITS[type_](choice))
    return fitting


def _subject(at: Location) -> str:
    last = at[-1]
    return f"choice {last + 1}" if isinstance(last, int) else last


# ---- schedule


def _check_schedule(schedule: dict[str, Any]) -> Iterator[Invalid]:
    loc = ("schedule",)
    if "every" in schedule and "cron" in schedule:
        yield Invalid("a schedule has every or cron, not both", "delete one", (*loc, "cron"), at_key=True)
    elif "every" not in schedule and "cron" not in schedule and not _says_how_often(schedule):
        yield Invalid("the schedule does not say how often", "add `every: day`, or a cron line", loc)
    if "at" in schedule and "cron" in schedule:
        message = "at does not go with cron, which says the time itself"
        yield Invalid(message, "delete it", (*loc, "at"), at_key=True)
    elif "at" in schedule and _is_distance(schedule.get("every")):
        message = "at is a time of day, and does not go with hours, minutes and seconds"
        yield Invalid(message, "delete it, or write every: day", (*loc, "at"), at_key=True)


def _says_how_often(schedule: dict[str, Any]) -> bool:
    """Whether an unknown key was meant to say it: that is told already."""
    from pinflow.recipe.other_tools import key_meant  # only a mistake pays for this import

    return any((meant := key_meant(Schedule, key)) and meant.key in ("every", "cron") for key in list(schedule)[:30])


def _is_distance(every: Any) -> bool:
    """Whether ``every`` is a length of time, which no clock on a wall decides about."""
    from pinflow.recipe.interval import SECONDS, parse_every

    try:
        return parse_every(validators.non_empty_text(every)).unit in SECONDS
    except Invalid:
        return False


# ---- steps


def _check_steps(source: Source, loc: Location, steps: Any, ids: dict[str, Location]) -> Iterator[Invalid]:
    """``ids`` are those of the steps so far in the same list."""
    for position, step in enumerate(steps if isinstance(steps, list) else ()):
        if not isinstance(step, dict):
            continue
        at = (*loc, position)
        yield from _check_id(source, at, step.get("id"), ids)
        yield from _check_kind(at, step)
        yield from _check_loop_expressions(at, step)
        yield from _check_steps(source, (*at, "do"), step.get("do"), {})


def _check_id(source: Source, at: Location, value: Any, ids: dict[str, Location]) -> Iterator[Invalid]:
    if not isinstance(value, str):
        return
    if value in ids:
        line, _ = source.where((*ids[value], "id"))
        hint = f"the first is in line {line}; rename one"
        yield Invalid(f"two steps have the id {value!r}", hint, (*at, "id"))
    ids.setdefault(value, at)


def _check_kind(at: Location, step: dict[str, Any]) -> Iterator[Invalid]:
    """A step is one of three things, and the keys of a loop belong to a loop."""
    kinds = [key for key in KINDS if key in step]
    loop_keys = [key for key in LOOP_KEYS if key in step]
    if len(kinds) > 1:
        first, second = kinds[:2]
        hint = "put uses into a step under do" if kinds[:2] == ["uses", "for_each"] else "make two steps of it"
        yield Invalid(f"a step has {first} or {second}, not both", hint, (*at, second), at_key=True)
    elif not kinds and loop_keys and not _is_misspelt(step, "for_each"):
        message = f"{loop_keys[0]} belongs to a loop, and for_each is missing"
        yield Invalid(message, "add `for_each: ...`", (*at, loop_keys[0]), at_key=True)
    elif not kinds and not any(_is_misspelt(step, key) for key in KINDS):
        hint = "add uses (an action), for_each (a loop) or include (another recipe's steps)"
        yield Invalid("this step does nothing", hint, at)
    elif kinds == ["for_each"] and "do" not in step:
        yield Invalid("this loop does nothing", "add `do:` with its steps", (*at, "for_each"), at_key=True)
    elif kinds and kinds != ["for_each"]:
        for key in loop_keys:
            hint = "delete it, or make a loop of the step"
            yield Invalid(f"{key} belongs to a loop (for_each)", hint, (*at, key), at_key=True)


def _is_misspelt(step: dict[str, Any], key: str) -> bool:
    """Whether a key that no step has was probably meant to be ``key``: that is said already."""
    from pinflow.recipe.other_tools import stands_for  # only a mistake pays for this import

    alike = any(len(name) <= len(key) + 2 and nearest(name, KINDS + LOOP_KEYS) == key for name in list(step)[:30])
    return alike or stands_for(step, key)


def _check_loop_expressions(at: Location, step: dict[str, Any]) -> Iterator[Invalid]:
    key, for_each = step.get("key"), step.get("for_each")
    if isinstance(key, str) and key.strip() and "${{" not in key:
        hint = (
            f"write ${{{{ {key} }}}}" if re.fullmatch(r"[\w.]+", key) else "write an expression, such as ${{ pin.id }}"
        )
        yield Invalid("key would be the same for every item", hint, (*at, "key"))
    if isinstance(for_each, str) and "${{" in for_each and not re.fullmatch(r"\s*\$\{\{.*\}\}\s*", for_each, re.DOTALL):
        message = "for_each takes the name of an action, or one expression and nothing around it"
        yield Invalid(message, location=(*at, "for_each"))


# ---- expressions


def _check_expressions(data: Any) -> Iterator[Invalid]:
    """Syntax errors inside ``${{ }}`` anywhere, and in the bare expressions of ``if``. Raises Invalid at a limit."""
    checked = wrong = 0
    for loc, value in _texts(data, ()):
        checked += value.count("${{") or 1
        if checked > MAX_EXPRESSIONS:
            message = f"this recipe has more than {MAX_EXPRESSIONS} expressions"
            raise Invalid(message, "make several recipes of it", loc)
        for problem in _check_expression(loc, value):
            wrong += 1
            yield problem
        if wrong >= MAX_WRONG_EXPRESSIONS:
            message = "too many expressions are wrong; those after this one were not checked"
            raise Invalid(message, location=loc)


def _texts(value: Any, loc: Location) -> Iterator[tuple[Location, str]]:
    """Every text that holds an expression."""
    if isinstance(value, str):
        if "${{" in value or is_condition(loc) or _other_braces(loc, value):
            yield loc, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*loc, key))
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _texts(part, (*loc, position))


# an expression as Jinja, n8n, a shell and JavaScript write it; a text that is meant to say so is rarely a Pin's
_OTHER_BRACES = (
    r"(?<!\$)\{\{\s*(?P<name>(?:inputs|steps|item|env|secrets|vars)\.[\w.]+)|\$\{(?P<braces>(?:inputs|steps|item)\.[\w.]+)"
    r"|\$(?P<dollar>(?:inputs|steps)\.[\w.]+)|\$\{(?P<variable>[A-Z_][A-Z0-9_]+)\}"
)


def _other_braces(loc: Location, value: str) -> re.Match[str] | None:
    """What looks like an expression in a text, and is none."""
    # a text with an expression of ours is by somebody who knows, and may quote others: ${{ '{{ inputs.a }}' }}
    if "${{" in value or ("{" not in value and "$" not in value) or is_condition(loc):
        return None
    if loc[0] != "outputs" and {"with", "for_each", "collect"}.isdisjoint(loc):
        return None
    return re.search(_OTHER_BRACES, value)


def is_condition(loc: Location) -> bool:
    """Whether ``loc`` is the ``if`` of a step."""
    *path, key = loc or ("",)
    if key != "if" or len(path) < 2 or path[0] not in ("steps", "finally"):
        return False
    lists, positions = path[0::2], path[1::2]
    return set(lists[1:]) <= {"do"} and all(isinstance(part, int) for part in positions) and len(path) % 2 == 0


def _check_expression(loc: Location, value: str) -> Iterator[Invalid]:
    from pinflow.expressions.expression import compile_expression, parse_template

    if other := _other_braces(loc, value):
        inner = other["name"] or other["braces"] or other["dollar"]
        hint = f"an expression is written ${{{{ {inner} }}}}"
        if other["variable"]:
            hint = "a recipe reads no variables; make it an input, and write ${{ inputs.NAME }}"
        yield Invalid("this would stay as it is written", hint, loc, offset=other.start())
        return
    try:
        if "${{" not in value:
            if value.strip():
                compile_expression(value)
            return
        template = parse_template(value)
    except Invalid as invalid:
        yield invalid.at(*loc)
        return
    if template and is_condition(loc) and not template.single:
        hint = "write it without ${{ }}, or with one pair around all of it"
        yield Invalid("if takes one expression", hint, loc)
