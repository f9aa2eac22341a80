"""What can be the name of a file on any of the systems that pinflow runs on."""

from __future__ import annotations

import re

MOST_BYTES = 255  # of one name: ext4, APFS and NTFS take no more


def is_too_long(path: str) -> bool:
    """Whether a path has a name that no file can have: even to ask whether it exists is an error then."""
    return any(len(name.encode("utf-8", "surrogateescape")) > MOST_BYTES for name in re.split(r"[/\\]", path))
