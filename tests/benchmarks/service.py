"""The sandbox in a process of its own, and other processes of the benchmark that talk to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).resolve().parents[2]
BENCH = (sys.executable, "-m", "tests.benchmarks.bench")


@dataclass(frozen=True, slots=True)
class Service:
    """A sandbox that runs: the variables that lead to it, and its control surface."""

    url: str
    control_token: str
    environ: Mapping[str, str]

    def control(self, name: str, /, **given: object) -> Any:
        """Ask the control surface; with arguments it is told something."""
        import requests

        method = "POST" if given else "GET"
        answer = requests.request(
            method,
            f"{self.url}/_sandbox/{name}",
            json=given or None,
            headers={"X-Sandbox-Token": self.control_token},
            timeout=600,
        )
        answer.raise_for_status()
        return answer.json()

    def asked(self) -> dict[str, int]:
        """How often each method and path was asked for, control calls left out."""
        counts: dict[str, int] = {}
        for row in self.control("requests")["requests"]:
            if not row["path"].startswith("/_sandbox"):
                call = f"{row['method']} {row['path']}"
                counts[call] = counts.get(call, 0) + row["count"]
        return counts


@contextmanager
def service(*, accounts: int = 0) -> Iterator[Service]:
    """A fresh sandbox without quotas, ended afterwards; with so many accounts whose tokens are in files, if any."""
    child = subprocess.Popen(
        [*BENCH, "--child", "serve", str(accounts)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        yield Service(**json.loads(child.stdout.readline()))
    finally:
        child.stdin.close()  # its sign to end
        child.stdout.close()
        child.wait(30)


def serve(accounts: str) -> int:
    """Serve until standard input ends."""
    from pinflow_sandbox import Settings, start

    with start(settings=Settings(quotas=False, max_pins=10_000_000)) as sandbox:
        environ = dict(sandbox.environment(() if int(accounts) else ("access_token",)))
        for number in range(int(accounts)):
            name = f"client{number}"
            sandbox.world.add_account(name)
            token = {"name": name, "access_token": sandbox.world.token_for(name), "origin": sandbox.url}
            file = Path(environ["PINTEREST_OAUTH_TOKEN_DIR"]) / f"{name}.json"
            file.write_text(json.dumps(token), "utf-8")
            file.chmod(0o600)
        print(json.dumps(asdict(Service(sandbox.url, sandbox.control_token, environ))), flush=True)
        sys.stdin.read()
    return 0


def child(name: str, *words: object, environ: Mapping[str, str]) -> Any:
    """What a child process of this file found."""
    done = subprocess.run(
        [*BENCH, "--child", name, *map(str, words)],
        cwd=PROJECT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)
