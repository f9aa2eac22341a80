"""Tokens in files of the user's own: the `pinflow.Vault` of a machine that shares no state.

A file may point at the key store. The vault's service is the id of the API version.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pinflow import CredentialError, StoredToken, dataclass, natural_key
from pinflow_auth import files, keyring_store, refresh_marker, token_locations
from pinflow_auth.names import name_variants
from pinflow_auth.tokens import parse_object, parse_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pinflow import CredentialRequest
    from pinflow_auth.tokens import TokenSet

FileStorage = Literal["file", "keyring"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToken(StoredToken):
    """Stored tokens and where they are: in the file ``path``, or in the key store's entry for it."""

    path: Path
    storage: FileStorage = "file"

    @property
    def source(self) -> str:
        """Where the tokens are, for people."""
        if self.storage == "keyring":
            return f"key store's entry for {self.path}"
        return f"file {self.path}{', which others can read' if files.is_open_to_others(self.path) else ''}"


def load_tokens(stored: StoredToken) -> TokenSet:
    """The tokens that a vault holds. Raises CredentialError for content that can't be used."""
    if isinstance(stored, FileToken):
        label = f"token {stored.source}" if stored.storage == "file" else stored.source
        data = parse_object(stored.content, label)
        return parse_tokens(data, stored.name, stored.source, storage=stored.storage, path=stored.path)
    source = f"vault's entry {stored.name!r}"
    return parse_tokens(parse_object(stored.content, source), stored.name, source, storage="vault", path=None)


def read_token_file(path: Path, service: str, name: str) -> FileToken | None:
    """The tokens in one file, or where it points; None if there is no file. Raises CredentialError."""
    content = files.read(path, "token file")
    if content is None:
        return None
    storage = parse_object(content, f"token file {path}").get("storage", "file")
    if storage == "file":
        return FileToken(service=service, name=name, content=content, path=path)
    if storage != "keyring":
        raise CredentialError(
            f"the storage of token file {path} must be file or keyring", hint="delete it to sign in again"
        )
    secret = keyring_store.load(path)
    if secret is None:
        raise CredentialError(
            f"the token file {path} points at the system's key store, which has no such entry",
            hint=f"sign in again, or remove the file: rm {path}",
        )
    return FileToken(service=service, name=name, content=secret.encode(), path=path, storage="keyring")


class FileVault:
    """The token files that a request may use, as a `pinflow.Vault`."""

    def __init__(self, request: CredentialRequest) -> None:
        self._request = request

    def find(self, service: str, name: str) -> FileToken | None:
        """The stored tokens of that name, or None if there is no file. Raises CredentialError for a broken file."""
        for path in self._candidates(service, name):
            if (token := read_token_file(path, service, name)) is not None:
                return token
        return None

    def _candidates(self, service: str, name: str) -> Iterator[Path]:
        """The files in which a token of this name may be, in order."""
        yield from token_locations.candidate_paths(self._request, service, name)
        for folder in token_locations.earlier_folders(self._request):
            paths = (folder / f"{variant}.json" for variant in name_variants(name, service))
            yield from (path for path in paths if _api_of(path, name) == service)

    def locate(self, service: str, name: str) -> Path | None:
        """The file of that name, broken or not; None if there is none."""
        paths = self._candidates(service, name)
        return next((path for path in paths if os.path.lexists(path)), None)

    def paths(self) -> Iterator[Path]:
        """Every token file, by folder and name."""
        for folder in token_locations.token_folders(self._request):
            if folder.is_dir():
                yield from _token_files(folder)
        for folder in token_locations.earlier_folders(self._request):
            yield from (path for path in _token_files(folder) if _api_of(path, path.stem) == self._request.api.id)

    def names(self) -> Sequence[tuple[str, str]]:
        """API and name of each token file that can be read; a file that names no API counts for the request's."""
        apis = ((path, _api_of(path, path.stem)) for path in self.paths())
        return [(api or self._request.api.id, path.stem) for path, api in apis if api is not None]

    def prove(self, service: str, name: str, *, storage: FileStorage | None = None) -> None:
        """Check that ``store`` will work, before a person is asked for tokens. Raises CredentialError."""
        path = self._home(service, name)
        with files.lock_tokens(path):
            _check_replaceable(path)
            if self._storage(path, storage) == "keyring":
                keyring_store.load(path)
            with files.open_replacement(path):
                pass  # dropped again

    def put(self, token: StoredToken) -> None:
        """Store tokens, replacing existing ones of that name. Raises CredentialError."""
        self.store(token)

    def store(self, token: StoredToken, *, storage: FileStorage | None = None) -> FileToken:
        """Store tokens, replacing existing ones of that name. Returns them with their place.

        They stay where that name is stored already, else go to the folder for new tokens. ``storage`` None means
        PINFLOW_TOKEN_STORAGE, else the present storage of that name, else a file. Raises CredentialError; the
        stored tokens are unchanged then.
        """
        path = self._home(token.service, token.name)
        with files.lock_tokens(path):
            _check_replaceable(path)
            before, chosen = _storage_of(path), self._storage(path, storage)
            if chosen == "keyring":
                keyring_store.store(path, token.content.decode())
                files.write(path, _pointer(path))
            else:
                files.write(path, token.content)
                if before == "keyring":
                    keyring_store.forget(path)
            refresh_marker.clear(path)
        return FileToken(service=token.service, name=token.name, content=token.content, path=path, storage=chosen)

    def remove(self, service: str, name: str) -> bool:
        """Remove the stored tokens of that name; False if there were none. Raises CredentialError."""
        path = self.locate(service, name)
        if path is None:
            return False
        with files.lock_tokens(path):
            if _storage_of(path) == "keyring":
                keyring_store.forget(path)
            files.remove(path)
            refresh_marker.clear(path)
        return True

    @contextmanager
    def turn(self, service: str, name: str) -> Iterator[FileTurn]:
        """The right to refresh these tokens, alone. Raises Unreachable if another process keeps it for two minutes."""
        stored = self.find(service, name)
        if stored is None:
            yield FileTurn(None)
            return
        with files.lock_tokens(stored.path), ExitStack() as prepared:
            # read again: another process may have refreshed or removed the file during the wait
            yield FileTurn(read_token_file(stored.path, service, name), prepared)

    def _home(self, service: str, name: str) -> Path:
        """The file for a token of this API and name, its folder made. A file with another API's token is left alone."""
        paths = self._candidates(service, name)
        own = (path for path in paths if os.path.lexists(path) and _api_of(path, name) in (None, "", service))
        if (path := next(own, None)) is None:
            path = token_locations.new_path(self._request, name)
            path = path.with_name(f"{name}_{service}.json") if os.path.lexists(path) else path
        files.make_folder(path.parent)
        return path

    def _storage(self, path: Path, storage: FileStorage | None) -> FileStorage:
        return storage or token_locations.chosen_storage(self._request.environ) or _storage_of(path) or "file"


