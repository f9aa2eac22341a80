"""The rules of accounts: following, claimed websites.

Source: https://developers.pinterest.com/docs/api/v5/ (user_account)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow_sandbox.server.errors import ApiError, invalid_request, user_not_found
from pinflow_sandbox.world.images import fingerprint
from pinflow_sandbox.world.records import WebsiteRecord

if TYPE_CHECKING:
    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.world.records import AccountRecord
    from pinflow_sandbox.world.world import Caller, World

_METHODS = ("METATAG", "FILENAME", "DNSTXT")
_WEBSITE = re.compile(r"(?:https?://)?([a-z0-9-]+\.)+[a-z0-9-]{2,}(?::[0-9]+)?(?:/\S*)?", re.IGNORECASE)


def follow(world: World, caller: Caller, username: str, body: RequestBody) -> AccountRecord:
    """Follow another account. Raises ApiError (404) if it does not exist."""
    body.flag("auto_follow", default=False)
    if username.isdigit():
        raise invalid_request("'username' must not consist of digits only")
    other = world.accounts.get(username)
    if other is None:
        raise user_not_found()
    if other is caller.account:
        raise invalid_request("an account can't follow itself")
    connect(caller.account, other)
    return other


def connect(follower: AccountRecord, followed: AccountRecord) -> None:
    """Make one account follow another."""
    follower.following.add(followed.username)
    followed.followers.add(follower.username)


def verify_website(world: World, caller: Caller, body: RequestBody) -> WebsiteRecord:
    """Claim a website. The sandbox checks nothing: every valid address is verified at once."""
    address = body.required_text("website", most=2048)
    body.choice("verification_method", _METHODS)
    if not _WEBSITE.fullmatch(address):
        raise body.field_error("website", "must be a domain, with or without a path")
    website = WebsiteRecord(address, world.clock.now())
    caller.account.websites[address] = website
    return website


def unverify_website(caller: Caller, address: str) -> None:
    """Remove a claimed website."""
    if caller.account.websites.pop(address, None) is None:
        raise ApiError(404, 404, "Website not found.")


def verification_code(account: AccountRecord) -> dict[str, str]:
    """What an account puts on a website to prove that it owns it."""
    code = fingerprint("website", account.id) + fingerprint("website", account.username)
    metatag = f'<meta name="p:domain_verify" content="{code}"/>'
    return {
        "verification_code": code,
        "dns_txt_record": f"pinterest-site-verification={code}",
        "metatag": metatag,
        "filename": f"pinterest-{code[:5]}.html",
        "file_content": f"<!DOCTYPE html><html><head>{metatag}</head><body>{code[:5]}</body></html>",
    }
