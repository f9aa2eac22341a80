"""``pinflow validate``: reports every mistake of recipes, with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.cli import run_common
from pinflow.cli.error_exit import error_lines
from pinflow.errors import OK, USAGE, PinflowError, UsageError
from pinflow.lazy_dataclass import dataclass, replace
from pinflow.recipe.bundled import is_folder, recipe_path
from pinflow.recipe.folders import is_recipe, yaml_files
from pinflow.reporters.errors import error_data
from pinflow.reporters.text import inert

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pinflow.app import App
    from pinflow.cli.shell import Shell
    from pinflow.plan import Plan

DESCRIPTION = "Check recipes. Reports every mistake as file:line:column, with a suggestion. Sends nothing."
EXAMPLES = """\
  pinflow validate recipes                               every recipe in a folder and below it
  pinflow validate copy_board --api v5                   check it against this API
  pinflow validate my.yaml --output json                 for programs"""
OUTPUTS: Sequence[str] = ("human", "json")

_NOT_A_RECIPE = "it isn't a recipe: it has no steps"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipes",
        nargs="+",
        type=recipe_path,
        metavar="RECIPE",
        help="names of recipes, files, or folders, with all that is below them",
    )
    parser.add_argument("--api", metavar="API", help="API version to check against, instead of the recipe's own")
    run_common.add_tokens(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    selection = _select(args.recipes)
    tokens = run_common.parse_tokens(args.tokens)
    results = [_check(app, file, args.api, tokens) for file in selection.files]
    included = {file: result.file for result in results for file in result.includes}
    results = [result.as_part_of(included.get(result.file.resolve())) for result in results]
    results += [CheckedFile(folder, error=error) for folder, error in selection.empty.items()]
    if not shell.human:
        skipped = [{"file": str(file), "reason": _NOT_A_RECIPE} for file in selection.skipped]
        shell.say_json({"recipes": [result.data() for result in results], "skipped": skipped})
    else:
        run_common.tell_recipes(shell, app, [recipe for recipe in args.recipes if recipe in selection.files])
        _show(results, selection, shell)
    return OK if all(result.ok for result in results) else USAGE


@dataclass(frozen=True, slots=True)
class FileSelection:
    """The files to check; those of folders that are no recipes; and the folders that have none."""

    files: Sequence[Path]
    skipped: Sequence[Path]
    empty: Mapping[Path, PinflowError]
    folders: int = 0


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What came of a file: the facts of its recipe, or what is wrong with it.

    ``includes`` are the whole paths of the recipes that it includes, ``included_by`` one that includes it and is right:
    a recipe that is a part of others need not be whole by itself.
    """

    file: Path
    facts: Mapping[str, Any] | None = None
    error: PinflowError | None = None
    includes: Sequence[Path] = ()
    included_by: Path | None = None

    @property
    def ok(self) -> bool:
        return self.error is None or self.included_by is not None

    def as_part_of(self, by: Path | None) -> CheckedFile:
        """The same, as part of a recipe that is right."""
        return self if self.error is None or by is None else replace(self, included_by=by)

    def data(self) -> dict[str, Any]:
        """As JSON."""
        if self.included_by is not None:
            return {"file": str(self.file), "ok": True, "included_by": str(self.included_by)}
        if self.error is not None:
            return {"file": str(self.file), "ok": False, "error": error_data(self.error)}
        return {"file": str(self.file), "ok": True, **(self.facts or {})}


def _select(recipes: Sequence[Path]) -> FileSelection:
    """The files that are named, and those in folders that are recipes; each once."""
    files: dict[Path, None] = {}
    skipped: dict[Path, None] = {}
    empty: dict[Path, PinflowError] = {}
    folders = [recipe for recipe in recipes if is_folder(recipe)]
    for recipe in recipes:
        if recipe not in folders:
            files[recipe] = None
            continue
        below = list(yaml_files(recipe))
        own = [file for file in below if is_recipe(file)]
        if not own:
            empty[recipe] = UsageError(f"there is no recipe in {recipe}", hint="a recipe is a .yaml file with steps:")
        files.update(dict.fromkeys(own))
        skipped.update(dict.fromkeys(below))
    return FileSelection(list(files), [file for file in skipped if file not in files], empty, len(folders))


def _check(app: App, file: Path, api: str | None, tokens: Mapping[str, str]) -> CheckedFile:
    try:
        plan = app.plan(file, inputs=None, api=api, tokens=tokens)
    except PinflowError as error:
        return CheckedFile(file, error=error)
    return CheckedFile(file, recipe_facts(plan), includes=[Path(name).resolve() for name in plan.recipe_files[1:]])


def _show(results: Sequence[CheckedFile], selection: FileSelection, shell: Shell) -> None:
    """Write a line for each recipe, its mistakes in place of it, and for folders what was skipped and how many."""
    for result in results:
        if result.included_by is not None:
            shell.say(inert(f"{result.file}: ok as a part of {result.included_by}"))
        elif result.error is not None:
            for line in error_lines(shell, result.error):
                shell.tell(line)
        else:
            shell.say(result_line(str(result.file), dict(result.facts or {})))
    if not selection.folders or shell.options.verbosity < 0:
        return
    for file in selection.skipped:
        shell.tell(inert(f"{file}: skipped, {_NOT_A_RECIPE}"))
    checked, wrong = len(selection.files), sum(not result.ok for result in results) - len(selection.empty)
    others = f"; {len(selection.skipped)} skipped" if selection.skipped else ""
    shell.tell(f"{checked} recipe{'' if checked == 1 else 's'}: {checked - wrong} ok, {wrong} with mistakes{others}")


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
