"""All pages of the documentation, those that are written by hand and those of facts: found by name or by words."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pinflow.reference.pages import as_text, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pinflow.plugin.contributions import FactsPage

BUILT: Final = "site"  # the folder of built pages, in that of the pages
FACTS: Final = "facts"
_IN_TITLE, _IN_WORDS, _AT_MOST = 20, 10, 5  # so that a title counts more than any number of mentions


class ShelfPage:
    """A page: ``name`` is its file below the folder of pages, without the ending."""

    def __init__(self, name: str, source: FactsPage | Path) -> None:
        self.name = name
        self._source = source

    @cached_property
    def text(self) -> str:
        """The page as Markdown for a terminal."""
        from pinflow.plugin.contributions import FactsPage

        return as_text(self._source) if isinstance(self._source, FactsPage) else plain(self._raw)

    @cached_property
    def _raw(self) -> str:
        from pinflow.plugin.contributions import FactsPage

        return "" if isinstance(self._source, FactsPage) else self._source.read_text(encoding="utf-8")

    @property
    def title(self) -> str:
        """Its heading, or its name where it has none."""
        heading = re.search(r"^# +(.+?)\s*$", self.text, re.M)
        return heading[1] if heading else self.name

    @property
    def about(self) -> str:
        """Its first sentence: what one can do after reading it."""
        paragraph = re.search(r"^# .+\n+((?:[^\n#|`:>-].*\n?)+)", self.text, re.M)
        if paragraph is None:
            return ""
        return (
            re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(paragraph[1].split()).partition(". ")[0].rstrip(".")) + "."
        )

    def score(self, words: Sequence[str]) -> int:
        """How well the page fits these words (in small letters); 0 where one of them is not in it."""
        from pinflow.plugin.contributions import FactsPage

        title, text = f"{self.name} {self.title}".lower(), self.text.lower()
        if isinstance(self._source, FactsPage):
            known = " ".join(self._source.words)
        else:
            known = "".join(re.findall(r'\A---\n.*?"?keywords[^:]*: *(.*?)\n', self._raw, re.S))
        total = 0
        for word in words:
            hits = _IN_TITLE * (word in title) + _IN_WORDS * (word in known.lower()) + min(text.count(word), _AT_MOST)
            if not hits:
                return 0
            total += hits
        return total


class Shelf:
    """The pages below ``folder`` that are written by hand, and those of facts."""

    def __init__(self, folder: Path, facts: Sequence[FactsPage]) -> None:
        self.folder = folder
        files = sorted(folder.rglob("*.md")) if folder.is_dir() else []
        own = (file.relative_to(folder).with_suffix("") for file in files)
        written = [
            ShelfPage(name.as_posix(), folder / f"{name}.md") for name in own if name.parts[0] not in (BUILT, FACTS)
        ]
        self.pages = [*written, *(ShelfPage(f"{FACTS}/{page.name}", page) for page in facts)]

    def find(self, name: str) -> ShelfPage | None:
        """The page of this name or title, or the only one whose name ends with it."""
        name = name.strip("/").removesuffix(".md").removesuffix(".html").lower()
        for page in self.pages:
            if page.name in (name, f"{name}/index"):
                return page
        ends = [page for page in self.pages if page.name.endswith(f"/{name}") or page.title.lower() == name]
        return ends[0] if len(ends) == 1 else None

    def search(self, words: Sequence[str]) -> list[ShelfPage]:
        """The pages with all of these words, those that fit best first."""
        wanted = [word.lower() for phrase in words for word in phrase.split()]
        scores = [(page.score(wanted), page) for page in self.pages]
        return [page for score, page in sorted(scores, key=lambda pair: (-pair[0], pair[1].name)) if score]

    def site_file(self, page: ShelfPage | None) -> Path | None:
        """The file of a built page (None: the start page); None if the site wasn't built."""
        file = self.folder / BUILT / f"{page.name if page is not None else 'index'}.html"
        return file if file.is_file() else None

    def file_of(self, page: ShelfPage) -> Path | None:
        """Where the page is: built, or the text that it is built from; None of one that is made on the spot."""
        text = self.folder / f"{page.name}.md"
        return self.site_file(page) or (text if text.is_file() else None)

    def __iter__(self) -> Iterator[ShelfPage]:
        return iter(self.pages)
