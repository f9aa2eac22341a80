"""A recipe gone through once, step by step, with every problem collected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pinflow.errors import RecipeError, UsageError
from pinflow.expressions.expression import compile_expression
from pinflow.expressions.template import Scope, Value
from pinflow.lazy_dataclass import replace
from pinflow.plan.arguments import check_arguments
from pinflow.plan.checker import Checker
from pinflow.plan.file_rules import FileRules
from pinflow.plan.inputs import DeclaredInput, MissingInputs, check_known, is_token_name, resolve
from pinflow.plan.logins import Logins, Tokens
from pinflow.plan.lookup import ActionLookup
from pinflow.plan.model import Loop, Plan, PlannedStep
from pinflow.plan.secret_inputs import secrets_in
from pinflow.plan.token_choices import TokenChoice, check_used, choose, split, stored_name
from pinflow.plan.usage import hide_secrets, secret_expressions, secrets_of_items, used_fields
from pinflow.recipe.includes import IncludePlace, expand
from pinflow.schema.invalid import mismatch
from pinflow.suggestions import quote, suggest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from pinflow.errors import Problem
    from pinflow.expressions.expression import Expression
    from pinflow.plan.inputs import InputValues, RecordedInputs
    from pinflow.plan.logins import Around
    from pinflow.plan.scope import Names, Shape
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import Registry
    from pinflow.recipe.includes import ExpandedRecipe, PlacedStep
    from pinflow.recipe.model import Recipe, Step
    from pinflow.recipe.source import Source

_ACTION_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?", re.ASCII)


def make_plan(
    source: Source,
    recipe: Recipe,
    registry: Registry,
    raw_inputs: Mapping[str, Any] | None,
    *,
    now: datetime,
    api: str | None = None,
    examples: bool = False,
    problems: Sequence[Problem] = (),
    recorded: RecordedInputs | None = None,
    typed: Collection[str] | None = None,
    environ: Mapping[str, str] | None = None,
    files: FileRules | None = None,
    tokens: Mapping[str, str] | None = None,
) -> Plan:
    """Bind and check a recipe. ``raw_inputs`` None means that it is only checked, not run.

    ``recorded`` are the inputs of an earlier run, for those that ``raw_inputs`` does not give. ``typed`` are the names
    of those in ``raw_inputs`` whose values a person gave: all, unless given. ``environ`` may give secret inputs.
    ``files`` are the rules for files: those of a recipe in this very folder, unless given. ``tokens`` are names of
    tokens by login, in place of those that the recipe names; "" is the only login.

    ``problems`` is what is known to be wrong with it; the rest is looked for all
    the same. ``api`` overrides the recipe's own default API; ``examples`` gives inputs that
    were not given their example. Raises RecipeError with every problem, UsageError
    for inputs and APIs that do not exist, MissingInputs for a recipe that is right.
    """
    if api is not None and api not in registry.apis:
        raise UsageError(f"unknown API {api!r}", hint=suggest(api, registry.apis, "the APIs are"))

    is_check = raw_inputs is None
    by_person = _typed(raw_inputs or {}, typed, recorded) | {stored_name(login) for login in tokens or ()}
    raw_inputs, among_inputs = split(raw_inputs)
    chosen = {**(split(recorded.values)[1] if recorded is not None else {}), **among_inputs, **(tokens or {})}
    choice = TokenChoice()
    rules = files or FileRules.of_this_folder()

    def from_environment(declared: Mapping[str, DeclaredInput]) -> dict[str, str]:
        if environ is None or is_check:
            return {}
        return secrets_in(environ, [name for name, entry in declared.items() if entry.input.type == "secret"])

    def resolve_inputs(declared: Mapping[str, DeclaredInput]) -> InputValues:
        own = {name: value for name, value in raw_inputs.items() if name in declared}
        own = {**from_environment(declared), **own}
        if recorded is not None:
            own |= recorded.lasting(declared, own)
        kept = recorded.values.keys() - raw_inputs.keys() if recorded is not None else frozenset[str]()
        return resolve(
            declared,
            own,
            now=now,
            examples=examples,
            checking=is_check,
            typed=by_person,
            kept=kept,
            here=str(rules.here),
        )

    scopes: dict[tuple[str, ...], Scope] = {}  # an include adds no inputs most times

    def scope_of_inputs(recipes: Sequence[tuple[Source, Recipe]]) -> Scope:
        declared = declared_in(recipes)
        names = tuple(declared)
        if names not in scopes:
            inputs = resolve_inputs(declared)
            unknown = frozenset(f"inputs.{name}" for name in inputs.unknown)
            scopes[names] = Scope({"inputs": inputs.values}, unknown)
        return scopes[names]

    whole = expand(source, recipe, scope_of_inputs, now=now)
    declared = declared_in(whole.recipes)
    complete = not (whole.problems or any(part.broken for _, part in whole.recipes))
    if complete:
        check_known(raw_inputs, declared)
        choice = choose(chosen, whole.logins, declared, raw_inputs, typed=by_person)
        raw_inputs.update(choice.inputs)
        by_person |= choice.typed
    inputs = resolve_inputs(declared)
    rules = _with_inputs(rules, declared, inputs, by_person)
    checker = Checker(declared, inputs, now=now, files=rules, complete=complete)
    by_variable = from_environment(declared).keys()
    named = frozenset(name for name in raw_inputs if name in declared) | by_variable
    if recorded is not None:
        named |= recorded.given & declared.keys()
    given = {"given": named, "typed": (named & (by_person | by_variable)) | (choice.typed - named)}
    planner = _Planner(whole, registry, checker, api, choice, complete=complete)
    plan = planner.plan(source, recipe, inputs, given, now)
    if wrong := [*problems, *whole.problems, *inputs.problems, *checker.problems]:
        raise RecipeError(wrong)
    check_used(choice, (login for login, _ in plan.logins), declared)
    if inputs.missing and not is_check:
        raise MissingInputs(inputs.missing)
    return plan


def _with_inputs(
    rules: FileRules, declared: Mapping[str, DeclaredInput], inputs: InputValues, by_person: frozenset[str]
) -> FileRules:
    """The rules with the paths that inputs of type file have, from a person and from others."""
    typed = {
        inputs.values[name] for name, entry in declared.items() if entry.input.type == "file" and name in by_person
    }
    return replace(rules, typed=frozenset(typed & inputs.files), chosen=inputs.files - typed)


def _typed(
    raw_inputs: Mapping[str, Any], typed: Collection[str] | None, recorded: RecordedInputs | None
) -> frozenset[str]:
    """The inputs whose values a person gave, now or to the run before. A null leaves an input to its default."""
    now = {name for name, value in raw_inputs.items() if value is not None and (typed is None or name in typed)}
    if recorded is None:
        return frozenset(now)
    earlier = {name for name in recorded.typed if recorded.values.get(name) is not None}
    return frozenset(now | (earlier - raw_inputs.keys()))


def declared_in(recipes: Sequence[tuple[Source, Recipe]]) -> dict[str, DeclaredInput]:
    """The inputs of all recipes; those of the outer ones win, and come first."""
    declared: dict[str, DeclaredInput] = {}
    for source, recipe in recipes:
        for name, entry in recipe.inputs.items():
            declared.setdefault(name, DeclaredInput(name, entry, IncludePlace(source, ("inputs", name))))
    return declared


class _Planner:
    def __init__(
        self,
        whole: ExpandedRecipe,
        registry: Registry,
        checker: Checker,
        api: str | None,
        choice: TokenChoice,
        *,
        complete: bool,
    ) -> None:
        self._whole = whole
        self._registry = registry
        self._checker = checker
        self._forced_api = api
        self._lookup = ActionLookup(registry, checker, api)
        self._tokens = choice.tokens
        self._logins = Logins(whole.logins, checker, registry, chosen=choice.tokens, complete=complete)
        self._service_steps: set[str] = set()  # paths of the steps whose actions belong to an API

    def plan(
        self, source: Source, recipe: Recipe, inputs: InputValues, given: Mapping[str, frozenset[str]], now: datetime
    ) -> Plan:
        for origin, part in self._whole.recipes:
            self._lookup.check_api(IncludePlace(origin, ("api",)), part)
        seen: dict[str, PlacedStep] = {}  # one scope for both lists: either's outputs are read as steps.NAME
        names = self._checker.names.with_later(self._places(self._whole.finally_))
        steps, names = self._steps(self._whole.steps, names, "", seen, {}, certain=True)
        last, names = self._steps(self._whole.finally_, names, "finally.", seen, {}, certain=True)
        outputs = {
            name: self._checker.value(value, IncludePlace(source, ("outputs", name)), names, shown=True)
            for name, value in recipe.outputs.items()
            if not self._checker.stopped
        }
        return Plan(
            recipe=recipe,
            source=source,
            registry=self._registry,
            api=self._lookup.default_api(recipe),
            forced_api=self._forced_api,
            inputs=inputs.values,
            steps=steps,
            finally_=last,
            outputs=outputs,
            logins=self._logins.all(),
            item_logins=self._logins.items(),
            texts=tuple(origin.text for origin, _ in self._whole.recipes),
            recipe_files=tuple(origin.name for origin, _ in self._whole.recipes),
            needed=frozenset(self._checker.needed),
            moment=now,
            secrets=inputs.secrets,
            files=inputs.files,
            file_rules=self._checker.files,
            tokens=self._tokens,
            **given,
        )

    # -- steps

    def _steps(
        self,
        parts: Sequence[PlacedStep],
        names: Names,
        prefix: str,
        seen: dict[str, PlacedStep],
        around: Around,
        *,
        certain: bool,
    ) -> tuple[tuple[PlannedStep, ...], Names]:
        planned: list[PlannedStep] = []
        ids = _Ids(parts)
        names = names.with_later(self._places(parts))
        for part in parts:
            if self._checker.is_hopeless(part.place):
                break
            if part.step.id:
                self._check_id(part, part.step.id, seen)
            inside = names.with_later({part.step.id: ""}) if part.step.id else names
            step = self._step(part, part.step.id or ids.free(part.step), inside, prefix, around, certain=certain)
            planned.append(step)
            if step.action is not None and step.action.api is not None:
                self._service_steps.add(step.path)
            if part.step.id:
                names = names.with_step(step.id, step.path, output_shape(step))
        return tuple(planned), names

    def _places(self, parts: Sequence[PlacedStep]) -> dict[str, str]:
        """Where each step with an id stands, for a reader of the main recipe."""
        places = {}
        for part in parts:
            where = part.place.problem("")
            if part.step.id:
                main = where.file == self._whole.recipes[0][0].name
                places[part.step.id] = f"line {where.line}" if main else f"{where.file}:{where.line}"
        return places

    def _check_id(self, part: PlacedStep, step_id: str, seen: dict[str, PlacedStep]) -> None:
        """The steps of one recipe have been compared; an included one may have an id that is taken."""
        first = seen.setdefault(step_id, part)
        if first.place.source is not part.place.source:
            where = first.place.at("id").problem("")
            hint = f"the first is in {where.file}:{where.line}; rename one"
            self._checker.add(part.place.at("id"), f"two steps have the id {step_id!r}", hint)

    def _step(
        self,
        part: PlacedStep,
        step_id: str,
        names: Names,
        prefix: str,
        around: Around,
        *,
        certain: bool,  # that what is around it runs
    ) -> PlannedStep:
        step, place = part.step, part.place
        path = prefix + step_id
        action, items = self._action_or_items(part, names)
        bound = self._logins.bind(part, None if step.broken else action, around)
        condition = self._condition(part, names)
        certain = certain and self._checker.holds(condition, step.if_, place.at("if"), names)
        loop = None
        if step.for_each is not None:
            loop = self._loop(part, action, items, names, path, around, certain=certain)
        arguments = self._arguments(part, action, names, certain=certain)
        return PlannedStep(
            path=path,
            id=step_id,
            name=self._checker.value(step.name, place.at("name"), names, shown=True),
            action=action,
            api=(action.api if action else None) or self._lookup.default_api(part.recipe),
            logins=bound.logins,
            item_logins=bound.items,
            arguments=hide_secrets(arguments, action.shows if action else (), names),
            condition=condition,
            loop=loop,
            retry=step.retry,
            timeout=step.timeout,
            keep_going=step.on_error == "continue",
            problem=place.problem(""),
            place=place,
            secrets=secret_expressions(arguments, names),
        )

    def _condition(self, part: PlacedStep, names: Names) -> Expression | None:
        raw = part.step.if_
        if raw is None or raw is True:
            return None
        if raw is False:
            return compile_expression("false")
        return self._checker.expression(raw, part.place.at("if"), names)

    def _action_or_items(self, part: PlacedStep, names: Names) -> tuple[Action | None, Expression | Value | None]:
        """The action that a step uses, or what it loops over instead."""
        step = part.step
        api = self._lookup.api(part)
        if step.uses is not None:
            action = self._lookup.action(step.uses, part.place.at("uses"), api)
            return self._lookup.variant(action, part, items=False), None
        place = part.place.at("for_each")
        shown = step.key is None  # an item without a key is called what it is
        if not isinstance(step.for_each, str):
            self._check_no_action(part)
            return None, self._checker.value(step.for_each, place, names, shown=shown)
        if self._is_expression(step.for_each, api, names):
            self._check_no_action(part)
            return None, self._checker.expression(step.for_each, place, names, shown=shown)
        action = self._lookup.variant(self._lookup.action(step.for_each, place, api), part, items=True)
        if action is not None and not action.yields:
            message = f"{action.variant or step.for_each!r} gives one result, not items"
            self._checker.add(place, message, "call it with uses instead")
        return action, None

    def _is_expression(self, text: str, api: str | None, names: Names) -> bool:
        """Whether ``for_each`` holds an expression rather than an action's name."""
        if not _ACTION_NAME.fullmatch(text):
            return True
        return text.partition(".")[0] in names.roots and self._registry.action(text, api) is None

    def _check_no_action(self, part: PlacedStep) -> None:
        """A loop over a list calls no action, so nothing can be meant for one."""
        for key, value in (("with", part.step.with_), ("auth", part.step.auth), ("api", part.step.api)):
            if value:
                message = f"{key} is for an action, and this loop goes over a list"
                self._checker.add(part.place.at(key), message, "put it into the steps under do", key=True)

    def _arguments(self, part: PlacedStep, action: Action | None, names: Names, *, certain: bool) -> Value:
        value = self._checker.value(dict(part.step.with_), part.place.at("with"), names)
        if action is not None and not part.step.broken:
            check_arguments(action, value, part, names, self._checker, self._registry, certain=certain)
        return value

    def _loop(
        self,
        part: PlacedStep,
        action: Action | None,
        items: Expression | Value | None,
        names: Names,
        path: str,
        around: Around,
        *,
        certain: bool,
    ) -> Loop:
        step = part.step
        variable = step.as_ or "item"
        known = self._checker.early_items(items, step.for_each, part.place.at("for_each"), names, certain=certain)
        tokens = _tokens(action, items, path, known or ())
        around = {**around, variable: tokens}  # an outer one of that name is out of sight
        inner = names.with_variable(variable, item_shape(action), secrets_of_items(items, names))
        key = self._checker.value(step.key, part.place.at("key"), inner, shown=True) if step.key else None
        certain = certain and known != []
        planned, after = self._steps(part.body, inner, f"{path}.", {}, around, certain=certain)
        collect = dict(step.collect)
        rows = self._checker.value(collect, part.place.at("collect"), after, shown=True) if collect else None
        by_account = tokens is not None and (tokens.outright or self._logins.acts_for_items(path))
        account = tokens.field if tokens is not None and by_account else None
        if account is not None:
            self._check_tokens(known or (), part.place.at("for_each"))
        return Loop(
            variable,
            items,
            key,
            step.parallel,
            step.limit,
            planned,
            account,
            rows,
            fields=used_fields(variable, planned, rows),
            is_listing=self._is_listing(action, items, names),
            duplicates=step.duplicates,
        )

    def _check_tokens(self, names: Sequence[Any], place: IncludePlace) -> None:
        """Every item of a list of tokens must name one."""
        for number, name in enumerate(names, 1):
            if not isinstance(name, str):
                self._checker.note(place, mismatch("the name of a token", name).about(f"item {number} of for_each"))
            elif not is_token_name(name):
                message = f"item {number} of for_each: {quote(name[:40])} can't name a token"
                self._checker.add(place, message, "a token's name has letters, digits, _ . and -; it is not a path")

    def _is_listing(self, action: Action | None, items: Expression | Value | None, names: Names) -> bool:
        """Whether a loop's items come from a service: from an action of its API, or from what such a step gave."""
        if items is None:
            return action is not None and action.api is not None
        references = [r for _, r in items.references] if isinstance(items, Value) else items.references
        read = {path for reference in references for path in names.steps_read(reference)}
        return bool(read & self._service_steps) and all(reference.root == "steps" for reference in references)


