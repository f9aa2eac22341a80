"""Taking back what a run made: what of it can go, and the recipe that makes it go.

Only what the run's journal is certain of is touched, and only what an action
says how to undo. What holds other things is deleted with them where all of them
are the run's own; where something else is inside, it stays.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pinflow.errors import UsageError
from pinflow.expressions.expression import Template
from pinflow.plan import all_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow.plan import Loop, Plan
    from pinflow.plugin.action import Undo
    from pinflow.plugin.registry import Registry
    from pinflow.state.records import EffectRecord, RunDetail

MOST_INSIDE = 9000  # of what is deleted at once; a step holds no more items

_ITEM = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class Made:
    """Something that a run made. ``inside`` is how many things it holds, None where it can hold none."""

    kind: str
    id: str
    sent_at: float
    api: str
    token: str
    undo: Undo
    result: Mapping[str, Any]  # what the journal kept of it
    inside: int | None = None
    strange: int = 0  # of them, how many the run did not make
    able: bool = True  # whether its API has the action that deletes it

    def fields(self) -> set[str]:
        """The values that were kept of it: its own id, and that of what it is on."""
        return {str(value) for value in self.result.values()}

    def arguments(self, names: Mapping[str, str]) -> dict[str, str]:
        """Parameter -> value, from parameter -> field."""
        return {parameter: str(self.result[field]) for parameter, field in names.items()}


@dataclass(frozen=True, slots=True)
class Undoing:
    """What is to be deleted of a run, the newest first, and what is left.

    ``whole`` goes with all that is inside it; ``single`` one by one; ``last`` once
    nothing is inside it any more. ``kept`` holds what the run did not make, and nothing
    deletes what is ``stuck``. ``unsure`` is how many effects may or may not have happened.
    """

    run: str
    name: str
    tier: str
    whole: tuple[Made, ...] = ()
    single: tuple[Made, ...] = ()
    last: tuple[Made, ...] = ()
    kept: tuple[Made, ...] = ()
    stuck: tuple[Made, ...] = ()
    inside: int = 0  # things that go with ``whole``
    unsure: int = 0

    @property
    def stages(self) -> dict[str, tuple[Made, ...]]:
        """What is deleted, in the order in which it is."""
        return {"whole": self.whole, "single": self.single, "last": self.last}

    @property
    def deleted(self) -> tuple[Made, ...]:
        """What is deleted by a call of its own."""
        return (*self.whole, *self.single, *self.last)

    def counts(self) -> dict[str, int]:
        """How many calls delete how many of each kind."""
        return dict(Counter(made.kind for made in self.deleted))


def makers(plan: Plan) -> dict[str, list[Any]]:
    """What a run's record needs for undoing it: step -> its action and its logins' tokens, by role.

    Where the item of a loop names the token, {"item_of": the loop's path} stands for it:
    the item's key, which is in the path of the effect's step.
    """
    steps = list(all_steps((*plan.steps, *plan.finally_)))
    by_token = {step.path for step in steps if step.loop is not None and _keyed_by_token(step.loop)}
    found: dict[str, list[Any]] = {}
    for step in steps:
        # of an item with another key nothing says any more for which account it was
        if step.action is not None and step.action.undo and by_token.issuperset(step.item_logins.values()):
            tokens: dict[str, Any] = {role: {"item_of": loop} for role, loop in step.item_logins.items()}
            tokens |= {role: plan.logins[login, step.api or ""].token for role, login in step.logins.items()}
            found[step.path] = [step.action.full_name, tokens]
    return found


def _keyed_by_token(loop: Loop) -> bool:
    """Whether an item's key is the name of its token."""
    if loop.account is None:
        return False
    if loop.key is None:  # a text is its own key, and a mapping's is its name where it has no id
        return loop.account in ("", "name")
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


def made_by(detail: RunDetail, registry: Registry) -> list[Made]:
    """Everything that a run is certain to have made and that can be undone, the newest first.

    Raises UsageError where the plugin that knows how is not there.
    """
    steps: Mapping[str, list[Any]] = detail.record.options.get("undo", {})
    found: list[Made] = []
    for effect in detail.effects:
        maker = steps.get(_ITEM.sub("", effect.step))
        if maker is not None and effect.state == "done" and isinstance(effect.result, dict) and "id" in effect.result:
            name, tokens = maker
            tokens = {role: _token(known, effect.step) for role, known in tokens.items()}
            made = _made(effect, name, tokens, registry)
            found += [made] if made is not None else []
    found.reverse()  # of one moment, the later step first
    return sorted(found, key=lambda each: -each.sent_at)


def _made(effect: EffectRecord, action_name: str, tokens: Mapping[str, str], registry: Registry) -> Made | None:
    action = registry.action(action_name, None)
    if action is None:
        raise UsageError(f"no plugin offers {action_name}, which made this", hint="pinflow plugins lists what is there")
    undo = action.undo.get(effect.kind)
    if undo is None:
        return None
    return Made(
        kind=effect.kind,
        id=str(effect.result["id"]),
        sent_at=effect.sent_at,
        api=action.api or "",
        token=tokens.get(undo.role, ""),
        undo=undo,
        result=effect.result,
        able=registry.action(f"{action.api}.{undo.action}" if action.api else undo.action, None) is not None,
    )


def settled(detail: RunDetail, made: Sequence[Made], look: Callable[[Made], Iterable[str] | None]) -> Undoing:
    """What is to be deleted of ``made``; ``look`` lists the ids inside one, None if it is gone."""
    own = {each.id for each in made}
    whole: list[Made] = []
    last: list[Made] = []
    kept: list[Made] = []
    with_whole: set[str] = set()
    # what takes its contents along comes first: what goes with it needs no look of its own
    holders = (each for each in made if each.undo.contents and each.able)
    for each in sorted(holders, key=lambda each: not each.undo.with_contents):
        if not {one.id for one in whole}.isdisjoint(each.fields()):
            continue
        ids = look(each)
        if ids is None:  # gone, and what was inside may be elsewhere
            continue
        inside = set(ids)
        found = replace(each, inside=len(inside), strange=len(inside - own))
        if found.strange:
            kept.append(found)
        elif each.undo.with_contents and len(inside) <= MOST_INSIDE:
            whole.append(found)
            with_whole |= inside
        else:
            last.append(found)
    going = with_whole.union(one.id for one in whole)
    return Undoing(
        run=detail.record.id,
        name=detail.record.name,
        tier=str(detail.record.options.get("tier", "standard")),
        whole=tuple(whole),
        single=tuple(each for each in made if each.able and each.undo.contents is None and each.id not in with_whole),
        last=tuple(last),
        kept=tuple(kept),
        stuck=tuple(each for each in made if not each.able and going.isdisjoint(each.fields())),
        inside=len(with_whole),
        unsure=sum(effect.state in ("intent", "doubt") for effect in detail.effects),
    )


def recipe(run: str, stages: Mapping[str, Sequence[Made]]) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The text of the recipe that deletes ``stages``, and its inputs: a list of arguments for each of its loops."""
    loops: list[_Loop] = []
    for stage, each in stages.items():
        groups: dict[tuple[str, str, str], list[Made]] = {}
        for one in each:
            groups.setdefault((one.api, one.token, one.kind), []).append(one)
        for (_, _, kind), group in groups.items():
            thing = kind if kind.isidentifier() and kind.isascii() else "thing"
            loops.append(_Loop(f"{thing}s_{len(loops) + 1}", thing, stage, tuple(group)))
    tokens = {token: f"login_{n}" for n, token in enumerate(dict.fromkeys(loop.made[0].token for loop in loops), 1)}
    lines = ["pinflow: 1", f"name: Undo run {run}", "inputs:"]
    lines += [f"  {loop.name}: {{type: list, required: true}}" for loop in loops]
    lines += ["auth:", *(f"  {login}: {{token: {token}}}" for token, login in tokens.items()), "steps:"]
    lines += [line for loop in loops for line in loop.lines(tokens[loop.made[0].token])]
    return "\n".join(lines) + "\n", {loop.name: loop.items() for loop in loops}


@dataclass(frozen=True, slots=True)
class _Loop:
    """Deleting things of one kind, with one login. ``thing`` is what a recipe calls one of them."""

    name: str
    thing: str
    stage: str
    made: tuple[Made, ...]

    def items(self) -> list[dict[str, Any]]:
        """The arguments for each thing."""
        return [{"id": each.id, "inside": each.inside or 0} | self._given(each) for each in self.made]

    @staticmethod
    def _given(made: Made) -> dict[str, str]:
        listing = made.undo.contents[1] if made.undo.contents is not None else {}
        return made.arguments({**made.undo.given, **listing})

    def lines(self, login: str) -> list[str]:
        undo, api = self.made[0].undo, self.made[0].api
        deleting = self._filled(undo.given) | dict(undo.also)
        lines = [
            f"  - id: {self.name}",
            f"    for_each: ${{{{ inputs.{self.name} }}}}",
            f"    as: {self.thing}",
            f"    key: ${{{{ {self.thing}.id }}}}",
            "    do:",
        ]
        if undo.contents is not None:
            listing, names = undo.contents
            lines += [
                "      - id: inside",
                *_step(f"{api}.{listing}", login, self._filled(names), first=False),
            ]
            # something may have been put into it since
            expected = f"{self.thing}.inside" if self.stage == "whole" else "0"
            still = f"steps.inside.count == {expected}"
            return [*lines, *_step(f"{api}.{undo.action}", login, deleting), f"        if: {still}"]
        return [*lines, *_step(f"{api}.{undo.action}", login, deleting)]

    def _filled(self, names: Iterable[str]) -> dict[str, str]:
        return {name: f"${{{{ {self.thing}.{name} }}}}" for name in names}


def _step(uses: str, login: str, given: Mapping[str, object], *, first: bool = True) -> list[str]:
    return [
        f"      {'-' if first else ' '} uses: {uses}",
        f"        auth: {login}",
        "        with:",
        *(f"          {name}: {value}" for name, value in given.items()),
    ]
