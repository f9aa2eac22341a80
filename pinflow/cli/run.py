"""``pinflow run``: run a recipe."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.cli import run_common
from pinflow.cli.prompts import asked_for
from pinflow.errors import PinflowError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.app import App
    from pinflow.cli.prompts import Choice
    from pinflow.cli.shell import Shell
    from pinflow.plan import Plan
    from pinflow.plan.inputs import Declared

DESCRIPTION = """\
Run a recipe. It is checked as a whole before anything is sent. A run that does not
reach its end (a quota, Ctrl-C, a lost connection) is continued with: pinflow resume"""
EXAMPLES = """\
  pinflow run copy_board --sandbox                       try it, without an account
  pinflow run copy_board -i board="Garden ideas" --dry-run
  pinflow run recipes/copy_board.yaml -i board="Garden ideas" --patience 2h
  pinflow run copy_board -i board=549755885175 --output json > result.json"""
OUTPUTS: Sequence[str] = run_common.OUTPUTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe's file, or the name of a bundled one")
    run_common.add_arguments(parser)
    parser.add_argument("--api", metavar="API", help="API version to run it on, instead of the recipe's own")
    parser.add_argument("--dry-run", action="store_true", help="read, but change nothing; says what would be done")
    parser.add_argument("--sandbox", action="store_true", help="run it on a simulated service, on this machine")
    parser.add_argument(
        "--tier",
        choices=run_common.TIERS,
        help="access tier of your app, which sets the quotas (default: $PINFLOW_TIER, else standard)",
    )


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    tier = run_common.tier_of(args.tier, shell.environ)
    given = run_common.given_inputs(args.inputs)
    plan, given = _planned(args, shell, app, given)
    # what a terminal would act on is no text to paste either
    hidden = {name for name, value in given.items() if name in plan.secrets or not value.isprintable()}
    shown = {name: "..." if name in hidden else value for name, value in given.items()}
    # in the sandbox an input may be the recipe's example, which no account of a person's has
    shown |= {name: "..." for name, each in plan.recipe.inputs.items() if each.required and name not in given}
    return run_common.perform(
        shell,
        args,
        lambda options: app.run(plan, options),
        dry_run=args.dry_run,
        sandbox=args.sandbox,
        tier=tier,
        command=run_common.command_line(str(args.recipe), shown, args.api, shell.options.plugins),
        sign_in=_sign_in(app, plan, [str(args.recipe), *run_common.plugin_words(shell.options.plugins)], args.api),
    )


def _sign_in(app: App, plan: Plan, recipe: Sequence[str], api: str | None) -> list[str]:
    """The commands that get the tokens of a recipe (and what it needs to be read), where its APIs give them out so."""
    from pinflow.plan.logins import DEFAULT_TOKEN

    if "auth" not in app.registry.commands:
        return []
    logins = [(each.token, each.api) for each in plan.logins.values()]
    logins += [(DEFAULT_TOKEN, each.api) for each in plan.item_logins.values()]
    found = [(token, its) for token, its in dict.fromkeys(logins) if app.registry.apis[its].oauth is not None]
    several = len({its for _, its in found}) > 1
    return [
        shlex.join(
            [
                *("pinflow", "auth", "login"),
                *([token] if token != DEFAULT_TOKEN else []),
                *("--recipe", *recipe),
                *(["--api", its] if api or several else []),
            ]
        )
        for token, its in found
    ]


def _planned(args: argparse.Namespace, shell: Shell, app: App, given: dict[str, str]) -> tuple[Plan, dict[str, str]]:
    """The plan, and the inputs that a person gave or was asked for."""
    from pinflow.plan.inputs import MissingInputs

    try:
        return app.plan(args.recipe, inputs=given, api=args.api, examples=args.sandbox), given
    except MissingInputs as error:
        if not shell.interactive:
            raise
        missing = error.missing
    checked = app.plan(args.recipe, inputs=None, api=args.api)
    answers = given | {each.name: _ask(shell, app, each, checked) for each in missing}
    return app.plan(args.recipe, inputs=answers, api=args.api, examples=args.sandbox), answers


def _ask(shell: Shell, app: App, declared: Declared, plan: Plan) -> str:
    def choices() -> Sequence[Choice]:
        if declared.input.choices:
            return [(str(value), str(value)) for value in declared.input.choices]
        try:
            return app.choices(declared, plan)
        except PinflowError as error:
            shell.tell(f"what there is to choose from can't be read: {error.message.splitlines()[0]}")
            return []

    return asked_for(shell, declared.name, declared.input.type, declared.input.description, choices)
