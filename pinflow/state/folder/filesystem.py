"""What kind of filesystem a folder is on: on a network's, neither locks nor commits can be relied on."""

from __future__ import annotations

import re
from pathlib import Path

from pinflow.errors import StateError

MOUNTS = Path("/proc/self/mounts")  # Linux; other systems do not say it in a file, and are not asked
NETWORK_FILESYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "fuse.sshfs", "afpfs"})


def check_place(directory: Path, mounts: Path) -> None:
    """Refuse, with StateError, a directory whose locks and commits other machines decide about."""
    kind = _filesystem(directory.resolve(), mounts)
    if kind in NETWORK_FILESYSTEMS:
        raise StateError(
            f"{directory} is on a network filesystem ({kind}), where locks and commits can't be relied on",
            hint="choose a local directory for pinflow's state",
        )


def make_folder(folder: Path, mounts: Path) -> None:
    """Make a folder in that of the state, which is made if need be. Raises StateError, also on a network filesystem."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_place(folder.parent, mounts)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(f"{folder} can't be made: {error.strerror}", hint="choose another state directory") from error


def _filesystem(directory: Path, mounts: Path) -> str:
    """The type of the filesystem below ``directory``; "" where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        _, point, type_, *_ = line.split(" ")
        # the kernel writes a space in a path as \040
        place = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point))
        # of two mounts on one point, the later one is seen
        if directory.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), type_
    return kind
