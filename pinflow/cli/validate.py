"""``pinflow validate``: reports every mistake of recipes, with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.cli import run_common
from pinflow.cli.error_exit import error_lines
from pinflow.errors import OK, USAGE, PinflowError
from pinflow.reporters.errors import error_data
from pinflow.reporters.text import inert

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plan import Plan

DESCRIPTION = "Check recipes. Reports every mistake as file:line:column, with a suggestion. Sends nothing."
EXAMPLES = """\
  pinflow validate recipes/*.yaml
  pinflow validate copy_board --api v5                   check it against this API
  pinflow validate my.yaml --output json                 for programs"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipes", nargs="+", type=Path, metavar="RECIPE", help="a recipe's file")
    parser.add_argument("--api", metavar="API", help="API version to check against, instead of the recipe's own")
    run_common.add_tokens(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    tokens = run_common.parse_tokens(args.tokens)
    results: list[dict[str, Any]] = []
    for recipe in args.recipes:
        try:
            plan = app.plan(recipe, inputs=None, api=args.api, tokens=tokens)
        except PinflowError as error:
            results.append({"file": str(recipe), "ok": False, "error": error_data(error)})
            for line in error_lines(shell, error) if shell.human else ():
                shell.tell(line)
        else:
            results.append({"file": str(recipe), "ok": True, **recipe_facts(plan)})
            if shell.human:
                shell.say(result_line(str(recipe), results[-1]))
    if not shell.human:
        shell.say_json({"recipes": results})
    return OK if all(result["ok"] for result in results) else USAGE


def recipe_facts(plan: Plan) -> dict[str, Any]:
    """A checked recipe as plain data."""
    return {
        "name": plan.recipe.name,
        "api": plan.api,
        "steps": len(plan.steps) + len(plan.finally_),
        "logins": {
            f"{login.name}@{login.api}": {"token": login.token, "scopes": sorted(login.scopes)}
            for login in plan.logins.values()
        }
        | {
            f"{login.variable}@{login.api}": {"token": None, "scopes": sorted(login.scopes)}
            for login in plan.item_logins.values()
        },
    }


def result_line(recipe: str, facts: dict[str, Any]) -> str:
    """One line: "recipes/x.yaml: ok (3 steps, needs boards:read)"."""
    scopes = sorted({scope for login in facts["logins"].values() for scope in login["scopes"]})
    parts = [f"{facts['steps']} step{'' if facts['steps'] == 1 else 's'}"]
    if scopes:
        parts.append(f"needs {', '.join(scopes)}")
    return inert(f"{recipe}: ok ({'; '.join(parts)})")
