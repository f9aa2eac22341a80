"""All pages of the documentation, those that are written by hand and those of facts: found by name or by words."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pinflow.reference.pages import as_text, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pinflow.plugin.contributions import FactsPage

BUILT: Final = "site"  # the folder of built pages, in that of the pages
FACTS: Final = "facts"
# a title counts more than any number of mentions, and what somebody wrote for people more than a list of facts
_IN_TITLE, _IN_WORDS, _AT_MOST, _WRITTEN = 20, 10, 5, 15


class ShelfPage:
    """A page: ``name`` is its file below the folder of pages, without the ending."""

    def __init__(self, name: str, title: str, about: str, words: str, read: Callable[[], str]) -> None:
        """``words`` are others by which people search for it; ``read`` makes its Markdown."""
        self.name = name
        self.title = title
        self.about = about
        self._words = words.lower()
        self._read = read

    @classmethod
    def of_facts(cls, page: FactsPage) -> ShelfPage:
        """A page that is made when it is read."""
        return cls(f"{FACTS}/{page.name}", page.title, page.about, " ".join(page.words), lambda: as_text(page))

    @classmethod
    def of_file(cls, name: str, file: Path) -> ShelfPage:
        """A page that somebody wrote. What it is about is its first sentence."""
        raw = file.read_text(encoding="utf-8")
        text = plain(raw)
        heading = re.search(r"^# +(.+?)\s*$", text, re.M)
        words = re.search(r'\A---\n.*?"?keywords[^:\n]*: *([^\n]*)\n', raw, re.S)
        return cls(
            name, heading[1] if heading else name, _first_sentence(text), words[1] if words else "", lambda: text
        )

    @cached_property
    def text(self) -> str:
        """The page as Markdown for a terminal."""
        return self._read()

    @property
    def terminal_text(self) -> str:
        """The text with the names of pages in place of links to them, as nobody can follow one there."""
        folder = posixpath.dirname(self.name)

        def replace_link(link: re.Match[str]) -> str:
            line_start = self.text.rfind("\n", 0, link.start()) + 1
            in_table = self.text.startswith("|", line_start)  # which would grow too wide
            return link[1] if in_table else f"{link[1]} (`{posixpath.normpath(posixpath.join(folder, link[2]))}`)"

        return re.sub(r"\[([^\]]+)\]\(([\w./-]+)\.md(?:#[\w-]*)?\)", replace_link, self.text)

    def score(self, words: Sequence[str]) -> int:
        """How well the page fits these words (in small letters); 0 where one of them is not in it."""
        title, text = f"{self.name} {self.title}".lower(), self.text.lower()
        total = 0
        for word in words:
            hits = _IN_TITLE * (word in title) + _IN_WORDS * (word in self._words) + min(text.count(word), _AT_MOST)
            if not hits:
                return 0
            total += hits
        return total + (0 if self.name.startswith(f"{FACTS}/") else _WRITTEN)


def _first_sentence(text: str) -> str:
    paragraph = re.search(r"^# .+\n+((?:[^\n#|`:>-].*\n?)+)", text, re.M)
    if paragraph is None:
        return ""
    sentence = " ".join(paragraph[1].split()).partition(". ")[0].rstrip(".")
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", sentence) + "."


class Shelf:
    """The pages below ``folder`` that are written by hand, and those of facts."""

    def __init__(self, folder: Path, facts: Sequence[FactsPage]) -> None:
        self.folder = folder
        written = []
        for file in sorted(folder.rglob("*.md")) if folder.is_dir() else []:
            name = file.relative_to(folder).with_suffix("")
            if name.parts[0] not in (BUILT, FACTS):
                written.append(ShelfPage.of_file(name.as_posix(), file))
        self.pages = [*written, *map(ShelfPage.of_facts, facts)]

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
        wanted = [word for word in wanted if len(word) > 1] or wanted  # "a" is in every page
        scores = [(page.score(wanted), page) for page in self.pages]
        return [page for score, page in sorted(scores, key=lambda pair: (-pair[0], pair[1].name)) if score]

    def site_file(self, page: ShelfPage) -> Path | None:
        """The file of a built page; None if the site wasn't built."""
        file = self.folder / BUILT / f"{page.name}.html"
        return file if file.is_file() else None

    def file_of(self, page: ShelfPage) -> Path | None:
        """Where the page is: built, or the text that it is built from; None of one that is made on the spot."""
        text = self.folder / f"{page.name}.md"
        return self.site_file(page) or (text if text.is_file() else None)

    def __iter__(self) -> Iterator[ShelfPage]:
        return iter(self.pages)
