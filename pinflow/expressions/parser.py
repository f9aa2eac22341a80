"""Tokens of an expression -> syntax tree, by operator precedence (a Pratt parser).

The grammar stands in ``expression.py``. Every node knows its ``offset`` in the source, which is where its mistakes
are shown, and its ``depth``, which is bounded so that neither compiling nor evaluating can exhaust the stack. A run
of operators of one level is one node, however long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from pinflow.expressions.functions import FUNCTIONS, LOOPS
from pinflow.expressions.lexer import Token, tokens
from pinflow.expressions.values import MAX_DEPTH
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest, quote

if TYPE_CHECKING:
    from collections.abc import Container

    from pinflow.expressions.function import Function


class LiteralNode(NamedTuple):
    """A number, text, true, false or null."""

    offset: int
    depth: int
    value: str | int | float | bool | None


class ListNode(NamedTuple):
    """A list in brackets."""

    offset: int
    depth: int
    items: tuple[Node, ...]


class MappingNode(NamedTuple):
    """A mapping in braces."""

    offset: int
    depth: int
    fields: tuple[tuple[str, Node], ...]


class PathPart(NamedTuple):
    """One ``.field`` or ``[index]`` of a path; ``optional`` with ``?.`` before it."""

    offset: int  # of the field's name or of the index
    key: str | int | Node
    optional: bool


class PathNode(NamedTuple):
    """A name with what follows it, or what follows any other operand."""

    offset: int
    depth: int
    root: str | Node
    parts: tuple[PathPart, ...]


class UnaryNode(NamedTuple):
    """``!`` or ``-`` before an operand."""

    offset: int
    depth: int
    sign: str
    operand: Node


class ChainNode(NamedTuple):
    """Operands with operators of one level between them, worked off from the left; ``??``, ``||``, ``&&`` as well."""

    offset: int
    depth: int
    first: Node
    rest: tuple[tuple[str, int, Node], ...]  # sign, its offset, operand


class ChoiceNode(NamedTuple):
    """``condition ? yes : no``."""

    offset: int
    depth: int
    condition: Node
    yes: Node
    no: Node


class CallNode(NamedTuple):
    """A function with its arguments."""

    offset: int
    depth: int
    function: Function
    arguments: tuple[Node, ...]


class LoopNode(NamedTuple):
    """``filter(list, name, expression)`` and its like."""

    offset: int
    depth: int
    function: str
    source: Node
    name: str
    body: Node


Node: TypeAlias = (
    LiteralNode | ListNode | MappingNode | PathNode | UnaryNode | ChainNode | ChoiceNode | CallNode | LoopNode
)

_CHOICE: Final = 1
_COALESCE: Final = 2
_EQUALITY: Final = 5
_ORDER: Final = 6
_SUM: Final = 7
_SIGNED: Final = 9
_LEVELS: Final = {
    "?": _CHOICE,
    "??": _COALESCE,
    "||": 3,
    "&&": 4,
    **dict.fromkeys(("==", "!="), _EQUALITY),
    **dict.fromkeys(("<", "<=", ">", ">=", "in"), _ORDER),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), 8),
}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_WORDS: Final = {"and": "&&", "or": "||", "not": "!", "if": "? :", "else": "? :", "is": "== or !="} | dict.fromkeys(
    ("for", "lambda"), "map(LIST, x, ...)"
)


def parse(source: str) -> Node:
    """The syntax tree of an expression; raises Invalid at the first place that doesn't fit the grammar."""
    try:
        words = tokens(source)
    except Invalid as invalid:
        if source[invalid.offset or 0 :].startswith("|"):
            from pinflow.expressions.other_languages import filter_hint  # only a mistake pays for this import

            invalid.hint = filter_hint(source, invalid.offset or 0) or invalid.hint
        raise
    return _Parser(words).whole()


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.position = 0
        self.token = words[0]
        self.nesting = 0

    # Reading tokens

    def advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.position += 1
            self.token = self.words[self.position]
        return token

    def at(self, sign: str) -> bool:
        return self.token.value == sign and self.token.kind == "sign"

    def took(self, sign: str) -> bool:
        if self.at(sign):
            self.advance()
            return True
        return False

    def expect(self, sign: str, purpose: str, hint: str = "") -> None:
        if not self.took(sign):
            raise self.unexpected_token(f"expected {sign!r} {purpose}", hint)

    def unexpected_token(self, expected: str, hint: str = "") -> Invalid:
        kind, value, offset = self.token
        if kind == "end":
            return Invalid(f"{expected}, but the expression ends", hint, offset=offset)
        from pinflow.expressions.other_languages import pair_hint  # only a mistake pays for this import

        before = self.words[self.position - 1]
        for word in (value, before.value):
            if word in _WORDS:
                hint = f"use {_WORDS[str(word)]} for {word!r}"
        if kind == "sign":
            hint = pair_hint(before.value, value) or hint
        elif kind == "text" and before[:2] == ("name", "f"):
            hint = "join texts with +, or put ${{ }} into the text"
        token = f"{value!r}" if kind == "sign" else f"the {kind} {quote(str(value))}"
        return Invalid(f"{expected}, but found {token}", hint, offset=offset)

    def depth(self, offset: int, *below: Node) -> int:
        deepest = 1 + max((node.depth for node in below), default=0)
        if deepest > MAX_DEPTH:
            raise _too_deep(offset)
        return deepest

    # Operators

    def whole(self) -> Node:
        if self.token.kind == "end":
            raise Invalid("the expression is empty", offset=0)
        node = self.expression(0)
        if self.token.kind != "end":
            quotes = self.token.kind == self.words[self.position - 1].kind == "text"
            raise self.unexpected_token(
                "expected an operator or the end", "write \\' or \\\" for a quote within a text" if quotes else ""
            )
        return node

    def expression(self, floor: int) -> Node:
        """An operand and all operators after it that bind tighter than ``floor``."""
        self.nesting += 1
        if self.nesting > MAX_DEPTH:
            raise _too_deep(self.token.offset)
        node = self.operand()
        last = _SIGNED
        while (level := self.level()) > floor:
            self.check_mixing(last, level)
            node = self.choice(node) if level == _CHOICE else self.chain(node, level)
            last = level
        self.nesting -= 1
        return node

    def level(self) -> int:
        kind, value, _ = self.token
        return _LEVELS.get(str(value), 0) if kind == "sign" or (value == "in" and kind == "name") else 0

    def check_mixing(self, last: int, level: int) -> None:
        """Refuse ``a ?? b == c`` and ``a + b ?? c``, which are seldom meant the way they would be read."""
        if (last == _COALESCE and _CHOICE < level < _SUM) or (level == _COALESCE and last != _SIGNED):
            raise Invalid(
                "'??' beside another operator can be read in two ways",
                "put brackets around what belongs to ??, as in (a ?? b) == c",
                offset=self.token.offset,
            )

    def chain(self, first: Node, level: int) -> Node:
        rest: list[tuple[str, int, Node]] = []
        while self.level() == level:
            if rest and level in (_EQUALITY, _ORDER):
                raise Invalid(
                    "comparisons can't be chained",
                    "join two of them with &&, or use brackets",
                    offset=self.token.offset,
                )
            sign = self.advance()
            # Sums and products may follow ?? without brackets; anything looser is caught by check_mixing.
            rest.append((str(sign.value), sign.offset, self.expression(_ORDER if level == _COALESCE else level)))
        offset = rest[0][1]
        return ChainNode(offset, self.depth(offset, first, *(node for _, _, node in rest)), first, tuple(rest))

    def choice(self, condition: Node) -> Node:
        offset = self.advance().offset
        yes = self.expression(0)
        self.expect(":", "between the two results of '?'")
        no = self.expression(0)
        return ChoiceNode(offset, self.depth(offset, condition, yes, no), condition, yes, no)

    # Operands

    def operand(self) -> Node:
        kind, value, offset = self.token
        if kind == "sign" and value in ("!", "-"):
            return self.sign(self.advance())
        node: Node
        if kind in ("text", "number"):
            self.advance()
            node = LiteralNode(offset, 1, value)
        elif kind == "name" and value != "in":
            node = self.name(self.advance())
        elif self.took("("):
            node = self.bracket()
        elif self.took("["):
            node = self.items(offset)
        elif self.took("{"):
            node = self.fields(offset)
        else:
            raise self.unexpected_token("expected a value", "write 0 before the point" if self.at(".") else "")
        return self.path(node, offset)

    def sign(self, sign: Token) -> Node:
        self.nesting += 1
        if self.nesting > MAX_DEPTH:
            raise _too_deep(sign.offset)
        operand = self.operand()
        self.nesting -= 1
        if sign.value == "-" and isinstance(operand, LiteralNode) and type(operand.value) in (int, float):
            return LiteralNode(sign.offset, 1, -operand.value)  # type: ignore[operator]
        return UnaryNode(sign.offset, self.depth(sign.offset, operand), str(sign.value), operand)

    def name(self, name: Token) -> Node:
        word = str(name.value)
        if self.took("("):
            return self.call(word, name.offset)
        if word in _CONSTANTS:
            return LiteralNode(name.offset, 1, _CONSTANTS[word])
        return PathNode(name.offset, 1, word, ())

    def bracket(self) -> Node:
        node = self.expression(0)
        self.expect(")", "to close the bracket")
        return node

    def items(self, offset: int) -> Node:
        items: list[Node] = []
        while not self.at("]"):
            items.append(self.expression(0))
            if not self.took(","):
                break
        self.expect("]", "to close the list")
        return ListNode(offset, self.depth(offset, *items), tuple(items))

    def fields(self, offset: int) -> Node:
        fields: dict[str, Node] = {}
        while not self.at("}"):
            key = self.field_name(fields)
            self.expect(":", "after the name of a field")
            fields[key] = self.expression(0)
            if not self.took(","):
                break
        self.expect("}", "to close the mapping")
        return MappingNode(offset, self.depth(offset, *fields.values()), tuple(fields.items()))

    def field_name(self, taken: Container[str]) -> str:
        key = self.token
        if key.kind not in ("name", "text"):
            raise self.unexpected_token("expected the name of a field")
        if str(key.value) in taken:
            raise Invalid(f"the field {quote(str(key.value))} is given twice", offset=key.offset)
        self.advance()
        return str(key.value)

    def path(self, node: Node, offset: int) -> Node:
        """``node``, which starts at ``offset``, with the fields and indexes after it."""
        parts: list[PathPart] = []
        while self.token.kind == "sign" and self.token.value in (".", "?.", "["):
            parts.append(self.part())
        if self.at("("):
            raise self.no_method()
        if not parts:
            return node
        below = [part.key for part in parts if not isinstance(part.key, (str, int))]
        if isinstance(node, PathNode) and not node.parts:  # a name alone
            return PathNode(node.offset, self.depth(offset, *below), node.root, tuple(parts))
        return PathNode(offset, self.depth(offset, node, *below), node, tuple(parts))

    def no_method(self) -> Invalid:
        before = self.words[self.position - 1]
        if before.kind == "name" and before.value in FUNCTIONS:
            return Invalid("values have no methods", f"write {before.value}(...)", offset=before.offset)
        return Invalid("only a function's name can be called", offset=self.token.offset)

    def part(self) -> PathPart:
        sign = self.advance()
        optional = sign.value == "?."
        if sign.value == "[" or (optional and self.took("[")):
            offset = self.token.offset
            index = self.expression(0)
            self.expect("]", "to close the index", "write slice(VALUE, from, to)" if self.at(":") else "")
            key = index.value if isinstance(index, LiteralNode) else None
            if isinstance(key, (str, int)) and not isinstance(key, bool):
                return PathPart(offset, key, optional)
            return PathPart(offset, index, optional)
        name = self.token
        if name.kind != "name":
            raise self.unexpected_token(f"expected the name of a field after {sign.value!r}")
        self.advance()
        return PathPart(name.offset, str(name.value), optional)

    # Functions

    def call(self, name: str, offset: int) -> Node:
        function = FUNCTIONS.get(name)
        if function is None and name not in LOOPS:
            from pinflow.expressions.other_languages import function_hint  # only a mistake pays for this import

            meant = nearest(name, [*FUNCTIONS, *LOOPS])
            hint = function_hint(name) or (f"did you mean {meant}()?" if meant else "pinflow functions lists them")
            raise Invalid(f"unknown function {quote(name)}", hint, offset=offset)
        arguments: list[Node] = []
        while not self.at(")"):
            arguments.append(self.expression(0))
            if len(arguments) == 1 and name in LOOPS and self.at(","):
                return self.loop(name, offset, arguments[0])
            if not self.took(","):
                break
        self.expect(")", f"to close {name}(")
        if function is None or not function.takes(len(arguments)):
            raise Invalid(
                f"{name}() doesn't take {len(arguments)} argument{'s' * (len(arguments) != 1)}",
                f"write {(function or LOOPS[name]).usage}",
                offset=offset,
            )
        return CallNode(offset, self.depth(offset, *arguments), function, tuple(arguments))

    def loop(self, function: str, offset: int, source: Node) -> Node:
        self.expect(",", "before the name of an item")
        name = self.token
        if name.kind != "name" or name.value in _CONSTANTS or name.value == "in":
            raise self.unexpected_token("expected a name for each item", f"write {LOOPS[function].usage}")
        self.advance()
        self.expect(",", "after the name of an item", f"write {LOOPS[function].usage}")
        body = self.expression(0)
        self.expect(")", f"to close {function}(")
        return LoopNode(offset, self.depth(offset, source, body), function, source, str(name.value), body)


def _too_deep(offset: int) -> Invalid:
    return Invalid(f"the expression is nested more than {MAX_DEPTH} deep", offset=offset)
