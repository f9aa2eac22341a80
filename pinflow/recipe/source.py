"""YAML text becomes plain data, and every piece of it keeps its place in the text.

What is read is a small part of YAML 1.2 (core schema, https://yaml.org/spec/1.2.2/#103-core-schema):
one document of mappings, lists, text, numbers, booleans and nulls. ``no``, ``12:30``, ``0123`` and
``2026-01-01`` are text, and mapping keys are always text. Anchors, aliases, tags, merge keys,
directives and further documents are refused, because each of them can make a short text mean
something that its reader does not see.

PyYAML's own parser, in Python, does the reading (its C parser can be crashed by nested brackets).
Its events are turned into data here, so that limits hold while the text is being read.
"""

from __future__ import annotations

import re
import stat
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from pinflow.errors import Problem, RecipeError
from pinflow.lazy_dataclass import dataclass, field
from pinflow.recipe.line_excerpt import line_excerpt
from pinflow.recipe.text_offsets import offset_in_text
from pinflow.recipe.yaml_events import MAX_DEPTH, events, too_deep
from pinflow.schema.invalid import QUOTE, Invalid
from pinflow.suggestions import nearest, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MAX_BYTES = 256_000  # 90 times the longest bundled recipe

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,29}")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# C0 and C1 controls, surrogates, noncharacters, and the two Unicode line separators: an editor shows
# those as part of a line while YAML ends the line (and with it a comment) there.
# Ranges beyond ASCII take long to compile, and most recipes have none of that.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FORBIDDEN = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
_SURROGATE = "[\ud800-\udfff]"


@dataclass(slots=True)
class Node:
    """Where one value stands: offsets into the text, and the same for what is inside it."""

    start: int
    end: int
    style: str | None = None  # of a scalar: "" plain, else the character that begins it: ' " | >
    keys: dict[str, int] = field(default_factory=dict)  # of a mapping: where each key begins
    parts: dict[str, Node] | list[Node] | None = None


