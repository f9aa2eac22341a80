"""Every way to say what a new Pin shows."""

from __future__ import annotations

import os
from base64 import b64encode
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import RemoteError, UsageError
from pinflow_pinterest.media.sources import MAX_FILE_BYTES, media_source
from pinflow_pinterest_v5.actions.pins import create_pin
from tests.run_contexts import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugins.conftest import Bench

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")

PNG = b"\x89PNG\r\n\x1a\n" + b"the rest"
JPEG = b"\xff\xd8\xff\xe0" + b"the rest"
DATA = b64encode(PNG).decode()
URL = "https://example.com/a.jpg"

FORMS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"image_url": URL}, {"source_type": "image_url", "url": URL}),
    (
        {"image_url": URL, "is_standard": False},
        {"source_type": "image_url", "url": URL, "is_standard": False},
    ),
    (
        {"image_base64": DATA, "content_type": "image/png"},
        {"source_type": "image_base64", "content_type": "image/png", "data": DATA},
    ),
    (
        {"images": [{"url": URL, "title": "A", "link": None}, {"url": URL}], "index": 1},
        {"source_type": "multiple_image_urls", "items": [{"url": URL, "title": "A"}, {"url": URL}], "index": 1},
    ),
    (
        {"images_base64": [{"content_type": "image/png", "data": DATA}] * 2},
        {"source_type": "multiple_image_base64", "items": [{"content_type": "image/png", "data": DATA}] * 2},
    ),
    (
        {"video": "12", "cover_image_url": URL},
        {"source_type": "video_id", "media_id": "12", "cover_image_url": URL},
    ),
    (
        {"video": "12", "cover_image_key_frame_time": 0},
        {"source_type": "video_id", "media_id": "12", "cover_image_key_frame_time": 0},
    ),
    (
        {"video": "12", "cover_image_base64": DATA, "cover_image_content_type": "image/png"},
        {
            "source_type": "video_id",
            "media_id": "12",
            "cover_image_content_type": "image/png",
            "cover_image_data": DATA,
        },
    ),
    ({"pin_url": True}, {"source_type": "pin_url"}),
    ({"pin_url": True, "is_affiliate_link": True}, {"source_type": "pin_url", "is_affiliate_link": True}),
]


@pytest.mark.parametrize(("given", "source"), FORMS)
def test_each_form_becomes_the_source_of_its_kind(
    given: dict[str, Any], source: dict[str, Any], tmp_path: Path
) -> None:
    assert media_source(given, locate=files_of(tmp_path).source) == source


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "image_url is empty"),
        ({"image_url": URL, "video": "1"}, "image_url and video can't be combined"),
        ({"image_url": URL, "index": 0}, "index can't be combined with image_url"),
        ({"image_base64": DATA}, "image_base64 needs content_type"),
        ({"images": [{"url": URL}]}, r"images has 1 images; a carousel has 2 to 5"),
        (
            {"images": [{"url": URL}, {"titel": "A"}]},
            r"images\[1\] lacks 'url'\nimages\[1\] has the unknown key 'titel'",
        ),
        ({"images": [{"url": URL}, {"url": URL}], "index": 2}, "index 2 is too large: it counts from 0"),
        ({"video": "1"}, "a video needs exactly one cover"),
        ({"video": "1", "cover_image_url": URL, "cover_image_key_frame_time": 1}, "a video needs exactly one cover"),
        ({"video": "1", "cover_image_base64": DATA}, "cover_image_base64 needs cover_image_content_type"),
        ({"image_file": "../a.png"}, "is not inside the recipe's folder"),
        ({"image_file": "missing.png"}, "can't be read: No such file"),
        ({"image_file": "note.txt"}, "is not a JPEG or PNG image"),
        ({"image_file": "."}, "is not the path of a file"),
        pytest.param({"image_file": "pipe.png"}, "is not a file", marks=pipes),
        ({"image_file": "link.png"}, "goes through the link link.png"),
    ],
)
def test_a_form_that_does_not_fit_is_refused_with_the_reason(
    given: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "note.txt").write_text("no image")
    (tmp_path / "outside.png").write_bytes(PNG)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(UsageError, match=problem):
        media_source(given, locate=files_of(folder).source)


@pytest.mark.parametrize(("name", "content", "kind"), [("a.jpg", PNG, "image/png"), ("a.png", JPEG, "image/jpeg")])
def test_a_file_is_sent_as_what_its_content_is(bench: Bench, name: str, content: bytes, kind: str) -> None:
    (bench.folder / "art").mkdir()
    (bench.folder / "art" / name).write_bytes(content)
    source = media_source({"image_file": f"art/{name}"}, locate=files_of(bench.folder).source)
    assert source == {"source_type": "image_base64", "content_type": kind, "data": b64encode(content).decode()}
    bench.run(create_pin, board=bench.board_id("Empty for now"), image_file=f"art/{name}")
    assert len(bench.board("Empty for now")["pins"]) == 1


def test_the_largest_file_is_taken_and_a_larger_one_refused_unsent(bench: Bench) -> None:
    board, file = bench.board_id("Empty for now"), bench.folder / "a.png"
    for size, taken in ((MAX_FILE_BYTES, 1), (MAX_FILE_BYTES + 1, 0)):
        with file.open("wb") as image:
            image.write(PNG)
            image.truncate(size)
        bench.forget()
        with nullcontext() if taken else pytest.raises(UsageError, match="is larger than 20 MB"):
            bench.run(create_pin, board=board, image_file=file.name)
        assert bench.calls()["pins/create"] == taken


def test_a_carousel_keeps_its_order_and_texts(bench: Bench) -> None:
    images = [{"url": f"https://example.com/{n}.jpg", "title": f"Step {n}"} for n in (1, 2, 3)]
    made = bench.run(create_pin, board=bench.board_id("Empty for now"), images=images, index=2)
    assert [slot["title"] for slot in made["media"]["items"]] == ["Step 1", "Step 2", "Step 3"]


def test_a_video_of_someone_else_is_refused_by_the_service(bench: Bench) -> None:
    with pytest.raises(RemoteError, match="media_id"):
        bench.run(create_pin, board=bench.board_id("Empty for now"), video="12", cover_image_url=URL)


def test_a_product_page_needs_its_link(bench: Bench) -> None:
    with pytest.raises(UsageError, match="pin_url needs link"):
        bench.run(create_pin, board="1", pin_url=True)
