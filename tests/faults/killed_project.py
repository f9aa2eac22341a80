"""A project whose run is killed at random events, against a sandbox of its own, and resumed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from pinflow.events import EffectDone, StepFinished, StepStarted, Waiting
from pinflow.testing.project import Killed
from pinflow_sandbox import Settings, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.events import Event
    from pinflow.testing import Project
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse


class KilledProject:
    """Chance decides when the run is killed, and may decide what the service answers."""

    def __init__(
        self,
        project: Project,
        seed: int,
        recipe: str,
        answer: Callable[[HttpRequest, Any], HttpResponse],
        *,
        most_events: int,
        **settings: Any,
    ) -> None:
        """``answer`` stands before the sandbox, as its ``faults``; a process lives for less than ``most_events``."""
        self.project = project
        self.random = random.Random(seed)
        self.recipe = recipe
        self._most_events = most_events
        sandbox = start(now=project.clock, settings=Settings(quotas=False, **settings), faults=answer)
        project._sandboxes["pinterest"] = project._open.enter_context(sandbox)
        self._before = {pin["id"] for pin in self.pins()}

    def pins(self) -> list[Any]:
        boards: Any = self.project.sandbox_of("pinterest").control.state()["boards"]
        return [pin for board in boards for pin in board["pins"]]

    def made_titles(self) -> list[str]:
        """The titles of the Pins that were not there before."""
        return [pin["title"] or "" for pin in self.pins() if pin["id"] not in self._before]

    def go(self, *, resume: bool) -> Any:
        """Run or resume it, and kill it at a random event; the result if it was not killed."""
        left = self.random.randrange(3, self._most_events)

        def kill(event: Event) -> None:
            nonlocal left
            if isinstance(event, (EffectDone, StepFinished, StepStarted, Waiting)):
                left -= 1
                if left < 0:
                    raise Killed

        try:
            if not resume:
                return self.project.run(self.recipe, report=[kill])
            return self.project.resume(report=[kill])
        except Killed:
            return None
