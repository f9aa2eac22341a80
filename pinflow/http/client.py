"""A client of one API for one login: it signs, keeps to quotas, retries only where that is safe, and checks answers."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from pinflow.errors import (
    ActionError,
    CredentialError,
    InDoubt,
    MalformedAnswer,
    MissingScope,
    PinflowError,
    RateLimited,
    RemoteError,
    SpamBlocked,
    Unreachable,
    renamed_keywords,
)
from pinflow.http.encoding import Unreadable, encoded_json, encoded_path, encoded_query, json_reader
from pinflow.http.file_transfer import FileTransfer
from pinflow.http.listing_page import Page, page_digest, parse_page
from pinflow.http.rate_limit_headers import DAY, retry_after
from pinflow.http.refusals import check_tier, parse_error, rate_limited, repeat_block
from pinflow.http.retry import (
    READS,
    Accept,
    Decision,
    Limits,
    Lost,
    Outcome,
    OutcomeUnknown,
    Pause,
    Renew,
    Resend,
    Tries,
    Wait,
    decide,
)
from pinflow.http.token_rules import LOOPBACK
from pinflow.http.web_page import web_page_hint, web_page_reason
from pinflow.lazy_dataclass import dataclass, replace
from pinflow.masking.known import mask_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.clock import Clock
    from pinflow.http.api import Api
    from pinflow.http.credentials import Credential
    from pinflow.http.rate_limiter import RateLimiter
    from pinflow.http.retry import ErrorKind
    from pinflow.http.transport import Answer, Transport

__all__ = ["Client", "ClientServices", "Gate", "Limits", "Observer", "Page", "WriteCall"]

E = TypeVar("E", bound=ActionError)

OTHER = "other"  # the category of a call that is not in the API's catalogue
_KINDS: Mapping[type[RemoteError], ErrorKind] = {SpamBlocked: "spam", RateLimited: "limited", MissingScope: "scope"}
_LONG_WAIT = 1.0  # seconds; shorter waits are the normal pace: not reported, and an intent is still fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCall:
    """A write that is about to be sent. ``path`` has no query; ``digest`` tells requests apart."""

    method: str
    path: str
    category: str
    digest: str  # 16 hex digits, of the content
    login: str
    follows_lost: bool = False  # its last sending was not answered, and may be applied yet


class Gate(Protocol):
    """Asked before every write is sent, and again before every further try of it."""

    def record_intent(self, call: WriteCall) -> object | None:
        """None: send it. Anything else is returned in place of an answer, and nothing is sent. May raise."""


class Observer(Protocol):
    """Told when a call waits, is answered, or is sent again."""

    def waiting(self, until: float, reason: str, category: str) -> None:
        """A call waits for its quota until ``until`` (seconds since 1970)."""

    def count_answer(self, login: str, category: str) -> None:
        """A call of this login and quota category was answered, whatever the answer. Must take no time."""

    def retrying(self, attempt: int, delay: float, reason: str) -> None:
        """A call is tried for the ``attempt``-th time, after ``delay`` seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientServices:
    """What all clients of a run share. ``check`` is asked before every try; it raises to forbid it."""

    transport: Transport
    clock: Clock  # its sleep may raise, which ends the call
    random: Callable[[], float]  # from 0 to 1
    check: Callable[[], None] = lambda: None
    observer: Observer | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class _ApiCall:
    """One request, for all its tries."""

    method: str
    path: str
    url: str
    category: str
    body: bytes | None = None
    content_type: str = ""
    read_only: bool = False  # whatever its method, it changes nothing
    sign: Callable[[Any], Any] | None = None  # instead of the login

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return not self.read_only and self.method not in READS


@dataclass(slots=True)
class _Try:
    """The result of one try: the outcome to judge, and what the caller gets."""

    outcome: Outcome
    value: Any = None
    error: RemoteError | None = None
    reason: str = ""
    waited: float = 0.0  # seconds, for the quota
    generation: int = 0  # of the credential's secret
    pause: Callable[[float], None] | None = None  # pauses the quota
    hint: str = ""


