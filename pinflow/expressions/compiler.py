"""Syntax tree of an expression -> one Python function that evaluates it.

Every node becomes a closure that takes the evaluation under way and gives a plain value. Steps are paid for ahead:
the compiler counts the operators, calls and paths of an expression; those outside loops are charged once, those in a
loop's body once for every item. So the price of an expression doesn't depend on the way it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pinflow.expressions import access, dates, parser
from pinflow.expressions.access import ABSENT, Reference, Run
from pinflow.expressions.function import CHECKED_WHEN_READ
from pinflow.expressions.functions import order_keys
from pinflow.expressions.operators import OPERATORS, ORDERS, Operator
from pinflow.expressions.values import MAX_STEPS, NUMBERS, SCALARS, STEP, Evaluation, HandWritten, plain
from pinflow.lazy_dataclass import dataclass
from pinflow.schema.invalid import Invalid, mismatch

if TYPE_CHECKING:
    from datetime import datetime

    from pinflow.expressions.parser import Node

Rounds: TypeAlias = Callable[[Evaluation], Iterator[tuple[Any, Any]]]


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression: what evaluates it, and what that takes."""

    run: Run
    references: tuple[Reference, ...]
    price: int  # what is charged before the start, 1,000 to a step
    loops: int  # how many loop variables there are
    clock: bool  # whether it asks for the time
    path: tuple[str, ...] | None  # the name and its fields, where it is nothing but these


def compile_source(source: str) -> Program:
    """The program of an expression; raises Invalid if it doesn't fit the grammar or the limits."""
    compiler = _Compiler()
    node = parser.parse(source)
    run = compiler.compile(node)
    if compiler.price > MAX_STEPS * STEP:
        raise Invalid(f"the expression has more than {MAX_STEPS:,} operators, calls and names", offset=0)
    path = _plain_path(node) if isinstance(node, parser.PathNode) else None
    return Program(run, tuple(compiler.references), compiler.price, compiler.loops, compiler.clock, path)


