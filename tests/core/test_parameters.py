"""One typed signature checks arguments, converts them, describes itself, and says what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from pinflow import Action, Context, Number, Text, action
from pinflow.errors import PluginError
from pinflow.schema.types import shape

Id = Annotated[str, Text(pattern=r"^\d+$", max_length=32, format="id", description="a thing's id (digits only)")]


class Slot(TypedDict):
    id: Id
    title: NotRequired[str]


class Loose(TypedDict, total=False):
    id: str


class Node(TypedDict):
    name: str
    children: list[Node]


def taking(hint: Any, default: Any = ...) -> Action:
    """An action with one argument, ``it``, of a type."""

    def act(ctx: Context, *, it: Any) -> None: ...

    act.__annotations__["it"] = hint
    if default is not ...:
        act.__kwdefaults__ = {"it": default}
    return action("act")(act)


# type, what a recipe gives, what the function gets
FITS: list[tuple[Any, object, object]] = [
    (str, "a", "a"),
    (str, 812345678901234567890, "812345678901234567890"),
    (Id, 549755885175, "549755885175"),
    (int, 3, 3),
    (float, 3, 3.0),
    (bool, True, True),
    (str | None, None, None),
    (Literal["PUBLIC", "SECRET"], "SECRET", "SECRET"),
    (list[str], ["a", 1], ["a", "1"]),
    (Sequence[int], [1, 2], [1, 2]),
    (tuple[str, ...], ["a", 1], ("a", "1")),
    (set[str], ["a", "a"], {"a"}),
    (frozenset[int], [1], frozenset({1})),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (Mapping[str, str], {"a": 1}, {"a": "1"}),
    (Slot, {"id": 1}, {"id": "1"}),
    (list[Slot], [{"id": "1", "title": 5}], [{"id": "1", "title": "5"}]),
    (Loose, {}, {}),
    (Id | dict[str, Any], {"id": 1}, {"id": 1}),
    (Annotated[int, Number(ge=1, le=250)] | None, 250, 250),
    (Any, [1, {"a": None}], [1, {"a": None}]),
]


@pytest.mark.parametrize(("hint", "given", "wanted"), FITS)
def test_an_argument_is_converted_to_the_parameters_type(hint: Any, given: object, wanted: object) -> None:
    parameters = taking(hint).parameters
    assert parameters.problems({"it": given}) == []
    got = parameters.convert({"it": given})["it"]
    assert got == wanted
    assert type(got) is type(wanted)


WRONG: list[tuple[Any, object, str]] = [
    (str, True, "'it' must be text, not true or false; put quotes around it"),
    (str, 1.5, "'it' must be text, not a number; put quotes around it"),
    (str, None, "'it' must be text, not nothing"),
    (str, ["a"], "'it' must be text, not a list"),
    (int, "3", "'it' must be a whole number, not text"),
    (int, 3.0, "'it' must be a whole number, not a fraction"),
    (int, True, "'it' must be a whole number, not true or false"),
    (float, "3", "'it' must be a number, not text"),
    (bool, 1, "'it' must be true or false, not a whole number"),
    (bool, "yes", "'it' must be true or false, not text"),
    (list[str], "a", "'it' must be a list, not text"),
    (tuple[str, ...], "a", "'it' must be a list, not text"),
    (set[str], {"a": 1}, "'it' must be a list, not a mapping"),
    (dict[str, str], ["a"], "'it' must be a mapping, not a list"),
    (Slot, "a", "'it' must be a mapping, not text"),
    (Literal["PUBLIC", "SECRET"], "public", "'it' must be PUBLIC or SECRET"),
    (Literal["PUBLIC", "SECRET"], 1, "'it' must be PUBLIC or SECRET, not a whole number"),
    (Id, "12a", "'it' isn't a thing's id (digits only)"),
    (Annotated[str, Text(pattern=r"^\d+$", format="id")], "12a", "'it' isn't an id (digits only)"),
    (Annotated[str, Text(pattern="^#[0-9a-f]{6}$")], "red", "'it' doesn't match ^#[0-9a-f]{6}$"),
    (Annotated[str, Text(max_length=3)], "four", "'it' has 4 characters; at most 3"),
    (Annotated[str, Text(max_length=3)], 1234, "'it' has 4 characters; at most 3"),
    (Annotated[str, Text(min_length=2)], "a", "'it' has 1 character; at least 2"),
    (Annotated[str, Text(min_length=1)], "", "'it' is empty"),
    (Annotated[int, Number(ge=1)], 0, "'it' must be at least 1, not 0"),
    (Annotated[int, Number(le=250)], 251, "'it' must be at most 250, not 251"),
    (Annotated[float, Number(gt=0)], 0, "'it' must be more than 0, not 0"),
    (int | str, 1.5, "'it' must be a whole number or text, not a fraction"),
    (Id | dict[str, Any], "abc", "'it' isn't a thing's id (digits only)"),
    (Id | Literal["none"], "abc", "'it' must be a thing's id (digits only) or none"),
    (Id | Literal["none"], [1], "'it' must be text or none, not a list"),
]


@pytest.mark.parametrize(("hint", "given", "said"), WRONG)
def test_a_wrong_argument_is_told_in_one_plain_sentence(hint: Any, given: object, said: str) -> None:
    (problem,) = taking(hint).parameters.problems({"it": given})
    assert (problem.location, str(problem)) == (("it",), said)


DEEP: list[tuple[Any, object, list[tuple[tuple[str | int, ...], str]]]] = [
    (
        list[str],
        ["a", 1.5, None],
        [
            (("it", 1), "item 2 of 'it' must be text, not a number; put quotes around it"),
            (("it", 2), "item 3 of 'it' must be text, not nothing"),
        ],
    ),
    (dict[str, int], {"str": "a"}, [(("it", "str"), "'str' must be a whole number, not text")]),
    (
        Slot,
        {"titel": 1, "title": None},
        [
            (("it", "id"), "missing argument 'id'"),
            (("it", "title"), "'title' must be text, not nothing"),
            (("it", "titel"), "unknown argument 'titel'"),
        ],
    ),
    (list[Slot], [{"id": "x"}], [(("it", 0, "id"), "'id' isn't a thing's id (digits only)")]),
    (list[Slot] | None, [{"id": "x"}], [(("it", 0, "id"), "'id' isn't a thing's id (digits only)")]),
]


@pytest.mark.parametrize(("hint", "given", "problems"), DEEP)
def test_every_mistake_inside_a_value_is_told_with_its_place(
    hint: Any, given: object, problems: list[tuple[tuple[str | int, ...], str]]
) -> None:
    told = taking(hint).parameters.problems({"it": given})
    assert [(problem.location, str(problem)) for problem in told] == problems


def test_no_message_about_an_argument_shows_its_value() -> None:
    for hint, given, _ in WRONG:
        for problem in taking(hint, None).parameters.problems({"it": "5eCr3t" if isinstance(given, str) else given}):
            assert "5eCr3t" not in str(problem)


@action("greet")
def greet(ctx: Context, *, name: str, times: Annotated[int, Number(ge=1)] = 1, to: Id | None = None) -> Slot:
    """Say hello.

    Says it aloud.

    Arguments:
        name: who is greeted,
          by all of their names
        times: how often

    name: not here
    """
    return {"id": "1"}


def test_missing_and_unknown_arguments_are_told_together() -> None:
    told = greet.parameters.problems({"nmae": "Ada"})
    assert [(problem.location, problem.reason, problem.message, problem.known) for problem in told] == [
        (("name",), "missing", "missing argument 'name'", ()),
        (("nmae",), "unknown", "unknown argument 'nmae'", ("name", "times", "to")),
    ]


def test_missing_arguments_get_their_defaults() -> None:
    assert greet.parameters.convert({"name": "Ada"}) == {"name": "Ada", "times": 1, "to": None}
    assert greet.parameters.with_defaults({"name": "Ada"}) == {"name": "Ada", "times": 1, "to": None}


def test_a_default_that_can_change_is_not_shared() -> None:
    @action("add")
    def add(ctx: Context, *, to: list[str] = []) -> None: ...  # noqa: B006

    add.parameters.convert({})["to"].append("a")
    assert add.parameters.convert({}) == {"to": []}


def test_help_comes_from_the_docstring_else_from_the_type() -> None:
    assert [(each.name, each.type, each.required, each.default, each.help) for each in greet.parameters.listing()] == [
        ("name", "text", True, None, "who is greeted, by all of their names"),
        ("times", "integer", False, 1, "how often"),
        ("to", "id | null", False, None, ""),
    ]
    assert taking(Id).parameters.listing()[0].help == "a thing's id (digits only)"


def test_the_schema_of_the_arguments_says_the_same_as_the_check() -> None:
    schema = greet.parameters.schema()
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["name"]["type"] == "string"
    assert schema["properties"]["times"]["minimum"] == 1
    assert schema["properties"]["to"]["anyOf"][0]["pattern"] == r"^\d+$"
    assert list(schema["properties"]) == ["name", "times", "to"]


def test_an_argument_may_have_any_name() -> None:
    @action("act")
    def act(ctx: Context, *, json: str, copy: int, model_dump: bool, _x: float, schema: str, self: str) -> None: ...

    given: dict[str, Any] = {"json": "a", "copy": 1, "model_dump": True, "_x": 1.0, "schema": "b", "self": "c"}
    assert act.parameters.problems(given) == []
    assert act.parameters.convert(given) == given
    assert list(act.parameters.schema()["properties"]) == list(given)


PLAIN: list[tuple[Any, str]] = [
    (str, "text"),
    (int, "integer"),
    (float, "number"),
    (bool, "boolean"),
    (dict[str, int], "mapping"),
    (Mapping[str, int], "mapping"),
    (dict, "mapping"),
    (Slot, "mapping"),
    (list, "list"),
    (list[int], "list of integer"),
    (Sequence[Id], "list of id"),
    (tuple[str, ...], "list of text"),
    (Id, "id"),
    (Annotated[str, Text(max_length=3)], "text"),
    (str | None, "text | null"),
    (Id | dict[str, Any], "id | mapping"),
    (Literal["PUBLIC", "SECRET"], "PUBLIC | SECRET"),
    (Any, "any"),
]


@pytest.mark.parametrize(("hint", "said"), PLAIN)
def test_a_type_is_told_in_plain_words(hint: Any, said: str) -> None:
    assert taking(hint).parameters.listing()[0].type == said


ID = {"type": "string"}
GIVES: list[tuple[Any, dict[str, Any]]] = [
    (str, {"type": "string"}),
    (Slot, {"type": "object", "properties": {"id": ID, "title": {"type": "string"}}}),
    (list[Slot], {"type": "array", "items": {"type": "object", "properties": {"id": ID, "title": {"type": "string"}}}}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    (Literal["a", "b"], {"enum": ["a", "b"]}),
    (Node, {"type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {}}}}),
    (str | Any, {}),
    (dict, {}),
    (Any, {}),
]


@pytest.mark.parametrize(("hint", "schema"), GIVES)
def test_the_returned_type_says_which_fields_there_are(hint: Any, schema: dict[str, Any]) -> None:
    assert shape(hint) == schema


def test_what_an_action_yields_is_described_item_by_item() -> None:
    @action("items")
    def items(ctx: Context) -> Iterator[Slot]:
        yield {"id": "1"}

    assert items.parameters.output_schema() == shape(Slot)
    assert greet.parameters.output_schema() == shape(Slot)


def without_context() -> None: ...


def with_stars(ctx: Context, **rest: str) -> None: ...


def by_position(ctx: Context, name: str) -> None: ...


def of_no_type(ctx: Context, *, name: NoSuchType) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def of_itself(ctx: Context, *, name: Node) -> None: ...


BAD: list[tuple[Any, str]] = [
    (without_context, "its first parameter must be the context"),
    (with_stars, "every parameter must have a name of its own (leave out the stars of rest)"),
    (by_position, "parameters after ctx must be keyword-only (put * before name)"),
    (of_no_type, "its annotations can't be read: name 'NoSuchType' is not defined"),
    (of_itself, "parameter name can't be checked: Node holds itself"),
]


@pytest.mark.parametrize(("function", "said"), BAD)
def test_a_signature_that_can_not_be_used_is_refused_with_what_can(function: Any, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        action("act")(function).parameters.problems({})
    assert caught.value.message == f"action act ({__name__}): {said}"
    assert "keyword-only parameters of text, numbers" in caught.value.hint


def test_a_type_that_no_recipe_can_give_is_refused() -> None:
    class Odd: ...

    with pytest.raises(PluginError, match=r"action act .*parameter it can't be checked: a recipe can't give Odd"):
        taking(Odd).parameters.problems({})


def test_a_check_that_looks_at_no_parameter_is_refused() -> None:
    def fits(size: int, it: str) -> None: ...

    @action("act", checks=[fits])
    def act(ctx: Context, *, it: str) -> None: ...

    with pytest.raises(PluginError, match=r"action act .*its check fits looks at 'size', which isn't a parameter"):
        act.parameters.clashes({"it": "a"}, unknown=frozenset())


def test_a_check_sees_what_the_function_would_get_and_waits_for_what_is_unknown_or_missing() -> None:
    seen: list[dict[str, object]] = []

    def fits(it: set[str], other: int) -> None:
        seen.append({"it": it, "other": other})

    @action("act", checks=[fits])
    def act(ctx: Context, *, it: set[str], other: int = 7) -> None: ...

    unknown = object()
    for it in (["a", "a"], [unknown], "no list"):
        assert act.parameters.clashes({"it": it}, unknown={"it"} if it == [unknown] else set()) == []
    assert act.parameters.clashes({"other": 8}, unknown=frozenset()) == []
    assert seen == [{"it": {"a"}, "other": 7}]
