"""What an approval covers: whatever else changes, the recipe doesn't run unattended. The program, on a real socket."""

from __future__ import annotations

import io
import json
import os
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import App
from pinflow.cli.program import main
from pinflow.cli.shell import Shell
from pinflow.clock import Clock
from pinflow.engine import coverage
from tests.cli import Cli, Terminal
from tests.plugins.test_accounts import Agency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow_sandbox.server.messages import HttpRequest

TABLE = """
pinflow: 1
name: Boards of a table
api: v5
auth: {main: {token: ann}}
steps:
  - id: rows
    for_each: read_csv
    with: {path: data.csv}
    as: row
    do: [{id: make, uses: create_board, with: {name: "${{ row.name }}"}}]
"""
BY_INPUT = TABLE.replace("steps:", "inputs: {table: {type: file, default: data.csv}}\nsteps:").replace(
    "path: data.csv", 'path: "${{ inputs.table }}"'
)
PICTURE = """
pinflow: 1
name: A Pin of a picture
api: v5
auth: {main: {token: ann}}
steps:
  - {id: board, uses: create_board, with: {name: Garden}}
  - {id: pin, uses: create_pin, with: {board: "${{ steps.board.id }}", title: t, image_file: picture.png}}
"""
OUTER = "pinflow: 1\nname: Outer\napi: v5\nauth: {main: {token: ann}}\nsteps: [{include: part.yaml}]\n"
PART = "pinflow: 1\nname: Part\napi: v5\nauth: {main: {token: ann}}\nsteps: [{uses: create_board, with: {name: %s}}]\n"
BY_BOARD = """
pinflow: 1
name: A table for each board
api: v5
auth: {main: {token: ann}}
steps:
  - id: boards
    for_each: list_boards
    as: board
    do:
      - id: rows
        for_each: read_csv
        with: {path: "${{ board.name }}.csv"}
        as: row
        do: [{id: make, uses: create_board, with: {name: "${{ row.name }}"}}]
"""
EVERYONE = """
pinflow: 1
name: Everyone
api: v5
steps:
  - id: each
    for_each: list_tokens
    as: account
    key: ${{ account.name }}
    do: [{id: make, uses: create_board, auth: account, with: {name: Garden}}]
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


class Desk:
    """A person's folder with recipes, the program there, and an agency's accounts behind it."""

    def __init__(self, folder: Path, agency: Agency) -> None:
        self.folder = folder
        self.agency = agency
        self.cli = Cli(folder, **{name: value for name, value in agency.environ.items() if name != "PINFLOW_CACHE_DIR"})
        self.write("data.csv", "name\nGarden\n")
        (folder / "picture.png").write_bytes(PNG)
        self.write("part.yaml", PART % "Garden")

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")
        return path

    def approve(self, recipe: str, *words: object) -> Path:
        path = self.write("recipe.yaml", recipe)
        assert self.cli(*words, "approve", path, "--yes") == 0, self.cli.stderr
        self.agency.asked.clear()
        return path

    def run(self, path: Path, *words: object) -> int:
        return self.cli(*words, "run", path, "--unattended")

    def refusal(self, path: Path, *words: object) -> str:
        """What a run says that must be refused before anything is written."""
        assert self.run(path, *words) == 5, self.cli.stderr
        assert self.changes == []
        return " ".join(self.cli.stderr.split())

    @property
    def changes(self) -> list[tuple[str, str]]:
        return [call for call in self.agency.asked if not call[1].startswith("GET")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in ("desk", "agency", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    agency = Agency(tmp_path / "agency", "ann", "bob")
    yield Desk(tmp_path / "desk", agency)
    agency.sandbox.stop()


@pytest.mark.parametrize("recipe", [TABLE, BY_INPUT, PICTURE, OUTER, EVERYONE])
def test_what_was_approved_runs_and_is_shown_before(desk: Desk, recipe: str) -> None:
    path = desk.approve(recipe)
    assert "ann" in desk.cli.stderr
    assert ("data.csv" in desk.cli.stderr) == ("data.csv" in recipe)
    assert desk.run(path) == 0, desk.cli.stderr
    assert ("ann", "POST /boards") in desk.changes


# -- files


@pytest.mark.parametrize("recipe", [TABLE, BY_INPUT])
def test_a_table_that_was_edited_is_named(desk: Desk, recipe: str) -> None:
    path = desk.approve(recipe)
    desk.write("data.csv", "name\nAttack\n")
    said = desk.refusal(path)
    assert f"{desk.folder / 'data.csv'} changed since it was approved on 20" in said
    assert f"pinflow approve {path}" in said
    assert desk.agency.asked == []


def test_a_table_of_the_same_length_and_time_is_another_one(desk: Desk) -> None:
    path, table = desk.approve(TABLE), desk.folder / "data.csv"
    before = table.stat()
    desk.write("data.csv", "name\nAttack\n"[:-1])
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "data.csv changed" in desk.refusal(path)


def test_a_table_that_is_as_it_was_again_holds_again(desk: Desk) -> None:
    path = desk.approve(TABLE)
    desk.write("data.csv", "name\nAttack\n")
    desk.refusal(path)
    desk.write("data.csv", "name\nGarden\n")
    assert desk.run(path) == 0


def test_a_table_that_is_gone_is_named(desk: Desk) -> None:
    path = desk.approve(TABLE)
    (desk.folder / "data.csv").unlink()
    assert "data.csv can't be read any more" in desk.refusal(path)


def test_a_swapped_picture_is_named(desk: Desk) -> None:
    path = desk.approve(PICTURE)
    (desk.folder / "picture.png").write_bytes(PNG + b"\0")
    assert "picture.png changed" in desk.refusal(path)


@pytest.mark.parametrize("link", [False, True])
def test_another_include_is_another_recipe(desk: Desk, link: bool) -> None:
    path = desk.approve(OUTER)
    other = desk.write("other.yaml" if link else "part.yaml", PART % "Attack")
    if link:
        (desk.folder / "part.yaml").unlink()
        (desk.folder / "part.yaml").symlink_to(other)
    assert f"{desk.folder / 'part.yaml'} changed since it was approved on 20" in desk.refusal(path)


def test_another_current_folder_with_another_table_is_another_request(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = desk.approve(BY_INPUT)
    (tmp_path / "elsewhere" / "data.csv").write_text("name\nAttack\n", "utf-8")
    monkeypatch.chdir(tmp_path / "elsewhere")
    said = desk.refusal(path)
    assert f"'table' became {tmp_path / 'elsewhere' / 'data.csv'} in place of {desk.folder / 'data.csv'} since" in said


def test_a_copy_of_the_recipe_beside_another_table_is_not_approved(desk: Desk, tmp_path: Path) -> None:
    desk.approve(TABLE)
    (tmp_path / "elsewhere" / "data.csv").write_text("name\nAttack\n", "utf-8")
    copy = tmp_path / "elsewhere" / "recipe.yaml"
    copy.write_text(TABLE, "utf-8")
    assert "isn't approved" in desk.refusal(copy)


def test_a_table_that_is_edited_while_the_run_is_on_its_way_is_not_read(desk: Desk) -> None:
    first = "\n  - {id: first, uses: create_board, with: {name: First}}"
    path = desk.approve(TABLE.replace("\nsteps:", f"\nsteps:{first}"))

    def edit(account: str, call: HttpRequest) -> None:
        if call.method == "POST":
            desk.write("data.csv", "name\nAttack\n")

    desk.agency.fault = edit
    assert desk.run(path) == 5
    assert "data.csv changed since this was approved on 20" in " ".join(desk.cli.stderr.split())
    assert desk.changes == [("ann", "POST /boards")]


def test_a_file_that_the_dry_run_did_not_read_is_not_read(desk: Desk) -> None:
    desk.write("Late.csv", "name\nAttack\n")
    path = desk.approve(BY_BOARD)
    desk.agency.sandbox.control.board("ann", name="Late")
    assert "Late.csv was not read by the dry run when this was approved on 20" in desk.refusal(path)


# -- where, who


def test_another_address_of_the_service_is_named(desk: Desk) -> None:
    path = desk.approve(TABLE)
    home = desk.cli.environ["PINTEREST_API_URI"]
    desk.cli.environ["PINTEREST_API_URI"] = home.replace("127.0.0.1", "localhost")
    said = desk.refusal(path)
    assert f"API v5 became {home.replace('127.0.0.1', 'localhost')}/v5 in place of {home}/v5 since" in said
    assert desk.agency.asked == []


def test_a_token_of_another_account_under_the_same_name_is_named(desk: Desk) -> None:
    path = desk.approve(TABLE)
    token = desk.agency.sandbox.world.token_for("bob")
    desk.agency.put("ann", {"name": "ann", "access_token": token, "scopes": None, "origin": desk.agency.sandbox.url})
    assert "the token 'ann' belongs to another account than when this was approved" in desk.refusal(path)


def test_a_fresh_token_of_the_same_account_holds(desk: Desk) -> None:
    path = desk.approve(TABLE)
    desk.agency.add("ann")
    assert desk.run(path) == 0, desk.cli.stderr


def test_accounts_that_came_later_are_skipped_and_named(desk: Desk) -> None:
    path = desk.approve(EVERYONE)
    desk.agency.add("cem")
    assert desk.run(path) == 0, desk.cli.stderr
    assert sorted(desk.changes) == [("ann", "POST /boards"), ("bob", "POST /boards")]
    said = " ".join(desk.cli.stderr.split())
    assert "the account of the token 'cem' was not there when this was approved, and is skipped" in said
    desk.approve(EVERYONE.replace("name: Garden", "name: Herbs"))
    assert desk.cli("approve", "--list", "--output", "json") == 0
    assert sorted(desk.cli.json["approvals"][0]["covers"]["accounts"]) == ["v5 ann", "v5 bob", "v5 cem"]
    assert desk.run(path) == 0, desk.cli.stderr
    assert ("cem", "POST /boards") in desk.changes


def test_of_a_loop_over_accounts_only_those_that_are_the_same_are_worked_for(desk: Desk) -> None:
    path = desk.approve(EVERYONE)
    token = desk.agency.sandbox.world.token_for("bob")
    desk.agency.put("ann", {"name": "ann", "access_token": token, "scopes": None, "origin": desk.agency.sandbox.url})
    assert desk.run(path) != 0
    assert desk.changes == [("bob", "POST /boards")]
    assert "belongs to another account" in " ".join(desk.cli.stderr.split())


# -- software

PLUGIN = "from pinflow import hookimpl\n\n@hookimpl\ndef pinflow_event(event):\n    pass\n"


def test_a_plugin_that_was_added_is_named(desk: Desk) -> None:
    path, plugin = desk.approve(TABLE), desk.write("spy.py", PLUGIN)
    assert f"the plugin {plugin} was added since" in desk.refusal(path, "--plugin", plugin)


def test_a_local_plugin_is_approved_by_its_text(desk: Desk) -> None:
    plugin = desk.write("spy.py", PLUGIN)
    path = desk.approve(TABLE, "--plugin", plugin)
    assert desk.run(path, "--plugin", plugin.name) == 0, desk.cli.stderr
    desk.agency.asked.clear()
    assert "spy.py was taken away" in desk.refusal(path)
    desk.write("spy.py", PLUGIN + "\n")
    said = desk.refusal(path, "--plugin", plugin)
    assert "spy.py changed" in said
    assert f"pinflow --plugin {plugin} approve {path}" in said


def test_a_correction_of_pinflow_holds_and_the_next_version_asks_for_all_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = desk.approve(TABLE), desk.write("two.yaml", OUTER)
    assert desk.cli("approve", two, "--yes") == 0
    major, minor, *_ = metadata.version("pinflow").split(".")
    monkeypatch.setattr(coverage, "version", lambda name: f"{major}.{minor}.99")
    assert desk.run(one) == 0, desk.cli.stderr
    desk.agency.asked.clear()
    monkeypatch.setattr(coverage, "version", lambda name: f"{major}.{int(minor) + 1}.0")
    for path in (one, two):
        assert "pinflow approve --renew" in desk.refusal(path)
    notices = desk.cli.data("notify")["notices"]
    assert [notice["title"] for notice in notices] == ["2 approvals of an earlier version of pinflow must be renewed"]
    assert all(str(path) in notices[0]["text"] for path in (one, two))


# -- approvals of the version before


def make_old(desk: Desk) -> list[Path]:
    """The approvals as the version before stored them."""
    files = sorted((desk.folder / "state" / "approvals").glob("*.json"))
    for file in files:
        row: dict[str, Any] = json.loads(file.read_text("utf-8"))
        del row["covers"]
        file.write_text(json.dumps(row | {"version": 1}), "utf-8")
    return files


def _listed(desk: Desk) -> str:
    assert desk.cli("approve", "--list") == 0
    return desk.cli.stdout


def test_approvals_of_the_version_before_are_shown_and_renewed_one_by_one(desk: Desk) -> None:
    one, two = desk.approve(TABLE), desk.write("two.yaml", OUTER)
    assert desk.cli("approve", two, "--yes", "--max-writes", "7") == 0
    assert len(make_old(desk)) == 2
    assert "earlier version of pinflow" in desk.refusal(one)
    assert _listed(desk).count("of the version before") == 2
    assert desk.cli("approve", "--renew") == 5  # nobody is there to be asked
    assert desk.cli("approve", "--renew", answers="y\nn\n") == 5
    assert desk.cli.stderr.count("one run, if it started now") == 2
    assert desk.cli("approve", "--list", "--output", "json") == 0
    assert sorted(row["holds"] for row in desk.cli.json["approvals"]) == [False, True]
    assert desk.cli("approve", "--renew", "--yes") == 0
    assert desk.cli("approve", "--list", "--output", "json") == 0
    assert sorted((row["holds"], row["max_writes"]) for row in desk.cli.json["approvals"]) == [(True, 7), (True, 1000)]
    assert desk.cli.data("notify")["notices"] == []
    assert desk.run(one) == 0


def _states(desk: Desk) -> dict[str, str]:
    """What `pinflow approve --list` says of the approval of each recipe's file."""
    head, *lines = _listed(desk).splitlines()
    column = head.index("STATE")
    assert max(len(line) for line in lines if not line.startswith("  ")) <= 80
    states, state = {}, ""
    for line in lines:
        state = line[column:] if not line.startswith("  ") else state
        if line.endswith(".yaml"):
            states[line.rpartition("/")[2]] = state
    return states


