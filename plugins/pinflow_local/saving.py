"""Writing files as a whole; existing ones are replaced only on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from pinflow import ActionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow import Context

IfExists = Literal["fail", "replace"]


class Written(TypedDict):
    """A written file, by its whole path."""

    path: str
    bytes: int


def save(ctx: Context, name: str, if_exists: IfExists, content: Callable[[], bytes]) -> Written:
    """Write ``content()`` to the file that a recipe calls ``name``; a dry run only checks the path.

    A file that already has this content counts as written, so that a resumed run can repeat it. Raises ActionError if
    another file exists or the path can't be written, UsageError for a path that the recipe may not use.
    """
    file, replace = ctx.output_file(name), if_exists == "replace"
    if ctx.dry_run:
        file.check(replace=replace)
        if not file.is_there or replace:
            ctx.log(f"would write {file.path}")
        elif (same := file.holds(content)) is True:
            ctx.log(f"{file.path} already exists with this content")
        else:
            other = " with other content: set" if same is False else "; where its content differs, set"
            ctx.log(f"{file.path} already exists{other} if_exists: replace to overwrite it", warning=True)
        return {"path": str(file.path), "bytes": 0}
    file.check(replace=replace)
    data = content()
    try:
        with file.draft(replace=replace) as draft:
            draft.write(data)
    except OSError as error:
        raise ActionError(f"{file.path} can't be written: {error.strerror or error}") from error
    ctx.log(f"wrote {file.path}")
    return {"path": str(file.path), "bytes": len(data)}
