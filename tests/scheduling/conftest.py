"""Schedulers in virtual time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.core.conftest import Project
from tests.scheduling.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as open_things:
        rig = Rig(open_things.enter_context(Project(tmp_path)))
        open_things.callback(rig.close)
        yield rig
