"""A request for one operation by an authorised caller, and what the operations read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from pinflow_sandbox.server.body_checks import parse_body, valid_id
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.server.listing import page, parse_page_request
from pinflow_sandbox.world.images import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.world.records import BoardRecord, PinRecord
    from pinflow_sandbox.world.world import Caller, World

Reply = tuple[int, object]  # HTTP status and JSON value; None means no body

_Choice = TypeVar("_Choice", bound=str)


@dataclass(slots=True)
class OperationRequest:
    """A request for one operation by an authorised caller."""

    world: World
    caller: Caller
    operation: Operation
    call: HttpRequest
    path: Mapping[str, str]  # the path's parameters, decoded
    query: Mapping[str, list[str]]

    def body(self) -> RequestBody:
        """The JSON object in the body."""
        return parse_body(self.call.body, self.call.header("content-type"))

    def query_value(self, name: str) -> str | None:
        """The value of a query parameter, the last if it is repeated."""
        values = self.query.get(name)
        return values[-1] if values else None

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false; false if absent."""
        value = (self.query_value(name) or "false").lower()
        if value not in ("true", "false"):
            raise invalid_request(f"Parameter '{name}' must be true or false (was {value[:40]})")
        return value == "true"

    def number(self, name: str, *, default: int, most: int) -> int:
        """A query parameter that is a whole number from 1 to ``most``."""
        text = self.query_value(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
            raise invalid_request(f"Parameter '{name}' must be a whole number from 1 to {most} (was {text[:40]})")
        return int(text)

    def choice(self, name: str, allowed: Sequence[_Choice]) -> _Choice | None:
        """A query parameter that must be one of the allowed texts, or None if absent."""
        value = self.query_value(name)
        if value is None:
            return None
        for choice in allowed:
            if value == choice:
                return choice
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
        size = None if self.operation.id == "search_user_pins/list" else self.query_value("page_size")
        request = parse_page_request(self._listing_name(), size, self.query_value("bookmark"), newest_first=newest)
        shown, bookmark = page(ids, request, lambda id: self.world.is_listed(id) and keep(id))
        return 200, {"items": [show(id) for id in shown], "bookmark": bookmark}

    def _listing_name(self) -> str:
        filters = {name: values for name, values in self.query.items() if name not in ("bookmark", "page_size")}
        return fingerprint(self.caller.account.username, self.call.path, repr(sorted(filters.items())))


def path_values(operation: Operation, path: str) -> dict[str, str]:
    """The decoded parameters in a path of this operation."""
    pairs = zip(operation.path.split("/"), path.split("/"), strict=True)
    return {name[1:-1]: unquote(value) for name, value in pairs if name[:1] == "{"}
