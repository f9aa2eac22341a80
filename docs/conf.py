"""How the site is built: python docs/generate.py && sphinx-build -W -n --keep-going -b html docs docs/site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pinflow

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "pinflow"
copyright = "the authors of pinflow"
version = release = pinflow.__version__
language = "en"
extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["site"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]  # examples with "..." in them are not whole JSON or YAML

html_theme = "furo"
html_title = f"pinflow {version}"
html_static_path = ["static"]
html_css_files = ["pinflow.css"]
html_copy_source = False
html_show_sphinx = False
# every colour of both has a contrast of 7 to 1 and more; they come with the theme
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = "$ "
copybutton_selector = "div:not(.highlight-output) > div.highlight > pre"  # an output is nothing to paste


# what furo and Sphinx have no setting for: boxes that scroll are reached by keyboard, and landmarks have names
REPLACED = {
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper ': '<div tabindex="0" class="table-wrapper ',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="On this page">',
}


def _make_accessible(app: Sphinx, error: Exception | None) -> None:
    for page in app.outdir.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for old, new in REPLACED.items():
            text = text.replace(old, new)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("build-finished", _make_accessible)
