"""New files from templates: what ``pinflow new`` writes."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
from typing import TYPE_CHECKING

from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass
from pinflow.recipe import bundled
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pinflow.plugin.registry import PluginInfo


@dataclass(frozen=True, slots=True)
class RecipeTemplate:
    """A recipe to start from."""

    name: str
    description: str
    path: Path

    def text(self) -> str:
        return self.path.read_text("utf-8")


def recipe_templates(offered: Iterable[Path] = ()) -> list[RecipeTemplate]:
    """The skeletons, the bundled recipes, and those of plugins, each sorted by name."""
    folders = (bundled.bundled_templates() / "recipe", bundled.bundled_recipes())
    files = [path for folder in folders for path in sorted(folder.glob("*.yaml"))]
    return [_read_template(path) for path in (*files, *sorted(offered))]


def _read_template(path: Path) -> RecipeTemplate:
    from pinflow.recipe.reader import parse
    from pinflow.recipe.source import read

    recipe = parse(read(path, path.name))
    return RecipeTemplate(path.stem, " ".join(recipe.description.split()), path)


def recipe_template(name: str, offered: Iterable[Path] = ()) -> RecipeTemplate:
    """The template of this name; of several the first. Raises UsageError, with the most similar name."""
    templates = {template.name: template for template in reversed(recipe_templates(offered))}
    if name not in templates:
        message = f"unknown template {name!r}{did_you_mean(name, templates)}"
        raise UsageError(message, hint="pinflow new recipe lists them")
    return templates[name]


def plugin_files(name: str) -> dict[str, str]:
    """The files of a new plugin's distribution: path -> text. Raises UsageError for an invalid name."""
    if not re.fullmatch(r"(?=.{1,60}$)[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} is not a name for a plugin",
            hint="use small letters, digits and single _ between them: acme_boards",
        )
    root = bundled.bundled_templates() / "plugin"
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {
        _rename_example(path.relative_to(root).as_posix(), name): _rename_example(path.read_text("utf-8"), name)
        for path in files
    }


def _rename_example(text: str, name: str) -> str:
    """``text`` from the template, a plugin named acme, for the plugin ``name``."""
    names = {"pinflow-acme": distribution(name), "Acme": name.replace("_", " ").capitalize(), "acme": name}
    return re.sub("|".join(names), lambda match: names[match[0]], text)


def distribution(name: str) -> str:
    """The name of a plugin's distribution and folder."""
    return f"pinflow-{name.replace('_', '-')}"


def check_free(name: str, plugins: Iterable[PluginInfo]) -> None:
    """Raise UsageError if the name of a new plugin, its distribution or its package is taken."""
    for plugin in plugins:
        if name == plugin.name or distribution(name) == re.sub(r"[-_.]+", "-", plugin.distribution).lower():
            package = f" of {plugin.distribution} {plugin.version}" if plugin.distribution else ""
            raise UsageError(
                f"a plugin {plugin.name!r} already exists ({plugin.module}{package})", hint="choose another name"
            )
    spec = importlib.util.find_spec(f"pinflow_{name}")
    if spec is not None and spec.origin is not None:  # an empty folder, left by an earlier plugin, has no origin
        raise UsageError(f"a package pinflow_{name} already exists", hint="choose another name")


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; not where its name is too long for one, which writing it tells."""
    return os.path.exists(path)  # noqa: PTH110 - a path raises for names of more than 255 bytes


def check_empty(folder: Path) -> None:
    """Raise UsageError if ``folder`` is not empty, or is a file."""
    if exists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} already exists", hint="nothing was written; choose another folder with --into")


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Write new ``files`` (path below ``folder`` -> text).

    Raises UsageError if one of them exists, and then writes none; or if a file can't be created.
    """
    existing = [folder / name for name in files if exists(folder / name)]
    if existing:
        raise UsageError(f"{existing[0]} already exists", hint="nothing was written; choose another path, or remove it")
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{path} can't be written: {error.strerror}", hint="choose another path") from error
