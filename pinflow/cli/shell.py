"""What a command works with: its streams, its environment, and how the person wants to be answered."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TextIO

from pinflow.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pinflow.app import App

_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True)
class Options:
    """The options that every command has."""

    output: str = "human"
    color: str = "auto"
    verbosity: int = 0  # -1 quiet, 0, 1 everything
    plugins: Sequence[Path] = ()
    no_input: bool = False


@dataclass(frozen=True, slots=True)
class Shell:
    """Results go to ``stdout``, everything else to ``stderr``."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    open_app: Callable[[Mapping[str, str], Sequence[Path]], App] | None = None  # None: with every installed plugin
    options: Options = field(default_factory=Options)
    reserved: frozenset[str] = frozenset()  # names that no command of a plugin may have

    @classmethod
    def of_process(cls) -> Shell:
        """This process's own. What a stream's encoding lacks is written as ``\\u`` escapes."""
        for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
            if getattr(sys, name) is None:  # it was closed, and the next file that is opened would stand in its place
                setattr(sys, name, os.fdopen(_nowhere(number), mode, encoding="utf-8"))
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    def asking(self, options: Options) -> Shell:
        """The same with other options."""
        return replace(self, options=options)

    def app(self) -> App:
        """The app, loaded when a command first needs it. Raises PluginError."""
        if self.open_app is not None:
            return self.open_app(self.environ, self.options.plugins)
        from pinflow.app import App

        return App.installed(self.environ, plugins_from=self.options.plugins, reserved=self.reserved)

    def say(self, text: str) -> None:
        """Write a line of the result. Raises StateError where there is no room for it."""
        try:
            _write(self.stdout, text)
        except OSError as error:
            raise StateError(
                f"the result can't be written: {error.strerror}",
                hint="make room where it goes to; what a run did is recorded, see: pinflow runs show",
            ) from error

    def tell(self, text: str) -> None:
        """Write a line that is no result: progress, notes, errors. Where there is no room for it, it is lost."""
        with suppress(OSError):
            _write(self.stderr, text)

    def notice(self, text: str) -> None:
        """Tell a line from inside a signal handler, where a stream may be in the middle of a write."""
        try:
            os.write(self.stderr.fileno(), f"{text}\n".encode())
        except (OSError, ValueError):
            return  # nobody is there to read it

    @property
    def human(self) -> bool:
        """Whether a person reads the result."""
        return self.options.output == "human"

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return not self.options.no_input and is_terminal(self.stdin) and is_terminal(self.stderr)

    def colored(self, stream: TextIO) -> bool:
        """Whether ``stream`` gets colours: --color, else NO_COLOR, else FORCE_COLOR, else on a terminal."""
        if self.options.color != "auto":
            return self.options.color == "always"
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        return is_terminal(stream) and self.environ.get("TERM") != "dumb"

    def painted(self, stream: TextIO) -> Callable[[str, str], str]:
        """A function that colours a text for ``stream``, or leaves it as it is."""
        if not self.colored(stream):
            return lambda text, style: text
        return lambda text, style: f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style else text

    def width(self, stream: TextIO) -> int:
        """How many cells a line of ``stream`` has; lines that no terminal shows may be longer."""
        if not is_terminal(stream):
            return 200
        try:
            return max(20, os.get_terminal_size(stream.fileno()).columns)
        except (OSError, ValueError):
            return 80


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sits at ``stream``."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _write(stream: TextIO, text: str) -> None:
    """Write a line at once. When nobody reads any more, go on without: a run does not end for that.

    Raises OSError for anything else, once.
    """
    try:
        stream.write(text + "\n")
        stream.flush()
    except OSError as error:
        silence(stream)
        if not isinstance(error, BrokenPipeError):
            raise


def silence(stream: TextIO) -> None:
    """Send everything that is still written to ``stream`` nowhere."""
    try:
        _nowhere(stream.fileno())
    except (OSError, ValueError):
        return  # no stream of the operating system: there is nothing left to write to


def _nowhere(number: int) -> int:
    """Make this descriptor lead nowhere; it is given back."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    return number
