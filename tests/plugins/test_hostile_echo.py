"""A service that repeats the secrets it was sent, in every encoding and at every place: none is shown or kept."""

from __future__ import annotations

import json
import re
import shlex
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from pinflow import hookimpl
from pinflow.app import App, Options
from pinflow.masking.known import secrets_shown
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.messages import HttpResponse
from tests.cli import Cli
from tests.encodings import ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow import Event
    from pinflow_sandbox.server.messages import HttpRequest

pytestmark = pytest.mark.slow

WINDOW = 16  # letters and digits of a secret in some encoding; of a token, pina_sandbox_ is 11, and nothing else has 16
PASSWORD = "open sesame 42 times"

RECIPE = """
name: Look at what answers
api: v5
auth: {a: {token: access_token}}
inputs: {password: {type: secret, required: true}}
steps:
  - {id: password, uses: log, with: {text: "as ${{ inputs.password }}", warning: true}}
  - {id: message, uses: get_pin, with: {pin: "1"}, on_error: continue}
  - {id: headers, uses: get_pin, with: {pin: "2"}, on_error: continue}
  - {id: redirect, uses: get_pin, with: {pin: "3"}, on_error: continue}
  - {id: page, uses: get_pin, with: {pin: "4"}, on_error: continue, retry: {attempts: 1}}
  - {id: block, uses: get_pin, with: {pin: "5"}, on_error: continue, retry: {attempts: 1}}
  - {id: junk, uses: get_pin, with: {pin: "6"}, on_error: continue, retry: {attempts: 1}}
  - {id: one, uses: get_board, with: {board: "Garden ideas"}, on_error: continue}
  - id: boards
    for_each: list_boards
    as: board
    key: ${{ board.name }}
    collect: {name: "${{ board.name }}", text: "${{ board.description }}"}
    do:
      - {id: line, name: "${{ board.name }}", uses: log, with: {text: "${{ board.description ?? board.name }}"}}
  - {uses: write_csv, with: {rows: "${{ steps.boards.rows }}", path: boards.csv}, on_error: continue}
outputs:
  rows: ${{ steps.boards.rows }}
"""


def letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


