"""A dataclass that is compiled later is a dataclass: each fact holds for the standard library's as well."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any, ClassVar

import pytest

from pinflow import lazy_dataclass
from pinflow.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0
    tags: list[str] = dataclasses.field(default_factory=list, compare=False, repr=False)
    kind: ClassVar[str] = "point"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Point):
    name: str = ""


def _standard(cls: type) -> Any:
    """The same class, as the standard library makes it."""
    body = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in ("__init__", "__eq__", "__hash__", "__repr__", "__signature__", "__setattr__", "__delattr__")
        and name not in ("__slots__", "__getstate__", "__setstate__", "__dict__", "__weakref__", "__match_args__")
        and not name.startswith("__dataclass")
    }
    for field in dataclasses.fields(cls):
        body.pop(field.name, None)
        if field.name not in cls.__annotations__:
            continue
        if field.default is not dataclasses.MISSING:
            body[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            body[field.name] = dataclasses.field(
                default_factory=field.default_factory, compare=field.compare, repr=field.repr
            )
    bases = tuple(_standard(base) if dataclasses.is_dataclass(base) else base for base in cls.__bases__)
    made = type(cls.__name__, bases, body)
    return dataclasses.dataclass(frozen=True, slots=True, kw_only=cls is Named)(made)


CLASSES = [pytest.param(lambda cls: cls, id="ours"), pytest.param(_standard, id="standard")]


@pytest.fixture(params=CLASSES)
def kinds(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    make = request.param
    return make(Point), make(Named)


def test_values_are_equal_by_their_compared_fields_and_class(kinds: tuple[Any, Any]) -> None:
    point, named = kinds
    assert point(1, 2, ["a"]) == point(1, y=2, tags=["b"])
    assert point(1) != point(2)
    assert point(1) != named(1)
    assert point(1) != (1, 0)
    assert len({point(1), point(1), point(2)}) == 2


def test_every_instance_gets_a_default_of_its_own_from_a_factory(kinds: tuple[Any, Any]) -> None:
    point, _ = kinds
    assert point(1).tags == []
    assert point(1).tags is not point(1).tags


def test_no_field_of_a_lazy_dataclass_can_be_set_or_deleted(kinds: tuple[Any, Any]) -> None:
    point, _ = kinds
    value = point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        value.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del value.x
    assert value.x == 1


def test_a_lazy_dataclass_with_slots_has_no_dict(kinds: tuple[Any, Any]) -> None:
    assert not hasattr(kinds[0](1), "__dict__")


def test_the_repr_of_a_lazy_dataclass_shows_its_fields(kinds: tuple[Any, Any]) -> None:
    _, named = kinds
    assert repr(named(1, name="n")).endswith("Named(x=1, y=0, name='n')")


@pytest.mark.parametrize("arguments", [{}, {"x": 1, "z": 2}], ids=["missing", "unknown"])
def test_wrong_arguments_are_type_errors(kinds: tuple[Any, Any], arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'x'|unexpected keyword argument 'z'"):
        kinds[0](**arguments)


def test_a_field_by_name_only_is_taken_by_name_only(kinds: tuple[Any, Any]) -> None:
    _, named = kinds
    assert named(1, 2, [], name="n").name == "n"
    with pytest.raises(TypeError, match="positional argument"):
        named(1, 2, [], "n")


def test_fields_replace_and_asdict_work_on_a_lazy_dataclass(kinds: tuple[Any, Any]) -> None:
    point, named = kinds
    assert dataclasses.replace(point(1), y=5).y == 5
    assert [field.name for field in dataclasses.fields(named)] == ["x", "y", "tags", "name"]
    assert dataclasses.asdict(named(1, name="n")) == {"x": 1, "y": 0, "tags": [], "name": "n"}
    match point(3, 4):
        case point(x, y):
            assert (x, y) == (3, 4)


def test_a_copy_of_a_lazy_dataclass_is_equal_and_frozen(kinds: tuple[Any, Any]) -> None:
    value = kinds[0](1, 2, ["a"])
    for twin in (copy.copy(value), copy.deepcopy(value)):
        assert twin == value
        assert twin.tags == ["a"]


def test_a_lazy_dataclass_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Named(1, name="n"))) == Named(1, name="n")  # noqa: S301


def test_the_signature_of_a_lazy_dataclass_is_that_of_its_fields(kinds: tuple[Any, Any]) -> None:
    _, named = kinds
    assert list(inspect.signature(named).parameters) == ["x", "y", "tags", "name"]
    assert inspect.signature(named).parameters["name"].kind is inspect.Parameter.KEYWORD_ONLY


def test_a_standard_frozen_class_can_inherit_from_it() -> None:
    @dataclasses.dataclass(frozen=True)
    class Theirs(Point):
        z: int = 0

    assert Theirs(1, z=3) == Theirs(1, z=3)


def test_what_the_class_defines_itself_stays() -> None:
    @dataclass(frozen=True)
    class Own:
        a: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __post_init__(self) -> None:
            object.__setattr__(self, "b", self.a + 1)

    value: Any = Own(1)
    assert (repr(value), value == 3, hash(value), value.b) == ("own", True, 7, 2)


def test_a_class_without_eq_is_compared_by_identity_and_can_be_changed() -> None:
    @dataclass(slots=True, eq=False)
    class Node:
        a: int = 0

    node = Node()
    node.a = 2
    assert node != Node(2)
    assert node == node
    assert hash(node) == hash(node)


def test_a_changeable_class_has_no_hash() -> None:
    @dataclass(slots=True)
    class Box:
        a: int = 0

    assert Box(1) == Box(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Box())


def test_nothing_is_compiled_until_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    make = lazy_dataclass._compiled

    def counted(text: str, names: dict[str, Any]) -> Any:
        compiled.append(text.partition(")")[0])
        return make(text, names)

    monkeypatch.setattr(lazy_dataclass, "_compiled", counted)

    @dataclass(frozen=True)
    class Late:
        a: int

    assert compiled == []
    first, second = Late(1), Late(2)
    assert compiled == ["def f(self, a"]
    assert first != second
    assert {first, second} == {Late(1), Late(2)}
    assert compiled == ["def f(self, a", "def f(self, other", "def f(self"]
