"""A running sandbox: a world behind a small HTTP server on loopback.

    with start() as sandbox:
        requests.get(f"{sandbox.url}/v5/boards", headers={"Authorization": f"Bearer {sandbox.world.token_for(...)}"})

It binds one loopback address, answers to no other host name, and knows no real credential.
"""

from __future__ import annotations

import socket
import threading
import time
from itertools import chain, count
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from pinflow import is_token_name, variable_of
from pinflow_sandbox.control.faults import FaultInjector, parse_profile
from pinflow_sandbox.control.settings import LOOPBACK
from pinflow_sandbox.control.surface import Control, ControlSurface
from pinflow_sandbox.oauth.token_files import TokenFiles
from pinflow_sandbox.seed import example
from pinflow_sandbox.server.connection import Connection, Timeouts
from pinflow_sandbox.server.http_dates import http_date
from pinflow_sandbox.server.site import Site, body_limit, unreadable_response
from pinflow_sandbox.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pinflow_sandbox.control.faults import FaultHook, FaultProfile
    from pinflow_sandbox.control.settings import Settings

MOST_CONNECTIONS = 512  # each has a thread; pinflow opens at most a few dozen
BACKLOG = 256  # a test that opens hundreds of connections at once is not refused

_USUAL_NAMES = ("access_token", "access_token_v3", "access_token_v5")  # of the vendor's scripts
_STOP_SECONDS = 2.0  # that a thread may take to end; one that serves a request takes milliseconds


class Sandbox:
    """A running server. ``stop`` it, or use it in a ``with`` statement."""

    def __init__(
        self,
        listener: socket.socket,
        world: World,
        *,
        sleep: Callable[[float], None],
        faults: FaultHook | FaultProfile | None,
        timeouts: Timeouts,
    ) -> None:
        """Serve from now on, in threads of its own. ``start`` makes the listener and the world."""
        self.world = world
        injector = FaultInjector(world, faults)
        self.control = Control(world, injector)
        self.control_token = token_urlsafe(24)
        host, self.port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self.connections = 0  # accepted since the start
        self._listener = listener
        self._timeouts = timeouts
        self._stopping = False
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()  # guards _open, which the acceptor and the serving threads change
        surface = ControlSurface(self.control, self.control_token)
        self._site = Site(world, surface, _hosts(self.port), sleep=sleep, faults=injector)
        self._token_files = TokenFiles(self.url, self.world.clock.now)
        self._acceptor = threading.Thread(target=self._accept, name="pinflow-sandbox", daemon=True)
        self._acceptor.start()

    def environment(self, tokens: Iterable[str] = ("access_token",), *, api: str = "v5") -> dict[str, str]:
        """The environment variables for a client of this sandbox: addresses, app, and a token for each name.

        A token's variable is its name in upper case, with underscores for characters that a variable can't have. Each
        token is valid for every version of the API; ``api`` is the version that the vendor's scripts will use.
        PINTEREST_OAUTH_TOKEN_DIR is a folder with refreshable tokens of the same accounts; it is deleted on stop.

        The first token and "access_token", "access_token_v3" and "access_token_v5" belong to ``garden_studio``, the
        next one to ``client_account``, every further one to a new, empty account. Raises ValueError for a name that
        is not a valid token name, since files are named by it.
        """
        tokens = list(dict.fromkeys(tokens))
        if wrong := [name for name in tokens if not is_token_name(name)]:
            raise ValueError(f"{', '.join(map(repr, wrong))} can't name a token")
        app = self.world.app
        variables = {
            "PINTEREST_API_URI": self.url,
            "PINTEREST_OAUTH_URI": self.url,
            "PINTEREST_API_VERSION": api,
            "PINTEREST_APP_ID": app.id,
            "PINTEREST_APP_SECRET": app.secret,
        }
        others = chain([example.CLIENT], (f"fresh_account_{number}" for number in count(1)))
        for position, name in enumerate(tokens):
            account = next(others) if position and name not in _USUAL_NAMES else example.STUDIO
            self.control.account(account)
            variables[variable_of(name)] = self.world.token_for(account)
            self._token_files.write(name, account, self.world.token_pair_for(account))
        variables["PINTEREST_OAUTH_TOKEN_DIR"] = str(self._token_files.folder)
        return variables

    def state(self) -> dict[str, object]:
        """The whole world as ``control.state()`` returns it, without the time."""
        return {name: value for name, value in self.control.state().items() if name != "now"}

    def requests(self) -> list[dict[str, object]]:
        """The counts of requests, as ``control.requests()`` returns them."""
        return self.control.requests()

    def stop(self) -> None:
        """Close all connections and free the port. Stopping twice does nothing."""
        if self._stopping:
            return
        self._stopping = True
        self._token_files.remove()
        self._wake()
        self._acceptor.join(_STOP_SECONDS)
        self._listener.close()
        with self._lock:
            serving = list(self._open.items())
        for connection, _ in serving:
            _hang_up(connection)
        for _, thread in serving:
            if thread is not threading.current_thread():
                thread.join(_STOP_SECONDS)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the listener was closed, or a client was gone before it was accepted
                continue
            if self._stopping or len(self._open) >= MOST_CONNECTIONS:
                connection.close()
                continue
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            Connection(
                connection,
                self._site.respond,
                error_response=unreadable_response,
                body_limit=body_limit,
                date=lambda: http_date(int(self.world.clock.now()), "GMT"),
                timeouts=self._timeouts,
            ).serve()
        finally:
            with self._lock:
                self._open.pop(connection, None)

    def _wake(self) -> None:
        """Wake the acceptor: closing a listener does not end its accept on every system."""
        try:
            socket.create_connection(self._listener.getsockname()[:2], timeout=1).close()
        except OSError:
            self._listener.close()


def start(
    *,
    port: int = 0,
    seed: int = 1,
    settings: Settings | None = None,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    host: str = "127.0.0.1",
    faults: FaultHook | FaultProfile | str | None = None,
    timeouts: Timeouts | None = None,
) -> Sandbox:
    """Start a sandbox with the example accounts of ``seed``; port 0 takes a free one.

    ``now`` returns seconds since the epoch; ``sleep`` is called for the latency of the settings only. ``faults`` is a
    fault profile ("hostile:42"; ``control.faults()`` shows the seed of one without), or a function that is called
    with each request and a function that applies it. Raises ValueError for a host that is not loopback or an unknown
    profile, OSError if the port is taken.
    """
    if host not in LOOPBACK:
        raise ValueError(
            f"the sandbox listens on loopback only: host must be one of {', '.join(LOOPBACK)}, not {host!r}"
        )
    world = World(now=now, settings=settings, seed=seed)
    example.fill(world)
    faults = parse_profile(faults) if isinstance(faults, str) else faults
    return Sandbox(_listener(host, port), world, sleep=sleep, faults=faults, timeouts=timeouts or Timeouts())


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if host == "::1" else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1" if host == "localhost" else host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _hosts(port: int) -> list[str]:
    names = ["127.0.0.1", "localhost", "[::1]"]
    return [f"{name}:{port}" for name in names] + (names if port == 80 else [])


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()  # already closed by the client
