"""All places of one run: found by their effects, answered for by a person, and audited when a step ends."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from pinflow.engine.sanitize import plain_key
from pinflow.lazy_dataclass import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pinflow.engine.effects import Effect
    from pinflow.engine.places.place_run import PlaceRun
    from pinflow.engine.places.services import PlaceServices
    from pinflow.engine.places.turns import PlaceTurns
    from pinflow.engine.traffic import Traffic
    from pinflow.plugin.place import Place

_PARTS = re.compile(r"[:/]")


class PlaceRuns:
    """The places that one run creates things on. Thread-safe."""

    def __init__(self, services: PlaceServices) -> None:
        self._services = services
        self._places: dict[str, PlaceRun] = {}
        self._turns: dict[tuple[str, str], PlaceTurns] = {}  # by the place's own key and the account
        self._lock = threading.Lock()
        self._left: list[str] | None = None  # places of earlier processes that this one did not come to

    @property
    def traffic(self) -> Traffic:
        """Of all writes of the run: looks at a place keep it still."""
        return self._services.traffic

    def find(self, effect: Effect[Any]) -> PlaceRun:
        """The place of an effect that has one."""
        if effect.place is None:
            raise AssertionError("an effect without a place")
        key = place_key(effect.place, effect.account)
        return self._add(key, effect.place, effect.account)

    def _add(self, key: str, place: Place, account: str) -> PlaceRun:
        # with all that it needs it takes 2 ms to import, and most runs create nothing on a place
        from pinflow.engine.places.place_run import PlaceRun

        with self._lock:
            if key not in self._places:
                if not self._places:
                    self._services = replace(self._services, key=self._services.index.key())
                self._places[key] = PlaceRun(key, place, self._services)
            self._places[key].accounts.update(filter(None, account.split("+")))
            return self._places[key]

    def turns(self, place: Place, account: str) -> PlaceTurns:
        """This run's turns on a place where an action finds by itself what became of its writes."""
        from pinflow.engine.places.turns import PlaceTurns

        key = place.key, account
        with self._lock:
            if key not in self._turns:
                self._turns[key] = PlaceTurns(place_key(place, account), self._services)
            return self._turns[key]

    def audit(self, step: str, find_place: Callable[[str, str], Place | None], accounts: Collection[str]) -> None:
        """Check what was created since the last audit, once a step has ended.

        ``find_place`` finds the place of what an earlier process of the run created, by the
        step that did and the place's key. Only what ``accounts`` created is looked at, for
        which there are clients. Raises InDoubt, Diverged, and what reading raises.
        """
        self._reopen(step, find_place)
        with self._lock:
            places = [place for place in self._places.values() if place.accounts.issubset(accounts)]
        for place in places:
            place.audit(step)

    def _reopen(self, step: str, find_place: Callable[[str, str], Place | None]) -> None:
        """Open the places on which only an earlier process of the run created something in the step."""
        journal = self._services.journal
        if self._left is None:
            self._left = [key for key in journal.creations.places() if key not in self._places]
        for key in self._left:
            inside = (f"{step}.", f"{step}[")
            rows = (row for row in journal.creations.on(key) if row.step == step or row.step.startswith(inside))
            row = next((row for row in rows if row.made), None)
            if row is None or key in self._places:
                continue
            own_key, _, account = key.partition("@")
            place = find_place(row.step, own_key)
            if place is not None:
                self._add(key, place, account)
            else:
                reason = "the plugin can't find where it was written"
                journal.checks.add_unreadable(row.step, row.key, row.kind, reason)

    def close(self) -> None:
        """Let the places go."""
        for place in self._places.values():
            place.close()
        for turns in self._turns.values():
            turns.close()


def place_key(place: Place, account: str) -> str:
    """The key of a place in the journal: its own, and where that names no id, that of the account with it."""
    has_id = any(part.isdigit() for part in _PARTS.split(place.key))
    return plain_key(place.key if has_id or not account else f"{place.key}@{account}")
