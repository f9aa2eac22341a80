"""What is said of an event, in words that a terminal and a log share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pinflow import events
from pinflow.reporters.text import fit, inert, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Local = Callable[[float], time.struct_time]  # seconds since the epoch -> a local time

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
STATES: Mapping[str, str] = {"in_doubt": "in doubt"}  # of runs and steps, where people say it otherwise
OUTCOMES = ("done", "adopted", "already", "planned", "skipped", "failed", "doubt")
_OUTCOME_WORDS = {"already": "already there", "doubt": "in doubt"}
_TROUBLE = ("failed", "paused", "in_doubt")
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Said:
    """One line for a person, harmless to show, and its mood."""

    mood: Mood
    text: str


def said(event: events.Event, *, verbosity: int, local: Local = time.localtime) -> Said | None:
    """The line for ``event``, or None where nothing is said at this verbosity (-1 quiet, 0, 1 everything).

    How far a loop is has no line here: each reporter shows that in its own way.
    """
    match event:
        case events.Note(level="warning"):
            return Said("warning", f"warning: {inert(event.step)}: {inert(event.text)}")
        case _ if verbosity < 0:
            return None
        case events.RunStarted():
            return Said("note", _beginning(event, verbosity))
        case events.StepFinished() if verbosity > 0 or event.status in _TROUBLE or not nested(event.step):
            return Said(event.status, _ending(event))
        case events.Waiting():
            return Said("wait", waiting(event, local))
        case events.Retrying() if verbosity > 0 or event.delay >= 1:
            when = f"trying again in {duration(event.delay)} (attempt {event.attempt})"
            return Said("wait", f"{inert(event.step)}: {when}: {inert(event.reason)}")
        case events.Note():
            return Said("note", f"{inert(event.step)}: {inert(event.text)}")
    return _detail(event) if verbosity > 0 else None


def _beginning(event: events.RunStarted, verbosity: int) -> str:
    how = "goes on" if event.resumed else "dry run" if event.dry_run else "begins"
    text = f"{inert(event.name)}: {how} (run {inert(event.run)})"
    if verbosity > 0 and event.logins:
        text += "; " + ", ".join(f"login {inert(name)}: {inert(origin)}" for name, origin in event.logins.items())
    return text


def _ending(event: events.StepFinished) -> str:
    text = f"{inert(event.step)}: {STATES.get(event.status, event.status)} ({duration(event.seconds)})"
    if event.counts:
        text += f": {counts_said(event.counts)}"
    return f"{text}: {one_line(event.error)}" if event.error else text


def _detail(event: events.Event) -> Said | None:
    match event:
        case events.StepStarted():
            uses = f" ({inert(event.action)})" if event.action else ""
            return Said("note", f"{inert(event.step)}: begins{uses}")
        case events.EffectDone():
            outcome = _OUTCOME_WORDS.get(event.outcome, event.outcome)
            return Said("note", f"{inert(event.step)}: {thing(event.kind, event.key)}: {outcome}")
        case events.ItemSkipped():
            what = thing(event.kind, event.key)
            return Said("note", f"{inert(event.step)}: {what}: skipped: {inert(event.reason)}")
    return None


def thing(kind: str, key: str) -> str:
    """What an effect is about: its key, with its kind before it where that does not say it."""
    return inert(key) if not kind or key == kind or key.startswith(f"{kind}:") else f"{inert(kind)} {inert(key)}"


def nested(step: str) -> bool:
    """Whether a step's path lies inside a loop: ``pins[813].copied``."""
    return "[" in step


def counts_said(counts: Mapping[str, Mapping[str, int]]) -> str:
    """What effects came to, in words: "board: 1 done; pin: 809 done, 3 skipped"."""
    return "; ".join(
        f"{inert(kind)}: " + ", ".join(f"{n} {_OUTCOME_WORDS.get(name, name)}" for name, n in ordered(each))
        for kind, each in counts.items()
        if any(each.values())
    )


def ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Outcomes that happened, in the order in which people read them."""
    return [(name, counts[name]) for name in OUTCOMES if counts.get(name)]


def waiting(event: events.Waiting, local: Local = time.localtime) -> str:
    """Why a run waits, and until when: "copy: rate limit for org_write, continuing at 14:03:20"."""
    reason = inert(event.reason)
    if event.category and event.category not in event.reason:
        reason += f" for {inert(event.category)}"
    where = f"{fit(event.step, 24)}: " if event.step else ""  # else the whole run waits
    return f"{where}{reason}, continuing at {moment(event.until, event.at, local)}"


def moment(at: float, now: float, local: Local = time.localtime) -> str:
    """A local time of day, with its date where it is not within half a day of ``now`` (seconds since the epoch)."""
    return time.strftime("%H:%M:%S" if abs(at - now) < _DAY / 2 else "%Y-%m-%d %H:%M", local(at))


def duration(seconds: float) -> str:
    """A length of time for people: "0.4 s", "2 min 10 s", "1 h 03 min", "2 d 4 h"."""
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
