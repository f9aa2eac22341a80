"""Listings that are not true: empty, short, old, null, or a page that comes twice.

A lie changes one page of a listing in its response; the world stays as it is.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pinflow_sandbox.server.dialects import dialect_of

if TYPE_CHECKING:
    from random import Random

    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

LISTING_LIES: Final = ("list_empty", "list_null", "list_short", "list_stale", "list_repeated")  # fields of a profile

_KEPT: Final = 1000  # first responses that are remembered, so that a server of many days stays small
_AGAIN: Final = "again."  # begins the bookmark of a page that comes twice


class ListingLies:
    """What untrue listings are made from. The caller holds a lock."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], bytes] = {}  # response to each request
        self._again: dict[str, str] = {}  # bookmark -> query of the page that comes twice

    def forget(self) -> None:
        """Forget the responses."""
        self._first.clear()
        self._again.clear()

    def resolve(self, call: HttpRequest) -> None:
        """Make a request for the page after one that comes twice a request for that page."""
        call.query_text = self._again.pop(call.last_values.get("bookmark", ""), call.query_text)

    def tell(self, lie: str, call: HttpRequest, answer: HttpResponse, chance: Random) -> HttpResponse:
        """The response with this lie ("" for none): the same object if it is none of a listing, or would be true."""
        value = json.loads(answer.body) if answer.status == 200 and answer.body else None
        if not isinstance(value, dict):
            return answer
        items = dialect_of(call.path).content(value)
        if not isinstance(items, list):
            return answer
        key = call.path, call.query_text, call.header("authorization")
        first = self._first.setdefault(key, answer.body) if key in self._first or len(self._first) < _KEPT else b""
        if lie == "list_stale":
            is_old = bool(first) and dialect_of(call.path).content(json.loads(first)) != items
            return replace(answer, body=first) if is_old else answer
        untrue = self._untrue_page(lie, call, value, items, chance)
        return answer if untrue in (None, value) else replace(answer, body=json.dumps(untrue).encode())

    def _untrue_page(
        self, lie: str, call: HttpRequest, value: dict[str, Any], items: list[Any], chance: Random
    ) -> dict[str, Any] | None:
        name = next(name for name, content in value.items() if content is items)
        match lie:
            case "list_empty":
                return {**value, name: [], "bookmark": None}
            case "list_null":
                return {**value, name: None}
            case "list_short" if items:
                return {**value, name: items[: chance.randrange(len(items))], "bookmark": None}
            case "list_repeated" if items:
                bookmark = f"{_AGAIN}{chance.randrange(10**12)}"
                self._again[bookmark] = call.query_text
                return {**value, "bookmark": bookmark}
        return None
