"""The pages of facts: made from what the program uses, with an example for everything."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, get_args

import pytest

from pinflow.recipe import model
from pinflow.recipe.source import load
from pinflow.reference import input_types, recipe_keys

if TYPE_CHECKING:
    from pinflow.recipe.model import Section


@pytest.mark.parametrize("part", recipe_keys.EXAMPLES, ids=lambda part: part.__name__)
def test_every_key_of_a_recipe_has_an_example_that_is_read(part: type[Section]) -> None:
    keys = model.table(part)
    assert list(recipe_keys.EXAMPLES[part]) == list(keys)
    for name, example in recipe_keys.EXAMPLES[part].items():
        written: Any = load(example, "example").data
        assert list(written) == [name]
        keys[name].kind(written[name])


def test_every_part_of_a_recipe_has_its_keys_on_the_page() -> None:
    parts = {part for part in model.Section.__subclasses__() if model.table(part)}
    assert parts == set(recipe_keys.EXAMPLES)
    assert all(inspect.getdoc(part) for part in parts)


def test_every_type_of_inputs_has_examples_that_are_taken() -> None:
    assert sorted(entry.type for entry in input_types.TYPES) == sorted(get_args(model.InputType))
    for entry in input_types.TYPES:
        assert entry.examples or entry.type == "secret", "a secret is never typed"
        for example in entry.examples:
            input_types.evaluate(entry, example)
