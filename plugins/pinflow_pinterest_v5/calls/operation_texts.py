"""The texts of the pages on operations, from the bundled description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import markdown_code, markdown_fence, markdown_sections, markdown_table
from pinflow_pinterest.catalogue.operations import BUNDLED, open_catalogue
from pinflow_pinterest_v5.calls.action import argument_schema
from pinflow_pinterest_v5.calls.command import need_lines, step_lines
from pinflow_pinterest_v5.calls.descriptions import Describer
from pinflow_pinterest_v5.calls.operation_groups import GROUPS, OTHERS, PARENT, group_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow_pinterest.catalogue.operations import Operation


def groups() -> Mapping[str, Sequence[Operation]]:
    """The operations of the bundled description, by group."""
    of_start = {start: group for group, starts in GROUPS.items() for start in starts}
    by_group: dict[str, list[Operation]] = {group: [] for group in GROUPS}
    for operation in open_catalogue(BUNDLED).operations.values():
        first, *rest = operation.path.strip("/").split("/")
        start = rest[1] if first == "ad_accounts" and len(rest) > 1 else first
        by_group[of_start.get(start, OTHERS)].append(operation)
    return by_group


def listing() -> str:
    """The page that lists every operation."""
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
    return markdown_sections(f"## {group_words(group).capitalize()}", markdown_table(("operation", "request"), rows))


def _anchor(id: str) -> str:
    return id.lower().replace("/", "")


def group_page(group: str) -> str:
    """The page on the operations of a group."""
    return markdown_sections(*map(_operation, groups()[group]))


def _operation(operation: Operation) -> str:

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
