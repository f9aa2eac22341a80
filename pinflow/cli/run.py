"""``pinflow run``: run a recipe."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING

from pinflow.cli import run_common
from pinflow.cli.prompts import ask_input
from pinflow.errors import PinflowError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pinflow.app import App
    from pinflow.cli.prompts import Choice
    from pinflow.cli.shell import Shell
    from pinflow.plan import Plan
    from pinflow.plan.inputs import DeclaredInput

DESCRIPTION = """\
Run a recipe. The whole recipe is checked before anything is sent. A run that stops
early (a quota, Ctrl-C, a lost connection) can be continued with: pinflow resume"""
EXAMPLES = """\
  pinflow run copy_board --sandbox                       try it, without an account
  pinflow run copy_board -i board="Garden ideas" --dry-run
  pinflow run ./my.yaml -i board="Garden ideas" --patience 2h
  pinflow run list_boards --token second                 for the account of another token
  pinflow run copy_board -i board=549755885175 --output json > result.json"""
OUTPUTS: Sequence[str] = run_common.OUTPUTS
_SIGN_INS = 5  # commands that sign in to the accounts of a loop: the others are like these


def add_arguments(parser: argparse.ArgumentParser) -> None:
    run_common.add_recipe(parser)
    run_common.add_tokens(parser)
    run_common.add_arguments(parser)
    parser.add_argument("--api", metavar="API", help="API version to run it on, instead of the recipe's own")
    parser.add_argument("--dry-run", action="store_true", help="read, but change nothing; show what would be done")
    parser.add_argument("--sandbox", action="store_true", help="run it on a simulated service, on this machine")
    parser.add_argument(
        "--tier",
        choices=run_common.TIERS,
        help="access tier of your app, which sets the quotas (default: $PINFLOW_TIER, else standard)",
    )


def run(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.plan.token_choices import stored_name

    app = shell.app()
    run_common.tell_recipes(shell, app, [args.recipe])
    tier = run_common.find_tier(args.tier, shell.environ)
    typed = run_common.parse_inputs(args.inputs)
    tokens = run_common.parse_tokens(args.tokens)
    plan, inputs = _make_plan(args, shell, app, dict(typed), tokens)
    run_common.warn_of_secrets(shell, typed, plan.secrets)
    # a value with control characters can't be pasted into a shell
    hidden = {name for name, value in inputs.items() if name in plan.secrets or not value.isprintable()}
    shown = {name: "..." if name in hidden else value for name, value in inputs.items()}
    shown |= {stored_name(login): token for login, token in tokens.items()}
    given = dict(shown)
    # the sandbox uses the recipe's examples, which real accounts don't have
    shown |= {name: "..." for name, input in plan.recipe.inputs.items() if input.required and name not in inputs}
    return run_common.execute(
        shell,
        args,
        lambda options: app.run(plan, options),
        dry_run=args.dry_run,
        sandbox=args.sandbox,
        tier=tier,
        command=run_common.command_line(
            str(args.recipe), shown, args.api, shell.options.plugins, output=args.output_dir
        ),
        again=" ".join(
            [
                run_common.command_line(
                    str(args.recipe), given, args.api, shell.options.plugins, output=args.output_dir
                ),
                *(["--sandbox"] if args.sandbox else []),
                *([f"--tier {args.tier}"] if args.tier else []),
                *([f"--max-writes {args.max_writes}"] if args.max_writes is not None else []),
                *([shlex.join(["--executor", args.executor])] if args.executor != "threads" else []),
                *(["--unattended"] if args.unattended else []),
                *(["--yes"] if args.yes else []),
            ]
        ),
        sign_in=_sign_in_commands(
            app, plan, [str(args.recipe), *run_common.plugin_words(shell.options.plugins)], args.api
        ),
    )


def _sign_in_commands(app: App, plan: Plan, recipe: Sequence[str], api: str | None) -> list[str]:
    """The commands that sign in to what a recipe needs; ``recipe`` are the words that name it on a command line."""
    if "auth" not in app.registry.commands:
        return []
    logins = [(login.token, login.api) for login in plan.logins.values()]
    for login in plan.item_logins.values():
        names = login.names[:_SIGN_INS] or (app.registry.apis[login.api].tokens.default,)
        logins += [(name, login.api) for name in names]
    logins = [(token, id) for token, id in dict.fromkeys(logins) if app.registry.apis[id].oauth is not None]
    several = len({id for _, id in logins}) > 1
    return [
        shlex.join(
            [
                *("pinflow", "auth", "login"),
                *([token] if token != app.registry.apis[id].tokens.default else []),
                *("--recipe", *recipe),
                *(["--api", id] if api or several else []),
            ]
        )
        for token, id in logins
    ]


def _make_plan(
    args: argparse.Namespace, shell: Shell, app: App, inputs: dict[str, str], tokens: Mapping[str, str]
) -> tuple[Plan, dict[str, str]]:
    """The plan, and ``inputs`` with those that the user was asked for."""
    from pinflow.plan.inputs import MissingInputs

    plan_with = partial(app.plan, args.recipe, api=args.api, examples=args.sandbox, tokens=tokens)
    try:
        return plan_with(inputs=inputs), inputs
    except MissingInputs as error:
        if not shell.interactive:
            raise
        missing = error.missing
    plan = plan_with(inputs=None, examples=False)
    inputs |= {declared.name: _ask_for_input(shell, app, declared, plan) for declared in missing}
    return plan_with(inputs=inputs), inputs


def _ask_for_input(shell: Shell, app: App, declared: DeclaredInput, plan: Plan) -> str:
    def choices() -> Sequence[Choice]:
        if declared.input.choices:
            return [(str(value), str(value)) for value in declared.input.choices]
        try:
            return app.accounts.choices(declared, plan)
        except PinflowError as error:
            shell.tell(f"can't list the choices: {error.message.splitlines()[0]}")
            return []

    return ask_input(shell, declared.name, declared.input.type, declared.input.description, choices)
