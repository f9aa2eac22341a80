"""Questions to a person at a terminal. They are written to stderr, so that stdout holds results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import UsageError
from pinflow.reporters.text import fit, inert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow.cli.shell import Shell

Choice = tuple[str, str]  # value, label
_LISTED = 15


def confirmed(shell: Shell, what: str) -> bool:
    """Whether the person says yes. No answer is no."""
    shell.stderr.write(f"{inert(what)}. Go on? [y/N] ")
    shell.stderr.flush()
    return shell.stdin.readline().strip().lower() in ("y", "yes")


def secret(shell: Shell, label: str) -> str:
    """A text that is not shown while it is typed."""
    import getpass

    return getpass.getpass(f"{inert(label)} (not shown): ", stream=shell.stderr)


def text(shell: Shell, label: str) -> str:
    """A line of text that is not empty. Raises UsageError when the input ends."""
    while True:
        shell.stderr.write(f"{inert(label)}: ")
        shell.stderr.flush()
        line = shell.stdin.readline()
        if not line:
            raise UsageError("no answer", hint="give the inputs with -i name=value")
        if line.strip():
            return line.strip()


def choice(shell: Shell, label: str, choices: Sequence[Choice]) -> str:
    """One of the choices, by number; any other text narrows the list to what contains it.

    A text that is exactly a value or a label chooses it.
    """
    shown = list(choices)
    while True:
        _list(shell, shown)
        answer = text(shell, f"{label} (a number, or a part of the name)")
        exact = [value for value, name in choices if answer in (value, name)]
        if len(exact) == 1:
            return exact[0]
        if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(shown):
            return shown[int(answer) - 1][0]
        found = [each for each in choices if answer.casefold() in each[1].casefold()]
        if len(found) == 1:
            return found[0][0]
        if not found:
            shell.tell(f"nothing is called {inert(answer)!r}")
        shown = found or list(choices)


def _list(shell: Shell, choices: Sequence[Choice]) -> None:
    width = shell.width(shell.stderr)
    for number, (value, name) in enumerate(choices[:_LISTED], 1):
        shell.tell(fit(f"{number:>3}  {name}" + (f"  ({value})" if value != name else ""), width))
    if len(choices) > _LISTED:
        shell.tell(f"     and {len(choices) - _LISTED} more: type a part of the name")


def asked_for(shell: Shell, name: str, kind: str, description: str, choices: Callable[[], Sequence[Choice]]) -> str:
    """A value for one input of a recipe."""
    label = f"{name}: {description}" if description else name
    if kind == "secret":
        return secret(shell, label)
    offered = choices()
    return choice(shell, label, offered) if offered else text(shell, label)
