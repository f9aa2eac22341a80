"""``pinflow new``: a recipe or a plugin to start from, or a recipe made of what there is already."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.errors import OK, UsageError
from pinflow.reporters.text import fit, inert, json_text, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import Importer

DESCRIPTION = "Start a recipe from a template, or a plugin that can be installed, tested and run as it is."
EXAMPLES = """\
  pinflow new plugin acme                                a package of its own, in ./pinflow-acme
  pinflow new recipe                                     the templates
  pinflow new recipe loop -o my.yaml                     a recipe of your own
  pinflow new --from-curl 'curl https://...'             one that makes the same call
  pinflow new --from-arazzo workflow.yaml -o my.yaml     one that takes the same steps"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="what", metavar="WHAT")
    recipe = below.add_parser(
        "recipe", help="a recipe from a template", description="Write a recipe from a template, or list the templates."
    )
    recipe.add_argument("template", nargs="?", metavar="TEMPLATE", help="what to start from; left out, all are listed")
    recipe.add_argument("-o", "--to", type=Path, metavar="FILE", help="write it here, not to standard output")
    plugin = below.add_parser(
        "plugin",
        help="a plugin of your own",
        description="Write a plugin as a package: an action, a recipe that uses it, and tests that pass.",
    )
    plugin.add_argument("name", metavar="NAME", help="what it is called: small letters, digits and _")
    plugin.add_argument("--into", type=Path, metavar="DIR", help="write it there (default: ./pinflow-NAME)")


def add_offers(parser: argparse.ArgumentParser, shell: Shell) -> None:
    """The ways to make a recipe of something else, which plugins offer; ``recipe`` may stand before them."""
    from pinflow.cli.parser import below

    app = shell.app()
    parser.set_defaults(app=app)
    parser.add_argument("-o", "--to", type=Path, metavar="FILE", default=argparse_suppress(), help="write it here")
    for each in (parser, dict(below(parser))["recipe"]):
        group = each.add_argument_group("a recipe of what there is already")
        for offer in app.registry.importers.values():
            group.add_argument(
                f"--from-{offer.name}",
                dest=f"from_{offer.name}",
                metavar=offer.metavar,
                default=argparse_suppress(),
                help=offer.help.replace("%", "%%"),
            )


def argparse_suppress() -> str:
    """The default of an option that leaves what was said before another word alone."""
    import argparse

    return argparse.SUPPRESS


def run(args: argparse.Namespace, shell: Shell) -> int:
    to: Path | None = getattr(args, "to", None)
    chosen = [each for each in args.app.registry.importers.values() if hasattr(args, f"from_{each.name}")]
    if len(chosen) > 1:
        raise UsageError(f"--from-{chosen[0].name} and --from-{chosen[1].name} make a recipe each")
    if chosen:
        return _import(args, chosen[0], shell, to)
    if args.what is None:
        raise UsageError("say what: recipe, plugin, or --from-...", hint="see: pinflow new --help")
    if args.what == "plugin":
        return _plugin(shell, args.name, args.into)
    if args.template is None:
        if to is not None:
            raise UsageError(f"no template is named for {to}", hint="pinflow new recipe lists them")
        return _list(shell)
    from pinflow.cli.scaffold import recipe_template

    return give_recipe(shell, recipe_template(args.template).text(), to)


def _import(args: argparse.Namespace, offer: Importer, shell: Shell, to: Path | None) -> int:
    """Make a recipe with what a plugin offers for that, and tell what it could not carry over."""
    if args.what == "plugin" or (args.what == "recipe" and args.template is not None):
        raise UsageError(f"--from-{offer.name} makes a recipe of its own", hint="leave out the other name")
    given: str = getattr(args, f"from_{offer.name}")
    made = offer.read(shell.stdin.read() if given == "-" else given, args.app)
    code = give_recipe(shell, made.recipe, to)
    for each in made.notes:
        shell.tell(f"note: {inert(each)}")
    return code


def give_recipe(shell: Shell, text: str, to: Path | None) -> int:
    """Write a new recipe to ``to``, or to standard output. Raises UsageError if the file is there already."""
    from pinflow.cli.scaffold import write_new

    if to is None:
        shell.say(text.removesuffix("\n") if shell.human else json_text({"recipe": text}))
        return OK
    write_new(to.parent, {to.name: text})
    if not shell.human:
        shell.say(json_text({"recipe": text, "file": str(to)}))
        return OK
    shell.tell(f"wrote {inert(str(to))}; try it: pinflow run {inert(str(to))} --sandbox")
    return OK


def _plugin(shell: Shell, name: str, into: Path | None) -> int:
    from pinflow.cli.scaffold import check_empty, check_free, distribution, plugin_files, write_new

    files = plugin_files(name)
    check_free(name, shell.app().registry.plugins)
    folder = into or Path(distribution(name))
    check_empty(folder)
    write_new(folder, files)
    if not shell.human:
        shell.say(json_text({"folder": str(folder), "files": sorted(files)}))
        return OK
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


def _list(shell: Shell) -> int:
    from pinflow.cli.scaffold import recipe_templates

    templates = recipe_templates()
    if not shell.human:
        shell.say(json_text({"templates": [{"name": t.name, "description": t.description} for t in templates]}))
        return OK
    for line in table([(inert(each.name), inert(each.description)) for each in templates]):
        shell.say(fit(line, shell.width(shell.stdout)))
    return OK
