"""The actions for tables and data in files: read and write CSV, write JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, Context, UsageError, action
from pinflow_local.saving import FilePath, IfExists, Written, save

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# spreadsheets read these as the beginning of a formula, and run it
_FORMULA = re.compile(r"[=+\-@\t\r\n]")


# writing is atomic and repeatable: the journal has nothing to record
@action("write_json", effect="write", local=True)
def write_json(ctx: Context, *, path: FilePath, data: Any, if_exists: IfExists = "fail") -> Written:
    """Write data to a JSON file.

    Arguments:
        path: the file: in the recipe's folder, or the value of an input of type file
        data: what to write
        if_exists: what to do if the file exists with other content; replace overwrites it
    """
    return save(ctx, path, if_exists, lambda: (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())


@action("write_csv", effect="write", local=True)
def write_csv(
    ctx: Context,
    *,
    path: FilePath,
    rows: list[dict[str, Any]],
    columns: list[str] | None = None,
    if_exists: IfExists = "fail",
) -> Written:
    """Write a list of mappings to a CSV file, one row each, with a header.

    Text that a spreadsheet would read as a formula gets a ' before it. Nested values become JSON.

    Arguments:
        path: the file: in the recipe's folder, or the value of an input of type file
        rows: the rows
        columns: the columns in order; default: all that the rows have
        if_exists: what to do if the file exists with other content; replace overwrites it
    """
    return save(ctx, path, if_exists, lambda: csv_text(rows, columns).encode())


@action("read_csv")
def read_csv(
    ctx: Context, *, path: FilePath, columns: list[str] | None = None, delimiter: str | None = None
) -> Iterator[dict[str, str | None]]:
    """The rows of a CSV file (UTF-8, with a header), as mappings of column to text; an empty cell is null.

    Arguments:
        path: the file: in the recipe's folder, or the value of an input of type file
        columns: the columns that the file must have; it may have others
        delimiter: the separator of cells; default: , ; or a tab, whichever the header has most
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise UsageError("delimiter must be one character, such as ; or ,")
    place = ctx.file(path)
    if place.exists() and not place.is_file():  # opening a pipe would block
        raise UsageError(f"{place} is not a file", hint="check the path")
    try:
        with place.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(file, str(place), columns or (), delimiter)
    except OSError as error:
        raise UsageError(f"{place} can't be read: {error.strerror}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{place} is not UTF-8 text", hint="save it as CSV UTF-8") from error


def csv_text(rows: Sequence[dict[str, Any]], columns: Sequence[str] | None = None) -> str:
    """The text of a CSV file (RFC 4180) with these rows."""
    names = list(columns or dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float():
            return value
        case str():
            harmful = _FORMULA.match(value) and not _NUMBER.fullmatch(value)
            return f"'{value}" if harmful else value
    return json.dumps(value, ensure_ascii=False)


def _rows(
    lines: Iterable[str], name: str, columns: Sequence[str], delimiter: str | None
) -> Iterator[dict[str, str | None]]:
    source = iter(lines)
    first = next(source, "")
    if not first.strip():
        raise UsageError(f"{name} has no header", hint="its first line must name the columns")
    reader = csv.reader(_with(first, source), delimiter=delimiter or max(",;\t", key=first.count), strict=True)
    try:
        header = [column.strip() for column in next(reader)]
        _check_header(header, name, columns)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise ActionError(f"{name}:{reader.line_num}: {len(cells)} cells, but the header has {len(header)}")
            yield {column: cell.strip() or None for column, cell in zip(header, cells, strict=True)}
    except csv.Error as error:
        raise ActionError(f"{name}:{reader.line_num}: this is not CSV: {error}") from None


def _with(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _check_header(header: Sequence[str], name: str, needed: Sequence[str]) -> None:
    twice = sorted({column for column in header if header.count(column) > 1})
    if "" in header or twice:
        problem = f"there are two columns {twice[0]!r}" if twice and twice[0] else "a column has no name"
        raise UsageError(f"{name}:1: {problem}", hint="each column needs a different name")
    if lacking := [column for column in needed if column not in header]:
        raise UsageError(
            f"{name}:1: there is no column {' or '.join(map(repr, lacking))}",
            hint=f"the columns are: {', '.join(header)[:200]}",
        )


ACTIONS: Final = (write_json, write_csv, read_csv)
