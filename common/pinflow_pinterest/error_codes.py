"""What the codes in the API's error answers mean, for people.

How pinflow tells them apart stands in ``errors.py``; here is what a person can do.

Source: https://github.com/pinterest/api-description (examples of error responses)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED: Final = "the item or the step fails: exit code 1"
_SIGN_IN: Final = "the run pauses, and names the command that signs in again: exit code 4"
_SEEN: Final = "seen in answers; the service's own documentation doesn't list it"
_SCOPES: Final = {"v3": "read_secret_boards and read_secret_pins", "v5": "boards:read_secret and pins:read_secret"}
_LOGIN: Final = {"v3": "pinflow auth login --api v3", "v5": "pinflow auth login"}


def shared_codes(api: str) -> list[ErrorCode]:
    """The codes that every version of the API has, as ``api`` has them."""
    secret, login = _SCOPES[api], _LOGIN[api]
    return [
        ErrorCode(
            api=api,
            code=1,
            statuses=(400,),
            meaning="A parameter of the call is missing or wrong",
            causes=(
                "a value has a form that the service doesn't take: an address, a date, an id, a number that is too big",
                "two values don't go together, such as a start date after the end date",
            ),
            remedies=(
                "the service's own words name the parameter; correct the input or the row of the table",
                "pinflow actions ACTION shows what each argument takes, pinflow operations ID what a call takes",
            ),
            outcome=REFUSED,
        ),
        ErrorCode(
            api=api,
            code=2,
            statuses=(401,),
            meaning="The service doesn't accept the token",
            causes=(
                "it has expired, was revoked, or is cut short or misspelt",
                "it is of the other environment: production and the vendor's sandbox have separate tokens",
                "a variable holds an old token and takes the place of the file with the new one",
            ),
            remedies=(
                "pinflow auth status shows each token, where it is from and when it ends",
                f"sign in again: {login}",
                "look at PINTEREST_API_URI, which chooses the environment",
            ),
            outcome=f"the token is renewed once, if it can be; else {_SIGN_IN}",
        ),
        ErrorCode(
            api=api,
            code=3,
            statuses=(401, 403),
            meaning="The token lacks permissions (scopes), or the app has no access to this feature",
            causes=(
                "the recipe needs a scope that you did not grant; the service names it after 'Missing:'",
                "'restricted feature' means that the vendor opens it to chosen apps only",
            ),
            remedies=(
                f"sign in with what the recipe needs: {login} --recipe RECIPE",
                "for a restricted feature ask the vendor; no token helps",
            ),
            outcome=_SIGN_IN,
        ),
        ErrorCode(
            api=api,
            code=7,
            statuses=(401, 403),
            meaning="The account may not use this board or Pin",
            causes=(
                "it belongs to another account",
                f"it is on a secret board, and the token lacks {secret}",
                "while signing in: the redirect address isn't one of those that are registered for the app",
            ),
            remedies=(
                "use the token of the account that owns it",
                "register http://localhost:8085/ for the app, letter by letter, if it came while signing in",
            ),
            outcome=REFUSED,
        ),
        ErrorCode(
            api=api,
            code=8,
            statuses=(429,),
            meaning="Too many calls: a quota is used up, or one board was changed too often in a short time",
            causes=(
                "other programs use the same app or account",
                "the app has trial access, whose quota is small: 1,000 calls a day",
                "several changes of one board came within a moment",
            ),
            remedies=(
                "pinflow quota shows what is used and left",
                "set PINFLOW_TIER=trial if your app has trial access: runs then keep within it",
                "--patience 2h lets a run wait longer before it pauses",
            ),
            outcome="pinflow waits and tries again; beyond --patience the run pauses: exit code 6",
        ),
        ErrorCode(
            api=api,
            code=9,
            statuses=(429, 403),
            meaning="The service suspects spam and blocks the account's changes for a while",
            causes=("many changes in a short time, or many that are alike",),
            remedies=(
                "wait: it usually ends in less than a day, and trying again after seconds doesn't help",
                "resume the run after that, and more slowly",
                "once the account may write again: pinflow quota --clear-block TOKEN",
            ),
            outcome="the run pauses, and nothing of that account is changed meanwhile: exit code 6",
        ),
        ErrorCode(
            api=api,
            code=29,
            statuses=(403, 401),
            meaning="You are not permitted to use this: it is another account's, or your app may not do it",
            causes=(
                "the board, Pin or ad account belongs to another account",
                f"it is secret, and the token lacks {secret}",
                "the app has trial access, and the call needs standard access: creating Pins, for example",
            ),
            remedies=(
                "pinflow auth status shows whose token it is; use the token of the owner",
                f"for secret boards sign in with {secret}",
                "with trial access: try it with --sandbox, use the vendor's sandbox, or apply for standard access",
            ),
            outcome="an item or step fails: exit code 1; if it is the app's access, the run pauses: exit code 4",
        ),
        ErrorCode(
            api=api,
            code=30,
            statuses=(404,),
            meaning="There is no such user, or it can't be seen with this token",
            causes=("the name is misspelt, or the account was closed or renamed",),
            remedies=("check the name; it is what stands in the address of the profile",),
            outcome=REFUSED,
        ),
        ErrorCode(
            api=api,
            code=40,
            statuses=(404,),
            meaning="There is no such board, or it can't be seen with this token",
            causes=(
                "it was deleted, or the id is misspelt",
                "it belongs to another account",
                f"it is secret, and the token lacks {secret}",
            ),
            remedies=(
                "pinflow run list_boards shows the boards that this token sees, with their ids",
                f"for secret boards sign in with {secret}",
            ),
            outcome=REFUSED,
        ),
        ErrorCode(
            api=api,
            code=50,
            statuses=(404,),
            meaning="There is no such Pin, or it can't be seen with this token",
            causes=(
                "it was deleted, or the id is misspelt",
                f"it is on a secret board, and the token lacks {secret}",
            ),
            remedies=("open the Pin in a browser, signed in to the account that the token is of",),
            outcome=REFUSED,
        ),
        ErrorCode(
            api=api,
            code=58,
            statuses=(400, 409),
            meaning="The account already has a board of this name",
            causes=(
                "the board was made before, by hand or by another run",
                "an archived board keeps its name",
            ),
            remedies=("use another name, or the board that there is",),
            outcome=REFUSED,
            source=_SEEN,
        ),
        ErrorCode(
            api=api,
            code=235,
            statuses=(403, 400),
            meaning="The service refuses the Pin's link or picture",
            causes=(
                "the link leads to a site that the service blocks, or to a short address that hides where it leads",
                "the picture can't be fetched from its address",
            ),
            remedies=(
                "open both addresses in a browser without signing in anywhere; name the site's own address",
                "correct the row of the table, then: pinflow resume",
            ),
            outcome=REFUSED,
            source=_SEEN,
        ),
        ErrorCode(
            api=api,
            code=2031,
            statuses=(404,),
            meaning="There is no such section on this board",
            causes=("it was deleted or merged, or it is on another board",),
            remedies=("list the board's sections: pinflow actions list_sections --snippet is a recipe for that",),
            outcome=REFUSED,
        ),
    ]


def status_codes(api: str, codes: Sequence[int]) -> list[ErrorCode]:
    """The codes of operations that repeat the HTTP status in place of a code of their own."""
    return [
        ErrorCode(
            api=api,
            code=code,
            statuses=(code,),
            meaning=meaning,
            causes=causes,
            remedies=remedies,
            outcome=outcome,
        )
        for code, meaning, causes, remedies, outcome in _STATUSES
        if code in codes
    ]


_STATUSES: Final = (
    (
        400,
        "A parameter of the call is missing or wrong",
        (
            "an id, a date or a choice that this operation doesn't take",
            "a period that is too long or too far back: figures go back 90 days",
        ),
        ("the service's own words name what it is about; pinflow operations ID shows what the call takes",),
        REFUSED,
    ),
    (
        403,
        "The account may not do this with that board, section, Pin or website",
        ("it belongs to another account", "the token's account has no role that allows it"),
        ("use the token of the owner: pinflow auth status shows whose each token is",),
        REFUSED,
    ),
    (
        404,
        "There is no such board, section, Pin, website or export, or it can't be seen with this token",
        ("it was deleted, or the id is misspelt", "it is secret, or another account's"),
        ("check the id, and whose token it is: pinflow auth status",),
        REFUSED,
    ),
    (
        409,
        "Another change of the same board is under way, or the object isn't of the kind that this needs",
        ("two programs, or two runs, add sections to one board at the same time",),
        ("let the other one end, then resume the run", "give the step retry: it then tries again by itself"),
        REFUSED,
    ),
    (
        500,
        "The service failed inside",
        ("a fault of the service; mostly it passes within minutes",),
        ("resume the run a little later", "if it stays, report it to the vendor with the request's id"),
        "a read is sent again; after a change pinflow looks first whether it was made, so that none is made twice",
    ),
)
