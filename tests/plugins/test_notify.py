"""The notifiers that come with pinflow: a line, a command without secrets, a webhook that is not shown."""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Notice, UsageError
from pinflow.__main__ import main
from pinflow_notify import command, line, webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTICE = Notice(key="k", kind="run_paused", title="Report is paused", text="look", at=1_800_000_000.0)
DATA = {
    "version": 1,
    "key": "k",
    "kind": "run_paused",
    "title": "Report is paused",
    "text": "look",
    "at": "2027-01-15T08:00:00+00:00",
    "level": "warning",
}


class Hook:
    """A server that takes posts, and answers as it is told."""

    def __init__(self) -> None:
        self.status = 204
        self.silence = 0.0
        self.headers: dict[str, str] = {}
        self.got: list[tuple[str, dict[str, str], Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append((self.path, dict(self.headers), json.loads(body)))
                time.sleep(hook.silence)
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0K3N?key=s3cr3t"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def test_a_line_is_written_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    line.pinflow_notify(NOTICE)
    assert capsys.readouterr() == ("", "notice: Report is paused: look\n")


# -- the command


def script(folder: Path, text: str) -> str:
    file = folder / "it is.py"
    file.write_text(text, "utf-8")
    return f"'{sys.executable}' '{file}' 'an argument; $HOME'"


def test_the_command_gets_the_notice_and_no_secret(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    words = script(
        tmp_path,
        "import json, os, sys\n"
        f"json.dump([sys.argv[1:], json.load(sys.stdin), dict(os.environ)], open({str(out)!r}, 'w'))",
    )
    environ = {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "ACCESS_TOKEN": "pina_secret",
        "PINTEREST_APP_SECRET": "secret",
        "PINFLOW_NOTIFY_WEBHOOK": "https://secret",
        command.VARIABLE: words,
    }
    command.pinflow_notify(NOTICE, environ)
    arguments, notice, given = json.loads(out.read_text("utf-8"))
    assert (arguments, notice) == (["an argument; $HOME"], DATA)
    assert given.keys() - {"LC_CTYPE"} == {"PATH", "LC_ALL"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("/nowhere/at/all", "can't be run: No such file or directory"),
        (f"'{sys.executable}' -c 'raise SystemExit(3)'", "exited with 3"),
        ("echo 'open", "is not a command: No closing quotation"),
    ],
)
def test_a_command_that_fails_is_told(words: str, said: str) -> None:
    with pytest.raises((ActionError, UsageError), match=said):
        command.pinflow_notify(NOTICE, {command.VARIABLE: words, "PATH": "/bin:/usr/bin"})


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    with pytest.raises(ActionError, match=r"took longer than 0\.5 s"):
        command.call([sys.executable, "-c", code], NOTICE, {}, deadline=0.5)
    assert time.monotonic() - began < 20


def test_no_command_or_webhook_is_called_unless_one_is_set() -> None:
    assert not command.pinflow_notify(NOTICE, {})
    assert not webhook.pinflow_notify(NOTICE, {webhook.VARIABLE: " "})


# -- the webhook


def test_the_webhook_gets_the_notice_as_json(hook: Hook) -> None:
    webhook.pinflow_notify(NOTICE, {webhook.VARIABLE: hook.url})
    ((path, headers, body),) = hook.got
    assert (path, body) == ("/services/T0K3N?key=s3cr3t", DATA)
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers


def test_a_redirect_is_not_followed_and_the_address_is_not_shown(hook: Hook) -> None:
    hook.status, hook.headers = 307, {"Location": hook.url, "Content-Length": "0"}
    with pytest.raises(ActionError, match="answered with HTTP 307") as caught:
        webhook.pinflow_notify(NOTICE, {webhook.VARIABLE: hook.url})
    assert len(hook.got) == 1
    assert "127.0.0.1" not in str(caught.value)


def test_a_webhook_that_does_not_answer_is_given_up(hook: Hook) -> None:
    hook.silence = 0.6
    with pytest.raises(ActionError, match="did not answer: timed out"):
        webhook.post(hook.url, NOTICE, {}, deadline=0.2)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "ftp://127.0.0.1/x",
        "https://user:pw@example.com/",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "file:///etc/passwd",
        "https://[::1",
        "https:///x",
        "https://example.com:99999/",
        "x",
    ],
)
def test_an_address_that_will_not_do_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        webhook.pinflow_notify(NOTICE, {webhook.VARIABLE: url})
    assert url not in str(caught.value)


def test_the_command_line_tries_every_notifier(
    hook: Hook, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["notify", "--test"]) == 0
    assert "pinflow_notify_webhook: not set up" in capsys.readouterr().out
    monkeypatch.setenv(webhook.VARIABLE, hook.url)
    monkeypatch.setenv(command.VARIABLE, "/nowhere")
    assert main(["notify", "--test"]) == 1
    out, err = capsys.readouterr()
    assert "pinflow_notify_line: ok" in out
    assert "pinflow_notify_webhook: ok" in out
    assert "pinflow_notify_command: failed: PINFLOW_NOTIFY_COMMAND can't be run" in out
    assert "notice: a test of the notifiers: nothing is wrong" in err
    assert hook.got[0][2]["kind"] == "test"
    assert "s3cr3t" not in out + err
    assert main(["notify"]) == 0
    assert main(["notify", "--resolve", "k"]) == 2
