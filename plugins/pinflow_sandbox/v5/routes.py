"""The API v5 dialect: which operation a request calls, its permissions, and its handler.

Scopes, rate-limit categories and paths come from the operations catalogue.

Source: https://github.com/pinterest/api-description (v5/openapi.json)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinflow_pinterest.catalogue.operations import match
from pinflow_sandbox.server import access
from pinflow_sandbox.server.body_checks import valid_id
from pinflow_sandbox.server.errors import ApiError, invalid_request, permission_denied, restricted_feature
from pinflow_sandbox.server.json_encoding import encode_json, without_nulls
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.server.request import path_values
from pinflow_sandbox.v5 import ads as v5_ads
from pinflow_sandbox.v5 import analytics as v5_analytics
from pinflow_sandbox.v5 import render
from pinflow_sandbox.v5 import reports as v5_reports
from pinflow_sandbox.v5 import terms as v5_terms
from pinflow_sandbox.v5.request import V5Request
from pinflow_sandbox.world import accounts, ads, boards, pins, uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.messages import Headers, HttpRequest
    from pinflow_sandbox.server.request import Reply
    from pinflow_sandbox.world.records import BoardRecord, PinRecord
    from pinflow_sandbox.world.world import Caller, World


PREFIX = "/v5"

_METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")
_PRIVACY_FILTERS = ("ALL", "PUBLIC", "PROTECTED", "SECRET", "PUBLIC_AND_SECRET")
_PIN_FILTERS = ("exclude_native", "exclude_repins", "has_been_promoted")
_FEED_TYPES = ("ALL", "RANKED", "CREATOR_ONLY", "RANKED_CREATOR_ONLY")
_CODE_IS_STATUS = frozenset({400, 403, 404, 409})
_REPEATING = (
    *("board_sections/", "campaigns/", "ad_groups/", "ads/", "ad_account/", "analytics/", "terms_"),
    *("pins/analytics", "user_account/analytics"),
)


def respond(world: World, call: HttpRequest) -> tuple[HttpResponse, str, str]:
    """The response, the operation's path template, and the account it was for ("" if unknown)."""
    path = _path(call)
    headers: Headers = ()
    template = account = ""
    operation: Operation | None = None
    try:
        operation = _operation(call.method, path)
        template = PREFIX + operation.path
        caller = access.authorised_caller(world, call)
        account = caller.account.username
        headers = access.spend_quota(world, caller, operation.category)
        request = V5Request(world, caller, operation, call, path_values(operation, path), call.query)
        handler = _handler(request)
        request.caller = _on_behalf(request)
        status, value = handler(request)
    except ApiError as error:
        return _error_response(operation, error, headers), template, account
    if value is None:
        return HttpResponse(status, headers=headers), template, account
    if world.settings.nulls == "omitted":
        value = without_nulls(value)
    return HttpResponse(status, encode_json(value).encode(), headers=headers), template, account


def error_response(status: int, code: int, message: str, headers: Headers = ()) -> HttpResponse:
    """An error response of API v5."""
    return HttpResponse(status, encode_json({"code": code, "message": message}).encode(), headers=headers)


def operation_of(call: HttpRequest) -> Operation | None:
    """The operation that a request calls, or None if there is none."""
    return match("GET" if call.method == "HEAD" else call.method, _path(call))


def content(value: Any) -> Any:
    """The object of a JSON response, or the objects of a page."""
    return value["items"] if isinstance(value, dict) and "items" in value else value


def _path(call: HttpRequest) -> str:
    """The path below API v5; "" for other paths, which no operation has."""
    return call.path.removeprefix(PREFIX) if call.path.startswith(f"{PREFIX}/") else ""


def _operation(method: str, path: str) -> Operation:
    operation = match("GET" if method == "HEAD" else method, path)
    if operation is not None:
        return operation
    if any(match(other, path) for other in _METHODS):
        raise ApiError(405, 5, "Method not allowed")
    raise ApiError(404, 404, "No such path. Paths of API v5 start with /v5/ and end without a slash.")


def _handler(request: V5Request) -> Callable[[V5Request], Reply]:
    """The handler of the operation. Raises ApiError if the caller lacks permission."""
    operation, caller = request.operation, request.caller
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


def _error_response(operation: Operation | None, error: ApiError, headers: Headers) -> HttpResponse:
    """An error response; some operations use the HTTP status as their code."""
    code = error.code
    if operation is not None and _repeats_status(operation.id, error.status):
        code = error.status
    return error_response(error.status, code, error.message, getattr(error, "headers", headers))


