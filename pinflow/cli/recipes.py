"""``pinflow recipes``: lists the recipes that are there, and shows what one takes, needs and changes."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from pinflow.cli import run_common
from pinflow.errors import OK, PinflowError, UsageError
from pinflow.lazy_dataclass import asdict, dataclass
from pinflow.recipe import bundled
from pinflow.reporters.text import columns, fit, inert, json_text, reflow, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pinflow.app import App
    from pinflow.cli.shell import Shell
    from pinflow.plan.recipe_facts import InputFacts, RecipeFacts

DESCRIPTION = """\
List the recipes: those that come with pinflow, with plugins, and those of the current folder and of
its recipes/. Or show one: its inputs, the tokens and permissions that it needs, what it changes or
deletes, commands to paste, and how to make a copy to edit."""
EXAMPLES = """\
  pinflow recipes                                        list all
  pinflow recipes copy_board                             show one
  pinflow recipes ./my.yaml                              show one of your own
  pinflow recipes jobs/                                  list those of another folder
  pinflow recipes --output json                          for programs"""
OUTPUTS: Sequence[str] = ("human", "json")

_BUNDLED, _OWN = "bundled", "own"
_TITLES = {_BUNDLED: "come with pinflow", _OWN: "in this folder"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    run_common.add_recipe(parser, nargs="?")
    parser.add_argument("--names", action="store_true", help="print only names and files, one per line")


def run(args: argparse.Namespace, shell: Shell) -> int:
    if args.names and args.recipe is None:
        return _print_names(shell)
    app = shell.app()
    if args.recipe is None:
        return _list(_entries(app), shell)
    if bundled.is_folder(args.recipe):
        return _list(_entries_in(app, args.recipe), shell)
    run_common.tell_recipes(shell, app, [args.recipe])
    entry = _entry(app, args.recipe, _origin(app, args.recipe))
    if entry.facts is None:
        raise entry.problem or UsageError(f"{entry.name} can't be read", hint="check its path and permissions")
    if args.names:
        shell.say(inert(entry.name))
    elif not shell.human:
        shell.say_json({"recipes": [entry.data()]})
    else:
        for line in _details(entry, entry.facts, shell):
            shell.say(line)
    return OK


@dataclass(frozen=True, slots=True)
class RecipeEntry:
    """A recipe of the list: what it is called, where it is, and its facts, or what is wrong with it."""

    name: str
    file: Path
    origin: str
    facts: RecipeFacts | None
    problem: PinflowError | None = None

    @property
    def command(self) -> str:
        """The command that tries it in the sandbox, which has what the inputs' examples name."""
        return f"pinflow run {shlex.quote(self.name)} --sandbox"

    def run_command(self) -> str:
        """The command that runs it, with the examples of its required inputs in place of one's own values."""
        inputs = {input.name: _example(input) for input in (self.facts.inputs if self.facts else ()) if input.required}
        return run_common.command_line(self.name, inputs, None, ())

    def data(self) -> dict[str, Any]:
        """All of it as plain data."""
        from pinflow.reporters.errors import error_data

        about: dict[str, Any] = {"name": self.name, "file": str(self.file), "origin": self.origin}
        if self.facts is None:
            return about | {"ok": False, "error": error_data(self.problem) if self.problem else None}
        return (
            about
            | {"ok": True}
            | asdict(self.facts)
            | {"effect": self.facts.effect, "try": self.command, "run": self.run_command()}
        )


def _example(input: InputFacts) -> str:
    """A value for a command line: the example, "..." for one that only its owner knows."""
    if input.type == "secret":
        return "@FILE"
    return "..." if input.example is None else run_common.input_text(input.example)


# -- which recipes


def _read(app: App, name: str, file: Path, origin: str) -> RecipeEntry:
    from pinflow.plan.recipe_facts import recipe_facts

    try:
        return RecipeEntry(name, file, origin, recipe_facts(app.plan(file, inputs=None)))
    except PinflowError as error:
        return RecipeEntry(name, file, origin, None, error)


def _origin(app: App, recipe: Path) -> str:
    """Where a recipe is from: "bundled", the plugin's name, or "own"."""
    file = bundled.find_recipe(recipe, app.registry.recipes)
    if file.parent == bundled.bundled_recipes():
        return _BUNDLED
    return _owner(app, file.stem) if file in app.registry.recipes.values() else _OWN


def _owner(app: App, name: str) -> str:
    return next((plugin.name for plugin in app.registry.plugins if f"recipe {name}" in plugin.offers), "a plugin")


def _entry(app: App, recipe: Path, origin: str) -> RecipeEntry:
    file = bundled.find_recipe(recipe, app.registry.recipes)
    name = str(recipe) if origin == _OWN else file.stem
    return _read(app, name, file, origin)


def _entries(app: App) -> Iterator[RecipeEntry]:
    """Every recipe that is there: pinflow's, the plugins', and those of this folder."""
    from pathlib import Path

    from pinflow.recipe.folders import own_recipes

    known = {file.stem: file for file in app.recipes()}
    for name, file in known.items():
        yield _read(app, name, file, _BUNDLED)
    for name, file in sorted(app.registry.recipes.items()):
        # one that is called like a bundled recipe is found by its path alone
        yield _read(app, str(file) if name in known else name, file, _owner(app, name))
    others = {*known.values(), *app.registry.recipes.values()}
    for path in own_recipes(Path()):
        if path.resolve() not in others:
            yield _read(app, str(path), path, _OWN)