class _Compiler:
    def __init__(self) -> None:
        self.references: list[Reference] = []
        self.roots: list[str | int] = []  # names, and slots of loop variables, in the order in which paths begin
        self.slots: dict[str, int] = {}  # the loop variables in sight
        self.loops = 0
        self.price = 0
        self.clock = False

    def compile(self, node: Node, *, lenient: bool = False) -> Run:
        """The closure of a node. A ``lenient`` path gives ABSENT where it finds nothing."""
        match node:
            case parser.LiteralNode(value=value):
                return lambda run: value
            case parser.PathNode():
                return self.path(node, lenient=lenient)
            case parser.ChainNode(rest=((sign, _, _), *_)):
                if sign == "??":
                    return self.coalesce(node, lenient=lenient)
                return self.logic(node, sign) if sign in ("&&", "||") else self.chain(node)
            case parser.CallNode():
                return self.call(node)
            case parser.LoopNode():
                return self.loop(node)
            case parser.UnaryNode():
                return self.unary(node)
            case parser.ChoiceNode():
                return self.choice(node)
            case parser.ListNode():
                return self.items(node)
            case parser.MappingNode():
                return self.fields(node)
        raise AssertionError(node)

    # Data

    def items(self, node: parser.ListNode) -> Run:
        self.price += STEP + len(node.items)
        parts = [self.compile(item) for item in node.items]
        return lambda run: [part(run) for part in parts]

    def fields(self, node: parser.MappingNode) -> Run:
        self.price += STEP + len(node.fields)
        parts = [(key, self.compile(value)) for key, value in node.fields]
        return lambda run: {key: part(run) for key, part in parts}

    def path(self, node: parser.PathNode, *, lenient: bool) -> Run:
        self.price += STEP
        slot = None
        if isinstance(node.root, str):
            name = node.root
            slot = self.slots.get(name)
            self.roots.append(name if slot is None else slot)
            if slot is None:
                start = access.read_name(name, node.offset, lenient=lenient)
                self.references.append(_reference(node, name, lenient=lenient))
            else:
                start = access.read_item(slot, name, node.offset)
        else:
            name, start = "the value", self.compile(node.root, lenient=lenient)
        steps = tuple(self.step(part) for part in node.parts)
        walk = access.read_path(name, start, steps, lenient=lenient)
        plain_path = _plain_path(node)
        return walk if plain_path is None else access.read_fields(name, slot, plain_path[1:], walk)

    def step(self, part: parser.PathPart) -> access.PathStep:
        key = part.key if isinstance(part.key, (str, int)) else self.compile(part.key)
        return access.PathStep(part.offset, key, part.optional)

    # Operators

    def chain(self, node: parser.ChainNode) -> Run:
        start = len(self.roots)
        first = self.compile(node.first)
        middle = len(self.roots)
        rest = [(OPERATORS[sign], self.compile(operand), offset) for sign, offset, operand in node.rest]
        self.price += STEP * len(rest)
        if len(rest) > 1:
            return _operations(first, rest)
        if node.rest[0][0] in ("==", "!="):
            return _comparison(first, *rest[0], if_equal=node.rest[0][0] == "==")
        if node.rest[0][0] in ORDERS:
            return _order(first, *rest[0], _Sources(self.roots[start:middle]), _Sources(self.roots[middle:]))
        return _operation(first, *rest[0])

    def coalesce(self, node: parser.ChainNode, *, lenient: bool) -> Run:
        self.price += STEP * len(node.rest)
        operands = [node.first, *(operand for _, _, operand in node.rest)]
        *options, last = [self.compile(part, lenient=lenient or part is not operands[-1]) for part in operands]

        def choose(run: Evaluation) -> Any:
            for option in options:
                value = option(run)
                if value is not None and value is not ABSENT:
                    return value
            return last(run)

        return choose

    def logic(self, node: parser.ChainNode, sign: str) -> Run:
        self.price += STEP * len(node.rest)
        operands = [node.first, *(operand for _, _, operand in node.rest)]
        parts = [(self.compile(operand), operand.offset) for operand in operands]
        decisive: bool = sign == "||"

        def decide(run: Evaluation) -> bool:
            for part, offset in parts:
                value = part(run)
                if value is not True and value is not False:
                    raise _not_boolean(f"a side of {sign!r}", value, offset)
                if value is decisive:
                    return decisive
            return not decisive

        return decide

    def unary(self, node: parser.UnaryNode) -> Run:
        self.price += STEP
        operand, offset = self.compile(node.operand), node.offset

        def negate(run: Evaluation) -> Any:
            value = operand(run)
            if type(value) in NUMBERS:
                return -value
            raise mismatch("a number", value).about("the value after '-'").at(offset=offset)

        def invert(run: Evaluation) -> bool:
            return not _boolean("the value after '!'", operand(run), offset)

        return negate if node.sign == "-" else invert

    def choice(self, node: parser.ChoiceNode) -> Run:
        self.price += STEP
        condition, offset = self.compile(node.condition), node.condition.offset
        yes, no = self.compile(node.yes), self.compile(node.no)
        return lambda run: yes(run) if _boolean("the condition of '?'", condition(run), offset) else no(run)

    # Functions

    def call(self, node: parser.CallNode) -> Run:
        self.price += STEP
        self.clock |= node.function.clock
        name, offset, function = node.function.name, node.offset, node.function.run
        arguments = [
            (check, self.compile(argument), argument.offset)
            for check, argument in zip(node.function.checks, node.arguments, strict=False)  # the last may be left out
        ]

        for place, (check, argument) in enumerate(zip(node.function.checks, node.arguments, strict=False)):
            if check in CHECKED_WHEN_READ and isinstance(argument, parser.LiteralNode):
                try:
                    check(argument.value)
                except Invalid as invalid:
                    raise invalid.about(f"argument {place + 1} of {name}()").at(offset=argument.offset) from None

        def call(run: Evaluation) -> Any:
            values = []
            for check, argument, place in arguments:
                value = argument(run)
                try:
                    values.append(check(value))
                except Invalid as invalid:
                    raise invalid.about(f"argument {len(values) + 1} of {name}()").at(offset=place) from None
            try:
                return plain(function(run, *values))
            except Invalid as invalid:
                raise invalid.about(f"{name}():").at(offset=offset) from None

        return call

    def loop(self, node: parser.LoopNode) -> Run:
        source = self.compile(node.source)
        slot, self.loops = self.loops, self.loops + 1
        outside, self.price = (self.slots, self.price), 0
        self.slots = {**self.slots, node.name: slot}
        body = self.compile(node.body)
        price = self.price + STEP
        self.slots, self.price = outside[0], outside[1] + STEP
        return _LOOPS[node.function](node, _rounds(node, source, slot, body, price))


def _plain_path(node: parser.PathNode) -> tuple[str, ...] | None:
    """The name and the fields of a path that is nothing but a name with constant fields."""
    keys = tuple(part.key for part in node.parts if isinstance(part.key, str))
    return (node.root, *keys) if isinstance(node.root, str) and len(keys) == len(node.parts) else None


def _reference(node: parser.PathNode, root: str, *, lenient: bool) -> Reference:
    path: list[str | int] = []
    offsets = [node.offset]
    guarded = None
    for part in node.parts:
        if not isinstance(part.key, (str, int)):
            break
        if part.optional and guarded is None:
            guarded = len(path)
        path.append(part.key)
        offsets.append(part.offset)
    guarded_from = len(path) if guarded is None else guarded
    return Reference(root, tuple(path), tuple(offsets), lenient or guarded is not None, guarded_from)


def _operation(left: Run, apply: Operator, right: Run, offset: int) -> Run:
    def evaluate(run: Evaluation) -> Any:
        one, other = left(run), right(run)
        try:
            return apply(run, one, other)
        except Invalid as invalid:
            raise invalid.at(offset=offset) from None

    return evaluate


