"""Whose a token is, and where it may go: the rule for every service, with what differs between them as data.

A service has a namespace of token names: its variables and its folder of token files. One service may have the plain
names (its ``folder`` is ""); those of any other carry the service's name. A secret goes to its own service's hosts, or
to an origin that it is tied to, or that a person allowed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pinflow.errors import CredentialError, UsageError
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ALLOWED_HOSTS = "PINFLOW_ALLOW_HOST"
LISTED_TOKENS = "PINFLOW_TOKENS"
LOOPBACK = ("localhost", "127.0.0.1", "::1")  # the hosts that are this machine

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """The tokens of a service. What is left out follows from the service's name.

    ``variables`` are the documented ones, which any recipe may name; "{id}" stands for the API's id. ``prefixes`` begin
    every token of the service, and no other text: a variable with such a value holds a token, and no other service
    may have it. ``simulated`` begin the secrets of a simulated service, which never leave this machine.
    """

    default: str = "access_token"  # the token of recipes that name none
    variables: tuple[str, ...] = ()
    folder: str | None = None  # of its token files, below the folders of tokens; None is the service's name
    hosts: tuple[str, ...] = ()  # origins of the service besides the API's own: "https://test.example.com"
    prefixes: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenNames:
    """The names of one API's tokens, and where they stand for what."""

    service: str
    api: str  # the API's id
    rules: TokenRules
    folder_variable: str = ""  # names the folder of token files
    settings: frozenset[str] = frozenset()  # the variables that the service declares besides those of its tokens

    @property
    def folder(self) -> str:
        """The folder of the service's token files, below the folders of tokens; "" is these themselves."""
        return _plain(self.service) if self.rules.folder is None else self.rules.folder

    @property
    def known_variables(self) -> tuple[str, ...]:
        """The variables that hold tokens of the service wherever they are set."""
        if self.rules.variables:
            return tuple(variable.replace("{id}", variable_of(self.api)) for variable in self.rules.variables)
        service, default = variable_of(self.service), variable_of(self.rules.default)
        return f"{default}_{variable_of(self.api)}", f"{service}_{default}", f"{service}_TOKEN"

    def variables(self, name: str) -> Iterator[str]:
        """The variables that a token's name stands for, in order; none of them is another service's."""
        service, variable = variable_of(self.service), variable_of(name)
        found = [f"{variable}_{variable_of(self.api)}"]
        if not self.folder or variable.startswith(f"{service}_") or variable in self.known_variables:
            found.append(variable)
        if self.folder:
            found += [f"{variable}_{service}", f"{service}_{variable}"]
            found += self.known_variables if name == self.rules.default else ()
        yield from dict.fromkeys(found)

    def refresh_variables(self, name: str) -> tuple[str, ...]:
        """The variables of a refresh token, from which the token of that name is got, in order."""
        plain = f"{variable_of(self.service)}_REFRESH_TOKEN"
        own = f"{plain}_{variable_of(name)}"
        return (own, plain) if name == self.rules.default else (own,)

    @property
    def own_variables(self) -> frozenset[str]:
        """Every variable that the service declares, in upper case, since some systems know no other."""
        variables = (*self.known_variables, *self.refresh_variables(self.rules.default), *self.settings)
        return frozenset(variable.upper() for variable in variables)

    def declares(self, variable: str) -> bool:
        """Whether the service declares the variable: then it belongs to this service alone."""
        return variable.upper() in self.own_variables

    def carries_name(self, variable: str) -> bool:
        """Whether the variable carries the service's name, if its tokens do."""
        return bool(self.folder) and variable.upper().startswith(f"{variable_of(self.service)}_")

    def owns(self, variable: str) -> bool:
        """Whether a variable is of this service alone, by its name."""
        return self.declares(variable) or self.carries_name(variable)

    def may_read(self, name: str, variable: str, secret: str, environ: Mapping[str, str]) -> bool:
        """Whether a recipe that names the token ``name`` may read ``variable``, which holds ``secret``."""
        listed = map(variable_of, _words(environ.get(LISTED_TOKENS, "")))
        return (
            variable in self.known_variables
            or secret.startswith(self.rules.prefixes)
            or not {variable, variable_of(name)}.isdisjoint(listed)
        )


def variable_of(name: str) -> str:
    """The variable that a name stands for; characters that a variable can't have become underscores."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def is_loopback(origin: str) -> bool:
    """Whether an origin is on this machine."""
    return urlsplit(origin).hostname in LOOPBACK


def checked_origin(url: str, name: str) -> str:
    """``url`` as scheme://host[:port]; ``name`` is what messages call it.

    Raises UsageError unless it is https, or http to a loopback address, with a host in plain ASCII and no user, path,
    query or fragment: a token goes there. The message quotes nothing that can hold a secret.
    """
    hint = "write scheme and host only, such as https://api.example.com"
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise UsageError(f"{name} is not a URL", hint=hint) from None
    if "@" in parts.netloc:
        raise UsageError(f"{name} must be without a user name and a password", hint=hint)
    if not url.isascii() or not url.isprintable() or re.search(r"[\s\\%]", url) or (host and not _HOST.fullmatch(host)):
        raise UsageError(f"{name} must be plain ASCII, with a host that names can have", hint=hint)
    if not host or parts.scheme not in _PORTS or (parts.scheme == "http" and host not in LOOPBACK):
        raise UsageError(f"{name} must be an https:// address (http:// only on this machine)", hint=hint)
    if parts.path not in ("", "/") or parts.query or parts.fragment or url.endswith(("?", "#")):
        raise UsageError(f"{name} must be only scheme and host", hint=hint)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")


def allowed_hosts(environ: Mapping[str, str]) -> set[str]:
    """The origins to which a person lets secrets of other services' go. Raises UsageError for one that is no origin."""
    return {checked_origin(origin, ALLOWED_HOSTS) for origin in _words(environ.get(ALLOWED_HOSTS, ""))}


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _plain(service: str) -> str:
    """A service's name as part of a token's name and of a path."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", service)


def check_host(
    secret: str,
    origin: str,
    *,
    homes: tuple[str, ...],
    rules: TokenRules,
    environ: Mapping[str, str],
    label: str,
    variables: Iterable[str] = (),
    others: Iterable[TokenNames] = (),
) -> None:
    """Raise CredentialError unless ``secret``, which messages call ``label``, may go to ``origin``.

    ``homes`` are the origins of its service, and those that the secret itself is tied to. ``variables`` are those that
    it was read from: one that the service of ``others`` declares is sent nowhere, not even where a person allows it.
    """
    owners = list(others)
    for variable in variables:
        if (owner := next((other for other in owners if other.declares(variable)), None)) is not None:
            raise CredentialError(
                f"{label} is not sent to {origin}: {variable} is of the service {owner.service}",
                hint=f"the plugin must declare variables of its own, in place of {variable}",
            )
    if secret.startswith(rules.simulated):
        if is_loopback(origin):
            return
        raise CredentialError(
            f"{label} is of a sandbox and is not sent to {origin}: such secrets never leave this machine",
            hint="use the variables that the running sandbox printed, or those of the service itself",
        )
    if origin not in homes and origin not in allowed_hosts(environ):
        raise CredentialError(
            f"{label} is not sent to {origin}, which is not a host of its service",
            hint=f"if that host may have it: {ALLOWED_HOSTS}={origin}",
        )
