"""A mistake in a value, in the words that every place uses: recipe keys, inputs, arguments, table rows, options."""

from __future__ import annotations

from dataclasses import dataclass

Location = tuple[str | int, ...]


@dataclass(eq=False)
class Invalid(ValueError):
    """A value that can't be used.

    ``message`` goes on from the value's name ("must be a list, not text"), ``hint`` says what to do.
    ``location`` leads from the value that was checked to the part of it that is wrong, and ``offset`` counts
    characters from the start of a text there. ``quote``: quotes around the value would make it right.
    """

    message: str
    hint: str = ""
    location: Location = ()
    offset: int | None = None
    quote: bool = False

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message