class _Ids:
    """Names for the steps of one list that have none."""

    def __init__(self, parts: Sequence[PlacedStep]) -> None:
        self._taken = {part.step.id for part in parts}
        self._used: dict[str, int] = {}

    def free(self, step: Step) -> str:
        """The name of its action, with a number behind it from the second on."""
        base = (step.uses or (step.for_each if isinstance(step.for_each, str) else "")).rpartition(".")[2]
        base = base if base.isidentifier() else "step"
        while True:
            number = self._used[base] = self._used.get(base, 0) + 1
            name = base if number == 1 else f"{base}_{number}"
            if name not in self._taken:
                self._taken.add(name)
                return name


def _tokens(action: Action | None, items: Expression | Value | None, path: str, known: Sequence[Any]) -> Tokens | None:
    """Whether a loop's items may name tokens: those of an action that says so, or of a list that is known beforehand.

    What a service sends must not choose for whom a step acts.
    """
    if action is not None:
        return Tokens(path, action.tokens, outright=True) if action.tokens else None
    if items is None:
        return None
    references = [r for _, r in items.references] if isinstance(items, Value) else items.references
    if any(reference.root != "inputs" for reference in references):
        return None
    return Tokens(path, "", outright=False, names=tuple(name for name in known if isinstance(name, str)))


def item_shape(action: Action | None) -> Shape:
    """What a loop's variable holds."""
    return action.parameters.output_schema() if action is not None else {}


_LOOP_SHAPE: Shape = {
    "type": "object",
    "properties": {name: {"type": "integer"} for name in ("count", "ok", "skipped", "failed", "already")},
}


def _collected_shape(collect: Value) -> Shape:
    row = {"type": "object", "properties": {name: {} for name in collect.tree}}
    return {**_LOOP_SHAPE, "properties": {**_LOOP_SHAPE["properties"], "rows": {"type": "array", "items": row}}}


def output_shape(step: PlannedStep) -> Shape:
    """What ``steps.NAME`` holds once the step has run."""
    if step.loop is not None:
        return _LOOP_SHAPE if step.loop.collect is None else _collected_shape(step.loop.collect)
    if step.action is None:
        return {}
    shape = step.action.parameters.output_schema()
    if step.action.yields:
        items = {"type": "array", "items": shape}
        return {"type": "object", "properties": {"items": items, "count": {"type": "integer"}}}
    return shape
