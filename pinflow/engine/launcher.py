"""A plan becomes a run: who signs in, what is recorded, and in which order everything is made."""

from __future__ import annotations

import hmac
import threading
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.engine.approvals import UNBOUNDED, Approvals, Clearance
from pinflow.engine.changed_arguments import ChangedArguments
from pinflow.engine.client_pool import ClientPool
from pinflow.engine.coverage import coverage_of
from pinflow.engine.effect_runner import EffectRunner
from pinflow.engine.emitter import REMEMBERED, REMEMBERED_OF_DRY_RUN, Emitter
from pinflow.engine.executors import find_executor
from pinflow.engine.file_access import Files
from pinflow.engine.item_keys import digest
from pinflow.engine.keeping import keep_for
from pinflow.engine.places.alone import LonePlaces
from pinflow.engine.places.answers import apply_answers
from pinflow.engine.places.place_runs import PlaceRuns
from pinflow.engine.places.services import PlaceServices
from pinflow.engine.plan_changes import PlanComparison, accept_changes, digests_of
from pinflow.engine.run_context import RunContext, interruptible
from pinflow.engine.run_lookup import unknown_run
from pinflow.engine.safe_journal import SafeJournal
from pinflow.engine.session import Session
from pinflow.engine.simulation import simulate_services
from pinflow.engine.undo import makers
from pinflow.engine.unfinished import failed_steps, take_up_again
from pinflow.engine.witness import Witness
from pinflow.errors import RateLimited, StateError, UsageError
from pinflow.http.proxy import network_settings
from pinflow.lazy_dataclass import dataclass, replace
from pinflow.masking.known import remember_secrets
from pinflow.plan import all_steps, make_plan
from pinflow.plan.file_opening import FilePlace
from pinflow.plan.parts import with_fields
from pinflow.plan.secret_inputs import advice_for
from pinflow.recipe.bundled import is_earlier_text
from pinflow.recipe.reader import parse
from pinflow.recipe.source import load
from pinflow.state.folder.written_files import WrittenFiles
from pinflow.state.records import RunRecord, new_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pinflow.clock import Clock
    from pinflow.engine.notices import Notices
    from pinflow.engine.options import Options
    from pinflow.engine.results import RunResult
    from pinflow.engine.sign_in import SignIn, TokenKey
    from pinflow.events import Event
    from pinflow.http.credentials import Credential
    from pinflow.plan import Plan, PlannedLogin
    from pinflow.plugin.registry import Registry
    from pinflow.state.protocol import Journal, State
    from pinflow.state.records import Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """Starts runs, with what all of an app's runs share. ``store`` records them; ``state`` is the folder for files."""

    registry: Registry
    environ: Mapping[str, str]
    state: Path
    store: State
    clock: Clock
    sign_in: Callable[[Path], SignIn]  # who signs in the recipes of a folder
    listeners: Sequence[Callable[[Event], None]]
    approvals: Approvals
    notices: Notices

    # -- a run from its beginning, and one that stopped

    def run(self, plan: Plan, options: Options, *, run_id: str | None = None) -> RunResult:
        """Run a plan to its end, its pause or its error; see `App.run`."""
        clearance = self.approvals.clearance(plan, options, self.open)
        run_id = run_id or new_run_id(self.clock.now())
        keep = keep_for(self.environ)

        def journal() -> Journal | None:
            if options.dry_run:
                return None
            record = self._record(plan, options, run_id)
            self.store.runs.prune(keep)
            return SafeJournal(self.store.runs.create(record))

        with ExitStack() as stack:
            environ = stack.enter_context(simulate_services(plan, self.clock.now)) if options.sandbox else self.environ
            session = stack.enter_context(
                self.open(plan, options, environ=environ, run_id=run_id, open_journal=journal, clearance=clearance)
            )
            result = session.run(resumed=False)
            if options.dry_run and result.error is None and plan.destructive:
                deletions = self.approvals.deletions(plan, options, partial(self.open, environ=environ))
                result = replace(result, deletions=tuple(deletions))
        return result if options.dry_run or options.sandbox else self.approvals.report_pause(plan, options, result)

    def rehearse(self, plan: Plan, options: Options) -> tuple[RunResult, Coverage]:
        """Make the dry run before an approval; also what the approval would cover. `App.approve` takes it."""
        witness = Witness()
        with self.open(plan, replace(options, dry_run=True), clearance=Clearance(witness=witness)) as session:
            result = session.run(resumed=False)
            if result.error is None:
                witness.check_accounts(session.pool.signed.items())
                result = replace(result, deletions=tuple(self.approvals.deletions(plan, options, self.open)))
        return result, coverage_of(plan, self.environ, witness)

    def resume(
        self,
        run_id: str | None,
        options: Options,
        *,
        make_plan: Callable[[RunRecord, Mapping[str, Any]], Plan],
        inputs: Mapping[str, Any],
    ) -> RunResult:
        """Go on with a run where it stopped; see `App.resume`. ``make_plan`` plans what a record tells, with inputs."""
        chosen = run_id or self.store.runs.last()
        if chosen is None:
            raise UsageError("no run can be resumed", hint="pinflow runs lists them")
        if self.store.runs.look(chosen) is None:
            raise unknown_run(self.store, chosen)
        with SafeJournal(self.store.runs.open(chosen)) as journal:
            self._check_resumable(journal, remake=options.remake)
            if journal.run.rules > 1 and journal.run.options["mark"] != digest(self._secret(chosen), "run"):
                raise StateError(
                    f"run {chosen} was begun with another runs.key than that of {self.store.place}",
                    hint="put that file back, from a backup: without it what was done can't be told from what was not",
                )
            plan = make_plan(journal.run, inputs)
            _check_secrets(journal.run, plan)
            if options.made or options.not_made:
                effects = self.store.runs.detail(chosen).effects
                apply_answers(journal, effects, options.made, options.not_made, self.clock)
            plan = self._accept_changes(journal, plan, inputs, options)
            tier = str(journal.run.options.get("tier", "standard"))
            output = options.output or Path(recorded) if (recorded := journal.run.options.get("output")) else None
            options = replace(options, tier=tier, dry_run=False, sandbox=False, output=output)
            clearance = self.approvals.clearance(plan, options, self.open)
            is_blocked = journal.run.error.startswith("spam_blocked")
            not_before = None if is_blocked else journal.run.resume_after
            self._check_due(chosen, not_before, options.patience)
            with self.open(plan, options, run_id=chosen, open_journal=lambda: journal, clearance=clearance) as session:
                if is_blocked:
                    session.pool.check_blocks()
                result = session.run(resumed=True, not_before=not_before)
            return self.approvals.report_pause(plan, options, result)

    def _check_resumable(self, journal: Journal, *, remake: bool) -> None:
        """Raise UsageError if there is nothing left to do. What on_error let fail in a run that is done is left."""
        run = journal.run
        if run.options.get("sandbox"):
            raise UsageError(
                f"run {run.id} was in the embedded sandbox, which ended with it",
                hint="to try resuming, start `pinflow sandbox` in another terminal and use the variables it prints",
            )
        if run.state != "ok":
            return
        failed = failed_steps(self.store.runs.detail(run.id))
        for path in failed:
            take_up_again(journal, path)
        if not failed and not (remake and run.rules > 1):
            raise UsageError(f"run {run.id} is done; nothing to resume", hint="which others can: pinflow runs")

    def _accept_changes(self, journal: SafeJournal, plan: Plan, inputs: Mapping[str, Any], options: Options) -> Plan:
        """The plan that a run goes on with. Raises UsageError where what was changed since it began is in the way."""
        run = journal.run
        if run.rules == 1:
            _check_same(run, plan, inputs)
            return plan
        secret, before, fields = self._secret(run.id), run.options["steps"], run.options["fields"]
        digests = digests_of(plan, secret)
        corrected = {name for name, value in plan.stored_inputs().items() if value != run.inputs.get(name)}
        if digests != before or corrected or plan.digest != run.recipe_digest:
            comparison = PlanComparison(plan, journal, before, digests, inputs=corrected)
            changes = accept_changes(
                comparison,
                run=run.id,
                recipe=run.recipe,
                accept=options.accept_changes,
                ask=None if options.unattended else options.approve,
            )
            for path in comparison.steps_to_repeat(changes):
                journal.finish_step(path, "changed", None, seconds=0.0)
            begun = {path: names for path, names in fields.items() if comparison.is_begun(path)}
            fields = {**_fields(plan), **begun}
            kept = {**run.options, **self._facts(plan, run.id), "fields": fields}
            journal.amend(recipe_digest=plan.digest, inputs=plan.stored_inputs(), options=kept)
        return with_fields(plan, fields)

    # -- how a run is made

    def plan_text(self, text: str, name: str, inputs: Mapping[str, Any]) -> Plan:
        """The plan of a recipe that pinflow wrote itself."""
        source = load(text, name)
        return make_plan(source, parse(source), self.registry, inputs, now=self.clock.moment())

    @contextmanager
    def open(
        self,
        plan: Plan,
        options: Options,
        *,
        environ: Mapping[str, str] | None = None,
        run_id: str = "",
        open_journal: Callable[[], Journal | None] = lambda: None,
        logins: Iterable[PlannedLogin] | None = None,
        credentials: Mapping[TokenKey, Credential] | None = None,
        clearance: Clearance = UNBOUNDED,
    ) -> Iterator[Session]:
        """A run, signed in, that may do what ``clearance`` says. Without a journal it changes nothing.

        Each thing is made once, from what stands above it. The journal is opened only
        once every login is there: what can't begin leaves no trace.
        """
        folder = Path(plan.source.name).resolve().parent
        stop = options.stop or threading.Event()
        clock = interruptible(self.clock, stop)
        executor = find_executor(options.executor, self.registry.executors)
        environ = self.environ if environ is None else environ
        sign_in = replace(self.sign_in(folder), environ=environ, named=plan.named_tokens)
        credentials = clearance.credentials if credentials is None else credentials
        if credentials is None:
            credentials = sign_in.credentials(plan.logins.values() if logins is None else logins)
        apis = sorted({api for _, api in (*credentials, *plan.item_logins)})
        for api in apis:  # an address that won't do is refused before anything is recorded
            self.registry.apis[api].base_url(sign_in.environ)
        network = network_settings(sign_in.environ)
        with ExitStack() as stack:
            # what is simulated has quotas of its own
            usage = stack.enter_context(closing(self.store.open_usage())) if apis and not options.sandbox else None
            if (journal := open_journal()) is not None:
                stack.callback(journal.close)
            remember_secrets(plan.inputs[name] for name in plan.secrets)
            run = RunContext(
                clock=clock,
                emit=Emitter(
                    run_id,
                    [*self.listeners, *options.report],
                    clock.now,
                    remembered=REMEMBERED_OF_DRY_RUN if options.dry_run else REMEMBERED,
                ),
                journal=journal,
                files=self._files(plan, options, run_id, clearance.witness),
                started=plan.moment.timestamp(),
                secret=b"" if journal is None else self._secret(run_id),
                rules=2 if journal is None else journal.run.rules,
                executor=executor,
                stop=stop,
                notices=None if options.sandbox or journal is None else self.notices,
                plugins=self.registry.plugins,
            )
            idempotent = [self.registry.apis[api].idempotent for api in apis]
            if (places := self._places(run, options)) is not None:
                stack.callback(places.close)
            effects = EffectRunner(
                run,
                repeatable=frozenset.intersection(*idempotent) if idempotent else frozenset(),
                budget=self.approvals.budget(plan, options, journal=journal, limit=clearance.limit, run_id=run_id),
                changed=ChangedArguments(run, accept=options.accept_changes, ask=options.approve),
                places=places,
                audit_waits=options.audit_waits,
            )
            pool = ClientPool(
                run,
                sign_in,
                credentials,
                effects=effects,
                apis=apis,
                options=options,
                network=network,
                usage=usage,
                witness=clearance.witness,
            )
            stack.callback(pool.close)
            pool.check_quotas({name for step in all_steps((*plan.steps, *plan.finally_)) for name in step.quotas})
            ask = lambda token, api: sign_in.request(token, api or plan.api)  # noqa: E731
            yield Session(plan, options, run, effects, pool, ask=ask, run_id=run_id)

    def _files(self, plan: Plan, options: Options, run_id: str, witness: Witness | None) -> Files:
        """What a run reads and writes. Raises UsageError for an output folder that won't do."""
        output = None if options.output is None else FilePlace.below(_output_folder(plan, options.output))
        files = Files(plan.file_rules, output=output, index=WrittenFiles(self.state), run=run_id, witness=witness)
        if options.output is not None:
            files.check_output()
            for step in all_steps((*plan.steps, *plan.finally_)):
                files.check_outputs(step)
        return files

    def _places(self, run: RunContext, options: Options) -> PlaceRuns | None:
        """What sees to creations; None in a dry run, and in a run that began before there were baselines."""
        if run.journal is None or run.rules == 1:
            return None
        alone = options.sandbox  # what is simulated ends with the run
        services = PlaceServices(
            run=run,
            journal=run.journal,
            index=LonePlaces(run.secret) if alone else self.store.places,
            runs=None if alone else self.store.runs,
            audit_waits=options.audit_waits,
            was_told=run.journal.run.state == "in_doubt",
            answer=None if options.unattended else options.answer,
        )
        return PlaceRuns(services)

    def _record(self, plan: Plan, options: Options, run_id: str) -> RunRecord:
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
                "addresses": [] if options.sandbox else self._addresses(plan),
                "mark": digest(self._secret(run_id), "run"),
                "output": None if options.output is None else str(_output_folder(plan, options.output)),
                **self._facts(plan, run_id),
            },
            versions={p.distribution or p.module: p.version for p in self.registry.plugins},
            started=plan.moment.timestamp(),
        )

    def _addresses(self, plan: Plan) -> list[str]:
        """The addresses that stand in place of the services' own, as that of a sandbox does."""
        apis = {login.api for login in plan.logins.values()} | {login.api for login in plan.item_logins.values()}
        declared = [self.registry.apis[id] for id in sorted(apis)]
        elsewhere = [api for api in declared if (self.environ.get(api.origin_variable) or api.origin) != api.origin]
        return sorted({api.base_url(self.environ).removesuffix(api.prefix) for api in elsewhere})

    def _facts(self, plan: Plan, run_id: str) -> dict[str, Any]:
        """What a run's record has to say of its plan, for whoever resumes or undoes it."""
        return {
            "secrets": sorted(name for name in plan.secrets if plan.inputs[name] is not None),
            "given": sorted(plan.given | plan.public_inputs().keys()),
            "typed": sorted(plan.typed),
            "here": str(plan.file_rules.here),
            "undo": makers(plan),
            "steps": digests_of(plan, self._secret(run_id)),
            "fields": _fields(plan),
        }

    def _secret(self, run_id: str) -> bytes:
        """What the digests are keyed with that a run's journal keeps of texts. It is not in the journal."""
        return hmac.digest(self.store.secret("runs"), run_id.encode(), "sha256")

    def _check_due(self, run_id: str, after: float | None, patience: float) -> None:
        """Raise RateLimited if the run's quota rests for longer than ``patience`` seconds."""
        wait = (after or 0.0) - self.clock.now()
        if after is not None and wait > patience:
            raise RateLimited(
                f"run {run_id} is paused until {datetime.fromtimestamp(after).astimezone():%Y-%m-%d %H:%M:%S}, "
                "when its quota is free again; nothing was sent",
                retry_after=wait,
                status=0,
                hint=f"resume it then, or wait for it: pinflow resume {run_id} --patience {ceil(wait / 60)}m",
            )


