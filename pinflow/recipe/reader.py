"""Plain data is read into parts by their tables, and all that is wrong with it is put into words.

A wrong value counts as not written. What it leaves incomplete is marked, so that nobody complains
about the consequences of a mistake as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pinflow.errors import RecipeError
from pinflow.recipe import model, validators
from pinflow.recipe.checks import Finding, check_recipe
from pinflow.recipe.model import Input, Part, Recipe, Step, table
from pinflow.recipe.validators import kind
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest, quoted

if TYPE_CHECKING:
    from pinflow.errors import Problem
    from pinflow.recipe.checks import Loc
    from pinflow.recipe.model import Key, Kind
    from pinflow.recipe.source import Source

# comparing names costs some 300 microseconds, and thousands of keys may be unknown
MAX_SUGGESTIONS = 100

# what a key that is like no other may have been meant to be
_MEANT_BY_ANYTHING = frozenset({"with", "auth", "as", "inputs"})

_WRONG: Final = object()  # instead of what is not kept


def parse(source: Source) -> Recipe:
    """The recipe that the source holds.

    Raises RecipeError with every problem that can be told from the text alone, the source's own included.
    """
    recipe, problems = parse_all(source)
    if recipe is None or problems:
        raise RecipeError(problems)
    return recipe


def parse_all(source: Source) -> tuple[Recipe | None, tuple[Problem, ...]]:
    """What can be told of the recipe, and everything that is wrong with it, in the order of the text.

    Whatever is wrong counts as not written, and what lacks it is marked as ``broken``. There is no
    recipe where that would leave nothing to go by: no mapping, no list of steps, too many expressions.
    """
    reading = _Reader(source)
    recipe = reading.recipe()
    return recipe, reading.problems()


class _Reader:
    """One recipe while it is read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._findings = list(check_recipe(source)) if isinstance(source.data, dict) else []
        self._cut_short = any(each.last for each in self._findings)
        gaps = set(map(source.around, source.problems))
        self._doubted = gaps.union(each.loc for each in self._findings)
        self._around = {loc[:length] for loc in self._doubted for length in range(len(loc) + 1)}
        self._suggestions = MAX_SUGGESTIONS
        # a name can only be looked for where all of them are known
        self._names_lost = any(loc[:1] in (("inputs",), ("auth",)) and len(loc) < 3 for loc in self._doubted)
        self._names_lost |= any(isinstance(loc[-1], int) for loc in gaps if loc)

    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, in the order of the text."""
        found = {each.problem(self._source) for each in self._findings}
        return tuple(sorted(found.union(self._source.problems)))

    def recipe(self) -> Recipe | None:
        """What can be told of the recipe; None where that is too little."""
        found = self._part(Recipe, self._source.data, ())
        if self._cut_short or not isinstance(found, Recipe) or not found.steps:
            return None
        return replace(found, broken=True) if self._names_lost else found

    # -- a part

    def _part(self, part: type[Part], data: Any, loc: Loc) -> Part:
        if not isinstance(data, dict):
            self._findings.append(_no_mapping(part, data, loc))
            self._names_lost |= part is Step and isinstance(data, list)  # with ids in it, perhaps
            return part(broken=True)
        kept, wrong = self._kept(part, validators.with_ids(data) if part is Input else data, loc)
        broken = loc in self._doubted or not wrong.isdisjoint(part.vital or table(part))
        if part is Input and broken:
            kept = {name: kept[name] for name in ("type",) if name in kept}
        made = part(**{table(part)[name].field: kept[name] for name in kept}, given=frozenset(kept), broken=broken)
        match made:
            case Step():
                return self._mended(made, wrong, loc)
            case Recipe() if "api" in wrong:
                steps, finally_ = (tuple(map(_without_bare_names, each)) for each in (made.steps, made.finally_))
                return replace(made, steps=steps, finally_=finally_)
            case _:
                return made

    def _kept(self, part: type[Part], data: dict[str, Any], loc: Loc) -> tuple[dict[str, Any], set[str]]:
        """What is kept of a mapping, and which of the part's keys are wrong, or meant by others."""
        wrong = self._unknown(part, data, loc)
        kept = {}
        for name, key in table(part).items():
            at = (*loc, name)
            if name in data:
                value = self._value(key, data[name], at)
                if value is not _WRONG:
                    kept[name] = value
                if value is _WRONG or self._is_doubted(key, at):
                    wrong.add(name)
            elif key.required and name not in wrong:
                what = f"{_owner(part, loc)} has no {name}"
                self._findings.append(Finding(at, what, hint=f"add `{name}: ...`"))
                wrong.add(name)
        return kept, wrong

    def _mended(self, step: Step, wrong: set[str], loc: Loc) -> Step:
        """A step without what can't be judged because of what is wrong."""
        if "include" in wrong or ("id" in wrong and (*loc, "id") not in self._around):
            self._names_lost = True
        if "as" in wrong:
            step = replace(step, key=None, do=())  # nobody knows what the variable is called
        if "for_each" in wrong and step.uses is None:
            return _without_action(replace(step, for_each=()))
        calls_nothing = step.uses is step.for_each is step.include is None
        return _without_action(step) if calls_nothing or "api" in wrong else step

    def _unknown(self, part: type[Part], data: dict[str, Any], loc: Loc) -> set[str]:
        """Note the keys that the part does not have; gives those that were probably meant, and are not there."""
        meant: set[str] = set()
        for name in data:
            if name in table(part):
                continue
            likely = nearest(name, table(part)) if self._suggestions > 0 else None
            self._suggestions -= 1
            hint = f"did you mean {likely}?" if likely else f"it takes {', '.join(table(part))}"
            what = f"{_owner(part, loc)} has no key {quoted(name)}"
            self._findings.append(Finding((*loc, name), what, hint=hint, key=True))
            meant |= {likely} if likely else _MEANT_BY_ANYTHING
            if isinstance(data[name], dict):
                meant.add("with")
        return meant - data.keys()

    # -- a value

    def _value(self, key: Key, value: Any, loc: Loc) -> Any:
        """What is kept of a key's value, or _WRONG."""
        kept = self._taken(key.kind, value, loc)
        if key.of is None or kept is _WRONG:
            return self._sound(kept, loc)
        if isinstance(kept, tuple):
            found = tuple(self._taken(key.of, each, (*loc, position)) for position, each in enumerate(kept))
            return _WRONG if _WRONG in found else found
        if key.kind is validators.mapping:
            return {name: self._taken(key.of, each, (*loc, name)) for name, each in kept.items()}
        return self._taken(key.of, kept, loc)

    def _taken(self, what: Kind | str, value: Any, loc: Loc) -> Any:
        """A value of some kind, or a part of this name."""
        if isinstance(what, str):
            return self._part(getattr(model, what), value, loc)
        try:
            return what(value)
        except Invalid as invalid:
            at = (*loc, *invalid.location)
            said = f"{_subject(at)} {invalid.message}"
            self._findings.append(Finding(at, said, invalid.hint, offset=invalid.offset, quote=invalid.quote))
            return _WRONG

    def _is_doubted(self, key: Key, loc: Loc) -> bool:
        """Whether something is wrong here that was found before; the parts within mind what is wrong in them."""
        return loc in (self._doubted if isinstance(key.of, str) else self._around)

    def _sound(self, value: Any, loc: Loc) -> Any:
        """A value without what was found to be wrong before."""
        if loc not in self._around:
            return value
        if isinstance(value, dict):
            return {name: each for name, each in value.items() if (*loc, name) not in self._around}
        return _WRONG


