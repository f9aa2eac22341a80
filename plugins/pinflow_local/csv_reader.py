"""Reading CSV files as spreadsheets write them: Excel, LibreOffice, Numbers, Google Sheets.

A first line ``sep=;``, byte-order marks of UTF-8 and UTF-16, any line ends and line breaks in quotes, columns and rows
without content at the end, and cells that are missing at the end of a row are read as a spreadsheet shows them.
What can't be told is refused and never guessed: bytes that are not UTF-8, workbooks, columns that count as the same.
"""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from io import TextIOWrapper
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal

from pinflow import Columns, Row, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pinflow import InputFile

Encoding = Literal["utf-8", "utf-16", "cp1252", "latin-1", "mac-roman"]

_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?\1*', re.IGNORECASE | re.DOTALL)  # only spreadsheets give it a meaning
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*"?')
_BLANK: Final = f'{_SEPARATORS}" \r\n\ufeff\u00a0'
_INVISIBLE: Final = "\ufeff\u200b"  # left in a header by programs that join files; nobody can see or type them
_END_OF_FILE: Final = "\x1a"  # that programs of DOS leave on a last line
_SAMPLE: Final = 4096  # bytes: enough for the marks at the beginning, and for NULs of UTF-16 without one
_MARKS: Final = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig"))
_OTHER_FILES: Final = {
    b"PK\x03\x04": "a workbook (.xlsx, .ods or .numbers)",
    b"\xd0\xcf\x11\xe0": "a workbook (.xls)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
    b"{\\rtf": "a text document (RTF)",
}
_MARKUP: Final = (b"<!doctype", b"<html", b"<table", b"<?xml")
_AS_UTF8: Final = "save it as CSV UTF-8 (Excel: Save as, CSV UTF-8; others ask for the character set when they save)"


def read_rows(
    file: InputFile, columns: Sequence[str], delimiter: str | None, encoding: Encoding | None
) -> Iterator[Row]:
    """The rows of a file with a header; an empty cell is null, and a row with more cells than columns has a mistake.

    ``columns`` are those that the file must have. Raises UsageError for a file that can't be read as a whole.
    """
    used: str = encoding or "utf-8"
    try:
        with file.open() as raw:
            used = encoding or _encoding(raw.read(_SAMPLE), file.path)
            raw.seek(0)
            with TextIOWrapper(raw, encoding=used, newline="") as text:
                yield from _Table(text, file.name, delimiter).rows(columns)
    except OSError as error:
        raise UsageError(f"{file.path} can't be read: {error.strerror}", hint="check the path") from error
    except UnicodeError as error:
        raise _undecodable(file, used) from error


def _encoding(sample: bytes, path: Path) -> str:
    """The encoding that a file's first bytes tell. Raises UsageError for what is not CSV at all."""
    start = sample.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = next((kind for mark, kind in _OTHER_FILES.items() if sample.startswith(mark)), None)
    if kind is not None or start.startswith(_MARKUP):
        raise UsageError(f"{path}: this is not CSV, but {kind or 'HTML or XML'}", hint="save it as CSV UTF-8")
    encoding = next(encoding for mark, encoding in _MARKS if sample.startswith(mark))
    if encoding != "utf-16" and b"\0" in sample:
        raise UsageError(
            f"{path} is not UTF-8 text: it looks like UTF-16 without a byte-order mark",
            hint=f"{_AS_UTF8}, or set encoding: utf-16 of read_csv",
        )
    return encoding


def _undecodable(file: InputFile, encoding: str) -> UsageError:
    """The mistake of a file with bytes that its encoding has no character for; in UTF-8 it names the first."""
    expected = encoding.removesuffix("-sig").replace("utf", "UTF")
    place = ""
    if expected == "UTF-8":
        with suppress(OSError), file.open() as raw:
            place = _first_undecodable(raw)
    return UsageError(
        f"{file.path} is not {expected} text{place}", hint=f"{_AS_UTF8}, or set encoding: cp1252 of read_csv"
    )


def _first_undecodable(file: Iterable[bytes]) -> str:
    """Line, byte and meaning of the first byte that is not UTF-8."""
    lines = 1
    for line in file:
        try:
            line.decode()
        except UnicodeDecodeError as error:
            byte = line[error.start : error.start + 1]
            old_mac = b"\r" in line[:-2]  # the only one that ended lines like that
            shown = byte.decode("mac-roman" if old_mac else "cp1252", "replace")
            known = shown.isprintable() and shown != "\ufffd"
            meaning = f", which is {shown} in {'Mac Roman' if old_mac else 'Windows-1252'}" if known else ""
            number = lines + line.count(b"\r", 0, error.start)
            return f": line {number} has the byte 0x{byte[0]:02X}{meaning}"
        lines += line.count(b"\r") + (not line.endswith(b"\r\n"))
    return ""


