"""What people write in expressions, and as names of arguments and actions, who know another language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pinflow.expressions import other_languages
from pinflow.expressions.expression import compile_expression
from pinflow.expressions.functions import FUNCTIONS, LOOPS
from pinflow.plan.names_meant import action_meant, arguments_meant
from pinflow.schema.invalid import Invalid
from tests.cli import Cli

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.app import App

VARIABLES = "a recipe reads no variables; make it an input, and give it with -i NAME=VALUE"
IN_TEXT = "this would stay as it is written; an expression is written ${{ inputs.a }}"


@pytest.fixture
def cli(tmp_path: Path, installed: App, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    cli = Cli(tmp_path)
    cli.use_app(installed)
    return cli


def told(cli: Cli, steps: str) -> list[str]:
    """What is said of a recipe with these steps, without the places."""
    cli.recipe(f"name: n\napi: v5\ninputs: {{a: {{default: x}}}}\nsteps:\n{steps}\n", "r.yaml")
    assert cli("validate", "r.yaml") == 2
    lines = [line for line in cli.stderr.splitlines() if line.startswith("r.yaml:")]
    return [line.split(": ", 1)[1] for line in lines]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("inputs.a | upper", "write upper(inputs.a)"),
        ("inputs.a|length", "write length(inputs.a)"),
        ("inputs.a | join(', ')", "write join(inputs.a, ', ')"),
        ("inputs.a | default('x')", "write inputs.a ?? 'x'"),
        ("inputs.a | tojson", "write json(inputs.a)"),
        ("inputs.a | int", "write number(inputs.a)"),
        ("inputs.a | quux", "use || for 'or'"),
        ("inputs.a <> 'a'", "use != for '<>'"),
        ("inputs.a is not none", "use == or != for 'is'"),
        ("'a' ~ inputs.a", "texts are joined with +"),
        ("$json.a", "names have no $; a loop's item is item, a step's result is steps.ID"),
        ("f'{inputs.a}'", "join texts with +, or put ${{ }} into the text"),
        ("inputs.a[0:3]", "write slice(VALUE, from, to)"),
        ("[x for x in inputs.a]", "use map(LIST, x, ...) for 'for'"),
        ("map(inputs.a, x => x)", "write map(LIST, x, ...)"),
        ("{{ inputs.a }}", "the expression stands here without braces, or in ${{ }}"),
        ("len(inputs.a)", "did you mean length()?"),
        ("str(1)", "did you mean text()?"),
        ("int('1')", "did you mean number()?"),
        ("fromJSON('{}')", "did you mean parse_json()?"),
        ("coalesce(inputs.a, 1)", "write VALUE ?? OTHER"),
        ("env('HOME')", VARIABLES),
        ("uuid()", "there is no chance in a recipe, so that a run can be resumed"),
        ("always()", "a step runs if those before it went well; what runs in any case stands under finally"),
        ("quuux()", "pinflow functions lists them"),
    ],
)
def test_another_languages_way_to_write_it_points_to_ours(source: str, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_expression(source)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("env.HOME", VARIABLES),
        ("secrets.TOKEN", "make it an input of type secret; its value comes from a file or from PINFLOW_INPUT_NAME"),
        ("github.sha", VARIABLES),
        ("needs.a.outputs.x", "write steps.ID"),
        ("params.x", "write inputs.NAME"),
        ("item.id", "a loop's item is known only in the steps below its `do:`"),
        ("loop.index", "a loop's item is known only in the steps below its `do:`"),
        ("None", "did you mean null?"),
        ("today", "write today() or today(zone)"),
        ("inputs.a.length", "write length(inputs.a)"),
        ("steps.me.outputs.username", "write steps.me.username"),
    ],
)
def test_another_tools_name_points_to_ours(cli: Cli, name: str, hint: str) -> None:
    (problem,) = told(cli, f'  - {{id: me, uses: get_user}}\n  - {{uses: log, with: {{text: "${{{{ {name} }}}}"}}}}')
    assert problem.split("; ", 1)[1] == hint


def test_a_loops_item_is_named_where_there_is_one(cli: Cli) -> None:
    loop = '  - {{for_each: list_boards, do: [{{uses: log, with: {{text: "${{{{ {} }}}}"}}}}]}}'
    assert told(cli, loop.format("loop.name")) == ["unknown name 'loop'; a loop's item is item"]
    hint = "to call a loop's item thing, write `as: thing` beside for_each"
    assert told(cli, loop.format("thing.name")) == [f"unknown name 'thing'; there are: inputs, steps, item; {hint}"]


@pytest.mark.parametrize("text", ["{{ inputs.a }}", "a {{inputs.a}} b", "${inputs.a}", "$inputs.a", "={{ inputs.a }}"])
def test_an_expression_in_other_braces_is_not_sent_as_text(cli: Cli, text: str) -> None:
    assert told(cli, f"  - {{uses: log, with: {{text: '{text}'}}}}") == [IN_TEXT]


def test_a_shells_variable_is_not_sent_as_text(cli: Cli) -> None:
    hint = "a recipe reads no variables; make it an input, and write ${{ inputs.NAME }}"
    assert told(cli, "  - {uses: log, with: {text: '${HOME}/a'}}") == [f"this would stay as it is written; {hint}"]


@pytest.mark.parametrize(
    "text", ["5 $ for {{ two }}", "{{ a }} and $b", "{a: 1}", "$5", "${{ inputs.a }}", '${{ "{{ inputs.a }}" }}']
)
def test_other_braces_and_dollars_are_text(cli: Cli, text: str) -> None:
    recipe = cli.recipe(f"name: n\ninputs: {{a: {{default: x}}}}\nsteps: [{{uses: log, with: {{text: '{text}'}}}}]\n")
    assert cli("validate", recipe) == 0


PIN = ["board", "section", "title", "description", "link", "alt_text", "image_url", "image_file", "image_base64"]
PIN += ["images", "video", "pin_url"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("image", ["image_url", "image_file", "image_base64"]),
        ("image_urls", ["image_url"]),
        ("board_id", ["board"]),
        ("board_section_id", ["section"]),
        ("imageUrl", ["image_url"]),
        ("link_url", ["link"]),
        ("alt", ["alt_text"]),
        ("desc", ["description"]),
        ("descripton", ["description"]),
        ("name", ["title"]),
        ("media_source", ["image_url", "image_file"]),
        ("file", ["image_file"]),
        ("quux", []),
    ],
)
def test_an_argument_by_another_name(name: str, meant: list[str]) -> None:
    given = ["board", "title"] if name not in ("board_id", "name") else []
    assert arguments_meant(name, PIN, given) == meant


def test_the_one_argument_that_is_missing_is_the_one_that_was_meant(cli: Cli) -> None:
    assert told(cli, "  - {uses: get_pin, with: {which: '1'}}") == [
        "get_pin has no argument 'which'; did you mean 'pin'?"
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("get_boards", "list_boards"),
        ("get_pins", "list_pins"),
        ("createPin", "create_pin"),
        ("post_pin", "create_pin"),
        ("upload_pin", "create_pin"),
        ("remove_board", "delete_board"),
        ("delete_pins", "delete_pin"),
        ("pins_list", "list_pins"),
        ("pins/create", "create_pin"),
        ("print", "log"),
        ("quux_pin", None),
    ],
)
def test_an_action_by_another_verb(name: str, meant: str | None) -> None:
    known = ["list_boards", "get_board", "delete_board", "list_pins", "get_pin", "create_pin", "delete_pin", "log"]
    assert action_meant(name, known) == meant


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("shell", "a recipe runs no programs; an action is a plugin's, and pinflow actions lists them"),
        ("actions/checkout@v4", "a recipe runs no programs; an action is a plugin's, and pinflow actions lists them"),
        ("sleep", "there is no pause; quotas are kept by themselves, and retry waits between tries"),
        ("for_each", "for_each is a key of a step, and no action"),
        ("print", "did you mean 'log'?"),
    ],
)
def test_an_action_that_there_is_not_for_a_reason(cli: Cli, name: str, hint: str) -> None:
    assert told(cli, f"  - uses: {name}") == [f"unknown action '{name}'; {hint}"]


def test_what_is_suggested_is_there() -> None:
    suggested = [hint for hint in other_languages._FUNCTIONS.values() if hint.startswith("did you mean")]
    names = {hint.removeprefix("did you mean ").removesuffix("()?") for hint in suggested}
    assert names <= {*FUNCTIONS, *LOOPS}
    assert not other_languages._FUNCTIONS.keys() & {*FUNCTIONS, *LOOPS}
