"""Whether a step gives its action what it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pinflow.plan.checker import near
from pinflow.plan.scope import fits
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.expressions.expression import Template
    from pinflow.expressions.template import Loc, Value
    from pinflow.plan.checker import Findings
    from pinflow.plan.scope import Names, Shape
    from pinflow.plugin.action import Action
    from pinflow.plugin.parameters import Fault
    from pinflow.plugin.registry import Registry
    from pinflow.recipe.includes import Part

_JUST_A_NAME = re.compile(r"\s*\w+(\.\w+|\[\d+\])*\s*")


def check_arguments(
    action: Action, value: Value, part: Part, names: Names, findings: Findings, registry: Registry, *, certain: bool
) -> None:
    """Note every argument that is missing, unknown, or can't be right whatever the run brings.

    What a step takes from inputs alone is looked at as well, if it is ``certain`` that the step runs.
    """
    schema = action.parameters.schema()
    late, wrong = dict(value.templates), set()
    for loc, template in value.templates:
        wanted = _shape_at(schema, loc)
        complaint, offset = _complaint(template, wanted, schema, names)
        if complaint:
            wrong.add(loc)
            findings.add(part.place.at("with", *loc), f"{_shown(loc)} {complaint}", offset=offset)
    early = findings.known(value, part.place.at("with"), names) if certain else {}
    given = value.with_parts(early) if early else value.tree
    faults = action.parameters.faults(given)
    misspelt = {_meant(fault) for fault in faults if fault.unknown}
    for fault in faults:
        source = next((fault.loc[:n] for n in range(1, len(fault.loc) + 1) if fault.loc[:n] in late), None)
        if source is not None and not fault.unknown:
            if source in early and source not in wrong:
                findings.add(part.place.at("with", *source), _said(fault), _origin(late[source]))
        elif fault.loc not in misspelt:
            _tell(fault, action, schema, part, findings, registry)
    if misspelt:
        return  # what was meant is not known, and so not what it goes with
    for clash in action.parameters.clashes(given, unknown={str(loc[0]) for loc in late.keys() - early.keys()}):
        first = part.place.at("with", *clash.names[:1]) if clash.names else part.place.at(*_caller(part))
        origin = _origin(*(late[loc] for loc in early if loc[0] in clash.names))
        findings.add(first, clash.error.message, "; ".join(filter(None, [clash.error.hint, origin])))


def _caller(part: Part) -> Loc:
    return ("uses" if part.step.uses else "for_each",)


def _origin(*templates: Template) -> str:
    read = sorted({str(each.path[0]) for template in templates for each in template.references if each.path})
    return f"it comes from input {' and '.join(map(repr, read))}" if read else ""


def _meant(fault: Fault) -> Loc:
    """Where the argument stands that an unknown one was probably meant to be."""
    *around, name = fault.loc
    return (*around, nearest(str(name), fault.known) or "")


def _shown(loc: Loc) -> str:
    """The value at ``loc``, for people."""
    return f"item {loc[-1] + 1} of {loc[-2]!r}" if len(loc) > 1 and isinstance(loc[-1], int) else repr(loc[-1])


def _said(fault: Fault) -> str:
    """What is wrong with an argument; of what is missing inside one, where."""
    *around, name = fault.loc
    return f"{_shown(tuple(around))} lacks {name!r}" if around and fault.what.startswith("missing") else fault.what


def _tell(fault: Fault, action: Action, schema: Shape, part: Part, findings: Findings, registry: Registry) -> None:
    *around, name = fault.loc
    place = part.place.at("with", *fault.loc)
    if fault.unknown:
        elsewhere = [] if around else registry.apis_taking(action.name, str(name))
        if elsewhere:
            what = f"{action.title} has no argument {name!r} in {action.api}; {' and '.join(elsewhere)} has it"
            findings.add(place, what, f"leave it out, or write {elsewhere[-1]}.{action.name}", key=True)
            return
        what = f"{_shown(tuple(around))} has no key {name!r}" if around else f"{action.title} has no argument {name!r}"
        otherwise = "there are:" if around else "the arguments are"
        below = None if around else _below(schema, str(name))
        hint = f"it belongs under {below}" if below else near(str(name), fault.known, otherwise)
        findings.add(place, what, hint, key=True)
    elif fault.what.startswith("missing"):
        what = _said(fault) if around else f"{action.title}: {fault.what}"
        findings.add(place if around else part.place.at(*_caller(part)), what)
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


def _below(schema: Shape, name: str) -> str | None:
    """The argument that has a field of this name, where no argument has the name itself."""
    arguments = schema.get("properties", {})
    return next((each for each in arguments if name in _shape_at(schema, (each,)).get("properties", ())), None)


def _shape_at(schema: Shape, loc: Loc) -> Shape:
    """What the schema says of the value at ``loc``; {} where that can't be told."""
    shape = _plain(schema, schema)
    for part in loc:
        if isinstance(part, int):
            found = shape.get("items", {})
        else:
            found = shape.get("properties", {}).get(part, shape.get("additionalProperties", {}))
        shape = _plain(found, schema) if isinstance(found, dict) else {}
    return shape


def _plain(shape: Shape, document: Shape) -> Shape:
    """A shape itself, where there is a reference to it, and without the null that it may be as well."""
    while isinstance(pointer := shape.get("$ref"), str):
        found: Any = document
        for name in pointer.removeprefix("#/").split("/"):
            found = found[name]
        shape = found
    branches = [branch for branch in shape.get("anyOf", ()) if branch.get("type") != "null"]
    return _plain(branches[0], document) if len(branches) == 1 else shape
