"""The places of a run that shares nothing with others: in the embedded sandbox, which ends with it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class LonePlaces:
    """A `PlaceIndex` that knows no other run. ``key`` is what digests are keyed with."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    def key(self) -> bytes:
        return self._key

    def open(self, place: str, run_id: str, sleep: Callable[[float], None]) -> LonePlace:
        return LonePlace()


class LonePlace:
    """A `SharedPlace` that is shared with nobody."""

    def join(self, is_over: Callable[[str], bool]) -> None:
        """Nobody need know."""

    def runs(self) -> dict[str, int]:
        return {}

    def makers(self, *, own: bool = False) -> dict[str, tuple[str, str]]:
        return {}

    def add(self, ref: str, id_: str) -> None:
        """Nobody need know."""

    def enter(self) -> None:
        """Nobody looks."""

    @contextmanager
    def entering(self) -> Iterator[Mapping[str, int]]:
        yield {}

    def leave(self) -> None:
        """Nobody waits."""

    @contextmanager
    def looking(self) -> Iterator[Mapping[str, int]]:
        yield {}

    def close(self) -> None:
        """Nothing is open."""
