"""What the sandbox lets go wrong: as often as it says, in every way it says, and the same again for the same seed."""

from __future__ import annotations

import argparse
import threading
from collections import Counter
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pinflow import UsageError
from pinflow_sandbox import Sandbox, Settings, command, start
from pinflow_sandbox.control.faults import PROFILES, FaultProfile, fault_for, parse_profile
from pinflow_sandbox.world.logins import ConsentRequest
from tests.faults.conftest import STUDIO, Time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IMAGE = {"source_type": "image_url", "url": "https://example.com/a.jpg"}


@pytest.fixture
def sandbox(time: Time) -> Iterator[Sandbox]:
    with start(now=time.now, sleep=time.sleep, settings=Settings(quotas=False)) as running:
        yield running


def ask(sandbox: Sandbox, method: str = "GET", path: str = "/boards", **given: Any) -> requests.Response | None:
    """The answer, or None if there is none, or not all of it."""
    headers = {"Authorization": f"Bearer {sandbox.world.token_for(STUDIO)}"}
    try:
        return requests.request(method, f"{sandbox.url}/v5{path}", headers=headers, timeout=10, **given)
    except requests.RequestException:
        return None


def board(sandbox: Sandbox) -> str:
    return sandbox.control.board(name="For faults")


def make_pin(sandbox: Sandbox, board: str) -> requests.Response | None:
    return ask(sandbox, "POST", "/pins", json={"board_id": board, "media_source": IMAGE})


def pins(sandbox: Sandbox, board: str) -> list[Any]:
    (record,) = [candidate for candidate in _boards(sandbox) if candidate["id"] == board]
    return list(record["pins"])


def _boards(sandbox: Sandbox) -> list[Any]:
    boards: Any = sandbox.control.state()["boards"]
    return list(boards)


def only(**shares: Any) -> FaultProfile:
    return FaultProfile(seed=7, **shares)


# which requests are hit


def test_the_same_seed_hits_the_same_requests_of_an_operation() -> None:
    hostile = replace(PROFILES["hostile"], seed=42)
    first = [fault_for(hostile, "pins/create", number)[0] for number in range(1, 200)]
    assert first == [fault_for(hostile, "pins/create", number)[0] for number in range(1, 200)]
    assert first != [fault_for(replace(hostile, seed=43), "pins/create", number)[0] for number in range(1, 200)]
    assert first != [fault_for(hostile, "boards/list", number)[0] for number in range(1, 200)]


def test_requests_of_other_operations_do_not_change_which_requests_are_hit(sandbox: Sandbox) -> None:
    def statuses(other: Callable[[], object]) -> list[int]:
        sandbox.control.change(faults="hostile*2:5")
        answers = []
        for _ in range(40):
            answer = ask(sandbox)
            answers.append(answer.status_code if answer is not None else 0)
            other()
        return answers

    alone = statuses(lambda: None)
    assert alone == statuses(lambda: ask(sandbox, path="/user_account"))
    assert len(set(alone)) > 2


@pytest.mark.parametrize(("name", "share"), [("none", 0.0), ("mild", 0.04), ("hostile", 0.27)])
def test_the_share_of_requests_hit_is_that_of_the_profile(name: str, share: float) -> None:
    hits = Counter(fault_for(PROFILES[name], "pins/create", number)[0] for number in range(20_000))
    hit = 20_000 - hits["expired"] - hits[""]
    assert hit / 20_000 == pytest.approx(share, abs=0.01)


def test_the_rates_of_a_profile_can_be_multiplied_up_to_all_requests() -> None:
    hits = Counter(
        fault_for(PROFILES["hostile"].times(0.4 / 0.27), "boards/list", number)[0] for number in range(20_000)
    )
    assert 1 - (hits[""] + hits["expired"]) / 20_000 == pytest.approx(0.4, abs=0.015)
    with pytest.raises(
        ValueError, match=r"hostile\*4 is too much: \d+% of the requests would fail; at most hostile\*\d"
    ):
        PROFILES["hostile"].times(4)


@pytest.mark.parametrize("text", ["mild:3", "hostile:42", "hostile*1.5:42", "none:0", "lying:9"])
def test_the_text_of_a_profile_parses_to_the_same_profile(text: str) -> None:
    assert str(parse_profile(text)) == text


