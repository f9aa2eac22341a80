"""Rows of a table as items of a loop: mappings that know the place that they have in their file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pinflow.expressions.values import HandWritten

if TYPE_CHECKING:
    from collections.abc import Iterable

LABEL_LENGTH: Final = 40  # characters of a label: with a file's name it still fits on a line of 80

_SEPARATORS: Final = re.compile(r"[\s_-]+")


class Columns:
    """The names of a table's columns, shared by all its rows; they are found in any case, with spaces or ``_``."""

    __slots__ = ("_by_fold", "_found", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._by_fold = {self.fold(name): name for name in reversed(self.names)}
        self._found: dict[str, str | None] = {}  # a recipe asks each row for the same few names

    def find(self, name: str) -> str | None:
        """The name that the table has for the column that a recipe calls ``name``; None if it has no such column."""
        if name not in self._found:
            self._found[name] = name if name in self.names else self._by_fold.get(self.fold(name))
        return self._found[name]

    @staticmethod
    def fold(name: str) -> str:
        """What two names have in common that count as the same: ``Image URL`` and ``image_url``."""
        return _SEPARATORS.sub("", name).casefold()


class Row(HandWritten):
    """A row of a table: column to cell, and the place that it has in its file.

    ``source`` is the file's name ("pins.csv"), ``number`` the row that a spreadsheet shows (the header is row 1) and
    ``line`` the line of the text on which the row begins. ``mistake`` says why the row can't be used ("" if it can):
    a loop tells it as this row's failure, and the others go on.

    A column is found by the name that the table has for it, else in any case and with spaces, ``-`` or ``_`` alike.
    """

    __slots__ = ("_columns", "line", "mistake", "number", "source")

    def __init__(
        self, cells: Any, *, source: str, number: int, line: int, columns: Columns | None = None, mistake: str = ""
    ) -> None:
        """``cells`` are a mapping, or pairs of column and cell; ``columns`` spares each row of a table its own."""
        super().__init__(cells)
        self.source = source
        self.number = number
        self.line = line
        self.mistake = mistake
        self._columns = Columns(self) if columns is None else columns

    def __missing__(self, name: object) -> Any:
        column = self._columns.find(name) if isinstance(name, str) else None
        if column is None or not dict.__contains__(self, column):
            raise KeyError(name)
        return dict.__getitem__(self, column)

    def get(self, name: str, default: Any = None) -> Any:
        """The cell of a column; ``default`` if the table has no such column."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except KeyError:
            return False
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the table's columns, in the order of the file."""
        return self._columns.names

    def column(self, name: str) -> str | None:
        """What the table calls the column that a recipe calls ``name``; None if it has no such column."""
        return self._columns.find(name)

    def where(self, label: str = "") -> str:
        """The row's place for people: ``pins.csv:17 ("Raised beds", line 19)``; the line only if it is not the row's.

        ``label`` is what the row is about; it is content, to be shown and never kept.
        """
        facts = [f'"{short_label(label)}"'] if label.strip() else []
        if self.line != self.number:
            facts.append(f"line {self.line}")
        return f"{self.source}:{self.number}" + (f" ({', '.join(facts)})" if facts else "")


def short_label(text: str) -> str:
    """A text on one line, cut to what can be read at a glance."""
    label = " ".join(text[: 4 * LABEL_LENGTH].split())
    return label if len(label) <= LABEL_LENGTH else f"{label[: LABEL_LENGTH - 1].rstrip()}…"
