"""Notifies by a line on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pinflow import hookimpl

if TYPE_CHECKING:
    from pinflow import Notice


@hookimpl
def pinflow_notify(notice: Notice) -> None:
    """Write the notice as one line."""
    text = f": {notice.text}" if notice.text else ""
    sys.stderr.write(f"notice: {notice.title}{text}\n")
    sys.stderr.flush()
