"""What a command works with: streams, environment and the options that every command has."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from pinflow.errors import OK, StateError
from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.masking.known import mask, mask_data
from pinflow.reporters.text import UNWRAPPED, fit, inert, json_text, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pinflow.app import App

_MOST_LINES = 20  # that one line of a result becomes on a narrow terminal
_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True)
class CommonOptions:
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
    options: CommonOptions = field(default_factory=CommonOptions)
    reserved: frozenset[str] = frozenset()  # names that no command of a plugin may have

    @classmethod
    def of_process(cls) -> Shell:
        """The shell of this process. Characters that a stream's encoding lacks are written as ``\\u`` escapes."""
        for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
            if getattr(sys, name) is None:  # it was closed, and the next file to be opened would get its number
                setattr(sys, name, os.fdopen(_redirect_to_null(number), mode, encoding="utf-8"))
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    def with_options(self, options: CommonOptions) -> Shell:
        """A copy with other options."""
        return replace(self, options=options)

    def app(self, *, notes: bool = True) -> App:
        """The app, loaded when a command first needs it. Raises PluginError.

        ``notes`` tells of plugins that are held back until a person allows them.
        """
        if self.open_app is not None:
            return self.open_app(self.environ, self.options.plugins)
        from pinflow.app import App

        app = App.installed(self.environ, plugins_from=self.options.plugins, reserved=self.reserved)
        if app.registry.held and notes and self.options.verbosity >= 0:
            from pinflow.plugin.permission import held_notes

            for note in held_notes(app.registry.held):
                self.tell(inert(note))
        return app

    def say(self, text: str) -> None:
        """Write a line of the result to stdout. Raises StateError if that fails, such as on a full disk."""
        try:
            _write(self.stdout, text)
        except OSError as error:
            raise StateError(
                f"the result can't be written: {error.strerror}",
                hint="free some space there; what a run did is recorded, see: pinflow runs show",
            ) from error

    def say_json(self, data: object) -> int:
        """Write a result for programs, as a line of JSON. Returns OK."""
        self.say(json_text(mask_data(data)))
        return OK

    def say_lines(self, lines: Iterable[str]) -> int:
        """Write a result for people: lines, folded between words to the width of stdout. Returns OK."""
        width = self.width(self.stdout)
        for line in lines:
            text = line.lstrip(" ")
            indent = line[: len(line) - len(text)]
            for part in wrap(inert(text), width, indent=indent, most=_MOST_LINES) if width < UNWRAPPED else [line]:
                self.say(fit(part, width))
        return OK

    def tell(self, text: str) -> None:
        """Write a line of progress, a note or an error to stderr. It is dropped if that fails."""
        with suppress(OSError):
            _write(self.stderr, text)

    def notice(self, text: str) -> None:
        """Write a line to stderr from a signal handler, where the stream itself may be in the middle of a write."""
        try:
            os.write(self.stderr.fileno(), f"{mask(text)}\n".encode())
        except (OSError, ValueError):
            return  # stderr is closed

    @property
    def human(self) -> bool:
        """Whether a person reads the result."""
        return self.options.output == "human"

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return not self.options.no_input and is_terminal(self.stdin) and is_terminal(self.stderr)

    def has_color(self, stream: TextIO) -> bool:
        """Whether ``stream`` gets colours: --color, else NO_COLOR, else FORCE_COLOR, else on a terminal."""
        if self.options.color != "auto":
            return self.options.color == "always"
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        return is_terminal(stream) and self.environ.get("TERM") != "dumb"

    def painter(self, stream: TextIO) -> Callable[[str, str], str]:
        """A function of a text and a style that colours the text, if ``stream`` has colours."""
        if not self.has_color(stream):
            return lambda text, style: text
        return lambda text, style: f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style else text

    def width(self, stream: TextIO) -> int:
        """The number of cells in a line of ``stream``: a terminal's, else 200, as files and pipes wrap nothing."""
        if not is_terminal(stream):
            return 200
        try:
            return max(20, os.get_terminal_size(stream.fileno()).columns)
        except (OSError, ValueError):
            return 80


def is_terminal(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _write(stream: TextIO, text: str) -> None:
    """Write a line and flush it. A closed pipe is ignored from then on: a run does not end for that.

    Raises OSError for any other error, once.
    """
    try:
        stream.write(mask(text) + "\n")
        stream.flush()
    except OSError as error:
        silence(stream)
        if not isinstance(error, BrokenPipeError):
            raise


def silence(stream: TextIO) -> None:
    """Drop everything that is written to ``stream`` from now on."""
    try:
        _redirect_to_null(stream.fileno())
    except (OSError, ValueError):
        return  # not a stream of the operating system, or closed


def _redirect_to_null(number: int) -> int:
    """Redirect this descriptor to the null device. Returns it."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    return number