class Client:
    """A client of one API for one login. Thread-safe.

    In a ``rehearsal`` no write is sent: the gate is told of each, and its answer is
    the result.

    ``memory`` is for what a plugin has read of this login and needs again, under a
    name of the plugin's own; it lasts as long as the client.

    Paths are below the API's prefix, or one of those beside it, and begin with a
    slash: ``/boards/123/pins``.
    Answers are decoded JSON, None where there is no body. Methods raise

    - Unreachable: no answer, and nothing was applied
    - RemoteError and its kinds: what the service answered
    - RateLimited: the quota is used up for longer than ``limits.patience``
    - MalformedAnswer: a read's answer can't be understood
    - InDoubt: a write was sent, and whether it was applied is unknown
    - CredentialError: the service refused the login
    - ValueError: the path, a parameter or the body can't be sent
    """

    def __init__(
        self,
        api: Api,
        credential: Credential,
        *,
        base_url: str,
        login: str,
        limiter: RateLimiter,
        services: ClientServices,
        gate: Gate | None = None,
        rehearsal: bool = False,
    ) -> None:
        self.api = api
        self.login = login
        self._credential = credential
        self._base_url = base_url
        self._limiter = limiter
        self._services = services
        self._limits = services.limits
        self._gate = gate
        self._rehearsal = rehearsal
        self._read_json = json_reader()
        self.memory: dict[str, Any] = {}
        self._count_lock = threading.Lock()  # adding to a Counter is not atomic
        self._calls: Counter[str] = Counter()
        self._renew_lock = threading.Lock()  # one thread renews, the others take its secret
        self._generation = 0
        self._blocked: SpamBlocked | None = None

    @property
    def files(self) -> FileTransfer:
        """Uploads to and downloads from addresses that the service gives out; no credential is sent there."""
        return FileTransfer(
            self._services.transport,
            local=urlsplit(self._base_url).hostname in LOOPBACK,
            back_off=self._back_off,
            random=self._services.random,
            before=self._services.check,
        )

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the login may do; None if that is unknown."""
        return self._credential.scopes

    def login_command(self, scopes: frozenset[str]) -> str:
        """What a person types for a token that has these scopes besides its own, and all that the run needs."""
        return self.api.login_command(self._credential.name, scopes | self._credential.needed, self.scopes)

    @property
    def calls(self) -> Mapping[str, int]:
        """How many answers have come, by quota category."""
        with self._count_lock:
            return dict(self._calls)

    def get(self, path: str, *, params: Mapping[str, object] | None = None) -> Any:
        """Read an object."""
        return self.request("GET", path, params=params)

    def post(self, path: str, *, json: object = None, params: Mapping[str, object] | None = None) -> Any:
        """Create something."""
        return self.request("POST", path, params=params, json=json)

    def put(self, path: str, *, json: object = None, params: Mapping[str, object] | None = None) -> Any:
        """Replace something."""
        return self.request("PUT", path, params=params, json=json)

    def patch(self, path: str, *, json: object = None, params: Mapping[str, object] | None = None) -> Any:
        """Change something."""
        return self.request("PATCH", path, params=params, json=json)

    def delete(self, path: str, *, params: Mapping[str, object] | None = None) -> Any:
        """Remove something. If an answer is lost and the next says not found, it was removed."""
        return self.request("DELETE", path, params=params)

    def pages(
        self, path: str, *, params: Mapping[str, object] | None = None, limit: int | None = None
    ) -> Iterator[Any]:
        """Every object of a listing in the service's order, ``limit`` of them at most, fetched page by page.

        Raises from whichever page fails; earlier objects have been yielded by then.
        """
        if limit is not None and limit <= 0:
            return
        size = self.api.page_size if limit is None else min(self.api.page_size, limit)
        remaining = limit
        for page in self.page_iter(path, params={"page_size": size, **(params or {})}):
            yield from page.items if remaining is None else page.items[:remaining]
            remaining = None if remaining is None else remaining - len(page.items)
            if remaining is not None and remaining <= 0:
                return

    def page_iter(
        self, path: str, *, params: Mapping[str, object] | None = None, start: str | None = None
    ) -> Iterator[Page]:
        """Every page of a listing, from the bookmark ``start`` on.

        An empty page is not the end while it has a bookmark. A bookmark or a page
        that comes twice, null in place of a page's list, or more than
        ``limits.max_pages`` pages, is a MalformedAnswer.
        """
        query = {"page_size": self.api.page_size, **(params or {})}
        seen: set[int] = set()
        seen_pages: set[int] = set()
        bookmark = start
        for _ in range(self._limits.max_pages):
            if bookmark is not None:
                if hash(bookmark) in seen:
                    raise MalformedAnswer(f"GET {path}: the listing repeats itself: a bookmark came twice")
                seen.add(hash(bookmark))
                query[self.api.bookmark] = bookmark
            page = parse_page(self.api, path, self.get(path, params=query))
            if (digest := page_digest(page)) in seen_pages:
                raise MalformedAnswer(f"GET {path}: the listing repeats itself: a page came twice")
            seen_pages.update(() if digest is None else (digest,))
            yield page
            if page.bookmark is None:
                return
            bookmark = page.bookmark
        raise MalformedAnswer(f"GET {path}: the listing has more than {self._limits.max_pages:,} pages")

    @renamed_keywords(asks="read_only")
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = None,
        form: Mapping[str, object] | None = None,
        read_only: bool = False,
        sign: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Send a request with a JSON or a form body, and retry until there is an answer or an error.

        ``read_only`` is for a query that is too long for a URL: a POST that changes
        nothing. ``sign`` signs it instead of the login, where an endpoint requires that.
        """
        method = method.upper()
        try:
            if self._rehearsal and not read_only and method not in READS:
                return self._rehearse(method, path)
            url = self.api.address(self._base_url, encoded_path(path))
            if query := encoded_query(params):
                url = f"{url}?{query}"
            body, content_type = _encoded_body(method, json, form)
            category = _category(self.api, method, path)
            return self._request(_ApiCall(method, path, url, category, body, content_type, read_only, sign))
        except PinflowError as error:
            error.login = error.login or self.login
            raise

    def _request(self, call: _ApiCall) -> Any:
        tries, is_lost = Tries(), False
        while True:
            self._services.check()
            if (planned := self._record_intent(call, follows_lost=is_lost)) is not None:
                return planned
            result = self._send(call, self._limits.patience - tries.waited)
            if result.waited:
                tries = replace(tries, waited=tries.waited + result.waited)
            decision = self._decide(call, result, tries)
            if isinstance(decision, Renew):
                tries = replace(tries, renewed=True)
                renewed = call.sign is None and self._renew(result.generation)
                decision = decision if renewed else self._decide(call, result, tries)
            match decision:
                case Accept():
                    return result.value
                case Resend(after):
                    self._back_off(tries.number + 1, after, result.reason)
                case Wait(after):
                    if result.pause:
                        result.pause(after)
                case Renew():
                    pass
                case _:
                    raise self._error(call, result, decision)
            is_lost = result.outcome.is_uncertain
            tries = replace(tries, number=tries.number + 1, lost=tries.lost or is_lost)

    def _rehearse(self, method: str, path: str) -> object:
        """Tell the gate of a write that is not sent. Its body may hold placeholders."""
        if self._gate is None:
            raise ValueError("a rehearsal needs a gate")
        encoded_path(path)  # a path that can't be sent is refused here too
        return self._gate.record_intent(_write_call(self.login, method, path, _category(self.api, method, path)))

    def _record_intent(self, call: _ApiCall, *, follows_lost: bool = False) -> object | None:
        if not call.writes:
            return None
        if self._blocked is not None:
            raise repeat_block(self._blocked, call.name)
        self._limiter.check_block(self.login)
        if self._gate is None:
            return None
        content = b"\n".join((call.method.encode(), call.path.encode(), call.body or b""))
        digest = hashlib.sha256(content).hexdigest()[:16]
        write = _write_call(self.login, call.method, call.path, call.category, digest)
        return self._gate.record_intent(replace(write, follows_lost=True) if follows_lost else write)

    def _send(self, call: _ApiCall, patience: float) -> _Try:
        """Wait for the quota, send once, and read the answer."""
        permit = self._limiter.acquire(self.login, call.category, patience=patience, waiting=self._wait_observer(call))
        answer: Answer | None = None
        generation = self._generation
        try:
            if permit.waited >= _LONG_WAIT:
                # the intent is old by now, and its time must be that at which the write was really sent
                self._record_intent(call)
            answer = self._services.transport.send(
                call.method,
                call.url,
                sign=call.sign or self._credential,
                limits=self._limits,
                body=call.body,
                content_type=call.content_type,
            )
        except Lost as lost:
            outcome = Outcome(phase=lost.phase, final=lost.final)
            return _Try(outcome, reason=lost.reason, waited=permit.waited, hint=lost.hint)
        finally:
            self._limiter.release(permit, answer.headers if answer is not None else None)
        with self._count_lock:
            self._calls[call.category] += 1
        if self._services.observer is not None:
            self._services.observer.count_answer(self.login, call.category)
        is_success = 200 <= answer.status < 300
        result = _parse_success(answer, self._read_json) if is_success else self._read_refusal(call, answer)
        if result.error is not None or result.outcome.body == "broken":
            result = self._read_page(answer) or result
        headers = answer.headers
        result.waited, result.generation = permit.waited, generation
        result.pause = lambda seconds: self._limiter.pause(permit, headers, seconds)
        return result

    def _read_page(self, answer: Answer) -> _Try | None:
        """An answer that is a page for people; it does not say what became of a write. None for any other."""
        reason = web_page_reason(answer, urlsplit(self._base_url).netloc)
        if not reason or _is_json(answer, self._read_json):
            return None
        hint = web_page_hint(self.api.origin_variable)
        return _Try(Outcome(phase="answered", status=answer.status, body="refused"), reason=reason, hint=hint)

    def _read_refusal(self, call: _ApiCall, answer: Answer) -> _Try:
        error = parse_error(self.api, answer, self._read_json)
        error = _add_call(check_tier(self.api, error, call.method, call.path), call)
        kinds: list[ErrorKind] = [kind for error_type, kind in _KINDS.items() if isinstance(error, error_type)]
        kind = kinds[0] if kinds else ""
        headers = answer.headers
        if answer.status != 429 and kind != "limited":
            # every answer says when its window ends; only a refusal for the quota asks to wait until then
            headers = {name: value for name, value in headers.items() if name == "retry-after"}
        after = retry_after(headers, self._services.clock.now())
        outcome = Outcome(phase="answered", status=answer.status, kind=kind, retry_after=after)
        return _Try(outcome, error=error, reason=error.message)

    def _decide(self, call: _ApiCall, result: _Try, tries: Tries) -> Decision:
        return decide(
            "GET" if call.read_only else call.method,
            result.outcome,
            tries,
            idempotent=call.read_only or call.method in self.api.idempotent,
            limits=self._limits,
            jitter=self._services.random(),
        )

    def _renew(self, generation: int) -> bool:
        """Whether there is a fresher secret than the refused one."""
        with self._renew_lock:
            if self._generation == generation:
                if not self._credential.renew():
                    return False
                self._generation += 1
            return True

    def _back_off(self, attempt: int, delay: float, reason: str) -> None:
        if self._services.observer is not None:
            self._services.observer.retrying(attempt, delay, reason)
        self._services.clock.sleep(delay)

    def _wait_observer(self, call: _ApiCall) -> Callable[[float], None]:
        def observe(seconds: float) -> None:
            observer, now = self._services.observer, self._services.clock.now
            if observer is not None and seconds >= _LONG_WAIT:
                observer.waiting(now() + seconds, f"the quota {call.category!r}", call.category)

        return observe

    def _error(self, call: _ApiCall, result: _Try, decision: Decision) -> Exception:
        if isinstance(decision, OutcomeUnknown):
            return InDoubt(
                f"{call.name}: the request was sent, but whether it was applied is unknown ({result.reason})",
                hint=result.hint or "check on the service whether it was applied before you send it again",
                blocked=bool(result.hint),
            )
        if isinstance(decision, Pause):
            if result.pause:
                result.pause(decision.after)  # for all other calls of the quota, too
            return rate_limited(result.error, decision.after, category=call.category, call=call.name)
        if result.error is not None:
            return self._refusal(call, result.error)
        if result.outcome.phase == "answered":
            return _for_good(
                MalformedAnswer(f"{call.name}: {result.reason}", hint=result.hint), final=bool(result.hint)
            )
        sent = "; nothing was sent" if result.outcome.phase == "nothing_sent" else ""
        text = f"{call.name}: no answer from {self._base_url}: {result.reason}{sent}"
        return _for_good(Unreachable(text, hint=result.hint), final=result.outcome.final)

    def _refusal(self, call: _ApiCall, error: RemoteError) -> Exception:
        if isinstance(error, SpamBlocked) and call.writes:
            self._limiter.block(self.login)
            error.retry_after = DAY
            self._blocked = error
        # a narrower error says more than that the login is bad
        if error.status == 401 and type(error) is RemoteError and call.sign is None:
            token = f"the token {self._credential.name!r} ({self._credential.source})"
            return CredentialError(
                f"{self.api.title} refused {token}: {error.message}", hint=_login_hint(self.api, self._credential)
            )
        if isinstance(error, MissingScope) and call.sign is None:
            login = self.login_command(_missing_scopes(self.api, call, error))
            if variable := self._credential.variable:
                login = f"{login}\nthen unset {variable}, which comes before what a sign-in stores"
            error.hint = f"{error.hint}; with: {login}" if error.hint else login
        return error


