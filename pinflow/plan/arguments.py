"""Whether a step gives its action what it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pinflow.plan.scope import shape_mismatch
from pinflow.plugin.parameters import name_of
from pinflow.schema.invalid import QUOTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.expressions.expression import Template
    from pinflow.expressions.template import Loc, Value
    from pinflow.plan.checker import Checker
    from pinflow.plan.scope import Names, Shape
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import Registry
    from pinflow.recipe.includes import PlacedStep
    from pinflow.schema.invalid import Invalid

_JUST_A_NAME = re.compile(r"\s*\w+(\.\w+|\[\d+\])*\s*")


def check_arguments(
    action: Action, value: Value, part: PlacedStep, names: Names, checker: Checker, registry: Registry, *, certain: bool
) -> None:
    """Note every argument that is missing, unknown, or can't be right whatever the run brings.

    What a step takes from inputs alone is looked at as well, if it is ``certain`` that the step runs.
    """
    schema = action.parameters.schema()
    late, wrong = dict(value.templates), set()
    for loc, template in value.templates:
        problem = _template_problem(template, _shape_at(schema, loc), schema, names)
        if problem is not None:
            wrong.add(loc)
            checker.note(part.place.at("with", *loc), problem.about(name_of(loc)))
    early = checker.early_values(value, part.place.at("with"), names) if certain else {}
    arguments = value.with_parts(early) if early else value.tree
    problems = action.parameters.problems(arguments)
    meant = {
        problem.location: _meant(problem, problems, arguments) for problem in problems if problem.reason == "unknown"
    }
    misspelt = {(*location[:-1], name) for location, likely in meant.items() for name in likely}
    for problem in problems:
        loc = problem.location
        source = next((loc[:n] for n in range(1, len(loc) + 1) if loc[:n] in late), None)
        if source is not None and problem.reason != "unknown":
            if source in early and source not in wrong:
                own = "text(...) makes text of it" if problem.hint == QUOTE else problem.hint
                hint = "; ".join(filter(None, [own, _origin(late[source])]))
                checker.add(part.place.at("with", *source), _sentence(problem), hint)
        elif loc not in misspelt:
            _note(problem, action, schema, part, checker, registry, meant.get(loc, ()))
    for problem in checker.files.problems(action.parameters.paths_in(arguments)):
        origin = _origin(*(late[loc] for loc in early if loc == problem.location[: len(loc)]))
        place = part.place.at("with", *problem.location)
        checker.add(place, problem.message, "; ".join(filter(None, [problem.hint, origin])))
    if meant:
        return  # what was meant is not known, and so not what it goes with
    open_names = {str(loc[0]) for loc in late.keys() - early.keys()}
    for involved, error in action.parameters.clashes(arguments, unknown=open_names):
        place = part.place.at("with", *involved[:1]) if involved else part.place.at(*_caller(part))
        origin = _origin(*(late[loc] for loc in early if loc[0] in involved))
        checker.add(place, error.message, "; ".join(filter(None, [error.hint, origin])))


def _caller(part: PlacedStep) -> Loc:
    return ("uses" if part.step.uses else "for_each",)


def _origin(*templates: Template) -> str:
    references = [reference for template in templates for reference in template.references]
    read = sorted({str(reference.path[0]) for reference in references if reference.path})
    return f"it comes from input {' and '.join(map(repr, read))}" if read else ""


def _meant(problem: Invalid, problems: Iterable[Invalid], arguments: Any) -> list[str]:
    """The arguments that an unknown one was probably meant to be, among those beside it."""
    from pinflow.plan.names_meant import arguments_meant  # only a mistake pays for this import

    *around, name = problem.location
    beside = arguments
    for step in around:
        beside = beside[step]
    missing = [
        str(other.location[-1])
        for other in problems
        if other.reason == "missing" and list(other.location[:-1]) == around
    ]
    return arguments_meant(str(name), problem.known, beside, missing)


def _sentence(problem: Invalid) -> str:
    """What is wrong with an argument; of what is missing inside one, where."""
    *around, name = problem.location
    inside = around and problem.reason == "missing"
    return f"{name_of(problem.location[:-1])} lacks {name!r}" if inside else problem.message


def _note(
    problem: Invalid,
    action: Action,
    schema: Shape,
    part: PlacedStep,
    checker: Checker,
    registry: Registry,
    meant: Sequence[str],
) -> None:
    *around, name = problem.location
    place = part.place.at("with", *problem.location)
    if problem.reason == "unknown":
        elsewhere = [] if around else registry.apis_taking(action.name, str(name))
        if elsewhere:
            message = f"{action.title} has no argument {name!r} in {action.api}; {' and '.join(elsewhere)} has it"
            checker.add(place, message, f"leave it out, or write {elsewhere[-1]}.{action.name}", key=True)
            return
        from pinflow.plan.names_meant import argument_hint

        message = f"{name_of(problem.location[:-1])} has no key" if around else f"{action.title} has no argument"
        otherwise = "there are:" if around else "the arguments are"
        below = None if around else _below(schema, str(name))
        hint = f"it belongs under {below}" if below else argument_hint(meant, problem.known, otherwise)
        checker.add(place, f"{message} {name!r}", hint, key=True)
    elif problem.reason == "missing":
        message = _sentence(problem) if around else f"{action.title}: {problem.message}"
        checker.add(place if around else part.place.at(*_caller(part)), message)
    else:
        checker.add(place, problem.message, problem.hint)


def _template_problem(template: Template, expected: Shape, schema: Mapping[str, Any], names: Names) -> Invalid | None:
    """Why what a template gives can't be what is expected; None if it can, or if that is not known."""
    if not template.single:
        problem = shape_mismatch({"type": "string"}, expected, schema)
        return problem and problem.at(offset=0)
    expression, offset = next(p for p in template.parts if not isinstance(p, str))
    if len(expression.references) != 1 or not _JUST_A_NAME.fullmatch(expression.text):
        return None
    given = names.shape(expression.references[0])
    problem = shape_mismatch(given, expected, schema) if given else None
    return problem and problem.at(offset=offset)


def _below(schema: Shape, name: str) -> str | None:
    """The argument that has a field of this name, where no argument has the name itself."""
    arguments = schema.get("properties", {})
    return next((key for key in arguments if name in _shape_at(schema, (key,)).get("properties", ())), None)


def _shape_at(schema: Shape, loc: Loc) -> Shape:
    """What the schema says of the value at ``loc``; {} if that isn't known."""
    shape = _plain(schema, schema)
    for part in loc:
        if isinstance(part, int):
            inner = shape.get("items", {})
        else:
            inner = shape.get("properties", {}).get(part, shape.get("additionalProperties", {}))
        shape = _plain(inner, schema) if isinstance(inner, dict) else {}
    return shape


def _plain(shape: Shape, document: Shape) -> Shape:
    """A shape itself, where there is a reference to it, and without the null that it may be as well."""
    while isinstance(pointer := shape.get("$ref"), str):
        target: Any = document
        for name in pointer.removeprefix("#/").split("/"):
            target = target[name]
        shape = target
    branches = [branch for branch in shape.get("anyOf", ()) if branch.get("type") != "null"]
    return _plain(branches[0], document) if len(branches) == 1 else shape
