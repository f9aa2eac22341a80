"""Who can change a file or folder: what others can change is not believed.

What pinflow keeps decides what a run sends again, which recipe it goes on with and which module is imported. So it must
belong to this user or to root, and nobody else may write to it, nor put another in its place: that is asked of what is
found after all links in the path are resolved, and of each folder above it. On Windows nothing is asked: who may write
there is a matter of access control lists, which Python does not read.
It is imported before the help of the program, so it imports nothing itself.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pinflow.errors import StateError

_WORLD, _GROUP, _STICKY = 0o002, 0o020, 0o1000  # as in the stat module, whose import would come before the help
_UNMAPPED = 65534  # as whom a user namespace shows owners that it doesn't know, such as root outside of it
_ASKED = hasattr(os, "geteuid")  # not on Windows
_ALONE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def distrust(
    status: os.stat_result, *, user: int | None = None, groups: Collection[int] | None = None, on_the_way: bool = False
) -> str:
    """Who else can change a file or folder: its "owner", "everybody" or a "group"; "" if only ``user`` and root can.

    ``user`` and ``groups`` are those of this process unless given. ``on_the_way`` is a folder above another one: others
    may write to it if its sticky bit keeps them from replacing what is there.
    """
    if not _ASKED:
        return ""
    if status.st_uid not in (os.geteuid() if user is None else user, 0):
        return "owner"
    if on_the_way and status.st_mode & _STICKY:
        return ""
    if status.st_mode & _WORLD:
        return "everybody"
    if status.st_mode & _GROUP:
        groups = {os.getegid(), *os.getgroups()} if groups is None else groups
        return "" if status.st_gid in groups else "group"
    return ""


def check_own_file(path: str | Path, status: os.stat_result | None = None, *, otherwise: str = "") -> None:
    """Raise StateError for a file that others can change; one that isn't there is fine.

    ``status`` is that of the open file, if it is open. ``otherwise`` is one more way out, for the hint.
    """
    if not _ASKED:
        return
    try:
        status = status or os.stat(path)  # noqa: PTH116 - called for each file that is opened
    except OSError:  # to open it will say more
        return
    if who := distrust(status):
        raise _error(str(path), str(path), who, status, otherwise)


def open_own(path: str | Path, flags: int) -> int:
    """A descriptor of a file that is not a link; one that is made is for its owner alone.

    Raises OSError, and StateError for a file that others can change.
    """
    descriptor = os.open(path, flags | _ALONE, 0o600)
    try:
        check_own_file(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_own_folder(folder: str | Path, *, otherwise: str = "") -> None:
    """Raise StateError for a folder in which others can change or replace what is there, or which they can replace.

    What isn't there yet is judged by the folders above it. ``otherwise`` is one more way out, for the hint.
    """
    if (fault := find_fault(folder)) is not None:
        raise _error(str(folder), *fault, otherwise)


def find_fault(folder: str | Path) -> tuple[str, str, os.stat_result] | None:
    """Which folder, ``folder`` or one above it, others can change, who can, and its status; None if there is none."""
    if not _ASKED:
        return None
    place = last = os.path.realpath(folder)
    while True:
        try:
            status = os.stat(place)  # noqa: PTH116 - at each start
        except OSError:  # not made yet; or out of reach, which is said when something is opened
            pass
        else:
            on_the_way = place != last
            who = distrust(status, on_the_way=on_the_way)
            if who and not (on_the_way and _is_of_outside(status)):
                return place, who, status
        if (above := os.path.dirname(place)) == place:  # noqa: PTH120
            return None
        place = above


def _is_of_outside(status: os.stat_result) -> bool:
    """Whether a folder is of a user that this user namespace doesn't know, and only that one can change it.

    Sandboxes and containers without root show the machine's own folders so.
    """
    if status.st_uid != _UNMAPPED or status.st_mode & (_WORLD | _GROUP):
        return False
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs 4 ms
            ranges = [[int(number) for number in line.split()] for line in file]
    except (OSError, ValueError):
        return False
    return not any(first <= _UNMAPPED < first + count for first, _, count in ranges)


def _error(asked: str, place: str, who: str, status: os.stat_result, otherwise: str) -> StateError:
    from pinflow.errors import StateError

    mode = f"(mode {status.st_mode & 0o7777:o})"
    if who == "owner":
        problem = f"{place} belongs to another user (uid {status.st_uid})"
        remedy = f"chown {os.geteuid()} {place}"
        if os.geteuid() == 0:  # such as in a container, with a volume of the machine's user
            remedy += f"; or run pinflow as that user (in a container: --user {status.st_uid})"
    elif who == "everybody":
        problem, remedy = f"others can change {place}: everybody may write to it {mode}", f"chmod go-w {place}"
    else:
        problem = f"others can change {place}: gid {status.st_gid} may write to it, a group that you are not in {mode}"
        remedy = f"chmod g-w {place}"
    below = "" if place == asked else f" {asked}"
    return StateError(
        f"{problem}, so{below or ' it'} is not trusted; nothing in it was believed",
        hint=f"check what it holds, then: {remedy}{'; ' if otherwise else ''}{otherwise}",
    )
