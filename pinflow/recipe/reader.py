"""Plain data is read into parts by their tables, and all that is wrong with it is put into words.

A wrong value counts as not written. What it leaves incomplete is marked, so that the
consequences of a mistake are not reported as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, get_args

from pinflow.errors import RecipeError
from pinflow.recipe import model, validators
from pinflow.recipe.checks import check_recipe
from pinflow.recipe.model import Input, Recipe, Section, Step, table
from pinflow.schema.invalid import Invalid, describe, mismatch
from pinflow.suggestions import nearest, quote

if TYPE_CHECKING:
    from pinflow.errors import Problem
    from pinflow.recipe.model import Key, Validator
    from pinflow.recipe.source import Source
    from pinflow.schema.invalid import Location

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
    reading = _RecipeReader(source)
    recipe = reading.recipe()
    return recipe, reading.problems()


class _RecipeReader:
    """One recipe while it is read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._wrong: list[Invalid] = []
        self._cut_short = False  # whether too much is wrong for a recipe to be made of it
        try:
            self._wrong.extend(check_recipe(source) if isinstance(source.data, dict) else ())
        except Invalid as limit:
            self._wrong.append(limit)
            self._cut_short = True
        gaps = set(map(source.around, source.problems))
        self._doubted = gaps.union(invalid.location for invalid in self._wrong)
        self._around = {loc[:length] for loc in self._doubted for length in range(len(loc) + 1)}
        self._suggestions = MAX_SUGGESTIONS
        # a name can only be looked for where all of them are known
        self._names_lost = any(loc[:1] in (("inputs",), ("auth",)) and len(loc) < 3 for loc in self._doubted)
        self._names_lost |= any(isinstance(loc[-1], int) for loc in gaps if loc)

    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, in the order of the text."""
        return tuple(sorted({*map(self._source.locate, self._wrong), *self._source.problems}))

    def recipe(self) -> Recipe | None:
        """What can be told of the recipe; None where that is too little."""
        recipe = self._part(Recipe, self._source.data, ())
        if self._cut_short or not isinstance(recipe, Recipe) or not recipe.steps:
            return None
        return replace(recipe, broken=True) if self._names_lost else recipe

    # -- a part

    def _part(self, part: type[Section], data: Any, loc: Location) -> Section:
        if not isinstance(data, dict):
            self._wrong.append(_not_a_mapping(part, data, loc))
            self._names_lost |= part is Step and isinstance(data, list)  # with ids in it, perhaps
            return part(broken=True)
        values, wrong = self._values(part, validators.with_ids(data) if part is Input else data, loc)
        broken = loc in self._doubted or not wrong.isdisjoint(part.vital or table(part))
        if part is Input and broken:
            values = {name: values[name] for name in ("type",) if name in values}
        fields = {table(part)[name].field: value for name, value in values.items()}
        match part(**fields, given=frozenset(values), broken=broken):
            case Step() as step:
                return self._without_what_is_wrong(step, wrong, loc)
            case Recipe() as recipe if "api" in wrong:
                steps, finally_ = (tuple(map(_without_bare_names, steps)) for steps in (recipe.steps, recipe.finally_))
                return replace(recipe, steps=steps, finally_=finally_)
            case other:
                return other

    def _values(self, part: type[Section], data: dict[str, Any], loc: Location) -> tuple[dict[str, Any], set[str]]:
        """What is right in a mapping, and which of the part's keys are wrong, or meant by others."""
        wrong = self._unknown(part, data, loc)
        values = {}
        for name, key in table(part).items():
            at = (*loc, name)
            if name in data:
                value = self._value(key, data[name], at)
                if value is not _WRONG:
                    values[name] = value
                if value is _WRONG or self._is_doubted(key, at):
                    wrong.add(name)
            elif key.required and name not in wrong:
                self._wrong.append(Invalid(f"{_owner(part, loc)} has no {name}", f"add `{name}: ...`", at))
                wrong.add(name)
        return values, wrong

    def _without_what_is_wrong(self, step: Step, wrong: set[str], loc: Location) -> Step:
        """A step without what can't be judged because of what is wrong."""
        if "include" in wrong or ("id" in wrong and (*loc, "id") not in self._around):
            self._names_lost = True
        if "as" in wrong:
            step = replace(step, key=None, do=())  # what the variable is called is not known
        if "for_each" in wrong and step.uses is None:
            return _without_action(replace(step, for_each=()))
        calls_nothing = step.uses is step.for_each is step.include is None
        return _without_action(step) if calls_nothing or "api" in wrong else step

    def _unknown(self, part: type[Section], data: dict[str, Any], loc: Location) -> set[str]:
        """Note the keys that the part does not have; gives those that were probably meant, and are not there."""
        meant: set[str] = set()
        for name in data:
            if name in table(part):
                continue
            likely, hint = self._meant(part, name, data)
            message = f"{_owner(part, loc)} has no key {quote(name)}"
            self._wrong.append(Invalid(message, hint, (*loc, name), at_key=True))
            meant |= {likely} if likely else _MEANT_BY_ANYTHING
            if isinstance(data[name], dict):
                meant.add("with")
        return meant - data.keys()

    def _meant(self, part: type[Section], name: str, data: dict[str, Any]) -> tuple[str | None, str]:
        """The key that an unknown one was probably meant to be, and what to do."""
        from pinflow.recipe.other_tools import action_as_key, key_meant

        self._suggestions -= 1
        if part is Input and name in get_args(model.InputType):
            return "type", f"did you mean type: {name}?"
        if meant := key_meant(part, name):
            return meant.key or None, meant.hint
        likely = nearest(name, table(part)) if self._suggestions >= 0 else None
        if likely:
            return likely, f"did you mean {likely}?"
        if part is Step and (hint := action_as_key(name, data)):
            return "uses", hint
        return None, f"it takes {', '.join(table(part))}"

    # -- a value

    def _value(self, key: Key, written: Any, loc: Location) -> Any:
        """The value of a key, or _WRONG."""
        value = self._read(key.kind, written, loc)
        if key.of is None or value is _WRONG:
            return self._without_doubted(value, loc)
        if isinstance(value, tuple):
            items = tuple(self._read(key.of, item, (*loc, position)) for position, item in enumerate(value))
            return _WRONG if _WRONG in items else items
        if key.kind is validators.mapping:
            return {name: self._read(key.of, entry, (*loc, name)) for name, entry in value.items()}
        return self._read(key.of, value, loc)

    def _read(self, of: Validator | str, written: Any, loc: Location) -> Any:
        """The value that a validator makes of what was written, or the part of this name; _WRONG if it is neither."""
        if isinstance(of, str):
            return self._part(getattr(model, of), written, loc)
        try:
            return of(written)
        except Invalid as invalid:
            invalid.at(*loc)
            invalid.hint = _shape_hint(invalid, written) or invalid.hint
            self._wrong.append(invalid.about(_subject(invalid.location)))
            return _WRONG

    def _is_doubted(self, key: Key, loc: Location) -> bool:
        """Whether something is wrong here that was found before; the parts within mind what is wrong in them."""
        return loc in (self._doubted if isinstance(key.of, str) else self._around)

    def _without_doubted(self, value: Any, loc: Location) -> Any:
        """A value without what was found to be wrong before."""
        if loc not in self._around:
            return value
        if isinstance(value, dict):
            return {name: entry for name, entry in value.items() if (*loc, name) not in self._around}
        return _WRONG


