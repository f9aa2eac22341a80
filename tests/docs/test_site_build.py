"""What is checked of the built site, which ``.ci/run`` builds: building it here would take a tenth of all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.built_site import mistakes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ('<a href="other.html">x</a>', "index.html: other.html leads nowhere"),
        ("<pre>x</pre>", "index.html: a box that may scroll can't be reached by keyboard"),
        ('<div class="table-wrapper x">x</div>', "index.html: a box that may scroll can't be reached by keyboard"),
        ('<a href="#there">x</a>', "index.html: #there has no such place"),
        ('<img src="gone.png">', "index.html: gone.png leads nowhere"),
        ('<script src="https://cdn.example/x.js"></script>', "index.html: fetches https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "index.html: fetches //cdn.example/x.css"),
        (
            "<style>a { background: url('http://a.example/x.png') }</style>",
            "index.html: fetches http://a.example/x.png",
        ),
    ],
)
def test_what_is_wrong_in_a_site_is_found(tmp_path: Path, body: str, mistake: str) -> None:
    (tmp_path / "index.html").write_text(f"<html><body>{body}</body></html>")
    assert mistake in list(mistakes(tmp_path))


def test_what_is_right_in_a_site_is_not_found(tmp_path: Path) -> None:
    body = (
        '<h1 id="here">x</h1><a href="#here">x</a><a href="index.html#here">x</a><a href="https://example.com/">x</a>'
        '<link rel="canonical" href="https://example.com/"><img src="data:image/png;base64,AAAA">'
    )
    (tmp_path / "index.html").write_text(body)
    assert list(mistakes(tmp_path)) == []


def test_a_style_sheet_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>x</p>")
    (tmp_path / "x.css").write_text("@font-face { src: url(https://fonts.example/x.woff2) }")
    assert list(mistakes(tmp_path)) == ["x.css: fetches https://fonts.example/x.woff2"]
