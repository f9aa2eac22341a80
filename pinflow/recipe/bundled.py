"""The recipes, templates and pages that come with pinflow, and which recipe a person means."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType

TYPE_CHECKING = False  # a shell asks for the names of recipes at every press of a key
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from pinflow.errors import RecipeError

NOTHING: Final[Mapping[str, Path]] = MappingProxyType({})

# bundled recipes as an earlier version had them (SHA-256 of the text), whose runs the present text goes on with: what
# was changed since touches nothing that such a run has done
_EARLIER_TEXTS = {"create_pins.yaml": frozenset({"c04184a7a70e2cf66438af1a9084214717fa1cc5558d0087c175134d0184ae62"})}


def bundled_recipes() -> Path:
    """The folder of the recipes that come with pinflow: inside the package, or beside it in a checkout."""
    return _bundled("recipes")


def bundled_templates() -> Path:
    """The folder of what ``pinflow new`` starts from: inside the package, or beside it in a checkout."""
    return _bundled("templates")


def bundled_docs() -> Path:
    """The folder of the pages that come with pinflow: inside the package, or beside it in a checkout."""
    return _bundled("docs")


def is_earlier_text(recipe: Path, digest: str) -> bool:
    """Whether ``digest`` is that of a bundled recipe before an upgrade, whose runs go on by the text of now."""
    return recipe.parent == bundled_recipes() and digest in _EARLIER_TEXTS.get(recipe.name, ())


def _bundled(name: str) -> Path:
    package = Path(__file__).parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def recipe_path(text: str) -> Path:
    """A recipe as it was typed, for argparse. ``./NAME`` stays a path, which Path alone would make a bare name of."""
    path = Path(text)
    typed_as_path = any(separator in text for separator in (os.sep, os.altsep) if separator)
    if not typed_as_path or len(path.parts) != 1 or path.is_absolute():
        return path
    is_file = path.suffix and os.path.exists(path)  # noqa: PTH110 - a path raises for a name that is too long
    return path if is_file or is_folder(path) else Path.cwd() / path


def find_recipe(path: Path, offered: Mapping[str, Path] = NOTHING) -> Path:
    """The recipe that a person means; ``offered`` are those of plugins, by name.

    A bare name is the bundled recipe of this name, else a plugin's, and never a file: nothing that lies in the current
    folder takes a recipe's place. A path, or a name with an ending, is a file; without one ``copy_board.yaml``
    and ``recipes/copy_board.yaml`` find the bundled one from anywhere. Raises RecipeError for an unknown bare name;
    one that a folder has is that folder.
    """
    if _is_bare(path):
        recipe = _bundled_of(path) or offered.get(path.name)
        if recipe is None and not os.path.isdir(path):  # noqa: PTH112 - a path raises for a name that is too long
            raise _unknown_name(path.name, offered)
        return recipe or path
    if path.is_absolute() or os.path.exists(path):  # noqa: PTH110 - a path raises for a name that is too long
        return path
    return _bundled_of(path) or path


def recipe_note(path: Path, recipe: Path) -> str:
    """What a person should know about which recipe was found for a path; "" mostly."""
    if _is_bare(path):
        own = next((file for file in _files_called(path.name) if not _is_same(file, recipe)), None)
        origin = "that comes with pinflow" if recipe.parent == bundled_recipes() else "of a plugin"
        return "" if own is None else f"{path.name} is the recipe {origin}; for the file here type {own}"
    if path.is_absolute() or path == recipe:
        return ""
    return f"there is no file {path} here; {recipe.stem} that comes with pinflow is meant"


def is_folder(path: Path) -> bool:
    """Whether a person means a folder by this: a bare name that a bundled recipe has means the recipe."""
    return os.path.isdir(path) and not (_is_bare(path) and _bundled_of(path))  # noqa: PTH112 - a path raises for some names


def _is_bare(path: Path) -> bool:
    return len(path.parts) == 1 and not path.suffix and not path.is_absolute() and path.name not in ("", "..")


def _unknown_name(name: str, offered: Mapping[str, Path]) -> RecipeError:
    from pinflow.errors import Problem, RecipeError
    from pinflow.suggestions import nearest

    near = nearest(name, [*(file.stem for file in bundled_recipes().glob("*.yaml")), *offered])
    if own := next(iter(_files_called(name)), ""):
        hint = f"for the file here type {own}"
    else:
        hint = f"did you mean {near!r}?" if near else "pinflow recipes lists them; a file is named with its ending"
    return RecipeError([Problem(name, 0, 0, "no recipe has this name", hint)])


def _files_called(name: str) -> Iterator[str]:
    """The files of the current folder that somebody may mean by a bare name, as they are typed."""
    for file in (name, f"{name}.yaml", f"{name}.yml", f"recipes/{name}.yaml", f"recipes/{name}.yml"):
        if os.path.isfile(file):  # noqa: PTH113 - a path raises for a name that is too long
            yield file if file.startswith("recipes/") else f"./{file}"


def _is_same(file: str, recipe: Path) -> bool:
    try:
        return os.path.samefile(file, recipe)  # noqa: PTH121 - both are there
    except OSError:
        return False


def _bundled_of(path: Path) -> Path | None:
    if path.parent.name not in ("", "recipes"):
        return None
    name = path.name if path.suffix in (".yaml", ".yml") else f"{path.name}.yaml"
    bundled = bundled_recipes() / name
    return bundled if os.path.isfile(bundled) else None  # noqa: PTH113 - a path raises for a name that is too long
