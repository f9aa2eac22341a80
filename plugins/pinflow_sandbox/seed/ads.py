"""The advertising of the example accounts: one ad account of every status, and one that is shared.

``garden_studio`` owns "Garden Studio Ads" and is an analyst of ``client_account``'s "Client Shop".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.world import ads

if TYPE_CHECKING:
    from pinflow_pinterest.analytics.metrics import EntityStatus
    from pinflow_sandbox.world.records import AdAccountRecord
    from pinflow_sandbox.world.world import World

_FIRST_DAY = 1_710_000_000.0  # 2024-03-09T16:00:00Z
_DAY = 86_400.0  # seconds

# campaigns: name, status, objective, and ad groups: name, status, number of ads
_CAMPAIGNS: tuple[tuple[str, EntityStatus, str, tuple[tuple[str, EntityStatus, int], ...]], ...] = (
    ("Spring planting", "ACTIVE", "CONSIDERATION", (("Gardeners", "ACTIVE", 3), ("Balconies", "PAUSED", 2))),
    ("Winter kitchen", "ACTIVE", "AWARENESS", (("Soup lovers", "ACTIVE", 2),)),
    ("Summer sale", "PAUSED", "WEB_CONVERSION", (("Visitors", "ACTIVE", 1),)),
    ("Last year", "ARCHIVED", "CONSIDERATION", (("Everybody", "ARCHIVED", 1),)),
    ("Next idea", "DRAFT", "AWARENESS", (("To be decided", "DRAFT", 1),)),
)


def fill(world: World, studio: str, client: str) -> None:
    """Add the example ad accounts to a world that has these accounts and their Pins."""
    own = ads.add_ad_account(world, studio, "Garden Studio Ads", _FIRST_DAY)
    for number, (name, status, objective, groups) in enumerate(_CAMPAIGNS):
        begun = _FIRST_DAY + number * _DAY
        campaign = ads.add_campaign(world, own, name, begun, status, objective=objective, daily_cap=20_000_000)
        for group_name, group_status, count in groups:
            group = ads.add_ad_group(world, campaign, group_name, status=group_status)
            for pin in _pins(world, studio, own, count):
                ads.add_ad(world, group, pin, f"{group_name} {len(group.ads) + 1}", status=group_status)
    world.ads[own.ads[1]].review = "REJECTED"
    _client(world, studio, client)


def _client(world: World, studio: str, client: str) -> None:
    shop = ads.add_ad_account(world, client, "Client Shop", _FIRST_DAY, country="US", currency="USD")
    shop.roles[studio] = ("ANALYST",)
    campaign = ads.add_campaign(world, shop, "Reception", _FIRST_DAY)
    group = ads.add_ad_group(world, campaign, "Offices")
    for pin in _pins(world, client, shop, 1):
        ads.add_ad(world, group, pin, None)


def _pins(world: World, username: str, account: AdAccountRecord, count: int) -> list[str]:
    """The next Pins of an account that this ad account does not promote yet."""
    start = len(account.ads)
    return list(world.accounts[username].pins[start : start + count])
