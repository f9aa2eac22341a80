"""Notices: told once until it is over, by whoever can, whatever else fails."""

from __future__ import annotations

import io
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Context, Notice, action, hookimpl
from pinflow.engine.notices import AGAIN, Notices
from pinflow.engine.options import Options
from pinflow.state.folder.notices import FolderNotices
from tests.core.test_approvals import MAKES, approved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Wall:
    """Notices as a folder keeps them, its notifiers, and what these and the complaints came to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "notices"
        self.now = 1_800_000_000.0
        self.told: list[str] = []
        self.complaints: list[str] = []
        self.notifiers: dict[str, Callable[[Notice], object]] = {"a": lambda notice: self.told.append(notice.title)}

    def open(self) -> Notices:
        """As a process that starts finds them."""
        return Notices(
            FolderNotices(self.folder), self.notifiers, clock=lambda: self.now, complain=self.complaints.append
        )

    def notice(self, key: str = "k", **facts: Any) -> Notice:
        return Notice(key=key, kind="test", title=f"about {key}", at=self.now, **facts)


@pytest.fixture
def wall(tmp_path: Path) -> Wall:
    return Wall(tmp_path)


def test_a_notice_is_told_once_by_all_processes_until_it_is_over(wall: Wall) -> None:
    first, second = wall.open(), wall.open()
    assert first.tell(wall.notice())
    for _ in range(3):
        wall.now += 1000
        assert not first.tell(wall.notice())
        assert not second.tell(wall.notice())
        assert not wall.open().tell(wall.notice())
    assert wall.told == ["about k"]
    assert second.resolve("k")
    assert not second.resolve("k")
    wall.now += AGAIN
    assert first.tell(wall.notice())
    assert wall.told == ["about k", "about k"]


def test_notices_with_different_keys_are_separate(wall: Wall) -> None:
    notices = wall.open()
    for key in ("a", "b", "a", "../../etc", "\udcff"):
        notices.tell(wall.notice(key))
    assert len(wall.told) == 4
    assert {each.name for each in wall.folder.parent.iterdir()} == {"notices"}


def test_open_notices_are_listed_newest_first(wall: Wall) -> None:
    notices = wall.open()
    notices.tell(wall.notice("old", text="do this"))
    wall.now += 10
    notices.tell(wall.notice("new"))
    assert [(each.key, each.text) for each in wall.open().open()] == [("new", ""), ("old", "do this")]


@pytest.mark.parametrize("at", ["soon", 1e300, [], None])
def test_a_notice_with_an_invalid_time_is_not_listed(wall: Wall, at: object) -> None:
    wall.open().tell(wall.notice())
    (file,) = wall.folder.iterdir()
    kept = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(kept | {"notice": kept["notice"] | {"at": at}}), "utf-8")
    wall.open().tell(wall.notice("other"))
    assert [each.key for each in wall.open().open()] == ["other"]


def test_a_notifier_that_fails_ends_nothing_and_is_tried_again_later(wall: Wall) -> None:
    broken = True

    def flaky(notice: Notice) -> None:
        if broken:
            raise RuntimeError("https://hooks.example/secret")
        wall.told.append("late")

    wall.notifiers["b"] = flaky
    notices = wall.open()
    assert notices.tell(wall.notice())
    assert not notices.tell(wall.notice())
    wall.now += AGAIN
    assert not notices.tell(wall.notice())
    assert wall.complaints == ["the notifier b failed (RuntimeError); it is tried again: about k"]
    broken = False
    wall.now += AGAIN
    assert notices.tell(wall.notice())
    assert wall.told == ["about k", "late"]
    wall.now += AGAIN
    assert not wall.open().tell(wall.notice())


def test_a_failed_notifier_is_complained_of_and_tried_again_though_stderr_can_not_be_written(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[str] = []
    calls: list[str] = []

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            complaints.append(text)
            raise BrokenPipeError

    class Broken:
        @hookimpl
        def pinflow_notify(self, notice: Notice) -> None:
            calls.append(notice.key)
            raise RuntimeError("no route")

    project.plugins.append(Broken())
    monkeypatch.setattr("sys.stderr", Closed())
    assert not project.app().notices.alert("closed", "test", "about closed")
    monkeypatch.setattr("sys.stderr", None)
    app = project.app()
    assert not app.notices.alert("none", "test", "about none")
    assert [text for text in complaints if "Broken" in text] == [
        "the notifier Broken failed (RuntimeError); it is tried again: about closed\n"
    ]
    assert calls == ["closed", "none"]
    assert sorted(notice.key for notice in app.notices.open()) == ["closed", "none"]
    project.clock.sleep(AGAIN + 1)
    app.notices.alert("none", "test", "about none")
    assert calls == ["closed", "none", "none"]


def test_twenty_threads_send_a_notice_once(wall: Wall) -> None:
    notices = wall.open()
    threads = [threading.Thread(target=notices.tell, args=(wall.notice(),)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wall.told == ["about k"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"told": 3}', b"\xff\x00"])
def test_a_damaged_file_is_told_again_and_made_anew(wall: Wall, damage: bytes) -> None:
    wall.open().tell(wall.notice())
    (file,) = wall.folder.iterdir()
    file.write_bytes(damage)
    assert wall.open().tell(wall.notice())
    assert json.loads(file.read_text("utf-8"))["told"] == ["a"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_notice_that_can_not_be_stored_is_sent_anyway(wall: Wall) -> None:
    wall.folder.write_text("in the way", "utf-8")
    assert wall.open().tell(wall.notice())
    assert wall.told == ["about k"]
    assert "can't be stored, and may be told again" in wall.complaints[0]


def test_a_notice_is_one_line_without_control_characters(wall: Wall) -> None:
    notice = wall.notice(text="a\x1b[31m\nb\u202e" + "x" * 3000)
    assert notice.text.startswith("a [31m b x")
    assert len(notice.text) == 2000
    assert notice.as_data()["at"] == "2027-01-15T08:00:00+00:00"


# -- what runs tell of


def listening(project: Any) -> list[Notice]:
    told: list[Notice] = []

    class Listener:
        @hookimpl
        def pinflow_notify(self, notice: Notice) -> None:
            told.append(notice)

    project.plugins.append(Listener())
    return told


def test_a_missing_approval_is_told_once_and_is_over_with_the_approval(project: Any) -> None:
    told = listening(project)
    _ = project.shop
    for _ in range(2):
        with pytest.raises(Exception, match="isn't approved to run unattended"):
            project.run(MAKES, unattended=True)
    assert [each.kind for each in told] == ["approval_missing"]
    assert "pinflow approve" in told[0].text
    approved(project)
    assert project.app().notices.open() == []
    assert project.run(MAKES, unattended=True).ok


@pytest.mark.parametrize("given", [{}, {"name": "b"}])
def test_a_notice_is_over_when_the_recipe_is_approved_under_another_name_or_with_other_inputs(
    project: Any, given: dict[str, str]
) -> None:
    told = listening(project)
    _ = project.shop
    with pytest.raises(Exception, match="isn't approved to run unattended"):
        project.run(MAKES, unattended=True)
    with pytest.raises(Exception, match="isn't approved to run unattended"):
        project.run(MAKES.replace("name: Make", "name: Made"), unattended=True)
    assert len(told) == 1  # it still waits
    app = project.app()
    with pytest.raises(Exception, match="isn't approved to run unattended"):
        app.run(app.plan(project.write(MAKES, "other.yaml"), inputs={}), Options(unattended=True))
    approved(project, MAKES.replace("name: Make", "name: Made again"), given)
    assert [str(project.folder / "other.yaml") in notice.text for notice in project.app().notices.open()] == [True]


def test_a_notice_is_over_when_the_recipe_runs_by_an_approval_under_another_name(project: Any) -> None:
    _ = project.shop
    text = MAKES.replace("name: Make", "name: Made")
    approved(project, text)
    with pytest.raises(Exception, match="has changed since"):
        project.run(MAKES, unattended=True)
    assert len(project.app().notices.open()) == 1
    assert project.run(text, unattended=True).ok
    assert project.app().notices.open() == []


def test_a_notice_of_the_version_before_is_over_with_the_approval(project: Any) -> None:
    _ = project.shop
    app = project.app()
    app.notices.alert("approval-missing:3f2a9c01d4e5", "approval_missing", "Make waits for an approval", "x")
    app.notices.alert("approval-missing:3f2a9c01d4e6", "approval_missing", "Other waits for an approval", "x")
    approved(project)
    assert [notice.title for notice in project.app().notices.open()] == ["Other waits for an approval"]


def test_a_paused_run_that_went_on_under_another_name_of_the_recipe_is_over(project: Any) -> None:
    from pinflow import RateLimited

    told, full = listening(project), [True]

    @action("report")
    def report(ctx: Context, *, name: str = "") -> None:
        if full:
            raise RateLimited("full", retry_after=3600.0)

    project.offer(report)
    recipe = "{name: Report, inputs: {name: {type: string, default: a}}, steps: [{uses: report}]}"
    for text in (recipe, recipe.replace("name: Report", "name: Reported")):
        assert project.run(text, unattended=True).status == "paused"
    (notice,) = told
    assert notice.text.startswith(f"{project.folder / 'recipe.yaml'}: ")
    full.clear()
    assert project.run(recipe, inputs={"name": "b"}, unattended=True).ok  # another job's
    assert len(project.app().notices.open()) == 1
    assert project.run(recipe.replace("name: Report", "name: Done"), unattended=True).ok
    assert project.app().notices.open() == []


def test_a_paused_run_is_told_once_and_is_over_when_one_has_ended_well(project: Any) -> None:
    from pinflow import RateLimited

    told = listening(project)
    full = [True]

    @action("report")
    def report(ctx: Context) -> None:
        if full:
            raise RateLimited("full", retry_after=3600.0)

    project.offer(report)
    recipe = "{name: Report, steps: [{uses: report}]}"
    for _ in range(2):
        result = project.run(recipe, unattended=True)
        assert result.status == "paused"
    (notice,) = told
    assert (notice.kind, notice.title.partition(" (")[0]) == ("run_paused", "Report is paused")
    assert "pinflow resume" in notice.text
    full.clear()
    assert project.run(recipe, unattended=True).ok
    assert project.app().notices.open() == []


def test_an_attended_run_sends_no_notice(project: Any) -> None:
    told = listening(project)

    @action("stuck")
    def stuck(ctx: Context) -> None:
        from pinflow import RateLimited

        raise RateLimited("full", retry_after=3600.0)

    project.offer(stuck)
    assert project.run("{name: n, steps: [{uses: stuck}]}").status == "paused"
    assert told == []


def test_an_action_may_tell_but_not_in_a_dry_run(project: Any) -> None:
    told = listening(project)

    @action("warn")
    def warn(ctx: Context, *, over: bool = False) -> None:
        if over:
            ctx.resolve("w")
        else:
            ctx.within("1").notify("w", "look out", "behind you", kind="ghost")

    project.offer(warn)
    recipe = "{name: n, steps: [{uses: warn}]}"
    project.run(recipe, dry_run=True)
    assert told == []
    project.run(recipe)
    project.run(recipe)
    assert [(each.kind, each.title, each.at) for each in told] == [("ghost", "look out", project.clock.now)]
    project.run("{name: n, steps: [{uses: warn, with: {over: true}}]}")
    project.run(recipe)
    assert len(told) == 2
