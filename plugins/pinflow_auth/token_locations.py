"""Where a token may be: in an environment variable, or in a file in one of the token folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pinflow import CredentialError
from pinflow_auth.names import name_variants, set_variable
from pinflow_auth.tokens import TokenSet, check_quotes, is_sendable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow import CredentialRequest, TokenNames

STORAGE_VARIABLE = "PINFLOW_TOKEN_STORAGE"


def origin_of(request: CredentialRequest) -> str:
    """Scheme, host and port of the API; the environment may override them. Raises UsageError for a bad address."""
    return request.api.base_url(request.environ).removesuffix(request.api.prefix)


def environment_tokens(request: CredentialRequest) -> TokenSet | None:
    """The token in an environment variable, or None if none is set or it is empty. Only its value is known.

    Raises CredentialError for a variable that the token's name may not lead to, and for a value that can't be sent.
    """
    if (found := set_variable(request)) is None:
        return None
    variable, secret = found
    check_quotes(secret, f"the environment variable {variable}")
    if not is_sendable(secret):
        raise CredentialError(
            f"the environment variable {variable} is not one line of visible ASCII characters",
            hint="set it again; a line break, a space or a quotation mark may have been copied with it",
        )
    return TokenSet(
        name=request.token,
        access_token=secret,
        api=request.api.id,
        storage="environment",
        source=f"environment variable {variable}",
        variable=variable,
    )


def candidate_paths(request: CredentialRequest, service: str, name: str) -> Iterator[Path]:
    """The files in which a token of this API and name may be, in order."""
    for folder in token_folders(request):
        for variant in name_variants(name, service):
            yield folder / f"{variant}.json"


def token_folders(request: CredentialRequest) -> Sequence[Path]:
    """The service's token folders in order: the one that the environment names, else its own below the default ones.

    Raises CredentialError for a folder that is another service's on disk, by a link or by a variable: one would read
    the other's files.
    """
    own, folders = request.api.names, []
    theirs = {
        _identity(folder): (folder, other)
        for other in request.others
        for folder in _folders_of(other, request)
        if not _is_by_the_way(folder, other, request)
    }
    for folder in _folders_of(own, request):
        rival, other = theirs.get(_identity(folder)) or (None, own)
        if rival is None or (_is_link(rival) and not _is_link(folder)):  # what a link leads to is not the link's
            folders.append(folder)
        elif not _is_by_the_way(folder, own, request):
            variables = filter(None, (own.folder_variable, other.folder_variable))
            raise CredentialError(
                f"the folder {folder} of the tokens of {own.service} is that of {other.service} as well",
                hint=f"give each a folder of its own: look for links on the way, and at {' and '.join(variables)}",
            )
    return folders


def earlier_folders(request: CredentialRequest) -> Sequence[Path]:
    """Folders where an earlier version put tokens of this service beside those of another; they say whose they are."""
    names = request.api.names
    chosen = _chosen_folder(names, request)
    if not names.folder:
        return []
    if chosen is not None:
        return [chosen] if _is_shared(chosen, names, request) else []
    return list(request.folders)


def _folders_of(names: TokenNames, request: CredentialRequest) -> list[Path]:
    """The folders of a service's tokens: the request's own, or another one's."""
    chosen = _chosen_folder(names, request)
    if chosen is not None:
        return [chosen / names.folder if _is_shared(chosen, names, request) else chosen]
    if names.folder:
        current = _current_folder()
        return [folder / names.folder for folder in request.folders if folder != current]
    return list(request.folders)


def _chosen_folder(names: TokenNames, request: CredentialRequest) -> Path | None:
    chosen = request.environ.get(names.folder_variable)
    if not chosen:
        return None
    folder = Path(os.path.expanduser(chosen))  # noqa: PTH111 - Path.expanduser() raises where nobody has that home
    try:
        folder.lstat()
    except PermissionError as error:
        hint = f"make it yours, or name another with {names.folder_variable}"
        raise CredentialError(f"the token folder {folder} can't be used: {error.strerror}", hint=hint) from None
    except OSError:
        return folder  # it may be made later
    return folder


def _is_shared(folder: Path, names: TokenNames, request: CredentialRequest) -> bool:
    """Whether the folder that the environment names for a service is that of another one."""
    services = [other for other in (*request.others, request.api.names) if other.service != names.service]
    others = [chosen for other in services if (chosen := _chosen_folder(other, request)) is not None]
    # where no variable names one, the service with the plain names has the default folders
    others += request.folders
    return bool(names.folder) and folder.resolve() in {other.resolve() for other in others}


def _is_by_the_way(folder: Path, names: TokenNames, request: CredentialRequest) -> bool:
    """Whether a service looks into the folder only because it is the current one."""
    return not names.folder and folder == _current_folder() and _chosen_folder(names, request) is None


def _identity(folder: Path) -> object:
    """What is the same for two paths of one folder, whatever links, mounts and the case of letters make of them."""
    try:
        status = folder.stat()
    except OSError:
        return _resolve(folder)
    return status.st_dev, status.st_ino


def _is_link(folder: Path) -> bool:
    return _resolve(folder) != _resolve(folder.parent) / folder.name


def _resolve(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError):  # a circle of links, or the current folder was removed
        return folder


def dedicated_folders(request: CredentialRequest) -> Sequence[Path]:
    """The folders that are meant for tokens: without the current one, where JSON files may lie for any reason."""
    chosen = bool(request.environ.get(request.api.token_folder_variable))
    current = _current_folder()
    return [folder for folder in token_folders(request) if chosen or folder != current]


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was removed
        return Path()


def new_path(request: CredentialRequest, name: str) -> Path:
    """The file for a token that is not stored yet.

    It goes to the folder that the environment names, else to the first that exists, else to the last. Not to the
    current folder, where tokens are only looked for because the vendor's own scripts leave them there.
    """
    folders = dedicated_folders(request)
    if not folders:
        raise CredentialError(
            "no folder for tokens is known",
            hint=f"name one with {request.api.token_folder_variable or 'PINFLOW_STATE_DIR'}",
        )
    return next((folder for folder in folders if folder.is_dir()), folders[-1]) / f"{name}.json"


def chosen_storage(environ: Mapping[str, str]) -> Literal["file", "keyring"] | None:
    """Where new tokens go according to the environment; None if it doesn't say. Raises CredentialError."""
    match environ.get(STORAGE_VARIABLE):
        case None | "":
            return None
        case "file":
            return "file"
        case "keyring":
            return "keyring"
    raise CredentialError(f"{STORAGE_VARIABLE} must be file or keyring", hint=f"unset {STORAGE_VARIABLE} for files")
