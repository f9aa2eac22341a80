"""Check a built site: ``python -m tests.docs.built_site docs/site``. Exit code 1 with a line for each mistake.

Every link inside leads somewhere, anchors included, boxes that may scroll can be reached by keyboard, and no page
asks another host for anything: it has to be read without a network, and nobody has to be told who reads it.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

# what a browser fetches by itself, where an <a> waits for a person
_FETCHED: Final = {
    *(("script", "src"), ("img", "src"), ("img", "srcset"), ("iframe", "src"), ("source", "src"), ("video", "src")),
    *(("audio", "src"), ("object", "data"), ("embed", "src"), ("form", "action"), ("input", "src")),
}
_NOT_FETCHED: Final = {"canonical", "author", "help", "license", "next", "prev", "index", "search"}  # of <link rel>


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []  # that a person may follow
        self.fetched: list[str] = []
        self.unreachable = False  # a box that may scroll and has no place among those that Tab goes through
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.ids.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and "href" in values and not _NOT_FETCHED & set(values.get("rel", "").split()):
            self.fetched.append(values["href"])
        self.fetched += [values[name] for of, name in _FETCHED if of == tag and name in values]
        may_scroll = tag == "pre" or "table-wrapper" in values.get("class", "").split()
        self.unreachable |= may_scroll and "tabindex" not in values
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.fetched += _addresses_in_css(data)


def _addresses_in_css(text: str) -> list[str]:
    parts = text.split("url(")[1:]
    return [part.partition(")")[0].strip(" '\"") for part in parts]


def mistakes(site: Path) -> Iterator[str]:
    """Every link that leads nowhere, and everything that is fetched from another host."""
    pages = {file: _read(file) for file in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site}: no page"
    for file, page in pages.items():
        name = file.relative_to(site)
        if page.unreachable:
            yield f"{name}: a box that may scroll can't be reached by keyboard"
        for address in page.fetched:
            if _is_elsewhere(address):
                yield f"{name}: fetches {address}"
        for address in (*page.links, *page.fetched):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file.resolve()
            if not target.is_file():
                yield f"{name}: {address} leads nowhere"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                yield f"{name}: {address} has no such place"
    for file in sorted(site.rglob("*.css")):
        for address in _addresses_in_css(file.read_text("utf-8")):
            if _is_elsewhere(address):
                yield f"{file.relative_to(site)}: fetches {address}"


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https", "ftp", "ws", "wss")


def _read(file: Path) -> _Page:
    page = _Page()
    page.feed(file.read_text("utf-8"))
    return page


def main(folder: str) -> int:
    """Print every mistake of a site. Returns the exit code."""
    lines = list(mistakes(Path(folder).resolve()))
    print("\n".join(lines) or f"{folder}: every link holds, and nothing is fetched from elsewhere")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
