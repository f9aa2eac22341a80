"""Every operation of the API is planned and called, and what arrives is what the vendor's description takes."""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema
import pytest
import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT4

from pinflow.app import App, Options
from pinflow.errors import RecipeError
from pinflow_pinterest.catalogue.operations import BUNDLED, open_catalogue
from pinflow_pinterest_v5.calls.action import argument_schema, operation_action
from pinflow_pinterest_v5.calls.samples import sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).resolve().parents[2]
DESCRIPTION = Path(os.environ.get("PINFLOW_OPENAPI") or PROJECT.parent / "shared/openapi/pinterest-v5.json")
CATALOGUE = open_catalogue(BUNDLED)
# reads first: what is read back after a write could not be told from a step that reads the same
IDS = sorted(CATALOGUE.operations, key=lambda id: CATALOGUE.operation(id).method != "GET")
WHERE = "urn:description"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came over the wire."""

    method: str
    path: str
    query: str
    signed: str
    kind: str
    body: bytes


class Echo:
    """A service that takes anything, and remembers it.

    ``expected`` are method and path of what the steps send, in their order; the rest is what was written read back.
    """

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.expected: list[tuple[str, str]] = []
        self._listed: dict[str, list[dict[str, Any]]] = {}  # what was created, by path
        self._objects: dict[str, dict[str, Any]] = {}  # what was created or changed, by id
        self._gone: set[str] = set()  # paths
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                signed, kind = self.headers.get("Authorization", ""), self.headers.get("Content-Type", "")
                request = Arrived(self.command, parts.path, parts.query, signed.split()[0], kind, body)
                known = len(echo.arrived)
                if echo.expected[known : known + 1] == [(self.command, parts.path)]:
                    echo.arrived.append(request)
                    found: Any = echo.apply(request)
                else:
                    found = echo.find(parts.path)
                answer = json.dumps(found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._ids = count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def apply(self, request: Arrived) -> Any:
        """What one request of a step is answered, as if it had been done."""
        try:
            content = json.loads(request.body or b"null")
        except ValueError:  # a form
            content = None
        (self._gone.add if request.method == "DELETE" else self._gone.discard)(request.path)
        named = request.path.rpartition("/")[2].isdigit()
        is_batch = request.method == "PATCH" and not named and not isinstance(content, list)
        if request.method not in ("POST", "PATCH") or content is None or is_batch:
            return {"items": [], "access_token": "a-secret"}
        things = [self._keep(request, thing) for thing in (content if isinstance(content, list) else [content])]
        answer = {"items": [{"data": thing} for thing in things]} if isinstance(content, list) else things[0]
        return {**answer, "access_token": "a-secret"}

    def _keep(self, request: Arrived, thing: dict[str, Any]) -> dict[str, Any]:
        new = request.method == "POST" and not request.path.rpartition("/")[2].isdigit()
        id = str(next(self._ids)) if new else thing.get("id") or request.path.rpartition("/")[2]
        made = self._objects[id] = {"name": "x", **self._objects.get(id, {}), **thing, "id": id}
        path = request.path if new else request.path.rpartition("/")[0]
        if path.startswith("/v5/pins") and "board_id" in made:
            path = f"/v5/boards/{made['board_id']}/pins"
        if made not in self._listed.setdefault(path, []) and (new or not path.endswith("/pins")):
            self._listed[path].append(made)
        return made

    def find(self, path: str) -> Any:
        """What is there when it is read back; None if it is not there."""
        if path in self._gone:
            return None
        last = path.rpartition("/")[2]
        listed = [thing for thing in self._listed.get(path, []) if f"{path}/{thing['id']}" not in self._gone]
        return self._objects.get(last) or {"items": listed}

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def arguments(id: str, *, full: bool) -> dict[str, Any]:
    """Something valid for an operation: everything that it takes, or only what it needs."""
    schema = argument_schema(CATALOGUE, id)
    given = sample(schema, CATALOGUE.definitions, full=full)
    given.pop("all", None)
    given.pop("bookmark", None)
    return dict(given)


def path_of(id: str, *, full: bool) -> str:
    """The path of an operation's request, with the values that it is given."""
    values = arguments(id, full=full)
    return "/v5" + re.sub(r"\{(\w+)\}", lambda name: str(values[name[1]]), CATALOGUE.operation(id).path)


