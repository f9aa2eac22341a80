"""``pinflow schedule``: the daemon, and everything that people ask and tell it."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.cli import run_common, schedule_text
from pinflow.cli.shell import is_terminal
from pinflow.cli.signals import Asked, stoppable
from pinflow.errors import FAILED, INTERRUPTED, OK, PAUSED, UsageError
from pinflow.reporters.text import fit, inert, json_text, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pinflow.app import App, Options
    from pinflow.cli.shell import Shell
    from pinflow.scheduling.events import Told
    from pinflow.scheduling.scheduler import Scheduler
    from pinflow.state.folder.occurrences import Table
    from pinflow.state.records import JobRow

DESCRIPTION = """\
Run recipes by themselves, when the schedule: block of each says so. Every time that a
recipe is due has a row on disk before it runs, so that a restart, a second process or a
machine that slept neither forgets a run nor does one twice."""
EXAMPLES = """\
  pinflow schedule run recipes/                          in the foreground, until Ctrl-C
  pinflow schedule next 10                               what runs next, in all zones
  pinflow schedule why refresh_all_tokens 2026-03-29T03:30
  pinflow schedule status                                exit code 0 if all is well"""
OUTPUTS: Sequence[str] = ("human", "json")

_MANY = 300  # recipes, which are checked in a second or two
_NAME = "the recipe's file name, or what it is called"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, help: str) -> argparse.ArgumentParser:
        return below.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.")

    run = verb("run", "run what is due until told to stop: SIGTERM or Ctrl-C ends it, SIGHUP reads the recipes again")
    add_recipes(run)
    add_deadline(run)
    run.add_argument("--metrics", metavar="ADDRESS", help="answer Prometheus there, such as 127.0.0.1:9464")
    run.add_argument("--metrics-public", action="store_true", help="let other machines read them too")
    add_recipes(verb("list", "list the jobs: when each runs, when next, and how it went last"))
    following = verb("next", "show the next runs of all jobs, with zones and changes of the clock")
    following.add_argument("recipes", nargs="*", metavar="[N] [RECIPE]", help="how many (default: 10), and of which")
    add_inputs(following)
    for name, help in (
        ("run-now", "run a job now, whatever its schedule says"),
        ("pause", "let a job rest until it is resumed; its runs are left out"),
        ("resume", "let a job run again that is paused, or that rests after failures"),
    ):
        verb(name, help).add_argument("job", metavar="JOB", help=_NAME)
    history = verb("history", "show what became of each time at which a job was due, the newest first")
    history.add_argument("job", nargs="?", metavar="JOB", help=_NAME)
    history.add_argument(
        "-n", "--number", type=run_common.number, default=20, metavar="N", help="how many (default: 20)"
    )
    why = verb("why", "say why a job did, or did not, run at a time")
    why.add_argument("job", metavar="JOB", help=_NAME)
    why.add_argument("time", metavar="TIME", help="such as 2030-12-31T03:30, in the job's own zone")
    backfill = verb("backfill", "run a job for the times of a span at which it did not run, 100 at most")
    backfill.add_argument("job", metavar="JOB", help=_NAME)
    backfill.add_argument("--from", dest="first", required=True, metavar="TIME", help="such as 2030-12-01")
    backfill.add_argument("--to", dest="last", metavar="TIME", help="(default: now)")
    backfill.add_argument("--dry-run", action="store_true", help="only list the times")
    verb("status", "tell how the schedule does; the exit code is 0 if all is well, else 1")


def add_recipes(parser: argparse.ArgumentParser) -> None:
    """Which recipes, and their inputs."""
    parser.add_argument(
        "recipes",
        nargs="*",
        type=Path,
        metavar="RECIPE",
        help="recipes, or folders of them (default: those of the last `schedule run`, else recipes/)",
    )
    add_inputs(parser)


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The inputs of scheduled recipes."""
    parser.add_argument(
        "-i",
        "--input",
        dest="inputs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input, for every recipe that has it (repeatable)",
    )


