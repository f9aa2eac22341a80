"""``pinflow sandbox`` as a process of its own."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import requests


def test_a_shell_reads_the_variables_while_the_sandbox_runs_and_sigterm_deletes_the_token_files() -> None:
    command = [sys.executable, "-m", "pinflow", "sandbox", "--api", "v3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()  # to the end, as $(...) does
        variables = dict(shlex.split(line)[1].split("=", 1) for line in output.splitlines())
        headers = {"Authorization": f"Bearer {variables['ACCESS_TOKEN_V3']}"}
        answer = requests.get(f"{variables['PINTEREST_API_URI']}/v3/users/me/", headers=headers, timeout=30)
        assert answer.json()["data"]["username"] == "garden_studio"
        folder = Path(variables["PINTEREST_OAUTH_TOKEN_DIR"])
        assert (folder / "access_token_v3.json").is_file()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not folder.exists()


SIGTERM_AT_ONCE = """
import os, signal, sys
from pinflow.__main__ import main
from pinflow_sandbox import command
release = command._release_stdout
command._release_stdout = lambda: (release(), os.kill(os.getpid(), signal.SIGTERM))
sys.exit(main(["sandbox"]))
"""


def test_sigterm_right_after_the_variables_were_printed_deletes_the_token_files() -> None:
    command = [sys.executable, "-c", SIGTERM_AT_ONCE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        (folder,) = (shlex.split(line)[1].partition("=")[2] for line in lines if "TOKEN_DIR=" in line)
        assert process.wait(30) == 0
    assert not Path(folder).exists()


def test_a_path_is_not_accepted_as_the_name_of_a_token(tmp_path: Path) -> None:
    own_file = tmp_path / "mine.json"
    own_file.write_text("mine")
    environ = {"TMPDIR": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pinflow", "sandbox", "--token", "../mine"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--token: '../mine' can't name a token" in done.stderr
    assert own_file.read_text() == "mine"
