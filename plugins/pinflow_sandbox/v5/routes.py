"""The API v5 dialect: which operation a request calls, its permissions, and its handler.

Scopes, rate-limit categories and paths come from the operations catalogue.

Source: https://github.com/pinterest/api-description (v5/openapi.json)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinflow_pinterest.catalogue.operations import match
from pinflow_sandbox.server.dialect import Dialect
from pinflow_sandbox.server.errors import permission_denied, restricted_feature
from pinflow_sandbox.server.json_encoding import encode_json, without_nulls
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.server.request import ListingPage, path_values
from pinflow_sandbox.v5 import ads as v5_ads
from pinflow_sandbox.v5 import analytics as v5_analytics
from pinflow_sandbox.v5 import render
from pinflow_sandbox.v5 import reports as v5_reports
from pinflow_sandbox.v5 import terms as v5_terms
from pinflow_sandbox.v5.request import V5Request
from pinflow_sandbox.world import accounts, ads, boards, pins, uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.errors import ApiError
    from pinflow_sandbox.server.messages import Headers, HttpRequest
    from pinflow_sandbox.world.records import MediaRecord, PinRecord
    from pinflow_sandbox.world.world import Caller, World


PREFIX = "/v5"

_PRIVACY_FILTERS = ("ALL", "PUBLIC", "PROTECTED", "SECRET", "PUBLIC_AND_SECRET")
_PIN_FILTERS = ("exclude_native", "exclude_repins", "has_been_promoted")
_FEED_TYPES = ("ALL", "RANKED", "CREATOR_ONLY", "RANKED_CREATOR_ONLY")
_CREATING = frozenset({"boards/create", "pins/create", "media/create"})  # their status is a setting
_STATUSES = {"board_sections/create": 201, "pins/save": 201}  # of success; the others' is 200, or 204 without a body
_CODE_IS_STATUS = frozenset({400, 403, 404, 409})
_REPEATING = (
    *("board_sections/", "campaigns/", "ad_groups/", "ads/", "ad_account/", "analytics/", "terms_"),
    *("pins/analytics", "user_account/analytics"),
)


class V5Dialect(Dialect):
    """API v5."""

    operation_prefix = PREFIX

    def find(self, method: str, path: str) -> Operation | None:
        return match(method, path.removeprefix(PREFIX)) if path.startswith(f"{PREFIX}/") else None

    def not_found_hint(self, path: str) -> str:
        return f" Paths of API v5 start with {PREFIX}/ and end without a slash."

    def answer(
        self, world: World, caller: Caller, operation: Operation, call: HttpRequest, headers: Headers
    ) -> HttpResponse:
        path, handler = call.path.removeprefix(PREFIX), _handler(operation, caller)
        request = V5Request(world, caller, operation, call, path_values(operation, path), call.query)
        request.caller = _on_behalf(request)
        value = handler(request)
        if value is None:
            return HttpResponse(204, headers=headers)
        if isinstance(value, ListingPage):
            value = {"items": value.items, "bookmark": value.bookmark}
        if world.settings.nulls == "omitted":
            value = without_nulls(value)
        status = world.settings.created_status if operation.id in _CREATING else _STATUSES.get(operation.id, 200)
        return HttpResponse(status, encode_json(value).encode(), headers=headers)

    def refuse(self, operation: Operation | None, error: ApiError, headers: Headers) -> HttpResponse:
        """Some operations use the HTTP status as their code."""
        repeats = operation is not None and _repeats_status(operation.id, error.status)
        return self.error_response(error.status, error.status if repeats else error.code, error.message, headers)

    def error_response(self, status: int, code: int, message: str, headers: Headers = ()) -> HttpResponse:
        return HttpResponse(status, encode_json({"code": code, "message": message}).encode(), headers=headers)

    def content(self, value: Any) -> Any:
        return value["items"] if isinstance(value, dict) and "items" in value else value


def _handler(operation: Operation, caller: Caller) -> Callable[[V5Request], object]:
    """The handler of the operation. Raises ApiError if the caller lacks permission."""
    handler = HANDLERS.get(operation.id)
    if handler is None:
        raise permission_denied(f"This sandbox does not offer {operation.id}.")
    if caller.client and not operation.client_credentials:
        raise restricted_feature(f"{operation.id} with a client_credentials token")
    caller.require_scopes(operation.scopes)
    return handler


def _on_behalf(request: V5Request) -> Caller:
    """The caller; for an ad account in the query, its owner. Raises ApiError (403) without a role in it."""
    id = request.query_value("ad_account_id")
    if id is None:
        return request.caller
    account = ads.ad_account_of(request.world, request.caller, id)
    return replace(request.caller, account=request.world.account(account.owner))


def _repeats_status(operation: str, status: int) -> bool:
    if operation.startswith(_REPEATING):
        return status in _CODE_IS_STATUS
    return (operation, status) in (("boards/list_pins", 404), ("user_account/get", 403))


# boards and sections


def _boards_list(request: V5Request) -> ListingPage:
    privacy = request.choice("privacy", _PRIVACY_FILTERS)
    privacies = None if privacy in (None, "ALL") else privacy.split("_AND_")
    own = request.caller.account
    ids = sorted([*own.boards, *own.group_boards])
    return request.boards(ids, lambda board: privacies is None or board.privacy in privacies)


def _sections_update(request: V5Request) -> object:
    return render.section(boards.update_section(request.world, request.caller, request.section(), request.body()))


# Pins


def _pins_list(request: V5Request) -> ListingPage:
    chosen = request.choice("pin_filter", _PIN_FILTERS)
    private = request.choice("pin_type", ("PRIVATE",)) is not None
    protected = request.flag("include_protected_pins")
    fits = request.creative_type_filter()

    def keep(pin: PinRecord) -> bool:
        board = request.world.board_of(pin)
        privacy = board.privacy if board else "PUBLIC"
        if (private and privacy != "SECRET") or (privacy == "PROTECTED" and not protected):
            return False
        return _passes(chosen, pin) and fits(pin)

    return request.pins(request.caller.account.pins, keep)


def _passes(chosen: str | None, pin: PinRecord) -> bool:
    if chosen == "exclude_native":
        return pin.parent_id is not None
    if chosen == "exclude_repins":
        return pin.parent_id is None
    return chosen is None or pin.promoted


def _pins_get(request: V5Request) -> object:
    metrics = request.flag("pin_metrics")
    return render.pin(request.world, request.caller, request.pin(), metrics=metrics)


# media


def _media(id: str, status: str) -> dict[str, object]:
    return {"media_id": id, "media_type": "video", "status": status}


def _media_list(request: V5Request) -> ListingPage:
    def show(media: MediaRecord) -> object:
        return _media(media.id, uploads.status(request.world, media))

    return request.listing(request.world.media, request.caller.account.media, show)


def _media_create(request: V5Request) -> object:
    media = uploads.register(request.world, request.caller, request.body())
    return {
        "media_id": media.id,
        "media_type": "video",
        "upload_url": f"http://{request.call.host}{uploads.STORE_PATH}",
        "upload_parameters": uploads.parameters(request.world, media),
    }


def _media_get(request: V5Request) -> object:
    media = uploads.media_of(request.world, request.caller, request.path_id("media_id"))
    return _media(media.id, uploads.poll(request.world, media))


# search


def _search_boards(request: V5Request) -> ListingPage:
    words = (request.query_value("query") or "").casefold().split()
    return request.boards(request.caller.account.boards, lambda board: _mentions(words, board.name, board.description))


def _search_pins(request: V5Request) -> ListingPage:
    query = request.require("query")
    ids = {word.strip() for word in query.split(",")}
    by_id = all(word.isdigit() for word in ids)
    words = query.casefold().split()

    def matches(pin: PinRecord) -> bool:
        return pin.id in ids if by_id else _mentions(words, pin.content.title, pin.content.description)

    return request.pins(request.caller.account.pins, matches)


def _mentions(words: Sequence[str], *texts: str | None) -> bool:
    """Whether all of these words, in lower case, are in the texts."""
    text = " ".join(text or "" for text in texts).casefold()
    return all(word in text for word in words)


# user account


def _users(request: V5Request, names: Iterable[str]) -> ListingPage:
    return request.listing(request.world.accounts, sorted(names), render.user_summary, newest_first=False)


def _following(request: V5Request) -> ListingPage:
    request.choice("feed_type", _FEED_TYPES)
    request.flag("explicit_following")
    return _users(request, request.caller.account.following)


def _followed_boards(request: V5Request) -> ListingPage:
    request.flag("explicit_following")
    ids = request.caller.account.followed_boards
    return request.listing(request.world.boards, ids, request.show_board, lambda board: board.privacy == "PUBLIC")


def _follow(request: V5Request) -> object:
    return render.user_summary(accounts.follow(request.world, request.caller, request.path["username"], request.body()))


def _websites(request: V5Request) -> ListingPage:
    websites = request.caller.account.websites
    return request.listing(websites, sorted(websites), render.website, newest_first=False)


HANDLERS: Mapping[str, Callable[[V5Request], object]] = {
    **v5_ads.HANDLERS,
    **v5_analytics.HANDLERS,
    **v5_reports.HANDLERS,
    **v5_terms.HANDLERS,
    "boards/list": _boards_list,
    "boards/create": lambda it: it.show_board(boards.create_board(it.world, it.caller, it.body())),
    "boards/get": lambda it: it.show_board(it.board()),
    "boards/update": lambda it: it.show_board(boards.update_board(it.world, it.caller, it.board(), it.body())),
    "boards/delete": lambda it: boards.delete_board(it.world, it.caller, it.board()),
    "boards/list_pins": lambda it: it.pins(it.board().pins, it.creative_type_filter()),
    "board_sections/list": lambda it: it.listing(it.world.sections, it.board().sections, render.section),
    "board_sections/create": lambda it: render.section(
        boards.create_section(it.world, it.caller, it.board(), it.body())
    ),
    "board_sections/update": _sections_update,
    "board_sections/delete": lambda it: boards.delete_section(it.world, it.caller, it.section()),
    "board_sections/list_pins": lambda it: it.pins(it.section().pins),
    "pins/list": _pins_list,
    "pins/create": lambda it: it.show_pin(pins.create_pin(it.world, it.caller, it.body())),
    "pins/get": _pins_get,
    "pins/update": lambda it: it.show_pin(pins.update_pin(it.world, it.caller, it.pin(), it.body())),
    "pins/delete": lambda it: pins.delete_pin(it.world, it.caller, it.pin()),
    "pins/save": lambda it: it.show_pin(pins.save_pin(it.world, it.caller, it.path_id("pin_id"), it.body())),
    "media/list": _media_list,
    "media/create": _media_create,
    "media/get": _media_get,
    "search_user_boards/get": _search_boards,
    "search_user_pins/list": _search_pins,
    "user_account/get": lambda it: render.account(it.caller.account),
    "linked_business_accounts/get": lambda it: list(map(render.linked_business, it.caller.account.linked_businesses)),
    "followers/list": lambda it: _users(it, it.caller.account.followers),
    "user_following/get": _following,
    "boards_user_follows/list": _followed_boards,
    "follow_user/update": _follow,
    "user_websites/get": _websites,
    "verify_website/update": lambda it: render.website(accounts.verify_website(it.world, it.caller, it.body())),
    "unverify_website/delete": lambda it: accounts.unverify_website(it.caller, it.require("website")),
    "website_verification/get": lambda it: accounts.verification_code(it.caller.account),
}

DIALECT = V5Dialect()
