"""The audit: what a run wrote is read back before its step counts as done.

An answer that says "done" proves little: services answer before they apply, apply
nothing, or drop what they applied. So each done effect whose thing can be read back
leaves a check in the journal, and at the end of the step all of them are looked at:
by the listing of their place where that is cheaper than reading each by itself. A
service may list late, so what is not right is looked at again after 5, 15 and 40
seconds. What is still not right then is told, one by one, with exit code 7, and its
effects are unknown again: a resumed run looks at them like at any lost write.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pinflow.engine.item_keys import digest
from pinflow.engine.placeholder import NeedsPlanned
from pinflow.engine.sanitize import is_id
from pinflow.engine.service_times import AUDIT_WAITS, LATE
from pinflow.engine.unfinished import take_up_again
from pinflow.errors import ActionError, Diverged, Forbidden, InDoubt, MissingScope, RateLimited, SpamBlocked
from pinflow.lazy_dataclass import dataclass, field
from pinflow.state.records import CheckRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pinflow.engine.effects import Effect
    from pinflow.engine.forecast import PlannedWrites
    from pinflow.engine.run_context import RunContext
    from pinflow.plugin.place import Check, Place, Seen
    from pinflow.state.protocol import Journal

FEW = 5  # things that are read by themselves at once; for more, a listing that is late is waited for
PAGE = 250  # things that a forecast expects on a page of a listing
_PART = "##"  # in the key of a check between its effect's and its number, where an effect has several
NAMED = 100  # things that a message names one by one; more are counted


@dataclass(slots=True)
class _Expected:
    """What one thing must show after all writes of the step to it."""

    fields: Mapping[str, str] | None  # digests by name; None: it must be gone
    checks: list[CheckRecord] = field(default_factory=list)
    problem: str = ""  # what is not right, as far as it was looked at

    def add(self, check: CheckRecord) -> None:
        """A later write to the same thing: what it sets counts, and a deletion ends all."""
        both = self.fields is not None and check.fields is not None
        self.fields = {**(self.fields or {}), **(check.fields or {})} if both else check.fields
        self.checks.append(check)


@dataclass(slots=True)
class _PlaceAudit:
    """One place, and what must be seen there, by id."""

    place: Place
    expected: dict[str, _Expected]


NOT_NAMED: Final = "the service's answer names it by nothing that is an id"


class WriteAudit:
    """What the writes of one run must have come to, and whether they did. Thread-safe."""

    def __init__(self, run: RunContext, planned: PlannedWrites, *, waits: bool = True) -> None:
        """``waits``: an audit may take until nothing can come late, else it is left to a resume."""
        self._run = run
        self._waits = waits
        self._planned = planned
        self._lock = threading.Lock()  # of the two below
        self._places: dict[tuple[str, str], Place] = {}  # by account and key; an account has few at a time
        self._planned_checks: Counter[tuple[str, str]] = Counter()  # of a dry run, by account and place
        self._planned_unreadable: Counter[tuple[str, str]] = Counter()  # of a dry run, by kind and reason

    # while the step is at work

    def add(self, effect: Effect[Any], result: Any) -> None:
        """Remember what the audit must see of an effect that is certain now."""
        journal = self._run.journal
        if journal is None:
            return
        checks = _checks_of(effect, result)
        for number, check in enumerate(checks):
            record = self._record(effect, check, journal, number)
            if not (is_id(record.place) and is_id(record.id)):  # a service's answer may hold anything
                journal.checks.add_unreadable(effect.step, effect.key, effect.kind, NOT_NAMED)
                continue
            with self._lock:
                self._places[effect.account, check.place.key] = check.place
            journal.checks.add(record)
        if checks:
            return
        if effect.unchecked:
            journal.checks.add_unreadable(effect.step, effect.key, effect.kind, effect.unchecked)

    def plan(self, effect: Effect[Any], result: Any) -> None:
        """Count what the audit of the real run would call for an effect that a dry run planned."""
        try:
            checks = _checks_of(effect, result)
        except NeedsPlanned:  # how many it will be is known only then
            return
        with self._lock:
            if effect.place is not None:
                self._plan_creation(effect.account, effect.place)
            for check in checks:
                where = effect.account, check.place.key
                self._planned_checks[where] += 1
                if not check.listed or self._planned_checks[where] % PAGE == 1:
                    self._planned.add(effect.account, check.category)
            if effect.unchecked and not checks:
                self._planned_unreadable[effect.kind, effect.unchecked] += 1

    def _plan_creation(self, account: str, place: Place) -> None:
        where = account, f"created:{place.key}"
        self._planned_checks[where] += 1
        if self._planned_checks[where] % PAGE == 1:
            first = self._planned_checks[where] == 1
            for _ in range(3 if first else 1):  # what was there before and how much the service counts; and the audit
                self._planned.add(account, getattr(place, "category", ""))

    def unreadable(self) -> dict[tuple[str, str], int]:
        """How many effects of the run nothing can read back, by kind and reason."""
        journal = self._run.journal
        return dict(self._planned_unreadable) if journal is None else journal.checks.unreadable()

    def _record(self, effect: Effect[Any], check: Check, journal: Journal, number: int) -> CheckRecord:
        fields = None if check.likeness is None else self._digests(check.likeness)
        key = f"{effect.key}{_PART}{number}" if number else effect.key
        return CheckRecord(effect.step, key, effect.kind, effect.account, check.place.key, str(check.id), fields)

    # at the end of the step

    def check(self, step: str, find_place: Callable[[CheckRecord], Place | None], accounts: Collection[str]) -> None:
        """Look at everything that the step, or one inside it, has written and that was not looked at yet.

        ``find_place`` finds the place of a check that an earlier process of the run left.
        Only what ``accounts`` wrote is looked at, for which there are clients. Raises
        Diverged naming all that is not as it was written, InDoubt where the service
        can't be read, and RateLimited.
        """
        journal = self._run.journal
        if journal is None:
            return
        audits, checks = self._pending(journal, step, find_place, accounts)
        if not checks:
            return
        self._wait_for_late(journal, step, audits)
        for wait in (0.0, *AUDIT_WAITS):
            if not (wrong := [audit for audit in audits if audit.expected]):
                break
            if wait:
                self._run.wait(wait, step, "the service does not show all that was written yet")
            for audit in wrong:
                self._look(audit, step, last=wait == AUDIT_WAITS[-1])
        self._finish(journal, checks, [expected for audit in audits for expected in audit.expected.values()])

    def _wait_for_late(self, journal: Journal, step: str, audits: Iterable[_PlaceAudit]) -> None:
        """Wait until a change that was sent again can't undo a later one any more, by its first sending.

        One that nothing came after does no harm: it is the same change once more.
        """
        changed = [one for audit in audits for one in audit.expected.values() if one.fields is not None]
        wait = 0.0
        for kind in {one.checks[-1].kind for one in changed}:
            age = journal.late_age("", kind, changes=True)
            if age is None or age >= LATE:
                continue
            is_changed_twice = any(len(one.checks) > 1 and one.checks[-1].kind == kind for one in changed)
            if is_changed_twice or journal.counts("").get(kind) != journal.counts(step).get(kind):
                wait = max(wait, LATE - age)
        if not wait:
            return
        if not self._waits:
            raise InDoubt(
                "the audit is left: a change was sent again, and the first one may undo a later one until then",
                hint=f"go on in {wait:.0f} s, it does the audit alone: pinflow resume {journal.run.id}",
            )
        self._run.wait(wait, step, "a change was sent again, and the first one may still undo a later one")

    def _pending(
        self,
        journal: Journal,
        step: str,
        find_place: Callable[[CheckRecord], Place | None],
        accounts: Collection[str],
    ) -> tuple[list[_PlaceAudit], list[CheckRecord]]:
        places: dict[tuple[str, str], Place | None] = {}
        things: dict[tuple[str, str, str], _Expected] = {}
        checks = []
        for check in journal.checks.pending(step):
            if not set(filter(None, check.account.split("+"))).issubset(accounts):
                continue  # of an account whose turn has not ended well
            checks.append(check)
            where = check.account, check.place
            if where not in places:
                places[where] = self._places.get(where) or find_place(check)
            if places[where] is not None:
                things.setdefault((check.account, check.kind, check.id), _Expected({})).add(check)
            else:
                reason = "the plugin can't find where it was written"
                journal.checks.add_unreadable(check.step, check.key, check.kind, reason)
        audits: dict[tuple[str, str], _PlaceAudit] = {}
        for (account, _, id_), expected in things.items():
            where = account, expected.checks[-1].place  # a thing that was moved is where it was moved to
            if (place := places[where]) is not None:
                audits.setdefault(where, _PlaceAudit(place, {})).expected[id_] = expected
        return list(audits.values()), checks

    def _look(self, audit: _PlaceAudit, step: str, *, last: bool) -> None:
        """Look at one place, and forget what is as it must be."""
        expected = audit.expected
        if len(expected) > 1 and self._look_at_listing(audit) and len(expected) > FEW and not last:
            return
        for id_ in list(expected):
            try:
                problem = self._problem(expected[id_], audit.place.read(id_))
            except (Forbidden, MissingScope) as error:
                self._give_up(expected.pop(id_), error, step)
            except (RateLimited, SpamBlocked):
                raise
            except ActionError as error:
                raise InDoubt(
                    f"what was written to {audit.place.label} could not be read back: {error.message}",
                    hint="once the service answers, resume the run: it looks at what is left, and sends nothing again",
                ) from error
            else:
                if problem:
                    expected[id_].problem = problem
                else:
                    del expected[id_]

    def _look_at_listing(self, audit: _PlaceAudit) -> bool:
        """Forget what the listing shows as it must be. Returns whether to look again may show more.

        It is read as long as its pages are fewer than what is left to be seen. A listing
        proves what it shows; what it lacks is gone only if it is whole: if it has as many
        things as the service itself says there are.
        """
        expected, listed = audit.expected, set()
        try:
            for number, page in enumerate(audit.place.pages(), 1):
                for seen in page:
                    listed.add(seen.id)
                    one = expected.get(seen.id)
                    if one is not None and one.fields is not None and not self._problem(one, seen):
                        del expected[seen.id]
                if number >= len(expected):
                    return False
            gone = [id_ for id_, one in expected.items() if one.fields is None and id_ not in listed]
            if len(gone) > 1 and audit.place.count() == len(listed):
                for id_ in gone:
                    del expected[id_]
        except (RateLimited, SpamBlocked):
            raise
        except ActionError:
            return False  # each is read by itself, and that tells what is wrong with the service
        return bool(listed)

    def _problem(self, expected: _Expected, seen: Seen | None) -> str:
        """What of a thing is not as it must be; "" if nothing."""
        if expected.fields is None:
            return "" if seen is None else "is still there"
        if seen is None:
            return "is not there"
        digests = self._digests(seen.likeness)
        different = [name for name, sent in expected.fields.items() if digests.get(name) != sent]
        return f"shows another {' and '.join(different)}" if different else ""

    def _digests(self, likeness: Mapping[str, str]) -> dict[str, str]:
        return {name: digest(self._run.secret, text) for name, text in likeness.items()}

    def _give_up(self, expected: _Expected, error: ActionError, step: str) -> None:
        journal = self._run.journal
        for check in expected.checks:
            if journal is not None:
                journal.checks.add_unreadable(check.step, check.key, check.kind, "this login may not read it")
        self._run.warn(f"can't be read back: {error.message}", step)

    def _finish(self, journal: Journal, checks: Iterable[CheckRecord], wrong: list[_Expected]) -> None:
        for expected in wrong:
            for check in expected.checks:
                _make_unknown(journal, check)
        journal.checks.settle(checks)
        journal.flush()
        if not wrong:
            return
        lines = [f"{_name(one.checks[-1])} {one.problem}" for one in wrong[:NAMED]]
        more = [f"and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
        raise Diverged(
            f"{len(wrong)} of what this run wrote reads back otherwise: {'; '.join(lines + more)}",
            hint="look at them: something else may have changed them since; "
            "a resumed run sends again what is still not as it was written",
        )


def _checks_of(effect: Effect[Any], result: Any) -> Sequence[Check]:
    check = None if effect.check is None else effect.check(result)
    if check is None:
        return ()
    return check if isinstance(check, list | tuple) else (check,)


def _make_unknown(journal: Journal, check: CheckRecord) -> None:
    """Let a resumed run look at an effect again that counted as done, and at the items and steps that it is in."""
    journal.settle(check.step, check.key.partition(_PART)[0], "doubt", kind=check.kind, error="diverged, exit 7")
    take_up_again(journal, check.step)


def _name(check: CheckRecord) -> str:
    item = f" ({check.step})" if "[" in check.step else ""
    return f"{check.kind or 'object'} {check.id}{item}"
