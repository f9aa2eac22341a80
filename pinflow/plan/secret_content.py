"""Files that are known by their content to hold keys, tokens or passwords, whatever their names are."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

_HEAD: Final = 64 * 1024  # bytes that are looked at; a key and a file of variables are smaller
_JSON: Final = 1024 * 1024  # of JSON, where a token may stand anywhere; pinflow reads token files up to 64 KiB
_KEY: Final = re.compile(
    rb"^[ \t]*(-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-|AGE-SECRET-KEY-)", re.MULTILINE
)
# names are bounded, so that no text takes long; KEYWORDS= is not a key
_NAME: Final = (
    rb"(?:[A-Z0-9_]{0,60}(?:SECRET|TOKEN|PASSWORD|PASSWD|KEY(?!WORD))[A-Z0-9_]{0,60}"
    rb"|[a-z0-9_]{0,60}(?:secret|access_token|refresh_token|password|api_key)[a-z0-9_]{0,60})"
)
_EXPORT: Final = rb"(?:(?:export|set|setx|declare -x)[ \t]+|\$env:)?"
_VARIABLE: Final = re.compile(
    rb"^[ \t]*"
    + _EXPORT
    + rb"(?:[A-Za-z_]\w{0,60}=[^\n]{0,400}?[ \t;])?"  # others before it in the line
    + _EXPORT
    + _NAME
    + rb"[ \t]*=[ \t]*['\"]?(?!\*\*\*)[^\s'\"#]",
    re.MULTILINE,
)
_JSON_BEGINS: Final = re.compile(rb"[^\w{\[]*[{\[]")
_JSON_TOKEN: Final = re.compile(rb"\"\w{0,60}(?:access|refresh)_token\"\s*:\s*\"(?!\*\*\*\"|\")", re.IGNORECASE)
_XML_TOKEN: Final = re.compile(rb"<\w{0,60}(?:access|refresh)_token\b", re.IGNORECASE)
_ESCAPE: Final = re.compile(rb"\\u00([4-7][0-9a-fA-F])")
_TOKEN_COLUMNS: Final = frozenset({b"accesstoken", b"refreshtoken"})


def holds_secrets(file: BinaryIO, *, is_table: bool = False) -> bool:
    """Whether a file, at its beginning, holds keys, tokens or passwords: a private key, JSON, a table, or variables.

    ``is_table`` tells that one column alone is a table too. Reads no more than 1 MiB. Raises OSError.
    """
    head = _head(file)
    return (
        _KEY.search(head) is not None
        or _VARIABLE.search(head) is not None
        or (_XML_TOKEN.search(head) is not None and head.startswith(b"<"))
        or (_has_json_token(head, file) if _is_json(head) else _has_token_column(head, is_table=is_table))
    )


def holds_token_file(file: BinaryIO) -> bool:
    """Whether a file, at its beginning, could be taken for a token file."""
    head = _head(file)
    return _is_json(head) and _has_json_token(head, file)


def _head(file: BinaryIO) -> bytes:
    """How a file begins, without what tells its encoding, and the zeros of UTF-16."""
    return file.read(_HEAD).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n")


def _is_json(head: bytes) -> bool:
    return _JSON_BEGINS.match(head) is not None


def _has_json_token(head: bytes, rest: BinaryIO) -> bool:
    text = head + rest.read(_JSON - _HEAD).replace(b"\0", b"")
    if b"\\u00" in text:  # a letter may be written so
        text = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text)
    return _JSON_TOKEN.search(text) is not None


def _has_token_column(head: bytes, *, is_table: bool) -> bool:
    """Whether the first line is a table's header with a column of tokens."""
    lines = (line for line in head.splitlines() if line.strip() and not line.lower().startswith(b"sep="))
    columns = re.split(rb"[,;|\t]", next(lines, b""))
    names = {re.sub(rb"[\W_]", b"", column).lower() for column in columns}
    return (is_table or len(columns) > 1) and not names.isdisjoint(_TOKEN_COLUMNS)
