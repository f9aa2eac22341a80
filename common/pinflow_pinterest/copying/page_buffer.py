"""A buffer for a long listing, which can be read back from either end.

The pages go into a temporary file without a name, so nothing is left behind however the process ends; a few pages
stay in memory. Reading them back, forwards or backwards, takes the memory of one page.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

IN_MEMORY: Final = 4 * 1024 * 1024  # bytes, compressed: some ten thousand Pins, more than most boards have
_LEVEL = 3  # of compression: fast, and still a tenth of the JSON


class PageBuffer:
    """Pages of objects, written one after the other and read back object by object.

    Its length is the number of objects. One reader at a time, and no writing while it reads. Close it, with
    ``close`` or a ``with`` statement. Raises ActionError if the temporary folder is full.
    """

    def __init__(self, *, in_memory: int = IN_MEMORY) -> None:
        from tempfile import SpooledTemporaryFile  # only a copy needs it

        self._file = SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115 - closed by close()
        self._pages: list[tuple[int, int]] = []  # offset and size of each
        self._end = 0
        self._objects = 0

    def append(self, page: Sequence[Mapping[str, Any]]) -> None:
        """Write one page; an empty one is ignored."""
        if not page:
            return
        packed = zlib.compress(json.dumps(page, separators=(",", ":")).encode(), _LEVEL)
        try:
            self._file.seek(self._end)
            self._file.write(packed)
        except OSError as error:
            raise ActionError(
                f"the listing can't be stored in the temporary folder: {error.strerror}",
                hint="free some space there, or set the environment variable TMPDIR to another folder",
            ) from error
        self._pages.append((self._end, len(packed)))
        self._end += len(packed)
        self._objects += len(page)

    def clear(self) -> None:
        """Forget all pages."""
        self._pages.clear()
        self._end = self._objects = 0

    def __len__(self) -> int:
        return self._objects

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for position in self._pages:
            yield from self._page(position)

    def __reversed__(self) -> Iterator[dict[str, Any]]:
        for position in reversed(self._pages):
            yield from reversed(self._page(position))

    def close(self) -> None:
        """Close the file, which removes it."""
        self._file.close()

    def __enter__(self) -> PageBuffer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _page(self, position: tuple[int, int]) -> list[dict[str, Any]]:
        start, size = position
        self._file.seek(start)
        page: list[dict[str, Any]] = json.loads(zlib.decompress(self._file.read(size)))
        return page
