"""Other programs of the person's desktop, which are told nothing of the environment but what they need.

A browser's extensions and helpers see the environment that it was started with, and there may be tokens in it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
# from being imported in its place. One that would take over the terminal is left alone if only windows will do
_OPEN = """\
import sys, webbrowser
try:
    browser = webbrowser.get()
except webbrowser.Error:
    sys.exit(1)
in_terminal = isinstance(browser, webbrowser.GenericBrowser) and not isinstance(browser, webbrowser.BackgroundBrowser)
sys.exit((in_terminal and sys.argv[2] == "windows") or not webbrowser.open(sys.argv[1]))
"""


def desktop_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a program is told of the environment: where the screen, the session and its own files are."""
    return {name: value for name, value in environ.items() if name.upper() in _NAMES or name.startswith(_FAMILIES)}


def open_in_browser(address: str, environ: Mapping[str, str], *, windows_only: bool = False) -> bool:
    """Open an address in the browser of this machine. Returns whether there is one.

    What the browser prints goes to standard error. With ``windows_only``, one that works in the terminal counts as
    none, unless the person named it in BROWSER.
    """
    kind = "windows" if windows_only and not environ.get("BROWSER") else "any"
    words = [sys.executable, "-I", "-c", _OPEN, address, kind]
    try:
        done = subprocess.run(words, env=desktop_environment(environ), stdout=2, check=False)  # noqa: S603 - words of our own
    except OSError:
        return False
    return done.returncode == 0
