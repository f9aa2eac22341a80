"""``pinflow tick``: run what is due now, and exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.cli import run_common, schedule_text
from pinflow.cli.schedule import Log, add_deadline, add_recipes, ended, left_out, opened, options_of
from pinflow.cli.shell import is_terminal
from pinflow.cli.signals import stoppable
from pinflow.errors import INTERRUPTED
from pinflow.reporters.text import inert

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell

DESCRIPTION = """\
Run what is due now, to its end, and exit: for cron, systemd timers and CI. Call it as often
as you like; it works beside a daemon and beside itself, and keeps the same promises. The
exit code is that of the runs that failed; runs that are paused go on in a later tick."""
EXAMPLES = """\
  pinflow tick recipes/refresh_all_tokens.yaml           from crontab, every 5 minutes
  pinflow tick                                           what was scheduled before, else recipes/"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipes(parser)
    add_deadline(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.scheduling.daemon import see_through
    from pinflow.scheduling.queries import chosen
    from pinflow.scheduling.scheduler import Scheduler, Setting

    app = shell.app()
    log = Log(shell, app)
    with opened(app) as table, stoppable(shell.notice) as stop:
        warn = left_out(shell) if shell.options.verbosity >= 0 else lambda why: None  # every 5 minutes, by mail
        start = chosen(app, table, args.recipes, run_common.given_inputs(args.inputs), warn)
        setting = Setting(options=options_of(shell), deadline=args.deadline)
        scheduler = Scheduler(app, table, start.rows, tell=log, setting=setting)
        see_through(app, scheduler, stop.asked)
        following = scheduler.next_run()
        # cron sends a mail for every line
        if following is not None and shell.human and (shell.options.verbosity > 0 or is_terminal(shell.stderr)):
            shell.tell(f"next: {inert(following[1])} at {schedule_text.short(following[0])}")
    return ended(scheduler, stop.exit_code(INTERRUPTED) if stop.asked.is_set() else log.exit_code)
