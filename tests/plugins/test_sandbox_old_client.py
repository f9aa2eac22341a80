"""A client as those of 2022 were, for API v3 and the ads API v4, against the sandbox: its whole day's work.

It takes its addresses and token from the variables that the sandbox prints, sends forms, puts bookmarks into the
address as they come, and knows the envelope; nothing of it knows a sandbox.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from pinflow_sandbox import Sandbox, Settings, command, start
from pinflow_sandbox.control.faults import FaultProfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOW = 1_800_000_000.0  # 2027-01-15
VIDEO = b"\0\0\0\x20ftypisom" + b"moving pictures" * 100


class RateLimited(Exception):
    pass


class Spam(RateLimited):
    pass


class Failed(Exception):
    pass


class OldClient:
    def __init__(self, variables: Mapping[str, str], token: str = "") -> None:
        self.api = variables["PINTEREST_API_URI"]
        assert variables["PINTEREST_API_VERSION"] == "v3"
        self.headers = {"Authorization": f"Bearer {token or variables['ACCESS_TOKEN_V3']}"}

    def request(self, method: str, path: str, **content: Any) -> Any:
        answer = requests.request(
            method, self.api + path, headers=self.headers, allow_redirects=False, timeout=30, **content
        )
        body = answer.json()
        if answer.status_code == 429:
            detail = body.get("message_detail") or body["message"]
            raise Spam(detail) if "spam" in detail.lower() else RateLimited(detail)
        if not answer.ok or body["status"] != "success":
            raise Failed(answer.status_code, body["code"], body["message"])
        return body

    def get(self, path: str) -> Any:
        return self.request("GET", path)["data"]

    def put(self, path: str, fields: Mapping[str, Any]) -> Any:
        return self.request("PUT", path, data={name: value for name, value in fields.items() if value})["data"]

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        address = path + ("?" if query else "") + "&".join(f"{name}={value}" for name, value in query.items())
        following = address
        while True:
            body = self.request("GET", following)
            yield from body["data"]
            if not body.get("bookmark"):
                return
            following = f"{address}{'&' if '?' in address else '?'}bookmark={body['bookmark']}"

    def copy_board(self, board: Any, name: str) -> Any:
        copied = ("category", "description", "privacy", "layout", "event_date", "protected")
        copy = self.put("/v3/boards/", {**{field: board.get(field) for field in copied}, "name": name})
        for pin in self.pages(f"/v3/boards/{board['id']}/pins/"):
            self.copy_pin(pin, copy["id"])
        for section in self.pages(f"/v3/board/{board['id']}/sections/"):
            target = self.put(f"/v3/board/{copy['id']}/sections/", {"title": section["title"]})
            for pin in self.pages(f"/v3/board/sections/{section['id']}/pins/"):
                self.copy_pin(pin, copy["id"], target["id"])
        return copy

    def copy_pin(self, pin: Any, board: str, section: str = "", upload: str = "") -> Any:
        if pin["type"] != "pin":
            return None
        fields = {field: pin.get(field) for field in ("title", "description", "alt_text")}
        carousel = pin.get("carousel_data")
        return self.put(
            "/v3/pins/",
            {
                **fields,
                "board_id": board,
                "section": section,
                "image_url": pin["image_large_url"],
                "source_url": pin.get("link"),
                "carousel_data_json": json.dumps(carousel, separators=(",", ":")) if carousel else None,
                "media_upload_id": upload,
            },
        )

    def upload(self, video: bytes) -> str:
        media = self.request("POST", "/v3/media/uploads/register/", json={"type": "video"})["data"]
        files = {"file": (None, video)}
        stored = requests.post(media["upload_url"], data=media["upload_parameters"], files=files, timeout=30)
        assert stored.status_code == 204
        for _ in range(10):
            state = self.get(f"/v3/media/uploads/?upload_ids={media['upload_id']}")[media["upload_id"]]
            if state["status"] == "succeeded":
                return str(media["upload_id"])
            assert state["status"] != "failed", state["failure_code"]
        raise AssertionError("the upload is never ready")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    settings = Settings(quotas=False, story_tiles=True, scope_required=False)
    with start(now=lambda: NOW, settings=settings) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> OldClient:
    return OldClient(sandbox.environment(["access_token_v3", "access_token"], api="v3"))


def content(sandbox: Sandbox, board: str) -> list[tuple[str, str]]:
    """What the Pins of a board show, and in which section."""
    boards: Any = sandbox.control.state(board)["boards"]
    sections = {section["id"]: section["name"] for section in boards[0]["sections"]}
    return sorted((pin["fingerprint"], sections.get(pin["section_id"]) or "") for pin in boards[0]["pins"])


def board_named(client: OldClient, name: str) -> Any:
    me = client.get("/v3/users/me/")
    boards = client.pages(f"/v3/users/{me['id']}/boards/feed/", page_size=2, include_empty=True)
    return next(board for board in boards if board["name"] == name)


def test_the_account_its_boards_and_its_pins_are_listed(client: OldClient) -> None:
    me = client.get("/v3/users/me/")
    assert (me["username"], me["full_name"], me["pin_count"]) == ("garden_studio", "Garden Studio", 351)
    boards = [record["name"] for record in client.pages(f"/v3/users/{me['id']}/boards/feed/", page_size=2)]
    assert len(boards) == len(set(boards)) == 5
    pins = [pin["id"] for pin in client.pages(f"/v3/users/{me['id']}/pins/", page_size=100)]
    assert len(pins) == len(set(pins)) == me["pin_count"]
    assert [record["username"] for record in client.get("/v3/users/me/businesses/")] == ["client_account"]


def test_a_board_is_copied_with_its_sections(sandbox: Sandbox, client: OldClient) -> None:
    source = board_named(client, "Garden ideas")
    copy = client.copy_board(source, "A copy")
    assert (copy["category"], copy["description"]) == ("gardening", "Raised beds and paths")
    expected, copied = content(sandbox, source["id"]), content(sandbox, copy["id"])
    (video,) = (pin for pin in sandbox.world.boards[source["id"]].pins if sandbox.world.pins[pin].content.video)
    moving = sandbox.world.pins[video].content.fingerprint
    assert len(copied) == len(expected) == 30
    # but for the video, which becomes a picture of its cover
    assert {entry for entry in expected if entry not in copied} == {(moving, "")}


def test_a_pin_with_a_video_is_copied_with_an_upload(sandbox: Sandbox, client: OldClient) -> None:
    source = board_named(client, "Garden ideas")
    pin = next(record for record in client.pages(f"/v3/boards/{source['id']}/pins/") if record.get("is_video"))
    copy = client.copy_pin(pin, board_named(client, "Empty for now")["id"], upload=client.upload(VIDEO))
    assert client.get(f"/v3/pins/{copy['id']}/")["native_format_type"] == "video"
    assert sandbox.world.pins[copy["id"]].content.video is not None


def test_a_pin_is_saved(sandbox: Sandbox, client: OldClient) -> None:
    board = board_named(client, "Garden ideas")
    pin = next(client.pages(f"/v3/boards/{board['id']}/pins/"))
    target = {"board_id": board_named(client, "Empty for now")["id"]}
    saved = client.request("POST", f"/v3/partners/pins/{pin['id']}/save/", json=target)["data"]
    assert sandbox.world.pins[saved["id"]].parent_id == pin["id"]


def test_a_board_is_deleted_by_the_text_that_names_it(sandbox: Sandbox, client: OldClient) -> None:
    board = client.get(f"/v3/boards/{board_named(client, 'Winter recipes')['id']}/")
    assert board["url"] == "/garden_studio/winter-recipes/"
    client.request("DELETE", f"/v3/boards/{board['id']}/")
    with pytest.raises(Failed, match="404"):
        client.get(f"/v3/boards/{board['id']}/")
    assert board["id"] not in sandbox.world.boards


def test_the_tree_of_ads_its_figures_and_a_report(client: OldClient) -> None:
    me = client.get("/v3/users/me/")
    account, *_ = client.pages(f"/ads/v4/advertisers/?owner_user_id={me['id']}&include_acl=true")
    root = f"/ads/v4/advertisers/{account['id']}"
    campaign, *_ = client.pages(f"{root}/campaigns")
    group, *_ = client.pages(f"{root}/ad_groups?campaign_ids={campaign['id']}")
    ad, *_ = client.pages(f"{root}/ads?campaign_ids={campaign['id']}&ad_group_ids={group['id']}")
    assert [entity["name"] for entity in (account, campaign, group, ad)] == [
        "Garden Studio Ads",
        "Spring planting",
        "Gardeners",
        "Gardeners 1",
    ]
    asked = "start_date=2026-12-16&end_date=2027-01-14&granularity=DAY&columns=SPEND_IN_DOLLAR,TOTAL_CLICKTHROUGH"
    figures = [
        client.get(f"{root}/delivery_metrics?{asked}"),
        client.get(f"{root}/campaigns/delivery_metrics?campaign_ids={campaign['id']}&{asked}"),
        client.get(f"{root}/ad_groups/delivery_metrics?ad_group_ids={group['id']}&{asked}"),
        client.get(f"{root}/ads/delivery_metrics?ad_ids={ad['id']}&{asked}"),
    ]
    spent = [sum(row["SPEND_IN_DOLLAR"] for row in rows) for rows in figures]
    assert spent == sorted(spent, reverse=True) and spent[-1] > 0
    metrics = {
        metric["name"]: metric["definition"] for metric in client.get("/ads/v4/resources/delivery_metrics")["metrics"]
    }
    assert metrics["CLICKTHROUGH_1"] and metrics["IMPRESSION_1"]
    query = {
        "start_date": "2026-12-16",
        "end_date": "2027-01-14",
        "level": "PIN_PROMOTION",
        "granularity": "DAY",
        "report_format": "CSV",
        "columns": ["CLICKTHROUGH_1", "IMPRESSION_1"],
        "filters": [{"field": "SPEND_IN_DOLLAR", "operator": "GREATER_THAN", "values": [1]}],
    }
    token = client.request("POST", f"{root}/delivery_metrics/async", json=query)["data"]["token"]
    for _ in range(10):
        report = client.get(f"{root}/delivery_metrics/async?token={token}")
        if report["report_status"] != "IN_PROGRESS":
            break
    assert report["url"].rpartition("/")[2].partition("?")[0].endswith(".csv")
    assert requests.get(report["url"], timeout=30).text.startswith("AD_ID,DATE,CLICKTHROUGH_1,IMPRESSION_1\n")


# the command


def test_the_command_prints_the_variables_of_an_old_client(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was printed by the time that the command waits, read as a shell would."""
    seen: list[tuple[Any, Any]] = []

    def visit() -> None:
        lines = [shlex.split(line)[1] for line in capsys.readouterr().out.splitlines()]
        variables = dict(line.split("=", 1) for line in lines)
        users = [OldClient(variables, variables[name]).get("/v3/users/me/") for name in ("ACCESS_TOKEN_V3", "SHOP")]
        scope = signed_in(variables, "True")["scope"]
        seen.append(([user["username"] for user in users], len(scope.split(","))))

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    monkeypatch.setattr(command, "_wait_for_interrupt", visit)
    assert command.run(parser.parse_args(["--api", "v3", "--token", "shop"])) == 0
    assert seen == [(["garden_studio", "client_account"], 26)]


