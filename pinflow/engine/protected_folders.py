"""The folders that no recipe reads or writes, whoever names them: tokens, and what is pinflow's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pinflow.engine.sign_in import token_folders
from pinflow.plan.file_rules import FileRules
from pinflow.recipe.bundled import bundled_recipes
from pinflow.state.folder import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow.plugin.registry import Registry

# what is in a state folder: a person may have made it their own folder as well
_IN_STATE: Final = (
    *("runs", "approvals", "notices", "quota", "places", "schedule", "plugins", "content", "tokens", "written"),
    *("undo", "allowed-plugins.json", "runs-index.db", "runs.key", "runs.lock", "places.key"),
)


def file_rules(
    recipe: Path, here: Path, *, registry: Registry, environ: Mapping[str, str], state: Path | None
) -> FileRules:
    """What the runs of a recipe may read and write, but for what its inputs name; ``state`` None: the usual folder."""
    folder = recipe.resolve().parent
    around = {paths.current_folder(), *(path for own in (here, folder) for path in (own, *own.parents))}
    cache, plugins = Path(paths.cache_file(environ, "")), list(_plugins(registry))
    state = state or paths.find_state_folder(environ) or Path(os.devnull)  # without one a recipe can still be checked
    secret = [state, *(state / name for name in _IN_STATE), *_tokens(registry, environ, folder, state), cache, *plugins]
    return FileRules(
        folder=folder,
        here=here,
        # what lies among a person's own files is told by its content, and not by its folder
        secret=tuple(path for path in secret if here / path not in around),
        unwritable=(
            bundled_recipes(),
            *(path.parent for path in (*plugins, *registry.recipes.values()) if path.parent not in around),
        ),
    )


def _tokens(registry: Registry, environ: Mapping[str, str], folder: Path, state: Path) -> Iterator[Path]:
    for variable in {api.token_folder_variable for api in registry.apis.values()}:
        if variable and (value := environ.get(variable)):
            yield Path(paths.expand_home(value))
    yield from token_folders(folder, state)


def _plugins(registry: Registry) -> Iterator[Path]:
    """The files that local plugins are loaded from."""
    return (plugin.file for plugin in registry.plugins if plugin.file is not None)