def _output_folder(plan: Plan, folder: Path) -> Path:
    """The whole path of the folder that a person named, without "..": messages and results show it."""
    path = plan.file_rules.here / folder
    return path.resolve() if ".." in path.parts else path


def _fields(plan: Plan) -> dict[str, list[str] | None]:
    """What the steps of each loop use of its items, by the loop's path; None for all of it."""
    loops = ((step.path, step.loop) for step in all_steps((*plan.steps, *plan.finally_)) if step.loop is not None)
    return {path: None if loop.fields is None else list(loop.fields) for path, loop in loops}


def _check_same(record: RunRecord, plan: Plan, inputs: Mapping[str, Any]) -> None:
    """Raise UsageError if a plan is another than that of the earlier process, which was of the version before."""
    if plan.digest != record.recipe_digest and not is_earlier_text(Path(record.recipe), record.recipe_digest):
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


def _check_secrets(record: RunRecord, plan: Plan) -> None:
    """Raise UsageError if a secret input that the run began with is not given again."""
    lacking = [name for name in record.options.get("secrets", ()) if plan.inputs.get(name) is None]
    if lacking:
        raise UsageError(
            f"run {record.id} needs its secret input {' and '.join(map(repr, lacking))} again: it is not recorded",
            hint=advice_for(lacking[0]),
        )
