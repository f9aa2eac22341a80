"""Tokens that a person chooses for the logins of a recipe, in place of those that it names.

What keeps the inputs of a run (its record, an approval, a job) keeps these beside them, under names that no input can
have: "auth.target" for the login "target", "auth." for the only one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass, field
from pinflow.plan.inputs import is_token_name
from pinflow.suggestions import suggest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pinflow.plan.inputs import DeclaredInput
    from pinflow.recipe.includes import IncludePlace
    from pinflow.recipe.model import Login

DEFAULT_LOGIN = "default"  # of recipes that declare none
_PREFIX = "auth."
_ONE_INPUT = re.compile(r"\$\{\{\s*inputs\.([A-Za-z_]\w*)\s*\}\}", re.ASCII)


def stored_name(login: str) -> str:
    """The name under which the token of a login is kept beside the inputs."""
    return _PREFIX + login


def login_of(name: str) -> str | None:
    """The login that a name among the inputs stands for; None for that of an input."""
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else None


def split(values: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Inputs by name, and tokens by login, of values that hold both."""
    inputs = {name: value for name, value in (values or {}).items() if login_of(name) is None}
    return inputs, {
        name.removeprefix(_PREFIX): str(value) for name, value in (values or {}).items() if name not in inputs
    }


def option_words(name: str, value: str) -> list[str]:
    """How a value that is kept among the inputs is given on a command line."""
    login = login_of(name)
    if login is None:
        return ["-i", f"{name}={value}"]
    return ["--token", value if login in ("", DEFAULT_LOGIN) else f"{login}={value}"]


def given_text(name: str, value: object) -> str:
    """A value that is kept among the inputs, for people: "board=Garden ideas", "token second for target"."""
    login = login_of(name)
    if login is None:
        return f"{name}={value}"
    return f"token {value}" if login in ("", DEFAULT_LOGIN) else f"token {value} for {login}"


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """Whose token each login has by choice: ``tokens`` by login, and ``inputs`` that name the tokens of others.

    ``typed`` are the names, as they are stored, of those that a person chose.
    """

    tokens: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    typed: frozenset[str] = frozenset()


def choose(
    tokens: Mapping[str, str],
    logins: Mapping[str, tuple[Login, IncludePlace]],
    declared: Mapping[str, DeclaredInput],
    given: Mapping[str, Any],
    *,
    typed: Collection[str],
) -> TokenChoice:
    """What ``tokens``, by login, mean for a recipe that declares ``logins`` and gets the inputs ``given``.

    The login "" is the only one that there is. Where an input of type token names a login's token, the choice is that
    input's value. ``typed`` are the stored names of those that a person chose. Raises UsageError for an unknown login,
    for one that is not the only one, and for two answers.
    """
    by_login: dict[str, str] = {}
    inputs: dict[str, str] = {}
    by_person: set[str] = set()
    for wanted, token in tokens.items():
        login = _find_login(wanted, token, logins)
        if not is_token_name(token):
            raise UsageError(
                f"{token[:40]!r} can't name a token", hint="its name has letters, digits, _ . and -; it is not a path"
            )
        if by_login.setdefault(login, token) != token:
            raise UsageError(f"two tokens are given for the login {login!r}: {by_login[login]} and {token}")
        if stored_name(wanted) in typed:
            by_person.add(stored_name(login))
    for login, token in list(by_login.items()):
        if (name := _input_of(login, logins, declared)) is None:
            continue
        if inputs.setdefault(name, token) != token or given.get(name) not in (None, token):
            other = given.get(name) or inputs[name]
            raise UsageError(
                f"two tokens are given for the login {login!r}: {other} by the input {name!r}, and {token}",
                hint=f"leave out the token of {login}, or the input",
            )
        if stored_name(login) in by_person:
            by_person.add(name)
        del by_login[login]
    return TokenChoice(by_login, inputs, frozenset(by_person & {*inputs, *map(stored_name, by_login)}))


def _find_login(wanted: str, token: str, logins: Mapping[str, object]) -> str:
    known = list(logins) or [DEFAULT_LOGIN]
    if not wanted and len(known) == 1:
        return known[0]
    if not wanted:
        words = " ".join(f"--token {login}={token}" for login in known)
        raise UsageError(f"the recipe has several logins: {' and '.join(known)}", hint=f"say for which: {words}")
    if wanted not in known:
        raise UsageError(f"the recipe has no login {wanted!r}", hint=suggest(wanted, known, "its logins are"))
    return wanted


def _input_of(
    login: str, logins: Mapping[str, tuple[Login, IncludePlace]], declared: Mapping[str, DeclaredInput]
) -> str | None:
    """The input of type token that alone names the token of a login; None if there is none."""
    if login not in logins or not isinstance(text := logins[login][0].token, str):
        return None
    name = match[1] if (match := _ONE_INPUT.fullmatch(text.strip())) else ""
    return name if name in declared and declared[name].input.type == "token" else None


def check_used(choice: TokenChoice, used: Iterable[str], declared: Mapping[str, DeclaredInput]) -> None:
    """Raise UsageError for a token that is chosen for a login which no step uses."""
    logins = set(used)
    for login in choice.tokens:
        if login in logins:
            continue
        if login != DEFAULT_LOGIN:
            raise UsageError(f"no step uses the login {login!r}", hint="leave out its token")
        of_type = [name for name, entry in declared.items() if entry.input.type == "token"]
        hint = f"name the token with its input: -i {of_type[0]}={choice.tokens[login]}" if of_type else ""
        raise UsageError(
            "the recipe signs in with no token of its own",
            hint=hint or "leave it out: a loop over list_tokens goes through all tokens, and other steps need none",
        )
