"""Which start of the machine this is: monotonic clocks of two processes can be compared within one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux


@cache
def boot_id() -> str:
    """A name of this start of the machine, the same for all processes; elsewhere of this process alone."""
    try:
        started = _BOOT_ID.read_text("ascii").strip().replace("-", "")[:16]
        return started + os.readlink("/proc/self/ns/time").rpartition("[")[2].rstrip("]")  # noqa: PTH115  not a path
    except (OSError, ValueError):
        return f"process{os.urandom(8).hex()}"
