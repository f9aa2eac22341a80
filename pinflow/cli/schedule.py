"""``pinflow schedule``: the daemon, its questions and its orders."""

from __future__ import annotations

import os
from contextlib import closing, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from pinflow.cli import run_common, schedule_text
from pinflow.cli.shell import is_terminal
from pinflow.cli.signals import SignalSafeEvent, stop_on_signals
from pinflow.errors import FAILED, OK, PAUSED, UsageError
from pinflow.recipe.bundled import recipe_path
from pinflow.reporters.text import inert, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pinflow.app import App, Options
    from pinflow.cli.shell import Shell
    from pinflow.scheduling.events import ScheduleEvent
    from pinflow.scheduling.scheduler import Scheduler
    from pinflow.state.protocol import ScheduleStore
    from pinflow.state.records import JobRow

DESCRIPTION = """\
Run recipes on schedule, as the schedule: block of each says. Every time that a recipe is
due is stored on disk before it runs, so that a restart, a second process or a machine that
slept neither forgets a run nor does one twice."""
EXAMPLES = """\
  pinflow schedule run recipes/                          in the foreground, until Ctrl-C
  pinflow schedule next 10                               what runs next, with time zones
  pinflow schedule why refresh_all_tokens 2026-03-29T03:30
  pinflow schedule status                                exit code 0 if all is well"""
OUTPUTS: Sequence[str] = ("human", "json")

_MANY = 300  # recipes; checking them takes a second or two, and people wonder
_MOST_LISTED = 10_000  # times to come; of one job they take 0.4 s
_EXAMPLES = {  # of each verb
    "run": "recipes/ --deadline 2h",
    "list": "recipes/",
    "next": "20 refresh_all_tokens",
    "run-now": "refresh_all_tokens",
    "pause": "refresh_all_tokens",
    "resume": "refresh_all_tokens",
    "history": "refresh_all_tokens -n 50",
    "why": "refresh_all_tokens 2026-03-29T03:30",
    "backfill": "refresh_all_tokens --from 2026-03-01 --dry-run",
    "status": "--output json",
}
_NAME = "the recipe's file name, or its name"
_INPUT = "an input, for every recipe that has it (repeatable)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, help: str) -> argparse.ArgumentParser:
        epilog = f"examples:\n  pinflow schedule {name} {_EXAMPLES[name]}".rstrip()
        return below.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.", epilog=epilog)

    run = verb("run", "run what is due until SIGTERM or Ctrl-C; SIGHUP reads the recipes again")
    add_recipes(run)
    add_deadline(run)
    run.add_argument("--metrics", metavar="ADDRESS", help="serve metrics to Prometheus, such as at 127.0.0.1:9464")
    run.add_argument("--metrics-public", action="store_true", help="let other machines read the metrics")
    add_recipes(verb("list", "list the jobs: schedule, state, next and last run"))
    following = verb("next", "show the next runs of all jobs, with time zones and clock changes")
    following.add_argument("recipes", nargs="*", metavar="[N] [RECIPE]", help="how many (default: 10), and of which")
    run_common.add_inputs(following, _INPUT)
    run_common.add_tokens(following)
    for name, help in (
        ("run-now", "run a job now, whatever its schedule says"),
        ("pause", "pause a job until it is resumed; its runs are skipped"),
        ("resume", "resume a job that is paused, or that rests after failures"),
    ):
        verb(name, help).add_argument("job", metavar="JOB", help=_NAME)
    history = verb("history", "show what became of each time a job was due, newest first")
    history.add_argument("job", nargs="?", metavar="JOB", help=_NAME)
    history.add_argument(
        "-n", "--number", type=run_common.parse_count, default=20, metavar="N", help="how many (default: 20)"
    )
    why = verb("why", "explain why a job did or didn't run at a time")
    why.add_argument("job", metavar="JOB", help=_NAME)
    why.add_argument("time", metavar="TIME", help="such as 2030-12-31T03:30, in the job's time zone")
    backfill = verb("backfill", "run a job for past times at which it didn't run, at most 100")
    backfill.add_argument("job", metavar="JOB", help=_NAME)
    backfill.add_argument("--from", dest="first", required=True, metavar="TIME", help="such as 2030-12-01")
    backfill.add_argument("--to", dest="last", metavar="TIME", help="(default: now)")
    backfill.add_argument("--dry-run", action="store_true", help="only list the times")
    verb("status", "show how the schedule is doing; exit code 0 if all is well, else 1")


