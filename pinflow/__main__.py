"""The ``pinflow`` program: ``python -m pinflow``."""

from __future__ import annotations

import gc
import os
import sys

from pinflow.cli import VERSION_LINE

TYPE_CHECKING = False  # importing typing would take as long as all of --version
if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell

# Objects between two looks of the collector for garbage. A start of a run makes 77,000, nearly all for good, and
# Python's own 700 looks at them again and again: with this number a run of one step takes 0.85 of the time.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main(argv: Sequence[str] | None = None, *, shell: Shell | None = None) -> int:
    """Run the program; its exit code. ``argv`` is without the program's name; ``shell`` defaults to the process's."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words == ["--version"] and shell is None and sys.stdout is not None:  # answered before anything is imported
        sys.stdout.write(VERSION_LINE + "\n")
        return 0
    if words in (["--help"], ["-h"], ["help"]) and shell is None and _print_cached_help():
        return 0
    if words[:2] == ["completion", "--words"] and shell is None and sys.stdout is not None:  # at every press of a key
        from pinflow.cli.words import print_words

        print_words(words[2:], os.environ, sys.stdout.write)
        return 0
    import threading

    from pinflow.cli.program import main as run
    from pinflow.cli.shell import Shell

    if argv is not None:
        return run(words, shell or Shell.of_process())
    _keep_no_core()
    threading.excepthook = _tell_of_thread
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    try:
        return run(words, shell or Shell.of_process())
    finally:
        gc.freeze()  # the process ends: nothing that is left need be looked through for garbage once more


def _keep_no_core() -> None:
    """What the system writes of a process that crashes would hold its tokens."""
    try:
        import resource
    except ImportError:  # Windows, where the system keeps none unless its registry says so
        return
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return  # what contains the process allows no limits of its own


def _tell_of_thread(end: threading.ExceptHookArgs) -> None:
    """Write the traceback of a thread that a plugin began and an exception ended, with stars in place of secrets."""
    from traceback import format_exception

    from pinflow.masking.known import mask

    if end.exc_type is SystemExit or end.exc_value is None or sys.stderr is None:
        return
    name = "" if end.thread is None else f" {end.thread.name}"
    sys.stderr.write(mask(f"Exception in thread{name}:\n{''.join(format_exception(end.exc_value))}"))


def _print_cached_help() -> bool:
    """Print the help if it is cached, and if stdout takes it; whatever is out of the ordinary goes the usual way."""
    from pinflow.cli.help_cache import read_help

    text = read_help(os.environ)
    if text is None or not text.isascii() or sys.stdout is None:
        return False
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
