"""A request for one operation by an authorised caller, and what the operations read from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from pinflow import dataclass
from pinflow_sandbox.server.body_checks import parse_body, valid_id
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.server.listing import page, parse_page_request
from pinflow_sandbox.world.images import fingerprint
from pinflow_sandbox.world.metrics import day_of
from pinflow_sandbox.world.periods import parse_period

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.world.periods import DateLimits, Period
    from pinflow_sandbox.world.records import BoardRecord, PinRecord
    from pinflow_sandbox.world.world import Caller, World

_Choice = TypeVar("_Choice", bound=str)
_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True)
class ListingPage:
    """A page of a listing; ``bookmark`` is that of the next page, None on the last one."""

    items: list[object]
    bookmark: str | None


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
        choice = next((choice for choice in allowed if choice == value), None)
        if value is not None and choice is None:
            raise invalid_request(f"Parameter '{name}' must be one of {list(allowed)} (was {value[:40]})")
        return choice

    def require(self, name: str) -> str:
        """A query parameter that must not be absent or empty."""
        if value := self.query_value(name):
            return value
        raise invalid_request(f"Parameter '{name}' is required")

    def values(self, name: str) -> list[str]:
        """The texts in a query parameter that may be repeated or separated by commas, without empty ones."""
        return [text for value in self.query.get(name, ()) for text in value.split(",") if text]

    def period(self, limits: DateLimits) -> Period:
        """The days from ``start_date`` to ``end_date``. Raises ApiError for those beyond the limits."""
        today = day_of(self.world.clock.now())
        return parse_period(self.query_value("start_date"), self.query_value("end_date"), today, limits)

    def path_id(self, name: str) -> str:
        """The id in the path."""
        return valid_id(name, self.path[name])

    def board(self) -> BoardRecord:
        """The board that the path names."""
        return self.world.board(self.caller, self.path_id("board_id"))

    def pin(self) -> PinRecord:
        """The Pin that the path names."""
        return self.world.pin(self.caller, self.path_id("pin_id"))

    def listing(
        self,
        records: Mapping[str, _Record],
        ids: Sequence[str],
        show: Callable[[_Record], object],
        keep: Callable[[_Record], bool] = lambda record: True,
        *,
        newest_first: bool | None = None,
    ) -> ListingPage:
        """One page of the records with these ids (sorted) that ``keep`` accepts, as objects."""
        newest = self.world.settings.order == "newest" if newest_first is None else newest_first
        size = None if self.operation.id == "search_user_pins/list" else self.query_value("page_size")
        request = parse_page_request(self._listing_name(), size, self.query_value("bookmark"), newest_first=newest)
        shown, bookmark = page(ids, request, lambda id: self.world.is_listed(id) and keep(records[id]))
        return ListingPage([show(records[id]) for id in shown], bookmark)

    def _listing_name(self) -> str:
        filters = {name: values for name, values in self.query.items() if name not in ("bookmark", "page_size")}
        return fingerprint(self.caller.account.username, self.call.path, repr(sorted(filters.items())))


def path_values(operation: Operation, path: str) -> dict[str, str]:
    """The decoded parameters in a path of this operation."""
    pairs = zip(operation.path.split("/"), path.split("/"), strict=True)
    return {name[1:-1]: unquote(value) for name, value in pairs if name[:1] == "{"}