@pytest.mark.parametrize("text", ["", "cruel", "hostile:x", "hostile*:1", "HOSTILE", "hostile:-1"])
def test_an_unknown_profile_is_refused_with_the_list_of_names(text: str) -> None:
    with pytest.raises(ValueError, match="one of none, mild, hostile, lying, not"):
        parse_profile(text)


def test_a_profile_without_a_seed_gets_one_that_can_be_reused(sandbox: Sandbox) -> None:
    sandbox.control.change(faults="hostile")
    text = str(sandbox.control.faults()["profile"])
    assert parse_profile(text).seed == int(text.partition(":")[2])


# each fault


@pytest.mark.parametrize(
    ("fault", "applied"),
    [("error_before", 0), ("error_after", 1), ("reset_before", 0), ("reset_after", 1), ("truncated", 1), ("late", 0)],
)
def test_after_a_lost_response_the_write_may_be_applied_or_not(sandbox: Sandbox, fault: str, applied: int) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(**{fault: 1.0}, late_seconds=0.0 if fault != "late" else 2.0))
    answer = make_pin(sandbox, id)
    assert answer is None or answer.status_code >= 500
    assert len(pins(sandbox, id)) == applied
    assert sandbox.control.faults()["counts"] == {fault: 1}


def test_a_write_applied_late_has_the_time_of_its_own_moment(sandbox: Sandbox, time: Time) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(late=1.0, late_seconds=2.0))
    sent = time.now()
    make_pin(sandbox, id)
    assert pins(sandbox, id) == []
    time.sleep(100.0)
    (pin,) = pins(sandbox, id)
    assert sent < pin["created"] < sent + 2.0


def test_a_502_has_a_page_of_html(sandbox: Sandbox) -> None:
    sandbox.control.change(faults=only(error_before=1.0))
    answers = [answer for _ in range(30) if (answer := ask(sandbox)) is not None]
    assert {answer.status_code for answer in answers} == {500, 502, 503, 504}
    assert all(answer.text.startswith("<html>") for answer in answers if answer.status_code == 502)


def test_rate_limits_come_with_every_form_of_limit_headers(sandbox: Sandbox, time: Time) -> None:
    sandbox.control.change(faults=only(limited=1.0))
    styles: Counter[str] = Counter()
    for _ in range(80):
        answer = ask(sandbox)
        assert answer is not None
        assert (answer.status_code, answer.json()["code"]) == (429, 8)
        styles[_style(answer.headers, time)] += 1
    assert set(styles) == {"seconds", "date", "junk", "reset", "epoch", "remaining", "absent"}


def _style(headers: Any, time: Time) -> str:
    after, reset = headers.get("Retry-After"), headers.get("X-RateLimit-Reset")
    if after is not None and after.isdigit():
        return "seconds"
    if after is not None and after.endswith("GMT") and "Feb" not in after:
        assert 0 <= parsedate_to_datetime(after).timestamp() - time.now() <= 3
        return "date"
    if after is not None:
        return "junk"
    if reset is not None:
        return "epoch" if int(reset) > time.now() else "reset"
    return "remaining" if "X-RateLimit-Remaining" in headers else "absent"


def test_pages_of_any_size_list_every_item_once(sandbox: Sandbox) -> None:
    (winter,) = [record for record in _boards(sandbox) if record["name"] == "Winter recipes"]
    sandbox.control.change(faults=only(small_pages=True))
    ids: list[str] = []
    sizes: set[int] = set()
    bookmark: str | None = ""
    while bookmark is not None:
        answer = ask(sandbox, path=f"/boards/{winter['id']}/pins", params={"page_size": 250, "bookmark": bookmark})
        assert answer is not None
        page = answer.json()
        sizes.add(len(page["items"]))
        ids += [pin["id"] for pin in page["items"]]
        bookmark = page["bookmark"]
    assert sorted(ids) == sorted(pin["id"] for pin in winter["pins"])
    assert len(sizes) > 3
    assert max(sizes) <= 25


def test_a_new_pin_is_listed_after_the_listing_lag(sandbox: Sandbox, time: Time) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(listing_lag=2.0))
    for _ in range(10):
        make_pin(sandbox, id)

    def listed() -> int:
        answer = ask(sandbox, path=f"/boards/{id}/pins")
        assert answer is not None
        return len(answer.json()["items"])

    assert listed() == 0
    time.sleep(1.0)
    assert 0 < listed() < 10
    time.sleep(1.0)
    assert listed() == 10


