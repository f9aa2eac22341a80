"""The service's error answers as pinflow's exceptions, with what a person can do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pinflow import Forbidden, MissingScope, RateLimited, RemoteError, SpamBlocked
from pinflow_pinterest import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pinflow import ErrorCode

HINTS: Final[Mapping[errors.Kind, str]] = {  # those that every version of the API shares
    "spam": "the account's writes are blocked, usually for less than a day; resume the run after that, and more slowly",
    "forbidden": "it belongs to another account, or the app has no access to it",
    "not_found": "check the id, and that the token is this account's",
    "duplicate_name": "choose another name; an archived board keeps its name",
}


def map_error(
    status: int,
    headers: Mapping[str, str],
    body: object,
    hints: Mapping[errors.Kind, str],
    *,
    secret: Mapping[errors.Kind, str],
    codes: Callable[[], Iterable[ErrorCode]],
) -> RemoteError:
    """The narrowest exception for an error answer; ``hints`` says what to do about each kind.

    ``secret`` says what else to do if the object may be a secret board, or on one. ``codes`` gives the codes that
    ``pinflow explain`` knows; it is called for errors about which more is to be said than a hint can.
    """
    facts = errors.read_error(status, headers, body)
    hint = "; ".join(filter(None, [hints.get(facts.kind), secret.get(facts.kind) if facts.of_pins else None]))
    details: dict[str, Any] = {
        "status": status,
        "code": facts.code,
        "request_id": facts.request_id or "",
        "hint": "\n".join(filter(None, [hint, _more(facts, codes)])),
    }
    match facts.kind:
        case "rate":
            return RateLimited(facts.message, **details)
        case "spam":
            return SpamBlocked(facts.message, **details)
        case "scope":
            details["hint"] = _scope_hint(facts.missing)
            return MissingScope(facts.message, missing=facts.missing, **details)
        case "trial":
            return Forbidden(facts.message, tier="trial", **details)
        case "forbidden":
            return Forbidden(facts.message, **details)
    return RemoteError(facts.message, **details)


def _more(facts: errors.ErrorFacts, codes: Callable[[], Iterable[ErrorCode]]) -> str:
    """Where to read on: for codes with several causes, and those that the message alone leaves a riddle."""
    own = facts.kind == "other" and facts.code not in (None, 1, facts.status)
    if not (own or facts.kind == "forbidden") or all(code.code != facts.code for code in codes()):
        return ""
    return f"about code {facts.code}: pinflow explain code {facts.code}"


def _scope_hint(missing: frozenset[str]) -> str:
    names = f": {', '.join(sorted(missing))}" if missing else ""
    return f"sign in again and grant the missing scopes{names}"
