"""The error codes of API v5: the shared ones, and those of ads, catalogs, conversions and leads.

Source: https://github.com/pinterest/api-description (v5/openapi.json, error examples)
"""

from __future__ import annotations

from typing import Final

from pinflow import ErrorCode
from pinflow_pinterest.error_codes import REFUSED, shared_codes, status_codes

_CATALOG = "pinflow operations catalogs lists the operations that read and make catalogs, feeds and product groups"
_HUB = "look at the account's business hub, which says what is missing: https://www.pinterest.com/business/hub/"
_LIST_FIRST = "list what there is first, and use an id of that list"

# code, statuses, meaning, why, what to do
_OTHERS: Final[tuple[tuple[int, tuple[int, ...], str, str, str], ...]] = (
    (
        5,
        (405,),
        "This address doesn't take this method",
        "a call was written with GET where the service wants POST, or the other way round",
        "pinflow operations ID shows the method",
    ),
    (
        15,
        (400,),
        "The offer code can't be redeemed",
        "it was used before, has ended, or is of another country",
        "try it in the ads manager, which says more",
    ),
    (
        654,
        (403,),
        "Only a business account can be a merchant",
        "the token's account is a personal one",
        "turn it into a business account, or use the token of one",
    ),
    (
        678,
        (404,),
        "There is no such catalog, or the account has no access to it",
        "the id is misspelt, or it is another account's",
        _CATALOG,
    ),
    (
        1104,
        (400,),
        "The report's token isn't valid or has expired",
        "the report was asked for too long ago",
        "ask for the report again, and fetch it soon",
    ),
    (
        2625,
        (403,),
        "The account was disapproved as a merchant",
        "the service's review of the account ended with a no",
        _HUB,
    ),
    (2626, (403,), "The account is still under review as a merchant", "the review hasn't ended", _HUB),
    (4161, (404,), "There is no such feed", "the id is misspelt, or the feed was deleted", _LIST_FIRST),
    (
        4162,
        (409,),
        "A product group of this feed has active promotions",
        "a feed can't be deleted while ads use it",
        "end or pause these promotions first",
    ),
    (4168, (409,), "The account has no website", "a feed needs one", "add the website in the account's settings"),
    (
        4169,
        (409,),
        "The account's website isn't verified",
        "a feed needs a claimed website",
        "claim it: pinflow operations website lists what helps",
    ),
    (
        4170,
        (422,),
        "The account already has a feed of this name",
        "it was made before, by hand or by another run",
        "choose another name, or use the feed that there is",
    ),
    (
        4176,
        (409,),
        "The product group has active promotions",
        "it can't be deleted while ads use it",
        "end or pause these promotions first",
    ),
    (
        4177,
        (409,),
        "The service made this product group itself, and nobody else can change it",
        "it is one of the groups that every feed gets",
        "make a group of your own",
    ),
    (
        4178,
        (409,),
        "The feed already has a product group with these filters",
        "it was made before",
        "use the group that there is, or other filters",
    ),
    (
        4179,
        (409,),
        "The feed already has a product group of this name",
        "it was made before",
        "choose another name, or use the group that there is",
    ),
    (
        4180,
        (404,),
        "There is no such product group or integration",
        "the id is misspelt, or it was deleted",
        _LIST_FIRST,
    ),
    (
        4181,
        (501,),
        "The service doesn't offer this yet",
        "the combination of settings isn't built on its side",
        "the operation's own description says what it takes: pinflow operations ID",
    ),
    (
        4182,
        (409,),
        "The account has no catalog yet, or may not read this integration",
        "this works only once there is a catalog",
        _CATALOG,
    ),
    (
        4183,
        (409,),
        "The filters of the product group aren't valid",
        "a filter is missing, empty or doesn't go with another",
        "pinflow operations ID shows which filters there are",
    ),
    (4184, (404,), "There is no such processing result", "the id is misspelt, or too old", _LIST_FIRST),
    (
        4196,
        (400,),
        "The conversion events aren't valid",
        "a required field of an event is missing or has the wrong form",
        "pinflow operations events/create shows the fields",
    ),
    (
        4197,
        (503,),
        "The service has closed this operation for now",
        "it was ramped down on their side",
        "resume the run later; if it stays, ask the vendor",
    ),
    (
        4331,
        (404,),
        "There is no such batch",
        "the id is misspelt, or too old",
        "use the id that its start gave",
    ),
    (4517, (404,), "There is no such integration", "the id is misspelt, or it was removed", _LIST_FIRST),
    (4842, (404,), "There is no such lead form or lead", "the id is misspelt, or it was deleted", _LIST_FIRST),
    (4997, (404,), "There is no such promotion", "the id is misspelt, or it was deleted", _LIST_FIRST),
    (
        6126,
        (400,),
        "A parameter of the notification is wrong",
        "a field is missing or has the wrong form",
        "pinflow operations notification/post shows the fields",
    ),
    (
        6136,
        (400,),
        "The product group needs a country and a locale",
        "they are required for this kind of catalog",
        "give both",
    ),
    (
        6137,
        (400,),
        "An international product group has neither country nor locale",
        "one of them was given",
        "leave both out",
    ),
)


def error_codes() -> list[ErrorCode]:
    """Every code that the service's description or this project's own experience names."""
    others = [
        ErrorCode(
            api="v5",
            code=code,
            statuses=statuses,
            meaning=meaning,
            causes=(cause,),
            remedies=(remedy,),
            outcome=REFUSED,
        )
        for code, statuses, meaning, cause, remedy in _OTHERS
    ]
    codes = [*shared_codes("v5"), *status_codes("v5", (400, 403, 404, 409, 500)), *others]
    return sorted(codes, key=lambda code: int(code.code))
