"""The way out to each service, and this machine's clock by what it answers."""

from __future__ import annotations

from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pinflow.http.proxy import PROXY, NetworkSettings, network_settings
from pinflow.http.retry import Limits, Lost
from pinflow.http.web_page import web_page_reason
from pinflow.plugin.contributions import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.app import App
    from pinflow.http.transport import Answer

_LIMITS = Limits(deadline=15.0, connect=8.0, read=10.0, max_bytes=1_000_000)  # seconds; a person waits for it
_SLOW_CLOCK = 60.0  # seconds: tokens are replaced a minute before they end, and a consent's code lives for some


def examine_network(app: App, *, offline: bool) -> Iterator[Finding]:
    """Ask each service's address for a page, without a token."""
    network = network_settings(app.environ)
    if network.ignored:
        yield Finding(
            topic="network",
            text=f"{network.ignored} is set, and ignored",
            hint=f"if pinflow must use that proxy, set {PROXY} to its http:// address",
            level="note",
        )
    addresses = {api.base_url(app.environ): api.title for api in app.registry.apis.values()}
    origins = {_origin(address): address for address in sorted(addresses)}
    if offline:
        yield Finding(topic="network", text="not asked (--offline)", level="note")
        return
    for origin, address in origins.items():
        yield from _examine_origin(app, origin, f"{address}/", network)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _examine_origin(app: App, origin: str, address: str, network: NetworkSettings) -> Iterator[Finding]:
    from pinflow.http.transport import Transport

    before = app.now()
    try:
        with closing(Transport(connections=1, network=network)) as transport:
            answer = transport.send("GET", address, sign=lambda request: None, limits=_LIMITS)
    except Lost as lost:
        yield Finding(
            topic="network",
            text=f"{origin} can't be reached: {lost.reason}",
            hint=lost.hint or _network_hint(network),
            level="problem",
        )
        return
    after = app.now()
    through = f", through the proxy of {PROXY}" if network.proxy else ""
    trusting = f", trusting {network.ca_variable} too" if network.ca_bundle else ""
    if reason := web_page_reason(answer, urlsplit(origin).netloc):
        yield Finding(
            topic="network",
            text=f"{origin}{through}: {reason}",
            hint=f"sign in to the network or its VPN, or check {PROXY}",
            level="problem",
        )
        return
    yield Finding(topic="network", text=f"{origin} answers{through}{trusting} ({after - before:.1f} s)")
    yield from _examine_clock(answer, origin, (before + after) / 2)


def _network_hint(network: NetworkSettings) -> str:
    if network.proxy:
        return f"check {PROXY}, and that the proxy lets this machine through"
    if network.ignored:
        return f"{network.ignored} is ignored; if you need a proxy, set {PROXY} to its http:// address"
    return f"check the network and its DNS; behind a proxy, set {PROXY}; --offline leaves this out"


def _examine_clock(answer: Answer, origin: str, now: float) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        yield Finding(topic="clock", text=f"{origin} does not tell the time", level="note")
        return
    off = now - theirs
    if abs(off) <= _SLOW_CLOCK:
        yield Finding(topic="clock", text=f"right to {max(1, round(abs(off)))} s, by {urlsplit(origin).netloc}")
        return
    yield Finding(
        topic="clock",
        text=f"{_duration(abs(off))} {'ahead' if off > 0 else 'behind'}, by {urlsplit(origin).netloc}",
        hint="set this machine's clock, or have it set by the network (timedatectl set-ntp true): tokens seem to end "
        "too early or too late, and schedules are off",
        level="problem",
    )


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400.0), ("hours", 3_600.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds / 60:,.0f} minutes" if seconds >= 120 else f"{seconds:,.0f} seconds"