def add_recipes(parser: argparse.ArgumentParser) -> None:
    """Add the recipes, and their inputs."""
    parser.add_argument(
        "recipes",
        nargs="*",
        type=recipe_path,
        metavar="RECIPE",
        help="recipes or folders (default: those of the last `schedule run`, else recipes/)",
    )
    run_common.add_inputs(parser, _INPUT)
    run_common.add_tokens(parser)


def add_deadline(parser: argparse.ArgumentParser) -> None:
    """Add the option that limits how long a run may take."""
    parser.add_argument(
        "--deadline",
        type=run_common.parse_duration,
        default=6 * 3600.0,
        metavar="TIME",
        help="stop a run that takes longer: 30 minutes, 2h (default: 6 hours)",
    )


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    with open_store(app) as store:
        return _VERBS[args.verb](args, shell, app, store)


def open_store(app: App) -> AbstractContextManager[ScheduleStore]:
    """The schedule of the app's state, to be closed. Raises StateError."""
    return closing(app.store.open_schedule(f"{os.getpid()}-{app.new_run_id()}"))


def run_options(shell: Shell) -> Options:
    """The options of scheduled runs."""
    from pinflow.app import Options

    return Options(tier=run_common.find_tier(None, shell.environ), unattended=True)


class ScheduleLog:
    """Writes events: lines for people on stderr, or a JSON object a line on stdout."""

    def __init__(self, shell: Shell, app: App) -> None:
        self._shell = shell
        self._app = app
        self.failed: list[int] = []  # exit codes of the runs that failed

    def __call__(self, event: ScheduleEvent) -> None:
        from pinflow.scheduling.queries import event_data

        if event.kind == "failed":
            self.failed.append(event.exit_code or FAILED)
        if not self._shell.human:
            self._shell.say_json({"at": self._app.now(), **event_data(event)})
        elif self._is_shown(event):
            for line in schedule_text.event_lines(event, self._app.now()):
                self._shell.tell(line)

    def _is_shown(self, event: ScheduleEvent) -> bool:
        if event.kind in ("failed", "broken", "rests", "inputs"):
            return True
        from pinflow.scheduling.policy import PAUSED as JOB_PAUSED
        from pinflow.scheduling.policy import RESTS

        # a person paused the job, and until when one rests was reported
        known = event.kind == "skipped" and event.reason.startswith((JOB_PAUSED, RESTS))
        return self._shell.options.verbosity >= (1 if known else 0)

    @property
    def exit_code(self) -> int:
        """0 if no run failed; the code of the failed runs where they share one, else 1."""
        return OK if not self.failed else self.failed[0] if len(set(self.failed)) == 1 else FAILED


def warner(shell: Shell) -> Callable[[str], None]:
    """A function that writes a warning."""
    return lambda text: shell.tell(f"{shell.painter(shell.stderr)('warning:', 'yellow')} {inert(text)}")


# -- the daemon


