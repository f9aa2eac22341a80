"""Token files under many processes, kills and faults: one refresh, nothing torn, nothing lost in silence.

The processes are forked from one that has no threads and has everything imported
already, so that a hundred of them really meet.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import CredentialError, CredentialRequest
from pinflow_auth.refresh import refresh
from pinflow_pinterest_v5.api import API
from pinflow_sandbox import Sandbox, Settings, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.slow

if sys.platform == "win32":
    pytest.skip("needs fork", allow_module_level=True)

FULL = os.environ.get("PINFLOW_FULL") == "1"

CREW = r"""
import errno, fcntl, json, os, resource, signal, subprocess, sys, threading, time
from dataclasses import replace
from pathlib import Path

import requests  # so that no child has to import it

from pinflow import CredentialRequest, PinflowError, Transport, check_place
from pinflow_auth import files
from pinflow_auth.credential import credential
from pinflow_auth.refresh import refresh
from pinflow_auth.tokens import TokenSet, dump_tokens, parse_tokens
from pinflow_pinterest_v5.api import API

CALLS = [(os, n) for n in ("open", "write", "fsync", "replace", "ftruncate", "lseek", "unlink", "fchmod", "listdir")]
CALLS += [(fcntl, "flock"), (Transport, "send")]


def ask(order):
    return CredentialRequest(api=API, token="t", scopes=frozenset(), environ=order["environ"])


class Request:
    def __init__(self, url):
        self.url, self.headers = url, {}


def fork(work):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = work() or 0
    except BaseException as error:
        os.write(2, repr(error).encode() + b"\n")
    finally:
        os._exit(code)


def codes(children):
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def meet(order):
    # all have the same token: for half of them it ends by the clock, for the others because it is refused
    ready, go = os.pipe(), os.pipe()

    def sign(signer):
        request = Request(order["environ"]["PINTEREST_API_URI"] + "/v5/user_account")
        signer(request)
        if request.headers["Authorization"] == "Bearer " + order["old"]:  # which the service refuses
            assert signer.renew()
            signer(request)
        return request.headers["Authorization"]

    def one(number):
        def work():
            os.close(go[1])
            clock = time.time if number % 2 else lambda: time.time() + 200
            signer = credential(replace(ask(order), clock=clock))
            os.write(ready[1], b".")
            os.read(go[0], 1)
            seen = set()
            threads = [threading.Thread(target=lambda: seen.add(sign(signer))) for _ in range(order["threads"])]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            kept = json.loads(Path(order["path"]).read_text())["access_token"]
            return 0 if seen == {f"Bearer {kept}"} and kept != order["old"] else 9
        return work

    children = [fork(one(number)) for number in range(order["processes"])]
    arrived = 0
    while arrived < order["processes"]:
        arrived += len(os.read(ready[0], 4096))
    began = time.monotonic()
    os.close(go[0])
    os.close(go[1])
    return {"codes": codes(children), "seconds": time.monotonic() - began}


def fault(order):
    # a refresh in which the call number `at` of those that matter kills the process, or fails
    told, tell = os.pipe()
    count = [0]

    def wrap(module, name):
        real = getattr(module, name)

        def call(*given, **named):
            count[0] += 1
            here = count[0] == order.get("at")
            if here and order["how"] == "kill before":
                os.kill(os.getpid(), signal.SIGKILL)
            if here and order["how"] not in ("kill before", "kill after"):
                os_write(tell, b"!")
                raise OSError(getattr(errno, order["how"]), os.strerror(getattr(errno, order["how"])))
            try:
                return real(*given, **named)
            finally:
                if here and order["how"] == "kill after":
                    os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, call)

    os_write = os.write

    def work():
        for module, name in CALLS:
            if not (name == "send" and order["how"].startswith("E")):
                wrap(module, name)
        error = ""
        try:
            refresh(ask(order))
        except PinflowError as problem:
            error = type(problem).__name__
        os_write(tell, json.dumps({"count": count[0], "error": error}).encode())

    child = fork(work)
    os.close(tell)
    (code,) = codes([child])
    said = b""
    while chunk := os.read(told, 4096):
        said += chunk
    os.close(told)
    fired = said.startswith(b"!")
    return {"code": code, "fired": fired, **json.loads(said.lstrip(b"!") or b"{}")}


