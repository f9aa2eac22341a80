"""A plan, as plain frozen values."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from pinflow.expressions.expression import Expression, Template
from pinflow.expressions.template import Scope
from pinflow.lazy_dataclass import dataclass, field
from pinflow.plan.file_rules import FileRules
from pinflow.plan.inputs import is_token_name
from pinflow.plan.token_choices import stored_name
from pinflow.schema.invalid import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pinflow.errors import Problem
    from pinflow.expressions.template import Value
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import Registry
    from pinflow.recipe.includes import IncludePlace
    from pinflow.recipe.model import Recipe, Retry
    from pinflow.recipe.source import Source


@dataclass(frozen=True, slots=True)
class PlannedLogin:
    """What one login must be able to do: a token by name, for one API, with these scopes."""

    name: str
    api: str
    token: str
    scopes: frozenset[str]
    plugin: str = ""  # that signs in; "" leaves it to whichever can


@dataclass(frozen=True, slots=True)
class ItemLogin:
    """A login that is another one for each item of a loop: what every one of them must be able to do."""

    variable: str  # the loop's
    field: str  # of an item, that names its token; "" where the item is the name itself
    api: str
    scopes: frozenset[str]
    names: tuple[str, ...] = ()  # of its tokens, where they are known before the run

    def token_in(self, item: Any) -> str:
        """The name of the token that an item stands for; "" if it has none."""
        return _token_in(item, self.field)


@dataclass(frozen=True, slots=True)
class Loop:
    """What a step repeats its body for: an action's items or an expression's list.

    ``account`` is the field of an item that names a token, where its steps work for
    one account after the other ("" for the item itself); None where they do not.
    ``collect`` is what is kept of each item. ``fields`` are those of an item that its
    steps use, None for all; ``is_listing`` says that the items are things of a service,
    which have ids. Of equal items only the first counts where ``duplicates`` is "once".
    """

    variable: str
    items: Expression | Value | None  # None: the step's action yields them
    key: Value | None
    parallel: int
    limit: int | None
    body: tuple[PlannedStep, ...]
    account: str | None = None
    collect: Value | None = None
    fields: tuple[str, ...] | None = None
    is_listing: bool = False
    duplicates: Literal["keep", "once"] = "keep"

    def token_in(self, item: Any) -> str:
        """The name of the token that an item stands for; "" if it has none."""
        return _token_in(item, self.account)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with everything that it names found."""

    path: str  # "copy", or "pins.copied" for a step of a loop's body
    id: str  # its name among its neighbours
    name: Value  # for people: a text
    action: Action | None
    api: str | None
    logins: Mapping[str, str]  # role -> login
    arguments: Value
    condition: Expression | None
    loop: Loop | None
    retry: Retry | None
    timeout: float | None  # seconds
    keep_going: bool  # on_error: continue
    problem: Problem  # its place, for errors that come later
    place: IncludePlace  # the same, to find that of its keys
    item_logins: Mapping[str, str] = field(default_factory=dict)  # role -> path of the loop whose item names the token
    secrets: tuple[Expression, ...] = ()  # those in its arguments that read a secret: what they give is one, too

    @property
    def writes(self) -> bool:
        return self.action is not None and self.action.effect == "write"

    @property
    def quotas(self) -> frozenset[str]:
        """The quota categories that its calls count against."""
        return self.action.quota if self.action is not None else frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe that is ready to run."""

    recipe: Recipe
    source: Source
    registry: Registry
    api: str | None  # that bare action names of the outermost recipe belong to
    forced_api: str | None  # what overrides the APIs of the recipe and those that it includes
    inputs: Mapping[str, Any]
    steps: tuple[PlannedStep, ...]
    finally_: tuple[PlannedStep, ...]
    outputs: Mapping[str, Value]
    logins: Mapping[tuple[str, str], PlannedLogin]  # (login, api)
    texts: tuple[str, ...] = field(repr=False)  # of the recipe and of what it includes
    recipe_files: tuple[str, ...]  # whose texts these are
    needed: frozenset[str]  # paths of the steps whose output something reads
    moment: datetime  # when it was made (UTC): the start of its run, and what now() gives in all of it
    secrets: frozenset[str] = field(default_factory=frozenset)  # inputs that are never stored or shown
    files: frozenset[str] = field(default_factory=frozenset)  # absolute paths that inputs of type file name
    file_rules: FileRules = field(default_factory=FileRules.of_this_folder)  # what its run may read and write
    item_logins: Mapping[tuple[str, str], ItemLogin] = field(default_factory=dict)  # (path of the loop, api)
    given: frozenset[str] = field(default_factory=frozenset)  # inputs that were given, not left to their defaults
    typed: frozenset[str] = field(default_factory=frozenset)  # of these and ``tokens``, what a person gave
    tokens: Mapping[str, str] = field(default_factory=dict)  # by login, chosen in place of those that the recipe names

    @property
    def digest(self) -> str:
        """SHA-256 of the text of the recipe and of what it includes, in hexadecimal digits."""
        import hashlib  # takes 2 ms, which validate does without

        return hashlib.sha256("\0".join(self.texts).encode()).hexdigest()

    @property
    def unattended_writes(self) -> list[PlannedStep]:
        """The steps that need an approval before they run unattended."""
        steps = all_steps((*self.steps, *self.finally_))
        return [step for step in steps if step.writes and not (step.action is not None and step.action.local)]

    @property
    def destructive(self) -> list[PlannedStep]:
        """The steps that delete things, or may: that can depend on what only the run brings."""
        steps = [step for step in all_steps((*self.steps, *self.finally_)) if self._deletes(step)]
        return [step for step in steps if step.condition is None or self._may_be(step.condition, True)]

    def known_arguments(self, step: PlannedStep) -> dict[str, Any] | None:
        """What a step's action will be given, if the inputs alone tell it, at any time; else None."""
        if step.action is None or any(reference.root != "inputs" for _, reference in step.arguments.references):
            return None
        with suppress(Invalid):
            arguments = step.arguments.render(Scope({"inputs": self.inputs}), now=None)
            if not step.action.parameters.problems(arguments):
                return step.action.parameters.convert(arguments)
        return None

    def _deletes(self, step: PlannedStep) -> bool:
        destructive = step.action.destructive if step.action is not None else False
        if isinstance(destructive, bool):
            return destructive
        return any(
            self._may_be(step.arguments.tree[name], value)
            for name, value in destructive.items()
            if name in step.arguments.tree
        )

    def _may_be(self, argument: Any, value: object) -> bool:
        if not isinstance(argument, (Template, Expression)):
            return bool(argument == value)
        if any(reference.root != "inputs" for reference in argument.references):
            return True
        try:
            evaluate = argument.render if isinstance(argument, Template) else argument.evaluate
            return bool(evaluate({"inputs": self.inputs}) == value)
        except Invalid:
            return True

    @property
    def named_tokens(self) -> frozenset[str]:
        """The tokens that a person named, in inputs of type token and in lists."""
        kinds = {name: declared.type for name, declared in self.recipe.inputs.items()}
        single = {self.inputs[name] for name in self.typed if kinds.get(name) == "token" and self.inputs.get(name)}
        lists = [self.inputs.get(name) or () for name in self.typed if kinds.get(name) == "list"]
        chosen = [token for login, token in self.tokens.items() if stored_name(login) in self.typed]
        return frozenset((*single, *chosen)).union(item for items in lists for item in items if isinstance(item, str))

    def stored_inputs(self) -> dict[str, Any]:
        """The inputs without secrets, and beside them the tokens that were chosen, for a run's record."""
        return {name: value for name, value in self.inputs.items() if name not in self.secrets} | self._stored_tokens

    def public_inputs(self) -> dict[str, Any]:
        """Those of the stored inputs that were given: what an approval is for."""
        return {name: self.inputs[name] for name in sorted(self.given - self.secrets)} | self._stored_tokens

    @property
    def _stored_tokens(self) -> dict[str, str]:
        return {stored_name(login): token for login, token in sorted(self.tokens.items())}


def _token_in(item: Any, field: str | None) -> str:
    name = item.get(field) if field and isinstance(item, dict) else item
    return name if isinstance(name, str) and is_token_name(name) else ""


def all_steps(steps: Iterable[PlannedStep]) -> Iterable[PlannedStep]:
    """Every step, loop bodies included."""
    for step in steps:
        yield step
        if step.loop is not None:
            yield from all_steps(step.loop.body)