def test_responses_have_undocumented_fields(sandbox: Sandbox) -> None:
    plain = ask(sandbox)
    sandbox.control.change(faults=only(extra_fields=True))
    answer = ask(sandbox)
    assert plain is not None
    assert answer is not None
    for before, after in zip(plain.json()["items"], answer.json()["items"], strict=True):
        assert before.items() <= after.items()
        assert set(after) - set(before)


def test_creating_a_section_may_fail_with_409_busy(sandbox: Sandbox) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(busy=1.0))
    answer = ask(sandbox, "POST", f"/boards/{id}/sections", json={"name": "Busy"})
    assert answer is not None
    assert (answer.status_code, "exclusive access" in answer.json()["message"]) == (409, True)
    read = ask(sandbox, path=f"/boards/{id}/sections")
    assert read is not None
    assert (read.status_code, read.json()["items"]) == (200, [])


def test_only_a_token_that_can_be_refreshed_expires_early(sandbox: Sandbox) -> None:
    logins, app = sandbox.world.logins, sandbox.world.app
    uri = next(iter(app.redirect_uris))
    code = logins.issue_code(ConsentRequest(app.id, uri, frozenset({"boards:read"}), None), STUDIO)
    issued = logins.exchange(app, code, uri, continuous=True)
    sandbox.control.change(faults=only(expired=1.0))
    standing = ask(sandbox)
    assert standing is not None
    assert standing.status_code == 200
    headers = {"Authorization": f"Bearer {issued.access_token}"}
    assert requests.get(f"{sandbox.url}/v5/boards", headers=headers, timeout=10).status_code == 401


def test_the_daily_quotas_are_enforced_and_shown_in_headers(sandbox: Sandbox, time: Time) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(daily=True))
    time.set(86_400.0 * 20_000)
    answers = [make_pin(sandbox, id) for _ in range(301)]
    first, last, over = answers[0], answers[299], answers[300]
    assert first is not None
    assert last is not None
    assert over is not None
    assert (first.status_code, first.headers["X-RateLimit-Remaining"]) == (201, "299")
    assert (last.status_code, last.headers["X-RateLimit-Remaining"]) == (201, "0")
    assert (over.status_code, over.headers["X-RateLimit-Reset"]) == (429, "86400")
    time.sleep(86_400.0)
    tomorrow = make_pin(sandbox, id)
    assert tomorrow is not None
    assert tomorrow.status_code == 201


@pytest.mark.parametrize(("lie", "left"), [("vanished", 0), ("nothing_made", 0), ("stranger", 2)])
def test_a_lying_response_looks_like_any_other(sandbox: Sandbox, lie: str, left: int) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(**{lie: 1.0}, lie_seconds=0.0))
    answer = make_pin(sandbox, id)
    assert answer is not None
    assert (answer.status_code, answer.json()["board_id"]) == (201, id)
    assert len(pins(sandbox, id)) == left


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/pins/{pin}", {"title": "Other", "board_section_id": None}),
        ("PATCH", "/boards/{board}", {"name": "Other"}),
        ("PATCH", "/boards/{board}/sections/{section}", {"name": "Other"}),
        ("DELETE", "/pins/{pin}", None),
        ("DELETE", "/boards/{board}/sections/{section}", None),
        ("DELETE", "/boards/{board}", None),
    ],
)
def test_a_change_that_was_not_done_looks_like_any_other(
    sandbox: Sandbox, method: str, path: str, body: dict[str, Any] | None
) -> None:
    garden = next(board for board in _boards(sandbox) if board["name"] == "Garden ideas")
    section = garden["sections"][0]["id"]
    pin = next(pin["id"] for pin in garden["pins"] if pin["section_id"] == section)
    before = sandbox.control.state()
    sandbox.control.change(faults=only(nothing_done=1.0))
    answer = ask(sandbox, method, path.format(pin=pin, board=garden["id"], section=section), json=body)
    assert answer is not None
    assert answer.status_code == (200 if body else 204)
    if body is not None:
        assert answer.json().items() >= body.items()
    assert sandbox.control.state() == before
    assert sandbox.control.faults()["counts"] == {"nothing_done": 1}


