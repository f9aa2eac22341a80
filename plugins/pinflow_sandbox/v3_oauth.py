"""The token endpoint of API v3: another method, another envelope, and a refresh token that stays the same.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/access_token.py, as of 2022)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pinflow_sandbox import oauth, render
from pinflow_sandbox.errors import Refused, invalid
from pinflow_sandbox.logins import V3_SCOPES
from pinflow_sandbox.wire import Answer

if TYPE_CHECKING:
    from pinflow_sandbox.logins import App, Issued
    from pinflow_sandbox.wire import Call
    from pinflow_sandbox.world import World

TOKEN_PATH = "/v3/oauth/access_token/"  # noqa: S105 (a path)

_CODES = {29: 7}  # "not permitted", in v5 and in v3


def token_answer(world: World, call: Call) -> Answer:
    """The answer of v3's token endpoint."""
    try:
        if call.method != "PUT":
            raise Refused(405, 5, "Method not allowed")
        given = _given(call)
        return _told(_issued(world, oauth.app_of(world, call), given))
    except Refused as refused:
        code = _CODES.get(refused.code, refused.code)
        body = {"status": "failure", "code": code, "message": refused.message, "data": None}
        return Answer(refused.status, render.encode(body).encode())


def _issued(world: World, app: App, given: dict[str, str]) -> Issued:
    kind = oauth.needed(given, "grant_type")
    if kind == "authorization_code":
        code, uri = oauth.needed(given, "code"), oauth.needed(given, "redirect_uri")
        return world.logins.exchange(app, code, uri, continuous=False, known=V3_SCOPES)
    if kind == "refresh_token":
        return world.logins.refresh(app, oauth.needed(given, "refresh_token"), None, continuous=False)
    raise invalid(f"'grant_type' value '{kind[:40]}' is not one this API knows")


def _told(issued: Issued) -> Answer:
    body = {
        "status": "success",
        "scope": ",".join(sorted(issued.scopes)),
        "access_token": issued.access_token,
        "data": {"refresh_token": issued.refresh_token} if issued.refresh_token is not None else {},
    }
    return Answer(200, render.encode(body).encode(), headers=(("Cache-Control", "no-store"),))


def _given(call: Call) -> dict[str, str]:
    """The fields of a body that is a form or a JSON object of texts."""
    kind = call.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/json":
        return oauth.form_of(call)
    try:
        given = json.loads(call.body)
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise invalid("the body must be a JSON object of texts")
    return given