# -- steps of which too little is known


def _without_action(step: Step) -> Step:
    """A step whose action nobody can tell. If it is a loop, the steps under it remain."""
    for_each = None if step.for_each is None else ()
    return replace(step, uses=None, for_each=for_each, with_={}, auth=None, api=None, broken=True)


def _without_bare_names(step: Step) -> Step:
    """A step of a recipe whose API nobody can tell: the action is known only where it comes with its own."""
    step = replace(step, do=tuple(map(_without_bare_names, step.do)))
    name = step.uses if step.uses is not None else step.for_each
    known = step.api is not None or not isinstance(name, str) or ("." in name and "${{" not in name)
    return step if known else _without_action(step)


# -- words


def _no_mapping(part: type[Part], given: Any, loc: Loc) -> Finding:
    if part is Recipe:
        what = "the recipe is empty" if given is None else f"a recipe is a mapping of keys to values, not {kind(given)}"
        return Finding(loc, what, hint="begin it with `name: ...` and `steps:`")
    if part is Step and isinstance(given, str):
        return Finding(loc, f"{_subject(loc)} must be a mapping, not text", hint=f"write `uses: {given[:40]}`")
    instead = "and it is empty" if given is None else f"not {kind(given)}"
    what = f"{_subject(loc)} must be a mapping of keys to values, {instead}"
    return Finding(loc, what, hint=f"it takes {', '.join(table(part))}")


def _owner(part: type[Part], loc: Loc) -> str:
    """A part, as the beginning of a sentence about its keys."""
    return part.called or _subject(loc)


def _subject(loc: Loc) -> str:
    """What stands at ``loc``, as the beginning of a sentence."""
    match loc:
        case (*_, ("steps" | "finally" | "do"), int() as position):
            return f"step {position + 1}"
        case ("inputs", name):
            return f"input {quoted(name)}"
        case ("auth", name):
            return f"login {quoted(name)}"
        case (*_, list_, int() as position):
            return f"entry {position + 1} of {list_}"
        case _:
            return str(loc[-1])
