"""The scheduler: what is due now is written down, claimed, and handed to workers. A look costs milliseconds.

Nothing here waits, and no run takes place here: `tick` is called every second by whoever drives it, a daemon, a
command, or a test whose clock is its own. Runs are in threads, because they wait for a network and share one app:
its plugins, connections and logins. Of one account there is one run at a time; a slow one delays only its own.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pinflow.app import Options
from pinflow.errors import ApprovalRequired, PinflowError
from pinflow.scheduling.background import Aside
from pinflow.scheduling.events import Told
from pinflow.scheduling.execution import Ended, Work, perform
from pinflow.scheduling.jobs import NoSchedule, job_of, read_job, stamp_of
from pinflow.scheduling.policy import PAUSED_BY_HAND, RESTS, judge

if TYPE_CHECKING:
    from pinflow.app import App
    from pinflow.scheduling.policy import Job
    from pinflow.state.folder.occurrences import Table
    from pinflow.state.records import JobRow, Occurrence, Verdict

Start: TypeAlias = Callable[[Callable[[], None]], None]

DEADLINE = 6 * 3600.0  # seconds
RENEWED = 10.0  # seconds between two signs of life
WORKERS = 64
RESTS_AFTER = 3  # failures in a row
_RESTS = (600.0, 6 * 3600.0)  # seconds, the first and the longest
_JUMP = 5.0  # seconds
_AT_ONCE = 200  # jobs that one look takes up
_WATCHED_AT_ONCE = 200
_PRUNED = 86_400.0  # seconds
_NAMED = 5  # jobs, in a notice about many
_MISSED = "jobs-missed"  # its key


def in_threads(work: Callable[[], None]) -> None:
    """Start work in a thread of its own, which does not keep the program from ending."""
    threading.Thread(target=work, name="pinflow-run", daemon=True).start()


def at_once(work: Callable[[], None]) -> None:
    """Do the work before the next look: for tests with a clock of their own."""
    work()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a scheduler works."""

    options: Options = field(default_factory=Options)
    start: Start = in_threads
    aside: Start = in_threads  # what tells people
    deadline: float = DEADLINE  # seconds that a run may take
    workers: int = WORKERS
    watch: bool = False  # look whether recipes are edited
    only: frozenset[int] | None = None  # nothing but these occurrences, and nothing new


