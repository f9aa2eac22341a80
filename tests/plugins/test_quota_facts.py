"""How many requests are allowed."""

from __future__ import annotations

import pytest

from pinflow import Quota
from pinflow_pinterest.catalogue.operations import operations
from pinflow_pinterest.quotas import QUOTAS


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
