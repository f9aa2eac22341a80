"""Addresses of pictures and links: what is refused before it is sent, and what a refusal of the service names."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pinflow import RemoteError, UsageError
from pinflow_pinterest_v3.actions import pins as v3
from pinflow_pinterest_v5.actions import pins as v5
from pinflow_sandbox.server.messages import HttpResponse

if TYPE_CHECKING:
    from tests.plugins.conftest import Bench

CREATE = {"v3": v3.create_pin, "v5": v5.create_pin}


@pytest.mark.parametrize(
    ("code", "text", "address", "argument"),
    [
        (235, "Sorry! We could not fetch the image.", "https://example.com/a.jpg", "image_url"),
        (235, "Sorry, something is wrong.", "https://example.com/a.jpg", "image_url"),
        (1, "The picture is too small.", "https://example.com/a.jpg", "image_url"),
        (235, "We blocked this link because it may lead to spam.", "https://example.com/offer", "link"),
    ],
)
@pytest.mark.parametrize("version", CREATE)
def test_a_refusal_of_an_address_names_it(
    bench: Bench, version: str, code: int, text: str, address: str, argument: str
) -> None:
    refusal = HttpResponse(400, json.dumps({"code": code, "message": text}).encode())
    bench.fault = lambda call, apply: refusal if call.method in ("POST", "PUT") else apply()
    with pytest.raises(RemoteError, match=re.escape(text)) as caught:
        bench.run(
            CREATE[version],
            board=bench.board_id("Empty for now"),
            link="https://example.com/offer",
            image_url="https://example.com/a.jpg",
        )
    assert str(caught.value).partition("\n")[0].endswith(f": {address}")
    assert caught.value.argument == argument


@pytest.mark.parametrize("version", CREATE)
def test_a_refusal_of_anything_else_names_no_address(bench: Bench, version: str) -> None:
    refusal = HttpResponse(400, b'{"code": 1, "message": "Invalid title."}')
    bench.fault = lambda call, apply: refusal if call.method in ("POST", "PUT") else apply()
    with pytest.raises(RemoteError) as caught:
        bench.run(CREATE[version], board=bench.board_id("Empty for now"), image_url="https://example.com/a.jpg")
    assert "example.com" not in str(caught.value)


@pytest.mark.parametrize("version", CREATE)
@pytest.mark.parametrize("url", ["C:\\a.jpg", "//example.com/b.jpg", "http://"])
def test_each_picture_of_a_carousel_needs_an_address(bench: Bench, version: str, url: str) -> None:
    images = [{"url": "https://example.com/a.jpg"}, {"url": url}]
    with pytest.raises(UsageError, match=r"images\[1\]\.url: .* isn't an address"):
        bench.run(CREATE[version], board=bench.board_id("Empty for now"), images=images)
