"""HTTP requests and responses, each whole in memory."""

from __future__ import annotations

from urllib.parse import parse_qs

from pinflow import dataclass

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class HttpRequest:
    """A request. Header names are lower case; ``host`` is the host and port it was sent to."""

    method: str
    path: str  # still percent-encoded
    query_text: str
    host: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters, each with all its values."""
        return parse_qs(self.query_text, keep_blank_values=True)

    @property
    def last_values(self) -> dict[str, str]:
        """The query parameters, each with its last value."""
        return {name: values[-1] for name, values in self.query.items()}

    def header(self, name: str) -> str:
        """The value of a header, "" if it is absent."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, without the headers that every response has."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()


class ConnectionDropped(Exception):
    """Raised instead of responding: the connection ends after ``sent`` bytes of ``response``, or is reset."""

    def __init__(self, response: HttpResponse | None = None, *, sent: int = 0, reset: bool = False) -> None:
        super().__init__(f"connection dropped after {sent} bytes")
        self.response = response
        self.sent = sent
        self.reset = reset
