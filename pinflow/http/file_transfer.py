"""Files to and from addresses that a service gives out: signed in themselves, so that no credential goes there.

Nothing is held in memory as a whole, whatever a file's size. A transfer that breaks
off begins again; the address and what it is signed with appear in no message.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit

from pinflow.errors import ActionError, RemoteError, Unreachable, UsageError
from pinflow.http.api import LOOPBACK
from pinflow.http.multipart import Form
from pinflow.http.retry import Limits, Lost, backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from pinflow.http.transport import Answer, Transport

LARGEST: Final = 16 * 2**30  # bytes of a fetched file

_PATIENCE: Final = Limits(deadline=6 * 3600.0, read=60.0)  # silence ends a transfer long before the deadline


class Carrier:
    """Sends files to and fetches them from addresses outside of an API.

    ``local`` says that the API itself is on this machine, and so may be what it names.
    ``hosts`` of the methods are the names that are good beyond that, each as it is or
    as ``*.example.com``. Methods raise

    - ActionError: the address leads to no such host
    - UsageError: the file on this machine can't be read or written
    - Unreachable: no answer came, however often it was tried
    - RemoteError: what was answered
    """

    def __init__(
        self,
        transport: Transport,
        *,
        local: bool,
        sleep: Callable[[int, float, str], None],  # attempt, seconds, why
        random: Callable[[], float],
        before: Callable[[], None] = lambda: None,
        limits: Limits = _PATIENCE,
    ) -> None:
        self._transport = transport
        self._local = local
        self._sleep = sleep
        self._random = random
        self._before = before
        self._limits = limits

    def send(self, url: str, *, file: Path, fields: Mapping[str, str], hosts: Collection[str]) -> None:
        """POST a form whose last part, ``file``, is a file; ``fields`` come before it."""
        host = self._checked(url, hosts)

        def attempt() -> Answer:
            with _opened(file, "rb", file.name) as source:
                form = Form(fields, source, file.stat().st_size)
                return self._transport.send(
                    "POST", url, sign=_unsigned, limits=self._limits, body=form, content_type=form.content_type
                )

        self._carried(f"sending {file.name} to {host}", attempt)

    def fetch(self, url: str, *, to: Path, hosts: Collection[str]) -> int:
        """GET a file; its size in bytes. It appears at ``to`` only when it is whole, until then it is beside it."""
        host = self._checked(url, hosts)
        part = to.with_name(f".{to.name[:100]}.{token_hex(4)}.part")  # nobody's, and no link that was put there

        def attempt() -> Answer:
            part.unlink(missing_ok=True)  # of the attempt before
            with _opened(part, "xb", to.name) as target:
                limits = replace(self._limits, max_bytes=LARGEST)
                return self._transport.send("GET", url, sign=_unsigned, limits=limits, sink=target.write)

        try:
            self._carried(f"fetching {to.name} from {host}", attempt)
            size = part.stat().st_size
            part.replace(to)
        except OSError as error:
            raise UsageError(f"{to.name} can't be written: {error.strerror}") from None
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return size

    def _carried(self, what: str, attempt: Callable[[], Answer]) -> None:
        """Try until there is a good answer; not again where it would be refused again."""
        for number in range(1, self._limits.attempts + 1):
            self._before()
            try:
                answer = attempt()
            except Lost as lost:
                problem: ActionError = Unreachable(f"{what}: no answer: {lost.reason}")
            else:
                if 200 <= answer.status < 300 and not answer.flaw:
                    return
                problem = _refusal(what, answer)
                if answer.status < 500 and not answer.flaw:
                    raise problem
            if number == self._limits.attempts:
                raise problem
            self._sleep(number + 1, backoff(number, self._limits, self._random()), problem.message)

    def _checked(self, url: str, hosts: Collection[str]) -> str:
        """The host of an address, if it is one to deal with."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except (ValueError, AttributeError):
            raise ActionError("the service named an address that is none") from None
        if host in LOOPBACK and self._local and parts.scheme in ("http", "https"):
            return host
        if parts.scheme == "https" and "@" not in parts.netloc and any(_is(host, each) for each in hosts):
            return host
        shown = f"{parts.scheme}://{host}"[:100]
        raise ActionError(
            f"the service named {shown!r} for a file, which is not one of its places: {', '.join(sorted(hosts))}",
            hint="nothing was sent there; if the service has moved, a newer version of the plugin will know",
        )


def _is(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _unsigned(request: object) -> None:
    """The address has all the right that it needs."""


def _opened(path: Path, mode: str, name: str) -> BinaryIO:
    try:
        return path.open(mode)  # type: ignore[return-value]
    except OSError as error:
        verb = "read" if mode == "rb" else "written"
        raise UsageError(f"{name} can't be {verb}: {error.strerror}") from None


def _refusal(what: str, answer: Answer) -> RemoteError:
    if answer.flaw:
        return RemoteError(f"{what}: the answer {answer.flaw}", status=answer.status)
    return RemoteError(f"{what}: refused", status=answer.status)
