"""The project that plugin authors test with, beside a small service of its own. Plugins are what the test puts in."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator  # actions' annotations are read at run time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import parse_qsl, urlsplit

import pytest

from pinflow import Action, Api, Context, Credential, CredentialRequest, RemoteError, action, hookimpl, testing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

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
    origin: str = ""  # where it says to be at home, if not where it is

    @hookimpl
    def pinflow_apis(self) -> list[Api]:
        return [
            Api(
                id=name,
                service="shop",
                title="Shop",
                origin=self.origin or self.shop.url,
                prefix="",
                origin_variable="SHOP_URL",
                operation=lambda method, path: None,
                read_error=lambda status, headers, body: RemoteError(
                    str((body or {}).get("message", "broken") if isinstance(body, dict) else "broken"), status=status
                ),
                quotas=self.quotas,
                closed=lambda tier, method, path: (
                    f"trial makes no {path}" if (tier, method) == ("trial", "POST") else ""
                ),
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


class Project(testing.Project):
    """A project with none of the installed plugins, and a shop that runs from the first time that a test names it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, installed=False)
        self.approve = None  # as where nobody can be asked
        self._shop: ShopPlugin | None = None

    @property
    def shop(self) -> Shop:
        """The service."""
        return self.shop_plugin.shop

    @property
    def shop_plugin(self) -> ShopPlugin:
        if self._shop is None:
            self._shop = ShopPlugin(Shop())
            self.plugins.append(self._shop)
        return self._shop

    def close(self) -> None:
        super().close()
        if self._shop is not None:
            self._shop.shop.close()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path) as made:
        yield made
