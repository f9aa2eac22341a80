"""``pinflow new --from-curl`` and ``--from-arazzo``: what people have becomes a recipe, without its secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pinflow.expressions.template import Scope, compile_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli import Cli

    Call = Callable[..., tuple[int, str, str]]

API = "https://api.pinterest.com/v5"
GONE = "note: left out: the token of the command: recipes hold no secrets; revoke it if anyone else has seen it"


@pytest.fixture
def call(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The program, in an empty folder: exit code, standard output, standard error."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return cli.run


def made(call: Call, command: str) -> tuple[dict[str, Any], list[str]]:
    """The recipe of a curl command, which is valid, and what was said of it."""
    code, out, err = call("new", "--from-curl", command)
    assert code == 0, err
    file = f"{abs(hash(command))}.yaml"
    assert call("new", "recipe", "--from-curl", "-", "-o", file, stdin=command)[0] == 0
    assert call("validate", file)[0] == 0
    return yaml.safe_load(out), err.splitlines()


@pytest.mark.parametrize(
    ("command", "given", "said"),
    [
        (f"curl {API}/boards", {"operation": "boards/list"}, []),
        (f"curl -s -XGET '{API}/boards?page_size=10&privacy=SECRET'", {"page_size": 10, "privacy": "SECRET"}, []),
        (
            f"""curl -X PATCH {API}/boards/123 -H "Authorization: Bearer pina_A_SECRET" -d '{{"privacy": "SECRET"}}'""",
            {"operation": "boards/update", "board_id": "123", "body": {"privacy": "SECRET"}},
            [GONE],
        ),
        (
            f"curl --request POST \\\n  --url {API}/boards \\\n  --header 'Content-Type: application/json' \\\n"
            '  --data \'\n{\n  "name": "Garden"\n}\'',
            {"operation": "boards/create", "body": {"name": "Garden"}},
            [],
        ),
        (
            f"curl -G {API}/pins -d creative_types=REGULAR,VIDEO --data-urlencode 'pin_filter=exclude_native'",
            {"creative_types": ["REGULAR", "VIDEO"], "pin_filter": "exclude_native"},
            [],
        ),
        (
            f"curl '{API}/ad_accounts/1/keywords?campaign_id=2&match_types=BROAD&match_types=EXACT'",
            {"operation": "keywords/get", "match_types": ["BROAD", "EXACT"]},
            [],
        ),
        (f'curl {API}/boards/ --json \'{{"name":"a"}}\'', {"operation": "boards/create", "body": {"name": "a"}}, []),
        (
            f"curl $'{API}/boards' --data-raw $'{{\"name\":\"It\\'s \\u00fc\"}}' --compressed",
            {"body": {"name": "It's ü"}},
            [],
        ),
        (
            f"curl -X DELETE {API}/boards/1 -k -b session=abc -H 'X-Trace: 1'",
            {"operation": "boards/delete", "board_id": "1"},
            [
                "note: left out: option -k: pinflow has its own connection settings",
                "note: left out: header 'X-Trace'",
                GONE,
            ],
        ),
        (
            f'curl ^"{API}/boards?page_size=5^&privacy=SECRET^" ^\r\n  -X ^"GET^" ^\r\n  --compressed',
            {"operation": "boards/list", "page_size": 5, "privacy": "SECRET"},
            [],
        ),
        (
            f'curl ^"{API}/boards/1^" ^\n  -X ^"PATCH^" ^\n  --data-raw ^"^{{^\\^"name^\\^":^\\^"a ^% b^\\^"^}}^"',
            {"operation": "boards/update", "board_id": "1", "body": {"name": "a % b"}},
            [],
        ),
        (
            f"curl -s '{API}/boards?page_size=5' | jq '.items[] | .name'",
            {"operation": "boards/list", "page_size": 5},
            ["note: left out: what follows | in the command"],
        ),
        (
            f"curl {API}/boards 2>/dev/null >boards.json; echo done",
            {"operation": "boards/list"},
            ["note: left out: what follows 2> in the command"],
        ),
        (
            "curl https://api-sandbox.pinterest.com/v5/boards?x=1",
            {"operation": "boards/list"},
            [
                "note: left out: parameter 'x', which boards/list does not take",
                "note: left out: host api-sandbox.pinterest.com: to use it, "
                "set PINTEREST_API_URI=https://api-sandbox.pinterest.com",
            ],
        ),
    ],
)
def test_a_curl_command_becomes_a_call(command: str, given: dict[str, Any], said: list[str], call: Call) -> None:
    recipe, notes = made(call, command)
    assert recipe["steps"][0]["uses"] == "call"
    assert recipe["steps"][0]["with"].items() >= given.items()
    assert notes == said


@pytest.mark.parametrize("header", ["Authorization: Bearer x", "Authorization Bearer pina_x", "X-Thing: pina_x"])
def test_a_token_in_a_header_is_told_of_wherever_it_stands(header: str, call: Call) -> None:
    _, _, err = call("new", "--from-curl", f"curl {API}/boards -H '{header}'")
    assert "note: left out: the token of the command: recipes hold no secrets" in err


def test_placeholders_of_a_curl_command_become_inputs(call: Call) -> None:
    recipe, _ = made(call, f'curl -X POST {API}/pins -d \'{{"board_id": "<your board>", "title": "$TITLE"}}\'')
    assert recipe["inputs"] == {
        "your_board": {"type": "id", "required": True},
        "title": {"type": "string", "required": True},
    }
    recipe, _ = made(call, f"curl {API}/boards/{{board_id}}/pins")
    assert recipe["inputs"] == {"board_id": {"type": "id", "required": True}}
    assert recipe["steps"][0]["with"]["board_id"] == "${{ inputs.board_id }}"


@pytest.mark.parametrize(
    "command",
    [
        f"curl {API}/boards -H 'Authorization: Bearer pina_SECRET'",
        f"curl {API}/boards --oauth2-bearer pina_SECRET",
        f"curl {API}/boards -u id:pina_SECRET",
        f"curl '{API}/boards?access_token=pina_SECRET'",
        "curl https://me:pina_SECRET@api.pinterest.com/v5/boards",
        f"curl {API}/oauth/token/revoke -u a:b -d token=pina_SECRET",
        f'curl {API}/boards -d \'{{"name": "pina_SECRET"}}\'',
        f"curl {API}/boards -H 'Cookie: pina_SECRET' -H 'X-Thing: pina_SECRET'",
        f"curl -X PUT {API}/boards -H 'Authorization: Bearer pina_SECRET'",
        f"curl {API}/boards -d '{{pina_SECRET'",
        "curl https://example.com/ -H 'Authorization: Bearer pina_SECRET'",
        f"curl {API}/boards -H 'Authorization Bearer pina_SECRET'",
        f"curl {API}/boards --oauth2-bearer:pina_SECRET",
        f"curl pina_SECRET {API}/boards",
        f"curl {API}/pina_SECRET",
        f'curl {API}/boards -d \'{{"name": "Bearer pina_SECRET{"0" * 20}"}}\'',
    ],
)
def test_no_secret_of_a_command_is_written_or_shown(command: str, call: Call) -> None:
    _, out, err = call("new", "--from-curl", command)
    assert "SECRET" not in out + err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("wget https://x", "this is not a curl command: it must begin with curl"),
        ("curl", "the curl command has no address"),
        ("curl 'https://x", "the curl command can't be read: no closing quotation"),
        ("curl https://evil.example/v5/boards", "evil.example is not Pinterest's API"),
        ("curl https://api.pinterest.com/v3/boards/1/", "/v3 is not API v5"),
        (f"curl {API}/board/1", "there is no operation GET /board/1\n  nearest: boards/"),
        (
            f"curl -X PUT {API}/boards/1",
            "this path has: GET (boards/get), PATCH (boards/update), DELETE (boards/delete)",
        ),
        (
            f"curl {API}/oauth/token -d grant_type=refresh_token -d refresh_token=a",
            "a recipe can't send a code or a refresh",
        ),
        (f"curl {API}/pins -d @pin.json", "curl -d @... reads a file, which is not imported"),
        (f"curl {API}/pins -F a=b", "curl -F sends files, which no operation of the API accepts"),
        (f"curl {API}/pins --wrong", "the curl option --wrong is unknown"),
        (f"curl {API}/pins -X", "the curl command ends after -X, which needs a value"),
        (f"curl {API}/pins {API}/boards", "the curl command has two addresses"),
        (f"curl {API}/pins --json '{{a}}'", "the curl command's data is not JSON (line 1, column 2)"),
    ],
)
def test_a_curl_command_that_does_not_call_the_api_is_refused(command: str, said: str, call: Call) -> None:
    code, out, err = call("new", "--from-curl", command)
    assert (code, out) == (2, "")
    assert said in err


def test_invalid_arguments_are_noted_for_correction(call: Call) -> None:
    code, out, err = call("new", "--from-curl", f'curl -X PATCH {API}/boards/x -d \'{{"privacy": "HIDDEN"}}\'')
    assert code == 0
    assert err.splitlines() == [
        "note: to correct: boards/update: 'board_id' isn't an id (digits only)",
        "note: to correct: boards/update: 'privacy' must be PUBLIC or SECRET",
    ]
    assert out.startswith("# to correct: boards/update: 'board_id'")


def test_an_import_never_overwrites_a_recipe(call: Call, tmp_path: Path) -> None:
    (tmp_path / "here/mine.yaml").write_text("mine")
    code, _, err = call("new", "--from-curl", f"curl {API}/boards", "-o", "mine.yaml")
    assert (code, (tmp_path / "here/mine.yaml").read_text()) == (2, "mine")
    assert "mine.yaml already exists" in err


def test_a_recipe_can_be_imported_from_one_source_only(call: Call) -> None:
    assert "can't be used together" in call("new", "--from-curl", "curl x", "--from-arazzo", "y")[2]
    assert (
        "--from-curl can't be used with a template or a plugin"
        in call("new", "recipe", "loop", "--from-curl", "curl x")[2]
    )
    assert "name what to create: recipe, plugin, or --from-..." in call("new")[2]


# -- Arazzo

FLOWS = """\
arazzo: 1.0.1
info: {title: Board hygiene, version: 1.0.0}
sourceDescriptions:
  - {name: pinterest, url: https://example.com/openapi.json, type: openapi}
workflows:
  - workflowId: hide
    summary: Make a board and hide it
    dependsOn: [make]
    inputs:
      $ref: "#/components/inputs/hiding"
    steps:
      - stepId: hide-it
        operationPath: "{$sourceDescriptions.pinterest.url}#/paths/~1boards~1{board_id}/patch"
        parameters:
          - reference: $components.parameters.board
        requestBody:
          payload:
            name: "{$inputs.prefix} is hidden"
            privacy: SECRET
          replacements:
            - {target: /description, value: $inputs.note}
        successCriteria:
          - condition: $statusCode == 200
        onFailure:
          - {name: again, type: retry, retryAfter: 5, retryLimit: 3}
        outputs:
          privacy: $response.body#/privacy
      - stepId: pins
        operationId: $sourceDescriptions.pinterest.boards/list_pins
        parameters:
          - {name: board_id, in: path, value: $workflows.make.outputs.board}
          - {name: page_size, in: query, value: "10"}
    outputs:
      privacy: $steps.hide-it.outputs.privacy
  - workflowId: make
    inputs:
      type: object
      required: [prefix]
      properties:
        prefix: {type: string, description: How its name begins}
        privacy: {type: string, enum: [PUBLIC, SECRET], default: PUBLIC}
    steps:
      - stepId: create
        operationId: boards/create
        requestBody:
          payload: '{"name": "{$inputs.prefix} board", "privacy": "{$inputs.privacy}"}'
        outputs: {id: $response.body#/id}
    outputs:
      board: $steps.create.outputs.id
components:
  inputs:
    hiding:
      type: object
      properties:
        note: {type: string, default: none, maxLength: 20}
        prefix: {type: string}
  parameters:
    board: {name: board_id, in: path, value: $workflows.make.outputs.board}
"""


def test_workflows_become_steps_each_after_what_it_needs(call: Call, tmp_path: Path) -> None:
    (tmp_path / "here/flows.yaml").write_text(FLOWS)
    code, out, err = call("new", "--from-arazzo", "flows.yaml")
    assert (code, err) == (0, "note: left out: maxLength of input 'note' (flows.yaml:10:7)\n")
    assert (
        out
        == """\
# left out: maxLength of input 'note' (flows.yaml:10:7)
pinflow: 1
name: Board hygiene
description: Make a board and hide it
api: v5
inputs:
  prefix: {type: string, description: How its name begins, required: true}
  privacy: {type: string, default: PUBLIC, choices: [PUBLIC, SECRET]}
  note: {type: string, default: none}
steps:
  - id: create
    uses: call
    with:
      operation: boards/create
      body: {name: "${{ inputs.prefix }} board", privacy: "${{ inputs.privacy }}"}
  - id: hide_it
    uses: call
    with:
      operation: boards/update
      board_id: ${{ steps.create.id }}
      body:
        name: "${{ inputs.prefix }} is hidden"
        privacy: SECRET
        description: ${{ inputs.note }}
    retry: {attempts: 4, delay: 5}
  - id: pins
    uses: call
    with: {operation: boards/list_pins, board_id: "${{ steps.create.id }}", page_size: 10}
outputs:
  board: ${{ steps.create.id }}
  privacy: ${{ steps.hide_it.privacy }}
"""
    )


def test_a_recipe_of_workflows_runs(call: Call, tmp_path: Path) -> None:
    (tmp_path / "here/flows.json").write_text(json.dumps(yaml.safe_load(FLOWS)))
    assert call("new", "--from-arazzo", "flows.json", "-o", "made.yaml")[0] == 0
    code, out, err = call("run", "made.yaml", "--sandbox", "-i", "prefix=New", "--output", "json")
    assert code == 0, err
    assert json.loads(out)["outputs"]["privacy"] == "SECRET"


def test_importing_one_workflow_brings_only_its_dependencies(call: Call, tmp_path: Path) -> None:
    (tmp_path / "here/flows.yaml").write_text(FLOWS)
    recipe = yaml.safe_load(call("new", "--from-arazzo", "flows.yaml#make")[1])
    assert [step["id"] for step in recipe["steps"]] == ["create"]
    assert "did you mean 'make'?" in call("new", "--from-arazzo", "flows.yaml#mak")[2]


def test_an_input_that_only_a_header_used_is_asked_of_nobody(call: Call, tmp_path: Path) -> None:
    (tmp_path / "here/f.yaml").write_text(
        """\
arazzo: 1.0.0
info: {title: t, version: "1"}
workflows:
  - workflowId: w
    inputs:
      type: object
      required: [token, size]
      properties:
        token: {type: string}
        size: {type: integer}
    parameters: [{name: Authorization, in: header, value: "Bearer {$inputs.token}"}]
    steps:
      - {stepId: a, operationId: boards/list, parameters: [{name: page_size, in: query, value: $inputs.size}]}
      - {stepId: b, operationId: boards/list}
"""
    )
    code, out, err = call("new", "--from-arazzo", "f.yaml")
    assert code == 0, err
    assert yaml.safe_load(out)["inputs"] == {"size": {"type": "integer", "required": True}}
    assert err.splitlines() == [
        "note: left out: header 'Authorization': pinflow signs each call itself (f.yaml:11:18)",
        "note: left out: input 'token', which nothing reads (f.yaml:9:16)",
    ]


STEP = """\
arazzo: 1.0.0
info: {{title: t, version: "1"}}
workflows:
  - workflowId: w
    steps:
      - stepId: first
        operationId: boards/list
      - stepId: s
{step}
"""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("operationId: sendMail", "step 's': sendMail is not an operation of Pinterest's API v5 (f.yaml:9:22)"),
        ("operationId: boards/lst", "boards/lst is not an operation of Pinterest's API v5; did you mean boards/list?"),
        ("workflowId: w", "step 's', which runs the workflow 'w' (f.yaml:9:21)"),
        ("onSuccess: [{name: n, type: goto, stepId: x}]", "onSuccess 'n' of step 's'"),
        ("onFailure: [{name: n, type: goto, stepId: x}]", "onFailure 'n' of step 's'"),
        (
            "onFailure: [{reference: $components.failureActions.no}]",
            "$components.failureActions.no, which does not exist",
        ),
        (
            "successCriteria: [{condition: '$response.body#/id == 1'}]",
            "the condition '$response.body#/id == 1' of step",
        ),
        (
            "successCriteria: [{context: $response.body, condition: '$.a', type: jsonpath}]",
            "the condition '$.a' of step",
        ),
        ("outputs: {limit: $response.header.X}", "the expression '$response.header.X'"),
        ("parameters: [{name: page_size, in: query, value: $steps.no.outputs.x}]", "'$steps.no.outputs.x'"),
        ("parameters: [{name: pagesize, in: query, value: 1}]", "does not take; did you mean 'page_size'?"),
        ("parameters: [{name: Authorization, in: header, value: Bearer pina_SECRET}]", "header 'Authorization'"),
        ("requestBody: {payload: '{not json'}", "the body: its text is not JSON"),
        ("timeout: 5", "timeout of step 's'"),
        ("requestBody: {payload: {}, replacements: [x, {target: /pina_SECRET/x}]}", "the replacement of None in the"),
        ("parameters: [{name: privacy, in: query, value: pina_SECRET}]", ""),
    ],
)
def test_arazzo_features_that_recipes_lack_are_noted_with_their_place(
    step: str, said: str, call: Call, tmp_path: Path
) -> None:
    lines = [step] if step.startswith(("operationId", "workflowId")) else ["operationId: boards/list", step]
    text = STEP.format(step="\n".join(f"        {line}" for line in lines))
    (tmp_path / "here/f.yaml").write_text(text)
    code, out, err = call("new", "--from-arazzo", "f.yaml")
    assert code == 0, err
    assert said in err
    assert all(f"# {line.removeprefix('note: ')}" in out for line in err.splitlines())
    assert "SECRET" not in out + err


@pytest.mark.parametrize(
    ("written", "retry"),
    [
        ("retryAfter: 2.5, retryLimit: 3", {"attempts": 4, "delay": 2}),
        ("retryAfter: soon, retryLimit: [3]", {"attempts": 2, "delay": 1}),
        ("retryAfter: 1e999, retryLimit: 99", {"attempts": 10, "delay": 1}),
        ("retryAfter: -5, retryLimit: -5", {"attempts": 2, "delay": 1}),
    ],
)
def test_a_retry_is_taken_over_as_far_as_its_numbers_are_some(
    written: str, retry: dict[str, int], call: Call, tmp_path: Path
) -> None:
    step = f"        operationId: boards/list\n        onFailure: [{{name: n, type: retry, {written}}}]"
    (tmp_path / "here/f.yaml").write_text(STEP.format(step=step) + "    dependsOn: [{a: b}, [c]]\n")
    code, out, err = call("new", "--from-arazzo", "f.yaml")
    assert code == 0, err
    assert yaml.safe_load(out)["steps"][1]["retry"] == retry
    assert "workflow {'a': 'b'} of another description" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("openapi: 3.0.0", "f.yaml is not an Arazzo 1 description"),
        ("arazzo: 1.0.0", "f.yaml has no list of workflows"),
        ("arazzo: 1.0.0\nworkflows: [{workflowId: a, steps: []}]", "no step of f.yaml calls Pinterest's API v5"),
        ("arazzo: 1.0.0\nworkflows: [{workflowId: a, dependsOn: [a]}]", "the workflow 'a' depends on itself"),
        ("a: [", "f.yaml:1:"),
    ],
)
def test_a_file_that_is_not_an_arazzo_description_is_refused(text: str, said: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "here/f.yaml").write_text(text)
    code, out, err = call("new", "--from-arazzo", "f.yaml")
    assert (code, out) == (2, "")
    assert said in err


LIVE = "buy ${{ inputs.password }} and $${{ run.id }} }} ${{"


@pytest.mark.parametrize(
    "body", [{"name": LIVE}, {"name": "a", "description": [LIVE]}, {"name": f"pina_{'a' * 30} ${{{{"}]
)
def test_what_looks_like_an_expression_in_data_stays_text(call: Call, body: dict[str, Any]) -> None:
    command = f"curl {API}/boards -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    code, out, err = call("new", "--from-curl", command)
    assert code == 0, err
    assert "pina_" not in out + err
    given = yaml.safe_load(out)["steps"][0]["with"]["body"]
    for text in [given["name"], *given.get("description", ())]:
        value = compile_value(text)
        assert [str(r.path[0]) for _, r in value.references] == ([] if "password" in text or text == "a" else ["name"])
        if not value.references:
            assert value.render(Scope({}), now=datetime.now(UTC)) in (LIVE, "a")


def test_an_expression_in_an_address_stays_text(call: Call) -> None:
    code, out, err = call(
        "new", "--from-curl", f"curl '{API}/search/partner/pins?term=%24%7B%7Binputs.a%7D%7D&country_code=US'"
    )
    assert code == 0, err
    assert yaml.safe_load(out)["steps"][0]["with"]["term"] == "$${{inputs.a}}"


@pytest.mark.slow
@pytest.mark.parametrize("depth", [31, 200, 900, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_json_is_refused(call: Call, depth: int, opening: str, closing: str) -> None:
    data = opening * depth + "1" + closing * depth
    code, out, err = call("new", "--from-curl", "-", stdin=f"curl {API}/boards --json '{data}'")
    assert (code, out) == (2, "")
    assert "the data is nested more than 30 levels deep" in err


def arazzo(**step: Any) -> str:
    inputs = {"a": {"type": "string", "default": LIVE, "description": LIVE, "example": LIVE}}
    workflow = {
        "workflowId": "w",
        "summary": LIVE,
        "description": LIVE,
        "inputs": {"type": "object", "properties": inputs},
        "steps": [{"stepId": "s", "operationId": "boards/create", "description": LIVE, **step}],
    }
    sources = [{"name": "p", "url": "https://api.pinterest.com/v5/openapi.json", "type": "openapi"}]
    info = {"title": LIVE, "version": "1", "summary": LIVE, "description": LIVE}
    return json.dumps({"arazzo": "1.0.1", "info": info, "sourceDescriptions": sources, "workflows": [workflow]})


def test_no_text_of_a_workflow_becomes_an_expression(call: Call, tmp_path: Path) -> None:
    body = {"contentType": "application/json", "payload": {"name": "$inputs.a", "description": LIVE}}
    (tmp_path / "w.json").write_text(arazzo(requestBody=body))
    code, out, err = call("new", "recipe", "--from-arazzo", tmp_path / "w.json", "-o", "out.yaml")
    assert code == 0, (out, err)
    recipe = yaml.safe_load((tmp_path / "here" / "out.yaml").read_text())
    references = [r for part in (recipe["inputs"], recipe["steps"]) for _, r in compile_value(part).references]
    assert [(r.root, r.path) for r in references] == [("inputs", ("a",))]
    default = compile_value(recipe["inputs"]["a"]["default"])
    assert default.render(Scope({}), now=datetime.now(UTC)) == LIVE
    assert call("validate", "out.yaml")[0] == 0


def test_a_workflow_with_deep_json_in_a_text_is_refused(call: Call, tmp_path: Path) -> None:
    body = {"contentType": "application/json", "payload": "[" * 50_000}
    (tmp_path / "w.json").write_text(arazzo(requestBody=body))
    code, _, err = call("new", "--from-arazzo", tmp_path / "w.json")
    assert code == 2
    assert "nested more than 30 levels deep" in err
