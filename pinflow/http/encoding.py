"""Paths, queries, form bodies and JSON: encoded and decoded in one place.

Nothing here trusts its input. What is encoded can't change which operation is
called; what is decoded is finite, of limited depth, and can be printed.
"""

from __future__ import annotations

import importlib
import json
import math
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_DEPTH = 100  # of nested lists and objects: far beyond any answer, far below Python's recursion limit

_SAFE_IN_PATH = "/-._~!$&'()*+,;=:@"  # RFC 3986, pchar
_SHALLOW = 2 * MAX_DEPTH  # bytes; a shorter text can't exceed the limit


class Unreadable(Exception):
    """A body can't be decoded. ``retryable`` says whether another try may bring a better one."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


class Repeated(tuple[object, ...]):
    """A list parameter that is sent as ``name=a&name=b``; other lists are joined by commas."""

    __slots__ = ()


def encoded_path(path: str) -> str:
    """``path`` percent-encoded for a URL, "%" too.

    Raises ValueError for a path that could lead to another operation.
    """
    if not path.startswith("/"):
        raise ValueError(f"a path must begin with a slash: {path!r}")
    for wrong in ("..", "//", "/./", "?", "#", "\\"):
        if wrong in path:
            raise ValueError(f"a path must not contain {wrong!r}: {path!r}")
    if not path.isprintable():
        raise ValueError(f"a path must not contain control characters: {path!r}")
    return quote(path, safe=_SAFE_IN_PATH)


def encoded_query(params: Mapping[str, object] | None) -> str:
    """Parameters as a query or a form body: true and false in lower case, lists joined by commas, None left out.

    A :class:`Repeated` parameter appears once per item.

    Raises ValueError for a value that is not text, a number, true or false, or a list of them.
    """
    if not params:
        return ""
    pairs = (
        (name, part)
        for name, value in params.items()
        if value is not None
        for part in (value if isinstance(value, Repeated) else (value,))
    )
    return "&".join(f"{quote(name, safe='')}={_encoded_value(name, value)}" for name, value in pairs)


def _encoded_value(name: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_encoded_value(name, item) for item in value)
    if isinstance(value, set | frozenset):
        return ",".join(sorted(_encoded_value(name, item) for item in value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value, safe="")  # UnicodeEncodeError, for a lone surrogate, is a ValueError
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return quote(str(value), safe="")
    raise ValueError(
        f"the parameter {name!r} must be text, a number, true or false, or a list, not {type(value).__name__}"
    )


def encoded_json(value: object) -> bytes:
    """``value`` as compact JSON in UTF-8. Raises ValueError for NaN, infinity, lone surrogates and cycles."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@cache  # a run of thousands of accounts asks for each, and looking for what is not installed costs eight system calls
def json_reader() -> Callable[[bytes], Any]:
    """``decoded_json`` with the fastest parser that is installed: orjson, else json.

    orjson makes floats of whole numbers beyond 64 bits; services send such ids as text.
    """
    try:
        fast: Callable[[bytes], Any] = importlib.import_module("orjson").loads
    except ImportError:
        return decoded_json

    def read(body: bytes) -> Any:
        with suppress(ValueError):
            value = fast(body)
            _check_depth(value, body)
            return value
        return decoded_json(body)  # it replaces a lone surrogate, and names any other mistake

    return read


def decoded_json(body: bytes) -> Any:
    """The value of a JSON text. Lone surrogates become U+FFFD, so that it can be printed and stored.

    Raises Unreadable for what is not UTF-8 or not JSON, for NaN and numbers beyond
    range, and for more than MAX_DEPTH levels.
    """
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError:
        problem = Unreadable("is not UTF-8", retryable=True)
    except RecursionError:
        problem = Unreadable(f"has more than {MAX_DEPTH} levels", retryable=False)
    except json.JSONDecodeError as error:
        problem = Unreadable(f"is not JSON: {error.msg} at character {error.pos}", retryable=True)
    except ValueError as error:  # _refuse, _finite, or an integer of thousands of digits
        reason = str(error) if isinstance(error, _BadNumber) else "contains a number of too many digits"
        problem = Unreadable(reason, retryable=False)
    else:
        _check_depth(value, body)
        return _map_texts(value, _make_printable) if b"\\ud" in body or b"\\uD" in body else value
    raise problem  # outside of the handler: a parser's error carries the whole text


class _BadNumber(ValueError):
    pass


def _refuse(name: str) -> float:
    raise _BadNumber(f"contains {name}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _BadNumber("contains a number out of range")
    return value


def _check_depth(value: Any, body: bytes) -> None:
    if len(body) <= _SHALLOW:
        return
    level = [value] if type(value) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in (dict, list)
        ]
        if not level:
            return
    raise Unreadable(f"has more than {MAX_DEPTH} levels", retryable=False)


def _make_printable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A decoded value with every text in it changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _map_texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    return value
