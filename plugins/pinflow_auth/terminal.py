"""The terminal of a command: results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any, TextIO

from pinflow import CredentialError, dataclass, inert

if TYPE_CHECKING:
    import argparse


_LONGEST_LINE = 16_384  # characters; a redirect's address has some hundred, and browsers allow 8,192


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """The streams of a command, and the options for its output."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    output: str = "human"
    no_input: bool = False
    quiet: bool = False
    verbose: bool = False

    @classmethod
    def of(cls, args: argparse.Namespace) -> Terminal:
        """The terminal of this process, with the options of the command line."""
        return cls(
            stdin=sys.stdin,
            stdout=sys.stdout,
            stderr=sys.stderr,
            output=args.output,
            no_input=args.no_input,
            quiet=args.quiet,
            verbose=args.verbose > 0,
        )

    @property
    def human(self) -> bool:
        """Whether a person reads the result."""
        return self.output == "human"

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return not self.no_input and _is_terminal(self.stdin) and _is_terminal(self.stderr)

    def say(self, text: str) -> None:
        """Write a line of the result."""
        _write(self.stdout, f"{inert(text)}\n")

    def say_field(self, name: str, value: str) -> None:
        """Write a field of the result: its name, and beside it the value, on a terminal folded between words."""
        indent = f"  {inert(name):<8} "
        for line in textwrap.wrap(
            inert(value),
            self.width,
            initial_indent=indent,
            subsequent_indent=" " * len(indent),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [indent.rstrip()]:
            _write(self.stdout, f"{line}\n")

    @property
    def width(self) -> int:
        """The number of cells in a line of the result; what is no terminal has no end of the line."""
        if not _is_terminal(self.stdout):
            return _LONGEST_LINE
        try:
            return max(40, os.get_terminal_size(self.stdout.fileno()).columns)
        except (OSError, ValueError):
            return 80

    def say_data(self, value: Any) -> None:
        """Write the result as JSON, in ASCII, on one line."""
        _write(self.stdout, json.dumps(value) + "\n")

    def tell(self, text: str) -> None:
        """Write a line that is not part of the result."""
        _write(self.stderr, f"{inert(text)}\n")

    def note(self, text: str) -> None:
        """Write a note, unless the person wants it quiet."""
        if not self.quiet:
            self.tell(f"note: {text}")

    def line(self, question: str) -> str:
        """A non-empty line of input. Raises CredentialError when the input ends."""
        while True:
            if self.interactive:
                _write(self.stderr, f"{inert(question)}: ")
            line = self.stdin.readline(_LONGEST_LINE)
            if not line:
                raise CredentialError("the input ended without an answer", hint="sign in again")
            if line.strip():
                return line.strip()

    def confirm(self, question: str) -> bool:
        """Ask a yes-or-no question. Returns whether the answer is yes; no answer is no."""
        _write(self.stderr, f"{inert(question)} [y/N] ")
        return self.stdin.readline(100).strip().lower() in ("y", "yes")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
