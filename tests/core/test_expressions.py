"""The expression language: the corpus in expressions.yaml, and what holds for every text and all data."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pinflow.expressions import parser
from pinflow.expressions.compiler import compile_source
from pinflow.expressions.expression import (
    Expression,
    Reference,
    Template,
    compile_expression,
    parse_template,
)
from pinflow.expressions.functions import FUNCTIONS, LOOPS
from pinflow.expressions.reference import OPERATOR_TEXTS, evaluate_example, functions
from pinflow.expressions.values import Evaluation, Room
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = yaml.safe_load(Path(__file__).with_name("expressions.yaml").read_text(encoding="utf-8"))
NOW = datetime.fromisoformat(CORPUS["now"])
SCOPE = CORPUS["scope"]

thorough = settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def evaluate(text: str, scope: dict[str, Any] | None = None) -> Any:
    return compile_expression(text).evaluate(SCOPE if scope is None else scope, now=NOW)


def mistake(text: str, scope: dict[str, Any] | None = None) -> Invalid:
    with pytest.raises(Invalid) as caught:
        evaluate(text, scope)
    return caught.value


def typed(value: Any) -> str:
    """The value as text that tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


# The corpus


@pytest.mark.parametrize("row", CORPUS["results"], ids=lambda row: row["expr"])
def test_an_expression_gives_its_result(row: dict[str, Any]) -> None:
    assert typed(evaluate(row["expr"], row.get("scope"))) == typed(row["result"])


@pytest.mark.parametrize("row", CORPUS["errors"], ids=lambda row: row["expr"])
def test_a_mistake_is_shown_at_its_column(row: dict[str, Any]) -> None:
    error = mistake(row["expr"], row.get("scope"))
    assert ((error.offset or 0) + 1, error.message, error.hint) == (row["column"], row["message"], row.get("hint", ""))


@pytest.mark.parametrize("name", [*FUNCTIONS, *LOOPS])
def test_a_usage_is_written_as_a_call(name: str) -> None:
    usages = [FUNCTIONS[name].usage] if name in FUNCTIONS else []
    for usage in [*usages, *([LOOPS[name].usage] if name in LOOPS else [])]:
        assert usage.startswith(f"{name}(") and usage.endswith(")")


def test_the_corpus_shows_every_function() -> None:
    shown = "".join(row["expr"] for row in CORPUS["results"])
    assert [name for name in [*FUNCTIONS, *LOOPS] if f"{name}(" not in shown] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_called_with_too_many_arguments_shows_its_usage(name: str) -> None:
    error = mistake(f"{name}(1, 2, 3, 4)") if name not in LOOPS else mistake(f"{name}()")
    assert error.hint == f"write {FUNCTIONS[name].usage}"


def test_an_error_reads_as_its_message_and_its_hint() -> None:
    assert str(mistake("pin.titel")) == "pin has no field 'titel'; did you mean pin.title?"
    assert str(mistake("1 / 0")) == "a number can't be divided by zero"


# Every text and all data


WORDS = st.sampled_from(
    [
        *("a", "b", "steps", "pin", "x", "true", "false", "null", "in", "and", "__class__"),
        *("0", "1", "2.5", "1e308", "9" * 30, "007", "0x1", "'t'", '"t"', "'", '"', "'\\u0041'", "'\\ud800'"),
        *("?", ":", "??", "?.", "?.[", "||", "&&", "!", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"),
        *(
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ".",
            ",",
            "=",
            "&",
            "|",
            "${{",
            "}}",
            "\\",
            "#",
            "é",
            "\ud800",
            "\0",
            "\n",
            " ",
        ),
        *(f"{name}(" for name in [*FUNCTIONS, *LOOPS]),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**31), 10**31)
    | st.just(10**4000)
    | st.floats()
    | st.text(st.characters())
    | st.text(st.characters(categories=["Cs", "Ll"]))
    | st.sampled_from(["2026-03-01", "2026-03-01T10:00+01:00", "YYYY", "days", '{"a": [1]}', "x" * 70_000])
)
ODD = st.sampled_from([b"bytes", date(2026, 3, 1), Decimal(1), object(), {1, 2}, (1, "b"), range(3), int, len])
DATA = st.recursive(
    SCALARS | ODD,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "b", "x"]) | st.text(), inner),
    max_leaves=12,
)
SCOPES = st.fixed_dictionaries({"a": DATA, "b": DATA, "steps": DATA}) | st.dictionaries(st.text(), DATA)