def test_approvals_that_hold_no_longer_are_listed_with_what_changed(desk: Desk) -> None:
    desk.approve(TABLE)
    two, three = desk.write("two.yaml", OUTER), desk.write("three.yaml", PICTURE)
    for path in (two, three):
        assert desk.cli("approve", path, "--yes") == 0, desk.cli.stderr
    assert _states(desk) == {"recipe.yaml": "holds", "two.yaml": "holds", "three.yaml": "holds"}
    desk.write("data.csv", "name\nHerbs\n")
    desk.write("part.yaml", PART % "Herbs")
    desk.write("three.yaml", PICTURE + "# a comment\n")
    (desk.folder / "picture.png").unlink()
    changed = {
        "recipe.yaml": "data.csv changed",
        "two.yaml": "part.yaml changed",
        "three.yaml": "three.yaml changed and 1 more",
    }
    assert _states(desk) == changed
    assert "pinflow approve --renew" in desk.cli.stderr
    assert desk.cli("approve", "--list", "--output", "json") == 0
    rows = {row["recipe"]: (row["holds"], row["changed"]) for row in desk.cli.json["approvals"]}
    assert rows[str(two)] == (False, [f"{desk.folder / 'part.yaml'} changed"])


@pytest.mark.parametrize("edited", ["data.csv", "recipe.yaml"])
def test_what_was_edited_is_shown_and_renewed_in_place_of_the_old_approval(desk: Desk, edited: str) -> None:
    path = desk.write("recipe.yaml", TABLE)
    assert desk.cli("approve", path, "--yes", "--max-writes", "7") == 0
    assert desk.cli("approve", "--renew", answers="") == 0
    assert desk.cli.stdout == "renewed: none; no approval needs it\n"
    desk.write(edited, {"data.csv": "name\nHerbs\n", "recipe.yaml": TABLE + "# a comment\n"}[edited])
    assert desk.cli("approve", "--renew", answers="n\n") == 5
    assert f", holds no longer:\n  {desk.folder / edited} changed\n" in desk.cli.stderr
    assert "one run, if it started now" in desk.cli.stderr
    assert "1 not renewed, which hold no longer" in desk.cli.stdout
    assert desk.run(path) == 5
    assert desk.cli("approve", "--renew", answers="y\n") == 0
    assert desk.cli("approve", "--list", "--output", "json") == 0
    assert [(row["holds"], row["max_writes"]) for row in desk.cli.json["approvals"]] == [(True, 7)]
    assert desk.run(path) == 0, desk.cli.stderr


