"""What tells the items of a loop apart, now and after a resume, and what of an item its steps use.

An item is called by the key that the recipe declares, else by the name of the token that
it stands for, else by the id that a service gave it, else by what the loop's steps use
of it: text and numbers by themselves, anything else by a digest. So an edited cell that no
step uses changes nothing. Equal items without an id are items of their own: the second of
them is called ``KEY#2``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pinflow.plan import Loop

_KEY_BYTES = 8  # of a digest: two of 100,000 rows share one in 1 of 4,000 million tables
_ARGUMENTS_BYTES = 16
_PART_BYTES = 4  # of the digest of one field, which is compared with that of the same row alone
# made once: with other settings than the usual ones, json.dumps makes an encoder for every call
_JSON = json.JSONEncoder(sort_keys=True, default=str, separators=(",", ":"))


def digest(secret: bytes, value: object, size: int = _KEY_BYTES) -> str:
    """A keyed digest of plain data, in hexadecimal digits: without the secret, short texts can't be guessed from it."""
    # a text that stands by itself is spared the JSON, and can't be taken for any: that never begins with a tab
    text = f"\t{value}" if type(value) is str else _JSON.encode(value)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=size, key=secret[:64]).hexdigest()


def arguments_digest(secret: bytes, arguments: Mapping[str, Any]) -> str:
    """A keyed digest of what a step gives its action, 32 hexadecimal digits.

    A thing that a service listed counts by its id and its texts: its numbers and times change by themselves.
    """
    return digest(secret, _lasting(arguments), _ARGUMENTS_BYTES)


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        if isinstance(value.get("id"), str):
            return {name: part for name, part in value.items() if isinstance(part, str)}
        return {name: _lasting(part) for name, part in value.items()}
    return [_lasting(part) for part in value] if isinstance(value, (list, tuple)) else value


class ItemKeys:
    """The keys of one loop's items, taken in the order of its source. For one thread."""

    def __init__(self, loop: Loop, secret: bytes, declared: Callable[[Any], str], *, rules: int) -> None:
        """``declared`` gives the key of an item where the recipe has one; ``rules`` are those that the run began by."""
        self._loop = loop
        self._secret = secret
        self._declared = declared
        self._rules = rules
        self._seen: set[int] = set()  # hashes of keys
        self._times: dict[str, int] = {}  # how often each key came that came more than once

    def take(self, item: Any) -> tuple[str, str]:
        """The next item's key, and the key of the item before it that it is equal to: "" where there is none.

        Both are the same where the recipe gives two items one key.
        """
        first, by_content = self._base(item)
        if not by_content:
            return first, first if self._is_repeated(first) else ""
        key, time = first, self._times.get(first, 1)
        while hash(key) in self._seen:
            time += 1
            key = f"{first}#{time}"
        self._seen.add(hash(key))
        if time == 1:
            return key, ""
        self._times[first] = time
        return key, first

    def _is_repeated(self, key: str) -> bool:
        """Whether a key of the recipe's own came before. What a service lists may come twice, and is the same thing."""
        if self._loop.key is None or self._loop.is_listing or self._rules == 1:
            return False
        number = len(self._seen)
        self._seen.add(hash(key))
        return len(self._seen) == number

    def _base(self, item: Any) -> tuple[str, bool]:
        """An item's key, and whether it is made of what the item holds: of such, equal ones may be many."""
        loop = self._loop
        if loop.key is not None:
            return self._declared(item), False
        if self._rules == 1:
            return _key_of_old(item), False
        if loop.account is not None and (token := loop.token_in(item)):
            return token, False
        if loop.is_listing and isinstance(item, Mapping) and isinstance(item.get("id"), (str, int)):
            return str(item["id"]), False
        if isinstance(item, (str, int)):
            return str(item), True
        return digest(self._secret, "".join(sorted(self._texts(item))) if isinstance(item, Mapping) else item), True

    def content(self, item: Any) -> str:
        """Short digests of all that the steps use of an item, for `similarity`."""
        texts = self._texts(item) if isinstance(item, Mapping) else [_JSON.encode(item)]
        return "".join(sorted([digest(self._secret, text, _PART_BYTES) for text in texts]))

    def _texts(self, item: Mapping[str, Any]) -> list[str]:
        """The fields that the steps use, a text each, which say how long they are, so that two rows never join to one.

        What is empty is like what is not there: a new column changes nothing.
        """
        texts = []
        for name in item if self._loop.fields is None else self._loop.fields:
            if (value := item.get(name)) is not None:
                text = value if type(value) is str else _JSON.encode([value])
                texts.append(f"{name}\t{len(text)}\t{text}")
        return texts


def noun_of(item: Any, variable: str) -> str:
    """What people call an item: "row" if it is a table's, else as the recipe does."""
    return "row" if isinstance(getattr(item, "number", None), int) else variable


def number_of(item: Any, number: int) -> int:
    """The row that a spreadsheet shows for a row of a table; for anything else ``number``, its place in the loop."""
    row = getattr(item, "number", None) if isinstance(item, Mapping) else None
    return row if isinstance(row, int) else number


def similarity(one: str, other: str, weights: Mapping[str, float]) -> float:
    """How much of what `ItemKeys.content` gave for two items is the same, from 0 to 1.

    ``weights`` say how much a part counts, 1 unless given.
    """

    def weight(parts: Iterable[str]) -> float:
        return sum(weights.get(part, 1.0) for part in parts)

    first, second = parts_of(one), parts_of(other)
    return weight(first & second) / (max(weight(first), weight(second)) or 1.0)


def parts_of(content: str) -> set[str]:
    """The digests that `ItemKeys.content` joined."""
    size = 2 * _PART_BYTES
    return {content[start : start + size] for start in range(0, len(content), size)}


def _key_of_old(item: Any) -> str:
    """An item's key in the runs of the version before, which are resumed by it."""
    if isinstance(item, Mapping):
        for name in ("id", "name"):
            if isinstance(item.get(name), (str, int)):
                return str(item[name])
    if isinstance(item, (str, int)):
        return str(item)
    return hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()[:16]
