"""Files that are there whole or not at all, and that replace others only when told to."""

from __future__ import annotations

import os
from contextlib import suppress
from secrets import token_hex
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
    """A file that was written. Its path is what the recipe gave."""

    bytes: int


def save(ctx: Context, name: str, if_exists: IfExists, content: Callable[[], bytes]) -> Written:
    """Write what ``content`` gives into the file that a recipe calls ``name``; in a dry run only look at the place.

    A file that has just this content already counts as written, so that a resumed run may do it again. Raises
    ActionError where another file is in the way or the place can't be written, UsageError for a place where a
    recipe has no business.
    """
    path = ctx.file(name)
    if not path.parent.is_dir():
        raise UsageError(f"{name}: there is no folder {path.parent}", hint="make it first")
    if path.exists() and not path.is_file():
        raise UsageError(f"{name}: there is something that is no file", hint="choose another name")
    if ctx.dry_run:
        if if_exists == "fail" and path.exists():
            ctx.log(f"{path} is there already: without if_exists: replace it would stay as it is", warning=True)
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
    part = path.with_name(f".{path.name[:100]}.{token_hex(4)}.part")
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
    """Give the written file its name, unless another one has it."""
    try:
        path.hardlink_to(part)  # fails where a name is taken, whoever was faster
    except FileExistsError:
        if path.read_bytes() != data:
            raise ActionError(
                f"{path} is there already, with other content",
                hint="move it away, or say if_exists: replace (as an input: -i if_exists=replace)",
            ) from None
    except OSError:  # a file system without links
        if path.exists():
            raise
        part.replace(path)