def test_an_approval_for_another_address_is_named_and_not_renewed(desk: Desk) -> None:
    path = desk.approve(TABLE)
    home = desk.cli.environ["PINTEREST_API_URI"]
    desk.cli.environ["PINTEREST_API_URI"] = home.replace("127.0.0.1", "localhost")
    assert _states(desk) == {"recipe.yaml": f"it is for {home}/v5"}
    assert desk.cli("approve", "--renew", "--yes") == 0
    assert desk.cli.stdout.startswith("renewed: none")
    desk.cli.environ["PINTEREST_API_URI"] = home
    assert desk.run(path) == 0, desk.cli.stderr


def test_one_that_cannot_be_renewed_keeps_no_other_back(desk: Desk) -> None:
    one, two = desk.approve(TABLE), desk.write("two.yaml", OUTER)
    assert desk.cli("approve", two, "--yes") == 0
    make_old(desk)
    two.unlink()
    assert desk.cli("approve", "--renew", "--yes") == 2
    assert "two.yaml" in desk.cli.stderr
    assert "1 not renewed" in desk.cli.stdout
    assert desk.run(one) == 0


def test_a_run_that_is_half_done_can_be_allowed_more_though_its_dry_run_fails(desk: Desk) -> None:
    desk.write("data.csv", "name\nGarden\nHerbs\n")
    path = desk.write("recipe.yaml", TABLE)
    assert desk.cli("approve", path, "--yes", "--max-writes", "1") == 0
    assert desk.run(path) == 5
    assert desk.cli("approve", path, "--max-writes", "9", answers="y\n") == 0
    assert "already exists" in desk.cli.stderr
    desk.write("data.csv", "name\nGarden\nAttack\n")
    assert desk.cli("approve", path, "--yes", "--max-writes", "9") == 1
    assert desk.cli("resume", "--unattended") == 5
    desk.write("data.csv", "name\nGarden\nHerbs\n")
    assert desk.cli("resume", "--unattended") == 0, desk.cli.stderr
    assert desk.changes == [("ann", "POST /boards")] * 2


