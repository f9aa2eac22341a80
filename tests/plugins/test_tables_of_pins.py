"""create_pins and recipes like it, over tables with mistakes: all are told by row before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from pinflow import Context, InputPath, RemoteError, Row, Text, action, hookimpl
from pinflow.errors import RecipeError
from pinflow.events import EffectDone, Note
from pinflow.reporters.summary import Recap
from pinflow.testing import Project
from pinflow_sandbox import start
from tests.cli import Cli

HEADER = "title,description,link,image_url,alt_text\n"
GOOD = "Pin {n},A text,https://example.com/{n},https://example.com/{n}.jpg,An alt\n"
CASES = Path(__file__).parents[3] / "shared" / "cases" / "tables"

LOOP = """
    name: Pins of a table
    api: v5
    steps:
      - {{id: board, uses: get_board, with: {{board: Garden ideas}}}}
      - id: pins
        for_each: read_csv
        {loop}
        with: {{path: pins.csv}}
        as: row
        do:
          - uses: create_pin
            {step}
            with:
              board: ${{{{ steps.board.id }}}}
              title: {title}
              description: ${{{{ row?.description }}}}
              image_url: ${{{{ row.image_url }}}}
"""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path, COLUMNS="80")


def table(cli: Cli, text: str | bytes, name: str = "pins.csv") -> Path:
    path = cli.folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def create(cli: Cli, path: Path, *words: str) -> int:
    """Run create_pins in the embedded sandbox; the exit code."""
    return cli("run", "create_pins", "-i", f"file={path}", "-i", "board=Garden ideas", "--sandbox", "--yes", *words)


def outcome(cli: Cli, text: str | bytes) -> Any:
    """What create_pins makes of a table, as JSON."""
    create(cli, table(cli, text), "--output", "json")
    return cli.json


def errors(data: Any) -> list[str]:
    return [failed["error"] for failed in data["failed"]]


def good(*numbers: int) -> str:
    return "".join(GOOD.format(n=n) for n in numbers)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("sep=;\r\n" + (HEADER + good(1)).replace(",", ";").replace("\n", "\r\n"), 1),
        (HEADER.strip() + ",,\n" + good(1).strip() + ",,\n,,,,,,\n", 1),
        (HEADER + "Only title and image,,,https://example.com/a.jpg\n" + good(2), 2),
        ("Title,Description,Link,Image_URL,Alt_Text\n" + good(1), 1),
        ("TITLE;DESCRIPTION;LINK;IMAGE URL;ALT TEXT\n" + good(1, 2).replace(",", ";"), 2),
        ((HEADER + good(1, 2)).replace(",", "\t").encode("utf-16"), 2),
        (HEADER + good(1, 1, 2, 1), 2),
    ],
)
def test_what_a_spreadsheet_writes_becomes_pins(cli: Cli, text: str | bytes, made: int) -> None:
    data = outcome(cli, text)
    assert (data["exit_code"], data["counts"]["pin"], data["outputs"]["created"]) == (0, {"done": made}, made)


MISTAKES = [
    ("x" * 118 + ",,,https://example.com/a.jpg,", f'("{"x" * 39}…"): title: has 118 characters; at most 100'),
    (f"A,{'d' * 801},,https://example.com/a.jpg,", '("A"): description: has 801 characters; at most 800'),
    ("A,,,//cdn.example.com/a.jpg,", "(\"A\"): image_url: '//cdn.example.com/a.jpg' isn't an address (https://...); "),
    ("A,,,cdn.example.com/a.jpg,", "(\"A\"): image_url: 'cdn.example.com/a.jpg' isn't an address (https://...); "),
    (
        "A,,www.example.com/2,https://example.com/a.jpg,",
        "(\"A\"): link: 'www.example.com/2' isn't an address (https://...); did you mean https://www.example.com/2?",
    ),
    ("A,,not a link at all,https://example.com/a.jpg,", "link: 'not a link at all' isn't an address (https://...)"),
    ("A,,javascript:alert(1),https://example.com/a.jpg,", "link: 'javascript:alert(1)' isn't an address (https://...)"),
    ("A,,pages/a.jpg,https://example.com/a.jpg,", "it is a file on this computer: a Pin leads to a page of the web"),
    ("A,,,http://,", "(\"A\"): image_url: 'http://' isn't an address (https://...)"),
    ("A,,,https://example.com/my picture.jpg,", "image_url: 'https://example.com/my picture.jpg' isn't an address"),
    (
        "A,,,C:\\photos\\a.jpg,",
        "(\"A\"): image_url: 'C:\\photos\\a.jpg' isn't an address (https://...); it is a file on",
    ),
    ("A,,,file:///home/me/a.jpg,", "it is a file on this computer: put it on the web and give its address"),
    ("A,,,pictures/a.jpg,", "it is a file on this computer: put it on the web and give its address"),
    ("A,no picture,,,", '("A"): image_url: is empty'),
    (",,,,alt", '("alt"): image_url: is empty'),
    ("A,b,c,https://example.com/a.jpg,e,f,g", '("A"): has 7 cells, but the header has 5 columns; a text that holds ,'),
    (f"{'x' * 101},,,a.jpg,", "title: has 101 characters; at most 100; also image_url: 'a.jpg' isn't an address"),
]


@pytest.mark.parametrize(("row", "what"), MISTAKES)
def test_a_mistake_in_one_row_refuses_the_table_before_anything_is_sent(cli: Cli, row: str, what: str) -> None:
    data = outcome(cli, f"{HEADER}{good(1)}{row}\n{good(2)}")
    (error,) = errors(data)
    assert error.startswith("pins.csv:3 (")
    assert what in error
    assert (data["exit_code"], data["calls"], data["failed_count"]) == (2, {}, 1)
    assert data["counts"] == {"row": {"failed": 1}}
    assert data["error"]["message"] == f"1 of 3 rows has a mistake; nothing was sent: {error}"


def test_a_dry_run_says_the_same(cli: Cli) -> None:
    path = table(cli, f"{HEADER}{good(1)}A,,,C:\\a.jpg,\n")
    assert create(cli, path, "--dry-run", "--output", "json") == 2
    (error,) = errors(cli.json)
    assert "pins.csv:3 (\"A\"): image_url: 'C:\\a.jpg' isn't an address" in error


FIVE = (
    "Title,Description,Link,Image URL\n"
    "Raised beds,Of old wood,https://example.com/1,https://example.com/1.jpg\n"
    + "x"
    * 118
    + ',"Two\nlines",https://example.com/2,https://example.com/2.jpg\n'
    "Clay pots,,https://example.com/3,C:\\photos\\pots.jpg\n"
    + f"Paths,{'d' * 900},https://example.com/4,\n"
    + "Water,,https://example.com/5,https://example.com/5.jpg,one,two\n"
    "Seeds and seedlings for the shady corner of the garden,,,example.com/6.jpg\n"
)


def test_every_row_is_accounted_for_where_not_all_are_listed(cli: Cli) -> None:
    path = table(cli, HEADER + "".join(f"Pin {n},,,a{n}.jpg,\n" for n in range(130)))
    assert create(cli, path, "--output", "json") == 2
    assert (len(cli.json["failed"]), cli.json["failed_count"]) == (100, 130)
    assert create(cli, path) == 2
    lines = cli.stdout.splitlines()
    assert "  30 others: --output ndjson" in lines
    assert "  130 of 130 rows have mistakes; nothing was sent" in lines
    assert create(cli, path, "--output", "ndjson") == 2
    told = [json.loads(line) for line in cli.stdout.splitlines()]
    assert len([event for event in told if event["event"] == "ItemFailed"]) == 130


@pytest.mark.parametrize(
    ("numbers", "lines"),
    [
        ((1, 1, 2, 1), ["rows 3 and 5 are the same as row 2"]),
        ((1, 1), ["row 3 is the same as row 2"]),
        ((1, 2, 1, 2, 2), ["row 4 is the same as row 2", "rows 5 and 6 are the same as row 3"]),
        ((1,) * 14, ["rows 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 others are the same as row 2"]),
    ],
)
def test_equal_rows_are_told(cli: Cli, numbers: tuple[int, ...], lines: list[str]) -> None:
    assert create(cli, table(cli, HEADER + good(*numbers))) == 0
    for line in lines:
        assert f"  {line}" in cli.stdout.replace("\n    ", " ").splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path) as project:
        yield project


def pins(project: Project) -> set[str]:
    boards: Any = project.sandbox_of("pinterest").control.state()["boards"]
    return {str(pin["title"]) for board in boards for pin in board["pins"]}


TITLE = "${{ row.title }}"
TABLE = f"{HEADER}{good(1)}{'x' * 101},,,https://example.com/a.jpg,\nlong,,,https://example.com/b.jpg,c,d\n{good(2)}"


@pytest.mark.parametrize("where", ["loop", "step"])
def test_on_error_continue_does_the_rows_without_a_mistake(project: Project, where: str) -> None:
    keys = {"loop": "", "step": "", where: "on_error: continue"}
    project.write(TABLE, "pins.csv")
    result = project.run(LOOP.format(title=TITLE, **keys))
    assert [error for _, _, error in result.failed] == [
        f'pins.csv:3 ("{"x" * 39}…"): title: has 101 characters; at most 100',
        'pins.csv:4 ("long"): has 6 cells, but the header has 5 columns; a text that holds , needs quotes around it',
    ]
    assert result.counts["pin"] == {"done": 2}
    assert {"Pin 1", "Pin 2"} <= pins(project)


def test_without_it_nothing_is_sent(project: Project) -> None:
    project.write(TABLE, "pins.csv")
    before = pins(project)
    result = project.run(LOOP.format(title=TITLE, loop="", step=""))
    assert (result.exit_code, result.calls, result.failed_count, pins(project)) == (2, {}, 2, before)


@pytest.mark.parametrize(
    ("title", "what"),
    [
        ("${{ row.description }}", "description: has 101 characters; at most 100"),
        ('"New: ${{ row.description }}"', "description: has 106 characters; at most 100"),
        ("${{ row.title + row.description }}", "title: has 102 characters; at most 100"),
        ("${{ row.titel }}", "recipe.yaml:12:9: row has no field 'titel'; did you mean row.title?"),
    ],
)
def test_the_column_is_the_one_that_an_argument_comes_from(project: Project, title: str, what: str) -> None:
    project.write(f"{HEADER}A,{'x' * 101},,https://example.com/a.jpg,\n", "pins.csv")
    ((_, _, error),) = project.run(LOOP.format(title=title, loop="", step="")).failed
    assert error.replace(f"{project.folder}/", "") == f'pins.csv:2 ("A"): {what}'


def test_a_row_that_the_condition_leaves_out_may_be_wrong(project: Project) -> None:
    project.write(f"{HEADER}{good(1)}no picture,,,,\n", "pins.csv")
    result = project.run(LOOP.format(title=TITLE, loop="", step="if: row.image_url != null"))
    assert (result.status, result.counts["pin"]) == ("ok", {"done": 1})


DUE = (
    "title,at,image_url\n"
    "Early,2020-01-01 18:00,https://example.com/1.jpg\n"
    "Late,2099-01-01 18:00{zone},https://example.com/2.jpg\n"
)


@pytest.mark.parametrize("before", ["2020-01-01T18:00Z", "2020-01-01T18:00+01:00"])
@pytest.mark.parametrize("condition", ["row.at <= now()", 'now("Europe/Berlin") >= date_add(row.at, 1, "day")'])
def test_a_time_in_a_table_without_a_zone_is_a_mistake_of_its_row_before_anything_is_sent(
    project: Project, condition: str, before: str
) -> None:
    recipe = LOOP.format(title=TITLE, loop="", step=f"if: '{condition}'").replace("${{ row?.description }}", "x")
    project.write(DUE.format(zone="").replace("2020-01-01 18:00", before), "pins.csv")
    result = project.run(recipe)
    ((_, _, error),) = result.failed
    assert 'pins.csv:3 ("Late"): ' in error
    assert "18:00" in error and "doesn't say in which time zone; write it like 2099-01-0" in error
    assert (result.exit_code, result.calls) == (2, {})
    project.write(DUE.format(zone="-05:00").replace("2020-01-01 18:00", before), "pins.csv")
    resumed = project.resume()
    assert (resumed.status, resumed.counts["pin"]) == ("ok", {"done": 1})


def test_the_recipe_can_say_whose_clocks_a_table_means(project: Project) -> None:
    step = """if: 'date_in(row.at, "America/New_York") <= now("Europe/Berlin")'"""
    project.write(DUE.format(zone=""), "pins.csv")
    result = project.run(LOOP.format(title=TITLE, loop="", step=step).replace("${{ row?.description }}", "x"))
    assert (result.status, result.counts["pin"]) == ("ok", {"done": 1})
    assert "Early" in pins(project) and "Late" not in pins(project)


def test_who_corrects_the_table_goes_on_with_the_same_run(project: Project) -> None:
    recipe = LOOP.format(title=TITLE, loop="", step="")
    project.write(f"{HEADER}{good(1)}A,,,a.jpg,\n", "pins.csv")
    refused = project.run(recipe)
    assert refused.exit_code == 2
    project.write(f"{HEADER}{good(1)}A,,,https://example.com/a.jpg,\n", "pins.csv")
    resumed = project.resume()
    assert (resumed.status, resumed.counts["pin"]) == ("ok", {"done": 2})


def test_the_recap_of_a_table_with_five_mistakes_fits_a_terminal_of_80_columns(project: Project) -> None:
    project.write(FIVE, "pins.csv")
    result = project.run(LOOP.format(title=TITLE, loop="", step=""))
    lines = Recap("Pins of a table", result, width=80).lines(lambda text, style: text)
    assert max(map(len, lines)) <= 80
    assert lines[lines.index("failed") : -1] == [
        "failed",
        '  pins.csv:3 ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"): Title: has 118',
        "    characters; at most 100",
        "  pins.csv:4 (\"Clay pots\", line 5): Image URL: 'C:\\photos\\pots.jpg' isn't an",
        "    address (https://...); it is a file on this computer: put it on the web and",
        "    give its address; a recipe of your own can give create_pin image_file",
        '  pins.csv:5 ("Paths", line 6): Description: has 900 characters; at most 800;',
        "    also Image URL: is empty",
        '  pins.csv:6 ("Water", line 7): has 6 cells, but the header has 4 columns; a',
        "    text that holds , needs quotes around it",
        '  pins.csv:7 ("Seeds and seedlings for the shady corne…", line 8): Image URL:',
        "    'example.com/6.jpg' isn't an address (https://...); did you mean",
        "    https://example.com/6.jpg?",
        "  5 of 6 rows have mistakes; nothing was sent",
        "notes",
        "  pins.csv: columns used: Title, Description, Image URL; not used: Link",
        "next",
        "  correct them and run it again; on_error: continue in a recipe does the others",
    ]


@pytest.mark.skipif(not CASES.is_dir(), reason="the handed tables are not on this machine")
@pytest.mark.parametrize(
    ("name", "code", "made", "texts"),
    [
        ("06_excel_sep_line", 0, 1, []),
        ("09_trailing_commas", 0, 1, []),
        ("10_short_rows", 0, 2, []),
        ("14_caps_header", 0, 1, []),
        ("16_long_title", 2, 0, ["16_long_title.csv:3 (", "title: has 101 characters; at most 100"]),
        ("20_image_http_nohost", 2, 0, ["20_image_http_nohost.csv:2 (", "20_image_http_nohost.csv:3 (", "isn't an"]),
        ("21_image_local", 2, 0, ["21_image_local.csv:2 (", "21_image_local.csv:3 (", "image_file"]),
        ("24_duplicate_rows", 0, 2, ["rows 3 and 5 are the same as row 2"]),
        ("41_dup_column", 2, 0, ["41_dup_column.csv:1: there are two columns 'image_url'"]),
    ],
)
def test_the_handed_tables(cli: Cli, name: str, code: int, made: int, texts: list[str]) -> None:
    assert create(cli, CASES / f"{name}.csv") == code
    for text in texts:
        assert text in cli.stdout
    assert create(cli, CASES / f"{name}.csv", "--output", "json") == code
    assert cli.json["counts"].get("pin", {}).get("done", 0) == made


@pytest.mark.parametrize("where", ["", "on_error: continue"])
def test_what_a_row_is_about_is_shown_and_never_kept(project: Project, tmp_path: Path, where: str) -> None:
    rows = "Canary bird,,,https://example.com/canary.jpg,\n" + "canary " * 20 + ",,,https://example.com/long.jpg,\n"
    project.write(HEADER + rows, "pins.csv")
    result = project.run(LOOP.format(title=TITLE, loop=where, step=""))
    assert "canary" in str(result.failed)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and project.folder not in path.parents]
    assert any(path.suffix == ".db" for path in kept)
    assert [path for path in kept if b"anary" in path.read_bytes()] == []


def test_an_action_that_yields_rows_of_its_own_is_checked_as_well(project: Project) -> None:
    read = []

    @action("feed", table=True)
    def feed(ctx: Context) -> Iterator[dict[str, str]]:
        """Rows of a feed."""
        for number in (1, 2, 3):
            read.append(number)
            yield Row({"Headline": "x" * (99 + number)}, source="feed.xml", number=number, line=number)

    @action("shout")
    def shout(ctx: Context, *, text: Annotated[str, Text(max_length=100)]) -> None:
        """Nothing."""
        read.append(0)

    project.offer(feed)
    project.offer(shout)
    body = "[{uses: shout, with: {text: '${{ item.headline }}'}}]"
    result = project.run(f"{{name: n, steps: [{{id: all, for_each: feed, as: item, do: {body}}}]}}")
    assert [error for _, _, error in result.failed] == [
        f'feed.xml:2 ("{"x" * 39}…"): Headline: has 101 characters; at most 100',
        f'feed.xml:3 ("{"x" * 39}…"): Headline: has 102 characters; at most 100',
    ]
    assert (read, result.exit_code) == ([1, 2, 3], 2)


ITEMS = """
    name: n
    inputs:
      all: {type: list, default: [{id: "8", name: Garden ideas}, {id: "9", name: abc}, {id: "10"}]}
    steps:
      - id: boards
        for_each: ${{ inputs.all }}
        as: board
        key: ${{ board.id }}
        do:
          - {uses: shout, with: {text: "${{ board?.name ?? (board.id + board.id) }}"}}
