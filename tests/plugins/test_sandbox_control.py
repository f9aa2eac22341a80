"""The handle on a sandbox, from Python and over HTTP, and the example world that it starts with."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.seed.example import refill

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: 1_800_000_000.0, settings=Settings(quotas=False)) as running:
        yield running


def control(sandbox: Sandbox, method: str, name: str, json: object = None, **headers: str) -> requests.Response:
    sent = {"X-Sandbox-Token": sandbox.control_token, **headers}
    return requests.request(method, f"{sandbox.url}/_sandbox/{name}", json=json, headers=sent, timeout=30)


def boards(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    records: Any = sandbox.control.state()["boards"]
    return {board["name"]: board for board in records}


def get(sandbox: Sandbox, path: str, token: str) -> requests.Response:
    return requests.get(f"{sandbox.url}/v5{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def test_every_start_has_its_own_control_token(sandbox: Sandbox) -> None:
    with start() as other:
        assert other.control_token != sandbox.control_token
    assert len(sandbox.control_token) >= 32


@pytest.mark.parametrize("token", ["", "wrong", "wröng"])
def test_the_control_surface_refuses_a_request_without_its_token(sandbox: Sandbox, token: str) -> None:
    answer = control(sandbox, "GET", "state", **{"X-Sandbox-Token": token.encode().decode("latin-1")})
    assert answer.status_code == 403
    assert "boards" not in answer.json()


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_the_control_surface_refuses_requests_of_other_web_pages(sandbox: Sandbox, headers: dict[str, str]) -> None:
    assert control(sandbox, "POST", "reset", {}, **headers).status_code == 403


def test_the_control_surface_accepts_requests_of_the_sandboxs_own_page(sandbox: Sandbox) -> None:
    headers = {"Origin": sandbox.url, "Sec-Fetch-Site": "same-origin"}
    assert control(sandbox, "POST", "reset", {}, **headers).status_code == 200


def test_the_control_surface_changes_nothing_by_get(sandbox: Sandbox) -> None:
    for name in ("reset", "clock", "boards", "tokens"):
        answer = control(sandbox, "GET", name)
        assert answer.status_code == 404
        assert f"POST /_sandbox/{name}" in answer.json()["message"]


def test_the_control_surface_refuses_a_body_that_is_not_json(sandbox: Sandbox) -> None:
    answer = control(sandbox, "POST", "reset", **{"Content-Type": "text/plain"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("name", "body", "named"),
    [
        ("settings", {"latency": -1, "speed": 3, "nulls": "some", "quotas": 1, "max_boards": 1.5},
         ["latency", "speed", "nulls", "quotas", "max_boards"]),
        ("settings", {"per_minute": {"org_read": "many"}}, ["per_minute"]),
        ("clock", {"advance": -1}, ["-1"]),
        ("clock", {"advance": "a day"}, ["advance"]),
        ("clock", {}, ["advance"]),
        ("boards", {}, ["name"]),
        ("boards", {"name": 3}, ["name"]),
        ("boards", {"name": "a", "account": "nobody"}, ["nobody", "garden_studio"]),
        ("boards", {"name": "a", "privacy": "HIDDEN"}, ["privacy"]),
        ("tokens", {"account": "nobody"}, ["nobody"]),
        ("tokens", {"scopes": "boards:read"}, ["scopes"]),
        ("apps", {"id": "7", "redirect_uris": ["a\r\nb://c"]}, ["a\\r\\nb"]),
        ("reset", {"seed": "one"}, ["seed"]),
        ("reset", [], ["object"]),
    ],
)  # fmt: skip
def test_an_invalid_control_request_is_told_everything_that_is_wrong(
    sandbox: Sandbox, name: str, body: object, named: list[str]
) -> None:
    answer = control(sandbox, "POST", name, body)
    assert answer.status_code == 400
    assert [word for word in named if word not in answer.json()["message"]] == []


def test_settings_stay_when_one_of_the_changes_is_invalid(sandbox: Sandbox) -> None:
    before = control(sandbox, "GET", "settings").json()
    control(sandbox, "POST", "settings", {"latency": 1, "nulls": "some"})
    assert control(sandbox, "GET", "settings").json() == before


def test_settings_can_be_written_back_as_they_were_read(sandbox: Sandbox) -> None:
    settings = control(sandbox, "GET", "settings").json()
    changed = settings | {"originals": True, "per_minute": {"org_read": 5}, "listing_lag": 2}
    assert control(sandbox, "POST", "settings", changed).json() == changed
    assert sandbox.control.settings().originals is True


def test_the_control_surface_advances_the_clock(sandbox: Sandbox) -> None:
    assert control(sandbox, "POST", "clock", {"advance": 60}).json() == {"now": 1_800_000_060.0}
    assert sandbox.control.advance(0.5) == 1_800_000_060.5


def test_requests_are_counted_by_operation_status_and_account(sandbox: Sandbox) -> None:
    token = sandbox.world.token_for("garden_studio")
    id = boards(sandbox)["Garden ideas"]["id"]
    for path in (f"/boards/{id}", "/boards/999999999999999999", f"/boards/{id}"):
        get(sandbox, path, token)
    assert control(sandbox, "GET", "requests").json()["requests"] == [
        {"method": "GET", "path": "/v5/boards/{board_id}", "status": 200, "account": "garden_studio", "count": 2},
        {"method": "GET", "path": "/v5/boards/{board_id}", "status": 404, "account": "garden_studio", "count": 1},
    ]
    control(sandbox, "POST", "requests", {})
    assert sandbox.control.requests() == []


def test_a_board_of_any_size_can_be_made(sandbox: Sandbox) -> None:
    body = {"name": "Large", "pins": 502, "sections": ["A", "B"], "account": "client_account"}
    id = control(sandbox, "POST", "boards", body).json()["id"]
    board = control(sandbox, "GET", f"state?board={id}").json()["boards"][0]
    assert board["owner"] == "client_account"
    assert len({pin["fingerprint"] for pin in board["pins"]}) == 502
    placed = [pin["section_id"] for pin in board["pins"]]
    assert sorted(placed.count(place) for place in set(placed)) == [167, 167, 168]


def test_a_large_board_takes_little_memory(sandbox: Sandbox) -> None:
    tracemalloc.start()
    sandbox.control.board(name="Large", pins=10_000, sections=["A"])
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / 10_000 < 500  # bytes for each Pin


def test_the_state_of_an_unknown_board_is_an_error(sandbox: Sandbox) -> None:
    assert control(sandbox, "GET", "state?board=1").status_code == 400


def test_the_state_is_the_same_from_python_and_over_http(sandbox: Sandbox) -> None:
    assert control(sandbox, "GET", "state").json() == sandbox.control.state()


def test_accounts_tokens_and_apps_can_be_made(sandbox: Sandbox) -> None:
    control(sandbox, "POST", "accounts", {"username": "newcomer"})
    tokens = control(sandbox, "POST", "tokens", {"account": "newcomer", "scopes": ["user_accounts:read"]}).json()
    assert get(sandbox, "/user_account", tokens["access_token"]).json()["board_count"] == 0
    assert get(sandbox, "/boards", tokens["access_token"]).status_code == 401
    app = control(sandbox, "POST", "apps", {"id": "99", "redirect_uris": ["http://localhost:1/"]}).json()
    answer = requests.post(
        f"{sandbox.url}/v5/oauth/token",
        data={"grant_type": "client_credentials", "scope": "pins:read"},
        auth=("99", app["secret"]),
        timeout=30,
    )
    assert answer.status_code == 200


def test_the_same_seed_gives_the_same_world(sandbox: Sandbox) -> None:
    with start(now=lambda: 1_800_000_000.0, seed=1) as other:
        assert other.control.state() == sandbox.control.state()
        assert other.environment()["ACCESS_TOKEN"] == sandbox.environment()["ACCESS_TOKEN"]


def test_another_seed_gives_other_ids_and_the_same_content(sandbox: Sandbox) -> None:
    with start(seed=2) as other:
        ours, theirs = boards(sandbox)["Garden ideas"], boards(other)["Garden ideas"]
    assert ours["id"] != theirs["id"]
    assert [pin["fingerprint"] for pin in ours["pins"]] == [pin["fingerprint"] for pin in theirs["pins"]]


def test_a_reset_undoes_everything_but_settings_and_tokens(sandbox: Sandbox) -> None:
    before = sandbox.control.state()
    token = sandbox.environment(("a", "b", "c"))["C"]
    sandbox.control.change(originals=True)
    sandbox.control.board(name="More", pins=3)
    control(sandbox, "POST", "reset", {})
    after = sandbox.control.state()
    assert after["boards"] == before["boards"]
    assert sandbox.control.settings().originals is True
    assert get(sandbox, "/user_account", token).json()["username"] == "fresh_account_1"


def test_a_reset_can_use_another_seed(sandbox: Sandbox) -> None:
    control(sandbox, "POST", "reset", {"seed": 5})
    with start(now=lambda: 1_800_000_000.0, seed=5) as other:
        assert other.control.state() == sandbox.control.state()


def test_the_example_account_has_one_board_of_every_kind(sandbox: Sandbox) -> None:
    by_name = boards(sandbox)
    privacies = {name: (board["owner"], board["privacy"], len(board["pins"])) for name, board in by_name.items()}
    assert privacies == {
        "Garden ideas": ("garden_studio", "PUBLIC", 30),
        "Winter recipes": ("garden_studio", "PUBLIC", 312),
        "Surprise party": ("garden_studio", "SECRET", 4),
        "Campaign drafts": ("garden_studio", "PROTECTED", 3),
        "Empty for now": ("garden_studio", "PUBLIC", 0),
        "Reception room": ("client_account", "PUBLIC", 6),
        "Logos": ("client_account", "PUBLIC", 2),
        "Street festival": ("neighbour", "PUBLIC", 5),
        "Balcony plants": ("neighbour", "PUBLIC", 1),
    }


def test_the_environment_names_addresses_app_and_tokens(sandbox: Sandbox) -> None:
    variables = sandbox.environment(("source", "access_token", "target", "third", "fourth"))
    assert variables["PINTEREST_API_URI"] == variables["PINTEREST_OAUTH_URI"] == sandbox.url
    assert variables["PINTEREST_APP_ID"] == sandbox.world.app.id
    assert variables["PINTEREST_APP_SECRET"] == sandbox.world.app.secret
    names = ("SOURCE", "ACCESS_TOKEN", "TARGET", "THIRD", "FOURTH")
    accounts = [get(sandbox, "/user_account", variables[name]).json()["username"] for name in names]
    assert accounts == ["garden_studio", "garden_studio", "client_account", "fresh_account_1", "fresh_account_2"]


def test_a_token_name_becomes_one_that_a_shell_can_export(sandbox: Sandbox) -> None:
    assert "MY_CLIENT_1" in sandbox.environment(("my-client.1",))


def test_a_token_can_be_for_some_scopes_only(sandbox: Sandbox) -> None:
    token = sandbox.world.token_for("garden_studio", ["boards:read"])
    assert get(sandbox, "/boards", token).status_code == 200
    assert get(sandbox, "/user_account", token).json()["code"] == 3


def test_the_counts_of_an_account_match_its_boards_and_pins(sandbox: Sandbox) -> None:
    refill(sandbox.world, 3)
    account = get(sandbox, "/user_account", sandbox.world.token_for("garden_studio")).json()
    records = boards(sandbox).values()
    assert account["board_count"] == sum(board["owner"] == "garden_studio" for board in records)
    assert account["pin_count"] == sum(pin["account"] == "garden_studio" for board in records for pin in board["pins"])
    assert (account["follower_count"], account["following_count"]) == (2, 1)