# -- alerts


def test_an_alert_names_the_file_the_command_that_helps_and_how_to_close_it(desk: Desk) -> None:
    path = desk.write("recipe.yaml", TABLE)
    assert desk.cli("run", "recipe.yaml", "--unattended") == 5
    assert desk.cli("notify") == 0
    head, line, *about, help_, _, close = desk.cli.stdout.splitlines()
    text = " ".join(" ".join(about).split())
    assert head.split() == ["SINCE", "LEVEL", "WHAT"]
    assert line.endswith("  warning  Boards of a table waits for an approval")
    assert text.startswith(f"{path} makes changes (step ")
    assert text.endswith("; check it, then approve it with:")
    assert help_ == f"    pinflow approve {path}"
    assert desk.cli(*close.split()[1:]) == 0
    assert desk.cli("notify") == 0
    assert "No open alerts" in desk.cli.stderr


def test_on_a_narrow_terminal_the_commands_of_an_alert_stay_whole(desk: Desk) -> None:
    path = desk.write(f"{'long' * 20}.yaml", TABLE)
    assert desk.run(path) == 5
    out = Terminal()
    shell = Shell(io.StringIO(), out, io.StringIO(), desk.cli.environ, desk.cli.open_app)
    assert main(["notify"], shell) == 0
    lines = out.getvalue().splitlines()
    assert f"    pinflow approve {path}" in lines
    assert max(len(line) for line in lines if not line.startswith("    pinflow ")) <= 80


# -- scheduled


def test_a_job_waits_when_its_table_changes_and_says_why_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = desk.approve(BY_INPUT.replace("steps:", "schedule: {every: hour}\nsteps:"))
    now = time.time()
    desk.cli.open_app = lambda environ, plugins: App.installed(environ, clock=Clock(now=lambda: now))
    assert desk.cli("tick", path) == 0, desk.cli.stderr
    desk.write("data.csv", "name\nAttack\n")
    monkeypatch.chdir(tmp_path / "elsewhere")  # a job's paths count from where it was registered
    for _ in range(2):
        now += 3_700
        desk.cli("tick", path)
        assert "data.csv changed since it was approved on 20" in " ".join(desk.cli.stderr.split())
    assert [notice["kind"] for notice in desk.cli.data("notify")["notices"]] == ["approval_missing"]
    assert desk.changes == []
    desk.write("data.csv", "name\nGarden\n")
    now += 3_700
    assert desk.cli("tick", path) == 0, desk.cli.stderr
    assert desk.changes == [("ann", "POST /boards")]
    assert desk.cli.data("notify")["notices"] == []
