"""Runs what a page says to type, in a folder of its own and against a sandbox of its own.

``pinflow`` runs in this process, as from a terminal of 80 columns. What installs things, or belongs to another machine,
is only split into words. All else goes to bash, with the pinflow of this environment first on its PATH.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING
from unittest import mock

from pinflow.cli.program import main
from pinflow.cli.shell import Shell
from pinflow_sandbox import start
from tests.docs import browser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pinflow_sandbox import Sandbox
    from tests.docs.expected import Names

_PARSED = re.compile(
    r"(pip3?|pipx|uvx?|git|docker|podman|kubectl|systemctl|journalctl|loginctl|crontab|apt|apt-get|brew|npm|npx|node"
    r"|sudo|source|\.|deactivate|python3?|py|choco|winget|xdg-open|open|code|launchctl|schtasks|op|vault|gh"
    r"|(\.venv|\.ci|~)/.*)"
)
_SHELL = re.compile(r"[|;<(){}`]|\$\(|&(?!&)|\bif\b|\bfor\b")
_SANDBOX = re.compile(r"^(?:eval )?[\"']?(?:\$\()?\s*pinflow sandbox(?P<words>[^&\"']*)(?P<rest>.*)$")
_WAIT = 30.0  # seconds that a program may take
_HOME = "/home/you"  # what pages call the home folder


class Screen(io.StringIO):
    """A terminal's output."""

    def isatty(self) -> bool:
        return True


class Keyboard(io.StringIO):
    """What somebody types, which shows on the screen as it does on a terminal.

    "@approve" is the address that a browser ends on after the consent page that the screen shows.
    """

    def __init__(self, screen: Screen, answers: list[str]) -> None:
        super().__init__()
        self._screen, self._answers = screen, answers

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        if not self._answers:
            return ""
        answer = self._answers.pop(0)
        if answer == "@approve":
            answer = browser.approve(re.findall(r"^ *(http\S+)$", self._screen.getvalue(), re.MULTILINE)[-1])
            self._screen.write("...\n")
        else:
            self._screen.write(f"{answer}\n")
        return f"{answer}\n"


@dataclass
class Command:
    """A command of a console block, and what the page shows below it."""

    line: str
    output: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        return "\n".join(self.output).strip()


def read_commands(text: str) -> list[Command]:
    """The commands of a console block. Raises ValueError for output that no command stands above."""
    commands: list[Command] = []
    continues = False
    for line in text.splitlines():
        if continues:
            commands[-1].line += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            commands.append(Command(line[2:]))
        elif commands:
            commands[-1].output.append(line)
        elif line.strip():
            raise ValueError(f"no command above {line!r}: begin commands with '$ '")
        continues = bool(commands) and not commands[-1].output and commands[-1].line.endswith("\\")
    return commands


