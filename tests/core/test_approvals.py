"""What runs with nobody there, what is asked of those who are, and how much may be changed unasked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import App, Context, action
from pinflow.engine.coverage import digest_of
from pinflow.engine.options import Options
from pinflow.engine.witness import Witness
from pinflow.errors import ActionError, ApprovalRequired, StateError, UsageError
from pinflow.lazy_dataclass import replace
from pinflow.plugin.registry import PluginInfo
from pinflow.state.records import Coverage

if TYPE_CHECKING:
    from pathlib import Path

MAKES = """
name: Make
inputs: {name: {type: string, default: a}, code: {type: secret}, more: {type: string, default: "${{ inputs.name }}!"}}
steps:
  - {id: make, uses: make_thing, with: {name: "${{ inputs.name }}"}}
"""


def approved(project: Any, text: str = MAKES, inputs: Any = None, **options: Any) -> Any:
    _ = project.shop
    app = project.app()
    return app.approve(app.plan(project.write(text), inputs=inputs or {}), by="ann", **options)


# -- unattended


def test_a_write_with_nobody_there_needs_an_approval_and_says_how_to_give_it(project: Any) -> None:
    shop = project.shop
    with pytest.raises(
        ApprovalRequired, match=r"recipe\.yaml makes changes \(step make\) and isn't approved"
    ) as caught:
        project.run(MAKES, inputs={"name": "it's", "code": "hunter22"}, unattended=True)
    hint = caught.value.hint
    assert hint.endswith("""recipe.yaml -i 'code=...' -i 'name=it'"'"'s'""".replace("'code=...'", "code=...")), hint
    assert (shop.asked, project.app().runs()) == ([], [])


def test_an_approved_recipe_runs_with_nobody_there_until_the_approval_is_taken_back(project: Any) -> None:
    approval = approved(project)
    assert project.run(MAKES, unattended=True).ok
    assert project.shop.names() == ["a"]
    assert project.app().approvals.revoke(approval.id) == [approval.id]
    with pytest.raises(ApprovalRequired):
        project.run(MAKES, unattended=True)


def test_reading_needs_no_approval(project: Any) -> None:
    _ = project.shop
    assert project.run("{name: n, steps: [{uses: get_me}]}", unattended=True).ok


def test_upkeep_needs_no_approval_and_can_write_nothing(project: Any) -> None:
    shop = project.shop
    kept: list[str] = []

    @action("tidy", api="v1", effect="write", local=True)
    def tidy(ctx: Context, *, cheat: bool = False) -> None:
        kept.append("tidied")
        if cheat:
            ctx.once("cheat", lambda: ctx.client.post("/things", json={"name": "x"}))

    project.offer(tidy)
    assert project.run("{name: n, steps: [{uses: tidy}]}", unattended=True).ok
    result = project.run("{name: n, steps: [{uses: tidy, with: {cheat: true}}]}", unattended=True)
    assert (result.exit_code, result.status, kept) == (5, "paused", ["tidied", "tidied"])
    assert "none are approved" in str(result.error)
    assert shop.names() == []


def test_what_is_asked_for_and_changes_nothing_needs_no_approval_and_is_recorded(project: Any) -> None:
    shop = project.shop

    @action("ask_report", api="v1", effect="write", local=True)
    def ask_report(ctx: Context, *, more: int = 0) -> Any:
        for _ in range(2):  # a second time it is remembered
            asked = ctx.once("ask", lambda: ctx.client.post("/things", json={"name": "r"}), counts_as_change=False)
        for number in range(more):
            ctx.once(f"more{number}", lambda: ctx.client.post("/things", json={"name": "x"}))
        return asked

    project.offer(ask_report)
    text = "{name: n, steps: [{uses: ask_report, with: {more: %d}}]}"
    assert project.run(text % 0, dry_run=True).status == "planned"
    assert shop.names() == []
    assert project.run(text % 0, unattended=True).ok
    assert shop.names() == ["r"]
    assert project.run(text % 1, unattended=True).exit_code == 5
    assert shop.names() == ["r", "r"]  # what changes things is refused as before


def test_what_says_that_it_reads_can_write_nothing_with_nobody_there(project: Any) -> None:
    shop = project.shop

    @action("sly", api="v1")
    def sly(ctx: Context) -> None:
        ctx.once("x", lambda: ctx.client.post("/things", json={"name": "x"}))

    project.offer(sly)
    assert project.run("{name: n, steps: [{uses: sly}]}", unattended=True).exit_code == 5
    assert shop.names() == []


def test_a_dry_run_needs_no_approval(project: Any) -> None:
    _ = project.shop
    assert project.run(MAKES, unattended=True, dry_run=True).status == "planned"


# -- what an approval is for


@pytest.mark.parametrize(
    ("text", "inputs", "why"),
    [
        (MAKES.replace("name: Make", "name: Made"), {}, "has changed since"),
        (MAKES + "# only a comment\n", {}, "has changed since"),
        (MAKES, {"name": "b"}, "with other inputs"),
    ],
)
def test_a_changed_recipe_or_other_inputs_need_a_new_approval(project: Any, text: str, inputs: Any, why: str) -> None:
    _ = project.shop
    approved(project)
    with pytest.raises(ApprovalRequired, match=f"it was approved on 2027-01-15 .*, (and )?{why}"):
        project.run(text, inputs=inputs, unattended=True)


def test_a_changed_include_needs_a_new_approval(project: Any) -> None:
    _ = project.shop
    outer = "{name: n, steps: [{include: part.yaml}]}"
    project.write("{name: p, steps: [{uses: make_thing, with: {name: a}}]}", "part.yaml")
    approved(project, outer)
    assert project.run(outer, unattended=True).ok
    part = project.write("{name: p, steps: [{uses: make_thing, with: {name: b}}]}", "part.yaml")
    with pytest.raises(ApprovalRequired) as caught:
        project.run(outer, unattended=True)
    assert f"; {part} changed since it was approved on 2027-01-15 " in str(caught.value)
    with pytest.raises(ApprovalRequired) as caught:
        project.run(f"{outer} # a comment", unattended=True)
    assert f"; {project.folder / 'recipe.yaml'}, {part} changed since it was approved on 2027" in str(caught.value)
    project.write("{name: p, steps: [{uses: make_thing, with: {name: a}}]}", "part.yaml")
    with pytest.raises(ApprovalRequired, match=r"it was approved on 2027-01-15 .*, and has changed since"):
        project.run(f"{outer} # a comment", unattended=True)


def test_the_include_of_an_include_is_named_and_each_text_has_its_own_path(project: Any) -> None:
    _ = project.shop
    outer = "{name: n, steps: [{include: steps/outer.yaml}, {include: steps/inner.yaml}]}"
    (project.folder / "steps").mkdir()
    project.write("{name: o, steps: [{include: inner.yaml}]}", "steps/outer.yaml")
    inner = project.write("{name: i, steps: [{uses: make_thing, with: {name: a}}]}", "steps/inner.yaml")
    approval = approved(project, outer)
    files = [project.folder / "recipe.yaml", project.folder / "steps" / "outer.yaml", inner]
    assert sorted(approval.covers.texts) == sorted(map(str, files))
    project.write("{name: i, steps: [{uses: make_thing, with: {name: b}}]}", "steps/inner.yaml")
    with pytest.raises(ApprovalRequired) as caught:
        project.run(outer, unattended=True)
    assert f"; {inner} changed since it was approved on" in str(caught.value)


def test_a_default_that_changes_by_itself_needs_no_new_approval(project: Any) -> None:
    _ = project.shop
    text = MAKES.replace("default: a}", 'default: "${{ today() }}"}')
    approved(project, text)
    project.clock.now += 86_400
    assert project.run(text, unattended=True).ok


def test_the_same_text_elsewhere_is_the_same_and_a_secret_is_in_no_approval(project: Any) -> None:
    _ = project.shop
    app = project.app()
    here = app.plan(project.write(MAKES), inputs={"code": "hunter22"})
    there = app.plan(project.write(MAKES, "other.yaml"), inputs={"code": "another one"})
    assert digest_of(here) == digest_of(there)
    app.approve(here, by="ann")
    (file,) = (project.state / "approvals").iterdir()
    assert "hunter22" not in file.read_text("utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_paused_run_goes_on_with_the_approval_that_it_began_with(project: Any) -> None:
    text = MAKES.replace("default: a}", 'default: "${{ today() }}"}')
    approved(project, text)
    project.shop.before = lambda method, path, body: (400, {"message": "no"}) if method == "POST" else None
    assert project.run(text, unattended=True).exit_code == 1
    project.shop.before = lambda method, path, body: None
    assert project.resume(unattended=True).ok
    assert len(project.shop.names()) == 1


def test_a_damaged_or_foreign_approval_is_told_and_not_believed(project: Any) -> None:
    _ = project.shop
    approval = approved(project)
    file = project.state / "approvals" / f"{approval.digest}.json"
    content = json.loads(file.read_text("utf-8"))
    other = ({"max_writes": "many"}, {"digest": "0" * 64}, {"at": 1e300}, {"at": "soon"})
    for damage in ("{", *(json.dumps(content | each) for each in other)):
        file.write_text(damage, "utf-8")
        with pytest.raises(StateError, match="is damaged"):
            project.run(MAKES, unattended=True)
    assert len(project.app().approvals.all()[1]) == 1
    file.write_text(json.dumps(content), "utf-8")
    file.chmod(0o666)
    with pytest.raises(StateError, match="others can change"):
        project.run(MAKES, unattended=True)
    assert project.shop.names() == []


def test_a_revocation_must_mean_one_thing(project: Any) -> None:
    approval = approved(project)
    app = project.app()
    with pytest.raises(UsageError, match="no approval matches 'nothing'"):
        app.approvals.revoke("nothing")
    assert app.approvals.revoke(str(project.folder / "recipe.yaml")) == [approval.id]
    assert app.approvals.all() == ([], [])


# -- how much


def many(number: int) -> str:
    return f"""
        name: Many
        steps:
          - id: all
            for_each: [{", ".join(map(str, range(number)))}]
            as: n
            do: [{{uses: make_thing, with: {{name: "${{{{ n }}}}"}}}}]
    """.replace("${{ n }}", "thing ${{ n }}")


def test_a_run_that_changes_more_than_its_limit_stops_and_can_go_on(project: Any) -> None:
    _ = project.shop
    result = project.run(many(5), max_writes=3)
    assert (result.exit_code, result.status) == (5, "paused")
    assert "this run has made 3 changes and is about to make more; more than 3 need an approval" in str(result.error)
    assert len(project.shop.names()) == 3
    again = project.resume(max_writes=3)
    assert (again.exit_code, len(project.shop.names())) == (5, 3)
    assert project.resume(max_writes=None).ok
    assert sorted(project.shop.names()) == [f"thing {n}" for n in range(5)]


def test_whoever_is_there_is_asked_once(project: Any) -> None:
    _ = project.shop
    asked: list[str] = []

    def approve(what: str) -> bool:
        asked.append(what)
        return True

    assert project.run(many(6).replace("as: n", "as: n\n            parallel: 4"), max_writes=2, approve=approve).ok
    assert asked == ["this run has made 2 changes and is about to make more"]
    assert len(project.shop.names()) == 6


def test_a_no_is_a_no_for_all_that_is_at_work(project: Any) -> None:
    _ = project.shop
    asked: list[str] = []

    def refuse(what: str) -> bool:
        asked.append(what)
        return False

    result = project.run(many(9).replace("as: n", "as: n\n            parallel: 4"), max_writes=2, approve=refuse)
    assert (result.exit_code, len(asked), len(project.shop.names())) == (5, 1, 2)


def test_a_number_that_is_known_before_is_asked_about_before(project: Any) -> None:
    shop = project.shop

    @action("make_all", api="v1", effect="write")
    def make_all(ctx: Context) -> None:
        ctx.each(
            range(5),
            key=str,
            do=lambda n: ctx.client.post("/things", json={"name": str(n)}),
            kind="thing",
            total=5,
        )

    project.offer(make_all)
    recipe = "{name: n, steps: [{id: all, uses: make_all}]}"
    result = project.run(recipe, max_writes=3)
    assert "this makes up to 5 changes (things of step all)" in str(result.error)
    assert shop.names() == []
    assert project.run(recipe, max_writes=5).ok


def test_an_approval_bounds_what_one_run_may_change(project: Any) -> None:
    approved(project, many(5), max_writes=3)
    result = project.run(many(5), unattended=True, approve=lambda what: True, max_writes=None)
    assert (result.exit_code, len(project.shop.names())) == (5, 3)
    assert "--max-writes 1000 && pinflow resume" in result.error.hint
    approved(project, many(5), max_writes=1000)
    assert project.resume(unattended=True).ok
    assert len(project.shop.names()) == 5


def test_nothing_that_deletes_runs_where_nobody_can_be_asked(project: Any) -> None:
    gone: list[str] = []

    @action("wipe", effect="write", destructive=True)
    def wipe(ctx: Context) -> None:
        gone.append("all")

    project.offer(wipe)
    with pytest.raises(ApprovalRequired, match="deletes things"):
        project.run("{name: n, steps: [{uses: wipe}]}")
    assert gone == []


def test_the_folder_of_the_approvals_is_its_owners_alone(project: Any) -> None:
    approved(project)
    folder: Path = project.state / "approvals"
    assert folder.stat().st_mode & 0o777 == 0o700


# -- the plugins whose actions are used


def released(app: Any, version: str, *offers: str) -> App:
    """The app with a plugin of this version, beside its own, which offers this."""
    plugin = PluginInfo("shop_tools", "shop_tools", "pinflow-shop-tools", version, offers)
    registry = replace(app.registry, plugins=[*app.registry.plugins, plugin])
    return App(registry, app._manager, app.environ, state=app.state, clock=app.clock)


@pytest.mark.parametrize(
    ("version", "offer", "said"),
    [
        ("1.4.9", "action v1.make_thing", ""),
        ("1.5.0", "action v1.make_thing", "pinflow-shop-tools became version 1.5 in place of 1.4"),
        ("2.4.2", "action v1.make_thing", "pinflow-shop-tools became version 2.4 in place of 1.4"),
        ("2.0.0", "action v1.other", "the plugin pinflow-shop-tools was taken away"),
    ],
)
def test_a_correction_of_a_plugin_holds_and_its_next_version_does_not(
    project: Any, version: str, offer: str, said: str
) -> None:
    _ = project.shop
    path = project.write(MAKES)
    before = released(project.app(), "1.4.2", "action v1.make_thing")
    before.approve(before.plan(path, inputs={}), by="ann")
    after = released(project.app(), version, offer)
    options = Options(unattended=True)
    if not said:
        assert after.run(after.plan(path, inputs={}), options).ok
        return
    with pytest.raises(ApprovalRequired, match=said):
        after.run(after.plan(path, inputs={}), options)
    assert project.shop.names() == []


def test_a_plugin_whose_actions_are_not_used_may_come_and_change(project: Any) -> None:
    _ = project.shop
    path = project.write(MAKES)
    project.app().approve(project.app().plan(path, inputs={}), by="ann")
    after = released(project.app(), "3.0", "action v1.other")
    assert after.run(after.plan(path, inputs={}), Options(unattended=True)).ok


def test_a_recipe_whose_dry_run_fails_is_not_approved(project: Any) -> None:
    project.shop.before = lambda method, path, body: (500, {"message": "broken"})
    text = '{name: n, steps: [{id: me, uses: get_me}, {id: m, uses: make_thing, with: {name: "${{ steps.me.name }}"}}]}'
    path = project.write(text)
    with pytest.raises(ActionError):
        project.app().approve(project.app().plan(path, inputs={}), by="ann")
    assert project.app().approvals.all() == ([], [])


# -- files


def test_the_bytes_that_were_compared_are_the_bytes_that_are_read(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"approved" * 200_000)
    notes = Witness()
    with path.open("rb") as file:
        assert notes.check_content(path, file).read() == path.read_bytes()
    covers = Coverage(request="r", files=notes.files)
    copy = Witness(covers).check_content(path, path.open("rb"))
    with path.open("r+b") as file:  # the same file, and not another one of its name
        file.write(b"attacked")
    with copy:
        assert copy.read() == b"approved" * 200_000
    with pytest.raises(ApprovalRequired, match=r"video\.mp4 changed since this was approved on May 1"):
        Witness(covers, approved="May 1").check_content(path, path.open("rb"))
    with pytest.raises(ApprovalRequired, match=r"other\.mp4 was not read by the dry run"):
        Witness(covers).check_content(tmp_path / "other.mp4", path.open("rb"))
