"""What the operators of expressions do with plain values; each raises Invalid for values that it doesn't take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from pinflow.expressions.text_functions import contains
from pinflow.expressions.values import NUMBERS, Evaluation, check_bounds, equal
from pinflow.schema.invalid import Invalid, describe, mismatch

Operator: TypeAlias = Callable[[Evaluation, Any, Any], Any]


def _wrong_sides(sign: str, expected: str, left: Any, right: Any, hint: str = "") -> Invalid:
    return Invalid(f"the sides of {sign!r} must be {expected}, not {describe(left)} and {describe(right)}", hint)


def add(run: Evaluation, left: Any, right: Any) -> Any:
    """The sum of numbers; texts or lists put one after the other."""
    if type(left) in NUMBERS and type(right) in NUMBERS:
        return check_bounds(left + right)
    if type(left) is str and type(right) is str:
        run.room_for_text(len(left) + len(right))
        return left + right
    if type(left) is list and type(right) is list:
        run.room_for_items(len(left) + len(right))
        return left + right
    hint = ""
    if str in (type(left), type(right)):
        other = right if type(left) is str else left
        hint = "text(...) makes text of a number" if type(other) in (int, float, bool) else ""
    if left is None or right is None:
        hint = "say with ?? what to use instead"
    raise _wrong_sides("+", "two numbers, two texts or two lists", left, right, hint)


def subtract(run: Evaluation, left: Any, right: Any) -> int | float:
    """The difference of two numbers."""
    _check_numbers("-", left, right)
    return check_bounds(left - right)


def multiply(run: Evaluation, left: Any, right: Any) -> int | float:
    """The product of two numbers."""
    _check_numbers("*", left, right)
    return check_bounds(left * right)


def divide(run: Evaluation, left: Any, right: Any) -> int | float:
    """The quotient of two numbers, a fraction even where it comes out even."""
    _check_numbers("/", left, right)
    _check_not_zero(right)
    try:
        return check_bounds(left / right)
    except OverflowError:
        raise Invalid("the number is too large") from None


def remainder(run: Evaluation, left: Any, right: Any) -> int | float:
    """What division leaves over; it has the sign of the right number, so that days of a week wrap around."""
    _check_numbers("%", left, right)
    _check_not_zero(right)
    return check_bounds(left % right)


def _check_numbers(sign: str, left: Any, right: Any) -> None:
    if type(left) in NUMBERS and type(right) in NUMBERS:
        return
    hint = "number(...) makes a number of text" if str in (type(left), type(right)) else ""
    raise _wrong_sides(sign, "two numbers", left, right, hint)


def _check_not_zero(number: int | float) -> None:
    if number == 0:
        raise Invalid("a number can't be divided by zero")


def unequal(run: Evaluation, left: Any, right: Any) -> bool:
    """Whether two values differ anywhere."""
    return not equal(run, left, right)


def _check_order(sign: str, left: Any, right: Any) -> None:
    """Raise Invalid unless there are two numbers, or two texts."""
    if (type(left) in NUMBERS and type(right) in NUMBERS) or type(left) is type(right) is str:
        return
    hint = ""
    if {type(left), type(right)} & NUMBERS and str in (type(left), type(right)):
        hint = "number(...) makes a number of text"
    if left is None or right is None:
        hint = "say with ?? what to use instead"
    raise _wrong_sides(sign, "two numbers or two texts", left, right, hint)


def less(run: Evaluation, left: Any, right: Any) -> Any:
    """Whether the left value comes before the right one."""
    _check_order("<", left, right)
    return left < right


def less_or_equal(run: Evaluation, left: Any, right: Any) -> Any:
    """Whether the left value doesn't come after the right one."""
    _check_order("<=", left, right)
    return left <= right


def greater(run: Evaluation, left: Any, right: Any) -> Any:
    """Whether the left value comes after the right one."""
    _check_order(">", left, right)
    return left > right


def greater_or_equal(run: Evaluation, left: Any, right: Any) -> Any:
    """Whether the left value doesn't come before the right one."""
    _check_order(">=", left, right)
    return left >= right


def within(run: Evaluation, left: Any, right: Any) -> bool:
    """Whether a text is part of a text, a value an item of a list, or a name a field of a mapping."""
    if type(right) in (str, list) or isinstance(right, Mapping):
        return contains(run, right, left)
    raise mismatch("text, a list or a mapping", right).about("the right side of 'in'")


ORDERS: Final = frozenset({"<", "<=", ">", ">="})
OPERATORS: Final[Mapping[str, Operator]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "==": equal,
    "!=": unequal,
    "<": less,
    "<=": less_or_equal,
    ">": greater,
    ">=": greater_or_equal,
    "in": within,
}
