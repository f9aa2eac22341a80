"""``pinflow new``: a recipe or a plugin to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.errors import OK, UsageError
from pinflow.reporters.text import fit, inert, json_text, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell

DESCRIPTION = "Start a recipe from a template: a skeleton, or one of the recipes that come with pinflow."
EXAMPLES = """\
  pinflow new recipe                                     the templates
  pinflow new recipe loop -o my.yaml                     a recipe of your own"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    recipe = below.add_parser(
        "recipe", help="a recipe from a template", description="Write a recipe from a template, or list the templates."
    )
    recipe.add_argument("template", nargs="?", metavar="TEMPLATE", help="what to start from; left out, all are listed")
    recipe.add_argument("-o", "--to", type=Path, metavar="FILE", help="write it here, not to standard output")


def run(args: argparse.Namespace, shell: Shell) -> int:
    if args.template is None:
        if args.to is not None:
            raise UsageError(f"no template is named for {args.to}", hint="pinflow new recipe lists them")
        return _list(shell)
    from pinflow.scaffold import recipe_template

    return give_recipe(shell, recipe_template(args.template).text(), args.to)


def give_recipe(shell: Shell, text: str, to: Path | None) -> int:
    """Write a new recipe to ``to``, or to standard output. Raises UsageError if the file is there already."""
    from pinflow.scaffold import write_new

    if to is None:
        shell.say(text.removesuffix("\n") if shell.human else json_text({"recipe": text}))
        return OK
    write_new(to.parent, {to.name: text})
    if not shell.human:
        shell.say(json_text({"recipe": text, "file": str(to)}))
        return OK
    shell.tell(f"wrote {inert(str(to))}; try it: pinflow run {inert(str(to))} --sandbox")
    return OK


def _list(shell: Shell) -> int:
    from pinflow.scaffold import recipe_templates

    templates = recipe_templates()
    if not shell.human:
        shell.say(json_text({"templates": [{"name": t.name, "description": t.description} for t in templates]}))
        return OK
    for line in table([(inert(each.name), inert(each.description)) for each in templates]):
        shell.say(fit(line, shell.width(shell.stdout)))
    return OK
