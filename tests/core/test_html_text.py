"""The text of HTML: what people would read, in time that grows with its length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinflow.expressions.html_text import html_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain text\nof two lines", "plain text\nof two lines"),
        ("one<br>two<br/>three\nfour", "one\ntwo\nthree four"),
        ("<h1>Beds</h1>\n  <p>For <em>small</em>\n gardens.</p><hr><p>Cedar.</p>", "Beds\nFor small gardens.\nCedar."),
        ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>", "a b\nc"),
        ("in<b>vis</b>ible", "invisible"),
        ("<SCRIPT type='x'>if (a<b) {}</SCRIPT >shown<style>p {}</styles></style>!", "shown!"),
        ("shown<script>never closed", "shown"),
        ("a<!-- <p>hidden</p> -->b<!DOCTYPE html>c<?xml version='1.0'?>d", "abcd"),
        ("<![CDATA[<p>from a feed</p>]]>", "from a feed"),
        ("&lt;b&gt; &amp;amp; &#8364; &#x20AC; &eacute;&nbsp;x", "<b> &amp; € € é x"),
        ("&#0;&#xD800;&#1114112;&#99999999999;&nosuchthing;", "\ufffd\ufffd\ufffd\ufffd9999;&nosuchthing;"),
        ("<a title='5 > 3' href=\"x>y\">link</a>", "link"),
        ("<a href='>link</a> and more", "link and more"),
        ("I <3 you, 5 < 6, </3, a <b", "I <3 you, 5 < 6, </3, a <b"),
        ("<x-card>own</x-card><br\n>tag", "own\ntag"),
        ("a\0b<p>c", "ab\nc"),
    ],
)
def test_html_reads_as_a_browser_shows_it(html: str, text: str) -> None:
    assert html_text(html) == text


@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "</", "<!--", "-->", "<p", "<td>", "<script>", "</script>", "'", '"', "&lt;", "a ", "\n"]
        )
    )
)
def test_no_tag_of_a_block_is_left_and_no_line_is_empty(parts: list[str]) -> None:
    text = html_text("".join(parts))
    assert "<td>" not in text and "\0" not in text
    assert all(line == " ".join(line.split()) and line for line in text.split("\n") if text)


HOSTILE = [
    "<",
    "<a ",
    "<a '",
    "<!--",
    "<!",
    "<script>",
    "&",
    "&#9",
    "&#",
    "<td>",
    "</script",
    "<a \"><b' >",
    "<a >'\"",
    "<?",
    "'\"<p",
]


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("end", ["", ">", "'>"])
def test_the_time_grows_with_the_length_whatever_the_text(unit: str, end: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit)) + end
        started = time.process_time()
        html_text(text)
        return time.process_time() - started

    seconds(1_000)  # the table of entities is loaded
    assert seconds(60_000) < 0.5  # measured: 0.02 s at most; what grows with the square takes 10 s
