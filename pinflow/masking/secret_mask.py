"""Puts stars in place of secrets.

A service may repeat what it was sent, in any encoding, and a recipe may put a secret into a text that is shown. So
every text is looked through as it would look without punctuation, white space and case, and with its escapes undone:
there, the forms in `encodings` are all that a secret can look like.
"""

from __future__ import annotations

import re
import sys
import threading
from typing import TYPE_CHECKING, Any, AnyStr, Final, NamedTuple

from pinflow.masking.encodings import compact, compact_ascii, forms_of, is_plain, trace_view, views_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

SHORTEST: Final = 8  # characters; what is shorter stands in many a word, and is soon guessed
SHOWN: Final = "***"
_NEEDLE: Final = 6  # letters and digits that a form has at least; shorter ones are in many texts
_WIDE: Final = 8  # bytes of a part of a long needle: ids have hardly ever one of them by chance
_LONG: Final = 15  # characters of a long needle: wherever it begins, it has 8 bytes that begin at a multiple of 8
_MOST_PARTS: Final = 50_000
_MOST: Final = 4096  # secrets; two for each of the most accounts that a run goes through, and 55 MB
_LONGEST: Final = 1_000_000  # characters; to find out where a longer text has its secret would take 100 MB
_ROUNDS: Final = 5  # of looking for secrets that are in several values together


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
        spans = _spans(forms, text)
        return _starred(text, spans) if spans else text

    def hides(self, text: str) -> bool:
        """Whether ``text`` has a secret."""
        if not self._forms or self.is_off or len(text) < (forms := self._prepared()).shortest:
            return False
        return any(plain in text for plain in forms.plain) or any(
            forms.found_in(_content(compact(view.text))) for view in views_of(text)
        )

    def hides_in(self, content: bytes) -> bool:
        """The same of a text in UTF-8."""
        if not self._forms or self.is_off:
            return False
        forms = self._prepared()
        if not forms.plain and is_plain(content):  # as nearly all answers are: a third of the time of the other way
            return forms.found_in(compact_ascii(content))
        return self.hides(content.decode(errors="replace"))

    def data(self, value: Any) -> Any:
        """The same for every text and number inside a value that is like JSON, keys too.

        A number whose digits hold a secret is the text ``***`` then, as is each of those that are one only together,
        such as the characters in a list.
        """
        if not self._forms or self.is_off:
            return value
        if value is None or isinstance(value, str | int):  # as most facts of events are
            return self._leaf(value)
        leaves = list(_leaves(value))
        if not self.hides(_joined(leaves)):
            return value
        leaves = [self._leaf(leaf) for leaf in leaves]
        for _ in range(_ROUNDS):  # what is then beside each other may be one again
            if not self.hides(text := _joined(leaves)):
                break
            leaves = _starred_leaves(leaves, _spans(self._prepared(), text))
        else:
            leaves = [SHOWN] * len(leaves)
        return _rebuilt(value, iter(leaves))

    def _leaf(self, leaf: Any) -> Any:
        if isinstance(leaf, str):
            return self(leaf)
        return SHOWN if self.hides(_leaf_text(leaf)) else leaf

    def _prepared(self) -> _Forms:
        forms = self._ready
        if forms is None:
            with self._lock:
                needles = frozenset(needle for each, _ in self._forms.values() for needle in each)
                plain = tuple(text for _, text in self._forms.values() if text)
                forms = self._ready = _Forms.prepare(needles, plain)
        return forms


