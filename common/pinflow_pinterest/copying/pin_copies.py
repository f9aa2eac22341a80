"""How the Pins of a board's copy are made, and how the copy is looked over afterwards.

After a lost answer, an id on the board that was not there before, and that the run does not know, can only be what
the lost request made. Contents prove nothing: boards hold equal Pins, and the service rewrites addresses. Where
several Pins are on their way at a time, their texts tell which of them a new id is; Pins that share all their texts
are therefore sent one by one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pinflow import Diverged, Forbidden, MissingScope
from pinflow_pinterest.boards import the_one
from pinflow_pinterest.copying.pin_matching import text_key
from pinflow_pinterest.copying.source_pins import copied_pin
from pinflow_pinterest.gateway import all_pins
from pinflow_pinterest.media.copyable import Carried, NotCarried

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pinflow import Context, EachResult, RemoteError, Skip
    from pinflow_pinterest.copying.source_pins import Choices, Reading
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Pin

GONE: Final = "it is gone from the source since the run began"

_AUDIT_WAITS: Final = (5.0, 15.0, 40.0)  # seconds, for a listing that lags behind
_SETTLED: Final = 60.0  # seconds from a doubt until all that was sent before must have shown itself
_LOOKED: Final = 90.0  # seconds from the sending of a Pin, at most, until its run has looked whether it is there
_SHOWN: Final = 20  # ids in a message


@dataclass(frozen=True, slots=True)
class PinCopies:
    """The Pins of one copy, made one after the other, or so many at a time as was chosen."""

    ctx: Context
    target: Gateway
    choices: Choices
    copy: str  # id of the board that gets them
    placed: Mapping[str, str]  # section of the source -> section of the copy
    reading: Reading
    gone: frozenset[str]
    doubts: list[float]  # when the copy was looked at for a lost Pin; seconds since the epoch
    known: Collection[str] = ()  # the Pins that were on the board before
    refused: list[RemoteError] = field(default_factory=list)  # what would refuse every further Pin alike

    def make_all(self, total: int) -> EachResult:
        """Make all Pins. Raises what refused one, if it would refuse the next as well."""
        if self.choices.parallel > 1:
            return self._make_side_by_side(total)
        # a Pin that is gone may have been sent before that: it is looked for like any other
        return self._each(chain(self._gone_pins(), self.reading.oldest_first()), find=self.find, total=total)

    def make(self, pin: Pin) -> dict[str, Any] | Skip:
        """Send one Pin, or say why it is left out."""
        from pinflow import Skip  # with the engine, which reading a recipe does without

        if pin["id"] in self.gone:
            self.reading.leave(pin["id"], GONE)
            return Skip(GONE)
        match copied_pin(self.target, pin, board=self.copy, section=self._section(pin), choices=self.choices):
            case NotCarried(reason):
                return Skip(reason)
            case Carried(body):
                return self._send(body)

    def find(self, _: Pin) -> dict[str, Any] | None:
        """The Pin on the copy that the run does not know, if there is one."""
        return self._found(the_one(self._news(), "Pins on the copy"))

    def _each(
        self,
        pins: Iterable[Any],
        *,
        find: Callable[[Pin], dict[str, Any] | None],
        total: int,
        parallel: int = 1,
        after: EachResult | None = None,
    ) -> EachResult:
        return self.ctx.each(
            self._until_refused(pins),
            key=lambda pin: f"pin:{pin['id']}",
            do=self.make,
            find=find,
            find_is_proof=True,
            kind="pin",
            parallel=parallel,
            total=total,
            after=after,
        )

    def _until_refused(self, pins: Iterable[Any]) -> Iterator[Any]:
        for pin in pins:
            if self.refused:
                raise self.refused[0]
            yield pin

    def _gone_pins(self) -> Iterator[Any]:
        return ({"id": id} for id in sorted(self.gone))

    def _section(self, pin: Pin) -> str | None:
        section = self._section_id(pin)
        if section and section not in self.placed:
            self.ctx.log(f"the section of pin {pin['id']} is not listed: its copy is on the board itself", warning=True)
        return self.placed.get(section)

    def _section_id(self, pin: Pin) -> str:
        return (pin.get("board_section_id") or "") if self.choices.sections else ""

    def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"id": self.target.make_pin(body)["id"]}
        except (Forbidden, MissingScope) as error:
            self.refused.append(error)
            raise

    def _news(self) -> list[Pin]:
        """The Pins on the copy that were not there before, and that the run does not know."""
        own = {result["id"] for _, result in self.ctx.effects_of("pin")}.union(self.known)
        return [pin for pin in all_pins(self.target, self.copy) if pin["id"] not in own]

    def _found(self, pin: Pin | None) -> dict[str, Any] | None:
        # what is found may even be of an earlier Pin, which was sent again before it turned up
        self.doubts.append(self.ctx.now())
        return {"id": pin["id"]} if pin else None

    # several at a time

    def _make_side_by_side(self, total: int) -> EachResult:
        """First the Pins whose texts no other has, then those that share them, and last those that are gone.

        At most one Pin of the same texts is then in doubt at a time, and its copy is known by them.
        """
        keys = Counter(map(self._key, self.reading.oldest_first()))
        shared = {key for key, count in keys.items() if count > 1}
        look = partial(self._alike, keys)
        single = self._each(
            (pin for pin in self.reading.oldest_first() if self._key(pin) not in shared),
            find=look,
            total=total,
            parallel=self.choices.parallel,
        )
        alike = (pin for pin in self.reading.oldest_first() if self._key(pin) in shared)
        most = self._each(alike, find=look, total=total, after=single)
        return self._each(self._gone_pins(), find=self._any_new, total=total, after=most)

    def _key(self, pin: Pin) -> int:
        return text_key(pin, self.placed.get(self._section_id(pin), ""), covers=self.choices.covers)

    def _alike(self, keys: Collection[int], pin: Pin) -> dict[str, Any] | None:
        """The new Pin on the copy that has this one's texts; ``keys`` are those of all Pins that are to be made."""
        news = [(new, text_key(new, new.get("board_section_id") or "")) for new in self._news()]
        strange = [new["id"] for new, key in news if key not in keys]
        if len(strange) > len(self.gone):  # nobody can say what those that are gone looked like
            raise Diverged(
                f"{len(strange)} Pins appeared on the copy that are like none of the source{shown_ids(strange)}",
                hint="something else is writing there, or the service changes texts: then copy without parallel",
            )
        mine = self._key(pin)
        return self._found(the_one([new for new, key in news if key == mine], "Pins on the copy"))

    def _any_new(self, _: Pin) -> dict[str, Any] | None:
        """A Pin on the copy that the run does not know: with all others settled, it is of one that is gone."""
        return self._found(next(iter(self._news()), None))


