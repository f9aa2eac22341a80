"""``pinflow operations``: what it lists, what it shows, and which description it is from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pinflow.app import App
from pinflow_pinterest.catalogue.operations import BUNDLED, open_catalogue
from pinflow_pinterest_v5.calls.catalogues import CatalogueChoice
from pinflow_pinterest_v5.calls.command import example
from pinflow_pinterest_v5.importing.yaml_writer import block, items

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli import Cli

    Call = Callable[..., tuple[int, str, str]]

PROJECT = Path(__file__).resolve().parents[2]
DESCRIPTION = Path(os.environ.get("PINFLOW_OPENAPI") or PROJECT.parent / "shared/openapi/pinterest-v5.json")
SMALL = {
    "openapi": "3.0.3",
    "info": {"title": "x", "version": "6.0.0"},
    "paths": {
        "/boards/{board_id}": {
            "get": {
                "operationId": "boards/get",
                "security": [{"pinterest_oauth2": ["boards:read"]}],
                "x-ratelimit-category": "org_read",
                "parameters": [{"name": "board_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            }
        },
        "/moods/{mood}": {
            "put": {
                "operationId": "moods/set",
                "security": [{"pinterest_oauth2": ["boards:write"]}],
                "parameters": [
                    {"name": "mood", "in": "path", "required": True, "schema": {"type": "string", "enum": ["GOOD"]}}
                ],
            }
        },
    },
}


@pytest.fixture
def environ(cli: Cli) -> dict[str, str]:
    return cli.environ


@pytest.fixture
def call(cli: Cli) -> Call:
    """The program: exit code, standard output, standard error."""
    return cli.run


def test_every_operation_is_listed_with_its_category_and_scopes(call: Call) -> None:
    code, out, err = call("operations")
    assert code == 0
    assert len(out.splitlines()) == 231
    line = next(line for line in out.splitlines() if line.startswith("boards/update "))
    assert line.split() == ["boards/update", "PATCH", "/boards/{board_id}", "org_write", "boards:read", "boards:write"]
    assert err == "231 operations; description 5.23.0 (bundled)\n"


def test_words_are_searched_for_in_everything(call: Call) -> None:
    assert call("operations", "CATALOGS_write", "delete", "--names")[1].split() == [
        "feeds/delete",
        "catalogs_product_groups/delete_many",
        "catalogs_product_groups/delete",
    ]


def test_an_operation_is_shown_with_a_step_to_paste(call: Call) -> None:
    code, out, _ = call("operations", "boards/update")
    assert code == 0
    assert (
        out
        == """\
boards/update: PATCH /boards/{board_id}

parameters
  board_id       required  id, digits
  ad_account_id            id, digits, at most 18 characters

body (mapping)
  description    text or null
  name           text
  privacy        PUBLIC | SECRET

needs
  effect write
  login: boards:read, boards:write; a client-credentials token is enough
  quota: org_write

step
  - uses: call
    with:
      operation: boards/update
      board_id: "549755885175"
      body: {description: text, name: text, privacy: PUBLIC}

