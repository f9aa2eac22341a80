"""``pinflow new``: creates a recipe or a plugin from a template, or a recipe from something else."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.errors import OK, UsageError
from pinflow.reporters.text import inert, json_text, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import Importer

DESCRIPTION = "Create a recipe from a template, or a plugin that can be installed, tested and run as it is."
EXAMPLES = """\
  pinflow new plugin acme                                create a package in ./pinflow-acme
  pinflow new recipe                                     list the templates
  pinflow new recipe loop -o my.yaml                     create a recipe
  pinflow new --from-curl 'curl https://...'             create one that makes the same call
  pinflow new --from-arazzo workflow.yaml -o my.yaml     create one that makes the same steps"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="what", metavar="WHAT")
    recipe = below.add_parser(
        "recipe", help="a recipe from a template", description="Create a recipe from a template, or list the templates."
    )
    recipe.add_argument("template", nargs="?", metavar="TEMPLATE", help="a template; without one, list all")
    recipe.add_argument("-o", "--to", type=Path, metavar="FILE", help="write to this file instead of standard output")
    plugin = below.add_parser(
        "plugin",
        help="a plugin of your own",
        description="Create a plugin as a package: an action, a recipe that uses it, and tests that pass.",
    )
    plugin.add_argument("name", metavar="NAME", help="the plugin's name: small letters, digits and _")
    plugin.add_argument("--into", type=Path, metavar="DIR", help="write to this folder (default: ./pinflow-NAME)")


def add_offers(parser: argparse.ArgumentParser, shell: Shell) -> None:
    """Add the options of importers, which make a recipe from something else; ``recipe`` may stand before them."""
    import argparse

    from pinflow.cli.parser import below

    unset = argparse.SUPPRESS  # an option may also come before ``recipe``: without a default, it replaces nothing
    app = shell.app()
    parser.set_defaults(app=app)
    parser.add_argument("-o", "--to", type=Path, metavar="FILE", default=unset, help="write to this file")
    for receiver in (parser, dict(below(parser))["recipe"]):
        group = receiver.add_argument_group("a recipe from something else")
        for importer in app.registry.importers.values():
            group.add_argument(
                f"--from-{importer.name}",
                dest=f"from_{importer.name}",
                metavar=importer.metavar,
                default=unset,
                help=importer.help.replace("%", "%%"),
            )


def run(args: argparse.Namespace, shell: Shell) -> int:
    to: Path | None = getattr(args, "to", None)
    importers = [
        importer for importer in args.app.registry.importers.values() if hasattr(args, f"from_{importer.name}")
    ]
    if len(importers) > 1:
        raise UsageError(f"--from-{importers[0].name} and --from-{importers[1].name} can't be used together")
    if importers:
        return _import_recipe(args, importers[0], shell, to)
    if args.what is None:
        raise UsageError("name what to create: recipe, plugin, or --from-...", hint="see: pinflow new --help")
    if args.what == "plugin":
        return _write_plugin(shell, args.name, args.into)
    if args.template is None:
        if to is not None:
            raise UsageError(f"{to} needs a template", hint="pinflow new recipe lists them")
        return _list_templates(shell, args.app.registry.recipes.values())
    from pinflow.cli.scaffold import recipe_template

    return write_recipe(shell, recipe_template(args.template, args.app.registry.recipes.values()).text(), to)


def _import_recipe(args: argparse.Namespace, importer: Importer, shell: Shell, to: Path | None) -> int:
    """Write the recipe that an importer makes, and its notes on what it left out."""
    if args.what == "plugin" or (args.what == "recipe" and args.template is not None):
        raise UsageError(
            f"--from-{importer.name} can't be used with a template or a plugin", hint="leave out the other name"
        )
    source: str = getattr(args, f"from_{importer.name}")
    draft = importer.read(shell.stdin.read() if source == "-" else source, args.app)
    code = write_recipe(shell, draft.recipe, to)
    for note in draft.notes:
        shell.tell(f"note: {inert(note)}")
    return code


def write_recipe(shell: Shell, text: str, to: Path | None) -> int:
    """Write a new recipe to ``to``, or to standard output. Raises UsageError if the file exists."""
    from pinflow.cli.scaffold import write_new

    if to is None:
        shell.say(text.removesuffix("\n") if shell.human else json_text({"recipe": text}))
        return OK
    write_new(to.parent, {to.name: text})
    if not shell.human:
        return shell.say_json({"recipe": text, "file": str(to)})
    shell.tell(f"wrote {inert(str(to))}; try it: pinflow run {inert(str(to))} --sandbox")
    return OK


def _write_plugin(shell: Shell, name: str, into: Path | None) -> int:
    from pinflow.cli.scaffold import check_empty, check_free, distribution, plugin_files, write_new

    files = plugin_files(name)
    check_free(name, shell.app().registry.plugins)
    folder = into or Path(distribution(name))
    check_empty(folder)
    write_new(folder, files)
    if not shell.human:
        return shell.say_json({"folder": str(folder), "files": sorted(files)})
    shell.tell(f"wrote {len(files)} files; next:")
    for line in (
        f"cd {shlex.quote(str(folder))}",
        "pip install -e '.[test]'",
        "pytest",
        f"pinflow run recipes/{name}.yaml --sandbox",
        f"pinflow plugins check {name}",
    ):
        shell.tell(f"  {line}")
    return OK


def _list_templates(shell: Shell, offered: Iterable[Path]) -> int:
    from pinflow.cli.scaffold import recipe_templates

    templates = recipe_templates(offered)
    if not shell.human:
        return shell.say_json({"templates": [{"name": t.name, "description": t.description} for t in templates]})
    return shell.say_lines(
        table(
            [(inert(template.name), inert(template.description)) for template in templates],
            width=shell.width(shell.stdout),
        )
    )
