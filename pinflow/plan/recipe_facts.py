"""A checked recipe as facts for people: what it takes, needs and changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.expressions.expression import Expression, Template
from pinflow.lazy_dataclass import dataclass
from pinflow.plan.model import all_steps
from pinflow.recipe.reader import parse
from pinflow.recipe.source import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow.plan.model import Plan, PlannedStep
    from pinflow.recipe.model import Input


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    """An input of a recipe. ``default`` and ``example`` are as they are written, None where there is none."""

    name: str
    type: str
    required: bool
    description: str = ""
    default: Any = None
    example: Any = None
    choices: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """An account that a recipe acts for. ``token`` is the token's name; None for each of several in turn."""

    name: str
    api: str
    token: str | None
    scopes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """A step that makes changes."""

    path: str
    action: str
    deletes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeFacts:
    """What a recipe is. ``api`` is the version that its bare action names belong to."""

    title: str
    description: str
    api: str | None
    inputs: Sequence[InputFacts]
    logins: Sequence[LoginFacts]
    changes: Sequence[StepFacts]
    quotas: Sequence[str]
    schedule: Mapping[str, Any] | None

    @property
    def effect(self) -> str:
        """ "reads", "changes" or "deletes": the most that it may do to an account."""
        return "deletes" if any(step.deletes for step in self.changes) else "changes" if self.changes else "reads"


def recipe_facts(plan: Plan) -> RecipeFacts:
    """The facts of a recipe that was checked: ``app.plan(path, inputs=None)``."""
    recipe = plan.recipe
    return RecipeFacts(
        title=recipe.name,
        description=recipe.description.strip(),
        api=plan.api,
        inputs=tuple(
            InputFacts(
                name=name,
                type=declared.type,
                required=declared.required,
                description=declared.description,
                default=declared.default,
                example=declared.example,
                choices=tuple(declared.choices or ()),
            )
            for name, declared in _declared_inputs(plan).items()
        ),
        logins=(
            *(
                LoginFacts(name=login.name, api=login.api, token=login.token, scopes=tuple(sorted(login.scopes)))
                for login in plan.logins.values()
            ),
            *(
                LoginFacts(name=login.variable, api=login.api, token=None, scopes=tuple(sorted(login.scopes)))
                for login in plan.item_logins.values()
            ),
        ),
        changes=tuple(
            StepFacts(
                path=step.path,
                action=step.action.full_name if step.action is not None else "",
                deletes=_may_delete(step),
            )
            for step in plan.unattended_writes
        ),
        quotas=tuple(sorted({quota for step in all_steps((*plan.steps, *plan.finally_)) for quota in step.quotas})),
        schedule=_schedule(plan),
    )


def _may_delete(step: PlannedStep) -> bool:
    """Whether a step can delete things with some value of the inputs."""
    destructive = step.action.destructive if step.action is not None else False
    if isinstance(destructive, bool):
        return destructive
    tree = step.arguments.tree
    return any(
        isinstance(tree[name], (Template, Expression)) or tree[name] == value
        for name, value in destructive.items()
        if name in tree
    )


def _declared_inputs(plan: Plan) -> Mapping[str, Input]:
    """The inputs of the recipe and of those that it includes; the outer one's declaration counts."""
    declared = dict(plan.recipe.inputs)
    for file in plan.recipe_files[1:]:
        for name, entry in parse(read(Path(file), file)).inputs.items():
            declared.setdefault(name, entry)
    return declared


def _schedule(plan: Plan) -> Mapping[str, Any] | None:
    """The schedule as it is written."""
    data = plan.source.data
    block = data.get("schedule") if isinstance(data, dict) else None
    return block if isinstance(block, dict) else None
