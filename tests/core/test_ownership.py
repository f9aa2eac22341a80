"""What others can change is not believed: of state, cache, schedule and tokens alike."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pinflow.clock import Clock
from pinflow.errors import StateError
from pinflow.plugin.import_cache import ImportCache
from pinflow.state.folder.ownership import check_own_folder, distrust
from pinflow.state.folder.state import FolderState
from pinflow.state.records import Approval, RunRecord
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform == "win32":
    pytest.skip("modes and owners are those of POSIX", allow_module_level=True)

OTHER = 12_345
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")

RECIPE = "name: hello\nsteps:\n  - {id: say, uses: log, with: {text: hello}}\n"


def status(mode: int, *, uid: int = 1000, gid: int = 1000) -> os.stat_result:
    return cast("os.stat_result", SimpleNamespace(st_mode=mode, st_uid=uid, st_gid=gid))


@pytest.mark.parametrize(
    ("found", "who"),
    [
        (status(0o100600), ""),
        (status(0o100600, uid=0), ""),
        (status(0o100644, uid=0), ""),
        (status(0o100600, uid=1001), "owner"),
        (status(0o100666), "everybody"),
        (status(0o100602), "everybody"),
        (status(0o100666, uid=0), "everybody"),
        (status(0o100660), ""),
        (status(0o100660, gid=50), ""),
        (status(0o100660, gid=51), "group"),
        (status(0o100620, uid=0, gid=0), "group"),
        (status(0o041777, uid=0), "everybody"),
    ],
)
def test_only_ours_and_roots_is_believed(found: os.stat_result, who: str) -> None:
    assert distrust(found, user=1000, groups={1000, 50}) == who


@pytest.mark.parametrize(
    ("found", "who"),
    [(status(0o041777, uid=0), ""), (status(0o041777, uid=1001), "owner"), (status(0o040777, uid=0), "everybody")],
)
def test_on_the_way_the_sticky_bit_keeps_what_is_there(found: os.stat_result, who: str) -> None:
    assert distrust(found, user=1000, groups={1000}, on_the_way=True) == who


def test_root_does_not_believe_what_belongs_to_a_user() -> None:
    assert distrust(status(0o100600), user=0, groups={0}) == "owner"


# -- the state of the program


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "hello.yaml"
    file.write_text(RECIPE, "utf-8")
    return file


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    (tmp_path / "home").mkdir()
    return Cli(tmp_path, PINFLOW_STATE_DIR=str(tmp_path / "home" / "state"))


def hand_over(path: Path) -> None:
    os.chown(path, OTHER, OTHER)


def open_to_all(path: Path) -> None:
    path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o022)


def open_to_a_group(path: Path) -> None:
    os.chown(path, -1, OTHER)
    path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o020)


WAYS = [pytest.param(hand_over, marks=as_root), open_to_all, pytest.param(open_to_a_group, marks=as_root)]


@pytest.mark.parametrize("spoil", WAYS)
@pytest.mark.parametrize("place", ["home", "home/state", "home/state/runs"])
@pytest.mark.parametrize("words", [("runs",), ("run", "hello.yaml"), ("resume",), ("state",)])
def test_a_folder_that_others_can_change_is_refused(
    cli: Cli, recipe: Path, spoil: Callable[[Path], None], place: str, words: tuple[str, ...]
) -> None:
    assert cli("run", recipe) == 0, cli.stderr
    before = sorted((cli.folder / "home" / "state" / "runs").iterdir())
    spoil(cli.folder / place)
    code = cli(*(recipe if word == "hello.yaml" else word for word in words))
    assert code == 8, cli.stdout + cli.stderr
    assert str(cli.folder / place) in cli.stderr
    assert "nothing in it was believed" in cli.stderr
    assert "chown" in cli.stderr or "chmod" in cli.stderr
    assert "PINFLOW_STATE_DIR" in cli.stderr
    assert sorted((cli.folder / "home" / "state" / "runs").iterdir()) == before


@pytest.mark.parametrize("spoil", WAYS)
@pytest.mark.parametrize("place", ["home", "home/state", "home/state/schedule", "home/state/schedule/table.db"])
@pytest.mark.parametrize("words", [("list",), ("next",), ("history",), ("status",)])
def test_a_schedule_that_others_can_change_is_refused(
    cli: Cli, spoil: Callable[[Path], None], place: str, words: tuple[str, ...]
) -> None:
    FolderState(cli.folder / "home" / "state", Clock()).open_schedule("one").close()
    assert cli("schedule", *words) in (0, 1, 2), cli.stderr
    spoil(cli.folder / place)
    assert cli("schedule", *words) == 8, cli.stdout + cli.stderr


@pytest.mark.parametrize("spoil", WAYS)
@pytest.mark.parametrize("suffix", [".db", ".lock"])
def test_a_run_that_others_can_change_is_not_resumed(
    cli: Cli, tmp_path: Path, spoil: Callable[[Path], None], suffix: str
) -> None:
    recipe = tmp_path / "stops.yaml"
    recipe.write_text("name: stops\nsteps:\n  - {id: a, uses: read_csv, with: {path: gone.csv}}\n", "utf-8")
    assert cli("run", recipe) in (1, 2), cli.stderr
    (file,) = (tmp_path / "home" / "state" / "runs").glob(f"*{suffix}")
    spoil(file)
    assert cli("resume", file.stem) == 8, cli.stdout + cli.stderr
    assert str(file) in cli.stderr
    if suffix == ".db":
        assert cli("runs", "show", file.stem) == 8, cli.stdout
        assert cli("runs") == 0
        assert "unreadable" in cli.stdout


@pytest.mark.parametrize("spoil", WAYS)
def test_no_kind_of_state_is_believed_that_others_can_change(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    def state() -> FolderState:
        return FolderState(tmp_path / "state", Clock())

    first = state()
    approval = Approval(digest="d" * 64, name="n", recipe="r", recipe_digest="e" * 64, api=None)
    first.approvals.put(approval)
    first.secret("key")
    first.rows("acme").put("store", "key", {"a": 1})
    digest = first.content.put(b"bytes")
    first.audit.append("me", "cli", {"did": "a"})
    first.events.append("run", {"kind": "started"})
    first.places.open("board", "run", lambda _: None).close()
    with closing(first.open_schedule("one")), closing(first.open_usage()):
        pass

    def look_at_events() -> None:
        list(state().events.read("run"))

    reads: dict[str, Callable[[], Any]] = {
        "approvals/*.json": lambda: state().approvals.get("d" * 64),
        "key.key": lambda: state().secret("key"),
        "plugins/acme/*/*.json": lambda: state().rows("acme").get("store", "key"),
        f"content/{digest}": lambda: state().content.get(digest),
        "audit.jsonl": lambda: list(state().audit.read()),
        "runs/run.events": look_at_events,
        "places/*.log": lambda: state().places.open("board", "run", lambda _: None),
        "schedule/table.db": lambda: state().open_schedule("one"),
        "quota/lock": lambda: state().open_usage(),
        "quota/key": lambda: state().open_usage(),
    }
    for pattern, read in reads.items():
        (file,) = (tmp_path / "state").glob(pattern)
        facts = file.stat()
        spoil(file)
        with pytest.raises(StateError, match="nothing in it was believed"):
            read()
        os.chown(file, facts.st_uid, facts.st_gid)
        file.chmod(stat.S_IMODE(facts.st_mode))
        read()


@as_root
def test_a_rollback_journal_of_another_user_is_not_played_back(tmp_path: Path) -> None:
    state = FolderState(tmp_path / "state", Clock())
    state.runs.create(RunRecord("run-1", "r", "d", "n", {}, {}, {}, 0.0)).close()
    journal = tmp_path / "state" / "runs" / "run-1.db-journal"
    journal.write_bytes(b"\0" * 512)
    hand_over(journal)
    with pytest.raises(StateError, match="belongs to another user"):
        state.runs.open("run-1")


def test_links_to_a_state_of_ones_own_are_followed(tmp_path: Path, recipe: Path) -> None:
    (tmp_path / "disk").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    cli = Cli(tmp_path)
    assert cli("run", recipe) == 0, cli.stderr
    assert list((tmp_path / "disk" / "runs").glob("*.db"))


@pytest.mark.parametrize("spoil", WAYS)
def test_a_link_is_judged_by_where_it_leads(tmp_path: Path, recipe: Path, spoil: Callable[[Path], None]) -> None:
    (tmp_path / "disk" / "mine").mkdir(mode=0o700, parents=True)
    (tmp_path / "state").symlink_to(tmp_path / "disk" / "mine")
    spoil(tmp_path / "disk")
    cli = Cli(tmp_path)
    assert cli("run", recipe) == 8
    assert str(tmp_path / "disk") in cli.stderr


def test_a_state_below_a_folder_for_all_with_the_sticky_bit_is_used(tmp_path: Path, recipe: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert Cli(tmp_path, PINFLOW_STATE_DIR=str(shared / "state"))("run", recipe) == 0
    assert Cli(tmp_path, PINFLOW_STATE_DIR=str(shared))("run", recipe) == 8, "in it others may make files"


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root, and setpriv")
def test_another_user_does_not_believe_a_state_of_ours_but_that_of_root() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from pinflow.state.folder.ownership import find_fault; fault = find_fault(sys.argv[2]);"
        "print(fault and fault[1])"
    )
    home = Path(__file__).parents[2]
    folder = Path("/tmp", f"pinflow-owner-{os.getpid()}")
    folder.mkdir(mode=0o755)
    try:
        for owner, expected in ((0, "None"), (OTHER, "owner"), (1000, "None")):
            os.chown(folder, owner, owner)
            words = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", sys.executable, "-I", "-c", script]
            said = subprocess.run(
                [*words, str(home), str(folder)], capture_output=True, text=True, check=False, timeout=60
            )
            if said.returncode and "ermission" in said.stderr:
                pytest.skip("another user can't read the project here")
            assert said.stdout.strip() == expected, said.stderr
    finally:
        folder.rmdir()


# -- the cache


@pytest.mark.parametrize("spoil", WAYS)
@pytest.mark.parametrize("place", ["cache/plugins.cache", "cache", "."])
def test_a_cache_that_others_can_change_imports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], place: str
) -> None:
    cli = Cli(tmp_path)
    assert cli("plugins") == 0
    (tmp_path / "evil").mkdir()
    marker = tmp_path / "imported"
    (tmp_path / "evil" / "evil_pinflow.py").write_text(f"open({str(marker)!r}, 'w').close()\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "evil"))
    assert cli("plugins") == 0
    cache = tmp_path / "cache" / "plugins.cache"
    cache.write_text(cache.read_text("utf-8") + "\x1e" + "\x1f".join(["evil", "evil_pinflow", "evil", "1"]), "utf-8")
    spoil(tmp_path / place)
    assert cli("plugins") == 8, cli.stdout
    assert not marker.exists()
    assert "PINFLOW_CACHE_DIR" in cli.stderr
    assert ImportCache(str(cache)).read(4) is None


@pytest.mark.parametrize("spoil", WAYS)
def test_without_a_folder_of_ones_own_there_is_no_cache(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    (tmp_path / "cache").mkdir()
    spoil(tmp_path / "cache")
    cli = Cli(tmp_path)
    assert cli("plugins") == 0, cli.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_cache_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    for umask in (0, 0o777):
        before = os.umask(umask)
        try:
            ImportCache(str(tmp_path / "cache.txt")).write([["a"]])
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "cache.txt").stat().st_mode) == 0o600


def test_a_cache_is_never_written_through_a_link(tmp_path: Path) -> None:
    target, cache = tmp_path / "precious", tmp_path / "plugins.cache"
    target.write_text("precious", "utf-8")
    cache.symlink_to(target)
    (tmp_path / f"plugins.cache.{os.getpid()}").symlink_to(target)
    ImportCache(str(cache)).write([["a"]])
    assert target.read_text("utf-8") == "precious"
    assert not cache.is_symlink()
    assert ImportCache(str(cache)).read(1) == [["a"]]


def test_what_is_not_there_yet_is_judged_by_what_is_above(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(StateError, match="everybody may write to it"):
        check_own_folder(tmp_path / "open" / "not" / "yet")
    check_own_folder(tmp_path / "not" / "yet")
