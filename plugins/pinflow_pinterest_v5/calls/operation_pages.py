"""The pages on operations: a page for each group, with the arguments of each operation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from pinflow import FactsPage, markdown_code, markdown_fence, markdown_sections, markdown_table
from pinflow_pinterest.catalogue.operations import BUNDLED, open_catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow_pinterest.catalogue.operations import Operation

PARENT: Final = "operations"
OTHERS: Final = "others"
# group -> where its paths begin: below an ad account what follows its id. Written here and not worked out, because the
# names of pages are asked for at every start, and to read the catalogue costs more than that
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "boards": ("boards",),
    "pins": ("pins", "media"),
    "accounts": ("user_account", "users", "oauth", "notifications"),
    "search": ("search", "terms", "trends"),
    "ads": (
        "ad_accounts",
        "campaigns",
        "ad_groups",
        "ads",
        "ad_previews",
        "bid_floor",
        "labels",
        "promotions",
        "sandbox",
    ),
    "ad-reports": (
        *("analytics", "audience_insights", "bulk", "insights", "mmm_reports", "reports", "targeting_analytics"),
        "resources",
    ),
    "audiences": ("audiences", "customer_lists", "keywords", "targeting_templates", "templates"),
    "businesses": ("businesses", "business_access"),
    "catalogs": ("catalogs", "product_groups", "product_group_promotions", "integrations"),
    "conversions": ("conversion_tags", "conversion_eqs", "events", "msot", "advertiser_defined_events"),
    "leads": ("lead_forms", "leads", "leads_export"),
    "billing": (
        *("ads_credit", "billing_invoice", "billing_invoices", "billing_profiles", "order_lines", "ssio"),
        "terms_of_service",
    ),
    OTHERS: (),
}


def pages() -> list[FactsPage]:
    """The page that lists the groups, and a page for each."""
    listing = FactsPage(
        name=PARENT,
        title="Operations",
        about="Every operation of API v5 that a step can call with `uses: call`, by group.",
        text=_listing,
        words=("endpoints", "REST", "call any operation", "openapi", "api reference"),
        see="[the action `call`](actions-call.md). In the terminal: `pinflow operations WORD`.",
    )
    return [listing, *(_page(group) for group in GROUPS)]


def _page(group: str) -> FactsPage:
    return FactsPage(
        name=f"{PARENT}/{group}",
        title=f"Operations: {_words(group)}",
        about=f"What the operations on {_words(group)} take and need.",
        text=partial(_group, group),
        words=(*GROUPS[group], "operation", "endpoint"),
        parent=PARENT,
        see="[the action `call`](../actions-call.md), or [all operations](../operations.md).",
    )


def _words(group: str) -> str:
    return group.replace("-", " ")


def groups() -> Mapping[str, Sequence[Operation]]:
    """The operations of the bundled description, by group."""
    of_start = {start: group for group, starts in GROUPS.items() for start in starts}
    by_group: dict[str, list[Operation]] = {group: [] for group in GROUPS}
    for operation in open_catalogue(BUNDLED).operations.values():
        first, *rest = operation.path.strip("/").split("/")
        start = rest[1] if first == "ad_accounts" and len(rest) > 1 else first
        by_group[of_start.get(start, OTHERS)].append(operation)
    return by_group


def _listing() -> str:
    catalogue = open_catalogue(BUNDLED)
    return markdown_sections(
        f"{len(catalogue.operations)} operations, as version {catalogue.version} of the vendor's description has them. "
        "Another version can be imported: `pinflow operations --import FILE`.",
        *(_index(group, same) for group, same in groups().items()),
    )


def _index(group: str, same: Sequence[Operation]) -> str:
    rows = [
        (
            f"[{markdown_code(operation.id)}]({PARENT}/{group}.md#{_anchor(operation.id)})",
            f"{operation.method} {markdown_code(operation.path)}",
        )
        for operation in same
    ]
    return markdown_sections(f"## {_words(group).capitalize()}", markdown_table(("operation", "request"), rows))


def _anchor(id: str) -> str:
    return id.lower().replace("/", "")


def _group(group: str) -> str:
    return markdown_sections(*map(_operation, groups()[group]))


def _operation(operation: Operation) -> str:
    from pinflow_pinterest_v5.calls.action import argument_schema
    from pinflow_pinterest_v5.calls.command import need_lines, step_lines
    from pinflow_pinterest_v5.calls.descriptions import Describer

    catalogue = open_catalogue(BUNDLED)
    schema, arguments = argument_schema(catalogue, operation.id), catalogue.arguments(operation.id)
    describer = Describer(catalogue.definitions)
    rows = [
        (
            markdown_code(name),
            markdown_code(describer.words(schema["properties"][name])),
            "must be given" if name in schema["required"] else "",
        )
        for name in schema["properties"]
        if name not in ("operation", "body", "all")
    ]
    body = schema["properties"]["body"] if arguments.body is not None else None
    lines = [] if body is None else list(describer.lines(body))
    fields = [
        (markdown_code(line.name), markdown_code(line.words), "must be given" if line.required else "")
        for line in lines
    ]
    return markdown_sections(
        f"## {operation.id}",
        f"{operation.method} {markdown_code(operation.path)}",
        markdown_table(("argument", "what may be given", ""), rows),
        ""
        if body is None
        else f"Its `body` ({markdown_code(describer.words(body))}{', sent as a form' if arguments.form else ''}):",
        markdown_table(("field", "what may be given", ""), fields),
        "".join(f"- {line}\n" for line in need_lines(catalogue, operation.id)),
        markdown_fence("\n".join(step_lines(catalogue, operation.id)), "yaml"),
    )
