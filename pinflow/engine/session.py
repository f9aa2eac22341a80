"""One run's surroundings: its logins signed in, its clients, its pace, and what becomes of the run."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pinflow.clock import Clock
from pinflow.engine.accounts import Accounts
from pinflow.engine.context import Context
from pinflow.engine.durable import Durable
from pinflow.engine.emitter import Emitter
from pinflow.engine.executors import threads
from pinflow.engine.placeholder import LANES
from pinflow.engine.results import Forecast, RunResult, status_of
from pinflow.engine.run_context import DEADLINE, STEP, World
from pinflow.engine.runner import Runner
from pinflow.engine.sanitize import noted
from pinflow.engine.secret_mask import Mask
from pinflow.errors import (
    ActionError,
    CredentialError,
    Interrupted,
    PinflowError,
    StateError,
    UsageError,
)
from pinflow.events import Retrying, RunFinished, RunStarted, Waiting
from pinflow.http.client import Client, ClientServices, Limits
from pinflow.http.credentials import CredentialRequest
from pinflow.http.rate_limiter import RateLimiter
from pinflow.http.transport import Transport
from pinflow.plan import Login, all_steps
from pinflow.state.folder.usage import MemoryUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from pinflow.engine.file_access import Files
    from pinflow.engine.notices import Notices
    from pinflow.engine.write_budget import Bulk
    from pinflow.events import Event
    from pinflow.http.api import Api
    from pinflow.http.client import Gate, WriteCall
    from pinflow.http.credentials import Credential
    from pinflow.http.proxy import NetworkSettings
    from pinflow.plan import ItemLogin, Plan
    from pinflow.state.folder.usage import FolderUsage
    from pinflow.state.protocol import Journal
    from pinflow.state.records import RunState

Key = tuple[str, str]  # (token, api)
_SAME_WAIT = 5.0  # seconds
AskForCredential = Callable[[CredentialRequest, str], "Credential | None"]  # of one plugin, or "" for any


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """Time, as the run sees it."""

    clock: Callable[[], float]  # seconds since the epoch
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


def sign_in(
    plan: Plan,
    logins: Iterable[Login],
    environ: Mapping[str, str],
    ask: AskForCredential,
    folders: Sequence[Path],
    clock: Callable[[], float],
) -> dict[Key, Credential]:
    """A credential for every token of the logins, by token and API.

    Logins with one token share it: to the service they are one. Raises
    CredentialError naming all that are missing or may not do enough.
    """
    scopes: dict[Key, frozenset[str]] = {}
    plugins: dict[Key, str] = {}
    for login in logins:
        key = (login.token, login.api)
        scopes[key] = scopes.get(key, frozenset()) | login.scopes
        plugins[key] = plugins.get(key) or login.plugin
    found: dict[Key, Credential] = {}
    missing: dict[str, str] = {}
    for (token, api_id), wanted in scopes.items():
        api = plan.registry.apis[api_id]
        request = CredentialRequest(api=api, token=token, scopes=wanted, environ=environ, folders=folders, clock=clock)
        hint = f"get it with: {api.login_hint.format(token=token)}"
        try:
            credential = ask(request, plugins[token, api_id])
        except CredentialError as error:
            missing[error.message] = error.hint
            continue
        if credential is None:
            missing[f"there is no token {token!r} for {api.title}"] = hint
            continue
        lacking = wanted - credential.scopes if credential.scopes is not None else frozenset()
        if lacking:
            what = f"the token {token!r} ({credential.source}) lacks the scopes {', '.join(sorted(lacking))}"
            missing[what] = f"{hint} --scopes {','.join(sorted(wanted))}"
        found[token, api_id] = credential
    if missing:
        raise CredentialError("\n".join(missing), hint="; ".join(dict.fromkeys(filter(None, missing.values()))))
    return found


class Session:
    """The clients of one run, and the run itself. Close it to let the connections go."""

    def __init__(
        self,
        plan: Plan,
        credentials: Mapping[Key, Credential],
        environ: Mapping[str, str],
        *,
        network: NetworkSettings,
        run_id: str,
        journal: Journal | None,
        listeners: Sequence[Callable[[Event], None]],
        seams: Seams,
        files: Files,
        token_folders: Sequence[Path],
        tier: str,
        patience: float,
        stop: threading.Event,
        sandbox: bool,
        usage: FolderUsage | None = None,
        bulk: Bulk | None = None,
        notices: Notices | None = None,
        ask: AskForCredential = lambda request, plugin: None,
        executor: Callable[[int], Executor] = threads,
    ) -> None:
        """``usage`` has what was used of the quotas by other processes; None counts this session's calls alone.

        ``bulk`` bounds how much is changed; ``notices`` tell people who are not there, None tells nobody.
        ``ask`` gets the credential of an account whose turn in a loop it is; ``executor`` works side by side.
        """
        self._plan = plan
        self._environ = environ
        self._folders = token_folders
        self._run_id = run_id
        self._journal = journal
        self._seams = seams
        self._clock = Clock(seams.clock, seams.monotonic, self._sleep)
        self._tier = tier
        self._patience = patience
        self._stop = stop
        self._sandbox = sandbox
        self._credentials = credentials
        self._asked = ask
        self._transport = Transport(connections=64, network=network, agent="pinflow", clock=self._clock)
        self._refusals: dict[str, None] = {}  # a set in the order in which they were noted
        hidden = Mask(plan.inputs[name] for name in plan.secrets)
        self._emit = Emitter(run_id, listeners, seams.clock, hidden)
        self._services = ClientServices(
            transport=self._transport,
            clock=self._clock,
            random=random.random,
            check=self._check,
            observer=_Told(self._emit),
            limits=Limits(patience=patience),
        )
        apis = {api for _, api in (*credentials, *plan.item_logins)}
        self._durable = Durable(
            journal,
            dry_run=journal is None,
            emit=self._emit,
            clock=seams.clock,
            monotonic=seams.monotonic,
            sleep=self._sleep,
            executor=executor,
            stop=stop,
            repeatable=frozenset.intersection(*(plan.registry.apis[api].idempotent for api in apis))
            if apis
            else frozenset(),
            bulk=bulk,
        )
        self._usage = usage
        self._limiters = {api: self._limiter(api, usage) for api in sorted(apis)}
        categories = {name for step in all_steps((*plan.steps, *plan.finally_)) for name in step.quotas}
        for token, api in credentials:  # a page that can't be used is found before anything is sent
            self._limiters[api].open(token, categories)
        self._visits = _Visits()
        self._signed = {key: self._client(key, credential, environ) for key, credential in credentials.items()}
        self.clients = {
            (login.name, login.api): self._signed[login.token, login.api]
            for login in plan.logins.values()
            if (login.token, login.api) in self._signed
        }
        self.world = World(
            clients=self.clients,
            accounts=Accounts(self._emit, sign_in=self._visit, sign_out=self._leave, calls=self._calls_of),
            durable=self._durable,
            journal=journal,
            emit=self._emit,
            executor=executor,
            files=files,
            clock=seams.clock,
            monotonic=seams.monotonic,
            sleep=self._sleep,
            stop=stop,
            ask=self._ask,
            notices=notices,
        )

    def _ask(self, token: str, api_id: str | None) -> CredentialRequest:
        wanted = api_id or self._plan.api
        api = self._plan.registry.apis.get(wanted or "")
        if api is None:
            raise UsageError(f"no plugin speaks the API {wanted!r}", hint="say which: api: v5")
        return CredentialRequest(
            api=api,
            token=token,
            scopes=frozenset(),
            environ=self._environ,
            folders=self._folders,
            clock=self._seams.clock,
        )

    # accounts that a loop goes through

    def _visit(self, token: str, login: ItemLogin) -> Client:
        """The client of an account whose turn it is; that of a login of the plan, if it is the same token.

        Raises CredentialError for a token that is missing, or may not do enough.
        """
        key = (token, login.api)
        if (known := self._signed.get(key)) is not None:
            lacking = login.scopes - (self._credentials[key].scopes or login.scopes)
            if lacking:
                raise CredentialError(f"the token {token!r} lacks the scopes {', '.join(sorted(lacking))}")
            return known
        wanted = Login(login.variable, login.api, token, login.scopes)
        signed = sign_in(self._plan, [wanted], self._environ, self._asked, self._folders, self._seams.clock)
        if self._usage is not None:
            self._limiters[login.api].add(token, signed[key].fingerprint(self._usage.key))
        client = self._visits.clients[key] = self._client(key, signed[key], self._environ)
        return client

    def _leave(self, token: str, api: str) -> None:
        """Let go what an account's turn has needed, and remember its calls."""
        client = self._visits.clients.pop((token, api), None)
        if client is None:
            return  # of a login of the plan
        seconds = 0.0
        if self._journal is None:
            planned = self._durable.planned_calls.get(token, {})
            seconds = self._limiters[api].forecast({token: _total(client.calls, planned)})
        self._visits.past(token, client.calls, seconds, lanes=LANES.get())
        self._limiters[api].forget(token)

    def _calls_of(self, token: str) -> dict[str, int]:
        """The calls of a token so far, by category."""
        clients = [*self._signed.items(), *list(self._visits.clients.items())]
        mine = [client.calls for (name, _), client in clients if name == token]
        return _total(self._visits.calls.get(token, {}), *mine)

    def close(self) -> None:
        self._transport.close()

    def _limiter(self, api_id: str, usage: FolderUsage | None) -> RateLimiter:
        api = self._plan.registry.apis[api_id]
        accounts = {
            token: credential.fingerprint(usage.key)
            for (token, api_of_token), credential in self._credentials.items()
            if usage is not None and api_of_token == api_id
        }
        return RateLimiter(
            api.quotas.get(self._tier, {}),
            usage if usage is not None else MemoryUsage(self._clock.monotonic),
            self._clock,
            api=api_id,
            origin=api.base_url(self._environ),
            accounts=accounts,
        )

    def _client(self, key: Key, credential: Credential, environ: Mapping[str, str]) -> Client:
        token, api_id = key
        api = self._plan.registry.apis[api_id]
        return Client(
            api,
            credential,
            base_url=api.base_url(environ),
            login=token,
            limiter=self._limiters[api_id],
            services=self._services,
            gate=self._durable if self._journal is not None else self._foreseeing(api, environ),
            rehearsal=self._journal is None,
        )

    def _foreseeing(self, api: Api, environ: Mapping[str, str]) -> Gate:
        """The gate of a dry run, which notes what the service would refuse to any app of this tier."""
        if api.base_url(environ) != api.origin + api.prefix:
            return self._durable  # nobody knows the rules of another place
        return _Foreseeing(self._durable, partial(api.closed, self._tier), self._refusals)

    def _check(self) -> None:
        """Asked before every call: may it still leave?"""
        if self._stop.is_set():
            raise Interrupted("the run was told to stop")
        deadline = DEADLINE.get()
        if deadline is not None and self._seams.monotonic() > deadline.at:
            raise ActionError(deadline.what, hint="give it a longer timeout")

    def _sleep(self, seconds: float) -> None:
        """Sleep in slices, so that a stop is noticed."""
        while seconds > 0:
            self._check()
            self._seams.sleep(min(seconds, 1.0))
            seconds -= 1.0

    def context(self, client: Client) -> Context:
        """A context to read with, outside of any step."""
        return Context(
            step="",
            clients={"": client},
            durable=self._durable,
            files=self.world.files,
            dry_run=True,
            now=self._seams.clock,
            note=lambda text, level: None,
            pause=lambda seconds, reason: self._sleep(seconds),
            ask=self._ask,
        )

    # -- the run

    def run(self, *, resumed: bool, not_before: float | None = None) -> RunResult:
        """Run the plan to its end, its pause or its error; the journal and the listeners are told which.

        It waits until ``not_before`` (seconds since the epoch), if that is still to come.
        """
        began = self._seams.monotonic()
        dry_run = self._journal is None
        if self._journal is not None:
            self._journal.set_state("running")
        self._emit(
            RunStarted,
            name=self._plan.recipe.name,
            recipe=self._plan.source.name,
            dry_run=dry_run,
            resumed=resumed,
            steps=len(self._plan.steps),
            logins=self._sources(),
        )
        runner = Runner(self._plan, self.world, dry_run=dry_run, resumed=resumed, patience=self._patience)
        outputs: Mapping[str, Any] = {}
        error: PinflowError | None
        try:
            outputs, error = self._wait_until(not_before) or runner.run()
        except StateError as lost:  # what happens can't be recorded any more
            error = lost
        finally:
            self._count_calls()
        status = self._status(error, dry_run=dry_run)
        wait = getattr(error, "retry_after", None)
        resume_after = self._seams.clock() + wait if wait is not None else None
        result = RunResult(
            run=self._run_id,
            status=status,
            steps=tuple(runner.results),
            outputs=outputs,
            counts=self._emit.tally.all(),
            calls=self._calls(),
            skipped=tuple(self._emit.tally.skipped),
            failed=tuple(self._emit.tally.failed),
            seconds=self._seams.monotonic() - began,
            left=self._emit.tally.left(),
            error=error,
            forecast=self._forecast() if dry_run else None,
            sandbox=self._sandbox,
            resume_after=resume_after,
            accounts=self.world.accounts.rows,
        )
        self._end(result)
        self._emit(
            RunFinished,
            status=status,
            seconds=result.seconds,
            exit_code=result.exit_code,
            calls=result.calls,
            counts=result.counts,
            outputs=outputs,
            error=str(error) if error else "",
            resume_after=resume_after,
            accounts=[each.as_data() for each in result.accounts],
        )
        return result

    def check_blocks(self) -> None:
        """Raise SpamBlocked if the writes of a login's account are known to be paused."""
        for token, api in self._signed:
            self._limiters[api].check_block(token)

    def _wait_until(self, moment: float | None) -> tuple[dict[str, Any], PinflowError] | None:
        """What the run comes to if it is told to stop meanwhile."""
        if moment is not None and (rest := moment - self._seams.clock()) > 0:
            self._emit(Waiting, step="", until=moment, reason="the quota that the run was paused for")
            try:
                self._sleep(rest)
            except Interrupted as error:
                return {}, error
        return None

    def _sources(self) -> dict[str, str]:
        """Where each login's credential came from."""
        logins = self._plan.logins.values()
        return {each.name: self._credentials[each.token, each.api].source for each in logins}

    def _status(self, error: PinflowError | None, *, dry_run: bool) -> str:
        if error is None:
            return "planned" if dry_run else "ok"
        return status_of(error)

    def _end(self, result: RunResult) -> None:
        error = result.error
        if self._journal is None or isinstance(error, StateError):
            return  # what can't be written stays as it is: interrupted
        self._journal.set_state(
            cast("RunState", result.status),
            exit_code=result.exit_code,
            error=noted(error) if error is not None else "",
            resume_after=result.resume_after,
        )

    def _calls(self) -> dict[str, dict[str, int]]:
        """Calls of this process by token and category (a token's name may stand for several APIs)."""
        calls = {token: dict(by_category) for token, by_category in self._visits.calls.items()}
        for (token, _), client in self._signed.items():
            for category, number in client.calls.items():
                mine = calls.setdefault(token, {})
                mine[category] = mine.get(category, 0) + number
        return calls

    def _count_calls(self) -> None:
        if self._journal is not None:
            for token, by_category in self._calls().items():
                for category, number in by_category.items():
                    self._journal.call(token, category, number)

    def _forecast(self) -> Forecast:
        """What the real run would call: the reads that were done, and the writes that were planned."""
        read, planned = self._calls(), self._durable.planned_calls
        calls = _sum(read, planned)
        longest = 0.0
        for api, limiter in self._limiters.items():
            mine = {token for token, its in self._signed if its == api}
            reads = {token: {name: limiter.overlap * n for name, n in each.items()} for token, each in read.items()}
            turns = _sum(reads, self._durable.planned_turns)
            longest = max(longest, limiter.forecast(_of(mine, calls), _of(mine, turns)))
        longest = max(longest, self._visits.seconds, self._visits.longest)
        return Forecast(
            calls=calls, seconds=longest, finish=self._seams.clock() + longest, refusals=tuple(self._refusals)
        )


