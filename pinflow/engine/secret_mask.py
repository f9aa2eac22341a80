"""The values of secret inputs, kept out of what people, logs and files are told of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow.errors import PinflowError

SHORTEST: Final = 4  # characters; what is shorter stands in many a word, and is soon guessed
SHOWN: Final = "***"


class SecretMask:
    """Puts stars where a text has one of ``values``, in clear or as a URL has it.

    The second line of defence: a recipe may put a secret into a text that is shown, such as that of
    ``log``, and a service may repeat in an error what it was sent.
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        texts = {str(value) for value in values if isinstance(value, (str, int)) and len(str(value)) >= SHORTEST}
        forms = {form for text in texts for form in (text, quote(text), quote(text, safe=""), quote_plus(text))}
        self._forms = sorted(forms, key=len, reverse=True)  # a longer one may hold a shorter one

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, SHOWN)
        return text

    def facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The same, with stars in every text."""
        if not self._forms:
            return facts
        return {name: self(value) if isinstance(value, str) else value for name, value in facts.items()}

    def error(self, error: PinflowError) -> PinflowError:
        """The same error, with stars in what it says."""
        if self._forms:
            error.message, error.hint = self(error.message), self(error.hint)
            error.args = (error.message,)
        return error
