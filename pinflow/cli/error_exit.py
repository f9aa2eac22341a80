"""The one place where errors become messages and exit codes.

An error that a person can act on is one message and what to do about it. Anything
else is a defect of pinflow: its traceback goes to a file, and the file is named.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from pinflow.errors import DEFECT, INTERRUPTED, PinflowError
from pinflow.reporters.text import inert, json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.cli.shell import Shell

BROKEN_PIPE = 141  # as a shell tells of a program that SIGPIPE ended


def guarded(shell: Shell, work: Callable[[], int]) -> int:
    """What ``work`` returns, or the exit code of the error that it raised, which is told."""
    try:
        return work()
    except PinflowError as error:
        show(shell, error)
        return error.exit_code
    except KeyboardInterrupt:
        shell.tell("stopped")
        return INTERRUPTED
    except BrokenPipeError:
        _silence_all(shell)
        return BROKEN_PIPE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else DEFECT
    except Exception as error:
        _tell_defect(shell, error)
        return DEFECT


def show(shell: Shell, error: PinflowError) -> None:
    """Tell a person of an error on stderr, or a program on stdout."""
    if not shell.human:
        from pinflow.reporters.errors import error_data

        shell.say(json_text({"error": error_data(error)}))
        return
    for line in error_lines(shell, error):
        shell.tell(line)


def error_lines(shell: Shell, error: PinflowError) -> list[str]:
    """An error as lines. Problems of recipes stand alone, as compilers write them, for editors to find."""
    paint = shell.painted(shell.stderr)
    problems = getattr(error, "problems", ())
    if problems:
        lines = [inert(problem) for problem in problems]
    else:
        first, *rest = error.message.splitlines() or [""]
        # lines after the first are set in, so that none of them can look like a message of its own
        lines = [f"{paint('error:', 'red')} {inert(first)}", *(f"  {inert(line)}" for line in rest)]
    return lines + [f"  {inert(line)}" for line in error.hint.splitlines()]


def _silence_all(shell: Shell) -> None:
    from pinflow.cli.shell import silence

    for stream in (shell.stdout, shell.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            silence(stream)


def _tell_defect(shell: Shell, error: Exception) -> None:
    try:
        where = f"its report is {_report(shell, error)}"
    except OSError as failed:
        where = f"and no report could be written: {failed.strerror}"
    error_type = type(error).__name__
    message = f"a defect of pinflow ({error_type}); {where}"
    if shell.human:
        shell.tell(f"{shell.painted(shell.stderr)('error:', 'red')} {inert(message)}")
        shell.tell("  what was done until then is recorded; the report holds no values of variables")
        return
    data = {"kind": "defect", "message": message, "hint": "", "exit_code": DEFECT, "problems": []}
    shell.say(json_text({"error": data}))


def _report(shell: Shell, error: Exception) -> Path:
    """Write the traceback to a new file that only the user can read."""
    folder = _report_folder(shell)
    path = folder / f"defect-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(_traceback(error))
    return path


def _report_folder(shell: Shell) -> Path:
    import tempfile
    from pathlib import Path

    from pinflow.state.folder.paths import state_folder

    try:
        folder = state_folder(shell.environ)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # a state directory that can't be used may be the very defect
    return Path(tempfile.gettempdir())


def _traceback(error: Exception) -> str:
    """Where it happened and what was said, oldest cause first, without the values of variables."""
    import platform
    from importlib.metadata import version

    system = f"{platform.system()} {platform.machine()}"
    about = f"pinflow {version('pinflow')}, Python {platform.python_version()}, {system}"
    return "\n".join([about, *(_told(each) for each in reversed(list(_chain(error))))])


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _told(error: BaseException) -> str:
    """One error of a chain. Long words of its message are left out: any of them may be a secret."""
    import traceback

    told = traceback.TracebackException.from_exception(error, capture_locals=False)
    said = re.sub(r"[\w+/=.~-]{16,}", "[...]", str(error))
    return "\n" + "".join(told.stack.format()) + f"{type(error).__module__}.{type(error).__qualname__}: {said}\n"
