"""A form with a file in it, as a stream: multipart/form-data.

Source: RFC 7578
"""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping


class Form:
    """What a browser sends for text fields and one file, which comes last. It is read once, piece by piece."""

    def __init__(self, fields: Mapping[str, str], file: BinaryIO, size: int) -> None:
        """``size`` is the file's, in bytes. Raises ValueError for a field's name that can't be sent."""
        boundary = f"pinflow-{token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_name(name)}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
        head += "Content-Type: application/octet-stream\r\n\r\n"
        self._before = head.encode()
        self._after = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        self._left = size
        self._length = len(self._before) + size + len(self._after)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next piece, of at most ``size`` bytes; b"" after the last.

        Raises OSError where the file has become shorter than it was.
        """
        size = size if size > 0 else 64 * 1024
        if self._before:
            piece, self._before = self._before[:size], self._before[size:]
            return piece
        if self._left:
            piece = self._file.read(min(size, self._left))
            if not piece:
                raise OSError(5, "the file became shorter while it was sent")
            self._left -= len(piece)
            return piece
        piece, self._after = self._after[:size], self._after[size:]
        return piece


def _name(name: str) -> str:
    if not name.isprintable() or '"' in name:
        raise ValueError("a form field's name can't be sent")
    return name