class Console:
    """The shell of a page: a folder, variables, and a sandbox that acts as the service."""

    def __init__(self, home: Path, names: Names, *, tokens: Sequence[str]) -> None:
        self.home, self.names = home, names
        self.folder = home / "pinflow"
        self.folder.mkdir()
        self.code = 0
        self._open = ExitStack()
        self._login_port = free_port()  # others may test on this machine, and 8085 is only one
        sandbox = self._open.enter_context(start())
        _register(sandbox, f"http://localhost:{self._login_port}/")
        self.environ = {
            "HOME": str(home),
            "USER": "you",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TZ": "UTC",
            "COLUMNS": "80",
            "BROWSER": f"{sys.executable} {Path(browser.__file__)} %s",
            "PINFLOW_STATE_DIR": str(home / ".local" / "state" / "pinflow"),
            "PINFLOW_CACHE_DIR": str(home / ".cache" / "pinflow"),
        }
        variables = sandbox.environment(tokens)
        if not tokens:
            del variables["PINTEREST_OAUTH_TOKEN_DIR"]
        self.environ |= variables

    def close(self) -> None:
        self._open.close()

    def type(self, command: Command, answers: list[str]) -> str:
        """Run a command. Returns what the screen shows, with the page's name for the home folder."""
        line = self.names.fill(command.line).replace(_HOME, str(self.home)).replace("\\\n", "")
        if "^C" in (text.strip() for text in command.output):
            shown = self._interrupted(line, command)
        elif (sandbox := _SANDBOX.match(line)) is not None and "--help" not in line:
            shown = self._start_sandbox(self._expanded(sandbox["words"]), in_background="&" in sandbox["rest"])
        else:
            shown = self._line(line, answers)
        return shown.replace(str(self.home), _HOME)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This process in the page's folder, with its variables."""
        before = Path.cwd()
        with mock.patch.dict(os.environ, self.environ, clear=True):
            os.chdir(self.folder)
            try:
                yield
            finally:
                os.chdir(before)

    def pinflow(self, words: Iterable[str], answers: list[str], output: Path | None = None) -> str:
        """Run the program in this process. Returns what the screen shows; ``self.code`` is the exit code."""
        screen = Screen()
        keyboard = Keyboard(screen, answers)
        with ExitStack() as stack:
            stack.enter_context(self.inside())
            stdout: IO[str] = screen if output is None else stack.enter_context(output.open("w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(stdout))
            stack.enter_context(redirect_stderr(screen))
            stack.enter_context(mock.patch.object(sys, "stdin", keyboard))
            shell = Shell(keyboard, stdout, screen, dict(self.environ))  # type: ignore[arg-type]
            self.code = main(list(words), shell)
        return screen.getvalue()

    def _line(self, line: str, answers: list[str]) -> str:
        words = shlex.split(line, comments=True)
        if not words:
            return ""
        if is_parsed(words):
            self.code = 0
            return ""
        if _SHELL.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", line)):
            return self._bash(line)
        shown = ""
        for part in re.split(r"\s&&\s", line):
            shown += self._simple(part, answers)
            if self.code:
                break
        return shown

    def _simple(self, line: str, answers: list[str]) -> str:
        """Run one command without a shell's grammar, but for variables and a file that the output goes to."""
        words = shlex.split(self._expand(line), comments=True)
        added = {}
        while words and re.match(r"^[A-Za-z_]\w*=", words[0]):
            name, _, value = words.pop(0).partition("=")
            added[name] = value
        if not words:
            self.environ |= added
            return ""
        builtin = words[0]
        if builtin == "export":
            pairs = (word.partition("=") for word in words[1:])
            self.environ |= {name: value for name, _, value in pairs if value and "..." not in value}
        elif builtin == "unset":
            for name in words[1:]:
                self.environ.pop(name, None)
        elif builtin == "cd":
            self.folder = (self.folder / words[1].replace("~", str(self.home))).resolve(strict=True)
        elif builtin == "echo" and words[1:] == ["$?"]:
            shown, self.code = f"{self.code}\n", 0
            return shown
        elif builtin == "pinflow":
            return self._pinflow_line(words[1:], added, answers)
        else:
            return self._bash(line)
        self.code = 0
        return ""

    def _pinflow_line(self, words: list[str], added: Mapping[str, str], answers: list[str]) -> str:
        output = None
        assert words[:2] != ["schedule", "run"] or "--help" in words, "it runs for ever: show ^C below it"
        if len(words) > 1 and words[-2] == ">":
            output = self.folder / words[-1]
            words = words[:-2]
        if words[:2] == ["auth", "login"] and not {"--port", "--no-browser", "--help"} & set(words):
            words += ["--port", str(self._login_port), "--timeout", "30s"]
        before = self.environ
        self.environ = {**before, **added}
        try:
            return self.pinflow(words, answers, output)
        finally:
            self.environ = before

    def _expand(self, line: str) -> str:
        return re.sub(
            r"('[^']*')|\$(?:(\w+)|\{(\w+)\})",
            lambda part: part[1] or self.environ.get(part[2] or part[3], ""),
            line,
        )

    def _bash(self, line: str) -> str:
        with mock.patch.dict(os.environ, self.environ, clear=True):
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_WAIT,
                check=False,
            )
        self.code = done.returncode
        return done.stdout

    def _program(self, words: Sequence[str], output: IO[str] | int, errors: IO[str] | int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pinflow", *words],
            env=self.environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            text=True,
        )

    def _expanded(self, words: str) -> list[str]:
        """Words as bash makes them of a line: --token=client{1..20} is twenty."""
        done = subprocess.run(
            ["bash", "-c", f"printf '%s\\n' {words}"], env=self.environ, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    def _start_sandbox(self, words: list[str], *, in_background: bool) -> str:
        """Another sandbox acts as the service from now on, as after pasting the variables that it prints."""
        port = str(free_port())
        if "--port" in words:
            index = words.index("--port")
            for host in ("127.0.0.1", "localhost"):
                self.names.add(f"{host}:{words[index + 1]}", f"{host}:{port}")
            words[index + 1] = port
        said = self.home / f".sandbox-{port}"
        errors = self._open.enter_context(said.open("w", encoding="utf-8"))
        program = self._program(["sandbox", *words], subprocess.PIPE, errors)
        self._open.callback(_end, program)
        assert program.stdout is not None
        variables = program.stdout.read()
        exports = dict(shlex.split(line)[1].split("=", 1) for line in variables.splitlines())
        if not exports:
            self.code = program.wait(_WAIT)
            return said.read_text("utf-8")
        self.code = 0
        for name in [name for name in self.environ if name.startswith(("ACCESS_TOKEN", "PINTEREST_"))]:
            del self.environ[name]
        self.environ |= exports | {"SANDBOX": str(program.pid)}
        return ("" if in_background else variables) + self._printed(said)

    def _printed(self, file: Path) -> str:
        end = time.monotonic() + _WAIT
        while "Ctrl-C" not in (text := file.read_text("utf-8")):  # its last line
            assert time.monotonic() < end
            time.sleep(0.01)
        return text

    def _interrupted(self, line: str, command: Command) -> str:
        """Start a program that goes on for ever, and end it once it has said what the page shows above ``^C``."""
        position = next(number for number, text in enumerate(command.output) if text.strip() == "^C")
        shown = "\n".join(command.output[:position])
        said = self.home / ".said"
        with said.open("w", encoding="utf-8") as output:
            program = self._program(shlex.split(self._expand(line))[1:], output, output)
            try:
                end = time.monotonic() + _WAIT
                while not self.names.begins(shown, said.read_text("utf-8")) and program.poll() is None:
                    if time.monotonic() > end:
                        break
                    time.sleep(0.05)
                before = said.read_text("utf-8")
                program.send_signal(signal.SIGINT)
                program.wait(_WAIT)
            finally:
                _end(program)
        self.code = 0 if program.returncode == -signal.SIGINT else program.returncode
        return f"{before}^C\n{said.read_text('utf-8')[len(before) :]}"


def is_parsed(words: Sequence[str]) -> bool:
    """Whether a command is only split into words: it installs things, or belongs to another machine."""
    return _PARSED.fullmatch(words[0]) is not None


def _register(sandbox: Sandbox, address: str) -> None:
    """Let the sandbox's app be answered at this address too."""
    apps = sandbox.world.logins.apps
    app = sandbox.world.app
    apps[app.id] = replace(app, redirect_uris=app.redirect_uris | {address})


def free_port() -> int:
    """A port on loopback that nothing listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _end(program: subprocess.Popen[str]) -> None:
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
    if program.stdout is not None:
        program.stdout.close()
