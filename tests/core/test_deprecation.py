"""Old names go on working for one version, and say who uses them."""

from __future__ import annotations

import pytest

import pinflow
from pinflow import Transport, Undo, network_settings
from pinflow.engine.results import RunResult
from pinflow.engine.undo import CreatedThing, UndoPlan
from pinflow.errors import ALIASES_UNTIL, warn_renamed

BOARD = CreatedThing("board", "1", 0.0, "v5", "access_token", Undo(action="delete_board", given={}), {})


def test_a_renamed_name_tells_who_uses_it_what_it_is_now_and_when_the_old_one_goes() -> None:
    with pytest.warns(DeprecationWarning, match="tests uses ctx.old, which is now ctx.new") as caught:
        warn_renamed("ctx.old", "ctx.new")
    assert f"pinflow {ALIASES_UNTIL} drops the old name" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_the_network_settings_are_found_by_their_old_names() -> None:
    with pytest.warns(DeprecationWarning, match="tests uses way_out, which is now network_settings") as caught:
        from pinflow import way_out
    assert way_out is network_settings
    assert {warning.filename for warning in caught} == {__file__}
    with pytest.warns(DeprecationWarning, match=r"tests uses Transport\(way=\), which is now Transport\(network=\)"):
        Transport(way=network_settings({})).close()  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match=r"Transport\(monotonic=\), which is now Transport\(clock=\)"):
        Transport(monotonic=float).close()
    assert "way_out" not in pinflow.__all__


@pytest.mark.parametrize(
    ("owner", "old", "new"),
    [
        (RunResult(run="r", status="ok", steps=(), remaining={"pins": 2}), "left", "remaining"),
        (UndoPlan(run="r", name="n", tier="standard", mixed=(BOARD,)), "kept", "mixed"),
        (UndoPlan(run="r", name="n", tier="standard", undeletable=(BOARD,)), "stuck", "undeletable"),
    ],
)
def test_a_value_has_its_fields_by_their_old_names_as_well(owner: object, old: str, new: str) -> None:
    kind = type(owner).__name__
    with pytest.warns(DeprecationWarning, match=rf"tests uses {kind}\.{old}, which is now {kind}\.{new}; pinflow"):
        value = getattr(owner, old)
    assert value
    assert value == getattr(owner, new)
