"""The API v3 dialect: its routes and their handlers.

Source: https://github.com/pinterest/api-quickstart (python/src/v3, as of 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.server import errors
from pinflow_sandbox.server.body_checks import RequestBody, valid_id
from pinflow_sandbox.v3 import bodies as v3_bodies
from pinflow_sandbox.v3 import render as v3_render
from pinflow_sandbox.v3.enveloped_routes import EnvelopeDialect, Route
from pinflow_sandbox.v3.fields import parse_fields
from pinflow_sandbox.v5 import analytics as v5_analytics
from pinflow_sandbox.world import boards, pins, uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow_sandbox.server.request import ListingPage, OperationRequest
    from pinflow_sandbox.world.records import AccountRecord, BoardRecord, PinRecord

PREFIX = "/v3"

_SWITCH = ("0", "1", "2")
_ATTRIBUTES = {
    **dict.fromkeys(("paid", "in_profile", "from_owned_content", "downstream", "include_curated"), _SWITCH),
    "pin_format": (
        *("all", "product", "standard", "standard_product_stl_union", "standard_product_union", "standard_stl_union"),
        *("stl", "story", "video"),
    ),
    "publish_types": ("all", "published"),
}
_APP_TYPES = ("all", "mobile", "tablet", "web")


def _is_true(request: OperationRequest, name: str) -> bool:
    """A flag of the query; clients write it in several ways."""
    return (request.query_value(name) or "").lower() in ("true", "1")


# accounts


def _user(request: OperationRequest) -> AccountRecord:
    """The account in the path: an id, or "me"."""
    id = request.path["user_id"]
    own = request.caller.account
    if id in ("me", own.id):
        return own
    user = next((account for account in request.world.accounts.values() if account.id == id), None)
    if user is None:
        raise errors.user_not_found()
    return user


def _own_user(request: OperationRequest) -> AccountRecord:
    user = _user(request)
    if user is not request.caller.account:
        raise errors.permission_denied()
    return user


def _businesses(request: OperationRequest) -> object:
    own, known = _own_user(request), request.world.accounts
    if not request.caller.has("ads:read"):
        raise errors.ApiError(400, 3, errors.missing_scopes(["read_advertisers"]).message)
    return [v3_render.account(known[name]) for name in own.linked_businesses]


def _user_boards(request: OperationRequest) -> object:
    """Boards, empty ones only with ``include_empty``. No board is archived in a sandbox."""
    world, user = request.world, _user(request)
    with_empty = _is_true(request, "include_empty")

    def keep(board: BoardRecord) -> bool:
        return _sees_board(request, board) and (with_empty or bool(board.pins))

    ids = sorted([*user.boards, *user.group_boards])
    return request.listing(world.boards, ids, lambda board: v3_render.board(world, board), keep)


# boards and sections


def _sees_board(request: OperationRequest, board: BoardRecord) -> bool:
    """Whether the caller may read a board: own, shared and all public ones."""
    return board.privacy == "PUBLIC" or request.world.sees_board(request.caller, board)


def _board(request: OperationRequest) -> BoardRecord:
    board = request.world.boards.get(request.path_id("board_id"))
    if board is None or not _sees_board(request, board):
        raise errors.board_not_found()
    return board


def _boards_create(request: OperationRequest) -> object:
    board = v3_bodies.create_board(request.world, request.caller, parse_fields(request.call))
    return v3_render.board(request.world, board)


def _boards_delete(request: OperationRequest) -> object:
    boards.delete_board(request.world, request.caller, _board(request))
    return None


def _board_pins(request: OperationRequest) -> object:
    page = _pins(request, _board(request).pins, lambda pin: pin.section_id is None)
    if request.world.settings.story_tiles and page.items:
        page.items.append(v3_render.story(f"9{request.path['board_id']}"))
    return page


def _sections_list(request: OperationRequest) -> object:
    return request.listing(request.world.sections, _board(request).sections, v3_render.section)


def _sections_create(request: OperationRequest) -> object:
    body = RequestBody({"name": parse_fields(request.call).require("title")})
    return v3_render.section(boards.create_section(request.world, request.caller, request.board(), body))


def _section_pins(request: OperationRequest) -> object:
    section = request.world.sections.get(request.path_id("section_id"))
    if section is None or not _sees_board(request, request.world.boards[section.board_id]):
        raise errors.section_not_found()
    return _pins(request, section.pins)


# Pins


def _sees_pin(request: OperationRequest, pin: PinRecord) -> bool:
    board = request.world.board_of(pin)
    return board is None or board.privacy == "PUBLIC" or request.world.sees_pin(request.caller, pin)


def _pins(
    request: OperationRequest, ids: Sequence[str], keep: Callable[[PinRecord], bool] = lambda pin: True
) -> ListingPage:
    world = request.world
    return request.listing(
        world.pins, ids, lambda pin: v3_render.pin(world, pin), lambda pin: keep(pin) and _sees_pin(request, pin)
    )


def _pins_get(request: OperationRequest) -> object:
    pin = request.world.pins.get(request.path_id("pin_id"))
    if pin is None or not _sees_pin(request, pin):
        raise errors.pin_not_found()
    return v3_render.pin(request.world, pin)


def _pins_create(request: OperationRequest) -> object:
    return v3_render.pin(request.world, v3_bodies.create_pin(request.world, request.caller, parse_fields(request.call)))


def _pins_save(request: OperationRequest) -> object:
    if not request.world.settings.pinner_app:
        raise errors.restricted_feature("pinner_app")
    id, fields = request.path_id("pin_id"), parse_fields(request.call)
    place = {name: fields[name] for name in ("board_id", "board_section_id") if fields.get(name)}
    fields.require("board_id")
    return v3_render.pin(request.world, pins.save_pin(request.world, request.caller, id, RequestBody(place)))


# media


def _upload_register(request: OperationRequest) -> object:
    body = RequestBody({"media_type": parse_fields(request.call).require("type")}, names={"media_type": "type"})
    media = uploads.register(request.world, request.caller, body)
    return {
        "upload_id": media.id,
        "upload_url": f"http://{request.call.host}{uploads.STORE_PATH}",
        "upload_parameters": uploads.parameters(request.world, media),
    }


def _upload_status(request: OperationRequest) -> object:
    """The requested uploads of the caller by id; others are omitted."""
    world, own = request.world, request.caller.account
    text = request.query_value("upload_ids")
    if not text:
        raise errors.missing_field("upload_ids")
    ids = [valid_id("upload_ids", id.strip()) for id in text.split(",")]
    uploaded = [world.media[id] for id in ids if id in world.media and world.media[id].account == own.username]
    return {media.id: v3_render.upload(media, uploads.poll(world, media)) for media in uploaded}


def _analytics(request: OperationRequest) -> object:
    """Metrics of the caller's account. The effect of most attributes is undocumented: they are only validated."""
    account = _own_user(request)
    for name, allowed in _ATTRIBUTES.items():
        request.choice(name, allowed)
    app_type = (request.choice("app_types", _APP_TYPES) or "all").upper()
    return v5_analytics.account_metrics(request, account, share=v5_analytics.share_of("APP_TYPE", app_type))


