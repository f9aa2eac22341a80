"""Recipes in folders: which files are some, and which YAML files are something else."""

from __future__ import annotations

import os
import re
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ENDINGS = (".yaml", ".yml")
_HEAD = 256_000  # bytes; a recipe has no more
# a mistake in the YAML must not hide a recipe, so this looks at the text: for a key at the left edge, or in a mapping
# in braces; what CI systems call steps stands further inside
_KEY = rb"""["']?(?:pinflow|steps)["']?\s*:"""
_IS_RECIPE = re.compile(rb"^(?:\xef\xbb\xbf)?" + _KEY, re.MULTILINE)
_IN_BRACES = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|#[^\n]*\n|---\s)*[{](?s:.*?)[{,\s]" + _KEY)


def is_recipe(file: Path) -> bool:
    """Whether the text of a YAML file is a recipe's, be it with mistakes; so is one that can't be read."""
    try:
        with file.open("rb") as text:
            head = text.read(_HEAD)
    except OSError:
        return True
    return _IS_RECIPE.search(head) is not None or _IN_BRACES.search(head.replace(b"{", b"{ ", 1)) is not None


def yaml_files(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """The YAML files of a folder, and of those below it unless ``deep`` is false, in the order of their paths.

    Hidden ones are left out, and so are pipes and devices, which may never end; links to folders are not followed: they
    may lead round in a circle.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if deep else []
        for name in sorted(names):
            file = Path(place) / name
            if name.endswith(ENDINGS) and not name.startswith(".") and (file.is_file() or not file.exists()):
                yield file


def own_recipes(folder: Path) -> list[Path]:
    """The recipes of a folder and of its folder ``recipes``, as paths that count from there: ``recipes/shop.yaml``."""
    files = [*yaml_files(folder, deep=False), *yaml_files(folder / "recipes", deep=False)]
    return [file.relative_to(folder) for file in files if is_recipe(file)]
