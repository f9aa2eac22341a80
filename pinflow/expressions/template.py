"""A value of a recipe with its ``${{ }}`` parts compiled, ready to be filled in.

Loaded by the plan; expressions see plain data only, and what they give is never
evaluated again.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

from pinflow.expressions.expression import Expression, Reference, Template, parse_template
from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions can see: ``names`` by root. ``unknown`` roots and steps are known only after a real run."""

    names: Mapping[str, Any]
    unknown: Set[str] = frozenset()  # "steps.copy", or a loop's variable

    def is_unknown(self, reference: Reference) -> bool:
        """Whether the value behind a reference would only come from something that a dry run did not make."""
        if reference.root in self.unknown:
            return True
        if reference.path:
            return f"{reference.root}.{reference.path[0]}" in self.unknown
        return any(name.startswith(f"{reference.root}.") for name in self.unknown)

    def with_name(self, name: str, value: Any) -> Scope:
        """The same, and one name more."""
        return Scope({**self.names, name: value}, self.unknown)

    def inside(self, variable: str, item: Any) -> Scope:
        """What the steps of a loop's body see of one item; what they ``learn`` stays with it."""
        return Scope({**self.names, "steps": dict(self.names["steps"]), variable: item}, set(self.unknown))

    def learn(self, step: str, output: Any, *, planned: bool) -> None:
        """From now on a step's output is there (or, ``planned``, unknown). Only for a scope of one's own."""
        self.names["steps"][step] = output
        if planned and isinstance(self.unknown, set):
            self.unknown.add(f"steps.{step}")


class Unknown(Exception):
    """A value is needed that only a real run makes."""


@dataclass(frozen=True, slots=True)
class Value:
    """Plain data with templates in it. ``tree`` is the data with a Template wherever text holds ``${{ }}``."""

    tree: Any
    templates: tuple[tuple[Loc, Template], ...] = field(default=())

    @property
    def constant(self) -> bool:
        return not self.templates

    @property
    def references(self) -> Iterator[tuple[Loc, Reference]]:
        """Every name path that it reads, and where in it."""
        return ((loc, reference) for loc, template in self.templates for reference in template.references)

    def render(self, scope: Scope, *, now: datetime | None, unknown: Any = None) -> Any:
        """A copy of the data with every template filled in. Raises Invalid.

        Where a template needs what only a real run makes, it becomes ``unknown``; without ``now``, times are errors.
        """
        return _render(self.tree, scope, now, unknown)

    def with_parts(self, parts: Mapping[Loc, Any]) -> Any:
        """The tree with data instead of the templates at these places."""
        return _with_parts(self.tree, parts, ())

    def mentions_unknown(self, scope: Scope) -> bool:
        return bool(scope.unknown) and any(scope.is_unknown(reference) for _, reference in self.references)


def compile_value(data: Any) -> Value:
    """``data`` with its templates compiled. Raises Invalid (a parsed recipe has none left)."""
    templates: list[tuple[Loc, Template]] = []
    return Value(_compile(data, (), templates), tuple(templates))


def _compile(data: Any, loc: Loc, templates: list[tuple[Loc, Template]]) -> Any:
    if isinstance(data, str):
        template = parse_template(data)
        if template is None:
            return data
        templates.append((loc, template))
        return template
    if isinstance(data, Mapping):
        return {key: _compile(part, (*loc, key), templates) for key, part in data.items()}
    if isinstance(data, (list, tuple)):
        return [_compile(part, (*loc, index), templates) for index, part in enumerate(data)]
    return data


def _with_parts(tree: Any, parts: Mapping[Loc, Any], loc: Loc) -> Any:
    if loc in parts:
        return parts[loc]
    if isinstance(tree, dict):
        return {key: _with_parts(part, parts, (*loc, key)) for key, part in tree.items()}
    if isinstance(tree, list):
        return [_with_parts(part, parts, (*loc, index)) for index, part in enumerate(tree)]
    return tree


def _render(tree: Any, scope: Scope, now: datetime | None, unknown: Any) -> Any:
    if isinstance(tree, Template):
        if scope.unknown and any(map(scope.is_unknown, tree.references)):
            return unknown
        return tree.render(scope.names, now=now)
    if isinstance(tree, dict):
        return {key: _render(part, scope, now, unknown) for key, part in tree.items()}
    if isinstance(tree, list):
        return [_render(part, scope, now, unknown) for part in tree]
    return tree


def evaluate(expression: Expression, scope: Scope, *, now: datetime) -> Any:
    """The expression's value. Raises Invalid, or Unknown in a dry run."""
    if scope.unknown and any(map(scope.is_unknown, expression.references)):
        raise Unknown
    return expression.evaluate(scope.names, now=now)
