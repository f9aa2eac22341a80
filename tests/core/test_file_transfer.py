"""Files to and from addresses that a service gives out, against a real listener on loopback."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.errors import ActionError, RemoteError, Unreachable, UsageError
from pinflow.http.file_transfer import FileTransfer
from pinflow.http.retry import Limits
from pinflow.http.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Store:
    """Takes one request after the other; keeps the head, and of the body what ``keep`` says."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/place?signature=s3cret"
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.received = 0
        self.keep = True
        self.answers: list[bytes] = [b"HTTP/1.1 204 No Content\r\n\r\n"]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"ontent-Length" in line), 0)
        got, kept = len(body), bytearray(body)
        while got < length and (piece := connection.recv(1 << 20)):
            got += len(piece)
            if self.keep:
                kept += piece
        self.heads.append(head)
        self.bodies.append(bytes(kept))
        self.received += got
        connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.close()


@pytest.fixture
def waits() -> list[tuple[int, float]]:
    return []


@pytest.fixture
def transfer(waits: list[tuple[int, float]]) -> Iterator[FileTransfer]:
    transport = Transport()
    yield FileTransfer(
        transport,
        local=True,
        back_off=lambda attempt, delay, reason: waits.append((attempt, delay)),
        random=lambda: 1.0,
        limits=Limits(deadline=20.0, read=5.0, attempts=3),
    )
    transport.close()


def answer(body: bytes, *, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode() + body


def test_a_file_is_sent_last_in_a_form_without_a_credential(
    transfer: FileTransfer, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(b"--bytes\r\n\x00\xff" * 3000)
    transfer.send(store.url, file=file, fields={"key": "a/b", "x-amz-signature": "ü"}, hosts=())
    head = store.heads[0].decode().lower()
    assert "authorization" not in head
    content_type = next(line for line in store.heads[0].split(b"\r\n") if line.lower().startswith(b"content-type"))
    parts: Any = BytesParser().parsebytes(content_type + b"\r\n\r\n" + store.bodies[0]).get_payload()
    found = [(part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True)) for part in parts]
    assert found == [("key", b"a/b"), ("x-amz-signature", "ü".encode()), ("file", file.read_bytes())]


def test_a_large_file_is_never_in_memory_as_a_whole(transfer: FileTransfer, store: Store, tmp_path: Path) -> None:
    store.keep = False
    size = 64 * 2**20
    file = tmp_path / "film.mp4"
    with file.open("wb") as made:
        made.truncate(size)
    tracemalloc.start()
    try:
        transfer.send(store.url, file=file, fields={"key": "k"}, hosts=())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert store.received > size
    assert peak < 8 * 2**20


def test_a_lost_upload_is_sent_again_from_the_start(
    transfer: FileTransfer, store: Store, waits: list[tuple[int, float]], tmp_path: Path
) -> None:
    store.answers = [b"", answer(b"busy", status="503 Slow Down"), b"HTTP/1.1 204 No Content\r\n\r\n"]
    file = tmp_path / "film.mp4"
    file.write_bytes(b"content")
    transfer.send(store.url, file=file, fields={}, hosts=())
    assert [body.count(b"content") for body in store.bodies] == [1, 1, 1]
    assert waits == [(2, 1.0), (3, 2.0)]


def test_a_store_that_never_answers_is_named_without_its_signature(
    transfer: FileTransfer, store: Store, tmp_path: Path
) -> None:
    store.answers = [b""]
    file = tmp_path / "film.mp4"
    file.write_bytes(b"content")
    with pytest.raises(Unreachable, match=r"sending film\.mp4 to 127\.0\.0\.1: no answer") as caught:
        transfer.send(store.url, file=file, fields={"policy": "s3cret"}, hosts=())
    assert "s3cret" not in str(caught.value)


def test_an_upload_that_the_store_refuses_is_not_retried(transfer: FileTransfer, store: Store, tmp_path: Path) -> None:
    store.answers = [answer(b"<Error>s3cret</Error>", status="403 Forbidden")]
    with pytest.raises(RemoteError, match=r"fetching report\.csv from 127\.0\.0\.1: refused") as caught:
        transfer.fetch(store.url, to=tmp_path / "report.csv", hosts=())
    assert (caught.value.status, len(store.heads)) == (403, 1)
    assert "s3cret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_fetched_file_is_there_only_when_it_is_whole(transfer: FileTransfer, store: Store, tmp_path: Path) -> None:
    to = tmp_path / "report.csv"
    to.write_text("yesterday's")
    store.answers = [answer(b"half", length=100), answer(b"date,spend\n" * 50_000)]
    assert transfer.fetch(store.url, to=to, hosts=()) == 550_000
    assert to.read_bytes() == b"date,spend\n" * 50_000
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]
    assert b"authorization" not in store.heads[0].lower()


def test_what_lies_beside_a_fetched_file_stays(transfer: FileTransfer, store: Store, tmp_path: Path) -> None:
    to, target = tmp_path / f"{'r' * 240}.csv", tmp_path / "kept"
    target.write_text("mine")
    (tmp_path / f"{to.name}.part").symlink_to(target)
    store.answers = [answer(b"half", length=100), answer(b"date,spend\n")]
    transfer.fetch(store.url, to=to, hosts=())
    assert (to.read_bytes(), target.read_text()) == (b"date,spend\n", "mine")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_always_breaks_off_leaves_the_old_one(transfer: FileTransfer, store: Store, tmp_path: Path) -> None:
    to = tmp_path / "report.csv"
    to.write_text("yesterday's")
    store.answers = [answer(b"half", length=100)]
    with pytest.raises(RemoteError, match="broke off"):
        transfer.fetch(store.url, to=to, hosts=())
    assert to.read_text() == "yesterday's"
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


def test_a_place_that_can_not_be_written_is_named(transfer: FileTransfer, store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^report\.csv can't be written: No such file or directory"):
        transfer.fetch(store.url, to=tmp_path / "nowhere" / "report.csv", hosts=())


@pytest.mark.parametrize(
    ("url", "local", "good"),
    [
        ("https://store.example.com/x", False, True),
        ("https://a.files.example.com/x", False, True),
        ("http://store.example.com/x", False, False),  # in clear
        ("https://store.example.com.evil.example/x", False, False),
        ("https://evilfiles.example.com/x", False, False),
        ("https://user@store.example.com/x", False, False),
        ("http://127.0.0.1/x", False, False),  # something on this machine, named by a service elsewhere
        ("http://127.0.0.1/x", True, True),
        ("https://evil.example/x", True, False),
        ("file:///etc/passwd", True, False),
        ("nonsense", True, False),
        ("http://[::1", True, False),
    ],
)
def test_files_are_sent_to_and_fetched_from_allowed_hosts_only(url: str, local: bool, good: bool) -> None:
    transfer = FileTransfer(Transport(), local=local, back_off=lambda *_: None, random=lambda: 0.0)
    hosts = ("store.example.com", "*.files.example.com")
    if good:
        assert transfer._find_host(url, hosts)
        return
    with pytest.raises(ActionError, match="the service named"):
        transfer._find_host(url, hosts)
