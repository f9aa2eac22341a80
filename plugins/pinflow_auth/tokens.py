"""A set of tokens, and its file format.

A token file is JSON with the keys that the vendor's own scripts read and write, ``name``, ``access_token``,
``refresh_token`` and ``scopes`` (as the service wrote them), and with further ones that those scripts ignore: when
the tokens end, and which origin, app, API and account they belong to.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pinflow import CredentialError, dataclass, remember_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Storage = Literal["environment", "file", "keyring", "vault"]

CLIENT_CREDENTIALS = "client_credentials"
EXAMPLE = '{"name": "access_token", "access_token": "...", "refresh_token": null, "scopes": "boards:read"}'

# the years 2000 to 2999, in seconds since the epoch: other numbers are milliseconds, or a life in place of a time
_EARLIEST, _LATEST = 946_684_800.0, 32_503_680_000.0
_LONGEST_SECRET = 8192  # characters; Pinterest's have below 100, and a JWT of other services some thousand
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u201e": "\u201c"}
_TEXTS = ("origin", "app_id", "api", "account", "grant", "seed")
_TIMES = ("expires_at", "refresh_expires_at", "issued_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """An access token of one name, and all that is known of it. Times are seconds since the epoch.

    ``scopes`` is as the service wrote it, None if unknown; so are the times. ``origin`` is where the tokens may be
    sent, "" if it is not recorded. ``grant`` marks a client-credentials token, which is replaced by asking for
    another. ``seed`` tells from which refresh token of a variable the set was got, as a salted digest. ``source`` and
    ``path`` say where the set is stored.
    """

    name: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scopes: str | None = None
    expires_at: float | None = None
    refresh_expires_at: float | None = None
    issued_at: float | None = None
    origin: str = ""
    app_id: str = ""
    api: str = ""
    account: str = ""
    grant: str = ""
    seed: str = ""
    storage: Storage = "file"
    source: str = ""
    variable: str = ""  # of the environment that it is from
    path: Path | None = None

    def __post_init__(self) -> None:
        remember_token(self.access_token, self.refresh_token)

    @property
    def scope_set(self) -> frozenset[str] | None:
        """The scopes one by one; None if unknown."""
        return scopes_in(self.scopes) if self.scopes else None

    @property
    def refreshable(self) -> bool:
        """Whether new tokens can be got without a person."""
        return self.storage != "environment" and (self.refresh_token is not None or self.grant == CLIENT_CREDENTIALS)

    def ends_within(self, seconds: float, now: float) -> bool:
        """Whether the access token or the refresh token ends within so many seconds. An unknown end does not count."""
        ends = [at for at in (self.expires_at, self.refresh_expires_at) if at is not None]
        return bool(ends) and min(ends) <= now + seconds


def scopes_in(text: str) -> frozenset[str]:
    """The scopes in a list separated by commas, spaces, or both."""
    return frozenset(filter(None, re.split(r"[,\s]+", text)))


def is_sendable(secret: object) -> bool:
    """Whether a value can be a token: one line of visible ASCII characters."""
    if not isinstance(secret, str) or not 0 < len(secret) <= _LONGEST_SECRET:
        return False
    return secret.isascii() and secret.isprintable() and " " not in secret


def check_quotes(value: object, label: str) -> None:
    """Raise CredentialError for a secret in quotation marks, which a shell would have removed; ``label`` names it."""
    if isinstance(value, str) and len(value) > 1 and value[0] in _QUOTES and value[-1] == _QUOTES[value[0]]:
        raise CredentialError(
            f"{label} begins and ends with quotation marks, which would be sent as part of it",
            hint="write it without them: a shell removes them, but env files, containers, services and CI do not",
        )


def is_moment(value: object) -> bool:
    """Whether a value is a time at which a token can end: seconds since the epoch."""
    return isinstance(value, int | float) and not isinstance(value, bool) and _EARLIEST <= value <= _LATEST


def iso(moment: float | None) -> str | None:
    """A time (seconds since the epoch) as text in UTC, to the second."""
    if moment is None:
        return None
    return datetime.fromtimestamp(math.floor(moment), UTC).isoformat().replace("+00:00", "Z")


def dump_tokens(tokens: TokenSet) -> bytes:
    """The content of a token file."""
    content: dict[str, Any] = {
        "name": tokens.name,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "scopes": tokens.scopes or "",
    }
    content |= {key: iso(getattr(tokens, key)) for key in _TIMES if getattr(tokens, key) is not None}
    content |= {key: getattr(tokens, key) for key in _TEXTS if getattr(tokens, key)}
    return (json.dumps(content, indent=2) + "\n").encode()


def parse_object(content: bytes, label: str) -> dict[str, Any]:
    """The JSON object in a token file, which messages call ``label``. Raises CredentialError, never quoting content."""
    hint = f"it must look like {EXAMPLE}"
    if not content.strip():
        raise CredentialError(f"the {label} is empty", hint=hint)
    try:
        # UTF-8, UTF-16 or UTF-32, with or without a byte order mark: as editors and shells of Windows write it
        data = json.loads(content.decode(json.detect_encoding(content)), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # the decoder's own message quotes the content
        raise CredentialError(f"the {label} is not JSON", hint=hint) from None
    if not isinstance(data, dict):
        raise CredentialError(f"the {label} is not a JSON object", hint=hint)
    return data


def parse_tokens(data: Mapping[str, Any], name: str, source: str, *, storage: Storage, path: Path | None) -> TokenSet:
    """The tokens in a token file's object, under the name by which they were asked for.

    ``source`` names the file in messages. Raises CredentialError naming every wrong key; a value is never quoted.
    """
    for key in ("access_token", "refresh_token"):
        check_quotes(data.get(key), f"{key} in the {source}")
    problems = _problems(data)
    if problems:
        raise CredentialError(
            f"the {source} can't be used: {'; '.join(problems)}",
            hint=f"it must look like {EXAMPLE}; delete it to sign in again",
        )
    return TokenSet(
        name=name,
        access_token=data["access_token"],
        refresh_token=data.get("refresh_token") or None,
        scopes=data.get("scopes") or None,
        storage=storage,
        source=source,
        path=path,
        expires_at=_moment(data.get("expires_at")),
        refresh_expires_at=_moment(data.get("refresh_expires_at")),
        issued_at=_moment(data.get("issued_at")),
        **{key: data[key] for key in _TEXTS if data.get(key)} | {"origin": _plain_origin(data.get("origin") or "")},
    )


def _plain_origin(origin: str) -> str:
    """An origin without the port that its scheme has anyway, which earlier versions recorded."""
    for scheme, port in (("https", ":443"), ("http", ":80")):
        if origin.startswith(f"{scheme}://"):
            return origin.removesuffix(port)
    return origin


def _problems(data: Mapping[str, Any]) -> list[str]:
    problems = []
    if not data.get("access_token"):
        problems.append("access_token is missing")
    elif not is_sendable(data["access_token"]):
        problems.append("access_token is not one line of visible ASCII characters")
    if data.get("refresh_token") not in (None, "") and not is_sendable(data["refresh_token"]):
        problems.append("refresh_token is not one line of visible ASCII characters")
    problems += [
        f"{key} is not text" for key in ("name", "scopes", *_TEXTS) if not isinstance(data.get(key), str | None)
    ]
    problems += [f"{key} is not a time" for key in _TIMES if data.get(key) is not None and _moment(data[key]) is None]
    return problems


def _moment(value: object) -> float | None:
    """A time in a file: seconds since the epoch, or ISO 8601, in UTC unless it says otherwise."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
            value = (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return float(value) if is_moment(value) and isinstance(value, int | float) else None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
