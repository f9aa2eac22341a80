"""A mistake in a recipe is shown with its line and a caret: at any width, in any script, and without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pinflow import Context, action, hookimpl
from pinflow.errors import RecipeError
from pinflow.masking.known import forget_secrets, remember_token
from pinflow.recipe.reader import parse
from pinflow.recipe.source import load
from pinflow.reporters.errors import problem_lines
from pinflow.reporters.text import cells
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pinflow import Action
    from pinflow.errors import Problem

TOKEN = "AAAABBBBCCCC" + "1234567890abcdef"  # as long as tokens are


class Log:
    @hookimpl
    def pinflow_actions(self) -> Sequence[Action]:
        @action("log")
        def log(ctx: Context, *, text: str) -> None:
            """Say something."""

        return [log]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    cli = Cli(tmp_path)
    cli.use_plugins(Log())
    return cli


def problems(text: str) -> Sequence[Problem]:
    with pytest.raises(RecipeError) as caught:
        parse(load(text, "r.yaml"))
    return caught.value.problems


def shown(text: str, width: int = 80) -> list[str]:
    return list(problem_lines(problems(text), width, lambda words, style: words))


def pointed_at(lines: Sequence[str]) -> str:
    """What stands above the caret, up to the next space."""
    line, caret = lines[-2:]
    at = caret.index("^")
    rest = next(line[n:] for n in range(len(line)) if cells(line[:n]) == at)
    return rest.partition(" ")[0]


def test_a_mistake_is_shown_with_its_line_and_a_caret(cli: Cli) -> None:
    cli.recipe("name: n\nsteps:\n  - uses: lgo\n    with: {text: a}\n")
    assert cli("validate", "shop.yaml") == 2
    assert cli.stderr == (
        "shop.yaml:3:11: unknown action 'lgo'; did you mean 'log'?\n   3 |   - uses: lgo\n     |           ^\n"
    )
    told = cli.stderr
    assert cli("run", "shop.yaml") == 2
    assert cli.stderr == told


def test_a_mistake_in_an_included_recipe_has_the_line_of_that_recipe(cli: Cli) -> None:
    cli.recipe("name: inner\nsteps:\n  - {uses: log, with: {txt: a}}\n", "inner.yaml")
    cli.recipe("name: n\nsteps:\n  - include: inner.yaml\n")
    assert cli("validate", "shop.yaml") == 2
    first, *lines = cli.stderr.splitlines()
    assert first.startswith("inner.yaml:3:24: ")
    assert lines == ["   3 |   - {uses: log, with: {txt: a}}", "     |                        ^"]


def test_programs_get_the_line_too(cli: Cli) -> None:
    cli.recipe("name: n\nstpes: 1\nsteps: [{uses: log, with: {text: a}}]\n")
    assert cli("validate", "shop.yaml", "--output", "json") == 2
    (problem,) = cli.json["recipes"][0]["error"]["problems"]
    assert (problem["line_text"], problem["text_column"]) == ("stpes: 1", 1)


def test_an_input_that_is_not_given_is_no_mistake_of_the_recipe(cli: Cli) -> None:
    cli.recipe('name: n\ninputs:\n  a: {required: true}\nsteps: [{uses: log, with: {text: "${{ inputs.a }}"}}]\n')
    assert cli("run", "shop.yaml") == 2
    assert cli.stderr == "shop.yaml:3:3: input 'a' needs a value; give it with: -i a=...\n"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("  - {uses: log, if: steps.x ==}", "}"),
        ('  - {uses: log, with: {text: "日本語のテキスト ${{ 1 + *2 }}"}}', "*2"),
        ('  - {uses: log, with: {text: "👩‍👩‍👧 é ${{ 1 + \'a }}"}}', "'a"),
        ("  - {uses:\tlog, wihth: {text: a}}", ""),
        ("  - {uses: log, wiht: {text: a}}", "wiht:"),
    ],
)
def test_the_caret_stands_below_what_is_wrong_also_after_wide_characters(line: str, word: str) -> None:
    lines = shown(f"name: n\nsteps:\n{line}\n")
    assert pointed_at(lines) == word
    assert all("\t" not in text for text in lines)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("before", ["", "a" * 30, "a" * 300, "語" * 200])
@pytest.mark.parametrize("after", ["", "b" * 300, "語" * 200])
def test_a_long_line_is_cut_around_the_mistake(width: int, before: str, after: str) -> None:
    lines = shown(f"name: n\nsteps: [{{uses: x, name: '{before}', wiht: 1, id: '{after}'}}]\n", width)[:3]
    assert all(cells(line) <= width for line in lines[1:])
    assert pointed_at(lines) == "wiht:"


def test_invisible_characters_are_shown_as_such() -> None:
    lines = shown("name: a\u0007b\n")
    assert lines[1:] == ["   1 | name: a^Gb", "     |        ^"]


def test_of_many_mistakes_the_first_twenty_have_their_line_and_all_are_counted() -> None:
    lines = shown("name: n\nsteps:\n" + "  - {uses: log, wiht: {text: a}}\n" * 1_400)
    assert sum(line.startswith("r.yaml:") for line in lines) == 1_400
    assert sum("^" in line for line in lines) == 20
    assert lines[-1] == "1,400 mistakes; the first 20 are shown with their lines"


def test_a_line_of_a_quarter_megabyte_is_never_taken_as_a_whole() -> None:
    steps = ", ".join("{uses: log, wiht: {text: a}}" for _ in range(1_400))
    found = problems(f"name: n\nsteps: [{steps}]\n")
    assert len(found) == 1_400
    assert all(len(problem.line_text) <= 400 for problem in found)
    assert all(problem.line_text[problem.text_column - 1 :].startswith("wiht") for problem in found)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"name: n\nstpes: pina_{TOKEN}\nsteps: [{{uses: x}}]\n", TOKEN),
        (f"name: n\nsteps: [{{uses: x, wiht: {{a: Bearer {TOKEN}}}}}]\n", TOKEN),
        (f'name: n\nsteps: [{{uses: x, with: {{a: "{TOKEN}]}}\n', TOKEN),
        ("name: n\nsteps: [{uses: x, wiht: {password: geheim}}]\n", "geheim"),
        ("name: n\nsteps: [{uses: x, wiht: 'https://ann" + ":geheim@example.com/a'}]\n", "geheim"),
        ("name: n\ninputs:\n  pw: {type: secret, default: geheim}\nsteps: [{uses: x}]\n", "geheim"),
        ("name: n\ninputs:\n  pw:\n    default: geheim\n    type: secret\nsteps: [{uses: x}]\n", "geheim"),
        ("name: n\ninputs: {pw: {default: geheim, type: secret, exmaple: 1}}\nsteps: [{uses: x}]\n", "geheim"),
        ("name: n\ninputs:\n  pw:\n    type: secret\n    default: 'geheim\nsteps: []\n", "geheim"),
        (
            "name: n\ninputs:\n  pw:\n    type: secret\n    default: |\n      a\n      geheim: *x\nsteps: &a []\n",
            "geheim",
        ),
        ("name: n\ninputs:\n  pw:\n    type: secret\n    choices:\n      - !a geheim\nsteps: [{uses: x}]\n", "geheim"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(text: str, secret: str) -> None:
    found = problems(text)
    assert any(problem.line_text for problem in found)
    assert secret not in "".join(problem.line_text for problem in found)


def test_stars_keep_the_caret_where_it_was() -> None:
    lines = shown(f"name: n\nsteps: [{{uses: x, with: {{a: {TOKEN}}}, wiht: 1}}]\n")
    assert "*" * len(TOKEN) in lines[1]
    assert pointed_at(lines) == "wiht:"


def test_ids_addresses_and_names_of_actions_are_shown() -> None:
    text = (
        "{uses: pinterest.get_pin_analytics, with: {pin: '813744226420795884', url: https://example.com/a/12/soup.jpg}"
    )
    lines = shown(f"name: n\nsteps: [{text}, wiht: 1}}]\n", 200)
    assert "*" not in lines[1]


def test_a_token_that_this_process_has_is_not_shown_however_it_looks() -> None:
    found = problems("name: n\nstpes: garden shed\nsteps: [{uses: x}]\n")
    remember_token("garden shed")
    try:
        _, line, caret = problem_lines(found, 80, lambda words, style: words)
    finally:
        forget_secrets()
    assert (line, caret) == ("   2 | *****: ****** ****", "     | ^")
