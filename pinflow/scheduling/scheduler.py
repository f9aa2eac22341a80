"""The scheduler: stores what is due, claims it, and hands it to workers. A look costs milliseconds.

Nothing here waits, and no run takes place here: `tick` is called every second by a daemon, a command, or a test with a
clock of its own. Runs are in threads, because they wait for a network and share one app: its plugins, connections and
logins. An account has one run at a time; a slow run delays only its own account.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pinflow.app import Options
from pinflow.engine.keeping import keep_for
from pinflow.errors import ApprovalRequired
from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.plan.token_choices import given_text
from pinflow.scheduling.alerts import JobAlerts
from pinflow.scheduling.events import ScheduleEvent
from pinflow.scheduling.execution import ActiveRun, RunOutcome, perform
from pinflow.scheduling.jobs import folder_of, job_of, note_folders, stored_jobs
from pinflow.scheduling.policy import judge
from pinflow.scheduling.recipe_watch import RecipeWatch
from pinflow.scheduling.rules import utc_text
from pinflow.scheduling.timetable import Timetable

if TYPE_CHECKING:
    from pinflow.app import App
    from pinflow.scheduling.timetable import Decision
    from pinflow.state.protocol import ScheduleStore
    from pinflow.state.records import JobRow, Occurrence, Verdict

Starter: TypeAlias = Callable[[Callable[[], None]], None]

DEADLINE = 6 * 3600.0  # seconds; large copies take hours, and what takes a quarter of a day likely hangs
RENEWAL = 10.0  # seconds between two renewals of the leases: five of six may fail, see LEASE
WORKERS = 64  # runs at a time; each has an account of its own and mostly waits for the network
RESTS_AFTER = 3  # failures in a row; fewer happen by chance
_RESTS = (600.0, 6 * 3600.0)  # seconds, the first rest and the longest: an hourly job is tried four times a day
_JUMP = 5.0  # seconds by which the two clocks may part before it is called a jump; a slow look is not one
_AT_ONCE = 200  # jobs that one look decides about: more would delay the renewals
_PRUNING = 86_400.0  # seconds between two removals of old rows
_RUNS_PRUNED = 500  # at a time


def in_threads(work: Callable[[], None]) -> None:
    """Start work in a thread of its own, which does not keep the program from ending."""
    threading.Thread(target=work, name="pinflow-run", daemon=True).start()


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSettings:
    """How a scheduler works."""

    options: Options = field(default_factory=Options)
    start: Starter = in_threads
    start_alerts: Starter = in_threads
    deadline: float = DEADLINE  # seconds that a run may take
    workers: int = WORKERS
    watch: bool = False  # look whether recipes are edited
    only: frozenset[int] | None = None  # nothing but these occurrences, and nothing new


class Scheduler:
    """The jobs of one process, and the runs that it has claimed. Call it from one thread; runs have others."""

    def __init__(
        self,
        app: App,
        store: ScheduleStore,
        rows: Sequence[JobRow],
        *,
        report: Callable[[ScheduleEvent], None],
        settings: SchedulerSettings,
    ) -> None:
        self.store = store
        self.timetable = Timetable()
        self._app = app
        self._report = report
        self._settings = settings
        self._lock = threading.Lock()  # guards the two below, which the threads of runs touch
        self._active: dict[int, ActiveRun] = {}
        self._ended: list[tuple[ActiveRun, RunOutcome]] = []
        self._wall, self._running = app.now(), app.clock.monotonic()
        self._renewed = self._running
        self._pruned = self._running
        self.behind = False  # whether the last look left some of what is due to the next one, which should not wait
        self._alerts = JobAlerts(app, settings.start_alerts)
        self._watch = RecipeWatch(app, report)
        store.has_changed()
        store.rewind(self._wall)
        _prune(app, store, self._wall)
        self.set_jobs(rows)

    # -- the jobs

    @property
    def rows(self) -> Mapping[str, JobRow]:
        """The jobs as they are now."""
        return self.timetable.rows

    def set_jobs(self, rows: Sequence[JobRow]) -> None:
        """Schedule just these jobs. What waits of an edited one, or of one that is gone, is withdrawn."""
        known = stored_jobs(self.store)
        self._report_inputs(rows, known)
        gone = sorted(set(self.rows) - {row.name for row in rows})
        changed = [row for row in rows if _differs(row, known.get(row.name))]
        self._close([known[row.name] for row in changed if row.name in known and known[row.name].block != row.block])
        if changed:
            self._note_folders(changed, known)
            for name in self.store.jobs.put(changed, now=self._app.now()):
                reason = "the recipe was edited; its waiting runs are withdrawn"
                self._report(ScheduleEvent("withdrawn", name, reason=reason))
        if gone:
            self._close([known[name] for name in gone if name in known])
            self.store.jobs.remove(gone, "the job is no longer scheduled", now=self._app.now())
            for name in gone:
                self._report(ScheduleEvent("gone", name))
        stored = stored_jobs(self.store) if changed or gone else known
        self.timetable.replace({row.name: stored[row.name] for row in rows})

    def _note_folders(self, rows: Sequence[JobRow], known: Mapping[str, JobRow]) -> None:
        """Store where new jobs were registered: their relative paths count from there, and their own files go there."""
        new = [row.name for row in rows if row.name not in known or known[row.name].recipe != row.recipe]
        if new:
            note_folders(self.store, new)

    def _report_inputs(self, rows: Sequence[JobRow], known: Mapping[str, JobRow]) -> None:
        """A job has the inputs of its last start: two starts that take turns would each undo the other's."""
        for row in rows:
            before = known.get(row.name)
            if before is not None and dict(before.inputs) != dict(row.inputs):
                reason = (
                    f"runs with {_inputs_text(row.inputs)} from now on, no longer with {_inputs_text(before.inputs)}"
                )
                self._report(ScheduleEvent("inputs", row.name, reason=reason))

    def _close(self, rows: Sequence[JobRow]) -> None:
        """Store what was due by rules that end now, and did not run."""
        now = self._app.now()
        reason = "the schedule was edited or removed before it ran"
        decisions = [(row.name, row.seen, judge(job_of(row), row.seen, now, not_now=reason)) for row in rows]
        if decisions := [decision for decision in decisions if decision[2]]:
            self.store.occurrences.record(decisions)

    # -- a look

    def tick(self) -> bool:
        """Look at the clock, and do what is due. Returns whether another look may find more.

        It may where a run was begun, or ended while this look went through what waits. Raises StateError as the
        store does.
        """
        now = self._look_at_clock()
        self.collect()
        if self.store.has_changed() and (stored := self._stored_rows()) != self.rows:
            self.timetable.replace(stored)  # other processes paused jobs, edited them, or stored times
        if self._settings.watch:
            for name, edited in self._watch.edits(self.rows):
                others = [row for row in self.rows.values() if row.name != name]
                self.set_jobs(others if edited is None else [*others, edited])
        if self._settings.only is None:
            self._decide(now)
        self._renew()
        begun = self._hand_out(now)
        ended = self.collect()
        if self._running - self._pruned > _PRUNING:
            self._pruned = self._running
            _prune(self._app, self.store, now)
        return begun > 0 or ended > 0

    @property
    def busy(self) -> bool:
        """Whether runs have not ended, or an alert is being sent."""
        with self._lock:
            return bool(self._active or self._ended) or self._alerts.busy

    def active_runs(self) -> list[ActiveRun]:
        """The runs that this process has claimed."""
        with self._lock:
            return list(self._active.values())

    def stop(self) -> None:
        """Ask all runs to end after the call in flight; they go on at the next start."""
        for active in self.active_runs():
            active.stop.set()

    def _look_at_clock(self) -> float:
        """The time. After a jump back, what lies ahead again is forgotten; a jump forward is for each job's policy."""
        wall, running = self._app.now(), self._app.clock.monotonic()
        jump = (wall - self._wall) - (running - self._running)
        self._wall, self._running = wall, running
        if abs(jump) > _JUMP:
            self._report(ScheduleEvent("clock", seconds=jump))
            self._renewed = float("-inf")  # by the new time the leases may be over
        if jump < -1 and self.store.rewind(wall):
            self.timetable.replace(self._stored_rows())
        return wall

    def _stored_rows(self) -> dict[str, JobRow]:
        return {name: row for name, row in stored_jobs(self.store).items() if name in self.rows}

    # -- storing what is due

    def _decide(self, now: float) -> None:
        decisions = self.timetable.decide(now, _AT_ONCE)
        self.behind = len(decisions) >= _AT_ONCE
        if decisions:
            self._record(decisions)
        if not self.behind:
            self._alerts.send_missed()

    def _record(self, decisions: list[Decision]) -> None:
        recorded = self.store.occurrences.record(decisions)
        stored = {} if len(recorded) == len(decisions) else stored_jobs(self.store)
        for name, _, verdicts in decisions:
            row = self.rows[name]
            if name in recorded:
                row = replace(row, seen=max(verdict.last for verdict in verdicts))
            self.timetable.put_back(stored.get(name, row))  # another process may have been faster
        for name, _, verdicts in decisions:  # only now: a listener may ask for the next run of all jobs
            if name in recorded:
                for verdict in verdicts:
                    self._report_verdict(name, verdict)

    def _report_verdict(self, name: str, verdict: Verdict) -> None:
        if verdict.state == "due":
            return
        self._report(ScheduleEvent(verdict.state, name, due=verdict.due, reason=verdict.reason, count=verdict.count))
        if verdict.reason.startswith("missed"):
            self._alerts.add_missed(name, verdict)

    # -- handing out

    def _hand_out(self, now: float) -> int:
        """Begin what can begin. Returns the number of runs begun."""
        begun = 0
        with self._lock:
            claimed = set(self._active)
            busy = {account for active in self._active.values() for account in active.accounts}
            free = self._settings.workers - len(self._active)
        seen: set[str] = set()
        for occurrence in self.store.occurrences.claimable(now):
            row = self.rows.get(occurrence.job)
            if occurrence.id in claimed or row is None or not self._may_start(occurrence, row):
                continue
            accounts = frozenset(row.accounts) or frozenset({f"job {row.name}"})
            waits = bool(accounts & busy) or free <= 0
            # one that waits behind another of its own job may have to be skipped, which only a claim can tell
            if waits and row.name not in seen and not any(active.job.name == row.name for active in self.active_runs()):
                seen.add(row.name)
                busy |= accounts  # first come, first served
                continue
            seen.add(row.name)
            result = self._claim(occurrence, row, accounts, now)
            if result != "skipped":
                busy |= accounts  # where it has to wait, another process runs one of the account
            if result == "begun":
                free -= 1
                begun += 1
        return begun

    def _may_start(self, occurrence: Occurrence, row: JobRow) -> bool:
        if occurrence.state in ("claimed", "running") and self._app.store.runs.is_claimed(occurrence.run):
            return False  # its owner was silent, and is alive
        if self._settings.only is not None:
            return occurrence.id in self._settings.only
        return row.paused is None or occurrence.origin in ("now", "backfill")

    def _claim(
        self, occurrence: Occurrence, row: JobRow, accounts: frozenset[str], now: float
    ) -> Literal["begun", "skipped", "waits"]:
        skip_reason = _overlap_reason if self.timetable.overlap_is_skipped(row.name) else None
        run = self._app.new_run_id()
        claim = self.store.occurrences.claim(occurrence.id, now, run=run, skip_reason=skip_reason, accounts=accounts)
        if claim is None:
            return "waits"
        if claim.state == "skipped":
            self._report(ScheduleEvent("skipped", row.name, due=claim.due, reason=claim.reason))
            return "skipped"
        deadline = self._running + self._settings.deadline
        active = ActiveRun(row, claim, accounts, deadline, folder_of(self.store, row.name))
        with self._lock:
            self._active[claim.id] = active
        self._report(ScheduleEvent("started", row.name, due=claim.due, run=claim.run, again=bool(occurrence.run)))
        self._settings.start(lambda: self._perform(active))
        return "begun"

    def _perform(self, active: ActiveRun) -> None:
        """In a thread of its own."""
        try:
            outcome = perform(self._app, self.store.occurrences, active, self._settings.options)
        except BaseException as error:  # the store can't be written: the lease ends, and another process takes over
            outcome = RunOutcome("lost", message=f"its outcome could not be stored: {error}")
        with self._lock:
            self._ended.append((active, outcome))

    # -- what ended

    def collect(self) -> int:
        """Take note of the runs that ended. Returns their number."""
        with self._lock:
            ended, self._ended = self._ended, []
            for active, _ in ended:
                self._active.pop(active.occurrence.id, None)
        for active, outcome in ended:
            self._report(_outcome_event(active, outcome))
            # one that needs an approval was reported when it was first refused, and isn't a failure of the job
            waits = outcome.exit_code == ApprovalRequired.exit_code and outcome.result is None
            if outcome.state in ("done", "failed") and not waits:
                self._count(active.job.name, failed=outcome.state == "failed")
        return len(ended)

    def _count(self, name: str, *, failed: bool) -> None:
        row = self.rows.get(name)
        if not failed:
            self._alerts.resolve(name)
        if row is None or (not failed and not row.failures):
            return
        failures = row.failures + 1 if failed else 0
        rest = min(_RESTS[1], _RESTS[0] * 2 ** min(failures - RESTS_AFTER, 10)) if failures >= RESTS_AFTER else 0.0
        until = self._app.now() + rest if rest else 0.0
        failures = self.store.jobs.count_failure(name, failed, rest_until=until)
        self.timetable.update(replace(row, failures=failures, rest_until=until))
        if failures >= RESTS_AFTER:
            self._report(ScheduleEvent("rests", name, until=until, count=failures))
            self._alerts.send_failing(name, failures)

    def _renew(self) -> None:
        """Stop runs that take too long, and renew the leases of all."""
        for active in self.active_runs():
            if self._running > active.deadline and not active.stop.is_set():
                active.late = True
                active.stop.set()
        if self._running - self._renewed < RENEWAL:
            return
        self._renewed = self._running
        by_id = {active.occurrence.id: active for active in self.active_runs()}
        if by_id:
            claims = [active.occurrence for active in by_id.values()]
            for lost in self.store.occurrences.renew(claims, self._app.now()):
                by_id[lost.id].stop.set()  # one that ended this moment is lost too, and not harmed


