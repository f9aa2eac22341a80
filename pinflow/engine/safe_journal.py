"""The engine's way to a run's journal: what may be kept is decided here, whatever stores it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

from pinflow.engine.sanitize import is_id, plain_error, plain_key, plain_path, sanitize
from pinflow.lazy_dataclass import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pinflow.state.protocol import Checks, Journal
    from pinflow.state.records import (
        CheckRecord,
        EffectOutcome,
        EffectRecord,
        ItemRecord,
        RunRecord,
        RunState,
        StepRecord,
    )

_HEXADECIMAL = frozenset("0123456789abcdef")
_DIGESTS = re.compile(r"([a-z0-9_.:+]{1,1000})?")  # of the fields of a likeness: names and hex digits
_LONGEST_REASON = 100  # characters; a constant text says why in fewer, and what a service sent would be longer


class SafeChecks:
    """As `SafeJournal`, for its checks."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self.settle = checks.settle
        self.touched_ids = checks.touched_ids
        self.unreadable = checks.unreadable

    def add(self, check: CheckRecord) -> None:
        """Raises ValueError for a place or an id that is not one of ids and words."""
        if not (is_id(check.place) and is_id(check.id)):
            raise ValueError(f"a check takes ids and words: {check.kind} of step {check.step}")
        self._checks.add(replace(check, step=plain_path(check.step), key=plain_key(check.key)))

    def pending(self, step: str) -> Iterator[CheckRecord]:
        return self._checks.pending(plain_path(step))

    def add_unreadable(self, step: str, key: str, kind: str, reason: str) -> None:
        self._checks.add_unreadable(plain_path(step), plain_key(key), kind, _short_reason(reason))


class SafeJournal:
    """A journal that passes on ids, numbers, dates and states alone, and no content. See `pinflow.engine.sanitize`.

    Everything else is as `pinflow.state.protocol.Journal` says.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.lost = journal.lost
        self.age = journal.age
        self.amend = journal.amend
        self.call = journal.call
        self.calls = journal.calls
        self.flush = journal.flush
        self.checks: Checks = SafeChecks(journal.checks)
        self.close = journal.close
        self.creations = journal.creations

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def run(self) -> RunRecord:
        return self._journal.run

    def set_state(
        self, state: RunState, *, exit_code: int | None = None, error: str = "", resume_after: float | None = None
    ) -> None:
        self._journal.set_state(state, exit_code=exit_code, error=plain_error(error), resume_after=resume_after)

    def step(self, path: str) -> StepRecord | None:
        return self._journal.step(plain_path(path))

    def finish_step(self, path: str, status: str, output: object, *, seconds: float, error: str = "") -> None:
        self._journal.finish_step(plain_path(path), status, sanitize(output), seconds=seconds, error=plain_error(error))

    def is_item_done(self, loop: str, key: str) -> bool:
        return self._journal.is_item_done(plain_path(loop), plain_key(key))

    def begin_item(self, loop: str, key: str, *, number: int, content: str) -> None:
        """``content`` in hexadecimal digits."""
        plain = content if set(content) <= _HEXADECIMAL else plain_key(content)
        self._journal.begin_item(plain_path(loop), plain_key(key), number=number, content=plain)

    def item(self, loop: str, key: str) -> ItemRecord | None:
        return self._journal.item(plain_path(loop), plain_key(key))

    def items(self, loop: str) -> Iterator[ItemRecord]:
        """With keys as `plain_key` gives them."""
        return self._journal.items(plain_path(loop))

    def finish_item(self, loop: str, key: str, status: str) -> None:
        self._journal.finish_item(plain_path(loop), plain_key(key), status)

    def item_counts(self, loop: str) -> dict[str, int]:
        return self._journal.item_counts(plain_path(loop))

    def effect(self, step: str, key: str) -> EffectRecord | None:
        return self._journal.effect(plain_path(step), plain_key(key))

    def record_intent(
        self,
        step: str,
        key: str,
        *,
        kind: str,
        method: str,
        category: str,
        digest: str,
        again: bool = False,
        arguments: str = "",
        place: str = "",
        class_: str = "",
    ) -> None:
        self._journal.record_intent(
            plain_path(step),
            plain_key(key),
            kind=kind,
            method=method,
            category=category,
            digest=digest,
            again=again,
            arguments=arguments and plain_key(arguments),
            place=place and plain_key(place),
            class_=class_ if _DIGESTS.fullmatch(class_) else plain_key(class_),
        )

    def is_fresh(self, step: str, key: str) -> bool:
        return self._journal.is_fresh(plain_path(step), plain_key(key))

    def settle(
        self,
        step: str,
        key: str,
        state: EffectOutcome,
        result: object = None,
        *,
        kind: str = "",
        error: str = "",
        made: str = "",
    ) -> None:
        self._journal.settle(
            plain_path(step),
            plain_key(key),
            state,
            sanitize(result),
            kind=kind,
            error=plain_error(error),
            made=made and plain_key(made),
        )

    def skip(self, step: str, key: str, kind: str, reason: str) -> None:
        self._journal.skip(plain_path(step), plain_key(key), kind, _short_reason(reason))

    def unknown_keys(self, step: str, kind: str) -> set[str]:
        """As `plain_key` gives them."""
        return self._journal.unknown_keys(plain_path(step), kind)

    def last_unknown_at(self, step: str, kind: str) -> float | None:
        return self._journal.last_unknown_at(plain_path(step), kind)

    def late_age(self, step: str, kind: str, *, changes: bool = False) -> float | None:
        return self._journal.late_age(plain_path(step), kind, changes=changes)

    def results(self, step: str, *, kind: str | None = None) -> Iterator[tuple[str, Any]]:
        return self._journal.results(plain_path(step), kind=kind)

    def counts(self, step_prefix: str = "") -> dict[str, dict[str, int]]:
        return self._journal.counts(plain_path(step_prefix))

    def freeze(self, step: str, name: str, ids: Iterable[str]) -> None:
        """Raises ValueError for what is not an id."""
        self._journal.freeze(plain_path(step), plain_key(name), _checked_ids(name, ids))

    def frozen_list(self, step: str, name: str) -> Sequence[str] | None:
        return self._journal.frozen_list(plain_path(step), plain_key(name))


def _short_reason(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…"


def _checked_ids(name: str, ids: Iterable[str]) -> Iterator[str]:
    for number, id_ in enumerate(ids):
        if not is_id(id_):
            raise ValueError(f"freeze() takes ids, and entry {number} of {name!r} is not one")
        yield id_
