"""The pages on what programs read: events, the result as JSON, and notices."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Final

from pinflow import events
from pinflow.engine.results import RunResult
from pinflow.plugin.contributions import FactsPage
from pinflow.reference.fields import field_texts
from pinflow.reporters.jsonl import JsonLines
from pinflow.reporters.markdown import code, fence, from_docstring, sections, table
from pinflow.reporters.summary import as_data
from pinflow.state.records import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.events import Event
    from pinflow.reference.fields import FieldText

_RUN, _AT = "20260301-093000-4f2a1c", 1_772_357_400.0
EXAMPLES: Final[tuple[Event, ...]] = (
    events.RunStarted(
        run=_RUN,
        at=_AT,
        name="Copy soup",
        recipe="soup.yaml",
        dry_run=False,
        resumed=False,
        steps=2,
        logins={"access_token": "ACCESS_TOKEN"},
    ),
    events.StepStarted(run=_RUN, at=_AT + 0.1, step="pins", name="", action="list_board_pins"),
    events.Progress(run=_RUN, at=_AT + 0.4, step="pins", done=3, total=None, skipped=0, failed=0, what="pins"),
    events.EffectDone(run=_RUN, at=_AT + 0.5, step="pins[813].copied", key="813", kind="pin", outcome="done"),
    events.ItemSkipped(
        run=_RUN, at=_AT + 0.6, step="pins", key="814", kind="pin", reason="a video", item="Pin 'Slow soup'"
    ),
    events.ItemFailed(
        run=_RUN, at=_AT + 0.7, step="pins", key="815", kind="pin", error="the image can't be fetched", retryable=True
    ),
    events.Waiting(
        run=_RUN, at=_AT + 0.8, step="pins", until=_AT + 60, reason="org_write: 100 in 60 s", category="org_write"
    ),
    events.Retrying(run=_RUN, at=_AT + 60, step="pins", attempt=2, delay=1.0, reason="HTTP 503"),
    events.Note(run=_RUN, at=_AT + 61, step="report", text="3 Pins were copied"),
    events.StepFinished(
        run=_RUN, at=_AT + 61, step="pins", status="ok", seconds=60.9, counts={"pin": {"done": 3, "skipped": 1}}
    ),
    events.RunFinished(
        run=_RUN,
        at=_AT + 61,
        status="ok",
        seconds=61.0,
        exit_code=0,
        calls={"access_token": {"org_read": 2, "org_write": 3}},
        counts={"pin": {"done": 3, "skipped": 1}},
        outputs={"copied": 3},
    ),
)
# fields that several events have, where the event itself says no more of them
FIELDS: Final[Mapping[str, str]] = {
    "step": "the path of the step: `copy`, or `pins[813].copied` inside a loop",
    "name": "what people call it",
    "recipe": "the recipe's file, or its name",
    "dry_run": "whether nothing is changed",
    "resumed": "whether the run had begun before",
    "action": "the action, or what else the step does",
    "key": "what tells the item or effect apart within its step",
    "kind": "what it is: `pin`, `board`",
    "outcome": "how it ended: see above",
    "done": "how many are done",
    "skipped": "how many of them were skipped",
    "failed": "how many of them failed",
    "category": "the quota that is waited for; empty for anything else",
    "attempt": "the number of the try that comes",
    "reason": "why, in words",
    "text": "the message",
    "level": "how much it matters",
    "status": "how it ended",
    "seconds": "how long it took",
    "error": "what went wrong, in words; empty if nothing did",
    "exit_code": "what the process ends with: see [exit codes](exit-codes.md)",
    "counts": "how many effects of each kind had each outcome",
    "outputs": "what the recipe gives back",
    "until": "when it goes on; seconds since 1970",
    "total": "how many there are; null while that isn't known",
    "item": "what people call the item of a loop; empty where it has no name",
    "retryable": "whether it may go well another time, if nothing is changed",
    "passed": "whether the step's `on_error` lets the item go on",
}
KINDS: Final[Mapping[str, str]] = {
    "token_ends": "a token ends before its next refresh",
    "sign_in_ends": "a refresh token ends in some weeks: somebody has to sign in again",
    "job_failed": "a scheduled recipe failed three times in a row",
    "job_missed": "a scheduled recipe was not run in time",
    "run_paused": "a run waits for a person or a quota",
    "approval_missing": "a scheduled recipe makes changes and isn't approved, or its approval no longer holds",
    "test": "a test of the notifiers",
}


def pages() -> list[FactsPage]:
    """The pages, in their order."""
    return [
        FactsPage(
            name="events",
            title="Events and JSON",
            about="What `--output ndjson` writes as it happens, what `--output json` writes at the end, and what a "
            "plugin's `pinflow_event` gets.",
            text=_events,
            words=("ndjson", "json", "output for programs", "log", "machine readable", "monitoring"),
            see="[exit codes](exit-codes.md), or [hooks](hooks.md), to get events in a plugin.",
        ),
        FactsPage(
            name="notices",
            title="Notices",
            about="What is told to a person where nobody watches, and what a notifier gets.",
            text=_notices,
            words=("alerts", "notification", "mail", "webhook", "chat", "slack"),
            see="[variables](variables.md), which set up notifiers, or [hooks](hooks.md), to write one.",
        ),
    ]


def _events() -> str:
    return sections(
        "With `--output ndjson`, a run writes a line of JSON for each event; the last one is its `RunFinished`. "
        f"Every line has `event`, `version` ({events.VERSION}), `run` (the run's id) and `at` (seconds since 1970). "
        "Fields may be added within a version; none is taken away. No event holds a secret.",
        *(_event(example) for example in EXAMPLES),
        "## The result as JSON",
        "With `--output json`, `run` and `resume` write one object at the end:",
        fence(json.dumps(as_data("Copy soup", _result()), indent=2), "json"),
        "Lists of items hold the first hundred; the counts beside them hold for all. "
        "Where nothing ran, the object has `error` alone: `kind`, `message`, `hint`, `exit_code`, and `problems` "
        "with `file`, `line` and `column` where a recipe is wrong.",
    )


def _event(example: Event) -> str:
    part = type(example)
    lines: list[str] = []
    JsonLines(lines.append).pinflow_event(example)
    rows = [(code(field.name), code(field.type), field_text(field)) for field in field_texts(part)]
    return sections(
        f"## {part.__name__}",
        from_docstring(inspect.getdoc(part) or ""),
        table(("field", "type", "what it is"), rows),
        fence(lines[0], "json"),
    )


def field_text(field: FieldText) -> str:
    """What a field of an event is. Raises KeyError for one that nothing tells of."""
    return from_docstring(field.text) if field.text else FIELDS[field.name]


def _result() -> RunResult:
    return RunResult(
        run=_RUN,
        status="ok",
        steps=(),
        outputs={"copied": 3},
        seconds=61.0,
        counts={"pin": {"done": 3, "skipped": 1}},
        calls={"access_token": {"org_read": 2, "org_write": 3}},
    )


def _notices() -> str:
    notice = Notice(
        key="token-ends:v5:shop",
        kind="token_ends",
        title="the token shop ends on 4 March",
        text="sign in again: pinflow auth login shop",
        at=_AT,
    )
    return sections(
        "A notice is told once, and again only after what it tells of was over. `pinflow notify` lists the open ones; "
        "`pinflow notify --test` sends one to try.",
        "## Kinds",
        table(("kind", "when"), [(code(kind), text) for kind, text in KINDS.items()]),
        "Plugins may have kinds of their own.",
        "## What a notifier gets",
        from_docstring(inspect.getdoc(Notice) or ""),
        "As JSON, as it is passed on:",
        fence(json.dumps(notice.as_data(), indent=2), "json"),
    )
