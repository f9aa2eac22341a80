"""Upload and download to addresses that a service gives out. They are pre-signed, so no credential is sent there.

Files of any size are streamed. A transfer that breaks off starts again; the address
and its signature appear in no message.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol
from urllib.parse import urlsplit

from pinflow.errors import ActionError, MalformedAnswer, RemoteError, Unreachable, UsageError
from pinflow.http.multipart import Form
from pinflow.http.retry import Limits, Lost, backoff
from pinflow.http.token_rules import LOOPBACK
from pinflow.http.web_page import web_page_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pinflow.http.transport import Answer, Transport

LARGEST: Final = 16 * 2**30  # bytes of a fetched file: far above any report, and below what fills most disks

# a large video over a slow line may take hours, so it is silence that ends a transfer
_LIMITS: Final = Limits(deadline=6 * 3600.0, read=60.0)


class SentFile(Protocol):
    """A file that is opened to be sent."""

    @property
    def name(self) -> str: ...
    def open(self) -> BinaryIO: ...


class FileTransfer:
    """Sends files to and fetches them from addresses outside of an API.

    ``local`` allows addresses on this machine: the API itself is there. ``hosts`` of the methods are the other
    allowed host names, literal or as ``*.example.com``. Methods raise

    - ActionError: the address has another host
    - UsageError: the file on this machine can't be read or written
    - Unreachable: no try was answered
    - MalformedAnswer: a page for people came, of a proxy or a sign-in
    - RemoteError: the service refused
    """

    def __init__(
        self,
        transport: Transport,
        *,
        local: bool,
        back_off: Callable[[int, float, str], None],  # waits: next attempt, seconds, reason
        random: Callable[[], float],
        before: Callable[[], None] = lambda: None,
        limits: Limits = _LIMITS,
    ) -> None:
        self._transport = transport
        self._local = local
        self._back_off = back_off
        self._random = random
        self._before = before
        self._limits = limits

    def send(self, url: str, *, file: Path | SentFile, fields: Mapping[str, str], hosts: Collection[str]) -> None:
        """POST a form: ``fields``, then ``file`` as the last part."""
        host = self._find_host(url, hosts)

        def attempt() -> Answer:
            with _open(file) as source:
                form = Form(fields, source, os.fstat(source.fileno()).st_size)
                return self._transport.send(
                    "POST", url, sign=_sign_nothing, limits=self._limits, body=form, content_type=form.content_type
                )

        self._retry(f"sending {file.name} to {host}", host, attempt)

    def fetch(self, url: str, *, to: Path | BinaryIO, hosts: Collection[str], name: str = "") -> int:
        """GET a file; its size in bytes. ``to`` is the draft of an `OutputFile`, called ``name`` in messages.

        A path is written beside it, and moved there only when it is complete.
        """
        if not isinstance(to, Path):
            return self._fetch(url, to, hosts, name)
        part = to.with_name(f".{to.name[:100]}.{token_hex(4)}.part")  # random, so that it is no file or link of others
        try:
            with part.open("x+b") as draft:
                size = self._fetch(url, draft, hosts, to.name)
            part.replace(to)
        except OSError as error:
            raise UsageError(f"{to.name} can't be written: {error.strerror}") from None
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return size

    def _fetch(self, url: str, draft: BinaryIO, hosts: Collection[str], name: str) -> int:
        host = self._find_host(url, hosts)

        def attempt() -> Answer:
            draft.seek(0)
            draft.truncate()  # of the attempt before
            limits = replace(self._limits, max_bytes=LARGEST)
            return self._transport.send("GET", url, sign=_sign_nothing, limits=limits, sink=draft.write)

        self._retry(f"fetching {name} from {host}", host, attempt)
        return draft.seek(0, os.SEEK_END)

    def _retry(self, task: str, host: str, attempt: Callable[[], Answer]) -> None:
        """Try until it succeeds or is refused for good. ``task`` begins the message."""
        for number in range(1, self._limits.attempts + 1):
            self._before()
            try:
                answer = attempt()
            except Lost as lost:
                problem: ActionError = Unreachable(f"{task}: no answer: {lost.reason}", hint=lost.hint)
                if lost.final:
                    raise problem from None
            else:
                if page := web_page_reason(answer, host):
                    raise MalformedAnswer(
                        f"{task}: {page}", hint="sign in to the network or its VPN, or check PINFLOW_PROXY"
                    )
                if 200 <= answer.status < 300 and not answer.flaw:
                    return
                problem = _refusal(task, answer)
                if answer.status < 500 and not answer.flaw:
                    raise problem
            if number == self._limits.attempts:
                raise problem
            self._back_off(number + 1, backoff(number, self._limits, self._random()), problem.message)

    def _find_host(self, url: str, hosts: Collection[str]) -> str:
        """The host of an address. Raises ActionError unless it is an allowed one."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except (ValueError, AttributeError):
            raise ActionError("the service named an invalid address for a file") from None
        if host in LOOPBACK and self._local and parts.scheme in ("http", "https"):
            return host
        if parts.scheme == "https" and "@" not in parts.netloc and any(_matches(host, pattern) for pattern in hosts):
            return host
        shown = f"{parts.scheme}://{host}"[:100]
        raise ActionError(
            f"the service named {shown!r} for a file; allowed hosts are {', '.join(sorted(hosts))}",
            hint="nothing was sent there; if the service moved its files, update the plugin",
        )


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _sign_nothing(request: object) -> None:
    """The address is pre-signed."""


def _open(file: Path | SentFile) -> BinaryIO:
    try:
        return file.open("rb") if isinstance(file, Path) else file.open()
    except OSError as error:
        raise UsageError(f"{file.name} can't be read: {error.strerror}") from None


def _refusal(task: str, answer: Answer) -> RemoteError:
    reason = f"the answer {answer.flaw}" if answer.flaw else "refused"
    return RemoteError(f"{task}: {reason}", status=answer.status)
