"""``dataclass``, as the standard library's, but its methods are compiled when they are first called.

The standard one compiles six functions for each class as it is defined: of the 127 ms that ``pinflow validate`` took,
50 went into 502 of these compilations, most of them for classes that the command never makes (measured; attrs and
msgspec were weighed: attrs compiles as well, msgspec costs more to import than is saved). Fields, slots, ``replace``,
``fields`` and pattern matching are the standard library's own; what is unusual (``order``, ``InitVar``) is left to it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError, asdict, field, fields, replace
from inspect import get_annotations
from reprlib import recursive_repr

__all__ = ["asdict", "dataclass", "field", "fields", "replace"]

TYPE_CHECKING = False  # importing typing for it would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass
    from typing import Any
else:

    def dataclass(
        cls: type | None = None,
        /,
        *,
        frozen: bool = False,
        slots: bool = False,
        kw_only: bool = False,
        eq: bool = True,
        repr: bool = True,
    ) -> Any:
        """`dataclasses.dataclass`, compiled when it is first used."""

        def declare(plain: type) -> type:
            return _declare(plain, frozen=frozen, slots=slots, kw_only=kw_only, eq=eq, repr=repr)

        return declare if cls is None else declare(cls)


def _declare(plain: Any, *, frozen: bool, slots: bool, kw_only: bool, eq: bool, repr: bool) -> Any:
    own = set(plain.__dict__)
    frozen_bases: list[Any] = [base for base in plain.__mro__[1:] if _is_frozen(base)]
    for base in frozen_bases:  # the standard library sees a plain class: the frozen setters are the shared ones below
        base.__dataclass_params__.frozen = False
    plain.__doc__ = plain.__doc__ or plain.__name__  # else it would work out the signature, which compiles a tokenizer
    types = get_annotations(plain)
    plain.__annotations__ = {name: _glance(kind) for name, kind in types.items()}
    try:
        cls: Any = dataclasses.dataclass(plain, init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
    finally:
        for base in frozen_bases:
            base.__dataclass_params__.frozen = True
    cls.__annotations__ = types
    for name, kind in types.items():
        if name in cls.__dataclass_fields__:
            cls.__dataclass_fields__[name].type = kind
    methods: dict[str, Any] = {"__init__": _later(cls, "__init__", _init)}
    if repr:
        methods["__repr__"] = _repr
    if eq:
        methods["__eq__"] = _later(cls, "__eq__", _eq)
        methods["__hash__"] = _later(cls, "__hash__", _hash) if frozen else None
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        cls.__dataclass_params__.frozen = True
        if slots:
            methods |= {"__getstate__": _state, "__setstate__": _restore}
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    if "__init__" not in own:
        cls.__signature__ = _Signature()
    return cls


def _glance(kind: object) -> object:
    """What the standard library needs to see of a field's type, which it searches three times if it is a text."""
    return kind if not isinstance(kind, str) or "Var" in kind or "KW_ONLY" in kind else object


def _later(cls: type, name: str, make: Callable[[type], Callable[..., Any]]) -> Any:
    """A method that makes its own replacement when it is first called."""

    def compile_and_call(*args: Any, **kwargs: Any) -> Any:
        method = make(cls)
        method.__name__, method.__qualname__ = name, f"{cls.__qualname__}.{name}"
        setattr(cls, name, method)  # twice where two threads are here at once, with the same result
        return method(*args, **kwargs)

    return compile_and_call


class _Signature:
    """What ``help()`` and ``inspect.signature()`` show for a class whose ``__init__`` is not compiled yet."""

    def __get__(self, instance: object, cls: type) -> Any:
        from inspect import Signature, signature

        return Signature([*signature(_init(cls)).parameters.values()][1:])  # without self


def _compiled(text: str, names: dict[str, Any]) -> Any:
    """The function that ``text`` defines. The text is made of field names alone, as the standard library's is."""
    scope: dict[str, Any] = {}
    exec(text, names, scope)  # noqa: S102
    (function,) = scope.values()
    return function


def _init(cls: type) -> Any:
    names: dict[str, Any] = {"_new": _NEW, "_set": object.__setattr__}
    positional, by_name = ["self"], list[str]()
    body: list[str] = []
    for part in fields(cls):
        value = part.name
        if part.default_factory is not MISSING:
            names[f"_f_{value}"] = part.default_factory
            value = f"_f_{value}() if {value} is _new else {value}" if part.init else f"_f_{value}()"
            default = "=_new"
        elif part.default is not MISSING:
            names[f"_d_{value}"] = part.default
            default = f"=_d_{value}"
        else:
            default = ""
        if part.init:
            (by_name if part.kw_only else positional).append(f"{part.name}{default}")
        elif part.default_factory is MISSING:
            continue
        body.append(f" _set(self, {part.name!r}, {value})" if _is_frozen(cls) else f" self.{part.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    arguments = ", ".join([*positional, *(["*", *by_name] if by_name else [])])
    return _compiled("\n".join([f"def f({arguments}):", *(body or [" pass"])]), names)


def _eq(cls: type) -> Any:
    mine, its = (_tuple_of(cls, name) for name in ("self", "other"))
    return _compiled(
        f"def f(self, other):\n return {mine} == {its} if other.__class__ is self.__class__ else NotImplemented", {}
    )


def _hash(cls: type) -> Any:
    return _compiled(f"def f(self):\n return hash({_tuple_of(cls, 'self')})", {})


def _tuple_of(cls: type, name: str) -> str:
    return "(" + "".join(f"{name}.{part.name}," for part in fields(cls) if part.compare) + ")"


_NEW = object()  # the default of a field with a factory


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{part.name}={getattr(self, part.name)!r}" for part in fields(self) if part.repr)
    return f"{type(self).__qualname__}({shown})"


def _is_frozen(cls: type) -> bool:
    return cls.__dict__.get("__setattr__") is _refuse_to_set


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, part.name) for part in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for part, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, part.name, value)
