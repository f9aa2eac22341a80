r"""Expressions: what stands in ``${{ }}`` and after ``if:``, over plain data and nothing else.

The language is closed: no attribute of any Python object can be reached, nothing can be called but the functions
listed in ``functions.py``, and every evaluation ends within a budget of steps, sizes and depth (``values.py``).
Whatever the text, compiling gives an Expression or raises Invalid; whatever the data, evaluating gives plain
data or raises Invalid.

Written here although jinja2 and CEL exist: it starts in 2.8 times a bare Python, jinja2 in 4.7 and CEL in 7.8, and
every mistake has its offset in the recipe.

The grammar, with operators from the loosest to the tightest::

    expression  = coalesce [ "?" expression ":" expression ] ;
    coalesce    = or | unary "??" sum { "??" sum } ;
    or          = and { "||" and } ;
    and         = equality { "&&" equality } ;
    equality    = order [ ( "==" | "!=" ) order ] ;
    order       = sum [ ( "<" | "<=" | ">" | ">=" | "in" ) sum ] ;
    sum         = product { ( "+" | "-" ) product } ;
    product     = unary { ( "*" | "/" | "%" ) unary } ;
    unary       = { "!" | "-" } postfix ;
    postfix     = primary { "." name | "?." name | [ "?." ] "[" expression "]" } ;
    primary     = "true" | "false" | "null" | number | text | name | call | "(" expression ")" | list | mapping ;
    list        = "[" [ expression { "," expression } [ "," ] ] "]" ;
    mapping     = "{" [ field { "," field } [ "," ] ] "}" ;
    field       = ( name | text ) ":" expression ;
    call        = name "(" [ expression { "," expression } ] ")"
                | loop "(" expression "," name "," expression ")" ;
    loop        = "filter" | "map" | "any" | "all" | "sort" ;
    number      = whole [ "." digits ] [ ( "e" | "E" ) [ "+" | "-" ] digits ] ;
    whole       = "0" | digit-from-1 { digit } ;
    text        = "'" { character | escape } "'" | '"' { character | escape } '"' ;
    escape      = "\" ( "n" | "t" | "r" | "b" | "f" | "\" | "/" | "'" | '"' | "u" 4 * hex | "u{" hex { hex } "}" ) ;
    name        = ( letter | "_" ) { letter | "_" | digit } ;

What the grammar doesn't say:

* A name that isn't there, a field that is missing and a field of null are errors. A path on the left of ``??`` may
  lead nowhere, and ``?.`` gives null where its left side is null or the field is missing; a null there ends the path.
* ``??`` beside a comparison, ``&&`` or ``||`` needs brackets, as does a sum before it.
* ``&&``, ``||``, ``!`` and the condition of ``?`` take true and false alone. ``true`` is not 1.
* ``==`` compares all the way down. ``<`` and its like take two numbers or two texts. Of texts, two dates with times
  are compared as moments: 10:00+01:00 is before 10:00+00:00. One without a zone is UTC beside one that has a zone, but
  in a row of a table it is a mistake: a person wrote it, and means the clocks of a place.
* ``+`` takes two numbers, two texts or two lists; ``/`` gives a fraction; ``%`` has the sign of its right side.
* ``in`` looks for a text in a text, for a value in a list, for a field in a mapping.
* Whole numbers are exact, up to 10**30.
* An operator, a call and a name with its fields are a step each; so is every 1,000 characters or items that are
  built or looked through. A loop pays for its body once for every item; the rest is paid for once, taken or not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from pinflow.expressions.access import ABSENT, Reference
from pinflow.expressions.compiler import Program, compile_source
from pinflow.expressions.lexer import TEXT, unclosed_text
from pinflow.expressions.values import BUDGET, MAX_STEPS, MAX_TEXT, SCALARS, STEP, Evaluation, as_text, result
from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.schema.invalid import Invalid, describe
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from pinflow.expressions.values import Budget

__all__ = [
    "Expression",
    "Reference",
    "Template",
    "compile_expression",
    "nearest",
    "parse_template",
]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; two of the same text are equal."""

    text: str
    references: tuple[Reference, ...]
    constant: bool  # reads neither data nor the clock
    _program: Program = field(compare=False, repr=False)

    def evaluate(self, scope: Mapping[str, Any], *, now: datetime | None = None) -> Any:
        """The value over the data in ``scope``, as plain data that shares nothing with it.

        ``now`` is the time that now() and today() give; without it they are errors. Raises Invalid, and
        nothing else, whatever the data.
        """
        program = self._program
        if program.path is not None:  # most cells of tables are read here
            found: Any = scope
            for key in program.path:
                found = found.get(key, ABSENT) if isinstance(found, dict) else ABSENT
            if type(found) in _AS_THEY_ARE:
                return found
        try:
            if (budget := BUDGET.get()) is not None:
                return _evaluate_on(budget, program, scope, now)
            value = program.run(Evaluation(scope, now, MAX_STEPS * STEP - program.price, program.loops))
            return value if type(value) in SCALARS else result(value)
        except Invalid as invalid:
            raise invalid.at(offset=0) from None
        except (RecursionError, MemoryError):
            raise Invalid("there is not enough memory left to evaluate this", offset=0) from None


