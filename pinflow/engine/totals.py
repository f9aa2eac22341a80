"""What a run came to, in all of its processes: the journal's totals, with what only this process can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.state.protocol import Journal

Counts = dict[str, dict[str, int]]  # kind -> outcome -> how many


def run_counts(own: Mapping[str, Mapping[str, int]], journal: Journal | None, step: str = "") -> Counts:
    """The counts of a run, or of one step and those inside it; ``own`` are those of this process.

    What was done, found and left out is counted over all processes, and so are writes whose outcome is unknown. What
    failed is tried again after a resume: the failures are this process's. In a dry run there are only its own counts.
    """
    if journal is None:
        return {kind: dict(outcomes) for kind, outcomes in own.items()}
    stored = journal.counts(step)
    totals = {kind: _total(stored.get(kind, {}), own.get(kind, {})) for kind in dict.fromkeys([*own, *stored])}
    return {kind: outcomes for kind, outcomes in totals.items() if outcomes}


def _total(stored: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    outcomes = {
        "done": stored.get("done", 0),
        "adopted": stored.get("adopted", 0),
        # rows that are left out as repetitions are no effects
        "skipped": max(stored.get("skipped", 0), own.get("skipped", 0)),
        "failed": own.get("failed", 0),
        "unknown": stored.get("doubt", 0),
    }
    return {name: number for name, number in outcomes.items() if number}
