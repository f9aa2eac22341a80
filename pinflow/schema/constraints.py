"""Limits of a value, written beside its type: ``Annotated[str, Text(max_length=100)]``."""

from __future__ import annotations

from pinflow.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Limits of a text parameter. ``format`` names what it is ("id", "date", "address") for people and editors.

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
