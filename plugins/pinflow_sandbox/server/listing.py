"""Pages of a listing, and the bookmarks between them.

A bookmark names the last item shown, not a position, so that a listing that grows or shrinks between two pages
neither repeats nor skips items. It is valid only for the listing (operation and filters) that returned it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from pinflow import dataclass
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world.images import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DEFAULT_SIZE, LARGEST_SIZE = 25, 250  # items of a page, as in the description


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of which listing is requested."""

    listing: str  # a fingerprint of the operation and its filters
    size: int
    after: str | None  # the last id of the previous page
    newest_first: bool = True

    def bookmark(self, last: str) -> str:
        """The opaque text that requests the items after ``last``."""
        return b64encode(f"{self.listing}:{last}".encode()).decode() + f"|{fingerprint(self.listing, last)}="


def parse_page_request(listing: str, size: str | None, bookmark: str | None, *, newest_first: bool) -> PageRequest:
    """The page that a query requests. Raises ApiError for an invalid size or bookmark."""
    return PageRequest(listing, _size(size), _after(listing, bookmark), newest_first)


def page(ids: Sequence[str], request: PageRequest, keep: Callable[[str], bool]) -> tuple[list[str], str | None]:
    """The ids of one page, and the bookmark of the next or None on the last page. ``ids`` are sorted."""
    shown: list[str] = []
    for id in _walk(ids, request):
        if not keep(id):
            continue
        if len(shown) == request.size:
            return shown, request.bookmark(shown[-1])
        shown.append(id)
    return shown, None


def _walk(ids: Sequence[str], request: PageRequest) -> Iterator[str]:
    if request.newest_first:
        start = len(ids) if request.after is None else bisect_left(ids, request.after)
        return (ids[index] for index in range(start - 1, -1, -1))
    start = 0 if request.after is None else bisect_right(ids, request.after)
    return (ids[index] for index in range(start, len(ids)))


def _size(text: str | None) -> int:
    if text is None:
        return DEFAULT_SIZE
    if not (text.isascii() and text.isdigit()):
        raise invalid_request(f"Parameter 'page_size' was not numeric (was {text[:40]})")
    if len(text) > 9 or not 1 <= int(text) <= LARGEST_SIZE:
        raise invalid_request(f"Parameter 'page_size' must be between 1 and {LARGEST_SIZE} (was {text[:40]})")
    return int(text)


def _after(listing: str, bookmark: str | None) -> str | None:
    if not bookmark:
        return None
    body, _, check = bookmark.partition("|")
    try:
        origin, _, last = b64decode(body, validate=True).decode().partition(":")
    except ValueError:  # binascii's error is one as well
        raise invalid_request("Parameter 'bookmark' is not one that this API gave") from None
    if origin != listing or check != f"{fingerprint(listing, last)}=":
        raise invalid_request("Parameter 'bookmark' belongs to another listing; keep all other parameters the same")
    return last
