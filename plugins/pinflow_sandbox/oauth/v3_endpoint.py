"""The token endpoint of API v3: PUT, its own envelope, and a refresh token that stays the same.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/access_token.py, as of 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.oauth import endpoint as oauth
from pinflow_sandbox.server.errors import ApiError, invalid_request, permission_denied
from pinflow_sandbox.server.json_encoding import encode_json
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.v3 import envelope
from pinflow_sandbox.v3.fields import parse_fields
from pinflow_sandbox.v3.scopes import V3_SCOPES

if TYPE_CHECKING:
    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.v3.fields import FormFields
    from pinflow_sandbox.world.logins import AppRegistration, IssuedTokens
    from pinflow_sandbox.world.world import World

TOKEN_PATH = "/v3/oauth/access_token/"  # noqa: S105 (a path)


def token_response(world: World, call: HttpRequest) -> HttpResponse:
    """The response of v3's token endpoint."""
    try:
        if call.method != "PUT":
            raise ApiError(405, 5, "Method not allowed")
        fields = parse_fields(call)
        return _tokens_response(_grant(world, oauth.authenticated_app(world, call), fields))
    except ApiError as error:
        return envelope.failure(error.status, error.code, error.message)


def _grant(world: World, app: AppRegistration, fields: FormFields) -> IssuedTokens:
    kind = fields.require("grant_type")
    if kind == "authorization_code":
        code, uri = fields.require("code"), fields.require("redirect_uri")
        if uri not in app.redirect_uris:
            raise permission_denied("The redirect_uri does not match any of the registered redirect URIs.")
        return world.logins.exchange_v3(app, code, uri, verifier=fields.get("code_verifier", ""))
    if kind == "refresh_token":
        return world.logins.refresh(app, fields.require("refresh_token"), None, continuous=None)
    raise invalid_request(f"'grant_type' value '{kind[:40]}' is not one this API knows")


def _tokens_response(issued: IssuedTokens) -> HttpResponse:
    body = {
        "status": "success",
        "scope": ",".join(sorted(issued.scopes & V3_SCOPES)),
        "access_token": issued.access_token,
        "data": {"refresh_token": issued.refresh_token} if issued.refresh_token is not None else {},
    }
    return HttpResponse(200, encode_json(body).encode(), headers=(("Cache-Control", "no-store"),))
