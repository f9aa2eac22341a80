"""Write the pages of facts into docs/facts, from what the program itself uses, and the papers of the project.

Two are kept in the repository, variables and exit codes, so that a change of them is seen when it is looked over. The
others are not: the same pages can be read with ``pinflow docs``, made on the spot. Another folder
may be named: python docs/generate.py FOLDER.
"""

from __future__ import annotations

import posixpath
import re
import sys
from functools import partial
from pathlib import Path

from pinflow import FactsPage
from pinflow.cli.docs import facts_pages
from pinflow.cli.shell import Shell
from pinflow.reference.pages import as_markdown

DOCS = Path(__file__).parent
FACTS = DOCS / "facts"
# the project's own papers, which are read beside the code as well: file, page, what one finds there
PAPERS = (
    ("CHANGELOG.md", "changelog", "What changed for you in each version."),
    ("plugins/README.md", "plugin-guide", "How to write a plugin, from the first action to a service of your own."),
    ("SECURITY.md", "security", "What pinflow does with tokens and data, and how to report a weakness."),
    ("CONTRIBUTING.md", "contributing", "How to set up, test and send a change."),
    ("ARCHITECTURE.md", "architecture", "Where everything is in the code, and the way of one run."),
)


def papers() -> list[FactsPage]:
    """The project's papers as pages."""
    pages = {file: name for file, name, _ in PAPERS}
    return [
        FactsPage(
            name=name, title=_title(file), about=about, text=partial(_text, file, pages), see="[all facts](index.md)."
        )
        for file, name, about in PAPERS
    ]


def _title(file: str) -> str:
    heading = re.search(r"^# (.+)$", (DOCS.parent / file).read_text("utf-8"), re.M)
    return heading[1] if heading else file


def _text(file: str, pages: dict[str, str]) -> str:
    """The text below the title, with links that lead to pages; a link to a file of code becomes its name."""
    text = (DOCS.parent / file).read_text("utf-8")
    folder = posixpath.dirname(file)

    def link(match: re.Match[str]) -> str:
        words, target = match[1], match[2]
        path, mark, anchor = target.partition("#")
        if "://" in target or target.startswith("#") or not path:
            return match[0]
        whole = posixpath.normpath(posixpath.join(folder, path))
        if whole in pages:
            return f"[{words}]({pages[whole]}.md{mark}{anchor})"
        if whole.startswith("docs/") and whole.endswith(".md"):
            return f"[{words}]({posixpath.relpath(whole, 'docs/facts')}{mark}{anchor})"
        if whole == "README.md":
            return f"[{words}](../index.md)"
        return words if "`" in words else f"`{whole}`" if words == path else f"{words} (`{whole}`)"

    return re.sub(r"\[([^\]\n]+)\]\(([^)\s]+)\)", link, re.sub(r"\A.*?^# .+?$", "", text, count=1, flags=re.S | re.M))


def main(folder: Path = FACTS) -> None:
    """Write every page anew, so that none is left of what is gone."""
    for old in folder.rglob("*.md"):
        old.unlink()
    pages = facts_pages(Shell.of_process(), papers())
    for page in pages:
        file = folder / f"{page.name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_markdown(page, pages), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
