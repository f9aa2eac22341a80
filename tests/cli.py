"""The program as tests run it: words go in; exit code, output and errors come out."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from pinflow.app import App
from pinflow.cli.program import main
from pinflow.cli.shell import Shell
from pinflow.clock import Clock
from pinflow.plugin.loader import collect, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class Terminal(io.StringIO):
    """A stream at which a person sits."""

    def isatty(self) -> bool:
        return True


class Cli:
    """Runs commands with a state and a cache in ``folder``; ``stdout`` and ``stderr`` are those of the last one.

    It has every installed plugin and real time, unless `use_plugins` or `use_app` gives it others and its own time:
    ``now`` (seconds since the epoch), which moves when something sleeps, and by ``pause`` before each command.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.environ = {
            "PINFLOW_STATE_DIR": str(folder / "state"),
            "PINFLOW_CACHE_DIR": str(folder / "cache"),
            "TERM": "dumb",
            **environ,
        }
        self.now = 1_772_366_400.0  # 2026-03-01 12:00:00 UTC
        self.pause = 60.0
        self.clock = Clock(now=lambda: self.now, monotonic=lambda: self.now, sleep=self._sleep)
        self.open_app: Callable[[Mapping[str, str], Sequence[Path]], App] | None = None
        self._out = self._err = io.StringIO()

    def use_plugins(self, *plugins: object) -> None:
        """Have these plugins only."""
        manager, infos = load([], objects=plugins)
        self.open_app = lambda environ, _: App(collect(manager, infos, environ), manager, environ, clock=self.clock)

    def use_app(self, app: App) -> None:
        """Have the plugins of this app, which are loaded already."""
        self.open_app = lambda environ, _: App(app.registry, app._manager, environ, clock=self.clock)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self, *words: object, answers: str | None = None, stdin: str = "") -> int:
        """Run a command; its exit code. With ``answers`` a person at a terminal types them."""
        self.now += self.pause
        shell = self.shell(answers=answers, stdin=stdin)
        with redirect_stdout(self._out), redirect_stderr(self._err):
            return main([str(word) for word in words], shell)

    def shell(self, *, answers: str | None = None, stdin: str = "") -> Shell:
        """A new shell, whose streams are ``stdout`` and ``stderr`` from now on."""
        self._out, self._err = io.StringIO(), io.StringIO() if answers is None else Terminal()
        source = io.StringIO(stdin) if answers is None else Terminal(answers)
        return Shell(source, self._out, self._err, self.environ, self.open_app)

    @property
    def stdout(self) -> str:
        return self._out.getvalue()

    @property
    def stderr(self) -> str:
        return self._err.getvalue()

    @property
    def json(self) -> Any:
        """What the last command wrote, read as JSON."""
        return json.loads(self.stdout)

    def run(self, *words: object, stdin: str = "") -> tuple[int, str, str]:
        """Run a command; its exit code, standard output and standard error."""
        return self(*words, stdin=stdin), self.stdout, self.stderr

    def data(self, *words: object) -> Any:
        """Run a command that must succeed with ``--output json``; what it wrote."""
        assert self(*words, "--output", "json") == 0, self.stderr + self.stdout
        return self.json

    def recipe(self, text: str, name: str = "shop.yaml") -> str:
        """Write a recipe; its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)
