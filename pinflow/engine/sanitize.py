"""What the journal may keep: ids, numbers, dates, states and digests, never content.

Titles, texts, addresses and secrets do not pass, whoever hands them over.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

from pinflow.errors import Interrupted, PinflowError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NUMBER_TEXT = re.compile(r"[0-9]{1,32}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_ENUM = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_FIELD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_KEY = re.compile(r"(?!.*://)[A-Za-z0-9_.:/=+~#-]{1,120}")
_PATH = re.compile(r"(?!.*://)[A-Za-z0-9_.:/=+~#\[\]-]{0,600}")
_ITEM = re.compile(r"\[(.*?)\](?=[.\[]|$)", re.DOTALL)
_NOTED = re.compile(
    r"[a-z_]{1,40}, exit \d{1,3}(, HTTP \d{1,3})?(, code [\w.-]{1,60})?(, request [\w.-]{1,80})?", re.ASCII
)
_CODE = re.compile(r"[\w.-]{1,60}", re.ASCII)
_DEPTH, _VALUES = 8, 10_000


def keepable(value: object) -> Any:
    """What the journal may keep of ``value``, which is like JSON: no content survives.

    Kept are numbers, booleans, null, and text that is an id of digits (at most 32),
    an ISO date or date-time, or an UPPER_CASE word (at most 40 characters). Any
    other text goes, and with it its key; in a list, null takes its place. What is
    nested deeper than 8 levels, or comes after 10,000 values, goes as well.
    """
    left = [_VALUES]
    kept = _kept(value, _DEPTH, left)
    return None if kept is _GONE else kept


_GONE = object()


def _kept(value: object, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth < 0 or left[0] < 0:
        return _GONE
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < 10**32 else _GONE
        case float():
            return value if math.isfinite(value) else _GONE
        case str():
            plain = _NUMBER_TEXT.fullmatch(value) or _DATE.fullmatch(value) or _ENUM.fullmatch(value)
            return value if plain else _GONE
        case dict():
            return _kept_fields(value, depth, left)
        case list() | tuple():
            return _kept_items(value, depth, left)
    return _GONE


def _kept_fields(value: Mapping[Any, object], depth: int, left: list[int]) -> dict[str, Any]:
    kept = {}
    for name, each in value.items():
        if left[0] <= 0:
            break
        if isinstance(name, str) and _FIELD.fullmatch(name) and (part := _kept(each, depth - 1, left)) is not _GONE:
            kept[name] = part
    return kept


def _kept_items(value: Sequence[object], depth: int, left: list[int]) -> list[Any]:
    kept = []
    for each in value:
        if left[0] <= 0:
            break
        part = _kept(each, depth - 1, left)
        kept.append(None if part is _GONE else part)
    return kept


def is_id(text: str) -> bool:
    """Whether ``text`` looks like an id: ASCII, no spaces, no address, at most 120 characters."""
    return _KEY.fullmatch(text) is not None


def plain_key(key: str) -> str:
    """``key`` with each part between slashes that does not look like an id replaced by its digest.

    The same key always gives the same text, and a plain key is left as it is.
    """
    return key if is_id(key) else "/".join(part if is_id(part) else _digest(part) for part in key.split("/"))


def _digest(text: str) -> str:
    return "~" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def noted(error: BaseException) -> str:
    """An error as the journal keeps it: kind, exit code, status, code and request id; no message."""
    if isinstance(error, KeyboardInterrupt | SystemExit):  # a second Ctrl-C, in the middle of a call
        return noted(Interrupted(""))
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


def plain_error(text: str) -> str:
    """``text`` when it has the form that `noted` gives it, else only that there was an error."""
    return text if not text or _NOTED.fullmatch(text) else "other, exit 1"