def _comparison(left: Run, apply: Operator, right: Run, offset: int, *, if_equal: bool) -> Run:
    """``==`` and ``!=``, which can be answered at once for two texts, numbers or booleans."""

    def evaluate(run: Evaluation) -> Any:
        one, other = left(run), right(run)
        if type(one) is type(other) and type(one) in SCALARS:
            return (one == other) is if_equal
        try:
            return apply(run, one, other)
        except Invalid as invalid:
            raise invalid.at(offset=offset) from None

    return evaluate


class _Sources(tuple[str | int, ...]):
    """The names and loop variables that one side of a comparison reads."""

    __slots__ = ()

    def hand_written(self, run: Evaluation) -> bool:
        """Whether one of them is a row that a person wrote."""
        values = (run.scope.get(root) if isinstance(root, str) else run.items[root] for root in self)
        return any(isinstance(value, HandWritten) for value in values)


def _order(left: Run, apply: Operator, right: Run, offset: int, ours: _Sources, theirs: _Sources) -> Run:
    """``<`` and its like: dates with times are compared as moments, whatever their zones."""

    def evaluate(run: Evaluation) -> Any:
        one, other = left(run), right(run)
        try:
            if type(one) is type(other) is str and (first := dates.read_moment(one)) is not None:
                second = dates.read_moment(other)
                if second is not None:
                    _check_zones(run, (one, first, ours), (other, second, theirs))
                    return apply(run, dates.seconds_after(first, second), 0)
            return apply(run, one, other)
        except Invalid as invalid:
            raise invalid.at(offset=offset) from None

    return evaluate


def _check_zones(run: Evaluation, *sides: tuple[str, datetime, _Sources]) -> None:
    """Raise Invalid where one time has a zone, and the other has none although a person wrote it."""
    if any(moment.tzinfo is not None for _, moment, _ in sides):
        for text, moment, sources in sides:
            if moment.tzinfo is None and sources.hand_written(run):
                raise dates.lacks_zone(text)


def _operations(first: Run, rest: list[tuple[Operator, Run, int]]) -> Run:
    def evaluate(run: Evaluation) -> Any:
        value = first(run)
        for apply, operand, offset in rest:
            other = operand(run)
            try:
                value = apply(run, value, other)
            except Invalid as invalid:
                raise invalid.at(offset=offset) from None
        return value

    return evaluate


def _boolean(name: str, value: Any, offset: int) -> bool:
    if isinstance(value, bool):
        return value
    raise _not_boolean(name, value, offset)


def _not_boolean(name: str, value: Any, offset: int) -> Invalid:
    hint = "add ?? false" if value is None else "compare it, as with != null"
    return mismatch("true or false", value, hint).about(name).at(offset=offset)


# Loops


def _rounds(node: parser.LoopNode, source: Run, slot: int, body: Run, price: int) -> Rounds:
    """Each item of the list with what the body makes of it, paid for one by one."""

    def rounds(run: Evaluation) -> Iterator[tuple[Any, Any]]:
        values = source(run)
        if type(values) is not list:
            raise mismatch("a list", values).about(f"argument 1 of {node.function}()").at(offset=node.source.offset)
        for value in values:
            try:
                run.charge(price)
            except Invalid as invalid:
                raise invalid.about(f"{node.function}():").at(offset=node.offset) from None
            run.items[slot] = value
            yield value, body(run)

    return rounds


def _filter(node: parser.LoopNode, rounds: Rounds) -> Run:
    name, offset = f"the condition of {node.function}()", node.body.offset
    return lambda run: [item for item, holds in rounds(run) if _boolean(name, holds, offset)]


def _map(node: parser.LoopNode, rounds: Rounds) -> Run:
    return lambda run: [value for _, value in rounds(run)]


def _any(node: parser.LoopNode, rounds: Rounds) -> Run:
    name, offset = f"the condition of {node.function}()", node.body.offset
    return lambda run: any(_boolean(name, holds, offset) for _, holds in rounds(run))


def _all(node: parser.LoopNode, rounds: Rounds) -> Run:
    name, offset = f"the condition of {node.function}()", node.body.offset
    return lambda run: all(_boolean(name, holds, offset) for _, holds in rounds(run))


def _sort(node: parser.LoopNode, rounds: Rounds) -> Run:
    def sort(run: Evaluation) -> list[Any]:
        pairs = list(rounds(run))
        try:
            keys = order_keys([key for _, key in pairs], "the keys")
        except Invalid as invalid:
            raise invalid.about("sort():").at(offset=node.body.offset) from None
        return [pairs[place][0] for place in sorted(range(len(pairs)), key=keys.__getitem__)]

    return sort


_LOOPS: Final[Mapping[str, Callable[[parser.LoopNode, Rounds], Run]]] = {
    "filter": _filter,
    "map": _map,
    "any": _any,
    "all": _all,
    "sort": _sort,
}
