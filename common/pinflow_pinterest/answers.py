"""Checking the API's answers: an object is used only if its id and texts are what they must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pinflow import ActionError, InDoubt, RemoteError
from pinflow_pinterest.types import Board, BoardSection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client, Page


T = TypeVar("T")

_WITH_NAME: Final = (Board, BoardSection)
_LONGEST_ID: Final = 32  # digits; the service's have 18 or 19, and there is room for longer ones
_FIELDS: Final = {  # what each holds, if it isn't null
    "name": str,
    "title": str,
    "description": str,
    "link": str,
    "alt_text": str,
    "dominant_color": str,
    "created_at": str,
    "board_id": str,
    "board_section_id": str,
    "privacy": str,
    "username": str,
    "media": dict,
    "owner": dict,
}


def parse_read(answer: object, kind: type[T]) -> T:
    """The object in a read's answer. Raises ActionError if it is not of this kind."""
    if _is_object(answer, named=kind in _WITH_NAME):
        return cast("T", answer)
    raise ActionError(f"the service answered with something that is not a {kind.__name__} with an id")


def parse_write(answer: object, kind: type[T]) -> T:
    """The object in a write's answer.

    Raises InDoubt if it is not of this kind: the write has probably happened, and only the target can show its result.
    """
    if is_planned(answer) or _is_object(answer, named=kind in _WITH_NAME):
        return cast("T", answer)
    raise InDoubt(f"the service's answer to a write is not a {kind.__name__} with an id")


def found_or_none(read: Callable[[], T]) -> T | None:
    """What ``read`` returns; None if the service has no such thing (status 404)."""
    try:
        return read()
    except RemoteError as error:
        if error.status == 404:
            return None
        raise


def parse_registration(answer: object, id: str) -> Mapping[str, Any]:
    """The answer to the registration of an upload; ``id`` is the key of the upload's id. Raises InDoubt without one."""
    if is_planned(answer) or (isinstance(answer, dict) and _is_id(answer.get(id))):
        return cast("Mapping[str, Any]", answer)
    raise InDoubt("the service's answer does not name the upload that it registered")


def is_planned(answer: object) -> bool:
    """Whether an answer is a dry run's placeholder."""
    return isinstance(answer, dict) and type(answer) is not dict  # JSON is read into plain dicts


def list_objects(
    client: Client,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    limit: int | None = None,
    shape: Callable[[Any], object] = lambda item: item,
) -> Iterator[Any]:
    """Every object of a listing, in the service's order, fetched page by page.

    ``shape`` converts each object. Raises ActionError for one without an id, or with anything but text in a text field,
    after the earlier ones were yielded. Boards and sections must have a name.
    """
    return map(_item_parser(path, shape), client.pages(path, params=params, limit=limit))


def list_pages(
    client: Client,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    shape: Callable[[Any], object] = lambda item: item,
    keep: Callable[[Any], bool] = lambda item: True,
) -> Iterator[list[Any]]:
    """As ``list_objects``, in the service's pages, and only the objects that ``keep`` accepts."""
    pages: Iterator[Page] = client.page_iter(path, params=params)
    checked = _item_parser(path, shape)
    return ([checked(item) for item in page.items if keep(item)] for page in pages)


def _item_parser(path: str, shape: Callable[[Any], object]) -> Callable[[object], Any]:
    """A function that converts and checks one object of the listing at ``path``."""
    named = path.rstrip("/").endswith(("/boards", "/boards/feed", "/sections"))

    def check(item: object) -> Any:
        shaped = shape(item)
        if _is_object(shaped, named=named):
            return shaped
        raise ActionError("the service's listing holds an object without an id, or with a text field that is not text")

    return check


def _is_object(answer: object, *, named: bool) -> bool:
    """Whether an answer is usable: its id goes into paths and the journal, its texts are compared."""
    if not (isinstance(answer, dict) and _is_id(answer.get("id"))):
        return False
    if named and not isinstance(answer.get("name"), str):
        return False
    for name, kind in _FIELDS.items():  # a loop, since a generator takes three times as long, of each object listed
        value = answer.get(name)
        if value is not None and not isinstance(value, kind):
            return False
    return True


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_ID
