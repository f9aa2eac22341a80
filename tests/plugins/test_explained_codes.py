"""The service's error codes, as people are told of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_pinterest import errors
from pinflow_pinterest_v3.api import API as V3
from pinflow_pinterest_v5.api import API as V5
from pinflow_sandbox import start
from pinflow_sandbox.server.messages import HttpResponse
from tests.plugins.test_catalogue import DESCRIPTION

if TYPE_CHECKING:
    from pinflow_sandbox.server.messages import HttpRequest
    from tests.cli import Cli


@pytest.mark.parametrize("api", ["v3", "v5"])
def test_every_code_that_is_told_apart_can_be_explained(cli: Cli, api: str) -> None:
    codes = {code["code"] for code in cli.data("explain", "--api", api)["error_codes"]}
    told_apart = {1, 2, 3, 8, 9, 58, 235} | errors._NOT_FOUND | errors._FORBIDDEN
    assert told_apart <= codes
    assert api == "v3" or codes >= errors._NAME_TAKEN


def test_every_code_of_the_vendors_examples_can_be_explained(cli: Cli) -> None:
    if not DESCRIPTION.is_file():
        pytest.skip(f"no description at {DESCRIPTION}; set PINFLOW_OPENAPI to the vendor's openapi.json")
    seen: dict[int, set[int]] = {}

    def walk(part: Any, status: str) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("code"), int) and "message" in part and status.isdecimal():
                seen.setdefault(part["code"], set()).add(int(status))
            for value in part.values():
                walk(value, status)
        elif isinstance(part, list):
            for value in part:
                walk(value, status)

    for path in json.loads(Path(DESCRIPTION).read_text("utf-8"))["paths"].values():
        for operation in path.values():
            for status, answer in operation.get("responses", {}).items() if isinstance(operation, dict) else ():
                walk(answer, status)
    known = {code["code"]: set(code["statuses"]) for code in cli.data("explain", "--api", "v5")["error_codes"]}
    assert len(seen) > 30
    assert {code: statuses - known.get(code, set()) for code, statuses in seen.items()} == {
        code: {429} if code == 30 else set()
        for code in seen  # a limit with the code of another error
    }


def test_what_is_said_names_commands_and_scopes_that_exist(cli: Cli) -> None:
    data = cli.data("explain")
    texts = [text for code in (*data["error_codes"], *data["exit_codes"]) for text in code["remedies"]]
    commands = {match[1] for text in texts for match in re.finditer(r"pinflow ([a-z]+)", text)}
    assert cli("--help") == 0
    assert commands
    assert {command for command in commands if f"\n  {command} " not in cli.stdout} == set()
    operations = {match[1] for text in texts for match in re.finditer(r"pinflow operations ([a-z_/]+)", text)}
    assert operations
    for operation in operations:
        assert cli("operations", operation) == 0, operation
    for code in data["error_codes"]:
        secret = {match[0] for text in code["causes"] for match in re.finditer(r"\w+:\w+_secret|read_secret_\w+", text)}
        assert secret <= set((V3 if code["api"] == "v3" else V5).oauth.scopes), code  # type: ignore[union-attr]


def test_an_explanation_leads_to_the_page_about_it_if_there_is_one(cli: Cli) -> None:
    pages = {}
    for words in (["exit", "4"], ["exit", "143"], ["code", "29"], ["code", "40"], ["code", "4170"]):
        assert cli("explain", *words, "--api", "v5") == 0
        pages[" ".join(words)] = re.findall(r"- pinflow docs (\S+)", cli.stdout)
    assert pages == {
        "exit 4": ["exit-4"],
        "exit 143": ["exit-130-143"],
        "code 29": ["code-29"],
        "code 40": ["not-found"],
        "code 4170": [],
    }
    for page in ("exit-4", "exit-130-143", "code-29", "not-found"):
        assert cli("docs", page, "--text") == 0, cli.stderr


@pytest.mark.parametrize(
    ("status", "code", "message", "more"),
    [
        (403, 29, "You are not permitted to access that resource.", True),
        (401, 3, "Your application does not have access to this restricted feature: pin_edit", True),
        (409, 4176, "We can't delete a Catalogs Product Group with active promotions.", True),
        (403, 77777, "A code that nobody knows.", False),
        (403, 29, "Apps with Trial access may not create Pins in production", False),  # its hint says all
        (400, 1, "Parameter 'page_size' was not numeric", False),
        (500, 500, "Could not create a new board section.", False),
        (401, 2, "Authentication failed.", False),
    ],
)
def test_errors_about_which_there_is_more_to_say_name_the_command(
    status: int, code: int, message: str, more: bool
) -> None:
    hint = V5.read_error(status, {}, {"code": code, "message": message}).hint
    assert hint.endswith(f"pinflow explain code {code}") is more


def test_a_refusal_on_the_screen_leads_to_its_explanation(cli: Cli) -> None:
    def refuse(call: HttpRequest, apply: Any) -> HttpResponse:
        if call.path.startswith("/v5/boards"):
            return HttpResponse(403, b'{"code": 29, "message": "You are not permitted to access that resource."}')
        return apply()  # type: ignore[no-any-return]

    with start(now=lambda: cli.now, faults=refuse) as sandbox:
        cli.environ |= sandbox.environment()
        assert cli("run", "list_boards") == 1
    assert "about code 29: pinflow explain code 29" in cli.stdout
    assert cli("explain", "code", "29") == 0
    assert "it is another account's, or your app may not do it" in cli.stdout
