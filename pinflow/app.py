"""pinflow as a library: plan, run, resume, and look at what ran.

app = App.installed(os.environ)
plan = app.plan(Path("recipes/copy_board.yaml"), inputs={"board": "Garden ideas"})
result = app.run(plan, Options(sandbox=True))
"""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.clock import Clock
from pinflow.engine.approvals import Approvals, approval_of, command, digest_of
from pinflow.errors import ApprovalRequired, PinflowError, RateLimited, RecipeError, RemoteError, UsageError
from pinflow.plugin import loader
from pinflow.recipe import bundled
from pinflow.state.folder import atomic_file, paths
from pinflow.state.folder.state import FolderState
from pinflow.state.records import MAX_WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import pluggy
    from pluggy import HookImpl

    from pinflow.engine.notices import Notices
    from pinflow.engine.results import RunResult
    from pinflow.engine.session import Session
    from pinflow.engine.undo import Made, Undoing
    from pinflow.engine.write_budget import Bulk
    from pinflow.events import Event
    from pinflow.http.credentials import Credential, CredentialRequest
    from pinflow.plan import Login, Plan
    from pinflow.plan.inputs import Declared
    from pinflow.plugin.registry import Registry
    from pinflow.state.protocol import Journal
    from pinflow.state.records import Approval, Level, Notice, QuotaUse, RunDetail, RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is to be done."""

    dry_run: bool = False
    sandbox: bool = False
    tier: str = "standard"  # of the app's access to the API; decides the quotas
    patience: float = 120.0  # seconds that a single wait for a quota may take
    approve: Callable[[str], bool] | None = None  # asked before things are deleted, and beyond max_writes; None refuses
    max_writes: int | None = MAX_WRITES  # changes that a run makes without asking; None lets all pass
    unattended: bool = False  # nobody is there to ask: writes need an approval that is stored
    report: Sequence[Callable[[Event], None]] = ()
    executor: str = "threads"  # what works side by side: threads, serial, or what a plugin offers
    stop: threading.Event | None = None  # set it to end the run after the call in flight


class App:
    """The engine with the plugins that are there. Time and network are as given."""

    def __init__(
        self,
        registry: Registry,
        manager: pluggy.PluginManager,
        environ: Mapping[str, str],
        *,
        state: Path | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.registry = registry
        self.environ = environ
        self._state = state
        self._manager = manager
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    @cached_property
    def state(self) -> Path:
        """Where runs are recorded."""
        return self._state or paths.state_folder(self.environ)

    @cached_property
    def store(self) -> FolderState:
        """What is kept between runs."""
        return FolderState(self.state, Clock(self._clock, self._monotonic, self._sleep))

    @classmethod
    def installed(
        cls,
        environ: Mapping[str, str],
        *,
        plugins_from: Iterable[Path] = (),
        reserved: Collection[str] = (),
        **seams: Any,
    ) -> App:
        """An app with every installed plugin and the local ones in ``plugins_from``.

        PINFLOW_DISABLE in ``environ`` names plugins to leave out, comma-separated;
        ``reserved`` are names of commands that no plugin may have. Raises PluginError.
        """
        cache = paths.cache_folder(environ) / "plugins.json"
        manager, infos = loader.load_installed(environ, cache, files=plugins_from)
        return cls(loader.collect(manager, infos, environ, reserved=reserved), manager, environ, **seams)

    # -- before a run

    def plan(
        self,
        recipe: Path,
        *,
        inputs: Mapping[str, Any] | None,
        api: str | None = None,
        examples: bool = False,
    ) -> Plan:
        """A checked recipe, bound to plugins and inputs; nothing is sent.

        ``inputs`` None only checks it. ``api`` overrides the recipe's default API, and a
        recipe that has none gets that of the environment (``Api.version_variable``);
        ``examples`` uses the inputs' examples where nothing is given. Raises
        RecipeError with every problem, UsageError, MissingInputs.
        """
        from pinflow.plan import make_plan
        from pinflow.recipe.reader import parse_all
        from pinflow.recipe.source import read

        path = bundled.find_recipe(recipe)
        source = read(path, str(path), known=(each.stem for each in self.recipes()))
        found, problems = parse_all(source)
        if found is None:
            raise RecipeError(problems)
        if api is None and found.api is None:
            api = self.usual_api()
        return make_plan(
            source, found, self.registry, inputs, now=self._now(), api=api, examples=examples, problems=problems
        )

    def usual_api(self) -> str | None:
        """The API that the environment names, for where nobody says which. Raises UsageError for an unknown one."""
        for api in self.registry.apis.values():
            wanted = self.environ.get(api.version_variable) if api.version_variable else None
            if wanted and wanted not in self.registry.apis:
                known = ", ".join(sorted(self.registry.apis))
                raise UsageError(
                    f"{api.version_variable} is {wanted[:40]!r}, which no plugin speaks; there are: {known}"
                )
            if wanted:
                return wanted
        return None

    def now(self) -> float:
        """Seconds since the epoch, by this app's clock."""
        return self._clock()

    def monotonic(self) -> float:
        """Seconds that only go forward, whatever is done to the clock."""
        return self._monotonic()

    def new_run_id(self) -> str:
        """A name for a run that begins now."""
        from pinflow.state.records import new_run_id

        return new_run_id(self._clock())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def choices(self, declared: Declared, plan: Plan) -> list[tuple[str, str]]:
        """Values and labels that could be an input's, from the action ``list_<type>s`` of the recipe's API.

        Reads from the service with the plan's first login. [] where there is no such
        action. ``plan`` may have been made without inputs.
        """
        action = self.registry.action(f"list_{declared.input.type}s", plan.api)
        if action is None or not action.yields or action.api is None or not plan.logins:
            return []
        login = next((each for each in plan.logins.values() if each.api == action.api), None)
        if login is None:
            return []
        with self._session(plan, Options(dry_run=True), self.environ, run_id="", logins=[login]) as session:
            context = session.context(session.clients[login.name, login.api])
            found = list(islice(action.function(context), 250))
        return [(str(item["id"]), str(item.get("name", item["id"]))) for item in found if "id" in item]

    def look(self, name: str, credential: Credential, api: str, *, environ: Mapping[str, str] | None = None) -> Any:
        """What an action that reads gives, without arguments; None where ``api`` has no such action.

        For whoever holds a credential that is kept nowhere yet. ``environ`` is where
        the API's address is looked up, this app's unless given. Raises what the
        action raises.
        """
        from pinflow.plan import make_plan
        from pinflow.recipe.reader import parse
        from pinflow.recipe.source import load

        action = self.registry.action(name, api)
        if action is None or action.api is None or action.effect != "read" or action.yields:
            return None
        source = load(f"name: look\napi: {api}\nsteps:\n  - uses: {name}\n", "look")
        plan = make_plan(source, parse(source), self.registry, {}, now=self._now())
        (login,) = plan.logins.values()
        signed = {(login.token, login.api): credential}
        surroundings = self.environ if environ is None else environ
        with self._session(
            plan, Options(dry_run=True, patience=10.0), surroundings, run_id="", credentials=signed
        ) as session:
            return action.function(session.context(session.clients[login.name, login.api]))

    # -- a run

    def run(self, plan: Plan, options: Options | None = None, *, run_id: str | None = None) -> RunResult:
        """Run a plan to its end, its pause or its error. The result tells which; only defects raise.

        Raises CredentialError, ApprovalRequired and StateError, before anything is sent.
        With ``options.unattended``, writes need an approval: see :meth:`approve`.
        ``run_id`` names the run, as `new_run_id` does; StateError if there is one of that name.
        """
        options = options or Options()
        from pinflow.engine.safe_journal import SafeJournal

        most = self._approved(plan, options)
        run_id = run_id or self.new_run_id()

        def journal() -> Journal | None:
            if options.dry_run:
                return None
            record = self._record(plan, options, run_id)
            self.store.runs.prune()
            return SafeJournal(self.store.runs.create(record))

        with (
            self._surroundings(plan, options) as environ,
            self._session(plan, options, environ, run_id=run_id, journal=journal, most=most) as session,
        ):
            result = session.run(resumed=False)
        return result if options.dry_run or options.sandbox else self._tell_of_pause(plan, options, result)

    def _record(self, plan: Plan, options: Options, run_id: str) -> RunRecord:
        from pinflow.engine.undo import makers
        from pinflow.state.records import RunRecord

        return RunRecord(
            id=run_id,
            recipe=str(Path(plan.source.name).resolve()),
            recipe_digest=plan.digest,
            name=plan.recipe.name,
            inputs=plan.stored_inputs(),
            options={
                "api": plan.forced_api,
                "tier": options.tier,
                "sandbox": options.sandbox,
                "secrets": sorted(name for name in plan.secrets if plan.inputs[name] is not None),
                "given": sorted(plan.given),
                "undo": makers(plan),
            },
            versions={p.distribution or p.module: p.version for p in self.registry.plugins},
            started=self._clock(),
        )

    def resume(
        self, run_id: str | None, options: Options | None = None, *, inputs: Mapping[str, Any] | None = None
    ) -> RunResult:
        """Go on with a run (the last one, if ``run_id`` is None) where it stopped.

        ``inputs`` gives its secret inputs again, which are not recorded. Raises
        UsageError for a run that is done, unknown, or whose recipe was changed, and
        for other inputs than it began with.
        """
        from pinflow.engine.safe_journal import SafeJournal

        wanted = run_id or self.store.runs.last()
        if wanted is None:
            raise UsageError("there is no run to resume", hint="pinflow runs lists them")
        with SafeJournal(self.store.runs.open(wanted)) as journal:
            plan = self._plan_again(journal.run, inputs or {})
            tier = str(journal.run.options.get("tier", "standard"))
            options = replace(options or Options(), tier=tier, dry_run=False, sandbox=False)
            most = self._approved(plan, options)
            blocked = journal.run.error.startswith("spam_blocked")
            after = None if blocked else journal.run.resume_after
            self._check_due(wanted, after, options.patience)
            with self._session(
                plan, options, self.environ, run_id=wanted, journal=lambda: journal, most=most
            ) as session:
                if blocked:
                    session.check_blocks()
                result = session.run(resumed=True, not_before=after)
            return self._tell_of_pause(plan, options, result)

    def _check_due(self, run_id: str, after: float | None, patience: float) -> None:
        """Raise RateLimited if the run's quota rests for longer than ``patience`` seconds."""
        wait = (after or 0.0) - self._clock()
        if after is not None and wait > patience:
            raise RateLimited(
                f"run {run_id} is paused until {datetime.fromtimestamp(after).astimezone():%Y-%m-%d %H:%M:%S}, "
                "when its quota is free again; nothing was sent",
                retry_after=wait,
                status=0,
                hint=f"go on then, or wait for it: pinflow resume {run_id} --patience {ceil(wait / 60)}m",
            )

    def _plan_again(self, record: RunRecord, inputs: Mapping[str, Any]) -> Plan:
        """The plan of an earlier run, if it is still the same and there is something left to do."""
        if record.state == "ok":
            raise UsageError(
                f"run {record.id} is done: there is nothing to resume", hint="which others can: pinflow runs"
            )
        if record.options.get("sandbox"):
            raise UsageError(
                f"run {record.id} was in the embedded sandbox, which ended with it",
                hint="to try resuming, start `pinflow sandbox` in another terminal and use the variables it prints",
            )
        plan = self.plan(Path(record.recipe), inputs={**record.inputs, **inputs}, api=record.options.get("api"))
        plan = replace(plan, given=frozenset(record.options.get("given", plan.given)))
        if plan.digest != record.recipe_digest:
            raise UsageError(
                f"{record.recipe} was changed since run {record.id} began",
                hint="put it back to resume the run, or start a new one with: pinflow run",
            )
        changed = [name for name in inputs if name in record.inputs and plan.inputs[name] != record.inputs[name]]
        if changed:
            raise UsageError(
                f"run {record.id} began with another value for input {' and '.join(map(repr, changed))}",
                hint="leave it out to resume the run, or start a new one with: pinflow run",
            )
        lacking = [name for name in record.options.get("secrets", ()) if plan.inputs.get(name) is None]
        if lacking:
            raise UsageError(
                f"run {record.id} needs its secret input {' and '.join(map(repr, lacking))} again: it is not recorded",
                hint=f"give it with: -i {lacking[0]}=...",
            )
        return plan

    # -- approval

    def approve(self, plan: Plan, *, by: str, max_writes: int = MAX_WRITES) -> Approval:
        """Let a plan run with nobody there: this text, what it includes, and the inputs that were given; until revoked.

        One run may then make ``max_writes`` changes, deletions among them. ``by`` says
        who approved it. Raises StateError where that can't be kept.
        """
        approval = approval_of(plan, by=by, at=self._clock(), max_writes=max_writes)
        self.approvals.add(approval)
        self.notices.resolve(f"approval-missing:{approval.id}")
        return approval

    @cached_property
    def notices(self) -> Notices:
        """What people are told of, once, where nobody is there."""
        from pinflow.engine.notices import Notices

        hooks = self._manager.hook.pinflow_notify.get_hookimpls()
        notifiers = {each.plugin_name: partial(_notify, each, self.environ) for each in hooks}
        return Notices(self.store.notices, notifiers, clock=self._clock, complain=_complain)

    @cached_property
    def approvals(self) -> Approvals:
        """What may run with nobody there."""
        return Approvals(self.store.approvals)

    def _approved(self, plan: Plan, options: Options) -> int | None:
        """How many changes the run may make; None for any number. Raises ApprovalRequired if it must not run at all."""
        if options.dry_run or options.sandbox:
            return None
        if options.unattended:
            return self._approved_before(plan) if plan.unattended_writes else 0
        if deleting := ", ".join(step.path for step in plan.destructive):
            what = f"{plan.source.name} deletes things (step {deleting})"
            if options.approve is None or not options.approve(what):
                raise ApprovalRequired(
                    f"{what}, and nobody approved it", hint="look at it with --dry-run, then run it with --yes"
                )
        return options.max_writes

    def _approved_before(self, plan: Plan) -> int:
        """How many changes a stored approval lets an unattended run make. Raises ApprovalRequired, and tells of it."""
        key = f"approval-missing:{digest_of(plan)[:12]}"
        try:
            most = self.approvals.require(plan).max_writes
        except ApprovalRequired as error:
            self.tell(key, "approval_missing", f"{plan.recipe.name} waits for an approval", _in_a_line(error))
            raise
        self.notices.resolve(key)
        return most

    def tell(self, key: str, kind: str, title: str, text: str = "", *, level: Level = "warning") -> bool:
        """Tell people of something, once until ``notices.resolve(key)``; whether they were told now. See Notice."""
        from pinflow.state.records import Notice

        return self.notices.tell(Notice(key=key, kind=kind, title=title, text=text, at=self._clock(), level=level))

    def _tell_of_pause(self, plan: Plan, options: Options, result: RunResult) -> RunResult:
        """Tell of an unattended run that is paused or in doubt; once one has ended well, that is over."""
        key = f"run-paused:{digest_of(plan)[:12]}"
        if result.status in ("paused", "in_doubt") and options.unattended:
            words = "is paused" if result.status == "paused" else "is in doubt"
            text = f"{_in_a_line(result.error)}; go on with: pinflow resume {result.run}"
            self.tell(key, "run_paused", f"{plan.recipe.name} {words} (run {result.run})", text)
        elif result.ok:
            self.notices.resolve(key)
        return result

    def _bulk(self, plan: Plan, options: Options, journal: Journal | None, most: int | None, run_id: str) -> Bulk:
        from pinflow.engine.write_budget import Bulk

        if journal is None or most is None:
            return Bulk(None)
        counts = journal.counts().values()
        done = sum(number for each in counts for outcome, number in each.items() if outcome in ("done", "adopted"))
        if options.unattended:
            more = f"{command(plan)} --max-writes {max(10 * most, MAX_WRITES)}"
            return Bulk(most, done=done, hint=f"if more is meant: {more} && pinflow resume {run_id}")
        hint = f"look at what it did, then let it go on: pinflow resume {run_id} --yes"
        return Bulk(most, done=done, ask=options.approve, hint=hint)

    @contextmanager
    def _surroundings(self, plan: Plan, options: Options) -> Iterator[Mapping[str, str]]:
        """The environment that logins look into: the user's, or that of a sandbox which runs meanwhile."""
        if not options.sandbox:
            yield self.environ
            return
        used = {self.registry.apis[api].service for _, api in (*plan.logins, *plan.item_logins)}
        with ExitStack() as stack:
            environ: dict[str, str] = {}
            for service in services_of(plan):
                simulator = self.registry.simulators.get(service)
                if simulator is not None:
                    environ.update(stack.enter_context(simulator.start(self._clock)).environment(tokens_of(plan)))
                elif service in used:
                    raise UsageError(f"no plugin simulates {service}: it can't run with --sandbox")
            yield environ

    @contextmanager
    def _session(
        self,
        plan: Plan,
        options: Options,
        environ: Mapping[str, str],
        *,
        run_id: str,
        journal: Callable[[], Journal | None] = lambda: None,
        logins: Iterable[Login] | None = None,
        credentials: Mapping[tuple[str, str], Credential] | None = None,
        most: int | None = None,
    ) -> Iterator[Session]:
        """A signed-in session that may make ``most`` changes. The journal is opened only once every login is there."""
        from pinflow.engine.executors import find_executor
        from pinflow.engine.file_access import Files
        from pinflow.engine.session import Seams, Session, sign_in
        from pinflow.http.proxy import network_settings

        executor = find_executor(options.executor, self.registry.executors)

        folder = Path(plan.source.name).resolve().parent
        wanted = plan.logins.values() if logins is None else logins
        token_folders = self.token_folders(folder)
        if credentials is None:
            credentials = sign_in(plan, wanted, environ, self._ask, token_folders, self._clock)
        listeners = [_Reporter(i.plugin_name, i.function) for i in self._manager.hook.pinflow_event.get_hookimpls()]
        for _, api in (*credentials, *plan.item_logins):
            self.registry.apis[api].base_url(environ)  # one that won't do is refused before anything is recorded
        network = network_settings(environ)
        with ExitStack() as stack:
            # what is simulated has quotas of its own
            signing = credentials or plan.item_logins
            usage = stack.enter_context(closing(self.store.open_usage())) if signing and not options.sandbox else None
            opened = journal()
            if opened is not None:
                stack.callback(opened.close)
            session = Session(
                plan,
                credentials,
                environ,
                network=network,
                run_id=run_id,
                journal=opened,
                listeners=[*listeners, *options.report],
                seams=Seams(clock=self._clock, monotonic=self._monotonic, sleep=self._sleep),
                files=Files(folder, plan.files),
                token_folders=token_folders,
                tier=options.tier,
                patience=options.patience,
                stop=options.stop or threading.Event(),
                sandbox=options.sandbox,
                usage=usage,
                bulk=self._bulk(plan, options, opened, most, run_id),
                ask=self._ask,
                notices=None if options.sandbox or opened is None else self.notices,
                executor=executor,
            )
            stack.callback(session.close)
            yield session

    def undoing(self, run_id: str) -> Undoing:
        """What undoing a run would delete, and what it would leave; reads from the service, and changes nothing.

        Raises UsageError for a run that is unknown or still running, or was in the embedded sandbox.
        """
        from pinflow.engine.undo import made_by, recipe, settled

        detail = self.show(run_id)
        if detail.record.options.get("sandbox"):
            raise UsageError(f"run {run_id} was in the embedded sandbox, and what it made ended with that")
        if detail.record.state == "running":
            raise UsageError(
                f"run {run_id} is still at work", hint="stop it first, with Ctrl-C or by ending its process"
            )
        made = made_by(detail, self.registry)
        holders = [each for each in made if each.undo.contents and each.able]
        if not holders:
            return settled(detail, made, lambda each: None)
        text, inputs = recipe(run_id, {"look": holders})
        plan = self._plan_text(text, run_id, inputs)
        options = Options(dry_run=True, tier=str(detail.record.options.get("tier", "standard")))
        with self._session(plan, options, self.environ, run_id="") as session:
            return settled(detail, made, partial(self._inside, session, plan))

    def _inside(self, session: Session, plan: Plan, made: Made) -> list[str] | None:
        """The ids of what is inside something that a run made; None if it is gone."""
        listing, names = made.undo.contents or ("", {})
        action = self.registry.actions.get((made.api, listing))
        if action is None:
            raise UsageError(f"no plugin offers {made.api}.{listing}, which tells what is inside {made.kind} {made.id}")
        login = next(each for each in plan.logins.values() if (each.token, each.api) == (made.token, made.api))
        context = session.context(session.clients[login.name, login.api])
        try:
            return [str(item["id"]) for item in action.function(context, **made.arguments(names))]
        except RemoteError as error:
            if error.status == 404:
                return None
            raise

    def undo(self, undoing: Undoing, options: Options | None = None) -> RunResult:
        """Delete what ``undoing`` says, as a run of its own: recorded, paced, and resumed like any other."""
        from pinflow.engine.undo import recipe

        text, inputs = recipe(undoing.run, undoing.stages)
        file = self.state / "undo" / f"{undoing.run}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml"
        atomic_file.write(file, text.encode())  # to resume it, it must be there
        plan = self._plan_text(text, str(file), inputs)
        # what is deleted was shown, and calling this is the approval
        options = replace(options or Options(), tier=undoing.tier, approve=lambda what: True, max_writes=None)
        return self.run(plan, replace(options, unattended=False))

    def _plan_text(self, text: str, name: str, inputs: Mapping[str, Any]) -> Plan:
        from pinflow.plan import make_plan
        from pinflow.recipe.reader import parse
        from pinflow.recipe.source import load

        source = load(text, name)
        return make_plan(source, parse(source), self.registry, inputs, now=self._now())

    def quotas(self) -> list[QuotaUse]:
        """How every quota stands that was used in the last day, or is paused. Raises StateError."""
        with closing(self.store.open_usage()) as usage:
            return usage.uses()

    def lift_block(self, login: str) -> None:
        """Let the account of a token write again that a spam block paused. Raises UsageError if none did."""
        with closing(self.store.open_usage()) as usage:
            if not usage.lift(login):
                raise UsageError(f"no account of the token {login!r} is blocked", hint="pinflow quota lists the blocks")

    def _ask(self, request: CredentialRequest, plugin: str) -> Credential | None:
        return loader.credential(self._manager, self.registry.plugins, request, only=plugin)

    def credential_request(self, token: str, api: str, scopes: frozenset[str] = frozenset()) -> CredentialRequest:
        """Where a token is looked for, outside of any recipe. Raises UsageError for an unknown API."""
        from pinflow.http.credentials import CredentialRequest

        if api not in self.registry.apis:
            raise UsageError(f"no plugin speaks the API {api!r}; there are: {', '.join(self.registry.apis)}")
        return CredentialRequest(
            api=self.registry.apis[api],
            token=token,
            scopes=scopes,
            environ=self.environ,
            folders=self.token_folders(paths.current_folder()),
            clock=self._clock,
        )

    def recipes(self) -> list[Path]:
        """The recipes that come with pinflow, by name."""
        return sorted(bundled.bundled_recipes().glob("*.yaml"))

    def token_folders(self, folder: Path) -> list[Path]:
        """Where token files are when the environment names no folder, the most particular first.

        Beside the recipe's folder, where pinflow is called, in the state directory,
        and loose in the current folder. New files go to the first that exists.
        """
        named = Path("common", "oauth_tokens")
        here = paths.current_folder()
        found = [folder.parent / named, folder / named, here / named, self.state / "tokens", here]
        return list(dict.fromkeys(found))

    # -- afterwards

    def runs(self) -> Sequence[RunRecord]:
        """Every recorded run, newest first."""
        return self.store.runs.list()

    def show(self, run_id: str) -> RunDetail:
        """What is recorded of one run. Raises UsageError if there is none, StateError if it can't be read."""
        return self.store.runs.detail(run_id)


