"""The audit of a place once a step has ended: everything that the run made is there, and nothing besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.engine.places.open_writes import last_shadow
from pinflow.engine.places.unknown import ids_text, unknown_error
from pinflow.engine.service_times import AUDIT_WAITS
from pinflow.errors import Diverged, InDoubt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinflow.engine.places.looks import Looks
    from pinflow.engine.places.place_book import PlaceBook


def audit(book: PlaceBook, looks: Looks, step: str) -> None:
    """Compare a place with what this run made there. What was sent again is waited for before.

    Raises Diverged for what is missing, elsewhere or there in addition, and InDoubt where the place can't be read, or
    the audit would have to wait and may not.
    """
    services, label = book.services, book.place.label
    with book.changed:
        waits = (
            last_shadow([write for write in book.writes.live(book.things.around_at) if not write.is_open])
            - services.now
        )
    if waits > 0 and not services.audit_waits:
        raise InDoubt(
            f"the audit of {label} is left: a write was sent again, and what it made first may appear until then",
            hint=f"go on in {waits:.0f} s, it does the audit alone: pinflow resume {book.run_id}",
        )
    services.wait(waits, step, f"a write to {label} was sent again, and what it made first may still appear")
    try:
        gone = _missing(book, looks, step)
    except (Exception, SystemExit) as error:
        failure = services.failed_look(error, label)
        if failure is None:
            raise
        raise InDoubt(
            f"what was made on {label} could not be checked: {error}",
            hint=f"once that works again, it checks only that: pinflow resume {book.run_id}",
        ) from error
    problems, ways = [], []
    resume = f"pinflow resume {book.run_id}"
    if gone:
        problems.append(f"{len(gone)} that were made are not there: {_items_text(book, gone)}")
        item = book.things.items(gone).get(gone[0], "ITEM")
        ways.append(f"to have what is missing made again, such as item {item}: {resume} --not-made {item}")
        ways.append(f"if it is right that it is not there: {resume} --made {item}={gone[0]}")
    if elsewhere := book.things.take_elsewhere():
        problems.append(f"{len(elsewhere)} are not where they were sent: {_items_text(book, elsewhere)}")
        item = book.things.items(elsewhere).get(elsewhere[0], "ITEM")
        ways.append(f"if item {item} is right where it is: {resume} --made {item}={elsewhere[0]}")
    if surplus := book.things.surplus.take():
        problems.append(f"{len(surplus)} like them are there in addition: {book.things.like(surplus)}")
        ways.append("of those in addition, delete on the service, by these ids, what nobody wants; pinflow never does")
        ways.append(f"to leave the others as they are, and go on: {resume}")
    with book.changed:
        unknown = list(book.unknown.values())
    if problems:
        raise Diverged(
            f"{label} is not as this run made it: {'; '.join(problems)}",
            hint="\n".join(["look at them on the service first", *ways]),
        )
    if unknown:
        raise unknown_error(unknown, book.run_id, f"what became of writes to {label} is unknown")


def _missing(book: PlaceBook, looks: Looks, step: str) -> Sequence[str]:
    """The ids of what the run made and that is not there; a listing may be late, a thing by itself is not."""
    missing: Sequence[str] = ()
    for pause in (0.0, *AUDIT_WAITS):
        reason = f"the listing of {book.place.label} does not show everything yet"
        book.services.wait(min(pause, book.services.settle), step, reason)
        with book.looks, looks.quiet() as others:
            missing = looks.look_around(others)
        if not missing:
            return ()
    return [id_ for id_ in missing if id_ in book.things.deleted or book.place.read(id_) is None]


def _items_text(book: PlaceBook, ids: Sequence[str]) -> str:
    """Some ids with the items that made them, for a message."""
    items = book.things.items(ids)
    return ids_text([f"{id_} (item {items[id_]})" if id_ in items else id_ for id_ in ids])
