"""Undoing a run: what of the things that it made can be deleted, and the recipe that deletes them.

Only what the run's journal is certain of is touched, and only what an action
says how to undo. What holds other things is deleted with them where all of them
are the run's own; where something else is inside, it stays.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from pinflow.errors import UsageError, renamed_property
from pinflow.expressions.expression import Template
from pinflow.lazy_dataclass import dataclass, replace
from pinflow.plan import all_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pinflow.plan import Loop, Plan
    from pinflow.plugin.action import Undo
    from pinflow.plugin.registry import Registry
    from pinflow.state.records import EffectRecord, RunDetail, RunRecord

MOST_INSIDE = 9000  # things that are deleted with one holder; a step holds 10,000 items, and some may be added since

_ITEM = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class CreatedThing:
    """Something that a run made. ``inside`` is how many things it holds, None where it can hold none."""

    kind: str
    id: str
    sent_at: float
    api: str
    token: str
    undo: Undo
    result: Mapping[str, Any]  # as the journal keeps it
    inside: int | None = None
    strange: int = 0  # of them, how many the run did not make
    able: bool = True  # whether its API has the action that deletes it

    def fields(self) -> set[str]:
        """The values that the journal kept: its own id, and that of its holder."""
        return {str(value) for value in self.result.values()}

    def arguments(self, names: Mapping[str, str]) -> dict[str, str]:
        """Parameter -> value, from parameter -> field."""
        return {parameter: str(self.result[field]) for parameter, field in names.items()}


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What is to be deleted of a run, the newest first, and what is left.

    ``whole`` goes with all that is inside it; ``single`` one by one; ``last`` once
    nothing is inside it any more. ``mixed`` holds what the run did not make, and stays; no
    action deletes what is ``undeletable``. ``unsure`` is how many effects may or may not have happened.
    """

    run: str
    name: str
    tier: str
    whole: tuple[CreatedThing, ...] = ()
    single: tuple[CreatedThing, ...] = ()
    last: tuple[CreatedThing, ...] = ()
    mixed: tuple[CreatedThing, ...] = ()
    undeletable: tuple[CreatedThing, ...] = ()
    inside: int = 0  # things that go with ``whole``
    undone: tuple[CreatedThing, ...] = ()  # what an earlier undoing deleted
    unsure: int = 0
    named: frozenset[str] = frozenset()  # tokens that a person named for the run

    kept = renamed_property("UndoPlan.kept", "UndoPlan.mixed")
    stuck = renamed_property("UndoPlan.stuck", "UndoPlan.undeletable")

    @property
    def stages(self) -> dict[str, tuple[CreatedThing, ...]]:
        """What is deleted, in the order in which it is."""
        return {"whole": self.whole, "single": self.single, "last": self.last}

    @property
    def targets(self) -> tuple[CreatedThing, ...]:
        """What is deleted by a call of its own."""
        return (*self.whole, *self.single, *self.last)

    def counts(self) -> dict[str, int]:
        """How many calls delete how many of each kind."""
        return dict(Counter(thing.kind for thing in self.targets))


def makers(plan: Plan) -> dict[str, list[Any]]:
    """What a run's record needs to undo it: step -> its action and its logins' tokens, by role.

    Where the item of a loop names the token, {"item_of": the loop's path} stands for it:
    the item's key, which is in the path of the effect's step.
    """
    steps = list(all_steps((*plan.steps, *plan.finally_)))
    by_token = {step.path for step in steps if step.loop is not None and _keyed_by_token(step.loop)}
    by_step: dict[str, list[Any]] = {}
    for step in steps:
        # of an item with another key nothing says any more for which account it was
        if step.action is not None and step.action.undo and by_token.issuperset(step.item_logins.values()):
            tokens: dict[str, Any] = {role: {"item_of": loop} for role, loop in step.item_logins.items()}
            tokens |= {role: plan.logins[login, step.api or ""].token for role, login in step.logins.items()}
            by_step[step.path] = [step.action.full_name, tokens]
    return by_step


