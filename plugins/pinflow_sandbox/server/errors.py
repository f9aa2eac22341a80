"""Error responses of the API: HTTP status, the API's own code and message.

Source: https://github.com/pinterest/api-description (v5/openapi.json, error examples)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.server.messages import HttpResponse

if TYPE_CHECKING:
    from pinflow_sandbox.server.messages import Headers


class ApiError(Exception):
    """The request gets an error object. ``code`` is the API's own and rarely equals ``status``.

    ``headers`` replace those that say what is left of a rate limit.
    """

    def __init__(self, status: int, code: int, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def store_error(status: int, code: str, message: str) -> HttpResponse:
    """An error of the object store for videos and reports."""
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return HttpResponse(status, xml.encode(), "application/xml")


def invalid_request(reason: str) -> ApiError:
    """The request itself is wrong, for any caller."""
    return ApiError(400, 1, f"Invalid request: {reason}")


def missing_field(name: str) -> ApiError:
    """A field or parameter is absent, in the words of API v3."""
    return invalid_request(f"Missing required field '{name}'")


def authentication_failed(hint: str = "") -> ApiError:
    """The token is absent, unknown or expired."""
    return ApiError(401, 2, f"Authentication failed. {hint}".rstrip())


def real_credential_error() -> ApiError:
    """The request has what may be a credential of a real account: it must be neither stored nor repeated."""
    return authentication_failed(
        "This looks like a credential of the real service: never send a real token, code or secret to a sandbox. "
        "Use one that the sandbox issued (they have 'sandbox' in them)."
    )


def missing_scopes(missing: list[str]) -> ApiError:
    """The token is valid but lacks scopes that this operation needs."""
    return ApiError(
        401, 3, f"Your token does not have sufficient permissions to perform this operation. Missing: {missing}"
    )


def restricted_feature(feature: str) -> ApiError:
    """The app, not the token, lacks access."""
    return ApiError(401, 3, f"Your application does not have access to this restricted feature: {feature}")


def permission_denied(why: str = "") -> ApiError:
    """The account may see the object but not do this with it."""
    return ApiError(403, 29, f"You are not permitted to access that resource. {why}".rstrip())


def spam_block(status: int) -> ApiError:
    """The account made too many Pins too fast and is blocked for longer than a rate limit lasts."""
    return ApiError(
        status, 9, "Sorry! You've hit a block (Pins) we have in place to combat spam. Please try again later!"
    )


def board_not_found() -> ApiError:
    """No such board, or not visible to this token."""
    return ApiError(404, 40, "Board not found.")


def pin_not_found() -> ApiError:
    """No such Pin, or not visible to this token."""
    return ApiError(404, 50, "Pin not found.")


def section_not_found() -> ApiError:
    """No such section on that board."""
    return ApiError(404, 2031, "Sorry! We couldn't find this board section.")


def user_not_found() -> ApiError:
    """No account of that name."""
    return ApiError(404, 30, "User not found.")
