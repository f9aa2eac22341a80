"""Folders and files whose names are no valid UTF-8, as old archives and disks of other systems bring them."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from pinflow.state.folder.sqlite import load_path, store_path
from tests.cli import Cli

TABLE = "title,image_url\nA,https://example.com/a.jpg\nB,https://example.com/b.jpg\n"
RECIPE = """
name: Pins of a table
api: v5
inputs: {file: {type: file, required: true}}
steps:
  - id: pins
    for_each: read_csv
    with: {path: "${{ inputs.file }}"}
    as: row
    do: [{uses: create_pin, with: {board: Garden ideas, title: "${{ row.title }}", image_url: "${{ row.image_url }}"}}]
  - {uses: write_json, with: {data: "${{ steps.pins.ok }}", path: out.json}}
"""
HOURLY = "name: hourly\nschedule: {every: hour}\nsteps: [{uses: log, with: {text: hello}}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, called "caf" and a byte that is no text."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        folder.mkdir()
    except (OSError, UnicodeError):
        pytest.skip(f"on {sys.platform} every name is valid text")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cli(folder: Path) -> Cli:
    (folder / "recipes").mkdir()
    (folder / "recipes" / "pins.yaml").write_text(RECIPE, "utf-8")
    (folder / "pins.csv").write_text(TABLE, "utf-8")
    return Cli(folder, COLUMNS="80")  # with its state and its cache there


@pytest.mark.parametrize("path", ["/tmp/x.yaml", "recipes/ü.yaml", "/tmp/caf\udce9/x y.yaml", "\udce9", "%E9\udce9"])
def test_a_path_is_stored_as_text_and_comes_back(path: str) -> None:
    stored = store_path(path)
    assert stored.encode()
    assert load_path(stored) == path


@pytest.mark.parametrize("absolute", [False, True])
def test_a_recipe_a_table_the_state_and_the_output_may_be_there(cli: Cli, folder: Path, absolute: bool) -> None:
    here = str(folder) if absolute else "."
    words = [
        "run",
        f"{here}/recipes/pins.yaml",
        "-i",
        f"file={here}/pins.csv",
        "--sandbox",
        "--output-dir",
        f"{here}/o",
    ]
    assert cli("validate", f"{here}/recipes/pins.yaml") == 0
    assert cli(*words) == 0, cli.stderr
    assert cli(*words, "--output", "json") == 0
    assert cli.json["counts"]["pin"] == {"done": 2}
    assert [Path(file) for file in cli.json["files"]] == [folder / "o" / "out.json"]
    assert (folder / "o" / "out.json").read_text("utf-8").strip() == "2"
    assert cli(*words, "--output", "ndjson") == 0
    assert [json.loads(line) for line in cli.stdout.splitlines()]
    assert cli("runs", "show", "--output", "json") == 0
    assert Path(cli.json["recipe"]) == folder / "recipes" / "pins.yaml"
    assert cli("runs", "show") == 0
    assert "caf\\udce9" in cli.stdout


def test_mistakes_there_have_their_place(cli: Cli, folder: Path) -> None:
    (folder / "pins.csv").write_text(TABLE + "C,no picture\n", "utf-8")
    assert cli("run", "recipes/pins.yaml", "-i", "file=pins.csv", "--sandbox") == 2
    assert 'pins.csv:4 ("C"): image_url: ' in cli.stdout + cli.stderr
    (folder / "wrong.yaml").write_text("name: x\nsteps: [{uses: nope}]\n", "utf-8")
    assert cli("validate", str(folder / "wrong.yaml")) == 2
    assert "caf\\udce9/wrong.yaml:2:16: unknown action 'nope'" in cli.stderr


def test_a_path_there_that_a_recipe_would_send_is_a_mistake_and_no_defect(cli: Cli, folder: Path) -> None:
    recipe = folder / "recipes" / "pins.yaml"
    recipe.write_text(RECIPE.replace("${{ row.title }}", "${{ inputs.file }}"), "utf-8")
    assert cli("run", "recipes/pins.yaml", "-i", "file=pins.csv", "--sandbox") in (1, 2)
    assert "defect" not in cli.stderr


def test_what_is_scheduled_there_runs(cli: Cli, folder: Path) -> None:
    (folder / "hourly.yaml").write_text(HOURLY, "utf-8")
    name = os.fsdecode(b"na\xefve.yaml")
    (folder / name).write_text(HOURLY.replace("hourly", "naive"), "utf-8")
    assert cli("tick", "hourly.yaml", name) == 0
    assert re.match("2 jobs registered; next: ", cli.stderr)
    assert cli("schedule", "list", "--output", "json") == 0
    assert {job["name"] for job in cli.json["jobs"]} == {"hourly", "na\\xefve"}
    for job in ("hourly", "naive", "na\\xefve", os.fsdecode(b"na\xefve")):
        assert cli("schedule", "run-now", job) == 0, cli.stderr
        assert "done in" in cli.stderr
    assert cli("schedule", "history", "--output", "json") == 0
    assert {row["state"] for row in cli.json["occurrences"]} == {"done"}
