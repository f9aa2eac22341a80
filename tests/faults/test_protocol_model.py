"""The protocol of the durable copy in small, and every way that it can go: all states, not a sample of them.

A few Pins that may all be alike are put on a new board, one after the other. Each request may be done and answered,
done and its answer lost, lost itself, or done late; the process may end between any two of its steps, some times. What
the protocol then knows is in its journal and in the ids on the board, and in nothing else.

The larger world: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_protocol_model.py``
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pytest

from tests.faults.conftest import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

Rule = Literal["settle", "hasty", "no intent"]
Known = int | Literal["intent", ""]
Mind = Literal["next", "announced", "sent", "doubt", "looked", "audit", "complete", "flagged"]


@dataclass(frozen=True, slots=True)
class State:
    """One moment. Ids count from 0 in the order in which the service does things."""

    journal: tuple[Known, ...]  # of each item: its Pin's id, an intent, or nothing
    board: tuple[int, ...] = ()  # which item each Pin shows, by id
    under_way: tuple[int, ...] = ()  # items whose request the service has, and has not done
    mind: Mind = "next"  # what the process is about to do, or has just done
    answer: int | None = None  # the id in an answer that has arrived
    again: bool = False  # whether the item's request was announced before, and may have been sent
    crashes: int = 0  # how many are still to come
    losses: int = 3  # how many answers may still be lost

    @property
    def item(self) -> int | None:
        """The first item that is not done; items are done in order."""
        return next((item for item, known in enumerate(self.journal) if not isinstance(known, int)), None)

    def noted(self, known: Known, **changes: object) -> State:
        item = self.item
        assert item is not None
        return replace(self, journal=(*self.journal[:item], known, *self.journal[item + 1 :]), **changes)  # type: ignore[arg-type]


def done(state: State, item: int) -> State:
    """The service makes a Pin."""
    return replace(state, board=(*state.board, item))


def steps(state: State, rule: Rule) -> Iterator[State]:
    """Every next moment."""
    if state.mind in ("complete", "flagged"):
        return
    yield from _service(state)
    if state.crashes:
        yield replace(_restarted(state), crashes=state.crashes - 1, answer=None)
    yield from _process(state, rule)


def _service(state: State) -> Iterator[State]:
    """A request that is under way is done, or dropped."""
    for place, item in enumerate(state.under_way):
        rest = replace(state, under_way=state.under_way[:place] + state.under_way[place + 1 :])
        yield done(rest, item)
        yield rest


def _restarted(state: State) -> State:
    """The next process knows the journal alone."""
    if state.item is None:
        return replace(state, mind="audit")
    return replace(state, mind="doubt" if state.journal[state.item] == "intent" else "next")


def _process(state: State, rule: Rule) -> Iterator[State]:
    item = state.item
    match state.mind:
        case "next" if item is None:
            yield replace(state, mind="audit")
        case "next" if rule == "no intent":
            yield replace(state, mind="announced")
        case "next":
            yield state.noted("intent", mind="announced")
        case "announced" if item is not None:
            yield from _sent(state, item)
        case "sent":
            assert state.answer is not None
            yield state.noted(state.answer, mind="next", answer=None, again=False)
        case "doubt" if rule == "no intent":
            yield replace(state, mind="next")  # it does not know that there is a doubt
        case "doubt":
            if rule == "hasty" or not state.under_way:  # time passes: nothing is under way any more
                yield replace(state, mind="looked")
            if not state.again and _unknown(state):  # seen at once
                yield _adopted(state)
        case "looked":
            yield _adopted(state)
        case "audit" if rule != "settle" or not state.under_way:
            known = {each for each in state.journal if isinstance(each, int)}
            agrees = known == set(range(len(state.board)))
            yield replace(state, mind="complete" if agrees or rule == "no intent" else "flagged")


def _sent(state: State, item: int) -> Iterator[State]:
    made = done(state, item)
    yield replace(made, mind="sent", answer=len(state.board))
    if not state.losses:
        return
    yield replace(made, mind="doubt", losses=state.losses - 1)  # done, and the answer lost
    yield replace(state, mind="doubt", losses=state.losses - 1)  # lost
    late = (*state.under_way, item)
    yield replace(state, mind="doubt", losses=state.losses - 1, under_way=late)  # done late, if at all


def _adopted(state: State) -> State:
    """After a look at the board: which ids there does nobody know?"""
    unknown = _unknown(state)
    if len(unknown) > 1:
        return replace(state, mind="flagged")
    return state.noted(unknown[0] if unknown else "", mind="next", again=not unknown)


def _unknown(state: State) -> list[int]:
    return [id for id in range(len(state.board)) if id not in state.journal]


def begun(items: int, crashes: int) -> State:
    """Nothing is done yet."""
    nothing: list[Known] = [""] * items
    return State(journal=tuple(nothing), crashes=crashes)


def explored(items: int, crashes: int, rule: Rule) -> tuple[int, list[State]]:
    """How many states there are, and those in which the run says that all is well and it is not."""
    first = begun(items, crashes)
    seen, waiting, bad = {first}, [first], []
    while waiting:
        state = waiting.pop()
        if state.mind == "complete" and not _good(state):
            bad.append(state)
        for after in steps(state, rule):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return len(seen), bad


def _good(state: State) -> bool:
    """Each item once, under its own id, and nothing still to come."""
    right = all(isinstance(id, int) and state.board[id] == item for item, id in enumerate(state.journal))
    return right and len(state.board) == len(state.journal) and not state.under_way


def deep(items: int, crashes: int) -> object:
    return pytest.param(items, crashes, marks=pytest.mark.skipif(not FULL, reason="only with PINFLOW_FULL=1"))


WORLDS = [(1, 1), (2, 2), (3, 2), (4, 3), deep(5, 3)]


@pytest.mark.parametrize(("items", "crashes"), WORLDS)
def test_with_the_settle_time_no_run_that_says_ok_is_wrong(items: int, crashes: int) -> None:
    states, bad = explored(items, crashes, "settle")
    assert states > 20
    assert bad == []


@pytest.mark.parametrize(("items", "crashes"), WORLDS)
def test_with_the_settle_time_no_run_is_stopped_without_a_reason(items: int, crashes: int) -> None:
    first = begun(items, crashes)
    seen, waiting = {first}, [first]
    while waiting:
        state = waiting.pop()
        assert state.mind != "flagged"
        fresh = set(steps(state, "settle")) - seen
        assert fresh or state.mind == "complete" or set(steps(state, "settle")), state
        seen |= fresh
        waiting += fresh


@pytest.mark.parametrize("rule", ["hasty", "no intent"])
@pytest.mark.parametrize(("items", "crashes"), WORLDS[1:3])
def test_without_it_or_without_intents_there_are_runs_that_say_ok_and_are_wrong(
    items: int, crashes: int, rule: Rule
) -> None:
    _, bad = explored(items, crashes, rule)
    assert bad
