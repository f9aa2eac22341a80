"""Every event as one line of JSON, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.events import Event, to_json
from pinflow.reporters.text import json_text

if TYPE_CHECKING:
    from collections.abc import Callable


class JsonLines:
    """Writes each event; the last line of a run is its RunFinished. ``write`` gets each line without its line end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def pinflow_event(self, event: Event) -> None:
        """Write ``event``."""
        self._write(json_text(to_json(event)))
