"""Telling a page for people, which a proxy or a sign-in sent, from the answer of an API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinflow.http.transport import Answer

_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,60}", re.ASCII)
_PAGES = ("text/html", "application/xhtml+xml")
_BEGINNING = 1_000  # bytes of a body that are looked at
_SIGN_IN_NEEDED = 511  # https://www.rfc-editor.org/rfc/rfc6585#section-6


def web_page_reason(answer: Answer, host: str) -> str:
    """Why an answer that holds no JSON is not the API's: "a page, not the API: ..."; "" where it may be.

    With 429 and 5xx the service's own edge sends pages too: those say what they said before.
    """
    if answer.status == 429 or (answer.status >= 500 and answer.status != _SIGN_IN_NEEDED):
        return ""
    kind = media_type(answer)
    if kind not in _PAGES and not _PAGE.match((answer.body or b"")[:_BEGINNING]):
        return ""
    facts = ", ".join(filter(None, [f"HTTP {answer.status}", kind]))
    return f"a page, not the API: a proxy or sign-in page answered in place of {host} ({facts})"


def media_type(answer: Answer) -> str:
    """The content type of an answer, without its parameters; "" if it has none that is one."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind if _MEDIA_TYPE.fullmatch(kind) else ""


def web_page_hint(variable: str) -> str:
    """What to do about it; ``variable`` names the one that replaces the API's address."""
    return (
        f"sign in to the network or its VPN, check PINFLOW_PROXY and, if it is set, {variable}; "
        "pinflow doesn't try again by itself"
    )
