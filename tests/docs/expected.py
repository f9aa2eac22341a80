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
    "length": rf"\b\d+(?:\.\d+)? ?{_UNIT}\b",
}
_VOLATILE = re.compile(
    "|".join(
        [
            r"(?P<gap>\.\.\.)",
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

    def pattern(self, shown: str) -> tuple[re.Pattern[str], list[str]]:
        """What matches all that this text of a page may stand for, and the new examples among its groups."""
        parts: list[str] = []
        groups: list[str] = []
        end = 0
        shown = shown.strip()
        for part in _VOLATILE.finditer(shown):
            parts.append(re.escape(shown[end : part.start()]))
            end = part.end()
            kind, text = str(part.lastgroup), part[0]
            if kind == "gap":
                parts.append(r"[\s\S]*?")
            elif kind == "space":
                parts.append(r"\s+")
            elif kind in _LOOSE:
                parts.append(_LOOSE[kind])
            elif text in self._actual:
                parts.append(re.escape(self._actual[text]))
            elif text in groups:
                parts.append(f"(?P=g{groups.index(text)})")
            else:
                parts.append(f"(?P<g{len(groups)}>{_KEPT[kind]})")
                groups.append(text)
        parts.append(re.escape(shown[end:]))
        pattern = "".join(parts).replace(r"\s+[\s\S]*?", r"\s*[\s\S]*?").replace(r"[\s\S]*?\s+", r"[\s\S]*?\s*")
        return re.compile(rf"\s*{pattern}\s*"), groups

    def differences(self, shown: str, actual: str) -> str:
        """Nothing if the page shows what was said, else how they differ. Lines may be broken elsewhere."""
        if not _PROGRESS.search(shown):
            actual = _PROGRESS.sub("", actual)
        pattern, groups = self.pattern(shown)
        match = pattern.fullmatch(actual)
        if match is None:
            lines = unified_diff(shown.strip().splitlines(), actual.strip().splitlines(), "shown", "said", lineterm="")
            return "\n".join(lines)
        for number, text in enumerate(groups):
            self.add(text, match[f"g{number}"])
        return ""
