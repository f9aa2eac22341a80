"""What an answer's headers say of the quota, and what follows from it for the limits that are kept to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pinflow.http.rate_limit_headers import (
    RateLimitHeaders,
    find_binding,
    limit_changes,
    parse_rate_limits,
    retry_after,
)
from pinflow.state.records import LimitChange

NOW = 1_795_000_000.0


@dataclass(frozen=True)
class Window:
    seconds: float
    limit: int
    is_learned: bool = False


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "1000000000"}, 86_400),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "\u0667"}, None),
        ({"retry-after": "7, 9"}, None),
        ({"retry-after": "Wed, 18 Nov 2026 10:06:50 GMT"}, 10),
        ({"retry-after": "Wed, 18 Nov 2026 10:06:50" + 12 * " " + "GMT"}, 10),
        ({"retry-after": "Wed, 18 Nov 2026 10:06:50" + 13 * " " + "GMT"}, None),
        ({"retry-after": "Wed, 18 Nov 2026 10:06:50 +0000"}, None),
        ({"retry-after": "Wed, 18 Nov 2020 10:06:50 GMT"}, 0),
        ({"retry-after": "Wed, 99 Nov 2026 10:06:50 GMT"}, None),
        ({"retry-after": "Wed, 18 Nov 9999 10:06:50 GMT"}, 86_400),
        ({"x-ratelimit-reset": "58"}, 58),
        ({"x-ratelimit-reset": "1795000030"}, 30),
        ({"x-ratelimit-reset": "1700000000"}, 0),
        ({"x-ratelimit-reset": "1000000000"}, 0),
        ({"x-ratelimit-reset": "999999999"}, 86_400),
        ({"x-ratelimit-reset": "-1"}, None),
        ({"retry-after": "7", "x-ratelimit-reset": "58"}, 7),
        ({"retry-after": "junk", "x-ratelimit-reset": "58"}, 58),
    ],
)
def test_how_long_to_wait_is_read_strictly_and_clamped(headers: dict[str, str], expected: float | None) -> None:
    moment = 1_794_996_400.0 if "Nov" in headers.get("retry-after", "") else NOW
    assert retry_after(headers, moment) == expected


@pytest.mark.parametrize(
    ("limit", "windows", "binding"),
    [
        ("100, 100;w=1, 1000;w=60", ((100, 1), (1000, 60)), 100),
        ('120000, 120000;w=60;name="ads_conversions_ad_account_id"', ((120_000, 60),), 120_000),
        ("1000", (), 1000),
        ("100;w=0, 0;w=60", (), 100),
        ("0, 5;w=60", ((5, 60),), None),
        ("junk", (), None),
        (f"{'5, 7;w=60':>1000}", ((7, 60),), 5),
        (f"{'5, 7;w=60':>1001}", ((7, 6),), 5),  # what is beyond a thousand characters is not read
        ("-5, -5;w=-1", (), None),
        ("9" * 5000, (), None),
    ],
)
def test_limits_are_read_from_the_headers(
    limit: str, windows: tuple[tuple[int, int], ...], binding: int | None
) -> None:
    limits = parse_rate_limits({"x-ratelimit-limit": limit}, NOW)
    assert limits.windows == windows
    assert limits.binding == binding


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, RateLimitHeaders()),
        ({"x-ratelimit-limit": "7, 7;w=60"}, RateLimitHeaders(windows=((7, 60),), binding=7)),
        ({"x-ratelimit-remaining": "3"}, RateLimitHeaders(remaining=3)),
        ({"x-ratelimit-remaining": "0"}, RateLimitHeaders(remaining=0)),
        ({"x-ratelimit-reset": "58"}, RateLimitHeaders(reset=58)),
        ({"x-ratelimit-remaining": "x", "x-ratelimit-reset": ""}, RateLimitHeaders()),
    ],
)
def test_each_header_counts_without_the_others(headers: dict[str, str], expected: RateLimitHeaders) -> None:
    assert parse_rate_limits(headers, NOW) == expected


@pytest.mark.parametrize(
    ("told", "own", "universal", "expected"),
    [
        ((), [Window(60, 10, True)], [Window(1, 5)], []),
        # a window that one lane has
        (((10, 60),), [Window(60, 10)], [], []),
        (((7, 60),), [Window(60, 10)], [], [LimitChange(0, 60, 7)]),
        (((9, 60), (7, 60)), [Window(60, 10)], [], [LimitChange(0, 60, 7)]),
        (((5, 1),), [], [Window(1, 5)], []),
        (((4, 1),), [], [Window(1, 5)], [LimitChange(1, 1, 4)]),
        # one that none has is the category's
        (((7, 60),), [], [Window(1, 5)], [LimitChange(0, 60, 7)]),
        # one that both have: the larger limit is the universal one
        (((10, 60), (20, 60)), [Window(60, 10)], [Window(60, 20)], []),
        (((30, 60), (10, 60)), [Window(60, 10)], [Window(60, 20)], [LimitChange(1, 60, 30)]),
        (((8, 60), (20, 60)), [Window(60, 10)], [Window(60, 20)], [LimitChange(0, 60, 8)]),
        (((20, 60), (30, 60)), [Window(60, 10)], [Window(60, 20)], [LimitChange(1, 60, 30), LimitChange(0, 60, 20)]),
        (((20, 60),), [Window(60, 10)], [Window(60, 20)], []),
        (((int("1000"), 60), (int("2000"), 60)), [Window(60, 1000)], [Window(60, 2000)], []),
        (((10, 60),), [Window(60, 10)], [Window(60, 20)], []),
        (((8, 60),), [Window(60, 10)], [Window(60, 20)], [LimitChange(0, 60, 8)]),
        # one that was learned and is told no more
        (((7, 60),), [Window(60, 7), Window(1, 2, True)], [], [LimitChange(0, 1, 0)]),
        # one that was only assumed
        (((7, 60),), [Window(60, 7, True), Window(1, 2)], [Window(9, 9, True)], [LimitChange(0, 1, 0)]),
        (((200, 20),), [Window(60, 100)], [Window(1, 100)], [LimitChange(0, 60, 0), LimitChange(0, 20, 200)]),
        (((200, 20), (100, 1)), [Window(60, 100)], [Window(1, 100)], [LimitChange(0, 60, 0), LimitChange(0, 20, 200)]),
        (((5, 20),), [Window(20, 200, True)], [Window(1, 100)], [LimitChange(0, 20, 5)]),
        # the tiers are other than assumed: of two told windows the universal one allows more a second
        (
            ((100, 1), (100, 60)),
            [Window(86_400, 300)],
            [Window(86_400, 1000)],
            [LimitChange(1, 86_400, 0), LimitChange(1, 1, 100), LimitChange(0, 86_400, 0), LimitChange(0, 60, 100)],
        ),
        (
            ((1000, 86_400), (300, 86_400)),
            [Window(60, 100)],
            [Window(1, 100)],
            [LimitChange(1, 1, 0), LimitChange(1, 86_400, 1000), LimitChange(0, 60, 0), LimitChange(0, 86_400, 300)],
        ),
    ],
)
def test_told_limits_replace_the_known_ones(
    told: tuple[tuple[int, float], ...], own: list[Window], universal: list[Window], expected: list[LimitChange]
) -> None:
    assert list(limit_changes(RateLimitHeaders(windows=told), [own, universal])) == expected


def test_the_universal_category_has_one_lane() -> None:
    headers = RateLimitHeaders(windows=((7, 60), (9, 60)))
    assert list(limit_changes(headers, [[Window(60, 10)]])) == [LimitChange(0, 60, 7)]


@pytest.mark.parametrize(
    ("headers", "own", "universal", "expected"),
    [
        (RateLimitHeaders(binding=10), {60: 10}, {1: 5}, (0, 60)),
        (RateLimitHeaders(binding=5), {60: 10}, {1: 5}, (1, 1)),
        (RateLimitHeaders(binding=5), {60: 5}, {1: 5}, (0, 60)),  # the longest
        (RateLimitHeaders(binding=5), {60: 5}, {60: 5}, (1, 60)),
        (RateLimitHeaders(binding=5, reset=2), {60: 5}, {1: 5}, (0, 60)),
        # a reset is in whole seconds
        (RateLimitHeaders(binding=5, reset=61), {60: 5}, {}, (0, 60)),
        (RateLimitHeaders(binding=5, reset=61.5), {60: 5}, {}, (0, None)),
        (RateLimitHeaders(binding=6), {60: 5}, {1: 5}, (0, None)),
        (RateLimitHeaders(remaining=0), {60: 5, 1: 2}, {1: 5}, (0, 60)),
        (RateLimitHeaders(remaining=0), {}, {1: 5}, (0, None)),
    ],
)
def test_the_first_number_speaks_of_the_longest_window_with_its_limit(
    headers: RateLimitHeaders, own: dict[float, int], universal: dict[float, int], expected: tuple[int, float | None]
) -> None:
    assert find_binding(headers, [own, universal]) == expected
