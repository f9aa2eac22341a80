"""Tables in and out, charts, and lines for the person: what a recipe does without a service."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from pinflow.app import App, Options
from pinflow.errors import RecipeError
from pinflow.events import Note
from pinflow_local.charts import svg
from pinflow_local.tables import csv_text

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.engine.results import RunResult

ROWS: list[dict[str, Any]] = [
    {"date": "2026-11-01", "IMPRESSION": 900, "RATE": 0.5},
    {"date": "2026-11-02", "IMPRESSION": None, "RATE": 0.25},
]


class RecipeRunner:
    """A folder with a recipe in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self._app = App.installed({"PINFLOW_CACHE_DIR": str(folder / "cache")}, state=folder / "state")

    def run(self, *steps: dict[str, Any], dry_run: bool = False) -> RunResult:
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps({"name": "n", "steps": steps, "outputs": {}}), "utf-8")
        self.notes.clear()
        told = lambda event: self.notes.append(event.text) if isinstance(event, Note) else None  # noqa: E731
        return self._app.run(self._app.plan(path, inputs={}, here=self.folder), Options(dry_run=dry_run, report=[told]))

    def write(self, uses: str, name: str, **given: Any) -> RunResult:
        return self.run({"uses": uses, "with": {"path": name, **given}})


@pytest.fixture
def runner(tmp_path: Path) -> RecipeRunner:
    return RecipeRunner(tmp_path)


def test_a_line_reaches_the_person(runner: RecipeRunner) -> None:
    assert runner.run({"uses": "log", "with": {"text": "${{ 1 + 1 }} boards"}}).ok
    assert runner.notes == ["2 boards"]


def test_data_is_written_as_json(runner: RecipeRunner) -> None:
    assert runner.write("write_json", "out.json", data={"rows": ROWS, "what": "Gärten"}).ok
    assert json.loads((runner.folder / "out" / "out.json").read_text("utf-8")) == {"rows": ROWS, "what": "Gärten"}
    assert runner.notes == [f"wrote {runner.folder / 'out' / 'out.json'}"]


def test_rows_are_written_as_csv_with_every_column_that_they_have(runner: RecipeRunner) -> None:
    assert runner.write("write_csv", "out.csv", rows=[*ROWS, {"date": "2026-11-03", "new": [1, "a"]}]).ok
    assert (runner.folder / "out" / "out.csv").read_bytes().decode() == (
        'date,IMPRESSION,RATE,new\r\n2026-11-01,900,0.5,\r\n2026-11-02,,0.25,\r\n2026-11-03,,,"[1, ""a""]"\r\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        *("=HYPERLINK(1)", "+1+cmd", "-2+3", "@x", "\t=1", "\r=1", "\uff1d1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(1)"),
        *(
            " =1",
            "\xa0=1",
            "\ufeff=1",
            "\u200b=1",
            "\u3000=1",
            "  \xa0\ufeff@x",
            "\x0b=1",
            "\xad=1",
            "\u2060+a",
            "\x00=1",
        ),
    ],
)
def test_no_text_becomes_a_formula(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_text([{text: text}]), newline="")))[0] == f"'{text}"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("x;=1+1", "x;'=1+1"),
        ("x; =1+1", "x; '=1+1"),
        ("x;\xa0\uff1d1", "x;\xa0'\uff1d1"),
        ("a|@b\t+c;-d", "a|'@b\t'+c;'-d"),
        ("x;;=1;=2", "x;;'=1;'=2"),
        ("two lines\n=1", "two lines\n'=1"),
        ("a list:\n- one\n- two", "a list:\n- one\n- two"),
        ("1;-5;+4,2;-1.5", "1;-5;+4,2;-1.5"),
        ("x;-5+cmd", "x;'-5+cmd"),
        ("a == b; c", "a == b; c"),
        ({"b": ["x;=1"]}, '{"b": ["x;\'=1"]}'),
        ("me@example.com; a=b", "me@example.com; a=b"),
    ],
)
def test_no_text_becomes_a_formula_where_another_separator_is_taken(text: object, cell: str) -> None:
    assert list(csv.reader(io.StringIO(csv_text([{"a": text}]), newline="")))[1] == [cell]


@pytest.mark.parametrize(
    ("value", "cell"), [("-5", "-5"), (-5, "-5"), ("+4.5e3", "+4.5e3"), (True, "true"), ("a,b", '"a,b"')]
)
def test_cells_that_are_no_formulas_stay_unchanged(value: object, cell: str) -> None:
    assert csv_text([{"a": value}], ["a"]) == f"a\r\n{cell}\r\n"


