"""Guards for tests: no connections to other machines, and no access to the user's home folder."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping

_TOUCHES = frozenset({"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.listdir", "os.scandir"})


@contextmanager
def loopback_only(forbid: Callable[[str], object]) -> Iterator[None]:
    """Call ``forbid`` for each connection to another machine inside the block, and resolve no names of hosts.

    ``forbid`` should raise a BaseException to end the test, so that nothing handles it as a network failure.
    """
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(connection: socket.socket, address: Any) -> None:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return
        host = str(address[0])
        if host != "localhost" and not (_is_address(host) and ipaddress.ip_address(host).is_loopback):
            forbid(f"this test connects to {host}:{address[1]}, which is another machine")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and name != "localhost" and not _is_address(name):
            raise socket.gaierror(socket.EAI_NONAME, f"tests can't resolve {name!r}")
        return look_up(host, *arguments, **options)

    patched = {(socket.socket, "connect"): guarded_connect, (socket.socket, "connect_ex"): guarded_connect_ex}
    before = {(socket.socket, "connect"): connect, (socket.socket, "connect_ex"): connect_ex}
    _set_attributes({**patched, (socket, "getaddrinfo"): guarded_look_up})
    try:
        yield
    finally:
        _set_attributes({**before, (socket, "getaddrinfo"): look_up})


def _set_attributes(attributes: dict[Any, Any]) -> None:
    for (owner, name), value in attributes.items():
        setattr(owner, name, value)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@contextmanager
def other_home(home: Path, environ: MutableMapping[str, str], settings: Iterable[str]) -> Iterator[None]:
    """Make ``home`` the home folder inside the block, and unset variables that begin with one of ``settings``."""
    prefixes = tuple(settings)
    before = dict(environ)
    for name in before:
        if name.upper().startswith(prefixes):
            del environ[name]
    environ.update(HOME=str(home), USERPROFILE=str(home))
    try:
        yield
    finally:
        environ.clear()
        environ.update(before)


class _HomeGuard:
    """Sees every file access. There is one for all tests, because Python can't remove an audit hook."""

    def __init__(self) -> None:
        self._installed = False
        self._check: Callable[[str], None] | None = None

    def start(self, check: Callable[[str], None]) -> None:
        if not self._installed:
            sys.addaudithook(self._hook)
            self._installed = True
        self._check = check

    def stop(self) -> None:
        self._check = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        check = self._check
        if check is None or event not in _TOUCHES:
            return
        path = arguments[0]
        if isinstance(path, (str, bytes)):
            check(os.fsdecode(path))


_guard = _HomeGuard()


@contextmanager
def away_from(home: Path, allowed: Iterable[Path], forbid: Callable[[str], object]) -> Iterator[None]:
    """Call ``forbid`` for each access inside the block to a file below ``home`` and outside of ``allowed``.

    The folders that Python imports from are always allowed.
    """
    imported = [Path(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path) if path]
    free = tuple({f"{Path(path).absolute()}{os.sep}" for path in (*imported, *allowed)})
    guarded = f"{home.absolute()}{os.sep}"

    def check(path: str) -> None:
        whole = os.path.abspath(path)  # noqa: PTH100 - links are not followed: that touches files
        if whole.startswith(guarded) and not f"{whole}{os.sep}".startswith(free) and "__pycache__" not in whole:
            _guard.stop()  # pytest reads files to report the failure
            forbid(f"this test touches {whole}, which is in the user's home folder")

    _guard.start(check)
    try:
        yield
    finally:
        _guard.stop()
