"""A small Pinterest on loopback, for trying recipes and for tests.

from pinflow_sandbox import Settings, start

with start(settings=Settings(quotas=False)) as sandbox: ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pinflow import Command, FactsPage, Simulator, hookimpl

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pinflow import Host
    from pinflow_sandbox.control.settings import Settings
    from pinflow_sandbox.server.connection import Timeouts
    from pinflow_sandbox.server.sandbox import Sandbox, start

__all__ = ["Sandbox", "Settings", "Timeouts", "start"]

_MODULES = {"Settings": "control.settings", "Timeouts": "server.connection"}  # the others are in server.sandbox


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: commands other than ``sandbox`` start without the server."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'server.sandbox')}"), name)
    return value


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


@hookimpl
def pinflow_pages() -> list[FactsPage]:
    """The page on settings and faults."""
    return [
        FactsPage(
            name="sandbox-settings",
            title="Settings of the sandbox",
            about="How the sandbox can be made to behave, and which faults it can have.",
            text=_settings_page,
            words=("sandbox", "simulator", "mock", "test server", "faults", "chaos", "--set", "offline"),
            see="[`pinflow sandbox`](commands/sandbox.md). In the terminal: `pinflow sandbox --settings`.",
        )
    ]


def _settings_page() -> str:
    from pinflow_sandbox.control.reference import page_text  # here: a start of any command asks for the page

    return page_text()
