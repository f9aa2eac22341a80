"""Figures, reports and uploads from a service that loses answers, refuses, is late and adds fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow_sandbox import start

RECIPES = Path(__file__).parents[2] / "recipes"
VIDEO = b"\0\0\0\x18ftypmp42" * 1000


@pytest.mark.parametrize("seed", [2, 4, 7])
@pytest.mark.parametrize("name", ["analytics", "ad_report", "copy_pin"])
def test_they_come_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seed: int) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").write_bytes(VIDEO)
    now = [1_800_000_000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock = Clock(lambda: now[0], lambda: now[0], sleep)
    with start(now=lambda: now[0], faults=f"hostile:{seed}") as sandbox:
        environ = {**sandbox.environment(), "HOME": str(tmp_path), "PINFLOW_CACHE_DIR": str(tmp_path)}
        app = App.installed(environ, state=tmp_path / "state", clock=clock)
        inputs = {"video": "film.mp4"} if name == "copy_pin" else {}
        plan = app.plan(RECIPES / f"{name}.yaml", inputs=inputs, examples=True)
        result = app.run(plan, Options(patience=86_400.0))
        state: Any = sandbox.control.state()
    assert (result.status, result.error) == ("ok", None)
    assert list(tmp_path.glob("*.part")) == []
    if name == "copy_pin":
        (board,) = [board for board in state["boards"] if board["name"] == "Empty for now"]
        assert [pin["media_type"] for pin in board["pins"]] == ["video"]