def _keyed_by_token(loop: Loop) -> bool:
    """Whether an item's key is the name of its token."""
    if loop.account is None:
        return False
    if loop.key is None:
        return True
    template = loop.key.tree
    if not isinstance(template, Template) or not template.single or len(template.references) != 1:
        return False
    (reference,) = template.references
    path = (loop.account,) if loop.account else ()
    (text, _), *_ = (part for part in template.parts if not isinstance(part, str))
    return (reference.root, tuple(reference.path)) == (loop.variable, path) and text.text.strip() == ".".join(
        (loop.variable, *path)
    )


def _token(known: object, step: str) -> str:
    """The name of a token from a run's record, for an effect of the step at this path."""
    if not isinstance(known, dict):
        return str(known)
    for item in _ITEM.finditer(step):
        if _ITEM.sub("", step[: item.start()]) == known.get("item_of"):
            return item[0][1:-1]
    return ""


def created_things(detail: RunDetail, registry: Registry) -> list[CreatedThing]:
    """Everything that a run is certain to have made and that can be undone, the newest first.

    Raises UsageError where the plugin that knows how is not there.
    """
    steps: Mapping[str, list[Any]] = detail.record.options.get("undo", {})
    things: list[CreatedThing] = []
    for effect in detail.effects:
        maker = steps.get(_ITEM.sub("", effect.step))
        if maker is not None and effect.state == "done" and isinstance(effect.result, dict) and "id" in effect.result:
            name, tokens = maker
            tokens = {role: _token(known, effect.step) for role, known in tokens.items()}
            thing = _created_thing(effect, name, tokens, registry)
            things += [thing] if thing is not None else []
    things.reverse()  # of one moment, the later step first
    return sorted(things, key=lambda thing: -thing.sent_at)


def _created_thing(
    effect: EffectRecord, action_name: str, tokens: Mapping[str, str], registry: Registry
) -> CreatedThing | None:
    action = registry.action(action_name, None)
    if action is None:
        raise UsageError(f"no plugin offers {action_name}, which made this", hint="pinflow plugins lists what is there")
    undo = action.undo.get(effect.kind)
    if undo is None:
        return None
    return CreatedThing(
        kind=effect.kind,
        id=str(effect.result["id"]),
        sent_at=effect.sent_at,
        api=action.api or "",
        token=tokens.get(undo.role, ""),
        undo=undo,
        result=effect.result,
        able=registry.action(f"{action.api}.{undo.action}" if action.api else undo.action, None) is not None,
    )


def make_undo_plan(
    detail: RunDetail,
    things: Sequence[CreatedThing],
    look: Callable[[CreatedThing], Iterable[str] | None],
    undone: Sequence[CreatedThing] = (),
) -> UndoPlan:
    """What is to be deleted of ``things``; ``look`` lists the ids inside one, None if it is gone."""
    own = {thing.id for thing in things}
    whole: list[CreatedThing] = []
    last: list[CreatedThing] = []
    mixed: list[CreatedThing] = []
    with_whole: set[str] = set()
    # what takes its contents along comes first: what goes with it needs no look of its own
    holders = (thing for thing in things if thing.undo.contents and thing.able)
    for thing in sorted(holders, key=lambda thing: not thing.undo.with_contents):
        if not {deleted.id for deleted in whole}.isdisjoint(thing.fields()):
            continue
        ids = look(thing)
        if ids is None:  # gone, and what was inside may be elsewhere
            continue
        inside = set(ids)
        holder = replace(thing, inside=len(inside), strange=len(inside - own))
        if holder.strange:
            mixed.append(holder)
        elif thing.undo.with_contents and len(inside) <= MOST_INSIDE:
            whole.append(holder)
            with_whole |= inside
        else:
            last.append(holder)
    going = with_whole.union(thing.id for thing in whole)
    return UndoPlan(
        run=detail.record.id,
        name=detail.record.name,
        tier=str(detail.record.options.get("tier", "standard")),
        whole=tuple(whole),
        single=tuple(
            thing for thing in things if thing.able and not thing.undo.contents and thing.id not in with_whole
        ),
        last=tuple(last),
        mixed=tuple(mixed),
        undeletable=tuple(thing for thing in things if not thing.able and going.isdisjoint(thing.fields())),
        inside=len(with_whole),
        undone=tuple(undone),
        unsure=sum(effect.is_unknown for effect in detail.effects),
        named=named_values(detail.record),
    )