def _differs(row: JobRow, known: JobRow | None) -> bool:
    return known is None or any(
        getattr(row, name) != getattr(known, name) for name in ("digest", "stamp", "recipe", "accounts")
    )


def _inputs_text(inputs: Mapping[str, Any]) -> str:
    given = (given_text(name, value) for name, value in sorted(inputs.items()))
    return ", ".join(given) or "the inputs' defaults"


def _overlap_reason(earlier: int) -> str:
    return f"the earlier run had not ended (due {utc_text(earlier)})"


def _outcome_event(active: ActiveRun, outcome: RunOutcome) -> ScheduleEvent:
    occurrence, result = active.occurrence, outcome.result
    event = ScheduleEvent(
        outcome.state,
        active.job.name,
        due=occurrence.due,
        run=occurrence.run,
        reason=outcome.message or outcome.reason,
        until=outcome.until,
        exit_code=outcome.exit_code,
    )
    if result is None:  # nothing was begun that could be looked at
        return replace(event, run="") if outcome.state == "failed" else event
    return replace(event, seconds=result.seconds, counts=result.counts, items=result.failed)


def _prune(app: App, store: ScheduleStore, now: float) -> None:
    """Forget what ended long ago: all of the schedule, and as many runs as take a second."""
    store.prune(now)
    app.store.runs.prune(keep_for(app.environ), number=_RUNS_PRUNED)
