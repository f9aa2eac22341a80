"""The pages that a browser shows when it comes back from the consent page. No content comes from outside."""

from __future__ import annotations

from pinflow import dataclass


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page. ``mark`` is one character, ``tone`` its colour on light and on dark ground."""

    title: str
    text: str
    mark: str
    tone: tuple[str, str]


GRANTED = PageText(
    "Access was given",
    "pinflow finishes signing in now: see its terminal. You can close this page.",
    "✓",
    ("#187a3c", "#5fd38a"),
)
DENIED = PageText(
    "Access was not given",
    "Nothing was stored. You can close this page; to try again, sign in from the terminal.",
    "✗",
    ("#b3261e", "#ff8a80"),
)
STRAY = PageText(
    "Nothing to see here",
    "This address is only for the answer that pinflow waits for.",
    "?",
    ("#5b6470", "#a8b3c0"),
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - pinflow</title>
<style>
:root {{ color-scheme: light dark; --tone: {light}; --ground: #f4f5f7; --card: #fff; --ink: #1c2128; --soft: #5b6470 }}
@media (prefers-color-scheme: dark) {{
  :root {{ --tone: {dark}; --ground: #14171c; --card: #1e232b; --ink: #e8ebef; --soft: #a8b3c0 }}
}}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }}
main {{ box-sizing: border-box; width: min(28rem, 100% - 2rem); padding: 2.5rem 2rem; background: var(--card);
  border-radius: .75rem; box-shadow: 0 1px 3px #0003; text-align: center }}
.mark {{ width: 3.5rem; height: 3.5rem; margin: 0 auto 1rem; border-radius: 50%; border: 2px solid; line-height: 3.5rem;
  font-size: 1.75rem; color: var(--tone) }}
h1 {{ margin: 0 0 .5rem; font-size: 1.4rem }}
p {{ margin: 0; color: var(--soft) }}
</style>
</head>
<body><main><div class="mark" aria-hidden="true">{mark}</div><h1>{title}</h1><p>{text}</p></main></body>
</html>
"""


def page(text: PageText) -> bytes:
    """A whole page, which loads nothing else."""
    light, dark = text.tone
    return _PAGE.format(title=text.title, text=text.text, mark=text.mark, light=light, dark=dark).encode()
