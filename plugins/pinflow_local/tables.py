"""The actions for tables and data in files: read and write CSV, write JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pinflow import Context, InputPath, OutputPath, UsageError, action, mask_data
from pinflow_local.csv_reader import Encoding, read_rows
from pinflow_local.saving import IfExists, Written, save

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Spreadsheets read these as the beginning of a formula, and run it. Excel takes the wide signs of East Asian keyboards
# for the narrow ones, and what is blank or invisible before a sign is dropped when the file is read.
_BLANK = (
    r"[\s\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
_SIGN = r"[=+\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
_FORMULA = re.compile(rf"[\t\r\n]|{_BLANK}*{_SIGN}")
# Where a semicolon, a tab or a bar separates cells, this text becomes several: each that would be a formula is defused.
# A list in a text ("- first") and a number stay as they are.
_LATER_FORMULA = re.compile(
    rf"([;\t|\r\n]{_BLANK}*)(?=[=@\ufe66\ufe6b\uff1d\uff20]|{_SIGN}(?!\s)(?![\d.,]+(?:[\s;|]|$)))"
)


# writing is atomic and repeatable: the journal has nothing to record
@action("write_json", effect="write", local=True)
def write_json(ctx: Context, *, path: OutputPath, data: Any, if_exists: IfExists = "fail") -> Written:
    """Write data to a JSON file, with *** in place of secrets.

    Arguments:
        path: the file, in the output folder; or the value of an input of type file
        data: what to write
        if_exists: what to do if the file exists with other content; replace overwrites it
    """
    return save(
        ctx, path, if_exists, lambda: (json.dumps(mask_data(data), indent=2, ensure_ascii=False) + "\n").encode()
    )


@action("write_csv", effect="write", local=True)
def write_csv(
    ctx: Context,
    *,
    path: OutputPath,
    rows: list[dict[str, Any]],
    columns: list[str] | None = None,
    if_exists: IfExists = "fail",
) -> Written:
    """Write a list of mappings to a CSV file, one row each, with a header.

    Secrets become ***. Text that a spreadsheet would read as a formula gets a ' before it, behind a semicolon, tab, bar
    or line end too, where other spreadsheets begin a cell. Nested values become JSON.

    Arguments:
        path: the file, in the output folder; or the value of an input of type file
        rows: the rows
        columns: the columns in order; default: all that the rows have
        if_exists: what to do if the file exists with other content; replace overwrites it
    """
    return save(ctx, path, if_exists, lambda: csv_text(mask_data(rows), columns).encode())


@action("read_csv", table=True)
def read_csv(
    ctx: Context,
    *,
    path: InputPath,
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
    yield from read_rows(ctx.input_file(path), columns or (), delimiter, encoding)


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
            return value if _NUMBER.fullmatch(value) else _inert_cell(value)
    return _inert_cell(json.dumps(value, ensure_ascii=False))


def _inert_cell(text: str) -> str:
    """The text with a ' before what a spreadsheet would read as a formula, whatever it takes for a separator."""
    first = _FORMULA.match(text)
    begin = first.end() if first else 0
    return "'" * bool(first) + text[:begin] + _LATER_FORMULA.sub(r"\1'", text[begin:])


ACTIONS: Final = (write_json, write_csv, read_csv)