def _login_hint(api: Api, credential: Credential) -> str:
    """What to do about a token that is refused."""
    if variable := credential.variable:
        return (
            f"set {variable} to a token that works, or unset it to use a token file: while it is set, "
            "pinflow auth login changes nothing"
        )
    return api.login_hint.format(token=credential.name)


def _category(api: Api, method: str, path: str) -> str:
    facts = api.operation(method, path)
    return facts.category if facts is not None else OTHER


def _missing_scopes(api: Api, call: _ApiCall, error: MissingScope) -> frozenset[str]:
    """What the service misses, else what the call needs; no invented scopes, as a command is made of them."""
    facts = api.operation(call.method, call.path)
    known = api.oauth.scopes if api.oauth is not None else frozenset()
    return (error.missing & known) or (facts.scopes if facts is not None else frozenset())


def _encoded_body(method: str, json: object, form: Mapping[str, object] | None) -> tuple[bytes | None, str]:
    """A request's body, and its content type."""
    if form is not None:
        return encoded_query(form).encode("ascii"), "application/x-www-form-urlencoded"
    if json is not None:
        return encoded_json(json), "application/json"
    return (b"", "application/json") if method in ("POST", "PUT", "PATCH") else (None, "")


def _write_call(login: str, method: str, path: str, category: str, digest: str = "") -> WriteCall:
    return WriteCall(method=method, path=path, category=category, digest=digest, login=login)


def _parse_success(answer: Answer, read_json: Callable[[bytes], Any]) -> _Try:
    retryable, reason = not answer.too_big, answer.flaw
    if answer.body is not None:
        try:
            value = mask_answer(answer.body, read_json(answer.body)) if answer.body else None
        except Unreadable as error:
            retryable, reason = error.retryable, error.reason
        else:
            return _Try(Outcome(phase="answered", status=answer.status), value)
    outcome = Outcome(phase="answered", status=answer.status, body="broken" if retryable else "refused")
    return _Try(outcome, reason=f"the answer {reason}")


def _is_json(answer: Answer, read_json: Callable[[bytes], Any]) -> bool:
    try:
        read_json(answer.body or b"")
    except Unreadable:
        return False
    return True


def _for_good(error: E, *, final: bool) -> E:
    """The error; a ``final`` one is met by every further try of the step, too."""
    error.retryable = error.retryable and not final
    return error


def _add_call(error: RemoteError, call: _ApiCall) -> RemoteError:
    """The error, its message with the call."""
    if not error.call:
        error.call = call.name
        error.message = f"{call.name}: {error.message}"
        error.args = (error.message,)
    return error
