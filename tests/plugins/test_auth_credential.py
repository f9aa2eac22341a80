"""A run's login: refreshed when it must be, once for all who share it, and never another account's."""

from __future__ import annotations

import copy
import json
import os
import pickle
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import App, Client, Credential, CredentialError, CredentialRequest, PinflowError
from pinflow.clock import Clock
from pinflow.http.client import ClientServices
from pinflow.http.rate_limiter import RateLimiter
from pinflow.http.transport import Transport
from pinflow.state.folder.usage import MemoryUsage
from pinflow_auth import pinflow_credential
from pinflow_auth.refresh import refresh
from pinflow_pinterest_v5.api import API
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FULL = os.environ.get("PINFLOW_FULL") == "1"
TOKEN_PATH = "/v5/oauth/token"
DAY = 86_400.0
BOARDS = """
pinflow: 1
name: Boards
api: v5
auth:
  default: {token: t}
steps:
  - id: me
    uses: get_user
outputs:
  name: ${{ steps.me.username }}
"""


class Bench:
    """A sandbox and token files "t" (garden_studio's) and "u" (client_account's); time is its own."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.calls: list[HttpRequest] = []
        self.fault: Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse] = lambda call, apply: apply()
        self.sandbox: Sandbox = start(now=lambda: self.now, settings=Settings(quotas=False), faults=self._between)
        self.environ = self.sandbox.environment(("t", "u"))
        del self.environ["T"], self.environ["U"]
        self.folder = Path(self.environ["PINTEREST_OAUTH_TOKEN_DIR"])
        self.transport = Transport()

    def close(self) -> None:
        self.transport.close()
        self.sandbox.stop()

    def _between(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        self.calls.append(call)
        return self.fault(call, apply)

    def content(self, name: str = "t") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return found

    def change(self, **changed: object) -> None:
        kept = {key: value for key, value in {**self.content(), **changed}.items() if value is not None}
        (self.folder / "t.json").write_text(json.dumps(kept))

    def request(self, name: str = "t", clock: Callable[[], float] | None = None) -> CredentialRequest:
        now = clock if clock is not None else lambda: self.now
        return CredentialRequest(api=API, token=name, scopes=frozenset(), environ=self.environ, clock=now)

    def credential(self, name: str = "t", clock: Callable[[], float] | None = None) -> Credential:
        found: Credential | None = pinflow_credential(self.request(name, clock))
        assert found is not None
        return found

    def client(self, credential: Credential) -> Client:
        clock = Clock(lambda: self.now, lambda: self.now, lambda seconds: None)
        return Client(
            API,
            credential,
            base_url=f"{self.sandbox.url}/v5",
            login=credential.name,
            limiter=RateLimiter({}, MemoryUsage(clock.now), clock),
            services=ClientServices(transport=self.transport, clock=clock, random=lambda: 0.5),
        )

    def asked(self) -> int:
        return sum(call.path == TOKEN_PATH for call in self.calls)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


# a real run


@pytest.fixture
def run(bench: Bench, tmp_path: Path) -> Callable[[], Any]:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(BOARDS)

    def go() -> Any:
        app = App.installed(bench.environ, state=tmp_path / "state", clock=Clock(lambda: bench.now))
        return app.run(app.plan(recipe, inputs={}))

    return go


def test_a_token_that_ended_is_refreshed_without_the_recipe_saying_so(bench: Bench, run: Callable[[], Any]) -> None:
    first = bench.content()
    bench.sandbox.control.advance(31 * DAY)  # only the service knows: the file may have come from anywhere
    result = run()
    assert (result.status, result.outputs) == ("ok", {"name": "garden_studio"})
    assert bench.asked() == 1
    assert bench.content()["refresh_token"] != first["refresh_token"]
    assert run().status == "ok"
    assert bench.asked() == 1


def test_the_new_refresh_token_is_on_disk_before_the_new_access_token_is_used(
    bench: Bench, run: Callable[[], Any]
) -> None:
    first = bench.content()
    bench.sandbox.control.advance(31 * DAY)
    seen: list[tuple[str, dict[str, Any]]] = []

    def watch(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path != TOKEN_PATH:
            seen.append((call.header("authorization"), bench.content()))
        return apply()

    bench.fault = watch
    assert run().status == "ok"
    assert len(seen) == 2
    assert seen[0] == (f"Bearer {first['access_token']}", first)
    signed, kept = seen[1]
    assert signed == f"Bearer {kept['access_token']}" != seen[0][0]
    assert kept["refresh_token"] != first["refresh_token"]


def test_a_run_whose_login_can_not_be_refreshed_ends_as_signed_out(bench: Bench, run: Callable[[], Any]) -> None:
    bench.change(refresh_token="pinr_sandbox_unknown")
    bench.sandbox.control.advance(31 * DAY)
    result = run()
    assert result.exit_code == 4
    assert "Pinterest API v5 refused the token 't'; the token 't' (file " in str(result.error)
    assert "sign in again: pinflow auth login t" in str(result.error)


def test_no_secret_is_in_what_a_run_leaves_behind(bench: Bench, run: Callable[[], Any], tmp_path: Path) -> None:
    secrets = [bench.content()["access_token"], bench.content()["refresh_token"], bench.sandbox.world.app.secret]
    bench.sandbox.control.advance(31 * DAY)
    result = run()
    secrets += [bench.content()["access_token"], bench.content()["refresh_token"]]
    kept = b"".join(each.read_bytes() for each in (tmp_path / "state").rglob("*") if each.is_file())
    assert len(kept) > 1000
    told = kept + repr(result).encode()
    assert not [secret for secret in secrets if secret.encode() in told]


# by the clock


@pytest.mark.parametrize(("left", "asked"), [(61.0, 0), (60.0, 1), (1.0, 1), (0.0, 1), (-1e6, 1)])
def test_a_token_that_is_about_to_end_is_refreshed_before_it_is_used(bench: Bench, left: float, asked: int) -> None:
    bench.change(expires_at=bench.now + left)
    assert bench.client(bench.credential()).get("/user_account")["username"] == "garden_studio"
    assert bench.asked() == asked


def test_a_token_that_lives_for_seconds_only_is_used_all_the_same(bench: Bench) -> None:
    bench.sandbox.control.change(access_seconds=30)
    bench.change(expires_at=bench.now)
    client = bench.client(bench.credential())
    for _ in range(5):
        client.get("/user_account")
    assert bench.asked() == 1


@pytest.mark.parametrize("wrong", [-DAY, -365 * DAY, 365 * DAY])
def test_a_wrong_clock_leads_to_one_refresh_at_most(bench: Bench, wrong: float) -> None:
    client = bench.client(bench.credential(clock=lambda: bench.now + wrong))
    for _ in range(5):
        client.get("/user_account")
    assert bench.asked() == (1 if wrong > 0 else 0)


def test_a_clock_that_was_set_back_does_not_keep_an_ended_token(bench: Bench) -> None:
    bench.sandbox.control.advance(31 * DAY)
    client = bench.client(bench.credential(clock=lambda: bench.now - DAY))
    client.get("/user_account")
    assert bench.asked() == 1


def test_a_refresh_that_fails_early_leaves_the_token_in_use(bench: Bench) -> None:
    bench.change(expires_at=bench.now + 30)  # so the file says; the service's own token lasts longer
    bench.fault = lambda call, apply: HttpResponse(503) if call.path == TOKEN_PATH else apply()
    client = bench.client(bench.credential())
    for _ in range(5):
        client.get("/user_account")
    assert bench.asked() == 1


# when it is refused


def test_a_dead_login_is_asked_about_once_however_many_threads_it_has(bench: Bench) -> None:
    bench.change(refresh_token="pinr_sandbox_unknown")
    bench.sandbox.control.advance(31 * DAY)
    client = bench.client(bench.credential())
    errors: list[str] = []

    def work() -> None:
        with pytest.raises(CredentialError) as caught:
            client.get("/user_account")
        errors.append(caught.value.message)

    in_threads([work] * 8)
    assert len(errors) == 8
    assert all("can't be refreshed" in error for error in errors)
    assert bench.asked() == 1


def test_after_a_doubt_the_old_refresh_token_is_tried_once_more(bench: Bench) -> None:
    bench.change(expires_at=bench.now)
    bench.sandbox.control.advance(31 * DAY)
    lost = iter([True])

    def lose(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path == TOKEN_PATH and next(lost, False):
            apply()
            raise ConnectionDropped
        return apply()

    bench.fault = lose
    with pytest.raises(CredentialError, match=r"rotation lost at 2027-01-15T08:00:00Z") as caught:
        bench.client(bench.credential()).get("/user_account")
    assert caught.value.hint == "sign in again: pinflow auth login t"
    assert bench.asked() == 2


def test_tokens_that_another_process_refreshed_are_used(bench: Bench) -> None:
    client = bench.client(bench.credential())
    bench.sandbox.control.advance(31 * DAY)
    refresh(bench.request())
    client.get("/user_account")
    assert bench.asked() == 1


def test_tokens_of_a_new_sign_in_are_used(bench: Bench) -> None:
    bench.change(refresh_token=None)
    client = bench.client(bench.credential())
    bench.sandbox.control.advance(31 * DAY)
    with pytest.raises(CredentialError):
        client.get("/user_account")
    bench.sandbox.environment(("t", "u"))
    assert client.get("/user_account")["username"] == "garden_studio"
    assert bench.asked() == 0


def test_many_threads_refresh_once(bench: Bench) -> None:
    client = bench.client(bench.credential())
    bench.sandbox.control.advance(31 * DAY)
    in_threads([lambda: client.get("/user_account")] * 16)
    assert bench.asked() == 1


# two accounts


def test_a_request_carries_its_own_accounts_token_whatever_the_threads_do(bench: Bench) -> None:
    signers = {name: bench.credential(name) for name in ("t", "u")}
    own = {name: {bench.content(name)["access_token"]} for name in ("t", "u")}
    url = f"{bench.sandbox.url}/v5/pins"
    crossed: list[str] = []
    signed: list[int] = []
    over = threading.Event()

    class Request:
        def __init__(self) -> None:
            self.url = url
            self.headers: dict[str, str] = {}

    def sign(name: str) -> None:
        count = 0
        while not over.is_set() or count < (12_500 if FULL else 1_000):
            request = Request()
            signers[name](request)
            count += 1
            if request.headers["Authorization"].removeprefix("Bearer ") not in own[name]:
                crossed.append(name)
        signed.append(count)

    def rotate() -> None:
        try:
            for name in ("t", "u") * (100 if FULL else 3):
                tokens, _ = refresh(bench.request(name))
                own[name].add(tokens.access_token)
                assert signers[name].renew()
        finally:
            over.set()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        in_threads([rotate, *(partial(sign, name) for name in ("t", "u") for _ in range(4))])
    finally:
        sys.setswitchinterval(before)
    assert len(signed) == 8
    assert min(signed) >= 1_000
    assert crossed == []
    assert bench.asked() == (200 if FULL else 6)
    assert own["t"].isdisjoint(own["u"])


def test_each_account_sees_its_own_over_the_wire(bench: Bench) -> None:
    clients = {name: bench.client(bench.credential(name)) for name in ("t", "u")}
    whose = {"t": "garden_studio", "u": "client_account"}
    seen: list[bool] = []

    def work(name: str) -> None:
        for _ in range(500 if FULL else 25):
            seen.append(clients[name].get("/user_account")["username"] == whose[name])

    in_threads([partial(work, name) for name in ("t", "u") for _ in range(4)])
    assert len(seen) == (4000 if FULL else 200)
    assert all(seen)


# the object


@pytest.mark.parametrize("work", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_credential_can_not_be_copied(bench: Bench, work: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="can't be copied"):
        work(bench.credential())


def test_the_repr_of_a_credential_has_no_secret(bench: Bench) -> None:
    found = bench.credential()
    assert repr(found) == str(found) == f"<Credential 't' from file {bench.folder / 't.json'}>"
    assert not hasattr(found, "__dict__")


def test_a_credential_knows_its_scopes(bench: Bench) -> None:
    assert "boards:read" in (bench.credential().scopes or ())


def test_errors_of_a_login_have_no_secret(bench: Bench) -> None:
    bench.change(refresh_token="pinr_sandbox_unknown")
    bench.sandbox.control.advance(31 * DAY)
    with pytest.raises(PinflowError) as caught:
        bench.client(bench.credential()).get("/user_account")
    told = str(caught.value) + repr(caught.value)
    for secret in ("pinr_sandbox_unknown", bench.content()["access_token"], bench.sandbox.world.app.secret):
        assert secret not in told


def in_threads(works: list[Callable[[], object]]) -> None:
    """Do all at the same time. An exception of one is this thread's, too."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def guarded(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failures:
        raise failures[0]
