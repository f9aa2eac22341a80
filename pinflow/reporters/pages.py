"""Pages of Markdown in a terminal."""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from pinflow.reporters.desktop import desktop_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDEST = 100  # cells; longer lines are hard to read


def markdown_text(text: str, *, width: int, color: bool) -> str:
    """Markdown as lines for a terminal of this width; ``color`` adds colours and weights."""
    from rich.console import Console
    from rich.markdown import Markdown

    out = io.StringIO()
    console = Console(
        file=out,
        width=min(width, WIDEST),
        force_terminal=color,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
    )
    console.print(Markdown(text, code_theme="ansi_dark", hyperlinks=False))
    return out.getvalue().rstrip()


def page_through(text: str, environ: Mapping[str, str]) -> bool:
    """Show a long text in the pager that PAGER names, else in less. Returns False where there is none."""
    command = shlex.split(environ.get("PAGER", "")) or ["less"]
    program = shutil.which(command[0])
    if program is None:
        return False
    told = desktop_environment(environ)
    told["LESS"] = environ.get("LESS", "-RFX")  # colours; no pager for what fits the screen, which stays there
    try:
        subprocess.run([program, *command[1:]], input=f"{text}\n".encode(), env=told, check=False)  # noqa: S603
    except OSError:
        return False
    return True