class HostileService:
    """Repeats what it was sent: the access token, the app's secret, the refresh token and the password."""

    def __init__(self) -> None:
        self.echo: Callable[[str], str] = str
        self.sandbox: Sandbox = start(settings=Settings(quotas=False), faults=self._answer)
        self.environ = self.sandbox.environment()
        self.secrets = {self.environ[name] for name in ("ACCESS_TOKEN", "PINTEREST_APP_SECRET")} | {PASSWORD}

    def windows(self) -> set[str]:
        """What of the secrets, written as now, must be nowhere: each part of 16 letters and digits."""
        parts = set()
        for written in (letters(self.echo(secret)) for secret in self.secrets):
            # base64 and the like mix the first and last digits with what stands beside
            edge = 4 if len(written) > 2 * WINDOW else 0
            parts |= {written[at : at + WINDOW] for at in range(edge, len(written) - WINDOW - edge + 1)}
        return parts

    def _sent(self, call: HttpRequest) -> str:
        kind, _, proof = call.header("authorization").partition(" ")
        self.secrets |= {proof} if kind == "Bearer" else set()
        self.secrets |= set(parse_qs(call.body.decode()).get("refresh_token", ()))
        return self.written_secrets()

    def written_secrets(self) -> str:
        """All of the secrets, as they are written now."""
        return " and ".join(map(self.echo, sorted(self.secrets)))

    def _answer(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        said = self._sent(call)
        header = re.sub(r"[^\x21-\x7e]+", "_", said)
        error = json.dumps({"code": 1, "message": f"refused: {said}"}).encode()
        if call.path.endswith("/oauth/token"):
            refusal = {"code": 1, "message": said, "error": said, "error_description": f"no: {said}"}
            return HttpResponse(400, json.dumps(refusal).encode(), headers=(("x-pinterest-rid", header),))
        headers = (("x-pinterest-rid", header), ("retry-after", header), ("x-ratelimit-limit", header))
        match call.path.rpartition("/")[2]:
            case "1":
                return HttpResponse(400, error)
            case "2":
                return HttpResponse(403, json.dumps({"code": 29, "message": "no"}).encode(), headers=headers)
            case "3":
                return HttpResponse(302, b"", headers=(("location", f"https://{header}.example/{header}"),))
            case "4":
                page = f"<html><head><title>Sign in {said}</title></head><body>{said}</body></html>"
                return HttpResponse(511, page.encode(), "text/html")
            case "5":
                return HttpResponse(500, error, headers=headers)
            case "6":
                return HttpResponse(200, b'{"id": "6", "title": ' + said.encode(), headers=headers)
        answer = apply()
        if call.path.endswith("/boards") and call.method == "GET":
            page = json.loads(answer.body)
            page["items"][0] |= {"name": said, "description": said, "privacy": said.upper(), said: said}
            page["items"][1] |= {"description": f"see {said}"}
            return HttpResponse(200, json.dumps(page).encode(), headers=headers)
        return answer


class Listener:
    """A reporter that raises with all that it knows, and keeps what it was told."""

    def __init__(self, secrets: Callable[[], str]) -> None:
        self.told: list[str] = []
        self._secrets = secrets

    @hookimpl
    def pinflow_event(self, event: Event) -> None:
        self.told.append(repr(event))
        if type(event).__name__ == "StepFinished":
            raise ValueError(f"can't tell {self._secrets()}")


@pytest.fixture
def service() -> Iterator[HostileService]:
    made = HostileService()
    with made.sandbox:
        yield made


def hits(service: HostileService, content: str) -> list[str]:
    content = letters(content)
    return sorted(part for part in service.windows() if part in content)


def files_with_hits(service: HostileService, folder: Path) -> dict[str, list[str]]:
    return {
        str(path.relative_to(folder)): found
        for path in folder.rglob("*")
        if path.is_file() and "token" not in path.name and path.suffix != ".py"
        if (found := hits(service, path.read_bytes().decode("latin-1") + str(path)))
    }


class Project(Cli):
    """The program before a hostile service, with a command that is told of notices, and a recipe that meets it all."""

    def __init__(self, folder: Path, service: HostileService) -> None:
        super().__init__(folder, **service.environ, PINFLOW_INPUT_PASSWORD=PASSWORD)
        (folder / "r.yaml").write_text(RECIPE)
        listening = folder / "listen.py"
        listening.write_text("import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())\n")
        self.environ["PINFLOW_NOTIFY_COMMAND"] = shlex.join([sys.executable, str(listening), str(folder / "pipe.txt")])
        self.app = App.installed(self.environ, state=folder / "state", clock=self.clock)
        self.use_app(self.app)

    def output_of(self, *words: str) -> str:
        """What a command writes."""
        assert self(*words) != 3, self.stderr
        return self.stdout + self.stderr


@pytest.fixture
def project(tmp_path: Path, service: HostileService, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, service)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_a_service_repeats_of_its_secrets_is_in_no_output_journal_pipe_or_file(
    encoding: str, service: HostileService, project: Project, tmp_path: Path
) -> None:
    service.echo = ENCODINGS[encoding]
    listener = Listener(lambda: " ".join(map(service.echo, service.secrets)))
    shown = [
        project.output_of(*words)
        for words in (
            ("run", "r.yaml"),
            ("run", "r.yaml", "--output", "ndjson", "-v"),
            ("run", "r.yaml", "--output", "json", "--dry-run"),
            ("runs", "show", "--items"),
            ("runs", "show", "--items", "--output", "json"),
            ("auth", "refresh", "--output", "json"),
            ("auth", "refresh"),
            ("auth", "status"),
        )
    ]
    project.app.notices.alert("a", "failed", f"It said {service.written_secrets()}", service.written_secrets())
    result = project.app.run(project.app.plan(tmp_path / "r.yaml", inputs={}), Options(report=[listener.pinflow_event]))
    assert len(service.windows()) >= 20
    assert hits(service, "".join(shown)) == []
    assert hits(service, "".join(listener.told) + str(result.error)) == []
    assert files_with_hits(service, tmp_path) == {}
    assert "***" in shown[0]
    assert {"r.yaml", "pipe.txt", "boards.csv"} <= {path.name for path in tmp_path.rglob("*")}


@pytest.mark.prints_tokens
def test_without_the_mask_the_same_secrets_are_everywhere(
    service: HostileService, project: Project, tmp_path: Path
) -> None:
    with secrets_shown():
        assert hits(service, project.output_of("run", "r.yaml")) != []
        assert hits(service, project.output_of("auth", "refresh")) != []
        project.app.notices.alert("a", "failed", f"It said {service.written_secrets()}")
    leaking = files_with_hits(service, tmp_path)
    assert {"pipe.txt", "boards.csv"} <= {path.rpartition("/")[2] for path in leaking}
    for path in leaking:
        (tmp_path / path).unlink()
