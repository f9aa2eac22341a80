"""A project for tests: run the text of a recipe, then check statuses, events and the service's state.

    with Project(folder) as project:
        assert project.run("{name: n, api: v5, steps: [{id: a, uses: get_user}]}").ok

Tests don't wait: the clock moves only when something sleeps.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Self

from pinflow.app import App, Options
from pinflow.clock import Clock as Times
from pinflow.engine.simulation import add_variables, services_of
from pinflow.errors import UsageError, renamed_property
from pinflow.events import EffectDone, Event, Retrying, Waiting
from pinflow.plugin import loader as plugin_loading
from pinflow.plugin.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pinflow.engine.results import RunResult
    from pinflow.plan import Plan
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import PluginInfo

NOON = 1_800_000_000.0  # seconds since the epoch: 2027-01-15, 08:00 UTC


class Killed(BaseException):
    """Stands for a kill of the process in the middle of a run."""


class ManualClock:
    """A clock that moves only when something sleeps. Thread-safe."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now  # seconds since the epoch
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the clock without waiting."""
        with self._lock:
            self.now += seconds


class Project:
    """A folder with recipes, the plugins that they use, and the events of their runs.

    It has every installed plugin, unless ``installed`` is False or ``disabled`` names it, and those in ``plugins``:
    modules, or objects with functions marked ``@hookimpl``. ``files`` are plugins that are Python files. ``environ``
    is the whole environment of recipes and plugins, apart from the variables of the sandboxes. A sandbox is started
    for each service that a run needs and a plugin simulates, and runs until the project is closed, so that a run can
    be resumed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        installed: bool = True,
        plugins: Iterable[object] = (),
        files: Iterable[Path] = (),
        disabled: Iterable[str] = (),
    ) -> None:
        self.folder = folder / "recipes"
        self.folder.mkdir()
        self.state = folder / "state"
        self.environ: dict[str, str] = {}
        self.plugins: list[object] = list(plugins)
        self.events: list[Event] = []  # of the last run
        self.clock = ManualClock()
        self.stop = threading.Event()
        self.approve: Callable[[str], bool] | None = lambda summary: True  # nothing real is deleted
        self._installed = installed
        self._files = tuple(files)
        self._disabled = tuple(disabled)
        self._open = ExitStack()
        self._sandboxes: dict[str, Any] = {}
        self.variables: dict[str, str] = {}  # for clients of the sandboxes
        self.wrap_action: Callable[[Action], Action] = lambda action: action  # applied to each action before a run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the sandboxes."""
        self._open.close()

    # recipes and plugins

    def offer(self, *actions: Action) -> None:
        """Add actions that recipes can use."""

        class ActionPlugin:
            @hookimpl
            def pinflow_actions(self) -> list[Action]:
                return list(actions)

        self.plugins.append(ActionPlugin())

    def write(self, text: str, name: str = "recipe.yaml") -> Path:
        """Write a file to the recipes' folder, without the text's common indentation. Returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        return path

    def app(self) -> App:
        """An app with these plugins, this environment and this clock."""
        manager, infos = plugin_loading.load(
            self._installed_plugins(), disabled=self._disabled, files=self._files, objects=self.plugins
        )
        registry = plugin_loading.collect(manager, infos, {**self.variables, **self.environ})
        return App(
            replace(registry, actions={key: self.wrap_action(action) for key, action in registry.actions.items()}),
            manager,
            {**self.variables, **self.environ},
            state=self.state,
            clock=Times(self.clock, self.clock, self.clock.sleep),
        )

    def _installed_plugins(self) -> list[PluginInfo]:
        """The installed plugins, without those that the test adds itself."""
        own = {getattr(plugin, "__name__", "") for plugin in self.plugins}
        return (
            [plugin for plugin in _installed_plugins(tuple(sys.path)) if plugin.module not in own]
            if self._installed
            else []
        )

    # sandboxes

    @property
    def sandbox(self) -> Any:
        """The sandbox of the only service: what its plugin's ``pinflow_sandbox`` starts.

        Raises UsageError if there are several services; then use :meth:`sandbox_of`.
        """
        services = list(self._sandboxes) or self._own_services() or sorted(self.app().registry.simulators)
        if len(services) != 1:
            listed = ", ".join(services) or "none"
            raise UsageError(f"which sandbox? The services are: {listed}", hint="use project.sandbox_of(service)")
        return self.sandbox_of(services[0])

    def _own_services(self) -> list[str]:
        """The services that the test's own plugins simulate."""
        manager, infos = plugin_loading.load([], files=self._files, objects=self.plugins)
        implementers = [impl.plugin_name for impl in manager.hook.pinflow_sandbox.get_hookimpls()]
        own = [info.name for info in infos if info.name in implementers]
        return [
            offer.removeprefix("sandbox ")
            for plugin in self.app().registry.plugins
            if plugin.name in own
            for offer in plugin.offers
            if offer.startswith("sandbox ")
        ]

    def sandbox_of(self, service: str) -> Any:
        """The sandbox of a service, started at its first use. Raises UsageError if no plugin simulates it."""
        if service not in self._sandboxes:
            simulators = self.app().registry.simulators
            if service not in simulators:
                raise UsageError(
                    f"no plugin simulates {service!r}; the services are: {', '.join(sorted(simulators)) or 'none'}"
                )
            self._sandboxes[service] = self._open.enter_context(simulators[service].start(self.clock))
        return self._sandboxes[service]

    @property
    def requests(self) -> Sequence[Mapping[str, Any]]:
        """The requests to :attr:`sandbox`, if it records them, with ``method``, ``path``, ``status`` and ``count``."""
        requests: Sequence[Mapping[str, Any]] = self.sandbox.requests()
        return requests

    def sandbox_state(self) -> dict[str, Any]:
        """The data of the running sandboxes that report it, by service."""
        return {name: sandbox.state() for name, sandbox in self._sandboxes.items() if hasattr(sandbox, "state")}

    def _connect(self, app: App, plan: Plan) -> App:
        """Connect the app to the sandboxes that the plan needs. Returns it."""
        for service in services_of(plan):
            if service in app.registry.simulators:
                add_variables(self.variables, self.sandbox_of(service), plan, service)
        app.environ = {**self.variables, **self.environ}
        return app

    # runs

    def plan(self, recipe: str | Path, *, inputs: Mapping[str, Any] | None = None, **options: Any) -> Plan:
        """The plan of a recipe with its inputs. Raises RecipeError with every mistake."""
        return self.app().plan(self._path(recipe), inputs=inputs or {}, **options)

    def check(self, recipe: str | Path, **options: Any) -> Plan:
        """The plan of a recipe without inputs. Raises RecipeError with every mistake."""
        return self.app().plan(self._path(recipe), inputs=None, **options)

    def run(
        self,
        recipe: str | Path,
        *,
        inputs: Mapping[str, Any] | None = None,
        api: str | None = None,
        examples: bool = False,
        dry_run: bool = False,
        typed: Collection[str] | None = None,
        plugins: Iterable[object] = (),
        **options: Any,
    ) -> RunResult:
        """Run a recipe, given as text or as a file. Its events are in ``events``.

        ``examples`` uses the inputs' examples as defaults; ``typed`` are the inputs that a person gave, all unless
        given; ``plugins`` are added to those of the project; ``options`` are those of
        :class:`pinflow.app.Options`. Raises RecipeError, CredentialError and so on before anything is
        sent; later errors are in the result.
        """
        self.plugins += plugins
        self.events.clear()
        app = self.app()
        plan = app.plan(self._path(recipe), inputs=inputs or {}, api=api, examples=examples, typed=typed)
        return self._connect(app, plan).run(plan, self._options(dry_run=dry_run, **options))

    def resume(
        self,
        run: str | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        typed: Collection[str] | None = None,
        **options: Any,
    ) -> RunResult:
        """Resume a run, by default the last one."""
        self.events.clear()
        return self.app().resume(run, self._options(**options), inputs=inputs, typed=typed)

    def kill(self, recipe: str | Path, *, after: int = 1, **options: Any) -> None:
        """Run a recipe and end it like a kill of the process, right after its ``after``-th effect.

        :meth:`resume` continues it. Raises AssertionError if the run ends before that.
        """
        remaining = iter(range(after - 1, -1, -1))

        def count(event: Event) -> None:
            if isinstance(event, EffectDone) and not next(remaining, 1):
                raise Killed

        try:
            result = self.run(recipe, report=[count], **options)
        except Killed:
            return
        raise AssertionError(f"the run ended before its effect {after}: {result.status}") from result.error

    def _path(self, recipe: str | Path) -> Path:
        return recipe if isinstance(recipe, Path) else self.write(recipe)

    def _options(self, **options: Any) -> Options:
        report = [self.events.append, *options.pop("report", ())]
        usual = {"approve": self.approve, "stop": self.stop, "output": self.folder / "out"}
        return Options(**{**usual, **options, "report": report})

    # events

    def events_of(self, *kinds: str) -> list[Any]:
        """The events of these kinds, in order: ``events_of("EffectDone", "ItemSkipped")``."""
        return [event for event in self.events if type(event).__name__ in kinds]

    told = renamed_property("project.told", "project.events_of")
    held = renamed_property("project.held", "project.sandbox_state")

    @property
    def waits(self) -> list[float]:
        """The seconds of each wait and each delay before a retry, in the last run."""
        return [
            event.delay if isinstance(event, Retrying) else event.until - event.at
            for event in self.events
            if isinstance(event, (Retrying, Waiting))
        ]


@cache
def _installed_plugins(path: tuple[str, ...]) -> list[PluginInfo]:
    """Those on ``sys.path``, which is ``path``.

    Cached, because reading all distributions takes longer than most tests.
    """
    return plugin_loading.find_installed(None)