def joined(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    return st.tuples(*(part if not isinstance(part, str) else st.just(part) for part in parts)).map("".join)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions of the grammar around smaller ones."""
    signs = ["??", "||", "&&", "==", "!=", "<", "<=", ">", ">=", " in ", "+", "-", "*", "/", "%"]
    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        joined("(", inner, st.sampled_from(signs), inner, ")"),
        joined(inner, st.sampled_from([".a", "?.a", "[0]", "?.[0]", '["b"]'])),
        joined(inner, "[", inner, "]"),
        joined("(", inner, " ? ", inner, " : ", inner, ")"),
        joined(st.sampled_from(["!", "-"]), inner),
        joined(st.sampled_from(list(FUNCTIONS)), "(", arguments, ")"),
        joined(st.sampled_from(list(LOOPS)), "(", inner, ", x, ", inner, ")"),
        joined("[", arguments, "]"),
        joined("{a: ", inner, ", 'b': ", inner, "}"),
    )


LEAVES = [
    "a",
    "b",
    "steps",
    "x",
    "0",
    "1",
    "2.5",
    "'t'",
    "true",
    "false",
    "null",
    "'2026-03-01'",
    "range(9999)",
    "9e307",
]
EXPRESSIONS = st.recursive(st.sampled_from(LEAVES), grown, max_leaves=25)


def check_plain(value: Any, depth: int = 0) -> None:
    """Fail unless a value consists of exact plain types within the limits."""
    assert depth <= 32
    assert type(value) in (type(None), bool, int, float, str, list, dict)
    if type(value) in (int, float):
        assert abs(value) < float("inf")
        assert type(value) is float or abs(value) <= 10**30
    for key in value if type(value) is dict else ():
        assert type(key) is str
    for each in value.values() if type(value) is dict else value if type(value) is list else ():
        check_plain(each, depth + 1)


def check_total(text: str, scope: dict[str, Any]) -> None:
    """Fail unless the text gives plain data, or an Invalid with a place within it."""
    try:
        check_plain(compile_expression(text).evaluate(scope, now=NOW))
    except Invalid as error:
        assert error.offset is not None and 0 <= error.offset <= len(text)
        assert error.message


@thorough
@given(st.lists(WORDS, max_size=40).map("".join) | st.lists(WORDS, max_size=40).map(" ".join), SCOPES)
@example("(" * 5000, {})
@example("[" * 9999, {})
@example("-" * 9999 + "1", {})
@example("a" + "+a" * 4999, {"a": 1})
@example("a" + ".a" * 4999, {"a": {}})
@example("true?" * 1999 + "1", {})
@example("a" * 10_001, {})
def test_any_run_of_words_gives_plain_data_or_an_expression_error(text: str, scope: dict[str, Any]) -> None:
    check_total(text, scope)


@thorough
@given(st.binary(max_size=200))
def test_any_bytes_give_plain_data_or_an_expression_error(raw: bytes) -> None:
    check_total(raw.decode("latin-1"), {})
    check_total(raw.decode("utf-8", "surrogateescape"), {})


@settings(thorough, max_examples=400)
@given(EXPRESSIONS, SCOPES)
@example("a / b", {"a": 10**30, "b": 1e-308})
@example("a.x", {"a": object()})
@example("keys(a)", {"a": {1: 2}})
@example("a == b", {"a": {"a": {}}, "b": {"a": {1: 2}}})
@example("number(a)", {"a": "9" * 5000})
@example("parse_json(a)", {"a": "9" * 5000})
@example("parse_json(a)", {"a": "[" * 30_000})
@example("sha256(a)", {"a": "\ud800"})
@example("slug(a)", {"a": "\ufdfa" * 60_000})
@example("date_add(a, b, 'days')", {"a": "2026-03-01", "b": 10**30})
def test_any_expression_over_any_data_gives_plain_data_or_an_expression_error(text: str, scope: dict[str, Any]) -> None:
    check_total(text, scope)


@thorough
@given(st.text(), SCOPES)
@example("${{" * 3000, {})
@example("${{ {a: '}}'}.a }}", {})
@example("${{ '", {})
@example("${{ a }} ${{ b }}", {"a": 1, "b": [1]})
def test_any_template_over_any_data_gives_plain_data_or_an_expression_error(text: str, scope: dict[str, Any]) -> None:
    for candidate in (text, "${{" + text + "}}", text + "${{ a }}"):
        try:
            template = parse_template(candidate)
            if template:
                check_plain(template.render(scope, now=NOW))
        except Invalid as error:
            assert error.offset is not None and 0 <= error.offset <= len(candidate)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=12,
)  # fmt: skip


@thorough
@given(PLAIN)
def test_json_reads_back_what_it_wrote(value: Any) -> None:
    assert evaluate("parse_json(json(value)) == value", {"value": value}) is True


@thorough
@given(PLAIN)
def test_data_comes_through_unchanged(value: Any) -> None:
    assert typed(evaluate("value", {"value": value})) == typed(value)


def test_a_stack_that_the_caller_has_used_up_is_an_expression_error() -> None:
    nested = compile_expression("-(" * 15 + "a" + ")" * 15)
    outcomes = []

    def descend(left: int) -> None:
        if left:
            return descend(left - 1)
        for act in (lambda: nested.evaluate({"a": 1}), lambda: compile_expression("(" * 20 + "1" + ")" * 20)):
            try:
                act()
            except Invalid as error:
                outcomes.append(error.message)
        return None

    here = len(_frames())
    descend(sys.getrecursionlimit() - here - 15)
    assert outcomes == [
        "there is not enough memory left to evaluate this",
        "there is not enough memory left to read this",
    ]


def _frames() -> list[Any]:
    found = [sys._getframe()]
    while before := found[-1].f_back:
        found.append(before)
    return found


# Budgets


BIG = {"big": "x" * 60_000, "many": list(range(9_000)), "long": "x" * 6_000_000}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map(range(1700), i, i * 2)", "map(): the expression takes more than 5,000 steps"),
        ("any(range(75), i, any(range(75), j, false))", "any(): the expression takes more than 5,000 steps"),
        ("length(map(range(200), i, lower(big)))", "lower(): the expression takes more than 5,000 steps"),
        ("length(map(range(999), i, sort(many)))", "sort(): the expression takes more than 5,000 steps"),
        ("all(range(900), i, many == many)", "all(): the expression takes more than 5,000 steps"),
        ("any(range(900), i, -1 in many)", "the expression takes more than 5,000 steps"),
        ("contains(long, 'y')", "contains(): the expression takes more than 5,000 steps"),
        ("big + big", "the text would be 120,000 characters long; at most 65,536 are allowed"),
        ("many + many", "18,000 items are too many; at most 10,000 are allowed"),
        ("flatten([many, many])", "flatten(): 18,000 items are too many; at most 10,000 are allowed"),
        ("replace(big, 'x', 'xx')", "replace(): the text would be 120,000 characters long; at most 65,536 are allowed"),
        ("join(many, big)", "join(): the text would be 539,974,890 characters long; at most 65,536 are allowed"),
        ("json([big, big])", "json(): the value is too large"),
        ("split(long, 'x')", "split(): the expression takes more than 5,000 steps"),
        ("upper(long)", "upper(): the text would be 6,000,000 characters long; at most 65,536 are allowed"),
        (
            "date_format('2026-03-01', join(map(range(3000), i, '['), ''))",
            "date_format(): the expression takes more than 5,000 steps",
        ),
        ("range(1e9)", "range(): 1,000,000,000 items are too many; at most 10,000 are allowed"),
    ],
)
def test_an_evaluation_ends_within_its_budget(text: str, message: str) -> None:
    assert mistake(text, BIG).message == message


SIZED = {
    "t": "x" * 100,
    "l": list(range(100)),
    "m": {f"k{i}": i for i in range(100)},
    "n": [["a", "b"], ["c"]],
    "w": ["a"] * 100,
}


@pytest.mark.parametrize(
    ("text", "before", "meanwhile"),
    [
        ("lower(t)", 2000, 200),
        ("upper(t)", 2000, 200),
        ("trim(t)", 2000, 200),
        ("replace(t, 'x', 'yy')", 2000, 300),
        ("replace(t, 'y', 'zz')", 2000, 200),
        ("split(t, 'y')", 2000, 101),
        ("split(t, 'xx')", 2000, 151),
        ("join(w, ', ')", 2000, 398),
        ("join([], ', ')", 2000, 0),
        ("starts_with(t, 'xx')", 2000, 2),
        ("ends_with(t, 'xx')", 2000, 2),
        ("contains(t, 'y')", 2000, 100),
        ("contains(l, 7)", 2000, 100),
        ("contains(m, 'k1')", 2000, 1),
        ("text(t)", 2000, 100),
        ("text(12)", 1000, 2),
        ("number('12')", 1000, 0),
        ("length(t)", 2000, 0),
        ("slice(t, 10)", 2000, 90),
        ("slice(l, 10, 30)", 2000, 20),
        ("truncate(t, 10)", 2000, 10),
        ("truncate(t, 100)", 2000, 0),
        ("slug(t)", 2000, 300),
        ("json(t)", 2000, 102),
        ("json(l)", 2000, 291),
        ("parse_json('[1,2]')", 1000, 5),
        ("sha256(t)", 2000, 100),
        ("first(l)", 2000, 0),
        ("sort(l)", 2000, 100),
        ("reverse(l)", 2000, 100),
        ("unique(l)", 2000, 100),
        ("unique(n)", 2000, 25),
        ("flatten(n)", 2000, 5),
        ("flatten(l)", 2000, 200),
        ("range(100)", 1000, 100),
        ("sum(l)", 2000, 100),
        ("min(l)", 2000, 100),
        ("max(l)", 2000, 100),
        ("keys(m)", 2000, 100),
        ("values(m)", 2000, 100),
        ("merge(m, {a: 1})", 3001, 101),
        ("round(1.5)", 1000, 0),
        ("date_format('2026-03-01', '[a]YYYY')", 1000, 28),
        ("date_add('2026-03-01', 1, 'days')", 1000, 0),
        ("t + t", 3000, 200),
        ("l + l", 3000, 200),
        ("l == l", 3000, 110),
        ("m == m", 3000, 110),
        ("date_format('2026-01-01', '[a][b]')", 1000, 30),
        ("1 + 1", 1000, 0),
        ("[1, 2, 3]", 1003, 0),
        ("{a: 1, b: 2}", 1002, 0),
        ("map(l, i, i)", 2000, 200000),
        ("filter(l, i, i * 2 > 3)", 2000, 400000),
        ("all(l, i, true)", 2000, 100000),
        ("sort(l, i, -i)", 2000, 300000),
        ("l[0] == l", 3000, 0),
        ("n == n", 3000, 35),
    ],
)
def test_work_has_an_exact_price(text: str, before: int, meanwhile: int) -> None:
    """1,000 for each operator, call and name, at once; 1 for each character or item built or looked through."""
    program = compile_source(text)
    run = Evaluation(SIZED, NOW, 1_000_000, program.loops)
    program.run(run)
    assert (program.price, 1_000_000 - run.left) == (before, meanwhile)


def test_the_steps_of_a_budget_can_be_used_up_to_the_last() -> None:
    # 3 calls, and for each item its body, the loop itself and a thousandth for building the range
    assert evaluate("length(map(range(2497), i, i))") == 2_497
    assert mistake("length(map(range(2498), i, i))").message == "map(): the expression takes more than 5,000 steps"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("length(half + half)", 65_536),
        ("length(join([half, half], ''))", 65_536),
        ("length(join([half, short], ','))", 65_536),
        ("length(replace(half, 'x', 'yy'))", 65_536),
        ("length(split(commas, ','))", 10_000),
        ("length(range(10000))", 10_000),
        ("length(items + [1])", 10_000),
    ],
)
def test_a_limit_itself_is_within_the_limit(text: str, size: int) -> None:
    data = {"half": "x" * 32_768, "short": "x" * 32_767, "commas": "," * 9_999, "items": list(range(9_999))}
    assert evaluate(text, data) == size
    data = {"half": "x" * 32_769, "short": "x" * 32_768, "commas": "," * 10_000, "items": list(range(10_000))}
    assert "at most" in mistake(text.replace("10000", "10001"), data).message


def test_an_expression_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert evaluate("1" + " " * 9_999) == 1
    error = mistake("1" + " " * 10_000)
    assert (error.message, error.offset) == ("the expression is longer than 10,000 characters", 10_000)


def test_brackets_and_operators_may_be_32_deep_and_no_deeper() -> None:
    assert evaluate("(" * 31 + "1" + ")" * 31) == 1
    assert evaluate("[" * 31 + "1" + "]" * 31) is not None
    for text in ("(" * 32 + "1" + ")" * 32, f"[{'1, ' * 50}{'(' * 32}1{')' * 32}]", f"[{'-x, ' * 50}{'-' * 40}x]"):
        assert mistake(text, {"x": 1}).message == "the expression is nested more than 32 deep"
    for tower in ("({} * 1 + 1)", "text({} + 'a' == 'b')", "[{}][0]", "(true ? {} : 1) + 1", "!({} == 1 && true)"):
        text = "1"
        for _ in range(31):
            text = tower.format(text)
        assert mistake(text).message == "the expression is nested more than 32 deep", tower


@pytest.mark.parametrize("operand", ["1", "-1", "true", "'a'", "x", "x.y", "[]", "{}", "now()"])
def test_every_operand_is_one_deep_and_every_operator_one_more(operand: str) -> None:
    text = operand
    for _ in range(15):
        text = f"({text} * 1 + 1)"
    compile_expression(f"{text} * 1")
    with pytest.raises(Invalid, match="nested more than 32 deep"):
        compile_expression(f"{text} * 1 + 1")


@pytest.mark.parametrize("text", ["a == b", "length(unique([a, b])) == 1"])
@pytest.mark.parametrize("shell", [lambda inner: [inner], lambda inner: {"x": inner}], ids=["lists", "mappings"])
def test_data_is_compared_32_deep_and_no_deeper(text: str, shell: Callable[[Any], Any]) -> None:
    one: Any = 1
    for _ in range(32):
        one = shell(one)
    assert evaluate(text, {"a": one, "b": one}) is True
    assert evaluate("a", {"a": one}) == one
    for expression in (text, "a"):
        assert "nested more than 32 deep" in mistake(expression, {"a": shell(one), "b": shell(one)}).message


def test_a_budget_can_be_used_up_to_the_last() -> None:
    run = Evaluation({}, None, 3, 0)
    run.charge(3)
    with pytest.raises(Invalid, match="takes more than 5,000 steps"):
        run.charge(1)


def test_the_room_for_a_copy_can_be_used_up_to_the_last() -> None:
    room = Room(3, 64)
    room.take(3)
    with pytest.raises(Invalid, match="the value is too large"):
        room.take(1)


@pytest.mark.parametrize("name", ["sum", "min", "max", "sort", "flatten"])
def test_an_item_that_is_not_plain_is_told_by_its_place(name: str) -> None:
    error = mistake(f"{name}(items)", {"items": [1, object()]})
    assert error.message == f"{name}(): item [1]: this is not plain data, but of type object"


def test_a_whole_number_of_the_data_has_at_most_30_digits() -> None:
    for number in (10**30, -(10**30)):
        assert evaluate("n", {"n": number}) == number
        beyond = number + (1 if number > 0 else -1)
        assert mistake("n", {"n": beyond}).message == "n: the number has more than 30 digits"


def test_eight_names_are_listed_in_a_hint_and_nine_are_too_many() -> None:
    eight = {f"f{number}": number for number in range(8)}
    assert mistake("pin.title", {"pin": eight}).hint == "its fields are f0, f1, f2, f3, f4, f5, f6, f7"
    assert mistake("pin.title", {"pin": eight | {"f8": 8}}).hint == "use ?. where it may be missing"


def test_sharing_can_not_multiply_a_result() -> None:
    tens = "[x, x, x, x, x, x, x, x, x, x]"
    text = "[0]"
    for _ in range(8):
        text = f"map([{text}], x, {tens})[0]"
    assert mistake(text).message == "the value is too large"
    assert mistake(f"json({text})").message == "json(): the value is too large"


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    for text in ("loop", "loop == {loop: loop}", "unique([loop])", "json(loop)"):
        assert mistake(text, loop).message.endswith("the value is nested more than 32 deep")


def test_an_expression_too_long_to_ever_be_evaluated_does_not_compile() -> None:
    assert mistake("a" + "+a" * 4000).message == "the expression has more than 5,000 operators, calls and names"
    assert mistake(" " * 10_001).message == "the expression is longer than 10,000 characters"


def test_a_long_chain_of_one_operator_is_not_deep() -> None:
    assert evaluate("1" + " + 1" * 2000) == 2001
    assert evaluate("true" + " && true" * 1000) is True


def test_the_price_of_an_expression_does_not_depend_on_the_way_it_takes() -> None:
    # 2 steps for the condition and 1 for the round make 1,666 rounds
    assert evaluate("length(filter(range(1665), i, i >= 0))") == 1665
    assert mistake("length(filter(range(1667), i, i >= 0))").hint == "use a for_each loop for this much data"


# No way out


class Trap:
    """Tells when anything but its type is looked at."""

    touched: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name != "__class__":  # isinstance() asks for it
            Trap.touched.append(name)
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    "text",
    [
        "().__class__.__bases__[0].__subclasses__()",
        "''.__class__.__mro__[1].__subclasses__()",
        "[].__class__",
        "{}.__class__.__base__",
        "x.__globals__",
        "x.__init__.__globals__['__builtins__']",
        'x["__class__"]',
        "x?.__class__ == null ? 1 : x.__class__",
        "text.__self__",
        "pin.items()",
        "pin.keys().mapping",
        "pin.__class__.__init__.__globals__",
        "'{0.__class__}'.format(x)",
        "'%(a)s' % pin",
        "f'{x}'",
        "'a' * 1000000000",
        "[0] * 1000000000",
        "9 ** 9 ** 9",
        "10 ** 400000000",
        "1 << 99999",
        "'x'.ljust(1000000000)",
        "range(1000000000)",
        "(lambda: 1)()",
        "x := 1",
        "[y for y in [1]]",
        "[c for c in ().__class__.__base__.__subclasses__()][0]()",
        "__import__('os').system('id')",
        "import('os')",
        "eval('1')",
        "exec('1')",
        "open('/etc/passwd')",
        "getattr(x, 'y')",
        "globals()",
        "self._TemplateReference__context",
        "cycler.__init__.__globals__.os",
        "lipsum.__globals__['os'].popen('id').read()",
        "x|attr('__class__')",
        "{{ 7 * 7 }}",
        "{% for i in range(9) %}",
        "has(pin.title)",
        "pin.all(p, p > 1)",
        "'a'.matches('(a+)+$')",
        "size([1])",
        "constructor.constructor('return this')()",
        "pin.constructor",
        "this.process",
        "$(id)",
        "`id`",
        "1; 2",
        "1 if true else 2",
        "async",
        "*pin",
        "**pin",
        "@x",
        "\\x41",
    ],
)
def test_an_escape_is_refused_without_a_look_at_the_object(text: str) -> None:
    Trap.touched.clear()
    assert mistake(text, {**SCOPE, "x": Trap()}).message
    assert Trap.touched == []


def test_a_python_object_in_the_data_is_refused_where_it_is_read() -> None:
    error = mistake("steps.when", {"steps": {"when": datetime(2026, 3, 1, tzinfo=UTC)}})
    assert (error.offset, error.message) == (6, "steps.when: this is not plain data, but of type datetime")


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (object(), "this is not plain data, but of type object"),
        (b"x", "this is not plain data, but of type bytes"),
        ({1, 2}, "this is not plain data, but of type set"),
        (Decimal(1), "this is not plain data, but of type Decimal"),
        (float("nan"), "this is NaN, which is not a number"),
        (float("inf"), "the number is too large"),
        (10**5000, "the number has more than 30 digits"),
        ({1: 2}, "a mapping has a key that is not text, but of type int"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_plain_is_refused_deep_within_a_result_too(hidden: object, message: str) -> None:
    assert mistake("a", {"a": [{"b": hidden}]}).message == message


# Data


def test_read_only_views_are_read_and_come_out_as_plain_data() -> None:
    scope: Any = MappingProxyType({"pin": MappingProxyType({"tags": ("a", "b"), "n": 1})})
    assert typed(compile_expression("pin").evaluate(scope)) == typed({"tags": ["a", "b"], "n": 1})
    assert compile_expression("pin.tags[1] + text(pin.n)").evaluate(scope) == "b1"
    assert compile_expression("pin == {n: 1, tags: ['a', 'b']}").evaluate(scope) is True
    assert compile_expression("map(pin.tags, t, upper(t))").evaluate(scope) == ["A", "B"]


def test_enumerations_come_out_as_the_text_or_number_they_are() -> None:
    class Word(StrEnum):
        A = "a"

    class Digit(IntEnum):
        ONE = 1

    found = evaluate("[word, digit, word + 'b', digit + 1]", {"word": Word.A, "digit": Digit.ONE})
    assert typed(found) == typed(["a", 1, "ab", 2])
    assert [type(each) for each in found] == [str, int, str, int]


def test_a_result_shares_nothing_with_the_data() -> None:
    scope = {"pin": {"tags": ["a"]}}
    found = evaluate("pin", scope)
    found["tags"].append("b")
    assert scope == {"pin": {"tags": ["a"]}}


def test_a_missing_key_is_not_made_by_looking_for_it() -> None:
    from collections import defaultdict

    scope: Any = {"pin": defaultdict(list)}
    assert evaluate("pin.tags ?? 'none'", scope) == "none"
    assert scope == {"pin": {}}


def test_the_time_is_the_one_that_was_handed_in() -> None:
    expression = compile_expression("today()")
    assert expression.evaluate({}, now=datetime(2031, 12, 31, 23, 59, tzinfo=UTC)) == "2031-12-31"
    with pytest.raises(Invalid, match=r"^today\(\): now\(\) and today\(\) can't be used here"):
        expression.evaluate({})


def test_a_name_in_a_message_can_not_pass_for_anything_else() -> None:
    assert mistake("pin.x", {"pin": {"\x1b[2J": 1}}).hint == r"its fields are '\x1b[2J'"


# Expressions as values


def test_expressions_of_one_text_are_one() -> None:
    assert compile_expression("1 + 1") is compile_expression("1 + 1")
    assert len({compile_expression("1 + 1"), compile_expression("1+1")}) == 2
    assert compile_expression.__wrapped__("1 + 1") == compile_expression("1 + 1")


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("1 + 2", True),
        ("map([1], x, x)", True),
        ("upper('a')", True),
        ("now()", False),
        ("[today()]", False),
        ("a ?? 1", False),
    ],
)
def test_only_an_expression_without_data_and_clock_is_constant(text: str, *, constant: bool) -> None:
    assert compile_expression(text).constant is constant


# References


def references(text: str) -> tuple[Reference, ...]:
    return compile_expression(text).references


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps.copy.board.id", Reference("steps", ("copy", "board", "id"), (0, 6, 11, 17), False, 3)),
        ("inputs", Reference("inputs", (), (0,), False, 0)),
        ('pin["alt text"].x', Reference("pin", ("alt text", "x"), (0, 4, 16), False, 2)),
        ("(pin).x", Reference("pin", ("x",), (1, 6), False, 1)),
        ("a[0].b", Reference("a", (0, "b"), (0, 2, 5), False, 2)),
        ("a.b?.c.d", Reference("a", ("b", "c", "d"), (0, 2, 5, 7), True, 1)),
        ("a?.b?.c", Reference("a", ("b", "c"), (0, 3, 6), True, 0)),
        ('a.b?.["c"]', Reference("a", ("b", "c"), (0, 2, 6), True, 1)),
        ("lower(a.b)", Reference("a", ("b",), (6, 8), False, 1)),
    ],
)
def test_a_path_is_a_reference(text: str, expected: Reference) -> None:
    assert references(text) == (expected,)


def test_a_reference_ends_at_the_first_computed_index() -> None:
    assert references("a.b[c.d].e") == (
        Reference("a", ("b",), (0, 2), False, 1),
        Reference("c", ("d",), (4, 6), False, 1),
    )


def test_all_but_the_last_operand_of_a_default_are_optional() -> None:
    found = references("a.b ?? (c.d ?? lower(e)) ?? f")
    assert [(each.root, each.optional) for each in found] == [("a", True), ("c", True), ("e", False), ("f", False)]


def test_the_variable_of_a_loop_is_no_reference_within_its_body() -> None:
    assert [each.root for each in references("map(x.list, x, x.a + y)")] == ["x", "y"]
    assert [each.path for each in references("map(filter(a.b, p, p.c), p, p.d) + p.e")] == [("b",), ("e",)]


def test_a_reference_in_a_branch_that_is_not_taken_is_still_known() -> None:
    assert [each.root for each in references("true ? a : b && c")] == ["a", "b", "c"]


# Templates


def template(text: str) -> Template:
    found = parse_template(text)
    assert found is not None
    return found


def render(text: str, **scope: Any) -> Any:
    return template(text).render(scope)


def template_mistake(act: Callable[[], Any]) -> Invalid:
    with pytest.raises(Invalid) as caught:
        act()
    return caught.value


@pytest.mark.parametrize("value", [None, True, 7, 2.5, "text", ["a"], {"a": 1}, "813744226420795884"])
def test_a_single_expression_keeps_its_type(value: Any) -> None:
    for text in ("${{ a }}", "${{a}}", "  ${{ a }}\n"):
        assert typed(render(text, a=value)) == typed(value)
        assert template(text).single


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${{ title }} (copy)", "Soup (copy)"),
        ("${{ title }}${{ n }}", "Soup3"),
        ("n=${{ n }}, half=${{ n / 2 }}, even=${{ n / 3 }}, ok=${{ n > 1 }}", "n=3, half=1.5, even=1, ok=true"),
        ("${{ '}}' }} }}", "}} }}"),
        ('${{ "a }} b" }}!', "a }} b!"),
        ("${{ {a: {b: 1}}.a.b }}!", "1!"),
        ("${{ {a: {b: 1}}['a'].b}}!", "1!"),
        ("${{ length({a: {b: 1}}) }} {x} }", "1 {x} }"),
        ("$${{ title }}", "${{ title }}"),
        ("$${{ a }} ${{ title }}", "${{ a }} Soup"),
        ("$$${{ title }}", "$${{ title }}"),
        ("${{ '$' }}${{ n }}", "$3"),
        ("$5 {{ a }} ${ b } ${{ n }}", "$5 {{ a }} ${ b } 3"),
        ("a\n  ${{ title }}\n", "a\n  Soup\n"),
    ],
)
def test_parts_are_joined_as_text(text: str, expected: str) -> None:
    assert render(text, title="Soup", n=3) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ {a: {b: 1}}}}", {"a": {"b": 1}}),
        ("${{ {a: {b: {c: 1}}}}}", {"a": {"b": {"c": 1}}}),
        ("${{ {a: {}}}}", {"a": {}}),
        ("${{ [{a: {b: 1}}][0].a.b}}}}", "1}}"),
        ("${{ json({a: {b: 1}})}} ${{ json({a: {}})}}}}", '{"a":{"b":1}} {"a":{}}}}'),
        ("${{ {'}}': {b: '}}'}}}}", {"}}": {"b": "}}"}}),
    ],
)
def test_braces_that_close_mappings_do_not_end_the_expression(text: str, value: Any) -> None:
    assert render(text) == value


@pytest.mark.parametrize("text", ["$${{ a }}", "${{ a }}${{ b }}", "${{ a }}.", "x ${{ a }}", "$${{ ${{ a }}"])
def test_a_template_with_more_than_one_expression_is_text(text: str) -> None:
    assert not template(text).single


def test_a_template_knows_its_parts_and_where_they_stand() -> None:
    parts = [part if isinstance(part, str) else (part[0].text, part[1]) for part in template("a ${{ b }} $${{ c").parts]
    assert "".join(part for part in parts if isinstance(part, str)) == "a  ${{ c"
    assert [part for part in parts if not isinstance(part, str)] == [("b", 6)]
    (reference,) = template("a ${{ b.c[0] }}").references
    assert reference.offsets == (6, 8, 10)


def test_a_long_expression_is_cut_in_a_message() -> None:
    for length, shown in ((60, "x" * 60), (61, "x" * 59 + "…")):
        name = "x" * length
        with pytest.raises(Invalid) as refused:
            render(f"a ${{{{ {name} }}}}", **{name: None})
        assert refused.value.message == f"{shown} is nothing, which can't be put into text"


def test_a_text_of_parts_may_be_as_long_as_the_limit() -> None:
    assert len(render("a${{ x }}", x="x" * 65_535)) == 65_536
    error = template_mistake(lambda: render("a${{ x }}", x="x" * 65_536))
    assert (error.message, error.offset) == ("the text would be 65,537 characters long; at most 65,536 are allowed", 0)


def test_a_text_without_an_expression_is_no_template() -> None:
    assert parse_template("plain {{ a }} $ {") is None


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ([1], "pin.x is a list, which can't be put into text", "use json(...) or join(...)"),
        ({"a": 1}, "pin.x is a mapping, which can't be put into text", "use json(...) or join(...)"),
        (None, "pin.x is nothing, which can't be put into text", "say with ?? what to write instead"),
    ],
)
def test_joining_what_is_no_text_is_an_error_that_names_the_part(value: Any, message: str, hint: str) -> None:
    error = template_mistake(lambda: render("a ${{ 1 }} ${{ pin.x }}", pin={"x": value}))
    assert (error.message, error.hint, error.offset) == (message, hint, 15)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("ab ${{ ", 3, "this ${{ is not closed with }}"),
        ("ab ${{ {a: 1 }}", 3, "this ${{ is not closed with }}"),
        ("ab ${{ 'x }} ", 7, "the text is not closed with '"),
        ("ab ${{ }}", 7, "the expression is empty"),
        ("ab ${{ 1 + }}", 10, "expected a value, but the expression ends"),
        ("ab ${{ a } }}", 9, "expected an operator or the end, but found '}'"),
        ("ab ${{ 1 }} ${{ lowr(1) }}", 16, "unknown function 'lowr'"),
    ],
)
def test_a_mistake_in_a_template_is_placed_within_the_whole_text(text: str, offset: int, message: str) -> None:
    error = template_mistake(lambda: parse_template(text))
    assert (error.offset, error.message) == (offset, message)


def test_a_failing_part_is_placed_within_the_whole_text() -> None:
    error = template_mistake(lambda: render("Copy of ${{ pin.titel }}", pin={"title": "x"}))
    assert (error.offset, error.hint) == (16, "did you mean pin.title?")


def test_data_is_never_looked_through_for_expressions() -> None:
    title = "${{ inputs.secret }} {{ x }} $${{ y }}"
    assert render("${{ title }}", title=title) == title
    assert render("${{ title }}!", title=title) == title + "!"
    assert render("${{ '$' }}{{ title }}", title=title) == "${{ title }}"


def test_the_references_of_a_template_have_offsets_within_the_whole_text() -> None:
    found = template("a ${{ pin.id }} ${{  inputs.b ?? 1 }}").references
    assert found == (
        Reference("pin", ("id",), (6, 10), False, 1),
        Reference("inputs", ("b",), (21, 28), True, 1),
    )


def test_the_parts_of_a_template_tell_where_each_expression_stands() -> None:
    parts = template("a ${{ 1 }}b").parts
    assert parts == ("a ", (compile_expression("1"), 6), "b")
    assert isinstance(parts[1][0], Expression)


def test_a_text_that_grows_over_the_limit_is_refused() -> None:
    error = template_mistake(lambda: render("${{ big }}${{ big }}", big="x" * 40_000))
    assert error.message == "the text would be 80,000 characters long; at most 65,536 are allowed"


# Near names


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bord", "board"), ("BOARD", "board"), ("boards", "board"), ("xyz", None), ("", None), ("b" * 1000, None)],
)
def test_the_nearest_name_is_found_if_one_is_near(name: str, expected: str | None) -> None:
    assert nearest(name, ["pin", "board", "section"]) == expected


# What people read of it


@pytest.mark.parametrize("entry", [*functions(), *OPERATOR_TEXTS], ids=lambda entry: entry.usage)
def test_what_people_look_up_has_a_sentence_and_examples_that_hold(entry: Any) -> None:
    assert re.fullmatch(r"[A-Z].*\.", entry.text) and entry.examples
    called = getattr(entry, "name", None)
    for shown in entry.examples:
        assert called is None or f"{called}(" in shown
        evaluate_example(shown)


def test_the_table_of_operators_is_that_of_the_parser() -> None:
    signs = {sign for entry in OPERATOR_TEXTS for sign in entry.sign.split()} - {":"}
    assert signs == {*parser._LEVELS, "!", ".", "?.", "[", "]"}
