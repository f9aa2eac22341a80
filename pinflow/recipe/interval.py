"""How often a recipe runs, in words: ``day``, ``2 hours``, ``90 minutes``, ``monday``."""

from __future__ import annotations

import re
from typing import NamedTuple

from pinflow.schema import durations
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest, quote

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}  # units that are a length of time, whatever the clock shows
UNITS = tuple(durations.SECONDS)
MOST = 366 * 86_400  # seconds

_WORDS = {**durations.SPELLINGS, **{day: day for day in WEEKDAYS}}
_EVERY = re.compile(r"\s*(?:([-+]?[\d.]+)\s*)?([A-Za-z]+)\s*")
_ADVICE = "write how often the recipe runs, such as 30 minutes or day"


class Often(NamedTuple):
    """An amount of a unit, or a day of the week (``amount`` is 1)."""

    amount: int
    unit: str  # one of UNITS or WEEKDAYS


def parse_every(text: str) -> Often:
    """The meaning of ``every``; 1.5 hours are 90 minutes. Raises Invalid."""
    if re.fullmatch(r"[-+\d.\s]+", text):
        _amount(text.strip())
        raise Invalid("needs a unit", f"write it like {text.strip()} minutes or {text.strip()} hours")
    match = _EVERY.fullmatch(text)
    if not match:
        raise Invalid(f"is not how often a recipe can run: {quote(text)}", _meant(text) or _ADVICE)
    word = match[2].lower()
    if word not in _WORDS:
        likely = nearest(word, _WORDS)
        hint = (
            f"did you mean {likely}?" if likely else "the units are seconds, minutes, hours, days, weeks and weekdays"
        )
        raise Invalid(f"has no unit {quote(match[2])}", ("" if match[1] else _meant(word)) or hint)
    unit, count = _WORDS[word], match[1]
    if unit in WEEKDAYS:
        if count is not None:
            raise Invalid("can't count weekdays", f"write every: {unit}, or every: {count} weeks")
        return Often(1, unit)
    return _whole(_amount(count or "1"), unit)


def _meant(text: str) -> str:
    from pinflow.recipe.schedule_words import every_hint  # only a mistake pays for this import

    return every_hint(text)


def _amount(text: str) -> float:
    if text.startswith("-"):
        raise Invalid("can't be negative", _ADVICE)
    try:
        amount = float(text)
    except ValueError:
        raise Invalid(f"has no number: {quote(text)}", _ADVICE) from None
    if not amount:
        raise Invalid("can't be zero", _ADVICE)
    return amount


def _whole(amount: float, unit: str) -> Often:
    while not amount.is_integer() and unit in ("hours", "minutes"):
        amount, unit = amount * 60, "minutes" if unit == "hours" else "seconds"
    if not amount.is_integer():
        raise Invalid(f"must be a whole number of {unit}", "write it in a smaller unit")
    if amount * durations.SECONDS[unit] > MOST:
        raise Invalid("can't be more than a year", _ADVICE)
    return Often(int(amount), unit)
