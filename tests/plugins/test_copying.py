"""The bodies that make boards, sections and Pins again."""

from __future__ import annotations

from typing import Any

import pytest

from pinflow_pinterest.copying.copy_bodies import SECTION_LIMITS, TooLong, board_body, pin_body, too_long_fields
from pinflow_pinterest.media.copyable import CopyBody, NotCopyable

MEDIA: Any = {"media_type": "image", "images": {"1200x": {"url": "https://i.example/1.jpg", "width": 1, "height": 1}}}
SOURCE = {"source_type": "image_url", "url": "https://i.example/1.jpg"}


def test_a_copied_pin_carries_all_that_its_author_wrote_and_nothing_that_is_the_services() -> None:
    pin: Any = {
        "id": "11",
        "board_id": "1",
        "board_section_id": "2",
        "title": "Beds",
        "description": "Raised",
        "link": "https://example.com/",
        "alt_text": "A bed",
        "dominant_color": "#335577",
        "parent_pin_id": "10",
        "created_at": "2024-03-02T09:31:00",
        "creative_type": "REGULAR",
        "is_owner": True,
        "is_standard": True,
        "has_been_promoted": False,
        "pin_metrics": {"90d": {"impression": 2}},
        "media": MEDIA,
    }
    assert pin_body(pin, board_id="7", section_id="8") == CopyBody(
        {
            "board_id": "7",
            "board_section_id": "8",
            "title": "Beds",
            "description": "Raised",
            "link": "https://example.com/",
            "alt_text": "A bed",
            "dominant_color": "#335577",
            "media_source": SOURCE,
        }
    )


def test_an_empty_text_is_carried_and_an_absent_or_null_one_is_not() -> None:
    pin: Any = {"id": "11", "title": "", "description": None, "media": MEDIA}
    assert pin_body(pin, board_id="7") == CopyBody({"board_id": "7", "title": "", "media_source": SOURCE})


def test_a_pin_whose_media_cannot_be_carried_says_why() -> None:
    assert pin_body({"id": "11", "title": "T"}, board_id="7") == NotCopyable("the Pin has no media")


@pytest.mark.parametrize(
    ("board", "name", "body"),
    [
        (
            {"description": "", "privacy": "SECRET", "is_ads_only": False, "pin_count": 7, "owner": {"username": "a"}},
            None,
            {"name": "Garden", "description": "", "privacy": "SECRET"},
        ),
        ({"description": None, "privacy": "PROTECTED"}, "Copy", {"name": "Copy", "privacy": "PROTECTED"}),
        ({}, None, {"name": "Garden"}),
    ],
)
def test_a_copied_board_carries_name_description_and_privacy(board: Any, name: str | None, body: Any) -> None:
    original: Any = {"id": "1", "name": "Garden", **board}
    assert board_body(original, name=name) == CopyBody(body)


def test_a_board_for_ads_only_is_not_carried() -> None:
    refused = board_body({"id": "1", "name": "Ad-only Pins", "is_ads_only": True}, name="Mine")
    assert isinstance(refused, NotCopyable)
    assert refused.reason.startswith("it is an ads-only board")


@pytest.mark.parametrize(("field", "limit"), [("title", 100), ("description", 800), ("link", 2048), ("alt_text", 500)])
def test_a_text_of_a_pin_may_be_as_long_as_the_api_takes_and_no_longer(field: str, limit: int) -> None:
    assert too_long_fields({field: "ß" * limit}) == []
    assert too_long_fields({field: "ß" * (limit + 1)}) == [TooLong(field, limit + 1, limit)]


def test_every_text_that_is_too_long_is_listed_and_none_is_shortened() -> None:
    body = {"alt_text": "a" * 501, "title": "t" * 101, "description": None}
    assert [str(problem) for problem in too_long_fields(body)] == [
        "title has 101 characters, the API allows 100",
        "alt_text has 501 characters, the API allows 500",
    ]
    assert len(body["title"] or "") == 101


def test_the_name_of_a_section_has_a_limit_too() -> None:
    assert too_long_fields({"name": "n" * 180}, SECTION_LIMITS) == []
    assert too_long_fields({"name": "n" * 181}, SECTION_LIMITS) == [TooLong("name", 181, 180)]
