"""pinflow: recipes for web APIs, run once or on a schedule, resumable and quota-aware.

This module is a plugin author's whole surface. Its names are imported when they
are first used, because every start of the program passes here.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would take as long as all of --version

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pinflow.app import App
    from pinflow.clock import Clock
    from pinflow.engine.context import Context
    from pinflow.engine.effects import EachResult, Skip
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
    from pinflow.http.api import Api, OAuth, Quota, checked_origin
    from pinflow.http.client import Client, Page
    from pinflow.http.credentials import Credential, CredentialRequest
    from pinflow.http.encoding import Repeated
    from pinflow.http.proxy import network_settings
    from pinflow.http.retry import Limits, Lost
    from pinflow.http.transport import Answer, Transport
    from pinflow.plan.inputs import is_token_name
    from pinflow.plugin.action import Action, Undo, Variants, action
    from pinflow.plugin.contributions import Command, Host, Imported, Importer, Simulator
    from pinflow.plugin.hookspecs import hookimpl
    from pinflow.recipe.source import Source
    from pinflow.recipe.validators import seconds
    from pinflow.reporters.text import inert, table
    from pinflow.schema.constraints import Number, Text
    from pinflow.state.folder.filesystem import check_place
    from pinflow.state.folder.lock import FileLock
    from pinflow.state.folder.paths import state_folder
    from pinflow.state.protocol import Vault, VaultTurn
    from pinflow.state.records import Notice, StoredToken

_HOMES = {
    "app": ("App",),
    "clock": ("Clock",),
    "engine.context": ("Context",),
    "engine.effects": ("EachResult", "Skip"),
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
    "http.api": ("Api", "OAuth", "Quota", "checked_origin"),
    "http.client": ("Client", "Page"),
    "http.credentials": ("Credential", "CredentialRequest"),
    "http.encoding": ("Repeated",),
    "http.proxy": ("network_settings",),
    "http.retry": ("Limits", "Lost"),
    "http.transport": ("Answer", "Transport"),
    "plan.inputs": ("is_token_name",),
    "plugin.action": ("Action", "Undo", "Variants", "action"),
    "plugin.contributions": ("Command", "Host", "Imported", "Importer", "Simulator"),
    "plugin.hookspecs": ("hookimpl",),
    "recipe.source": ("Source",),
    "recipe.validators": ("seconds",),
    "reporters.text": ("inert", "table"),
    "schema.constraints": ("Number", "Text"),
    "state.folder.filesystem": ("check_place",),
    "state.folder.lock": ("FileLock",),
    "state.folder.paths": ("state_folder",),
    "state.protocol": ("Vault", "VaultTurn"),
    "state.records": ("Notice", "StoredToken"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Action",
    "ActionError",
    "Answer",
    "Api",
    "App",
    "Client",
    "Clock",
    "Command",
    "Context",
    "Credential",
    "CredentialError",
    "CredentialRequest",
    "Diverged",
    "EachResult",
    "Event",
    "FileLock",
    "Forbidden",
    "Host",
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
    "StoredToken",
    "Text",
    "Transport",
    "Undo",
    "Unreachable",
    "UsageError",
    "Variants",
    "Vault",
    "VaultTurn",
    "action",
    "check_place",
    "checked_origin",
    "hookimpl",
    "inert",
    "is_token_name",
    "network_settings",
    "seconds",
    "state_folder",
    "table",
]


_RENAMED = {"way_out": "network_settings"}  # old name -> new name, for one version


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        from pinflow.errors import warn_renamed

        warn_renamed(name, _RENAMED[name])
        return __getattr__(_RENAMED[name])
    if name not in _HOME:
        raise AttributeError(f"module 'pinflow' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"pinflow.{_HOME[name]}"), name)
    globals()[name] = value
    return value
