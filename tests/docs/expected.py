"""Compares what a page shows with what the program said, where ids, times and addresses differ each time.

In a page, ``...`` stands for anything. Run ids, ids of the service, tokens and addresses on this machine are examples:
what stands for them is remembered, so that a later command of the page may use what an earlier one showed.
"""

from __future__ import annotations

import re
from difflib import unified_diff

_UNIT = r"(?:ms|s|seconds?|min|minutes?|h|hours?|d|days?)"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_KEPT = {  # what a page shows once and may use again
    "run": r"\b\d{8}-\d{6}-[0-9a-f]{6}\b",
    "token": r"\bpin[arc]_sandbox_[0-9a-f]+",
    "address": r"\b(?:127\.0\.0\.1|localhost):\d+",
    "id": r"\b\d{15,}\b",
}
_LOOSE = {  # what is another each time
    "moment": r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?",
    "clock": r"\b\d\d:\d\d(?::\d\d)?\b",
    "weekday": rf"\b{_DAY}\b",
    "day": rf"\b\d{{1,2}} {_MONTH}\b",
    "length": rf"\b(?:\d+(?:\.\d+)? ?{_UNIT}|less than a second)\b",  # a slow machine makes some of the other
}
_VOLATILE = re.compile(
    "|".join(
        [
            r"(?P<space>\s+)",
            *(f"(?P<{name}>{form})" for name, form in {**_KEPT, **_LOOSE}.items()),
        ]
    )
)
_PROGRESS = re.compile(r"^\d\d:\d\d:\d\d .*\n?", re.MULTILINE)  # on a real terminal the live view takes its lines away


class Names:
    """What stands for the examples of a page: run ids, ids, tokens and addresses."""

    def __init__(self) -> None:
        self._actual: dict[str, str] = {}

    def add(self, shown: str, actual: str) -> None:
        self._actual[shown] = actual

    def fill(self, text: str) -> str:
        """A text of the page with what really stands for its examples."""
        for shown, actual in sorted(self._actual.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(shown, actual)
        return text

    def differences(self, shown: str, actual: str) -> str:
        """Nothing if the page shows what was said, else how they differ. Lines may be broken elsewhere."""
        if not _PROGRESS.search(shown):
            actual = _PROGRESS.sub("", actual)
        if self.begins(shown, actual, to_the_end=True):
            return ""
        lines = unified_diff(shown.strip().splitlines(), actual.strip().splitlines(), "shown", "said", lineterm="")
        return "\n".join(lines)

    def begins(self, shown: str, actual: str, *, to_the_end: bool = False) -> bool:
        """Whether what was said begins with what the page shows. The examples in it are known from then on.

        What stands between two gaps is looked for from left to right, and the first place counts: one pattern of all
        would try every combination of places.
        """
        pieces = re.split(r"\s*\.\.\.\s*", shown.strip())
        actual, position = actual.strip(), 0
        new: dict[str, str] = {}
        for number, piece in enumerate(pieces):
            pattern, groups = self._pattern(piece, new, at_end=to_the_end and number == len(pieces) - 1)
            find = pattern.match if number == 0 else pattern.search
            match = find(actual, position)
            if match is None:
                return False
            position = match.end()
            new |= {text: match[f"g{index}"] for index, text in enumerate(groups)}
        self._actual |= new
        return True

    def _pattern(self, piece: str, new: dict[str, str], *, at_end: bool) -> tuple[re.Pattern[str], list[str]]:
        """What matches a text without a gap, and the examples among its groups that were not known yet."""
        known = self._actual | new
        parts: list[str] = []
        groups: list[str] = []
        end = 0
        for part in _VOLATILE.finditer(piece):
            parts.append(re.escape(piece[end : part.start()]))
            end = part.end()
            kind, text = str(part.lastgroup), part[0]
            if kind == "space":
                parts.append(r"\s+")
            elif kind in _LOOSE:
                parts.append(_LOOSE[kind])
            elif text in known:
                parts.append(re.escape(known[text]))
            elif text in groups:
                parts.append(f"(?P=g{groups.index(text)})")
            else:
                parts.append(f"(?P<g{len(groups)}>{_KEPT[kind]})")
                groups.append(text)
        parts.append(re.escape(piece[end:]) + (r"\s*\Z" if at_end else ""))
        return re.compile("".join(parts)), groups
