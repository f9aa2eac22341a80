"""The network settings of the environment: an HTTP proxy, and certificates that are trusted besides the usual ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass, field
from pinflow.masking.known import remember_token

if TYPE_CHECKING:
    from collections.abc import Mapping

PROXY: Final = "PINFLOW_PROXY"
CA_BUNDLE: Final = "PINFLOW_CA_BUNDLE"
# what most programs read: a stray one would see, or redirect, what a token signs, so these are ignored
# what other programs read, in the order of requests: these only add certificates that are trusted, and lead nothing
# elsewhere; where a network inspects TLS, every program is told of its certificate by one of them
_OTHER_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_IGNORED: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """``proxy`` is an ``http://`` address that may hold a password, "" for none.

    ``ca_bundle`` is a file of certificates (PEM) that are trusted besides the usual ones, "" for none, and
    ``ca_variable`` the variable that names it: where that isn't PINFLOW_CA_BUNDLE, it may be a folder, or unusable.
    ``ignored`` is a variable from which other programs take a proxy, and pinflow does not; "" if there is none or a
    ``proxy``.
    """

    proxy: str = field(default="", repr=False)
    ca_bundle: str = ""
    ignored: str = ""
    ca_variable: str = CA_BUNDLE


DIRECT: Final = NetworkSettings()


def network_settings(environ: Mapping[str, str]) -> NetworkSettings:
    """The proxy and the certificates of PINFLOW_PROXY and PINFLOW_CA_BUNDLE. Raises UsageError for unusable ones.

    Without PINFLOW_CA_BUNDLE, those of other programs' variables are trusted too, if they can be used.
    """
    proxy = environ.get(PROXY, "").strip()
    if proxy:
        _check_proxy(proxy)
    bundle = environ.get(CA_BUNDLE, "").strip()
    if bundle:
        bundle = _find_bundle(bundle)
    ignored = "" if proxy else next((name for name in _IGNORED if environ.get(name)), "")
    variable = (
        CA_BUNDLE if bundle else next((name for name in _OTHER_BUNDLES if environ.get(name, "").strip()), CA_BUNDLE)
    )
    return NetworkSettings(proxy, bundle or environ.get(variable, "").strip(), ignored, variable)


def _check_proxy(proxy: str) -> None:
    example = "write http://proxy.example:3128, or http://user:password@proxy.example:3128"
    try:
        parts = urlsplit(proxy)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{PROXY} is not an address", hint=example) from None
    if parts.scheme != "http" or not host or port is None or parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageError(f"{PROXY} must be the http:// address of a proxy, with its port", hint=example)
    if not proxy.isascii() or not proxy.isprintable() or " " in proxy or "\\" in proxy:
        raise UsageError(f"{PROXY} contains characters that are invalid in an address", hint="percent-encode them")
    remember_token(parts.password, unquote(parts.password or ""))


def _find_bundle(bundle: str) -> str:
    import ssl

    file = Path(os.path.expanduser(bundle))  # noqa: PTH111 - Path.expanduser() raises where nobody has a home
    try:
        if not file.is_file():
            raise UsageError(f"{CA_BUNDLE}: {bundle} is not a file")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except (OSError, ValueError) as error:
        reason = "it contains no certificates in PEM form" if isinstance(error, ssl.SSLError) else str(error)
        raise UsageError(f"{CA_BUNDLE}: {bundle} can't be used: {reason}") from None
    return str(file)
