"""Reading request bodies: right types, right lengths, known values. Fields nobody asks for are ignored.

Each method raises ApiError (400, code 1) with the field's name when a value is not acceptable.
"""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pinflow_sandbox.server.errors import ApiError, invalid_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_Choice = TypeVar("_Choice", bound=str)

_ID = re.compile(r"[0-9]+")
_OWN_NAMES: Mapping[str, str] = MappingProxyType({})


class RequestBody:
    """A JSON object somebody sent; ``where`` names it in messages when it is a part of another.

    ``names`` are what the fields are called by whoever sent it, where that differs: "media_source.url" -> "image_url".
    """

    def __init__(self, values: dict[str, Any], where: str = "", names: Mapping[str, str] = _OWN_NAMES) -> None:
        self._values = values
        self._where = where
        self._names = names

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def values(self) -> Mapping[str, Any]:
        """All that was sent, by name."""
        return self._values

    def text(self, name: str, *, most: int | None = None, least: int = 0, null: bool = False) -> str | None:
        """A text of ``least`` to ``most`` characters, or None where it is absent (or null, if that is allowed)."""
        value = self._values.get(name)
        if value is None:
            self._absent(name, null=null)
            return None
        if not isinstance(value, str):
            raise self._wrong(name, "must be a string")
        if not is_encodable(value):
            raise self._wrong(name, "is not valid Unicode text")
        if most is not None and len(value) > most:
            raise self._wrong(name, f"must be at most {most} characters long, but has {len(value)}")
        if len(value) < least:
            raise self._wrong(name, f"must be at least {least} characters long")
        return value

    def needed_text(self, name: str, *, most: int | None = None, least: int = 1) -> str:
        """A text that must be there."""
        value = self.text(name, most=most, least=least)
        if value is None:
            raise self._wrong(name, "is required")
        return value

    def id(self, name: str, *, null: bool = True) -> str | None:
        """An id: digits, as text."""
        value = self.text(name, null=null)
        if value is not None and not _ID.fullmatch(value):
            raise self._wrong(name, rf"value '{value[:40]}' must match the pattern: ^\d+$")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "must be true or false")
        return value

    def choice(self, name: str, allowed: Sequence[_Choice]) -> _Choice | None:
        """One of a closed set of texts, or None where it is absent."""
        value = self.text(name)
        for each in allowed:
            if value == each:
                return each
        if value is None:
            return None
        raise self._wrong(name, f"value '{value[:40]}' must be one of {list(allowed)}")

    def whole(self, name: str) -> int | None:
        """A whole number of at least 0, or None where it is absent."""
        value = self._values.get(name)
        if value is None:
            self._absent(name, null=False)
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(name, "must be a whole number of at least 0")
        return value

    def part(self, name: str) -> RequestBody | None:
        """An object within this one, or None where it is absent."""
        value = self._values.get(name)
        if value is None:
            self._absent(name, null=False)
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "must be an object")
        return RequestBody(value, f"{self._shown(name)}.", self._names)

    def parts(self, name: str, *, least: int, most: int) -> list[RequestBody]:
        """A list of objects."""
        value = self._values.get(name)
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self._wrong(name, "must be a list of objects")
        if not least <= len(value) <= most:
            raise self._wrong(name, f"must have {least} to {most} items, but has {len(value)}")
        where = self._shown(name)
        return [RequestBody(each, f"{where}[{index}].", self._names) for index, each in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty where it is absent."""
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._wrong(name, "must be a list of strings")
        return list(value)

    def numbers(self, name: str) -> list[float]:
        """A list of at least one number."""
        value = self._values.get(name)
        good = isinstance(value, list) and all(type(each) in (int, float) for each in value)
        if not isinstance(value, list) or not good or not value:
            raise self._wrong(name, "must be a list of at least one number")
        return list(value)

    def wrong(self, name: str, why: str) -> ApiError:
        """The error to raise when a value of this body is not acceptable for a reason of its own."""
        return self._wrong(name, why)

    def _absent(self, name: str, *, null: bool) -> None:
        if name in self._values and not null:
            raise self._wrong(name, "must not be null")

    def _wrong(self, name: str, why: str) -> ApiError:
        return invalid_request(f"'{self._shown(name)}' {why}")

    def _shown(self, name: str) -> str:
        full = f"{self._where}{name}"
        return self._names.get(full, full)


def parse_body(raw: bytes, content_type: str) -> RequestBody:
    """The JSON object in a request. Raises ApiError where there is none."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise invalid_request(f"the body must be application/json, not '{content_type[:80]}'")
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise invalid_request("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise invalid_request("the body must be a JSON object")
    return RequestBody(value)


def valid_id(name: str, value: str) -> str:
    """An id from a path or a query. Raises ApiError if it is not all digits."""
    if not (value.isascii() and value.isdigit()):
        raise invalid_request(rf"'{name}' value '{value[:40]}' must match the pattern: ^\d+$")
    return value


def is_encodable(text: str) -> bool:
    """Whether a text is free of lone surrogates, which JSON can carry but UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
