"""Requests and responses of HTTP, read whole and written whole."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs


@dataclass(slots=True)
class HttpRequest:
    """A request, read whole. Header names are lower case; ``host`` is where it was sent to."""

    method: str
    path: str  # still percent-encoded
    query_text: str
    host: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters, each with all its values."""
        return parse_qs(self.query_text, keep_blank_values=True) if self.query_text else {}

    def header(self, name: str) -> str:
        """A header's value, or an empty text."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What goes back."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class ConnectionDropped(Exception):
    """Raised in place of an answer: the connection ends after so many bytes of it, by a reset if asked."""

    def __init__(self, answer: HttpResponse | None = None, *, sent: int = 0, reset: bool = False) -> None:
        super().__init__(f"connection dropped after {sent} bytes")
        self.answer = answer
        self.sent = sent
        self.reset = reset
