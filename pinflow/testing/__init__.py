"""Tools for the tests of plugins.

pytest finds the fixture ``project`` wherever pinflow is installed:

    def test_a_board_is_hidden(project):
        result = project.run("{name: n, api: v5, steps: [{id: a, uses: hide_board, with: {board: Garden ideas}}]}")
        assert result.ok

:func:`check_plugin` is the conformance kit, as ``pinflow plugins check`` runs it;
:mod:`state_conformance` holds the tests that a state of a plugin's own must pass.
Names are imported when they are first used, because pytest imports this package in every project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinflow.state import conformance as state_conformance
    from pinflow.testing.conformance import ConformanceFinding, ConformanceReport, check_plugin
    from pinflow.testing.project import Killed, Project

_HOME = dict.fromkeys(("ConformanceFinding", "ConformanceReport", "check_plugin"), "conformance")
_HOME |= dict.fromkeys(("Killed", "Project"), "project")
_RENAMED = {"Finding": "ConformanceFinding", "Report": "ConformanceReport"}

__all__ = ["ConformanceFinding", "ConformanceReport", "Killed", "Project", "check_plugin", "state_conformance"]


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        from pinflow.errors import warn_renamed

        warn_renamed(f"pinflow.testing.{name}", f"pinflow.testing.{_RENAMED[name]}")
        name = _RENAMED[name]
    from importlib import import_module

    if name == "state_conformance":
        return import_module("pinflow.state.conformance")
    if name not in _HOME:
        raise AttributeError(f"module 'pinflow.testing' has no attribute {name!r}")
    return getattr(import_module(f"pinflow.testing.{_HOME[name]}"), name)
