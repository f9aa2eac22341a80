"""The operations of Pinterest's API v5: what each one is called, needs and counts against.

The facts live in ``catalogue.json``, which ``pinflow_pinterest.importer`` writes from the vendor's OpenAPI
description. Nothing is read before the first call of a function here, and nothing is read twice.

Source: https://github.com/pinterest/api-description (v5/openapi.json)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOGUE = Path(__file__).with_name("catalogue.json")

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


def operation(id: str) -> Operation:
    """The operation of this id, such as "boards/get".

    Raises ValueError for an id the catalogue does not have, naming the ones nearest to it.
    """
    found = operations().get(id)
    if found is None:
        raise ValueError(f"no operation {id!r} in the catalogue{_nearest(id)}")
    return found


@cache
def operations() -> Mapping[str, Operation]:
    """Every operation by its id, in the order of the vendor's description."""
    entries: dict[str, dict[str, Any]] = json.loads(CATALOGUE.read_text(encoding="utf-8"))["operations"]
    return MappingProxyType({id: _read(id, entry) for id, entry in entries.items()})


def match(method: str, path: str) -> Operation | None:
    """The operation that a request to ``path`` (without "/v5") calls, or None if there is none.

    A literal segment wins over a parameter: "/pins/analytics" is not a Pin named analytics. What follows a "?" does
    not matter, and a segment that is not known yet ("{board_id}") is good for any parameter. As with the service, a
    trailing slash leads nowhere.
    """
    segments = _segments(path.partition("?")[0])
    if "" in segments:
        return None
    verb = method.upper()
    index, shapes = _index()
    for shape in shapes.get((verb, len(segments)), ()):
        found = index.get((verb, _masked(segments, shape)))
        if found is not None:
            return found
    return None


def is_parameter(segment: str) -> bool:
    """Whether a segment of a path stands for a value, as "{board_id}" does."""
    return segment.startswith("{") and segment.endswith("}")


@cache
def _index() -> tuple[Mapping[_Key, Operation], Mapping[tuple[str, int], list[_Shape]]]:
    """Operations by method and masked path, and the shapes such paths have, those with early literals first."""
    index: dict[_Key, Operation] = {}
    shapes: dict[tuple[str, int], set[_Shape]] = {}
    for each in operations().values():
        segments = _segments(each.path)
        shape = tuple(map(is_parameter, segments))
        index[each.method, _masked(segments, shape)] = each
        shapes.setdefault((each.method, len(segments)), set()).add(shape)
    return index, {key: sorted(found) for key, found in shapes.items()}


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")


def _masked(segments: list[str], shape: _Shape) -> tuple[str, ...]:
    return tuple(_ANY if parameter else segment for segment, parameter in zip(segments, shape, strict=True))


def _read(id: str, entry: Mapping[str, Any]) -> Operation:
    return Operation(
        id=id,
        method=entry["method"],
        path=entry["path"],
        scopes=frozenset(entry["scopes"]),
        category=entry["category"],
        client_credentials=entry["client_credentials"],
        sandbox=entry["sandbox"],
    )


def _nearest(id: str) -> str:
    from difflib import get_close_matches  # only a mistake pays for it

    found = get_close_matches(id, operations(), n=3)
    return f"; nearest: {', '.join(found)}" if found else ""
