"""The clients of one run: one for each token and API, with the pace that its quotas allow."""

from __future__ import annotations

import random
import threading
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pinflow.engine.forecast import DryRunGate, add_by_token, add_counts, make_forecast
from pinflow.engine.run_context import check_call
from pinflow.engine.run_frame import current_frame
from pinflow.engine.sign_in import lacking_scopes
from pinflow.errors import ApprovalRequired, CredentialError
from pinflow.events import Retrying, Waiting
from pinflow.http.client import Client, ClientServices, Limits
from pinflow.http.rate_limiter import RateLimiter
from pinflow.http.token_rules import LOOPBACK
from pinflow.http.transport import Transport
from pinflow.lazy_dataclass import dataclass, replace
from pinflow.plan import PlannedLogin
from pinflow.state.folder.usage import MemoryUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinflow.engine.effect_runner import EffectRunner
    from pinflow.engine.emitter import Emitter
    from pinflow.engine.options import Options
    from pinflow.engine.results import Forecast
    from pinflow.engine.run_context import RunContext
    from pinflow.engine.sign_in import SignIn, TokenKey
    from pinflow.engine.witness import Witness
    from pinflow.http.api import Api
    from pinflow.http.client import Gate
    from pinflow.http.credentials import Credential
    from pinflow.http.proxy import NetworkSettings
    from pinflow.plan import ItemLogin
    from pinflow.state.protocol import Journal, UsageStore

CONNECTIONS = 64  # open at a time: as many items as a loop may work on side by side
SAME_WAIT = 5.0  # seconds; many calls wait for one quota, and their ends differ by what they were told when


@dataclass(eq=False, repr=False)
class ClientPool:
    """The clients of a run, by token and API. Close it to let the connections go. Thread-safe.

    Those of the plan's logins last as long as the run; those of the accounts that a
    loop goes through last for the account's turn.
    """

    run: RunContext
    sign_in: SignIn
    credentials: Mapping[TokenKey, Credential]
    effects: EffectRunner
    apis: Iterable[str]  # all that clients may be opened for
    options: Options
    network: NetworkSettings
    usage: UsageStore | None  # what other processes used of the quotas; None counts this pool's calls alone
    witness: Witness | None = None  # whose accounts an approval is for

    def __post_init__(self) -> None:
        clock = self.run.clock
        self._transport = Transport(connections=CONNECTIONS, network=self.network, agent="pinflow", clock=clock)
        self._services = ClientServices(
            transport=self._transport,
            clock=clock,
            random=random.random,
            check=partial(check_call, clock, self.run.stop),
            observer=ClientObserver(self.run.emit, self.run.journal),
            limits=Limits(patience=self.options.patience),
        )
        self.refusals: dict[str, None] = {}  # of a dry run: a set in the order in which they were noted
        self.visits = AccountVisits()
        self.limiters = {api: self._limiter(api) for api in self.apis}
        self.signed = {key: self._client(key, credential) for key, credential in self.credentials.items()}

    def check_quotas(self, categories: Iterable[str]) -> None:
        """Open the counters of every login. Raises StateError for those that can't be used, before anything is sent."""
        for token, api in self.credentials:
            self.limiters[api].open(token, categories)

    def check_blocks(self) -> None:
        """Raise SpamBlocked if the writes of a login's account are known to be paused."""
        for token, api in self.signed:
            self.limiters[api].check_block(token)

    def by_login(self, logins: Iterable[PlannedLogin]) -> dict[tuple[str, str], Client]:
        """The clients of those logins that are signed in, by login and API."""
        signed = self.signed
        return {
            (login.name, login.api): signed[login.token, login.api]
            for login in logins
            if (login.token, login.api) in signed
        }

    def sources(self, logins: Iterable[PlannedLogin]) -> dict[str, str]:
        """Where each login's credential came from."""
        return {login.name: self.credentials[login.token, login.api].source for login in logins}

    def forecast(self) -> Forecast:
        """What the real run would call, after a dry run."""
        tokens = {api: {token for token, of in self.signed if of == api} for api in self.limiters}
        limiters = [(limiter, tokens[api]) for api, limiter in self.limiters.items()]
        forecast = make_forecast(self.calls(), self.effects.planned, limiters, least=self.visits.longest_time())
        finish = self.run.clock.now() + forecast.seconds
        return replace(forecast, finish=finish, refusals=tuple(self.refusals))

    # accounts that a loop goes through

    def open_account(self, token: str, login: ItemLogin) -> Client:
        """The client of an account whose turn it is; that of a login of the plan, if it is the same token.

        Raises CredentialError for a token that is missing, or may not do enough.
        """
        key = (token, login.api)
        if (client := self.signed.get(key)) is not None:
            if lacking := lacking_scopes(self.credentials[key], login.scopes):
                raise CredentialError(f"the token {token!r} lacks the scopes {', '.join(sorted(lacking))}")
            return client
        credential = self.sign_in.credentials([PlannedLogin(login.variable, login.api, token, login.scopes)])[key]
        if self.usage is not None:
            self.limiters[login.api].add(token, credential.fingerprint(self.usage.key))
        client = self._client(key, credential)
        if self.witness is not None:
            try:
                self.witness.check_account(key, client)
            except ApprovalRequired as error:  # the account's own trouble, which ends no other's turn
                raise CredentialError(error.message, hint=error.hint) from None
        self.visits.clients[key] = client
        return client

    def close_account(self, token: str, api: str) -> None:
        """Let go what an account's turn has needed, and remember its calls."""
        client = self.visits.clients.pop((token, api), None)
        if client is None:
            return  # of a login of the plan
        seconds = 0.0
        if self.run.dry_run:
            planned = self.effects.planned.calls.get(token, {})
            seconds = self.limiters[api].forecast({token: add_counts(client.calls, planned)})
        self.visits.end(token, client.calls, seconds)
        self.limiters[api].forget(token)

    # calls

    def calls_of(self, token: str) -> dict[str, int]:
        """The calls of a token so far, by category."""
        clients = [*self.signed.items(), *list(self.visits.clients.items())]
        open_calls = [client.calls for (name, _), client in clients if name == token]
        return add_counts(self.visits.calls.get(token, {}), *open_calls)

    def calls(self) -> dict[str, dict[str, int]]:
        """Calls of this process by token and category (a token's name may stand for several APIs)."""
        signed = ({token: client.calls} for (token, _), client in self.signed.items() if client.calls)
        return add_by_token(self.visits.calls, *signed)

    def close(self) -> None:
        self._transport.close()

    # making them

    def _limiter(self, api_id: str) -> RateLimiter:
        api, usage = self.sign_in.registry.apis[api_id], self.usage
        accounts = {
            token: credential.fingerprint(usage.key)
            for (token, of), credential in self.credentials.items()
            if usage is not None and of == api_id
        }
        return RateLimiter(
            api.quotas.get(self.options.tier, {}),
            usage if usage is not None else MemoryUsage(self.run.clock.monotonic),
            self.run.clock,
            api=api_id,
            origin=api.base_url(self.sign_in.environ),
            accounts=accounts,
        )

    def _client(self, key: TokenKey, credential: Credential) -> Client:
        token, api_id = key
        api = self.sign_in.registry.apis[api_id]
        return Client(
            api,
            credential,
            base_url=api.base_url(self.sign_in.environ),
            login=token,
            limiter=self.limiters[api_id],
            services=self._services,
            gate=self._gate(api),
            rehearsal=self.run.dry_run,
        )

    def _gate(self, api: Api) -> Gate:
        """The gate of writes; in a dry run, one that notes what the service would refuse to any app of this tier."""
        if not self.run.dry_run or self.options.sandbox or not is_home(api, api.base_url(self.sign_in.environ)):
            return self.effects  # the rules of another place are unknown, and the embedded sandbox makes no difference
        return DryRunGate(self.effects, partial(api.closed, self.options.tier), self.refusals)


