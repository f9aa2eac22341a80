"""A recipe's value with its templates compiled: what it reads, what it gives, and what waits for a real run."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.expressions.expression import compile_expression
from pinflow.expressions.template import Scope, Unknown, compile_value, evaluate
from pinflow.schema.invalid import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LATER: Any = object()  # stands in for what only a real run makes
NAMES: Mapping[str, Any] = {"inputs": {"n": 3}, "steps": {"copy": {"id": "7"}}, "pin": {"title": "Soup"}}


def render(data: Any, unknown: frozenset[str] = frozenset()) -> Any:
    return compile_value(data).render(Scope(NAMES, unknown), now=NOW, unknown=LATER)


def test_templates_are_filled_in_at_any_depth_and_the_rest_stays() -> None:
    data = {"a": ["${{ inputs.n }}", "no", 5, {"b": "x${{ pin.title }}"}], "c": None, "d": ("${{ 1 }}",)}
    assert render(data) == {"a": [3, "no", 5, {"b": "xSoup"}], "c": None, "d": [1]}
    assert render(MappingProxyType({"a": "${{ now() }}"})) == {"a": "2026-03-01T09:30:00+00:00"}
    assert render("${{ inputs }}") == {"n": 3}


def test_a_value_without_templates_is_constant() -> None:
    assert compile_value({"a": ["b", 1]}).constant
    assert not compile_value({"a": ["${{ 1 }}"]}).constant


def test_a_value_knows_what_it_reads_and_where() -> None:
    value = compile_value({"a": ["x", "${{ inputs.n }}"], "b": "${{ steps.copy.id }} ${{ pin }}"})
    assert [(loc, each.root, each.path) for loc, each in value.references] == [
        (("a", 1), "inputs", ("n",)),
        (("b",), "steps", ("copy", "id")),
        (("b",), "pin", ()),
    ]
    assert [loc for loc, _ in value.templates] == [("a", 1), ("b",)]


def test_parts_take_the_places_of_templates() -> None:
    value = compile_value({"a": ["x", "${{ inputs.n }}"], "b": {"c": "${{ pin }}"}})
    tree = value.with_parts({("a", 1): 9, ("b", "c"): None})
    assert tree == {"a": ["x", 9], "b": {"c": None}}
    assert compile_value("${{ pin }}").with_parts({(): 1}) == 1
    assert compile_value("${{ pin }}").with_parts({("a",): 1}) == compile_value("${{ pin }}").tree


@pytest.mark.parametrize(
    ("text", "unknown", "waits"),
    [
        ("${{ steps.copy.id }}", {"steps.copy"}, True),
        ("${{ steps.copy.id }}", {"steps.other"}, False),
        ("${{ steps }}", {"steps.other"}, True),
        ("${{ steps }}", {"stepsx.other"}, False),
        ("${{ pin.title }}", {"pin"}, True),
        ("${{ pin }}", {"pin"}, True),
        ("${{ inputs.n }}", {"pin", "steps.copy"}, False),
        ("${{ inputs.n }} ${{ pin }}", {"pin"}, True),
        ("plain", {"pin"}, False),
        ("${{ pin }}", set(), False),
    ],
)
def test_a_dry_run_puts_a_stand_in_for_what_only_a_real_run_makes(text: str, unknown: set[str], waits: bool) -> None:
    value, scope = compile_value(text), Scope(NAMES, frozenset(unknown))
    assert value.mentions_unknown(scope) is waits
    if waits:
        assert render([text, {"a": text}], frozenset(unknown)) == [LATER, {"a": LATER}]
    elif text != "${{ pin }}":
        assert LATER not in render([text], frozenset(unknown))


def test_an_expression_that_needs_a_real_run_says_so() -> None:
    expression = compile_expression("steps.copy.id")
    assert evaluate(expression, Scope(NAMES), now=NOW) == "7"
    assert evaluate(expression, Scope(NAMES, {"pin"}), now=NOW) == "7"
    with pytest.raises(Unknown):
        evaluate(expression, Scope(NAMES, {"steps.copy"}), now=NOW)
    assert evaluate(compile_expression("today()"), Scope(NAMES), now=NOW) == "2026-03-01"


def test_a_scope_with_one_name_more_leaves_the_first_as_it_is() -> None:
    scope = Scope({"a": 1}, {"steps.copy"})
    more = scope.with_name("b", 2)
    assert (dict(more.names), more.unknown, dict(scope.names)) == ({"a": 1, "b": 2}, {"steps.copy"}, {"a": 1})


def test_what_the_steps_of_an_item_learn_stays_with_the_item() -> None:
    scope = Scope({"steps": {"a": 1}}, {"steps.a"})
    inside = scope.inside("pin", {"id": "7"})
    inside.learn("b", 2, planned=False)
    inside.learn("c", None, planned=True)
    assert inside.names == {"steps": {"a": 1, "b": 2, "c": None}, "pin": {"id": "7"}}
    assert inside.unknown == {"steps.a", "steps.c"}
    assert (scope.names, scope.unknown) == ({"steps": {"a": 1}}, {"steps.a"})


def test_a_scope_that_is_shared_learns_outputs_but_not_what_is_planned() -> None:
    scope = Scope({"steps": {}}, frozenset())
    scope.learn("a", 1, planned=True)
    assert (scope.names, scope.unknown) == ({"steps": {"a": 1}}, frozenset())


def test_a_mistake_in_a_value_has_its_place_in_the_text() -> None:
    with pytest.raises(Invalid, match="expected a value") as refused:
        compile_value({"a": ["x ${{ 1 + }}"]})
    assert refused.value.offset == 9
