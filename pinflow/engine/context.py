"""What an action works with: its clients, and the durable calls that touch the world."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pinflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pinflow.engine.durable import Durable, EachResult
    from pinflow.engine.file_access import Files
    from pinflow.engine.notices import Notices
    from pinflow.http.client import Client
    from pinflow.http.credentials import CredentialRequest

T = TypeVar("T")
R = TypeVar("R")


class Context:
    """What an action works with: its clients, and the durable calls that touch the world.

    Reads go through ``client``. Every write goes through :meth:`once` or
    :meth:`each`, so that it is announced in the journal before it leaves and
    never made twice.
    """

    __slots__ = (
        "_ask",
        "_clients",
        "_durable",
        "_files",
        "_note",
        "_notices",
        "_pause",
        "_prefix",
        "dry_run",
        "now",
        "step",
    )

    def __init__(
        self,
        *,
        step: str,
        clients: Mapping[str, Client],
        durable: Durable,
        files: Files,
        dry_run: bool,
        now: Callable[[], float],
        note: Callable[[str, Literal["info", "warning"]], None],
        pause: Callable[[float, str], None],
        ask: Callable[[str, str | None], CredentialRequest],
        notices: Notices | None = None,
        prefix: str = "",
    ) -> None:
        self.step = step  # its path in the run: "copy", or "pins[813].copied"
        self.dry_run = dry_run
        self.now = now  # seconds since the epoch
        self._clients = clients
        self._durable = durable
        self._files = files
        self._note = note
        self._pause = pause
        self._ask = ask
        self._notices = notices
        self._prefix = prefix

    @property
    def client(self) -> Client:
        """The client of the step's one login. Raises UsageError where there are several roles."""
        if len(self._clients) != 1:
            raise UsageError(f"step {self.step} has the logins {sorted(self._clients)}: use ctx.login(role)")
        return next(iter(self._clients.values()))

    def login(self, role: str) -> Client:
        """The client of the login that plays ``role``."""
        return self._clients[role]

    def once(
        self,
        key: str,
        do: Callable[[], T],
        *,
        find: Callable[[], T | None] | None = None,
        fresh: bool = False,
        kind: str = "",
        changes: bool = True,
    ) -> T:
        """Do something to the world exactly once, now or in an earlier process of this run.

        ``key`` names the effect within the step. When ``do`` may have happened but
        its answer was lost, ``find`` looks on the target for what it would have
        made. ``fresh=True`` promises that what it returns was not there before:
        then it is adopted when it is first seen, else after the settle time. The
        result after a resume holds only ids, numbers, booleans, dates
        and enum words. ``kind`` is what people call the thing: "board", "pin".
        ``changes`` False says that it is sent like a write and changes nothing that
        belongs to an account, such as asking for a report: it needs no approval.
        Raises InDoubt where only ``find`` could tell and there is none.
        """
        return self._durable.once(self.step, self._prefix + key, do, find=find, fresh=fresh, kind=kind, changes=changes)

    def each(
        self,
        items: Iterable[T],
        *,
        key: Callable[[T], str],
        do: Callable[[T], R],
        find: Callable[[T], R | None] | None = None,
        fresh: bool = False,
        kind: str = "",
        parallel: int = 1,
        total: int | None = None,
        after: EachResult | None = None,
    ) -> EachResult:
        """:meth:`once` for a stream of items, read lazily, with ``parallel`` calls in flight.

        Serial and in order by default. One bad item does not lose the others: it is
        in the result's ``failed``. ``do`` may return ``Skip(reason)``. ``after`` is
        what others of the same ``total`` came to: progress and result count on from it.
        """
        return self._durable.each(
            self.step,
            items,
            key=lambda item: self._prefix + key(item),
            do=do,
            find=find,
            fresh=fresh,
            kind=kind,
            parallel=parallel,
            total=total,
            after=after,
        )

    def freeze(self, name: str, ids: Iterable[str]) -> Sequence[str]:
        """Remember a list of ids in its order, once: after a resume the remembered one comes back."""
        return self._durable.freeze(self.step, self._prefix + name, ids)

    def made_by_run(self, kind: str) -> Iterable[Any]:
        """The kept result of everything of ``kind`` that any step of the run is certain to have made, streamed."""
        return (result for _, result in self._durable.results("", kind=kind))

    def made(self, kind: str) -> Iterable[tuple[str, Any]]:
        """Key (within this context) and kept result of everything of ``kind`` that is certain, streamed."""
        for key, result in self._durable.results(self.step, kind=kind):
            if key.startswith(self._prefix):
                yield key[len(self._prefix) :], result

    def sent_at(self, key: str) -> float | None:
        """When the effect ``key`` was last announced (seconds since the epoch), for use in ``find``."""
        return self._durable.sent_at(self.step, self._prefix + key)

    def doubted_at(self, kind: str) -> float | None:
        """When the step last sent a write of ``kind`` (seconds since the epoch) whose outcome was unknown for a while.

        To this process of the run or to an earlier one; None if there was none. A write that was refused and sent
        again later may count as one.
        """
        return self._durable.doubted_at(self.step, kind)

    def skip(self, key: str, reason: str, *, kind: str = "") -> None:
        """Record that something was left out, and why (a fixed text, without the service's data)."""
        self._durable.skip(self.step, self._prefix + key, reason, kind=kind)

    def within(self, name: str) -> Context:
        """The same step with keys of their own, for work that is repeated per ``name``, which is an id.

        Raises ValueError for any other text: keys are kept, and content is not.
        """
        if not re.fullmatch(r"[A-Za-z0-9_.:=+~#-]{1,60}", name):
            raise ValueError("ctx.within() takes an id: letters, digits and _ . : = + ~ # -")
        return Context(
            step=self.step,
            clients=self._clients,
            durable=self._durable,
            files=self._files,
            dry_run=self.dry_run,
            now=self.now,
            note=self._note,
            pause=self._pause,
            ask=self._ask,
            notices=self._notices,
            prefix=f"{self._prefix}{name}/",
        )

    def file(self, name: str) -> Path:
        """Where the file is that the recipe calls ``name``: in its own folder, or named by an input of type file.

        Raises UsageError for any other place: a recipe has no business there.
        """
        return self._files.place(name)

    def credential_request(self, token: str = "access_token", api: str | None = None) -> CredentialRequest:  # noqa: S107
        """Where a token is looked for, for actions about tokens themselves. ``api`` None is the recipe's own.

        Raises UsageError for an API that no plugin speaks.
        """
        return self._ask(token, api)

    def log(self, text: str, *, warning: bool = False) -> None:
        """Tell the person something."""
        self._note(text, "warning" if warning else "info")

    def notify(
        self, key: str, title: str, text: str = "", *, kind: str, level: Literal["info", "warning", "error"] = "warning"
    ) -> None:
        """Tell a person who is not there, once until :meth:`resolve`: see ``Notice``. Not in dry runs and sandboxes."""
        if self._notices is not None:
            from pinflow.state.records import Notice

            self._notices.tell(Notice(key=key, kind=kind, title=title, text=text, at=self.now(), level=level))

    def resolve(self, key: str) -> None:
        """What :meth:`notify` told of under this key is over."""
        if self._notices is not None:
            self._notices.resolve(key)

    def wait(self, seconds: float, reason: str) -> None:
        """Wait, saying why and until when."""
        self._pause(seconds, reason)
