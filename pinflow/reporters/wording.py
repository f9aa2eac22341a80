"""Events in words, the same on a terminal and in a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from pinflow import events
from pinflow.clock import moment
from pinflow.lazy_dataclass import dataclass
from pinflow.reporters.text import fit, inert, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.clock import Local

Mood = events.Status | Literal["warning", "wait", "note"]

MARKS: Mapping[str, str] = {
    "ok": "✓",
    "failed": "✗",
    "planned": "…",
    "skipped": "-",
    "paused": "‖",
    "in_doubt": "?",
    "cancelled": "-",
    "warning": "!",
}
PLAIN_MARKS: Mapping[str, str] = {**MARKS, "ok": "+", "failed": "x", "planned": "~", "paused": "="}
STATES: Mapping[str, str] = {"in_doubt": "outcome unknown"}  # of runs and steps, where the word for people differs
OUTCOMES = ("done", "adopted", "already", "planned", "refused", "skipped", "failed", "unknown")
_OUTCOME_WORDS = {"already": "already there", "refused": "would be refused", "unknown": "outcome unknown"}
_TROUBLE = ("failed", "paused", "in_doubt")
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line for people, safe to show, and its mood."""

    mood: Mood
    text: str


def event_line(event: events.Event, *, verbosity: int, local: Local = time.localtime) -> EventLine | None:
    """The line for ``event``, or None if it has none at this verbosity (-1 quiet, 0, 1 everything).

    Progress has no line here: each reporter shows it in its own way.
    """
    match event:
        case events.Note(level="warning"):
            step = f"{inert(event.step)}: " if event.step else ""  # else it is about the whole run
            return EventLine("warning", f"warning: {step}{inert(event.text)}")
        case _ if verbosity < 0:
            return None
        case events.RunStarted():
            return EventLine("note", _start_text(event, verbosity))
        case events.StepFinished() if verbosity > 0 or event.status in _TROUBLE or not is_nested(event.step):
            return EventLine(event.status, _finish_text(event))
        case events.Waiting():
            return EventLine("wait", waiting_text(event, local))
        case events.Retrying() if verbosity > 0 or event.delay >= 1:
            when = f"trying again in {duration(event.delay)} (attempt {event.attempt})"
            name = _item_text(event.step, event.item) or inert(event.step)
            return EventLine("wait", f"{name}: {when}: {inert(event.reason)}")
        case events.Note():
            return EventLine("note", f"{inert(event.step)}: {inert(event.text)}")
    return _detail_line(event) if verbosity > 0 else None


def _start_text(event: events.RunStarted, verbosity: int) -> str:
    kind = "resumed" if event.resumed else "dry run" if event.dry_run else "started"
    text = f"{inert(event.name)}: {kind} (run {inert(event.run)})"
    if verbosity > 0 and event.logins:
        text += "; " + ", ".join(f"login {inert(name)}: {inert(origin)}" for name, origin in event.logins.items())
    return text


def _finish_text(event: events.StepFinished) -> str:
    if event.item and is_nested(event.step):  # a table's row says more to people than the digest that is its key
        return one_line(event.error)
    text = f"{inert(event.step)}: {STATES.get(event.status, event.status)} ({duration(event.seconds)})"
    if event.counts:
        text += f": {counts_text(event.counts)}"
    return f"{text}: {one_line(event.error)}" if event.error else text


def _detail_line(event: events.Event) -> EventLine | None:
    match event:
        case events.StepStarted():
            uses = f" ({inert(event.action)})" if event.action else ""
            return EventLine("note", f"{inert(event.step)}: started{uses}")
        case events.EffectDone():
            outcome = _OUTCOME_WORDS.get(event.outcome, event.outcome)
            return EventLine("note", f"{inert(event.step)}: {effect_text(event.kind, event.key)}: {outcome}")
        case events.ItemSkipped():
            item = effect_text(event.kind, event.key)
            return EventLine("note", f"{inert(event.step)}: {item}: skipped: {inert(event.reason)}")
    return None


def effect_text(kind: str, key: str) -> str:
    """The key of an effect, after its kind unless the key begins with that."""
    return inert(key) if not kind or key == kind or key.startswith(f"{kind}:") else f"{inert(kind)} {inert(key)}"


def is_nested(step: str) -> bool:
    """Whether a step's path is inside a loop: ``pins[813].copied``."""
    return "[" in step


def counts_text(counts: Mapping[str, Mapping[str, int]]) -> str:
    """The outcomes of effects: "board: 1 done; pin: 809 done, 3 skipped"."""
    return "; ".join(
        f"{inert(kind)}: " + ", ".join(f"{n} {_OUTCOME_WORDS.get(name, name)}" for name, n in ordered_counts(outcomes))
        for kind, outcomes in counts.items()
        if any(outcomes.values())
    )


def ordered_counts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The outcomes that happened, in the order of OUTCOMES."""
    return [(name, counts[name]) for name in OUTCOMES if counts.get(name)]


def waiting_text(event: events.Waiting, local: Local = time.localtime) -> str:
    """Why a run waits and until when: "copy: rate limit for org_write, continuing at 14:03:20"."""
    reason = inert(event.reason)
    if event.category and event.category not in event.reason:
        reason += f" for {inert(event.category)}"
    name = _item_text(event.step, event.item) or fit(event.step, 24)
    return f"{name}: " * bool(name) + f"{reason}, continuing at {moment(event.until, event.at, local)}"


def _item_text(step: str, item: str) -> str:
    """A loop's item by what people call it, as its key may be a digest; "" outside of any."""
    return f"{fit(step.partition('[')[0], 24)}, {fit(item, 24)}" if item else ""


def duration(seconds: float) -> str:
    """A duration for people: "0.4 s", "2 min 10 s", "1 h 03 min", "2 d 4 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < _DAY:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // _DAY} d {whole % _DAY // 3600} h"