def _notify(hook: HookImpl, environ: Mapping[str, str], notice: Notice) -> object:
    """Hand a plugin's hook what it takes of these."""
    given = {"notice": notice, "environ": environ}
    answer: object = hook.function(**{name: given[name] for name in hook.argnames})
    return answer


def _in_a_line(error: PinflowError | None) -> str:
    """An error with its hint, for a notice."""
    return "" if error is None else f"{error.message}; {error.hint}" if error.hint else error.message


def _complain(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # a stream that is broken, closed, or not there at all
        sys.stderr.write(f"{text}\n")


def services_of(plan: Plan) -> list[str]:
    """The services that a plan is about: its logins', and its default API's, whose tokens a step may be about."""
    apis = {api for _, api in (*plan.logins, *plan.item_logins)} | ({plan.api} if plan.api is not None else set())
    return sorted({plan.registry.apis[api].service for api in apis})


def tokens_of(plan: Plan) -> list[str]:
    """The names of the tokens that a plan's logins and inputs speak of, the first login's first."""
    logins = [login.token for login in plan.logins.values()]
    inputs = [plan.inputs[name] for name, each in plan.recipe.inputs.items() if each.type == "token"]
    found = list(dict.fromkeys([*logins, *filter(None, inputs)])) or ["access_token"]
    # a recipe that goes through accounts has more than one to go through
    return [*found, "second_access_token"] if plan.item_logins and len(found) == 1 else found


@dataclass(frozen=True, slots=True)
class _Reporter:
    """A plugin's event hook."""

    name: str  # the plugin's
    hook: Callable[..., object]

    def __call__(self, event: Event) -> None:
        self.hook(event=event)
