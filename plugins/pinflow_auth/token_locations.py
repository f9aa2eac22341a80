"""Where a token may be: in an environment variable, or in a file in one of the token folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pinflow import CredentialError
from pinflow_auth.names import name_variants, set_variable
from pinflow_auth.tokens import TokenSet, is_sendable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow import CredentialRequest

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
    )


def candidate_paths(request: CredentialRequest, service: str, name: str) -> Iterator[Path]:
    """The files in which a token of this API and name may be, in order."""
    for folder in token_folders(request):
        for variant in name_variants(name, service):
            yield folder / f"{variant}.json"


def token_folders(request: CredentialRequest) -> Sequence[Path]:
    """The service's token folders in order: the one that the environment names, else its own below the default ones."""
    own, chosen = request.api.names.folder, _chosen_folder(request)
    if chosen is not None:
        return [chosen / own if _is_shared(chosen, request) else chosen]
    if own:
        current = _current_folder()
        return [folder / own for folder in request.folders if folder != current]
    return list(request.folders)


def earlier_folders(request: CredentialRequest) -> Sequence[Path]:
    """Folders where an earlier version put tokens of this service beside those of another; they say whose they are."""
    chosen = _chosen_folder(request)
    if not request.api.names.folder:
        return []
    if chosen is not None:
        return [chosen] if _is_shared(chosen, request) else []
    return list(request.folders)


def _chosen_folder(request: CredentialRequest) -> Path | None:
    chosen = request.environ.get(request.api.token_folder_variable)
    return Path(chosen).expanduser() if chosen else None


def _is_shared(folder: Path, request: CredentialRequest) -> bool:
    """Whether the folder that the environment names for this service is that of another one."""
    variables = {other.folder_variable for other in request.others} - {""}
    others = [Path(path).expanduser() for name in variables if (path := request.environ.get(name))]
    # where no variable names one, the service with the plain names has the default folders
    others += request.folders
    return bool(request.api.names.folder) and folder.resolve() in {other.resolve() for other in others}


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
