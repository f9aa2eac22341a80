"""Answers of the API as objects that can be relied on, and the results that actions make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pinflow import ActionError, InDoubt
from pinflow_pinterest.types import Board, BoardSection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client, Page


T = TypeVar("T")

_NAMED: Final = (Board, BoardSection)
_LONGEST_ID: Final = 32  # digits; the service's have 18 or 19
_TEXTS: Final = (
    "name",
    "title",
    "description",
    "link",
    "alt_text",
    "dominant_color",
    "created_at",
    "board_id",
    "board_section_id",
    "privacy",
    "username",
)
_PARTS: Final = ("media", "owner")


def got(answer: object, kind: type[T]) -> T:
    """What a read was answered with, as an object of this kind. Raises ActionError if it is none."""
    if _is_object(answer, named=kind in _NAMED):
        return cast("T", answer)
    raise ActionError(f"the service answered with something that is not a {kind.__name__} with an id")


def made(answer: object, kind: type[T]) -> T:
    """What a write was answered with, as an object of this kind.

    Raises InDoubt if it is none: the write has probably happened, and only a look at the target can name its result.
    """
    if is_planned(answer) or _is_object(answer, named=kind in _NAMED):
        return cast("T", answer)
    raise InDoubt(f"the service's answer to a write is not a {kind.__name__} with an id")


def registered(answer: object, id: str) -> Mapping[str, Any]:
    """What the registration of an upload was answered with; ``id`` is the key of the upload's id.

    Raises InDoubt where there is none.
    """
    if is_planned(answer) or (isinstance(answer, dict) and _is_id(answer.get(id))):
        return cast("Mapping[str, Any]", answer)
    raise InDoubt("the service's answer does not name the upload that it registered")


def is_planned(answer: object) -> bool:
    """Whether an answer is a dry run's, which stands for whatever is asked of it."""
    return isinstance(answer, dict) and type(answer) is not dict  # JSON is read into plain dicts


def listed(
    client: Client,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    limit: int | None = None,
    shape: Callable[[Any], object] = lambda item: item,
) -> Iterator[Any]:
    """Every object of a listing, in the service's order, fetched page by page.

    ``shape`` makes of an object what is told of it. Raises ActionError for one without an id, or with anything but
    text in a field for text, after the earlier ones were yielded. Boards and sections have a name.
    """
    return map(_checked(path, shape), client.pages(path, params=params, limit=limit))


def listed_pages(
    client: Client,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    shape: Callable[[Any], object] = lambda item: item,
    keep: Callable[[Any], bool] = lambda item: True,
) -> Iterator[list[Any]]:
    """The same, in whole pages as the service cuts them, without the objects that are not to be kept."""
    pages: Iterator[Page] = client.page_iter(path, params=params)
    checked = _checked(path, shape)
    return ([checked(item) for item in page.items if keep(item)] for page in pages)


def _checked(path: str, shape: Callable[[Any], object]) -> Callable[[object], Any]:
    """What lets the objects of a listing through."""
    named = path.rstrip("/").endswith(("/boards", "/boards/feed", "/sections"))

    def check(item: object) -> Any:
        shaped = shape(item)
        if _is_object(shaped, named=named):
            return shaped
        raise ActionError("the service's listing holds something without an id, or with no text in a field for text")

    return check


def _is_object(answer: object, *, named: bool) -> bool:
    """Whether an answer can be relied on: its id goes into paths and into the journal, its texts are compared."""
    if not (isinstance(answer, dict) and _is_id(answer.get("id"))):
        return False
    if named and not isinstance(answer.get("name"), str):
        return False
    texts = all(isinstance(answer.get(name), str | None) for name in _TEXTS)
    return texts and all(isinstance(answer.get(name), dict | None) for name in _PARTS)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_ID
