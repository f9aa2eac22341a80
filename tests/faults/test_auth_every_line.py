"""An exception at every line that touches a token: nothing that comes of it shows one, and no file is torn.

A tracer raises at one line after the other of the auth plugin, while a token is found, refreshed, kept, listed and
got by signing in. What the program writes, the reports of defects and the run's journal are searched for secrets.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pinflow_auth
from pinflow.app import App
from pinflow.clock import Clock
from pinflow_sandbox import Settings, start
from tests.canary import files_with_secrets, leaks
from tests.cli import Cli
from tests.faults.conftest import FULL

STUDIO = "garden_studio"

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

PLUGIN = str(Path(pinflow_auth.__file__).parent)
STRIDE = 1 if FULL else 11  # every so many lines
COMMANDS: dict[str, tuple[str, ...]] = {
    "refresh": ("auth", "refresh", "NAME"),
    "recipe": ("run", "-v", "refresh_all_tokens", "-i", "if_expires_within=90 days"),
    "sign in": ("auth", "login", "NAME", "--client-credentials", "--scopes", "boards:read"),
    "status": ("auth", "status"),
}


class Forced(Exception):
    """What the tracer raises."""


class Tracer:
    """Notes each line of the plugin that runs, or raises at one of them, once."""

    def __init__(self, at: tuple[CodeType, int] | None = None) -> None:
        self.seen: dict[tuple[CodeType, int], None] = {}
        self.raised = False
        self._at = at

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PLUGIN):
            return None
        if event == "line":
            place = (frame.f_code, frame.f_lineno)
            self.seen[place] = None
            if place == self._at and not self.raised:
                self.raised = True
                raise Forced(f"at {Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        return self


class TracedCli(Cli):
    """Commands against a sandbox, with a token in a file, and all that they write.

    Each has a token of another name: where the exception keeps a lock from being let go, only the process's end does.
    """

    def __init__(self, folder: Path, installed: App) -> None:
        super().__init__(folder)
        self.use_app(installed)
        self.clock = Clock()
        self.sandbox = start(settings=Settings(quotas=False))
        self.environ |= self.sandbox.environment(())
        self.tokens = Path(self.environ["PINTEREST_OAUTH_TOKEN_DIR"])

    def trace(self, number: int, words: tuple[str, ...], tracer: Tracer) -> tuple[int, str, Path]:
        """The exit code, what the command wrote to its streams, and its state directory."""
        for file in self.tokens.iterdir():
            file.unlink()
        name = f"t{number}"
        self.sandbox._token_files.write(name, STUDIO, self.sandbox.world.token_pair_for(STUDIO))
        state = self.folder / f"state{number}"
        self.environ["PINFLOW_STATE_DIR"] = str(state)
        codes: list[int] = []

        def work() -> None:
            sys.settrace(tracer)
            codes.append(self(*(name if word == "NAME" else word for word in words)))

        # an exception at the very end of a handler leaves the one that was handled behind, as long as its thread lives
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        (code,) = codes
        return code, self.stdout + self.stderr, state


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[TracedCli]:
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path / "cache")}, state=tmp_path / "state")
    traced = TracedCli(tmp_path, app)
    yield traced
    traced.sandbox.stop()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", COMMANDS)
def test_an_exception_at_any_line_shows_no_token(cli: TracedCli, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    words = COMMANDS[name]
    cli.trace(0, words, Tracer())  # what is done at the first time only, such as imports
    whole = Tracer()
    code, said, _ = cli.trace(0, words, whole)
    assert code == 0, said
    assert len(whole.seen) > 50
    raised = 0
    tried = list(whole.seen)[:: STRIDE if name != "status" or FULL else 6 * STRIDE]  # it looks at every recipe
    for number, place in enumerate(tried, 1):
        tracer = Tracer(place)
        _, said, state = cli.trace(number, words, tracer)
        where = f"{Path(place[0].co_filename).name}:{place[1]}"
        raised += tracer.raised
        said += "".join(capfd.readouterr())
        assert leaks(said.encode()) == [], where
        assert not state.exists() or files_with_secrets(state) == [], where
        content = json.loads((cli.tokens / f"t{number}.json").read_text("utf-8"))  # never torn
        assert content["access_token"], where
    assert raised > 0.75 * len(tried)
