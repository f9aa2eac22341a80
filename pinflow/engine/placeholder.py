"""What a dry run would have made: a placeholder that can be passed on, but not looked into."""

from __future__ import annotations

from typing import Any, NoReturn

TEXT = "(planned)"


class NeedsPlanned(Exception):
    """Something needs the inside of an object that a dry run only planned."""


class Planned(dict[str, Any]):
    """An answer that was not fetched, because a dry run sends no writes.

    Every field of it is planned too, and as text it is "(planned)"; it is true.
    Whatever needs more than that (its length, its fields' names, arithmetic, its
    JSON) raises NeedsPlanned. It is a dict, and never an empty one, because only
    then does the json module ask the object itself before it writes anything.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__({TEXT: object()})

    def __getitem__(self, key: object) -> Planned:
        return self

    def get(self, key: object, default: object = None) -> Planned:
        """The planned field; ``default`` never applies, as what will be missing is unknown."""
        return self

    def __str__(self) -> str:
        return TEXT

    __repr__ = __str__

    def __format__(self, form: str) -> str:
        return TEXT

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __copy__(self) -> Planned:
        return self

    def __deepcopy__(self, memo: object) -> Planned:
        return self

    def __getattr__(self, name: str) -> NoReturn:
        # copy, pickle and inspection ask for dunder names to learn what an object can do
        if name.startswith("__"):
            raise AttributeError(name)
        raise NeedsPlanned(f".{name} of something that is only planned")

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NeedsPlanned("this needs something that is only planned")

    __len__ = __iter__ = __reversed__ = __contains__ = __setitem__ = __delitem__ = _refuse
    keys = values = items = pop = popitem = setdefault = update = clear = copy = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __or__ = __ror__ = __ior__ = _refuse
    __int__ = __float__ = __index__ = __neg__ = __pos__ = __abs__ = __round__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __divmod__ = __pow__ = __rpow__ = _refuse


PLANNED = Planned()


def holds_planned(value: object) -> bool:
    """Whether a value like JSON is planned, or holds something at any depth that is."""
    match value:
        case Planned():
            return True
        case dict():
            return any(map(holds_planned, value.values()))
        case list() | tuple():
            return any(map(holds_planned, value))
    return False
