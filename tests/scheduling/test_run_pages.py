"""The unit, crontab line, container command and included recipe, as the pages about running print them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow import scheduling
from pinflow.app import App

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2]
PAGES = PROJECT / "docs" / "tasks" / "run"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="for POSIX")


def printed(name: str, kind: str, containing: str) -> str:
    """A block of a page."""
    blocks: list[str] = re.findall(rf"```{kind}[^\n]*\n(.*?)```", (PAGES / name).read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if containing in block)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which the steps of the pages were taken: the program, a folder with a recipe, the app's id."""
    recipes = tmp_path / "pinflow" / "recipes"
    recipes.mkdir(parents=True)
    text = "name: n\nschedule: {every: 1 second}\nsteps: [{uses: log, with: {text: hello}}]\n"
    (recipes / "hello.yaml").write_text(text, "utf-8")
    (tmp_path / "pinflow" / "environment").write_text("PINTEREST_APP_ID=1234567\n", "utf-8")
    programs = tmp_path / ".local" / "bin"
    programs.mkdir(parents=True)
    script = f'#!/bin/sh\nexec "{sys.executable}" -m pinflow "$@"\n'
    (programs / "pinflow").write_text(script, "utf-8")
    (programs / "pinflow").chmod(0o755)
    return tmp_path


def test_a_recipe_of_its_own_brings_inputs_and_account_along(tmp_path: Path) -> None:
    """As the page says: beside the bundled recipe, with nothing given."""
    recipe = tmp_path / "mirror_garden.yaml"
    recipe.write_text(printed("schedule.md", "yaml recipe", "include: mirror_board.yaml"), "utf-8")
    shutil.copy(PROJECT / "recipes" / "mirror_board.yaml", tmp_path)
    app = App.installed({"PINFLOW_STATE_DIR": str(tmp_path / "state"), "PINFLOW_CACHE_DIR": str(tmp_path / "cache")})
    with scheduling.open(app, [recipe]) as scheduler:
        (job,) = scheduler.rows.values()
    assert (job.name, job.block["every"], job.block["jitter"], dict(job.inputs)) == (
        "mirror_garden",
        "6 hours",
        None,
        {},
    )
    assert sorted(job.accounts) == ["access_token", "garden"]


def test_systemd_takes_the_unit(home: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not here")
    unit = home / "pinflow.service"
    unit.write_text(printed("systemd.md", "ini", "[Service]").replace("%h", str(home)), "utf-8")
    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_and_stops_the_daemon(home: Path) -> None:
    unit = printed("systemd.md", "ini", "[Service]").replace("%h", str(home))
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    (folder,) = re.findall(r"^WorkingDirectory=(.*)$", unit, re.MULTILINE)
    assert stopped(command.split(), {"HOME": str(home), "PATH": "/usr/bin:/bin"}, Path(folder), home) == 0


def test_cron_runs_what_is_due(home: Path) -> None:
    line = printed("cron.md", "text", "tick").strip()
    times, command = line[:11], line[12:]
    assert times == "*/5 * * * *"
    assert "%" not in command  # which is the end of the line to cron
    environ = {"HOME": str(home), "LOGNAME": "somebody", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    for _ in range(2):
        done = subprocess.run(
            ["/bin/sh", "-c", command], env=environ, cwd=home, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # no mail
        time.sleep(1.2)  # until it is due
    tables = list(home.rglob("table.db"))
    assert [table.parent.parent.name for table in tables] == ["pinflow"]
    assert list(home.rglob("runs/*.db"))  # one, or more where the machine is slow


def test_the_program_of_the_container_runs(home: Path) -> None:
    """Without the container, and with pinflow installed already."""
    words = printed("container.md", "console", "docker run")
    (script,) = re.findall(r"sh -c '(.*)'", words)
    pip, folder, program = script.split(" && ")
    assert (pip, folder) == ("pip install -q /work", "cd /work")
    assert '-v "$PWD:/work:ro"' in words
    environ = {"HOME": str(home), "PATH": f"{home / '.local' / 'bin'}:/usr/bin:/bin"}
    environ |= {
        name: value.replace("/state", str(home / "state")) for name, value in re.findall(r"-e (\w+)=(\S+)", words)
    }
    assert stopped(["/bin/sh", "-c", program], environ, PROJECT, home) == 0
    assert (home / "state" / "schedule" / "table.db").exists()


def stopped(words: list[str], environ: Mapping[str, str], folder: Path, home: Path) -> int:
    """The exit code of a daemon that is told to stop once it is alive."""
    daemon = subprocess.Popen(
        words, env=dict(environ), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 60
        while not list(home.rglob("heartbeat.json")):
            assert time.monotonic() < end
            assert daemon.poll() is None, daemon.communicate()
            time.sleep(0.1)
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=40)
        return daemon.returncode
    finally:
        daemon.kill()
        daemon.communicate()
