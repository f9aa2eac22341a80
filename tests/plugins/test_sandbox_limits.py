"""Rate limits and their headers as the sandbox keeps them, over a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.v5.scopes import V5_SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[..., requests.Response]

MINUTE = 1_800_000_000.0  # the first second of a minute; the day has 57600 left


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: MINUTE, settings=Settings(per_minute={"org_read": 3, "org_write": 2})) as running:
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


def limits(answer: requests.Response) -> tuple[str, str, str]:
    names = ("Limit", "Remaining", "Reset")
    headers = [answer.headers[f"X-RateLimit-{name}"] for name in names]
    return headers[0], headers[1], headers[2]


def test_the_headers_describe_the_window_with_the_fewest_requests_left(call: Call) -> None:
    assert limits(call("GET", "/user_account")) == ("3, 100;w=1, 3;w=60", "2", "60")


def test_the_headers_count_down_to_the_end_of_the_window(sandbox: Sandbox, call: Call) -> None:
    call("GET", "/user_account")
    sandbox.control.advance(12.5)
    assert limits(call("GET", "/user_account"))[1:] == ("1", "48")


def test_the_headers_describe_the_second_when_it_has_fewer_requests_left_than_the_minute(
    sandbox: Sandbox, call: Call
) -> None:
    sandbox.control.change(universal_per_second=2)
    assert limits(call("GET", "/user_account")) == ("2, 2;w=1, 3;w=60", "1", "1")


def test_a_request_beyond_the_limit_of_its_category_gets_429_with_code_8(call: Call) -> None:
    answers = [call("GET", "/user_account") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["code"] == 8
    assert limits(answers[-1]) == ("3, 100;w=1, 3;w=60", "0", "60")


def test_each_category_has_its_own_rate_limit(call: Call) -> None:
    for _ in range(4):
        call("GET", "/user_account")
    assert call("POST", "/boards", json={"name": "New"}).status_code == 201


def test_each_account_has_its_own_rate_limit(call: Call) -> None:
    for _ in range(4):
        call("GET", "/user_account")
    assert call("GET", "/user_account", account="client_account").status_code == 200


def test_a_new_minute_begins_with_a_full_limit(sandbox: Sandbox, call: Call) -> None:
    for _ in range(4):
        call("GET", "/user_account")
    sandbox.control.advance(59)
    assert call("GET", "/user_account").status_code == 429
    sandbox.control.advance(1)
    assert call("GET", "/user_account").status_code == 200


def test_a_write_beyond_the_limit_is_not_applied(sandbox: Sandbox, call: Call) -> None:
    statuses = [call("POST", "/boards", json={"name": f"Board {number}"}).status_code for number in range(3)]
    assert statuses == [201, 201, 429]
    assert "Board 2" not in [board.name for board in sandbox.world.boards.values()]


def test_failed_requests_count_against_the_limit_and_have_its_headers(call: Call) -> None:
    answer = call("GET", "/boards/999999999999999999")
    assert answer.status_code == 404
    assert limits(answer)[1] == "2"


def test_requests_without_a_valid_token_neither_count_nor_have_limit_headers(sandbox: Sandbox, call: Call) -> None:
    answer = requests.get(f"{sandbox.url}/v5/user_account", headers={"Authorization": "Bearer x"}, timeout=30)
    assert "X-RateLimit-Limit" not in answer.headers
    assert limits(call("GET", "/user_account"))[1] == "2"


def test_without_quotas_nothing_is_limited_and_no_header_sent(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(quotas=False)
    answers = [call("GET", "/user_account") for _ in range(5)]
    assert all(answer.status_code == 200 and "X-RateLimit-Limit" not in answer.headers for answer in answers)


def test_a_trial_app_has_one_quota_of_requests_per_day(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(trial=True, trial_total_per_day=2)
    first = call("GET", "/user_account")
    second = call("GET", "/user_account", account="client_account")
    third = call("POST", "/boards", json={"name": "New"})
    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 429]
    assert limits(third) == ("2, 2;w=86400, 300;w=86400", "0", "57600")
    sandbox.control.advance(86_400)
    assert call("GET", "/user_account").status_code == 200


def test_a_trial_app_has_a_daily_quota_for_each_category(sandbox: Sandbox, call: Call) -> None:
    sandbox.control.change(trial=True, trial_per_day={"org_read": 1})
    assert [call("GET", "/user_account").status_code for _ in range(2)] == [200, 429]
