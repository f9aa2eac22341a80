"""An error answer of the service as pinflow's narrowest exception, with what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow import Forbidden, MissingScope, RateLimited, RemoteError, SpamBlocked
from pinflow_pinterest import errors

if TYPE_CHECKING:
    from collections.abc import Mapping


def failure(
    status: int,
    headers: Mapping[str, str],
    body: object,
    hints: Mapping[errors.Kind, str],
    *,
    secret: Mapping[errors.Kind, str],
) -> RemoteError:
    """The exception for an error answer; ``hints`` says what to do about each kind.

    ``secret`` says what to do besides where the thing could be a secret board, or be on one.
    """
    facts = errors.read_error(status, headers, body)
    said: dict[str, Any] = {
        "status": status,
        "code": facts.code,
        "request_id": facts.request_id or "",
        "hint": "; ".join(filter(None, [hints.get(facts.kind), secret.get(facts.kind) if facts.of_pins else None])),
    }
    match facts.kind:
        case "rate":
            return RateLimited(facts.message, **said)
        case "spam":
            return SpamBlocked(facts.message, **said)
        case "scope":
            said["hint"] = _scope_hint(facts.missing)
            return MissingScope(facts.message, missing=facts.missing, **said)
        case "forbidden" | "trial":
            return Forbidden(facts.message, **said)
    return RemoteError(facts.message, **said)


def _scope_hint(missing: frozenset[str]) -> str:
    names = f": {', '.join(sorted(missing))}" if missing else ""
    return f"sign in again and grant what is missing{names}"
