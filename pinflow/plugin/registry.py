"""What plugins offer, by name: collected once, then frozen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from pinflow.http.api import Api
    from pinflow.plugin.action import Action
    from pinflow.plugin.contributions import Checkup, Command, ErrorCode, FactsPage, Importer, Simulator, Variable

ActionKey = tuple[str | None, str]  # (api, name)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin: its name, where it is, and what it offers once it is loaded."""

    name: str
    module: str  # "package.module" or "package.module:attribute"; a local one's file
    distribution: str  # "" for a local one
    version: str
    offers: Sequence[str] = ()  # "action v5.copy_board", "api v5"
    hooks: Sequence[str] = ()  # "pinflow_actions", "pinflow_credential"; of one that was not imported, none
    held: str = ""  # why it is not loaded

    @property
    def file(self) -> Path | None:
        """The whole path of a local one; None of one that is installed."""
        return Path(self.module).resolve() if not self.distribution and self.module.endswith(".py") else None


@dataclass(frozen=True, slots=True)
class Registry:
    """Every offer of every plugin."""

    actions: Mapping[ActionKey, Action] = field(default_factory=dict)
    apis: Mapping[str, Api] = field(default_factory=dict)
    commands: Mapping[str, Command] = field(default_factory=dict)
    simulators: Mapping[str, Simulator] = field(default_factory=dict)
    plugins: Sequence[PluginInfo] = ()
    importers: Mapping[str, Importer] = field(default_factory=dict)
    executors: Mapping[str, Callable[[int], Executor]] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)  # that plugins read, besides those of their APIs
    checkups: Mapping[str, Checkup] = field(default_factory=dict)  # of pinflow doctor, by topic
    error_codes: Mapping[tuple[str, str], ErrorCode] = field(default_factory=dict)  # by (api, code as text)
    pages: Mapping[str, FactsPage] = field(default_factory=dict)  # of facts, by name
    recipes: Mapping[str, Path] = field(default_factory=dict)  # those of plugins, as whole paths
    held: Sequence[PluginInfo] = ()  # installed or named by a person, and not loaded; "held" says why

    def action(self, name: str, api: str | None) -> Action | None:
        """The action that a recipe means by ``name`` when its API is ``api``.

        ``v3.get_user`` names one outright; a bare name is looked up for ``api``,
        then among the actions that need no API; with no ``api`` at all, in the one
        API that has it. None if there is none.
        """
        outright, dot, bare = name.rpartition(".")
        if dot:
            return self.actions.get((outright, bare))
        found = self.actions.get((api, name)) or self.actions.get((None, name))
        if found is None and api is None and len(only := self.apis_with(name)) == 1:
            return self.actions[only[0], name]
        return found

    def apis_with(self, name: str) -> list[str]:
        """The APIs that have an action of this bare name."""
        return sorted(api for api, other in self.actions if other == name and api is not None)

    def apis_taking(self, name: str, argument: str) -> list[str]:
        """The APIs whose action of this bare name has this argument."""
        return [
            api for api in self.apis_with(name) if argument in self.actions[api, name].parameters.schema()["properties"]
        ]

    def action_names(self, api: str | None) -> list[str]:
        """What a recipe may write after ``uses``, for did-you-mean."""
        return sorted({name for known, name in self.actions if known in (api, None)})
