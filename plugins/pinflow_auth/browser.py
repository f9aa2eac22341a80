"""Opens a sign-in's page in the browser of this machine, without telling other programs anything of it.

Everybody on a machine can read the words that a program was started with, and a browser's extensions and helpers its
environment. So the browser is given a file that only this user can read, which leads to the page, and of the
environment what it needs to find the screen and the session.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pinflow import open_in_browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SNAPS = Path("/snap")  # a browser that came as a snap sees nothing of /tmp, and of the home what is not hidden

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}"><title>Signing in - pinflow</title></head>
<body><p><a href="{url}">Continue to the page that asks for access</a></p></body></html>
"""


@contextmanager
def private_browser(environ: Mapping[str, str]) -> Iterator[Callable[[str], bool]]:
    """A function that opens an address in the browser, and is False if there is none.

    What it made for that is removed at the end of the block. What the browser prints goes to standard error.
    """
    with TemporaryDirectory(prefix="pinflow-sign-in-", dir=_parent(environ), ignore_cleanup_errors=True) as folder:

        def open_page(url: str) -> bool:
            return open_in_browser(_write_page(Path(folder), url).as_uri(), environ)

        yield open_page


def _parent(environ: Mapping[str, str]) -> str | None:
    home = environ.get("HOME", "")
    return home if home and _SNAPS.is_dir() and os.access(home, os.W_OK) else None


def _write_page(folder: Path, url: str) -> Path:
    path = folder / "sign-in.html"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(url=escape(url)))
    return path