def add_deadline(parser: argparse.ArgumentParser) -> None:
    """How long a run may take."""
    parser.add_argument(
        "--deadline",
        type=run_common.patience,
        default=6 * 3600.0,
        metavar="TIME",
        help="stop a run that takes longer: 30 minutes, 2h (default: 6 hours)",
    )


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    with opened(app) as its_table:
        return _VERBS[args.verb](args, shell, app, its_table)


@contextmanager
def opened(app: App) -> Iterator[Table]:
    """The occurrence table. Raises StateError."""
    from pinflow.state.folder.occurrences import Table

    with Table(app.state, owner=f"{os.getpid()}-{app.new_run_id()}") as found:
        yield found


def options_of(shell: Shell) -> Options:
    """How scheduled runs are done."""
    from pinflow.app import Options

    return Options(tier=run_common.tier_of(None, shell.environ), unattended=True)


class Log:
    """Writes what happens: lines for people on stderr, or a JSON object a line on stdout."""

    def __init__(self, shell: Shell, app: App) -> None:
        self._shell = shell
        self._app = app
        self.failed: list[int] = []  # exit codes of the runs that failed

    def __call__(self, told: Told) -> None:
        from pinflow.scheduling.queries import plain

        if told.kind == "failed":
            self.failed.append(told.exit_code or FAILED)
        if not self._shell.human:
            self._shell.say(json_text({"at": self._app.now(), **plain(told)}))
        elif self._is_said(told):
            for line in schedule_text.told_lines(told, self._app.now()):
                self._shell.tell(line)

    def _is_said(self, told: Told) -> bool:
        if told.kind in ("failed", "broken", "rests", "inputs"):
            return True
        from pinflow.scheduling.policy import PAUSED_BY_HAND, RESTS

        # whoever paused a job knows that it does not run, and until when one rests was told
        known = told.kind == "skipped" and told.reason.startswith((PAUSED_BY_HAND, RESTS))
        return self._shell.options.verbosity >= (1 if known else 0)

    @property
    def exit_code(self) -> int:
        """0 if no run failed, and the code of those that did if it is one."""
        return OK if not self.failed else self.failed[0] if len(set(self.failed)) == 1 else FAILED


def left_out(shell: Shell) -> Callable[[str], None]:
    """Tells of a recipe that can't be scheduled."""
    return lambda why: shell.tell(f"{shell.painted(shell.stderr)('warning:', 'yellow')} {inert(why)}")


# -- the daemon