# -- steps of which too little is known


def _without_action(step: Step) -> Step:
    """A step whose action is not known. If it is a loop, the steps under it remain."""
    for_each = None if step.for_each is None else ()
    return replace(step, uses=None, for_each=for_each, with_={}, auth=None, api=None, broken=True)


def _without_bare_names(step: Step) -> Step:
    """A step of a recipe whose API is not known: the action is known only where it comes with its own."""
    step = replace(step, do=tuple(map(_without_bare_names, step.do)))
    name = step.uses if step.uses is not None else step.for_each
    known = step.api is not None or not isinstance(name, str) or ("." in name and "${{" not in name)
    return step if known else _without_action(step)


# -- words


def _not_a_mapping(part: type[Section], written: Any, loc: Location) -> Invalid:
    if part is Recipe:
        message = "the recipe is empty" if written is None else f"a recipe must be a mapping, not {describe(written)}"
        return Invalid(message, "begin it with `name: ...` and `steps:`", loc)
    from pinflow.recipe.other_tools import section_hint

    hint = section_hint(loc, written) or f"it takes {', '.join(table(part))}"
    if part is Step and isinstance(written, str):
        hint = f"write `uses: {written[:40]}`"
    return mismatch("a mapping", written, hint, loc).about(_subject(loc))


def _shape_hint(invalid: Invalid, written: Any) -> str:
    """What people probably meant by a value of the wrong shape or an unknown word; "" where that isn't known."""
    from pinflow.recipe.other_tools import shape_hint, type_hint

    match invalid.location:
        case ("inputs", _, "type") if isinstance(written, str):
            return type_hint(written)
        case loc if written not in (None, [], ""):
            return shape_hint(loc, written)
        case _:
            return ""


def _owner(part: type[Section], loc: Location) -> str:
    """A part, as the beginning of a sentence about its keys."""
    return part.called or _subject(loc)


def _subject(loc: Location) -> str:
    """What stands at ``loc``, as the beginning of a sentence."""
    match loc:
        case (*_, ("steps" | "finally" | "do"), int() as position):
            return f"step {position + 1}"
        case ("inputs", name):
            return f"input {quote(name)}"
        case ("auth", name):
            return f"login {quote(name)}"
        case (*_, list_, int() as position):
            return f"entry {position + 1} of {list_}"
        case _:
            return str(loc[-1])
