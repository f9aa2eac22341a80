"""What HTML reads as: its text, without the markup.

Written here although ``html.parser`` is in Python: in 3.11 its time grows with the square of a hostile text (24,000
characters of ``<a `` take 5 s), and a recipe may get its data from a stranger. Here each is passed once: 2 ms.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

# A tag that begins or ends one of these starts a new line, as browsers show it.
BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog"),
        *("dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5"),
        *("h6", "header", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre", "section"),
        *("select", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    }
)
CELLS: Final = frozenset({"td", "th"})  # they stand side by side, so that a space comes between
DROPPED: Final = frozenset({"iframe", "noscript", "script", "style", "template", "title"})  # with all that is in them

_NEXT: Final = re.compile(r"<(?:(?P<comment>!--)|(?P<tag>/?[A-Za-z])|(?P<other>[!?]))")
_NAME: Final = re.compile(r"[A-Za-z][^\s/>]*")
_QUOTE_OR_END: Final = re.compile(r"[\"'>]")
# bounded, since unescape() makes a number of the digits
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
_LINE_END: Final = "\0"  # of a block: HTML can't hold the character, and what a text has of it is taken away


def html_text(html: str) -> str:
    """The text of a piece of HTML: no tags and comments, entities as characters, one line for each block.

    ``<script>``, ``<style>`` and the like go with what is in them. White space counts as one space; only where there
    are no blocks, the text's own line ends stay. A ``<`` that begins no tag is text, as is one after the last ``>``.
    """
    html = html.replace(_LINE_END, "")
    if "<![CDATA[" in html:  # feeds wrap HTML in it
        html = html.replace("<![CDATA[", "").replace("]]>", "")
    text = "".join(_parts(html))
    text = _ENTITY.sub(lambda match: unescape(match[0]).replace(_LINE_END, ""), text)
    lines = text.split(_LINE_END) if _LINE_END in text else text.splitlines()
    return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)


def _parts(html: str) -> list[str]:
    """The text between the tags, with a line end or a space in place of those that part it."""
    parts: list[str] = []
    end, last = 0, html.rfind(">") + 1
    while opening := _NEXT.search(html, end, last):
        parts.append(html[end : opening.start()])
        end = opening.end()
        match opening.lastgroup:
            case "comment":
                end = _behind(html, "-->", end)
            case "other":
                end = _behind(html, ">", end)
            case _:
                end = _pass_tag(html, opening.end() - 1, parts, closes=opening["tag"].startswith("/"))
    parts.append(html[end:])
    return parts


def _pass_tag(html: str, start: int, parts: list[str], *, closes: bool) -> int:
    """Where the text goes on behind the tag whose name begins at ``start``."""
    found = _NAME.match(html, start)
    name = "" if found is None else found[0].casefold()
    end = _tag_end(html, start)
    if name in BLOCKS:
        parts.append(_LINE_END)
    elif name in CELLS:
        parts.append(" ")
    elif name in DROPPED and not closes:
        closing = re.compile(rf"(?i)</{name}(?=[\s/>])[^>]*>?").search(html, end)
        return len(html) if closing is None else closing.end()
    return end


def _tag_end(html: str, start: int) -> int:
    """Behind the ``>`` that ends a tag; one in a quoted attribute doesn't. A tag without an end takes the rest."""
    place = start
    while mark := _QUOTE_OR_END.search(html, place):
        place = mark.end()
        if mark[0] == ">":
            return place
        closing = html.find(mark[0], place)
        if closing < 0:  # a quote that nothing closes is a slip, which must not swallow all that follows
            return _behind(html, ">", place)
        place = closing + 1
    return len(html)


def _behind(html: str, mark: str, start: int) -> int:
    place = html.find(mark, start)
    return len(html) if place < 0 else place + len(mark)