def recipe(*, full: bool) -> str:
    steps = [{"uses": "call", "with": arguments(id, full=full)} for id in IDS]
    return yaml.safe_dump({"name": "everything", "api": "v5", "steps": steps}, sort_keys=False)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Echo]]:
    echo = Echo()
    environ = {
        "PINTEREST_API_URI": echo.url,
        "ACCESS_TOKEN": "pina_of_a_test",
        "PINFLOW_ALLOW_HOST": echo.url,
        "PINTEREST_APP_ID": "1234",
        "PINTEREST_APP_SECRET": "of-a-test",
        "PINFLOW_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "PINFLOW_CACHE_DIR": str(tmp_path_factory.mktemp("cache")),
    }
    yield App.installed(environ), echo
    echo.close()


@pytest.fixture(scope="module", params=[False, True], ids=["what it needs", "all that it takes"])
def calls(
    request: pytest.FixtureRequest, app: tuple[App, Echo], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Arrived]:
    """What arrived, by operation: one recipe with a step for each."""
    pinflow, echo = app
    file = tmp_path_factory.mktemp("recipes") / "everything.yaml"
    file.write_text(recipe(full=request.param))
    plan = pinflow.plan(file, inputs={})
    assert len(plan.steps) == len(IDS) == 231
    echo.arrived.clear()
    echo.expected = [(CATALOGUE.operation(id).method, path_of(id, full=request.param)) for id in IDS]
    result = pinflow.run(plan, Options(tier="unpaced", approve=lambda what: True))
    assert result.ok, result.error
    assert len(echo.arrived) == 231
    return dict(zip(IDS, echo.arrived, strict=True))


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    if not DESCRIPTION.is_file():
        reason = f"no description at {DESCRIPTION}; set PINFLOW_OPENAPI to the vendor's openapi.json"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    text = DESCRIPTION.read_text(encoding="utf-8")
    # its branches overlap in places, so that no value could be of exactly one
    loaded = json.loads(text.replace('"oneOf"', '"anyOf"'))
    found: Registry[Any] = Registry().with_resource(WHERE, DRAFT4.create_resource(loaded))
    return found


@pytest.mark.parametrize("id", IDS)
def test_requests_of_every_operation_match_the_description(
    id: str, calls: dict[str, Arrived], registry: Registry[Any]
) -> None:
    arrived, operation = calls[id], CATALOGUE.operation(id)
    description = registry.contents(WHERE)
    declared = description["paths"][operation.path][operation.method.lower()]
    assert arrived.method == operation.method
    values = in_path(f"/v5{operation.path}", arrived.path) | {"query": in_query(arrived.query)}
    for number, written in enumerate(declared.get("parameters", ())):
        pointer = f"/paths/{escaped(operation.path)}/{operation.method.lower()}/parameters/{number}"
        if "$ref" in written:
            pointer = written["$ref"].removeprefix("#")
        parameter = at(description, pointer)
        check_parameter(parameter, pointer, values, registry)
    assert not values["query"], "nothing arrives that is not declared"
    check_body(operation, declared, arrived, registry)
    by_app = {"basic": []} in declared["security"]
    assert arrived.signed == ("Basic" if by_app else "Bearer")


def in_path(template: str, path: str) -> dict[str, Any]:
    """The values of a path's parameters."""
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
    found = re.fullmatch(pattern, path)
    assert found, path
    return {name: unquote(value) for name, value in found.groupdict().items()}


