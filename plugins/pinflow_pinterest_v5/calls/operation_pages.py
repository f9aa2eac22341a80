"""The pages on operations: a page for each group, with the arguments of each operation."""

from __future__ import annotations

from functools import partial

from pinflow import FactsPage
from pinflow_pinterest_v5.calls.operation_groups import GROUPS, PARENT, group_words


def pages() -> list[FactsPage]:
    """The page that lists the groups, and a page for each."""
    listing = FactsPage(
        name=PARENT,
        title="Operations",
        about="Every operation of API v5 that a step can call with `uses: call`, by group.",
        text=_listing_text,
        words=("endpoints", "REST", "call any operation", "openapi", "api reference"),
        see="[the action `call`](actions-call.md). In the terminal: `pinflow operations WORD`.",
    )
    return [listing, *(_page(group) for group in GROUPS)]


def _page(group: str) -> FactsPage:
    return FactsPage(
        name=f"{PARENT}/{group}",
        title=f"Operations: {group_words(group)}",
        about=f"What the operations on {group_words(group)} take and need.",
        text=partial(_group_text, group),
        words=(*GROUPS[group], "operation", "endpoint"),
        parent=PARENT,
        see="[the action `call`](../actions-call.md), or [all operations](../operations.md).",
    )


def _listing_text() -> str:
    from pinflow_pinterest_v5.calls.operation_texts import listing  # here: every start asks for the names of pages

    return listing()


def _group_text(group: str) -> str:
    from pinflow_pinterest_v5.calls.operation_texts import group_page

    return group_page(group)
