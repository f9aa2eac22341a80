"""What a plugin may offer beside actions, APIs and credentials: commands and simulators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager

    from pinflow.app import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand of ``pinflow``.

    ``add_arguments`` fills its parser. ``run`` gets the parsed arguments and the
    app, and returns the exit code; it prints results to standard output and raises
    PinflowError for anything a person must be told.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, App], int]
    group: str = "More"


class RunningSandbox(Protocol):
    """A simulated service that is running.

    It may have two methods more, for tests and ``pinflow plugins check``: ``state()``, all that it holds as plain
    data that can be compared, and ``requests()``, what it was asked: mappings with ``method``, ``path``, ``status``
    and ``count``.
    """

    @property
    def url(self) -> str:
        """Where it listens."""
        ...

    def environment(self, tokens: Collection[str] = ...) -> Mapping[str, str]:
        """The variables a client needs to use it, with a token for each name in ``tokens``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """How a service is simulated on loopback.

    ``start`` gets the clock that its time is to be told by (seconds since the
    epoch), and gives a context manager of the running sandbox.
    """

    service: str  # as in Api.service
    start: Callable[[Callable[[], float]], AbstractContextManager[RunningSandbox]]
