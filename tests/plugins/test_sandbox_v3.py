"""API v3 in the sandbox, endpoint by endpoint: path, encoding, envelope, fields, rights and refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.v3.routes import DIALECT
from pinflow_sandbox.v3.scopes import V3_SCOPES
from pinflow_sandbox.world.logins import EVERY_SCOPE
from tests.plugins.envelopes import Send, data, refusal, sender

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000.0
IMAGE = "https://example.com/a.jpg"
UNKNOWN = "999999999999999999"
DAYS = "start_date=2027-01-01&end_date=2027-01-07&metric_types=IMPRESSION,PIN_CLICK_RATE"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: NOW, settings=Settings(quotas=False)) as running:
        yield running


@pytest.fixture
def send(sandbox: Sandbox) -> Iterator[Send]:
    with sender(sandbox, "/v3", V3_SCOPES) as send:
        yield send


def user_id(send: Send, account: str = "garden_studio") -> str:
    return str(data(send("GET", "/users/me/", account=account))["id"])


def board_id(sandbox: Sandbox, name: str = "Garden ideas") -> str:
    return next(board.id for board in sandbox.world.boards.values() if board.name == name)


def section_id(sandbox: Sandbox) -> str:
    return sandbox.world.boards[board_id(sandbox)].sections[0]


def pin_id(sandbox: Sandbox, board: str = "Garden ideas") -> str:
    return sandbox.world.boards[board_id(sandbox, board)].pins[0]


# the table


@dataclass(frozen=True)
class Endpoint:
    """One row: what is sent, and the fields of the answer that clients read."""

    id: str
    method: str
    path: str  # with the sandbox's own ids filled in
    fields: frozenset[str]
    body: dict[str, str] | None = None
    many: bool = False  # the answer is a page


USER = frozenset({"id", "username", "full_name", "about", "profile_url", "pin_count"})
BOARD = frozenset({"id", "name", "url", "category", "description", "pin_count", "privacy"})
SECTION = frozenset({"id", "title", "pin_count"})
_PIN = """
    id type description domain native_format_type story_type image_large_url link title alt_text carousel_data
    board_section_id
