"""The recipes, templates and pages that come with pinflow, and which recipe a person means."""

from __future__ import annotations

import os
from pathlib import Path

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


def find_recipe(path: Path) -> Path:
    """The recipe that a person means: the file, else the bundled one of that name.

    ``recipes/copy_board.yaml`` and ``copy_board`` find the bundled one from anywhere. Without an ending such a name
    means the bundled one and nothing else: whatever has this name in the current folder doesn't take its place.
    """
    if not path.suffix and not path.is_absolute() and (own := _bundled_of(path)) is not None:
        return own
    try:
        if path.exists() or path.is_absolute():
            return path
    except OSError:  # too long for a file name: the reader reports it
        return path
    return _bundled_of(path) or path


def _bundled_of(path: Path) -> Path | None:
    if path.parent.name not in ("", "recipes"):
        return None
    name = path.name if path.suffix in (".yaml", ".yml") else f"{path.name}.yaml"
    bundled = bundled_recipes() / name
    return bundled if os.path.isfile(bundled) else None  # noqa: PTH113 - a path raises for a name that is too long
