"""Calls of API v3 and the ads API v4 in a test, and what their envelopes hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from pinflow_sandbox import Sandbox

Send = Callable[..., requests.Response]


@contextmanager
def sender(sandbox: Sandbox, prefix: str, scopes: Collection[str]) -> Iterator[Send]:
    """What sends calls to paths below ``prefix``, for garden_studio and with these scopes unless told otherwise."""
    usual = scopes
    with requests.Session() as session:
        session.trust_env = False

        def send(
            method: str,
            path: str,
            *,
            account: str = "garden_studio",
            scopes: Collection[str] = usual,
            headers: dict[str, str] | None = None,
            **more: Any,
        ) -> requests.Response:
            signed = {"Authorization": f"Bearer {sandbox.world.token_for(account, scopes)}", **(headers or {})}
            return session.request(method, f"{sandbox.url}{prefix}{path}", headers=signed, timeout=30, **more)

        yield send


def data(answer: requests.Response) -> Any:
    """What a success is about, whose envelope is looked at on the way."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["code"], body["message"]) == ("success", 0, "ok")
    return body["data"]


def refusal(answer: requests.Response) -> tuple[int, int]:
    """Status and code of a failure, whose envelope is looked at on the way."""
    body = answer.json()
    assert body["status"] == "failure" and isinstance(body["message"], str) and "data" in body
    return answer.status_code, body["code"]
