"""``pinflow functions``: what expressions can do, looked up from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pinflow.expressions.expression import compile_expression
from pinflow.expressions.reference import NOW, OPERATOR_TEXTS, SCOPE, functions
from pinflow.reporters.text import cells, columns

if TYPE_CHECKING:
    from tests.cli import Cli


@pytest.fixture
def cli(cli: Cli) -> Cli:
    cli.use_plugins()
    return cli


def test_all_functions_and_operators_are_listed(cli: Cli) -> None:
    assert cli("functions") == 0
    for entry in (*functions(), *OPERATOR_TEXTS):
        assert f"  {entry.usage}" in cli.stdout


def test_one_function_is_shown_with_examples_and_their_values(cli: Cli) -> None:
    assert cli("functions", "first") == 0
    assert cli.stdout.splitlines() == [
        "first(list)",
        "  The first item; null if the list is empty.",
        '    ${{ first(["soup", "stew"]) }}  gives  "soup"',
        "    ${{ first([]) }}  gives  null",
    ]


def test_an_operator_is_shown_with_the_data_of_its_examples(cli: Cli) -> None:
    assert cli("functions", "??") == 0
    assert cli.stdout.startswith("value ?? other\n")
    assert "pin is {" in cli.stdout and "inputs is" not in cli.stdout


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("zone", {"date_in", "now", "today"}),
        ("format_date", {"date_format"}),
        ("lower()", {"lower"}),
        ("html", {"strip_html"}),
    ],
)
def test_what_is_not_a_name_is_looked_for_in_the_descriptions(cli: Cli, word: str, names: set[str]) -> None:
    assert names <= {function["name"] for function in cli.data("functions", word)["functions"]}


def test_for_programs_each_example_has_its_value(cli: Cli) -> None:
    data = cli.data("functions")
    shown = [
        (each["usage"], example) for each in (*data["functions"], *data["operators"]) for example in each["examples"]
    ]
    assert len(shown) > 60
    for usage, example in shown:
        value = compile_expression(example["expression"]).evaluate(SCOPE, now=NOW)
        assert value == example["value"], usage


@pytest.mark.parametrize("word", ["lowr", "", "()", "nothing like it"])
def test_an_unknown_name_is_told_with_the_nearest(cli: Cli, word: str) -> None:
    assert cli("functions", word) == 2
    assert f"unknown function {word!r}" in cli.stderr
    assert "pinflow functions lists them all" in cli.stderr
    assert word != "lowr" or "did you mean 'lower'?" in cli.stderr


def test_names_for_completion_are_one_a_line(cli: Cli) -> None:
    assert cli("functions", "--names") == 0
    assert {"lower", "sort", "??", "&&"} <= set(cli.stdout.splitlines())
    assert len(cli.stdout.splitlines()) == len(set(cli.stdout.splitlines()))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_two_columns_fit_the_screen_and_lose_nothing(width: int) -> None:
    rows = [("a", "words " * 30), ("name-of-30-letters-" * 2, "short"), ("名前", "ideas")]
    lines = columns(rows, width)
    assert max(map(cells, lines)) <= width
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(f"{name} {text}" for name, text in rows).split())
