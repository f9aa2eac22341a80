"""Runs by the names that people give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import UsageError

if TYPE_CHECKING:
    from pinflow.state.protocol import State

_COMPARED = 200  # of the newest runs: whoever mistypes an id means a run of these days
_PART = 4  # characters of an id that say which is meant: fewer are in nearly every one
_NAMED = 3


def unknown_run(store: State, run_id: str) -> UsageError:
    """The error that there is no such run; it names those whose ids are similar."""
    import difflib  # only a mistake pays for this import

    known = {record.id: record.name for record in store.runs.list(number=_COMPARED)}
    near = [id_ for id_ in known if len(run_id) >= _PART and run_id in id_]
    near = near or difflib.get_close_matches(run_id[:100], known, n=_NAMED, cutoff=0.8)
    named = " or ".join(f"{id_} ({known[id_]})" if known[id_] else id_ for id_ in near[:_NAMED])
    hint = f"did you mean {named}?" if near else "pinflow runs lists them"
    return UsageError(f"no run {run_id!r} in {store.place}", hint=hint)
