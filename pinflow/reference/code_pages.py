"""The pages on exit codes and on the services' error codes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pinflow.plugin.contributions import FactsPage
from pinflow.reference.exit_codes import error_kinds, exit_codes
from pinflow.reporters.markdown import code, codes, sections, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow.plugin.contributions import ErrorCode
    from pinflow.plugin.registry import Registry
    from pinflow.reference.exit_codes import ExitCode


def pages(registry: Registry) -> list[FactsPage]:
    """The pages, in their order."""
    return [
        FactsPage(
            name="exit-codes",
            title="Exit codes",
            about="What the number means that a command ends with, why it comes, and what to do.",
            text=_exits,
            words=("status", "return code", "CI", "$?", "failed", "errors", "exit status"),
            see="[error codes](error-codes.md) of the service. In the terminal: `pinflow explain exit 4`.",
        ),
        FactsPage(
            name="error-codes",
            title="Error codes of the service",
            about="What the code in an error answer means, why it comes, and what to do.",
            text=partial(_errors, registry),
            words=("HTTP 403", "HTTP 429", "HTTP 401", "code 29", "spam", "api error", "rate limit"),
            see="[exit codes](exit-codes.md). In the terminal: `pinflow explain code 29`.",
        ),
    ]


def _list(title: str, lines: Iterable[str]) -> str:
    return f"{title}\n\n" + "".join(f"- {_plain(line)}\n" for line in lines)


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _sentence(text: str) -> str:
    return f"{_plain(text)}."


def _exits() -> str:
    rows = [(code(exit.code), exit.title, _sentence(exit.meaning)) for exit in exit_codes()]
    kinds = [(code(kind.name), _sentence(kind.meaning), code(kind.exit_code)) for kind in error_kinds()]
    return sections(
        "Exit codes are a public interface: they keep their meaning from version to version.",
        table(("code", "name", "what it means"), rows),
        *map(_exit, exit_codes()),
        "## Kinds of errors",
        "With `--output json`, an error has its kind in `error.kind`:",
        table(("kind", "what it means", "exit code"), kinds),
    )


def _exit(exit: ExitCode) -> str:
    return sections(
        f"## {exit.code}: {exit.title}",
        _sentence(exit.meaning),
        _list("Why it comes:", exit.causes),
        _list("What to do:", exit.remedies),
        f"Continue it? {_sentence(exit.again[:1].upper() + exit.again[1:])}",
        f"Kinds of errors: {codes(exit.errors)}." if exit.errors else "",
    )


def _errors(registry: Registry) -> str:
    apis: dict[str, list[ErrorCode]] = {}
    for entry in registry.error_codes.values():
        apis.setdefault(entry.api, []).append(entry)
    return sections(
        "An error message of the service ends in its HTTP status and code: `(HTTP 403, code 29)`. "
        "Codes that aren't listed are told with the service's own words.",
        *(sections(f"## API {api}", *map(_error, apis[api])) for api in sorted(apis, reverse=True)),
    )


def _error(entry: ErrorCode) -> str:
    statuses = " or ".join(f"HTTP {status}" for status in entry.statuses)
    return sections(
        f"### Code {entry.code} in {entry.api}",
        f"{_sentence(entry.meaning)} It comes with {statuses}." if statuses else _sentence(entry.meaning),
        _list("Why it comes:", entry.causes),
        _list("What to do:", entry.remedies),
        f"What pinflow does: {_sentence(entry.outcome)}",
    )
