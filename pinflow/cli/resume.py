"""``pinflow resume``: continue a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.cli import run_common

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.state.records import RunRecord

DESCRIPTION = """\
Continue a run that was paused, stopped or failed. What is done is not done again, and
pinflow checks first what may have been done."""
EXAMPLES = """\
  pinflow resume                                         the last run
  pinflow resume 20260301-101500-ab3f2c                  this one; pinflow runs lists them
  pinflow resume --patience 3h                           wait for quotas instead of pausing
  pinflow resume --made 12=813744226420795884            what became of an unknown write
  pinflow resume --not-made 12                           it made nothing: send it again"""
OUTPUTS: Sequence[str] = run_common.OUTPUTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="the run (default: the last one)")
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="go on with what was changed since in the recipe, its inputs and its data, without asking",
    )
    parser.add_argument(
        "--remake", action="store_true", help="make anew what was made of rows that were edited since, beside the old"
    )
    parser.add_argument(
        "--made", action="append", default=[], metavar="ITEM=ID", help="this is what an unknown write made (repeatable)"
    )
    parser.add_argument(
        "--not-made", action="append", default=[], metavar="ITEM", help="an unknown write made nothing (repeatable)"
    )
    run_common.add_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    inputs = run_common.parse_inputs(args.inputs)
    record = app.store.runs.look(args.id or app.store.runs.last() or "")
    if record is not None:
        run_common.warn_of_secrets(shell, inputs, record.options.get("secrets", ()))
    command = "" if record is None else _command(record, inputs, shell.options.plugins)
    return run_common.execute(shell, args, lambda options: app.resume(args.id, options, inputs=inputs), command=command)


def _command(record: RunRecord, inputs: Mapping[str, str], plugins: Sequence[Path]) -> str:
    """The command that begins the run of a record anew, with these inputs."""
    given = {name: record.inputs[name] for name in record.options.get("given", ()) if name in record.inputs}
    given |= {**inputs, **dict.fromkeys(record.options.get("secrets", ()), "...")}
    shown = {name: run_common.input_text(value) for name, value in given.items()}
    output = record.options.get("output")
    return run_common.command_line(
        record.recipe, shown, record.options.get("api"), plugins, output=Path(output) if output else None
    )