def _entries_in(app: App, folder: Path) -> list[RecipeEntry]:
    """Every recipe in a folder and below it. Raises UsageError if there is none."""
    from pinflow.recipe.folders import is_recipe, yaml_files

    files = [file for file in yaml_files(folder) if is_recipe(file)]
    if not files:
        raise UsageError(f"there is no recipe in {folder}", hint="a recipe is a .yaml file with steps:")
    return [_read(app, str(file), file, _OWN) for file in files]


def _print_names(shell: Shell) -> int:
    from pathlib import Path

    from pinflow.recipe.folders import own_recipes

    app = shell.app()
    names = dict.fromkeys([*(file.stem for file in app.recipes()), *sorted(app.registry.recipes)])
    for name in (*names, *map(str, own_recipes(Path()))):
        shell.say(inert(name))
    return OK


# -- for people


def _list(found: Iterable[RecipeEntry], shell: Shell) -> int:
    entries = list(found)
    if not shell.human:
        return shell.say_json({"recipes": [entry.data() for entry in entries]})
    paint, width = shell.painter(shell.stdout), shell.width(shell.stdout)
    for index, origin in enumerate(dict.fromkeys(entry.origin for entry in entries)):
        title = _TITLES.get(origin, f"of the plugin {origin}")
        shell.say(paint(inert(title), "bold") if index == 0 else f"\n{paint(inert(title), 'bold')}")
        rows = [(inert(entry.name), _summary(entry)) for entry in entries if entry.origin == origin]
        for line in columns(rows, width):
            shell.say(line)
    shell.say("\nOne of them, with its inputs and commands: pinflow recipes NAME")
    return OK


def _summary(entry: RecipeEntry) -> str:
    """A line on a recipe: what it does, whether it changes anything, and the inputs that it can't do without."""
    if entry.facts is None:
        return f"has mistakes: pinflow validate {inert(entry.name)}"
    text = " ".join((entry.facts.description or entry.facts.title).split()).partition(". ")[0].removesuffix(".")
    required = ", ".join(input.name for input in entry.facts.inputs if input.required)
    return inert(f"{text} ({entry.facts.effect}{f'; needs {required}' if required else ''})")


def _details(entry: RecipeEntry, facts: RecipeFacts, shell: Shell) -> Iterator[str]:
    paint, width = shell.painter(shell.stdout), shell.width(shell.stdout)
    yield f"{paint(inert(entry.name), 'bold')}: {inert(facts.title)}"
    yield from reflow(facts.description, width)
    for title, lines in _sections(entry, facts, width):
        yield ""
        yield paint(title, "bold")
        yield from (f"  {line}" for line in lines)


def _sections(entry: RecipeEntry, facts: RecipeFacts, width: int) -> Iterator[tuple[str, list[str]]]:
    yield "inputs", _input_lines(facts.inputs, width - 2) or ["none"]
    yield "needs", _login_lines(facts, width - 2) or ["no account"]
    steps = [(inert(step.path), inert(step.action), "DELETES" if step.deletes else "") for step in facts.changes]
    yield "changes", table(steps) or ["nothing"]
    if facts.schedule is not None:
        yield "schedule", [inert(json_text(facts.schedule))]
    yield "to run it", [line for title, command in _commands(entry, facts) for line in (title, inert(f"  {command}"))]
    copy = f"pinflow new recipe {shlex.quote(entry.name)} -o my.yaml" if entry.origin != _OWN else ""
    yield "file", [inert(entry.file), *([f"a copy of your own to edit: {copy}"] if copy else [])]


def _commands(entry: RecipeEntry, facts: RecipeFacts) -> Iterator[tuple[str, str]]:
    """The commands that run it, each with what for."""
    yield "in the sandbox, without an account", entry.command
    command = entry.run_command()
    logins = [login.name for login in facts.logins if login.token is not None]
    yield "on your account" if facts.logins else "for real", command
    if logins:
        yield "with another token", f"{command} --token {'NAME' if len(logins) == 1 else f'{logins[-1]}=NAME'}"


def _input_lines(inputs: Sequence[InputFacts], width: int) -> list[str]:
    rows = [(inert(f"-i {input.name}=..."), _input_text(input)) for input in inputs]
    return columns(rows, width, indent="")


def _input_text(input: InputFacts) -> str:
    """An input in words: "board, required: The board to copy, by name or id; such as Garden ideas"."""
    need = "required" if input.required else ""
    if input.default is not None:
        need = f"default {fit(run_common.input_text(input.default), 60)}"
    parts = [f"{input.type}, {need}" if need else input.type]
    parts += [" ".join(input.description.split()).removesuffix(".")] if input.description else []
    text = ": ".join(parts)
    if input.choices:
        text += f"; one of {', '.join(map(run_common.input_text, input.choices))}"
    elif input.example is not None:
        text += f"; such as {run_common.input_text(input.example)}"
    return inert(text)


def _login_lines(facts: RecipeFacts, width: int) -> list[str]:
    lines = [
        f"{login.name}: token {login.token}" if login.token is not None else f"{login.name}: each token in turn"
        for login in facts.logins
    ]
    rows = [
        (inert(line), inert(f"API {login.api}: {', '.join(login.scopes) or 'no scope'}"))
        for line, login in zip(lines, facts.logins, strict=True)
    ]
    quotas = [("quotas", inert(", ".join(facts.quotas)))] if facts.quotas else []
    return columns([*rows, *quotas], width, indent="")
