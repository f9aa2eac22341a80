"""One login's way to one API: signed, paced, retried only where that is safe, and read with care."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from pinflow.errors import (
    CredentialError,
    InDoubt,
    MalformedAnswer,
    MissingScope,
    PinflowError,
    RateLimited,
    RemoteError,
    SpamBlocked,
    Unreachable,
    warn_renamed,
)
from pinflow.http.api import LOOPBACK
from pinflow.http.encoding import Unreadable, encoded_json, encoded_path, encoded_query, json_reader, without
from pinflow.http.file_transfer import FileTransfer
from pinflow.http.rate_limiter import DAY, told_wait
from pinflow.http.retry import (
    READS,
    Accept,
    Decision,
    Doubt,
    Limits,
    Lost,
    Outcome,
    Pause,
    Renew,
    Retry,
    Tries,
    Wait,
    decide,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.http.api import Api
    from pinflow.http.credentials import Credential
    from pinflow.http.rate_limiter import Pacer
    from pinflow.http.retry import Kind
    from pinflow.http.transport import Answer, Transport

__all__ = ["Client", "Gate", "Limits", "Observer", "Page", "WriteCall"]

OTHER = "other"  # the category of a call that the API's catalogue does not know
_LONGEST_BOOKMARK = 8_192  # characters; it has to go into a URL
_WORTH_TELLING = 1.0  # seconds; shorter waits are the pace, not an event


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing, and the bookmark of the next; None after the last."""

    items: list[Any]
    bookmark: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCall:
    """A write that is about to leave. ``path`` has no query; ``digest`` tells two requests apart, without content."""

    method: str
    path: str
    category: str
    digest: str  # 16 hex digits
    login: str


class Gate(Protocol):
    """Asked before every write leaves, and again before every further try of it."""

    def record_intent(self, call: WriteCall) -> object | None:
        """None lets it go. Anything else is returned in place of an answer, and nothing is sent. May raise."""


class Observer(Protocol):
    """Told when a call takes longer than the service needs."""

    def waiting(self, until: float, reason: str, category: str) -> None:
        """A call waits for its quota until ``until`` (seconds since 1970)."""

    def retrying(self, attempt: int, delay: float, reason: str) -> None:
        """A call is tried for the ``attempt``-th time, after ``delay`` seconds."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One request as it is sent, however often."""

    method: str
    path: str
    url: str
    category: str
    body: bytes | None = None
    content_type: str = ""
    read_only: bool = False  # whatever its method, it changes nothing
    sign: Callable[[Any], Any] | None = None  # in place of the login

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return not self.read_only and self.method not in READS


@dataclass(frozen=True, slots=True)
class _Result:
    """What one try brought: the facts to judge it by, and what its caller gets."""

    outcome: Outcome
    value: Any = None
    error: RemoteError | None = None
    reason: str = ""
    waited: float = 0.0  # seconds, for the quota
    generation: int = 0  # of the credential's secret
    pause: Callable[[float], None] | None = None  # lets the quota rest