class _LongNeedles(NamedTuple):
    """Needles of 15 bytes or more, looked for 8 bytes at a time, as numbers: 3 to 5 ns a byte, whatever their number.

    ``parts`` has the 8 bytes at each of the first ``shifts`` places of a needle, with that needle and the place.
    Somewhere among them a text has 8 bytes that begin at a multiple of ``shifts``.
    """

    parts: Mapping[int, tuple[tuple[str, bytes, int], ...]]
    shifts: int

    @classmethod
    def prepare(cls, needles: Collection[str]) -> _LongNeedles:
        contents = {needle: _content(needle) for needle in sorted(needles)}
        room = min(map(len, contents.values()), default=0) - _WIDE + 1
        # fewer parts for more needles: at most 50,000, which are 8 MB
        most = min(room, _MOST_PARTS // (len(needles) + 1))
        shifts = next((shifts for shifts in (16, 8, 4, 2) if shifts <= most), 1)
        parts: dict[int, tuple[tuple[str, bytes, int], ...]] = {}
        for needle, data in contents.items():
            for at in range(shifts):
                part = int.from_bytes(data[at : at + _WIDE], sys.byteorder)
                parts[part] = (*parts.get(part, ()), (needle, data, at))
        return cls(parts, shifts)

    def candidates(self, data: bytes) -> Iterator[str]:
        """The needles that are in a compact text."""
        for first in range(0, _WIDE, self.shifts):
            words = memoryview(data)[first : len(data) - (len(data) - first) % _WIDE].cast("Q")
            if self.shifts > _WIDE:
                words = words[:: self.shifts // _WIDE]
            for word in set(filter(self.parts.__contains__, words)):
                places = list(_places_of(word.to_bytes(_WIDE, sys.byteorder), data))
                for needle, content, begin in self.parts[word]:
                    if any(at >= begin and data.startswith(content, at - begin) for at in places):
                        yield needle


class _ShortNeedles(NamedTuple):
    """Shorter needles: of a text, every ``stride``-th part of 6 bytes is looked at, which takes 10 ns a byte.

    ``parts`` has all that can stand there if a needle begins at or before it, with that needle and where in it the
    part is.
    """

    parts: Mapping[bytes, tuple[tuple[str, bytes, int], ...]]
    stride: int

    @classmethod
    def prepare(cls, needles: Collection[str]) -> _ShortNeedles:
        contents = {needle: _content(needle) for needle in sorted(needles)}
        room = (len(content) - _NEEDLE + 1 for content in contents.values())
        stride = max(1, min([_MOST_PARTS // (len(needles) + 1), *room]))
        parts: dict[bytes, tuple[tuple[str, bytes, int], ...]] = {}
        for needle, data in contents.items():
            for at in range(stride):
                part = data[at : at + _NEEDLE]
                parts[part] = (*parts.get(part, ()), (needle, data, at))
        return cls(parts, stride)

    def candidates(self, data: bytes) -> Iterator[str]:
        """The needles that are in a compact text."""
        places = range(0, len(data) - _NEEDLE + 1, self.stride)
        if self.parts.keys().isdisjoint(data[at : at + _NEEDLE] for at in places):
            return
        # of thousands of needles some part is in many a text by chance, so it is seen whether all of one is there
        for at in places:
            for needle, content, begin in self.parts.get(data[at : at + _NEEDLE], ()):
                if at >= begin and data.startswith(content, at - begin):
                    yield needle


class _Forms(NamedTuple):
    """What is looked for: ``long`` and ``short`` needles in compact texts, ``plain`` in any text."""

    plain: tuple[str, ...]
    long: _LongNeedles
    short: _ShortNeedles
    shortest: int  # characters; ids and words, of which a run keeps many, are shorter than a token

    @classmethod
    def prepare(cls, needles: frozenset[str], plain: tuple[str, ...]) -> _Forms:
        long = {needle for needle in needles if len(needle) >= _LONG}
        shortest = min(map(len, needles), default=_NEEDLE)
        return cls(
            plain,
            _LongNeedles.prepare(long),
            _ShortNeedles.prepare(needles - long),
            min([shortest, *map(len, plain)]),
        )

    def found_in(self, data: bytes) -> bool:
        return next(self._candidates(data), None) is not None

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """From where to where each needle stands."""
        for needle in set(self._candidates(_content(text))):
            yield from ((at, at + len(needle)) for at in _places_of(needle, text))

    def _candidates(self, data: bytes) -> Iterator[str]:
        """The needles that are in a compact text, some more than once."""
        if self.long.parts:
            yield from self.long.candidates(data)
        if self.short.parts:
            yield from self.short.candidates(data)


def _content(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _places_of(part: AnyStr, whole: AnyStr) -> Iterator[int]:
    at = whole.find(part)
    while at >= 0:
        yield at
        at = whole.find(part, at + 1)


def _spans(forms: _Forms, text: str) -> list[tuple[int, int]]:
    """From where to where a text has secrets."""
    spans = [(match.start(), match.end()) for plain in forms.plain for match in re.finditer(re.escape(plain), text)]
    for view in views_of(text):
        if forms.found_in(_content(compact(view.text))):
            if len(text) > _LONGEST:
                return [(0, len(text))]
            # only now, because it takes a hundred times as long to know where each character comes from
            traced = trace_view(text, view.steps)
            places = forms.places(traced.text)
            spans += [(traced.starts[start], traced.ends[end - 1]) for start, end in places] or [(0, len(text))]
    return spans


def _starred(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    last = 0
    for start, end in sorted(spans):
        if start >= last:
            parts += (text[last:start], SHOWN)
        last = max(last, end)
    return "".join([*parts, text[last:]])


def _leaves(value: Any) -> Iterator[Any]:
    """The texts, numbers and so on inside a value, in the order in which JSON has them."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _leaves(key)
                yield from _leaves(item)
        case list() | tuple():
            for item in value:
                yield from _leaves(item)
        case _:
            yield value


def _leaf_text(leaf: Any) -> str:
    if isinstance(leaf, bool) or leaf is None:
        return str(leaf)
    return repr(leaf) if isinstance(leaf, int | float) else leaf if isinstance(leaf, str) else ""


def _joined(leaves: list[Any]) -> str:
    return "\n".join(map(_leaf_text, leaves))


def _starred_leaves(leaves: list[Any], spans: list[tuple[int, int]]) -> list[Any]:
    """The leaves of a joined text with stars in place of those that have a part in its spans."""
    starred = []
    at = 0
    ordered = sorted(spans, reverse=True)
    reached = 0  # the end of what began before
    for leaf in leaves:
        end = at + len(_leaf_text(leaf))
        while ordered and ordered[-1][0] < end:
            reached = max(reached, ordered.pop()[1])
        starred.append(SHOWN if reached > at and end > at else leaf)
        at = end + 1
    return starred


def _rebuilt(value: Any, leaves: Iterator[Any]) -> Any:
    """The value with other leaves."""
    match value:
        case dict():
            return {_rebuilt(key, leaves): _rebuilt(item, leaves) for key, item in value.items()}
        case list():
            return [_rebuilt(item, leaves) for item in value]
        case tuple() if type(value) is tuple:
            return tuple(_rebuilt(item, leaves) for item in value)
        case tuple():  # one of a class of its own
            for _ in _leaves(value):
                next(leaves)
            return value
    return next(leaves)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case int() | float() if not isinstance(value, bool):
            yield repr(value)
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
