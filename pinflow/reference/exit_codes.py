"""What each exit code of ``pinflow`` means, why a command ends with it, and what to do: for people, as data.

``pinflow explain`` shows it, and the documentation's page of exit codes is made of it.
"""

from __future__ import annotations

from importlib import import_module

from pinflow import errors
from pinflow.lazy_dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitCode:
    """An exit code. The texts are plain sentences without a full stop, to stand in lists and tables.

    ``again`` says whether the run can be continued, and how. ``errors`` are the stable names of the errors that end
    with this code, as ``--output json`` has them in ``error.kind``.
    """

    code: int
    title: str  # a few words: "paused"
    meaning: str
    causes: Sequence[str]
    remedies: Sequence[str]
    again: str
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A kind of error: its stable name, what it means, and the exit code that it ends with."""

    name: str  # "rate_limited"
    meaning: str
    exit_code: int


def exit_codes() -> tuple[ExitCode, ...]:
    """Every exit code, in ascending order."""
    return tuple(
        ExitCode(
            code=code,
            title=title,
            meaning=meaning,
            causes=causes,
            remedies=remedies,
            again=again,
            errors=tuple(kind.name for kind in error_kinds() if kind.exit_code == code),
        )
        for code, title, meaning, causes, remedies, again in _TEXTS
    )


def error_kinds() -> tuple[ErrorKind, ...]:
    """Every kind of error that ``--output json`` names, by name; "defect" is one that no class of ours stands for."""
    kinds = [ErrorKind(errors.kind_name(kind), _first_sentence(kind), kind.exit_code) for kind in _tree()]
    kinds.append(ErrorKind("defect", "A mistake in pinflow itself; a report was written", errors.DEFECT))
    return tuple(sorted(kinds, key=lambda kind: kind.name))


def _tree() -> Iterator[type[errors.PinflowError]]:
    """Every class of errors but those of plugins, which share the exit code of the one that they derive from."""
    for home in _HOMES:
        for value in vars(import_module(f"pinflow.{home}")).values():
            if isinstance(value, type) and issubclass(value, errors.PinflowError) and value.__module__.endswith(home):
                yield value


def _first_sentence(kind: type[errors.PinflowError]) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split()).partition(". ")[0].removesuffix(".")


_RESUME = "pinflow resume continues where it stopped; what is done isn't done again"
# where classes of errors are, below pinflow
_HOMES = (
    "errors",
    "engine.accounts",
    "engine.action_arguments",
    "engine.places.unknown",
    "engine.row_checks",
    "plan.inputs",
    "scheduling.jobs",
    "state.protocol",
)
_IF_BEGUN = "pinflow resume continues a run that had begun; if none had, give the same command again"
_NOTHING = "there is nothing to continue: nothing was sent"

# code, title, meaning, causes, remedies, whether it can be continued
_TEXTS: tuple[tuple[int, str, str, tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        errors.OK,
        "done",
        "Everything was done, or there was nothing to do",
        ("all steps ended well; items that were skipped for a reason don't change that",),
        ("nothing; the recap says what was skipped, and why",),
        "there is nothing left to continue",
    ),
    (
        errors.FAILED,
        "failed",
        "A step or an item failed; or a check that you asked for found something",
        (
            "the service refused a call: the message has its HTTP status and its code (pinflow explain code CODE)",
            "a row of a table is wrong, a file is missing, or a step's assertion doesn't hold",
            "a step with on_error let items fail, and the others were done",
            "pinflow schedule status or pinflow plugins check found a problem",
        ),
        (
            "read the last lines: they name what failed, and the command that helps",
            "pinflow runs show shows it again, with --items item by item",
            "mend the cause, then: pinflow resume",
        ),
        "pinflow resume tries only what failed or wasn't reached",
    ),
    (
        errors.USAGE,
        "wrong usage",
        "The command, an input or the recipe is wrong; nothing was sent",
        (
            "a mistake in the recipe: it is named as file:line:column",
            "a required input is missing, an option is misspelt, or a value has the wrong type",
            "a plugin can't be loaded, or two plugins offer the same name",
        ),
        (
            "correct what the message names; it says what was probably meant",
            "pinflow validate RECIPE finds every mistake of a recipe at once",
            "pinflow COMMAND --help shows what a command takes",
        ),
        _NOTHING,
    ),
    (
        errors.DEFECT,
        "a defect of pinflow",
        "pinflow itself has a mistake; what was done before it is recorded",
        ("a case that nobody thought of",),
        (
            "the message names a report file: it holds no values of variables; send it with what you did",
            "the same command with another input or without a plugin (PINFLOW_DISABLE) often goes through",
        ),
        "pinflow resume continues the run, if one had begun",
    ),
    (
        errors.CREDENTIAL,
        "sign-in needed",
        "A token is missing or was refused, lacks a permission (scope), or the app has too little access",
        (
            "there is no token of the name that the recipe uses",
            "the token has expired and can't be renewed, was revoked, or is of another environment",
            "the recipe needs a scope that you did not grant",
            "the app has trial access, and the service wants standard access for this",
        ),
        (
            "sign in with the command that the message names: pinflow auth login --recipe RECIPE",
            "pinflow auth status shows which tokens there are, and what they may do",
            "with trial access try the recipe with --sandbox, or apply for standard access",
        ),
        _IF_BEGUN,
    ),
    (
        errors.APPROVAL,
        "approval needed",
        "The run would delete things or make many changes, and nobody approved that",
        (
            "there is no terminal to ask at, or you answered no",
            "the run makes more changes than --max-writes allows",
            "it runs unattended, and its approval is missing or no longer holds: recipe, inputs, files, accounts or "
            "versions have changed",
        ),
        (
            "by hand: look at it with --dry-run, then add --yes",
            "unattended: pinflow approve RECIPE, or pinflow approve --renew to see what changed",
            "more changes: --max-writes N",
        ),
        _IF_BEGUN,
    ),
    (
        errors.PAUSED,
        "paused",
        "The run waits for a quota or for the end of a block; it has not failed",
        (
            "a quota of the service is used up for longer than --patience (default: 2 minutes)",
            "the service suspects spam and blocks the account's changes, mostly for less than a day",
        ),
        (
            "resume it at the time that the message names: pinflow resume",
            "pinflow quota shows what is used and left; --patience 2h waits longer",
            "a schedule continues it by itself",
        ),
        _RESUME,
    ),
    (
        errors.DOUBT,
        "outcome unknown",
        "It is unknown whether a change was applied, or the target isn't what the run made",
        (
            "the answer to a change was lost, and looking at the account could not tell whether it was applied",
            "something else changed the board or Pin meanwhile",
            "the service said that something was done, and it was not",
        ),
        (
            "look at what the message names before you delete or repeat anything",
            "pinflow runs show RUN --items lists what is unknown",
            "pinflow resume looks again; --made ITEM=ID or --not-made ITEM says what you saw",
        ),
        "pinflow resume looks again before it sends anything",
    ),
    (
        errors.STATE,
        "no place to work",
        "The folder of runs can't be used, or there is no room for the result",
        (
            "another process has locked it, the disk is full, or it can't be written",
            "it is damaged, or a newer version of pinflow wrote it",
            "other users of the machine can change it",
        ),
        (
            "do what the message names: free space, end the other process, or correct the permissions",
            "PINFLOW_STATE_DIR names another folder; pinflow state shows what is in it",
        ),
        "pinflow resume continues the run once the folder can be used",
    ),
    (
        errors.INTERRUPTED,
        "interrupted",
        "A person stopped it with Ctrl-C",
        ("Ctrl-C: the change that was under way was finished first; a second Ctrl-C stops at once",),
        ("pinflow resume",),
        _RESUME,
    ),
    (
        errors.BROKEN_PIPE,
        "output closed",
        "What read the output ended before it was complete: pinflow ... | head",
        ("the program behind the pipe ended",),
        ("write the output into a file, or read all of it",),
        "a run goes on without its reader; pinflow runs shows how it ended",
    ),
    (
        errors.TERMINATED,
        "terminated",
        "The system stopped it (SIGTERM): a service manager, a CI job, a container",
        (
            "the machine or container shut down, or a time limit was reached",
            "schedule run was told to stop, and a run was under way",
        ),
        ("pinflow resume; a schedule continues it by itself at its next start",),
        _RESUME,
    ),
)
