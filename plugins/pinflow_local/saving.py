"""Writing files atomically; existing ones are replaced only on request."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

from pinflow import ActionError, Text, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pinflow import Context

FilePath = Annotated[
    str, Text(min_length=1, format="file", description="in the recipe's folder, or named by an input of type file")
]
IfExists = Literal["fail", "replace"]


class Written(TypedDict):
    """A written file. Its path is the one in the recipe."""

    bytes: int


def save(ctx: Context, name: str, if_exists: IfExists, content: Callable[[], bytes]) -> Written:
    """Write ``content()`` to the file that a recipe calls ``name``; a dry run only checks the path.

    A file that already has this content counts as written, so that a resumed run can repeat it. Raises ActionError if
    another file exists or the path can't be written, UsageError for a path that the recipe may not use.
    """
    path = ctx.file(name)
    if not path.parent.is_dir():
        raise UsageError(f"{name}: the folder {path.parent} does not exist", hint="make it first")
    if path.exists() and not path.is_file():
        raise UsageError(f"{name} is not a file", hint="choose another name")
    if ctx.dry_run:
        if if_exists == "fail" and path.exists():
            ctx.log(f"{path} already exists: set if_exists: replace to overwrite it", warning=True)
        else:
            ctx.log(f"would write {path}")
        return {"bytes": 0}
    data = content()
    try:
        _write(path, data, replace=if_exists == "replace")
    except OSError as error:
        raise ActionError(f"{path} can't be written: {error.strerror or error}") from error
    ctx.log(f"wrote {path}")
    return {"bytes": len(data)}


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    part = path.with_name(f".{path.name[:100]}.{os.urandom(4).hex()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            part.replace(path)
        else:
            _place(part, path, data)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _place(part: Path, path: Path, data: bytes) -> None:
    """Rename the written file, unless another one has the name."""
    try:
        path.hardlink_to(part)  # fails if the name is taken, even by a faster process
    except FileExistsError:
        if path.read_bytes() != data:
            raise ActionError(
                f"{path} already exists with other content",
                hint="move it, or set if_exists: replace (as an input: -i if_exists=replace)",
            ) from None
    except OSError:  # a file system without links
        if path.exists():
            raise
        part.replace(path)
