"""The account that a token belongs to, and the business accounts that are linked to it.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/user.py, as of 2022)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from pinflow import ActionError, Context, action
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.types import Account, LinkedBusiness

TOPIC = "accounts"  # of its actions, in lists and on pages

READ: Final = frozenset({"read_users"})


@action("get_user", api="v3", scopes=READ, quota={"org_read"})
def get_user(ctx: Context) -> Account:
    """The account that the login's token belongs to. (GET /users/me/)"""
    return gateway(ctx.client).account()


@action("list_businesses", api="v3", scopes=READ | {"read_advertisers"}, quota={"org_read"})
def list_businesses(ctx: Context) -> Iterator[LinkedBusiness]:
    """The business accounts that are linked to the login's account. (GET /users/me/businesses/)"""
    for business in ctx.client.pages("/users/me/businesses/"):
        if not (isinstance(business, dict) and isinstance(business.get("username"), str)):
            raise ActionError("the service's listing holds a business account without a name")
        yield cast("LinkedBusiness", business)


ACTIONS: Final = (get_user, list_businesses)
