"""Rows of a table: how their columns are found, and what their place is called."""

from __future__ import annotations

import copy
import json

import pytest

from pinflow import Columns, Row
from pinflow.expressions.expression import compile_expression
from pinflow.schema.invalid import Invalid


def row(*, number: int = 17, line: int = 17, **cells: str | None) -> Row:
    return Row(
        {name.replace("__", " "): cell for name, cell in cells.items()}, source="pins.csv", number=number, line=line
    )


@pytest.mark.parametrize("header", ["image_url", "Image URL", "IMAGE_URL", "image-url", "ImageUrl", "Image\u00a0URL"])
def test_a_column_is_found_in_any_case_and_with_any_separator(header: str) -> None:
    item = Row({header: "https://example.com/a.jpg"}, source="pins.csv", number=2, line=2)
    for name in ("image_url", header):
        assert compile_expression(f'row["{name}"]').evaluate({"row": item}) == "https://example.com/a.jpg"
        assert name in item
        assert item.get(name) == item[name]
    assert list(item) == [header]


def test_a_column_with_exactly_the_name_comes_first() -> None:
    item = Row({"Title": "a", "title": "b"}, source="pins.csv", number=2, line=2)
    assert (item["title"], item["Title"]) == ("b", "a")


def test_a_column_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    item = row(title="a", image__url="b")
    assert item.get("link", "none") == "none"
    assert "link" not in item
    with pytest.raises(Invalid, match=r"row has no field .titel.; did you mean row\.title"):
        compile_expression("row.titel").evaluate({"row": item})
    assert compile_expression("row?.link").evaluate({"row": item}) is None


def test_rows_of_one_table_share_what_is_known_of_its_columns() -> None:
    columns = Columns(["Image URL"])
    rows = [Row({"Image URL": str(n)}, source="a", number=n, line=n, columns=columns) for n in (2, 3)]
    assert [item["image_url"] for item in rows] == ["2", "3"]


@pytest.mark.parametrize(
    ("number", "line", "label", "where"),
    [
        (17, 19, "Raised beds", 'pins.csv:17 ("Raised beds", line 19)'),
        (17, 17, "Raised beds", 'pins.csv:17 ("Raised beds")'),
        (17, 19, "", "pins.csv:17 (line 19)"),
        (17, 17, " ", "pins.csv:17"),
        (17, 17, "two\nlines", 'pins.csv:17 ("two lines")'),
        (17, 17, "x" * 41, f'pins.csv:17 ("{"x" * 39}…")'),
    ],
)
def test_a_place_names_file_row_label_and_the_line_where_it_differs(
    number: int, line: int, label: str, where: str
) -> None:
    assert row(number=number, line=line).where(label) == where


def test_a_row_is_plain_data_to_everybody_else() -> None:
    item = row(title="a", link=None)
    assert item == {"title": "a", "link": None}
    assert json.loads(json.dumps(item)) == {"title": "a", "link": None}
    assert compile_expression("row").evaluate({"row": item}) == {"title": "a", "link": None}
    again = copy.copy(item)
    assert (again, again.where()) == (item, "pins.csv:17")