def _run(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.daemon import Daemon
    from pinflow.scheduling.queries import remember, select_jobs
    from pinflow.scheduling.scheduler import Scheduler, SchedulerSettings

    inputs = run_common.parse_given(args)
    address = _metrics_address(args)
    with store.own(app.now()):
        run_common.tell_recipes(shell, app, args.recipes)
        start = select_jobs(app, store, args.recipes, inputs, warner(shell), _reading_notice(shell))
        remember(store, start, now=app.now())
        settings = SchedulerSettings(options=run_options(shell), deadline=args.deadline, watch=True)
        log = _DaemonLog(shell, app)
        report, serving = _with_metrics(app, store, log, address)
        log.scheduler = scheduler = Scheduler(app, store, start.rows, report=report, settings=settings)
        reread = SignalSafeEvent()
        on_terminal = is_terminal(shell.stdin)

        def hang_up() -> bool:
            if on_terminal and not is_terminal(shell.stdin):
                return False  # its terminal was closed: that is what the signal is for
            reread.set()
            return True

        with serving, stop_on_signals(shell.notice, hang_up=hang_up) as stop:
            daemon = Daemon(
                app,
                scheduler,
                reload=lambda: select_jobs(app, store, start.recipes, start.inputs, warner(shell)).rows,
                report=report,
                stop=stop.event,
                reread=reread,
            )
            log.begin()
            daemon.run()
        log.end()
    return finish(scheduler, OK)


def finish(scheduler: Scheduler, code: int) -> int:
    """The exit code once the scheduler is wound up. Where a call hangs, the program ends here and now."""
    if scheduler.busy:  # Python would wait for its thread, and systemd kills what stops too late
        os._exit(code)
    return code


def _reading_notice(shell: Shell) -> Callable[[int], None]:
    """Says why a first start takes seconds: later ones read only what was edited."""

    def write(number: int) -> None:
        if number >= _MANY and shell.human and shell.options.verbosity >= 0:
            shell.tell(f"checking {number:,} recipes that are new or were edited")

    return write


def _metrics_address(args: argparse.Namespace) -> tuple[str, int] | None:
    """Where metrics are served; None if they aren't. Raises UsageError."""
    if args.metrics is None:
        return None
    from pinflow.scheduling.metrics import parse_address

    return parse_address(args.metrics, public=args.metrics_public)


def _with_metrics(
    app: App, store: ScheduleStore, log: _DaemonLog, address: tuple[str, int] | None
) -> tuple[Callable[[ScheduleEvent], None], AbstractContextManager[object]]:
    """The daemon's listener, and what serves metrics while it runs, if anything does."""
    if address is None:
        return log, nullcontext()
    from pinflow.scheduling.metrics import Metrics, serve

    metrics = Metrics(app, store)
    return metrics.counter(log), serve(metrics, address)


class _DaemonLog(ScheduleLog):
    """Also writes what runs next, whenever that changes."""

    scheduler: Scheduler | None = None
    _next: tuple[float, str] | None = None

    def __call__(self, event: ScheduleEvent) -> None:
        super().__call__(event)
        if event.kind not in ("started", "clock"):
            self._write_next()

    def begin(self) -> None:
        """Write how many jobs there are, and what runs next."""
        jobs = len(self.scheduler.rows) if self.scheduler else 0
        self._line(f"{schedule_text.job_count(jobs)}; stop with Ctrl-C or SIGTERM")
        self._write_next()

    def end(self) -> None:
        """Write that the daemon stopped."""
        self._line("stopped; what becomes due runs at the next start")

    def _write_next(self) -> None:
        following = self.scheduler.timetable.next_run() if self.scheduler else None
        if following is not None and following != self._next:
            self._next = following
            start, job = following
            when = f"at {schedule_text.local_time(start)}" if start > self._app.now() else "now"
            self._line(f"next: {inert(job)} {when}")

    def _line(self, text: str) -> None:
        if self._shell.human and self._shell.options.verbosity >= 0:
            self._shell.tell(f"{schedule_text.local_time(self._app.now())}  {text}")


# -- questions


def _list(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.jobs import next_run

    rows = _rows(shell, app, store, args.recipes, run_common.parse_given(args))
    jobs = [(row, next_run(row), next(iter(store.occurrences.history(row.name, number=1)), None)) for row in rows]
    if not shell.human:
        data = [asdict(row) | {"next": start, "last": last and asdict(last)} for row, start, last in jobs]
        return shell.say_json({"jobs": data})
    head = ("JOB", "WHEN", "STATE", "NEXT (LOCAL TIME)", "LAST")
    return shell.say_lines(
        table([head, *(schedule_text.job_row(*job, now=app.now()) for job in jobs)], width=shell.width(shell.stdout))
    )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10


def _next(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.queries import upcoming_runs

    words = list(args.recipes)
    number = int(words.pop(0)) if words and _is_number(words[0]) else 10
    rows = _rows(shell, app, store, [recipe_path(word) for word in words], run_common.parse_given(args))
    runs = upcoming_runs(rows, app.now(), min(number, _MOST_LISTED))
    if not shell.human:
        return shell.say_json({"next": [asdict(run) for run in runs]})
    if not runs:
        paused = ", because all jobs are paused" if rows and all(row.paused is not None for row in rows) else ""
        shell.tell(f"nothing runs next{paused}")
        return OK
    head = ("JOB", "DUE", "ZONE", "STARTS (LOCAL TIME)", "JITTER", "CLOCK")
    columns = list(zip(head, *map(schedule_text.upcoming_row, runs), strict=True))
    told = [column for column in columns if any(column[1:])]  # most jobs have no jitter, and most days no clock change
    return shell.say_lines(table(list(zip(*told, strict=True)), width=shell.width(shell.stdout)))


def _rows(
    shell: Shell, app: App, store: ScheduleStore, recipes: Sequence[Path], inputs: Mapping[str, str]
) -> Sequence[JobRow]:
    """The jobs that a question is about: what is scheduled already, else what the recipes say."""
    from pinflow.scheduling.jobs import stored_jobs
    from pinflow.scheduling.queries import select_jobs

    stored = stored_jobs(store)
    if not recipes and not inputs and stored:
        return list(stored.values())
    run_common.tell_recipes(shell, app, recipes)
    rows = select_jobs(app, store, recipes, inputs, warner(shell)).rows
    return [same if (same := stored.get(row.name)) and same.digest == row.digest else row for row in rows]


def _history(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.queries import find_job

    job = find_job(store, args.job).name if args.job else ""
    rows = store.occurrences.history(job, number=max(1, args.number))
    if not shell.human:
        return shell.say_json({"occurrences": [asdict(row) for row in rows]})
    if not rows:
        shell.tell("nothing was due yet")
        return OK
    head = ("DUE (LOCAL TIME)", "JOB", "STATE", "TOOK", "RUN", "WHY")
    return shell.say_lines(table([head, *map(schedule_text.occurrence_row, rows)], width=shell.width(shell.stdout)))


def _why(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.queries import explain, find_job, parse_time

    row = find_job(store, args.job)
    explanation = explain(app, store, row, parse_time(args.time, row))
    if not shell.human:
        return shell.say_json(asdict(explanation))
    for line in schedule_text.explanation_lines(explanation, str(row.block["timezone"])):
        shell.say(line)
    return OK


def _status(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.health import read_status

    status = read_status(app, store)
    if not shell.human:
        shell.say_json(asdict(status) | {"ok": status.ok})
    else:
        for line in schedule_text.status_lines(status):
            shell.say(line)
    return OK if status.ok else FAILED


# -- by hand


def _run_now(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.queries import add_run_now, find_job

    row = find_job(store, args.job)
    return _run_these(shell, app, store, row, [add_run_now(app, store, row)])


def _backfill(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.queries import find_job, parse_time, times_without_run

    row = find_job(store, args.job)
    first, last = parse_time(args.first, row), parse_time(args.last, row) if args.last else app.now()
    if first > min(last, app.now()):
        raise UsageError("the span ends before it begins", hint="--from must be before --to, and before now")
    dues = times_without_run(store, row, first, min(last, app.now()))
    if args.dry_run or not dues:
        if not shell.human:
            return shell.say_json({"job": row.name, "dues": dues})
        for due in dues:
            shell.say(schedule_text.zoned_time(due, str(row.block["timezone"])))
        shell.tell(f"{len(dues)} would run" if dues else "nothing to make up for")
        return OK
    return _run_these(shell, app, store, row, store.occurrences.reopen(row.name, dues, "backfill"))


def _run_these(shell: Shell, app: App, store: ScheduleStore, row: JobRow, ids: Sequence[int]) -> int:
    """Run these occurrences here, one after the other."""
    from pinflow.scheduling.daemon import run_due
    from pinflow.scheduling.scheduler import Scheduler, SchedulerSettings

    log = ScheduleLog(shell, app)
    settings = SchedulerSettings(options=run_options(shell), only=frozenset(ids))
    scheduler = Scheduler(app, store, [row], report=log, settings=settings)
    with stop_on_signals(shell.notice) as stop:
        run_due(app, scheduler, stop.event)
    occurrences = [store.occurrences.find(id_) for id_ in ids]
    for occurrence in occurrences:
        if occurrence.state in ("due", "paused"):
            waits = "waits for another run of the job or its account; the daemon or a tick runs it then"
            later = f"continues later: {inert(occurrence.reason)}"
            shell.tell(f"{inert(row.name)}: {later if occurrence.state == 'paused' else waits}")
    code = PAUSED if any(occurrence.state == "paused" for occurrence in occurrences) else log.exit_code
    return finish(scheduler, stop.event.exit_code if stop.event.is_set() else code)


def _pause(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.queries import find_job

    row = find_job(store, args.job)
    changed = store.jobs.pause(row.name, app.now())
    return _say_state(shell, row.name, "paused" if changed else "already paused", paused=True)


def _resume(args: argparse.Namespace, shell: Shell, app: App, store: ScheduleStore) -> int:
    from pinflow.scheduling.queries import find_job, resume

    row = find_job(store, args.job)
    changed = resume(app, store, row)
    return _say_state(shell, row.name, "resumed" if changed else "was not paused", paused=False)


def _say_state(shell: Shell, job: str, state: str, *, paused: bool) -> int:
    if not shell.human:
        return shell.say_json({"job": job, "paused": paused})
    shell.tell(f"{inert(job)}: {state}")
    return OK


_VERBS = {
    "run": _run,
    "list": _list,
    "next": _next,
    "run-now": _run_now,
    "pause": _pause,
    "resume": _resume,
    "history": _history,
    "why": _why,
    "backfill": _backfill,
    "status": _status,
}
