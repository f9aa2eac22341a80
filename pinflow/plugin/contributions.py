"""What a plugin may offer beside actions, APIs and credentials: commands, simulators, importers, variables, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pinflow.http.api import Api
    from pinflow.http.credentials import Credential, CredentialRequest
    from pinflow.plugin.action import Action
    from pinflow.state.protocol import State


class RequiredLogin(Protocol):
    """What a login must be able to do: an API, and its scopes there."""

    @property
    def api(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...


class RequiredToken(RequiredLogin, Protocol):
    """A login whose token the recipe names."""

    @property
    def token(self) -> str: ...


class CheckedRecipe(Protocol):
    """A recipe without mistakes, by the logins that it needs. Keys end with the API."""

    @property
    def logins(self) -> Mapping[tuple[str, str], RequiredToken]: ...
    @property
    def item_logins(self) -> Mapping[tuple[str, str], RequiredLogin]:
        """Logins that are another one for each item of a loop."""


class Contributions(Protocol):
    """What all plugins together offer, as far as commands ask for it."""

    @property
    def apis(self) -> Mapping[str, Api]:
        """By id: "v5"."""

    @property
    def simulators(self) -> Mapping[str, Simulator]:
        """By service."""

    @property
    def recipes(self) -> Mapping[str, Path]:
        """Recipes that come with plugins, by name."""

    def action(self, name: str, api: str | None) -> Action | None:
        """The action that a recipe of ``api`` calls ``name``; None if there is none."""


class Host(Protocol):
    """pinflow, as commands and importers see it. A Protocol, so that what plugins offer does not import the app."""

    @property
    def registry(self) -> Contributions:
        """What all plugins together offer."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables of the program."""

    @property
    def state(self) -> Path:
        """The folder where runs are recorded."""

    @property
    def store(self) -> State:
        """What is kept between runs."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def plan(self, recipe: Path, *, inputs: Mapping[str, Any] | None, api: str | None = None) -> CheckedRecipe:
        """A checked recipe; nothing is sent. ``inputs`` None only checks it. Raises RecipeError, UsageError."""

    def recipes(self) -> Sequence[Path]:
        """The recipes that come with pinflow, by name."""

    def usual_api(self) -> str | None:
        """The API that the environment names, if it does. Raises UsageError for an unknown one."""

    def credential_request(self, token: str, api: str, scopes: frozenset[str] = ...) -> CredentialRequest:
        """Where a token is looked for. Raises UsageError for an unknown API."""

    def look(self, name: str, credential: Credential, api: str, *, environ: Mapping[str, str] | None = ...) -> Any:
        """The output of a reading action without arguments; None where ``api`` has no such action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand of ``pinflow``.

    ``add_arguments`` fills its parser. ``run`` gets the parsed arguments and the
    app, and returns the exit code; it prints results to standard output and raises
    PinflowError for anything a person must be told.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Host], int]
    group: str = "More"


class RunningSandbox(Protocol):
    """A simulated service that is running.

    It may have two methods more, for tests and ``pinflow plugins check``: ``state()``, all that it holds as plain
    data that can be compared, and ``requests()``, what it was asked: mappings with ``method``, ``path``, ``status``
    and ``count``.
    """

    @property
    def url(self) -> str:
        """Where it listens."""

    def environment(self, tokens: Collection[str] = ...) -> Mapping[str, str]:
        """The variables a client needs to use it, with a token for each name in ``tokens``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """How a service is simulated on loopback.

    ``start`` gets the clock that its time is to be told by (seconds since the
    epoch), and gives a context manager of the running sandbox.
    """

    service: str  # as in Api.service
    start: Callable[[Callable[[], float]], AbstractContextManager[RunningSandbox]]


@dataclass(frozen=True, slots=True)
class Imported:
    """A recipe that was made from something else: its text, and notes for the person.

    ``notes`` name what could not be carried over, with its place.
    """

    recipe: str
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """A way to make a recipe from what people have already: ``pinflow new --from-NAME VALUE``.

    ``read`` gets the value and the app. It raises UsageError for what it can't
    read, and puts no secret into the recipe or its messages.
    """

    name: str  # "curl": small letters, digits and -
    metavar: str
    help: str
    read: Callable[[str, Host], Imported]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable that pinflow or a plugin reads, for people.

    Words in angle brackets stand for a part of the name that differs: "PINFLOW_INPUT_<NAME>". ``meaning`` and
    ``default`` are text of one line; ``default`` says what holds while it is unset, "" if nothing does. The value of
    a ``secret`` one is never shown. ``reader`` says who reads it: "every command", "resume".
    """

    name: str
    meaning: str
    reader: str
    default: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What ``pinflow doctor`` has to say of one thing. Its texts hold no secret.

    ``hint`` is what to do. A "note" is no fault, but worth knowing; a "problem" keeps something from working, and
    ``exit_code`` is that of the runs which fail by it: 4 for a sign-in, else 1.
    """

    topic: str  # one word or two: "clock"
    text: str
    hint: str = ""
    level: Literal["ok", "note", "problem"] = "ok"
    exit_code: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """Something that ``pinflow doctor`` looks into.

    ``run`` gets the app, and whether it must stay offline. What it raises becomes a problem.
    """

    topic: str
    run: Callable[[Host, bool], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """What a service means by a code in its error answers, for ``pinflow explain code CODE`` and the documentation.

    The texts are plain sentences without a full stop, to stand in lists and tables. ``outcome`` is what pinflow does
    with such an answer.
    """

    api: str  # the id of the API whose answers have it: "v5"
    code: int | str
    statuses: Sequence[int]  # of HTTP, that it has been seen with; the most usual one first
    meaning: str
    causes: Sequence[str]
    remedies: Sequence[str]
    outcome: str = "the step fails: exit code 1"
    source: str = ""  # where the facts are from; "" for the service's own documentation


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsPage:
    """A page of facts, for the site and for ``pinflow docs``.

    ``text`` makes its Markdown (CommonMark and tables) without the title, when somebody reads it: from
    what the program itself uses, so that both say the same. Links to other pages end in ``.md``.
    """

    name: str  # its file, without the ending: "sandbox-settings", "operations/boards"
    title: str
    about: str  # a sentence: what one finds there
    text: Callable[[], str]
    words: tuple[str, ...] = ()  # others by which people search for it
    parent: str = ""  # the page that lists it; "": the list of all
    see: str = ""  # where to go next, as Markdown