def test_a_file_with_other_content_is_left_alone_until_told_otherwise(runner: RecipeRunner) -> None:
    assert runner.write("write_json", "out.json", data={}).ok
    result = runner.write("write_json", "out.json", data=[])
    assert "already exists with other content" in str(result.error)
    assert (runner.folder / "out" / "out.json").read_text() == "{}\n"
    assert runner.write("write_json", "out.json", data=[], if_exists="replace").ok
    assert runner.write("write_json", "out.json", data=[]).ok, "written twice, it is the same"
    assert (runner.folder / "out" / "out.json").read_text() == "[]\n"
    assert [each.name for each in (runner.folder / "out").iterdir() if each.name.endswith(".part")] == []


def test_a_dry_run_says_whether_the_run_would_meet_another_file(runner: RecipeRunner) -> None:
    write = {"uses": "write_json", "with": {"path": "out.json", "data": {"a": 1}}}
    path = runner.folder / "out" / "out.json"
    assert runner.run(write).ok
    runner.run(write, dry_run=True)
    assert runner.notes == [f"{path} already exists with this content"]
    path.write_text("mine")
    runner.run(write, dry_run=True)
    assert runner.notes == [f"{path} already exists with other content: set if_exists: replace to overwrite it"]


def test_a_dry_run_doesnt_guess_what_a_file_would_hold(runner: RecipeRunner) -> None:
    write = {"id": "a", "uses": "write_json", "with": {"path": "out.json", "data": 1}}
    later = {"uses": "write_json", "with": {"path": "two.json", "data": "${{ steps.a.bytes }}"}}
    assert runner.run(write, later).ok
    result = runner.run(write, later, dry_run=True)
    assert [step.status for step in result.steps] == ["planned", "planned"]
    path = runner.folder / "out" / "two.json"
    assert (
        runner.notes[-1] == f"{path} already exists; where its content differs, set if_exists: replace to overwrite it"
    )


def test_a_dry_run_writes_no_file(runner: RecipeRunner) -> None:
    result = runner.run({"uses": "write_json", "with": {"path": "out.json", "data": []}}, dry_run=True)
    assert [step.status for step in result.steps] == ["planned"]
    assert not (runner.folder / "out" / "out.json").exists()
    assert runner.notes == [f"would write {runner.folder / 'out' / 'out.json'}"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../out.json", "is not inside the output folder"),
        ("/tmp/out.json", "is not inside the output folder"),
        ("out.py", "doesn't end in one of"),
        (".out.json", "is hidden"),
    ],
)
def test_a_place_that_will_not_do_is_said_before_the_run(runner: RecipeRunner, name: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        runner.write("write_json", name, data=[])


def test_a_folder_is_not_written_over(runner: RecipeRunner) -> None:
    (runner.folder / "out" / "out.json").mkdir(parents=True)
    result = runner.write("write_json", "out.json", data=[])
    assert "is not a file" in str(result.error)
    assert result.exit_code == 2


def test_a_chart_is_drawn_with_a_line_for_every_column_of_numbers(runner: RecipeRunner) -> None:
    assert runner.write("write_chart", "out.svg", rows=ROWS, title="A <b> & more").ok
    text = (runner.folder / "out" / "out.svg").read_text("utf-8")
    shown = {"".join(each.itertext()) for each in ElementTree.fromstring(text).iter()}  # noqa: S314
    assert {"A <b> & more", "IMPRESSION", "RATE (right)", "2026-11-01"} <= shown, "a far smaller line has its own axis"
    assert "<script" not in text


def test_lines_that_would_lie_flat_on_both_axes_are_drawn_only_where_they_are_named() -> None:
    rows = [{"date": "2026-11-01", "IMPRESSION": 9000, "SAVE": 90, "RATE": 0.5}]
    assert b"RATE" not in svg(rows, x="date", series=None, title="", kind="line")
    assert b"SAVE (right)" in svg(rows, x="date", series=None, title="", kind="line")
    assert b"RATE (right)" in svg(rows, x="date", series=["IMPRESSION", "RATE"], title="", kind="line")


def test_equal_data_gives_an_identical_chart() -> None:
    first, second = (svg(ROWS, x="date", series=["RATE"], title="t", kind="bar") for _ in (1, 2))
    assert first == second


def test_a_png_is_a_picture(runner: RecipeRunner) -> None:
    try:
        importlib.import_module("cairosvg")
    except (ImportError, OSError):
        pytest.skip("needs pip install 'pinflow[png]', and libcairo2")
    assert runner.write("write_chart", "out.png", rows=ROWS).ok
    assert (runner.folder / "out" / "out.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"path": "out.svg", "rows": ROWS, "x": "day"}, "the rows have no column 'day'"),
        ({"path": "out.svg", "rows": ROWS, "series": ["SAVE"]}, "the rows have no column 'SAVE'"),
    ],
)
def test_a_chart_that_can_not_be_drawn_says_why(runner: RecipeRunner, given: dict[str, Any], why: str) -> None:
    assert why in str(runner.run({"uses": "write_chart", "with": given}).error)


