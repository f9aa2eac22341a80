"""``pinflow functions``: the functions and operators of expressions, with examples that are evaluated here and now."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pinflow.errors import OK, UsageError
from pinflow.reporters.text import columns, inert, reflow, wrap
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.expressions.function import Function, LoopFunction
    from pinflow.expressions.reference import OperatorText

DESCRIPTION = """\
List the functions and operators that a recipe may use inside ${{ }}, or show one with examples
and what each of them gives. A word that is not a name is looked for in the descriptions."""
EXAMPLES = """\
  pinflow functions                                      list all
  pinflow functions date_format                          show one
  pinflow functions '??'                                 show an operator
  pinflow functions zone                                 all that have to do with it"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a function, an operator, or a word to look for")
    parser.add_argument("--names", action="store_true", help="print only names, one per line")


def run(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.expressions import reference

    functions, operators = list(reference.functions()), list(reference.OPERATOR_TEXTS)
    if args.name is not None:
        functions, operators = _select(args.name, functions, operators)
    if args.names:
        for name in (*(function.name for function in functions), *(operator.sign for operator in operators)):
            shell.say(name)
        return OK
    if not shell.human:
        return shell.say_json(
            {
                "functions": [{"name": function.name, **_data(function)} for function in functions],
                "operators": [
                    {"sign": operator.sign, "level": operator.level, **_data(operator)} for operator in operators
                ],
            }
        )
    lines = _overview(functions, operators, shell) if args.name is None else _details(functions, operators, shell)
    for line in lines:
        shell.say(line)
    return OK


def _select(
    word: str, functions: list[Function | LoopFunction], operators: list[OperatorText]
) -> tuple[list[Function | LoopFunction], list[OperatorText]]:
    """The function or operator of this name, else all that the word occurs in. Raises UsageError if there are none."""
    name = word.strip().removesuffix("()")
    named = [function for function in functions if function.name == name]
    signs = [operator for operator in operators if name == operator.sign or (name and name in operator.sign.split())]
    if named or signs:
        return named, signs
    words = [part for part in re.split(r"[\W_]+", name.casefold()) if part]
    near_functions = [
        function for function in functions if words and _has(f"{function.usage} {function.text}".casefold(), words)
    ]
    near_operators = [operator for operator in operators if words and _has(operator.text.casefold(), words)]
    if not near_functions and not near_operators:
        near = did_you_mean(name, [function.name for function in functions])
        raise UsageError(f"unknown function {word!r}{near}", hint="pinflow functions lists them all")
    return near_functions, near_operators


def _has(text: str, words: Sequence[str]) -> bool:
    return all(word in text for word in words)


def _data(entry: Function | LoopFunction | OperatorText) -> dict[str, Any]:
    from pinflow.expressions.reference import evaluate_example

    examples = [{"expression": shown, "value": json.loads(evaluate_example(shown))} for shown in entry.examples]
    return {"usage": entry.usage, "text": entry.text, "examples": examples}


def _overview(
    functions: Sequence[Function | LoopFunction], operators: Sequence[OperatorText], shell: Shell
) -> Iterator[str]:
    paint, width = shell.painter(shell.stdout), shell.width(shell.stdout)
    yield paint("functions", "bold")
    yield from columns([(function.usage, _first_sentence(function.text)) for function in functions], width)
    yield ""
    yield paint("operators, those that bind tightest first", "bold")
    yield from columns([(operator.usage, _first_sentence(operator.text)) for operator in operators], width)
    yield ""
    yield "One of them, with examples: pinflow functions NAME"


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".")


def _details(
    functions: Sequence[Function | LoopFunction], operators: Sequence[OperatorText], shell: Shell
) -> Iterator[str]:
    from pinflow.expressions.reference import SCOPE, evaluate_example

    paint, width = shell.painter(shell.stdout), shell.width(shell.stdout)
    used: set[str] = set()
    entries = [*functions, *operators]
    for index, entry in enumerate(entries):
        if index:
            yield ""
        yield paint(entry.usage, "bold")
        yield from reflow(entry.text, width)
        for shown in entry.examples:
            used |= {name for name in SCOPE if f"{name}." in shown or f"{name}[" in shown or f"{name}?" in shown}
            yield from wrap(f"${{{{ {shown} }}}}  gives  {inert(evaluate_example(shown))}", width, indent="    ")
    if used and len(entries) == 1:
        yield "  in these examples"
        for name in sorted(used):
            yield from wrap(f"{name} is {json.dumps(SCOPE[name])}", width, indent="    ")