@dataclass(frozen=True, slots=True)
class Audit:
    """The look at a copy after the last write. The ids are emptied of what is found."""

    ctx: Context
    target: Gateway
    copy: str

    def check(self, pins: Callable[[], set[str]], sections: Collection[str], doubts: Sequence[float]) -> None:
        """Raise Diverged unless the copy lists just these Pins, and just these sections where there are any.

        ``doubts`` are the moments at which it was not known what had become of a Pin.
        """
        early = doubts[-1] + _SETTLED - self.ctx.now() if doubts else 0.0
        if early > 0:
            self.ctx.wait(
                min(early, _SETTLED), "an answer was lost: the copy is checked when nothing can turn up late any more"
            )
        found = self._differences(pins(), set(sections))
        for wait in _AUDIT_WAITS:
            if not found:
                return
            self.ctx.wait(wait, "the copy is not listed yet as it was made")
            found = self._differences(pins(), set(sections))
        if found:
            raise Diverged(
                f"board {self.copy} is not what this run made: {', and '.join(found)}",
                hint="something else wrote to the copy, or the service is late; look at the board before using it",
            )

    def _differences(self, pins: set[str], sections: set[str]) -> list[str]:
        """What the copy does not list of what must be there, and what only the copy knows of, in words."""
        found = _compared("Pins", pins, all_pins(self.target, self.copy))
        if sections:
            found += _compared("sections", sections, self.target.sections(self.copy))
        return found


def earlier_doubts(ctx: Context) -> list[float]:
    """When an earlier process of the run looked for a Pin of which it did not know, at the latest; [] if none did."""
    sent = ctx.last_unknown_at("pin")
    return [] if sent is None else [min(ctx.now(), sent + _LOOKED)]


def shown_ids(ids: Sequence[str]) -> str:
    """The first of some ids in brackets, as a message has them behind a number."""
    more = ", ..." if len(ids) > _SHOWN else ""
    return f" ({', '.join(ids[:_SHOWN])}{more})" if ids else ""


def _compared(what: str, made: set[str], there: Iterable[Any]) -> list[str]:
    """How what a listing has differs from what was made; ``made`` is emptied of what is there."""
    surplus: list[str] = []
    for each in there:
        if each["id"] in made:
            made.discard(each["id"])
        else:
            surplus.append(each["id"])
    if not made and not surplus:
        return []
    return [
        f"{len(made)} of its {what} are missing{shown_ids(sorted(made))}",
        f"{len(surplus)} {what} are there besides{shown_ids(surplus)}",
    ]
