"""A project for tests: a recipe's text goes in at the front, and statuses, events and a service's state come out.

    with Project(folder) as project:
        assert project.run("{name: n, api: v5, steps: [{id: a, uses: get_user}]}").ok

Nobody waits: time passes when somebody sleeps.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Self

from pinflow.app import App, Options, services_of, tokens_of
from pinflow.errors import UsageError
from pinflow.events import EffectDone, Event, Retrying, Waiting
from pinflow.plugin import loader as plugin_loading
from pinflow.plugin.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow.engine.results import RunResult
    from pinflow.plan import Plan
    from pinflow.plugin.action import Action
    from pinflow.plugin.loader import Found

NOON = 1_800_000_000.0  # seconds since the epoch: 2027-01-15, 08:00 UTC


class Killed(BaseException):
    """Stands for the end of the process, in the middle of a run."""


class Clock:
    """A time that passes only when somebody sleeps. Safe for threads."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now  # seconds since the epoch
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        with self._lock:
            self.now += seconds


class Project:
    """A folder with recipes, the plugins that they use, and everything that was told of their runs.

    Every installed plugin is there unless ``installed`` is False or ``disabled`` names it, and those in
    ``plugins``: modules, or objects with functions marked ``@hookimpl``. ``files`` are plugins that are Python
    files. ``environ`` is the whole environment that recipes and plugins see, beside the variables of the sandboxes:
    one starts for each service that a run needs and some plugin simulates, and lasts as long as the project, so
    that a run can be resumed.
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
        self.clock = Clock()
        self.stop = threading.Event()
        self.approve: Callable[[str], bool] | None = lambda what: True  # nothing of anybody's is at stake
        self._installed = installed
        self._files = tuple(files)
        self._disabled = tuple(disabled)
        self._open = ExitStack()
        self._sandboxes: dict[str, Any] = {}
        self.variables: dict[str, str] = {}  # that the sandboxes give their clients
        self.offered: Callable[[Action], Action] = lambda action: action  # changes actions on their way to the engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandboxes."""
        self._open.close()

    # what there is

    def offer(self, *actions: Action) -> None:
        """Give recipes these actions."""

        class Offering:
            @hookimpl
            def pinflow_actions(self) -> list[Action]:
                return list(actions)

        self.plugins.append(Offering())

    def write(self, text: str, name: str = "recipe.yaml") -> Path:
        """A file in the recipes' folder, its indentation taken away."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        return path

    def app(self) -> App:
        """pinflow with these plugins, in this environment and at this time."""
        manager, infos = plugin_loading.load(
            self._found(), disabled=self._disabled, files=self._files, objects=self.plugins
        )
        registry = plugin_loading.collect(manager, infos, {**self.variables, **self.environ})
        return App(
            replace(registry, actions={key: self.offered(each) for key, each in registry.actions.items()}),
            manager,
            {**self.variables, **self.environ},
            state=self.state,
            clock=self.clock,
            monotonic=self.clock,
            sleep=self.clock.sleep,
        )

    def _found(self) -> list[Found]:
        """The installed plugins, but for those that the test brings itself."""
        brought = {getattr(each, "__name__", "") for each in self.plugins}
        return [each for each in _installed() if each.value not in brought] if self._installed else []

    # the service

    @property
    def sandbox(self) -> Any:
        """The sandbox of the one service that runs use: what its plugin's ``pinflow_sandbox`` starts.

        Raises UsageError where there are several to choose from; :meth:`sandbox_of` names one.
        """
        services = list(self._sandboxes) or self._brought() or sorted(self.app().registry.simulators)
        if len(services) != 1:
            listed = ", ".join(services) or "none"
            raise UsageError(f"which sandbox? There are: {listed}", hint="name one: project.sandbox_of(service)")
        return self.sandbox_of(services[0])

    def _brought(self) -> list[str]:
        """The services that the test's own plugins simulate."""
        manager, infos = plugin_loading.load([], files=self._files, objects=self.plugins)
        hook = [each.plugin_name for each in manager.hook.pinflow_sandbox.get_hookimpls()]
        mine = [info.name for info in infos if info.name in hook]
        everything = self.app().registry
        return [
            offer.removeprefix("sandbox ")
            for plugin in everything.plugins
            if plugin.name in mine
            for offer in plugin.offers
            if offer.startswith("sandbox ")
        ]

    def sandbox_of(self, service: str) -> Any:
        """The sandbox of a service; it starts when it is first asked for. Raises UsageError if nobody simulates it."""
        if service not in self._sandboxes:
            simulators = self.app().registry.simulators
            if service not in simulators:
                raise UsageError(
                    f"no plugin simulates {service!r}; there are: {', '.join(sorted(simulators)) or 'none'}"
                )
            self._sandboxes[service] = self._open.enter_context(simulators[service].start(self.clock))
        return self._sandboxes[service]

    @property
    def requests(self) -> Sequence[Mapping[str, Any]]:
        """What :attr:`sandbox` was asked, where it tells: mappings with ``method``, ``path``, ``status``, ``count``."""
        told: Sequence[Mapping[str, Any]] = self.sandbox.requests()
        return told

    def held(self) -> dict[str, Any]:
        """What the running sandboxes hold, by service, of those that tell."""
        return {name: each.state() for name, each in self._sandboxes.items() if hasattr(each, "state")}

    def _ready(self, app: App, plan: Plan) -> App:
        """The same app, with the sandboxes that the plan needs."""
        for service in services_of(plan):
            if service in app.registry.simulators:
                self.variables.update(self.sandbox_of(service).environment(tokens_of(plan)))
        app.environ = {**self.variables, **self.environ}
        return app

    # what is done

    def plan(self, recipe: str | Path, *, inputs: Mapping[str, Any] | None = None, **options: Any) -> Plan:
        """The plan of a recipe that is to be run. Raises RecipeError with everything that is wrong."""
        return self.app().plan(self._path(recipe), inputs=inputs or {}, **options)

    def check(self, recipe: str | Path, **options: Any) -> Plan:
        """The plan of a recipe that is only checked."""
        return self.app().plan(self._path(recipe), inputs=None, **options)

    def run(
        self,
        recipe: str | Path,
        *,
        inputs: Mapping[str, Any] | None = None,
        api: str | None = None,
        examples: bool = False,
        dry_run: bool = False,
        plugins: Iterable[object] = (),
        **options: Any,
    ) -> RunResult:
        """Run a recipe, given as text or as a file; what was told of it is in ``events``.

        ``examples`` takes the inputs' examples where nothing is given; ``plugins`` are
        added to those of the project; ``options`` are those of :class:`pinflow.app.Options`.
        Raises RecipeError, CredentialError and so on before anything is sent; what comes later is in the result.
        """
        self.plugins += plugins
        self.events.clear()
        app = self.app()
        plan = app.plan(self._path(recipe), inputs=inputs or {}, api=api, examples=examples)
        return self._ready(app, plan).run(plan, self._options(dry_run=dry_run, **options))

    def resume(self, run: str | None = None, *, inputs: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
        """Go on with a run, the last one if none is named."""
        self.events.clear()
        return self.app().resume(run, self._options(**options), inputs=inputs)

    def kill(self, recipe: str | Path, *, after: int = 1, **options: Any) -> None:
        """Run a recipe, and end it as a kill of the process would: right after its ``after``-th effect.

        :meth:`resume` goes on. Raises AssertionError if the run was over before.
        """
        left = iter(range(after - 1, -1, -1))

        def count(event: Event) -> None:
            if isinstance(event, EffectDone) and not next(left, 1):
                raise Killed

        try:
            result = self.run(recipe, report=[count], **options)
        except Killed:
            return
        raise AssertionError(f"the run was over before its effect {after}: {result.status}") from result.error

    def _path(self, recipe: str | Path) -> Path:
        return recipe if isinstance(recipe, Path) else self.write(recipe)

    def _options(self, **given: Any) -> Options:
        report = [self.events.append, *given.pop("report", ())]
        return Options(**{"approve": self.approve, "stop": self.stop, **given, "report": report})

    # what was told

    def told(self, *kinds: str) -> list[Any]:
        """The events of these kinds, in order: ``told("EffectDone", "ItemSkipped")``."""
        return [event for event in self.events if type(event).__name__ in kinds]

    @property
    def waits(self) -> list[float]:
        """The seconds of each wait and pause between tries, in the last run."""
        return [
            event.delay if isinstance(event, Retrying) else event.until - event.at
            for event in self.events
            if isinstance(event, (Retrying, Waiting))
        ]


@cache
def _installed() -> list[Found]:
    """Looking through all distributions takes longer than most tests."""
    return plugin_loading.installed(None)
