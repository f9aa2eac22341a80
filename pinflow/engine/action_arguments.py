"""What a step gives its action, checked once it is rendered: in the run, and for a table's rows before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pinflow.engine.placeholder import PLANNED, holds_planned
from pinflow.errors import ActionError, PinflowError
from pinflow.lazy_dataclass import dataclass
from pinflow.plugin.parameters import sentences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from pinflow.plan import PlannedStep
    from pinflow.plugin.action import Action
    from pinflow.schema.invalid import Invalid, Location

_SHOWN: Final = 60  # characters of a text that is not what it should be: enough to find it in a table


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the argument at ``location`` ("has 118 characters; at most 100"); () where it is not one's."""

    location: Location
    what: str


class WrongArguments(ActionError):
    """Arguments that the step's action can't be given, found out before it is called."""

    def __init__(self, message: str, mistakes: Sequence[Mistake]) -> None:
        super().__init__(message)
        self.mistakes = mistakes


def check_arguments(
    step: PlannedStep, action: Action, arguments: Mapping[str, Any], *, partly_planned: bool
) -> dict[str, Any]:
    """The arguments as the action wants them, with its defaults; they stay as they are if some are only planned.

    ``partly_planned`` says that some may be: of these nothing is known. Raises WrongArguments, or the UsageError of a
    check of the action's own.
    """
    values, problems = action.parameters.check(arguments)
    if partly_planned:
        problems = [problem for problem in problems if not _is_planned(arguments, problem.location)]
    if problems:
        mistakes = [_mistake(problem, arguments) for problem in problems]
        text = "; ".join(map(str, sentences(problems)))
        raise WrongArguments(str(replace(step.problem, what=text)), mistakes)
    planned = planned_names(arguments) if partly_planned else frozenset()
    for _, error in action.parameters.clashes(values, unknown=planned, converted=True):
        raise error
    return action.parameters.with_defaults(arguments if planned else values)


def find_mistakes(
    action: Action, arguments: Mapping[str, Any], *, unknown: Set[str], partly_planned: bool
) -> list[Mistake]:
    """All that is wrong with arguments. Nothing is known of the ``unknown`` ones, which are not among them.

    ``partly_planned`` says that others may hold something that is only planned.
    """
    values, problems = action.parameters.check(arguments, unknown=unknown)
    if problems:
        problems = [problem for problem in problems if not _is_planned(arguments, problem.location)]
    mistakes = [_mistake(problem, arguments) for problem in problems]
    planned = planned_names(arguments) if partly_planned else frozenset()
    clashes = action.parameters.clashes(
        arguments if mistakes else values, unknown=unknown | planned, converted=not mistakes
    )
    return mistakes + [of_one_argument(action, error) for _, error in clashes] if clashes else mistakes


def of_one_argument(action: Action, error: PinflowError) -> Mistake:
    """The mistake that an error tells: of the argument that it is about, or whose name its message begins with."""
    if error.argument:
        return Mistake((error.argument,), error.message)
    name, space, rest = error.message.partition(" ")
    if space and name in action.parameters.names:
        return Mistake((name,), rest)
    return Mistake((), error.message)


def planned_names(arguments: Mapping[str, Any]) -> frozenset[str]:
    """The arguments that hold something which is only planned."""
    return frozenset(name for name, value in arguments.items() if holds_planned(value))


def _mistake(problem: Invalid, arguments: Mapping[str, Any]) -> Mistake:
    """A problem in words for the place of the argument, with a text that is not what it should be."""
    if problem.reason in ("missing", "unknown"):
        return Mistake((), str(problem))
    what = str(problem)
    if what.startswith(("isn't ", "doesn't ")) and isinstance(value := _value_at(arguments, problem.location), str):
        shown = value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"
        what = f"'{shown}' {what}"
    return Mistake(problem.location, what)


def _value_at(data: Any, location: Location) -> Any:
    for part in location:
        if data is PLANNED:
            return PLANNED
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _is_planned(arguments: Any, location: Location) -> bool:
    """Whether what a problem is about is only planned."""
    return _value_at(arguments, location) is PLANNED