"""
    )


def test_the_token_operation_shows_only_the_client_credentials_grant(call: Call) -> None:
    _, out, _ = call("operations", "oauth/token")
    assert "  grant_type  required  client_credentials\n" in out
    assert "for other grants use pinflow auth, which stores the tokens" in out


def test_a_program_gets_the_arguments_as_a_whole_json_schema(call: Call) -> None:
    shown = json.loads(call("operations", "pins/create", "--output", "json")[1])
    assert (shown["effect"], shown["category"], shown["pages"]) == ("write", "org_write", False)
    assert set(shown["arguments"]["properties"]) == {"operation", "ad_account_id", "body"}
    assert "PinMediaSourceImageURL" in shown["arguments"]["$defs"]
    assert "AdGroupCreateRequest" not in shown["arguments"]["$defs"]
    listed = json.loads(call("operations", "trends", "--output", "json")[1])
    assert {each["category"] for each in listed["operations"]} == {"trends_read"}


@pytest.mark.parametrize("id", list(open_catalogue(BUNDLED).operations))
def test_every_step_to_paste_is_right(id: str, environ: dict[str, str], tmp_path: Path) -> None:
    given = example(open_catalogue(BUNDLED), id)
    step = "\n".join(f"  {line}" for line in items([{"uses": "call", "with": given}]))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"name: n\napi: v5\nsteps:\n{step}\n")
    assert APP.plan(recipe, inputs=None).steps[0].arguments.tree == given


APP = App.installed(
    {"PINFLOW_STATE_DIR": "/nonexistent/state", "PINFLOW_CACHE_DIR": "/nonexistent/cache", "PINFLOW_DISABLE": ""}
)


@pytest.mark.parametrize(
    ("word", "hint"),
    [("board/updat", "did you mean boards/update or"), ("qqqq", "pinflow operations lists them")],
)
def test_a_word_that_nothing_has_to_do_with_is_refused(word: str, hint: str, call: Call) -> None:
    code, out, err = call("operations", word)
    assert (code, out) == (2, "")
    assert f"no operation matches '{word}'" in err
    assert hint in err


def test_an_imported_description_is_used_until_bundled_is_chosen(
    call: Call, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(SMALL))
    code, out, err = call("operations", "--import", file)
    assert code == 0
    assert out.splitlines()[:2] == ["now in use: description 6.0.0, 2 operations", "new: moods/set"]
    assert out.splitlines()[2].startswith("gone: ad_account/analytics, ")
    assert err == "to use the bundled one again: pinflow operations --bundled\n"
    assert call("operations", "--names")[1].split() == ["boards/get", "moods/set"]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: n\napi: v5\nsteps:\n  - uses: call\n    with: {operation: moods/set, mood: BAD}\n")
    assert "5:40: 'mood' must be GOOD" in call("validate", recipe)[2]
    app = App.installed(environ)
    assert app.registry.apis["v5"].operation("PUT", "/moods/GOOD") is not None

    assert call("operations", "--bundled")[1].startswith("now in use: description 5.23.0")
    assert "no operation 'moods/set'" in call("validate", recipe)[2]
    assert len(call("operations", "--names")[1].split()) == 231


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "no operations: not an OpenAPI description with paths"),
        ("openapi: 3.0.3", "Expecting value"),
        ("[1]", "the file does not hold a JSON object"),
        ('{"paths": {"/pets": {"get": {"operationId": "pets"}}}}', "it describes another API"),
        ('{"paths": {"/p": {"get": {"operationId": "p", "parameters": [{"$ref": "#/no"}]}}}}', "#/no leads nowhere"),
        ('{"paths": {"/p": {"get": {"operationId": "p", "parameters": [{"name": 3}]}}}}', "not an OpenAPI description"),
        ('{"paths": [1]}', "not an OpenAPI description"),
        ('{"paths": {"/p": {"get": {"operationId": "p", "requestBody": {"content": {}}}}}}', "not an OpenAPI descript"),
        (
            '{"components": {"schemas": {"A": {"allOf": [{"$ref": "#/components/schemas/A"}, {}]}}}, "paths": {"/p": '
            '{"get": {"operationId": "p", "requestBody": {"content": {"a": {"schema": {"$ref": '
            '"#/components/schemas/A"}}}}}}}}',
            "not an OpenAPI description: RecursionError",
        ),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_importing_an_invalid_description_changes_nothing(text: str, reason: str, call: Call, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(SMALL))
    bad.write_text(text)
    assert call("operations", "--import", good)[0] == 0
    code, out, err = call("operations", "--import", bad)
    assert (code, out) == (2, "")
    assert reason in err
    assert "nothing was changed" in err
    assert call("operations", "--names")[1].split() == ["boards/get", "moods/set"]


def test_a_file_that_is_not_there_is_named(call: Call, tmp_path: Path) -> None:
    code, _, err = call("operations", "--import", tmp_path / "nothing.json")
    assert code == 2
    assert "nothing.json can't be imported: No such file or directory" in err


def test_a_file_that_is_no_description_is_told_for_what_it_is_not(call: Call, tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text("openapi: 3.0.3\n")
    code, _, err = call("operations", "--import", tmp_path / "openapi.yaml")
    assert code == 2
    assert "openapi.yaml can't be imported: it is not JSON (Expecting value: line 1" in err


def test_an_imported_catalogue_that_was_broken_says_how_to_go_back(call: Call, environ: dict[str, str]) -> None:
    folder = Path(environ["PINFLOW_STATE_DIR"]) / "catalogue"
    folder.mkdir(parents=True)
    (folder / "catalogue.json").write_text("{")
    code, _, err = call("operations")
    assert code == 2
    assert "the catalogue of operations can't be used" in err
    assert "pinflow operations --bundled" in err
    assert call("operations", "--bundled")[0] == 0
    assert CatalogueChoice(environ).catalogue.version == "5.23.0"


def test_the_vendors_own_description_can_be_imported(call: Call) -> None:
    if not DESCRIPTION.is_file():
        pytest.skip(f"no description at {DESCRIPTION}")
    assert call("operations", "--import", DESCRIPTION)[1] == "now in use: description 5.23.0, 231 operations\n"


@pytest.mark.parametrize(
    "value",
    [
        {"a": "plain words", "b": "yes", "c": "012", "d": "1e3", "e": "", "f": None, "g": True, "h": 1.5, "i": "a: b"},
        {"a": ["x", "- y", "#z", "${{ inputs.a }}", "a ${{ b }} c"], "b": {"c": {"d": [1, [2, {"e": "{}"}]]}}},
        {"a": "x" * 100, "b": [{"c": "y" * 100, "d": []}, {}], "e f": "multi\nline", "g": "\u202e\x1b[31m"},
        {"no": "2026-10-01", "1": "~", "k": "null", "l": "=", "m": "<<", "n": "0x1", "o": ".inf", "p": "12:30"},
    ],
)
def test_yaml_that_is_written_reads_back_equal(value: dict[str, Any]) -> None:
    text = "\n".join(block(value))
    assert yaml.safe_load(text) == value
    assert text.isascii()


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["--help"], []),
        (["validate", "copy_board"], []),
        (["actions"], []),
        (["run", "get_user", "--sandbox", "--no-input"], ["catalogue.json"]),
        (["operations", "--names"], ["catalogue.json"]),
        (["operations", "boards/get"], ["catalogue.json", "arguments.json"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_the_catalogue_is_read_by_those_who_need_it_alone(
    words: list[str], read: list[str], environ: dict[str, str]
) -> None:
    code = """
import subprocess
import sys
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
from pinflow.__main__ import main
ended = main(sys.argv[1:])
names = ("catalogue.json", "arguments.json")
print(ended, *dict.fromkeys(name for path in opened for name in names if path.endswith(name)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env={**os.environ, **environ}, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1].split() == ["0", *read]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes in folders")
def test_a_pipe_or_a_device_is_no_description(call: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / ("x" * 300)):
        code, _, err = call("operations", "--import", source)
        assert code == 2
        assert "can't be imported" in err
