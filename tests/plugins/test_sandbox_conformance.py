"""Every operation of the sandbox, every status it answers with, against the vendor's own description of the API."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import requests

from pinflow_pinterest.catalogue.operations import operation
from pinflow_sandbox import Sandbox, start
from pinflow_sandbox.seed.example import fill
from pinflow_sandbox.v5.routes import HANDLERS
from pinflow_sandbox.v5.scopes import V5_SCOPES
from pinflow_sandbox.world.logins import ConsentRequest
from pinflow_sandbox.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).parents[2]
IMAGE = {"source_type": "image_url", "url": "https://example.com/picture.jpg"}
UNKNOWN = "999999999999999999"
FORM = "application/x-www-form-urlencoded"

# What the description declares and this sandbox never does.
NEVER = {
    ("board_sections/create", 500),  # a failure of the service's own
    ("board_sections/delete", 409),  # another request is at work on the same board: here they are served in turn
    ("board_sections/list_pins", 409),
    ("boards/list", 404),  # nothing is named that could be missing
    ("boards/create", 404),
    ("pins/list", 404),
    ("media/list", 404),
    ("media/create", 404),
    ("search_user_pins/list", 404),
    ("media/list", 403),  # these take no ad account and show the caller's own only
    ("media/create", 403),
    ("media/get", 403),
    ("ad_accounts/list", 404),
    ("ad_accounts/get", 404),  # an ad account that there is not is nobody's: 403
}


@cache
def description() -> dict[str, Any]:
    """The vendor's OpenAPI document. Skips the test without it; on a build server that is a failure."""
    path = Path(os.environ.get("PINFLOW_OPENAPI") or PROJECT.parent / "shared" / "openapi" / "pinterest-v5.json")
    if path.is_file():
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded
    reason = f"the API's description is not at {path}; name it in PINFLOW_OPENAPI"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def schemas() -> dict[str, Any]:
    """The description's schemas as JSON Schema."""
    schemas: dict[str, Any] = translated(description()["components"]["schemas"])
    return schemas


def translated(node: Any) -> Any:
    """OpenAPI 3.0's own words in those of JSON Schema: nullable, and discriminators without a choice."""
    if isinstance(node, list):
        return [translated(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {name: translated(value) for name, value in node.items() if name not in ("example", "discriminator")}
    mapping = node.get("discriminator", {}).get("mapping") if "oneOf" not in node else None
    if mapping:
        name = node["discriminator"]["propertyName"]
        schema["allOf"] = [
            {"if": {"properties": {name: {"const": value}}, "required": [name]}, "then": {"$ref": ref}}
            for value, ref in mapping.items()
        ]
    if node.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, {key: value for key, value in schema.items() if key != "nullable"}]}
    return schema


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, which takes no field that it does not declare."""
    if schema.get("type") == "array":
        return {**schema, "items": closed(schema["items"])}
    properties = schema.get("properties", {})
    if "items" in properties:
        schema = {**schema, "properties": {**properties, "items": closed({"type": "array", **properties["items"]})}}
    if "allOf" in schema and "$ref" not in schema:
        schema = {**schema, "allOf": [pages_closed(part) for part in schema["allOf"]]}
    return {"allOf": [schema], "unevaluatedProperties": False}


def pages_closed(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a page's schema, with the page's objects closed."""
    items = part.get("properties", {}).get("items")
    if items is None:
        return part
    return {**part, "properties": {**part["properties"], "items": {**items, "items": closed(items["items"])}}}


def responses(id: str) -> dict[str, Any]:
    described = operation(id)
    declared: dict[str, Any] = description()["paths"][described.path][described.method.lower()]["responses"]
    return declared


def check(id: str, answer: requests.Response) -> None:
    """Hold an answer against the response that is declared for its status, or the default one."""
    declared = responses(id)
    response = declared.get(str(answer.status_code)) or declared["default"]
    content = response.get("content", {}).get("application/json")
    if content is None:
        assert answer.content == b""
        return
    assert answer.headers["Content-Type"] == "application/json"
    schema = {**closed(translated(content["schema"])), "components": {"schemas": schemas()}}
    jsonschema.Draft202012Validator(schema).validate(answer.json())


