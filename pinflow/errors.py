"""The errors of pinflow, and the exit code of each.

    PinflowError              one message, never a traceback                       exit 1
      UsageError              the command or its inputs are wrong                  exit 2
      RecipeError             all mistakes of a recipe, each with its place        exit 2
      PluginError             a plugin can't be loaded, or a name is taken         exit 2
      CredentialError         what is missing, and the command that gets it        exit 4
      ApprovalRequired        a deletion or many changes without approval          exit 5
      ActionError             a step failed                                        exit 1
        Unreachable           no answer; nothing was applied
        RemoteError           an error answer of the service
          RateLimited         beyond patience: the run is paused                   exit 6
          SpamBlocked         the account's writes pause                           exit 6
          Forbidden           not for this account or app
            AccessTooLow      to no app of this access tier                        exit 4
          MissingScope        the token may not do this                            exit 4
        MalformedAnswer       an answer that can't be parsed
        PluginDefect          an exception in a plugin's code, with its place
        InDoubt               a write whose outcome is unknown                     exit 7
        Diverged              something else changed the target                    exit 7
      StateError              the state directory can't be used                    exit 8

Exit codes are a public interface: 0 done, 1 a step failed, 2 usage or recipe,
3 a defect of pinflow, 4 sign-in needed, 5 approval needed, 6 paused, 7 outcome
unknown, 8 state directory, 130 and 143 interrupted (and resumable).
"""

from __future__ import annotations

from functools import wraps
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.masking.known import hides_secret, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

F = TypeVar("F", bound="Callable[..., Any]")

OK, FAILED, USAGE, DEFECT, CREDENTIAL, APPROVAL, PAUSED, DOUBT, STATE = range(9)
INTERRUPTED, TERMINATED = 130, 143
BROKEN_PIPE = 141  # what a shell reports for a program that SIGPIPE ended

ALIASES_UNTIL = "0.3"  # renamed names keep an alias for one version


class PinflowError(Exception):
    """An error for people, as one message; ``hint`` says what to do about it."""

    exit_code = FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        # it may quote a service or a plugin's exception, and is shown and kept at many places
        self.message, self.hint = mask(message), mask(hint)
        super().__init__(self.message)
        self.login = ""  # the token of the call that failed, if it was a call
        self.argument = ""  # of the action, that it is about; so a table's row can name the column
        self.remedies: Mapping[str, str] = {}  # arguments of the action -> the value that helps, "" for any other one
        self.item = ""  # what people call the item of a loop that the message names; content, so it is never kept

    def __str__(self) -> str:
        return "\n  ".join([self.message, *self.hint.splitlines()])

    @property
    def kind(self) -> str:
        """The stable name of this kind of error, for programs: ``rate_limited``."""
        return kind_name(type(self))


def kind_name(kind: type[PinflowError]) -> str:
    """The stable name of a class of errors: ``rate_limited`` for RateLimited."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")


class UsageError(PinflowError):
    """The command line or an input is wrong; nothing was sent."""

    exit_code = USAGE


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a recipe, and its place (line and column count from 1; 0 where there is no text to point at).

    ``line_text`` is the line with stars for what may be a secret, or at most 400 characters of it, and ``text_column``
    is where the mistake stands in that.
    """

    file: str
    line: int
    column: int
    what: str
    hint: str = ""
    line_text: str = field(default="", compare=False)
    text_column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.what}{hint}"

    def without_line(self) -> Problem:
        """The same problem where the recipe's line doesn't show what is wrong."""
        return replace(self, line_text="", text_column=0)

    def __lt__(self, other: Problem) -> bool:
        return _in_text(self) < _in_text(other)


_in_text = attrgetter("file", "line", "column", "what", "hint")  # the order of problems


class RecipeError(PinflowError):
    """Every problem of one or more recipes, in the order of the text; nothing was sent."""

    exit_code = USAGE

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class PluginError(PinflowError):
    """A plugin can't be loaded or breaks the contract; names plugin, module and distribution."""

    exit_code = USAGE


class CredentialError(PinflowError):
    """A token or the app's credentials are missing or unusable; says which, and the command that gets them."""

    exit_code = CREDENTIAL


class ApprovalRequired(PinflowError):
    """A run would delete things or make many changes, and was not approved."""

    exit_code = APPROVAL


class StateError(PinflowError):
    """The state directory is locked, full, read-only, corrupt or from a newer version, or others can change it."""

    exit_code = STATE


class ActionError(PinflowError):
    """A step failed. ``retryable`` says whether a retry can help."""

    retryable = False


class Unreachable(ActionError):
    """No answer came, and nothing was applied: it was a read, or nothing was sent."""

    retryable = True


class MalformedAnswer(ActionError):
    """The service's answer can't be parsed: too big, not JSON, wrong shape."""

    retryable = True


class PluginDefect(ActionError):
    """A plugin's code raised an exception of its own: names plugin, action, file and line."""


class RemoteError(ActionError):
    """An error answer of the service. Stores the service's name for the error, never the body.

    ``code`` and ``request_id`` are kept only if they look like such: a service may repeat a token there.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: int | str | None = None,
        request_id: str = "",
        call: str = "",
        hint: str = "",
    ) -> None:
        code, request_id = _plain_code(code), plain_request_id(request_id)
        facts = [f"HTTP {status}"] if status else []  # 0: pinflow knew it without asking
        if code is not None:
            facts.append(f"code {code}")
        if request_id:
            facts.append(f"request {request_id}")
        prefix = f"{call}: " if call else ""
        suffix = f" ({', '.join(facts)})" if facts else ""
        super().__init__(f"{prefix}{message}{suffix}", hint=hint)
        self.text = mask(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.call = call
        self.retryable = status >= 500 or status in (408, 409)


def _plain_code(code: int | str | None) -> int | str | None:
    if isinstance(code, int):
        return code if abs(code) < 10**_LONGEST_CODE else None
    is_plain = code is not None and len(code) <= _LONGEST_CODE and _is_word(code)
    return code if is_plain else None


def plain_request_id(text: str) -> str:
    """A request's id as a service gave it, if it looks like one: digits and letters, at most 40 (a UUID has 36)."""
    return text if len(text) <= _LONGEST_REQUEST_ID and _is_word(text) else ""


