"""The actions for tables and data in files: read and write CSV, write JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pinflow import Context, UsageError, action
from pinflow_local.csv_reader import Encoding, read_rows
from pinflow_local.saving import FilePath, IfExists, Written, save

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@action("read_csv", table=True)
def read_csv(
    ctx: Context,
    *,
    path: FilePath,
    columns: list[str] | None = None,
    delimiter: str | None = None,
    encoding: Encoding | None = None,
) -> Iterator[dict[str, str | None]]:
    """The rows of a CSV file with a header, as mappings of column to text; an empty cell is null.

    Columns are found in any case, with spaces or _ alike: row.image_url is the column Image URL as well. Missing cells
    at the end of a row are null; a row with too many fails alone.

    Arguments:
        path: the file: in the recipe's folder, or the value of an input of type file
        columns: the columns that the file must have; it may have others
        delimiter: the separator of cells; default: what a first line such as sep=; says, else that of , ; | and the
          tab which the header has most
        encoding: of the text; default: UTF-8, or UTF-16 if the file begins with its mark
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise UsageError("delimiter must be one character, such as ; or ,")
    place = ctx.file(path)
    if place.exists() and not place.is_file():  # opening a pipe would block
        raise UsageError(f"{place} is not a file", hint="check the path")
    yield from read_rows(place, columns or (), delimiter, encoding)


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


ACTIONS: Final = (write_json, write_csv, read_csv)
