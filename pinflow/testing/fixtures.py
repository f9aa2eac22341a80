"""The pytest plugin with the fixture ``project``. It imports almost nothing, because pytest loads it everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.testing.project import Project

# variables of pinflow, of the services of its plugins, and of the system's folders for a user's files
_SETTINGS = ("PINFLOW_", "ACCESS_TOKEN", "XDG_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def project(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Project]:
    """A folder for recipes, every installed plugin, a sandbox of each service, and a manual clock.

    The test fails if it connects to another machine, or touches the home folder of the user who runs it.
    """
    import os
    from contextlib import ExitStack
    from pathlib import Path

    from pinflow.testing import guards
    from pinflow.testing.project import Project

    home = tmp_path / "home"
    home.mkdir()
    allowed = (pytestconfig.rootpath, Path.cwd(), tmp_path_factory.getbasetemp())
    with ExitStack() as stack:
        stack.enter_context(guards.away_from(Path.home(), allowed, pytest.fail))
        stack.enter_context(guards.other_home(home, os.environ, _SETTINGS))
        stack.enter_context(guards.loopback_only(pytest.fail))
        yield stack.enter_context(Project(tmp_path))
