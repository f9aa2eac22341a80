"""The envelope of every response of API v3 and the ads API v4.

Source: https://github.com/pinterest/api-quickstart (python/src/api_common.py, as of 2022) and
https://github.com/wordpress/pinterest-api-demo/issues/4 (failures)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.server.http_dates import http_date
from pinflow_sandbox.server.json_encoding import encode_json, without_nulls
from pinflow_sandbox.server.messages import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow_sandbox.server.messages import Headers

_HOST = "pinflow-sandbox"
_NOT_PERMITTED = "You are not permitted to access that resource."
_INVALID = "Invalid request: "


def success(endpoint: str, content: Mapping[str, object], now: float, *, nulls: bool, headers: Headers) -> HttpResponse:
    """A response. Fields without a value (``bookmark`` of a last page) are omitted unless ``nulls``."""
    body: dict[str, object] = {
        "status": "success",
        "code": 0,
        "message": "ok",
        **content,
        "endpoint_name": endpoint,
        "host": _HOST,
        "generated_at": http_date(int(now)),
    }
    shown = body if nulls else without_nulls(body)
    return HttpResponse(200, encode_json(shown).encode(), headers=headers)


def failure(status: int, code: int, message: str, headers: Headers = ()) -> HttpResponse:
    """An error; ``code`` and ``message`` of API v5 are translated to those of v3."""
    body: dict[str, object] = {"status": "failure", "code": code, "message": message, "data": None}
    if code == 1:
        body |= {"message": "Invalid parameters:", "data": message.removeprefix(_INVALID)}
    elif code == 29:
        reason = message.removeprefix(_NOT_PERMITTED).strip()
        body |= {"code": 7, "message": _NOT_PERMITTED, "data": reason or None}
    elif code in (8, 9):  # a spam block differs from a limit only in a word of the detail
        status = 429
        body |= {"code": 8, "message": "Too many requests.", "message_detail": message}
    return HttpResponse(status, encode_json(body).encode(), headers=headers)