class _Table:
    """One file on its way through the reader."""

    def __init__(self, lines: Iterator[str], name: str, delimiter: str | None) -> None:
        self._name = name
        self._lines_before = 0  # the header
        self._number = 0  # of the last row, as a spreadsheet shows it
        first = next(lines, "")
        if separator := _SEPARATOR_LINE.fullmatch(first.strip("\r\n \ufeff")):
            delimiter = delimiter or separator[1]
            self._lines_before += 1
            first = next(lines, "")
        while first and not first.strip(_BLANK):
            self._lines_before += 1
            self._number += 1
            first = next(lines, "")
        if not first:
            raise UsageError(f"{name} has no header", hint="its first line must name the columns")
        self._delimiter = delimiter or max(_SEPARATORS, key=_QUOTED.sub("", first).count)
        # strict: a quote that is never closed would swallow the rest of the file as one cell
        self._reader = csv.reader(chain([first], lines), delimiter=self._delimiter, strict=True)

    def rows(self, needed: Sequence[str]) -> Iterator[Row]:
        """The rows that are not empty. Raises UsageError for a header that won't do, and for what is not CSV."""
        _, header = next(self._records())
        place = f"{self._name}:{self._number}"
        names = _names(header, needed, place)
        columns, number_of_names = Columns(filter(None, names)), len(names)
        nameless = [index for index, name in enumerate(names) if not name]
        for line, cells in self._records():
            stripped = [cell.strip() or None for cell in cells]
            mistake = ""
            if len(stripped) != number_of_names:
                while len(stripped) > number_of_names and stripped[-1] is None:
                    stripped.pop()
                if len(stripped) > number_of_names:
                    mistake = self._too_long(len(stripped), number_of_names)
                stripped += [None] * (number_of_names - len(stripped))
            if not any(stripped) or stripped[0] == _END_OF_FILE:
                continue
            fields: dict[str, Any] = dict(zip(names, stripped, strict=False))
            if nameless:
                self._check_nameless(nameless, stripped, place)
                del fields[""]
            yield Row(fields, source=self._name, number=self._number, line=line, columns=columns, mistake=mistake)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record, empty ones too, with the line on which it begins; ``_number`` counts along."""
        reader = self._reader
        while True:
            line = self._lines_before + reader.line_num + 1
            self._number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                place = f" (line {line})" if line != self._number else ""
                raise UsageError(
                    f"{self._name}:{self._number}{place}: this is not CSV: {_csv_problem(str(error))}",
                    hint='a text that holds a quote is written like "8"" pot", in quotes, and the quote twice',
                ) from None
            yield line, cells

    def _check_nameless(self, nameless: Sequence[int], cells: Sequence[str | None], place: str) -> None:
        """Raise UsageError if a column without a name, between those with one, has content."""
        for index in nameless:
            if cells[index] is not None:
                raise UsageError(
                    f"{place}: a column has no name, the {_ordinal(index + 1)}, "
                    f"and row {self._number} has something in it",
                    hint="name the column, or delete it",
                )

    def _too_long(self, cells: int, columns: int) -> str:
        mark = {"\t": "a tab"}.get(self._delimiter, self._delimiter)
        return (
            f"has {cells} cells, but the header has {columns} column{'s' * (columns != 1)}; "
            f"a text that holds {mark} needs quotes around it"
        )


def _names(header: Sequence[str], needed: Sequence[str], place: str) -> list[str]:
    """The names of the columns, "" for one that has none; those at the end of a header are left out.

    Raises UsageError, with the header's place, for columns that count as the same or are missing.
    """
    names = [cell.strip().strip(_INVISIBLE).strip() for cell in header]
    while names and not names[-1]:
        names.pop()
    for same in _alike(names):
        what = f"there are two columns {same[0]!r}"
        if len(set(same)) > 1:
            what = f"the columns {' and '.join(map(repr, dict.fromkeys(same)))} count as the same"
        raise UsageError(f"{place}: {what}", hint="each column needs a different name")
    columns = Columns(names)
    if lacking := [column for column in needed if columns.find(column) is None]:
        hint = f"the columns are: {', '.join(filter(None, names))[:200]}"
        if any(name.startswith(("\u201c", "\u201e", "\u00ab")) for name in names):
            hint += "; quotes around a name must be straight ones"
        elif len(names) == 1:
            hint += "; the first line must name the columns"
        raise UsageError(f"{place}: there is no column {' or '.join(map(repr, lacking))}", hint=hint)
    return names


def _alike(names: Sequence[str]) -> Iterator[list[str]]:
    """The names that count as the same, together."""
    columns: dict[str, list[str]] = {}
    for name in filter(None, names):
        columns.setdefault(Columns.fold(name), []).append(name)
    return (same for same in columns.values() if len(same) > 1)


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _csv_problem(problem: str) -> str:
    if problem == "unexpected end of data" or problem.startswith("field larger"):
        return "a quote that opens here is never closed"
    if problem.endswith("expected after '\"'"):
        return "there is more text after a closing quote"
    return problem