def _evaluate_on(budget: Budget, program: Program, scope: Mapping[str, Any], now: datetime | None) -> Any:
    allowed = max(0, min(MAX_STEPS * STEP, budget.work))
    evaluation = Evaluation(scope, now, allowed - program.price, program.loops)
    try:
        value = program.run(evaluation)
        return value if type(value) in SCALARS else result(value)
    finally:
        budget.work -= allowed - evaluation.left


_AS_THEY_ARE: Final[frozenset[type]] = frozenset({str, bool, type(None)})  # of other types some need a closer look


@lru_cache(maxsize=1024)
def compile_expression(text: str) -> Expression:
    """The expression that ``text`` spells; raises Invalid, and nothing else, whatever the text."""
    try:
        program = compile_source(text)
    except (RecursionError, MemoryError):
        raise Invalid("there is not enough memory left to read this", offset=0) from None
    return Expression(text, program.references, not program.references and not program.clock, program)


Part: TypeAlias = str | tuple[Expression, int]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with ``${{ }}`` in it, taken apart.

    ``parts`` holds literal text, and expressions with the offset of each one's text within the whole. ``single``
    says that there is one expression and nothing else but white space around it: its value keeps its type.
    ``references`` are those of all expressions, with offsets within the whole.
    """

    text: str
    parts: tuple[Part, ...]
    single: bool
    references: tuple[Reference, ...]

    def render(self, scope: Mapping[str, Any], *, now: datetime | None = None) -> Any:
        """The value of a single expression; else all parts joined as text.

        Numbers are written plainly and booleans as true and false. Raises Invalid, with an offset within
        the template, where an expression fails and where a list, a mapping or null would have to become text.
        What comes out is data: it is not looked through for expressions again.
        """
        if self.single:
            expression, offset = cast("tuple[Expression, int]", self.parts[0])
            try:
                return expression.evaluate(scope, now=now)
            except Invalid as invalid:
                raise invalid.at(offset=offset) from None
        values = [part if isinstance(part, str) else _evaluate(*part, scope, now) for part in self.parts]
        texts = [
            value if isinstance(part, str) else _as_text(*part, value)
            for part, value in zip(self.parts, values, strict=True)
        ]
        length = sum(map(len, texts))
        if length > MAX_TEXT:
            raise Invalid(f"the text would be {length:,} characters long; at most {MAX_TEXT:,} are allowed", offset=0)
        return "".join(texts)


def _evaluate(expression: Expression, offset: int, scope: Mapping[str, Any], now: datetime | None) -> Any:
    try:
        return expression.evaluate(scope, now=now)
    except Invalid as invalid:
        raise invalid.at(offset=offset) from None


def _as_text(expression: Expression, offset: int, value: Any) -> str:
    try:
        return as_text(value)
    except Invalid as invalid:
        text = expression.text if len(expression.text) <= 60 else expression.text[:59] + "…"
        raise Invalid(
            f"{text} is {describe(value)}, which can't be put into text", invalid.hint, offset=offset
        ) from None


# "$${{" is tried first, so that it never counts as a dollar sign before an expression.
_OPENING: Final = r"\$?\$\{\{"
_INSIDE: Final = rf"(?s){TEXT}|[{{}}'\"]"


def parse_template(text: str) -> Template | None:
    """The parts of a text with ``${{ }}``, or None if it holds none.

    ``$${{`` stands for a literal ``${{``. An expression ends at the first ``}}`` that neither stands in a quoted
    text nor closes a mapping. Raises Invalid, with an offset within the text, for an expression that is
    wrong or not closed.
    """
    if "${{" not in text:
        return None
    parts = tuple(_parts(text))
    rest = [part for part in parts if not isinstance(part, str) or part.strip()]
    single = len(rest) == 1 and not isinstance(rest[0], str)
    references = tuple(
        replace(reference, offsets=tuple(place + part[1] for place in reference.offsets))
        for part in parts
        if not isinstance(part, str)
        for reference in part[0].references
    )
    return Template(text, tuple(rest) if single else parts, single, references)


def _parts(text: str) -> Iterator[Part]:
    """The parts in order; literal text around an escaped opening comes in several."""
    start = 0
    while opening := re.compile(_OPENING).search(text, start):
        escaped = opening[0].startswith("$$")
        literal = text[start : opening.start()] + ("${{" if escaped else "")
        if literal:
            yield literal
        start = opening.end()
        if not escaped:
            end = _closing(text, opening)
            yield _expression(text, start, end)
            start = end + 2
    if rest := text[start:]:
        yield rest


def _expression(text: str, start: int, end: int) -> tuple[Expression, int]:
    source = text[start:end]
    offset = start + len(source) - len(source.lstrip())
    try:
        return compile_expression(source.strip()), offset
    except Invalid as invalid:
        raise invalid.at(offset=offset) from None


def _closing(text: str, opening: re.Match[str]) -> int:
    """Where the ``}}`` stands that ends the expression."""
    depth = 0
    for mark in re.compile(_INSIDE).finditer(text, opening.end()):
        match mark[0]:
            case "{":
                depth += 1
            case "}" if depth:
                depth -= 1
            case "}" if text.startswith("}}", mark.start()):
                return mark.start()
            case "'" | '"' as quote:
                raise unclosed_text(quote, mark.start())
    raise Invalid("this ${{ is not closed with }}", offset=opening.start())
