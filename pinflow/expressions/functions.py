"""The functions that expressions may call: a closed list, all of them pure.

``FUNCTIONS`` holds those that take values, ``LOOPS`` those that take a name and an expression.
Arguments have been checked against ``Function.checks`` when ``Function.run`` gets them, together with the
evaluation under way, which it charges before it does work that grows with its arguments.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pinflow.expressions import dates
from pinflow.expressions.function import (
    DECLARED,
    Function,
    Items,
    LoopFunction,
    declare,
    items,
    mapping,
    number,
    text,
    time_zone,
    whole,
)
from pinflow.expressions.text_functions import plain_items
from pinflow.expressions.values import (
    NUMBERS,
    STEP,
    Evaluation,
    check_bounds,
    hashable,
)
from pinflow.schema.invalid import Invalid, describe, join_words, mismatch, out_of_bounds
from pinflow.schema.time_zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Lists and mappings


def order_keys(values: Items, name: str) -> Sequence[Any]:
    """What the values are put in order by: all numbers, or all texts; dates with times by their moments.

    Raises Invalid for values that have no order among them.
    """
    items = plain_items(values)
    if all(type(item) in NUMBERS for item in items):
        return items
    if all(type(item) is str for item in items):
        return dates.seconds_of(items) or items
    types = sorted({describe(item) for item in items})
    raise Invalid(f"{name} must be all numbers or all text, not {join_words(types, 'and')}")


@declare(
    "first(list)",
    "The first item; null if the list is empty.",
    (items,),
    examples=('first(["soup", "stew"])', "first([])"),
)
def _first(run: Evaluation, values: Items) -> Any:
    return values[0] if values else None


@declare("last(list)", "The last item; null if the list is empty.", (items,), examples=('last(["soup", "stew"])',))
def _last(run: Evaluation, values: Items) -> Any:
    return values[-1] if values else None


@declare(
    "sort(list) or sort(list, item, key)",
    "The items in order, the smallest first: all numbers or all texts; dates with times by their moments. "
    "With a name and a key, the items in the order of their keys.",
    (items,),
    examples=("sort([3, 1, 2])", "sort([{saves: 3}, {saves: 1}], pin, pin.saves)", 'reverse(sort(["pear", "apple"]))'),
)
def _sort(run: Evaluation, values: Items) -> Items:
    run.room_for_items(len(values))
    keys = order_keys(values, "the items")
    return [values[place] for place in sorted(range(len(values)), key=keys.__getitem__)]


@declare("reverse(list)", "The items from the last to the first.", (items,), examples=("reverse([1, 2, 3])",))
def _reverse(run: Evaluation, values: Items) -> Items:
    run.room_for_items(len(values))
    return values[::-1]


@declare(
    "unique(list)",
    "The items without those that came before.",
    (items,),
    examples=('unique(["soup", "stew", "soup"])',),
)
def _unique(run: Evaluation, values: Items) -> Items:
    run.room_for_items(len(values))
    firsts: dict[Any, Any] = {}
    for value in values:
        firsts.setdefault(hashable(run, value), value)
    return list(firsts.values())


@declare(
    "flatten(list)",
    "The items of the lists in the list, one level down.",
    (items,),
    examples=("flatten([[1, 2], [3], 4])",),
)
def _flatten(run: Evaluation, values: Items) -> Items:
    run.charge(len(values))
    parts = [item if type(item) is list else [item] for item in plain_items(values)]
    run.room_for_items(sum(map(len, parts)))
    return [item for part in parts for item in part]


@declare("range(n)", "The list of 0 to n - 1.", (whole,), examples=("range(3)", "map(range(3), n, n + 1)"))
def _range(run: Evaluation, count: int) -> Items:
    if wrong := out_of_bounds(count, 0, None):
        raise Invalid(f"the count {wrong}")
    run.room_for_items(count)
    return list(range(count))


@declare(
    "sum(list)", "The total of the numbers; 0 for an empty list.", (items,), examples=("sum([1, 2, 3.5])", "sum([])")
)
def _sum(run: Evaluation, values: Items) -> int | float:
    run.charge(len(values))
    total: int | float = 0
    for place, value in enumerate(plain_items(values)):
        if type(value) not in NUMBERS:
            raise mismatch("a number", value).about(f"item [{place}]")
        total = check_bounds(total + value)
    return total


@declare(
    "min(list)",
    "The smallest number or first text; null if the list is empty.",
    (items,),
    examples=("min([3, 1, 2])", "min([])"),
)
def _min(run: Evaluation, values: Items) -> Any:
    run.charge(len(values))
    keys = order_keys(values, "the items")
    return values[min(range(len(values)), key=keys.__getitem__)] if values else None


@declare(
    "max(list)", "The largest number or last text; null if the list is empty.", (items,), examples=("max([3, 1, 2])",)
)
def _max(run: Evaluation, values: Items) -> Any:
    run.charge(len(values))
    keys = order_keys(values, "the items")
    return values[max(range(len(values)), key=keys.__getitem__)] if values else None


@declare("keys(mapping)", "The names of the fields.", (mapping,), examples=('keys({title: "Soup", saves: 3})',))
def _keys(run: Evaluation, value: Mapping[str, Any]) -> Items:
    run.room_for_items(len(value))
    return list(value)


@declare("values(mapping)", "The values of the fields.", (mapping,), examples=('values({title: "Soup", saves: 3})',))
def _values(run: Evaluation, value: Mapping[str, Any]) -> Items:
    run.room_for_items(len(value))
    return list(value.values())


@declare(
    "merge(mapping, mapping)",
    "The fields of both; where both have one, the second's.",
    (mapping, mapping),
    examples=('merge({title: "Soup", saves: 3}, {saves: 4})',),
)
def _merge(run: Evaluation, one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    run.room_for_items(len(one) + len(other))
    return {**one, **other}


# Numbers


@declare(
    "round(number, digits)",
    "The number rounded to so many digits after the point, half away from zero. Without `digits` to a whole number.",
    (number, whole),
    examples=("round(2.5)", "round(3.14159, 2)"),
    optional=1,
)
def _round(run: Evaluation, value: int | float, digits: int = 0) -> int | float:
    """Half goes away from zero, seen in the decimal digits that a person sees."""
    if wrong := out_of_bounds(digits, 0, 15):
        raise Invalid(f"the digits {wrong}")
    if isinstance(value, int):
        return value
    from decimal import ROUND_HALF_UP, Context, Decimal  # seldom needed, and slow to load

    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, Context(prec=400))
    return check_bounds(float(exact) if digits else int(exact))


@declare("floor(number)", "The next whole number below.", (number,), examples=("floor(2.9)", "floor(-2.1)"))
def _floor(run: Evaluation, value: int | float) -> int | float:
    return check_bounds(math.floor(value))


@declare("ceil(number)", "The next whole number above.", (number,), examples=("ceil(2.1)",))
def _ceil(run: Evaluation, value: int | float) -> int | float:
    return check_bounds(math.ceil(value))


@declare("abs(number)", "The number without its sign.", (number,), examples=("abs(-3)",))
def _abs(run: Evaluation, value: int | float) -> int | float:
    return abs(value)


# Dates


@declare(
    "now() or now(zone)",
    "The moment at which the run started, in UTC or on the clocks of a time zone. A resumed run keeps it.",
    (time_zone,),
    examples=("now()", 'now("Europe/Berlin")'),
    optional=1,
    clock=True,
)
def _now(run: Evaluation, zone: str = "") -> str:
    if run.now is None:
        raise Invalid("now() and today() can't be used here")
    run.charge(STEP)  # a zone is looked up
    moment = run.now.astimezone(find_zone(zone)) if zone else run.now
    return moment.isoformat(timespec="seconds")


@declare(
    "today() or today(zone)",
    "The day on which the run started, in UTC or in a time zone. A resumed run keeps it.",
    (time_zone,),
    examples=("today()", 'today("Pacific/Auckland")', 'date_add(today(), -30, "days")'),
    optional=1,
    clock=True,
)
def _today(run: Evaluation, zone: str = "") -> str:
    return _now(run, zone)[:10]


@declare(
    'date_in(date, "Europe/Berlin")',
    "The moment on the clocks of a time zone. A date with a time but no offset, as in most tables, is taken for what "
    "the clocks there show; a date alone is midnight there.",
    (text, time_zone),
    examples=('date_in("2026-07-01 18:00", "Europe/Berlin")', 'date_in("2026-07-01T16:00:00Z", "America/New_York")'),
)
def _date_in(run: Evaluation, date: str, zone: str) -> str:
    run.charge(STEP)  # a zone is looked up
    return dates.in_zone(date, zone)


@declare(
    'date_add(date, n, "days")',
    "The date `n` units later; earlier if `n` is negative. Units: seconds, minutes, hours, days, weeks, months, years.",
    (text, whole, text),
    examples=('date_add("2026-01-31", 1, "months")', 'date_add("2026-03-01T09:30:00Z", -90, "minutes")'),
)
def _date_add(run: Evaluation, date: str, count: int, unit: str) -> str:
    return dates.add(date, count, unit)


@declare(
    'date_format(date, "YYYY-MM-DD")',
    "The date written by a pattern of YYYY YY MMMM MMM MM M DD D dddd ddd HH H mm ss. "
    "Text in square brackets stays as it is.",
    (text, text),
    examples=(
        'date_format("2026-03-01", "D MMMM YYYY")',
        'date_format("2026-03-01T09:30:00Z", "HH:mm [on] YYYY-MM-DD")',
    ),
)
def _date_format(run: Evaluation, date: str, pattern: str) -> str:
    run.room_for_text(len(pattern) * 3)  # no token writes more than three times its own length
    run.charge(len(pattern) * pattern.count("["))  # behind each, the end of its text is looked for
    return dates.format_date(date, pattern)


@declare(
    "days_between(date, date)",
    "How many whole days the second date is after the first; negative if it is before.",
    (text, text),
    examples=('days_between("2026-03-01", "2026-04-01")', 'days_between("2026-03-02", "2026-03-01")'),
)
def _days_between(run: Evaluation, one: str, other: str) -> int:
    return dates.days_between(one, other)


FUNCTIONS: Final[Mapping[str, Function]] = {function.name: function for function in DECLARED}
LOOPS: Final[Mapping[str, LoopFunction]] = {
    loop.name: loop
    for loop in (
        LoopFunction(
            "filter",
            "filter(list, item, condition)",
            "The items for which the condition is true. `item` is a name that you choose; the condition uses it.",
            (
                "filter([3, 12, 7], saves, saves > 5)",
                'filter([{title: "Soup"}, {title: "Stew"}], pin, pin.title == "Soup")',
            ),
        ),
        LoopFunction(
            "map",
            "map(list, item, expression)",
            "The value of the expression for each item.",
            ("map([1, 2, 3], n, n * 10)", 'map([{title: "Soup"}, {title: "Stew"}], pin, pin.title)'),
        ),
        LoopFunction(
            "any",
            "any(list, item, condition)",
            "Whether the condition is true for at least one item; false for an empty list.",
            ('any(["soup", "stew"], word, word == "soup")', "any([], n, n > 0)"),
        ),
        LoopFunction(
            "all",
            "all(list, item, condition)",
            "Whether the condition is true for every item; true for an empty list.",
            ("all([1, 2, 3], n, n > 0)", "all([1, -2], n, n > 0)"),
        ),
        LoopFunction(
            "sort",
            "sort(list, item, key)",
            "The items in the order of their keys, the smallest first; all keys are numbers, or all texts.",
            ("sort([{saves: 3}, {saves: 1}], pin, pin.saves)", "sort([3, 1, 2], n, -n)"),
        ),
    )
}
