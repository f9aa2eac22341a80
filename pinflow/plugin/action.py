"""Actions: what a plugin offers to recipes, declared once by a typed function.

The signature of the function below ``@action`` is the whole declaration: names,
types, defaults and limits check recipes before a run, print ``pinflow actions
NAME``, fill the JSON Schema and drive completion. Types are real imports, read
at run time: text, numbers, booleans, lists, mappings, ``Literal``, ``TypedDict``,
``| None``, and ``Annotated`` with :class:`Text` or :class:`Number`. The returned
type (a TypedDict, or an iterator of one) tells which fields a recipe may use.
"""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pinflow.errors import PluginError
from pinflow.lazy_dataclass import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pinflow.plugin.parameters import Parameters
    from pinflow.plugin.place import Place

Effect = Literal["read", "write"]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """How something that an action made is taken back.

    ``action`` (of the same API) deletes it; ``given`` is parameter -> field of the
    made thing's kept result, ``also`` parameter -> fixed value. ``role`` is the
    login that made it. ``contents`` lists what is inside it: an action that yields,
    and its ``given``. ``with_contents`` says that deleting it deletes those as well.
    """

    action: str
    given: Mapping[str, str]
    also: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    contents: tuple[str, Mapping[str, str]] | None = None
    with_contents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """An action that is many: which of them a step means is told by its argument ``by``, before the run.

    ``find`` gets that argument's value and whether the step loops over items; it
    returns the action that the step then has, or None for an unknown name. ``names``
    lists them all, for people, editors and near misses; ``hint`` says where else to look.
    """

    by: str
    find: Callable[[str, bool], Action | None]
    names: Callable[[], Iterable[str]]
    hint: str = ""


@dataclass(frozen=True)
class Action:
    """One thing that a recipe's step can do.

    ``scopes`` is role -> scopes; an action with one login has the one role "".
    ``quota`` names the quota categories that its calls count against.
    ``destructive`` says that it deletes things; a mapping of arguments to values,
    that it does when one of them has that value. ``targets`` tells what it would delete,
    so that people are asked by name: a function of the context and the same parameters
    that only reads, and yields for each thing its kind, its name, how much is in it and
    whose it is: ``board 'Campaign drafts' (3 Pins) of garden_studio``. It is called before
    the run, if the arguments are known by then; it may raise ActionError.
    ``local`` says of a write that it may run unattended without an approval: it changes nothing that belongs to an
    account, but keeps files of this machine, such as tokens, or asks for a report. ``tokens``
    is the field of its items that names a token: in a loop over them, steps may act
    for the account of each, and the trouble of one account ends no other's items.
    ``reread`` gets a finished write's output again after a resume, from the ids
    and numbers which the journal kept of it. ``undo`` tells by kind of effect how
    what it made is taken back; every effect of such a kind must be something new.
    ``place`` finds a place that it writes to again, by a context and the place's key,
    for the audit of a resumed run; None for a key of another action's.
    ``call`` is the operation behind it, which ends the first line of its description:
    an action of several API versions calls another one in each.
    ``variants`` says that it only stands for others. ``accepts``, a JSON Schema of
    an object, says what it takes in place of its function's signature; ``variant``
    is which one it is, for people. ``checks`` say what arguments can't be
    together: each is a function whose parameters are some of the action's own, and
    raises UsageError. It is asked before the run wherever all of them are known by
    then, and in any case before the action is called. ``table`` says that it yields
    :class:`pinflow.Row`, the rows of a table that can be read again without asking a
    service: all of them are checked before anything is sent. ``shows`` are the parameters
    that people see as they are: what a recipe makes of a secret is ``***`` there, however short.
    """

    name: str
    function: Callable[..., Any]
    api: str | None = None
    effect: Effect = "read"
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    quota: frozenset[str] = frozenset()
    destructive: bool | Mapping[str, object] = False
    reread: Callable[[Any, Mapping[str, Any]], Any] | None = None
    undo: Mapping[str, Undo] = field(default_factory=dict)
    local: bool = False
    variants: Variants | None = None
    accepts: Mapping[str, Any] | None = None
    variant: str = ""
    tokens: str = ""
    checks: Sequence[Callable[..., None]] = ()
    call: str = ""
    table: bool = False
    targets: Callable[..., Iterable[str]] | None = None
    place: Callable[[Any, str], Place | None] | None = None
    shows: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """What a message about a step's arguments calls it: its name, or which of the variants it is."""
        return self.variant or self.name

    @property
    def full_name(self) -> str:
        """The name that is never ambiguous: ``v5.copy_board``."""
        return f"{self.api}.{self.name}" if self.api else self.name

    @property
    def roles(self) -> tuple[str, ...]:
        """The logins that it works with: () none, ("",) one, else their names."""
        return tuple(self.scopes)

    @property
    def yields(self) -> bool:
        """Whether it yields items, so that a step can loop over it."""
        return inspect.isgeneratorfunction(self.function)

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """Its docstring, with the call that it makes."""
        summary, newline, rest = (inspect.getdoc(self.function) or "").partition("\n")
        return f"{summary} ({self.call}){newline}{rest}" if self.call else f"{summary}{newline}{rest}"

    @cached_property
    def parameters(self) -> Parameters:
        """Its parameters, checked and described. Raises PluginError for a signature that can't be read."""
        from pinflow.plugin.parameters import Parameters, SchemaParameters

        if self.accepts is not None:
            return SchemaParameters(self.accepts, self.function, self.full_name, self.checks)
        variants = None if self.variants is None else (self.variants.by, self.variants.names)
        return Parameters(self.function, self.full_name, self.checks, variants)