def _run(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.daemon import Daemon, owned
    from pinflow.scheduling.queries import chosen, remember
    from pinflow.scheduling.scheduler import Scheduler, Setting

    inputs = run_common.given_inputs(args.inputs)
    where = _metrics_address(args)
    lock = owned(app)
    try:
        start = chosen(app, its_table, args.recipes, inputs, left_out(shell), _reading(shell))
        remember(its_table, start, now=app.now())
        setting = Setting(options=options_of(shell), deadline=args.deadline, watch=True)
        log = _DaemonLog(shell, app)
        tell, answering = _measured(app, its_table, log, where)
        log.scheduler = scheduler = Scheduler(app, its_table, start.rows, tell=tell, setting=setting)
        reread = Asked()
        on_terminal = is_terminal(shell.stdin)

        def hang_up() -> bool:
            if on_terminal and not is_terminal(shell.stdin):
                return False  # its terminal was closed: that is what the signal is there for
            reread.set()
            return True

        with answering, stoppable(shell.notice, hang_up=hang_up) as stop:
            daemon = Daemon(
                app,
                scheduler,
                reload=lambda: chosen(app, its_table, start.recipes, start.inputs, left_out(shell)).rows,
                tell=tell,
                stop=stop.asked,
                again=reread,
            )
            log.begin()
            daemon.run()
        log.end()
    finally:
        lock.release()
    return ended(scheduler, OK)


def ended(scheduler: Scheduler, code: int) -> int:
    """The exit code of a program whose scheduler is wound up; where a call hangs, the program ends here and now."""
    if scheduler.busy:  # Python would wait for its thread, and the system kills what stops too late
        os._exit(code)
    return code


def _reading(shell: Shell) -> Callable[[int], None]:
    """Tells of a first start that takes seconds: later ones read only what was edited."""

    def tell(number: int) -> None:
        if number >= _MANY and shell.human and shell.options.verbosity >= 0:
            shell.tell(f"checking {number:,} recipes that are new or were edited")

    return tell


def _metrics_address(args: argparse.Namespace) -> tuple[str, int] | None:
    """Where Prometheus is answered. Raises UsageError."""
    if args.metrics is None:
        return None
    from pinflow.scheduling.metrics import address

    return address(args.metrics, public=args.metrics_public)


def _measured(
    app: App, its_table: Table, log: _DaemonLog, where: tuple[str, int] | None
) -> tuple[Callable[[Told], None], AbstractContextManager[object]]:
    """What the scheduler tells, and what answers Prometheus meanwhile, if anything does."""
    if where is None:
        return log, nullcontext()
    from pinflow.scheduling.metrics import Metrics, served

    metrics = Metrics(app, its_table)
    return metrics.counting(log), served(metrics, where)


class _DaemonLog(Log):
    """The same, and what runs next whenever that changes."""

    scheduler: Scheduler | None = None
    _next: tuple[float, str] | None = None

    def __call__(self, told: Told) -> None:
        super().__call__(told)
        if told.kind not in ("started", "clock"):
            self._tell_next()

    def begin(self) -> None:
        """Tell what is scheduled."""
        jobs = len(self.scheduler.rows) if self.scheduler else 0
        self._line(f"{schedule_text.jobs_said(jobs)}; stop with Ctrl-C or SIGTERM")
        self._tell_next()

    def end(self) -> None:
        """Tell that it is over."""
        self._line("stopped; what was due meanwhile is seen to at the next start")

    def _tell_next(self) -> None:
        following = self.scheduler.next_run() if self.scheduler else None
        if following is not None and following != self._next:
            self._next = following
            start, job = following
            when = f"at {schedule_text.short(start)}" if start > self._app.now() else "now"
            self._line(f"next: {inert(job)} {when}")

    def _line(self, text: str) -> None:
        if self._shell.human and self._shell.options.verbosity >= 0:
            self._shell.tell(f"{schedule_text.short(self._app.now())}  {text}")


# -- questions


def _list(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.jobs import next_run

    rows = _rows(shell, app, its_table, args.recipes, args.inputs)
    found = []
    for row in rows:
        found.append((row, next_run(row), next(iter(its_table.history(row.name, number=1)), None)))
    if not shell.human:
        jobs = [asdict(row) | {"next": start, "last": last and asdict(last)} for row, start, last in found]
        return _say(shell, {"jobs": jobs})
    head = ("JOB", "WHEN", "STATE", "NEXT (LOCAL TIME)", "LAST")
    return _table(shell, [head, *(schedule_text.job_row(*each, now=app.now()) for each in found)])


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10


def _next(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.queries import coming

    words = list(args.recipes)
    number = int(words.pop(0)) if words and _is_number(words[0]) else 10
    rows = _rows(shell, app, its_table, [Path(each) for each in words], args.inputs)
    found = coming(rows, app.now(), min(number, 10_000))
    if not shell.human:
        return _say(shell, {"next": [asdict(each) for each in found]})
    if not found:
        paused = ", because all jobs are paused" if rows and all(row.paused is not None for row in rows) else ""
        shell.tell(f"nothing comes next{paused}")
        return OK
    head = ("JOB", "DUE", "ZONE", "STARTS (LOCAL TIME)", "JITTER", "CLOCK")
    return _table(shell, [head, *map(schedule_text.coming_row, found)])


def _rows(shell: Shell, app: App, its_table: Table, given: Sequence[Path], inputs: Sequence[str]) -> Sequence[JobRow]:
    """The jobs that a question is about: what is scheduled already, else what the recipes say."""
    from pinflow.scheduling.queries import chosen

    known = its_table.jobs()
    if not given and not inputs and known:
        return list(known.values())
    found = chosen(app, its_table, given, run_common.given_inputs(inputs), left_out(shell)).rows
    same = {row.name: row for row in known.values()}
    return [same[row.name] if row.name in same and same[row.name].digest == row.digest else row for row in found]


def _history(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.queries import find_job

    job = find_job(its_table, args.job).name if args.job else ""
    rows = its_table.history(job, number=max(1, args.number))
    if not shell.human:
        return _say(shell, {"occurrences": [asdict(row) for row in rows]})
    if not rows:
        shell.tell("nothing was due yet")
        return OK
    head = ("DUE (LOCAL TIME)", "JOB", "STATE", "TOOK", "RUN", "WHY")
    return _table(shell, [head, *map(schedule_text.occurrence_row, rows)])


def _why(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.queries import find_job, moment_of, why

    row = find_job(its_table, args.job)
    found = why(app, its_table, row, moment_of(args.time, row))
    if not shell.human:
        return _say(shell, asdict(found))
    for line in schedule_text.why_lines(found, str(row.block["timezone"])):
        shell.say(line)
    return OK


def _status(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.health import status_of

    found = status_of(app, its_table)
    if not shell.human:
        _say(shell, asdict(found) | {"ok": found.ok})
    else:
        for line in schedule_text.status_lines(found):
            shell.say(line)
    return OK if found.ok else FAILED


# -- by hand


def _run_now(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.queries import find_job, now_due

    row = find_job(its_table, args.job)
    return _run_these(shell, app, its_table, row, [now_due(app, its_table, row)])


def _backfill(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.queries import find_job, lacking, moment_of

    row = find_job(its_table, args.job)
    first, last = moment_of(args.first, row), moment_of(args.last, row) if args.last else app.now()
    if first > min(last, app.now()):
        raise UsageError("the span ends before it begins", hint="--from is before --to, and before now")
    dues = lacking(its_table, row, first, min(last, app.now()))
    if args.dry_run or not dues:
        if not shell.human:
            return _say(shell, {"job": row.name, "dues": dues})
        for due in dues:
            shell.say(schedule_text.when(due, str(row.block["timezone"])))
        shell.tell(f"{len(dues)} would run" if dues else "nothing is to be made up for")
        return OK
    return _run_these(shell, app, its_table, row, its_table.again(row.name, dues, "backfill"))


def _run_these(shell: Shell, app: App, its_table: Table, row: JobRow, ids: Sequence[int]) -> int:
    """Run these occurrences here, one after the other."""
    from pinflow.scheduling.daemon import see_through
    from pinflow.scheduling.scheduler import Scheduler, Setting

    log = Log(shell, app)
    setting = Setting(options=options_of(shell), only=frozenset(ids))
    scheduler = Scheduler(app, its_table, [row], tell=log, setting=setting)
    with stoppable(shell.notice) as stop:
        see_through(app, scheduler, stop.asked)
    rows = [its_table.find(each) for each in ids]
    for each in rows:
        if each.state in ("due", "paused"):
            waits = "waits, because a run of its own or of its account has not ended; the daemon or a tick runs it then"
            later = f"goes on later: {inert(each.reason)}"
            shell.tell(f"{inert(row.name)}: {later if each.state == 'paused' else waits}")
    code = PAUSED if any(each.state == "paused" for each in rows) else log.exit_code
    return ended(scheduler, stop.exit_code(INTERRUPTED) if stop.asked.is_set() else code)


def _pause(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.queries import find_job, pause

    row = find_job(its_table, args.job)
    changed = pause(app, its_table, row)
    return _told_state(shell, row.name, "paused" if changed else "paused already", paused=True)


def _resume(args: argparse.Namespace, shell: Shell, app: App, its_table: Table) -> int:
    from pinflow.scheduling.queries import find_job, resume

    row = find_job(its_table, args.job)
    changed = resume(app, its_table, row)
    return _told_state(shell, row.name, "goes on" if changed else "was not paused", paused=False)


def _told_state(shell: Shell, job: str, said: str, *, paused: bool) -> int:
    if not shell.human:
        return _say(shell, {"job": job, "paused": paused})
    shell.tell(f"{inert(job)}: {said}")
    return OK


def _say(shell: Shell, data: Mapping[str, Any]) -> int:
    shell.say(json_text(data))
    return OK


def _table(shell: Shell, rows: Iterable[Sequence[str]]) -> int:
    for line in table(rows):
        shell.say(fit(line, shell.width(shell.stdout)))
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
