"""Pins, their media and video uploads as the sandbox keeps them, over a real socket."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.v5.scopes import V5_SCOPES

Call = Callable[..., requests.Response]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: 1_800_000_000.0, settings=Settings(quotas=False)) as running:
        yield running


@pytest.fixture
def call(sandbox: Sandbox) -> Iterator[Call]:
    with requests.Session() as session:
        session.trust_env = False

        def send(
            method: str, path: str, *, account: str = "garden_studio", scopes: Any = V5_SCOPES, **more: Any
        ) -> requests.Response:
            headers = {"Authorization": f"Bearer {sandbox.world.token_for(account, scopes)}"}
            return session.request(method, f"{sandbox.url}/v5{path}", headers=headers, timeout=30, **more)

        yield send


def board_id(call: Call, name: str, account: str = "garden_studio") -> str:
    items = call("GET", "/boards", account=account, params={"page_size": 250}).json()["items"]
    return next(str(board["id"]) for board in items if board["name"] == name)


def error(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def image(url: str = "https://example.com/a.jpg") -> dict[str, object]:
    return {"source_type": "image_url", "url": url}


def create(call: Call, source: object = None, *, board: str = "Winter recipes", **fields: object) -> requests.Response:
    body = {"board_id": board_id(call, board), "media_source": source or image(), **fields}
    return call("POST", "/pins", json=body)


def stored(sandbox: Sandbox, pin_id: str) -> dict[str, Any]:
    boards: Any = sandbox.control.state()["boards"]
    return next(pin for board in boards for pin in board["pins"] if pin["id"] == pin_id)


def find(call: Call, board: str, kind: str) -> dict[str, Any]:
    pins = call("GET", f"/boards/{board_id(call, board)}/pins", params={"page_size": 250}).json()["items"]
    return next(pin for pin in pins if pin["media"]["media_type"] == kind)


@pytest.mark.parametrize("status", [429, 403])
def test_a_spam_block_refuses_new_pins(sandbox: Sandbox, call: Call, status: int) -> None:
    sandbox.control.change(spam_block=True, spam_status=status)
    answer = create(call)
    assert error(answer) == (status, 9) and "combat spam" in answer.json()["message"]
    saved = find(call, "Garden ideas", "image")["id"]
    assert error(call("POST", f"/pins/{saved}/save", json={})) == (status, 9)
    assert call("DELETE", f"/pins/{saved}").status_code == 204


def test_a_new_pin_has_the_fields_of_its_body(call: Call) -> None:
    fields = {
        "title": "T",
        "description": "D",
        "link": "https://x.example",
        "alt_text": "A",
        "dominant_color": "#123456",
    }
    pin = create(call, **fields).json()
    read = call("GET", f"/pins/{pin['id']}").json()
    assert read == pin
    assert {name: read[name] for name in fields} == fields
    assert (read["creative_type"], read["is_owner"], read["parent_pin_id"]) == ("REGULAR", True, None)


def test_an_image_has_a_url_of_the_service_for_every_size(call: Call) -> None:
    images = create(call).json()["media"]["images"]
    assert list(images) == ["150x150", "400x300", "600x", "1200x"]
    assert all(image["url"].startswith(f"https://i.pinimg.com/{size}/") for size, image in images.items())


def test_the_settings_add_the_image_size_originals(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(originals=True)
    assert "originals" in create(call).json()["media"]["images"]


def test_a_pin_made_from_the_largest_image_has_the_same_content_at_another_url(sandbox: Sandbox, call: Call) -> None:
    source = find(call, "Garden ideas", "image")
    largest = source["media"]["images"]["1200x"]["url"]
    texts = {name: source[name] for name in ("title", "description", "link", "alt_text")}
    copy = create(call, image(largest), **texts).json()
    assert copy["media"]["images"]["1200x"]["url"] != largest
    assert stored(sandbox, copy["id"])["fingerprint"] == stored(sandbox, source["id"])["fingerprint"]


def test_a_pin_made_from_a_small_image_has_other_content(sandbox: Sandbox, call: Call) -> None:
    source = find(call, "Garden ideas", "image")
    copy = create(call, image(source["media"]["images"]["600x"]["url"])).json()
    assert stored(sandbox, copy["id"])["media"] != stored(sandbox, source["id"])["media"]


@pytest.mark.parametrize(("field", "most"), [("title", 100), ("description", 800), ("alt_text", 500), ("link", 2048)])
def test_a_text_of_a_pin_is_accepted_up_to_its_maximum_length(call: Call, field: str, most: int) -> None:
    assert create(call, **{field: "ü" * most}).status_code == 201
    assert error(create(call, **{field: "ü" * (most + 1)})) == (400, 1)


@pytest.mark.parametrize(
    "source",
    [
        {"source_type": "image_url"},
        {"source_type": "image_url", "url": "ftp://example.com/a.jpg"},
        {"source_type": "image_url", "url": "https://x.example/a", "is_standard": "no"},
        {"source_type": "painting"},
        {"url": "https://x.example/a"},
        {"source_type": "image_base64", "content_type": "image/gif", "data": "AAAA"},
        {"source_type": "image_base64", "content_type": "image/png", "data": "data:image/png;base64,AAAA"},
        {"source_type": "image_base64", "content_type": "image/png", "data": "A"},
        {"source_type": "multiple_image_urls", "items": [{"url": "https://x.example/1"}]},
        {"source_type": "multiple_image_urls", "items": [{"url": "https://x.example/1"}] * 6},
        {"source_type": "multiple_image_urls", "items": [{"url": "https://x.example/1"}] * 2, "index": 2},
        {"source_type": "multiple_image_base64", "items": [{"data": "AAAA"}] * 2},
        {"source_type": "video_id", "media_id": "12345", "cover_image_url": "https://x.example/1"},
        {"source_type": "video_id"},
        "https://x.example/a",
    ],
)
def test_an_invalid_media_source_is_refused(call: Call, source: object) -> None:
    assert error(create(call, source)) == (400, 1)


def test_a_new_pin_requires_a_board_and_a_media_source(call: Call) -> None:
    assert error(call("POST", "/pins", json={"media_source": image()})) == (400, 1)
    assert error(call("POST", "/pins", json={"board_id": board_id(call, "Garden ideas")})) == (400, 1)


def test_pins_made_from_the_same_bytes_have_the_same_content(sandbox: Sandbox, call: Call) -> None:
    data = b64encode(b"a picture").decode()
    source = {"source_type": "image_base64", "content_type": "image/png", "data": data}
    one, two = (stored(sandbox, create(call, source).json()["id"]) for _ in range(2))
    assert one["media"] == two["media"]


@pytest.mark.parametrize("count", [2, 5])
def test_a_carousel_keeps_its_images_and_their_texts_in_order(call: Call, count: int) -> None:
    items = [{"url": f"https://x.example/{n}", "title": f"t{n}", "description": "d"} for n in range(count)]
    media = create(call, {"source_type": "multiple_image_urls", "items": items}).json()["media"]
    assert media["media_type"] == "multiple_images"
    assert [item["title"] for item in media["items"]] == [f"t{n}" for n in range(count)]
    assert "images" not in media


def test_a_pin_in_a_section_is_on_its_board_too(call: Call) -> None:
    id = board_id(call, "Garden ideas")
    section = call("GET", f"/boards/{id}/sections").json()["items"][0]["id"]
    created = create(call, board="Garden ideas", board_section_id=section).json()
    assert created["board_section_id"] == section
    assert call("GET", f"/boards/{id}/sections/{section}/pins").json()["items"][0]["id"] == created["id"]
    assert call("GET", f"/boards/{id}/pins").json()["items"][0]["id"] == created["id"]


def test_a_section_of_another_board_is_not_found(call: Call) -> None:
    section = call("GET", f"/boards/{board_id(call, 'Garden ideas')}/sections").json()["items"][0]["id"]
    assert error(create(call, board="Winter recipes", board_section_id=section)) == (404, 2031)


def test_an_unknown_parent_pin_is_not_found(call: Call) -> None:
    assert error(create(call, parent_pin_id="999999999999999999")) == (404, 50)


def test_a_trial_app_can_create_boards_but_no_pins(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(trial=True)
    refused = create(call)
    assert error(refused) == (403, 29)
    assert "api-sandbox.pinterest.com" in refused.json()["message"]
    assert call("POST", "/boards", json={"name": "New"}).status_code == 201


def test_an_account_can_not_exceed_its_maximum_of_pins(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(max_pins=10)
    assert error(create(call)) == (403, 29)


def test_pins_of_a_secret_board_are_invisible_without_their_scope(call: Call) -> None:
    id = board_id(call, "Surprise party")
    pin = call("GET", f"/boards/{id}/pins").json()["items"][0]["id"]
    scopes = V5_SCOPES - {"pins:read_secret"}
    assert call("GET", f"/boards/{id}/pins", scopes=scopes).json()["items"] == []
    assert error(call("GET", f"/pins/{pin}", scopes=scopes)) == (404, 50)
    assert pin not in [record["id"] for record in call("GET", "/pins?page_size=250", scopes=scopes).json()["items"]]


def test_a_pin_is_not_put_on_a_secret_board_without_the_scope(call: Call) -> None:
    body = {"board_id": board_id(call, "Surprise party"), "media_source": image()}
    assert error(call("POST", "/pins", json=body, scopes=V5_SCOPES - {"pins:write_secret"})) == (403, 29)


def test_own_pins_omit_protected_boards_by_default(call: Call) -> None:
    id = board_id(call, "Campaign drafts")
    plain = {pin["board_id"] for pin in every_pin(call)}
    asked = {pin["board_id"] for pin in every_pin(call, include_protected_pins="true")}
    assert id not in plain
    assert id in asked


def every_pin(call: Call, **query: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    bookmark: str | None = ""
    while bookmark is not None:
        page = call("GET", "/pins", params={**query, "page_size": "250", "bookmark": bookmark}).json()
        listed, bookmark = listed + page["items"], page["bookmark"]
    return listed


def test_own_pins_can_be_filtered_by_creative_type(call: Call) -> None:
    assert {pin["creative_type"] for pin in every_pin(call, creative_types="VIDEO,CAROUSEL")} == {"VIDEO", "CAROUSEL"}
    assert error(call("GET", "/pins?creative_types=PAINTING")) == (400, 1)


def test_own_pins_can_be_filtered_to_private_ones(call: Call) -> None:
    assert {pin["board_id"] for pin in every_pin(call, pin_type="PRIVATE")} == {board_id(call, "Surprise party")}


def test_a_saved_pin_is_a_new_pin_with_its_parent_id(sandbox: Sandbox, call: Call) -> None:
    source = find(call, "Garden ideas", "multiple_images")
    target = board_id(call, "Logos", "client_account")
    saved = call("POST", f"/pins/{source['id']}/save", account="client_account", json={"board_id": target})
    assert saved.status_code == 201
    assert saved.json()["parent_pin_id"] == source["id"]
    assert saved.json()["board_id"] == target
    assert stored(sandbox, saved.json()["id"])["fingerprint"] == stored(sandbox, source["id"])["fingerprint"]


def test_own_pins_can_be_filtered_to_omit_saved_pins(call: Call) -> None:
    source = find(call, "Garden ideas", "image")["id"]
    saved = call("POST", f"/pins/{source}/save", json={"board_id": board_id(call, "Winter recipes")}).json()["id"]
    assert [pin["id"] for pin in every_pin(call, pin_filter="exclude_native")] == [saved]
    assert saved not in [pin["id"] for pin in every_pin(call, pin_filter="exclude_repins")]


def test_a_pin_can_be_saved_to_the_profile(call: Call) -> None:
    source = find(call, "Garden ideas", "image")["id"]
    saved = call("POST", f"/pins/{source}/save", json={}).json()
    assert "board_id" not in saved
    assert call("GET", f"/pins/{saved['id']}").json() == saved


def test_a_secret_pin_of_another_account_can_not_be_saved(call: Call) -> None:
    secret = find(call, "Surprise party", "image")["id"]
    body = {"board_id": board_id(call, "Logos", "client_account")}
    assert error(call("POST", f"/pins/{secret}/save", account="client_account", json=body)) == (404, 50)


def test_a_pin_of_another_account_is_not_found(call: Call) -> None:
    id = find(call, "Garden ideas", "image")["id"]
    for method in ("GET", "DELETE"):
        assert error(call(method, f"/pins/{id}", account="client_account")) == (404, 50)


def test_a_pin_of_another_on_a_group_board_is_read_but_not_deleted(call: Call) -> None:
    pins = call("GET", f"/boards/{board_id(call, 'Street festival')}/pins").json()["items"]
    other = next(pin["id"] for pin in pins if not pin["is_owner"])
    assert call("GET", f"/pins/{other}").status_code == 200
    assert error(call("DELETE", f"/pins/{other}")) == (403, 29)


def test_a_pin_update_changes_only_the_fields_in_its_body(call: Call) -> None:
    before = find(call, "Garden ideas", "image")
    after = call("PATCH", f"/pins/{before['id']}", json={"title": "New", "alt_text": None}).json()
    assert after == before | {"title": "New", "alt_text": None}


def test_a_moved_pin_leaves_its_section(call: Call) -> None:
    garden, winter = board_id(call, "Garden ideas"), board_id(call, "Winter recipes")
    section = call("GET", f"/boards/{garden}/sections").json()["items"][0]["id"]
    pin = call("GET", f"/boards/{garden}/sections/{section}/pins").json()["items"][0]["id"]
    moved = call("PATCH", f"/pins/{pin}", json={"board_id": winter}).json()
    assert (moved["board_id"], moved["board_section_id"]) == (winter, None)
    assert call("GET", f"/boards/{garden}").json()["pin_count"] == 29
    assert call("GET", f"/boards/{winter}").json()["pin_count"] == 313


def test_a_moved_pin_is_listed_in_order_of_creation(call: Call) -> None:
    old, winter = find(call, "Garden ideas", "image")["id"], board_id(call, "Winter recipes")
    call("PATCH", f"/pins/{old}", json={"board_id": winter})
    first = call("GET", f"/boards/{winter}/pins", params={"page_size": 250}).json()
    rest = call("GET", f"/boards/{winter}/pins", params={"page_size": 250, "bookmark": first["bookmark"]}).json()
    assert rest["items"][-1]["id"] == old


def test_a_pin_can_be_taken_out_of_its_section(call: Call) -> None:
    garden = board_id(call, "Garden ideas")
    section = call("GET", f"/boards/{garden}/sections").json()["items"][0]["id"]
    pin = call("GET", f"/boards/{garden}/sections/{section}/pins").json()["items"][0]["id"]
    assert call("PATCH", f"/pins/{pin}", json={"board_section_id": None}).json()["board_section_id"] is None
    assert call("GET", f"/boards/{garden}").json()["pin_count"] == 30


def test_a_pin_stays_unchanged_when_its_move_is_refused(call: Call) -> None:
    before = find(call, "Garden ideas", "image")
    answer = call("PATCH", f"/pins/{before['id']}", json={"title": "New", "board_id": "999999999999999999"})
    assert error(answer) == (404, 40)
    assert call("GET", f"/pins/{before['id']}").json() == before


def test_the_texts_of_a_carousel_can_be_changed(call: Call) -> None:
    carousel = find(call, "Garden ideas", "multiple_images")["id"]
    changed = call("PATCH", f"/pins/{carousel}", json={"carousel_slots": [{"title": "First"}]}).json()
    assert [item["title"] for item in changed["media"]["items"]] == ["First", "Step 2", "Step 3"]
    plain = find(call, "Garden ideas", "image")["id"]
    assert error(call("PATCH", f"/pins/{plain}", json={"carousel_slots": []})) == (400, 1)


def test_an_app_without_access_to_pin_edit_can_not_update_pins(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(pin_edit=False)
    answer = call("PATCH", f"/pins/{find(call, 'Garden ideas', 'image')['id']}", json={"title": "x"})
    assert error(answer) == (401, 3)
    assert answer.json()["message"].endswith("pin_edit")


def test_own_pins_are_found_by_words_or_ids(call: Call) -> None:
    matches = call("GET", "/search/pins", params={"query": "recipe pumpkin"}).json()["items"]
    assert matches
    assert all("recipe" in pin["title"] and "Pumpkin" in pin["title"] for pin in matches)
    ids = [pin["id"] for pin in matches[:2]]
    by_id = call("GET", "/search/pins", params={"query": ",".join(ids)}).json()["items"]
    assert [pin["id"] for pin in by_id] == ids
    assert error(call("GET", "/search/pins")) == (400, 1)


def test_the_example_board_has_pins_without_texts_and_two_identical_pins(sandbox: Sandbox, call: Call) -> None:
    boards: Any = sandbox.control.state(board_id(call, "Garden ideas"))["boards"]
    pins = boards[0]["pins"]
    prints = [pin["fingerprint"] for pin in pins]
    assert len(prints) - len(set(prints)) == 1
    assert [pin["title"] for pin in pins if pin["link"] is None and pin["media_type"] == "image"] == [None, None]


def register(call: Call) -> dict[str, Any]:
    media: dict[str, Any] = call("POST", "/media", json={"media_type": "video"}).json()
    return media


def upload(media: dict[str, Any], content: bytes = b"a film", **more: Any) -> requests.Response:
    return requests.post(
        media["upload_url"], data=media["upload_parameters"], files={"file": content}, timeout=30, **more
    )


def status(call: Call, media: dict[str, Any]) -> str:
    return str(call("GET", f"/media/{media['media_id']}").json()["status"])


def test_an_upload_succeeds_after_the_processing_time(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(processing_polls=100)
    media = register(call)
    assert status(call, media) == "registered"
    assert upload(media).status_code == 204
    assert status(call, media) == "processing"
    sandbox.control.advance(10)
    assert status(call, media) == "succeeded"


def test_an_upload_succeeds_after_a_number_of_polls(call: Call) -> None:
    media = register(call)
    upload(media)
    assert [status(call, media) for _ in range(3)] == ["processing", "succeeded", "succeeded"]


def test_an_empty_upload_fails(sandbox: Sandbox, call: Call) -> None:
    media = register(call)
    upload(media, b"")
    sandbox.control.advance(10)
    assert status(call, media) == "failed"


def test_an_upload_with_an_authorization_header_is_refused(call: Call) -> None:
    media = register(call)
    answer = upload(media, headers={"Authorization": "Bearer pina_sandbox_x"})
    assert answer.status_code == 400
    assert "InvalidArgument" in answer.text
    assert status(call, media) == "registered"


def test_an_upload_with_a_parameter_missing_or_after_the_file_is_refused(call: Call) -> None:
    media = register(call)
    for name in media["upload_parameters"]:
        fields = {key: value for key, value in media["upload_parameters"].items() if key != name}
        assert upload(media | {"upload_parameters": fields}).status_code == 403
    order = [("file", (None, b"a film"))] + [(key, (None, v)) for key, v in media["upload_parameters"].items()]
    assert requests.post(media["upload_url"], files=order, timeout=30).status_code == 403


def test_a_video_pin_needs_a_ready_upload_and_a_cover(sandbox: Sandbox, call: Call) -> None:
    media = register(call)
    source = {"source_type": "video_id", "media_id": media["media_id"], "cover_image_url": "https://x.example/c.jpg"}
    assert "registered" in create(call, source).json()["message"]
    upload(media)
    assert "processing" in create(call, source).json()["message"]
    sandbox.control.advance(10)
    assert error(create(call, {"source_type": "video_id", "media_id": media["media_id"]})) == (400, 1)
    pin = create(call, source).json()
    assert (pin["media"]["media_type"], pin["creative_type"]) == ("video", "VIDEO")


@pytest.mark.parametrize(
    "cover",
    [{"cover_image_key_frame_time": 3}, {"cover_image_content_type": "image/png", "cover_image_data": "AAAA"}],
)
def test_the_cover_of_a_video_may_be_a_frame_or_an_image(
    sandbox: Sandbox, call: Call, cover: dict[str, object]
) -> None:
    media = register(call)
    upload(media)
    sandbox.control.advance(10)
    assert create(call, {"source_type": "video_id", "media_id": media["media_id"], **cover}).status_code == 201


def test_an_upload_of_another_account_is_not_found(sandbox: Sandbox, call: Call) -> None:
    media = register(call)
    assert call("GET", f"/media/{media['media_id']}", account="client_account").status_code == 404
    assert call("GET", "/media", account="client_account").json()["items"] == []