@dataclass(frozen=True, slots=True)
class SourceSize:
    """How much there is of a recipe, or of several: characters, events of YAML, and expressions."""

    characters: int = 0
    entries: int = 0
    expressions: int = 0

    def plus(self, other: SourceSize) -> SourceSize:
        return SourceSize(
            self.characters + other.characters, self.entries + other.entries, self.expressions + other.expressions
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A recipe's text, its plain data, and the place of every piece of the data.

    ``text`` has no byte order mark, and its line ends are all ``\\n``. ``problems`` are the mistakes
    that leave the rest of the data readable (a duplicate key: the first value counts); what turns
    the data into a recipe reports them together with its own. ``size`` is how much of it there is.
    """

    name: str
    text: str
    data: Any
    problems: tuple[Problem, ...]
    _root: Node
    _lines: list[int]
    size: SourceSize = SourceSize()

    @classmethod
    def of_file(cls, path: Path, shown: str) -> Source:
        """A YAML or JSON file; ``shown`` is what people call it. Raises RecipeError if it can't be read as a whole."""
        source = read(path, shown)
        if source.problems:
            raise RecipeError(source.problems)
        return source

    def where(self, loc: Sequence[str | int], *, key: bool = False, offset: int | None = None) -> tuple[int, int]:
        """Line and column, from 1, of the value at ``loc``, or of its key.

        Where ``loc`` leads to nothing (a missing key), its nearest parent that exists answers.
        ``offset`` goes that many characters into a text (0 is its first, behind a quote); where the
        exact place isn't known, the beginning answers.
        """
        node, value = self._root, self.data
        start = node.start
        for depth, part in enumerate(loc):
            child = _child(node, part)
            if child is None:
                return self._place(node.start)
            last = depth == len(loc) - 1
            start = node.keys.get(str(part), child.start) if key and last else child.start
            node, value = child, value[part if isinstance(value, list) else str(part)]
        if offset is not None and not key and isinstance(value, str):
            start += offset_in_text(self.text[node.start : node.end], node.style or "", value, offset)
        return self._place(start)

    def problem(
        self, loc: Sequence[str | int], message: str, *, hint: str = "", key: bool = False, offset: int | None = None
    ) -> Problem:
        """A problem that stands at ``loc``; see ``where``."""
        return self._problem(*self.where(loc, key=key, offset=offset), message, hint)

    def locate(self, invalid: Invalid) -> Problem:
        """A mistake in the data with its file, line and column."""
        spelling = self.spelling(invalid.location) if invalid.hint == QUOTE else None
        hint = f'{QUOTE}: "{spelling}"' if spelling else invalid.hint
        return self.problem(invalid.location, invalid.message, hint=hint, key=invalid.at_key, offset=invalid.offset)

    def around(self, problem: Problem) -> tuple[str | int, ...]:
        """The way to the innermost value that a problem of this text stands in."""
        at = self._lines[problem.line - 1] + problem.column - 1
        loc: tuple[str | int, ...] = ()
        node: Node | None = self._root
        while node is not None:
            inner = node.parts.items() if isinstance(node.parts, dict) else enumerate(node.parts or ())
            step, node = next(((step, part) for step, part in inner if part.start <= at < part.end), ("", None))
            loc = loc if node is None else (*loc, step)
        return loc

    def spelling(self, loc: Sequence[str | int]) -> str | None:
        """A number, boolean or null exactly as it was written: ``1.10``; None where nothing like it stands."""
        node: Node | None = self._root
        for part in loc:
            node = _child(node, part) if node else None
        return self.text[node.start : node.end] if node and node.style == "" else None

    def _place(self, start: int) -> tuple[int, int]:
        line = bisect_right(self._lines, start)
        return line, start - self._lines[line - 1] + 1

    def _problem(self, line: int, column: int, message: str, hint: str) -> Problem:
        if not message:  # the place alone is asked for, of every step
            return Problem(self.name, line, column, message, hint)
        start = self._lines[line - 1]
        end = self._lines[line] - 1 if line < len(self._lines) else len(self.text)
        return Problem(self.name, line, column, message, hint, *line_excerpt(self.text, start, end, start + column - 1))


def read(path: Path, shown: str, *, known: Iterable[str] = ()) -> Source:
    """The recipe in a file; ``shown`` is how the user wrote its path, ``known`` are names that may have been meant.

    Raises RecipeError for what is not a readable regular file of at most 256 kB.
    """
    try:
        if not stat.S_ISREG(kind := path.stat().st_mode):
            raise _unreadable(shown, *_not_a_file(kind))
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        near = nearest(path.stem, known)
        hint = f"did you mean {near!r}?" if near else "check the path"
        raise _unreadable(shown, "no such file", hint) from None
    except ValueError as error:
        raise _unreadable(shown, "no file can have such a name", "check the path") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise _unreadable(shown, f"this file can't be read: {reason}", "check its path and permissions") from error
    return load(text, shown)


def load(text: str | bytes, name: str) -> Source:
    """The data of a recipe's text, with places; takes any text or bytes.

    Raises RecipeError when the text is not one YAML document within the limits, or when an
    alias or a tag leaves open what the data is. Milder mistakes are in the result's ``problems``.
    """
    decoded = _decode(text, name)
    lines = [0, *(match.end() for match in re.finditer("\n", decoded))]
    draft = Source(name, decoded, None, (), Node(0, 0), lines)
    _check_characters(draft)
    builder = _Builder(draft)
    entries = 0
    try:
        for event in events(decoded):
            entries += 1
            builder.take(event)
    except Invalid as invalid:
        problem = _problem_at(draft, invalid.offset or 0, invalid.message, invalid.hint)
        raise RecipeError([*builder.problems, problem]) from None
    if builder.unreadable:
        raise RecipeError(builder.problems)
    size = SourceSize(len(decoded), entries, decoded.count("${{"))
    return Source(name, decoded, builder.data, tuple(builder.problems), builder.root, lines, size)


def _refusal(name: str, message: str, hint: str, line: int = 1, column: int = 1) -> RecipeError:
    return RecipeError([Problem(name, line, column, message, hint)])


def _unreadable(name: str, message: str, hint: str) -> RecipeError:
    return _refusal(name, message, hint, 0, 0)  # there is no text, and so no place in it


def _problem_at(source: Source, start: int, message: str, hint: str) -> Problem:
    return source._problem(*source._place(min(start, len(source.text))), message, hint)


def _not_a_file(kind: int) -> tuple[str, str]:
    if stat.S_ISDIR(kind):
        return "this is a folder, not a recipe", "name a .yaml file inside it"
    return "this is a device or a pipe, not a file", "save the recipe as a .yaml file and name that"


def _decode(text: str | bytes, name: str) -> str:
    if isinstance(text, str):
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        decoded = text
    else:
        size = len(text)
        decoded = _decode_bytes(text[: MAX_BYTES + 1], name) if size <= MAX_BYTES else ""
    if size > MAX_BYTES:
        message = f"a recipe has at most {MAX_BYTES // 1000} kB"
        raise _refusal(name, message, "make several recipes of it, or move data to a file")
    return decoded.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _decode_bytes(text: bytes, name: str) -> str:
    if text.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")) or b"\0" in text[:4]:
        raise _refusal(name, "this is UTF-16 or UTF-32, or not text at all", "save the file as UTF-8")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"byte 0x{text[error.start]:02x} is not UTF-8"
        raise _refusal(name, message, "save the file as UTF-8", line, column) from None


def _check_characters(draft: Source) -> None:
    match = _CONTROL.search(draft.text) if draft.text.isascii() else re.search(_FORBIDDEN, draft.text)
    if match:
        code = ord(match.group())
        hint = f'in double quotes it can be written "\\u{code:04x}"' if code in (0x2028, 0x2029) else "delete it"
        problem = _problem_at(draft, match.start(), f"the invisible character U+{code:04X} is not allowed", hint)
        raise RecipeError([problem])


class _Builder:
    """Makes data and nodes of events, and collects mistakes that do not stop the reading."""

    def __init__(self, draft: Source) -> None:
        self.draft = draft
        self.problems: list[Problem] = []
        self.unreadable = False  # whether a problem leaves open what the data is
        self.data: Any = None
        self.root = Node(0, 0)
        self.documents = 0
        self.open: list[tuple[Any, Node]] = []
        self.keys: list[tuple[str, int] | None] = []  # beside `open`: the key whose value comes next

    def take(self, event: Any) -> None:
        match event:
            case DocumentStartEvent():
                self.start_document(event)
            case MappingEndEvent() | SequenceEndEvent():
                self.open.pop()[1].end = _end(event)
                self.keys.pop()
            case AliasEvent():
                self.refuse(event, "aliases (*name) are not supported", "repeat the value, or quote a text with *")
                self.unreadable = True
                self.place("", Node(_start(event), _end(event), "*"), event)
            case ScalarEvent() | MappingStartEvent() | SequenceStartEvent():
                self.check_properties(event)
                self.start_value(event)

    def start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise Invalid("a recipe file holds one recipe", "move this one to a file of its own", offset=_start(event))

    def check_properties(self, event: Any) -> None:
        if event.anchor is not None:
            self.refuse(event, "anchors (&name) are not supported", "delete it, or quote a text with &")
        if event.tag is not None:
            self.refuse(event, "tags (!name) are not supported", "delete it, or quote a text with !")
            self.unreadable = True

    def start_value(self, event: Any) -> None:
        node = Node(_start(event), _end(event))
        if isinstance(event, ScalarEvent):
            node.style = event.style or ""
            self.place(self.scalar(event), node, event)
            return
        if len(self.open) >= MAX_DEPTH:
            raise too_deep(node.start)
        value: Any = {} if isinstance(event, MappingStartEvent) else []
        node.parts = {} if isinstance(event, MappingStartEvent) else []
        self.place(value, node, event)
        self.open.append((value, node))
        self.keys.append(None)

    def scalar(self, event: Any) -> Any:
        value: str = event.value
        is_key = self.open and isinstance(self.open[-1][0], dict) and self.keys[-1] is None
        if not event.style and event.implicit[0] and not is_key:
            return resolve(value)
        if not value.isascii() and re.search(_SURROGATE, value):
            value = self.joined_surrogates(event)
        if match := _CONTROL.search(value):
            message = f"this text holds the control character U+{ord(match.group()):04X}"
            self.refuse(event, message, "delete it: only line breaks and tabs are allowed")
        return value

    def joined_surrogates(self, event: Any) -> str:
        # JSON writes a character beyond U+FFFF as two escapes, and JSON is YAML
        value: str = event.value
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.refuse(event, "this text holds half a character (a lone surrogate)", "write the whole character")
            return value.encode("utf-8", "replace").decode("utf-8")

    def place(self, value: Any, node: Node, event: Any) -> None:
        if not self.open:
            self.data, self.root = value, node
            return
        parent, parent_node = self.open[-1]
        if isinstance(parent, list):
            parent.append(value)
            parent_node.parts.append(node)  # type: ignore[union-attr]
        elif (key := self.keys[-1]) is None:
            self.keys[-1] = self.key(value, node, event)
        else:
            self.keys[-1] = None
            self.put(parent, parent_node, key, value, node)

    def key(self, value: Any, node: Node, event: Any) -> tuple[str, int]:
        if not isinstance(value, str):
            braces = self.draft.text[node.start - 1 : node.start + 1] == "{{"
            hint = 'an expression is written "${{ ... }}", in quotes' if braces else "write a word before the colon"
            raise Invalid("a key must be text, not a list or mapping", hint, offset=node.start)
        if value == "<<" and not event.style:
            self.refuse(event, "merge keys (<<) are not supported", "repeat the entries")
            self.unreadable = True
        elif not value:
            self.refuse(event, "a key is missing before this colon", "write a word before it")
        return value, node.start

    def put(self, parent: dict[str, Any], parent_node: Node, key: tuple[str, int], value: Any, node: Node) -> None:
        name: str | None
        name, start = key
        if node.start == node.end and not node.style and ":" not in self.draft.text[start + len(name) : node.start]:
            name, value = self.without_colon(name, start)
            if name is None:
                return
        if name in parent:
            line, _ = self.draft._place(parent_node.keys[name])
            message = f"the key {quote(name)} stands here twice"
            hint = f"the first is in line {line}; delete one"
            self.problems.append(_problem_at(self.draft, start, message, hint))
            return
        parent[name] = value
        parent_node.keys[name] = start
        parent_node.parts[name] = node  # type: ignore[index, call-overload]

    def without_colon(self, name: str, start: int) -> tuple[str | None, Any]:
        """An entry of a mapping that has no colon after its key; what was probably meant, or (None, None)."""
        if match := re.fullmatch(r"([\w-]+):(\S.*)", name):
            at, hint = start + len(match[1]), f"write {match[1]}: ..."
            self.problems.append(_problem_at(self.draft, at, "a space is missing after this colon", hint))
            return match[1], resolve(match[2])
        hint = "put quotes around a text with a comma; or write `key: value`"
        self.problems.append(_problem_at(self.draft, start, f"{quote(name)} has no value", hint))
        return None, None

    def refuse(self, event: Any, message: str, hint: str) -> None:
        self.problems.append(_problem_at(self.draft, _start(event), message, hint))


def _start(event: Any) -> int:
    at: int = event.start_mark.index
    return at


def _end(event: Any) -> int:
    at: int = event.end_mark.index
    return at


def resolve(text: str) -> Any:
    """What an unquoted text means: null, a boolean, a number, or the text itself (YAML 1.2 core).

    A whole number is one only if it is spelt the one usual way, so that an id in its place keeps every
    character: ``0123``, ``+5``, ``-0``, ``0x1f`` and more than 30 digits are text. So are infinities.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789" and len(text) <= 40:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and not text.lstrip("+-").isdigit():
            number = float(text)
            return number if abs(number) != float("inf") else text
    return text


def _child(node: Node, part: str | int) -> Node | None:
    parts = node.parts
    if isinstance(parts, dict):
        return parts.get(str(part))
    if isinstance(parts, list) and isinstance(part, int) and 0 <= part < len(parts):
        return parts[part]
    return None
