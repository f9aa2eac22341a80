"""The catalogue of operations in use: the bundled one, or one that the user imported.

The user's is in the folder ``catalogue`` of the state directory; ``pinflow operations --import`` writes it.
"""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pinflow import PinflowError, UsageError, check_own_file, check_own_folder, dataclass, state_folder
from pinflow_pinterest.catalogue.operations import BUNDLED, CATALOGUE, open_catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pinflow_pinterest.catalogue.operations import Catalogue, Operation

HINT: Final = "to use the bundled one again: pinflow operations --bundled"


@dataclass(frozen=True)
class CatalogueChoice:
    """The catalogue in use with the environment ``environ``, opened when it is first needed."""

    environ: Mapping[str, str] = field(repr=False)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The user's own, if there is one, else the bundled one. Raises StateError for one that others can change."""
        try:
            folder = own_folder(self.environ)
        except PinflowError:  # who has no state folder has put none there
            return open_catalogue(BUNDLED)
        if not (folder / CATALOGUE).is_file():
            return open_catalogue(BUNDLED)
        check_own_folder(folder)
        for file in folder.iterdir():
            check_own_file(file)
        return open_catalogue(folder)

    def match(self, method: str, path: str) -> Operation | None:
        """The operation of a request. Raises UsageError if the catalogue can't be read."""
        try:
            return self.catalogue.match(method, path)
        except ValueError as error:
            raise catalogue_error(error) from error


def own_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the user's own catalogue, which may not exist."""
    return state_folder(environ) / "catalogue"


def catalogue_error(error: ValueError) -> UsageError:
    """The error for a catalogue that can't be read."""
    return UsageError(f"the catalogue of operations can't be used: {error}", hint=HINT)
