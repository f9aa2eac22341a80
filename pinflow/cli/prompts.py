"""Questions to the user, asked on stderr, so that stdout has only results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import UsageError
from pinflow.reporters.text import fit, inert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow.cli.shell import Shell

Choice = tuple[str, str]  # value, label
_LISTED = 15


def confirm(shell: Shell, summary: str) -> bool:
    """Ask whether to go on with what ``summary`` says, which may be a `Question`. No answer is a no."""
    number = getattr(summary, "number", 0)
    end = f"\nType {number} to delete them:" if number else f"{'' if summary.endswith('?') else '. Continue?'} [y/N]"
    shell.stderr.write("\n".join(map(inert, summary.split("\n"))) + end + " ")
    shell.stderr.flush()
    return shell.stdin.readline().strip().lower() in ([str(number)] if number else ["y", "yes"])


def ask_line(shell: Shell, question: str) -> str:
    """Ask for one line, which may be empty; so is the answer when the input ends."""
    shell.stderr.write("\n".join(map(inert, question.split("\n"))) + " ")
    shell.stderr.flush()
    return shell.stdin.readline().strip()


def ask_secret(shell: Shell, label: str) -> str:
    """Ask for a text that is not shown while it is typed."""
    import getpass

    return getpass.getpass(f"{inert(label)} (not shown): ", stream=shell.stderr)


def ask_text(shell: Shell, label: str) -> str:
    """Ask until there is a line that is not empty. Raises UsageError when the input ends."""
    while True:
        shell.stderr.write(f"{inert(label)}: ")
        shell.stderr.flush()
        line = shell.stdin.readline()
        if not line:
            raise UsageError("no answer", hint="give the inputs with -i name=value")
        if line.strip():
            return line.strip()


def ask_choice(shell: Shell, label: str, choices: Sequence[Choice]) -> str:
    """Ask for one of the choices, by number, value or label; any other text narrows the list to what contains it."""
    listed = list(choices)
    while True:
        _list(shell, listed)
        answer = ask_text(shell, f"{label} (a number, or part of the name)")
        exact = [value for value, name in choices if answer in (value, name)]
        if len(exact) == 1:
            return exact[0]
        if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(listed):
            return listed[int(answer) - 1][0]
        matches = [(value, name) for value, name in choices if answer.casefold() in name.casefold()]
        if len(matches) == 1:
            return matches[0][0]
        if not matches:
            shell.tell(f"no match for {inert(answer)!r}")
        listed = matches or list(choices)


def _list(shell: Shell, choices: Sequence[Choice]) -> None:
    width = shell.width(shell.stderr)
    for number, (value, name) in enumerate(choices[:_LISTED], 1):
        shell.tell(fit(f"{number:>3}  {name}" + (f"  ({value})" if value != name else ""), width))
    if len(choices) > _LISTED:
        shell.tell(f"     and {len(choices) - _LISTED} more: type part of the name")


def ask_input(shell: Shell, name: str, kind: str, description: str, choices: Callable[[], Sequence[Choice]]) -> str:
    """Ask for the value of one input of a recipe, from ``choices`` if there are any."""
    label = f"{name}: {description}" if description else name
    if kind == "secret":
        return ask_secret(shell, label)
    options = choices()
    return ask_choice(shell, label, options) if options else ask_text(shell, label)