class Scheduler:
    """The jobs of one process, and the runs that it has in hand. Its calls come from one thread; runs have others."""

    def __init__(
        self, app: App, table: Table, rows: Sequence[JobRow], *, tell: Callable[[Told], None], setting: Setting
    ) -> None:
        self._app = app
        self._table = table
        self._tell = tell
        self._setting = setting
        self._lock = threading.Lock()
        self._works: dict[int, Work] = {}
        self._over: list[tuple[Work, Ended]] = []
        self._wall, self._running = app.now(), app.monotonic()
        self._renewed = self._running
        self._pruned = self._running
        self._behind = False
        self._missed: list[tuple[str, Verdict]] = []  # that people are to be told of
        self._aside = Aside(setting.aside)
        self._version = table.version()
        self._watched = 0
        self._broken: dict[str, str] = {}  # the stamp of a recipe that was found broken
        self._rows: dict[str, JobRow] = {}
        self._jobs: dict[str, Job] = {}
        self._heap: list[tuple[float, str]] = []
        table.rewind(self._wall)
        table.prune(self._wall)
        self.set_jobs(rows)

    # -- the jobs

    @property
    def table(self) -> Table:
        """Where it is all written down."""
        return self._table

    @property
    def rows(self) -> Mapping[str, JobRow]:
        """The jobs as they are now."""
        return self._rows

    def set_jobs(self, rows: Sequence[JobRow]) -> None:
        """Schedule just these jobs. What waits of an edited one, or of one that is gone, is withdrawn."""
        known = self._table.jobs()
        self._tell_of_inputs(rows, known)
        gone = sorted(set(self._rows) - {row.name for row in rows})
        changed = [row for row in rows if _differs(row, known.get(row.name))]
        self._close([known[row.name] for row in changed if row.name in known and known[row.name].block != row.block])
        if changed:
            for name in self._table.put_jobs(changed, now=self._app.now()):
                self._tell(Told("withdrawn", name, reason="the recipe was edited; what waited is withdrawn"))
        if gone:
            self._close([known[name] for name in gone if name in known])
            self._table.take_away(gone, "the job is no longer scheduled", now=self._app.now())
            for name in gone:
                self._tell(Told("gone", name))
        now_known = self._table.jobs() if changed or gone else known
        self._take({row.name: now_known[row.name] for row in rows})

    def _tell_of_inputs(self, rows: Sequence[JobRow], known: Mapping[str, JobRow]) -> None:
        """A job has the inputs of its last start: two starts that take turns would each undo the other's."""
        for row in rows:
            before = known.get(row.name)
            if before is not None and dict(before.inputs) != dict(row.inputs):
                now, earlier = _inputs_said(row.inputs), _inputs_said(before.inputs)
                self._tell(Told("inputs", row.name, reason=f"runs with {now} from now on, and no more with {earlier}"))

    def _close(self, rows: Sequence[JobRow]) -> None:
        """Write down what was due of rules that end now, and did not run."""
        now = self._app.now()
        reason = "the schedule was edited or taken away before it ran"
        ends = [(row.name, row.seen, judge(job_of(row), row.seen, now, not_now=reason)) for row in rows]
        if found := [each for each in ends if each[2]]:
            self._table.record(found)

    def _take(self, rows: Mapping[str, JobRow]) -> None:
        self._rows = dict(rows)
        self._jobs = {name: job_of(row) for name, row in rows.items()}
        self._heap = [(start, name) for name in rows if (start := self._next_start(name)) is not None]
        heapq.heapify(self._heap)

    def _next_start(self, name: str) -> float | None:
        due = self._jobs[name].next(self._rows[name].seen)
        return None if due is None else self._jobs[name].start(due)

    def next_starts(self) -> list[tuple[float, str]]:
        """When each job starts next, the earliest first."""
        return sorted(self._heap)

    def next_run(self) -> tuple[float, str] | None:
        """When which job runs next, of those that are neither paused nor at rest."""
        runs = ((start, name) for start, name in self._heap if not _not_now(self._rows[name], start))
        return min(runs, default=None)

    # -- a look

    def tick(self) -> bool:
        """Look at the clock, and do what is due; whether another look may find more.

        It may where a run was begun, or ended while this look went through what waits. Raises
        StateError as the table does.
        """
        now = self._look_at_the_clock()
        self.collect()
        self._refresh()
        if self._setting.watch:
            self._watch()
        if self._setting.only is None:
            self._write_down(now)
        self._renew()
        begun = self._hand_out(now)
        ended = self.collect()
        if self._running - self._pruned > _PRUNED:
            self._pruned = self._running
            self._table.prune(now)
        return begun > 0 or ended > 0

    @property
    def busy(self) -> bool:
        """Whether runs are in hand, or people are being told of something."""
        with self._lock:
            return bool(self._works or self._over) or self._aside.busy

    @property
    def behind(self) -> bool:
        """Whether the last look left some of what is due to the next one, which had better not wait."""
        return self._behind

    def works(self) -> list[Work]:
        """What is being run now."""
        with self._lock:
            return list(self._works.values())

    def stop(self) -> None:
        """Ask all runs to end after the call in flight; they go on at the next start."""
        for work in self.works():
            work.stop.set()

    def _look_at_the_clock(self) -> float:
        """The time, after what a jump of the clock asks for: a jump forward is a matter of each job's policy."""
        wall, running = self._app.now(), self._app.monotonic()
        jump = (wall - self._wall) - (running - self._running)
        self._wall, self._running = wall, running
        if abs(jump) > _JUMP:
            self._tell(Told("clock", seconds=jump))
            self._renewed = float("-inf")  # what this process has in hand may look as if nobody had it
        if jump < -1 and self._table.rewind(wall):
            self._take(self._mine())
        return wall

    def _mine(self) -> dict[str, JobRow]:
        return {name: row for name, row in self._table.jobs().items() if name in self._rows}

    def _refresh(self) -> None:
        """Take note of what other processes did: pauses, edits, times that they wrote down."""
        version = self._table.version()
        if version != self._version:
            self._version = version
            mine = self._mine()
            if mine != self._rows:
                self._take(mine)

    # -- writing down what is due

    def _write_down(self, now: float) -> None:
        found: list[tuple[str, int, list[Verdict]]] = []
        later: list[tuple[float, str]] = []
        while self._heap and self._heap[0][0] <= now and len(found) < _AT_ONCE:
            _, name = heapq.heappop(self._heap)
            row = self._rows[name]
            verdicts = judge(self._jobs[name], row.seen, now, not_now=_not_now(row, now))
            if verdicts:
                found.append((name, row.seen, verdicts))
            elif (start := self._next_start(name)) is not None:
                later.append((max(start, now + 1), name))
        for each in later:
            heapq.heappush(self._heap, each)
        self._behind = len(found) >= _AT_ONCE
        if found:
            self._record(found)
        if self._missed and not self._behind:
            self._tell_of_missed()

    def _record(self, found: list[tuple[str, int, list[Verdict]]]) -> None:
        recorded = self._table.record(found)
        fresh = None if len(recorded) == len(found) else self._table.jobs()
        for name, _, verdicts in found:
            if name in recorded:
                self._rows[name] = replace(self._rows[name], seen=max(each.last for each in verdicts))
            elif fresh is not None and name in fresh:
                self._rows[name] = fresh[name]  # another process was faster
            if (start := self._next_start(name)) is not None:
                heapq.heappush(self._heap, (start, name))
        for name, _, verdicts in found:  # only now: whoever is told may ask for the next run of all
            if name in recorded:
                for each in verdicts:
                    self._tell_of(name, each)

    def _tell_of(self, name: str, verdict: Verdict) -> None:
        if verdict.state == "due":
            return
        self._tell(Told(verdict.state, name, due=verdict.due, reason=verdict.reason, count=verdict.count))
        if verdict.reason.startswith("missed"):
            self._missed.append((name, verdict))

    def _tell_of_missed(self) -> None:
        """One notice, however many jobs a machine slept through."""
        missed, self._missed = self._missed, []
        names = sorted({name for name, _ in missed})
        if len(names) > 1:
            more = f" and {len(names) - _NAMED:,} others" if len(names) > _NAMED else ""
            key, title = _MISSED, f"{len(names):,} jobs were not run in time"
            text = f"{', '.join(names[:_NAMED])}{more}; see: pinflow schedule history"
        else:
            name, verdict = missed[-1]
            how_many = (
                "many times" if verdict.count is None else "once" if verdict.count == 1 else f"{verdict.count} times"
            )
            key, title = f"job-missed:{name}", f"{name} was not run in time {how_many}"
            text = f"{verdict.reason}; see: pinflow schedule history {name}"
        self._aside.do(lambda: self._app.tell(key, "job_missed", title, text))

    # -- handing out

    def _hand_out(self, now: float) -> int:
        """Begin what can begin; how many runs that are."""
        begun = 0
        with self._lock:
            mine = set(self._works)
            busy = {account for work in self._works.values() for account in work.accounts}
            free = self._setting.workers - len(self._works)
        seen: set[str] = set()
        for each in self._table.open_occurrences(now):
            row = self._rows.get(each.job)
            if each.id in mine or row is None or not self._may_start(each, row):
                continue
            accounts = frozenset(row.accounts) or frozenset({f"job {row.name}"})
            waits = bool(accounts & busy) or free <= 0
            # one that waits behind another of its own job may have to be left out, which only a claim can tell
            if waits and each.job not in seen and not any(work.job.name == each.job for work in self.works()):
                seen.add(each.job)
                busy |= accounts  # first come, first served
                continue
            seen.add(each.job)
            claimed = self._claim(each, row, accounts, now)
            if claimed != "skipped":
                busy |= accounts  # where it has to wait, another process runs one of the account
            if claimed == "begun":
                free -= 1
                begun += 1
        return begun

    def _may_start(self, each: Occurrence, row: JobRow) -> bool:
        if each.state in ("claimed", "running") and self._app.store.runs.claimed(each.run):
            return False  # its owner was silent, and is alive
        if self._setting.only is not None:
            return each.id in self._setting.only
        return row.paused is None or each.origin in ("now", "backfill")

    def _claim(
        self, each: Occurrence, row: JobRow, accounts: frozenset[str], now: float
    ) -> Literal["begun", "skipped", "waits"]:
        skip = self._jobs[row.name].terms.overlap == "skip"
        run = self._app.new_run_id()
        claimed = self._table.claim(each.id, now, run=run, skip_overlap=skip, accounts=accounts)
        if claimed is None:
            return "waits"
        if claimed.state == "skipped":
            self._tell(Told("skipped", row.name, due=claimed.due, reason=claimed.reason))
            return "skipped"
        work = Work(row, claimed, accounts, self._running + self._setting.deadline)
        with self._lock:
            self._works[claimed.id] = work
        self._tell(Told("started", row.name, due=claimed.due, run=claimed.run, again=bool(each.run)))
        self._setting.start(lambda: self._perform(work))
        return "begun"

    def _perform(self, work: Work) -> None:
        """In a thread of its own."""
        try:
            ended = perform(self._app, self._table, work, self._setting.options)
        except BaseException as error:  # the table can't be written: the lease runs out, and somebody takes it up
            ended = Ended("lost", said=f"what came of it could not be written down: {error}")
        with self._lock:
            self._over.append((work, ended))

    # -- what ended

    def collect(self) -> int:
        """Take note of the runs that ended; how many there are."""
        with self._lock:
            over, self._over = self._over, []
            for work, _ in over:
                self._works.pop(work.occurrence.id, None)
        for work, ended in over:
            self._tell(_told(work, ended))
            waits = ended.exit_code == ApprovalRequired.exit_code and ended.result is None  # and was told, once
            if ended.state in ("done", "failed") and not waits:
                self._count(work.job.name, failed=ended.state == "failed")
        return len(over)

    def _count(self, name: str, *, failed: bool) -> None:
        row = self._rows.get(name)
        if not failed:
            for key in (f"job-failed:{name}", f"job-missed:{name}", _MISSED):
                self._aside.do(partial(self._app.notices.resolve, key))
        if row is None or (not failed and not row.failures):
            return
        failures = row.failures + 1 if failed else 0
        rest = min(_RESTS[1], _RESTS[0] * 2 ** min(failures - RESTS_AFTER, 10)) if failures >= RESTS_AFTER else 0.0
        until = self._app.now() + rest if rest else 0.0
        failures = self._table.count_failure(name, failed, rest_until=until)
        self._rows[name] = replace(row, failures=failures, rest_until=until)
        if failures >= RESTS_AFTER:
            self._tell(Told("rests", name, until=until, count=failures))
            title, text = f"{name} failed {failures} times in a row", f"see: pinflow schedule history {name}"
            self._aside.do(lambda: self._app.tell(f"job-failed:{name}", "job_failed", title, text, level="error"))

    # -- signs of life

    def _renew(self) -> None:
        for work in self.works():
            if self._running > work.deadline and not work.stop.is_set():
                work.late = True
                work.stop.set()
        if self._running - self._renewed < RENEWED:
            return
        self._renewed = self._running
        held = {work.occurrence.id: work for work in self.works()}
        for lost in self._table.renew([work.occurrence for work in held.values()], self._app.now()) if held else ():
            if lost.id in {work.occurrence.id for work in self.works()}:  # it may have ended this moment
                held[lost.id].stop.set()

    # -- edits

    def _watch(self) -> None:
        """Look at some of the recipes: all are seen within a minute, and no look takes long."""
        names = list(self._rows)
        for name in names[self._watched : self._watched + _WATCHED_AT_ONCE]:
            if name in self._rows:
                self._look_at_the_recipe(self._rows[name])
        self._watched = 0 if self._watched + _WATCHED_AT_ONCE >= len(names) else self._watched + _WATCHED_AT_ONCE

    def _look_at_the_recipe(self, row: JobRow) -> None:
        stamp = stamp_of(Path(row.recipe))
        if stamp == row.stamp or self._broken.get(row.name) == stamp:
            return
        try:
            fresh = read_job(self._app, Path(row.recipe), {k: str(v) for k, v in row.inputs.items()})
        except NoSchedule:
            self.set_jobs([each for name, each in self._rows.items() if name != row.name])
            return
        except (PinflowError, OSError) as error:
            self._broken[row.name] = stamp
            lacks = f"{row.recipe} is gone; put it back, or restart the daemon without it"
            self._tell(Told("broken", row.name, reason=str(error) if stamp else lacks))
            return
        self._broken.pop(row.name, None)
        if fresh.digest != row.digest:
            self._tell(Told("edited", row.name))
        self.set_jobs([*(each for name, each in self._rows.items() if name != row.name), fresh])


def _differs(row: JobRow, known: JobRow | None) -> bool:
    return known is None or any(
        getattr(row, name) != getattr(known, name) for name in ("digest", "stamp", "recipe", "accounts")
    )


def _inputs_said(inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(inputs.items())) or "the inputs' defaults"


def _not_now(row: JobRow, now: float) -> str:
    if row.paused is not None:
        return PAUSED_BY_HAND
    if row.rest_until > now:
        return f"{RESTS} after {row.failures} failures in a row"
    return ""


def _told(work: Work, ended: Ended) -> Told:
    occurrence, result = work.occurrence, ended.result
    told = Told(
        ended.state,
        work.job.name,
        due=occurrence.due,
        run=occurrence.run,
        reason=ended.said or ended.reason,
        until=ended.until,
        exit_code=ended.exit_code,
    )
    if result is None:  # nothing was begun that could be looked at
        return replace(told, run="") if ended.state == "failed" else told
    return replace(told, seconds=result.seconds, counts=result.counts, items=result.failed)
