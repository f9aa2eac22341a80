"""A test that prints a secret, or what acts on a terminal, fails; also where a process that it started printed it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

INNER = """
import subprocess
import sys
import pytest

TOKEN = "pina_" + "sandbox_6e1d"

def by_a_child(text):
    subprocess.run([sys.executable, "-c", f"print({text!r})"], capture_output=True, check=True)

def test_clean():
    by_a_child("nothing to see")
    print("a token of the sandbox", "\\x1b[31mred\\x1b[0m")

def test_token():
    print(TOKEN)

def test_token_of_a_child():
    by_a_child(TOKEN)

def test_control():
    print("title \\x1b[2J")

def test_control_of_a_child():
    by_a_child("title \\u202e")

@pytest.mark.prints_tokens
@pytest.mark.prints_controls
def test_on_purpose():
    print(TOKEN, "\\x1b[2J")

def test_after_all_that():
    print("what others printed is theirs")
"""


# what this test reads of its child is what fails the tests in there
@pytest.mark.prints_tokens
@pytest.mark.prints_controls
def test_what_tests_print_is_searched(tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(INNER, "utf-8")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "--rootdir", str(PROJECT)]
    done = subprocess.run(
        [sys.executable, *words, "-c", str(PROJECT / "pyproject.toml"), str(tmp_path / "test_inner.py")],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
    )
    found = {line.partition("::")[2].split(" ")[0] for line in done.stdout.splitlines() if line.startswith("ERROR ::")}
    assert found == {"test_token", "test_token_of_a_child", "test_control", "test_control_of_a_child"}, done.stdout
