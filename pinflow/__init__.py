"""pinflow: recipes for web APIs, run once or on a schedule, resumable and quota-aware.

This module is a plugin author's whole surface. Its names are imported when they
are first used, because every start of the program passes here.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would take as long as all of --version

__version__ = "0.1.0"

if TYPE_CHECKING:
    # "X as X" is how type checkers know a public name; sorting would give each a statement of its own
    # isort: off
    from pinflow.app import App as App
    from pinflow.clock import Clock as Clock
    from pinflow.engine.context import Context as Context
    from pinflow.engine.effects import EachResult as EachResult, Skip as Skip
    from pinflow.engine.file_access import InputFile as InputFile, OutputFile as OutputFile
    from pinflow.errors import (
        AccessTooLow as AccessTooLow,
        ActionError as ActionError,
        CredentialError as CredentialError,
        Diverged as Diverged,
        Forbidden as Forbidden,
        InDoubt as InDoubt,
        MissingScope as MissingScope,
        PinflowError as PinflowError,
        RateLimited as RateLimited,
        RemoteError as RemoteError,
        SpamBlocked as SpamBlocked,
        Unreachable as Unreachable,
        UsageError as UsageError,
    )
    from pinflow.events import Event as Event
    from pinflow.http.api import Api as Api, OAuth as OAuth, Quota as Quota
    from pinflow.http.client import Client as Client
    from pinflow.http.credentials import Credential as Credential, CredentialRequest as CredentialRequest
    from pinflow.http.encoding import Repeated as Repeated
    from pinflow.http.listing_page import Page as Page
    from pinflow.http.proxy import network_settings as network_settings
    from pinflow.http.retry import Limits as Limits, Lost as Lost
    from pinflow.http.token_rules import (
        ALLOWED_HOSTS as ALLOWED_HOSTS,
        LISTED_TOKENS as LISTED_TOKENS,
        TokenNames as TokenNames,
        TokenRules as TokenRules,
        check_host as check_host,
        checked_origin as checked_origin,
        variable_of as variable_of,
    )
    from pinflow.http.transport import Answer as Answer, Transport as Transport
    from pinflow.http.web_page import web_page_reason as web_page_reason
    from pinflow.lazy_dataclass import dataclass as dataclass
    from pinflow.plan.inputs import is_token_name as is_token_name
    from pinflow.plugin.action import Action as Action, Undo as Undo, Variants as Variants, action as action
    from pinflow.plugin.contributions import (
        Checkup as Checkup,
        Command as Command,
        ErrorCode as ErrorCode,
        FactsPage as FactsPage,
        Finding as Finding,
        Host as Host,
        Imported as Imported,
        Importer as Importer,
        Simulator as Simulator,
        Variable as Variable,
    )
    from pinflow.plugin.hookspecs import hookimpl as hookimpl
    from pinflow.plugin.place import Check as Check, Place as Place, Seen as Seen
    from pinflow.plugin.row import Columns as Columns, Row as Row
    from pinflow.recipe.bundled import recipe_path as recipe_path
    from pinflow.recipe.source import Source as Source
    from pinflow.recipe.validators import seconds as seconds
    from pinflow.reporters.desktop import open_in_browser as open_in_browser
    from pinflow.reporters.markdown import (
        markdown_code as markdown_code,
        markdown_fence as markdown_fence,
        markdown_sections as markdown_sections,
        markdown_table as markdown_table,
    )
    from pinflow.reporters.text import inert as inert, table as table
    from pinflow.schema.addresses import is_address as is_address
    from pinflow.schema.constraints import (
        InputPath as InputPath,
        Number as Number,
        OutputPath as OutputPath,
        Text as Text,
    )
    from pinflow.schema.natural_order import natural_key as natural_key
    from pinflow.schema.patterns import fits_pattern as fits_pattern, is_pattern as is_pattern
    from pinflow.masking.known import mask as mask, mask_data as mask_data, remember_token as remember_token
    from pinflow.state.folder.atomic_file import sync_folder as sync_folder
    from pinflow.state.folder.filesystem import check_place as check_place
    from pinflow.state.folder.lock import FileLock as FileLock
    from pinflow.state.folder.ownership import check_own_file as check_own_file
    from pinflow.state.folder.ownership import check_own_folder as check_own_folder
    from pinflow.state.folder.paths import state_folder as state_folder
    from pinflow.state.protocol import Vault as Vault, VaultTurn as VaultTurn
    from pinflow.state.records import Notice as Notice, StoredToken as StoredToken

_HOMES = {
    "app": ("App",),
    "clock": ("Clock",),
    "engine.context": ("Context",),
    "engine.effects": ("EachResult", "Skip"),
    "engine.file_access": ("InputFile", "OutputFile"),
    "errors": (
        "AccessTooLow",
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
    "http.api": ("Api", "OAuth", "Quota"),
    "http.client": ("Client",),
    "http.credentials": ("Credential", "CredentialRequest"),
    "http.encoding": ("Repeated",),
    "http.listing_page": ("Page",),
    "http.proxy": ("network_settings",),
    "http.retry": ("Limits", "Lost"),
    "http.token_rules": (
        "ALLOWED_HOSTS",
        "LISTED_TOKENS",
        "TokenNames",
        "TokenRules",
        "check_host",
        "checked_origin",
        "variable_of",
    ),
    "http.transport": ("Answer", "Transport"),
    "http.web_page": ("web_page_reason",),
    "lazy_dataclass": ("dataclass",),
    "plan.inputs": ("is_token_name",),
    "plugin.action": ("Action", "Undo", "Variants", "action"),
    "plugin.contributions": (
        "Checkup",
        "Command",
        "ErrorCode",
        "FactsPage",
        "Finding",
        "Host",
        "Imported",
        "Importer",
        "Simulator",
        "Variable",
    ),
    "plugin.hookspecs": ("hookimpl",),
    "plugin.place": ("Check", "Place", "Seen"),
    "plugin.row": ("Columns", "Row"),
    "recipe.bundled": ("recipe_path",),
    "recipe.source": ("Source",),
    "recipe.validators": ("seconds",),
    "reporters.desktop": ("open_in_browser",),
    "reporters.markdown": ("markdown_code", "markdown_fence", "markdown_sections", "markdown_table"),
    "reporters.text": ("inert", "table"),
    "schema.addresses": ("is_address",),
    "schema.constraints": ("InputPath", "Number", "OutputPath", "Text"),
    "schema.natural_order": ("natural_key",),
    "schema.patterns": ("fits_pattern", "is_pattern"),
    "masking.known": ("mask", "mask_data", "remember_token"),
    "state.folder.atomic_file": ("sync_folder",),
    "state.folder.filesystem": ("check_place",),
    "state.folder.lock": ("FileLock",),
    "state.folder.ownership": ("check_own_file", "check_own_folder"),
    "state.folder.paths": ("state_folder",),
    "state.protocol": ("Vault", "VaultTurn"),
    "state.records": ("Notice", "StoredToken"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # type checkers take the names from the imports above

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
