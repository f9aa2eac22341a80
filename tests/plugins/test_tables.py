"""CSV files as spreadsheets write them: what read_csv makes of them, and what it says of those that it can't read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pinflow import Row, UsageError
from pinflow_local.csv_reader import read_rows
from tests.run_contexts import files_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def rows(folder: Path, content: bytes | str, columns: Sequence[str] = (), **options: str | None) -> list[Row]:
    path = folder / "pins.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    file = files_of(folder).source("pins.csv")
    return list(read_rows(file, columns, options.get("delimiter"), options.get("encoding")))  # type: ignore[arg-type]


def error(folder: Path, content: bytes | str, columns: Sequence[str] = (), **options: str | None) -> str:
    with pytest.raises(UsageError) as raised:
        rows(folder, content, columns, **options)
    return str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        "title,link\nA,B\n",
        "title,link\r\nA,B",
        "title,link\rA,B\r",
        "\ufefftitle,link\nA,B\n",
        "sep=;\r\ntitle;link\r\nA;B\r\n",
        "SEP=|\ntitle|link\nA|B\n",
        '"sep=\t"\ntitle\tlink\nA\tB\n',
        "\ufeffsep=,\n\ufefftitle,link\nA,B\n",
        "sep=;;;\ntitle;link;;\nA;B;;\n;;;\n",
        "title;link\nA;B\n",
        "title\tlink\nA\tB\n",
        "title|link\nA|B\n",
        "title,link,,\nA,B,,\n,,,\n , , ,\n",
        "title,link\nA,B\n\n\n",
        "title,link\nA,B\n\u00a0,\u00a0\n",
        "title,link\nA,B,,,,\n",
        " title , link \u00a0\n\u00a0A , B\n",
        '"title","link"\n"A","B"\n',
        "title,,link\nA,,B\n",
        ",title,link\n,A,B\n",
        "\n\ntitle,link\nA,B\n",
        ",,\ntitle,link\nA,B\n",
        "title,link\r\nA,B\r\n\x1a",
        "title,link\nA,B\n".encode("utf-16"),
        b"\xfe\xff" + "title\tlink\r\nA\tB\r\n".encode("utf-16-be"),
    ],
)
def test_what_spreadsheets_write_is_one_row(tmp_path: Path, content: bytes | str) -> None:
    assert rows(tmp_path, content, ["title"]) == [{"title": "A", "link": "B"}]


def test_cells_that_are_missing_at_the_end_of_a_row_are_empty(tmp_path: Path) -> None:
    assert rows(tmp_path, "a,b,c\n1\n1,2\n,,3\n") == [
        {"a": "1", "b": None, "c": None},
        {"a": "1", "b": "2", "c": None},
        {"a": None, "b": None, "c": "3"},
    ]


def test_a_row_that_is_too_long_is_that_rows_mistake_and_the_others_are_read(tmp_path: Path) -> None:
    found = rows(tmp_path, "a,b,\n1,2\n1,2,3,4\n1,2,3\n5,6\n")
    assert [row.mistake for row in found] == [
        "",
        "has 4 cells, but the header has 2 columns; a text that holds , needs quotes around it",
        "has 3 cells, but the header has 2 columns; a text that holds , needs quotes around it",
        "",
    ]
    assert [row.number for row in found] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("content", "places"),
    [
        ("a,b\n1,2\n3,4\n", ["pins.csv:2", "pins.csv:3"]),
        ("a,b\n1,2\n\n3,4\n", ["pins.csv:2", "pins.csv:4"]),
        ("a,b\n,\n3,4\n", ["pins.csv:3"]),
        ('a,b\n"1\n1",2\n3,"4\r\n4\r\n4"\n5,6\n', ["pins.csv:2", "pins.csv:3 (line 4)", "pins.csv:4 (line 7)"]),
        ('a,"b\nb"\n1,2\n', ["pins.csv:2 (line 3)"]),
        ("sep=,\na,b\n1,2\n3,4\n", ["pins.csv:2 (line 3)", "pins.csv:3 (line 4)"]),
        ("\na,b\n1,2\n", ["pins.csv:3"]),
    ],
)
def test_the_number_of_a_row_is_the_one_that_a_spreadsheet_shows(
    tmp_path: Path, content: str, places: list[str]
) -> None:
    assert [row.where() for row in rows(tmp_path, content)] == places


def test_a_comma_in_quotes_is_no_separator(tmp_path: Path) -> None:
    assert rows(tmp_path, '"a,b,c";d\n1;2\n') == [{"a,b,c": "1", "d": "2"}]


def test_the_delimiter_of_the_recipe_comes_first(tmp_path: Path) -> None:
    assert rows(tmp_path, "sep=;\na,b;c\n1,2;3\n", delimiter=",") == [{"a": "1", "b;c": "2;3"}]


@pytest.mark.parametrize("header", ["Image URL", "IMAGE_URL", "image-url", "ImageURL", "Image_Url"])
def test_a_column_that_is_needed_may_be_written_in_any_way(tmp_path: Path, header: str) -> None:
    (row,) = rows(tmp_path, f"{header},x\nA,B\n", ["image_url"])
    assert row["image_url"] == row[header] == "A"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "has no header"),
        ("\n,,\n;;\n", "has no header"),
        ("a,b,a\n1,2,3\n", "pins.csv:1: there are two columns 'a'"),
        ("Image URL,b,image_url\n1,2,3\n", "pins.csv:1: the columns 'Image URL' and 'image_url' count as the same"),
        ("sep=,\n\na,a\n", "pins.csv:2: there are two columns 'a'"),
        ("a,,c\n1,,3\n1,2,3\n", "pins.csv:1: a column has no name, the second, and row 3 has something in it"),
        ("Table 1\na,b\n1,2\n", "pins.csv:1: there is no column 'b'\n  the columns are: Table 1; the first line must"),
        ("a,c\n1,2\n", "pins.csv:1: there is no column 'b'\n  the columns are: a, c"),
        ('a,b\n1,2\n3,"4\n5,6\n', "pins.csv:3: this is not CSV: a quote that opens here is never closed"),
        ('a,b\n"1\n",2\n3,"4" x\n', "pins.csv:3 (line 4): this is not CSV: there is more text after a closing quote"),
        ("a,b\n1,Gär\n".encode("cp1252"), "is not UTF-8 text: line 2 has the byte 0xE4, which is ä in Windows-1252"),
        ("a,b\r1,2\r3,Gär\r".encode("mac-roman"), "line 3 has the byte 0x8A, which is ä in Mac Roman"),
        ("a,b\r\n1,2\r\n3,Gär\r\n".encode("cp1252"), "line 3 has the byte 0xE4, which is ä in Windows-1252"),
        ("“a”,“b”\n1,2\n", "no column 'b'\n  the columns are: “a”, “b”; quotes around a name must be straight ones"),
        ("a,b\n1,2\n".encode("utf-16-le"), "it looks like UTF-16 without a byte-order mark"),
        (b"\xff\xfea\x00\x00\xd8,\x00", "is not UTF-16 text"),
        (b"PK\x03\x04\x14\x00", "this is not CSV, but a workbook (.xlsx, .ods or .numbers)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "this is not CSV, but a workbook (.xls)"),
        ("<!DOCTYPE html>\n<html>", "this is not CSV, but HTML or XML"),
        ('\ufeff<?xml version="1.0"?>', "this is not CSV, but HTML or XML"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place_and_reason(
    tmp_path: Path, content: bytes | str, what: str
) -> None:
    assert what in error(tmp_path, content, ["b"] if "no column" in what else ())


def test_an_encoding_that_the_recipe_names_is_used(tmp_path: Path) -> None:
    assert rows(tmp_path, "a\nGärten\n".encode("cp1252"), encoding="cp1252") == [{"a": "Gärten"}]
    assert rows(tmp_path, "a\nGärten\n".encode("mac-roman"), encoding="mac-roman") == [{"a": "Gärten"}]
