"""Syntax tree of an expression -> one Python function that evaluates it.

Every node becomes a closure that takes the evaluation under way and gives a plain value. Steps are paid for ahead:
the compiler counts the operators, calls and paths of an expression; those outside loops are charged once, those in a
loop's body once for every item. So the price of an expression doesn't depend on the way it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pinflow.expressions import access, parser
from pinflow.expressions.access import ABSENT, Reference, Run
from pinflow.expressions.errors import ExpressionError, Refused
from pinflow.expressions.functions import ordered
from pinflow.expressions.operators import OPERATORS, Operator
from pinflow.expressions.values import MAX_STEPS, NUMBERS, SCALARS, STEP, Evaluation, kind_of, plain

if TYPE_CHECKING:
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


def compile_source(source: str) -> Program:
    """The program of an expression; raises ExpressionError if it doesn't fit the grammar or the limits."""
    compiler = _Compiler()
    run = compiler.compile(parser.parse(source))
    if compiler.price > MAX_STEPS * STEP:
        raise ExpressionError(f"the expression has more than {MAX_STEPS:,} operators, calls and names", 0)
    return Program(run, tuple(compiler.references), compiler.price, compiler.loops, compiler.clock)


class _Compiler:
    def __init__(self) -> None:
        self.references: list[Reference] = []
        self.slots: dict[str, int] = {}  # the loop variables in sight
        self.loops = 0
        self.price = 0
        self.clock = False

    def compile(self, node: Node, *, lenient: bool = False) -> Run:
        """The closure of a node. A ``lenient`` path gives ABSENT where it finds nothing."""
        match node:
            case parser.Literal(value=value):
                return lambda run: value
            case parser.Path():
                return self.path(node, lenient=lenient)
            case parser.Chain(rest=((sign, _, _), *_)):
                if sign == "??":
                    return self.coalesce(node, lenient=lenient)
                return self.logic(node, sign) if sign in ("&&", "||") else self.chain(node)
            case parser.Call():
                return self.call(node)
            case parser.Loop():
                return self.loop(node)
            case parser.Unary():
                return self.unary(node)
            case parser.Choice():
                return self.choice(node)
            case parser.Items():
                return self.items(node)
            case parser.Fields():
                return self.fields(node)
        raise AssertionError(node)

    # Data

    def items(self, node: parser.Items) -> Run:
        self.price += STEP + len(node.items)
        parts = [self.compile(each) for each in node.items]
        return lambda run: [part(run) for part in parts]

    def fields(self, node: parser.Fields) -> Run:
        self.price += STEP + len(node.fields)
        parts = [(key, self.compile(each)) for key, each in node.fields]
        return lambda run: {key: part(run) for key, part in parts}

    def path(self, node: parser.Path, *, lenient: bool) -> Run:
        self.price += STEP
        slot = None
        if isinstance(node.root, str):
            name = node.root
            slot = self.slots.get(name)
            if slot is None:
                start = access.named(name, node.offset, lenient=lenient)
                self.references.append(_reference(node, name, lenient=lenient))
            else:
                start = access.item(slot, name, node.offset)
        else:
            name, start = "the value", self.compile(node.root, lenient=lenient)
        steps = tuple(self.step(part) for part in node.parts)
        walk = access.walk(name, start, steps, lenient=lenient)
        keys = tuple(step.key for step in steps if isinstance(step.key, str) and not step.optional)
        return access.fields(name, slot, keys, walk) if _is_plain(node, keys) else walk

    def step(self, part: parser.Part) -> access.Step:
        key = part.key if isinstance(part.key, (str, int)) else self.compile(part.key)
        return access.Step(part.offset, key, part.optional)

    # Operators

    def chain(self, node: parser.Chain) -> Run:
        first = self.compile(node.first)
        rest = [(OPERATORS[sign], self.compile(operand), offset) for sign, offset, operand in node.rest]
        self.price += STEP * len(rest)
        if len(rest) > 1:
            return _chained(first, rest)
        if node.rest[0][0] in ("==", "!="):
            return _compared(first, *rest[0], wanted=node.rest[0][0] == "==")
        return _applied(first, *rest[0])

    def coalesce(self, node: parser.Chain, *, lenient: bool) -> Run:
        self.price += STEP * len(node.rest)
        operands = [node.first, *(operand for _, _, operand in node.rest)]
        *options, last = [self.compile(each, lenient=lenient or each is not operands[-1]) for each in operands]

        def choose(run: Evaluation) -> Any:
            for option in options:
                value = option(run)
                if value is not None and value is not ABSENT:
                    return value
            return last(run)

        return choose

    def logic(self, node: parser.Chain, sign: str) -> Run:
        self.price += STEP * len(node.rest)
        operands = [node.first, *(operand for _, _, operand in node.rest)]
        parts = [(self.compile(each), each.offset) for each in operands]
        decisive: bool = sign == "||"

        def decide(run: Evaluation) -> bool:
            for part, offset in parts:
                value = part(run)
                if value is not True and value is not False:
                    raise _no_boolean(f"{sign!r}", value, offset)
                if value is decisive:
                    return decisive
            return not decisive

        return decide

    def unary(self, node: parser.Unary) -> Run:
        self.price += STEP
        operand, offset = self.compile(node.operand), node.offset

        def negate(run: Evaluation) -> Any:
            value = operand(run)
            if type(value) in NUMBERS:
                return -value
            raise ExpressionError(f"'-' takes a number, not {kind_of(value)}", offset)

        def invert(run: Evaluation) -> bool:
            return not _boolean("'!'", operand(run), offset)

        return negate if node.sign == "-" else invert

    def choice(self, node: parser.Choice) -> Run:
        self.price += STEP
        condition, offset = self.compile(node.condition), node.condition.offset
        yes, no = self.compile(node.yes), self.compile(node.no)
        return lambda run: yes(run) if _boolean("'?'", condition(run), offset) else no(run)

    # Functions

    def call(self, node: parser.Call) -> Run:
        self.price += STEP
        self.clock |= node.function.clock
        name, offset, function = node.function.name, node.offset, node.function.run
        arguments = [
            (kind, self.compile(each), each.offset)
            for kind, each in zip(node.function.kinds, node.arguments, strict=False)  # the last may be left out
        ]

        def call(run: Evaluation) -> Any:
            values = []
            for kind, argument, place in arguments:
                value = argument(run)
                try:
                    values.append(kind(value))
                except Refused as refusal:
                    raise ExpressionError(f"{name}() {refusal.message}", place, refusal.hint) from None
            try:
                return plain(function(run, *values))
            except Refused as refusal:
                raise ExpressionError(f"{name}(): {refusal.message}", offset, refusal.hint) from None

        return call

    def loop(self, node: parser.Loop) -> Run:
        source = self.compile(node.source)
        slot, self.loops = self.loops, self.loops + 1
        outside, self.price = (self.slots, self.price), 0
        self.slots = {**self.slots, node.name: slot}
        body = self.compile(node.body)
        price = self.price + STEP
        self.slots, self.price = outside[0], outside[1] + STEP
        return _LOOPS[node.function](node, _rounds(node, source, slot, body, price))


