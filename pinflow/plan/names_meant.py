"""Which argument or action a person meant by a name that there isn't, where spelling alone doesn't tell.

Only imported after a mistake.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pinflow.schema.invalid import join_words
from pinflow.suggestions import nearest, suggest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_MOST = 3  # names that are offered
_MISSPELT = 0.85  # of letters in common: one wrong letter in a word of seven
_HALF = 0.5  # of their words in common: image and image_url
_THIRD = 1 / 3  # image_path and image_url

_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("desc", "caption", "note", "body", "summary"), ("description", "text")),
    **dict.fromkeys(("headline", "heading", "name"), ("title",)),
    "title": ("name",),
    **dict.fromkeys(("message", "msg", "line", "output"), ("text",)),
    **dict.fromkeys(("picture", "photo", "img", "media", "media_source"), ("image_url", "image_file", "image")),
    **dict.fromkeys(("href", "destination", "website", "target_url"), ("link",)),
    **dict.fromkeys(("path", "filename", "csv", "input_file"), ("file",)),
    **dict.fromkeys(("max", "first", "count", "page_size", "per_page", "top"), ("limit",)),
    **dict.fromkeys(("start", "from", "since"), ("start_date",)),
    **dict.fromkeys(("end", "to", "until"), ("end_date",)),
}
_VERBS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("add", "post", "publish", "make", "new", "upload", "insert", "put", "build"), ("create", "upload")
    ),
    **dict.fromkeys(("remove", "destroy", "del", "rm", "erase", "drop"), ("delete",)),
    **dict.fromkeys(("edit", "change", "modify", "patch", "set", "rename"), ("update",)),
    **dict.fromkeys(("fetch", "show", "find", "describe", "load", "retrieve", "view"), ("get", "list")),
    **dict.fromkeys(("get", "all", "iterate", "search", "read", "each"), ("list", "get")),
    **dict.fromkeys(("repin", "pin", "share"), ("save",)),
    **dict.fromkeys(("duplicate", "clone", "sync"), ("copy", "mirror")),
}
_ACTIONS: Final[Mapping[str, str]] = dict.fromkeys(("print", "echo", "debug", "say", "puts", "message", "write"), "log")
_PROGRAMS: Final = frozenset(
    ("shell", "command", "cmd", "run", "script", "exec", "bash", "python", "http_request", "curl")
)
_KEYS: Final = frozenset(("for_each", "if", "include", "do", "retry"))
_PAUSES: Final = frozenset(("sleep", "wait", "pause", "delay"))


def arguments_meant(
    name: str, known: Sequence[str], given: Collection[str] = (), missing: Collection[str] = ()
) -> list[str]:
    """The arguments that were probably meant by ``name``, the best first, at most three.

    ``given`` are those that have a value already, ``missing`` those that must have one and don't.
    """
    free = [other for other in known if other not in given]
    if meant := [other for other in _ARGUMENTS.get(name, ()) if other in free]:
        return meant[:_MOST]
    shares = {other: _shared_words(name, other) for other in free}
    best = max(shares.values(), default=0)
    strong = nearest(name, free, least=_MISSPELT)
    if strong and best < _HALF:
        return [strong]
    if best >= _THIRD:
        return [other for other, share in shares.items() if share == best][:_MOST]
    if near := nearest(name, free) or nearest(name, known, least=_MISSPELT):
        return [near]
    return list(missing) if len(missing) == 1 else []


def argument_hint(meant: Sequence[str], known: Iterable[str], otherwise: str) -> str:
    """What to do about an unknown argument: those that were probably meant, or all that there are."""
    if meant:
        return f"did you mean {join_words([repr(name) for name in meant])}?"
    return suggest("", known, otherwise)


def _shared_words(one: str, other: str) -> float:
    first, second = _words(one), _words(other)
    return len(first & second) / len(first | second)


def _words(name: str) -> frozenset[str]:
    return frozenset(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def action_meant(name: str, known: Collection[str]) -> str | None:
    """The action that another verb or another number of the noun means: ``get_boards`` is ``list_boards``."""
    if (same := _ACTIONS.get(name)) in known:
        return same
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("/", "_").replace("-", "_")
    verb, _, noun = words.partition("_")
    if not noun:
        return None
    nouns = (noun, f"{noun}s", noun.removesuffix("s"))
    wants_list = noun.endswith("s") and verb in ("get", "fetch", "all", "show", "find", "search", "read", "load")
    verbs = ("list", *_VERBS.get(verb, ()), verb) if wants_list else (verb, *_VERBS.get(verb, ()))
    candidates = [f"{other}_{thing}" for other in verbs for thing in nouns]
    candidates += [f"{noun}_{verb}", f"{noun}_{verb.removesuffix('s')}"]  # pins/create
    return next((candidate for candidate in candidates if candidate in known), None)


def no_action_hint(name: str) -> str:
    """Why there is no action of this name, where people expect one; "" if that isn't known."""
    if name in _PROGRAMS or "@" in name:
        return "a recipe runs no programs; an action is a plugin's, and pinflow actions lists them"
    if name in _PAUSES:
        return "there is no pause; quotas are kept by themselves, and retry waits between tries"
    return f"{name} is a key of a step, and no action" if name in _KEYS else ""
