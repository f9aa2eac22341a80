"""Errors as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinflow.errors import PinflowError


def error_data(error: PinflowError) -> dict[str, Any]:
    """An error as plain data: its stable kind, message, hint, and each problem with its place."""
    problems = [
        {"file": p.file, "line": p.line, "column": p.column, "what": p.what, "hint": p.hint}
        for p in getattr(error, "problems", ())
    ]
    return {
        "kind": error.kind,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "problems": problems,
    }
