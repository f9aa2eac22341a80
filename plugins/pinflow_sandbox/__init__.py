"""A small Pinterest on loopback, for trying recipes and for tests: ``pinflow_sandbox.server.sandbox.start()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import Command, Simulator, hookimpl

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pinflow import Host
    from pinflow_sandbox.server.sandbox import Sandbox


@hookimpl
def pinflow_sandbox() -> Simulator:
    """The sandbox that ``--sandbox`` starts."""
    return Simulator(service="pinterest", start=_start)


@hookimpl
def pinflow_commands() -> list[Command]:
    """``pinflow sandbox``: the sandbox as a server of its own."""
    return [
        Command(
            name="sandbox",
            help="run the sandbox as a server, for recipes and for other programs",
            add_arguments=_add_arguments,
            run=_run,
            group="Try it",
        )
    ]


def _start(now: Callable[[], float]) -> AbstractContextManager[Sandbox]:
    from pinflow_sandbox.server.sandbox import start

    return start(now=now)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from pinflow_sandbox.command import add_arguments

    add_arguments(parser)


def _run(args: argparse.Namespace, app: Host) -> int:
    from pinflow_sandbox.command import run

    return run(args)
