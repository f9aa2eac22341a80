"""``pinflow schema``: the JSON Schema of recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import OK
from pinflow.reporters.text import json_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell

DESCRIPTION = """\
Print the JSON Schema of recipes with the actions of every installed plugin. With it,
editors complete keys, actions and arguments, and show mistakes as you write."""
EXAMPLES = """\
  first line of a recipe:  # yaml-language-server: $schema=recipe.schema.json
  pinflow schema > recipe.schema.json"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This command has no arguments of its own."""


def run(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.recipe.json_schema import ActionSchema, recipe_schema

    actions = shell.app().registry.actions.values()
    schemas = [
        ActionSchema(
            names=tuple(dict.fromkeys((action.name, action.full_name))),
            description=action.description,
            parameters=action.parameters.schema(),
            yields=action.yields,
        )
        for action in actions
    ]
    shell.say(json_text(recipe_schema(schemas), indent=2))
    return OK
