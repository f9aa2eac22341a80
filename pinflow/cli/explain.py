"""``pinflow explain``: what an exit code, a service's error code or a kind of error means, and what to do."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from pinflow.errors import OK, UsageError
from pinflow.recipe.bundled import bundled_docs
from pinflow.reporters.text import columns, inert, reflow, wrap
from pinflow.schema.invalid import join_words
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import ErrorCode
    from pinflow.reference.exit_codes import ErrorKind, ExitCode

DESCRIPTION = """\
Explain an exit code of pinflow, a code in an error answer of a service, or a kind of error as
--output json names it: what it means, why it comes, and what to do. Without words it lists all."""
EXAMPLES = """\
  pinflow explain                                        list all codes
  pinflow explain exit 4                                 an exit code
  pinflow explain code 29                                a code of the service: (HTTP 403, code 29)
  pinflow explain code 29 --api v3                       as this version of the API means it
  pinflow explain rate_limited                           a kind of error"""
OUTPUTS: Sequence[str] = ("human", "json")

_EXIT, _CODE = "exit", "code"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="exit N | code N | KIND",
        help="what to explain; a number alone is looked up as both: pinflow explain 7",
    )
    parser.add_argument("--api", metavar="API", help="only the codes of this API version")
    parser.add_argument("--names", action="store_true", help="print only what can be explained, one per line")


def run(args: argparse.Namespace, shell: Shell) -> int:
    codes = [] if args.words[:1] == [_EXIT] else _error_codes(shell, args.api)  # a broken plugin ends with exit code 2
    if args.names:
        for name in explained_words(codes):
            shell.say(inert(name))
        return OK
    exits, chosen, kinds = _select(list(args.words), codes)
    if not shell.human:
        return shell.say_json(
            {
                "exit_codes": [asdict(code) for code in exits],
                "error_codes": [asdict(code) for code in chosen],
                "kinds": [asdict(kind) for kind in kinds],
            }
        )
    lines = _details(exits, chosen, kinds, shell) if args.words else _overview(exits, chosen, kinds, shell)
    for line in lines:
        shell.say(line)
    return OK


def _error_codes(shell: Shell, api: str | None) -> list[ErrorCode]:
    """The codes of services, of one API or of all, by API and number. Raises UsageError for an unknown API."""
    registry = shell.app().registry
    if api is not None and api not in registry.apis:
        known = ", ".join(registry.apis) or "none"
        raise UsageError(f"unknown API {api!r}{did_you_mean(api, registry.apis)}", hint=f"the APIs are: {known}")
    codes = [code for code in registry.error_codes.values() if api in (None, code.api)]
    return sorted(codes, key=lambda code: (code.api, isinstance(code.code, str), code.code))


def _select(
    words: list[str], codes: list[ErrorCode]
) -> tuple[Sequence[ExitCode], Sequence[ErrorCode], Sequence[ErrorKind]]:
    """What the words mean; without words everything. Raises UsageError for what nothing is known of."""
    from pinflow.reference.exit_codes import error_kinds, exit_codes

    if not words:
        return exit_codes(), codes, error_kinds()
    topic = words.pop(0) if words[0] in (_EXIT, _CODE) else ""
    if len(words) != 1:
        raise UsageError(
            f"name one number after {topic}" if topic else "explain one thing at a time",
            hint=f"such as: pinflow explain {topic or _EXIT} 4",
        )
    word = words[0]
    exits = [code for code in exit_codes() if str(code.code) == word and topic != _CODE]
    of_service = [code for code in codes if str(code.code) == word and topic != _EXIT]
    kinds = [kind for kind in error_kinds() if kind.name == word.lower() and not topic]
    if exits or of_service or kinds:
        return exits, of_service, kinds
    if topic == _EXIT:
        known = ", ".join(str(code.code) for code in exit_codes())
        raise UsageError(f"no command of pinflow ends with exit code {word!r}", hint=f"the codes are: {known}")
    if with_status := list(dict.fromkeys(str(code.code) for code in codes if word in map(str, code.statuses))):
        raise UsageError(
            f"no code {word!r} is known; as the status of HTTP it comes with {join_words(with_status, 'and')}",
            hint=f"pinflow explain code {with_status[0]}",
        )
    if topic == _CODE or word.isdecimal():
        raise UsageError(
            f"nothing is known of the code {word!r}",
            hint="the service's own words say what it is about; pinflow explain lists the codes that are known",
        )
    near = did_you_mean(word, [_EXIT, _CODE, *(kind.name for kind in error_kinds())])
    raise UsageError(f"unknown kind of error {word!r}{near}", hint="pinflow explain lists all")


def explained_words(codes: Iterable[ErrorCode]) -> list[str]:
    """The words that can follow ``pinflow explain``, each once."""
    from pinflow.reference.exit_codes import error_kinds

    kinds = [kind.name for kind in error_kinds()]
    return [_EXIT, _CODE, *kinds, *dict.fromkeys(str(code.code) for code in codes)]


# -- for people


def _overview(
    exits: Sequence[ExitCode], codes: Sequence[ErrorCode], kinds: Sequence[ErrorKind], shell: Shell
) -> Iterator[str]:
    paint, width = shell.painter(shell.stdout), shell.width(shell.stdout)
    yield paint("exit codes (pinflow explain exit N)", "bold")
    yield from columns([(str(code.code), code.meaning) for code in exits], width)
    for api in dict.fromkeys(code.api for code in codes):
        yield ""
        yield paint(f"codes of {inert(api)} (pinflow explain code N)", "bold")
        yield from columns([(inert(code.code), inert(code.meaning)) for code in codes if code.api == api], width)
    yield ""
    yield paint("kinds of errors (pinflow explain KIND)", "bold")
    yield from columns([(kind.name, kind.meaning) for kind in kinds], width)


def _details(
    exits: Sequence[ExitCode], codes: Sequence[ErrorCode], kinds: Sequence[ErrorKind], shell: Shell
) -> Iterator[str]:
    blocks = [*map(_exit_block, exits), *_code_blocks(codes), *map(_kind_block, kinds)]
    paint, width = shell.painter(shell.stdout), shell.width(shell.stdout)
    for index, (head, meaning, sections) in enumerate(blocks):
        if index:
            yield ""
        yield paint(inert(head), "bold")
        yield from reflow(meaning, width)
        for title, lines in sections:
            if lines:
                yield f"  {paint(title, 'bold')}"
            for line in lines:
                yield from wrap(f"- {inert(line)}", width, indent="    ", most=20)


_Block = tuple[str, str, "Sequence[tuple[str, Sequence[str]]]"]  # head, meaning, sections of lines


def _exit_block(code: ExitCode) -> _Block:
    sections = [
        ("why", code.causes),
        ("what to do", code.remedies),
        ("to continue", [code.again]),
        ("kinds of errors", [", ".join(code.errors)] if code.errors else []),
        ("more", _pages(code.code, "# Exit code")),
    ]
    return f"exit code {code.code}: {code.title}", code.meaning, sections


def _code_blocks(codes: Sequence[ErrorCode]) -> Iterator[_Block]:
    """A code in the newest API that has it; others are named, and shown only where they mean something else."""
    for newest in codes[-1:]:
        same = [code for code in codes[:-1] if code.meaning == newest.meaning]
        yield _code_block(newest, [f"pinflow explain code {code.code} --api {code.api}" for code in same])
        yield from (_code_block(code, []) for code in codes[:-1] if code not in same)


def _code_block(code: ErrorCode, others: Sequence[str]) -> _Block:
    statuses = " or ".join(map(str, code.statuses))
    sections = [
        ("why", code.causes),
        ("what to do", code.remedies),
        ("what pinflow does", [code.outcome]),
        ("known from", [code.source] if code.source else []),
        ("in other APIs", others),
        ("more", _pages(code.code, "# Code")),
    ]
    return f"code {code.code} of API {code.api} (HTTP {statuses})", code.meaning, sections


def _pages(code: int | str, heading: str) -> list[str]:
    """The commands that show the pages whose headings begin so and name the code: "# Codes 29 and 7"."""
    commands = []
    for file in sorted((bundled_docs() / "tasks" / "fails").glob("*.md")):
        title = next((line for line in file.read_text("utf-8").splitlines() if line.startswith("# ")), "")
        if title.startswith(heading) and re.search(rf"\b{re.escape(str(code))}\b", title):
            commands.append(f"pinflow docs {file.stem}")
    return commands


def _kind_block(kind: ErrorKind) -> _Block:
    return f"kind {kind.name}", kind.meaning, [("more", [f"pinflow explain exit {kind.exit_code}"])]
