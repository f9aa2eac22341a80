"""Which image stands for a Pin, and which media a copy can carry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinflow_pinterest.media.copyable import CopyBody, NotCopyable, best_image, copy_media_source, cover_image


def image(url: str, width: int | None = 10, height: int | None = 10) -> dict[str, Any]:
    return {"url": url, "width": width, "height": height}


def carousel(*items: object, **more: object) -> dict[str, Any]:
    return {"id": "1", "media": {"media_type": "multiple_images", "items": list(items), **more}}


@pytest.mark.parametrize(
    ("images", "best"),
    [
        ({"600x": image("m", 600, 900), "1200x": image("l", 1200, 1800), "150x150": image("s", 150, 150)}, "l"),
        ({"1200x": image("l", 1200, 1800), "originals": image("o", 8, 8)}, "o"),
        ({"1200x": image("l", 1200, 1800), "orig": image("o", None, None)}, "o"),
        ({"orig": image("second"), "originals": image("first")}, "first"),
        ({"600x": image("m", 600, 900), "1200x": image("l", None, None)}, "l"),
        ({"600x": image("m", 600, None), "400x300": image("s", None, None)}, "m"),
        ({"400x300": image("s", None, None), "tiny": image("t", 300, 300)}, "s"),
        ({"600x": image("wide", 600, 100), "400x300": image("larger", 400, 300)}, "larger"),
        ({"originals": image("", 9999, 9999), "150x150": image("s", 150, 150)}, "s"),
        ({"originals": None, "600x": {"width": 600}, "150x150": {"url": "s"}}, "s"),
        ({"unnamed": image("only", None, None)}, "only"),
        ({"1200x": {"url": None}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_best_image_is_the_original_or_else_the_largest(images: dict[str, Any] | None, best: str | None) -> None:
    assert best_image(images) == best


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
SIZES = st.sampled_from(["originals", "1200x", "150x150", "x", "", "9x"])
FILES = st.fixed_dictionaries({}, optional={"url": JSON, "width": JSON, "height": JSON}) | JSON


@given(st.dictionaries(SIZES, FILES, max_size=4) | JSON)
def test_any_images_value_gives_a_url_or_none(images: Any) -> None:
    found = best_image(images)
    assert found is None or f'"url": {json.dumps(found)}' in json.dumps(images)


@pytest.mark.parametrize(
    ("media", "cover"),
    [
        ({"media_type": "video", "images": {}, "cover_image_url": "cover"}, "cover"),
        ({"media_type": "video", "images": {"600x": image("still")}, "cover_image_url": "cover"}, "still"),
        ({"media_type": "multiple_videos", "items": [{}, {"cover_image_url": "second"}]}, "second"),
        ({"media_type": "multiple_mixed", "items": [None, {"images": {"600x": image("i")}}]}, "i"),
        ({"media_type": "video"}, None),
        (None, None),
    ],
)
def test_a_video_is_shown_by_its_best_still(media: Any, cover: str | None) -> None:
    assert cover_image(media) == cover


@pytest.mark.parametrize("media_type", [{"media_type": "image"}, {"media_type": None}, {}])
def test_an_image_is_carried_by_url_and_nothing_else(media_type: dict[str, str]) -> None:
    pin: Any = {"id": "1", "is_standard": False, "media": {**media_type, "images": {"1200x": image("https://i/1")}}}
    assert copy_media_source(pin) == CopyBody({"source_type": "image_url", "url": "https://i/1"})


def test_a_carousel_is_carried_slot_by_slot_with_its_captions() -> None:
    pin: Any = carousel(
        {"images": {"1200x": image("a")}, "title": "A", "description": "", "link": None, "item_type": "image"},
        {"images": {"600x": image("b"), "150x150": image("c", 1, 1)}, "link": "https://example.com/"},
    )
    assert copy_media_source(pin) == CopyBody(
        {
            "source_type": "multiple_image_urls",
            "items": [{"url": "a", "title": "A", "description": ""}, {"url": "b", "link": "https://example.com/"}],
        }
    )


@pytest.mark.parametrize(("told", "carried"), [({"index": 1}, {"index": 1}), ({"index": 2}, {}), ({"index": None}, {})])
def test_the_cover_slot_is_carried_when_it_is_known(told: dict[str, Any], carried: dict[str, int]) -> None:
    slot = {"images": {"600x": image("a")}}
    pin: Any = carousel(slot, slot, **told)
    source = copy_media_source(pin)
    assert isinstance(source, CopyBody)
    assert {key: value for key, value in source.content.items() if key == "index"} == carried


@pytest.mark.parametrize("size", [0, 1, 6])
def test_a_carousel_of_a_size_the_api_refuses_is_not_carried(size: int) -> None:
    pin: Any = carousel(*[{"images": {"600x": image("a")}}] * size)
    assert copy_media_source(pin) == NotCopyable(f"the carousel has {size} images; the API allows 2 to 5")


@pytest.mark.parametrize("size", [2, 5])
def test_a_carousel_of_the_smallest_and_the_largest_size_is_carried(size: int) -> None:
    pin: Any = carousel(*[{"images": {"600x": image("a")}}] * size)
    assert isinstance(copy_media_source(pin), CopyBody)


def test_every_slot_without_an_image_is_named() -> None:
    pin: Any = carousel({}, {"images": {"600x": image("a")}}, {"images": {}}, None)
    assert copy_media_source(pin) == NotCopyable("no image URL in slot 1, 3, 4 of the carousel")


@pytest.mark.parametrize("media_type", ["video", "multiple_videos", "multiple_mixed"])
def test_a_video_is_not_carried_even_where_there_is_a_still_image(media_type: str) -> None:
    pin: Any = {"id": "1", "media": {"media_type": media_type, "images": {"600x": image("still")}}}
    source = copy_media_source(pin)
    assert isinstance(source, NotCopyable)
    assert source.reason.startswith("the API does not give out the file of a video")


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        ({}, "the Pin has no media"),
        ({"media": None}, "the Pin has no media"),
        ({"media": {"media_type": "image", "images": {}}}, "the Pin has no image URL"),
        ({"media": {"media_type": "image"}}, "the Pin has no image URL"),
        ({"media": {"media_type": "hologram", "images": {}}}, "its media type 'hologram' is unknown"),
    ],
)
def test_a_pin_without_a_known_image_is_not_carried_and_says_why(media: Any, reason: str) -> None:
    pin: Any = {"id": "1", **media}
    assert copy_media_source(pin) == NotCopyable(reason)
