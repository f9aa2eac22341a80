"""Which state is used: the folder, unless PINFLOW_STATE names one that a plugin offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow.clock import Clock
from pinflow.errors import UsageError
from pinflow.state.choose import open_state
from pinflow.state.folder.state import FolderState

if TYPE_CHECKING:
    from pathlib import Path


def test_without_the_variable_state_is_in_the_folder(tmp_path: Path) -> None:
    state = open_state({"PINFLOW_STATE_DIR": str(tmp_path / "state")}, Clock())
    assert (type(state), state.place) == (FolderState, str(tmp_path / "state"))
    assert open_state({"PINFLOW_STATE": "postgresql://db/x"}, Clock(), folder=tmp_path).place == str(tmp_path)


@pytest.mark.parametrize(
    ("value", "says", "advice"),
    [
        ("/var/lib/pinflow", "must be an address such as postgresql://host/database, not a path", "PINFLOW_STATE_DIR"),
        ("redis://:hunter2@db/x", "no installed plugin offers a state at redis://", "pinflow[cluster]"),
    ],
)
def test_a_path_and_an_unknown_scheme_are_refused_without_showing_a_password(
    value: str, says: str, advice: str
) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        open_state({"PINFLOW_STATE": value}, Clock())
    assert advice in refused.value.hint
    assert "hunter2" not in f"{refused.value} {refused.value.hint}"
    assert refused.value.exit_code == 2


def test_a_state_url_is_opened_by_the_plugin_that_offers_its_scheme(tmp_path: Path) -> None:
    opened: list[Any] = []

    def offer(address: str, clock: Clock) -> FolderState:
        opened.append(address)
        return FolderState(tmp_path, clock)

    open_state({"PINFLOW_STATE": "postgresql://db/x"}, Clock(), offers={"postgresql": offer})
    assert opened == ["postgresql://db/x"]
