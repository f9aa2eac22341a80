"""Secrets that this process has in hand, kept out of all that it shows and keeps."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pinflow.masking.secret_mask import SHORTEST, SecretMask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# One for the process, and not one for a run: a secret must not be shown wherever an error, a listener or a report takes
# it, in a run of its own or after its end, and none of these is handed a run's values.
TOKENS: Final = SecretMask()  # what signs; a service has no reason to send it back, so its answers are masked as well
_SECRETS: Final = SecretMask()  # these and secret inputs


def remember_token(*secrets: str | None) -> None:
    """Never show or keep these from now on: tokens, app secrets and the like."""
    for secret in secrets:
        if secret:
            TOKENS.add(secret)
            _SECRETS.add(secret)


def remember_secrets(values: Iterable[object]) -> None:
    """The same for values of secret inputs, which may also be what a service rightly answers."""
    for value in values:
        _SECRETS.add(value)


def mask_answer(body: bytes, value: Any) -> Any:
    """A service's answer (``value`` is what its ``body`` means), with stars in place of tokens."""
    return TOKENS.data(value) if TOKENS.hides_in(body) else value


def harmless_words(error: BaseException) -> str:
    """What a strange exception says, as one line of at most 200 characters without what may be a secret.

    What is quoted goes, long words, and words of letters and digits, from 8 characters on: it may be a secret that
    nothing here knows of.
    """
    try:
        text = mask(" ".join(str(error).split()))
    except Exception:  # the exception's class is somebody's as well
        return ""
    if not isinstance(error, ImportError | NameError | AttributeError):  # these quote names of code
        text = _SUSPICIOUS.sub(lambda match: f"{match[1] or ''}[...]{match[1] or ''}", text)
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 1]}…"


_LONGEST_WORDS: Final = 200  # characters
_SUSPICIOUS: Final = re.compile(
    rf"""(?<![^\W_])(['"`])(?:(?!\1).){{{SHORTEST},}}\1(?![^\W_])"""
    r"|[^\s(),;:'\"]{16,}"  # tokens are longer, and hardly a word of prose is
    rf"|(?=[^\s(),;:]*\d)(?=[^\s(),;:]*[^\W\d_])[^\s(),;:'\"]{{{SHORTEST},}}"
)


@contextmanager
def secrets_shown() -> Iterator[None]:
    """Masks nothing inside the block, for the check of a plugin that it shows none itself."""
    TOKENS.is_off = _SECRETS.is_off = True
    try:
        yield
    finally:
        TOKENS.is_off = _SECRETS.is_off = False


def forget_secrets() -> None:
    """Forget all, for tests."""
    TOKENS.clear()
    _SECRETS.clear()


mask: Final[Callable[[str], str]] = _SECRETS.__call__
mask_data: Final[Callable[[Any], Any]] = _SECRETS.data
hides_secret: Final[Callable[[str], bool]] = _SECRETS.hides
