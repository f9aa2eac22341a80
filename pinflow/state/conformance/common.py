"""What the tests of all stores use."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pinflow.errors import PinflowError
from pinflow.state.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.state.protocol import State

    MakeState = Callable[[], State]

E = TypeVar("E", bound=PinflowError)
RUN = "20261125-120000-aaaaaa"


def catch(kind: type[E], call: Callable[[], object]) -> E:
    """The error of this kind that a call raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"it raised no {kind.__name__}")


def run_record(run_id: str = RUN) -> RunRecord:
    """A new run of this id."""
    inputs, options = {"board": "813", "count": 3}, {"api": "v5"}
    return RunRecord(run_id, "copy.yaml", "d1", "Copy a board", inputs, options, {"pinflow": "1"}, 1_795_608_000.0)
