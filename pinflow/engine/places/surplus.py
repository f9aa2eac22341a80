"""What is on a place like the things of a run, and was made by nobody that is known: told once, and never adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.engine.places.classes import Classes
from pinflow.engine.places.likeness import decode_digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.engine.places.likeness import Digests, Learning
    from pinflow.state.protocol import Journal


class Surplus:
    """The surplus of one place that nobody was told of yet, and which of the run's own things it is like."""

    def __init__(self, key: str, journal: Journal) -> None:
        self._key = key
        self._journal = journal
        self._ids: dict[str, None] = {}
        self._twins: dict[str, str] = {}  # id -> that of the run's own thing which can't be told from it

    def open(self, *, was_told: bool) -> list[str]:
        """Take what earlier processes of the run found. The ids of what the last one ended with telling: they stay."""
        self._ids = dict.fromkeys(self._read("surplus"))
        pairs = list(self._read("twins"))
        self._twins = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return [id_ for id_ in self._read("told") if id_ in self._ids] if was_told else []

    def leave(self, ids: Iterable[str]) -> None:
        """People know of these. Nobody knows of what else was told: the run did not end with it."""
        for id_ in ids:
            self._ids.pop(id_, None)
        if self._read("told"):
            self._write("surplus", self._ids)
            self._write("told", ())

    def add(self, ids: Sequence[str], twins: Mapping[str, str]) -> None:
        """These are new; ``twins`` as `find_twins` gives them."""
        self._ids |= dict.fromkeys(ids)
        self._twins |= {id_: own for id_, own in twins.items() if id_ in self._ids}
        self._write("twins", [id_ for pair in self._twins.items() for id_ in pair])
        self._write("surplus", self._ids)

    def take(self) -> list[str]:
        """What nobody was told of yet. It stays on disk until it is known that the run's end told it."""
        ids = list(self._ids)
        self._ids.clear()
        if ids:
            self._write("told", ids)
        return ids

    def twins(self, ids: Iterable[str]) -> dict[str, str]:
        """The run's own things that these are like, where that is known."""
        return {id_: self._twins[id_] for id_ in ids if id_ in self._twins}

    def _read(self, name: str) -> Sequence[str]:
        return self._journal.frozen_list("", f"{name}:{self._key}") or ()

    def _write(self, name: str, ids: Iterable[str]) -> None:
        self._journal.freeze("", f"{name}:{self._key}", ids)


def find_twins(key: str, journal: Journal, things: Mapping[str, Digests], learning: Learning) -> dict[str, str]:
    """The ids of things, with that of the first thing which the run made on the place and which is like it."""
    own = [(decode_digests(row.class_), row.made) for row in journal.creations.on(key) if row.made]
    known = [(likeness, made) for likeness, made in own if likeness is not None]
    classes = Classes([likeness for likeness, _ in known], learning)
    by_class: dict[int | None, str] = {}
    for likeness, made in known:
        by_class.setdefault(classes.find(likeness), made)
    by_class.pop(None, None)
    found = {id_: by_class.get(classes.find(likeness)) for id_, likeness in things.items()}
    return {id_: made for id_, made in found.items() if made is not None}
