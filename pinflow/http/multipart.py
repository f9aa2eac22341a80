"""A form with a file as a stream: multipart/form-data. Requests would read the whole file into memory.

Source: RFC 7578
"""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping


class Form:
    """A `BodyStream` of text fields and one file, which comes last. It is read once, in chunks."""

    def __init__(self, fields: Mapping[str, str], file: BinaryIO, size: int) -> None:
        """``size`` is the file's, in bytes. Raises ValueError for a field's name that can't be sent."""
        boundary = f"pinflow-{token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_check_name(name)}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
        head += "Content-Type: application/octet-stream\r\n\r\n"
        self._before = head.encode()
        self._after = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        self._unread = size
        self._length = len(self._before) + size + len(self._after)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next chunk, of at most ``size`` bytes; b"" after the last.

        Raises OSError if the file has become shorter.
        """
        size = size if size > 0 else 64 * 1024
        if self._before:
            chunk, self._before = self._before[:size], self._before[size:]
            return chunk
        if self._unread:
            chunk = self._file.read(min(size, self._unread))
            if not chunk:
                raise OSError(5, "the file became shorter while it was sent")
            self._unread -= len(chunk)
            return chunk
        chunk, self._after = self._after[:size], self._after[size:]
        return chunk


def _check_name(name: str) -> str:
    if not name.isprintable() or '"' in name:
        raise ValueError("a form field's name can't be sent")
    return name