# signing in


def signed_in(variables: Mapping[str, str], refreshable: str, scope: str = "") -> Any:
    """The answer to a code; the address of the consent page is made as it was then, with nothing encoded."""
    address = (
        f"{variables['PINTEREST_OAUTH_URI']}/oauth/?consumer_id={variables['PINTEREST_APP_ID']}"
        f"&redirect_uri=http://localhost:8085/&response_type=code&refreshable={refreshable}{scope}&state=abc"
    )
    page = requests.get(address, timeout=30).text
    nonce = re.search(r'name="consent" value="([^"]+)"', page)
    assert nonce, page
    form = {"consent": nonce[1], "account": "garden_studio", "decision": "approve"}
    back = requests.post(
        f"{variables['PINTEREST_OAUTH_URI']}/oauth/", data=form, allow_redirects=False, timeout=30
    ).headers["Location"]
    query = parse_qs(urlsplit(back).query)
    assert back.startswith("http://localhost:8085/?state=abc&code=") and query["state"] == ["abc"]
    return token_call(
        variables,
        {"code": query["code"][0], "redirect_uri": "http://localhost:8085/", "grant_type": "authorization_code"},
    )


def token_call(variables: Mapping[str, str], form: Mapping[str, str]) -> Any:
    app = (variables["PINTEREST_APP_ID"], variables["PINTEREST_APP_SECRET"])
    url = f"{variables['PINTEREST_API_URI']}/v3/oauth/access_token/"
    answer = requests.put(url, data=form, auth=app, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("refreshable", ["True", "true"])
def test_signing_in_without_naming_scopes_gives_all_of_them_and_a_refresh_token_that_stays(
    sandbox: Sandbox, refreshable: str
) -> None:
    variables = sandbox.environment(["access_token_v3"], api="v3")
    first = signed_in(variables, refreshable)
    assert {"read_boards", "write_pins", "read_advertisers"} <= set(first["scope"].split(","))
    refresh = {"grant_type": "refresh_token", "refresh_token": first["data"]["refresh_token"]}
    later = [token_call(variables, refresh)["access_token"] for _ in range(2)]
    assert len({first["access_token"], *later}) == 3
    for token in (first["access_token"], *later):
        assert OldClient(variables, token).get("/v3/users/me/")["username"] == "garden_studio"


@pytest.mark.parametrize("refreshable", ["False", "false"])
def test_a_sign_in_that_is_not_refreshable_gets_no_refresh_token(sandbox: Sandbox, refreshable: str) -> None:
    answer = signed_in(sandbox.environment(["access_token_v3"], api="v3"), refreshable)
    assert answer["access_token"] and answer["data"] == {}


def test_scopes_approved_before_stay_approved(sandbox: Sandbox) -> None:
    variables = sandbox.environment(["access_token_v3"], api="v3")
    assert signed_in(variables, "True", "&scope=read_boards")["scope"] == "read_boards"
    assert signed_in(variables, "True", "&scope=read_users")["scope"] == "read_boards,read_users"


def test_the_token_file_of_the_sandbox_can_be_refreshed_more_than_once(sandbox: Sandbox) -> None:
    variables = sandbox.environment(["access_token_v3"], api="v3")
    stored = json.loads(Path(variables["PINTEREST_OAUTH_TOKEN_DIR"], "access_token_v3.json").read_text("utf-8"))
    refresh = {"grant_type": "refresh_token", "refresh_token": stored["refresh_token"]}
    tokens = [token_call(variables, refresh) for _ in range(2)]
    assert all(OldClient(variables, issued["access_token"]).get("/v3/users/me/") for issued in tokens)


# bad days


def only(**shares: Any) -> FaultProfile:
    return FaultProfile(seed=7, **shares)


def new_pin(client: OldClient, board: str) -> Any:
    return client.put("/v3/pins/", {"board_id": board, "image_url": "https://example.com/a.jpg"})


def test_a_pin_exists_although_the_response_was_lost(sandbox: Sandbox, client: OldClient) -> None:
    board = board_named(client, "Empty for now")["id"]
    sandbox.control.change(faults=only(reset_after=1.0))
    with pytest.raises(requests.ConnectionError):
        new_pin(client, board)
    sandbox.control.change(faults=only(error_after=1.0))
    with pytest.raises((Failed, requests.JSONDecodeError)):
        new_pin(client, board)
    sandbox.control.change(faults="none")
    assert len(list(client.pages(f"/v3/boards/{board}/pins/"))) == 3  # a story tile is among them


def test_errors_of_v3_come_in_its_envelope(sandbox: Sandbox, client: OldClient) -> None:
    board = board_named(client, "Empty for now")["id"]
    sandbox.control.change(faults=only(limited=1.0))
    with pytest.raises(RateLimited, match="exceeded a rate limit"):
        new_pin(client, board)
    sandbox.control.change(faults=only(busy=1.0))
    with pytest.raises(Failed, match="409"):
        client.put(f"/v3/board/{board}/sections/", {"title": "S"})
    assert sandbox.world.boards[board].pins == [] and sandbox.world.boards[board].sections == []


def test_a_server_error_is_a_failure_or_a_proxys_page(sandbox: Sandbox, client: OldClient) -> None:
    sandbox.control.change(faults=only(error_before=1.0))
    for _ in range(20):
        with pytest.raises((Failed, requests.JSONDecodeError)):
            client.get("/v3/users/me/")
    assert sandbox.control.faults()["counts"] == {"error_before": 20}


def test_an_old_client_distinguishes_a_spam_block_from_a_limit(sandbox: Sandbox, client: OldClient) -> None:
    board = board_named(client, "Empty for now")["id"]
    sandbox.control.change(spam_block=True)
    with pytest.raises(Spam, match="combat spam"):
        new_pin(client, board)
    sandbox.control.change(spam_block=False)
    assert new_pin(client, board)["id"]


def test_a_lying_profile_makes_no_pin_or_one_more_than_it_reports(sandbox: Sandbox, client: OldClient) -> None:
    board = board_named(client, "Empty for now")["id"]
    sandbox.control.change(faults=only(nothing_made=1.0))
    reported = new_pin(client, board)
    assert reported["id"] not in sandbox.world.pins
    sandbox.control.change(faults=only(stranger=1.0))
    new_pin(client, board)
    sandbox.control.advance(10)
    sandbox.control.state()
    assert len(sandbox.world.boards[board].pins) == 2
    assert client.put("/v3/boards/", {"name": "B"})["id"] in sandbox.world.boards


def test_faults_hit_the_ads_api_too(sandbox: Sandbox, client: OldClient) -> None:
    sandbox.control.change(faults=only(limited=1.0))
    with pytest.raises(RateLimited):
        client.get("/ads/v4/advertisers/")
    sandbox.control.change(faults=only(extra_fields=True, small_pages=True))
    assert "x_experiment" in client.get("/ads/v4/advertisers/")[0]


def test_a_client_that_checks_before_it_retries_copies_all_under_a_hostile_profile(
    sandbox: Sandbox, client: OldClient
) -> None:
    board = board_named(client, "Empty for now")["id"]
    sandbox.control.change(faults="hostile:11", story_tiles=False)
    for number in range(12):
        address = f"https://example.com/{number}"
        while address not in {pin["link"] for pin in patiently(sandbox, client, f"/v3/boards/{board}/pins/")}:
            fields = {"board_id": board, "image_url": address, "source_url": address}
            try:
                client.put("/v3/pins/", fields)
            except (Failed, RateLimited, requests.RequestException):
                sandbox.control.advance(5)  # longer than anything is late
    links = [str(sandbox.world.pins[id].content.link) for id in sandbox.world.boards[board].pins]
    assert sorted(links) == sorted(f"https://example.com/{number}" for number in range(12))
    assert len(dict(sandbox.control.faults()["counts"])) > 3  # type: ignore[call-overload]


def patiently(sandbox: Sandbox, client: OldClient, path: str) -> list[Any]:
    """A whole listing, begun again until it comes through, once it shows everything."""
    sandbox.control.advance(5)
    while True:
        try:
            return list(client.pages(path, page_size=25))
        except (Failed, RateLimited, requests.RequestException):
            sandbox.control.advance(5)
