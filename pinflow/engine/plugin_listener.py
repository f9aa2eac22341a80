"""A plugin's event hook as a listener that can be left behind: one that hangs must not keep the run."""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.events import Event

PATIENCE = 10.0  # seconds for one event: a webhook's own timeout is mostly shorter, and people wait that long


class PluginListener:
    """Calls the hook of the plugin ``name`` with each event, and waits for it.

    Raises what it raises, and TimeoutError if it has not returned after ``patience`` seconds of real time. Each call
    has a thread of its own, which is the only way to go on without it; nothing waits for that thread at the end.
    """

    def __init__(self, name: str, hook: Callable[..., object], *, patience: float = PATIENCE) -> None:
        self.name = name
        self._hook = hook
        self._patience = patience

    def __call__(self, event: Event) -> None:
        done = threading.Event()
        errors: list[BaseException] = []

        def call() -> None:
            try:
                self._hook(event=event)
            except BaseException as error:
                errors.append(error)
            finally:
                done.set()

        threading.Thread(target=copy_context().run, args=(call,), name=f"listener {self.name}", daemon=True).start()
        if not done.wait(self._patience):
            raise TimeoutError(f"it has not returned for {self._patience:g} s")
        if errors:
            raise errors[0]
