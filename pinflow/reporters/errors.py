"""Errors as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinflow.errors import PinflowError


def error_data(error: PinflowError) -> dict[str, Any]:
    """An error as plain data: its stable kind, message, hint, and each problem with its place."""
    return {
        "kind": error.kind,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "problems": [asdict(problem) for problem in getattr(error, "problems", ())],
    }
