"""New files from templates: what ``pinflow new`` writes."""

from __future__ import annotations

import importlib.util
import keyword
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinflow.errors import UsageError
from pinflow.recipe import bundled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pinflow.plugin.registry import PluginInfo


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
    folders = (bundled.bundled_templates() / "recipe", bundled.bundled_recipes())
    return [_template(path) for folder in folders for path in sorted(folder.glob("*.yaml"))]


def _template(path: Path) -> Template:
    from pinflow.recipe.reader import parse
    from pinflow.recipe.source import read

    recipe = parse(read(path, path.name))
    return Template(path.stem, " ".join(recipe.description.split()), path)


def recipe_template(name: str) -> Template:
    """The template of this name. Raises UsageError, with the name that is near."""
    from pinflow.suggestions import nearest

    found = {each.name: each for each in recipe_templates()}
    if name not in found:
        near = nearest(name, found)
        meant = f"; did you mean {near!r}?" if near else ""
        raise UsageError(f"there is no template {name!r}{meant}", hint="pinflow new recipe lists them")
    return found[name]


def plugin_files(name: str) -> dict[str, str]:
    """The files of a new plugin's distribution: path -> text. Raises UsageError for a name that won't do."""
    if not re.fullmatch(r"(?=.{1,60}$)[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"a plugin can't be named {name!r}", hint="use small letters, digits and single _ between them: acme_boards"
        )
    root = bundled.bundled_templates() / "plugin"
    found = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {_named(path.relative_to(root).as_posix(), name): _named(path.read_text("utf-8"), name) for path in found}


def _named(text: str, name: str) -> str:
    """A text of the example, which is a plugin named acme, for another name."""
    said = {"pinflow-acme": distribution(name), "Acme": name.replace("_", " ").capitalize(), "acme": name}
    return re.sub("|".join(said), lambda found: said[found[0]], text)


def distribution(name: str) -> str:
    """What the distribution of a plugin is called, and its folder."""
    return f"pinflow-{name.replace('_', '-')}"


def check_free(name: str, plugins: Iterable[PluginInfo]) -> None:
    """Raise UsageError if a plugin, its distribution or its package has the name of something that is there."""
    for each in plugins:
        if name == each.name or distribution(name) == re.sub(r"[-_.]+", "-", each.distribution).lower():
            origin = f"{each.module} of {each.distribution} {each.version}" if each.distribution else each.module
            raise UsageError(f"there is a plugin {each.name!r} already ({origin})", hint="choose another name")
    package = importlib.util.find_spec(f"pinflow_{name}")
    if package is not None and package.origin is not None:  # an empty folder, left by an earlier one, is none
        raise UsageError(f"there is a package pinflow_{name} already", hint="choose another name")


def check_empty(folder: Path) -> None:
    """Raise UsageError if there is something in ``folder``, or it is a file."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", hint="nothing was written: name another place with --into")


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
