"""Boards and sections as the sandbox keeps them, over a real socket."""

from __future__ import annotations

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


def names(answer: requests.Response) -> list[str]:
    return [str(item["name"]) for item in answer.json()["items"]]


def error(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_a_new_board_is_listed_first(call: Call) -> None:
    call("POST", "/boards", json={"name": "Just made"})
    assert names(call("GET", "/boards"))[0] == "Just made"


def test_a_listing_may_be_oldest_first(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(order="oldest")
    call("POST", "/boards", json={"name": "Just made"})
    assert names(call("GET", "/boards"))[-1] == "Just made"


def test_board_ids_have_eighteen_digits_in_ascending_order(call: Call) -> None:
    ids = [call("POST", "/boards", json={"name": name}).json()["id"] for name in ("one", "two")]
    assert all(len(id) == 18 and id.isdigit() for id in ids)
    assert ids == sorted(ids)


def test_pages_of_size_one_list_every_board_once(call: Call) -> None:
    seen: list[str] = []
    bookmark: str | None = ""
    while bookmark is not None:
        answer = call("GET", "/boards", params={"page_size": 1, "bookmark": bookmark}).json()
        seen += [board["name"] for board in answer["items"]]
        bookmark = answer["bookmark"]
    assert seen == names(call("GET", "/boards"))


@pytest.mark.parametrize("size", ["0", "251", "-1", "3e", "", "1.5"])
def test_a_page_size_out_of_range_is_refused(call: Call, size: str) -> None:
    assert error(call("GET", f"/boards?page_size={size}")) == (400, 1)


def test_a_board_name_is_unique_for_its_owner_ignoring_case(call: Call) -> None:
    assert error(call("POST", "/boards", json={"name": "GARDEN ideas"})) == (409, 58)


def test_two_accounts_may_use_the_same_board_name(call: Call) -> None:
    assert call("POST", "/boards", account="client_account", json={"name": "Garden ideas"}).status_code == 201


def test_the_settings_choose_the_status_of_a_duplicate_board_name(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(duplicate_name_status=400)
    assert error(call("POST", "/boards", json={"name": "Garden ideas"})) == (400, 58)


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "  "}, {"name": 3}, {"name": None}, {"name": "a", "privacy": "HIDDEN"},
     {"name": "a", "description": 1}, {"name": "a", "is_ads_only": "yes"}, {"name": "a" * 181},
     {"name": "\ud800"}],
)  # fmt: skip
def test_a_board_with_invalid_fields_is_refused(call: Call, body: dict[str, object]) -> None:
    assert error(call("POST", "/boards", json=body)) == (400, 1)


def test_unknown_fields_of_a_new_board_are_ignored(call: Call) -> None:
    assert call("POST", "/boards", json={"name": "New", "colour": "green"}).status_code == 201


def test_an_ad_only_board_gets_its_fixed_name_and_privacy(call: Call) -> None:
    board = call("POST", "/boards", json={"name": "Anything", "is_ads_only": True}).json()
    assert (board["name"], board["privacy"]) == ("Ad-only Pins", "PROTECTED")


