"""Actions of API v5 on a bench: the real client, the real durable calls, and a sandbox behind a real socket.

Time is the bench's own: whoever waits lets it pass at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pinflow import Action, Client, Context, Credential, Event
from pinflow.clock import Clock
from pinflow.engine.effect_runner import EffectRunner
from pinflow.engine.placeholder import holds_planned
from pinflow.engine.safe_journal import SafeJournal
from pinflow.events import Note
from pinflow.http.client import ClientServices
from pinflow.http.rate_limiter import RateLimiter
from pinflow.http.transport import Transport
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.folder.usage import MemoryUsage
from pinflow.state.folder.written_files import WrittenFiles, content_digest
from pinflow.state.records import RunRecord
from pinflow_pinterest_v3.api import API as V3
from pinflow_pinterest_v5.api import API as V5
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.dialects import dialect_of
from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
from pinflow_sandbox.v3.scopes import V3_SCOPES
from pinflow_sandbox.v5.scopes import V5_SCOPES
from tests.run_contexts import files_of, run_context

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.state.protocol import Journal
    from pinflow_pinterest.catalogue.operations import Operation

STUDIO, CLIENT = "garden_studio", "client_account"
APIS = {"v3": (V3, V3_SCOPES), "v5": (V5, V5_SCOPES)}

Login = tuple[str, str, frozenset[str]]  # API, account, scopes
Fault = Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse]


class Killed(BaseException):
    """Stands for the end of the process."""


class Bench:
    """A sandbox, and actions that are called as a run calls them."""

    def __init__(self, state: Path, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.waits: list[float] = []
        self.notes: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.fault: Fault | None = None
        self.folder = folder
        self.typed: list[Path] = []  # what a person named
        self.index = WrittenFiles(state)
        self.deadly_sleep = False  # whoever waits next is killed
        self._state = state
        self._open = ExitStack()
        self.sandbox: Sandbox = self._open.enter_context(
            start(now=lambda: self.now, settings=Settings(quotas=False), faults=self._faults)
        )
        self.control = self.sandbox.control
        self._transport = Transport()
        self._open.callback(self._transport.close)
        self._clients: dict[Login, Client] = {}
        self._runs = 0
        self.effects: EffectRunner | None = None

    def close(self) -> None:
        self._open.close()

    def wrote(self, name: str, content: str) -> None:
        """Put a file where a recipe's own go, as if an earlier run had written it."""
        path = self.folder / "out" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")
        with path.open("rb") as file:
            self.index.add(path, "an earlier run", content_digest(file), None)

    def sleep(self, seconds: float) -> None:
        if self.deadly_sleep:
            raise Killed
        self.waits.append(seconds)
        self.now += seconds

    # actions

    def run(self, action: Action, /, *, run: str = "", dry_run: bool = False, **given: Any) -> Any:
        """What the action gives. ``login``, ``source`` and ``target`` are accounts; ``run`` names one to resume.

        The gate refuses writes outside of the durable calls, as in a run.
        """
        api = action.api or ""
        logins = {role: self.login(given.pop(role or "login", STUDIO), api) for role in action.roles}
        step = given.pop("step", "step")
        problems = action.parameters.problems(given)
        assert not problems, problems
        planned = {name for name, value in given.items() if holds_planned(value)}
        for _, error in action.parameters.clashes(given, unknown=planned):
            raise error
        with ExitStack() as stack:
            journal = None if dry_run else stack.enter_context(self._journal(run))
            effects = self._effects(journal)
            clients = {role: self.through(client, effects) for role, client in logins.items()}
            context = self.context(step, clients, effects)
            result = action.function(context, **action.parameters.convert(given))
            return list(result) if action.yields else result

    def kill(self, action: Action, /, **given: Any) -> str:
        """Run the action and end the process at the first wait or doubt; the run's name, to resume it."""

        def die(*_: object) -> NoReturn:
            raise Killed

        self._runs += 1
        run = f"20270115-080000-{self._runs:06x}"
        with pytest.raises(Killed), pytest.MonkeyPatch.context() as patch:
            patch.setattr(EffectRunner, "_reconcile", die)
            self.deadly_sleep = True
            try:
                self.run(action, run=run, **given)
            finally:
                self.deadly_sleep = False
        return run

    def context(self, step: str, clients: Mapping[str, Client], effects: EffectRunner) -> Context:
        return Context(effects.run, effects, clients, step=step, ask=self._no_token)

    def _no_token(self, token: str, api: str | None) -> NoReturn:
        raise AssertionError(f"no action here asks for a token, and {token!r} was asked for")

    def login(self, account: str | tuple[str, Collection[str]], api: str) -> Login:
        name, scopes = (account, APIS[api][1]) if isinstance(account, str) else account
        return api, name, frozenset(scopes)

    def through(self, login: Login, effects: EffectRunner) -> Client:
        """The login's client for this run; one login has one client."""
        if self.effects is not effects:
            self._clients.clear()
            self.effects = effects
        if login not in self._clients:
            api, account, scopes = login
            token = self.sandbox.world.token_for(account, scopes)
            clock = Clock(lambda: self.now, lambda: self.now, self.sleep)
            self._clients[login] = Client(
                APIS[api][0],
                Credential(token, name=account, source="test", origin=self.sandbox.url),
                base_url=self.sandbox.url + APIS[api][0].prefix,
                login=account,
                limiter=RateLimiter({}, MemoryUsage(clock.now), clock),
                services=ClientServices(transport=self._transport, clock=clock, random=lambda: 0.5),
                gate=effects,
            )
        return self._clients[login]

    def _effects(self, journal: Journal | None) -> EffectRunner:
        clock = Clock(lambda: self.now, lambda: self.now, self.sleep)
        run = run_context(journal, clock, emit=self._emit, files=files_of(self.folder, *self.typed, index=self.index))
        return EffectRunner(run, repeatable=V5.idempotent)

    def _emit(self, event: type[Event], /, **facts: Any) -> None:
        self.events.append((event.__name__, facts))
        if event is Note:
            self.notes.append(f"{facts['level']}: {facts['text']}")

    def _journal(self, run: str) -> SafeJournal:
        runs = FolderRuns(self._state, Clock(lambda: self.now, lambda: self.now))
        if run and (self._state / "runs" / f"{run}.db").exists():
            return SafeJournal(runs.open(run))
        if not run:
            self._runs += 1
            run = f"20270115-080000-{self._runs:06x}"
        record = RunRecord(run, "recipe.yaml", "0" * 64, "test", {}, {}, {}, self.now)
        return SafeJournal(runs.create(record))

    # the service

    def _faults(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        return apply() if self.fault is None else self.fault(call, apply)

    def board(self, name: str, account: str = STUDIO) -> dict[str, Any]:
        """What a board holds in truth, everything oldest first; the newest board of that name."""
        boards: Any = self.control.state()["boards"]
        return next(dict(board) for board in reversed(boards) if (board["name"], board["owner"]) == (name, account))

    def board_id(self, name: str, account: str = STUDIO) -> str:
        return str(self.board(name, account)["id"])

    def content(self, name: str, account: str = STUDIO) -> list[tuple[str, str | None]]:
        """Fingerprint and section name of each Pin of a board, oldest first."""
        board = self.board(name, account)
        sections = {section["id"]: section["name"] for section in board["sections"]}
        return [(pin["fingerprint"], sections.get(pin["section_id"])) for pin in board["pins"]]

    def section_names(self, name: str, account: str = STUDIO) -> list[str]:
        return [section["name"] for section in self.board(name, account)["sections"]]

    def calls(self) -> Counter[str]:
        """How often each operation was called since the last ``forget``."""
        counts: Counter[str] = Counter()
        for row, operation in self._api_requests():
            counts[operation.id] += int(str(row["count"]))
        return counts

    def operations(self) -> list[Operation]:
        """The operations that were called since the last ``forget``."""
        return [operation for _, operation in self._api_requests()]

    def _api_requests(self) -> list[tuple[dict[str, object], Operation]]:
        """The counts of requests without those to the stores of videos and reports, which are no part of the API."""
        rows = [row for row in self.control.requests() if str(row["path"]).startswith(("/v3/", "/ads/v4/", "/v5/"))]
        return [(row, self._operation(str(row["method"]), str(row["path"]))) for row in rows]

    def _operation(self, method: str, path: str) -> Operation:
        found = dialect_of(path).operation_of(HttpRequest(method, path, "", "", {}))
        assert found is not None, (method, path)
        return found

    def video(self, name: str = "film.mp4", *, size: int = 4096) -> str:
        """A file in the recipe's folder that begins as a video does; its name."""
        with (self.folder / name).open("wb") as file:
            file.write(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")
            file.truncate(size)
        return name

    def forget(self) -> None:
        self.control.forget_requests()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "recipes"
    folder.mkdir()
    made = Bench(tmp_path / "state", folder)
    yield made
    made.close()


@pytest.fixture
def lost_answer() -> Callable[..., Fault]:
    """A fault for the first ``times`` writes to paths that end so: applied or not, the answer is a proxy's page."""

    def make(ending: str, *, applied: bool, times: int = 1) -> Fault:
        left = [times]

        def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
            if call.method == "GET" or not call.path.endswith(ending) or not left[0]:
                return apply()
            left[0] -= 1
            if applied:
                apply()
            return HttpResponse(502, b"<html>Bad gateway</html>", "text/html")

        return fault

    return make
