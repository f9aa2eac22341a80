"""A run's result, for people and for programs."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from pinflow.clock import moment
from pinflow.engine.results import NOTHING_MADE
from pinflow.errors import USAGE, RateLimited, SpamBlocked
from pinflow.events import status_json
from pinflow.lazy_dataclass import dataclass
from pinflow.reporters.errors import error_data
from pinflow.reporters.text import UNWRAPPED, advice, fit, inert, json_text, one_line, table, wrap
from pinflow.reporters.wording import OUTCOMES, duration
from pinflow.schema.invalid import join_words
from pinflow.schema.natural_order import natural_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow.clock import Local
    from pinflow.engine.results import AccountResult, Forecast, RunResult
    from pinflow.errors import PinflowError

    Paint = Callable[[str, str], str]  # text, style -> text for the stream

_STATES = {
    "ok": ("done", "green"),
    "planned": ("dry run, nothing was changed", "cyan"),
    "paused": ("paused", "yellow"),
    "in_doubt": ("outcome unknown", "red"),
    "cancelled": ("stopped", "yellow"),
    "failed": ("failed", "red"),
}
_HEADINGS = {
    "already": "already there",
    "unknown": "outcome unknown",
    "planned": "would be done",
    "refused": "would be refused",
}
# what fits on a screen or two; --output json and pinflow runs show have the rest
_SHOWN = 10  # failures, and keys per reason
_OUTPUT_LINES = 40
_ACCOUNTS = 40  # lines of their table
_NUMBERS = ("done", "skipped", "failed", "calls")  # of an account
_ACCOUNT_STATES = {"ok": "done", "already": "done before", "in_doubt": "outcome unknown"}
_ACCOUNT_FIELDS = ("account", "loop", "key", "facts", "counts", "calls")  # beside its error
_WRAPPED = 40  # lines of one failure: the ids and the command that answer it stand at its end
_DAY = 86_400
_ROW = re.compile(r".*?:(\d+)(?: \(|$)", re.DOTALL)  # what people call a row of a table: pins.csv:17 ("Raised beds")


@dataclass(frozen=True, slots=True)
class Recap:
    """A run's result, with what only the command line knows.

    ``command`` runs the recipe without --dry-run and --sandbox, ``again`` without --dry-run as it was given;
    ``sign_in`` are the commands that get its tokens.
    ``now`` is seconds since the epoch.
    """

    name: str
    result: RunResult
    tier: str = "standard"
    command: str = ""
    again: str = ""
    sign_in: Sequence[str] = ()
    now: float = 0.0
    local: Local = time.localtime
    width: int = 100

    def lines(self, paint: Paint) -> list[str]:
        """The recap as lines of text, safe to show."""
        parts = [
            [self._headline(paint)],
            counts_table(self.result.counts),
            accounts_table(self.result.accounts, self.width),
            self._skipped_lines(),
            self._error_lines(),
            self._deletion_lines(),
            self._warning_lines(),
            [not_checked_text(*row) for row in self.result.not_checked],
            self.calls(),
            self._output_lines(),
            self._file_lines(),
            self._next_lines(),
        ]
        return [line for part in parts for line in part]

    def _headline(self, paint: Paint) -> str:
        result = self.result
        words, style = _STATES.get(result.status, (inert(result.status), ""))
        if result.status == "ok" and (failed := self._failures_let_pass()):
            words, style = f"{words}, {failed} failed", "yellow"
        if result.forecast is not None and result.forecast.refusals and result.error is not None:
            words = "dry run, the service would refuse it"
        sandbox = " in the sandbox" if result.sandbox else ""
        run = "" if result.forecast is not None else f", run {inert(result.run)}"
        remaining = ", ".join(
            f"{n:,} {inert(kind.removesuffix('s') if n == 1 else kind)} left" for kind, n in result.remaining.items()
        )
        rest = f"; {remaining}" if remaining and result.status in ("paused", "cancelled", "in_doubt") else ""
        return f"{inert(self.name)}: {paint(words, style)}{sandbox} ({duration(result.seconds)}{run}){rest}"

    def _failures_let_pass(self) -> int:
        """How many items failed of a run that is done, because on_error says so; or how many steps, without items."""
        return self.result.failed_count or sum(step.status == "failed" for step in self.result.steps)

    def _skipped_lines(self) -> list[str]:
        reasons: dict[str, list[str]] = {}
        for step, key, reason in self.result.skipped:
            reasons.setdefault(reason, []).append(self.result.item_names.get((step, key)) or key)
        lines = [line for reason, names in reasons.items() for line in self._wrap(_skipped_text(reason, names))]
        if (more := self.result.skipped_count - len(self.result.skipped)) > 0 and lines:
            lines.append(f"  {more:,} more: {self._rest(recorded=self.result.forecast is None)}")
        return ["skipped", *lines] if lines else []

    def _error_lines(self) -> list[str]:
        result = self.result
        items = {(account.loop, account.key) for account in result.accounts}  # the table of accounts has their errors
        failures = [
            self._failure_text(step, key, error) for step, key, error in result.failed if (step, key) not in items
        ]
        # before anything was sent, or in a dry run: it is in no journal, and all has to be corrected
        refused = result.exit_code == USAGE
        unrecorded = refused or result.forecast is not None
        shown = failures if unrecorded else failures[:_SHOWN]
        lines = [line for text in shown for line in self._wrap(text)]
        if (more := result.failed_count - (len(result.failed) - len(failures)) - len(shown)) > 0 and lines:
            lines.append(f"  {more:,} others: {self._rest(recorded=not unrecorded)}")
        if refused and lines and result.error is not None:  # its message goes on with the first failure
            lines.append(f"  {inert(result.error.message.partition(': ')[0])}")
        account_errors = [account for account in result.accounts if account.error is not None]
        for step in result.steps:
            listed = not items.isdisjoint((step.path, account.key) for account in account_errors)
            listed |= any(path == step.path or path.startswith(f"{step.path}[") for path, *_ in result.failed)
            if step.status not in ("ok", "cancelled") and step.error is not None and not listed:
                lines += self._message_lines(f"{inert(step.path)}: ", step.error)
        if not lines and result.error is not None and not (account_errors and result.status == "failed"):
            lines = self._message_lines("", result.error)
        return ["failed" if result.status in ("failed", "ok") else "why", *lines] if lines else []

    def _rest(self, *, recorded: bool) -> str:
        """Where the items are that are not listed here."""
        return f"pinflow runs show {inert(self.result.run)} --items" if recorded else "--output ndjson"

    def _deletion_lines(self) -> list[str]:
        names = self.result.deletions
        lines = [line for name in names[:_SHOWN] for line in self._wrap(inert(name))]
        more = [f"  {len(names) - _SHOWN:,} more; to list them: --output json"] if len(names) > _SHOWN else []
        return ["would be deleted", *lines, *more] if lines else []

    def _warning_lines(self) -> list[str]:
        warnings = self.result.warnings
        lines = [line for text in warnings[:_SHOWN] for line in self._wrap(one_line(text))]
        more = [f"  {len(warnings) - _SHOWN} more; to see them: --output json"] if len(warnings) > _SHOWN else []
        return ["notes", *lines, *more] if lines else []

    def _failure_text(self, step: str, key: str, error: str) -> str:
        """What failed and why; a table's row is named by its file and number, as its error begins with that."""
        name = self.result.item_names.get((step, key), "")
        text = one_line(error)
        return text if name and text.startswith(f"{inert(name)}: ") else f"{inert(step)}: {inert(name or key)}: {text}"

    def calls(self) -> list[str]:
        """A line per login and quota category; after a dry run, those of the real run, and how long it will take."""
        forecast = self.result.forecast
        calls = self.result.calls if forecast is None else forecast.calls
        if forecast is None:
            calls = {login: counts for login, counts in calls.items() if login not in _tokens_in_table(self.result)}
        rows = [
            (inert(login), inert(category), str(n)) for login, counts in calls.items() for category, n in counts.items()
        ]
        lines = table(rows, right=frozenset({2}), indent="  ")
        if forecast is None:
            return ["calls", *lines] if lines else []
        if not lines:
            return []
        told = self.result.error is not None
        refusals = [f"  the service will refuse some: {inert(refusal)}" for refusal in forecast.refusals if not told]
        return ["calls of the real run", *lines, *refusals, f"  {self._time(forecast)}"]

    def _time(self, forecast: Forecast) -> str:
        limits = f"at the {self.tier} tier's limits"
        until = f", until {moment(forecast.finish, self.now, self.local)}" if forecast.finish else ""
        if forecast.seconds > _DAY / 2:
            days = int(forecast.seconds // _DAY) + 1
            return f"cannot finish today: it takes {days} days {limits}{until}, if it starts now and is resumed"
        needed = f"about {duration(forecast.seconds)}" if forecast.seconds >= 1 else "less than a second"
        return f"takes {needed} {limits}{until if forecast.seconds >= 60 else ''}"

    def _output_lines(self) -> list[str]:
        lines: list[str] = []
        for name, value in self.result.outputs.items():
            lines += output_lines(inert(name), value, self.width)
        title = "outputs" if self.result.forecast is None else "outputs would be"
        return [title, *lines] if lines else []

    def _file_lines(self) -> list[str]:
        """The files that were written, each with its whole path: a recipe chose where most of them are."""
        lines = [f"  {inert(file)}" for file in self.result.files[:_OUTPUT_LINES]]
        more = len(self.result.files) - _OUTPUT_LINES
        lines += [f"  {more:,} more: pinflow run --output json"] if more > 0 else []
        return ["files", *lines] if lines else []

    def _next_lines(self) -> list[str]:
        lines = [line for text in self._advice() for line in advice(text, self.width)]
        return ["next", *lines] if lines else []

    def _advice(self) -> Iterable[str]:
        result = self.result
        hints = [*map(inert, result.error.hint.splitlines())] if result.error is not None else []
        yield from hints
        if result.forecast is not None:
            if result.error is None:
                yield f"to run it: {self.again or self.command}"
        elif result.sandbox and result.error is None:
            yield "this was the sandbox; your account was not changed. To run it on your account:"
            yield from self.sign_in
            if self.command:
                yield self.command
        again = f": {self.command}" if self.command else ""
        for step in map(inert, result.next_steps):
            if step not in hints:
                yield step + (again if step == NOTHING_MADE else "")

    def _wrap(self, text: str, indent: str = "  ") -> list[str]:
        """A text in as many lines as a terminal needs; in files and pipes it is searched for, and stays one line."""
        if self.width >= UNWRAPPED:
            return [f"{indent}{text}"]
        return wrap(text, max(20, self.width), indent=indent, most=_WRAPPED)

    def _message_lines(self, prefix: str, error: PinflowError) -> list[str]:
        """What an error says; the lines of its list are deeper than the first."""
        first, *rest = error.message.splitlines() or [""]
        lines = self._wrap(prefix + inert(first))
        for text in rest:
            listed = text.lstrip(" ")
            lines += self._wrap(inert(listed), indent=" " * (4 + len(text) - len(listed)))
        return lines


def _skipped_text(reason: str, names: list[str]) -> str:
    """What was skipped for a reason: how many and which, or which rows of a table equal which row."""
    rows = [match[1] for name in names if (match := _ROW.match(name))]
    if not reason.startswith("the same as row ") or len(rows) < len(names):
        return f"{len(names)} x {inert(reason)}: {_keys_text(names)}"
    shown = [*rows[:_SHOWN], *([f"{len(rows) - _SHOWN:,} others"] if len(rows) > _SHOWN else [])]
    return (
        f"rows {join_words(shown, 'and')} are {inert(reason)}" if len(rows) > 1 else f"row {rows[0]} is {inert(reason)}"
    )


def not_checked_text(kind: str, reason: str, count: int) -> str:
    """What was written and could not be read back: "not checked: 12 pins (...)", or by the name of an operation."""
    name = f"{kind}s" if count != 1 and kind.isalpha() else kind or "writes"
    return f"not checked: {count:,} {inert(name)} ({inert(reason)})"


def _tokens_in_table(result: RunResult) -> set[str]:
    """The tokens whose calls are in the table of accounts."""
    return {account.account for account in result.accounts if account.calls}


def accounts_table(results: Sequence[AccountResult], width: int = UNWRAPPED) -> list[str]:
    """A line per account of a loop over accounts: its facts, how much was done, and its error.

    Those that failed come first, then those that were skipped, then those that are done.
    """
    if not results:
        return []
    ordered = sorted(results, key=_account_order)
    times = Counter(result.account for result in results)
    rows = [_account_row(result, alone=times[result.account] == 1) for result in ordered[:_ACCOUNTS]]
    facts = dict.fromkeys(name for result in ordered for name in result.facts)
    names = ["account", "state", *facts, *(name for name in _NUMBERS if any(name in row for row in rows))]
    numbers = frozenset(n for n, name in enumerate(names) if all(_is_number(row.get(name, "")) for row in rows))
    lines = [[inert(name).upper() for name in names], *([row.get(name, "") for name in names] for row in rows)]
    if any(row.get("why") for row in rows):  # it has no number in ``numbers``: never right-aligned
        lines = [[*line, why] for line, why in zip(lines, ["WHY", *(row.get("why", "") for row in rows)], strict=True)]
    rest = len(ordered) - len(rows)
    more = [f"  {rest:,} more; to list them: --output json"] if rest else []
    return ["accounts", *table(lines, right=numbers, indent="  ", width=width), *more]


def _account_order(result: AccountResult) -> tuple[Any, ...]:
    rank = {"skipped": 1, "ok": 2, "already": 2, "planned": 2}.get(result.status, 0)
    return (0 if result.error is not None else rank, natural_key(result.account), natural_key(result.key))


def _account_row(result: AccountResult, *, alone: bool) -> dict[str, str]:
    # a token may be in a variable and in a file; then the item's key tells them apart
    name = result.account if alone or result.key == result.account else f"{result.account} ({result.key})"
    row = {"account": inert(name), "state": _ACCOUNT_STATES.get(result.status, inert(result.status))}
    counts = result.counts.values()
    done = sum(n for kind in counts for name, n in kind.items() if name in ("done", "adopted", "planned"))
    skipped, failed = (sum(kind.get(name, 0) for kind in counts) for name in ("skipped", "failed"))
    numbers = zip(_NUMBERS, (done, skipped, failed, sum(result.calls.values())), strict=True)
    row |= {name: f"{number:,}" for name, number in numbers if number}
    row |= {name: _cell_text(value) for name, value in result.facts.items()}
    return row | ({"why": _account_error(result.error)} if result.error is not None else {})


def _account_error(error: PinflowError) -> str:
    """An account's error. The wait of a refused call comes first, because a narrow screen cuts the end."""
    message = inert(error.message.splitlines()[0])
    wait = error.retry_after if isinstance(error, (RateLimited, SpamBlocked)) and error.status else None
    return message if wait is None else f"for {duration(wait)}: {message}"


def _is_number(text: str) -> bool:
    return text.replace(",", "").isdecimal() or not text


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A line per kind and a column per outcome that happened."""
    kinds = {kind: outcomes for kind, outcomes in counts.items() if any(outcomes.values())}
    columns = [name for name in OUTCOMES if any(outcomes.get(name) for outcomes in kinds.values())]
    rows = [["", *(_HEADINGS.get(name, name) for name in columns)]]
    rows += [[inert(kind), *(str(outcomes.get(name) or "") for name in columns)] for kind, outcomes in kinds.items()]
    return table(rows, right=frozenset(range(1, len(columns) + 1)), indent="  ") if kinds else []


def output_lines(name: str, value: Any, width: int = UNWRAPPED) -> list[str]:
    """An output as lines: one value beside its name, flat lists and mappings as a table, anything else as JSON."""
    if isinstance(value, str):
        return [f"  {name}: {inert(value)}"]
    lines = _value_table(value, width if width >= UNWRAPPED else width - 4) or json_text(value, indent=2).splitlines()
    if len(lines) == 1:
        return [f"  {name}: {lines[0]}"]
    rest = len(lines) - _OUTPUT_LINES
    end = [f"    ({rest} more lines; to see them: --output json)"] if rest > 0 else []
    return [f"  {name}:", *(f"    {line}" for line in lines[:_OUTPUT_LINES]), *end]


def _value_table(value: Any, width: int) -> list[str]:
    """A mapping of plain values, or a list of such mappings with the same keys, as a table; [] for anything else."""
    if isinstance(value, dict) and value and _is_flat(value):
        return table([(inert(key), _cell_text(cell)) for key, cell in value.items()], width=width)
    rows = list(value) if isinstance(value, (list, tuple)) else []
    if not all(isinstance(row, dict) and row and _is_flat(row) and row.keys() == rows[0].keys() for row in rows):
        return []
    head = [[inert(key).upper() for key in rows[0]]] if rows else []
    return table(
        [*head, *([_cell_text(cell) for cell in row.values()] for row in rows[:_OUTPUT_LINES])], width=width
    ) + ["..." for _ in rows[_OUTPUT_LINES:]]


def _is_flat(mapping: Mapping[str, Any]) -> bool:
    return type(mapping) is dict and all(
        cell is None or isinstance(cell, (str, int, float)) for cell in mapping.values()
    )


def _cell_text(value: Any) -> str:
    return fit(value, 60) if isinstance(value, str) else json_text(value)


def _keys_text(keys: list[str]) -> str:
    shown = ", ".join(inert(key) for key in keys[:_SHOWN])
    return f"{shown}, …" if len(keys) > _SHOWN else shown


def _item_data(names: tuple[str, str, str], row: tuple[str, str, str], result: RunResult) -> dict[str, str]:
    step, key, _ = row
    item = result.item_names.get((step, key))
    return dict(zip(names, row, strict=True)) | ({"item": item} if item else {})


def as_data(name: str, result: RunResult) -> dict[str, Any]:
    """The result as plain data, for ``--output json``. ``forecast`` is null except after a dry run."""
    forecast = result.forecast
    return {
        "run": result.run,
        "name": name,
        **status_json(result.status),
        "exit_code": result.exit_code,
        "sandbox": result.sandbox,
        "seconds": result.seconds,
        "left": result.remaining,
        "resume_after": result.resume_after,
        "outputs": result.outputs,
        "files": list(result.files),
        "counts": result.counts,
        "calls": result.calls,
        "accounts": [
            {name: getattr(account, name) for name in _ACCOUNT_FIELDS}
            | status_json(account.status)
            | {"error": account.error and error_data(account.error)}
            for account in result.accounts
        ],
        "next_steps": list(result.next_steps),
        "would_be_deleted": list(result.deletions),
        "warnings": list(result.warnings),
        "not_checked": [{"kind": kind, "reason": why, "count": count} for kind, why, count in result.not_checked],
        "skipped": [_item_data(("step", "key", "reason"), row, result) for row in result.skipped],
        "skipped_count": result.skipped_count,  # the lists hold the first hundred; ndjson tells of every one
        "failed": [_item_data(("step", "key", "error"), row, result) for row in result.failed],
        "failed_count": result.failed_count,
        "steps": [
            {"path": s.path, **status_json(s.status), "seconds": s.seconds, "error": s.error and error_data(s.error)}
            for s in result.steps
        ],
        "forecast": forecast
        and {
            "calls": forecast.calls,
            "seconds": forecast.seconds,
            "finish": forecast.finish or None,
            "refusals": forecast.refusals,
        },
        "error": result.error and error_data(result.error),
    }