def test_a_chart_of_another_form_is_refused_before_anything_is_done(runner: RecipeRunner) -> None:
    with pytest.raises(RecipeError, match=r"write_chart makes \.svg and \.png files, not out\.jpg"):
        runner.run({"uses": "write_chart", "with": {"path": "out.jpg", "rows": ROWS}})


def test_the_numbers_beside_an_axis_are_short() -> None:
    rows = [{"date": f"2026-03-0{day}", "IMPRESSION": 20_000 + day, "SAVE": day % 2} for day in range(1, 8)]
    drawn = svg(rows, x="date", series=None, title="", kind="line").decode()
    labels = re.findall(r"<text[^>]*>([\d.,]+)</text>", drawn)
    assert {"0", "20,000"} <= set(labels)
    assert max(map(len, labels)) <= 6


def test_no_rows_still_make_a_chart() -> None:
    assert b"no data" in svg([], x="date", series=None, title="", kind="line")


def test_a_table_is_read_row_by_row(runner: RecipeRunner) -> None:
    (runner.folder / "in.csv").write_bytes('\ufefftitle;link\r\n"A; ""b"""; x \r\n;\r\n\r\nlast;\r\n'.encode())
    loop = {"for_each": "read_csv", "with": {"path": "in.csv"}, "as": "row"}
    step = {"uses": "log", "with": {"text": "${{ row.title }}|${{ row.link ?? '-' }}"}}
    assert runner.run({"id": "rows", **loop, "do": [step]}).ok
    assert runner.notes == ['A; "b"|x', "last|-"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "has no header"),
        (b"a,a\n1,2\n", "in.csv:1: there are two columns 'a'"),
        (b"a,,c\n1,,3\n1,2,3\n", "in.csv:1: a column has no name, the second, and row 3 has something in it"),
        (b"a,b\n1,2\n1,2,3\n", 'in.csv:3 ("1"): has 3 cells, but the header has 2 columns'),
        (b'a,b\n"1,2\n', "this is not CSV"),
        (b"a\n\xff\n", "is not UTF-8 text"),
    ],
)
def test_a_table_that_can_not_be_read_says_where(runner: RecipeRunner, content: bytes, why: str) -> None:
    (runner.folder / "in.csv").write_bytes(content)
    assert why in str(runner.run({"uses": "read_csv", "with": {"path": "in.csv"}}).error)


def test_a_table_without_a_column_that_is_needed_is_refused_once(runner: RecipeRunner) -> None:
    (runner.folder / "in.csv").write_text("title,link\na,b\nc,d\n")
    result = runner.run({"uses": "read_csv", "with": {"path": "in.csv", "columns": ["title", "image_url"]}})
    assert "in.csv:1: there is no column 'image_url'" in str(result.error)
    assert "the columns are: title, link" in str(result.error)


def test_a_missing_table_is_said(runner: RecipeRunner) -> None:
    assert "in.csv can't be read: No such file" in str(
        runner.run({"uses": "read_csv", "with": {"path": "in.csv"}}).error
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_table_and_nobody_waits_for_one(runner: RecipeRunner) -> None:
    os.mkfifo(runner.folder / "in.csv")
    with pytest.raises(RecipeError, match=r"in\.csv is not a file"):
        runner.run({"uses": "read_csv", "with": {"path": "in.csv"}})


def test_a_wrong_choice_is_found_before_the_run(runner: RecipeRunner) -> None:
    with pytest.raises(RecipeError, match="'if_exists' must be fail or replace"):
        runner.write("write_json", "a.json", data=1, if_exists="overwrite")
