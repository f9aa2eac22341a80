"""``pinflow docs``: pages found by name and by words, in the terminal or in a browser."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pinflow.plugin.contributions import FactsPage
from pinflow.reference.shelf import Shelf
from pinflow.reporters.desktop import open_in_browser
from pinflow.reporters.pages import markdown_text, page_through
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.reference.shelf import ShelfPage


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    texts = {
        "index.md": "# pinflow\n\nStart here. Then go on.\n\n```{toctree}\n:hidden:\n\ntasks/index\n```\n",
        "tasks/index.md": "# Tasks\n\nWhat [people](x.md) do. More.\n",
        "tasks/approve.md": '---\nmyst:\n  html_meta:\n    "keywords": "consent"\n---\n# Let it run\n\nApprove it.\n',
        "tasks/other.md": "# Other\n\nSomething that one may approve, approve and approve again.\n",
        "site/index.html": "<html></html>",
        "facts/old.md": "# Old\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Shelf(tmp_path, [])


def names(pages: Iterator[ShelfPage] | list[ShelfPage]) -> list[str]:
    return [page.name for page in pages]


# Pages


def test_pages_are_those_that_people_wrote_and_neither_built_nor_generated_ones(shelf: Shelf) -> None:
    assert names(iter(shelf)) == ["index", "tasks/approve", "tasks/index", "tasks/other"]


def test_a_page_is_found_by_its_name_the_end_of_it_or_its_title(shelf: Shelf) -> None:
    for name in ("tasks/approve", "approve", "tasks/approve.md", "Let it run", "/tasks/approve.html"):
        page = shelf.find(name)
        assert page is not None and page.name == "tasks/approve", name
    folder = shelf.find("tasks")
    assert folder is not None and folder.name == "tasks/index"
    assert shelf.find("facts/old") is None


def test_a_title_counts_more_than_any_number_of_mentions(shelf: Shelf) -> None:
    assert names(shelf.search(["approve"])) == ["tasks/approve", "tasks/other"]
    assert names(shelf.search(["consent"])) == ["tasks/approve"], "a word of its metadata"
    assert names(shelf.search(["approve", "again"])) == ["tasks/other"], "all words must be there"
    assert shelf.search(["nowhere"]) == []


def test_what_only_the_site_needs_is_left_out_of_a_text(shelf: Shelf) -> None:
    pages = {page.name: page for page in shelf}
    assert pages["index"].text == "# pinflow\n\nStart here. Then go on.\n\n"
    assert pages["tasks/approve"].text == "# Let it run\n\nApprove it.\n"
    assert (pages["tasks/index"].title, pages["tasks/index"].about) == ("Tasks", "What people do.")


def test_a_page_has_a_file_that_is_built_or_its_text(shelf: Shelf) -> None:
    pages = {page.name: page for page in shelf}
    assert shelf.file_of(pages["index"]) == shelf.folder / "site" / "index.html"
    assert shelf.file_of(pages["tasks/other"]) == shelf.folder / "tasks" / "other.md"
    facts = FactsPage(name="limits", title="Limits", about="How many.", text=lambda: "Ten.")
    (made,) = (page for page in Shelf(shelf.folder, [facts]) if page.name == "facts/limits")
    assert shelf.file_of(made) is None
    assert made.text == "# Limits\n\nHow many.\n\nTen.\n"


def test_links_become_names_in_a_terminal(shelf: Shelf) -> None:
    (shelf.folder / "tasks" / "links.md").write_text(
        "# Links\n\n[one](approve.md), [two](../index.md#here), [three](https://a.example/x.md).\n\n"
        "| [four](other.md) |\n"
    )
    page = Shelf(shelf.folder, []).find("links")
    assert page is not None
    assert page.terminal_text == (
        "# Links\n\none (`tasks/approve`), two (`index`), [three](https://a.example/x.md).\n\n| four |\n"
    )


# The command


def test_a_page_of_facts_is_made_on_the_spot(cli: Cli) -> None:
    assert cli("docs", "facts/expressions") == 0
    assert cli.stdout.startswith("# Expressions\n")
    assert '| `lower("Garden Ideas")` | `"garden ideas"` |\n' in cli.stdout


def test_a_command_has_a_page_with_its_options(cli: Cli) -> None:
    assert cli("docs", "pinflow run") == 0
    assert "`--dry-run`" in cli.stdout and "pinflow run copy_board" in cli.stdout


def test_the_list_names_every_page_once(cli: Cli) -> None:
    assert cli("docs", "--names") == 0
    listed = cli.stdout.splitlines()
    assert len(listed) == len(set(listed)) > 50
    assert {"facts/expressions", "facts/commands/run", "facts/operations/boards", "facts/sandbox-settings"} <= set(
        listed
    )
    assert [page["name"] for page in cli.data("docs", "--list")["pages"]] == listed


def test_words_find_pages_and_a_single_one_is_shown(cli: Cli) -> None:
    found = [page["name"] for page in cli.data("docs", "exit", "code")["pages"]]
    assert "facts/exit-codes" in found[:5] and len(found) == len(set(found)) > 5
    assert cli("docs", "machine readable", "RunFinished") == 0
    assert cli.stdout.startswith("# Events and JSON\n")


def test_a_page_that_is_not_there_is_named_with_the_nearest(cli: Cli) -> None:
    assert cli("docs", "expresions") == 2
    assert cli.stderr == (
        "error: no page has 'expresions'; did you mean 'expressions'?\n  every page: pinflow docs --list\n"
    )


def test_a_page_as_json_has_its_text(cli: Cli) -> None:
    page = cli.data("docs", "facts/exit-codes")
    assert (page["name"], page["title"]) == ("facts/exit-codes", "Exit codes")
    assert "## 4: sign-in needed" in page["text"]


# Terminals


def test_markdown_is_laid_out_for_the_width_of_a_terminal() -> None:
    text = markdown_text(
        "# Title\n\n" + "word " * 40 + "\n\n| a | b |\n| - | - |\n| `x` | y |\n", width=60, color=False
    )
    assert max(map(len, text.splitlines())) <= 60
    assert "\x1b" not in text and "Title" in text and "x" in text
    assert "\x1b[" in markdown_text("**bold**", width=60, color=True)


def test_a_pager_is_used_that_the_person_names_and_none_that_is_not_there(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    pager = tmp_path / "pager"
    pager.write_text(f'#!/bin/sh\ncat > "{taken}"\n')
    pager.chmod(0o755)
    environ = {"PATH": os.environ["PATH"]}
    assert page_through("a page", environ | {"PAGER": str(pager)})
    assert taken.read_text() == "a page\n"
    assert not page_through("a page", environ | {"PAGER": str(tmp_path / "none")})


def test_at_a_terminal_without_a_browser_the_text_is_shown(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    environ = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    }
    environ |= {"PINFLOW_STATE_DIR": str(tmp_path), "PINFLOW_CACHE_DIR": str(tmp_path), "PAGER": "cat", "TERM": "xterm"}
    command = [sys.executable, "-m", "pinflow", "docs", "facts/notices", "--text"]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(master)
    assert process.returncode == 0
    assert b"\x1b[" in shown and b"token_ends" in shown


def test_a_browser_that_the_person_names_opens_a_page_and_sees_no_token(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\n(echo "$1"; env) > "{taken}"\n')
    browser.chmod(0o755)
    page = tmp_path / "index.html"
    page.write_text("<html></html>")
    environ = {"PATH": os.environ["PATH"], "BROWSER": str(browser), "ACCESS_TOKEN": "not for browsers"}
    assert open_in_browser(page.as_uri(), environ, windows_only=True)
    address, *told = taken.read_text().splitlines()
    assert address == page.as_uri()
    assert any(line.startswith("BROWSER=") for line in told) and "not for browsers" not in "\n".join(told)


def test_without_a_browser_nothing_is_opened(tmp_path: Path) -> None:
    assert not open_in_browser((tmp_path / "index.html").as_uri(), {"PATH": str(tmp_path)}, windows_only=True)
