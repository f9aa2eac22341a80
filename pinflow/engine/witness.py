"""What a run reads and as whom: noted in the dry run before an approval, compared in the runs that need it."""

from __future__ import annotations

import threading
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

from pinflow.errors import ApprovalRequired, MissingScope, UsageError
from pinflow.lazy_dataclass import dataclass, field
from pinflow.state.folder.written_files import content_digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pinflow.engine.sign_in import TokenKey
    from pinflow.http.client import Client
    from pinflow.state.records import Coverage

_LONGEST_ID = 200  # characters of an account's id, which is the service's text


@dataclass(slots=True)
class Witness:
    """Notes the files that a run reads and the accounts of its tokens; with ``covers``, nothing else passes.

    Thread-safe. ``approved`` is when, in words, and ``hint`` what to do, for messages.
    """

    covers: Coverage | None = None
    approved: str = ""
    hint: str = ""
    files: dict[str, str] = field(init=False, default_factory=dict)  # as in `Coverage`
    accounts: dict[str, str] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)  # loops read side by side

    # files

    def check_content(self, path: Path, file: BinaryIO) -> BinaryIO:
        """The content of an open file, at its beginning: of a run by an approval the very bytes that were approved.

        These are copied while they are compared, so that nobody can change them between the look and the use. Closes
        ``file`` where it gives another one. Raises ApprovalRequired for other bytes, OSError if they can't be read.
        """
        name = str(path)
        if self.covers is None:
            digest = content_digest(file)
            with self._lock:
                known = self.files.setdefault(name, digest)
            if known != digest:
                raise UsageError(f"{path} was changed while it was read", hint="try again when nothing writes to it")
            file.seek(0)
            return file
        copy = TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            with file:
                self._compare(path, content_digest(file, copy))
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy

    def _compare(self, path: Path, digest: str) -> None:
        approved = None if self.covers is None else self.covers.files.get(str(path))
        if approved == digest:
            return
        problem = (
            f"{path} changed since this was approved on {self.approved}"
            if approved is not None
            else f"{path} was not read by the dry run when this was approved on {self.approved}"
        )
        raise ApprovalRequired(problem, hint=self.hint)

    # accounts

    def covers_token(self, token: str) -> bool:
        """Whether the token, of whichever API, was one of those that the approval is for."""
        return self.covers is None or any(key.partition(" ")[2] == token for key in self.covers.accounts)

    def check_account(self, key: TokenKey, client: Client) -> None:
        """Ask the service whose token it is. Raises ApprovalRequired if it is another account's than was approved.

        Where the service could not tell at the time of the approval, the name of the token is all that was approved.
        Raises what the client raises.
        """
        token, api = key
        name = account_key(token, api)
        if self.covers is None:
            account = _account_id(client)
            with self._lock:
                self.accounts[name] = account
        elif name not in self.covers.accounts:
            raise ApprovalRequired(f"the token {token!r} was not covered when this was approved on {self.approved}")
        elif (approved := self.covers.accounts[name]) and approved != _account_id(client):
            raise ApprovalRequired(
                f"the token {token!r} belongs to another account than when this was approved on {self.approved}",
                hint="see whose it is: pinflow auth status",
            )

    def check_accounts(self, clients: Iterable[tuple[TokenKey, Client]]) -> None:
        for key, client in clients:
            self.check_account(key, client)


def account_key(token: str, api: str) -> str:
    """What `Coverage.accounts` calls a token."""
    return f"{api} {token}"


def _account_id(client: Client) -> str:
    try:
        return client.api.account_id(client)[:_LONGEST_ID]
    except MissingScope:
        return ""
