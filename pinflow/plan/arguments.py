"""Whether a step gives its action what it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pinflow.names import fits
from pinflow.plan.findings import near
from pinflow.recipe.expressions import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.actions import Action
    from pinflow.includes import Part
    from pinflow.names import Names, Shape
    from pinflow.parameters import Fault
    from pinflow.plan.findings import Findings
    from pinflow.recipe.expressions import Template
    from pinflow.rendering import Loc, Value

_JUST_A_NAME = re.compile(r"\s*\w+(\.\w+|\[\d+\])*\s*")


def check_arguments(action: Action, value: Value, part: Part, names: Names, findings: Findings) -> None:
    """Note every argument that is missing, unknown, or can't be right whatever the run brings."""
    late = dict(value.templates)
    schema = action.parameters.schema()
    faults = action.parameters.faults(value.tree)
    misspelt = {_meant(fault, schema) for fault in faults if fault.unknown}
    for fault in faults:
        filled_in_later = any(fault.loc[:n] in late for n in range(1, len(fault.loc) + 1))
        if (fault.unknown or not filled_in_later) and fault.loc not in misspelt:
            _tell(fault, action, schema, part, findings)
    for loc, template in late.items():
        wanted = _shape_at(schema, loc)
        complaint, offset = _complaint(template, wanted, schema, names)
        if complaint:
            shown = f"item {loc[-1] + 1} of {loc[-2]!r}" if isinstance(loc[-1], int) else repr(loc[-1])
            findings.add(part.place.at("with", *loc), f"{shown} {complaint}", offset=offset)


def _meant(fault: Fault, schema: Shape) -> Loc:
    """Where the argument stands that an unknown one was probably meant to be."""
    *around, name = fault.loc
    return (*around, nearest(str(name), _shape_at(schema, tuple(around)).get("properties", ())) or "")


def _tell(fault: Fault, action: Action, schema: Shape, part: Part, findings: Findings) -> None:
    *around, name = fault.loc
    place = part.place.at("with", *fault.loc)
    if fault.unknown:
        known = _shape_at(schema, tuple(around)).get("properties", ())
        what = f"{around[-1]!r} has no key {name!r}" if around else f"{action.name} has no argument {name!r}"
        findings.add(place, what, near(str(name), known, "there are:" if around else "the arguments are"), key=True)
    elif fault.what.startswith("missing"):
        what = f"{around[-1]!r} lacks {name!r}" if around else f"{action.name}: {fault.what}"
        findings.add(place if around else part.place.at("uses" if part.step.uses else "for_each"), what)
    else:
        findings.add(place, fault.what)


def _complaint(template: Template, wanted: Shape, schema: Mapping[str, Any], names: Names) -> tuple[str, int]:
    """Why what a template gives can't be what is wanted, and where in it; "" if it can, or nobody can tell."""
    if not template.single:
        return fits({"type": "string"}, wanted, schema), 0
    expression, offset = next(p for p in template.parts if not isinstance(p, str))
    if len(expression.references) != 1 or not _JUST_A_NAME.fullmatch(expression.text):
        return "", 0
    given = names.shape(expression.references[0])
    return (fits(given, wanted, schema) if given else ""), offset


def _shape_at(schema: Shape, loc: Loc) -> Shape:
    """What the schema says of the value at ``loc``; {} where that can't be told."""
    shape = _plain(schema)
    for part in loc:
        if isinstance(part, int):
            found = shape.get("items", {})
        else:
            found = shape.get("properties", {}).get(part, shape.get("additionalProperties", {}))
        shape = _plain(found) if isinstance(found, dict) else {}
    return shape


def _plain(shape: Shape) -> Shape:
    """A shape without the null that it may be as well."""
    branches = [branch for branch in shape.get("anyOf", ()) if branch.get("type") != "null"]
    return branches[0] if len(branches) == 1 else shape