def _repeats_status(operation: str, status: int) -> bool:
    if operation.startswith(_REPEATING):
        return status in _CODE_IS_STATUS
    return (operation, status) in (("boards/list_pins", 404), ("user_account/get", 403))


def _creation_reply(request: V5Request, value: object) -> Reply:
    return request.world.settings.created_status, value


# boards and sections


def _boards_list(request: V5Request) -> Reply:
    privacy = request.choice("privacy", _PRIVACY_FILTERS)
    privacies = None if privacy in (None, "ALL") else privacy.split("_AND_")
    own = request.caller.account
    ids = sorted([*own.boards, *own.group_boards])
    return request.boards(ids, lambda board: privacies is None or board.privacy in privacies)


def _boards_create(request: V5Request) -> Reply:
    board = boards.create_board(request.world, request.caller, request.body())
    return _creation_reply(request, render.board(request.world, board))


def _boards_get(request: V5Request) -> Reply:
    return 200, render.board(request.world, request.board())


def _boards_update(request: V5Request) -> Reply:
    board = boards.update_board(request.world, request.caller, request.board(), request.body())
    return 200, render.board(request.world, board)


def _boards_delete(request: V5Request) -> Reply:
    boards.delete_board(request.world, request.caller, request.board())
    return 204, None


def _board_pins(request: V5Request) -> Reply:
    return request.pins(request.board().pins, request.creative_type_filter())


def _sections_list(request: V5Request) -> Reply:
    sections = request.world.sections
    return request.listing(request.board().sections, lambda id: True, lambda id: render.section(sections[id]))


def _sections_create(request: V5Request) -> Reply:
    section = boards.create_section(request.world, request.caller, request.board(), request.body())
    return 201, render.section(section)


def _sections_update(request: V5Request) -> Reply:
    board = request.board()
    section = request.world.section(board, valid_id("section_id", request.path["section_id"]))
    return 200, render.section(boards.update_section(request.world, request.caller, board, section, request.body()))


def _sections_delete(request: V5Request) -> Reply:
    board = request.board()
    section = request.world.section(board, valid_id("section_id", request.path["section_id"]))
    boards.delete_section(request.world, request.caller, board, section)
    return 204, None


def _section_pins(request: V5Request) -> Reply:
    section = request.world.section(request.board(), valid_id("section_id", request.path["section_id"]))
    return request.pins(section.pins, lambda pin: True)


# Pins


def _pins_list(request: V5Request) -> Reply:
    chosen = request.choice("pin_filter", _PIN_FILTERS)
    private = request.choice("pin_type", ("PRIVATE",)) is not None
    protected = request.flag("include_protected_pins")
    fits = request.creative_type_filter()

    def keep(pin: PinRecord) -> bool:
        privacy = request.world.boards[pin.board_id].privacy if pin.board_id is not None else "PUBLIC"
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


def _pins_create(request: V5Request) -> Reply:
    pin = pins.create_pin(request.world, request.caller, request.body())
    return _creation_reply(request, render.pin(request.world, request.caller, pin))


def _pins_get(request: V5Request) -> Reply:
    metrics = request.flag("pin_metrics")
    return 200, render.pin(request.world, request.caller, request.pin(), metrics=metrics)


def _pins_update(request: V5Request) -> Reply:
    pin = pins.update_pin(request.world, request.caller, request.pin(), request.body())
    return 200, render.pin(request.world, request.caller, pin)


def _pins_delete(request: V5Request) -> Reply:
    pins.delete_pin(request.world, request.caller, request.pin())
    return 204, None


def _pins_save(request: V5Request) -> Reply:
    id = valid_id("pin_id", request.path["pin_id"])
    return 201, render.pin(
        request.world, request.caller, pins.save_pin(request.world, request.caller, id, request.body())
    )


# media


def _media(request: V5Request, id: str) -> dict[str, object]:
    state = uploads.status(request.world, request.world.media[id])
    return {"media_id": id, "media_type": "video", "status": state}


def _media_list(request: V5Request) -> Reply:
    return request.listing(request.caller.account.media, lambda id: True, lambda id: _media(request, id))


def _media_create(request: V5Request) -> Reply:
    media = uploads.register(request.world, request.caller, request.body())
    return _creation_reply(
        request,
        {
            "media_id": media.id,
            "media_type": "video",
            "upload_url": f"http://{request.call.host}{uploads.STORE_PATH}",
            "upload_parameters": uploads.parameters(request.world, media),
        },
    )


