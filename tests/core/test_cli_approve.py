"""``pinflow approve`` from its words to its output."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.test_cli_commands import SHOP, WIPE, Shop

if TYPE_CHECKING:
    from tests.cli import Cli


READS = """
name: n
steps:
  - uses: paint
    if: "false"
    with: {color: "#000000", way: brush, coats: 2, when: "2026-01-01", rooms: ["1"]}
"""


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def cli(cli: Cli, shop: Shop) -> Cli:
    cli.use_plugins(shop)
    return cli


def test_pinflow_approve_shows_the_plan_before_it_asks(cli: Cli, shop: Shop) -> None:
    recipe = cli.recipe(SHOP)
    assert cli("approve", recipe, "-i", "count=4", "-i", "secret=hunter22", answers="y\n") == 0
    shown = cli.stderr
    assert "  count   4" in shown
    assert "from the recipe" in shown
    assert "  secret  (secret)" in shown
    assert "  make  make_things" in shown
    assert "  thing               4" in shown or "would be done" in shown
    assert "up to 1,000 changes (--max-writes)\n" in shown  # it deletes nothing
    assert "hunter22" not in shown + cli.stdout
    assert cli.stdout.startswith("approved as ")
    shop.made.clear()  # this plugin's dry run does it all
    assert cli("run", recipe, "-i", "count=4", "-i", "secret=other one", "--unattended") == 0
    assert shop.made == [0, 1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such ids")
def test_a_user_without_a_name_as_in_a_container_can_approve(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> Any:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert cli("approve", cli.recipe(SHOP), "-i", "count=4", "--yes") == 0
    assert cli("approve", "--list", "--output", "json") == 0
    assert json.loads(cli.stdout)["approvals"][0]["by"] == f"uid {os.getuid()}"


@pytest.mark.parametrize("answers", [None, "n\n", "\n"])
def test_nothing_is_approved_without_a_yes(cli: Cli, shop: Shop, answers: str | None) -> None:
    recipe = cli.recipe(SHOP)
    assert cli("approve", recipe, "-i", "count=4", answers=answers) == 5
    assert "was not approved" in " ".join(cli.stderr.split())
    shop.made.clear()  # this plugin's dry run does it all
    assert cli("run", recipe, "-i", "count=4", "--unattended") == 5
    assert f"pinflow approve {recipe} -i count=4" in cli.stderr
    assert shop.made == []


def test_approving_with_yes_asks_nothing_and_makes_the_dry_run_all_the_same(cli: Cli, shop: Shop) -> None:
    recipe = cli.recipe(WIPE)
    assert cli("approve", recipe, "--yes", "--output", "json") == 0
    assert cli.json["approval"]["deletes"] == ["wipe"]
    assert "DELETES" in cli.stderr
    assert "up to 1,000 changes (--max-writes), including deletions" in cli.stderr
    assert "one run, if it started now" in cli.stderr
    shop.wiped = 0  # this plugin's dry run does it all
    assert cli("run", recipe, "--unattended") == 0
    assert shop.wiped == 1


def test_approvals_are_listed_and_taken_back(cli: Cli) -> None:
    cli("approve", "--list")
    assert "No approvals" in cli.stderr
    recipe = cli.recipe(SHOP)
    cli("approve", recipe, "-i", "count=4", "--yes", "--max-writes", "7")
    cli("approve", "--list", "--output", "json")
    (row,) = cli.json["approvals"]
    assert (row["inputs"], row["max_writes"]) == ({"count": 4}, 7)
    assert cli("approve", "--list") == 0
    assert "count=4" in cli.stdout
    assert "up to 7" in cli.stdout
    assert cli("approve", "--revoke", row["id"]) == 0
    assert cli.stdout == f"revoked: {row['id']}\n"
    assert cli("approve", "--revoke", row["id"]) == 2


def test_what_only_reads_needs_no_approval(cli: Cli) -> None:
    recipe = cli.recipe(READS)
    assert cli("approve", recipe) == 0
    assert "needs" not in cli.stderr
    assert "changes nothing and needs no approval" in cli.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no recipe given"),
        (["nothing.yaml"], "no such file"),
        (["RECIPE", "--list"], "can't be used with a recipe"),
        (["RECIPE", "-i", "count=1", "--max-writes", "some"], "must be a whole number"),
        (["--revoke", "abc"], "no approval matches 'abc'"),
    ],
)
def test_wrong_words_of_pinflow_approve_are_explained(cli: Cli, words: list[str], said: str) -> None:
    recipe = cli.recipe(SHOP)
    assert cli("approve", *(recipe if word == "RECIPE" else word for word in words)) == 2
    assert said in cli.stderr


def test_pinflow_max_writes_limits_a_run(cli: Cli, shop: Shop) -> None:
    recipe = cli.recipe(SHOP)
    cli.environ["PINFLOW_MAX_WRITES"] = "2"
    assert cli("run", recipe, "-i", "count=3") == 5
    assert shop.made == []
    assert cli("run", recipe, "-i", "count=3", answers="y\n") == 0
    assert "this makes up to 3 changes (things of step make). Continue? [y/N]" in cli.stderr
    cli.environ["PINFLOW_MAX_WRITES"] = "plenty"
    assert cli("run", recipe, "-i", "count=3") == 2
    assert "PINFLOW_MAX_WRITES must be a whole number, not 'plenty'" in cli.stderr
