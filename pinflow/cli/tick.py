"""``pinflow tick``: run what is due now, and exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.cli import run_common, schedule_text
from pinflow.cli.schedule import ScheduleLog, add_deadline, add_recipes, finish, open_store, run_options, warner
from pinflow.cli.shell import is_terminal
from pinflow.cli.signals import stop_on_signals
from pinflow.reporters.text import inert

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell
    from pinflow.scheduling.scheduler import Scheduler

DESCRIPTION = """\
Run what is due now, to its end, and exit: for cron, systemd timers and CI. Call it as often
as you like, also while a daemon or another tick runs: nothing runs twice. The exit code is
that of the failed runs; paused runs continue in a later tick."""
EXAMPLES = """\
  pinflow tick recipes/refresh_all_tokens.yaml           from crontab, every 5 minutes
  pinflow tick                                           what was scheduled before, else recipes/"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipes(parser)
    add_deadline(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.scheduling.daemon import run_due
    from pinflow.scheduling.jobs import stored_jobs
    from pinflow.scheduling.queries import select_jobs
    from pinflow.scheduling.scheduler import Scheduler, SchedulerSettings

    app = shell.app()
    log = ScheduleLog(shell, app)
    with open_store(app) as store, stop_on_signals(shell.notice) as stop:
        # cron mails every line, every 5 minutes
        warn = warner(shell) if shell.options.verbosity >= 0 else lambda text: None
        if is_terminal(shell.stderr):
            run_common.tell_recipes(shell, app, args.recipes)
        start = select_jobs(app, store, args.recipes, run_common.parse_given(args), warn)
        known = stored_jobs(store)
        new = [row for row in start.rows if row.name not in known]
        settings = SchedulerSettings(options=run_options(shell), deadline=args.deadline)
        scheduler = Scheduler(app, store, start.rows, report=log, settings=settings)
        run_due(app, scheduler, stop.event)
        _tell_next(shell, scheduler, len(new))
    return finish(scheduler, stop.event.exit_code if stop.event.is_set() else log.exit_code)


def _tell_next(shell: Shell, scheduler: Scheduler, new: int) -> None:
    """Say what comes next: to who looks on, and where there are ``new`` jobs, as nothing else shows that they are kept.

    Cron mails that once, and not every 5 minutes.
    """
    following = scheduler.timetable.next_run()
    coming = f"next: {inert(following[1])} at {schedule_text.local_time(following[0])}" if following else ""
    if new and shell.human and shell.options.verbosity >= 0:
        jobs = "1 job" if new == 1 else f"{new:,} jobs"
        shell.tell("; ".join(filter(None, [f"{jobs} registered", coming])))
    elif coming and shell.human and (shell.options.verbosity > 0 or is_terminal(shell.stderr)):
        shell.tell(coming)
