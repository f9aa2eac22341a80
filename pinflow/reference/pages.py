"""Every page of facts, and a page as text."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from pinflow.plugin.contributions import FactsPage
from pinflow.reference import (
    action_pages,
    code_pages,
    command_pages,
    event_pages,
    expressions_page,
    input_types,
    library_pages,
    limits_page,
    recipe_keys,
    recipe_pages,
    variable_page,
)
from pinflow.reporters.markdown import sections, table

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.app import App

INDEX: Final = "index"


def facts_pages(
    app: App, parsers: Mapping[str, ArgumentParser], groups: Mapping[str, str], more: Iterable[FactsPage] = ()
) -> list[FactsPage]:
    """The pages in the order in which they are listed, ``more`` at the end.

    ``parsers`` are those of the commands, by name, and ``groups`` their purposes.
    """
    registry = app.registry
    pages = [
        recipe_keys.page(),
        expressions_page.page(),
        input_types.page(),
        *action_pages.pages(registry),
        recipe_pages.page(partial(app.plan, inputs=None)),
        *command_pages.pages(parsers, groups),
        variable_page.page(registry),
        *code_pages.pages(registry),
        *event_pages.pages(),
        limits_page.page(registry),
        *library_pages.pages(),
        *registry.pages.values(),
        *more,
    ]
    index = FactsPage(
        name=INDEX,
        title="Facts",
        about="Look up what a key, a function, an action or a command is called, takes and does.",
        text=lambda: _contents(pages),
    )
    return [index, *pages]


def _contents(pages: Iterable[FactsPage]) -> str:
    rows = [(f"[{page.title}]({page.name}.md)", page.about) for page in pages if not page.parent]
    return table(("page", "what it says"), rows)


def as_markdown(page: FactsPage, pages: Sequence[FactsPage]) -> str:
    """The text of a page for the site, with the words by which people search for it and the pages below it."""
    below = [other for other in pages if other.parent == page.name]
    if page.name == INDEX:
        below = [other for other in pages if not other.parent and other is not page]
    words = f'---\nmyst:\n  html_meta:\n    "keywords": "{", ".join(page.words)}"\n---' if page.words else ""
    return sections(words, as_text(page), _tree(page, below))


def as_text(page: FactsPage) -> str:
    """The text of a page for a terminal."""
    return sections(f"# {page.title}", page.about, page.text(), f"**Where next:** {page.see}" if page.see else "")


def _tree(page: FactsPage, below: Iterable[FactsPage]) -> str:
    """The list that gives the pages below this one their place; a page in a folder lists its neighbours alone."""
    folder = page.name.rpartition("/")[0]
    lines = [
        f"{_short(other.title)} <{other.name.removeprefix(f'{folder}/') if folder else other.name}>" for other in below
    ]
    return "\n".join(["```{toctree}", ":hidden:", "", *lines, "```"]) if lines else ""


def _short(title: str) -> str:
    """The title as it stands below another one: "copying", below "Actions"."""
    return title.partition(": ")[2] or title


def plain(text: str) -> str:
    """The text of a page that is kept in a file, for a terminal: without what only the site needs."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    return re.sub(r"^(`{3,}|:{3,})\{toctree\}.*?^\1$\n?", "", text, flags=re.S | re.M)
