"""Notifies by a command of the user's: PINFLOW_NOTIFY_COMMAND, with the notice as JSON on its standard input."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING

from pinflow import ActionError, UsageError, Variable, hookimpl

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from pinflow import Notice

VARIABLE = "PINFLOW_NOTIFY_COMMAND"
DEADLINE = 30.0  # seconds; sending a mail takes some, and a run must not hang on a notice

# a command that sends a mail or opens a window needs these; tokens and secrets are not passed on
_PROGRAMS = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "USERPROFILE", "SYSTEMROOT", "COMSPEC", "PATHEXT")
_PLACE = ("LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP")
_WINDOWS = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
_PASSED_ON = frozenset((*_PROGRAMS, *_PLACE, *_WINDOWS))


@hookimpl
def pinflow_notify(notice: Notice, environ: Mapping[str, str]) -> bool:
    """Run the command, without a shell; False if none is set. Raises UsageError and ActionError."""
    words = environ.get(VARIABLE, "").strip()
    if words:
        call(_arguments(words), notice, environ)
    return bool(words)


@hookimpl
def pinflow_variables() -> list[Variable]:
    """Its own variable."""
    return [
        Variable(
            name=VARIABLE,
            meaning="a command that is run with each notice as JSON on its standard input",
            reader="whatever notifies",
        )
    ]


def _arguments(words: str) -> list[str]:
    try:
        return shlex.split(words)
    except ValueError as error:
        raise UsageError(f"{VARIABLE} is not a command: {error}") from None


def call(arguments: list[str], notice: Notice, environ: Mapping[str, str], *, deadline: float = DEADLINE) -> None:
    """Run a command with the notice on its standard input, for at most ``deadline`` seconds. Raises ActionError."""
    allowed = {name: value for name, value in environ.items() if name.upper() in _PASSED_ON or name.startswith("LC_")}
    import subprocess  # takes 2 ms, which starts without a notice should not pay

    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, and no shell
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=allowed,
            start_new_session=os.name == "posix",
        )
    except (OSError, ValueError) as error:
        raise ActionError(f"{VARIABLE} can't be run: {getattr(error, 'strerror', None) or error}") from None
    try:
        process.communicate((json.dumps(notice.as_data()) + "\n").encode(), timeout=deadline)
    except subprocess.TimeoutExpired:
        _end(process)
        raise ActionError(f"{VARIABLE} took longer than {deadline:g} s and was killed") from None
    if process.returncode != 0:
        raise ActionError(f"{VARIABLE} exited with {process.returncode}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and the processes that it started."""
    try:
        if os.name == "posix":
            import signal

            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass
    process.communicate()
