"""Every page of facts, and a page as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pinflow.plugin.contributions import FactsPage
from pinflow.reference import action_pages, expressions_page, input_types, recipe_keys
from pinflow.reference.markdown import sections, table

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.plugin.registry import Registry

INDEX: Final = "index"


def facts_pages(registry: Registry, parsers: Mapping[str, ArgumentParser]) -> list[FactsPage]:
    """The pages in the order in which they are listed. ``parsers`` are those of the commands, by name."""
    pages = [
        recipe_keys.page(),
        expressions_page.page(),
        input_types.page(),
        *action_pages.pages(registry),
        *registry.pages.values(),
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
    folder = page.name.rpartition("/")[0]
    names = [other.name.removeprefix(f"{folder}/") if folder else other.name for other in below]
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```"]) if names else ""


def plain(text: str) -> str:
    """The text of a page that is kept in a file, for a terminal: without what only the site needs."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    return re.sub(r"^(`{3,}|:{3,})\{toctree\}.*?^\1$\n?", "", text, flags=re.S | re.M)
