"""The page on the keys of recipes: from the tables that recipes are read by, with an example for each key."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

from pinflow.plugin.contributions import FactsPage
from pinflow.recipe import checks, model
from pinflow.recipe.validators import OneOf, Whole
from pinflow.reporters.markdown import code, codes, fence, sections, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.recipe.model import Key, Section, Validator

# what is written for each key; every one is read by the recipe's own reader in a test
EXAMPLES: Final[Mapping[type[Section], Mapping[str, str]]] = {
    model.Recipe: {
        "pinflow": "pinflow: 1",
        "name": "name: Copy what mentions soup",
        "description": "description: Copies the Pins of a board that mention a word.",
        "api": "api: v5",
        "inputs": "inputs: {board: {type: board, required: true}}",
        "auth": "auth: {shop: {token: shop}}",
        "schedule": 'schedule: {every: day, at: "03:30"}',
        "steps": "steps: [{id: me, uses: get_user}]",
        "finally": 'finally: [{uses: log, with: {text: "done"}}]',
        "outputs": 'outputs: {name: "${{ steps.me.username }}"}',
    },
    model.Input: {
        "type": "type: date",
        "description": "description: the board to copy",
        "required": "required: true",
        "default": "default: Garden ideas",
        "choices": "choices: [PUBLIC, SECRET]",
        "pattern": 'pattern: "[A-Z]{2}[0-9]+"',
        "min": "min: 1",
        "max": "max: 50",
        "example": "example: Garden ideas",
    },
    model.Login: {
        "token": "token: shop",
        "plugin": "plugin: pinflow_auth",
        "scopes": 'scopes: ["boards:read", "pins:read"]',
    },
    model.Schedule: {
        "every": "every: 6 hours",
        "at": 'at: ["08:00", "18:30"]',
        "cron": 'cron: "30 3 * * mon-fri"',
        "timezone": "timezone: Europe/Berlin",
        "jitter": "jitter: 10 minutes",
        "missed": "missed: skip",
        "overlap": "overlap: queue",
        "grace": "grace: 2 hours",
        "until": "until: 2030-12-31",
    },
    model.Step: {
        "id": "id: pins",
        "name": "name: Look for soup",
        "uses": "uses: list_board_pins",
        "with": "with: {board: Garden ideas}",
        "auth": "auth: shop",
        "api": "api: v3",
        "if": 'if: ${{ inputs.board != "" }}',
        "timeout": "timeout: 10 minutes",
        "retry": "retry: {attempts: 5, delay: 30 seconds}",
        "on_error": "on_error: continue",
        "for_each": "for_each: list_board_pins",
        "as": "as: pin",
        "key": "key: ${{ pin.id }}",
        "parallel": "parallel: 4",
        "limit": "limit: 100",
        "collect": "collect: {title: '${{ pin.title }}'}",
        "duplicates": "duplicates: once",
        "do": 'do: [{uses: log, with: {text: "${{ pin.title }}"}}]',
        "include": "include: shared/report.yaml",
    },
    model.Retry: {"attempts": "attempts: 5", "delay": "delay: 30 seconds"},
}
_TITLES: Final[Mapping[type[Section], str]] = {
    model.Recipe: "The recipe",
    model.Input: "An input",
    model.Login: "A login",
    model.Schedule: "The schedule",
    model.Step: "A step",
    model.Retry: "Retry",
}
_PLACES: Final[Mapping[type[Section], str]] = {
    model.Recipe: "At the top of the file.",
    model.Input: "Below `inputs`, one for each name. Its types are listed [here](input-types.md).",
    model.Login: "Below `auth`, one for each name.",
    model.Schedule: "Below `schedule`: either `every` (with `at`) or `cron`.",
    model.Step: "In `steps`, `do` and `finally`: either `uses`, or `for_each` with `do`, or `include`.",
    model.Retry: "Below `retry` in a step.",
}


def page() -> FactsPage:
    """The page."""
    return FactsPage(
        name="recipe-keys",
        title="Recipe keys",
        about="Every key of recipes: what it is for, what may be written, and what counts where it is left out.",
        text=_text,
        words=("syntax", "yaml", "schema", "retry", "timeout", "on_error", "finally", "loop", "cron", "workflow file"),
        see="[expressions](expressions.md), or [input types](input-types.md). "
        "For completion in an editor: `pinflow schema`.",
    )


def _text() -> str:
    return sections(
        "A recipe is a YAML file. A key that isn't listed here is a mistake, with the nearest one that is. "
        "`pinflow validate FILE` finds every mistake and sends nothing.",
        *(_part(part) for part in EXAMPLES),
    )


def _part(part: type[Section]) -> str:
    keys = model.table(part)
    about = (inspect.getdoc(part) or "").partition("\n")[0]
    loops = f"Only in a loop (with `for_each`): {codes(checks.LOOP_KEYS)}." if part is model.Step else ""
    return sections(
        f"## {_TITLES[part]}",
        f"{about} {_PLACES[part]}",
        table(
            ("key", "what it is for", "what may be written", "if left out"),
            [(code(name), key.about, _kind(key), _default(key)) for name, key in keys.items()],
        ),
        loops,
        "An example of each:",
        fence("\n".join(EXAMPLES[part][name] for name in keys), "yaml"),
    )


def _kind(key: Key) -> str:
    inside = key.of
    match inside:
        case None:
            return _words(key.kind)
        case str():
            title = next(title for part, title in _TITLES.items() if part.__name__ == inside)
            link = f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
            shape = _words(key.kind).lower()
            return f"a list, each {link}" if "list" in shape else f"names, each {link}" if "keys" in shape else link
        case _:
            return f"{_words(key.kind)} Each: {_words(inside).lower()}"


def _words(kind: Validator) -> str:
    match kind:
        case OneOf(words=words):
            return " or ".join(map(code, words))
        case Whole(least=least, most=most):
            return f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most}"
        case _:
            return (inspect.getdoc(kind) or "").partition("\n")[0].partition(". ")[0].rstrip(".").replace("``", "`")


def _default(key: Key) -> str:
    if key.required:
        return "must be there"
    if isinstance(key.default, bool):
        return code(str(key.default).lower())
    if isinstance(key.default, (str, int, float)) and key.default != "":
        return code(f"{key.default:g} seconds" if isinstance(key.default, float) else key.default)
    return ""