class Client:
    """One login's way to one API. Thread-safe.

    In a ``rehearsal`` no write leaves: the gate is told of each, and its answer is
    the result. ``before`` is asked before every try whether it may still leave; it
    raises to forbid it.

    Paths are below the API's prefix, or one of those beside it, and begin with a
    slash: ``/boards/123/pins``.
    Answers are decoded JSON, None where there is no body. Methods raise

    - Unreachable: no answer, and nothing was applied
    - RemoteError and its kinds: what the service answered
    - RateLimited: the quota is used up for longer than ``limits.patience``
    - MalformedAnswer: a read's answer can't be understood
    - InDoubt: a write left, and nobody knows whether it was applied
    - CredentialError: the login is refused
    - ValueError: the path, a parameter or the body can't be sent
    """

    def __init__(
        self,
        api: Api,
        credential: Credential,
        *,
        base_url: str,
        login: str,
        transport: Transport,
        pacer: Pacer,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: Callable[[], float],
        gate: Gate | None = None,
        rehearsal: bool = False,
        before: Callable[[], None] = lambda: None,
        observer: Observer | None = None,
        limits: Limits = Limits(),  # noqa: B008  frozen
    ) -> None:
        self.api = api
        self.login = login
        self._credential = credential
        self._base_url = base_url
        self._transport = transport
        self._pacer = pacer
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._gate = gate
        self._rehearsal = rehearsal
        self._before = before
        self._observer = observer
        self._limits = limits
        self._read_json = json_reader()
        self._counting = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._renewing = threading.Lock()
        self._generation = 0
        self._blocked: SpamBlocked | None = None

    @property
    def files(self) -> FileTransfer:
        """Uploads to and downloads from addresses that the service gives out; no credential is sent there."""
        return FileTransfer(
            self._transport,
            local=urlsplit(self._base_url).hostname in LOOPBACK,
            back_off=self._back_off,
            random=self._random,
            before=self._before,
        )

    @property
    def calls(self) -> Mapping[str, int]:
        """How many answers came so far, by quota category."""
        with self._counting:
            return dict(self._calls)

    def get(self, path: str, *, params: Mapping[str, object] | None = None) -> Any:
        """Read an object."""
        return self.request("GET", path, params=params)

    def post(self, path: str, *, json: object = None, params: Mapping[str, object] | None = None) -> Any:
        """Make something."""
        return self.request("POST", path, params=params, json=json)

    def put(self, path: str, *, json: object = None, params: Mapping[str, object] | None = None) -> Any:
        """Replace something."""
        return self.request("PUT", path, params=params, json=json)

    def patch(self, path: str, *, json: object = None, params: Mapping[str, object] | None = None) -> Any:
        """Change something."""
        return self.request("PATCH", path, params=params, json=json)

    def delete(self, path: str, *, params: Mapping[str, object] | None = None) -> Any:
        """Remove something. If an answer is lost and it then is not found, it was removed."""
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
        left = limit
        for page in self.page_iter(path, params={"page_size": size, **(params or {})}):
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            if left is not None and left <= 0:
                return

    def page_iter(
        self, path: str, *, params: Mapping[str, object] | None = None, start: str | None = None
    ) -> Iterator[Page]:
        """Every page of a listing, from the bookmark ``start`` on.

        An empty page is not the end while it has a bookmark. A bookmark that comes
        twice, or more than ``limits.max_pages`` pages, is a MalformedAnswer.
        """
        wanted = {"page_size": self.api.page_size, **(params or {})}
        seen: set[int] = set()
        bookmark = start
        for _ in range(self._limits.max_pages):
            if bookmark is not None:
                if hash(bookmark) in seen:
                    raise MalformedAnswer(f"GET {path}: the listing goes in a circle: a bookmark came twice")
                seen.add(hash(bookmark))
                wanted[self.api.bookmark] = bookmark
            page = self._page(path, self.get(path, params=wanted))
            yield page
            if page.bookmark is None:
                return
            bookmark = page.bookmark
        raise MalformedAnswer(f"GET {path}: the listing has more than {self._limits.max_pages:,} pages")

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = None,
        form: Mapping[str, object] | None = None,
        read_only: bool = False,
        asks: bool | None = None,
        sign: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Send a request with a JSON or a form body, and see it through to an answer or an error.

        ``read_only`` is for a query that is too long for a URL: a POST that changes
        nothing. ``sign`` signs it instead of the login, where an endpoint requires that.
        ``asks`` is the old name of ``read_only``.
        """
        if asks is not None:
            warn_renamed("request(asks=)", "request(read_only=)")
            read_only = asks
        try:
            if self._rehearsal and not read_only and method.upper() not in READS:
                return self._rehearse(method.upper(), path)
            call = self._call(method.upper(), path, params, json, form)
            return self._request(replace(call, read_only=read_only, sign=sign))
        except PinflowError as error:
            error.login = error.login or self.login
            raise

    def _request(self, call: _Call) -> Any:
        tries = Tries()
        while True:
            self._before()
            if (planned := self._record_intent(call)) is not None:
                return planned
            result = self._try(call, self._limits.patience - tries.waited)
            tries = replace(tries, waited=tries.waited + result.waited)
            decision = self._decide(call, result, tries)
            if isinstance(decision, Renew):
                tries = replace(tries, renewed=True)
                renewed = call.sign is None and self._renew(result.generation)
                decision = decision if renewed else self._decide(call, result, tries)
            match decision:
                case Accept():
                    return result.value
                case Retry(after):
                    self._back_off(tries.number + 1, after, result.reason)
                case Wait(after):
                    if result.pause:
                        result.pause(after)
                case Renew():
                    pass
                case _:
                    raise self._error(call, result, decision)
            tries = replace(tries, number=tries.number + 1, lost=tries.lost or result.outcome.uncertain)

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | None,
        json: object,
        form: Mapping[str, object] | None,
    ) -> _Call:
        url = self.api.address(self._base_url, encoded_path(path))
        if query := encoded_query(params):
            url = f"{url}?{query}"
        facts = self.api.operation(method, path)
        call = _Call(method, path, url, facts.category if facts is not None else OTHER)
        if form is not None:
            body = encoded_query(form).encode("ascii")
            return replace(call, body=body, content_type="application/x-www-form-urlencoded")
        if json is not None:
            return replace(call, body=encoded_json(json), content_type="application/json")
        return replace(call, body=b"", content_type="application/json") if method in ("POST", "PUT", "PATCH") else call

    def _rehearse(self, method: str, path: str) -> object:
        """Tell the gate of a write that never leaves. Its body may hold what only a real run would know."""
        if self._gate is None:
            raise ValueError("a rehearsal needs a gate that takes its writes")
        encoded_path(path)  # what could not be sent is refused here too
        facts = self.api.operation(method, path)
        category = facts.category if facts is not None else OTHER
        return self._gate.record_intent(
            WriteCall(method=method, path=path, category=category, digest="", login=self.login)
        )

    def _record_intent(self, call: _Call) -> object | None:
        if not call.writes:
            return None
        if self._blocked is not None:
            raise _again(self._blocked, call)
        self._pacer.check_block(self.login)
        if self._gate is None:
            return None
        content = b"\n".join((call.method.encode(), call.path.encode(), call.body or b""))
        digest = hashlib.sha256(content).hexdigest()[:16]
        return self._gate.record_intent(
            WriteCall(method=call.method, path=call.path, category=call.category, digest=digest, login=self.login)
        )

    def _try(self, call: _Call, patience: float) -> _Result:
        """Wait for the quota, send once, and read what comes."""
        turn = self._pacer.enter(self.login, call.category, patience=patience, waiting=self._waiting(call))
        answer: Answer | None = None
        generation = self._generation
        proof = ""  # what the request is signed with

        def sign(request: Any) -> None:
            nonlocal proof
            (call.sign or self._credential)(request)
            proof = request.headers.get("Authorization", "")

        try:
            if turn.waited >= _WORTH_TELLING:
                # the announcement has aged: what is durable must tell when the write really left
                self._record_intent(call)
            answer = self._transport.send(
                call.method,
                call.url,
                sign=sign,
                limits=self._limits,
                body=call.body,
                content_type=call.content_type,
            )
        except Lost as lost:
            return _Result(Outcome(phase=lost.phase), reason=lost.reason, waited=turn.waited)
        finally:
            self._pacer.done(turn, answer.headers if answer is not None else None)
        with self._counting:
            self._calls[call.category] += 1
        result = self._accepted(answer) if 200 <= answer.status < 300 else self._refused(call, answer, proof)
        headers = answer.headers
        return replace(
            result,
            waited=turn.waited,
            generation=generation,
            pause=lambda seconds: self._pacer.pause(turn, headers, seconds),
        )

    def _accepted(self, answer: Answer) -> _Result:
        again, reason = not answer.too_big, answer.flaw
        if answer.body is not None:
            try:
                value = self._read_json(answer.body) if answer.body else None
            except Unreadable as error:
                again, reason = error.again, error.reason
            else:
                return _Result(Outcome(phase="answered", status=answer.status), value)
        outcome = Outcome(phase="answered", status=answer.status, body="broken" if again else "refused")
        return _Result(outcome, reason=f"the answer {reason}")

    def _refused(self, call: _Call, answer: Answer, proof: str) -> _Result:
        error = _named(self._read_error(answer, proof.rpartition(" ")[2]), call)
        kind = _kind(error)
        headers = answer.headers
        if answer.status != 429 and kind != "limited":
            # every answer tells when its window ends; only a refusal for the quota means to wait until then
            headers = {name: value for name, value in headers.items() if name == "retry-after"}
        told = told_wait(headers, self._clock())
        outcome = Outcome(phase="answered", status=answer.status, kind=kind, told=told)
        return _Result(outcome, error=error, reason=error.message)

    def _read_error(self, answer: Answer, secret: str) -> RemoteError:
        if answer.status < 400:
            return RemoteError("the service points elsewhere, and redirects are not followed", status=answer.status)
        try:
            body = without(secret, self._read_json(answer.body)) if answer.body else None
        except Unreadable:
            body = None  # a proxy's page, or half an answer: the status tells enough
        return self.api.read_error(answer.status, answer.headers, body)

    def _decide(self, call: _Call, result: _Result, tries: Tries) -> Decision:
        return decide(
            "GET" if call.read_only else call.method,
            result.outcome,
            tries,
            idempotent=call.read_only or call.method in self.api.idempotent,
            limits=self._limits,
            jitter=self._random(),
        )

    def _renew(self, generation: int) -> bool:
        """Whether there is a fresher secret than the refused one. One thread gets it, the others take it."""
        with self._renewing:
            if self._generation == generation:
                if not self._credential.renew():
                    return False
                self._generation += 1
            return True

    def _back_off(self, attempt: int, delay: float, reason: str) -> None:
        if self._observer is not None:
            self._observer.retrying(attempt, delay, reason)
        self._sleep(delay)

    def _waiting(self, call: _Call) -> Callable[[float], None]:
        def tell(seconds: float) -> None:
            if self._observer is not None and seconds >= _WORTH_TELLING:
                self._observer.waiting(self._clock() + seconds, f"the quota {call.category!r}", call.category)

        return tell

    def _error(self, call: _Call, result: _Result, decision: Decision) -> Exception:
        if isinstance(decision, Doubt):
            return InDoubt(
                f"{call.name}: the request left, but nothing says whether it was applied ({result.reason})",
                hint="look at what it was to change before it is sent again",
            )
        if isinstance(decision, Pause):
            if result.pause:
                result.pause(decision.after)  # for all others, and for whoever comes back too early
            return _limited(result.error, decision.after, call)
        if result.error is not None:
            return self._refusal(call, result.error)
        if result.outcome.phase == "answered":
            return MalformedAnswer(f"{call.name}: {result.reason}")
        sent = "; nothing was sent" if result.outcome.phase == "nothing_sent" else ""
        return Unreachable(f"{call.name}: no answer from {self._base_url}: {result.reason}{sent}")

    def _refusal(self, call: _Call, error: RemoteError) -> Exception:
        if isinstance(error, SpamBlocked) and call.writes:
            self._pacer.block(self.login)
            error.retry_after = DAY
            self._blocked = error
        # a kind of its own says more than that the login is bad
        if error.status == 401 and type(error) is RemoteError and call.sign is None:
            hint = self.api.login_hint.format(token=self._credential.name)
            return CredentialError(f"the login {self.login!r} was refused: {error.message}", hint=hint)
        return error

    def _page(self, path: str, answer: Any) -> Page:
        if isinstance(answer, list):
            return Page(answer, None)  # some listings have no pages, and no envelope
        if not isinstance(answer, dict) or self.api.items not in answer:
            raise MalformedAnswer(f"GET {path}: the answer is not a listing: it has no {self.api.items!r}")
        items = answer[self.api.items]
        bookmark = answer.get(self.api.bookmark)
        if not isinstance(items, list | None) or not isinstance(bookmark, str | None):
            raise MalformedAnswer(f"GET {path}: the answer's listing or its bookmark is of another type")
        if bookmark and len(bookmark) > _LONGEST_BOOKMARK:
            raise MalformedAnswer(f"GET {path}: the bookmark is longer than {_LONGEST_BOOKMARK:,} characters")
        return Page(items or [], bookmark or None)


def _kind(error: RemoteError) -> Kind:
    match error:
        case SpamBlocked():
            return "spam"
        case RateLimited():
            return "limited"
        case MissingScope():
            return "scope"
    return ""


def _named(error: RemoteError, call: _Call) -> RemoteError:
    """The error, saying which call it was of."""
    if not error.call:
        error.call = call.name
        error.message = f"{call.name}: {error.message}"
        error.args = (error.message,)
    return error


def _limited(error: RemoteError | None, after: float, call: _Call) -> RateLimited:
    """The refusal as one that says when to come again."""
    if isinstance(error, RateLimited):
        error.retry_after = after
        error.category = error.category or call.category
        return error
    text = error.text if error is not None else "too many requests"
    request_id = error.request_id if error is not None else ""
    return RateLimited(text, retry_after=after, category=call.category, call=call.name, request_id=request_id)


def _again(blocked: SpamBlocked, call: _Call) -> SpamBlocked:
    """The block that an earlier write met, for a write that was not sent because of it."""
    return SpamBlocked(
        blocked.text,
        status=blocked.status,
        retry_after=blocked.retry_after,
        code=blocked.code,
        request_id=blocked.request_id,
        call=call.name,
        hint=blocked.hint,
    )
