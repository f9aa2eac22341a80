"""From logins to credentials: who is asked, and what is said when one is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.errors import CredentialError, UsageError
from pinflow.http.credentials import Credential, CredentialRequest
from pinflow.lazy_dataclass import dataclass, field
from pinflow.state.folder import paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.plan import PlannedLogin
    from pinflow.plugin.registry import Registry

TokenKey = tuple[str, str]  # (token, api)
FindCredential = Callable[[CredentialRequest, str], Credential | None]  # of one plugin, or "" for any


def lacking_scopes(credential: Credential, scopes: frozenset[str]) -> frozenset[str]:
    """The scopes that a credential is known to lack."""
    return scopes - (scopes if credential.scopes is None else credential.scopes)


def token_folders(recipes: Path, state: Path) -> list[Path]:
    """Where token files are when the environment names no folder, the most particular first.

    Beside the recipes' folder, where pinflow is called, in the state directory, and
    loose in the current folder. New files go to the first that exists.
    """
    named = Path("common", "oauth_tokens")
    here = paths.current_folder()
    folders = [recipes.parent / named, recipes / named, here / named, state / "tokens", here]
    return list(dict.fromkeys(folders))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Finds credentials with ``find``, in an environment and, for token files, in ``folders``.

    ``places`` tells where one was looked for. ``named`` are the tokens that a person named.
    """

    registry: Registry
    environ: Mapping[str, str]
    folders: Sequence[Path]
    find: FindCredential
    places: Callable[[CredentialRequest], Sequence[str]]
    now: Callable[[], float]
    named: frozenset[str] = field(default_factory=frozenset)

    def request(self, token: str, api: str | None, scopes: frozenset[str] = frozenset()) -> CredentialRequest:
        """Where a token is looked for; "" is the service's default one. Raises UsageError for an unknown API."""
        if (known := self.registry.apis.get(api or "")) is None:
            raise UsageError(f"unknown API {api!r}", hint="say which: api: v5")
        return CredentialRequest(
            api=known,
            token=token or known.tokens.default,
            scopes=scopes,
            environ=self.environ,
            folders=self.folders,
            clock=self.now,
            named=token in self.named,
            others=[other.names for other in self.registry.apis.values() if other.service != known.service],
        )

    def credentials(self, logins: Iterable[PlannedLogin]) -> dict[TokenKey, Credential]:
        """A credential for every token of the logins, by token and API.

        Logins with one token share it: to the service they are one. Raises
        CredentialError naming all that are missing or may not do enough.
        """
        scopes: dict[TokenKey, frozenset[str]] = {}
        plugins: dict[TokenKey, str] = {}
        for login in logins:
            key = (login.token, login.api)
            scopes[key] = scopes.get(key, frozenset()) | login.scopes
            plugins[key] = plugins.get(key) or login.plugin
        credentials: dict[TokenKey, Credential] = {}
        missing: dict[str, str] = {}  # message -> hint
        for (token, api_id), required in scopes.items():
            api = self.registry.apis[api_id]
            try:
                request = self.request(token, api_id, required)
                if (credential := self.find(request, plugins[token, api_id])) is not None:
                    credential.check_service(request)
            except CredentialError as error:
                missing[error.message] = error.hint
                continue
            if credential is None:
                message = "\n".join([f"no token {token!r} for {api.title}", *self.places(request)])
                missing[message] = f"get it with: {api.login_command(token, required)}"
            elif lacking := lacking_scopes(credential, required):
                message = f"the token {token!r} ({credential.source}) lacks the scopes {', '.join(sorted(lacking))}"
                command = api.login_command(token, required, credential.scopes)
                missing[message] = f"get it with: {command}"
            else:
                credential.needed = required
                credentials[token, api_id] = credential
        if missing:
            raise CredentialError("\n".join(missing), hint="; ".join(dict.fromkeys(filter(None, missing.values()))))
        return credentials
