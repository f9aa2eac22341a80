"""``pinflow doctor``: looks for what keeps pinflow from working, and says what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pinflow.errors import PinflowError, PluginError
from pinflow.reporters.text import inert, wrap

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import Finding

DESCRIPTION = """\
Check what pinflow needs: Python and plugins, the state folder, this machine's clock, the way
to the service, the app, and every token that is found, with where it was looked for. The
service is asked for each token's account, and nothing is changed there. Secrets are never shown.
Exits with 0 if all is well, with 4 if only the sign-in isn't, else with 1."""
EXAMPLES = """\
  pinflow doctor
  pinflow doctor --offline                               ask no service
  pinflow doctor --output json                           for programs"""
OUTPUTS: Sequence[str] = ("human", "json")

_STYLES = {"ok": "green", "note": "yellow", "problem": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--offline", action="store_true", help="ask no service; check only what is on this machine")


def run(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.doctor import exit_code

    findings: list[Finding] = []
    for finding in _examine(shell, offline=args.offline):
        findings.append(finding)
        if shell.human:
            for line in _lines(shell, finding):
                shell.say(line)
    code = exit_code(findings)
    if shell.human:
        problems = sum(finding.level == "problem" for finding in findings)
        shell.say(f"{problems} problem{'' if problems == 1 else 's'}" if problems else "All is well.")
    else:
        rows = [asdict(finding) | {"exit_code": exit_code([finding])} for finding in findings]
        shell.say_json({"findings": rows, "exit_code": code})
    return code


def _examine(shell: Shell, *, offline: bool) -> Iterator[Finding]:
    from pinflow.doctor import examine, problem_of

    try:
        app = shell.app()
    except PinflowError as error:
        yield problem_of("plugins" if isinstance(error, PluginError) else "start", error)
        return
    yield from examine(app, offline=offline)


def _lines(shell: Shell, finding: Finding) -> Iterator[str]:
    width = shell.width(shell.stdout)
    paint = shell.painter(shell.stdout)
    mark = paint(f"{finding.level:<7}", _STYLES[finding.level])
    first, *more = [line for part in finding.text.splitlines() for line in wrap(inert(part), width - 20, most=20)]
    yield f"{mark}  {inert(finding.topic):<9}  {first.strip()}"
    yield from (f"{'':<20}{line.rstrip()}" for line in more)
    for part in finding.hint.splitlines():
        yield from (f"{'':<20}{line}" for line in wrap(inert(part), width - 20, most=20))
