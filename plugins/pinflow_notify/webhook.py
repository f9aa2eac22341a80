"""Notifies by JSON to an address of the user's: PINFLOW_NOTIFY_WEBHOOK. The address is a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pinflow import ActionError, UsageError, Variable, hookimpl, remember_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow import Notice

VARIABLE = "PINFLOW_NOTIFY_WEBHOOK"
_SECRET_LENGTH = 20  # characters; what lets others post is longer, and a plain path such as /hooks/alerts shorter
DEADLINE = 15.0  # seconds, from connecting to the last byte of the answer; chat services take below one


@hookimpl
def pinflow_notify(notice: Notice, environ: Mapping[str, str]) -> bool:
    """Send the notice; False if no address is set. Raises UsageError and ActionError, without the address."""
    url = environ.get(VARIABLE, "").strip()
    if url:
        post(check_address(url), notice, environ)
    return bool(url)


@hookimpl
def pinflow_variables() -> list[Variable]:
    """Its own variable."""
    return [
        Variable(
            name=VARIABLE,
            meaning="an https:// address that gets each notice as JSON; it is a secret",
            reader="whatever notifies",
            secret=True,
        )
    ]


def check_address(url: str) -> str:
    """The address, if a notice may be sent there: over https, or to this machine. Raises UsageError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"{VARIABLE} is not an address") from None
    here = host in ("localhost", "127.0.0.1", "::1")
    if not host or parts.scheme not in (("http", "https") if here else ("https",)):
        raise UsageError(f"{VARIABLE} must be an https:// address (http:// only on this machine)")
    if "@" in parts.netloc or "\\" in url or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"{VARIABLE} must be an address without a user, a space or a backslash")
    remember_token(url, *(part for part in (parts.path, parts.query) if len(part) >= _SECRET_LENGTH))
    return url


def post(
    url: str,
    notice: Notice,
    environ: Mapping[str, str],
    *,
    deadline: float = DEADLINE,
) -> None:
    """Send the notice once, without following redirects. Raises ActionError unless it was accepted."""
    from pinflow import Limits, Lost, Transport, network_settings

    transport = Transport(connections=1, network=network_settings(environ))
    limits = Limits(deadline=deadline, connect=min(10.0, deadline), read=deadline, max_bytes=65_536)
    body = json.dumps(notice.as_data()).encode()
    try:
        answer = transport.send(
            "POST", url, sign=lambda request: request, limits=limits, body=body, content_type="application/json"
        )
    except Lost as lost:
        raise ActionError(f"the webhook did not answer: {lost.reason}") from None
    finally:
        transport.close()
    if not 200 <= answer.status < 300:
        raise ActionError(f"the webhook answered with HTTP {answer.status}")
