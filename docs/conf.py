"""How the site is built: python docs/generate.py && sphinx-build -W -n --keep-going -b html docs docs/site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pinflow

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "pinflow"
copyright = "the authors of pinflow"
version = release = pinflow.__version__
language = "en"
extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["site"]
root_doc = "index" if Path(__file__).with_name("index.md").exists() else "facts/index"

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


def _focusable_code(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """A box that scrolls can be reached by keyboard, which Sphinx has no setting for."""
    if "body" in context:
        context["body"] = context["body"].replace("<pre>", '<pre tabindex="0">')


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", _focusable_code)
