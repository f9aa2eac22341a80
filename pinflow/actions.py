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
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pinflow.errors import PluginError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from pinflow.engine.durable import Durable, EachResult
    from pinflow.files import Files
    from pinflow.http.client import Client
    from pinflow.http.credentials import CredentialRequest
    from pinflow.notices import Notices
    from pinflow.parameters import Parameters

Effect = Literal["read", "write"]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Text:
    """Limits of a text parameter. ``format`` names what it is ("id", "date") for people and editors."""

    pattern: str | None = None
    min_length: int = 0
    max_length: int | None = None
    format: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """Limits of a number parameter: ``ge`` and ``le`` are included, ``gt`` is not."""

    ge: float | None = None
    le: float | None = None
    description: str = ""
    gt: float | None = None


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
    gives the action that the step then has, or None where there is none of that
    name. ``names`` lists them all, for people, editors and near misses; ``hint``
    says where else to look.
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
    that it does when one of them has that value. ``local`` says of a write that it
    may run with nobody there and no approval: it changes nothing that belongs to an
    account, but keeps files of this machine, such as tokens, or asks for a report. ``tokens``
    is the field of its items that names a token: in a loop over them, steps may act
    for the account of each, and the trouble of one account ends no other's items.
    ``reread`` gets a finished write's output again after a resume, from the ids
    and numbers which the journal kept of it. ``undo`` tells by kind of effect how
    what it made is taken back; every effect of such a kind must be something new.
    ``variants`` says that it only stands for others. ``accepts``, a JSON Schema of
    an object, says what it takes in place of its function's signature; ``variant``
    is which one it is, for people. ``checks`` say what arguments can't be
    together: each is a function whose parameters are some of the action's own, and
    raises UsageError. It is asked before the run wherever all of them are known by
    then, and in any case before the action is called.
    """

    name: str
    function: Callable[..., Any]
    api: str | None = None
    effect: Effect = "read"
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    quota: frozenset[str] = frozenset()
    destructive: bool | Mapping[str, object] = False
    reread: Callable[[Context, Mapping[str, Any]], Any] | None = None
    undo: Mapping[str, Undo] = field(default_factory=dict)
    local: bool = False
    variants: Variants | None = None
    accepts: Mapping[str, Any] | None = None
    variant: str = ""
    tokens: str = ""
    checks: Sequence[Callable[..., None]] = ()

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
        """Its docstring."""
        return inspect.getdoc(self.function) or ""

    @cached_property
    def parameters(self) -> Parameters:
        """Its parameters, checked and described. Raises PluginError for a signature that can't be read."""
        from pinflow.parameters import Described, Parameters

        return Parameters(self) if self.accepts is None else Described(self, self.accepts)