def _is_plain(node: parser.Path, keys: tuple[str, ...]) -> bool:
    """Whether a path is a name with constant fields and nothing else."""
    return isinstance(node.root, str) and len(keys) == len(node.parts)


def _reference(node: parser.Path, root: str, *, lenient: bool) -> Reference:
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


def _applied(left: Run, apply: Operator, right: Run, offset: int) -> Run:
    def evaluate(run: Evaluation) -> Any:
        one, other = left(run), right(run)
        try:
            return apply(run, one, other)
        except Refused as refusal:
            raise refusal.at(offset) from None

    return evaluate


def _compared(left: Run, apply: Operator, right: Run, offset: int, *, wanted: bool) -> Run:
    """``==`` and ``!=``, which can be answered at once for two texts, numbers or booleans."""

    def evaluate(run: Evaluation) -> Any:
        one, other = left(run), right(run)
        if type(one) is type(other) and type(one) in SCALARS:
            return (one == other) is wanted
        try:
            return apply(run, one, other)
        except Refused as refusal:
            raise refusal.at(offset) from None

    return evaluate


def _chained(first: Run, rest: list[tuple[Operator, Run, int]]) -> Run:
    def evaluate(run: Evaluation) -> Any:
        value = first(run)
        for apply, operand, offset in rest:
            other = operand(run)
            try:
                value = apply(run, value, other)
            except Refused as refusal:
                raise refusal.at(offset) from None
        return value

    return evaluate


def _boolean(who: str, value: Any, offset: int) -> bool:
    if isinstance(value, bool):
        return value
    raise _no_boolean(who, value, offset)


def _no_boolean(who: str, value: Any, offset: int) -> ExpressionError:
    hint = "add ?? false" if value is None else "compare it, as with != null"
    return ExpressionError(f"{who} takes true or false, not {kind_of(value)}", offset, hint)


# Loops


def _rounds(node: parser.Loop, source: Run, slot: int, body: Run, price: int) -> Rounds:
    """Each item of the list with what the body makes of it, paid for one by one."""

    def rounds(run: Evaluation) -> Iterator[tuple[Any, Any]]:
        values = source(run)
        if type(values) is not list:
            raise ExpressionError(f"{node.function}() needs a list, not {kind_of(values)}", node.source.offset)
        for value in values:
            try:
                run.charge(price)
            except Refused as refusal:
                raise ExpressionError(f"{node.function}(): {refusal.message}", node.offset, refusal.hint) from None
            run.items[slot] = value
            yield value, body(run)

    return rounds


def _filter(node: parser.Loop, rounds: Rounds) -> Run:
    who, offset = f"the condition of {node.function}()", node.body.offset
    return lambda run: [item for item, found in rounds(run) if _boolean(who, found, offset)]


def _map(node: parser.Loop, rounds: Rounds) -> Run:
    return lambda run: [found for _, found in rounds(run)]


def _any(node: parser.Loop, rounds: Rounds) -> Run:
    who, offset = f"the condition of {node.function}()", node.body.offset
    return lambda run: any(_boolean(who, found, offset) for _, found in rounds(run))


def _all(node: parser.Loop, rounds: Rounds) -> Run:
    who, offset = f"the condition of {node.function}()", node.body.offset
    return lambda run: all(_boolean(who, found, offset) for _, found in rounds(run))


def _sort(node: parser.Loop, rounds: Rounds) -> Run:
    def sort(run: Evaluation) -> list[Any]:
        pairs = list(rounds(run))
        try:
            keys = ordered([key for _, key in pairs], "the keys")
        except Refused as refusal:
            raise ExpressionError(f"sort(): {refusal.message}", node.body.offset, refusal.hint) from None
        return [pairs[place][0] for place in sorted(range(len(pairs)), key=keys.__getitem__)]

    return sort


_LOOPS: Final[Mapping[str, Callable[[parser.Loop, Rounds], Run]]] = {
    "filter": _filter,
    "map": _map,
    "any": _any,
    "all": _all,
    "sort": _sort,
}
