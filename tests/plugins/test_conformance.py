"""Our own plugins keep the contract that they set for others: the conformance kit, over every recipe there is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pinflow.testing import check_plugin
from pinflow.testing.conformance import KILLS

pytestmark = pytest.mark.slow

CHECKS = Path(__file__).parent / "checks"  # recipes with what no bundled one uses
KILLED = KILLS if os.environ.get("PINFLOW_FULL") else 1
# where a video is to be sent can't be kept: a killed upload is registered anew, and the service drops the one before
ACCEPTED = {("v3.upload_video", "resume"), ("v5.upload_video", "resume")}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("plugin", ["pinflow_auth", "pinflow_local", "pinflow_pinterest_v3", "pinflow_pinterest_v5"])
def test_a_plugin_keeps_the_contract(plugin: str, tmp_path: Path) -> None:
    checks = tmp_path / "checks"
    shutil.copytree(CHECKS, checks)
    with (checks / "film.mp4").open("wb") as film:
        film.write(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")
        film.truncate(4096)
    report = check_plugin(plugin, recipes=[checks], kills=KILLED)
    assert [each for each in report.findings if (each.action, each.rule) not in ACCEPTED] == []
    # an action that is new needs a recipe, in recipes/ or in tests/plugins/checks/, with an example for each input
    assert report.not_exercised == ()
