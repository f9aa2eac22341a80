"""Heads of answers are read as the standard library reads them, which is asked about each."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pinflow.http.response_head import OrdinaryHeadResponse

MARKS = ("status", "reason", "version", "chunked", "chunk_left", "length", "will_close", "code")
ORDINARY = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Wire:
    """What ``http.client`` makes a file of."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._sent))


def read(kind: type[http.client.HTTPResponse], sent: bytes, method: str) -> Any:
    """All that is known of an answer after its head, with its body; or the error."""
    response = kind(Wire(sent), method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        marks = [getattr(response, mark) for mark in MARKS]
        return marks, response.msg.items(), response.read()
    except (http.client.HTTPException, ValueError) as error:
        return type(error)


def same(sent: bytes, method: str = "GET") -> None:
    assert read(OrdinaryHeadResponse, sent, method) == read(http.client.HTTPResponse, sent, method)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("status", [200, 201, 204, 301, 304, 404, 429, 503])
@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 2",
        "content-length:2\r\nX-Request-Id: 1\r\nx-request-id: 2",
        "Content-Length: 2\r\nConnection: Close",
        "Content-Length: 2\r\nConnection: keep-alive",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: -2",
        "Content-Length: two",
        "Content-Length: 2 ",
        "Content-Length: \t 2",
        "Content-Length:",
        "Content-Length: 1_0",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: Chunked\r\nContent-Length: 2",
        "Transfer-Encoding: gzip",
        "Server: example",
        "X-Folded: one\r\n two\r\nContent-Length: 2",
        "X-Odd : blank before the colon\r\nContent-Length: 2",
        "no colon\r\nContent-Length: 2",
        ": no name\r\nContent-Length: 2",
        "X-Latin: caf\xe9\r\nContent-Length: 2",
        "X-Bell: \x07\r\nContent-Length: 2",
        "X-Bare: one\rtwo\r\nContent-Length: 2",
        "X-Null: \0\r\nContent-Length: 2",
        "Content-Type: multipart/mixed; boundary=x\r\nContent-Length: 2",
        "\r\n".join(f"X-{number}: {number}" for number in range(89)) + "\r\nContent-Length: 2",
        "\r\n".join(f"X-{number}: {number}" for number in range(120)) + "\r\nContent-Length: 2",
        "X-Long: " + "x" * 9000 + "\r\nContent-Length: 2",
        "X-Longest: " + "x" * 70_000,
    ],
)
def test_fields_are_read_and_the_body_is_framed_as_by_the_library(fields: str, status: int, method: str) -> None:
    body = b"2\r\n{}\r\n0\r\n\r\n" if "hunked" in fields else b"{}"
    same(f"HTTP/1.1 {status} Reason\r\n{fields}\r\n\r\n".encode("latin-1") + body, method)


@pytest.mark.parametrize(
    "line",
    [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 200 Very \t Well ",
        "HTTP/1.0 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/2 200 OK",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
        "HTTP/1.1 102 Processing",
        "HTTP/1.1 099 Low",
        "HTTP/1.1 600 High",
        "HTTP/1.1 2000 Long",
        "HTTP/1.1 two OK",
        "ICY 200 OK",
        "",
    ],
)
def test_a_status_line_is_read_as_by_the_library(line: str) -> None:
    same(f"{line}\r\nContent-Length: 2\r\n\r\n{{}}".encode())


@pytest.mark.parametrize("length", range(len(ORDINARY)))
def test_a_head_that_is_cut_off_is_what_it_is_to_the_library(length: int) -> None:
    same(ORDINARY[:length])


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n\n", "\n\r\n"])
def test_other_ends_of_lines_are_read_as_by_the_library(ending: str) -> None:
    same(ORDINARY.replace(b"\r\n", ending.encode()))


@given(at=st.integers(0, len(ORDINARY)), put=st.binary(max_size=4), drop=st.integers(0, 3))
@example(at=0, put=b"\n", drop=0)
def test_whatever_bytes_come_are_read_as_by_the_library(at: int, put: bytes, drop: int) -> None:
    same(ORDINARY[:at] + put + ORDINARY[at + drop :])


def test_an_ordinary_head_needs_no_parser_for_email(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.client, "parse_headers", None)
    marks, fields, body = read(OrdinaryHeadResponse, ORDINARY, "POST")
    assert marks == [201, "Created", 11, False, http.client._UNKNOWN, 2, False, 201]  # type: ignore[attr-defined]
    assert fields == [("Content-Type", "application/json"), ("content-length", "2")]
    assert body == b"{}"