"""
PIN = frozenset(_PIN.split())
UPLOAD = frozenset({"upload_id", "upload_url", "upload_parameters"})
ENDPOINTS = [
    Endpoint("user_account/get", "GET", "/users/me/", USER),
    Endpoint("user_account/get", "GET", "/users/{user}/", USER),
    Endpoint("linked_business_accounts/get", "GET", "/users/me/businesses/", USER),
    Endpoint("boards/list", "GET", "/users/{user}/boards/feed/", BOARD, many=True),
    Endpoint("pins/list", "GET", "/users/{user}/pins/", PIN, many=True),
    Endpoint("boards/create", "PUT", "/boards/", BOARD, {"name": "A new one"}),
    Endpoint("boards/get", "GET", "/boards/{board}/", BOARD),
    Endpoint("boards/delete", "DELETE", "/boards/{board}/", frozenset()),
    Endpoint("boards/list_pins", "GET", "/boards/{board}/pins/", PIN, many=True),
    Endpoint("board_sections/list", "GET", "/board/{board}/sections/", SECTION, many=True),
    Endpoint("board_sections/create", "PUT", "/board/{board}/sections/", SECTION, {"title": "A new one"}),
    Endpoint("board_sections/list_pins", "GET", "/board/sections/{section}/pins/", PIN, many=True),
    Endpoint("pins/create", "PUT", "/pins/", PIN, {"board_id": "{board}", "image_url": IMAGE}),
    Endpoint("pins/get", "GET", "/pins/{pin}/", PIN),
    Endpoint("pins/save", "POST", "/partners/pins/{pin}/save/", PIN, {"board_id": "{board}"}),
    Endpoint("media/create", "POST", "/media/uploads/register/", UPLOAD, {"type": "video"}),
    Endpoint("media/get", "GET", "/media/uploads/?upload_ids={upload}", frozenset()),
    Endpoint("user_account/analytics", "GET", f"/partners/analytics/users/me/metrics/?{DAYS}", frozenset({"all"})),
]
each_endpoint = pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: f"{row.method} {row.path}")


def filled(sandbox: Sandbox, send: Send, text: str) -> str:
    names = {"user": "", "upload": ""}
    if "{user}" in text:
        names["user"] = user_id(send)
    if "{upload}" in text:
        names["upload"] = str(data(send("POST", "/media/uploads/register/", json={"type": "video"}))["upload_id"])
    return text.format(board=board_id(sandbox), section=section_id(sandbox), pin=pin_id(sandbox), **names)


def called(sandbox: Sandbox, send: Send, row: Endpoint, encoding: str = "data", **more: Any) -> requests.Response:
    body = {name: filled(sandbox, send, value) for name, value in row.body.items()} if row.body else None
    return send(row.method, filled(sandbox, send, row.path), **({encoding: body} if body else {}), **more)


def test_the_table_of_these_tests_has_every_endpoint_of_v3() -> None:
    assert {row.id for row in ENDPOINTS} == {operation.id for operation in DIALECT.operations()}


@pytest.mark.parametrize("encoding", ["data", "json"])
@each_endpoint
def test_an_endpoint_responds_in_the_envelope_with_the_fields_that_clients_read(
    sandbox: Sandbox, send: Send, row: Endpoint, encoding: str
) -> None:
    answer = called(sandbox, send, row, encoding)
    body = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert (body["status"], body["code"], body["message"]) == ("success", 0, "ok")
    assert parsedate_to_datetime(body["generated_at"]).timestamp() == NOW
    assert body["endpoint_name"] == f"v3_{row.id.replace('/', '_')}"
    assert ("bookmark" in body) is row.many
    records = body["data"]
    if row.many:
        assert isinstance(records, list) and records
    for record in records if isinstance(records, list) else [records or {}]:
        assert row.fields.issubset(record)


@each_endpoint
def test_an_endpoint_needs_a_token_with_its_scopes(sandbox: Sandbox, send: Send, row: Endpoint) -> None:
    path = filled(sandbox, send, row.path)
    url = f"{sandbox.url}/v3{path}"
    assert refusal(requests.request(row.method, url, timeout=30)) == (401, 2)
    assert refusal(requests.request(row.method, url, headers={"Authorization": "Basic x"}, timeout=30)) == (401, 2)
    (operation,) = {offered for offered in DIALECT.operations() if offered.id == row.id}
    for scope in operation.scopes:
        lacking = called(sandbox, send, row, scopes=operation.scopes - {scope})
        assert scope in lacking.json()["message"]
        assert refusal(lacking) == (401, 3)
    assert called(sandbox, send, row, scopes=operation.scopes | {"read_advertisers"}).status_code == 200


@each_endpoint
def test_a_path_without_its_trailing_slash_is_not_found(sandbox: Sandbox, send: Send, row: Endpoint) -> None:
    path, mark, query = filled(sandbox, send, row.path).partition("?")
    answer = send(row.method, path.rstrip("/") + mark + query)
    assert refusal(answer) == (404, 404) and "ends with a slash" in answer.json()["message"]


@each_endpoint
def test_another_method_is_not_allowed(sandbox: Sandbox, send: Send, row: Endpoint) -> None:
    assert refusal(send("PATCH", filled(sandbox, send, row.path))) == (405, 5)


def test_an_unknown_path_of_v3_is_not_found(send: Send) -> None:
    for path in ("/", "/nothing/", "/boards//", "/users/me/boards/", "/board/1/", "//"):
        assert refusal(send("GET", path)) == (404, 404)


def test_head_of_v3_gets_the_headers_of_get_without_a_body(send: Send) -> None:
    answer = send("HEAD", "/users/me/")
    assert (answer.status_code, answer.content) == (200, b"") and int(answer.headers["Content-Length"]) > 100


def test_the_settings_omit_null_fields_and_the_last_bookmark_of_v3(sandbox: Sandbox, send: Send) -> None:
    sandbox.control.change(nulls="omitted")
    body = send("GET", f"/board/{board_id(sandbox)}/sections/").json()
    assert "bookmark" not in body and "data" in body
    assert "category" not in data(send("GET", f"/boards/{board_id(sandbox, 'Empty for now')}/"))


# listings


def walked(send: Send, path: str, **query: str) -> tuple[list[Any], int]:
    records: list[Any] = []
    pages = 0
    while True:
        body = send("GET", path, params=query).json()
        records += body["data"]
        pages += 1
        if not body["bookmark"]:
            return records, pages
        query["bookmark"] = body["bookmark"]


def test_a_listing_of_v3_is_read_page_by_page_with_bookmarks(sandbox: Sandbox, send: Send) -> None:
    board = board_id(sandbox, "Winter recipes")
    found, pages = walked(send, f"/boards/{board}/pins/", page_size="100")
    assert pages == 4
    assert [pin["id"] for pin in found] == sorted(sandbox.world.boards[board].pins, reverse=True)


@pytest.mark.parametrize("size", ["0", "251", "ten", "-1", ""])
def test_a_page_size_out_of_range_is_refused(sandbox: Sandbox, send: Send, size: str) -> None:
    answer = send("GET", f"/boards/{board_id(sandbox)}/pins/?page_size={size}")
    assert refusal(answer) == (400, 1) and "page_size" in answer.json()["data"]


def test_a_bookmark_of_another_listing_is_refused(sandbox: Sandbox, send: Send) -> None:
    path = f"/boards/{board_id(sandbox)}/pins/"
    bookmark = send("GET", path, params={"page_size": "1"}).json()["bookmark"]
    other = f"/boards/{board_id(sandbox, 'Winter recipes')}/pins/"
    assert refusal(send("GET", other, params={"bookmark": bookmark})) == (400, 1)
    assert refusal(send("GET", path, params={"bookmark": "garbage"})) == (400, 1)


def test_the_pins_of_a_board_in_v3_omit_those_in_sections(sandbox: Sandbox, send: Send) -> None:
    board = sandbox.world.boards[board_id(sandbox)]
    found, _ = walked(send, f"/boards/{board.id}/pins/")
    assert {pin["board_section_id"] for pin in found} == {None}
    sectioned = [pin for id in board.sections for pin in walked(send, f"/board/sections/{id}/pins/")[0]]
    assert {pin["id"] for pin in [*found, *sectioned]} == set(board.pins) and len(sectioned) == 9


def test_the_settings_add_a_story_tile_to_the_pins_of_a_board(sandbox: Sandbox, send: Send) -> None:
    path = f"/boards/{board_id(sandbox)}/pins/"
    assert {pin["type"] for pin in walked(send, path)[0]} == {"pin"}
    sandbox.control.change(story_tiles=True)
    (tile,) = (record for record in walked(send, path)[0] if record["type"] != "pin")
    assert (tile["type"], tile["story_type"], set(tile)) == ("story", "more_ideas", {"id", "type", "story_type"})


def test_the_feed_of_boards_has_group_boards_and_empty_ones_on_request(send: Send) -> None:
    path = f"/users/{user_id(send)}/boards/feed/"
    usual = {board["name"] for board in walked(send, path)[0]}
    assert "Street festival" in usual and "Empty for now" not in usual
    for text in ("True", "true", "1"):
        all_of_them, _ = walked(send, path, include_empty=text, include_archived="False")
        assert {board["name"] for board in all_of_them} == usual | {"Empty for now"}


def test_secret_boards_need_their_own_scope(sandbox: Sandbox, send: Send) -> None:
    board, path = board_id(sandbox, "Surprise party"), f"/users/{user_id(send)}/boards/feed/"
    without = V3_SCOPES - {"read_secret_boards", "read_secret"}
    names = {record["name"]: record["privacy"] for record in walked(send, path)[0]}
    assert (names["Surprise party"], names["Campaign drafts"], names["Garden ideas"]) == (
        "secret",
        "protected",
        "public",
    )
    shown = {record["name"] for record in data(send("GET", path, scopes=without))}
    assert "Surprise party" not in shown and "Garden ideas" in shown
    assert refusal(send("GET", f"/boards/{board}/", scopes=without)) == (404, 40)
    body = {"board_id": board, "image_url": IMAGE}
    assert refusal(send("PUT", "/pins/", data=body, scopes=without)) == (404, 40)
    assert refusal(send("PUT", "/boards/", data={"name": "x", "privacy": "secret"}, scopes=without)) == (403, 7)
    assert data(send("PUT", "/boards/", data={"name": "x", "privacy": "secret"}))["privacy"] == "secret"


def test_composite_scopes_contain_the_others(sandbox: Sandbox, send: Send) -> None:
    assert send("GET", "/users/me/", scopes={"read_organic"}).status_code == 200
    body = {"board_id": board_id(sandbox), "image_url": IMAGE}
    assert send("PUT", "/pins/", data=body, scopes={"manage_organic"}).status_code == 200
    assert refusal(send("PUT", "/pins/", data=body, scopes={"read_organic"})) == (401, 3)


def test_businesses_are_for_apps_that_read_ads(send: Send) -> None:
    answer = send("GET", "/users/me/businesses/", scopes={"read_users"})
    assert refusal(answer) == (400, 3) and "Missing: ['read_advertisers']" in answer.json()["message"]


def test_v3_ignores_scopes_of_v5_but_one_token_may_have_both(sandbox: Sandbox, send: Send) -> None:
    assert refusal(send("GET", "/users/me/", scopes=EVERY_SCOPE - V3_SCOPES)) == (401, 3)
    token = sandbox.environment()["ACCESS_TOKEN"]
    for path in ("/v3/users/me/", "/v5/user_account"):
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(sandbox.url + path, headers=headers, timeout=30).status_code == 200


# boards and sections


def test_a_new_board_has_the_fields_of_its_body(send: Send) -> None:
    fields = {"name": "Tulips & more", "category": "gardening", "description": "D", "layout": "default"}
    board = data(send("PUT", "/boards/", data=fields | {"privacy": "PUBLIC", "event_date": "2027-01-01"}))
    read = data(send("GET", f"/boards/{board['id']}/"))
    assert read == board and {name: read[name] for name in fields} == fields
    assert (read["url"], read["event_date"]) == ("/garden_studio/tulips-%26-more/", "2027-01-01")


def test_a_board_name_is_unique_for_its_account(send: Send) -> None:
    again = {"name": " GARDEN ideas "}
    assert refusal(send("PUT", "/boards/", data=again)) == (409, 58)
    existing = data(send("PUT", "/boards/", data=again | {"return_existing": "True"}))
    assert existing["name"] == "Garden ideas"
    assert refusal(send("PUT", "/boards/", data={"name": "  "})) == (400, 1)
    assert send("PUT", "/boards/", data={}).json()["data"] == "Missing required field 'name'"


@pytest.mark.parametrize(
    ("field", "value"), [("privacy", "hidden"), ("return_existing", "perhaps"), ("name", "n" * 181)]
)
def test_a_board_with_invalid_values_is_refused(send: Send, field: str, value: str) -> None:
    answer = send("PUT", "/boards/", data={"name": "B", field: value})
    assert refusal(answer) == (400, 1) and field in answer.json()["data"]


def test_only_the_owner_can_delete_a_board(sandbox: Sandbox, send: Send) -> None:
    path = f"/boards/{board_id(sandbox)}/"
    assert refusal(send("DELETE", path, account="client_account")) == (403, 7)
    assert data(send("DELETE", path)) is None
    assert refusal(send("GET", path)) == refusal(send("DELETE", path)) == (404, 40)


def test_a_section_title_is_unique_on_its_board(sandbox: Sandbox, send: Send) -> None:
    path = f"/board/{board_id(sandbox)}/sections/"
    assert refusal(send("PUT", path, data={"title": "tools", "client_id": "1"})) == (409, 409)
    assert refusal(send("PUT", path, json={"name": "v5's word"})) == (400, 1)
    assert refusal(send("PUT", path, account="client_account", data={"title": "T"})) == (404, 40)


def test_others_public_boards_can_be_read(sandbox: Sandbox, send: Send) -> None:
    board = board_id(sandbox)
    as_other = {"account": "client_account"}
    assert data(send("GET", f"/boards/{board}/", **as_other))["name"] == "Garden ideas"
    assert data(send("GET", f"/boards/{board}/pins/", **as_other))
    assert data(send("GET", f"/pins/{pin_id(sandbox)}/", **as_other))["id"] == pin_id(sandbox)
    assert refusal(send("GET", f"/boards/{board_id(sandbox, 'Campaign drafts')}/", **as_other)) == (404, 40)
    assert refusal(send("GET", f"/pins/{pin_id(sandbox, 'Campaign drafts')}/", **as_other)) == (404, 50)
    feed = data(send("GET", f"/users/{user_id(send)}/boards/feed/", **as_other))
    assert {record["privacy"] for record in feed} == {"public"}
    assert refusal(send("GET", f"/users/{user_id(send)}/businesses/", **as_other)) == (403, 7)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/users/{UNKNOWN}/", (404, 30)),
        ("/users/nobody/pins/", (404, 30)),
        (f"/boards/{UNKNOWN}/", (404, 40)),
        ("/boards/garden-ideas/", (400, 1)),
        (f"/board/{UNKNOWN}/sections/", (404, 40)),
        (f"/board/sections/{UNKNOWN}/pins/", (404, 2031)),
        (f"/pins/{UNKNOWN}/", (404, 50)),
        ("/pins/x/", (400, 1)),
        ("/media/uploads/", (400, 1)),
        ("/media/uploads/?upload_ids=a", (400, 1)),
    ],
)
def test_each_kind_of_unknown_object_has_its_own_code(send: Send, path: str, code: tuple[int, int]) -> None:
    assert refusal(send("GET", path)) == code


# Pins


def test_a_new_pin_has_the_fields_of_its_body(sandbox: Sandbox, send: Send) -> None:
    texts = {"title": "T", "description": "D", "alt_text": "A"}
    place = {"board_id": board_id(sandbox), "section": section_id(sandbox)}
    pin = data(send("PUT", "/pins/", data={**texts, **place, "image_url": IMAGE, "source_url": "https://x.example/a"}))
    read = data(send("GET", f"/pins/{pin['id']}/"))
    assert read == pin and {name: read[name] for name in texts} == texts
    assert (read["link"], read["domain"]) == ("https://x.example/a", "x.example")
    assert read["board"]["id"] == place["board_id"] and read["board_section_id"] == place["section"]


def test_any_text_is_accepted_as_a_link(sandbox: Sandbox, send: Send) -> None:
    body = {"board_id": board_id(sandbox), "image_url": IMAGE, "source_url": "http://[never"}
    pin = data(send("PUT", "/pins/", data=body))
    assert (pin["link"], pin["domain"]) == ("http://[never", None)


def test_a_carousel_made_from_the_data_of_another_pin_has_the_same_content(sandbox: Sandbox, send: Send) -> None:
    records, _ = walked(send, f"/boards/{board_id(sandbox)}/pins/")
    (source,) = (pin for pin in records if pin["carousel_data"])
    copy = data(
        send(
            "PUT",
            "/pins/",
            data={
                "board_id": board_id(sandbox, "Empty for now"),
                "image_url": source["image_large_url"],
                "title": source["title"],
                "source_url": source["link"],
                "carousel_data_json": json.dumps(source["carousel_data"], separators=(",", ":")),
            },
        )
    )
    contents = [sandbox.world.pins[pin["id"]].content for pin in (source, copy)]
    assert contents[0].fingerprint == contents[1].fingerprint and contents[0].kind == "multiple_images"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("image_url", "x", "'image_url' must be an address"),
        ("image_url", "", "Missing required field 'image_url'"),
        ("board_id", "", "Missing required field 'board_id'"),
        ("board_id", "my-board", "'board_id' value 'my-board'"),
        ("section", "x", "'section' value 'x'"),
        ("source_url", "h" * 2049, "'source_url' must be at most 2048"),
        ("title", "t" * 101, "'title' must be at most 100"),
        ("media_upload_id", UNKNOWN, "'media_upload_id' names no media"),
        ("carousel_data_json", "{", "'carousel_data_json' must be the JSON text"),
        ("carousel_data_json", "[]", "'carousel_data_json' must be the JSON text"),
        ("carousel_data_json", '{"carousel_slots":[{}]}', "'carousel_data_json.carousel_slots' must have 2 to 5"),
        ("carousel_data_json", '{"carousel_slots":[{},{}]}', "'carousel_data_json.carousel_slots[0].url' is required"),
    ],
)
def test_a_pin_with_invalid_values_is_refused_with_the_field_names_of_v3(
    sandbox: Sandbox, send: Send, field: str, value: str, words: str
) -> None:
    before = len(sandbox.world.pins)
    answer = send("PUT", "/pins/", data={"board_id": board_id(sandbox), "image_url": IMAGE, field: value})
    assert refusal(answer) == (400, 1) and words in answer.json()["data"]
    assert len(sandbox.world.pins) == before


@pytest.mark.parametrize(
    "body", [{"data": b"\xff=1"}, {"data": b"<a/>", "headers": {"Content-Type": "text/xml"}}, {"json": [1]}]
)
def test_a_body_that_is_neither_a_form_nor_an_object_is_refused(
    sandbox: Sandbox, send: Send, body: dict[str, Any]
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"} if "data" in body else {}
    answer = send("PUT", "/boards/", **{**body, "headers": form | body.get("headers", {})})
    assert refusal(answer) == (400, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    "name title image_url section description alt_text source_url carousel_data_json media_upload_id privacy protected "
    "return_existing category event_date collaborator_invites_enabled type"
)
SLOTS = st.fixed_dictionaries(
    {"carousel_slots": JSON | st.lists(JSON, min_size=2, max_size=5)}, optional={"index": JSON}
)


@given(
    path=st.sampled_from(["/boards/", "/pins/", "/board/{board}/sections/", "/media/uploads/register/"]),
    body=st.dictionaries(st.sampled_from(NAMES.split()), JSON | st.just("\ud800"), max_size=6),
    carousel=st.none() | SLOTS,
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_gets_a_response(sandbox: Sandbox, send: Send, path: str, body: dict[str, Any], carousel: Any) -> None:
    board = board_id(sandbox)
    usual = {"board_id": board, "image_url": IMAGE, "name": "N", "title": "T", "type": "video"}
    sent = usual | body | ({"carousel_data_json": carousel} if carousel is not None else {})
    answer = send("POST" if "media" in path else "PUT", path.format(board=board), json=sent)
    if answer.status_code != 200:
        assert refusal(answer) in {(400, 1), (404, 2031), (409, 58), (409, 409)}


def test_saving_a_pin_needs_an_app_with_access_to_it(sandbox: Sandbox, send: Send) -> None:
    path, body = f"/partners/pins/{pin_id(sandbox)}/save/", {"board_id": board_id(sandbox, "Logos")}
    saved = data(send("POST", path, json=body, account="client_account"))
    assert sandbox.world.pins[saved["id"]].parent_id == pin_id(sandbox)
    sandbox.control.change(pinner_app=False)
    assert refusal(send("POST", path, json=body, account="client_account")) == (401, 3)


def test_a_finished_upload_becomes_a_pin(sandbox: Sandbox, send: Send) -> None:
    media = data(send("POST", "/media/uploads/register/", json={"type": "video"}))
    path = f"/media/uploads/?upload_ids={media['upload_id']},{UNKNOWN}"
    states = [data(send("GET", path))]
    files = {"file": (None, b"moving pictures")}
    stored = requests.post(media["upload_url"], data=media["upload_parameters"], files=files, timeout=30)
    assert (stored.status_code, stored.content) == (204, b"")
    states += [data(send("GET", path)) for _ in range(2)]
    assert [set(state) for state in states] == [{media["upload_id"]}] * 3
    assert [state[media["upload_id"]]["status"] for state in states] == ["registered", "processing", "succeeded"]
    body = {"board_id": board_id(sandbox), "image_url": IMAGE, "media_upload_id": media["upload_id"]}
    assert data(send("PUT", "/pins/", data=body))["is_video"] is True
    assert data(send("GET", path, account="client_account")) == {}


def test_an_empty_upload_fails_with_a_code(send: Send) -> None:
    media = data(send("POST", "/media/uploads/register/", data={"type": "video"}))
    requests.post(media["upload_url"], data=media["upload_parameters"], files={"file": (None, b"")}, timeout=30)
    send("GET", f"/media/uploads/?upload_ids={media['upload_id']}")
    (state,) = data(send("GET", f"/media/uploads/?upload_ids={media['upload_id']}")).values()
    assert state["status"] == "failed" and isinstance(state["failure_code"], int)


# figures


def test_the_metrics_of_an_account_are_those_of_v5(sandbox: Sandbox, send: Send) -> None:
    answer = send("GET", f"/partners/analytics/users/{user_id(send)}/metrics/?{DAYS}&pin_format=all&paid=0")
    token = sandbox.world.token_for("garden_studio")
    v5 = requests.get(
        f"{sandbox.url}/v5/user_account/analytics?{DAYS}", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert data(answer) == v5.json() and len(data(answer)["all"]["daily_metrics"]) == 7
    part = data(send("GET", f"/partners/analytics/users/me/metrics/?{DAYS}&app_types=web"))
    assert 0 < part["all"]["summary_metrics"]["IMPRESSION"] < v5.json()["all"]["summary_metrics"]["IMPRESSION"]


@pytest.mark.parametrize(
    "query",
    [
        "start_date=2027-01-01",
        "start_date=2027-01-09&end_date=2027-01-08",
        f"{DAYS},NOTHING",
        f"{DAYS}&paid=3",
        f"{DAYS}&app_types=ALL",
        f"{DAYS}&publish_types=draft",
    ],
)
def test_invalid_attributes_of_metrics_are_refused(send: Send, query: str) -> None:
    assert refusal(send("GET", f"/partners/analytics/users/me/metrics/?{query}")) == (400, 1)


def test_the_metrics_of_another_account_are_refused(send: Send) -> None:
    path = f"/partners/analytics/users/{user_id(send, 'client_account')}/metrics/?{DAYS}"
    assert refusal(send("GET", path)) == (403, 7)


# limits


def test_a_rate_limit_of_v3_has_headers_and_a_message_detail(sandbox: Sandbox, send: Send) -> None:
    sandbox.control.change(quotas=True, per_minute={"org_read": 2})
    assert [send("GET", "/users/me/").headers["X-RateLimit-Remaining"] for _ in range(2)] == ["1", "0"]
    answer = send("GET", "/users/me/")
    assert refusal(answer) == (429, 8) and "spam" not in answer.text
    assert "org_read" in answer.json()["message_detail"] and int(answer.headers["X-RateLimit-Reset"]) > 0


@pytest.mark.parametrize("status", [429, 403])
def test_a_spam_block_is_a_429_whose_detail_says_so(sandbox: Sandbox, send: Send, status: int) -> None:
    sandbox.control.change(spam_block=True, spam_status=status)
    body = {"board_id": board_id(sandbox), "image_url": IMAGE}
    for answer in (
        send("PUT", "/pins/", data=body),
        send("POST", f"/partners/pins/{pin_id(sandbox)}/save/", json={"board_id": body["board_id"]}),
    ):
        assert refusal(answer) == (429, 8)
        assert "spam" in answer.json()["message_detail"] and "spam" not in answer.json()["message"]
    assert send("PUT", "/boards/", data={"name": "boards are not blocked"}).status_code == 200
