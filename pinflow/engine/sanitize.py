"""What the journal may keep: ids, numbers, dates, states and digests, never content.

Titles, texts, addresses and secrets do not pass, whatever hands them over.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

from pinflow.errors import Interrupted, PinflowError, RemoteError
from pinflow.masking.known import hides_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NUMBER_TEXT = re.compile(r"[0-9]{1,32}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_ENUM = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_FIELD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_KEY = re.compile(r"(?!.*://)[A-Za-z0-9_.:/=+~#-]{1,120}")
_PATH = re.compile(r"(?!.*://)[A-Za-z0-9_.:/=+~#\[\]-]{0,600}")
_ITEM = re.compile(r"\[(.*?)\](?=[.\[]|$)", re.DOTALL)
_ERROR_FACTS = re.compile(
    r"[a-z_]{1,40}, exit \d{1,3}(, HTTP \d{1,3})?(, code [\w.-]{1,60})?(, request [\w.-]{1,80})?", re.ASCII
)
_CODE = re.compile(r"[\w.-]{1,60}", re.ASCII)
MAX_DEPTH, MAX_VALUES = 8, 10_000  # deeper and longer than any result of an action; bounds what a service can store


def sanitize(value: object) -> Any:
    """What the journal may keep of ``value``, which is like JSON: no content survives.

    Kept are numbers, booleans, null, and text that is an id of digits (at most 32),
    an ISO date or date-time, or an UPPER_CASE word (at most 40 characters). Any
    other text goes, and with it its key; in a list, null takes its place. What is
    nested deeper than 8 levels, or comes after 10,000 values, goes as well.
    """
    result = _Sanitizer().sanitize(value, MAX_DEPTH)
    return None if result is _DROPPED else result


_DROPPED = object()


class _Sanitizer:
    """Sanitises one value, up to a number of values inside it."""

    def __init__(self) -> None:
        self._remaining = MAX_VALUES

    def sanitize(self, value: object, depth: int) -> Any:
        self._remaining -= 1
        if depth < 0 or self._remaining < 0:
            return _DROPPED
        match value:
            case None | bool():
                return value
            case int():
                return value if abs(value) < 10**32 and not hides_secret(str(value)) else _DROPPED
            case float():
                return value if math.isfinite(value) and not hides_secret(repr(value)) else _DROPPED
            case str():
                plain = _NUMBER_TEXT.fullmatch(value) or _DATE.fullmatch(value) or _ENUM.fullmatch(value)
                return value if plain and not hides_secret(value) else _DROPPED
            case dict():
                return self._fields(value, depth)
            case list() | tuple():
                return self._items(value, depth)
        return _DROPPED

    def _fields(self, value: Mapping[Any, object], depth: int) -> dict[str, Any]:
        fields = {}
        for name, field in value.items():
            if self._remaining <= 0:
                break
            if isinstance(name, str) and _FIELD.fullmatch(name) and not hides_secret(name):
                part = self.sanitize(field, depth - 1)
                if part is not _DROPPED:
                    fields[name] = part
        return fields

    def _items(self, value: Sequence[object], depth: int) -> list[Any]:
        items = []
        for item in value:
            if self._remaining <= 0:
                break
            part = self.sanitize(item, depth - 1)
            items.append(None if part is _DROPPED else part)
        return items


def is_id(text: str) -> bool:
    """Whether ``text`` looks like an id: ASCII, no spaces, no address, at most 120 characters, and no secret."""
    return _KEY.fullmatch(text) is not None and not hides_secret(text)


def plain_key(key: str) -> str:
    """``key`` with each part between slashes that does not look like an id replaced by its digest.

    The same key always gives the same text, and a plain key is left as it is.
    """
    return key if is_id(key) else "/".join(part if is_id(part) else _digest(part) for part in key.split("/"))


def _digest(text: str) -> str:
    return "~" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def error_facts(error: BaseException) -> str:
    """An error as the journal keeps it: kind, exit code, status, code and request id; no message."""
    if isinstance(error, KeyboardInterrupt | SystemExit):  # a second Ctrl-C, in the middle of a call
        return error_facts(Interrupted(""))
    if not isinstance(error, PinflowError):
        return "defect, exit 3"
    facts = [f"{error.kind}, exit {error.exit_code}"]
    if isinstance(error, RemoteError):
        if error.status:  # 0: our own knowledge, no answer
            facts.append(f"HTTP {error.status}")
        if error.code is not None and _CODE.fullmatch(str(error.code)):
            facts.append(f"code {error.code}")
        if _CODE.fullmatch(error.request_id):
            facts.append(f"request {error.request_id}")
    return ", ".join(facts)


def plain_path(path: str) -> str:
    """A step's path in which every item's key is a `plain_key`: ``pins[813].copied``."""
    plain = _ITEM.sub(lambda item: f"[{plain_key(item[1])}]", path)
    return plain if _PATH.fullmatch(plain) else _digest(plain)


def items_of_path(path: str) -> Iterator[tuple[str, str]]:
    """The loops that a step at this path is in, and the key of each one's item, the outermost first."""
    return ((path[: item.start()], item[1]) for item in _ITEM.finditer(path))


def innermost_item(path: str) -> tuple[str, str]:
    """The innermost loop that a step at this path is in, and the key of its item; ("", "") if it is in none."""
    return [("", ""), *items_of_path(path)][-1]


def path_without_items(path: str) -> str:
    """The path of a step as a plan has it: ``pins.copied`` for ``pins[813].copied``."""
    return _ITEM.sub("", path)


def plain_error(text: str) -> str:
    """``text`` when it has the form that `noted` gives it, else only that there was an error."""
    return text if not text or _ERROR_FACTS.fullmatch(text) else "other, exit 1"