_ROUTES = (
    Route("GET", "/users/{user_id}/", "user_account/get", "read_users", lambda it: v3_render.account(_user(it))),
    Route("GET", "/users/{user_id}/businesses/", "linked_business_accounts/get", "read_users", _businesses),
    Route("GET", "/users/{user_id}/boards/feed/", "boards/list", "read_boards", _user_boards),
    Route("GET", "/users/{user_id}/pins/", "pins/list", "read_pins", lambda it: _pins(it, _user(it).pins)),
    Route("PUT", "/boards/", "boards/create", "write_boards", _boards_create),
    Route("GET", "/boards/{board_id}/", "boards/get", "read_boards", lambda it: v3_render.board(it.world, _board(it))),
    Route("DELETE", "/boards/{board_id}/", "boards/delete", "write_boards", _boards_delete),
    Route("GET", "/boards/{board_id}/pins/", "boards/list_pins", "read_boards read_pins", _board_pins),
    Route("GET", "/board/{board_id}/sections/", "board_sections/list", "read_boards", _sections_list),
    Route("PUT", "/board/{board_id}/sections/", "board_sections/create", "write_boards", _sections_create),
    Route(
        "GET", "/board/sections/{section_id}/pins/", "board_sections/list_pins", "read_boards read_pins", _section_pins
    ),
    Route("PUT", "/pins/", "pins/create", "write_pins", _pins_create),
    Route("GET", "/pins/{pin_id}/", "pins/get", "read_pins", _pins_get),
    Route("POST", "/partners/pins/{pin_id}/save/", "pins/save", "write_pins", _pins_save),
    Route("POST", "/media/uploads/register/", "media/create", "write_pins", _upload_register),
    Route("GET", "/media/uploads/", "media/get", "write_pins", _upload_status),
    Route("GET", "/partners/analytics/users/{user_id}/metrics/", "user_account/analytics", "read_users", _analytics),
)

DIALECT = EnvelopeDialect("v3", PREFIX, _ROUTES)
