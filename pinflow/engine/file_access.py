"""Which files a run may touch: those below the recipe's folder, and those that its user named."""

from __future__ import annotations

from pathlib import Path

from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass
from pinflow.schema.file_names import is_too_long
from pinflow.suggestions import quote


@dataclass(frozen=True, slots=True)
class Files:
    """The recipe's own folder, and the absolute paths that were given for inputs of type file."""

    folder: Path
    named: frozenset[str] = frozenset()

    def place(self, name: str) -> Path:
        """Where the file is that a recipe calls ``name``: a path in its folder, or the value of a file input.

        Links are followed first, so that none leads out of the folder. Raises UsageError for any other place.
        """
        if is_too_long(name):
            raise UsageError(f"{quote(name)} is too long for the name of a file", hint="choose a shorter one")
        if name in self.named:
            return Path(name)
        try:
            root = self.folder.resolve()
            path = (root / name).resolve()
        except (OSError, ValueError, RuntimeError):
            raise UsageError(f"{name!r} is not the path of a file") from None
        if not path.is_relative_to(root):
            raise UsageError(
                f"{name!r} is not inside the recipe's folder",
                hint="a recipe reaches other files only through an input of type file: -i NAME=PATH",
            )
        return path
