"""Months of daily refreshes against a token endpoint that fails in every way: who is signed in stays so.

Answers are lost before and after the tokens have rotated, connections are reset, there are errors and refusals for
the rate. PINFLOW_FULL=1 is 200 tokens for 24 months.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from pinflow import App
from pinflow.app import Options
from pinflow.clock import Clock
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpRequest, HttpResponse
from tests.faults.conftest import scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.engine.results import RunResult

DAY = 86_400.0
TOKENS = scaled(6, 200)
DAYS = scaled(60, 730)
IN_A_ROW = 2  # bad answers to one account, after which it gets a good one
WAYS = ("error before", "error after", "reset before", "reset after", "limit", "cut short")


class Months:
    """A sandbox with tokens in files, days that pass, and an endpoint that goes wrong for every third refresh."""

    def __init__(self, folder: Path, *, grace: float, seed: int = 1) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self.random = Random(seed)
        self.ways: Counter[str] = Counter()
        self.lost: set[str] = set()  # refresh tokens that were used up without an answer
        self.hostile = True
        self._bad: Counter[str] = Counter()
        self._lock = threading.Lock()
        settings = Settings(quotas=False, refresh_grace=grace)
        self.sandbox: Sandbox = start(now=lambda: self.now, settings=settings, faults=self._between)
        self.names = [f"shop{number:03}" for number in range(TOKENS)]
        environ = self.sandbox.environment(self.names)
        self.environ = {name: value for name, value in environ.items() if not name.startswith("SHOP")}
        self.environ["PINFLOW_CACHE_DIR"] = str(folder / "cache")
        self.tokens = Path(self.environ["PINTEREST_OAUTH_TOKEN_DIR"])
        self.app = App.installed(
            self.environ,
            state=folder / "state",
            clock=Clock(lambda: self.now, sleep=lambda seconds: self._pass(seconds)),
        )

    def _pass(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    def _between(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        token = parse_qs(call.body.decode()).get("refresh_token", [""])[0]
        if call.path != "/v5/oauth/token" or not self.hostile or not token:
            return apply()
        with self._lock:
            if self.random.random() > 0.33 or self._bad[token] >= IN_A_ROW:
                return apply()
            self._bad[token] += 1
            way = self.random.choice(WAYS)
            self.ways[way] += 1
            if way in ("error after", "reset after", "cut short"):
                self.lost.add(token)
        return self._wrong(way, apply)

    def _wrong(self, way: str, apply: Callable[[], HttpResponse]) -> HttpResponse:
        match way:
            case "error before":
                return HttpResponse(503, b"{}")
            case "reset before":
                raise ConnectionDropped(HttpResponse(500), reset=True)
            case "limit":
                return HttpResponse(429, b'{"code": 8, "message": "slow down"}', headers=(("Retry-After", "60"),))
            case "error after":
                apply()
                return HttpResponse(500, b"{}")
            case "reset after":
                raise ConnectionDropped(apply(), reset=True)
        answer = apply()
        raise ConnectionDropped(answer, sent=len(answer.body) // 2)

    def content(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.tokens / f"{name}.json").read_text("utf-8"))
        return found

    def sign_in(self, name: str) -> None:
        """What a person does who was told to."""
        account = self.content(name)["account"]
        self.sandbox._token_files.write(name, account, self.sandbox.world.token_pair_for(account))

    def day(self) -> RunResult:
        self.now += DAY
        return self.app.run(self.app.plan(Path("refresh_all_tokens"), inputs={}), Options(unattended=True))

    def usable(self) -> dict[str, bool]:
        """Whether each token still signs, without a refresh. It is the service that says so."""
        plan = self.app.plan(Path("all_accounts"), inputs={})
        result = self.app.run(plan, Options())
        return {each.account: each.status == "ok" for each in result.accounts}


@pytest.fixture
def months(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Months]:
    made = Months(tmp_path, grace=request.param)
    yield made
    made.sandbox.stop()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("months", [(IN_A_ROW + 1.5) * DAY], indirect=True)
def test_no_token_is_lost_where_the_endpoint_takes_a_used_one_again_for_some_days(months: Months) -> None:
    first = {name: months.content(name)["refresh_token"] for name in months.names}
    for _ in range(DAYS):
        result = months.day()
        assert result.ok, result.failed
        ends = [months.content(name)["expires_at"] for name in months.names]
        assert min(ends) > _iso(months.now)
    assert all(months.content(name)["refresh_token"] != first[name] for name in months.names)
    assert months.lost, "nothing went wrong"
    assert set(months.ways) == set(WAYS) or TOKENS < 200
    assert all(months.usable().values())
    assert months.app.notices.open() == []


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("months", [0.0], indirect=True)
def test_where_a_used_token_is_used_up_every_loss_is_told_and_no_other_token_suffers(months: Months) -> None:
    told: Counter[str] = Counter()
    for _ in range(DAYS):
        result = months.day()
        for _, key, error in result.failed:
            assert "rotation lost at" in error, error
            name = Path(key).stem
            told[name] += 1
            assert months.content(name)["refresh_token"] in months.lost
            months.sign_in(name)
    assert sum(told.values()) > 0
    months.hostile = False
    for _ in range(IN_A_ROW):  # what was lost on the last days comes out now
        for _, key, _ in months.day().failed:
            months.sign_in(Path(key).stem)
    usable = months.usable()
    doubted = {name for name in months.names if months.content(name)["refresh_token"] in months.lost}
    assert {name for name, good in usable.items() if not good} <= doubted
    print(f"{TOKENS} tokens, {DAYS} days, gone wrong: {dict(months.ways)}, {sum(told.values())} losses, all told")


def _iso(moment: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(moment), UTC).isoformat()
