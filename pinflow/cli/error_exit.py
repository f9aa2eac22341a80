"""The one place where errors become messages and exit codes.

A PinflowError is shown as one message and a hint. Any other exception is a defect of pinflow: its traceback is
written to a file, and the message names the file.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pinflow.errors import BROKEN_PIPE, DEFECT, INTERRUPTED, PinflowError, StateError
from pinflow.masking.known import harmless_words, mask
from pinflow.reporters.text import UNWRAPPED, advice, inert, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.cli.shell import Shell

_MOST_LINES = 40  # of one message on a narrow terminal


def run_guarded(shell: Shell, work: Callable[[], int]) -> int:
    """Run ``work``. Returns its exit code, or that of the error that it raised, which is shown."""
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
        if (known := _state_error(shell, error)) is not None:
            show(shell, known)
            return known.exit_code
        _show_defect(shell, error)
        return DEFECT


def _state_error(shell: Shell, error: Exception) -> StateError | None:
    """What an error of the operating system about the state folder means to the user; None for any other error."""
    from pinflow.state.folder.paths import state_folder

    if not isinstance(error, PermissionError) or not isinstance(error.filename, str):
        return None
    try:
        folder = os.path.abspath(state_folder(shell.environ))  # noqa: PTH100 - no link need be followed
    except StateError:
        return None
    if not f"{os.path.abspath(error.filename)}{os.sep}".startswith(f"{folder}{os.sep}"):  # noqa: PTH100
        return None
    hint = "make it yours, or name a folder of your own with PINFLOW_STATE_DIR"
    return StateError(f"{error.filename} can't be used: {error.strerror}", hint=hint)


def show(shell: Shell, error: PinflowError) -> None:
    """Write an error: as text to stderr, or as JSON to stdout."""
    if not shell.human:
        from pinflow.reporters.errors import error_data

        shell.say_json({"error": error_data(error)})
        return
    for line in error_lines(shell, error):
        shell.tell(line)


def error_lines(shell: Shell, error: PinflowError) -> list[str]:
    """An error as lines. Problems of recipes are written as compilers do, so that editors find them."""
    paint = shell.painter(shell.stderr)
    width = shell.width(shell.stderr)
    problems = getattr(error, "problems", ())
    if problems:
        from pinflow.reporters.errors import problem_lines

        lines = list(problem_lines(problems, width, paint))
    else:
        first, *rest = error.message.splitlines() or [""]
        # later lines are indented, so that none of them can pass for a message of its own
        head, *folded = _folded(f"error: {inert(first)}", "", width)
        lines = [f"{paint('error:', 'red')}{head.removeprefix('error:')}", *folded]
        lines += [part for line in rest for part in _folded(inert(line), "  ", width)]
    return lines + [line for hint in error.hint.splitlines() for line in advice(inert(hint), width)]


def _folded(text: str, indent: str, width: int) -> list[str]:
    """A line folded between words on a terminal; files and pipes get it whole, because it is searched for there."""
    if width >= UNWRAPPED:
        return [f"{indent}{text}"]
    own = len(text) - len(text.lstrip(" "))
    return wrap(text[own:], width, indent=indent + " " * own, most=_MOST_LINES)


def _silence_all(shell: Shell) -> None:
    from pinflow.cli.shell import silence

    for stream in (shell.stdout, shell.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            silence(stream)


def _show_defect(shell: Shell, error: Exception) -> None:
    try:
        report = f"the report is in {_write_report(shell, error)}"
    except OSError as failure:
        report = f"no report could be written: {failure.strerror}"
    message = f"a defect of pinflow ({type(error).__name__}); {report}"
    if shell.human:
        shell.tell(f"{shell.painter(shell.stderr)('error:', 'red')} {inert(message)}")
        shell.tell("  what was done before it is recorded; the report contains no values of variables")
        return
    data = {"kind": "defect", "message": message, "hint": "", "exit_code": DEFECT, "problems": []}
    shell.say_json({"error": data})


def _write_report(shell: Shell, error: Exception) -> Path:
    """Write the traceback to a new file that only the user can read. Returns its path."""
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
    except (OSError, StateError):
        pass  # the state directory may be the very defect
    return Path(tempfile.gettempdir())


def _traceback(error: Exception) -> str:
    """The traceback of an error and its causes, the first cause first, without the values of variables."""
    import platform
    from importlib.metadata import version

    system = f"{platform.system()} {platform.machine()}"
    about = f"pinflow {version('pinflow')}, Python {platform.python_version()}, {system}"
    return "\n".join([about, *(_format_cause(cause) for cause in reversed(list(_causes(error))))])


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _format_cause(error: BaseException) -> str:
    """One error of a chain. What may be a secret in its message is left out."""
    import traceback

    stack = traceback.TracebackException.from_exception(error, capture_locals=False).stack
    message = harmless_words(error)
    return mask("\n" + "".join(stack.format()) + f"{type(error).__module__}.{type(error).__qualname__}: {message}\n")
