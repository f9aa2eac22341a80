"""Where a token is: a variable, or a file in one of the token folders; a file may point at the key store."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pinflow import CredentialError
from pinflow_auth import files, keyring_store
from pinflow_auth.names import checked, variable_of, variants
from pinflow_auth.tokens import TokenSet, as_json, from_object, read_object, sendable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pinflow import CredentialRequest

Kept = Literal["file", "keyring"]

STORAGE_VARIABLE = "PINFLOW_TOKEN_STORAGE"


def origin_of(request: CredentialRequest) -> str:
    """Scheme, host and port of the API, with the environment's say. Raises UsageError for a bad address."""
    return request.api.base_url(request.environ).removesuffix(request.api.prefix)


def from_environment(request: CredentialRequest) -> TokenSet | None:
    """The token in a variable, or None if none is set; an empty one is not. Nothing else is known of it.

    Raises CredentialError for a name that can't be a token's, and for a value that can't be sent.
    """
    checked(request.token, request.api)
    for name in variants(request.token, request.api):
        variable = variable_of(name)
        if secret := request.environ.get(variable):
            if not sendable(secret):
                raise CredentialError(
                    f"the environment variable {variable} is not one line of visible ASCII characters",
                    hint="set it again; a line break, a space or a quotation mark may have been copied with it",
                )
            source = f"environment variable {variable}"
            return TokenSet(
                name=request.token,
                access_token=secret,
                origin=origin_of(request),
                api=request.api.id,
                storage="environment",
                source=source,
            )
    return None


def from_place(request: CredentialRequest) -> TokenSet | None:
    """The token that a file keeps or points at, or None if there is no file.

    Raises CredentialError for a file that can't be used, however it is broken.
    """
    checked(request.token, request.api)
    for path in candidates(request):
        content = files.read(path, "token file")
        if content is not None:
            return _tokens(path, content, request.token)
    return None


def read(path: Path, name: str) -> TokenSet | None:
    """The tokens in one file, or where it points, or None if there is no file. Raises CredentialError."""
    content = files.read(path, "token file")
    return None if content is None else _tokens(path, content, name)


def candidates(request: CredentialRequest) -> Iterator[Path]:
    """The files to look for, in order."""
    for folder in folders(request):
        for name in variants(request.token, request.api):
            yield folder / f"{name}.json"


def folders(request: CredentialRequest) -> Sequence[Path]:
    """The token folders: the one that the environment names, else the usual ones, in order."""
    chosen = request.environ.get(request.api.token_folder_variable)
    return [Path(chosen).expanduser()] if chosen else list(request.folders)


def named_folders(request: CredentialRequest) -> Sequence[Path]:
    """The folders that are there for tokens: all but the current one, where files may lie for any reason."""
    chosen = bool(request.environ.get(request.api.token_folder_variable))
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        here = Path()
    return [folder for folder in folders(request) if chosen or folder != here]


def new_path(request: CredentialRequest) -> Path:
    """Where a token that is not kept yet goes.

    The folder that the environment names; else the first that is there, or the last.
    Not loosely into the current folder, where tokens are only looked for because
    the vendor's own scripts leave them there.
    """
    found = named_folders(request)
    if not found:
        raise CredentialError(
            "there is no folder to keep tokens in",
            hint=f"name one with {request.api.token_folder_variable or 'PINFLOW_STATE_DIR'}",
        )
    folder = next((each for each in found if each.is_dir()), found[-1])
    return folder / f"{request.token}.json"


def chosen_storage(environ: Mapping[str, str]) -> Kept | None:
    """What the environment says keeps new tokens; None where it does not. Raises CredentialError for another word."""
    match environ.get(STORAGE_VARIABLE):
        case None | "":
            return None
        case "file":
            return "file"
        case "keyring":
            return "keyring"
    raise CredentialError(f"{STORAGE_VARIABLE} must be file or keyring", hint=f"unset {STORAGE_VARIABLE} for files")


@contextmanager
def rewriting(tokens: TokenSet, path: Path) -> Iterator[Callable[[TokenSet], None]]:
    """A function that replaces what is kept; before it is given, storing has been proved to work.

    Call it at most once, within ``files.locked``. It raises OSError or CredentialError.
    """
    if tokens.storage == "keyring":
        keyring_store.store(path, as_json(tokens).decode())
        yield lambda after: keyring_store.store(path, as_json(after).decode())
        return
    with files.Draft(path) as draft:
        yield lambda after: draft.put(as_json(after))


def points_away(content: bytes, path: Path) -> bool:
    """Whether a token file says that the key store has its secret. Raises CredentialError for a broken one."""
    return read_object(content, f"token file {path}").get("storage") == "keyring"


def pointer(path: Path) -> bytes:
    """The content of a token file whose secret the key store has."""
    return (json.dumps({"name": path.stem, "storage": "keyring"}, indent=2) + "\n").encode()


def _tokens(path: Path, content: bytes, name: str) -> TokenSet:
    data = read_object(content, f"token file {path}")
    storage = data.get("storage", "file")
    if storage == "file":
        return from_object(data, name, f"file {path}", storage="file", path=path)
    if storage != "keyring":
        raise CredentialError(
            f"the token file {path} has a storage that is neither file nor keyring", hint="delete it to sign in anew"
        )
    kept = keyring_store.load(path)
    if kept is None:
        raise CredentialError(
            f"the token file {path} points at the system's key store, which has no such entry",
            hint=f"sign in again, or take the file away: rm {path}",
        )
    where = f"key store's entry for {path}"
    return from_object(read_object(kept.encode(), where), name, where, storage="keyring", path=path)
