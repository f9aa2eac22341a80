"""What plugin authors test with: the project, its sandboxes and its time, and the guards."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pinflow import Context, Credential, RateLimited, Simulator, UsageError, action, hookimpl
from pinflow.testing import Project, guards
from tests.core.conftest import Shop, ShopPlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pinflow import CredentialRequest
    from tests.core.conftest import Project as ShopProject

TWO_THINGS = """
    name: n
    api: v1
    steps:
      - {id: one, uses: make_thing, with: {name: first}}
      - {id: two, uses: make_thing, with: {name: second}}
"""


class Running:
    """A shop as a plugin simulates it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.shop = Shop()
        self.url = self.shop.url

    def environment(self, tokens: Collection[str] = ()) -> dict[str, str]:
        return {"SHOP_URL": self.url, "SHOP_TOKENS": ",".join(tokens)}

    def requests(self) -> list[dict[str, str]]:
        return [dict(zip(("method", "path"), asked.split(), strict=True)) for asked in self.shop.asked]


class Simulated(ShopPlugin):
    """A whole service that is not Pinterest: its API, its login, its actions and how it is simulated."""

    def __init__(self) -> None:
        super().__init__(Shop())
        self.started = 0
        self.shop.close()

    @hookimpl
    def pinflow_sandbox(self) -> Simulator:
        return Simulator(service="shop", start=self.start)

    @hookimpl
    def pinflow_credential(self, request: CredentialRequest) -> Credential | None:
        if request.api.service != "shop" or request.token not in request.environ.get("SHOP_TOKENS", ""):
            return None
        return Credential("secret", name=request.token, source="the test", origin=request.environ["SHOP_URL"])

    @contextmanager
    def start(self, now: Callable[[], float]) -> Iterator[Running]:
        self.started += 1
        running = Running(now)
        try:
            yield running
        finally:
            running.shop.close()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Project]:
    """A project as a plugin author has it: with all that is installed."""
    with Project(tmp_path) as made:
        yield made


def test_a_service_of_anybodys_runs_in_its_own_sandbox(whole: Project) -> None:
    plugin = Simulated()
    assert whole.run(TWO_THINGS, plugins=[plugin]).ok
    assert whole.sandbox.shop.names() == ["first", "second"]
    assert [each["method"] for each in whole.requests] == ["POST", "POST"]
    assert whole.sandbox.now is whole.clock
    assert plugin.started == 1


def test_the_sandbox_of_a_plugin_under_test_can_be_prepared_before_the_first_run(whole: Project) -> None:
    whole.plugins.append(Simulated())
    whole.sandbox.shop.fill(3)
    result = whole.run("{name: n, api: v1, steps: [{id: a, uses: list_things}], outputs: {n: '${{ steps.a.count }}'}}")
    assert result.outputs == {"n": 3}


def test_several_sandboxes_have_to_be_named(whole: Project) -> None:
    whole.plugins.append(Simulated())
    shop, pins = whole.sandbox_of("shop"), whole.sandbox_of("pinterest")
    assert shop is not pins
    with pytest.raises(UsageError, match=r"which sandbox\? The services are: shop, pinterest"):
        assert whole.sandbox
    with pytest.raises(UsageError, match="no plugin simulates 'shoe'"):
        whole.sandbox_of("shoe")


def test_a_project_has_every_installed_plugin(whole: Project) -> None:
    result = whole.run("{name: n, api: v5, steps: [{id: a, uses: create_board, with: {name: Brand new}}]}")
    assert (result.status, result.error) == ("ok", None)
    assert "Brand new" in [board["name"] for board in whole.sandbox.state()["boards"]]
    asked = [(each["method"], each["path"], each["status"]) for each in whole.requests]
    assert ("POST", "/v5/boards", 201) in asked


@pytest.mark.parametrize("after", [1, 2])
def test_a_killed_run_goes_on_where_it_was(whole: Project, after: int) -> None:
    whole.kill(TWO_THINGS, after=after, plugins=[Simulated()])
    assert len(whole.sandbox.shop.names()) == after
    assert whole.resume().ok
    assert whole.sandbox.shop.names() == ["first", "second"]


def test_a_run_that_is_over_cannot_be_killed(whole: Project) -> None:
    with pytest.raises(AssertionError, match="the run ended before its effect 3: ok"):
        whole.kill(TWO_THINGS, after=3, plugins=[Simulated()])


def test_a_project_waits_in_no_real_time(project: ShopProject) -> None:
    answers = iter([RateLimited("slow down", retry_after=7), None])

    @action("flaky")
    def flaky(ctx: Context) -> None:
        if error := next(answers):
            raise error

    project.offer(flaky)
    began = project.clock.now
    assert project.run("{name: n, steps: [{id: a, uses: flaky, retry: {attempts: 2}}]}").ok
    assert project.waits == [7]
    assert project.clock.now == began + 7


def test_an_installed_plugin_that_the_test_brings_itself_is_there_once(whole: Project) -> None:
    import pinflow_pinterest_v5

    assert isinstance(pinflow_pinterest_v5, ModuleType)
    whole.plugins.append(pinflow_pinterest_v5)
    assert whole.plan("{name: n, api: v5, steps: [{uses: get_user}]}").steps


def test_a_recipe_can_be_a_file_with_examples(whole: Project) -> None:
    result = whole.run(Path("list_boards"), examples=True, dry_run=True)
    assert (result.status, result.outputs["count"]) == ("planned", 6)


# the guards


def stop(why: str) -> NoReturn:
    raise SystemExit(why)


def test_loopback_only_forbids_connections_to_other_machines_inside_its_block() -> None:
    before = socket.socket.connect
    with guards.loopback_only(stop):
        assert socket.socket.connect is not before
        with (
            socket.socket() as connection,
            pytest.raises(SystemExit, match=r"192\.0\.2\.1:80, which is another machine"),
        ):
            connection.connect(("192.0.2.1", 80))
    assert socket.socket.connect is before


@pytest.mark.parametrize(
    "touch",
    [
        lambda path: path.write_text(""),
        lambda path: path.mkdir(),
        lambda path: list(path.parent.iterdir()),
        lambda path: path.unlink(),
        lambda path: os.mkdir(os.fsencode(path)),  # noqa: PTH102 - as bytes
    ],
    ids=["write", "mkdir", "list", "unlink", "bytes"],
)
def test_the_project_fixture_fails_a_test_that_touches_the_users_home(
    tmp_path: Path, touch: Callable[[Path], Any]
) -> None:
    home = tmp_path / "ann"
    (home / ".config").mkdir(parents=True)
    with guards.away_from(home, [home / "work"], stop), pytest.raises(SystemExit, match="in the user's home folder"):
        touch(home / ".config" / "pinflow")
    assert list((home / ".config").iterdir()) == []


def test_an_allowed_folder_in_the_home_can_be_touched(tmp_path: Path) -> None:
    home, work = tmp_path / "ann", tmp_path / "ann" / "work"
    work.mkdir(parents=True)
    with guards.away_from(home, [work], stop):
        (work / "notes.txt").write_text("free")
        (tmp_path / "elsewhere.txt").write_text("free")
    (home / "later.txt").write_text("free again")


def test_other_home_unsets_settings_and_restores_them(tmp_path: Path) -> None:
    environ = {"HOME": "/home/ann", "PINFLOW_STATE_DIR": "/x", "LANG": "C"}
    with guards.other_home(tmp_path, environ, ["PINFLOW_"]):
        assert environ == {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "LANG": "C"}
    assert environ == {"HOME": "/home/ann", "PINFLOW_STATE_DIR": "/x", "LANG": "C"}
