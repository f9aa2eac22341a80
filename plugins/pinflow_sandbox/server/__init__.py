"""The HTTP server on loopback: connections, requests, errors, and which part answers."""

from importlib import import_module
from warnings import warn


def __getattr__(name: str) -> object:
    """The names that this module had in version 0.1, with a warning; they go in 0.3."""
    if name not in ("Sandbox", "Settings", "start"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    message = f"{__name__}.{name} is now pinflow_sandbox.{name}; pinflow 0.3 drops the old name"
    warn(message, DeprecationWarning, stacklevel=2)
    value: object = getattr(import_module("pinflow_sandbox"), name)
    return value