@dataclass
class Scene:
    """A running sandbox and somebody to call it."""

    sandbox: Sandbox
    session: requests.Session

    def send(
        self,
        id: str,
        names: dict[str, str] | None = None,
        *,
        body: object = None,
        query: dict[str, str] | None = None,
        scopes: frozenset[str] = V5_SCOPES,
        token: str | None = None,
    ) -> requests.Response:
        described = operation(id)
        token = token or self.sandbox.world.token_for("garden_studio", scopes)
        return self.session.request(
            described.method,
            self.sandbox.url + "/v5" + described.path.format(**(names or {})),
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def board(self, name: str = "Garden ideas") -> str:
        boards: Any = self.sandbox.control.state()["boards"]
        return next(str(board["id"]) for board in boards if board["name"] == name)

    def section(self) -> str:
        boards: Any = self.sandbox.control.state(self.board())["boards"]
        return str(boards[0]["sections"][0]["id"])

    def pin(self, kind: str = "image", board: str = "Garden ideas") -> str:
        boards: Any = self.sandbox.control.state(self.board(board))["boards"]
        return next(str(pin["id"]) for pin in boards[0]["pins"] if pin["media_type"] == kind)

    def names(self, id: str) -> dict[str, str]:
        """Values for the path's parameters that lead to something."""
        path = operation(id).path
        values: dict[str, Callable[[], str]] = {
            "board_id": self.board,
            "section_id": self.section,
            "pin_id": self.pin,
            "media_id": lambda: str(self.send("media/create", body={"media_type": "video"}).json()["media_id"]),
            "username": lambda: "neighbour",
            "ad_account_id": lambda: next(iter(self.sandbox.world.ad_accounts)),
            "campaign_id": lambda: next(iter(self.sandbox.world.campaigns)),
            "ad_group_id": lambda: next(iter(self.sandbox.world.ad_groups)),
            "ad_id": lambda: next(iter(self.sandbox.world.ads)),
        }
        return {name: make() for name, make in values.items() if "{" + name + "}" in path}


@pytest.fixture
def scene() -> Iterator[Scene]:
    with start(now=lambda: 1_800_000_000.0) as sandbox, requests.Session() as session:
        session.trust_env = False
        sandbox.control.change(quotas=False)
        yield Scene(sandbox, session)


# what to send so that an operation does what it is for

EXAMPLE = World(now=lambda: 1_800_000_000.0)  # its ids are those of every sandbox
fill(EXAMPLE)
FIRST_PIN = EXAMPLE.accounts["garden_studio"].pins[0]
FIRST = {
    "campaigns": next(iter(EXAMPLE.campaigns)),
    "ad_groups": next(iter(EXAMPLE.ad_groups)),
    "ads": next(iter(EXAMPLE.ads)),
}

DAYS = {"start_date": "2026-12-20", "end_date": "2027-01-15"}  # the last is the sandbox's today
AD_FIGURES = {**DAYS, "columns": "SPEND_IN_DOLLAR,TOTAL_CLICKTHROUGH,AD_ACCOUNT_ID", "granularity": "DAY"}

BODIES: dict[str, Callable[[Scene], object]] = {
    "boards/create": lambda scene: {"name": "A new board", "description": None, "privacy": "SECRET"},
    "boards/update": lambda scene: {"description": "Changed"},
    "board_sections/create": lambda scene: {"name": "A new section"},
    "board_sections/update": lambda scene: {"name": "Another name"},
    "pins/create": lambda scene: {"board_id": scene.board(), "title": "New", "media_source": IMAGE},
    "pins/update": lambda scene: {"title": "Changed"},
    "pins/save": lambda scene: {"board_id": scene.board("Winter recipes")},
    "media/create": lambda scene: {"media_type": "video"},
    "follow_user/update": lambda scene: {"auto_follow": False},
    "verify_website/update": lambda scene: {"website": "example.com"},
    "analytics/create_report": lambda scene: {
        **DAYS, "level": "CAMPAIGN", "granularity": "DAY", "columns": ["SPEND_IN_DOLLAR", "CAMPAIGN_NAME"],
    },
}  # fmt: skip
QUERIES: dict[str, dict[str, str]] = {
    "pins/analytics": {**DAYS, "metric_types": "IMPRESSION,SAVE_RATE,TOTAL_COMMENTS", "split_field": "APP_TYPE"},
    "multi_pins/analytics": {**DAYS, "metric_types": "IMPRESSION", "pin_ids": FIRST_PIN},
    "user_account/analytics": {**DAYS, "split_field": "SOURCE", "app_types": "MOBILE"},
    "user_account/analytics/top_pins": {**DAYS, "sort_by": "IMPRESSION"},
    "user_account/analytics/top_video_pins": {**DAYS, "sort_by": "VIDEO_START"},
    "ad_account/analytics": AD_FIGURES,
    "campaigns/analytics": {**AD_FIGURES, "campaign_ids": FIRST["campaigns"], "granularity": "WEEK"},
    "ad_groups/analytics": {**AD_FIGURES, "ad_group_ids": FIRST["ad_groups"], "granularity": "TOTAL"},
    "ads/analytics": {**AD_FIGURES, "ad_ids": FIRST["ads"], "granularity": "MONTH"},
    "analytics/get_report": {"token": "unknown"},
    "terms_related/list": {"terms": "garden,paths"},
    "terms_suggested/list": {"term": "garden"},
    "search_user_boards/get": {"query": "garden"},
    "search_user_pins/list": {"query": "recipe"},
    "unverify_website/delete": {"website": "example.com"},
}
SUCCESS = {
    "boards/create": 201,
    "board_sections/create": 201,
    "pins/create": 201,
    "pins/save": 201,
    "media/create": 201,
    "boards/delete": 204,
    "board_sections/delete": 204,
    "pins/delete": 204,
    "unverify_website/delete": 204,
}


def do(scene: Scene, id: str, **more: Any) -> requests.Response:
    """Send an operation as it should be, but for what is given."""
    sent: dict[str, Any] = {"names": scene.names(id), "query": QUERIES.get(id)}
    if id in BODIES:
        sent["body"] = BODIES[id](scene)
    if id in ("unverify_website/delete", "user_websites/get"):
        scene.send("verify_website/update", body={"website": "example.com"})
    if id == "media/list":
        scene.send("media/create", body={"media_type": "video"})
    return scene.send(id, **(sent | more))


@pytest.mark.parametrize("nulls", ["present", "omitted"])
@pytest.mark.parametrize("id", HANDLERS)
def test_every_operation_responds_as_the_description_says(scene: Scene, id: str, nulls: str) -> None:
    scene.sandbox.control.change(nulls=nulls)
    answer = do(scene, id)
    assert answer.status_code == SUCCESS.get(id, 200)
    assert id not in LISTINGS or answer.json()["items"]
    check(id, answer)


@pytest.mark.parametrize("id", ["boards/create", "pins/create", "media/create"])
def test_a_creation_may_be_answered_with_200(scene: Scene, id: str) -> None:
    scene.sandbox.control.change(created_status=200)
    answer = do(scene, id)
    assert answer.status_code == 200
    check(id, answer)


@pytest.mark.parametrize("kind", ["image", "multiple_images", "video"])
def test_every_kind_of_pin_is_as_described(scene: Scene, kind: str) -> None:
    scene.sandbox.control.change(originals=True)
    answer = do(scene, "pins/get", names={"pin_id": scene.pin(kind)}, query={"pin_metrics": "true"})
    assert answer.json()["media"]["media_type"] == kind
    check("pins/get", answer)


@pytest.mark.parametrize(
    "name", ["Garden ideas", "Winter recipes", "Surprise party", "Campaign drafts", "Street festival"]
)
def test_every_pin_of_the_example_account_is_as_described(scene: Scene, name: str) -> None:
    names = {"board_id": scene.board(name)}
    answer = scene.send("boards/list_pins", names, query={"page_size": "250"})
    assert answer.json()["items"]
    check("boards/list_pins", answer)


# refusals that every operation knows


@pytest.mark.parametrize("id", HANDLERS)
def test_an_unknown_token_is_refused_as_described(scene: Scene, id: str) -> None:
    answer = do(scene, id, token="unknown")
    assert (answer.status_code, answer.json()["code"]) == (401, 2)
    check(id, answer)


@pytest.mark.parametrize("id", HANDLERS)
def test_missing_scopes_are_refused_as_described(scene: Scene, id: str) -> None:
    answer = do(scene, id, scopes=frozenset({"ads:write"}))
    assert (answer.status_code, answer.json()["code"]) == (401, 3)
    assert str(sorted(operation(id).scopes)) in answer.json()["message"]
    check(id, answer)


@pytest.mark.parametrize("id", HANDLERS)
def test_a_spent_limit_is_refused_as_described(scene: Scene, id: str) -> None:
    names = scene.names(id)
    scene.sandbox.control.change(quotas=True, universal_per_second=0)
    answer = scene.send(id, names)
    assert (answer.status_code, answer.json()["code"]) == (429, 8)
    check(id, answer)


@pytest.mark.parametrize("id", [id for id in HANDLERS if not id.startswith("media/")])
def test_another_ad_account_is_refused_as_described(scene: Scene, id: str) -> None:
    answer = do(scene, id, query={**QUERIES.get(id, {}), "ad_account_id": "123"})
    assert answer.status_code == 403
    check(id, answer)


PARAMETERS = ("board_id", "section_id", "pin_id", "media_id", "campaign_id", "ad_group_id", "ad_id", "ad_account_id")


def parameters(id: str) -> list[str]:
    return [name for name in PARAMETERS if "{" + name + "}" in operation(id).path]


@pytest.mark.parametrize(("id", "name"), [(id, name) for id in HANDLERS for name in parameters(id)])
def test_an_id_that_is_not_digits_is_refused_as_described(scene: Scene, id: str, name: str) -> None:
    answer = do(scene, id, names={**scene.names(id), name: "garden-ideas"})
    assert answer.status_code == 400
    check(id, answer)


@pytest.mark.parametrize(("id", "name"), [(id, name) for id in HANDLERS for name in parameters(id)])
def test_an_unknown_id_is_refused_as_described(scene: Scene, id: str, name: str) -> None:
    answer = do(scene, id, names={**scene.names(id), name: UNKNOWN})
    assert answer.status_code == (403 if name == "ad_account_id" else 404)
    check(id, answer)


@pytest.mark.parametrize("id", BODIES)
def test_a_body_that_is_not_an_object_is_refused_as_described(scene: Scene, id: str) -> None:
    answer = do(scene, id, body=["name"])
    assert answer.status_code == 400
    check(id, answer)


def lists(id: str) -> bool:
    declared = json.dumps(responses(id).get("200", {}))
    return "bookmark" in declared or "Paginated" in declared


LISTINGS = [
    "boards/list", "boards/list_pins", "board_sections/list", "board_sections/list_pins", "pins/list", "media/list",
    "search_user_boards/get", "search_user_pins/list", "followers/list", "user_following/get",
    "boards_user_follows/list", "user_websites/get", "ad_accounts/list", "campaigns/list", "ad_groups/list", "ads/list",
]  # fmt: skip


def test_every_listing_of_the_api_is_tested_with_a_wrong_bookmark() -> None:
    assert {id for id in HANDLERS if lists(id)} == set(LISTINGS)


@pytest.mark.parametrize("id", LISTINGS)
def test_a_bookmark_of_another_listing_is_refused_as_described(scene: Scene, id: str) -> None:
    answer = do(scene, id, query={**QUERIES.get(id, {}), "bookmark": "not-one-of-ours"})
    repeats = id.startswith(("board_sections/", "campaigns/", "ad_groups/", "ads/"))
    assert (answer.status_code, answer.json()["code"]) == (400, 400 if repeats else 1)
    check(id, answer)


# refusals of one operation

SPECIAL: dict[str, tuple[str, int, int, Callable[[Scene], requests.Response]]] = {
    "a board's name twice": (
        "boards/create", 409, 58, lambda scene: do(scene, "boards/create", body={"name": "garden IDEAS"}),
    ),
    "renaming a board to another's name": (
        "boards/update", 409, 58, lambda scene: do(scene, "boards/update", body={"name": "Winter recipes"}),
    ),
    "a section's name twice": (
        "board_sections/create", 409, 409, lambda scene: do(scene, "board_sections/create", body={"name": "tools"}),
    ),
    "renaming a section to another's name": (
        "board_sections/update", 409, 409, lambda scene: do(scene, "board_sections/update", body={"name": "Paths"}),
    ),
    "deleting a group board of another": (
        "boards/delete", 403, 29,
        lambda scene: do(scene, "boards/delete", names={"board_id": scene.board("Street festival")}),
    ),
    "creating a Pin on no board": (
        "pins/create", 404, 40,
        lambda scene: do(scene, "pins/create", body={"board_id": UNKNOWN, "media_source": IMAGE}),
    ),
    "creating a Pin in no section": (
        "pins/create", 404, 2031,
        lambda scene: do(
            scene,
            "pins/create",
            body={"board_id": scene.board(), "board_section_id": UNKNOWN, "media_source": IMAGE},
        ),
    ),
    "a secret board without the scope to make one": (
        "boards/create", 403, 29,
        lambda scene: do(scene, "boards/create", scopes=V5_SCOPES - {"boards:write_secret"}),
    ),
    "following nobody": (
        "follow_user/update", 404, 30,
        lambda scene: do(scene, "follow_user/update", names={"username": "nobody"}),
    ),
    "giving up a web site that is not claimed": (
        "unverify_website/delete", 404, 404,
        lambda scene: do(scene, "unverify_website/delete", query={"website": "example.org"}),
    ),
    "figures of the future": (
        "user_account/analytics", 400, 400,
        lambda scene: do(scene, "user_account/analytics", query={**DAYS, "end_date": "2027-01-16"}),
    ),
    "figures of too long ago": (
        "ads/analytics", 400, 400,
        lambda scene: do(scene, "ads/analytics", query={**QUERIES["ads/analytics"], "start_date": "2026-10-01"}),
    ),
    "figures of unknown columns": (
        "campaigns/analytics", 400, 400,
        lambda scene: do(
            scene, "campaigns/analytics", query={**QUERIES["campaigns/analytics"], "columns": "LUCK"}
        ),
    ),
    "figures of a Pin that there is not": (
        "multi_pins/analytics", 404, 50,
        lambda scene: do(
            scene, "multi_pins/analytics", query={**QUERIES["multi_pins/analytics"], "pin_ids": UNKNOWN}
        ),
    ),
    "figures of too many Pins": (
        "multi_pins/analytics", 400, 1,
        lambda scene: do(
            scene, "multi_pins/analytics", query={**QUERIES["multi_pins/analytics"], "pin_ids": ",".join(["1"] * 101)}
        ),
    ),
    "a report that nobody asked for by name": (
        "analytics/get_report", 400, 400, lambda scene: do(scene, "analytics/get_report", query={}),
    ),
    "two kinds of filters": (
        "ads/list", 400, 400,
        lambda scene: do(scene, "ads/list", query={"campaign_ids": "1", "ad_ids": "1"}),
    ),
    "no terms": ("terms_related/list", 400, 400, lambda scene: do(scene, "terms_related/list", query={})),
    "too many terms": (
        "terms_suggested/list", 400, 400,
        lambda scene: do(scene, "terms_suggested/list", query={"term": "a", "limit": "11"}),
    ),
    "a page size that is no number": (
        "followers/list", 400, 1, lambda scene: do(scene, "followers/list", query={"page_size": "3e"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPECIAL)
def test_an_error_of_one_operation_alone_is_as_described(scene: Scene, case: str) -> None:
    id, status, code, send = SPECIAL[case]
    answer = send(scene)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    check(id, answer)


def provoked(id: str) -> set[int]:
    """The statuses that the tests above bring about."""
    statuses = {SUCCESS.get(id, 200), 401, 429} | {status for name, status, _, _ in SPECIAL.values() if name == id}
    if not id.startswith("media/"):
        statuses.add(403)
    if parameters(id):
        statuses |= {400} if parameters(id) == ["ad_account_id"] else {400, 404}
    if id in BODIES or id in LISTINGS:
        statuses.add(400)
    if id in ("boards/create", "pins/create", "media/create"):
        statuses.add(200)
    return statuses


@pytest.mark.parametrize("id", HANDLERS)
def test_every_declared_status_is_produced_or_excluded_with_a_reason(id: str) -> None:
    declared = {int(status) for status in responses(id) if status != "default"}
    never = {status for operation_id, status in NEVER if operation_id == id}
    assert declared & provoked(id) == declared - never


# the token endpoint


def token_call(scene: Scene, path: str = "token", **form: str) -> requests.Response:
    app = scene.sandbox.world.app
    return scene.session.post(f"{scene.sandbox.url}/v5/oauth/{path}", data=form, auth=(app.id, app.secret), timeout=30)


def code_for(scene: Scene) -> str:
    consent = ConsentRequest(scene.sandbox.world.app.id, "http://localhost:8085/", frozenset({"boards:read"}), None)
    return scene.sandbox.world.logins.issue_code(consent, "garden_studio")


def test_an_exchanged_code_is_answered_as_described(scene: Scene) -> None:
    answer = token_call(
        scene, grant_type="authorization_code", code=code_for(scene), redirect_uri="http://localhost:8085/"
    )
    assert answer.status_code == 200
    check("oauth/token", answer)


def test_a_refresh_is_answered_as_described(scene: Scene) -> None:
    first = token_call(
        scene, grant_type="authorization_code", code=code_for(scene), redirect_uri="http://localhost:8085/"
    )
    answer = token_call(scene, grant_type="refresh_token", refresh_token=first.json()["refresh_token"])
    assert answer.status_code == 200
    check("oauth/token", answer)


def test_client_credentials_are_answered_as_described(scene: Scene) -> None:
    answer = token_call(scene, grant_type="client_credentials", scope="boards:read")
    assert answer.status_code == 200
    check("oauth/token", answer)


@pytest.mark.parametrize(
    ("form", "status"),
    [({"grant_type": "wish"}, 400), ({"grant_type": "refresh_token", "refresh_token": "unknown"}, 401)],
)
def test_a_refused_token_request_is_answered_as_described(scene: Scene, form: dict[str, str], status: int) -> None:
    answer = token_call(scene, **form)
    assert answer.status_code == status
    check("oauth/token", answer)


def test_a_revocation_is_answered_as_described(scene: Scene) -> None:
    answer = token_call(scene, "token/revoke", token=scene.sandbox.world.token_for("garden_studio"))
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_refused_revocation_is_answered_as_described(scene: Scene) -> None:
    answer = token_call(scene, "token/revoke", token="unknown")
    assert (answer.status_code, answer.json()["code"]) == (403, 29)
    check("token/revoke", answer)


def test_a_revocation_without_the_app_is_answered_as_described(scene: Scene) -> None:
    answer = scene.session.post(f"{scene.sandbox.url}/v5/oauth/token/revoke", data={"token": "x"}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (401, 2)
    check("token/revoke", answer)
