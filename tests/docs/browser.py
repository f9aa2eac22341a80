"""A browser whose person agrees: opens the page that it is given, presses "approve" and goes where that leads.

``python browser.py FILE_OR_ADDRESS`` is what BROWSER names while examples run.
"""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests


def approve(address: str, account: str = "garden_studio") -> str:
    """Agree on the consent page of a sandbox. Returns the address that the browser goes to."""
    page = requests.get(address, timeout=30)
    nonce = re.search(r'name="consent" value="([^"]+)"', page.text)
    if nonce is None:
        raise ValueError(f"{address} isn't a consent page")
    form = {"consent": nonce[1], "account": account, "decision": "approve"}
    answer = requests.post(address.partition("?")[0], data=form, allow_redirects=False, timeout=30)
    return answer.headers["Location"]


def main(given: str) -> None:
    parts = urlsplit(given)
    if parts.scheme == "file":
        page = Path(url2pathname(parts.path)).read_text("utf-8")
        given = unescape(re.findall(r'<a href="([^"]+)"', page)[0])
    requests.get(approve(given), allow_redirects=False, timeout=30)


if __name__ == "__main__":
    main(sys.argv[1])
