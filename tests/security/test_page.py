"""The page about security says what the program does, by the program's own names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow.plugin.variables import all_variables
from pinflow.schema.file_names import READABLE, WRITABLE

if TYPE_CHECKING:
    from pinflow.app import App

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "SECURITY.md").read_text("utf-8")
README = (PROJECT / "README.md").read_text("utf-8")


def row(right: str) -> str:
    """What the table says of one right."""
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| {right} |"))
    return line


@pytest.mark.parametrize(("right", "endings"), [("reads files", READABLE), ("writes files", WRITABLE)])
def test_the_table_has_exactly_the_endings_of_a_recipe_s_files(right: str, endings: tuple[str, ...]) -> None:
    assert re.findall(r"(?<= )\.[a-z0-9]+\b", row(right).split("|")[2]) == list(endings)


def test_every_variable_on_the_page_is_in_the_table_of_variables(installed: App) -> None:
    variables = set(re.findall(r"\bP(?:INFLOW|INTEREST)_[A-Z_]+\b", PAGE))
    assert {"PINFLOW_TOKENS", "PINFLOW_ALLOW_HOST", "PINFLOW_PLUGINS"} <= variables
    table = {name.replace("<NAME>", "NAME") for name in all_variables(installed.registry)}
    assert sorted(variables - table) == []


def test_every_option_on_the_page_is_one_of_the_program() -> None:
    folders = [PROJECT / "pinflow" / "cli", PROJECT / "plugins" / "pinflow_auth"]
    code = "\n".join(path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py"))
    options = set(re.findall(r"`(--[a-z-]+)`", PAGE))
    assert {"--yes", "--max-writes", "--expect-account"} <= options
    assert sorted(option for option in options if f'"{option}"' not in code) == []


def test_its_links_and_paths_lead_somewhere_and_people_find_it() -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", PAGE) + re.findall(r"`(tests/[\w./]+)`", PAGE)
    assert len(links) > 2
    assert [link for link in links if not (PROJECT / link).exists()] == []
    assert "](SECURITY.md)" in README


def test_a_fault_is_reported_in_private_and_to_no_address_that_was_made_up() -> None:
    assert "Report a vulnerability" in PAGE
    assert re.findall(r"[\w.]+@[\w.]+|https?://", PAGE) == []