def in_query(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
        found.setdefault(name, []).append(value)
    return found


def check_parameter(
    parameter: Mapping[str, Any], pointer: str, values: dict[str, Any], registry: Registry[Any]
) -> None:
    name = parameter["name"]
    schema = resolved(parameter["schema"], registry.contents(WHERE))
    if parameter["in"] == "path":
        value: Any = values[name]
    elif parameter.get("style") == "deepObject":
        fields = [key for key in values["query"] if key.startswith(f"{name}[")]
        value = {key[len(name) + 1 : -1]: values["query"].pop(key)[0] for key in fields}
        nested = {key: part for key, part in value.items() if "][" not in key}
        for key, part in value.items():
            if "][" in key:
                outer, _, inner = key.partition("][")
                nested.setdefault(outer, {})[inner] = part
        value = nested
    elif name not in values["query"]:
        assert not parameter.get("required"), name
        return
    else:
        sent = values["query"].pop(name)
        if schema.get("type") == "array" and parameter.get("explode") is not True:
            assert len(sent) == 1, "joined by commas"
            sent = sent[0].split(",")
        items = resolved(schema.get("items", {}), registry.contents(WHERE))
        value = [read(part, items) for part in sent] if schema.get("type") == "array" else read(sent[0], schema)
    validate(value, f"{pointer}/schema", registry)


def check_body(operation: Any, declared: Mapping[str, Any], arrived: Arrived, registry: Registry[Any]) -> None:
    if "requestBody" not in declared:
        assert arrived.body == b""
        return
    ((kind, _),) = declared["requestBody"]["content"].items()
    assert arrived.kind == kind
    form = kind.endswith("urlencoded")
    value = dict(parse_qsl(arrived.body.decode())) if form else json.loads(arrived.body)
    place = f"/paths/{escaped(operation.path)}/{operation.method.lower()}/requestBody/content/{escaped(kind)}/schema"
    validate(value, place, registry)


def read(text: str, schema: Mapping[str, Any]) -> Any:
    """A value of a query as its type has it."""
    match schema.get("type"):
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "boolean":
            return {"true": True, "false": False}[text]
    return text


def resolved(schema: Mapping[str, Any], description: Any) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = at(description, schema["$ref"].removeprefix("#"))
    return schema


def at(description: Any, pointer: str) -> Any:
    for part in pointer.removeprefix("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        description = description[int(name) if isinstance(description, list) else name]
    return description


def escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def validate(value: Any, pointer: str, registry: Registry[Any]) -> None:
    validator = jsonschema.Draft4Validator({"$ref": f"{WHERE}#{pointer}"}, registry=registry)
    assert [error.message for error in validator.iter_errors(value)] == []


@pytest.mark.parametrize("id", IDS)
def test_a_plan_refuses_what_an_operation_does_not_take(id: str) -> None:
    parameters = operation_action(CATALOGUE, id, items=False).parameters
    given = arguments(id, full=True)
    assert parameters.problems(given) == []
    (problem,) = parameters.problems({**given, "not_a_parameter": 1})
    assert (problem.location, problem.reason) == (("not_a_parameter",), "unknown")
    for name in argument_schema(CATALOGUE, id)["required"]:
        (problem,) = parameters.problems({key: value for key, value in given.items() if key != name})
        assert (problem.location, problem.message) == ((name,), f"missing argument {name!r}")


def test_a_plan_knows_what_each_operation_needs() -> None:
    for id, operation in CATALOGUE.operations.items():
        found = operation_action(CATALOGUE, id, items=False)
        assert found.scopes == {"": operation.scopes}
        twin = CATALOGUE.match("GET", operation.path)  # a write is read back by it
        read_back = {twin.category} if twin is not None and found.effect == "write" else set()
        assert {operation.category} <= found.quota <= {operation.category} | read_back
        assert found.destructive == (operation.method == "DELETE")
        assert found.effect == "write" or operation.method in ("GET", "POST")
    assert operation_action(CATALOGUE, "boards/create", items=False).quota == {"org_read", "org_write"}
    asking = [id for id in IDS if CATALOGUE.operation(id).method == "POST" and is_read(id)]
    assert asking == [
        "ad_groups/audience_sizing",
        "ad_groups_bid_floor/get",
        "advanced_auction_items_get/post",
        "items/post",
        "products_by_product_group_filter/list",
    ]
    # whatever is said to change nothing needs no right to change anything
    assert [id for id in IDS if is_read(id) and any("write" in each for each in CATALOGUE.operation(id).scopes)] == []


def is_read(id: str) -> bool:
    return operation_action(CATALOGUE, id, items=False).effect == "read"


CASES = yaml.safe_load((Path(__file__).parent / "wrong_calls.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_each_mistake_is_told_with_its_place(case: Mapping[str, Any], app: tuple[App, Echo], tmp_path: Path) -> None:
    pinflow, _ = app
    file = tmp_path / "recipe.yaml"
    file.write_text(case["text"])
    with pytest.raises(RecipeError) as refused:
        pinflow.plan(file, inputs=None)
    assert [str(each).removeprefix(f"{file}:") for each in refused.value.problems] == case["problems"]
