"""Which catalogue of operations is in use: the one that comes with pinflow, or one that the user brought.

The user's is in the folder ``catalogue`` of the state directory; ``pinflow operations --import`` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pinflow import UsageError, state_folder
from pinflow_pinterest.catalogue.operations import BUNDLED, CATALOGUE, catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pinflow_pinterest.catalogue.operations import Catalogue, Operation

HINT: Final = "to go back to the one that comes with pinflow: pinflow operations --bundled"


@dataclass(frozen=True)
class Choice:
    """The catalogue that is in use where ``environ`` is the environment. It is looked for when it is needed."""

    environ: Mapping[str, str] = field(repr=False)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The user's own, if there is one, else the one that comes with pinflow."""
        own = own_folder(self.environ)
        return catalogue(own if (own / CATALOGUE).is_file() else BUNDLED)

    def match(self, method: str, path: str) -> Operation | None:
        """The operation that a request calls. Raises UsageError where the catalogue can't be read."""
        try:
            return self.catalogue.match(method, path)
        except ValueError as error:
            raise unreadable(error) from error


def own_folder(environ: Mapping[str, str]) -> Path:
    """Where the user's own catalogue is, or would be."""
    return state_folder(environ) / "catalogue"


def unreadable(error: ValueError) -> UsageError:
    """What is said of a catalogue that can't be read."""
    return UsageError(f"the catalogue of operations can't be used: {error}", hint=HINT)
