"""A recipe's values compiled, the names in them looked up, and everything that is wrong collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.expressions.expression import Expression, Reference, Template, compile_expression
from pinflow.expressions.template import Loc, Scope, Value, compile_value
from pinflow.expressions.values import Budget
from pinflow.lazy_dataclass import replace
from pinflow.plan.scope import Names, shape_of_input
from pinflow.schema.invalid import Invalid, mismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pinflow.errors import Problem
    from pinflow.plan.file_rules import FileRules
    from pinflow.plan.inputs import DeclaredInput, InputValues
    from pinflow.recipe.includes import IncludePlace


class _Late:
    """Instead of a value that only the run brings."""


MOST_PROBLEMS = 200  # nobody reads more, and to look for what was meant takes up to 1 ms each


class Checker:
    """Compiles a recipe's values; collects the ``problems``, and which steps' outputs are ``needed``."""

    def __init__(
        self,
        declared: Mapping[str, DeclaredInput],
        resolved: InputValues,
        *,
        now: datetime,
        files: FileRules,
        complete: bool = True,
    ) -> None:
        self.problems: list[Problem] = []
        self.files = files
        self.stopped = False
        self.needed: set[str] = set()
        names = Names.start({name: shape_of_input(entry.input) for name, entry in declared.items()}, complete)
        self.names = replace(names, secrets={"inputs": {name: name for name in sorted(resolved.secrets)}})
        # a secret is not looked at before it is used: what is said of a value could show it, and a resumed run,
        # which has to be given its secrets again, is asked for them later than this
        hidden = frozenset(f"inputs.{name}" for name in resolved.unknown | resolved.secrets)
        self._scope = Scope({"inputs": resolved.values}, hidden)
        self._now = now
        self._budget = Budget()

    def add(
        self, place: IncludePlace, message: str, hint: str = "", *, key: bool = False, offset: int | None = None
    ) -> None:
        self.problems.append(place.problem(message, hint=hint, key=key, offset=offset))

    def is_hopeless(self, place: IncludePlace) -> bool:
        """Whether so much is wrong that the steps from ``place`` on are left out, which is told once."""
        if not self.stopped and len(self.problems) >= MOST_PROBLEMS:
            self.stopped = True
            self.add(place, "so much is wrong that the steps from here on were not checked")
        return self.stopped

    def note(self, place: IncludePlace, invalid: Invalid, *, shift: int = 0) -> None:
        """Add a mistake in what stands at ``place``; its offset counts from ``shift`` characters into the text."""
        self.problems.append(place.locate(invalid.at(offset=shift) if invalid.offset is not None else invalid))

    def value(self, data: Any, place: IncludePlace, names: Names, *, shown: bool = False) -> Value:
        """``data`` with its expressions compiled and their names looked up. ``shown`` where people get to see it."""
        value = self._compile(data, place) or Value(None)
        for inner, reference in value.references:
            self._check_reference(reference, place.at(*inner), names, 0, shown=shown)
        return value

    def expression(self, raw: str, place: IncludePlace, names: Names, *, shown: bool = False) -> Expression | None:
        """A bare expression; ``${{ }}`` around the whole is accepted. None if it can't be used. ``shown`` as above."""
        value = self._compile(raw, place)
        if value is None:
            return None
        text, shift = raw, 0
        if isinstance(value.tree, Template):
            if not value.tree.single:
                self.add(place, "must be one expression", "leave out the ${{ }}")
                return None
            text, shift = next((p[0].text, p[1]) for p in value.tree.parts if not isinstance(p, str))
        try:
            expression = compile_expression(text)
        except Invalid as invalid:
            self.note(place, invalid, shift=shift)
            return None
        for reference in expression.references:
            self._check_reference(reference, place, names, shift, shown=shown)
        return expression

    def early_text(self, raw: Any, place: IncludePlace, *, of_loop: str = "") -> str | None:
        """A text that must be known before the run, so it may use inputs only. None if it isn't, or is wrong.

        ``of_loop`` is what else to say where it names a loop's item.
        """
        value = self._compile(raw, place)
        if value is None or value.constant:
            return None if value is None else str(raw)
        late = next((r for _, r in value.references if r.root != "inputs"), None)
        if late is not None:
            hint = "use inputs only here" + (of_loop if late.root != "steps" else "")
            self.add(place, f"{late.root!r} is not known before the run", hint, offset=late.offsets[0])
            return None
        before = len(self.problems)
        for _, reference in value.references:
            self._check_reference(reference, place, self.names, 0, shown=True)
        if len(self.problems) > before or value.mentions_unknown(self._scope):
            return None
        return self._early_name(value, place)

    def early_values(self, value: Value, place: IncludePlace, names: Names) -> dict[Loc, Any]:
        """What the templates of ``value`` give that read inputs alone, by where they stand in it."""
        values: dict[Loc, Any] = {}
        if self._budget.is_spent():
            return values
        for loc, template in value.templates:
            if self._is_known(template.references, names):
                try:
                    with self._budget.share():
                        values[loc] = template.render(self._scope.names, now=self._now)
                except Invalid as invalid:
                    if not self._budget.is_spent():  # else it is left to the run
                        self.note(place.at(*loc), invalid)
        return values

    def holds(self, condition: Expression | None, raw: object, place: IncludePlace, names: Names) -> bool:
        """Whether it is known already that a condition, written as ``raw``, is true; a useless one is noted."""
        if condition is None:
            return True
        result = self._evaluate_early(condition, raw, place, names)
        if not isinstance(result, (bool, _Late)):
            self.note(place, mismatch("true or false", result, "compare it: ... != null").about("if"))
        return result is True

    def early_items(
        self, items: Expression | Value | None, raw: object, place: IncludePlace, names: Names, *, certain: bool
    ) -> list[Any] | None:
        """What a loop over ``raw`` will go over, if that is known already; else None.

        What is not a list is noted, if the loop is ``certain`` to run.
        """
        before = len(self.problems)
        result = self._evaluate_items(items, raw, place, names)
        if not certain:
            del self.problems[before:]
        return result

    def _evaluate_items(
        self, items: Expression | Value | None, raw: object, place: IncludePlace, names: Names
    ) -> list[Any] | None:
        if isinstance(items, Value):
            self.early_values(items, place, names)
            return list(items.tree) if items.constant else None
        if items is None:
            return None
        result = self._evaluate_early(items, raw, place, names)
        if isinstance(result, _Late):
            return None
        if isinstance(result, list):
            return result
        self.note(place, mismatch("a list", result).about("for_each"))
        return []

    def _evaluate_early(self, expression: Expression, raw: object, place: IncludePlace, names: Names) -> Any:
        """What an expression gives that reads inputs alone. _Late if it reads more, or fails, which is noted.

        _Late as well once such expressions have taken too long together: the run will tell.
        """
        if self._budget.is_spent() or not self._is_known(expression.references, names):
            return _Late()
        try:
            with self._budget.share():
                return expression.evaluate(self._scope.names, now=self._now)
        except Invalid as invalid:
            if self._budget.is_spent():
                return _Late()
            self.note(place, invalid, shift=max(0, str(raw).find(expression.text)))
            return _Late()

    def _is_known(self, references: Iterable[Reference], names: Names) -> bool:
        there = self._scope.names["inputs"]
        return all(
            reference.root == "inputs"
            and (not reference.path or reference.path[0] in there)
            and not self._scope.is_unknown(reference)
            and names.problem(reference) is None
            for reference in references
        )

    def _early_name(self, value: Value, place: IncludePlace) -> str | None:
        try:
            name = value.render(self._scope, now=self._now)
        except Invalid as invalid:
            self.note(place, invalid)
            return None
        if isinstance(name, str) and name:
            return name
        self.add(place, f"this gives {'nothing' if name in (None, '') else repr(name)[:40]}, where a name is needed")
        return None

    def _compile(self, data: Any, place: IncludePlace) -> Value | None:
        try:
            return compile_value(data)
        except Invalid as invalid:
            self.note(place, invalid)
            return None

    def _check_reference(
        self, reference: Reference, place: IncludePlace, names: Names, shift: int, *, shown: bool
    ) -> None:
        self.needed |= names.steps_read(reference)
        if (invalid := names.problem(reference)) is not None:
            self.note(place, invalid, shift=shift)
        elif shown and (secret := names.secret_read(reference)):
            message = f"the secret {secret!r} would be shown or stored here"
            self.add(place, message, "give it to an action under with", offset=reference.offsets[-1] + shift)