def action(
    name: str,
    *,
    api: str | None = None,
    effect: Effect = "read",
    scopes: Collection[str] | Mapping[str, Collection[str]] = (),
    quota: Collection[str] = (),
    destructive: bool | Mapping[str, object] = False,
    reread: Callable[[Context, Mapping[str, Any]], Any] | None = None,
    undo: Mapping[str, Undo] | None = None,
    local: bool = False,
    variants: Variants | None = None,
    tokens: str = "",
    checks: Sequence[Callable[..., None]] = (),
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
    are their parameters, do not go together.
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
        return replace(made, tokens=tokens, checks=tuple(checks))

    return declare


class Context:
    """What an action works with: its clients, and the durable calls that touch the world.

    Reads go through ``client``. Every write goes through :meth:`once` or
    :meth:`each`, so that it is announced in the journal before it leaves and
    never made twice.
    """

    __slots__ = (
        "_ask",
        "_clients",
        "_durable",
        "_files",
        "_note",
        "_notices",
        "_pause",
        "_prefix",
        "dry_run",
        "now",
        "step",
    )

    def __init__(
        self,
        *,
        step: str,
        clients: Mapping[str, Client],
        durable: Durable,
        files: Files,
        dry_run: bool,
        now: Callable[[], float],
        note: Callable[[str, Literal["info", "warning"]], None],
        pause: Callable[[float, str], None],
        ask: Callable[[str, str | None], CredentialRequest],
        notices: Notices | None = None,
        prefix: str = "",
    ) -> None:
        self.step = step  # its path in the run: "copy", or "pins[813].copied"
        self.dry_run = dry_run
        self.now = now  # seconds since the epoch
        self._clients = clients
        self._durable = durable
        self._files = files
        self._note = note
        self._pause = pause
        self._ask = ask
        self._notices = notices
        self._prefix = prefix

    @property
    def client(self) -> Client:
        """The client of the step's one login. Raises UsageError where there are several roles."""
        if len(self._clients) != 1:
            raise UsageError(f"step {self.step} has the logins {sorted(self._clients)}: use ctx.login(role)")
        return next(iter(self._clients.values()))

    def login(self, role: str) -> Client:
        """The client of the login that plays ``role``."""
        return self._clients[role]

    def once(
        self,
        key: str,
        do: Callable[[], T],
        *,
        find: Callable[[], T | None] | None = None,
        fresh: bool = False,
        kind: str = "",
        changes: bool = True,
    ) -> T:
        """Do something to the world exactly once, now or in an earlier process of this run.

        ``key`` names the effect within the step. When ``do`` may have happened but
        its answer was lost, ``find`` looks on the target for what it would have
        made. ``fresh=True`` promises that what it returns was not there before:
        then it is adopted when it is first seen, else after the settle time. The
        result after a resume holds only ids, numbers, booleans, dates
        and enum words. ``kind`` is what people call the thing: "board", "pin".
        ``changes`` False says that it is sent like a write and changes nothing that
        belongs to an account, such as asking for a report: it needs no approval.
        Raises InDoubt where only ``find`` could tell and there is none.
        """
        return self._durable.once(self.step, self._prefix + key, do, find=find, fresh=fresh, kind=kind, changes=changes)

    def each(
        self,
        items: Iterable[T],
        *,
        key: Callable[[T], str],
        do: Callable[[T], R],
        find: Callable[[T], R | None] | None = None,
        fresh: bool = False,
        kind: str = "",
        parallel: int = 1,
        total: int | None = None,
        after: EachResult | None = None,
    ) -> EachResult:
        """:meth:`once` for a stream of items, read lazily, with ``parallel`` calls in flight.

        Serial and in order by default. One bad item does not lose the others: it is
        in the result's ``failed``. ``do`` may return ``Skip(reason)``. ``after`` is
        what others of the same ``total`` came to: progress and result count on from it.
        """
        return self._durable.each(
            self.step,
            items,
            key=lambda item: self._prefix + key(item),
            do=do,
            find=find,
            fresh=fresh,
            kind=kind,
            parallel=parallel,
            total=total,
            after=after,
        )

    def freeze(self, name: str, ids: Iterable[str]) -> Sequence[str]:
        """Remember a list of ids in its order, once: after a resume the remembered one comes back."""
        return self._durable.freeze(self.step, self._prefix + name, ids)

    def made_by_run(self, kind: str) -> Iterable[Any]:
        """The kept result of everything of ``kind`` that any step of the run is certain to have made, streamed."""
        return (result for _, result in self._durable.results("", kind=kind))

    def made(self, kind: str) -> Iterable[tuple[str, Any]]:
        """Key (within this context) and kept result of everything of ``kind`` that is certain, streamed."""
        for key, result in self._durable.results(self.step, kind=kind):
            if key.startswith(self._prefix):
                yield key[len(self._prefix) :], result

    def sent_at(self, key: str) -> float | None:
        """When the effect ``key`` was last announced (seconds since the epoch), for use in ``find``."""
        return self._durable.sent_at(self.step, self._prefix + key)

    def doubted_at(self, kind: str) -> float | None:
        """When the step last sent a write of ``kind`` (seconds since the epoch) whose outcome was unknown for a while.

        To this process of the run or to an earlier one; None if there was none. A write that was refused and sent
        again later may count as one.
        """
        return self._durable.doubted_at(self.step, kind)

    def skip(self, key: str, reason: str, *, kind: str = "") -> None:
        """Record that something was left out, and why (a fixed text, without the service's data)."""
        self._durable.skip(self.step, self._prefix + key, reason, kind=kind)

    def within(self, name: str) -> Context:
        """The same step with keys of their own, for work that is repeated per ``name``, which is an id.

        Raises ValueError for any other text: keys are kept, and content is not.
        """
        if not re.fullmatch(r"[A-Za-z0-9_.:=+~#-]{1,60}", name):
            raise ValueError("ctx.within() takes an id: letters, digits and _ . : = + ~ # -")
        return Context(
            step=self.step,
            clients=self._clients,
            durable=self._durable,
            files=self._files,
            dry_run=self.dry_run,
            now=self.now,
            note=self._note,
            pause=self._pause,
            ask=self._ask,
            notices=self._notices,
            prefix=f"{self._prefix}{name}/",
        )

    def file(self, name: str) -> Path:
        """Where the file is that the recipe calls ``name``: in its own folder, or named by an input of type file.

        Raises UsageError for any other place: a recipe has no business there.
        """
        return self._files.place(name)

    def credential_request(self, token: str = "access_token", api: str | None = None) -> CredentialRequest:  # noqa: S107
        """Where a token is looked for, for actions about tokens themselves. ``api`` None is the recipe's own.

        Raises UsageError for an API that no plugin speaks.
        """
        return self._ask(token, api)

    def log(self, text: str, *, warning: bool = False) -> None:
        """Tell the person something."""
        self._note(text, "warning" if warning else "info")

    def notify(
        self, key: str, title: str, text: str = "", *, kind: str, level: Literal["info", "warning", "error"] = "warning"
    ) -> None:
        """Tell a person who is not there, once until :meth:`resolve`: see ``Notice``. Not in dry runs and sandboxes."""
        if self._notices is not None:
            from pinflow.notices import Notice

            self._notices.tell(Notice(key=key, kind=kind, title=title, text=text, at=self.now(), level=level))

    def resolve(self, key: str) -> None:
        """What :meth:`notify` told of under this key is over."""
        if self._notices is not None:
            self._notices.resolve(key)

    def wait(self, seconds: float, reason: str) -> None:
        """Wait, saying why and until when."""
        self._pause(seconds, reason)
