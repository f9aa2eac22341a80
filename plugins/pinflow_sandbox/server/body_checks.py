"""Reads request bodies and checks types, lengths and values. Unknown fields are ignored.

Each method raises ApiError (400, code 1) with the field's name if a value is invalid.
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
    """A JSON object from a request; ``where`` is the prefix of its fields in messages if it is part of another.

    ``names`` maps fields to their names in another dialect, for messages: "media_source.url" -> "image_url".
    """

    def __init__(self, values: dict[str, Any], where: str = "", names: Mapping[str, str] = _OWN_NAMES) -> None:
        self._values = values
        self._where = where
        self._names = names

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def values(self) -> Mapping[str, Any]:
        """All values by name."""
        return self._values

    def text(self, name: str, *, most: int | None = None, least: int = 0, null: bool = False) -> str | None:
        """A text of ``least`` to ``most`` characters, or None if it is absent (or null, if that is allowed)."""
        value = self._value(name, null=null)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.field_error(name, "must be a string")
        if not is_encodable(value):
            raise self.field_error(name, "is not valid Unicode text")
        if most is not None and len(value) > most:
            raise self.field_error(name, f"must be at most {most} characters long, but has {len(value)}")
        if len(value) < least:
            raise self.field_error(name, f"must be at least {least} characters long")
        return value

    def required_text(self, name: str, *, most: int | None = None, least: int = 1) -> str:
        """A required text."""
        value = self.text(name, most=most, least=least)
        if value is None:
            raise self.field_error(name, "is required")
        return value

    def id(self, name: str, *, null: bool = True) -> str | None:
        """An id: digits, as text."""
        value = self.text(name, null=null)
        if value is not None and not _ID.fullmatch(value):
            raise self.field_error(name, rf"value '{value[:40]}' must match the pattern: ^\d+$")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self.field_error(name, "must be true or false")
        return value

    def choice(self, name: str, allowed: Sequence[_Choice]) -> _Choice | None:
        """One of the allowed texts, or None if it is absent."""
        value = self.text(name)
        choice = next((choice for choice in allowed if choice == value), None)
        if value is not None and choice is None:
            raise self.field_error(name, f"value '{value[:40]}' must be one of {list(allowed)}")
        return choice

    def required_choice(self, name: str, allowed: Sequence[_Choice]) -> _Choice:
        """One of the allowed texts."""
        if choice := self.choice(name, allowed):
            return choice
        raise self.field_error(name, "is required")

    def required_id(self, name: str) -> str:
        """A required id."""
        if id := self.id(name, null=False):
            return id
        raise self.field_error(name, "is required")

    def whole(self, name: str) -> int | None:
        """A whole number of at least 0, or None if it is absent."""
        value = self._value(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise self.field_error(name, "must be a whole number of at least 0")
        return value

    def part(self, name: str) -> RequestBody | None:
        """A nested object, or None if it is absent."""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.field_error(name, "must be an object")
        return RequestBody(value, f"{self._full_name(name)}.", self._names)

    def parts(self, name: str, *, least: int, most: int) -> list[RequestBody]:
        """A list of objects."""
        value = self._values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.field_error(name, "must be a list of objects")
        if not least <= len(value) <= most:
            raise self.field_error(name, f"must have {least} to {most} items, but has {len(value)}")
        where = self._full_name(name)
        return [RequestBody(item, f"{where}[{index}].", self._names) for index, item in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty if it is absent."""
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.field_error(name, "must be a list of strings")
        return list(value)

    def numbers(self, name: str) -> list[float]:
        """A list of at least one number."""
        value = self._values.get(name)
        if not isinstance(value, list) or not value or not all(type(item) in (int, float) for item in value):
            raise self.field_error(name, "must be a list of at least one number")
        return list(value)

    def _value(self, name: str, *, null: bool = False) -> Any:
        """A value, or None if it is absent (or null, if that is allowed)."""
        value = self._values.get(name)
        if value is None and name in self._values and not null:
            raise self.field_error(name, "must not be null")
        return value

    def field_error(self, name: str, reason: str) -> ApiError:
        """The error to raise for an invalid value of this body."""
        return invalid_request(f"'{self._full_name(name)}' {reason}")

    def _full_name(self, name: str) -> str:
        full = f"{self._where}{name}"
        return self._names.get(full, full)


def parse_body(raw: bytes, content_type: str) -> RequestBody:
    """The JSON object in a request. Raises ApiError if the body is not one."""
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
    """An id from a path or a query. Raises ApiError if it is not digits only."""
    if not (value.isascii() and value.isdigit()):
        raise invalid_request(rf"'{name}' value '{value[:40]}' must match the pattern: ^\d+$")
    return value


def is_encodable(text: str) -> bool:
    """Whether a text has no lone surrogates, which JSON can express but UTF-8 can't."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
