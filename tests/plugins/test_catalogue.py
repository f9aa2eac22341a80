"""The operations catalogue is what the vendor's description says, and finds the operation of a request."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_pinterest.catalogue import importer
from pinflow_pinterest.catalogue.operations import (
    ARGUMENTS,
    BUNDLED,
    CATALOGUE,
    Operation,
    is_parameter,
    match,
    operation,
    operations,
)
from pinflow_pinterest.catalogue.schemas import Schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
DESCRIPTION = Path(os.environ.get("PINFLOW_OPENAPI") or PROJECT.parent / "shared/openapi/pinterest-v5.json")


ENUM = {"type": "string", "enum": ["A"]}
WORD = {"$ref": "#/$defs/Word"}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    if not DESCRIPTION.is_file():
        reason = f"no description at {DESCRIPTION}; set PINFLOW_OPENAPI to the vendor's openapi.json"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    loaded: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    return loaded


def test_every_field_of_every_operation_is_the_vendors(description: dict[str, Any]) -> None:
    declared = {
        (each["operationId"], method.upper(), path): (
            set(each["security"][0].get("pinterest_oauth2", [])),
            each["x-ratelimit-category"],
            {"client_credentials"} in [set(way) for way in each["security"]],
            {"enabled": True, "disabled": False}[each["x-sandbox"]],
        )
        for path, item in description["paths"].items()
        for method, each in item.items()
    }
    catalogued = {
        (each.id, each.method, each.path): (set(each.scopes), each.category, each.client_credentials, each.sandbox)
        for each in operations().values()
    }
    assert catalogued == declared
    assert len(catalogued) == 231


@pytest.mark.parametrize("name", [CATALOGUE, ARGUMENTS])
def test_the_catalogue_is_what_the_importer_writes(name: str, description: dict[str, Any], tmp_path: Path) -> None:
    assert importer.main([str(DESCRIPTION), str(tmp_path)]) == 0
    assert (tmp_path / name).read_text(encoding="utf-8") == (BUNDLED / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [CATALOGUE, ARGUMENTS])
def test_no_prose_of_the_description_is_in_the_catalogue(name: str, description: dict[str, Any]) -> None:
    text = (BUNDLED / name).read_text(encoding="utf-8")
    prose = {each for each in prose_of(description) if " " in each}
    assert len(prose) > 1000
    assert [sentence for sentence in prose if json.dumps(sentence)[1:-1] in text] == []


def prose_of(part: Any) -> Iterator[str]:
    """Every summary, title and description, whatever it is of."""
    if isinstance(part, dict):
        yield from (part[key] for key in ("summary", "title", "description") if isinstance(part.get(key), str))
        for inner in part.values():
            yield from prose_of(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from prose_of(inner)


@pytest.mark.parametrize("id", list(operations()))
def test_a_request_is_matched_to_its_operation(id: str) -> None:
    expected = operation(id)
    segments = expected.path.split("/")
    sent = "/".join("549755885175" if is_parameter(segment) else segment for segment in segments)
    assert match(expected.method, sent) is expected
    assert match(expected.method, expected.path) is expected


@pytest.mark.parametrize(
    ("method", "path", "id"),
    [
        ("GET", "/boards/123/pins", "boards/list_pins"),
        ("GET", "/boards/123/pins?bookmark=a/b?c", "boards/list_pins"),
        ("get", "/pins/analytics", "multi_pins/analytics"),
        ("GET", "/pins/123", "pins/get"),
        ("GET", "/pins/{planned}", "pins/get"),
        ("GET", "/ad_accounts/1/campaigns/analytics", "campaigns/analytics"),
        ("DELETE", "/catalogs/product_groups/multiple", "catalogs_product_groups/delete_many"),
        ("POST", "/boards/{board_id}/sections", "board_sections/create"),
    ],
)
def test_a_literal_segment_wins_over_a_parameter(method: str, path: str, id: str) -> None:
    assert match(method, path) is operation(id)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/boards/"), ("GET", "/boards//pins"), ("PUT", "/boards"), ("GET", "/nothing"), ("GET", ""), ("GET", "/")],
)
def test_a_request_of_no_operation_matches_nothing(method: str, path: str) -> None:
    assert match(method, path) is None


def test_an_unknown_id_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(
        ValueError, match=r"^no operation 'boards/list_pin' in the catalogue; nearest: boards/list_pins"
    ):
        operation("boards/list_pin")


def test_an_id_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(ValueError, match=r"^no operation '0' in the catalogue$"):
        operation("0")


def test_a_description_without_extensions_and_own_security_is_read() -> None:
    early = {
        "security": [{"pinterest_oauth2": ["pins:read"]}],
        "paths": {"/pins": {"parameters": [], "get": {"operationId": "pins/list"}}},
    }
    expected = Operation("pins/list", "GET", "/pins", frozenset({"pins:read"}), "", False, False)
    assert importer.read_description(early) == {"pins/list": expected}


def test_every_operation_without_an_id_of_its_own_is_named() -> None:
    muddled = {"paths": {"/a": {"get": {"operationId": "x"}, "post": {}}, "/b": {"get": {"operationId": "x"}}}}
    with pytest.raises(ValueError) as refused:
        importer.read_description(muddled)
    assert str(refused.value).splitlines() == [
        "POST /a: no operationId",
        "GET /b: operationId 'x' is taken by GET /a",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", "no operations"), ("[]", "does not hold a JSON object"), ("{", "Expecting property name")],
)
def test_a_file_that_is_no_description_leaves_the_catalogue_alone(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "source.json", tmp_path / CATALOGUE
    source.write_text(text)
    target.write_text("before")
    assert importer.main([str(source), str(tmp_path)]) == 1
    assert {each.name for each in tmp_path.iterdir()} == {"source.json", CATALOGUE}
    assert target.read_text() == "before"
    assert reason in capsys.readouterr().err


def test_the_importer_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert importer.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


@pytest.mark.parametrize(
    ("schema", "small"),
    [
        ({"type": "string", "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 0}),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "exclusiveMinimum": 0}),
        ({"type": "string", "pattern": r"^\p{L}+$"}, {"type": "string"}),
        ({"type": "string", "enum": ["A", None], "nullable": True}, {"anyOf": [ENUM, {"type": "null"}]}),
        ({"allOf": [{"$ref": "#/components/schemas/Word"}], "nullable": True}, {"anyOf": [WORD, {"type": "null"}]}),
        ({"allOf": [{"$ref": "#/components/schemas/Word"}], "default": "A"}, {**WORD, "default": "A"}),
        (
            {"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}}]},
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
        ),
        (
            {"properties": {"kind": {}}, "oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
            {
                "anyOf": [
                    {"type": "object", "properties": {"kind": {}, "a": {}}},
                    {"type": "object", "properties": {"kind": {}, "b": {}}},
                ]
            },
        ),
        (
            {"properties": {"id": {"type": "string", "readOnly": True}, "n": {}}},
            {"type": "object", "properties": {"n": {}}},
        ),
    ],
)
def test_a_schema_keeps_what_a_value_must_be(schema: dict[str, Any], small: dict[str, Any]) -> None:
    description = {"components": {"schemas": {"Word": ENUM, "Loop": {"items": {"$ref": "#/components/schemas/Loop"}}}}}
    schemas = Schemas(description)
    assert schemas.small({"description": "prose", **schema}) == small
    loop = {"$ref": "#/$defs/Loop"}
    assert schemas.small({"$ref": "#/components/schemas/Loop"}) == loop
    assert schemas.named["Loop"] == {"items": loop}
