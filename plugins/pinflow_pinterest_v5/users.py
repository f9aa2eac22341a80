"""The account that a token belongs to.

Source: https://developers.pinterest.com/docs/api/v5/ (user_account)
"""

from __future__ import annotations

from typing import Final

from pinflow import Context, action
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.types import Account


@action("get_user", api="v5", scopes={"user_accounts:read"}, quota={"org_read"})
def get_user(ctx: Context) -> Account:
    """The account that the login's token belongs to. (GET /user_account)"""
    return gateway(ctx.client).account()


ACTIONS: Final = (get_user,)