def test_an_account_can_not_exceed_its_maximum_of_boards(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(max_boards=5)
    assert error(call("POST", "/boards", json={"name": "One too many"})) == (403, 29)


def test_a_secret_board_is_invisible_without_its_scope(call: Call) -> None:
    id = board_id(call, "Surprise party")
    scopes = V5_SCOPES - {"boards:read_secret"}
    assert "Surprise party" not in names(call("GET", "/boards", scopes=scopes))
    assert error(call("GET", f"/boards/{id}", scopes=scopes)) == (404, 40)
    assert error(call("GET", f"/boards/{id}/pins", scopes=scopes)) == (404, 404)


@pytest.mark.parametrize(
    ("privacy", "expected"),
    [("SECRET", {"Surprise party"}), ("PROTECTED", {"Campaign drafts"})],
)
def test_boards_can_be_listed_by_privacy(call: Call, privacy: str, expected: set[str]) -> None:
    assert set(names(call("GET", "/boards", params={"privacy": privacy}))) == expected


def test_public_and_secret_boards_can_be_listed_together(call: Call) -> None:
    listed = names(call("GET", "/boards", params={"privacy": "PUBLIC_AND_SECRET"}))
    assert "Surprise party" in listed
    assert "Garden ideas" in listed
    assert "Campaign drafts" not in listed


def test_an_unknown_privacy_filter_is_refused(call: Call) -> None:
    assert error(call("GET", "/boards", params={"privacy": "HIDDEN"})) == (400, 1)


def test_changing_a_secret_board_needs_the_scope_boards_write_secret(call: Call) -> None:
    id = board_id(call, "Surprise party")
    answer = call("PATCH", f"/boards/{id}", json={"name": "Known"}, scopes=V5_SCOPES - {"boards:write_secret"})
    assert error(answer) == (403, 29)


def test_making_a_board_secret_needs_the_scope_boards_write_secret(call: Call) -> None:
    id = board_id(call, "Garden ideas")
    answer = call("PATCH", f"/boards/{id}", json={"privacy": "SECRET"}, scopes=V5_SCOPES - {"boards:write_secret"})
    assert error(answer) == (403, 29)


def test_an_update_can_not_make_a_board_protected(call: Call) -> None:
    id = board_id(call, "Garden ideas")
    assert error(call("PATCH", f"/boards/{id}", json={"privacy": "PROTECTED"})) == (400, 1)


def test_a_board_update_changes_only_the_fields_in_its_body(call: Call) -> None:
    id = board_id(call, "Garden ideas")
    before = call("GET", f"/boards/{id}").json()
    after = call("PATCH", f"/boards/{id}", json={"description": None}).json()
    assert after == before | {"description": None}


def test_a_board_may_be_renamed_to_its_own_name_in_another_case(call: Call) -> None:
    id = board_id(call, "Garden ideas")
    assert call("PATCH", f"/boards/{id}", json={"name": "GARDEN IDEAS"}).json()["name"] == "GARDEN IDEAS"


def test_deleting_a_board_deletes_its_pins_and_sections(sandbox: Sandbox, call: Call) -> None:
    id = board_id(call, "Garden ideas")
    pin = call("GET", f"/boards/{id}/pins").json()["items"][0]["id"]
    total = call("GET", "/user_account").json()["pin_count"]
    count = call("GET", f"/boards/{id}").json()["pin_count"]
    assert call("DELETE", f"/boards/{id}").status_code == 204
    assert error(call("GET", f"/boards/{id}")) == (404, 40)
    assert error(call("GET", f"/pins/{pin}")) == (404, 50)
    assert call("GET", "/user_account").json()["pin_count"] == total - count
    assert not sandbox.world.sections


def test_a_group_board_is_listed_and_read_but_not_deleted_or_renamed(call: Call) -> None:
    id = board_id(call, "Street festival")
    assert call("GET", f"/boards/{id}").json()["owner"] == {"username": "neighbour"}
    assert len(call("GET", f"/boards/{id}/pins").json()["items"]) == 5
    assert error(call("DELETE", f"/boards/{id}")) == (403, 29)
    assert error(call("PATCH", f"/boards/{id}", json={"name": "Mine"})) == (403, 29)


def test_a_pin_can_be_put_on_a_group_board(call: Call) -> None:
    id = board_id(call, "Street festival")
    source = {"source_type": "image_url", "url": "https://example.com/a.jpg"}
    pin = call("POST", "/pins", json={"board_id": id, "media_source": source}).json()
    assert pin["board_owner"] == {"username": "neighbour"}
    assert call("GET", f"/boards/{id}", account="neighbour").json()["pin_count"] == 6


def test_a_board_of_another_account_is_not_found(call: Call) -> None:
    id = board_id(call, "Logos", "client_account")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/sections")):
        assert call(method, f"/boards/{id}{path}").status_code == 404


def test_the_pins_of_a_board_include_those_of_its_sections(call: Call) -> None:
    id = board_id(call, "Garden ideas")
    pins = call("GET", f"/boards/{id}/pins", params={"page_size": 250}).json()["items"]
    sections = call("GET", f"/boards/{id}/sections").json()["items"]
    for section in sections:
        listed = call("GET", f"/boards/{id}/sections/{section['id']}/pins").json()["items"]
        assert [pin["id"] for pin in listed] == [pin["id"] for pin in pins if pin["board_section_id"] == section["id"]]
    assert len(sections) == 3
    assert call("GET", f"/boards/{id}").json()["pin_count"] == len(pins) == 30


def test_all_pins_of_a_board_of_several_pages_are_read(call: Call) -> None:
    id = board_id(call, "Winter recipes")
    first = call("GET", f"/boards/{id}/pins", params={"page_size": 250}).json()
    second = call("GET", f"/boards/{id}/pins", params={"page_size": 250, "bookmark": first["bookmark"]}).json()
    ids = [pin["id"] for pin in first["items"] + second["items"]]
    assert len(set(ids)) == len(ids) == 312
    assert ids == sorted(ids, reverse=True)
    assert second["bookmark"] is None


def test_a_bookmark_stays_valid_while_the_listing_shrinks(call: Call) -> None:
    id = board_id(call, "Winter recipes")
    first = call("GET", f"/boards/{id}/pins", params={"page_size": 10}).json()
    for pin in first["items"]:
        call("DELETE", f"/pins/{pin['id']}")
    second = call("GET", f"/boards/{id}/pins", params={"page_size": 250, "bookmark": first["bookmark"]}).json()
    third = call("GET", f"/boards/{id}/pins", params={"page_size": 250, "bookmark": second["bookmark"]}).json()
    assert len(second["items"] + third["items"]) == 302


def test_a_bookmark_needs_the_same_filters(call: Call) -> None:
    bookmark = call("GET", "/boards", params={"page_size": 1}).json()["bookmark"]
    assert error(call("GET", "/boards", params={"privacy": "PUBLIC", "bookmark": bookmark})) == (400, 1)


def test_a_bookmark_has_characters_that_must_be_percent_encoded(call: Call) -> None:
    bookmark = call("GET", "/boards", params={"page_size": 1}).json()["bookmark"]
    assert not bookmark.isalnum()


@pytest.mark.parametrize("name", ["", "  ", "a" * 181, None, 5])
def test_a_section_name_has_1_to_180_characters(call: Call, name: object) -> None:
    id = board_id(call, "Garden ideas")
    answer = call("POST", f"/boards/{id}/sections", json={"name": name})
    assert error(answer) == (400, 400)


def test_a_section_name_is_unique_on_its_board(call: Call) -> None:
    id = board_id(call, "Garden ideas")
    assert error(call("POST", f"/boards/{id}/sections", json={"name": "tools"})) == (409, 409)
    other = board_id(call, "Winter recipes")
    assert call("POST", f"/boards/{other}/sections", json={"name": "Tools"}).status_code == 201


def test_a_section_is_not_found_on_another_board(call: Call) -> None:
    garden, winter = board_id(call, "Garden ideas"), board_id(call, "Winter recipes")
    section = call("GET", f"/boards/{garden}/sections").json()["items"][0]["id"]
    assert error(call("GET", f"/boards/{winter}/sections/{section}/pins")) == (404, 404)


@pytest.mark.parametrize(("fate", "left"), [("deleted", 26), ("kept", 30)])
def test_the_settings_choose_whether_pins_of_a_deleted_section_stay(
    sandbox: Sandbox, call: Call, fate: str, left: int
) -> None:
    sandbox.control.change(deleted_section_pins=fate)
    id = board_id(call, "Garden ideas")
    tools = next(s["id"] for s in call("GET", f"/boards/{id}/sections").json()["items"] if s["name"] == "Tools")
    assert call("DELETE", f"/boards/{id}/sections/{tools}").status_code == 204
    pins = call("GET", f"/boards/{id}/pins", params={"page_size": 250}).json()["items"]
    assert len(pins) == left
    assert tools not in [pin["board_section_id"] for pin in pins]


def test_a_new_board_shows_up_in_listings_when_the_lag_is_over(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(listing_lag=2)
    id = call("POST", "/boards", json={"name": "Late"}).json()["id"]
    assert "Late" not in names(call("GET", "/boards"))
    assert call("GET", f"/boards/{id}").status_code == 200
    sandbox.control.advance(2)
    assert "Late" in names(call("GET", "/boards"))


def test_the_settings_omit_null_fields(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(nulls="omitted")
    id = board_id(call, "Empty for now")
    board = call("GET", f"/boards/{id}").json()
    assert "description" not in board
    assert "image_cover_url" not in board["media"]
    assert "bookmark" not in call("GET", "/boards").json()


def test_own_boards_are_found_by_a_word(call: Call) -> None:
    assert names(call("GET", "/search/boards", params={"query": "WINTER"})) == ["Winter recipes"]


def test_followed_boards_and_accounts_are_listed(call: Call) -> None:
    assert names(call("GET", "/user_account/following/boards")) == ["Balcony plants"]
    call("POST", "/user_account/following/client_account", json={})
    listed = [user["username"] for user in call("GET", "/user_account/following").json()["items"]]
    assert listed == ["client_account", "neighbour"]


def test_a_username_of_digits_can_not_be_followed(call: Call) -> None:
    assert error(call("POST", "/user_account/following/123", json={})) == (400, 1)


def test_a_claimed_website_is_listed_until_it_is_removed(call: Call) -> None:
    call("POST", "/user_account/websites", json={"website": "example.com", "verification_method": "DNSTXT"})
    (site,) = call("GET", "/user_account/websites").json()["items"]
    assert (site["website"], site["status"]) == ("example.com", "success")
    assert call("DELETE", "/user_account/websites", params={"website": "example.com"}).status_code == 204
    assert call("GET", "/user_account/websites").json()["items"] == []


@pytest.mark.parametrize("id", ["abc", "12a", "%3F", "-1", "\uff11\uff12"])
def test_an_id_in_a_path_must_be_digits(call: Call, id: str) -> None:
    answer = call("GET", f"/boards/{id}")
    assert error(answer) == (400, 1)
    assert r"must match the pattern: ^\d+$" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/boards/", "/board", "/", "/boards/1/2/3"])
def test_a_path_outside_of_the_api_is_not_found(call: Call, path: str) -> None:
    assert call("GET", path).status_code == 404


def test_an_unsupported_method_of_a_path_is_refused(call: Call) -> None:
    assert error(call("PUT", "/boards")) == (405, 5)


def test_an_operation_that_is_not_simulated_gets_403(call: Call) -> None:
    answer = call("GET", "/businesses/employers")
    assert error(answer) == (403, 29)
    assert "get/business_employers" in answer.json()["message"]
