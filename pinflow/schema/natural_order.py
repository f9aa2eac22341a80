"""The order in which people look for names: client2 stands before client10."""

from __future__ import annotations

import re


def natural_key(name: str) -> tuple[tuple[str, int, str], ...]:
    """A key that sorts names by their words and by the numbers in them: client2, client10, client100."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", name)
    # compared by length first, since numbers of thousands of digits take long to read
    return tuple((text.casefold(), len(digits.lstrip("0")), digits.lstrip("0")) for text, digits in parts)
