"""The operations of Pinterest's API v5: what each one is called, needs and counts against.

The facts live in ``catalogue.json``, which ``pinflow_pinterest.catalogue.importer`` writes from the vendor's OpenAPI
description; what each operation takes is in ``arguments.json`` beside it, which few need. Nothing is read before it is
asked for, and nothing is read twice. The functions here know the catalogue that comes with pinflow; a folder may hold
another one, of another version of the description.

Source: https://github.com/pinterest/api-description (v5/openapi.json)
"""

from __future__ import annotations

import json
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pinflow import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLED = Path(__file__).parent
CATALOGUE, ARGUMENTS = "catalogue.json", "arguments.json"

_ANY = "{}"  # stands in an index key where a path has a parameter

_Key = tuple[str, tuple[str, ...]]
_Shape = tuple[bool, ...]  # one flag a segment: is it a parameter?


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API, as the vendor declares it."""

    id: str  # "boards/list_pins"
    method: str  # upper case
    path: str  # "/boards/{board_id}/pins": a template, without "/v5"
    scopes: frozenset[str]  # every one of them is needed; empty where no bearer token is used
    category: str  # the rate limit it counts against, such as "org_read"
    client_credentials: bool  # may be called with a client-credentials token
    sandbox: bool  # works in the vendor's own sandbox

    def as_data(self) -> dict[str, Any]:
        """Everything but the id as plain data, as catalogue.json has it."""
        return {
            "method": self.method,
            "path": self.path,
            "scopes": sorted(self.scopes),
            "category": self.category,
            "client_credentials": self.client_credentials,
            "sandbox": self.sandbox,
        }


@dataclass(frozen=True, slots=True)
class OperationArguments:
    """What an operation takes, as JSON Schema whose references lead to the catalogue's ``definitions``."""

    path: Mapping[str, Any]  # parameter -> schema; every one of them is needed
    query: Mapping[str, Any]
    required: frozenset[str]  # of the query, and "body"
    body: Any  # a schema; None where there is no body, True where it may be anything
    form: bool  # the body is sent as a form, not as JSON
    repeated: frozenset[str]  # list parameters that are sent once an item, not joined by commas
    nested: frozenset[str]  # parameters that are sent as name[field]=value
    lists: bool  # the answer is a listing

    @property
    def pages(self) -> bool:
        """Whether the listing comes in pages."""
        return self.lists and "bookmark" in self.query


class Catalogue:
    """The operations of one version of the description, from a folder's two files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def version(self) -> str:
        """Of the description that it was made from: "5.23.0"."""
        return str(self._summary["description"])

    @cached_property
    def _summary(self) -> dict[str, Any]:
        return self._load(CATALOGUE)

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        """Every operation by its id, in the order of the vendor's description. Raises ValueError."""
        entries: dict[str, dict[str, Any]] = self._summary["operations"]
        return MappingProxyType({id: _read(id, entry) for id, entry in entries.items()})

    def operation(self, id: str) -> Operation:
        """The operation of this id, such as "boards/get".

        Raises ValueError for an id the catalogue does not have, naming the ones nearest to it.
        """
        operation = self.operations.get(id)
        if operation is None:
            raise ValueError(f"no operation {id!r} in the catalogue{_nearest_text(id, self.operations)}")
        return operation

    def arguments(self, id: str) -> OperationArguments:
        """What an operation takes. Raises ValueError."""
        entry = self._arguments["operations"][self.operation(id).id]
        return OperationArguments(
            path=entry.get("path", {}),
            query=entry.get("query", {}),
            required=frozenset(entry.get("required", ())),
            body=entry.get("body"),
            form=entry.get("form", False),
            repeated=frozenset(entry.get("repeated", ())),
            nested=frozenset(entry.get("nested", ())),
            lists=entry.get("lists", False),
        )

    @property
    def definitions(self) -> Mapping[str, Any]:
        """The schemas that have a name, for "$defs"."""
        return self._arguments["$defs"]  # type: ignore[no-any-return]

    @cached_property
    def _arguments(self) -> dict[str, Any]:
        loaded = self._load(ARGUMENTS)
        if loaded["description"] != self.version or set(loaded["operations"]) != set(self.operations):
            raise ValueError(f"{CATALOGUE} and {ARGUMENTS} in {self.folder} are of two versions")
        return loaded

    def _load(self, name: str) -> dict[str, Any]:
        try:
            loaded: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.folder / name} can't be read: {error}") from error
        return loaded

    def match(self, method: str, path: str) -> Operation | None:
        """The operation that a request to ``path`` (without "/v5") calls, or None if there is none.

        A literal segment wins over a parameter: "/pins/analytics" is not a Pin named analytics. What follows a "?"
        does not matter, and a segment that is not known yet ("{board_id}") is good for any parameter. As with the
        service, a trailing slash leads nowhere.
        """
        segments = _segments(path.partition("?")[0])
        if "" in segments:
            return None
        verb = method.upper()
        index, shapes = self._index
        for shape in shapes.get((verb, len(segments)), ()):
            operation = index.get((verb, _mask(segments, shape)))
            if operation is not None:
                return operation
        return None

    @cached_property
    def _index(self) -> tuple[Mapping[_Key, Operation], Mapping[tuple[str, int], list[_Shape]]]:
        """Operations by method and masked path, and the shapes such paths have, those with early literals first."""
        index: dict[_Key, Operation] = {}
        shapes: dict[tuple[str, int], set[_Shape]] = {}
        for operation in self.operations.values():
            segments = _segments(operation.path)
            shape = tuple(map(is_parameter, segments))
            index[operation.method, _mask(segments, shape)] = operation
            shapes.setdefault((operation.method, len(segments)), set()).add(shape)
        return index, {key: sorted(masks) for key, masks in shapes.items()}


@cache
def open_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder. It is read as it is asked, once in the life of the process."""
    return Catalogue(folder)


def operation(id: str) -> Operation:
    """As :meth:`Catalogue.operation`, of the catalogue that comes with pinflow."""
    return open_catalogue(BUNDLED).operation(id)


def operations() -> Mapping[str, Operation]:
    """As :attr:`Catalogue.operations`, of the catalogue that comes with pinflow."""
    return open_catalogue(BUNDLED).operations


def match(method: str, path: str) -> Operation | None:
    """As :meth:`Catalogue.match`, of the catalogue that comes with pinflow."""
    return open_catalogue(BUNDLED).match(method, path)


def is_parameter(segment: str) -> bool:
    """Whether a segment of a path stands for a value, as "{board_id}" does."""
    return segment.startswith("{") and segment.endswith("}")


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")


def _mask(segments: list[str], shape: _Shape) -> tuple[str, ...]:
    return tuple(_ANY if parameter else segment for segment, parameter in zip(segments, shape, strict=True))


def _read(id: str, entry: Mapping[str, Any]) -> Operation:
    return Operation(id=id, **{**entry, "scopes": frozenset(entry["scopes"])})


def _nearest_text(id: str, known: Mapping[str, Operation]) -> str:
    from difflib import get_close_matches  # only a mistake pays for it

    matches = get_close_matches(id, known, n=3)
    return f"; nearest: {', '.join(matches)}" if matches else ""
