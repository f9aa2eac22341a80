"""What an action works with: its clients, and the durable calls that touch the world."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pinflow.engine.durable import Durable
from pinflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pinflow.engine.effect_runner import EffectRunner
    from pinflow.engine.file_access import InputFile, OutputFile
    from pinflow.engine.run_context import RunContext
    from pinflow.http.client import Client
    from pinflow.http.credentials import CredentialRequest

_NAME = re.compile(r"[A-Za-z0-9_.:=+~#-]{1,60}")


class Context(Durable):
    """What an action works with: its clients, and the durable calls that touch the world.

    Reads go through ``client``. Every write goes through :meth:`once` or
    :meth:`each`, so that its intent is in the journal before it leaves, and it is
    never made twice.
    """

    __slots__ = ("_ask", "_clients", "_run", "dry_run", "now", "started")

    def __init__(
        self,
        run: RunContext,
        effects: EffectRunner,
        clients: Mapping[str, Client],
        *,
        step: str,
        ask: Callable[[str, str | None], CredentialRequest],
        prefix: str = "",
    ) -> None:
        """``clients`` by role; ``ask`` tells where a token is looked for, by its name and API."""
        super().__init__(effects, step, prefix, account="+".join(sorted({each.login for each in clients.values()})))
        self.dry_run = run.dry_run
        self.now = run.clock.now  # seconds since the epoch; for waits
        self.started = run.started  # seconds since the epoch, the same after a resume; for what is sent
        self._run = run
        self._clients = clients
        self._ask = ask

    @property
    def client(self) -> Client:
        """The client of the step's one login. Raises UsageError where there are several roles."""
        if len(self._clients) != 1:
            raise UsageError(f"step {self.step} has the logins {sorted(self._clients)}: use ctx.login(role)")
        return next(iter(self._clients.values()))

    def login(self, role: str) -> Client:
        """The client of the login that plays ``role``."""
        return self._clients[role]

    def within(self, name: str) -> Context:
        """The same step with keys of their own, for work that is repeated per ``name``, which is an id.

        Raises ValueError for any other text: keys are kept, and content is not.
        """
        if not _NAME.fullmatch(name):
            raise ValueError("ctx.within() takes an id: letters, digits and _ . : = + ~ # -")
        prefix = f"{self._prefix}{name}/"
        return Context(self._run, self._effects, self._clients, step=self.step, ask=self._ask, prefix=prefix)

    def input_file(self, name: str) -> InputFile:
        """The file to read that the recipe calls ``name``: in its own folder, or named by an input of type file.

        Open it with its ``open()``, which opens the very file that was looked at. Raises UsageError for a file that
        the recipe may not read.
        """
        return self._run.files.source(name)

    def output_file(self, name: str) -> OutputFile:
        """The file to write that the recipe calls ``name``: in the output folder, or named by an input of type file.

        Write it in a block of its ``draft()``. Raises UsageError for a file that the recipe may not write.
        """
        return self._run.files.output(name)

    def file(self, name: str) -> Path:
        """The path of `input_file`, for what takes nothing but a path; somebody may put a link there meanwhile."""
        return self._run.files.look_at(name)

    def credential_request(self, token: str = "", api: str | None = None) -> CredentialRequest:
        """Where a token is looked for, for actions about tokens themselves.

        ``token`` "" is the service's default one, ``api`` None the recipe's own.

        Raises UsageError for an unknown API.
        """
        return self._ask(token, api)

    def log(self, text: str, *, warning: bool = False) -> None:
        """Tell the person something."""
        from pinflow.events import Note

        self._run.emit(Note, step=self.step, text=text, level="warning" if warning else "info")

    def notify(
        self, key: str, title: str, text: str = "", *, kind: str, level: Literal["info", "warning", "error"] = "warning"
    ) -> None:
        """Alert a person, once until :meth:`resolve`: see ``Notice``. Not in dry runs and sandboxes."""
        if self._run.notices is not None:
            self._run.notices.alert(key, kind, title, text, level=level)

    def resolve(self, key: str) -> None:
        """End the alert that :meth:`notify` gave under this key."""
        if self._run.notices is not None:
            self._run.notices.resolve(key)

    def wait(self, seconds: float, reason: str) -> None:
        """Wait, saying why and until when."""
        self._run.wait(seconds, self.step, reason)
