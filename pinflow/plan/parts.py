"""A plan taken apart into what is compared when its run is resumed: what each step says, but for how it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.expressions.expression import Expression, Template
from pinflow.expressions.lexer import tokens
from pinflow.expressions.template import Value
from pinflow.lazy_dataclass import replace
from pinflow.plan.model import all_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow.expressions.expression import Reference
    from pinflow.plan.model import Plan, PlannedStep

Parts = dict[str, Any]  # "with.title" -> what stands there, as plain data

OUTPUTS = ""  # the path under which a plan's outputs are


def parts_of_plan(plan: Plan) -> dict[str, Parts]:
    """The parts of each step by its path, in the order of the steps, and the outputs."""
    steps = {step.path: parts_of_step(step, plan) for step in all_steps((*plan.steps, *plan.finally_))}
    return {**steps, OUTPUTS: {f"outputs.{name}": _plain(value) for name, value in plan.outputs.items()}}


def parts_of_step(step: PlannedStep, plan: Plan) -> Parts:
    """What a step says, but for what stands under its ``do``. What it leaves out is not there."""
    tokens = {role: plan.logins[login, step.api or ""].token for role, login in step.logins.items()}
    parts: Parts = {
        "uses" if step.loop is None else "for_each": step.action.full_name if step.action is not None else None,
        "api": step.api if step.action is not None else None,
        "auth": [sorted(tokens.items()), sorted(step.item_logins.items())],
        "if": _plain(step.condition),
        "name": _plain(step.name),
        "timeout": step.timeout,
        "on_error": step.keep_going,
        "retry": [step.retry.attempts, step.retry.delay] if step.retry is not None else None,
        **_parts_of_mapping("with", step.arguments),
    }
    if (loop := step.loop) is not None:
        parts |= {"as": loop.variable, "key": _plain(loop.key), "limit": loop.limit, "parallel": loop.parallel}
        parts |= {"duplicates": loop.duplicates, **_parts_of_mapping("collect", loop.collect)}
        if loop.items is not None:
            parts["for_each"] = _plain(loop.items)
    return {name: part for name, part in parts.items() if part is not None}


def references_of(step: PlannedStep) -> Iterator[tuple[str, Reference]]:
    """Every name that a step reads, with the part in which it does, but for what stands under its ``do``."""
    loop = step.loop
    values = {"if": step.condition, "with": step.arguments}
    if loop is not None:
        values |= {"for_each": loop.items, "key": loop.key, "collect": loop.collect}
    for part, value in values.items():
        if isinstance(value, Value):
            yield from (
                (f"{part}.{loc[0]}" if loc and part in ("with", "collect") else part, reference)
                for loc, reference in value.references
            )
        elif value is not None:
            yield from ((part, reference) for reference in value.references)


def with_fields(plan: Plan, fields: Mapping[str, list[str] | None]) -> Plan:
    """The same plan, with what counts as used of the items of its loops, by their paths."""

    def change(step: PlannedStep) -> PlannedStep:
        if step.loop is None:
            return step
        names = fields.get(step.path, step.loop.fields)
        kept = None if names is None else tuple(names)
        return replace(step, loop=replace(step.loop, fields=kept, body=tuple(map(change, step.loop.body))))

    return replace(plan, steps=tuple(map(change, plan.steps)), finally_=tuple(map(change, plan.finally_)))


def _parts_of_mapping(name: str, value: Value | None) -> Parts:
    return {} if value is None else {f"{name}.{key}": _plain(part) for key, part in value.tree.items()}


def _plain(value: Any) -> Any:
    """Plain data that stands for a value: of an expression its words, without the space between them."""
    match value:
        case Value():
            return _plain(value.tree)
        case Expression():
            return {"${{": [[token.kind, token.value] for token in tokens(value.text)]}
        case Template():
            return [part if isinstance(part, str) else _plain(part[0]) for part in value.parts]
        case dict():
            return {"mapping": {key: _plain(part) for key, part in value.items()}}
        case list() | tuple():
            return {"list": [_plain(part) for part in value]}
    return value
