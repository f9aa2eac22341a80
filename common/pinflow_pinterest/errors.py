"""The meaning of the API's error answers.

The ``code`` in an answer says more than its HTTP status, but neither is enough: some operations repeat the status as
the code, one code means different things with different statuses, and some refusals differ in their text alone.
Answers of v3 and v4 have the same code and message in another envelope, and are read here too.

Source: https://github.com/pinterest/api-description (examples of error responses)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pinflow import dataclass

Kind = Literal[
    "auth",  # no token, or a wrong, expired or other environment's one
    "scope",  # the token lacks permissions; ``missing`` names them when the answer does
    "rate",  # too many requests; try again later
    "spam",  # the account's writes are blocked for hours
    "trial",  # the app has trial access, and this needs more
    "forbidden",  # another account's, or not open to this app
    "not_found",
    "duplicate_name",  # the account already has something of this name
    "exclusive",  # another write holds the object; try again later
    "other",
]

_NOT_FOUND = frozenset({30, 40, 50, 2031})  # user, board, pin, section
_NAME_TAKEN = frozenset({58, 4170, 4179})  # board, catalog feed, catalog product group
_FORBIDDEN = frozenset({7, 29})
_OF_PINS = frozenset({7, 29, 40, 50, 2031})  # about boards, sections and Pins; 29 also about other things
_NAMES_PINS = re.compile(r"\b(?:boards?|pins?|sections?)\b", re.IGNORECASE)
_BUSY = ("exclusive access", "section conflict")
_REQUEST_ID = re.compile(r"[0-9]{1,20}", re.ASCII)  # ids of 16 to 19 digits have been seen
_SCOPE = re.compile(r"[a-z_]+:[a-z_]+|(?:read|write|manage)_[a-z_]+")  # of v5, of v3


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """The facts of an error answer."""

    kind: Kind
    status: int  # HTTP
    code: int | None  # the service's own; None if the body is not an error of the API
    message: str  # the service's text, else the name of the status
    request_id: str | None  # x-pinterest-rid, which the vendor's support asks for
    missing: frozenset[str] = frozenset()  # scopes

    @property
    def of_pins(self) -> bool:
        """Whether it may be about a board, a section or a Pin, which may be secret."""
        return self.code in _OF_PINS or _NAMES_PINS.search(self.message) is not None


def read_error(status: int, headers: Mapping[str, str], body: object) -> ErrorFacts:
    """The facts of an answer with an error status.

    ``body`` is decoded JSON, or text or bytes as received: a proxy's HTML page is read as well. Never raises.
    """
    error = _error_object(body)
    code, message = _code(error), _message(error)
    kind = _kind(status, code, message.lower())
    return ErrorFacts(
        kind=kind,
        status=status,
        code=code,
        message=message or _status_name(status),
        request_id=_request_id(headers),
        missing=_missing_scopes(message) if kind == "scope" else frozenset(),
    )


def _request_id(headers: Mapping[str, str]) -> str | None:
    """The id, which is a number: anything else may be what was sent, repeated."""
    value = next((value for name, value in headers.items() if name.lower() == "x-pinterest-rid"), "")
    return value if _REQUEST_ID.fullmatch(value) else None


def _kind(status: int, code: int | None, text: str) -> Kind:
    # not every text with "spam": a single link that is refused as spam does not block the account
    if code == 9 or "combat spam" in text or (status == 429 and "spam" in text):
        return "spam"
    if status == 429 or code == 8:  # before the other codes: a 429 has been seen with the code of "user not found"
        return "rate"
    if code in _NAME_TAKEN or "already have a board with this name" in text:
        return "duplicate_name"
    if status == 404 or code in _NOT_FOUND:
        return "not_found"
    if code == 3 and "missing: [" in text:  # some of v3's endpoints say so with a 400
        return "scope"
    if status in (401, 403):
        return _refusal_kind(status, code, text)
    if status == 409 and any(words in text for words in _BUSY):
        return "exclusive"
    return "other"


def _refusal_kind(status: int, code: int | None, text: str) -> Kind:
    if "trial" in text:
        return "trial"
    if code == 3 and "restricted feature" not in text:
        return "scope"
    if status == 403 or code == 3 or code in _FORBIDDEN:
        return "forbidden"
    return "auth"


def _error_object(body: object) -> Mapping[str, Any]:
    if isinstance(body, bytes | str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return {}
    return body if isinstance(body, Mapping) else {}


def _code(error: Mapping[str, Any]) -> int | None:
    code = error.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _message(error: Mapping[str, Any]) -> str:
    """The service's text; v3 has the useful one in ``message_detail`` or, as plain text, in ``data``."""
    texts = [error.get("message_detail") or error.get("message"), error.get("data")]
    return " ".join(text.strip() for text in texts if isinstance(text, str) and text.strip())


def _missing_scopes(message: str) -> frozenset[str]:
    return frozenset(_SCOPE.findall(message.partition("Missing:")[2]))


def _status_name(status: int) -> str:
    from http import HTTPStatus  # only an answer without text needs it

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
