"""The ``pinflow`` program: ``python -m pinflow``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pinflow.cli import VERSION_LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell


def main(argv: Sequence[str] | None = None, *, shell: Shell | None = None) -> int:
    """Run the program; its exit code. ``argv`` is without the program's name; ``shell`` defaults to the process's."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words == ["--version"] and shell is None and sys.stdout is not None:  # answered before anything is imported
        sys.stdout.write(VERSION_LINE + "\n")
        return 0
    from pinflow.cli.program import main as run
    from pinflow.cli.shell import Shell

    return run(words, shell or Shell.of_process())


if __name__ == "__main__":
    sys.exit(main())
