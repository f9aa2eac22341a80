"""Heads of HTTP answers, read without the e-mail parser where they are ordinary.

The standard library gives every head to a parser for e-mail, which takes 0.1 ms for eight lines: a sixth of all that a
call costs. Here a head that came in one piece, of HTTP/1.1, in ASCII and without folded lines is taken apart by one
regular expression, with the very same result. Any other is left to the library, with nothing of it consumed.
"""

from __future__ import annotations

import re
from http.client import HTTPMessage, HTTPResponse
from typing import Any

# what RFC 9110 calls a token, and a value of visible characters, blanks and tabs; no interim answer
_ORDINARY = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2}) ([\t\x20-\x7e]*)\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*\r\n){1,90})\r\n"
)
_WITHOUT_BODY = (204, 304)


class OrdinaryHeadResponse(HTTPResponse):
    """``http.client``'s answer; an ordinary head is read faster."""

    msg: Any  # the headers; None until they are read
    fp: Any
    _method: str | None

    def begin(self) -> None:
        """Read the head. Raises what the library's own raises."""
        if self.msg is not None or (head := _ORDINARY.match(self.fp.peek())) is None:
            super().begin()
            return
        self.fp.read(head.end())  # it is all in the buffer
        self.version = 11
        self.code = self.status = int(head[1])
        self.reason = head[2].decode("ascii").strip()
        self.headers = self.msg = message = HTTPMessage()
        for line in head[3].decode("ascii").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            message.set_raw(name, value.lstrip(" \t"))
        self._frame(message)

    def _frame(self, message: HTTPMessage) -> None:
        """Work out where the body ends, as the library does."""
        self.chunked = (message.get("transfer-encoding") or "").lower() == "chunked"
        if self.chunked:
            self.chunk_left = None
        try:
            length = -1 if self.chunked else int(message.get("content-length") or -1)
        except ValueError:
            length = -1
        self.length = length if length >= 0 else None
        if self.status in _WITHOUT_BODY or self._method == "HEAD":
            self.length = 0
        closes = "close" in (message.get("connection") or "").lower()
        self.will_close = closes or (not self.chunked and self.length is None)
