"""Write the pages of facts into docs/facts, from what the program itself uses.

They are not kept in the repository: the same pages can be read with ``pinflow docs``, made on the spot.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pinflow.cli.docs import facts_pages
from pinflow.cli.shell import Shell
from pinflow.reference.pages import as_markdown

DOCS = Path(__file__).parent
FACTS = DOCS / "facts"


def main() -> None:
    """Write every page anew, so that none is left of what is gone."""
    shutil.rmtree(FACTS, ignore_errors=True)
    pages = facts_pages(Shell.of_process())
    for page in pages:
        file = FACTS / f"{page.name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_markdown(page, pages), encoding="utf-8")


if __name__ == "__main__":
    main()