def test_an_equal_pin_is_not_made_again_where_that_is_suppressed(sandbox: Sandbox) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(suppressed=1.0))
    answers = [make_pin(sandbox, id) for _ in range(3)]
    assert {answer.json()["id"] for answer in answers if answer is not None} == {pins(sandbox, id)[0]["id"]}
    assert len(pins(sandbox, id)) == 1


def test_texts_are_stored_otherwise_where_they_are_rewritten(sandbox: Sandbox) -> None:
    id = board(sandbox)
    sandbox.control.change(faults=only(rewritten=1.0))
    body = {"board_id": id, "media_source": IMAGE, "title": "Raised beds", "link": "https://example.com/a"}
    answer = ask(sandbox, "POST", "/pins", json=body)
    assert answer is not None
    assert (answer.json()["title"], answer.json()["link"]) == ("RAISED BEDS", "https://example.com/a")


@pytest.mark.parametrize(
    ("lie", "first", "then"),
    [
        ("list_empty", ([], None), 4),
        ("list_null", (None, None), 4),
        ("list_stale", ([], None), 4),
        ("list_short", (range(4), None), 4),
        ("list_repeated", ([4], "again."), 4),
    ],
)
def test_a_listing_lies_as_often_as_it_is_told_to(sandbox: Sandbox, lie: str, first: Any, then: int) -> None:
    id = board(sandbox)
    rates: Any = {lie: 1.0}
    profile = FaultProfile(seed=7, list_operation="boards/list_pins", list_lies=1, **rates)
    sandbox.control.change(faults=profile)
    if lie == "list_stale":
        assert page(sandbox, id)["items"] == []  # the first answer, which is true
    for _ in range(4):
        make_pin(sandbox, id)
    untrue, (items, bookmark) = page(sandbox, id), first
    if items is None:
        assert untrue["items"] is None
    else:
        assert len(untrue["items"]) in (items or [0])
    assert str(untrue["bookmark"]).startswith(str(bookmark))
    assert sandbox.control.faults()["counts"] == {lie: 1}
    assert len(page(sandbox, id)["items"]) == then
    if lie == "list_repeated":
        assert page(sandbox, id, bookmark=untrue["bookmark"])["items"] == untrue["items"]


def page(sandbox: Sandbox, board: str, **query: str) -> Any:
    answer = ask(sandbox, path=f"/boards/{board}/pins", params=query)
    assert answer is not None
    return answer.json()


def test_many_threads_meet_each_fault_once(sandbox: Sandbox) -> None:
    sandbox.control.change(faults="hostile:3")
    threads = [threading.Thread(target=lambda: [ask(sandbox) for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = Counter(fault_for(parse_profile("hostile:3"), "boards/list", number)[0] for number in range(1, 81))
    del expected[""], expected["expired"]
    assert sandbox.control.faults()["counts"] == expected


# how it is chosen


def test_a_profile_is_chosen_at_the_start_or_over_the_control_surface(time: Time) -> None:
    with start(now=time.now, faults="hostile:42") as sandbox:
        assert sandbox.control.faults()["profile"] == "hostile:42"
        headers = {"X-Sandbox-Token": sandbox.control_token}
        url = f"{sandbox.url}/_sandbox"
        changed = requests.post(f"{url}/settings", headers=headers, json={"faults": "mild:1", "latency": 0}, timeout=10)
        assert changed.status_code == 200
        assert requests.get(f"{url}/faults", headers=headers, timeout=10).json() == {"profile": "mild:1", "counts": {}}


def test_an_invalid_profile_or_setting_changes_nothing(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="cruel"):
        sandbox.control.change(faults="cruel", latency=1.0)
    assert sandbox.control.settings().latency == 0.0
    with pytest.raises(ValueError, match="unknown setting"):
        sandbox.control.change(faults="mild:1", lateness=1.0)
    assert sandbox.control.faults()["profile"] == "none:0"


def test_the_command_prints_how_to_repeat_the_same_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    monkeypatch.setattr(command, "_wait_for_interrupt", lambda: None)
    assert command.run(parser.parse_args(["--faults", "hostile"])) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "--faults" in line]
    assert parse_profile(line.partition("--faults ")[2]).name == "hostile"


def test_the_command_refuses_an_unknown_profile() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with pytest.raises(UsageError, match=r"--faults: must be NAME.* not 'cruel'"):
        command.run(parser.parse_args(["--faults", "cruel"]))
