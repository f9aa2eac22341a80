"""Puts stars in place of secrets.

A service may repeat what it was sent, in any encoding, and a recipe may put a secret into a text that is shown. So
every text is looked through as it would look without punctuation, white space and case, and with its escapes undone:
there, the forms in `encodings` are all that a secret can look like.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pinflow.masking.encodings import compact, forms_of, trace_view, views_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST: Final = 8  # characters; what is shorter stands in many a word, and is soon guessed
SHOWN: Final = "***"
_NEEDLE: Final = 6  # letters and digits that a form has at least; shorter ones are in many texts
_LONGEST_STRIDE: Final = 12  # characters; longer ones save little
_MOST: Final = 4096  # secrets; two for each of the most accounts that a run goes through, and 15 MB
_LONGEST: Final = 1_000_000  # characters; to find out where a longer text has its secret would take 100 MB


class SecretMask:
    """Puts stars where a text has one of its secrets: in clear, backwards, in base64, hex and so on.

    May be used by several threads.
    """

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        self.is_off = False
        self._lock = threading.Lock()
        self._forms: dict[str, tuple[frozenset[str], str]] = {}  # of each secret; what is looked for without its odd
        self._ready: _Forms | None = None  # characters, and what is looked for as it is
        for secret in secrets:
            self.add(secret)

    def add(self, secret: object) -> None:
        """Hide ``secret`` from now on: a text or number of 8 characters or more, or all such inside a list or mapping.

        The oldest is forgotten where there are more than 4,096.
        """
        if isinstance(secret, str) and secret in self._forms:
            return
        for text in _texts(secret):
            if len(text) < SHORTEST or text in self._forms:
                continue
            needles = frozenset(needle for form in forms_of(text) if len(needle := compact(form)) >= _NEEDLE)
            with self._lock:
                self._forms[text] = (needles, "" if compact(text) in needles else text)
                if len(self._forms) > _MOST:
                    del self._forms[next(iter(self._forms))]
                self._ready = None

    def clear(self) -> None:
        """Forget every secret."""
        with self._lock:
            self._forms.clear()
            self._ready = None

    def __call__(self, text: str) -> str:
        """``text`` with stars in place of secrets."""
        if not self._forms or self.is_off or len(text) < (forms := self._prepared()).shortest:
            return text
        spans = [(match.start(), match.end()) for plain in forms.plain for match in re.finditer(re.escape(plain), text)]
        for number, view in enumerate(views_of(text)):
            if forms.found_in(compact(view)):
                if len(text) > _LONGEST:
                    return SHOWN
                # only now, because it takes a hundred times as long to know where each character comes from
                traced = trace_view(text, number)
                places = forms.places(traced.text)
                spans += [(traced.starts[start], traced.ends[end - 1]) for start, end in places] or [(0, len(text))]
        return _starred(text, spans) if spans else text

    def hides(self, text: str) -> bool:
        """Whether ``text`` has a secret."""
        if not self._forms or self.is_off or len(text) < (forms := self._prepared()).shortest:
            return False
        return any(plain in text for plain in forms.plain) or any(
            forms.found_in(compact(view)) for view in views_of(text)
        )

    def data(self, value: Any) -> Any:
        """The same for every text and number inside a value that is like JSON, keys too."""
        if not self._forms or self.is_off:
            return value
        match value:
            case str():
                return self(value)
            case bool() | None | float():
                return value
            case int():
                return SHOWN if value > 10**SHORTEST and self.hides(str(value)) else value
            case dict():
                return {self.data(key): self.data(item) for key, item in value.items()}
            case list():
                return [self.data(item) for item in value]
            case tuple() if type(value) is tuple:
                return tuple(self.data(item) for item in value)
        return value

    def _prepared(self) -> _Forms:
        forms = self._ready
        if forms is None:
            with self._lock:
                needles = frozenset(needle for each, _ in self._forms.values() for needle in each)
                plain = tuple(text for _, text in self._forms.values() if text)
                forms = self._ready = _Forms.prepare(needles, plain)
        return forms


class _Forms(NamedTuple):
    """What is looked for: ``needles`` in compact texts, ``plain`` in any text.

    Of a compact text, only every ``stride``-th part of 6 characters is looked at: ``parts`` has all that can stand
    there if a needle begins at or before it. That takes 10 ns a character, whatever the number of needles.
    """

    needles: frozenset[str]
    plain: tuple[str, ...]
    parts: frozenset[str]
    stride: int
    shortest: int  # characters; ids and words, of which a run keeps many, are shorter than a token

    @classmethod
    def prepare(cls, needles: frozenset[str], plain: tuple[str, ...]) -> _Forms:
        shortest = min(map(len, needles), default=_NEEDLE)
        # more parts for fewer needles: at most 50,000, which are 4 MB
        stride = max(1, min(shortest - _NEEDLE + 1, _LONGEST_STRIDE, 50_000 // (len(needles) + 1)))
        parts = frozenset(needle[at : at + _NEEDLE] for needle in needles for at in range(stride))
        return cls(needles, plain, parts, stride, min([shortest, *map(len, plain)]))

    def found_in(self, text: str) -> bool:
        return any(True for _ in self._candidates(text))

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """From where to where each needle stands."""
        for needle in self._candidates(text):
            at = text.find(needle)
            while at >= 0:
                yield at, at + len(needle)
                at = text.find(needle, at + 1)

    def _candidates(self, text: str) -> Iterator[str]:
        """The needles that are in a text."""
        places = range(0, len(text) - _NEEDLE + 1, self.stride)
        if not self.parts.isdisjoint(text[at : at + _NEEDLE] for at in places):
            yield from (needle for needle in self.needles if needle in text)


def _starred(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    last = 0
    for start, end in sorted(spans):
        if start >= last:
            parts += (text[last:start], SHOWN)
        last = max(last, end)
    return "".join([*parts, text[last:]])


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case int() if not isinstance(value, bool):
            yield str(value)
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
