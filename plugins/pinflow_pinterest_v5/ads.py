"""Ad accounts, their campaigns, ad groups and ads.

Source: https://developers.pinterest.com/docs/api/v5/ (ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pinflow import ActionError, Context, Number, Text, UsageError, action
from pinflow_pinterest.answers import listed
from pinflow_pinterest.boards import is_id
from pinflow_pinterest.figures import EntityStatus
from pinflow_pinterest.ids import PinterestId
from pinflow_pinterest.types import Ad, AdAccount, AdGroup, Campaign, DeliveryMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinflow import Client

AdAccountRef = Annotated[str, Text(min_length=1, description="An ad account's id or its exact name.")]
Order = Literal["ASCENDING", "DESCENDING"]
Limit = Annotated[int, Number(ge=1)]

READ: Final = frozenset({"ads:read"})
MOST_IDS: Final = 250


@action("list_ad_accounts", api="v5", scopes=READ, quota={"ads_read"})
def list_ad_accounts(ctx: Context, *, shared: bool = True, limit: Limit | None = None) -> Iterator[AdAccount]:
    """The ad accounts that the login may see. (GET /ad_accounts)

    Arguments:
        shared: also those of others that are shared with it
        limit: at most so many
    """
    yield from listed(ctx.client, "/ad_accounts", {"include_shared_accounts": shared}, limit=limit)


@action("list_campaigns", api="v5", scopes=READ, quota={"ads_read"})
def list_campaigns(
    ctx: Context,
    *,
    ad_account: AdAccountRef | None = None,
    campaigns: list[PinterestId] | None = None,
    statuses: list[EntityStatus] | None = None,
    order: Order | None = None,
    limit: Limit | None = None,
) -> Iterator[Campaign]:
    """The campaigns of an ad account. (GET /ad_accounts/{ad_account_id}/campaigns)

    Arguments:
        ad_account: its id or exact name; may be left out where there is only one
        campaigns: only those of these ids, at most 250
        statuses: only those of these statuses; ACTIVE and PAUSED if left out
        order: by id; ASCENDING if left out
        limit: at most so many
    """
    yield from _entities(
        ctx, ad_account, "campaigns", {"campaign_ids": campaigns}, statuses=statuses, order=order, limit=limit
    )


@action("list_ad_groups", api="v5", scopes=READ, quota={"ads_read"})
def list_ad_groups(
    ctx: Context,
    *,
    ad_account: AdAccountRef | None = None,
    campaigns: list[PinterestId] | None = None,
    ad_groups: list[PinterestId] | None = None,
    statuses: list[EntityStatus] | None = None,
    order: Order | None = None,
    limit: Limit | None = None,
) -> Iterator[AdGroup]:
    """The ad groups of an ad account. (GET /ad_accounts/{ad_account_id}/ad_groups)

    Arguments:
        ad_account: its id or exact name; may be left out where there is only one
        campaigns: only those of the campaigns of these ids, at most 250
        ad_groups: only those of these ids, at most 250; not together with campaigns
        statuses: only those of these statuses; ACTIVE and PAUSED if left out
        order: by id; ASCENDING if left out
        limit: at most so many
    """
    filters = {"campaign_ids": campaigns, "ad_group_ids": ad_groups}
    yield from _entities(ctx, ad_account, "ad_groups", filters, statuses=statuses, order=order, limit=limit)


@action("list_ads", api="v5", scopes=READ, quota={"ads_read"})
def list_ads(
    ctx: Context,
    *,
    ad_account: AdAccountRef | None = None,
    campaigns: list[PinterestId] | None = None,
    ad_groups: list[PinterestId] | None = None,
    ads: list[PinterestId] | None = None,
    statuses: list[EntityStatus] | None = None,
    order: Order | None = None,
    limit: Limit | None = None,
) -> Iterator[Ad]:
    """The ads of an ad account. (GET /ad_accounts/{ad_account_id}/ads)

    Of campaigns, ad_groups and ads only one may be given.

    Arguments:
        ad_account: its id or exact name; may be left out where there is only one
        campaigns: only those of the campaigns of these ids, at most 250
        ad_groups: only those of the ad groups of these ids, at most 250
        ads: only those of these ids, at most 250
        statuses: only those of these statuses; ACTIVE and PAUSED if left out
        order: by id; ASCENDING if left out
        limit: at most so many
    """
    filters = {"campaign_ids": campaigns, "ad_group_ids": ad_groups, "ad_ids": ads}
    yield from _entities(ctx, ad_account, "ads", filters, statuses=statuses, order=order, limit=limit)


@action("list_delivery_metrics", api="v5", scopes={"ads:read", "pins:read", "user_accounts:read"}, quota={"ads_read"})
def list_delivery_metrics(
    ctx: Context, *, report_type: Literal["SYNC", "ASYNC"] | None = None
) -> Iterator[DeliveryMetric]:
    """The columns that figures and reports on ads can have, and what they mean. (GET /resources/delivery_metrics)

    Arguments:
        report_type: only those that get_ad_analytics (SYNC) or create_ad_report (ASYNC) takes
    """
    for found in ctx.client.pages("/resources/delivery_metrics", params={"report_type": report_type}):
        if not (isinstance(found, dict) and isinstance(found.get("name"), str)):
            raise ActionError("the service's listing holds something that is not a column with a name")
        yield found  # type: ignore[misc]


def ad_account_id(client: Client, ad_account: str | None) -> str:
    """The id of the ad account of this id or exact name; without one, of the only one that there is.

    Raises ActionError when none, or more than one, is meant.
    """
    if ad_account is not None and is_id(ad_account):
        return ad_account
    found: list[AdAccount] = list(listed(client, "/ad_accounts"))
    meant = [each for each in found if ad_account is None or each.get("name") == ad_account]
    if len(meant) == 1:
        return meant[0]["id"]
    known = ", ".join(f"{each.get('name')} ({each['id']})" for each in found[:20]) or "none"
    what = "the login sees no single ad account" if ad_account is None else f"no single ad account is {ad_account!r}"
    raise ActionError(f"{what}; it sees: {known}", hint="name the one you mean with ad_account, by its id")


def check_ids(**ids: Sequence[str] | None) -> None:
    """Raise UsageError where two kinds of ids are given, or too many of one."""
    given = {name: found for name, found in ids.items() if found is not None}
    if len(given) > 1:
        raise UsageError(f"only one of {', '.join(given)} can be given at a time")
    for name, found in given.items():
        if not 1 <= len(found) <= MOST_IDS:
            raise UsageError(f"{name} takes 1 to {MOST_IDS} ids, not {len(found)}")


def _entities(
    ctx: Context,
    ad_account: str | None,
    kind: str,
    filters: dict[str, list[str] | None],
    *,
    statuses: list[EntityStatus] | None,
    order: str | None,
    limit: int | None,
) -> Iterator[Any]:
    check_ids(**{name.replace("_ids", "s"): ids for name, ids in filters.items()})
    path = f"/ad_accounts/{ad_account_id(ctx.client, ad_account)}/{kind}"
    return listed(ctx.client, path, {**filters, "entity_statuses": statuses, "order": order}, limit=limit)


ACTIONS: Final = (list_ad_accounts, list_campaigns, list_ad_groups, list_ads, list_delivery_metrics)
