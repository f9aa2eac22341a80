"""One page of a listing, as an API answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.errors import MalformedAnswer
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from pinflow.http.api import Api

_LONGEST_BOOKMARK = 8_192  # characters; it has to go into a URL


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing, and the bookmark of the next page; None after the last."""

    items: list[Any]
    bookmark: str | None


def parse_page(api: Api, path: str, answer: Any) -> Page:
    """The page in the answer of a listing at ``path``. Raises MalformedAnswer."""
    if isinstance(answer, list):
        return Page(answer, None)  # some listings have no pages, and no envelope
    if not isinstance(answer, dict) or api.items not in answer:
        raise MalformedAnswer(f"GET {path}: the answer is not a listing: it has no {api.items!r}")
    items = answer[api.items]
    bookmark = answer.get(api.bookmark)
    # null is not an empty listing: whoever takes it for one makes again what is there, or leaves out what is
    if not isinstance(items, list) or not isinstance(bookmark, str | None):
        raise MalformedAnswer(f"GET {path}: the answer's listing or its bookmark is of another type")
    if bookmark and len(bookmark) > _LONGEST_BOOKMARK:
        raise MalformedAnswer(f"GET {path}: the bookmark is longer than {_LONGEST_BOOKMARK:,} characters")
    return Page(items, bookmark or None)


def page_digest(page: Page) -> int | None:
    """What tells a page's objects from any other page's: their ids, in order. None if there are none, or not all."""
    ids = tuple(item.get("id") if isinstance(item, dict) else None for item in page.items)
    return hash(ids) if ids and all(isinstance(id, str) for id in ids) else None
