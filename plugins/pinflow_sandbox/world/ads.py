"""The rules of advertising: who may see an ad account, and which campaigns, groups and ads a query selects.

Source: https://developers.pinterest.com/docs/api/v5/ (ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, get_args

from pinflow_pinterest.analytics.metrics import EntityStatus
from pinflow_sandbox.server.body_checks import valid_id
from pinflow_sandbox.server.errors import ApiError, invalid_request, permission_denied
from pinflow_sandbox.world.records import AdAccountRecord, AdGroupRecord, AdRecord, CampaignRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pinflow_sandbox.world.records import AdEntity
    from pinflow_sandbox.world.world import Caller, World

STATUSES: tuple[EntityStatus, ...] = get_args(EntityStatus)
DEFAULT_STATUSES: tuple[EntityStatus, ...] = ("ACTIVE", "PAUSED")  # of a query without statuses
MOST_IDS = 250  # of a query, as in the description

_Entity = TypeVar("_Entity", CampaignRecord, AdGroupRecord, AdRecord)


def visible_accounts(world: World, caller: Caller, *, shared: bool = True) -> list[str]:
    """The ids of the caller's own ad accounts, and of shared ones if ``shared``."""
    name = caller.account.username
    accounts = [account for account in world.ad_accounts.values() if name in account.roles]
    return sorted(account.id for account in accounts if shared or account.owner == name)


def ad_account_of(world: World, caller: Caller, id: str) -> AdAccountRecord:
    """An ad account in which the caller has a role. Raises ApiError (403) for any other."""
    account = world.ad_accounts.get(valid_id("ad_account_id", id))
    if account is None or caller.account.username not in account.roles:
        raise permission_denied("The account has no role in this ad account.")
    return account


def campaign_of(world: World, account: AdAccountRecord, id: str) -> CampaignRecord:
    """A campaign of this ad account. Raises ApiError (404) for any other."""
    return _find(world.campaigns, account, "campaign", id)


def ad_group_of(world: World, account: AdAccountRecord, id: str) -> AdGroupRecord:
    """An ad group of this ad account. Raises ApiError (404) for any other."""
    return _find(world.ad_groups, account, "ad group", id)


def ad_of(world: World, account: AdAccountRecord, id: str) -> AdRecord:
    """An ad of this ad account. Raises ApiError (404) for any other."""
    return _find(world.ads, account, "ad", id)


def ads_of(world: World, entity: AdEntity) -> list[AdRecord]:
    """The ads of an ad account, campaign or group, oldest first; for an ad, itself."""
    if isinstance(entity, AdRecord):
        return [entity]
    return [world.ads[id] for id in entity.ads]


def parse_ids(name: str, values: Sequence[str], most: int = MOST_IDS) -> list[str]:
    """The ids in a query parameter, which may be repeated or separated by commas.

    Raises ApiError for an invalid id, for none and for too many.
    """
    ids = [id.strip() for value in values for id in value.split(",")]
    if not 1 <= len(ids) <= most:
        raise invalid_request(f"Parameter '{name}' takes 1 to {most} ids (was {len(ids)})")
    return [valid_id(name, id) for id in ids]


def parse_statuses(values: Sequence[str]) -> Collection[str]:
    """The entity statuses in a query; active and paused by default."""
    named = [status for value in values for status in value.split(",") if status]
    if unknown := sorted(set(named) - set(STATUSES)):
        raise invalid_request(f"Parameter 'entity_statuses' must be of {list(STATUSES)} (was {unknown})")
    return named or DEFAULT_STATUSES


def add_ad_account(
    world: World, owner: str, name: str, *, created: float, country: str = "DE", currency: str = "EUR"
) -> AdAccountRecord:
    """Add an ad account to the world."""
    account = AdAccountRecord(world.new_id("ad_account"), owner, name, created, country, currency)
    account.roles[owner] = ("OWNER",)
    world.ad_accounts[account.id] = account
    return account


def add_campaign(
    world: World,
    account: AdAccountRecord,
    name: str,
    *,
    created: float,
    status: EntityStatus = "ACTIVE",
    objective: str = "CONSIDERATION",
    daily_cap: int | None = None,
) -> CampaignRecord:
    """Add a campaign to an ad account."""
    id = world.new_id("campaign")
    campaign = CampaignRecord(id, account.id, name, status, created, objective=objective, daily_cap=daily_cap)
    world.campaigns[id] = campaign
    account.campaigns.add(id)
    return campaign


def add_ad_group(
    world: World, campaign: CampaignRecord, name: str, *, status: EntityStatus = "ACTIVE"
) -> AdGroupRecord:
    """Add an ad group to a campaign."""
    id = world.new_id("ad_group")
    group = AdGroupRecord(id, campaign.ad_account_id, campaign.id, name, status, campaign.created)
    world.ad_groups[id] = group
    campaign.ad_groups.add(id)
    world.ad_accounts[group.ad_account_id].ad_groups.add(id)
    return group


def add_ad(
    world: World, group: AdGroupRecord, pin_id: str, name: str | None, *, status: EntityStatus = "ACTIVE"
) -> AdRecord:
    """Promote a Pin in an ad group."""
    id = world.new_id("ad")
    ad = AdRecord(id, group.ad_account_id, group.campaign_id, group.id, pin_id, name, status, group.created)
    world.ads[id] = ad
    for holder in (group, world.campaigns[group.campaign_id], world.ad_accounts[group.ad_account_id]):
        holder.ads.add(id)
    if pin_id in world.pins:
        world.pins[pin_id].promoted = True
    return ad


def _find(entities: Mapping[str, _Entity], account: AdAccountRecord, noun: str, id: str) -> _Entity:
    entity = entities.get(valid_id(f"{noun.replace(' ', '_')}_id", id))
    if entity is None or entity.ad_account_id != account.id:
        raise ApiError(404, 404, f"{noun.capitalize()} not found.")
    return entity
