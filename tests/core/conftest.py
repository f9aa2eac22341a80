"""A project for tests: a recipe's text goes in at the front, and statuses, events and a small service's state come out.

Nobody waits: time passes when somebody sleeps. Plugins are what the test puts in.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator  # actions' annotations are read at run time
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from textwrap import dedent
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import parse_qsl, urlsplit

import pytest

from pinflow import Action, Api, Context, Credential, CredentialRequest, RemoteError, action, hookimpl
from pinflow.app import App, Options
from pinflow.events import Retrying, Waiting
from pinflow.plugins import collect, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pinflow.engine.results import RunResult
    from pinflow.events import Event
    from pinflow.plan import Plan

PAGE = 5


class Thing(TypedDict, total=False):
    """Something in the shop."""

    id: str
    name: str


class Shop:
    """A service on loopback: things that are listed five to a page, and made. ``before`` may answer instead."""

    def __init__(self) -> None:
        self.things: list[dict[str, Any]] = []
        self.asked: list[str] = []  # "GET /things", in the order of arrival
        self.before: Callable[[str, str, Any], tuple[int, Any] | None] = lambda method, path, body: None
        self.headers: dict[str, str] = {}
        self.now = 0
        self.most = 0  # calls at the same time
        self._lock = threading.Lock()
        self._ids = count(101)
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet for each answer
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                shop._answer(self)

            do_POST = do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fill(self, number: int) -> None:
        self.things += [{"id": str(next(self._ids)), "name": f"thing {n}"} for n in range(number)]

    def names(self) -> list[str]:
        return [each["name"] for each in self.things]

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = urlsplit(request.path)
        given = json.loads(body) if body else None
        with self._lock:
            self.asked.append(f"{request.command} {path.path}")
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            told = self.before(request.command, path.path, given)
            status, data = told or self._served(request.command, path.path, dict(parse_qsl(path.query)), given)
        finally:
            with self._lock:
                self.now -= 1
        content = json.dumps(data).encode()
        request.send_response(status)
        for name, value in {**self.headers, "Content-Type": "application/json"}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
        request.wfile.flush()

    def _served(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        with self._lock:
            if (method, path) == ("GET", "/me"):
                return 200, {"id": "1", "name": "Ann"}
            if (method, path) == ("GET", "/things"):
                start = int(query.get("bookmark", 0))
                more = start + PAGE < len(self.things)
                page = self.things[start : start + PAGE]
                return 200, {"items": page, "bookmark": str(start + PAGE) if more else None}
            if (method, path) == ("POST", "/things"):
                self.things.append({"id": str(next(self._ids)), **body})
                return 201, self.things[-1]
            return 404, {"message": f"there is no {path}"}


@dataclass
class ShopPlugin:
    """The shop's API, its login, and three actions."""

    shop: Shop
    quotas: dict[str, Any] = field(default_factory=dict)
    more_apis: list[str] = field(default_factory=list)

    @hookimpl
    def pinflow_apis(self) -> list[Api]:
        return [
            Api(
                id=name,
                service="shop",
                title="Shop",
                origin=self.shop.url,
                prefix="",
                origin_variable="SHOP_URL",
                operation=lambda method, path: None,
                read_error=lambda status, headers, body: RemoteError(
                    str((body or {}).get("message", "broken") if isinstance(body, dict) else "broken"), status=status
                ),
                quotas=self.quotas,
            )
            for name in ("v1", *self.more_apis)
        ]

    @hookimpl
    def pinflow_credential(self, request: CredentialRequest) -> Credential | None:
        if request.environ.get("SHOP_TOKENS", "all") not in ("all", request.token):
            return None
        return Credential(f"secret-{request.token}", name=request.token, source="the test", origin=self.shop.url)

    @hookimpl
    def pinflow_actions(self) -> list[Action]:
        return [get_me, list_things, make_thing]


@action("get_me", api="v1")
def get_me(ctx: Context) -> Thing:
    """Whose token it is."""
    found: Thing = ctx.client.get("/me")
    return found


@action("list_things", api="v1")
def list_things(ctx: Context) -> Iterator[Thing]:
    """Everything in the shop."""
    yield from ctx.client.pages("/things", params={"page_size": PAGE})


@action("make_thing", api="v1", effect="write")
def make_thing(ctx: Context, *, name: str) -> Thing:
    """Make one thing; its name tells whether it is there."""

    def find() -> Thing | None:
        found: list[Thing] = [thing for thing in ctx.client.pages("/things") if thing["name"] == name]
        return found[0] if found else None

    def make() -> Thing:
        made: Thing = ctx.client.post("/things", json={"name": name})
        return made

    return ctx.once("make", make, find=find, kind="thing")


class Project:
    """A folder with recipes, the plugins that they use, and everything that was told of their runs."""

    def __init__(self, folder: Path, open_things: ExitStack) -> None:
        self.folder = folder / "recipes"
        self.folder.mkdir()
        self.state = folder / "state"
        self.environ: dict[str, str] = {}
        self.plugins: list[Any] = []
        self.events: list[Event] = []
        self.now = 1_800_000_000.0
        self.stop = threading.Event()
        self._open = open_things
        self._shop: ShopPlugin | None = None
        self._lock = threading.Lock()

    # what there is

    @property
    def shop(self) -> Shop:
        """The service; it runs from the first time that a test names it."""
        return self.shop_plugin.shop

    @property
    def shop_plugin(self) -> ShopPlugin:
        if self._shop is None:
            shop = Shop()
            self._open.callback(shop.close)
            self._shop = ShopPlugin(shop)
            self.plugins.append(self._shop)
        return self._shop

    def offer(self, *actions: Action) -> None:
        """Give recipes these actions."""

        class Offering:
            @hookimpl
            def pinflow_actions(self) -> list[Action]:
                return list(actions)

        self.plugins.append(Offering())

    def write(self, text: str, name: str = "recipe.yaml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        return path

    def app(self) -> App:
        manager, infos = load([], objects=self.plugins)
        return App(
            collect(manager, infos),
            manager,
            self.environ,
            state=self.state,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    # what is done

    def plan(self, text: str, *, inputs: Mapping[str, Any] | None = None, **options: Any) -> Plan:
        """The plan of a recipe that is to be run."""
        return self.app().plan(self.write(text), inputs=inputs or {}, **options)

    def check(self, text: str, **options: Any) -> Plan:
        """The plan of a recipe that is only checked."""
        return self.app().plan(self.write(text), inputs=None, **options)

    def run(
        self,
        text: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        api: str | None = None,
        dry_run: bool = False,
        **options: Any,
    ) -> RunResult:
        """Run a recipe; what was told of it is in ``events``."""
        self.events.clear()
        app = self.app()
        plan = app.plan(self.write(text), inputs=inputs or {}, api=api)
        return app.run(plan, self._options(dry_run=dry_run, **options))

    def resume(self, run: str | None = None, *, inputs: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
        self.events.clear()
        return self.app().resume(run, self._options(**options), inputs=inputs)

    def _options(self, **given: Any) -> Options:
        report = [self.events.append, *given.pop("report", ())]
        return Options(report=report, stop=given.pop("stop", self.stop), **given)

    # what was told

    def told(self, *kinds: str) -> list[Any]:
        """The events of these kinds, in order."""
        return [event for event in self.events if type(event).__name__ in kinds]

    @property
    def waits(self) -> list[float]:
        """The seconds of each wait and pause between tries."""
        return [
            event.delay if isinstance(event, Retrying) else event.until - event.at
            for event in self.events
            if isinstance(event, (Retrying, Waiting))
        ]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with ExitStack() as open_things:
        yield Project(tmp_path, open_things)
