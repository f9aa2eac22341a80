"""Opens a sign-in's page in the browser of this machine, without telling other programs anything of it.

Everybody on a machine can read the words that a program was started with, and a browser's extensions and helpers its
environment. So the browser is given a file that only this user can read, which leads to the page, and of the
environment what it needs to find the screen and the session.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_USER = "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM TMPDIR BROWSER"
_DESKTOP = (
    "DISPLAY WAYLAND_DISPLAY XAUTHORITY DBUS_SESSION_BUS_ADDRESS DESKTOP_SESSION GNOME_DESKTOP_SESSION_ID "
    "KDE_FULL_SESSION KDE_SESSION_VERSION MOZ_ENABLE_WAYLAND WSL_DISTRO_NAME WSL_INTEROP"
)
_WINDOWS = (
    "SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERNAME USERPROFILE HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA "
    "PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 TEMP TMP"
)
_NAMES = frozenset(f"{_USER} {_DESKTOP} {_WINDOWS}".split())
_FAMILIES = ("XDG_", "LC_")

# webbrowser hands on the environment of its own process, so it gets a process; -I keeps a module of the current folder
# from being imported in its place
_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
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
            return _start(_write_page(Path(folder), url), browser_environment(environ))

        yield open_page


def browser_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a browser is told of the environment: where the screen, the session and its own files are."""
    return {name: value for name, value in environ.items() if name.upper() in _NAMES or name.startswith(_FAMILIES)}


def _parent(environ: Mapping[str, str]) -> str | None:
    home = environ.get("HOME", "")
    return home if home and _SNAPS.is_dir() and os.access(home, os.W_OK) else None


def _write_page(folder: Path, url: str) -> Path:
    path = folder / "sign-in.html"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(url=escape(url)))
    return path


def _start(page: Path, environ: dict[str, str]) -> bool:
    words = [sys.executable, "-I", "-c", _OPEN, page.as_uri()]
    try:
        return subprocess.run(words, env=environ, stdout=2, check=False).returncode == 0  # noqa: S603 - words of our own
    except OSError:
        return False
