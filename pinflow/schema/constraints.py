"""Limits of a value, written beside its type: ``Annotated[str, Text(max_length=100)]``."""

from __future__ import annotations

from typing import Annotated

from pinflow.lazy_dataclass import dataclass

PATH_FORMATS = ("file", "file-or-id", "output")  # of a text that names a file


@dataclass(frozen=True, slots=True)
class Text:
    """Limits of a text parameter. ``format`` names what it is ("id", "date", "address") for people and editors.

    "file" is the path of a file that is read, "output" of one that is written, and "file-or-id" is digits or a path to
    read. What a recipe gives for these is checked against what it may touch before the action is called.

    ``path_hint`` says what to do with a file of this computer where an address is wanted.
    """

    pattern: str | None = None
    min_length: int = 0
    max_length: int | None = None
    format: str = ""
    description: str = ""
    path_hint: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """Limits of a number parameter: ``ge`` and ``le`` are included, ``gt`` is not."""

    ge: float | None = None
    le: float | None = None
    description: str = ""
    gt: float | None = None


# a parameter of an action that names a file: what may stand there is checked before the action is called
InputPath = Annotated[str, Text(min_length=1, format="file")]
OutputPath = Annotated[str, Text(min_length=1, format="output")]
