"""The page on the recipes that come with pinflow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pinflow.plan.model import all_steps
from pinflow.plugin.contributions import FactsPage
from pinflow.recipe.bundled import bundled_recipes
from pinflow.recipe.reader import parse_all
from pinflow.recipe.source import read
from pinflow.reporters.markdown import code, codes, fence, sections, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pinflow.plan import Plan
    from pinflow.recipe.model import Recipe


def page(plan: Callable[[Path], Plan]) -> FactsPage:
    """The page; ``plan`` checks a recipe and tells what it needs."""
    return FactsPage(
        name="bundled-recipes",
        title="Bundled recipes",
        about="The recipes that come with pinflow: what each does, takes and needs, and its text.",
        text=partial(_text, plan),
        words=(
            "examples",
            "ready made",
            "templates",
            "copy a board",
            "report",
            "bulk upload",
            "repost",
            "pin scheduler",
        ),
        see="[recipe keys](recipe-keys.md), to change one of them. In the terminal: `pinflow recipes NAME`.",
    )


def _text(plan: Callable[[Path], Plan]) -> str:
    files = sorted(bundled_recipes().glob("*.yaml"))
    recipes = {file: _recipe(file) for file in files}
    rows = [(f"[{code(file.stem)}](#{file.stem.lower()})", _first(recipe)) for file, recipe in recipes.items()]
    return sections(
        "Run one by its name from any folder: `pinflow run copy_board`. Add `--sandbox` to try it without an account.",
        table(("recipe", "what it does"), rows),
        *(_entry(file, recipe, plan(file)) for file, recipe in recipes.items()),
    )


def _recipe(file: Path) -> Recipe:
    recipe, problems = parse_all(read(file, file.name))
    assert recipe is not None and not problems, problems  # noqa: S101 - they come with pinflow and are tested
    return recipe


def _first(recipe: Recipe) -> str:
    return " ".join(recipe.description.split()).partition(". ")[0].rstrip(".") + "."


def _entry(file: Path, recipe: Recipe, plan: Plan) -> str:
    rows = [
        (
            code(f"-i {name}="),
            code(given.type),
            "must be given" if given.required else code(_default(given.default)),
            given.description,
        )
        for name, given in recipe.inputs.items()
    ]
    logins = [
        f"- login {code(login.name)}, token {code(login.token)}: {codes(sorted(login.scopes)) or 'no scope'}"
        for login in plan.logins.values()
    ]
    quota = sorted({category for step in all_steps((*plan.steps, *plan.finally_)) for category in step.quotas})
    return sections(
        f"## {file.stem}",
        " ".join(recipe.description.split()),
        table(("input", "type", "default", "what it is"), rows),
        "It needs:" if logins else "",
        "\n".join(logins),
        f"Its calls count against: {codes(quota)}." if quota else "",
        fence(file.read_text(encoding="utf-8"), "yaml"),
    )


def _default(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
