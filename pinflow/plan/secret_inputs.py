"""Values of secret inputs that don't stand on a command line, where every process of the machine could read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.masking.secret_mask import SHORTEST
from pinflow.schema.invalid import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LARGEST = 64 * 1024  # bytes of a file with a secret; the largest keys have 12 kB
_PREFIX = "PINFLOW_INPUT_"


class FileReference(str):
    """``@FILE`` of a command line. For a secret input it means the text in that file; for others it is that text."""

    _content: str | None = None  # read once: a pipe has it once

    @property
    def names_file(self) -> bool:
        """Whether it looks like the name of a file, unlike @somebody."""
        return "/" in self or "." in self or os.path.isfile(os.path.expanduser(self[1:]))  # noqa: PTH111, PTH113

    def read(self) -> str:
        """The file's text, without the line end at its end. Raises Invalid."""
        if self._content is None:
            self._content = _read_text(self[1:])
        return self._content


def _read_text(name: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode()
    except (OSError, ValueError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or "it isn't the name of a text file"
        raise Invalid(f"can't be read from {name[:200]!r}: {reason}") from None
    if len(content) > _LARGEST:
        raise Invalid(f"can't be read from {name[:200]!r}: it has more than 64 kB")
    return text.removesuffix("\n").removesuffix("\r")


def variable_of(name: str) -> str:
    """The variable that gives a secret input: PINFLOW_INPUT_PASSWORD."""
    return _PREFIX + name.upper()


def advice_for(name: str) -> str:
    """How to give a secret input."""
    return f"give it with: -i {name}=@FILE, or the variable {variable_of(name)}"


def secrets_in(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those of the secret inputs ``names`` that the environment gives.

    Others have no variables: what chooses what a recipe does must be seen.
    """
    return {name: environ[variable_of(name)] for name in names if environ.get(variable_of(name))}


def check_length(value: str) -> None:
    """Raise Invalid for a secret that is guessed soon, and can't be kept out of what is shown: many words have it."""
    if len(value) < SHORTEST:
        raise Invalid(f"is too short: a secret has at least {SHORTEST} characters")
