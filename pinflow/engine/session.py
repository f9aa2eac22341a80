"""One run on its way: from its first event to its result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from pinflow.engine.accounts import Accounts
from pinflow.engine.context import Context
from pinflow.engine.emitter import Emitter
from pinflow.engine.next_steps import RunEnd, next_steps
from pinflow.engine.results import RunResult, status_of
from pinflow.engine.runner import Runner
from pinflow.engine.sanitize import error_facts
from pinflow.engine.totals import run_counts
from pinflow.errors import AccessTooLow, Interrupted, PinflowError, StateError
from pinflow.events import RunFinished, RunStarted, Waiting
from pinflow.masking.known import mask, mask_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pinflow.engine.client_pool import ClientPool
    from pinflow.engine.effect_runner import EffectRunner
    from pinflow.engine.options import Options
    from pinflow.engine.results import Forecast
    from pinflow.engine.run_context import RunContext
    from pinflow.engine.totals import Counts
    from pinflow.http.credentials import CredentialRequest
    from pinflow.plan import Plan, PlannedLogin
    from pinflow.state.records import RunState


class Session:
    """One run, signed in. ``ask`` tells where a token is looked for, by its name and API."""

    def __init__(
        self,
        plan: Plan,
        options: Options,
        run: RunContext,
        effects: EffectRunner,
        pool: ClientPool,
        *,
        ask: Callable[[str, str | None], CredentialRequest],
        run_id: str,
    ) -> None:
        self._plan = plan
        self._options = options
        self._run = run
        self._effects = effects
        self._ask = ask
        self._run_id = run_id
        self.pool = pool
        self.clients = pool.by_login(plan.logins.values())

    def reader(self, *logins: PlannedLogin, roles: Iterable[str] = ("",)) -> Context:
        """A context to read with as logins in these roles, outside of any step; what its actions tell is lost."""
        run = replace(self._run, emit=Emitter("", (), self._run.clock.now), notices=None)
        clients = {role: self.clients[login.name, login.api] for role, login in zip(roles, logins, strict=True)}
        return Context(run, self._effects, clients, step="", ask=self._ask)

    def run(self, *, resumed: bool, not_before: float | None = None) -> RunResult:
        """Run the plan to its end, its pause or its error; the journal and the listeners are told which.

        It waits until ``not_before`` (seconds since the epoch), if that is still to come.
        """
        run, clock = self._run, self._run.clock
        began = clock.monotonic()
        if run.journal is not None:
            run.journal.set_state("running")
        run.emit(
            RunStarted,
            name=self._plan.recipe.name,
            recipe=self._plan.source.name,
            dry_run=run.dry_run,
            resumed=resumed,
            steps=len(self._plan.steps),
            logins=self.pool.sources(self._plan.logins.values()),
        )
        accounts = Accounts(
            run.emit,
            sign_in=self.pool.open_account,
            sign_out=self.pool.close_account,
            calls=self.pool.calls_of,
            journal=run.journal,
            covers=(lambda token: True) if self.pool.witness is None else self.pool.witness.covers_token,
        )
        runner = Runner(
            self._plan,
            run,
            self._effects,
            clients=self.clients,
            accounts=accounts,
            ask=self._ask,
            resumed=resumed,
            options=self._options,
        )
        outputs: Mapping[str, Any] = {}
        error: PinflowError | None
        try:
            error = self._wait_until(not_before)
            if error is None:
                outputs, error = runner.run()
                outputs = mask_data(outputs)  # before anything cuts them short, and a part can't be told any more
        except StateError as lost:  # what happens can't be recorded any more
            error = lost
        forecast = self.pool.forecast() if run.dry_run else None
        if forecast is not None:
            self._tell_of_limit()
        if forecast is not None and forecast.refusals and error is None:
            outputs, error = {}, _would_be_refused(forecast, self._options.tier)
        counts, calls = self._totals()
        wait = getattr(error, "retry_after", None)
        resume_after = clock.now() + wait if wait is not None else None
        tally = run.emit.tally
        end = RunEnd(
            id=self._run_id,
            error=error,
            results=runner.results,
            sandbox=self._options.sandbox,
            resume_after=resume_after,
            now=clock.now(),
        )
        result = RunResult(
            run=self._run_id,
            status=_status(error, dry_run=run.dry_run),
            steps=tuple(runner.results),
            outputs=outputs,
            counts=counts,
            calls=calls,
            skipped=tuple(tally.skipped),
            failed=tuple(tally.failed),
            warnings=tuple(tally.warnings),
            next_steps=next_steps(self._plan, run.journal, end, tally, counts),
            not_checked=tuple((*what, count) for what, count in self._effects.audit.unreadable().items()),
            item_names=dict(tally.item_names),
            seconds=clock.monotonic() - began,
            remaining=tally.remaining(),
            error=error,
            forecast=forecast,
            sandbox=self._options.sandbox,
            resume_after=resume_after,
            files=tuple(mask(str(file)) for file in run.files.new_files),
            accounts=accounts.rows,
        )
        self._record_end(result)
        run.emit(
            RunFinished,
            status=result.status,
            seconds=result.seconds,
            exit_code=result.exit_code,
            calls=result.calls,
            counts=result.counts,
            outputs=outputs,
            files=result.files,
            error=str(error) if error else "",
            resume_after=result.resume_after,
            accounts=[account.as_data() for account in result.accounts],
            next_steps=result.next_steps,
            not_checked=[{"kind": kind, "reason": why, "count": count} for kind, why, count in result.not_checked],
        )
        return result

    def _tell_of_limit(self) -> None:
        """In a dry run: tell where the real one makes more changes than it may without asking."""
        counts, limit = self._run.emit.tally.all(), self._options.max_writes
        planned = sum(outcomes.get("planned", 0) for outcomes in counts.values())
        if limit is not None and planned > limit and not self._options.unattended:
            changes = f"{planned:,} change{'' if planned == 1 else 's'}"
            self._run.warn(
                f"the real run makes {changes}, and asks before there are more than {limit:,}; where nobody can be "
                f"asked, it needs --max-writes {planned}",
                "",
            )

    def _wait_until(self, moment: float | None) -> Interrupted | None:
        """Wait until ``moment``. Returns the error if the run is stopped while waiting, else None."""
        if moment is not None and (rest := moment - self._run.clock.now()) > 0:
            self._run.emit(Waiting, step="", until=moment, reason="the quota that the run was paused for")
            try:
                self._run.clock.sleep(rest)
            except Interrupted as error:
                return error
        return None

    def _record_end(self, result: RunResult) -> None:
        error = result.error
        if self._run.journal is None or isinstance(error, StateError):
            return  # what can't be written stays as it is: interrupted
        self._run.journal.set_state(
            cast("RunState", result.status),
            exit_code=result.exit_code,
            error=error_facts(error) if error is not None else "",
            resume_after=result.resume_after,
        )

    def _totals(self) -> tuple[Counts, Counts]:
        """The effects and the calls of the run, in all of its processes; of this one, where the journal is lost."""
        counts, calls, journal = self._run.emit.tally.all(), self.pool.calls(), self._run.journal
        try:
            return run_counts(counts, journal), calls if journal is None else journal.calls()
        except StateError:
            return counts, calls


def _status(error: PinflowError | None, *, dry_run: bool) -> str:
    """A dry run that finds what would stop the real one has failed: it can't be resumed."""
    if error is None:
        return "planned" if dry_run else "ok"
    return "failed" if dry_run and isinstance(error, AccessTooLow) else status_of(error)


def _would_be_refused(forecast: Forecast, tier: str) -> AccessTooLow:
    """What the service would say to the real run, as far as it is known."""
    return AccessTooLow(
        f"the real run would be refused: {'; '.join(forecast.refusals)}",
        status=0,
        tier=tier,
        hint=f"this follows from --tier or PINFLOW_TIER, {tier!r}: leave it out if the app has more access by now",
    )
