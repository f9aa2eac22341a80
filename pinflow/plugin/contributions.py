"""What a plugin may offer beside actions, APIs and credentials: commands, simulators, and importers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Imported:
    """A recipe that was made of something else: its text, and what is to be said of it.

    ``notes`` name whatever could not be carried over, with its place.
    """

    recipe: str
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """A way to make a recipe of what people have already: ``pinflow new --from-NAME VALUE``.

    ``read`` gets the value and the app. It raises UsageError for what it can't
    read, and puts no secret of it into the recipe or into what it says.
    """

    name: str  # "curl": small letters, digits and -
    metavar: str
    help: str
    read: Callable[[str, App], Imported]
