"""Old names go on working for one version, and say who uses them."""

from __future__ import annotations

import pytest

from pinflow.errors import ALIASES_UNTIL, warn_renamed


def test_a_renamed_name_tells_who_uses_it_what_it_is_now_and_when_the_old_one_goes() -> None:
    with pytest.warns(DeprecationWarning, match="tests uses ctx.old, which is now ctx.new") as caught:
        warn_renamed("ctx.old", "ctx.new")
    assert f"pinflow {ALIASES_UNTIL} drops the old name" in str(caught[0].message)
    assert caught[0].filename == __file__
