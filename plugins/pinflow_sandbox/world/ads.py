"""The rules of advertising: who may see an ad account, and which campaigns, groups and ads a query selects.

Source: https://developers.pinterest.com/docs/api/v5/ (ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from pinflow_pinterest.analytics.metrics import EntityStatus
from pinflow_sandbox.server.body_checks import valid_id
from pinflow_sandbox.server.errors import ApiError, invalid_request, permission_denied
from pinflow_sandbox.world.records import AdAccountRecord, AdGroupRecord, AdRecord, CampaignRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pinflow_sandbox.world.records import AdEntity, AdItem
    from pinflow_sandbox.world.world import Caller, World

STATUSES: tuple[EntityStatus, ...] = get_args(EntityStatus)
DEFAULT_STATUSES: tuple[EntityStatus, ...] = ("ACTIVE", "PAUSED")  # of a query without statuses
MOST_IDS = 250  # of a query, as in the description

# what is in an ad account, by the noun in names of fields and parameters; each is in those before it
_TYPES: Final[dict[str, type[AdItem]]] = {"campaign": CampaignRecord, "ad_group": AdGroupRecord, "ad": AdRecord}
NOUNS: Final = tuple(_TYPES)


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


def items(world: World, account: AdAccountRecord, noun: str) -> tuple[Mapping[str, AdItem], Sequence[str]]:
    """All records of one kind, "campaign", "ad_group" or "ad", and the ids of those in an ad account, oldest first."""
    match noun:
        case "campaign":
            return world.campaigns, account.campaigns
        case "ad_group":
            return world.ad_groups, account.ad_groups
        case _:
            return world.ads, account.ads


def item_of(world: World, account: AdAccountRecord, noun: str, id: str) -> AdItem:
    """A "campaign", "ad_group" or "ad" of this ad account. Raises ApiError (404) for any other."""
    records, _ = items(world, account, noun)
    item = records.get(valid_id(f"{noun}_id", id))
    if item is None or item.ad_account_id != account.id:
        raise ApiError(404, 404, f"{noun.replace('_', ' ').capitalize()} not found.")
    return item


def noun_of(entity: AdEntity) -> str:
    """The noun of an entity: "ad_account", "campaign", "ad_group" or "ad"."""
    return next((noun for noun, kind in _TYPES.items() if isinstance(entity, kind)), "ad_account")


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


def id_filters(noun: str, query: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The ids in the filters ``campaign_ids``, ``ad_group_ids`` and ``ad_ids`` of a query, by noun.

    Items of a kind can be filtered by their own ids, and by those of what they are in.
    """
    nouns = NOUNS[: NOUNS.index(noun) + 1]
    return {noun: parse_ids(f"{noun}_ids", query[f"{noun}_ids"]) for noun in nouns if f"{noun}_ids" in query}


def id_in(item: AdItem, noun: str) -> str | None:
    """The id of the campaign, ad group or ad that an item is or is in; None if it is in none."""
    own = isinstance(item, _TYPES[noun])
    id: str | None = getattr(item, "id" if own else f"{noun}_id", None)
    return id


def parse_statuses(named: Sequence[str]) -> Collection[str]:
    """The entity statuses in a query; active and paused by default."""
    if unknown := sorted(set(named) - set(STATUSES)):
        raise invalid_request(f"Parameter 'entity_statuses' must be of {list(STATUSES)} (was {unknown})")
    return named or DEFAULT_STATUSES


def add_ad_account(world: World, owner: str, name: str, created: float, **details: Any) -> AdAccountRecord:
    """Add an ad account to the world; ``details`` are further fields of the record."""
    account = AdAccountRecord(world.new_id("ad_account"), owner, name, created, **details)
    account.roles[owner] = ("OWNER",)
    world.ad_accounts[account.id] = account
    return account


def add_campaign(
    world: World, account: AdAccountRecord, name: str, created: float, status: EntityStatus = "ACTIVE", **details: Any
) -> CampaignRecord:
    """Add a campaign to an ad account; ``details`` are further fields of the record."""
    campaign = CampaignRecord(world.new_id("campaign"), account.id, name, status, created, **details)
    world.campaigns[campaign.id] = campaign
    account.campaigns.add(campaign.id)
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
