"""pinflow as a library, as the benchmark's processes use it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

UNPACED = "unpaced"  # an access tier that no API has quotas for
COPY = "recipes/copy_board.yaml"


def open_app(state: Path) -> Any:
    """pinflow as a library, with the installed plugins and the process's environment."""
    from pinflow import App
    from pinflow.plugin.loader import collect, find_installed, load

    manager, infos = load(find_installed(None))
    return App(collect(manager, infos), manager, os.environ, state=state)


def go(app: Any, plan: Any) -> Any:
    """Run a plan, unpaced. A run that is not ok is an error."""
    from pinflow.app import Options

    result = app.run(plan, Options(tier=UNPACED, max_writes=None))
    if not result.ok:
        raise SystemExit(f"the run ended as {result.status}: {result.error}")
    return result


def plan_copy(app: Any, board: str, **inputs: object) -> Any:
    """The plan of the recipe that copies a board."""
    from pinflow.recipe.bundled import find_recipe

    return app.plan(find_recipe(Path(COPY)), inputs={"board": board, **inputs})
