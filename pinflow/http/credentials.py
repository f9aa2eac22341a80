"""The one object that holds a secret, and the request for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from pinflow.errors import CredentialError
from pinflow.http.token_rules import is_loopback
from pinflow.lazy_dataclass import dataclass, field
from pinflow.masking.known import remember_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pinflow.http.api import Api
    from pinflow.http.token_rules import TokenNames


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRequest:
    """The request for a login's credential, which the auth plugins answer.

    ``environ`` is the environment to look into (never ``os.environ``: a sandbox
    run has its own). ``folders`` are searched for token directories, in order,
    when the environment names none. ``clock`` gives seconds since the epoch, to
    tell whether a token has expired. ``named`` says that a person chose the token, and not
    only a recipe. ``others`` are the names of other services' tokens.
    """

    api: Api
    token: str  # the token's name, as the recipe has it
    scopes: frozenset[str]
    environ: Mapping[str, str] = field(repr=False)
    folders: Sequence[Path] = ()
    named: bool = False
    others: Sequence[TokenNames] = ()
    clock: Callable[[], float] = field(default=time.time, repr=False)


class Credential:
    """Signs one login's requests, for one origin. The secret can't be printed, copied or pickled.

    ``source`` says where it came from, without its value. ``variable`` is the environment variable that it is from:
    while that is set, signing in changes nothing. ``scopes`` is None if they are unknown, ``needed`` are those that
    the run needs. Works as a requests ``auth`` object.
    """

    __slots__ = ("_secret", "name", "needed", "origin", "scopes", "source", "variable")

    def __init__(
        self,
        secret: str,
        *,
        name: str,
        source: str,
        origin: str,
        scopes: frozenset[str] | None = None,
        variable: str = "",
    ) -> None:
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise CredentialError(
                f"the access token of {name!r} ({source}) is not one line of visible ASCII characters",
                hint="store it again; a line break or a quotation mark may have been copied too",
            )
        remember_token(secret)
        self._secret = secret
        self.name = name
        self.source = source
        self.origin = origin
        self.scopes = scopes
        self.variable = variable
        self.needed: frozenset[str] = frozenset()

    def __call__(self, request: Any) -> Any:
        """Sign a prepared request to this credential's origin. Raises CredentialError for any other."""
        url = request.url
        if not (url.startswith(self.origin) and url[len(self.origin) :][:1] in ("/", "?", "")):
            raise CredentialError(f"the token {self.name!r} is for {self.origin} and is not sent elsewhere")
        secret = self._current()
        remember_token(secret)  # before it leaves: the answer may repeat it
        request.headers["Authorization"] = f"Bearer {secret}"
        return request

    def check_service(self, request: CredentialRequest) -> None:
        """Raise CredentialError if the secret is plainly another service's, or a sandbox's that would leave here.

        Whichever plugin gave it: what it is shows in how it begins.
        """
        if any(self._secret.startswith(other.rules.prefixes) for other in request.others):
            raise CredentialError(
                f"the token {self.name!r} ({self.source}) is of another service than {request.api.title}"
            )
        if self._secret.startswith(request.api.tokens.simulated) and not is_loopback(self.origin):
            raise CredentialError(
                f"the token {self.name!r} ({self.source}) is of a sandbox and is not sent to {self.origin}"
            )

    def _current(self) -> str:
        """The secret to sign with now. Called once per request, so that a request can't carry two."""
        return self._secret

    def fingerprint(self, key: bytes) -> str:
        """The account, as 16 hex digits: the same for the same account, and of no use without ``key``."""
        import hmac

        return hmac.digest(key, f"{self.origin}\n{self._lasting()}".encode(), "sha256").hex()[:16]

    def _lasting(self) -> str:
        """What identifies the account and stays when the secret is renewed."""
        return self._secret

    def renew(self) -> bool:
        """Get a fresh secret after the service refused this one. Returns whether it changed."""
        return False

    def __repr__(self) -> str:
        return f"<Credential {self.name!r} from {self.source}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential can't be copied or pickled")