"""


def test_an_item_of_another_kind_is_told_by_its_own_name(project: Project) -> None:
    @action("shout")
    def shout(ctx: Context, *, text: Annotated[str, Text(max_length=3)]) -> None:
        """Nothing."""

    project.offer(shout)
    result = project.run(ITEMS)
    lines = Recap("n", result, width=200).lines(lambda text, style: text)
    assert any(line.startswith('  boards: "Garden ideas" (8): ') for line in lines)
    assert any(line.startswith("  boards: 10: ") for line in lines)


LISTED = """
    name: Pins of a list of rows
    api: v5
    steps:
      - {id: board, uses: get_board, with: {board: Garden ideas}}
      - {id: table, uses: read_csv, with: {path: pins.csv}}
      - id: pins
        for_each: "${{ ROWS }}"
        as: row
        do:
          - {uses: create_pin, with: {board: "${{ steps.board.id }}", title: "${{ row.title }}",
             image_url: "${{ row.image_url }}"}}
"""


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        ("steps.table.items", [3, 5]),
        ("filter(steps.table.items, row, row.title != 'Pin 1')", [3, 5]),
        ("[steps.table.items[3]]", [5]),
        ("map(steps.table.items, row, {title: row.title, image_url: row.image_url})", []),
    ],
)
def test_rows_in_a_list_are_told_by_their_places_too(project: Project, rows: str, numbers: list[int]) -> None:
    wrong = "x" * 101 + ",,,https://example.com/{}.jpg,\n"
    project.write(HEADER + good(1) + wrong.format(1) + good(2) + wrong.format(2), "pins.csv")
    result = project.run(LISTED.replace("ROWS", rows))
    places = [error.partition(" ")[0] for _, _, error in result.failed if error.startswith("pins.csv:")]
    assert places == [f"pins.csv:{number}" for number in numbers]
    assert result.failed
    assert ("pin" in result.counts) is (not numbers)


def test_what_the_service_refuses_fails_that_row_alone_and_names_the_column(project: Project) -> None:
    @action("show")
    def show(ctx: Context, *, image_url: str) -> None:
        """Shows a picture."""
        if "gone" in image_url:
            error = RemoteError(f"could not fetch the image: {image_url}", status=400, code=235, call="POST /pins")
            error.argument = "image_url"
            raise error

    project.offer(show)
    project.write("Title,Picture\nA,https://example.com/a.jpg\nB,https://example.com/gone.jpg\n", "pins.csv")
    step = "{name: '${{ row.title }}', uses: show, with: {image_url: '${{ row.picture }}'}}"
    loop = f"{{id: all, for_each: read_csv, with: {{path: pins.csv}}, as: row, do: [{step}]}}"
    result = project.run(f"{{name: n, steps: [{loop}]}}")
    assert [error for _, _, error in result.failed] == [
        'pins.csv:3 ("B"): Picture: POST /pins: could not fetch the image: https://example.com/gone.jpg '
        "(HTTP 400, code 235)"
    ]
    assert result.exit_code == 1
    assert {event.item for event in project.events_of("StepFinished")} == {"", 'pins.csv:3 ("B")'}


# columns


@pytest.mark.parametrize("keys", ["", "on_error: continue"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_columns_that_no_step_uses_are_told_once(project: Project, keys: str, dry_run: bool) -> None:
    header = "title,Discription,Image URL,Section,link"
    project.write(f"{header}\nA,x,https://example.com/a.jpg,new,\nB,y,https://example.com/b.jpg,,\n", "pins.csv")
    result = project.run(LOOP.format(title=TITLE, loop=keys, step=""), dry_run=dry_run)
    text = "pins.csv: columns used: title, Image URL; not used: Discription (did you mean description?), Section, link"
    assert (result.exit_code, result.warnings) == (0, (text,))
    notes = [event for event in project.events if isinstance(event, Note)]
    assert [(note.step, note.text, note.level) for note in notes] == [("pins", text, "warning")]
    first = next(n for n, event in enumerate(project.events) if isinstance(event, EffectDone))
    assert project.events.index(notes[0]) < first


def test_columns_are_told_where_the_table_is_refused_and_not_again_by_a_resume(project: Project) -> None:
    project.write("title,Image URL,extra\nA,nowhere,1\n", "pins.csv")
    refused = project.run(LOOP.format(title=TITLE, loop="", step=""))
    assert refused.exit_code == 2
    assert refused.warnings == ("pins.csv: columns used: title, Image URL; not used: extra",)
    project.write("title,Image URL,extra\nA,https://example.com/a.jpg,1\n", "pins.csv")
    resumed = project.resume()
    assert (resumed.ok, resumed.warnings) == (True, ())


@pytest.mark.parametrize(
    "table", ["title,Image URL\nA,https://example.com/a.jpg\n", "IMAGE_URL,Title\nhttps://example.com/a.jpg,A\n"]
)
def test_where_all_columns_are_used_nothing_is_told(project: Project, table: str) -> None:
    project.write(table, "pins.csv")
    result = project.run(LOOP.format(title=TITLE, loop="", step=""))
    assert (result.ok, result.warnings) == (True, ())


def test_a_table_of_a_header_alone_is_told_to_have_no_rows(project: Project) -> None:
    project.write("title,Image URL\n", "pins.csv")
    result = project.run(LOOP.format(title=TITLE, loop="", step=""))
    assert (result.ok, result.counts, result.warnings) == (True, {}, ("the table has no rows",))


@pytest.mark.parametrize("version", ["v3", "v5"])
@pytest.mark.parametrize("link", ["www.example.com/2", "not a link at all", "javascript:alert(1)"])
def test_a_link_that_is_not_an_address_is_refused_at_its_line_before_anything_is_sent(
    project: Project, version: str, link: str
) -> None:
    recipe = f"""
        name: One Pin
        api: {version}
        steps:
          - {{id: board, uses: create_board, with: {{name: New}}}}
          - uses: create_pin
            with:
              board: ${{{{ steps.board.id }}}}
              image_url: https://example.com/a.jpg
              link: LINK
    """
    with pytest.raises(RecipeError, match=r":10:13: 'link' isn't an address \(https://...\)"):
        project.run(recipe.replace("LINK", link))
    assert project.run(recipe.replace("LINK", "'https://example.com/2'")).ok
    assert project.run(recipe.replace("LINK", "''").replace("New", "Newer")).ok


@pytest.mark.parametrize(
    ("version", "uses", "arguments", "at"),
    [
        ("v5", "create_pin", "images: SLOTS", r"images[1].link: 'www.example.com'"),
        ("v3", "create_pin", "images: SLOTS", r"images[1].link: 'www.example.com'"),
        ("v5", "create_pin", "images_base64: DATA", r"images_base64[1].link: 'www.example.com'"),
        ("v5", "update_pin", "carousel_slots: LINKS", r"carousel_slots[1].link: 'www.example.com'"),
        ("v5", "update_pin", "link: www.example.com", r"isn't an address (https://...)"),
    ],
)
def test_so_are_the_links_of_a_carousel_and_of_a_change(
    project: Project, version: str, uses: str, arguments: str, at: str
) -> None:
    with_url, with_data = "url: https://example.com/a.jpg, ", "content_type: image/png, data: AAAA, "
    links = ["link: https://example.com", "link: www.example.com"]
    for word, begin in (("SLOTS", with_url), ("DATA", with_data), ("LINKS", "")):
        arguments = arguments.replace(word, f"[{', '.join(f'{{{begin}{link}}}' for link in links)}]")
    target = "board" if uses == "create_pin" else "pin"
    with pytest.raises(RecipeError, match=re.escape(at)):
        project.run(f"{{name: n, api: {version}, steps: [{{uses: {uses}, with: {{{target}: '1', {arguments}}}}}]}}")


def test_a_copy_carries_a_link_over_as_the_service_has_it(project: Project) -> None:
    odd = "{id: '1', link: www.example.com/2, title: Odd, media: {media_type: image, images: {1200x: {url: "
    recipe = f"""
        name: A copy
        api: v5
        steps:
          - {{id: board, uses: get_board, with: {{board: Winter recipes}}}}
          - uses: copy_pin
            with: {{board: "${{{{ steps.board.id }}}}", pin: {odd}https://example.com/a.jpg}}}}}}}}}}
    """
    assert project.run(recipe).ok
    boards: Any = project.sandbox_of("pinterest").control.state()["boards"]
    assert [pin["link"] for board in boards for pin in board["pins"] if pin["title"] == "Odd"] == ["www.example.com/2"]


# -- files that rows name

PNG = b"\x89PNG\r\n\x1a\nxx"
PICTURES = """
pinflow: 1
name: Pictures of a table
api: v5
inputs: {file: {type: file, required: true}}
steps:
  - {id: board, uses: create_board, with: {name: Pictures}}
  - for_each: read_csv
    with: {path: "${{ inputs.file }}"}
    as: row
    do: [{uses: create_pin, with: {board: "${{ steps.board.id }}", title: t, image_file: "${{ row.picture }}"}}]
"""


def pictures(cli: Cli, *names: str, recipe: str = PICTURES) -> Any:
    """What the recipe makes of a table that names these pictures, of which all but zz.png are there, as JSON."""
    folder = cli.folder / "shop"
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "folder.png").mkdir()
    for name in ("a", "b", "c"):
        (folder / "pictures" / f"{name}.png").write_bytes(PNG)
    (folder / "pins.csv").write_text("picture\n" + "".join(f"{name}\n" for name in names))
    path = table(cli, recipe, "recipes.yaml")
    cli("run", str(path), "-i", f"file={folder / 'pins.csv'}", "--sandbox", "--yes", "--output", "json")
    return cli.json


@pytest.mark.parametrize(
    ("picture", "what"),
    [
        ("pictures/zz.png", "picture: 'pictures/zz.png' does not exist in {shop} (of pins.csv) or the recipe's folder"),
        ("pictures/a.png/b.png", "does not exist in {shop} (of pins.csv) or the recipe's folder"),
        ("{shop}/pictures/zz.png", "…' does not exist"),
        ("pictures/folder.png", "picture: 'pictures/folder.png' is a folder, not a file"),
        ("../out.png", "picture: '../out.png' is not inside {shop} (of pins.csv) or the recipe's folder"),
        ("../out.csv", "picture: '../out.csv' is not inside the recipe's folder"),
    ],
)
def test_a_file_that_a_row_names_and_that_is_not_there_refuses_the_table(cli: Cli, picture: str, what: str) -> None:
    shop = str(cli.folder / "shop")
    rows = ("pictures/a.png", "pictures/b.png", picture.format(shop=shop), "pictures/c.png")
    data = pictures(cli, *rows)
    (error,) = errors(data)
    assert error.startswith("pins.csv:4")
    assert error.endswith(what.format(shop=shop))
    assert (data["exit_code"], data["counts"]) == (2, {"row": {"failed": 1}})


def test_pictures_that_are_there_become_pins(cli: Cli) -> None:
    data = pictures(cli, "pictures/a.png", "pictures/b.png")
    assert (data["exit_code"], data["counts"]["pin"]) == (0, {"done": 2})


@pytest.mark.parametrize(("name", "exit_code"), [("table.csv", 0), ("table.jpg", 2)])
def test_a_file_that_the_run_itself_writes_before_it_is_read_may_be_missing(
    project: Project, name: str, exit_code: int
) -> None:
    recipe = """
        name: n
        steps:
          - for_each: read_csv
            with: {path: pins.csv}
            as: row
            do:
              - {uses: write_csv, with: {path: table.csv, rows: [{a: 1}]}}
              - {uses: reads, with: {path: "${{ row.file }}"}}
    """

    class Reads:
        @hookimpl
        def pinflow_actions(self) -> list[object]:
            @action("reads")
            def reads(ctx: Context, *, path: InputPath) -> None:
                ctx.input_file(path).open().close()

            return [reads]

    project.plugins.append(Reads())
    project.write(f"file\n{name}\n", "pins.csv")
    assert project.run(recipe).exit_code == exit_code


def test_a_failed_dry_run_tells_of_all_that_failed(cli: Cli) -> None:
    step = "{uses: get_pin, with: {pin: '${{ text(item + 1000) }}'}}"
    loop = f"{{for_each: '${{{{ range(130) }}}}', key: '${{{{ item }}}}', do: [{step}]}}"
    recipe = cli.recipe(f"{{name: n, api: v5, steps: [{loop}]}}", "many.yaml")
    assert cli("run", recipe, "--sandbox", "--dry-run") == 1
    assert len([line for line in cli.stdout.splitlines() if "Pin not found" in line]) == 130
    assert "pinflow runs show" not in cli.stdout
    assert cli("run", recipe, "--sandbox") == 1
    assert "  120 others: pinflow runs show " in cli.stdout


def test_runs_name_their_tokens_and_the_address_of_a_sandbox(cli: Cli) -> None:
    recipe = cli.recipe("{name: Who, api: v5, steps: [{uses: get_user}]}", "who.yaml")
    sandbox = start(now=cli.clock.now)
    cli.environ |= sandbox.environment()
    address = sandbox.environment()["PINTEREST_API_URI"].removeprefix("http://")
    try:
        assert cli("run", recipe) == 0
    finally:
        sandbox.stop()
    assert cli("runs") == 0
    (row,) = [line for line in cli.stdout.splitlines() if "Who" in line]
    assert f"ok, at {address}  access_token  " in row
    assert cli("runs", "show") == 0
    assert f"  address  http://{address}" in cli.stdout.splitlines()
