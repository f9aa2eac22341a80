"""How many requests are allowed, and what rate-limit headers say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinflow import Quota
from pinflow_pinterest.operations import operations
from pinflow_pinterest.quotas import QUOTAS, Limits, Window, parse_limits

NOW = 1_767_225_600.0


@pytest.mark.parametrize(
    ("tier", "category", "quota"),
    [
        ("trial", "*", Quota(1000, 86_400, "app")),
        ("trial", "org_read", Quota(1000, 86_400, "app")),
        ("trial", "org_write", Quota(300, 86_400, "app")),
        ("trial", "ads_read", Quota(1000, 86_400, "app")),
        ("trial", "ads_analytics", Quota(1000, 86_400, "app")),
        ("trial", "ads_conversions", Quota(1000, 86_400, "ad_account")),
        ("standard", "*", Quota(100, 1, "user")),
        ("standard", "org_read", Quota(1000, 60, "user")),
        ("standard", "org_write", Quota(100, 60, "user")),
        ("standard", "org_analytics", Quota(60, 60, "user")),
        ("standard", "ads_read", Quota(1000, 60, "user")),
        ("standard", "ads_analytics", Quota(300, 60, "user")),
        ("standard", "ads_conversions", Quota(120_000, 60, "ad_account")),
    ],
)
def test_a_category_has_its_quota(tier: str, category: str, quota: Quota) -> None:
    assert QUOTAS[tier][category] == quota


@pytest.mark.parametrize("tier", ["trial", "standard"])
def test_every_category_with_a_quota_is_one_that_operations_count_against(tier: str) -> None:
    assert set(QUOTAS[tier]) - {"*"} <= {operation.category for operation in operations().values()}


@pytest.mark.parametrize(
    ("value", "binding", "windows"),
    [
        ("100, 100;w=1, 1000;w=60", 100, (Window(100, 1), Window(1000, 60))),
        (
            '120000, 120000;w=60;name="ads_conversions_ad_account_id"',
            120_000,
            (Window(120_000, 60, "ads_conversions_ad_account_id"),),
        ),
        ("1000;w=60", 1000, (Window(1000, 60),)),
        (" 300 , 300 ; name=day ; w = 86400 ", 300, (Window(300, 86_400, "day"),)),
        ("300", 300, ()),
        ("0", 0, ()),
        ('1000;w=60;name="a,b", 5;w=1', 1000, (Window(1000, 60, "a"), Window(5, 1))),
        ("100;w=0, 100;w=x, -5;w=1, ;w=1", 100, ()),
        ("unlimited", None, ()),
        ("٣", None, ()),
        ("9" * 5000, None, ()),
    ],
)
def test_the_limit_header_tells_the_binding_limit_and_the_windows(
    value: str, binding: int | None, windows: tuple[Window, ...]
) -> None:
    assert parse_limits({"X-RateLimit-Limit": value}, now=NOW) == Limits(limit=binding, windows=windows)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1", 1.0),
        ("58.5", 58.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("90000", 86_400.0),
        ("1000000000", 86_400.0),
        (str(int(NOW) + 30), 30.0),
        (str(int(NOW) - 30), 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_reset_is_a_wait_of_at_most_a_day_however_it_is_told(value: str, seconds: float | None) -> None:
    assert parse_limits({"x-ratelimit-reset": value}, now=NOW) == Limits(reset=seconds)


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        ({"X-RateLimit-Remaining": "99", "x-RATELIMIT-limit": "100"}, Limits(limit=100, remaining=99)),
        ({"x-ratelimit-remaining": "-1"}, Limits()),
        (
            {"x-userendpoint-ratelimit-limit": "400", "x-userendpoint-ratelimit-remaining": "0"},
            Limits(limit=400, remaining=0),
        ),
        ({"Content-Type": "application/json", "Retry-After": "5"}, None),
        ({}, None),
    ],
)
def test_headers_are_found_in_any_case_and_absence_is_told_from_silence(
    headers: dict[str, str], limits: Limits | None
) -> None:
    assert parse_limits(headers, now=NOW) == limits


@given(st.text(), st.text(), st.text() | st.floats().map(str))
def test_no_header_is_beyond_reading(limit: str, remaining: str, reset: str) -> None:
    headers = {"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    limits = parse_limits(headers, now=NOW)
    assert limits is not None
    assert limits.reset is None or 0 <= limits.reset <= 86_400
    assert all(window.limit >= 0 and window.seconds > 0 for window in limits.windows)
