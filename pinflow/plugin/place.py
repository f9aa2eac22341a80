"""Where things are created, as a plugin describes it: what the engine needs to find out what became of a creation.

A place is what one listing lists: a board, the boards of an account, the campaigns of an ad account. Plugins hand it
to ``ctx.once(place=...)``; baselines, looks, matching and the audit are the engine's, once, for every plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing as its place lists it, or as the answer to its creation shows it.

    ``likeness`` is what can be read back and compared: {"title": "...", "section": "813", "media": "image"}, with ""
    where there is none. It is never kept, only digests of it are. ``made_at`` is the service's own time (seconds since
    1970). ``own`` False: certainly made by another account. ``thing`` is what ``ctx.once`` returns where it is adopted.
    """

    id: str
    likeness: Mapping[str, str]
    made_at: float | None = None
    own: bool = True
    thing: Any = None


@dataclass(frozen=True, slots=True)
class Check:
    """What a write must have come to, for the audit that reads it back: a thing of a place, and what it must show.

    ``likeness`` are the fields that it must show, in those of the place's things: {} is that it must be there, None
    that it must be gone. ``listed`` False says that its place can't be listed, so that it is read by itself.
    ``category`` is the quota category of such calls, for the forecast of a dry run.
    """

    place: Place
    id: str
    likeness: Mapping[str, str] | None
    listed: bool = True
    category: str = ""


class Place(Protocol):
    """Where things are created, and how they are read back.

    It may have two attributes more: ``category``, the quota category of such calls, for the forecast of a dry run; and
    ``where``, the fields of a likeness that say where in the place a thing is, so that the audit tells of one that is
    elsewhere.
    """

    @property
    def key(self) -> str:
        """Of ids and words alone, unique within account and API, the same in every run: "pins:549755885175"."""

    @property
    def label(self) -> str:
        """What people call it: "board 549755885175"."""

    def pages(self) -> Iterator[Sequence[Seen]]:
        """Its listing, the newest first where the service lists so. Raises ActionError for a malformed page."""

    def count(self) -> int | None:
        """How many things the service itself says there are; None if it does not tell."""

    def see(self, answer: Any) -> Seen:
        """What the answer to a creation shows."""

    def read(self, id_: str, /) -> Seen | None:
        """One thing by itself; None if there is none."""
