"""Which variables a recipe's token name reads: those that are known to hold a token, and those that a person named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow import App, CredentialError
from pinflow.app import Options
from pinflow.clock import Clock
from pinflow_sandbox import Settings, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.engine.results import RunResult
    from pinflow_sandbox import Sandbox

NOW = 1_800_000_000.0
LITERAL = "{name: n, api: v5, auth: {a: {token: sentry_auth_token}}, steps: [{uses: get_user}]}"
INPUT = """
name: n
api: v5
inputs:
  account: {type: token, default: sentry_auth_token}
  many: {type: list, default: [sentry_auth_token]}
  text: {type: string, default: sentry_auth_token}
auth: {a: {token: "${{ inputs.WHICH }}"}}
steps: [{uses: create_board, with: {name: "Mine"}}]
"""
LOOP = """
name: n
api: v5
inputs: {many: {type: list, default: [sentry_auth_token]}}
steps:
  - id: each
    for_each: ${{ inputs.many }}
    as: account
    key: ${{ account }}
    do: [{uses: get_user, auth: account}]
"""
SECRET = "sntrys_of_somebody_else"


class User:
    """A person with a sandbox and a variable that holds ``secret``."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.environ = {
            "PINTEREST_API_URI": sandbox.url,
            "PINFLOW_ALLOW_HOST": sandbox.url,
            "SENTRY_AUTH_TOKEN": SECRET,
        }

    def app(self) -> App:
        return App.installed(self.environ, state=self.folder / "state", clock=Clock(lambda: NOW))

    def run(self, text: str, inputs: Any = None, *, typed: Any = None) -> RunResult:
        recipe = self.folder / "r.yaml"
        recipe.write_text(text)
        app = self.app()
        return app.run(app.plan(recipe, inputs=inputs or {}, typed=typed), Options())

    @property
    def asked(self) -> int:
        return sum(int(str(each["count"])) for each in self.sandbox.requests())


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    with start(now=lambda: NOW, settings=Settings(quotas=False)) as sandbox:
        yield User(tmp_path, sandbox)


def refused(user: User, go: Callable[[], object]) -> None:
    with pytest.raises(CredentialError) as caught:
        go()
    assert "SENTRY_AUTH_TOKEN" in caught.value.message
    assert "PINFLOW_TOKENS=SENTRY_AUTH_TOKEN" in caught.value.hint
    assert caught.value.exit_code == 4 and SECRET not in str(caught.value)
    assert user.asked == 0


def test_a_recipes_word_alone_reads_no_variable_of_somebody_elses(user: User) -> None:
    refused(user, lambda: user.run(LITERAL))
    refused(user, lambda: user.run(INPUT.replace("WHICH", "account")))


@pytest.mark.parametrize("name", ["path", "home", "pinterest_app_secret", "my-api.key", "SENTRY_AUTH_TOKEN"])
def test_no_list_of_bad_names_is_needed(user: User, name: str) -> None:
    user.environ |= {"PATH": "/bin", "HOME": "/root", "PINTEREST_APP_SECRET": "s", "MY_API_KEY": "k"}
    with pytest.raises(CredentialError, match="is not known to hold a token"):
        user.run(LITERAL.replace("sentry_auth_token", name))
    assert user.asked == 0


def test_an_input_that_no_person_gave_is_the_recipes_word(user: User) -> None:
    given = {"account": "sentry_auth_token"}
    refused(user, lambda: user.run(INPUT.replace("WHICH", "account"), given, typed=()))
    refused(user, lambda: user.run(INPUT.replace("WHICH", "text"), {"text": "sentry_auth_token"}))


def with_a_token(user: User) -> None:
    """The variable holds a token after all, one without the service's prefix."""
    user.environ["SENTRY_AUTH_TOKEN"] = user.sandbox.control.token("garden_studio")
    rules = user.app().registry.apis["v5"].tokens
    assert user.environ["SENTRY_AUTH_TOKEN"].startswith(rules.prefixes)


def test_a_value_with_the_services_prefix_is_a_token_of_the_service(user: User) -> None:
    with_a_token(user)
    assert user.run(LITERAL).ok


@pytest.mark.parametrize(
    "listed", ["SENTRY_AUTH_TOKEN", "sentry_auth_token", "a, SENTRY_AUTH_TOKEN", "A SENTRY_AUTH_TOKEN"]
)
def test_a_variable_that_a_person_listed_is_read(user: User, listed: str) -> None:
    user.environ["PINFLOW_TOKENS"] = listed
    result = user.run(LITERAL)  # the service sees that it is not one of its tokens
    assert isinstance(result.error, CredentialError) and user.asked == 1


def test_a_token_that_a_person_typed_is_read(user: User) -> None:
    recipe = INPUT.replace("WHICH", "account")
    result = user.run(recipe, {"account": "sentry_auth_token"}, typed={"account"})
    assert isinstance(result.error, CredentialError) and user.asked == 1
    result = user.run(recipe, {"account": "sentry_auth_token"})  # a program's word is a person's
    assert isinstance(result.error, CredentialError) and user.asked == 2


def test_the_accounts_of_a_loop_are_read_if_a_person_listed_them(user: User) -> None:
    assert not user.run(LOOP).ok and user.asked == 0
    assert not user.run(LOOP, {"many": ["sentry_auth_token"]}, typed=()).ok and user.asked == 0
    assert not user.run(LOOP, {"many": ["sentry_auth_token"]}, typed={"many"}).ok and user.asked == 1


def test_what_a_person_named_for_a_run_holds_for_its_undoing(user: User) -> None:
    with_a_token(user)
    recipe = INPUT.replace("WHICH", "account")
    for typed, word in ((("account",), "'${{ inputs.login_1 }}'"), ((), "'sentry_auth_token'")):
        result = user.run(recipe.replace("Mine", f"Mine {len(typed)}"), {"account": "sentry_auth_token"}, typed=typed)
        assert result.ok
        app = user.app()
        assert app.undo(app.plan_undo(result.run)).ok
        (undo,) = (user.folder / "state" / "undo").glob(f"{result.run}-*.yaml")
        assert f"login_1: {{token: {word}}}" in undo.read_text()


@pytest.mark.parametrize("name", ["ACCESS_TOKEN", "ACCESS_TOKEN_V5"])
def test_the_documented_variables_are_read_whatever_they_hold(user: User, name: str) -> None:
    user.environ[name] = "opaque"
    result = user.run("{name: n, api: v5, steps: [{uses: get_user}]}")
    assert isinstance(result.error, CredentialError) and user.asked == 1
