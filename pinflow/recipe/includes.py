"""A recipe's steps with the steps of the recipes that it includes in their places."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.errors import RecipeError
from pinflow.expressions.template import Scope, Unknown, compile_value
from pinflow.lazy_dataclass import dataclass, field
from pinflow.recipe.checks import MAX_EXPRESSIONS
from pinflow.recipe.reader import parse_all
from pinflow.recipe.source import MAX_BYTES, SourceSize, read
from pinflow.recipe.yaml_events import MAX_EVENTS
from pinflow.schema.file_names import own_name_problem
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import quote, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pinflow.errors import Problem
    from pinflow.recipe.model import Login, Recipe, Step
    from pinflow.recipe.source import Source

Loc = tuple[str | int, ...]
DEPTH = 8  # includes in includes: deeper ones are a mistake, such as a circle through a link
MOST = 100  # includes in all: each may stand in for many others
# what a recipe may be by itself it may be with all that it includes, each counted as often as it is included
MOST_IN_ALL = SourceSize(MAX_BYTES, MAX_EVENTS, MAX_EXPRESSIONS)
_RECIPES = (".yaml", ".yml")  # what is wrong with another file would show parts of it
MOST_PROBLEMS = 200  # of included recipes; each may take a while to put into words


@dataclass(frozen=True, slots=True)
class IncludePlace:
    """Where something stands in a recipe's text."""

    source: Source
    loc: Loc

    def at(self, *loc: str | int) -> IncludePlace:
        """A place further inside."""
        return IncludePlace(self.source, (*self.loc, *loc))

    def problem(self, message: str, *, hint: str = "", key: bool = False, offset: int | None = None) -> Problem:
        """A problem that stands here, or at the key that leads here, or ``offset`` characters into the text."""
        return self.source.problem(self.loc, message, hint=hint, key=key, offset=offset)

    def locate(self, invalid: Invalid) -> Problem:
        """A mistake in what stands here, with its line and column."""
        return self.source.locate(invalid.at(*self.loc))


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step, where it stands, the recipe that it is from, and the steps under its ``do``."""

    place: IncludePlace
    step: Step
    recipe: Recipe
    body: tuple[PlacedStep, ...] = ()


@dataclass(slots=True)
class ExpandedRecipe:
    """All recipes that take part, outermost first, and their steps in the order in which they run.

    ``problems`` is what is wrong with the included recipes by themselves, and with how they are included.
    """

    steps: list[PlacedStep] = field(default_factory=list)
    finally_: list[PlacedStep] = field(default_factory=list)
    recipes: list[tuple[Source, Recipe]] = field(default_factory=list)
    logins: dict[str, tuple[Login, IncludePlace]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def expand(
    source: Source, recipe: Recipe, scope_of: Callable[[Sequence[tuple[Source, Recipe]]], Scope], *, now: datetime
) -> ExpandedRecipe:
    """Put included steps in their places. What the outer recipe declares (inputs, logins) wins.

    ``scope_of`` gives the inputs that the recipes so far declare, as a path may use
    them; those whose values are not known yet are unknown, and what they lead to is
    left out. Raises RecipeError where all of it together is too much.
    """
    return _Expander(scope_of, now).expand(source, recipe)


class _Expander:
    def __init__(self, scope_of: Callable[[Sequence[tuple[Source, Recipe]]], Scope], now: datetime) -> None:
        self._scope_of = scope_of
        self._now = now
        self._expanded = ExpandedRecipe()
        self._size = SourceSize()
        self._too_much = False
        self._read: dict[Path, tuple[Source, Recipe | None]] = {}

    def expand(self, source: Source, recipe: Recipe) -> ExpandedRecipe:
        self._size = source.size
        self._expanded.steps += self._steps(source, recipe, (Path(source.name),))
        if self._too_much:  # what there is of it would take long to check
            raise RecipeError(self._expanded.problems)
        return self._expanded

    def _steps(self, source: Source, recipe: Recipe, chain: tuple[Path, ...]) -> list[PlacedStep]:
        """A recipe's own steps; everything else of it is noted."""
        self._expanded.recipes.append((source, recipe))
        for name, login in recipe.auth.items():
            self._expanded.logins.setdefault(name, (login, IncludePlace(source, ("auth", name))))
        steps = list(self._parts(IncludePlace(source, ("steps",)), recipe.steps, recipe, chain))
        self._expanded.finally_ += self._parts(IncludePlace(source, ("finally",)), recipe.finally_, recipe, chain)
        return steps

    def _parts(
        self, place: IncludePlace, steps: Sequence[Step], recipe: Recipe, chain: tuple[Path, ...]
    ) -> Iterator[PlacedStep]:
        for index, step in enumerate(steps):
            here = place.at(index)
            if step.include is not None:
                yield from self._include(here, step, step.include, chain)
            else:
                body = tuple(self._parts(here.at("do"), step.do, recipe, chain))
                yield PlacedStep(here, step, recipe, body)

    def _include(self, place: IncludePlace, step: Step, raw: str, chain: tuple[Path, ...]) -> list[PlacedStep]:
        """The steps of the recipe that ``step`` includes; none if it can't be had, which is noted."""
        for key in sorted(step.given - {"include", "name"}):
            hint = "put it into the included steps"
            problem = place.at(key).problem(f"{key} has no effect beside include", hint=hint, key=True)
            self._expanded.problems.append(problem)
        place = place.at("include")
        if self._too_much or len(self._expanded.problems) >= MOST_PROBLEMS:
            return []
        try:
            written = self._path(place, raw)
            path = self._resolve(place, written, chain)
            source, recipe = self._parsed(path)
            self._count(place, source.size)
            return self._steps(source, recipe, (*chain, path)) if recipe is not None else []
        except Unknown:
            return []
        except RecipeError as error:
            self._expanded.problems += error.problems
            return []

    def _parsed(self, path: Path) -> tuple[Source, Recipe | None]:
        """An included recipe; it is read once, however often it is included, and what is wrong with it noted once."""
        if path not in self._read:
            source = read(path, str(path))
            recipe, problems = parse_all(source)
            self._expanded.problems += problems
            self._read[path] = source, recipe
        return self._read[path]

    def _count(self, place: IncludePlace, size: SourceSize) -> None:
        """Add what is included to all that was before. Raises RecipeError once it is too much."""
        self._size = whole = self._size.plus(size)
        for number, most, unit in (
            (whole.characters, MOST_IN_ALL.characters, "characters"),
            (whole.entries, MOST_IN_ALL.entries, "entries"),
            (whole.expressions, MOST_IN_ALL.expressions, "expressions"),
        ):
            if number > most:
                self._too_much = True
                message = f"with this, the recipe and all that it includes have more than {most} {unit}"
                hint = "each counts as often as it is included; make several recipes of it, or move data to a file"
                raise RecipeError([place.problem(message, hint=hint)])

    def _path(self, place: IncludePlace, raw: str) -> str:
        try:
            value = compile_value(raw)
            if value.constant:
                return raw
            scope = self._scope_of(self._expanded.recipes)
            for _, reference in value.references:
                self._check(place, scope, reference.root, reference.path, reference.offsets)
            if value.mentions_unknown(scope):
                raise Unknown
            path = value.render(scope, now=self._now)
        except Invalid as invalid:
            raise RecipeError([place.locate(invalid)]) from None
        if not isinstance(path, str) or not path.strip():
            result = "nothing" if path is None else quote(path)
            raise RecipeError([place.problem(f"this gives {result}, which isn't the path of a recipe")])
        return path

    def _check(
        self, place: IncludePlace, scope: Scope, root: str, path: Sequence[str | int], offsets: Sequence[int]
    ) -> None:
        if root != "inputs":
            message, hint = f"{root!r} is not known before the run", "use inputs only here"
            raise RecipeError([place.problem(message, hint=hint, offset=offsets[0])])
        inputs: Any = scope.names["inputs"]
        if path and path[0] not in inputs and f"inputs.{path[0]}" not in scope.unknown:
            hint = suggest(str(path[0]), inputs, "the inputs are")
            raise RecipeError([place.problem(f"unknown input {path[0]!r}", hint=hint, offset=offsets[1])])

    def _resolve(self, place: IncludePlace, written: str, chain: tuple[Path, ...]) -> Path:
        """The path of an included recipe: in the folder of the one that includes it, and not around in a circle."""
        folder = Path(place.source.name).parent
        path = folder / written
        try:
            whole, inside, is_file = path.resolve(), folder.resolve(), path.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, a null character, or links in a circle
            raise RecipeError([place.problem(f"{written[:40]!r} can't be a path")]) from None
        if "://" in written or not whole.is_relative_to(inside):
            message = f"{written!r} is not inside the recipe's own folder"
            hint = "name a file beside the recipe, such as steps/common.yaml"
            raise RecipeError([place.problem(message, hint=hint)])
        if problem := own_name_problem(os.path.normpath(written), _RECIPES):
            raise RecipeError(
                [place.problem(f"{quote(written)} {problem[0]}", hint="name a recipe, such as steps.yaml")]
            )
        if whole in {recipe.resolve() for recipe in chain}:
            shown = " -> ".join(recipe.name for recipe in (*chain, path))
            raise RecipeError([place.problem(f"recipes include each other: {shown}")])
        if len(chain) > DEPTH or len(self._expanded.recipes) > MOST:
            most = f"{DEPTH} deep" if len(chain) > DEPTH else f"{MOST} in all"
            raise RecipeError([place.problem(f"too many recipes include others: at most {most}")])
        if not is_file:
            raise RecipeError([place.problem(f"{written!r} does not exist in {folder}")])
        return path
