"""What a test must not touch: another machine, and the files of whoever runs it."""

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
    """Meanwhile ``forbid`` is called for a connection to another machine, and no name server is asked for anything.

    ``forbid`` raises what ends the test, best a BaseException: nothing on the way then takes it for a broken network.
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
            raise socket.gaierror(socket.EAI_NONAME, f"tests know no host {name!r}")
        return look_up(host, *arguments, **options)

    replaced = {(socket.socket, "connect"): guarded_connect, (socket.socket, "connect_ex"): guarded_connect_ex}
    before = {(socket.socket, "connect"): connect, (socket.socket, "connect_ex"): connect_ex}
    _set({**replaced, (socket, "getaddrinfo"): guarded_look_up})
    try:
        yield
    finally:
        _set({**before, (socket, "getaddrinfo"): look_up})


def _set(attributes: dict[Any, Any]) -> None:
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
    """Meanwhile ``home`` is the home folder, and no variable is set whose name begins with one of ``settings``."""
    beginnings = tuple(settings)
    before = dict(environ)
    for name in before:
        if name.upper().startswith(beginnings):
            del environ[name]
    environ.update(HOME=str(home), USERPROFILE=str(home))
    try:
        yield
    finally:
        environ.clear()
        environ.update(before)


class _HomeGuard:
    """Looks at every file that is touched. Python can't take an audit hook back, so that there is one for all tests."""

    def __init__(self) -> None:
        self._there = False
        self._looking: Callable[[str], None] | None = None

    def begin(self, look: Callable[[str], None]) -> None:
        if not self._there:
            sys.addaudithook(self._hook)
            self._there = True
        self._looking = look

    def end(self) -> None:
        self._looking = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        look = self._looking
        if look is None or event not in _TOUCHES:
            return
        path = arguments[0]
        if isinstance(path, (str, bytes)):
            look(os.fsdecode(path))


_guard = _HomeGuard()


@contextmanager
def away_from(home: Path, allowed: Iterable[Path], forbid: Callable[[str], object]) -> Iterator[None]:
    """Meanwhile ``forbid`` is called for each file below ``home`` that is touched and is in no folder of ``allowed``.

    What Python itself imports from is always allowed.
    """
    own = [Path(each) for each in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path) if each]
    free = tuple({f"{Path(each).absolute()}{os.sep}" for each in (*own, *allowed)})
    mine = f"{home.absolute()}{os.sep}"

    def look(path: str) -> None:
        whole = os.path.abspath(path)  # noqa: PTH100 - links are not followed: that touches files
        if whole.startswith(mine) and not f"{whole}{os.sep}".startswith(free) and "__pycache__" not in whole:
            _guard.end()  # to tell of it, files are read
            forbid(f"this test touches {whole}, which is in the home of whoever runs it")

    _guard.begin(look)
    try:
        yield
    finally:
        _guard.end()
