"""What the sandbox answers instead of doing what it was asked: an HTTP status, the API's code and a message.

Source: https://github.com/pinterest/api-description (v5/openapi.json, error examples)
"""

from __future__ import annotations


class Refused(Exception):
    """A request that is answered with an error object. ``code`` is the API's own and rarely equals ``status``."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def store_error(code: str, message: str) -> str:
    """An error as the object store for videos and reports tells it."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'


def invalid(reason: str) -> Refused:
    """The request itself is wrong, whoever sends it."""
    return Refused(400, 1, f"Invalid request: {reason}")


def missing_field(name: str) -> Refused:
    """A field or parameter is not there, in the words of API v3."""
    return invalid(f"Missing required field '{name}'")


def unauthenticated(hint: str = "") -> Refused:
    """No token, an unknown one or an expired one."""
    return Refused(401, 2, f"Authentication failed. {hint}".rstrip())


def real_credential() -> Refused:
    """Something that may open a real account arrived here; it must be neither kept nor repeated."""
    return unauthenticated(
        "This looks like a credential of the real service: never send a real token, code or secret to a sandbox. "
        "Use one that the sandbox issued (they have 'sandbox' in them)."
    )


def missing_scopes(missing: list[str]) -> Refused:
    """The token is good but was not granted what this operation needs."""
    return Refused(
        401, 3, f"Your token does not have sufficient permissions to perform this operation. Missing: {missing}"
    )


def restricted(feature: str) -> Refused:
    """The application, not the token, lacks something."""
    return Refused(401, 3, f"Your application does not have access to this restricted feature: {feature}")


def forbidden(why: str = "") -> Refused:
    """The account may see the thing but not do this to it."""
    return Refused(403, 29, f"You are not permitted to access that resource. {why}".rstrip())


def spam_block(status: int) -> Refused:
    """The account has written too much, too fast, for longer than a rate limit lasts."""
    return Refused(
        status, 9, "Sorry! You've hit a block (Pins) we have in place to combat spam. Please try again later!"
    )


def no_board() -> Refused:
    """No such board, or one this token may not know of."""
    return Refused(404, 40, "Board not found.")


def no_pin() -> Refused:
    """No such Pin, or one this token may not know of."""
    return Refused(404, 50, "Pin not found.")


def no_section() -> Refused:
    """No such section on that board."""
    return Refused(404, 2031, "Sorry! We couldn't find this board section.")


def no_user() -> Refused:
    """No account of that name."""
    return Refused(404, 30, "User not found.")