class _Foreseeing:
    """Lets a dry run's writes through to another gate, and notes why the service would refuse them."""

    def __init__(self, gate: Gate, closed: Callable[[str, str], str], refusals: dict[str, None]) -> None:
        self._gate = gate
        self._closed = closed
        self._refusals = refusals

    def record_intent(self, call: WriteCall) -> object | None:
        if why := self._closed(call.method, call.path):
            self._refusals[why] = None
        return self._gate.record_intent(call)


N = TypeVar("N", int, float)


def _of(tokens: Iterable[str], counts: Mapping[str, Mapping[str, N]]) -> dict[str, Mapping[str, N]]:
    """The counts of these tokens."""
    return {token: counts.get(token, {}) for token in tokens}


def _sum(one: Mapping[str, Mapping[str, N]], other: Mapping[str, Mapping[str, N]]) -> dict[str, dict[str, N]]:
    """Two counts by token and category as one."""
    found = {token: dict(by_category) for token, by_category in one.items()}
    for token, by_category in other.items():
        mine = found.setdefault(token, {})
        for category, number in by_category.items():
            mine[category] = mine[category] + number if category in mine else number
    return found


class _Visits:
    """The accounts that loops went through: the clients of those whose turn it is, and what the others called."""

    def __init__(self) -> None:
        self.clients: dict[Key, Client] = {}
        self.calls: dict[str, dict[str, int]] = {}
        self.seconds = 0.0  # that the real run needs for them, as many at a time as their loops say
        self.longest = 0.0  # that it needs for one of them
        self._lock = threading.Lock()

    def past(self, token: str, calls: Mapping[str, int], seconds: float, *, lanes: int) -> None:
        """An account's turn is over, which was one of ``lanes`` that there are at a time."""
        with self._lock:
            self.calls[token] = _total(self.calls.get(token, {}), calls)
            self.seconds += seconds / lanes
            self.longest = max(self.longest, seconds)


def _total(*counts: Mapping[str, int]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, number in each.items():
            total[name] = total.get(name, 0) + number
    return total


class _Told:
    """Passes on what the clients tell."""

    def __init__(self, emit: Emitter) -> None:
        self._emit = emit
        self._told: dict[str, float] = {}  # until when, by category

    def waiting(self, until: float, reason: str, category: str) -> None:
        # many calls wait for one quota, and a wait that is cut in two is one
        if until > self._told.get(category, 0.0) + _SAME_WAIT:
            self._told[category] = until
            self._emit(Waiting, step=STEP.get(), until=until, reason=reason, category=category)

    def retrying(self, attempt: int, delay: float, reason: str) -> None:
        self._emit(Retrying, step=STEP.get(), attempt=attempt, delay=delay, reason=reason)
