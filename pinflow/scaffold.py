"""New files from templates: what ``pinflow new`` writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinflow import paths
from pinflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Template:
    """A recipe to start from."""

    name: str
    description: str
    path: Path

    def text(self) -> str:
        return self.path.read_text("utf-8")


def recipe_templates() -> list[Template]:
    """The skeletons, and then the recipes that come with pinflow; each by name."""
    folders = (paths.bundled_templates() / "recipe", paths.bundled_recipes())
    return [_template(path) for folder in folders for path in sorted(folder.glob("*.yaml"))]


def _template(path: Path) -> Template:
    from pinflow.recipe.model import parse
    from pinflow.recipe.source import read

    recipe = parse(read(path, path.name))
    return Template(path.stem, " ".join(recipe.description.split()), path)


def recipe_template(name: str) -> Template:
    """The template of this name. Raises UsageError, with the name that is near."""
    from pinflow.recipe.mistakes import nearest

    found = {each.name: each for each in recipe_templates()}
    if name not in found:
        near = nearest(name, found)
        meant = f"; did you mean {near!r}?" if near else ""
        raise UsageError(f"there is no template {name!r}{meant}", hint="pinflow new recipe lists them")
    return found[name]


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Write ``files`` (path below ``folder`` -> text) where nothing is yet.

    Raises UsageError if one of them is there already, and then writes none; or if a file can't be made.
    """
    there = [folder / name for name in files if (folder / name).exists()]
    if there:
        raise UsageError(f"{there[0]} is there already", hint="nothing was written: name another place, or remove it")
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{path} can't be written: {error.strerror}", hint="name another place") from error
