"""A user without a home folder, as in a container that runs under a number of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from pinflow.errors import StateError
from pinflow.state.folder import paths
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow import App

COMMANDS = (
    "--help",
    "help",
    "--version",
    "actions",
    "plugins",
    "validate copy_board",
    "operations boards",
    "new recipe",
)
KEEPING = (
    "runs",
    "state",
    "run copy_board --sandbox",
    "resume",
    "tick copy_board",
    "notify",
    "quota",
    "approve --list",
)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME is unset, and the system's list of users doesn't have this one."""
    if sys.platform == "win32":
        pytest.skip("Windows knows the profile of each user")

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_state_folder_must_be_named() -> None:
    with pytest.raises(StateError, match="this user has no home folder") as caught:
        paths.state_folder({})
    assert (caught.value.exit_code, caught.value.hint) == (8, "name a folder of yours with PINFLOW_STATE_DIR=/a/folder")
    with pytest.raises(StateError, match="~ of PINFLOW_STATE_DIR is nobody's home folder"):
        paths.state_folder({"PINFLOW_STATE_DIR": "~/state"})
    assert paths.state_folder({"PINFLOW_STATE_DIR": "/srv/state"}) == Path("/srv/state")
    assert paths.cache_file({"PINFLOW_STATE_DIR": "/srv/state"}, "x") == "/srv/state/cache/x"
    assert paths.cache_file({"PINFLOW_CACHE_DIR": "/srv/cache"}, "x") == "/srv/cache/x"
    if sys.platform == "linux":
        assert paths.state_folder({"XDG_STATE_HOME": "/srv/xdg"}) == Path("/srv/xdg/pinflow")


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("command", KEEPING)
def test_what_keeps_something_says_which_variable_is_needed(tmp_path: Path, command: str) -> None:
    cli = Cli(tmp_path)
    del cli.environ["PINFLOW_STATE_DIR"]
    assert cli(*command.split()) == 8
    assert cli.stderr.splitlines()[1:] == ["  name a folder of yours with PINFLOW_STATE_DIR=/a/folder"]


def start(folder: Path, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """pinflow as its own process in ``folder``, with a HOME that is no absolute path."""
    usual = {"PATH": os.environ["PATH"], "HOME": "nowhere", "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-m", "pinflow", *command.split()]
    return subprocess.run(
        words, cwd=folder, env={**usual, **environ}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for USERPROFILE instead of HOME")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_keeps_nothing_works_without_a_home_and_leaves_nothing_behind(tmp_path: Path, command: str) -> None:
    ended = start(tmp_path, command)
    assert (ended.returncode, "error" in ended.stderr) == (0, False)
    assert ended.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for USERPROFILE instead of HOME")
def test_with_a_state_folder_everything_works(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    state = tmp_path / "state"
    ended = start(tmp_path / "work", "run copy_board --sandbox", PINFLOW_STATE_DIR=str(state))
    assert ended.returncode == 0, ended.stderr
    assert list((state / "runs").glob("*.db")) and list((state / "cache").iterdir())
    assert list((tmp_path / "work").iterdir()) == []


def test_a_state_folder_that_is_somebody_elses_is_no_defect(tmp_path: Path) -> None:
    cli = Cli(tmp_path)

    def refuse(inside: bool) -> Callable[[Mapping[str, str], Sequence[Path]], App]:
        folder = tmp_path / "state" if inside else tmp_path

        def open_app(environ: Mapping[str, str], plugins: Sequence[Path]) -> NoReturn:
            raise PermissionError(13, "Permission denied", str(folder / "runs"))

        return open_app

    cli.open_app = refuse(inside=True)
    assert cli("runs") == 8
    assert cli.stderr.splitlines() == [
        f"error: {tmp_path / 'state' / 'runs'} can't be used: Permission denied",
        "  make it yours, or name a folder of your own with PINFLOW_STATE_DIR",
    ]
    cli.open_app = refuse(inside=False)
    assert cli("runs") == 3


def test_a_token_folder_that_is_somebody_elses_is_no_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked, lstat = tmp_path / "locked" / "tokens", Path.lstat

    def refuse(path: Path) -> os.stat_result:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", refuse)  # root, as whom tests may run, is shut out of nothing
    cli = Cli(tmp_path, PINTEREST_OAUTH_TOKEN_DIR=str(locked))
    for words in (("auth", "status"), ("run", "list_boards")):
        assert cli(*words) == 4
        assert cli.stderr.splitlines() == [
            f"error: the token folder {locked} can't be used: Permission denied",
            "  make it yours, or name another with PINTEREST_OAUTH_TOKEN_DIR",
        ]
