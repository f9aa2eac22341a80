"""The whole plugin contract. A plugin returns what it offers; it changes nothing.

A plugin is any object with functions marked ``@hookimpl`` (a module, mostly),
named in the entry-point group ``pinflow``. No hook may do work at import time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    from pinflow.events import Event
    from pinflow.http.api import Api
    from pinflow.http.credentials import Credential, CredentialRequest
    from pinflow.plugin.action import Action
    from pinflow.plugin.contributions import Checkup, Command, ErrorCode, FactsPage, Importer, Simulator, Variable
    from pinflow.state.records import Notice

hookspec = pluggy.HookspecMarker("pinflow")
hookimpl = pluggy.HookimplMarker("pinflow")


@hookspec
def pinflow_actions(environ: Mapping[str, str]) -> Iterable[Action]:
    """Actions offered to recipes. ``environ`` is the app's environment; a hook may leave it out."""
    raise NotImplementedError


@hookspec
def pinflow_apis(environ: Mapping[str, str]) -> Iterable[Api]:
    """API versions that this plugin's actions speak. ``environ`` as above."""
    raise NotImplementedError


@hookspec(firstresult=True)
def pinflow_credential(request: CredentialRequest) -> Credential | None:
    """The credential that signs this API's calls, or None to leave it to others.

    Raises CredentialError saying how to get one.
    """


@hookspec
def pinflow_token_places(request: CredentialRequest) -> Iterable[str]:
    """Where `pinflow_credential` of this plugin looks for a token, in lines for people: "the variable SHOP_TOKEN".

    Shown where there is no such token, and by ``pinflow doctor``. Raises CredentialError for places that can't be used.
    """
    raise NotImplementedError


@hookspec
def pinflow_executors() -> Mapping[str, Callable[[int], Executor]]:
    """Ways to work side by side: name -> factory, called with the number of workers. ``run --executor`` chooses."""
    raise NotImplementedError


@hookspec
def pinflow_event(event: Event) -> None:
    """Called with everything that happens in a run, one call at a time.

    A reporter that raises, exits, or takes more than ten seconds is dropped with one notice; it never ends a run. Each
    call has a thread of its own.
    """


@hookspec
def pinflow_commands() -> Iterable[Command]:
    """Subcommands of the ``pinflow`` program."""
    raise NotImplementedError


@hookspec
def pinflow_notify(notice: Notice, environ: Mapping[str, str]) -> bool | None:
    """Alert a person: by mail, in a chat, on a wall.

    Each notice comes once, and again only after it was resolved.
    ``environ`` has the plugin's own variables. A notifier that raises ends nothing;
    it is tried again some minutes later. False says that the user has not set it up.
    """
    raise NotImplementedError


@hookspec
def pinflow_sandbox() -> Simulator:
    """How a service is simulated on this machine, so that ``--sandbox`` works for it."""
    raise NotImplementedError


@hookspec
def pinflow_importers() -> Iterable[Importer]:
    """Ways to make a recipe from something else, for ``pinflow new --from-NAME``."""
    raise NotImplementedError


@hookspec
def pinflow_checkups() -> Iterable[Checkup]:
    """What ``pinflow doctor`` shall look into besides: whether what this plugin needs is there and works."""
    raise NotImplementedError


@hookspec
def pinflow_variables() -> Iterable[Variable]:
    """The environment variables that this plugin reads, but for those that its APIs declare."""
    raise NotImplementedError


@hookspec
def pinflow_error_codes() -> Iterable[ErrorCode]:
    """What the codes in a service's error answers mean, for ``pinflow explain code CODE``."""
    raise NotImplementedError


@hookspec
def pinflow_pages() -> Iterable[FactsPage]:
    """Pages of facts about what the plugin offers, for the site and ``pinflow docs``.

    The text of a page is made when somebody reads it.
    """
    raise NotImplementedError


@hookspec
def pinflow_recipes() -> Iterable[Path]:
    """Files of recipes that come with this plugin: ``pinflow run NAME`` finds them by their names without the ending.

    A recipe that comes with pinflow goes before one of the same name.
    """
    raise NotImplementedError
