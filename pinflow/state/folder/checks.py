"""What the audit must still see of a run's writes, in the run's file."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from pinflow.state.folder.run_tables import CHECKS, UNREADABLE_EFFECTS
from pinflow.state.folder.spans import spans
from pinflow.state.records import CheckRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pinflow.state.folder.store import Store

_WITHIN = "step >= ? AND step < ? AND number > 0"  # 0 says that the audit is done with it
_CHANGES = {"kind": "?3", "account": "?4", "place": "?5", "id": "?6", "fields": "?7", "number": "?8"}
_ADD = CHECKS.upsert({"step": "?1", "key": "?2"} | _CHANGES, _CHANGES)
_ADD_UNREADABLE = UNREADABLE_EFFECTS.upsert(
    {"step": "?1", "key": "?2", "kind": "?3", "reason": "?4"}, {"kind": "?3", "reason": "?4"}
)
_SETTLE = CHECKS.update({"number": "0"}, "step = ?1 AND key = ?2")
_TOUCHED = "SELECT DISTINCT id FROM checks"
_COUNT = "SELECT kind, reason, count(*) FROM unreadable GROUP BY kind, reason ORDER BY kind, reason"
_LAST = "SELECT coalesce(max(number), 0) FROM checks"
_NUMBER = list(CHECKS.columns).index("number")


class FolderChecks:
    """The checks of one run, as `pinflow.state.protocol.Checks` says. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()  # of the number
        self._last: int | None = None  # number of the latest check; None until one is added

    def add(self, check: CheckRecord) -> None:
        with self._lock:
            if self._last is None:
                self._last = int(self._store.read(_LAST)[0][0])
            self._last += 1
            number = self._last
        fields = json.dumps(None if check.fields is None else dict(check.fields), separators=(",", ":"))
        self._store.put(_ADD, (check.step, check.key, check.kind, check.account, check.place, check.id, fields, number))

    def pending(self, step: str) -> Iterator[CheckRecord]:
        rows = [row for first, below in spans(step) for row in self._store.rows(CHECKS, _WITHIN, (first, below))]
        for step_, key, kind, account, place, id_, fields, _ in sorted(rows, key=lambda row: int(row[_NUMBER])):
            yield CheckRecord(step_, key, kind, account, place, id_, json.loads(fields))

    def settle(self, checks: Iterable[CheckRecord]) -> None:
        for check in checks:
            self._store.put(_SETTLE, (check.step, check.key))
        self._store.commit_sometimes()

    def touched_ids(self) -> set[str]:
        return {id_ for (id_,) in self._store.read(_TOUCHED)}

    def add_unreadable(self, step: str, key: str, kind: str, reason: str) -> None:
        self._store.put(_ADD_UNREADABLE, (step, key, kind, reason))

    def unreadable(self) -> dict[tuple[str, str], int]:
        return {(kind, reason): int(count) for kind, reason, count in self._store.read(_COUNT)}