def _media_get(request: V5Request) -> Reply:
    id = valid_id("media_id", request.path["media_id"])
    media = uploads.media_of(request.world, request.caller, id)
    return 200, {"media_id": id, "media_type": "video", "status": uploads.poll(request.world, media)}


# search


def _search_boards(request: V5Request) -> Reply:
    words = (request.query_value("query") or "").casefold().split()

    def matches(board: BoardRecord) -> bool:
        text = f"{board.name} {board.description or ''}".casefold()
        return all(word in text for word in words)

    return request.boards(request.caller.account.boards, matches)


def _search_pins(request: V5Request) -> Reply:
    query = request.query_value("query")
    if not query:
        raise invalid_request("Parameter 'query' is required")
    ids = {word.strip() for word in query.split(",")}
    by_id = all(word.isdigit() for word in ids)
    words = query.casefold().split()

    def matches(pin: PinRecord) -> bool:
        if by_id:
            return pin.id in ids
        content = pin.content
        text = f"{content.title or ''} {content.description or ''}".casefold()
        return all(word in text for word in words)

    return request.pins(request.caller.account.pins, matches)


# user account


def _user_get(request: V5Request) -> Reply:
    return 200, render.account(request.caller.account)


def _businesses(request: V5Request) -> Reply:
    return 200, [render.linked_business(name) for name in request.caller.account.linked_businesses]


def _followers(request: V5Request) -> Reply:
    names = sorted(request.caller.account.followers)
    return request.listing(names, lambda name: True, render.user_summary, newest_first=False)


def _following(request: V5Request) -> Reply:
    request.choice("feed_type", _FEED_TYPES)
    request.flag("explicit_following")
    names = sorted(request.caller.account.following)
    return request.listing(names, lambda name: True, render.user_summary, newest_first=False)


def _followed_boards(request: V5Request) -> Reply:
    request.flag("explicit_following")
    boards = request.world.boards
    return request.listing(
        request.caller.account.followed_boards,
        lambda id: boards[id].privacy == "PUBLIC",
        lambda id: render.board(request.world, boards[id]),
    )


def _follow(request: V5Request) -> Reply:
    followed = accounts.follow(request.world, request.caller, request.path["username"], request.body())
    return 200, render.user_summary(followed.username)


def _websites(request: V5Request) -> Reply:
    websites = request.caller.account.websites
    return request.listing(
        sorted(websites), lambda name: True, lambda name: render.website(websites[name]), newest_first=False
    )


def _verify_website(request: V5Request) -> Reply:
    return 200, render.website(accounts.verify_website(request.world, request.caller, request.body()))


def _unverify_website(request: V5Request) -> Reply:
    address = request.query_value("website")
    if not address:
        raise invalid_request("Parameter 'website' is required")
    accounts.unverify_website(request.caller, address)
    return 204, None


def _verification(request: V5Request) -> Reply:
    return 200, accounts.verification_code(request.caller.account)


HANDLERS: Mapping[str, Callable[[V5Request], Reply]] = {
    **v5_ads.HANDLERS,
    **v5_analytics.HANDLERS,
    **v5_reports.HANDLERS,
    **v5_terms.HANDLERS,
    "boards/list": _boards_list,
    "boards/create": _boards_create,
    "boards/get": _boards_get,
    "boards/update": _boards_update,
    "boards/delete": _boards_delete,
    "boards/list_pins": _board_pins,
    "board_sections/list": _sections_list,
    "board_sections/create": _sections_create,
    "board_sections/update": _sections_update,
    "board_sections/delete": _sections_delete,
    "board_sections/list_pins": _section_pins,
    "pins/list": _pins_list,
    "pins/create": _pins_create,
    "pins/get": _pins_get,
    "pins/update": _pins_update,
    "pins/delete": _pins_delete,
    "pins/save": _pins_save,
    "media/list": _media_list,
    "media/create": _media_create,
    "media/get": _media_get,
    "search_user_boards/get": _search_boards,
    "search_user_pins/list": _search_pins,
    "user_account/get": _user_get,
    "linked_business_accounts/get": _businesses,
    "followers/list": _followers,
    "user_following/get": _following,
    "boards_user_follows/list": _followed_boards,
    "follow_user/update": _follow,
    "user_websites/get": _websites,
    "verify_website/update": _verify_website,
    "unverify_website/delete": _unverify_website,
    "website_verification/get": _verification,
}