def cramped(order):
    # a refresh on a disk that has no room for the biggest file there may be
    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["room"], order["room"]))
        try:
            refresh(ask(order))
        except PinflowError as problem:
            Path(order["log"]).write_text(problem.message[: order["room"]])

    return {"codes": codes([fork(work)])}


def traced(order):
    # a refresh that the system call number `at` of one kind kills
    told, tell = os.pipe()
    hold, let_go = os.pipe()

    def work():
        os.close(let_go)
        os.write(tell, b"+")
        os.read(hold, 1)
        refresh(ask(order))

    child = fork(work)
    os.read(told, 1)
    inject = f"inject={order['call']}:signal=SIGKILL:when={order['at']}" if "at" in order else f"trace={order['call']}"
    command = ["strace", "-q", "-e", f"trace={order['call']}", "-e", inject, "-o", order["log"], "-p", str(child)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for _ in range(2000):
        status = Path(f"/proc/{child}/status").read_text()
        if "TracerPid:\t0\n" not in status or tracer.poll() is not None:
            break
        time.sleep(0.01)
    attached = tracer.poll() is None
    os.close(let_go)
    (code,) = codes([child])
    tracer.wait()
    for each in (told, tell, hold):
        os.close(each)
    return {"code": code, "attached": attached}


def torn(order):
    # two that write and four that read, all at once
    path = Path(order["path"])

    def token(number):
        return TokenSet(name="t", access_token=f"a{number}" * 40, refresh_token=f"r{number}" * 40, scopes="x" * number)

    def write(first):
        for number in range(first, first + order["writes"]):
            with files.lock_tokens(path):
                files.write(path, dump_tokens(token(number % 300)))

    def read():
        good = 0
        while not (path.parent / "over").exists():
            found = files.read(path, "token file")
            data = json.loads(found)
            number = len(data["scopes"])
            if data["access_token"] != f"a{number}" * 40 or data["refresh_token"] != f"r{number}" * 40:
                return 7
            good += 1
        (path.parent / f"read{os.getpid()}").write_text(str(good))

    files.write(path, dump_tokens(token(1)))
    readers = [fork(read) for _ in range(4)]
    writers = codes([fork(lambda first=first: write(first)) for first in (0, 150)])
    (path.parent / "over").touch()
    return {"writers": writers, "readers": codes(readers)}


for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps(globals()[order["do"]](order)), flush=True)
"""


class Crew:
    """The process that forks the others."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", CREW]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, do: str, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    made = Crew()
    yield made
    made.close()


class Store:
    """A strict sandbox, where a refresh token is good once, and the token file "t" of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.environ: dict[str, str] = {}
        self.path = Path()

    def fill(self, **changed: object) -> Mapping[str, Any]:
        """Put tokens that the service has just given into the file, and nothing beside it; the file's content."""
        environ = self.sandbox.environment(("t",))
        del environ["T"]  # a variable comes before a file
        self.environ = environ
        self.path = Path(environ["PINTEREST_OAUTH_TOKEN_DIR"], "t.json")
        for other in set(self.path.parent.iterdir()) - {self.path}:
            other.unlink()
        content = {**json.loads(self.path.read_text()), **changed}
        self.path.write_text(json.dumps(content))
        self.sandbox.control.forget_requests()
        return content

    def request(self) -> CredentialRequest:
        return CredentialRequest(api=API, token="t", scopes=frozenset(), environ=self.environ)

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found

    def asked(self) -> list[tuple[int, int]]:
        """Statuses of the token endpoint and how often each was answered."""
        return [
            (int(str(row["status"])), int(str(row["count"])))
            for row in self.sandbox.control.requests()
            if row["path"] == "/v5/oauth/token"
        ]

    def leftovers(self) -> list[str]:
        return [each.name for each in self.path.parent.iterdir() if each.name.endswith(".tmp")]

    def outcome(self) -> str:
        """What a refresh after a fault comes to: the file is whole, and if it is of no use, that is explained."""
        before = self.content()
        try:
            tokens, _ = refresh(self.request())
        except CredentialError as error:
            assert "rotation lost at 20" in error.message, error.message
            assert self.content() == before
            assert self.leftovers() == []
            return "lost"
        assert self.leftovers() == []
        assert self.content()["refresh_token"] == tokens.refresh_token
        assert not self.path.with_name("t.refreshing").exists()
        return "good"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start(settings=Settings(quotas=False)) as running:
        yield running


