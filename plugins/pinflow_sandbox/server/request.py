"""One call of an operation by somebody who may make it, with all that the operations read out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, get_args

from pinflow_pinterest.types import CreativeType
from pinflow_sandbox.server.body_checks import parse_body, valid_id
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.server.listing import page, page_request
from pinflow_sandbox.v5 import render
from pinflow_sandbox.world.images import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.world.records import BoardRecord, PinRecord
    from pinflow_sandbox.world.world import Caller, World

Reply = tuple[int, object]  # HTTP status and JSON value; None means no body

_CREATIVE_TYPES = frozenset(get_args(CreativeType))

_Choice = TypeVar("_Choice", bound=str)


@dataclass(slots=True)
class OperationRequest:
    """A call of one operation by somebody who may make it."""

    world: World
    caller: Caller
    operation: Operation
    call: HttpRequest
    path: Mapping[str, str]  # the path's parameters, decoded
    query: Mapping[str, list[str]]

    def body(self) -> RequestBody:
        """The JSON object that was sent."""
        return parse_body(self.call.body, self.call.header("content-type"))

    def one(self, name: str) -> str | None:
        """A query parameter's value, the last if there are several."""
        values = self.query.get(name)
        return values[-1] if values else None

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false; false if absent."""
        value = (self.one(name) or "false").lower()
        if value not in ("true", "false"):
            raise invalid_request(f"Parameter '{name}' must be true or false (was {value[:40]})")
        return value == "true"

    def number(self, name: str, *, default: int, most: int) -> int:
        """A query parameter that is a whole number from 1 to ``most``."""
        text = self.one(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
            raise invalid_request(f"Parameter '{name}' must be a whole number from 1 to {most} (was {text[:40]})")
        return int(text)

    def choice(self, name: str, allowed: Sequence[_Choice]) -> _Choice | None:
        """A query parameter that is one of a closed set, or None if absent."""
        value = self.one(name)
        if value is None:
            return None
        for each in allowed:
            if value == each:
                return each
        raise invalid_request(f"Parameter '{name}' must be one of {list(allowed)} (was {value[:40]})")

    def board(self) -> BoardRecord:
        """The board that the path names."""
        return self.world.board(self.caller, valid_id("board_id", self.path["board_id"]))

    def pin(self) -> PinRecord:
        """The Pin that the path names."""
        return self.world.pin(self.caller, valid_id("pin_id", self.path["pin_id"]))

    def listing(
        self,
        ids: Sequence[str],
        keep: Callable[[str], bool],
        show: Callable[[str], object],
        *,
        newest_first: bool | None = None,
    ) -> Reply:
        """One page of ids as objects, with the bookmark of the next page."""
        newest = self.world.settings.order == "newest" if newest_first is None else newest_first
        size = None if self.operation.id == "search_user_pins/list" else self.one("page_size")
        want = page_request(self._listing_name(), size, self.one("bookmark"), newest_first=newest)
        found, bookmark = page(ids, want, lambda id: self.world.listed(id) and keep(id))
        return 200, {"items": [show(id) for id in found], "bookmark": bookmark}

    def boards(self, ids: Sequence[str], keep: Callable[[BoardRecord], bool]) -> Reply:
        """One page of those boards that the caller may see and the filter keeps."""
        found = self.world.boards
        return self.listing(
            ids,
            lambda id: self.world.sees_board(self.caller, found[id]) and keep(found[id]),
            lambda id: render.board(self.world, found[id]),
        )

    def pins(self, ids: Sequence[str], keep: Callable[[PinRecord], bool]) -> Reply:
        """One page of those Pins that the caller may see and the filter keeps."""
        found, metrics = self.world.pins, self.flag("pin_metrics")
        return self.listing(
            ids,
            lambda id: self.world.sees_pin(self.caller, found[id]) and keep(found[id]),
            lambda id: render.pin(self.world, self.caller, found[id], metrics=metrics),
        )

    def has_creative_type(self) -> Callable[[PinRecord], bool]:
        """The filter that the query's creative types make; all pass if it names none."""
        wanted = {each for value in self.query.get("creative_types", ()) for each in value.split(",") if each}
        if unknown := sorted(wanted - _CREATIVE_TYPES):
            raise invalid_request(f"Parameter 'creative_types' has unknown values: {unknown}")
        if not wanted:
            return lambda pin: True
        return lambda pin: render.creative_type(pin.content) in wanted

    def _listing_name(self) -> str:
        filters = {name: values for name, values in self.query.items() if name not in ("bookmark", "page_size")}
        return fingerprint(self.caller.account.username, self.call.path, repr(sorted(filters.items())))