def action(
    name: str,
    *,
    api: str | None = None,
    effect: Effect = "read",
    scopes: Collection[str] | Mapping[str, Collection[str]] = (),
    quota: Collection[str] = (),
    destructive: bool | Mapping[str, object] = False,
    reread: Callable[[Any, Mapping[str, Any]], Any] | None = None,
    undo: Mapping[str, Undo] | None = None,
    local: bool = False,
    variants: Variants | None = None,
    tokens: str = "",
    checks: Sequence[Callable[..., None]] = (),
    targets: Callable[..., Iterable[str]] | None = None,
    table: bool = False,
    place: Callable[[Any, str], Place | None] | None = None,
    shows: Collection[str] = (),
) -> Callable[[Callable[..., Any]], Action]:
    """Make the function below an :class:`Action` named ``name``.

    An action of an ``api`` gets a signed client. ``scopes`` are what its login's
    token needs; a mapping of role to scopes gives it several logins, told apart
    by ``ctx.login(role)``. A generator function yields items to loop over.
    Before a ``destructive`` one people are asked; ``{"extra": "delete"}`` is one
    that deletes things only when its argument ``extra`` is "delete". A write that
    is ``local`` runs unattended without an approval; if no step of the run has one,
    its clients refuse to write, but for effects that change nothing. ``tokens`` is
    the field of a generator's items that names a token, so that the steps of a loop may act for each.
    ``checks`` are functions that raise UsageError where some of its arguments, which
    are their parameters, do not go together. ``targets`` yields what a ``destructive``
    one would delete, in words, so that the question can name it. ``table`` says that a
    generator function yields :class:`pinflow.Row`, rows that can be read again: loops
    check all of them before anything is sent. ``place`` finds a place that it writes to again,
    by a context and the place's key. ``shows`` are parameters in which what is made of a secret is ``***``.
    Raises PluginError for a name that a recipe could not write.
    """
    from collections.abc import Mapping as MappingType

    if not name.isidentifier() or not name.isascii():
        raise PluginError(f"an action can't be named {name!r}: use letters, digits and _")
    if isinstance(scopes, MappingType):
        by_role = {role: frozenset(wanted) for role, wanted in scopes.items()}
    else:
        by_role = {"": frozenset(scopes)} if api is not None else {}

    def declare(function: Callable[..., Any]) -> Action:
        made = Action(
            name, function, api, effect, by_role, frozenset(quota), destructive, reread, undo or {}, local, variants
        )
        made = replace(made, tokens=tokens, checks=tuple(checks), targets=targets, table=table, place=place)
        return replace(made, shows=frozenset(shows))

    return declare