def _is_word(text: str) -> bool:
    is_plain = text.isascii() and text.translate(_JOINTS).isalnum()
    return is_plain and not hides_secret(text)


_LONGEST_CODE, _LONGEST_REQUEST_ID = 18, 40  # characters; the longest code of a bundled service has 5
_JOINTS = str.maketrans("", "", "-_.")


class RateLimited(RemoteError):
    """A quota is used up for longer than the run's patience: the run is paused, not failed."""

    exit_code = PAUSED

    def __init__(
        self, message: str, *, retry_after: float | None = None, category: str = "", status: int = 429, **facts: str
    ) -> None:
        super().__init__(message, status=status, **facts)
        self.retry_after = retry_after  # seconds
        self.category = category
        self.retryable = True


class SpamBlocked(RemoteError):
    """The service suspects spam: the account's writes pause, and none is skipped."""

    exit_code = PAUSED

    def __init__(
        self,
        message: str,
        *,
        status: int,
        retry_after: float | None = None,
        code: int | str | None = None,
        **facts: str,
    ) -> None:
        super().__init__(message, status=status, code=code, **facts)
        self.retry_after = retry_after  # seconds until writes are allowed again


class Forbidden(RemoteError):
    """The token is valid, but this is not for its account or app.

    ``tier`` is the app's access tier, where the service names that as the reason: "trial".
    """

    def __init__(
        self, message: str, *, status: int, code: int | str | None = None, tier: str = "", **facts: str
    ) -> None:
        super().__init__(message, status=status, code=code, **facts)
        self.tier = tier


class AccessTooLow(Forbidden):
    """The service refuses this to every app of the tier: every next item would meet it, so the run waits for access."""

    exit_code = CREDENTIAL


class MissingScope(RemoteError):
    """The token lacks a scope that this call needs."""

    exit_code = CREDENTIAL

    def __init__(self, message: str, *, missing: Iterable[str] = (), status: int = 401, **facts: str) -> None:
        super().__init__(message, status=status, **facts)
        self.missing = frozenset(missing)


class InDoubt(ActionError):
    """A write was sent, and it is unknown whether it was applied; only the target can show that.

    ``blocked``: what stands between here and the service answered in its place, and would answer the next write too.
    """

    exit_code = DOUBT

    def __init__(self, message: str, *, hint: str = "", blocked: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.blocked = blocked


class Diverged(ActionError):
    """The target differs from what the run made: something else changed it, or an answer was wrong."""

    exit_code = DOUBT


class Interrupted(PinflowError):
    """The run was stopped; it can be resumed. ``exit_code`` is TERMINATED if the system asked, and no person."""

    exit_code = INTERRUPTED

    def __init__(self, message: str, *, hint: str = "", exit_code: int = INTERRUPTED) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


def mask_error(error: PinflowError) -> PinflowError:
    """The same error, with stars for the secrets that were put into its texts since it was made."""
    error.message, error.hint, error.item = mask(error.message), mask(error.hint), mask(error.item)
    error.args = (error.message,)
    return error


def warn_renamed(old: str, new: str) -> None:
    """Warn the plugin (or program) that calls pinflow by an old name, naming it, both names and when the old one goes.

    The caller is the first frame outside of the ``pinflow`` package; its package is named.
    """
    import sys  # only an outdated caller pays for these
    import warnings

    frame, level = sys._getframe(1), 2
    inside = ("pinflow", "importlib")  # `from pinflow import name` is looked up by importlib, which warn() skips itself
    while frame.f_back is not None and (part := frame.f_globals.get("__name__", "").partition(".")[0]) in inside:
        frame, level = frame.f_back, level + (part == "pinflow")
    caller = str(frame.f_globals.get("__name__", "")).partition(".")[0] or "a program"
    warnings.warn(
        f"{caller} uses {old}, which is now {new}; pinflow {ALIASES_UNTIL} drops the old name",
        DeprecationWarning,
        stacklevel=level,
    )


def renamed_keywords(**names: str) -> Callable[[F], F]:
    """Accept keywords by their old names as well, with a warning; signature and help show the new ones alone."""

    def decorate(function: F) -> F:
        called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for old in names.keys() & kwargs.keys():
                warn_renamed(f"{called}({old}=)", f"{called}({names[old]}=)")
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return cast("F", call)

    return decorate


def renamed_property(old: str, new: str) -> Any:
    """A property by its old name, with a warning; both names begin with the class: ``App.accounts.quotas``."""
    value = attrgetter(new.partition(".")[2])

    def get(owner: object) -> Any:
        warn_renamed(old, new)
        return value(owner)

    return property(get, doc=f"The old name of ``{new}``.")


def ends_program(error: BaseException) -> bool:
    """Whether an exception asks for the end of the program: Ctrl-C, and what the handler of a signal raised.

    A plugin's ``sys.exit`` does not: it is one failure among others.
    """
    if not isinstance(error, SystemExit):
        return not isinstance(error, Exception)
    import signal

    codes = set()
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        handler = getattr(handler, "func", handler)  # of a partial
        codes.add(getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None))
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False
