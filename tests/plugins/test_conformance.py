"""Our own plugins keep the contract that they set for others: the conformance kit, over every recipe there is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pinflow.testing import check_plugin
from pinflow.testing.conformance import KILLS

CHECKS = Path(__file__).parent / "checks"  # recipes with what no bundled one uses
KILLED = KILLS if os.environ.get("PINFLOW_FULL") else 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("plugin", ["pinflow_auth", "pinflow_pinterest_v5"])
def test_a_plugin_keeps_the_contract(plugin: str) -> None:
    report = check_plugin(plugin, recipes=[CHECKS], kills=KILLED)
    assert report.findings == ()
    assert report.notes == ()
    # an action that is new needs a recipe, in recipes/ or in tests/plugins/checks/, with an example for each input
    assert report.not_exercised == ()