class FileTurn:
    """One refresh of a token file, inside its lock.

    ``record_request`` also takes the room for the service's answer on disk, so that after it only the hardware can
    keep the answer from being stored.
    """

    def __init__(self, token: FileToken | None, prepared: ExitStack | None = None) -> None:
        self._stored = token
        self._prepared = prepared or ExitStack()
        self._write: Callable[[bytes], None] | None = None
        self.token: StoredToken | None = None
        if token is not None:
            self.token = replace(token, lost_at=refresh_marker.find(token.path, load_tokens(token)))

    def record_request(self, at: str) -> None:
        """Store durably that the service is asked for new tokens now. Raises CredentialError if storing can't work."""
        if self._stored is None or self.token is None:
            raise ValueError("there is no token to refresh")
        self._write = self._prepared.enter_context(_replacement(self._stored))
        if not self.token.lost_at:
            refresh_marker.leave(self._stored.path, load_tokens(self._stored), at)

    def clear_request(self) -> None:
        """Remove the note of the request: no tokens were lost."""
        if self._stored is not None:
            refresh_marker.clear(self._stored.path)

    def replace(self, content: bytes) -> None:
        """Store the service's answer and forget the note. Raises CredentialError."""
        if self._stored is None or self._write is None:
            raise ValueError("record_request comes first")
        try:
            self._write(content)
        except OSError as error:
            raise CredentialError(
                f"the token {self._stored.name!r} was refreshed, but the new one can't be stored: {error.strerror}",
                hint=f"make {self._stored.path} writable, then sign in again",
            ) from None
        self.clear_request()


@contextmanager
def _replacement(token: FileToken) -> Iterator[Callable[[bytes], None]]:
    """A function that replaces the content; before it is given, storing has been proved to work. Call it once."""
    if token.storage == "keyring":
        keyring_store.store(token.path, token.content.decode())
        yield lambda content: keyring_store.store(token.path, content.decode())
        return
    with files.open_replacement(token.path) as put:
        yield put


def _token_files(folder: Path) -> list[Path]:
    files = (path for path in folder.glob("*.json") if not path.name.startswith("."))
    return sorted(files, key=lambda path: (natural_key(path.stem), path.name))


def _api_of(path: Path, name: str) -> str | None:
    """The API that a token file is for, "" if it doesn't say; None if the file is broken or missing."""
    with suppress(CredentialError):
        stored = read_token_file(path, "", name)
        if stored is not None:
            return load_tokens(stored).api
    return None


def _storage_of(path: Path) -> FileStorage | None:
    """Where the secret of a token file is; None if there is no readable file."""
    with suppress(CredentialError):
        content = files.read(path, "token file")
        if content is not None:
            pointing = parse_object(content, f"token file {path}").get("storage") == "keyring"
            return "keyring" if pointing else "file"
    return None


def _pointer(path: Path) -> bytes:
    """The content of a token file whose secret is in the key store."""
    return (json.dumps({"name": path.stem, "storage": "keyring"}, indent=2) + "\n").encode()


def _check_replaceable(path: Path) -> None:
    """Raise CredentialError unless ``path`` is free or a regular file of this user."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise CredentialError(f"{path} is not a regular file and isn't replaced", hint=f"move it: mv {path} {path}.old")
    if os.name == "posix" and status.st_uid != os.getuid():
        raise CredentialError(f"{path} belongs to another user", hint=f"chown {os.getuid()} {path}")