@pytest.fixture
def store(sandbox: Sandbox) -> Store:
    return Store(sandbox)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("processes", "threads"),
    [(1000, 1), (20, 50)] if FULL else [(100, 1), (10, 8)],
)
def test_however_many_meet_an_ended_token_the_service_is_asked_once(
    crew: Crew, store: Store, processes: int, threads: int
) -> None:
    old = store.fill(expires_at=time.time() + 100)["access_token"]
    met = crew("meet", environ=store.environ, path=str(store.path), old=old, processes=processes, threads=threads)
    assert met["codes"] == [0] * processes
    assert store.asked() == [(200, 1)]
    assert store.outcome() == "good"  # no token family was ended


@pytest.mark.parametrize("how", ["kill before", "kill after"])
def test_a_refresh_killed_anywhere_leaves_a_whole_file_and_a_token_or_an_explanation(
    crew: Crew, store: Store, how: str
) -> None:
    store.fill()
    undisturbed = crew("fault", environ=store.environ, how=how)
    assert undisturbed["code"] == 0
    outcomes = []
    for at in range(1, undisturbed["count"] + 1):
        store.fill()
        struck = crew("fault", environ=store.environ, how=how, at=at)
        assert struck["code"] == -9, f"call {at} killed nobody"
        outcomes.append(store.outcome())
    assert outcomes.count("good") > outcomes.count("lost") > 0
    assert len(outcomes) >= 20


@pytest.mark.parametrize("how", ["ENOSPC", "EIO", "EACCES", "EROFS"])
def test_a_refresh_whose_disk_fails_anywhere_says_so_and_loses_nothing_in_silence(
    crew: Crew, store: Store, how: str
) -> None:
    store.fill()
    count = crew("fault", environ=store.environ, how=how)["count"]
    outcomes = []
    for at in range(1, count + 1, 1 if FULL else 2):
        before = store.fill()
        struck = crew("fault", environ=store.environ, how=how, at=at)
        assert struck["fired"], f"call {at} did not fail"
        assert (struck["code"], struck["error"]) in ((0, ""), (0, "CredentialError"))
        if not store.asked():
            assert store.content() == before
        outcomes.append(store.outcome())
    assert outcomes.count("good") > outcomes.count("lost")


def test_where_there_is_no_room_for_new_tokens_none_are_asked_for(crew: Crew, store: Store, tmp_path: Path) -> None:
    before, log = store.fill(), tmp_path / "error"
    assert crew("cramped", environ=store.environ, room=4096, log=str(log)) == {"codes": [0]}
    assert log.read_text() == (f"nothing can be stored in {store.path.parent}: File too large; nothing was changed")
    assert store.asked() == []
    assert store.content() == before
    assert store.leftovers() == []


SYSTEM_CALLS = ("openat", "write", "fsync", "rename", "ftruncate", "unlink", "flock", "sendto", "recvfrom", "connect")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call", SYSTEM_CALLS)
def test_a_refresh_killed_at_any_system_call_leaves_a_whole_file(
    crew: Crew, store: Store, tmp_path: Path, call: str
) -> None:
    log = tmp_path / "calls"
    store.fill()
    undisturbed = crew("traced", environ=store.environ, call=call, log=str(log))
    if not undisturbed["attached"]:
        pytest.skip("strace may not attach to a process here")
    assert undisturbed["code"] == 0
    count = sum(line.startswith(f"{call}(") for line in log.read_text().splitlines())
    assert count > 0
    for at in range(1, count + 1, 1 if FULL else max(1, count // 4)):
        store.fill()
        struck = crew("traced", environ=store.environ, call=call, log=str(log), at=at)
        assert struck["code"] == -9, f"{call} number {at} killed nobody"
        store.outcome()


@pytest.mark.timeout(600)
def test_readers_never_see_half_a_file(crew: Crew, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    result = crew("torn", path=str(tmp_path / "t.json"), writes=5000 if FULL else 300)
    assert result == {"writers": [0, 0], "readers": [0, 0, 0, 0]}
    reads = [int(each.read_text()) for each in tmp_path.glob("read*")]
    assert len(reads) == 4
    assert sum(reads) > 300
