"""What is said when an expression is wrong."""

from __future__ import annotations


class ExpressionError(Exception):
    """An expression that can't be read, or can't be evaluated over the data it was given.

    ``offset`` counts characters from the start of the text that was handed in, from 0.
    ``hint`` says what to do, where that is known.
    """

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message, offset, hint)
        self.message = message
        self.offset = offset
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def shifted(self, by: int) -> ExpressionError:
        """The same mistake, seen from a text in which the expression starts at ``by``."""
        return ExpressionError(self.message, self.offset + by, self.hint)


class Refused(Exception):
    """A value that an operator or a function doesn't take; whoever knows the place makes an ExpressionError of it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def at(self, offset: int) -> ExpressionError:
        """This refusal with its place."""
        return ExpressionError(self.message, offset, self.hint)
