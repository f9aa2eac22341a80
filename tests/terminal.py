"""What acts on a terminal: whatever a test prints is searched for it, so that no data of strangers gets through.

Only what pinflow itself sends may act: colours, and the few motions of the live view.
"""

from __future__ import annotations

import re

_OWN = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|\x1b\[\?25[lh]"  # the cursor hides, and comes back
    r"|\r?\x1b\[2K|\x1b\[1A|\x1b\[0?K|\r(?=\n|$)"  # the live view draws itself again; lines of Windows
)
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for the tab and the end of a line
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the reading direction round
    "\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff]"  # ends of lines, and what is no text
)


def acting(text: str) -> list[str]:
    """Every line of ``text`` in which something acts on a terminal, as Python would write it."""
    if _ACTING.search(text) is None:
        return []
    left = _OWN.sub("", text)
    return [repr(line)[:120] for line in left.split("\n") if _ACTING.search(line)]