def is_home(api: Api, base_url: str) -> bool:
    """Whether the API's rules hold at ``base_url``: where it says that it is, and on this machine, where a copy is."""
    return base_url == api.origin + api.prefix or urlsplit(base_url).hostname in LOOPBACK


class AccountVisits:
    """The accounts that loops went through: the clients of those whose turn it is, and what the others called."""

    def __init__(self) -> None:
        self.clients: dict[TokenKey, Client] = {}
        self.calls: dict[str, dict[str, int]] = {}
        self._total = 0.0  # seconds that the real run needs for them, as many at a time as their loops say
        self._longest = 0.0  # seconds that it needs for one of them
        self._lock = threading.Lock()  # turns end on the threads of their loop

    def end(self, token: str, calls: Mapping[str, int], seconds: float) -> None:
        """An account's turn is over, which was one of as many as there are at a time here."""
        with self._lock:
            self.calls[token] = add_counts(self.calls.get(token, {}), calls)
            self._total += seconds / current_frame().concurrency
            self._longest = max(self._longest, seconds)

    def longest_time(self) -> float:
        """Seconds that the real run needs for all of them, at the least."""
        return max(self._total, self._longest)


class ClientObserver:
    """Tells people what the clients wait for, and the journal what they called: a killed run's totals know it too."""

    def __init__(self, emit: Emitter, journal: Journal | None) -> None:
        self._emit = emit
        self._journal = journal
        self._until: dict[str, float] = {}  # the last moment that was told, by category

    def waiting(self, until: float, reason: str, category: str) -> None:
        # many calls wait for one quota, and a wait that is cut in two is one
        if until > self._until.get(category, 0.0) + SAME_WAIT:
            self._until[category] = until
            at_work = current_frame()
            facts = {"step": at_work.step, "item": at_work.item}
            self._emit(Waiting, until=until, reason=reason, category=category, **facts)

    def count_answer(self, login: str, category: str) -> None:
        if self._journal is not None:
            self._journal.call(login, category)

    def retrying(self, attempt: int, delay: float, reason: str) -> None:
        at_work = current_frame()
        self._emit(Retrying, step=at_work.step, attempt=attempt, delay=delay, reason=reason, item=at_work.item)