def named_values(run: RunRecord) -> frozenset[str]:
    """What a person gave a run as inputs, and may have named a token with."""
    values = [run.inputs.get(name) for name in run.options.get("typed", run.options.get("given", run.inputs))]
    return frozenset(
        item for value in values for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)
    )


def undo_recipe(
    run: str, stages: Mapping[str, Sequence[CreatedThing]], named: Collection[str] = ()
) -> tuple[str, dict[str, Any]]:
    """The text of the recipe that deletes ``stages``, and its inputs: a list of arguments for each of its loops.

    The tokens that a person ``named`` for the run are inputs too, as they were of the run.
    """
    loops: list[_DeletionLoop] = []
    for stage, things in stages.items():
        groups: dict[tuple[str, str, str], list[CreatedThing]] = {}
        for thing in things:
            groups.setdefault((thing.api, thing.token, thing.kind), []).append(thing)
        for (_, _, kind), group in groups.items():
            variable = variable_for(kind)
            loops.append(_DeletionLoop(f"{variable}s_{len(loops) + 1}", variable, stage, tuple(group)))
    tokens = {token: f"login_{n}" for n, token in enumerate(dict.fromkeys(loop.things[0].token for loop in loops), 1)}
    lines = ["pinflow: 1", f"name: Undo run {run}", "inputs:"]
    lines += [f"  {loop.name}: {{type: list, required: true}}" for loop in loops]
    given = {login: token for token, login in tokens.items() if token in named}
    lines += [f"  {login}: {{type: token, required: true}}" for login in given]
    words = {login: f"${{{{ inputs.{login} }}}}" if login in given else token for token, login in tokens.items()}
    lines += ["auth:", *(f"  {login}: {{token: '{word}'}}" for login, word in words.items()), "steps:"]
    lines += [line for loop in loops for line in loop.lines(tokens[loop.things[0].token])]
    return "\n".join(lines) + "\n", {**{loop.name: loop.items() for loop in loops}, **given}


def variable_for(kind: str) -> str:
    """What a recipe calls one thing of a kind."""
    return kind if kind.isidentifier() and kind.isascii() else "thing"


@dataclass(frozen=True, slots=True)
class _DeletionLoop:
    """Deleting things of one kind, with one login. ``variable`` is what a recipe calls one of them."""

    name: str
    variable: str
    stage: str
    things: tuple[CreatedThing, ...]

    def items(self) -> list[dict[str, Any]]:
        """The arguments for each thing."""
        return [{"id": thing.id, "inside": thing.inside or 0, **self._arguments(thing)} for thing in self.things]

    @staticmethod
    def _arguments(thing: CreatedThing) -> dict[str, str]:
        listing = thing.undo.contents[1] if thing.undo.contents is not None else {}
        return thing.arguments({**thing.undo.given, **listing})

    def lines(self, login: str) -> list[str]:
        undo, api = self.things[0].undo, self.things[0].api
        deleting = self._expressions(undo.given) | dict(undo.also)
        lines = [
            f"  - id: {self.name}",
            f"    for_each: ${{{{ inputs.{self.name} }}}}",
            f"    as: {self.variable}",
            f"    key: ${{{{ {self.variable}.id }}}}",
            "    do:",
        ]
        if undo.contents is not None:
            listing, names = undo.contents
            lines += [
                "      - id: inside",
                *_step(f"{api}.{listing}", login, self._expressions(names), first=False),
            ]
            # something may have been put into it since
            expected = f"{self.variable}.inside" if self.stage == "whole" else "0"
            still = f"steps.inside.count == {expected}"
            return [*lines, *_step(f"{api}.{undo.action}", login, deleting), f"        if: {still}"]
        return [*lines, *_step(f"{api}.{undo.action}", login, deleting)]

    def _expressions(self, names: Iterable[str]) -> dict[str, str]:
        return {name: f"${{{{ {self.variable}.{name} }}}}" for name in names}


def _step(uses: str, login: str, arguments: Mapping[str, object], *, first: bool = True) -> list[str]:
    return [
        f"      {'-' if first else ' '} uses: {uses}",
        f"        auth: {login}",
        "        with:",
        *(f"          {name}: {value}" for name, value in arguments.items()),
    ]
