"""A request for an operation of API v5, with the listings of boards and Pins."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pinflow_pinterest.types import CreativeType
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.server.request import OperationRequest
from pinflow_sandbox.v5 import render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow_sandbox.server.request import Reply
    from pinflow_sandbox.world.records import BoardRecord, PinRecord

_CREATIVE_TYPES = frozenset(get_args(CreativeType))


class V5Request(OperationRequest):
    """A request for an operation of API v5."""

    __slots__ = ()

    def boards(self, ids: Sequence[str], keep: Callable[[BoardRecord], bool]) -> Reply:
        """One page of the boards that the caller may see and ``keep`` accepts."""
        boards = self.world.boards
        return self.listing(
            ids,
            lambda id: self.world.sees_board(self.caller, boards[id]) and keep(boards[id]),
            lambda id: render.board(self.world, boards[id]),
        )

    def pins(self, ids: Sequence[str], keep: Callable[[PinRecord], bool]) -> Reply:
        """One page of the Pins that the caller may see and ``keep`` accepts."""
        pins, metrics = self.world.pins, self.flag("pin_metrics")
        return self.listing(
            ids,
            lambda id: self.world.sees_pin(self.caller, pins[id]) and keep(pins[id]),
            lambda id: render.pin(self.world, self.caller, pins[id], metrics=metrics),
        )

    def creative_type_filter(self) -> Callable[[PinRecord], bool]:
        """The filter for the query's creative types; without any, every Pin passes."""
        types = {kind for value in self.query.get("creative_types", ()) for kind in value.split(",") if kind}
        if unknown := sorted(types - _CREATIVE_TYPES):
            raise invalid_request(f"Parameter 'creative_types' has unknown values: {unknown}")
        if not types:
            return lambda pin: True
        return lambda pin: render.creative_type(pin.content) in types
