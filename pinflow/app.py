"""pinflow as a library: plan, run, resume, and look at what ran.

app = App.installed(os.environ)
plan = app.plan(Path("recipes/copy_board.yaml"), inputs={"board": "Garden ideas"})
result = app.run(plan, Options(sandbox=True))
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.clock import Clock
from pinflow.engine.options import Options
from pinflow.errors import RecipeError, UsageError, renamed_property, warn_renamed
from pinflow.lazy_dataclass import replace
from pinflow.masking.known import remember_token
from pinflow.plugin import loader
from pinflow.recipe import bundled
from pinflow.state.choose import open_state
from pinflow.state.folder import paths
from pinflow.state.records import MAX_WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import pluggy
    from pluggy import HookImpl

    from pinflow.engine.account_admin import AccountAdmin
    from pinflow.engine.approvals import Approvals
    from pinflow.engine.launcher import Launcher
    from pinflow.engine.notices import Notices
    from pinflow.engine.results import RunResult
    from pinflow.engine.sign_in import SignIn
    from pinflow.engine.undo import UndoPlan
    from pinflow.http.credentials import Credential, CredentialRequest
    from pinflow.plan import Plan
    from pinflow.plan.inputs import RecordedInputs
    from pinflow.plugin.registry import Registry
    from pinflow.state.protocol import State
    from pinflow.state.records import Approval, Coverage, Notice, RunDetail, RunRecord

__all__ = ["App", "Options"]


class App:
    """The engine with the plugins that are there: a facade of what programs and commands do with runs.

    ``accounts`` has quotas and blocks, ``approvals`` what may run unattended, ``notices``
    the open alerts. What decides when recipes run stands above this: `pinflow.scheduling`
    takes an app.
    """

    def __init__(
        self,
        registry: Registry,
        manager: pluggy.PluginManager,
        environ: Mapping[str, str],
        *,
        state: Path | None = None,
        clock: Clock | Callable[[], float] | None = None,
        **times: Any,
    ) -> None:
        """``times``: monotonic and sleep, as version 0.1 took them beside ``clock``, the seconds since the epoch."""
        oauths = [api.oauth for api in registry.apis.values() if api.oauth is not None]
        remember_token(*(environ.get(secret) for oauth in oauths for _, secret in oauth.app_variables))
        self.registry = registry
        self.environ = environ
        self.clock = clock if isinstance(clock, Clock) else _clock_of(clock, times)
        self._state = state
        self._manager = manager

    @cached_property
    def state(self) -> Path:
        """The folder where runs are recorded."""
        return self._state or paths.state_folder(self.environ)

    @cached_property
    def store(self) -> State:
        """What is kept between runs. Raises UsageError for a PINFLOW_STATE that can't be used."""
        return open_state(self.environ, self.clock, folder=self._state)

    @classmethod
    def installed(
        cls,
        environ: Mapping[str, str],
        *,
        plugins_from: Iterable[Path] = (),
        reserved: Collection[str] = (),
        clock: Clock | Callable[[], float] | None = None,
        **options: Any,
    ) -> App:
        """An app with every installed plugin and the local ones in ``plugins_from``.

        PINFLOW_DISABLE in ``environ`` names plugins to leave out, comma-separated, and
        PINFLOW_PLUGINS the only ones of other distributions to load; unset, those that
        offer credentials wait for ``pinflow plugins allow`` (``registry.held``).
        ``reserved`` are names of commands that no plugin may have; ``clock`` is that of
        this machine unless given. Raises PluginError.
        """
        cache = paths.cache_file(environ, "plugins.cache")
        manager, infos, held = loader.load_installed(environ, cache, files=plugins_from)
        registry = loader.collect(manager, infos, environ, reserved=reserved, held=held)
        return cls(registry, manager, environ, clock=clock, **options)

    # -- before a run

    def plan(
        self,
        recipe: Path,
        *,
        inputs: Mapping[str, Any] | None,
        api: str | None = None,
        examples: bool = False,
        moment: float | None = None,
        recorded: RecordedInputs | None = None,
        typed: Collection[str] | None = None,
        here: Path | None = None,
        tokens: Mapping[str, str] | None = None,
    ) -> Plan:
        """A checked recipe, bound to plugins and inputs; nothing is sent.

        ``inputs`` None only checks it. ``api`` overrides the recipe's default API, and a
        recipe that has none gets that of the environment (``Api.version_variable``);
        ``examples`` uses the inputs' examples where none are given. ``moment`` is what
        now() and today() give in the whole run, in seconds since the epoch: now, unless
        given. ``recorded`` are an earlier run's inputs, for those that aren't given now.
        ``typed`` are the names of those in ``inputs`` whose values a person gave: all,
        unless given. Others have no more rights than the recipe's own defaults. A secret
        input that is not among them is taken from its variable, PINFLOW_INPUT_NAME.
        ``here`` is the folder that paths count from: the current one, unless given.
        ``tokens`` are names of tokens by login, in place of those that the recipe names; "" is the only login.
        Raises RecipeError with every problem, UsageError, MissingInputs. Which file ``recipe`` means is told by
        `pinflow.recipe.bundled.find_recipe`.
        """
        from pinflow.engine.protected_folders import file_rules
        from pinflow.plan import make_plan
        from pinflow.recipe.reader import parse_all
        from pinflow.recipe.source import read

        path, folder = bundled.find_recipe(recipe, self.registry.recipes), here or paths.current_folder()
        source = read(path, str(path), known=(bundled_file.stem for bundled_file in self.recipes()))
        parsed, problems = parse_all(source)
        if parsed is None:
            raise RecipeError(problems)
        if api is None and parsed.api is None:
            api = self.usual_api()
        now = self.clock.moment() if moment is None else datetime.fromtimestamp(moment, UTC)
        return make_plan(
            source,
            parsed,
            self.registry,
            inputs,
            now=now,
            api=api,
            examples=examples,
            problems=problems,
            recorded=recorded,
            typed=typed,
            environ=self.environ,
            tokens=tokens,
            files=file_rules(path, folder, registry=self.registry, environ=self.environ, state=self._state),
        )

    def usual_api(self) -> str | None:
        """The API that the environment names, for recipes that name none. Raises UsageError for an unknown one."""
        for api in self.registry.apis.values():
            name = self.environ.get(api.version_variable) if api.version_variable else None
            if name and name not in self.registry.apis:
                known = ", ".join(sorted(self.registry.apis))
                raise UsageError(f"{api.version_variable} is the unknown API {name[:40]!r}; there are: {known}")
            if name:
                return name
        return None

    def now(self) -> float:
        """Seconds since the epoch, by this app's clock."""
        return self.clock.now()

    def new_run_id(self) -> str:
        """A name for a run that begins now."""
        from pinflow.state.records import new_run_id

        return new_run_id(self.clock.now())

    def look(self, name: str, credential: Credential, api: str, *, environ: Mapping[str, str] | None = None) -> Any:
        """The output of an action that reads and needs no arguments; None where ``api`` has no such action.

        For a credential that is not stored yet. ``environ`` is where the API's address
        is looked up, this app's unless given. Raises what the action raises.
        """
        action = self.registry.action(name, api)
        if action is None or action.api is None or action.effect != "read" or action.yields:
            return None
        plan = self.launcher.plan_text(f"name: look\napi: {api}\nsteps:\n  - uses: {name}\n", "look", {})
        (login,) = plan.logins.values()
        options = Options(dry_run=True, patience=10.0)  # seconds; a person waits for the answer
        credentials = {(login.token, login.api): credential}
        with self.launcher.open(plan, options, environ=environ, credentials=credentials) as session:
            return action.function(session.reader(login))

    # -- a run

    def run(self, plan: Plan, options: Options | None = None, *, run_id: str | None = None) -> RunResult:
        """Run a plan to its end, its pause or its error. The result tells which; only defects raise.

        Raises CredentialError, ApprovalRequired and StateError, before anything is sent.
        With ``options.unattended``, writes need an approval: see :meth:`approve`.
        ``run_id`` names the run, as `new_run_id` does; StateError if there is one of that name.
        """
        return self.launcher.run(plan, options or Options(), run_id=run_id)

    def resume(
        self,
        run_id: str | None,
        options: Options | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        typed: Collection[str] | None = None,
    ) -> RunResult:
        """Go on with a run (the last one, if ``run_id`` is None) where it stopped.

        ``inputs`` gives its secret inputs again, which are not recorded, and corrects
        others that nothing which is done has used; ``typed`` is as for `plan`. A recipe that was changed since, in
        nothing that is done, is gone on with if ``options`` accept it or a person does.
        Raises UsageError for a run that is done or unknown, and for changes and inputs
        that touch what is done.
        """
        again = partial(self._plan_again, typed=typed)
        return self.launcher.resume(run_id, options or Options(), make_plan=again, inputs=inputs or {})

    def _plan_again(self, record: RunRecord, inputs: Mapping[str, Any], *, typed: Collection[str] | None) -> Plan:
        """The plan of an earlier run, with its inputs and the secret ones that are given again."""
        from pinflow.plan.inputs import RecordedInputs

        given = frozenset(record.options.get("given", record.inputs))
        recorded = RecordedInputs(record.inputs, given, frozenset(record.options.get("typed", given)))
        return self.plan(
            Path(record.recipe),
            inputs=inputs,
            api=record.options.get("api"),
            moment=record.started,
            recorded=recorded,
            typed=typed,
            here=Path(here) if (here := record.options.get("here")) else None,
        )

    def _sign_in(self, recipes: Path) -> SignIn:
        """Who signs in the recipes of a folder."""
        from pinflow.engine.sign_in import SignIn, token_folders

        return SignIn(
            registry=self.registry,
            environ=self.environ,
            folders=token_folders(recipes, self.state),
            find=lambda request, only: loader.credential(self._manager, self.registry.plugins, request, only=only),
            places=partial(loader.token_places, self._manager, self.registry.plugins),
            now=self.clock.now,
        )

    @cached_property
    def launcher(self) -> Launcher:
        """What starts runs."""
        from pinflow.engine.launcher import Launcher
        from pinflow.engine.plugin_listener import PluginListener

        event_hooks = self._manager.hook.pinflow_event.get_hookimpls()
        return Launcher(
            registry=self.registry,
            environ=self.environ,
            state=self.state,
            store=self.store,
            clock=self.clock,
            sign_in=self._sign_in,
            listeners=[PluginListener(hook.plugin_name, hook.function) for hook in event_hooks],
            approvals=self.approvals,
            notices=self.notices,
        )

    @cached_property
    def accounts(self) -> AccountAdmin:
        """Quotas, blocks and choices of accounts."""
        from pinflow.engine.account_admin import AccountAdmin

        return AccountAdmin(self.store, lambda: self.launcher)

    # -- approval

    def approve(self, plan: Plan, *, by: str, max_writes: int = MAX_WRITES, covers: Coverage | None = None) -> Approval:
        """Let a plan run unattended, until revoked or until something of what ``covers`` says has changed.

        That is what `launcher.rehearse` gave; without it a dry run is made now, whose error is raised unless a plan is
        approved already. One run may then make ``max_writes`` changes, deletions among them. ``by`` is who approved it.
        Raises StateError where that can't be stored.
        """
        if covers is None:
            result, covers = self.launcher.rehearse(plan, Options())
            if result.error is not None:
                if (known := self.approvals.coverage_that_holds(plan)) is None:
                    raise result.error
                covers = known
        return self.approvals.approve(plan, covers, by=by, at=self.clock.now(), max_writes=max_writes)

    @cached_property
    def notices(self) -> Notices:
        """The alerts of unattended runs."""
        from pinflow.engine.notices import Notices

        hooks = self._manager.hook.pinflow_notify.get_hookimpls()
        notifiers = {hook.plugin_name: partial(_notify, hook, self.environ) for hook in hooks}
        return Notices(self.store.notices, notifiers, clock=self.clock.now, complain=_complain)

    @cached_property
    def approvals(self) -> Approvals:
        """What may run unattended."""
        from pinflow.engine.approvals import Approvals

        return Approvals(self.store.approvals, self.notices, self.environ)

    def plan_undo(self, run_id: str) -> UndoPlan:
        """What undoing a run would delete, and what it would leave; reads from the service, and changes nothing.

        Raises UsageError for a run that is unknown or still running, or was in the embedded sandbox.
        """
        from pinflow.engine.undo_launcher import plan_undo

        return plan_undo(self.launcher, self.show(run_id))

    def undo(self, undo_plan: UndoPlan, options: Options | None = None) -> RunResult:
        """Delete what ``undo_plan`` lists, as a run of its own: recorded, paced, and resumed like any other."""
        from pinflow.engine.undo_launcher import run_undo

        return run_undo(self.launcher, undo_plan, options or Options())

    def credential_request(self, token: str, api: str, scopes: frozenset[str] = frozenset()) -> CredentialRequest:
        """Where a token is looked for, outside of any recipe. Raises UsageError for an unknown API."""
        if api not in self.registry.apis:
            raise UsageError(f"unknown API {api!r}; there are: {', '.join(self.registry.apis)}")
        return self._sign_in(paths.current_folder()).request(token, api, scopes)

    def recipes(self) -> list[Path]:
        """The recipes that come with pinflow, by name."""
        return sorted(bundled.bundled_recipes().glob("*.yaml"))

    # -- afterwards

    def runs(self, *, number: int | None = None) -> Sequence[RunRecord]:
        """The recorded runs, newest first: all, or so many. One that can't be read says why in its ``error``."""
        return self.store.runs.list(number=number)

    def show(self, run_id: str) -> RunDetail:
        """What is recorded of one run. Raises UsageError if there is none, StateError if it can't be read."""
        from pinflow.engine.run_lookup import unknown_run

        try:
            return self.store.runs.detail(run_id)
        except UsageError:
            raise unknown_run(self.store, run_id) from None

    # names that an App of version 0.1 had itself

    quotas = renamed_property("App.quotas", "App.accounts.quotas")
    lift_block = renamed_property("App.lift_block", "App.accounts.lift_block")
    choices = renamed_property("App.choices", "App.accounts.choices")
    monotonic = renamed_property("App.monotonic", "App.clock.monotonic")
    tell = renamed_property("App.tell", "App.notices.alert")
    undoing = renamed_property("App.undoing", "App.plan_undo")


def _clock_of(now: Callable[[], float] | None, times: Mapping[str, Any]) -> Clock:
    """The clock of an App that is given its times one by one."""
    if unknown := times.keys() - {"monotonic", "sleep"}:
        raise TypeError(f"App() got an unexpected keyword argument {min(unknown)!r}")
    if now is not None or times:
        warn_renamed("App(clock=, monotonic=, sleep=)", "App(clock=Clock(now, monotonic, sleep))")
    return replace(Clock(), **(times if now is None else {**times, "now": now}))


def _notify(hook: HookImpl, environ: Mapping[str, str], notice: Notice) -> object:
    return loader.call_hook(hook, notice=notice, environ=environ)


def _complain(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # a stream that is broken, closed, or not there at all
        sys.stderr.write(f"{text}\n")
