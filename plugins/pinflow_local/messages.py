"""The action that shows a line of text."""

from __future__ import annotations

from typing import Annotated, Final

from pinflow import Context, Text, action


@action("log", shows={"text"})
def log(ctx: Context, *, text: Annotated[str, Text(min_length=1, max_length=2000)], warning: bool = False) -> None:
    """Show a line while the recipe runs.

    Arguments:
        text: what to show
        warning: whether to show it even if notes are hidden
    """
    ctx.log(text, warning=warning)


ACTIONS: Final = (log,)
