"""Which fields of a loop's item its steps use: the item is told from others by these, and by nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.expressions.expression import Template
from pinflow.expressions.template import Value
from pinflow.masking.secret_mask import SHOWN
from pinflow.plan.scope import ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pinflow.expressions.expression import Expression, Reference
    from pinflow.expressions.template import Loc
    from pinflow.plan.model import Loop, PlannedStep
    from pinflow.plan.scope import Names, SecretFields


def used_fields(variable: str, body: Iterable[PlannedStep], collect: Value | None) -> tuple[str, ...] | None:
    """The fields of a loop's item that reach arguments, conditions and what is collected, sorted; None for all.

    What people see of a step, its name, is not looked at: it changes nothing that is made.
    """
    fields: set[str] = set()
    for reference in (*_references(body, variable), *_references_in(collect)):
        if reference.root == variable:
            first = reference.path[0] if reference.path else None
            if not isinstance(first, str):
                return None
            fields.add(first)
    return tuple(sorted(fields))


def secrets_of_items(items: Expression | Value | None, names: Names) -> SecretFields:
    """What is secret of a loop's items: what is made from a secret, and not the fields beside it."""
    if items is None:
        return {}
    if not isinstance(items, Value):
        secrets = [secret for reference in items.references if (secret := names.secret_read(reference))]
        return {ALL: min(secrets)} if secrets else {}
    fields: dict[str, str] = {}
    for loc, reference in items.references:
        if secret := names.secret_read(reference):
            fields.setdefault(str(loc[1]) if len(loc) > 1 else ALL, secret)  # an item, then its field
    return fields


def secret_expressions(value: Value, names: Names) -> tuple[Expression, ...]:
    """The expressions in a value that read a secret."""
    expressions = [part[0] for _, template in value.templates for part in template.parts if not isinstance(part, str)]
    return tuple(e for e in expressions if any(names.secret_read(reference) for reference in e.references))


def hide_secrets(arguments: Value, shown: Collection[str], names: Names) -> Value:
    """The arguments with stars in place of each expression in the ``shown`` ones that reads a secret.

    A part of a secret, or its length, can't be told from other texts once it is there.
    """
    templates: list[tuple[Loc, Template]] = []
    parts: dict[Loc, Template | str] = {}
    for loc, template in arguments.templates:
        hidden = {reference for reference in template.references if names.secret_read(reference)}
        if hidden and loc and loc[0] in shown:
            starred = parts[loc] = _with_stars(template, names)
            if isinstance(starred, str):
                continue
            template = starred
        templates.append((loc, template))
    return Value(arguments.with_parts(parts), tuple(templates)) if parts else arguments


def _with_stars(template: Template, names: Names) -> Template | str:
    parts = tuple(
        SHOWN if not isinstance(part, str) and any(map(names.secret_read, part[0].references)) else part
        for part in template.parts
    )
    if all(isinstance(part, str) for part in parts):
        return "".join(part for part in parts if isinstance(part, str))
    kept = tuple(reference for reference in template.references if not names.secret_read(reference))
    return Template(template.text, parts, False, kept)


def named_fields(loop: Loop) -> frozenset[str] | None:
    """The fields of a loop's item that anything names: its steps, what is collected, its key, what people see."""
    if loop.fields is None:
        return None
    shown = (reference for step in loop.body for reference in _references_in(step.name))
    references = [*shown, *_references_in(loop.key)]
    names = (reference.path[0] for reference in references if reference.root == loop.variable and reference.path)
    return frozenset(loop.fields).union(name for name in names if isinstance(name, str))


def _references(steps: Iterable[PlannedStep], variable: str) -> Iterator[Reference]:
    """What steps read, but for what is read where an inner loop's item has the same name."""
    for step in steps:
        yield from _references_in(step.arguments)
        yield from _references_in(step.condition)
        if step.loop is not None:
            yield from _references_in(step.loop.items)
            if step.loop.variable != variable:
                yield from _references_in(step.loop.key)
                yield from _references_in(step.loop.collect)
                yield from _references(step.loop.body, variable)


def _references_in(part: Expression | Value | None) -> Iterator[Reference]:
    if isinstance(part, Value):
        yield from (reference for _, reference in part.references)
    elif part is not None:
        yield from part.references
