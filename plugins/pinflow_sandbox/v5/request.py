"""A request for an operation of API v5, with what the handlers of boards and Pins have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pinflow_pinterest.types import CreativeType
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.server.request import OperationRequest
from pinflow_sandbox.v5 import render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow_sandbox.server.request import ListingPage
    from pinflow_sandbox.world.records import BoardRecord, PinRecord, SectionRecord

_CREATIVE_TYPES = frozenset(get_args(CreativeType))


class V5Request(OperationRequest):
    """A request for an operation of API v5."""

    __slots__ = ()

    def section(self) -> SectionRecord:
        """The section that the path names, of the board that it names."""
        return self.world.section(self.board(), self.path_id("section_id"))

    def show_board(self, board: BoardRecord) -> render.JsonObject:
        """A board as JSON."""
        return render.board(self.world, board)

    def show_pin(self, pin: PinRecord) -> render.JsonObject:
        """A Pin as JSON, as the caller sees it."""
        return render.pin(self.world, self.caller, pin)

    def boards(self, ids: Sequence[str], keep: Callable[[BoardRecord], bool]) -> ListingPage:
        """One page of the boards that the caller may see and ``keep`` accepts."""
        world = self.world
        return self.listing(
            world.boards, ids, self.show_board, lambda board: world.sees_board(self.caller, board) and keep(board)
        )

    def pins(self, ids: Sequence[str], keep: Callable[[PinRecord], bool] = lambda pin: True) -> ListingPage:
        """One page of the Pins that the caller may see and ``keep`` accepts."""
        world, metrics = self.world, self.flag("pin_metrics")
        return self.listing(
            world.pins,
            ids,
            lambda pin: render.pin(world, self.caller, pin, metrics=metrics),
            lambda pin: world.sees_pin(self.caller, pin) and keep(pin),
        )

    def creative_type_filter(self) -> Callable[[PinRecord], bool]:
        """The filter for the query's creative types; without any, every Pin passes."""
        types = set(self.values("creative_types"))
        if unknown := sorted(types - _CREATIVE_TYPES):
            raise invalid_request(f"Parameter 'creative_types' has unknown values: {unknown}")
        return lambda pin: not types or render.CREATIVE_TYPES[pin.content.kind] in types
