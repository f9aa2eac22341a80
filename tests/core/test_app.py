"""pinflow as a library: what is asked before a run, what is refused, and what is known afterwards."""

from __future__ import annotations

import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from pinflow import ActionError, Context, action, hookimpl
from pinflow.app import App
from pinflow.errors import APPROVAL, ApprovalRequired, CredentialError, RecipeError, StateError, UsageError

ME = "{name: Who, steps: [{id: me, uses: get_me}]}"


# -- before a run


def test_a_recipe_that_is_not_there_is_a_recipe_error(project: Any) -> None:
    with pytest.raises(RecipeError, match="no such file"):
        project.app().plan(project.folder / "nothing.yaml", inputs={})


def test_every_mistake_of_text_and_of_meaning_is_told_at_once(project: Any) -> None:
    _ = project.shop
    with pytest.raises(RecipeError) as caught:
        project.plan("name: n\nstesp: 1\nsteps:\n  - {uses: get_mee, timeout: soon}\n")
    assert [problem.line for problem in caught.value.problems] == [2, 4, 4]


def test_a_bundled_recipe_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path)}, state=tmp_path / "state")
    for given in ("get_user", "get_user.yaml", "recipes/get_user.yaml"):
        assert app.plan(Path(given), inputs=None).recipe.name == "Show the account"


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can remove a folder that is in use")
def test_runs_go_on_when_the_folder_they_were_started_in_is_gone(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = project.app()
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert not any((folder / "access_token.json").exists() for folder in app.launcher.sign_in(tmp_path).folders)


def test_what_to_choose_from_is_listed_by_the_services_own_action(project: Any) -> None:
    project.shop.fill(7)

    @action("list_tokens", api="v1")
    def list_tokens(ctx: Context) -> Any:
        yield from ({"id": thing["id"], "name": thing["name"]} for thing in ctx.client.pages("/things"))

    project.offer(list_tokens)
    plan = project.check("{name: n, inputs: {to: {type: token, required: true}}, steps: [{uses: get_me}]}")
    from pinflow.plan.inputs import DeclaredInput
    from pinflow.recipe.includes import IncludePlace

    declared = DeclaredInput("to", plan.recipe.inputs["to"], IncludePlace(plan.source, ("inputs", "to")))
    found = project.app().accounts.choices(declared, plan)
    assert (len(found), found[0]) == (7, ("101", "thing 0"))


def test_an_input_whose_type_no_action_lists_has_no_choices(project: Any) -> None:
    _ = project.shop
    plan = project.check("{name: n, inputs: {to: {type: date, required: true}}, steps: [{uses: get_me}]}")
    from pinflow.plan.inputs import DeclaredInput
    from pinflow.recipe.includes import IncludePlace

    declared = DeclaredInput("to", plan.recipe.inputs["to"], IncludePlace(plan.source, ("inputs", "to")))
    assert project.app().accounts.choices(declared, plan) == []
    assert project.shop.asked == []


# -- logins


def test_a_missing_token_is_told_before_anything_is_sent_or_recorded(project: Any) -> None:
    shop = project.shop
    project.environ["SHOP_TOKENS"] = "none"
    with pytest.raises(CredentialError, match="no token 'access_token' for Shop") as caught:
        project.run(ME)
    assert "pinflow auth login access_token" in caught.value.hint
    assert (shop.asked, project.app().runs()) == ([], [])


def test_all_missing_tokens_are_told_at_once(project: Any) -> None:
    _ = project.shop

    class Strict:
        @hookimpl(tryfirst=True)
        def pinflow_credential(self, request: Any) -> Any:
            if request.token == "c":
                return None
            raise CredentialError(f"the token {request.token!r} has expired", hint=f"log in again as {request.token}")

    project.plugins.append(Strict())
    project.environ["SHOP_TOKENS"] = "none"
    recipe = """
        name: n
        auth: {a: {token: a}, b: {token: b}, c: {token: c}}
        steps: [{uses: get_me, auth: a}, {uses: get_me, auth: b}, {uses: get_me, auth: c}]
    """
    with pytest.raises(CredentialError) as caught:
        project.run(recipe)
    assert caught.value.message.splitlines() == [
        "the token 'a' has expired",
        "the token 'b' has expired",
        "no token 'c' for Shop",
    ]
    assert caught.value.hint == "log in again as a; log in again as b; get it with: pinflow auth login c"


def test_a_token_that_may_not_do_enough_is_refused_with_what_it_lacks(project: Any) -> None:
    from pinflow import Credential

    shop = project.shop

    @action("look", api="v1", scopes={"things:read", "things:write"})
    def look(ctx: Context) -> None:
        ctx.client.get("/me")

    class Auth:
        @hookimpl(tryfirst=True)
        def pinflow_credential(self, request: Any) -> Credential:
            return Credential("x", name="x", source="a file", origin=shop.url, scopes=frozenset({"things:read"}))

    project.offer(look)
    project.plugins.append(Auth())
    with pytest.raises(CredentialError, match=r"the token 'access_token' \(a file\) lacks the scopes things:write"):
        project.run("{name: n, steps: [{uses: look}]}")
    assert shop.asked == []


def test_two_logins_with_one_token_are_one_to_the_service(project: Any) -> None:
    asked: list[str] = []

    class Auth:
        @hookimpl(tryfirst=True)
        def pinflow_credential(self, request: Any) -> None:
            asked.append(request.token)

    _ = project.shop
    project.plugins.append(Auth())
    recipe = (
        "{name: n, auth: {a: {token: t}, b: {token: t}}, steps: [{uses: get_me, auth: a}, {uses: get_me, auth: b}]}"
    )
    result = project.run(recipe)
    assert (result.ok, asked, result.calls) == (True, ["t"], {"t": {"other": 2}})


def test_a_login_may_say_which_plugin_signs_in(project: Any) -> None:
    asked: list[str] = []
    shop = project.shop_plugin

    class First:
        @hookimpl(tryfirst=True)
        def pinflow_credential(self, request: Any) -> Any:
            asked.append("first")
            return shop.pinflow_credential(request)

    class Second:
        @hookimpl
        def pinflow_credential(self, request: Any) -> Any:
            asked.append("second")
            return shop.pinflow_credential(request)

    project.plugins += [First(), Second()]
    assert project.run("{name: n, auth: {me: {token: t, plugin: Second}}, steps: [{uses: get_me}]}").ok
    assert project.run("{name: n, auth: {me: {token: t}}, steps: [{uses: get_me}]}").ok
    assert asked == ["second", "first"]


# -- approval

DELETES = "{name: n, steps: [{id: gone, uses: wipe}]}"


@pytest.fixture
def wiped(project: Any) -> list[str]:
    wiped: list[str] = []

    @action("wipe", effect="write", destructive=True)
    def wipe(ctx: Context) -> None:
        if not ctx.dry_run:
            wiped.append(ctx.step)

    project.offer(wipe)
    return wiped


def test_what_deletes_is_asked_for_and_not_done_unless_approved(project: Any, wiped: list[str]) -> None:
    asked: list[str] = []
    with pytest.raises(ApprovalRequired, match=r"^Step 'gone' of recipe\.yaml deletes things, which isn't approved"):
        project.run(DELETES)
    with pytest.raises(ApprovalRequired, match=r"^nothing was deleted, as you did not agree") as caught:
        project.run(DELETES, approve=asked.append)
    assert caught.value.exit_code == APPROVAL
    assert len(asked) == 1
    assert (wiped, project.app().runs()) == ([], [])


def test_a_recipe_that_deletes_runs_when_it_is_approved(project: Any, wiped: list[str]) -> None:
    assert project.run(DELETES, approve=lambda what: True).ok
    assert wiped == ["gone"]


def test_a_dry_run_needs_no_approval(project: Any, wiped: list[str]) -> None:
    assert project.run(DELETES, approve=lambda what: False, dry_run=True).status == "planned"
    assert wiped == []


# -- afterwards


def test_a_run_is_recorded_with_its_steps_and_numbers(project: Any) -> None:
    _ = project.shop
    result = project.run("{name: Make, steps: [{id: a, uses: make_thing, with: {name: x}}, {id: b, uses: get_me}]}")
    (run,) = project.app().runs()
    assert (run.id, run.name, run.state, run.exit_code) == (result.run, "Make", "ok", 0)
    shown = project.app().show(result.run)
    assert [(step.path, step.status) for step in shown.steps] == [("a", "ok"), ("b", "ok")]
    assert [(effect.step, effect.key, effect.state) for effect in shown.effects] == [("a", "make", "done")]
    assert (shown.counts, shown.calls) == ({"thing": {"done": 1}}, {"access_token": {"other": 2}})


def test_a_failed_run_is_recorded_as_one_without_what_the_service_said(project: Any) -> None:
    shop = project.shop
    shop.before = lambda method, path, body: (404, {"message": "private words"})
    result = project.run(ME)
    (run,) = project.app().runs()
    assert (run.state, run.exit_code, run.error) == ("failed", 1, "remote_error, exit 1, HTTP 404")
    assert "private words" in str(result.error)
    assert b"private words" not in b"".join(path.read_bytes() for path in project.state.rglob("*") if path.is_file())


def test_a_run_that_is_not_there_can_not_be_shown(project: Any) -> None:
    with pytest.raises(UsageError, match="no run 'x'"):
        project.app().show("x")


def test_a_state_directory_that_is_lost_in_the_middle_ends_the_run_and_says_so(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pinflow.state.folder.journal import FolderJournal

    shop = project.shop
    record_intent = FolderJournal.record_intent

    def lost(self: Any, step: str, key: str, **facts: Any) -> None:
        if step == "b":
            raise StateError("the disk is full")
        record_intent(self, step, key, **facts)

    monkeypatch.setattr(FolderJournal, "record_intent", lost)
    recipe = (
        "{name: n, steps: [{id: a, uses: make_thing, with: {name: x}}, {id: b, uses: make_thing, with: {name: y}}]}"
    )
    result = project.run(recipe)
    assert (result.status, result.exit_code, str(result.error)) == ("failed", 8, "the disk is full")
    assert shop.names() == ["x"]
    assert type(project.events[-1]).__name__ == "RunFinished"
    assert [run.state for run in project.app().runs()] == ["interrupted"]
    monkeypatch.undo()
    assert project.resume().ok
    assert shop.names() == ["x", "y"]


def test_a_step_that_can_not_be_recorded_ends_the_run_and_says_so(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pinflow.state.folder.journal import FolderJournal

    def lost(*_: Any, **__: Any) -> None:
        raise StateError("the disk is full")

    _ = project.shop
    monkeypatch.setattr(FolderJournal, "finish_step", lost)
    result = project.run(ME)
    assert (result.exit_code, type(project.events[-1]).__name__) == (8, "RunFinished")


def test_one_plan_can_run_twice(project: Any) -> None:
    shop = project.shop
    app = project.app()
    plan = project.plan("{name: n, steps: [{uses: make_thing, with: {name: x}}]}")
    assert app.run(plan).ok
    assert app.run(plan).ok
    assert shop.names() == ["x", "x"]


def test_an_action_that_fails_is_told_with_its_hint(project: Any) -> None:
    @action("fail")
    def fail(ctx: Context) -> None:
        raise ActionError("the shop is closed", hint="come back on Monday")

    project.offer(fail)
    assert str(project.run("{name: n, steps: [{uses: fail}]}").error) == "the shop is closed\n  come back on Monday"


# names of version 0.1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("quotas", "accounts.quotas"),
        ("lift_block", "accounts.lift_block"),
        ("choices", "accounts.choices"),
        ("monotonic", "clock.monotonic"),
        ("tell", "notices.alert"),
        ("undoing", "plan_undo"),
    ],
)
def test_an_old_name_of_the_app_still_works_and_warns_of_the_new_one(project: Any, old: str, new: str) -> None:
    app = project.app()
    with pytest.warns(DeprecationWarning, match=rf"^tests uses App\.{old}, which is now App\.{new}; pinflow 0\.3"):
        method = getattr(app, old)
    assert method == attrgetter(new)(app)


def test_an_unknown_name_of_the_app_is_an_attribute_error(project: Any) -> None:
    with pytest.raises(AttributeError, match="'App' object has no attribute 'quota'"):
        project.app().quota  # noqa: B018


def test_times_that_are_given_one_by_one_make_the_clock(project: Any) -> None:
    app = project.app()
    with pytest.warns(DeprecationWarning, match=r"which is now App\(clock=Clock\(now, monotonic, sleep\)\)"):
        old = App(app.registry, app._manager, {}, state=project.state, clock=lambda: 5.0, sleep=lambda seconds: None)
    assert old.now() == 5.0
    with pytest.raises(TypeError, match="unexpected keyword argument 'zone'"):
        App(app.registry, app._manager, {}, zone=lambda: 5.0)
