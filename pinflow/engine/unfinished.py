"""Steps that had ended, and are not done after all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.engine.sanitize import items_of_path

if TYPE_CHECKING:
    from pinflow.state.protocol import Journal
    from pinflow.state.records import RunDetail


def take_up_again(journal: Journal, step: str) -> None:
    """Let a resumed run do the step at this path again, and look at the items and loops that it is in."""
    for loop, key in items_of_path(step):
        journal.finish_item(loop, key, "begun")
        journal.finish_step(loop, "failed", None, seconds=0.0)
    journal.finish_step(step, "failed", None, seconds=0.0)


def failed_steps(detail: RunDetail) -> list[str]:
    """The paths of the steps that failed and let the run go on. The last steps, which always run, are left out."""
    return [step.path for step in detail.steps if step.status == "failed" and not step.path.startswith("finally.")]
