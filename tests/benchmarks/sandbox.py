"""How fast the sandbox answers, which no figure against it can exceed."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes
from tests.benchmarks.service import Service, service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def sandbox(size: Sizes, folder: Path) -> Iterator[Figure]:
    """How many reads a second it answers to four connections that do little else than ask."""
    connections = 4
    with service() as there:
        clients = [threading.Thread(target=ask, args=(there, size.calls // connections)) for _ in range(connections)]
        began = time.perf_counter()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        seconds = time.perf_counter() - began
        answered = there.asked().get("GET /v5/user_account", 0)
        if answered != size.calls:
            raise SystemExit(f"the sandbox answered {answered} of {size.calls} calls")
    yield Figure("sandbox: reads answered", size.calls / seconds, "a second", 1500, more=True)


def ask(there: Service, calls: int) -> None:
    """Ask for the account over and over on one connection."""
    host, _, port = there.url.removeprefix("http://").rpartition(":")
    token = there.environ["ACCESS_TOKEN"]
    asking = f"GET /v5/user_account HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as answers:
        for _ in range(calls):
            connection.sendall(asking)
            length = 0
            while (line := answers.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            answers.read(length)
