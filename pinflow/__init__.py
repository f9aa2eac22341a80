"""pinflow: recipes for web APIs, run once or on a schedule, resumable and quota-aware.

This module is a plugin author's whole surface. Its names are imported when they
are first used, because every start of the program passes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pinflow.actions import Action, Context, Number, Text, Undo, Variants, action
    from pinflow.app import App
    from pinflow.engine.durable import EachResult, Skip
    from pinflow.engine.store import check_place
    from pinflow.errors import (
        ActionError,
        CredentialError,
        Diverged,
        Forbidden,
        InDoubt,
        MissingScope,
        PinflowError,
        RateLimited,
        RemoteError,
        SpamBlocked,
        Unreachable,
        UsageError,
    )
    from pinflow.events import Event
    from pinflow.hookspecs import hookimpl
    from pinflow.http.api import Api, OAuth, Quota, checked_origin
    from pinflow.http.client import Client, Page
    from pinflow.http.credentials import Credential, CredentialRequest
    from pinflow.http.retry import Limits, Lost
    from pinflow.http.transport import Answer, Transport
    from pinflow.http.way import way_out
    from pinflow.http.wire import Repeated
    from pinflow.inputs import is_token_name
    from pinflow.notices import Notice
    from pinflow.offers import Command, Imported, Importer, Simulator
    from pinflow.paths import state_folder
    from pinflow.recipe.fields import seconds
    from pinflow.recipe.source import Source
    from pinflow.reporters.text import inert, table

_HOMES = {
    "actions": ("Action", "Context", "Number", "Text", "Undo", "Variants", "action"),
    "app": ("App",),
    "engine.durable": ("EachResult", "Skip"),
    "engine.store": ("check_place",),
    "errors": (
        "ActionError",
        "CredentialError",
        "Diverged",
        "Forbidden",
        "InDoubt",
        "MissingScope",
        "PinflowError",
        "RateLimited",
        "RemoteError",
        "SpamBlocked",
        "Unreachable",
        "UsageError",
    ),
    "events": ("Event",),
    "hookspecs": ("hookimpl",),
    "http.api": ("Api", "OAuth", "Quota", "checked_origin"),
    "http.client": ("Client", "Page"),
    "http.credentials": ("Credential", "CredentialRequest"),
    "http.retry": ("Limits", "Lost"),
    "http.transport": ("Answer", "Transport"),
    "http.way": ("way_out",),
    "http.wire": ("Repeated",),
    "inputs": ("is_token_name",),
    "notices": ("Notice",),
    "offers": ("Command", "Imported", "Importer", "Simulator"),
    "paths": ("state_folder",),
    "recipe.fields": ("seconds",),
    "recipe.source": ("Source",),
    "reporters.text": ("inert", "table"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Action",
    "ActionError",
    "Answer",
    "Api",
    "App",
    "Client",
    "Command",
    "Context",
    "Credential",
    "CredentialError",
    "CredentialRequest",
    "Diverged",
    "EachResult",
    "Event",
    "Forbidden",
    "Imported",
    "Importer",
    "InDoubt",
    "Limits",
    "Lost",
    "MissingScope",
    "Notice",
    "Number",
    "OAuth",
    "Page",
    "PinflowError",
    "Quota",
    "RateLimited",
    "RemoteError",
    "Repeated",
    "Simulator",
    "Skip",
    "Source",
    "SpamBlocked",
    "Text",
    "Transport",
    "Undo",
    "Unreachable",
    "UsageError",
    "Variants",
    "action",
    "check_place",
    "checked_origin",
    "hookimpl",
    "inert",
    "is_token_name",
    "seconds",
    "state_folder",
    "table",
    "way_out",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pinflow' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"pinflow.{_HOME[name]}"), name)
    globals()[name] = value
    return value
