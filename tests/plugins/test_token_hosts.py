"""Where secrets go: the vendor's to the vendor, a sandbox's to this machine, others where a person allows it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pinflow import CredentialError, CredentialRequest, UsageError, checked_origin
from pinflow_auth import pinflow_credential
from pinflow_auth.consent import make_consent_page
from pinflow_pinterest_v5.api import API
from tests.plugins.test_token_services import Service, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli import Cli

HOME = "https://api.pinterest.com"
TEST = "https://api-sandbox.pinterest.com"
HERE = "http://127.0.0.1:8080"
OTHER = "https://evil.example"


@pytest.fixture
def stranger() -> Iterator[Service]:
    """A host that an address in the environment leads to."""
    service = Service("")
    yield service
    service.close()


@pytest.mark.parametrize(
    ("secret", "address", "allowed", "sent"),
    [
        ("pina_it", "", "", True),
        ("opaque", "", "", True),
        ("pina_it", TEST, "", True),
        ("pina_it", f"{HOME}:443", "", True),
        ("pina_it", f"{HOME}:444", "", False),
        ("pina_it", "http://api.pinterest.com", "", None),
        ("pina_it", OTHER, "", False),
        ("opaque", OTHER, "", False),
        ("pina_it", HERE, "", False),
        ("opaque", HERE, "", False),
        ("pina_it", OTHER, OTHER, True),
        ("pina_it", OTHER, f"{HERE},{OTHER}/", True),
        ("pina_it", OTHER, f"{OTHER}:8443", False),
        ("pina_it", f"{OTHER}:8443", OTHER, False),
        ("pina_it", OTHER, "https://www.evil.example", False),
        ("pina_it", HERE, "http://localhost:8080", False),
        ("pina_it", HERE, HERE, True),
        ("pina_sandbox_it", HERE, "", True),
        ("pina_sandbox_it", "http://localhost:1", "", True),
        ("pina_sandbox_it", "http://[::1]:1", "", True),
        ("pina_sandbox_it", "", "", False),
        ("pina_sandbox_it", TEST, "", False),
        ("pina_sandbox_it", OTHER, OTHER, False),
        ("pinc_sandbox_it", OTHER, OTHER, False),
    ],
)
@pytest.mark.parametrize("kind", ["variable", "file", "refresh token"])
def test_a_secret_goes_to_its_own_hosts(
    tmp_path: Path, kind: str, secret: str, address: str, allowed: str, sent: bool | None
) -> None:
    tmp_path.chmod(0o700)
    environ = {
        name: value for name, value in (("PINTEREST_API_URI", address), ("PINFLOW_ALLOW_HOST", allowed)) if value
    }
    if kind == "variable":
        environ["ACCESS_TOKEN"] = secret
    else:
        fitting = "pina_sandbox_x" if "_sandbox_" in secret else "pina_x"
        tokens = {"access_token": secret} if kind == "file" else {"access_token": fitting, "refresh_token": secret}
        (tmp_path / "access_token.json").write_text(json.dumps(tokens))
        (tmp_path / "access_token.json").chmod(0o600)
    request = CredentialRequest(api=API, token="access_token", scopes=frozenset(), environ=environ, folders=[tmp_path])
    if sent is None:
        with pytest.raises(UsageError, match="must be an https"):
            pinflow_credential(request)
    elif sent:
        assert pinflow_credential(request) is not None
    else:
        with pytest.raises(CredentialError, match="is not sent to") as caught:
            pinflow_credential(request)
        assert secret not in str(caught.value)
        if "_sandbox_" not in secret:
            assert f"PINFLOW_ALLOW_HOST={address}" in caught.value.hint


@pytest.mark.parametrize("secret", ["pina_sandbox_x", "pina_x"])
def test_a_token_goes_where_its_file_says_that_it_came_from(tmp_path: Path, secret: str) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "access_token.json"
    file.write_text(json.dumps({"access_token": secret, "origin": OTHER}))
    file.chmod(0o600)
    environ = {"PINTEREST_API_URI": OTHER}
    request = CredentialRequest(api=API, token="access_token", scopes=frozenset(), environ=environ, folders=[tmp_path])
    if secret == "pina_x":
        assert pinflow_credential(request) is not None
    else:
        with pytest.raises(CredentialError, match="never leave this machine"):
            pinflow_credential(request)


@pytest.mark.parametrize(
    "words",
    [
        ["auth", "login", "--client-credentials", "--scopes", "boards:read"],
        ["auth", "refresh"],
        ["auth", "logout", "access_token", "--yes"],
        ["run", "get_user"],
        ["run", "get_user", "--dry-run"],
    ],
)
def test_an_address_of_somebody_elses_gets_nothing(
    cli: Cli, tmp_path: Path, stranger: Service, words: list[str]
) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir(mode=0o700)
    tokens = {"access_token": "pina_it", "refresh_token": "pinr_it"}
    (folder / "access_token.json").write_text(json.dumps(tokens))
    (folder / "access_token.json").chmod(0o600)
    cli.environ |= {
        "PINTEREST_API_URI": stranger.url,
        "PINTEREST_OAUTH_TOKEN_DIR": str(folder),
        "PINTEREST_APP_ID": "1234",
        "PINTEREST_APP_SECRET": "the-apps-own-secret",
    }
    code = cli(*words)
    assert stranger.seen == []
    assert code == 4 or words[1] == "logout"  # the file is removed all the same
    told = cli.stdout + cli.stderr
    assert "is not sent to" in told and "pina_it" not in told and "the-apps-own-secret" not in told
    if words[1] != "logout":
        assert f"PINFLOW_ALLOW_HOST={stranger.url}" in told
        cli.environ["PINFLOW_ALLOW_HOST"] = stranger.url
        cli(*words)
        assert any(secret in stranger.got for secret in ("pina_it", "pinr_it", "the-apps-own-secret"))


@pytest.mark.parametrize("variable", ["PINTEREST_OAUTH_URI", "PINTEREST_API_URI"])
def test_no_person_is_sent_to_a_consent_page_of_somebody_elses(variable: str) -> None:
    environ = {variable: OTHER, "PINTEREST_APP_ID": "1", "PINTEREST_APP_SECRET": "s"}
    request = CredentialRequest(api=API, token="access_token", scopes=frozenset(), environ=environ)
    with pytest.raises(CredentialError, match=r"the app's secret .* is not sent to https://evil") as caught:
        make_consent_page(request, {"boards:read"})
    assert f"PINFLOW_ALLOW_HOST={OTHER}" in caught.value.hint
    assert make_consent_page(
        CredentialRequest(api=API, token="t", scopes=frozenset(), environ={**environ, "PINFLOW_ALLOW_HOST": OTHER}),
        {"boards:read"},
    ).url.startswith(environ.get("PINTEREST_OAUTH_URI", "https://www.pinterest.com"))


@pytest.mark.parametrize(
    "url",
    [
        "https://pina_secret@api.pinterest.com",
        "https://user:pina_secret@api.pinterest.com",
        "https://api.pinterest.com@pina_secret.example",
        "https://api.pinterest.com\\pina_secret",
        "https://api.pinterest.com/?token=pina_secret",
        "https://api.pinterest.com/pina_secret",
        "https://api.pinterest.com#pina_secret",
        "https://api.pinterest.com%2epina_secret",
        "https://pina_secret.\u0440interest.com",
        "https://api.pinterest.com\n.pina_secret",
        "https://api.pinterest.com\t",
        "https://api pina_secret",
        "https://api.pinterest.com:pina_secret",
        "https://api.pinterest.com:99999999",
        "https://[pina_secret]",
        "https://-pina_secret.example",
        "pina_secret",
        "ftp://pina_secret.example",
        "http://api.pinterest.com",
        "https://",
        "https:///",
        "https://\u2066api.pinterest.com",
        "https://api.pinterest.com?",
    ],
)
@pytest.mark.parametrize("variable", ["PINTEREST_API_URI", "PINFLOW_ALLOW_HOST"])
def test_a_bad_address_is_refused_without_being_quoted(cli: Cli, variable: str, url: str) -> None:
    cli.environ |= {"ACCESS_TOKEN": "pina_it", "PINTEREST_API_URI": OTHER, variable: url}
    if variable == "PINFLOW_ALLOW_HOST" and url != url.strip():
        return  # a list may have spaces
    assert cli("run", "get_user") == 2
    told = cli.stdout + cli.stderr
    assert f"{variable} " in told and "pina_secret" not in told and "\u0440" not in told
    with pytest.raises(UsageError):
        checked_origin(url, variable)


SCRIPT = """
import json, os, urllib.request
name = "access_token"
token = os.environ.get(name.upper()) or json.load(
    open(os.path.join(os.environ["PINTEREST_OAUTH_TOKEN_DIR"], name + ".json"))
)["access_token"]
call = urllib.request.Request(
    os.environ["PINTEREST_API_URI"] + "/v5/user_account", headers={"Authorization": "Bearer " + token}
)
print(json.load(urllib.request.urlopen(call))["username"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a POSIX shell")
def test_what_the_sandbox_prints_is_all_that_another_shell_needs(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PINFLOW_STATE_DIR": str(tmp_path / "state")}
    python = shlex.quote(sys.executable)
    commands = [
        f"{python} -m pinflow run get_user --output json",
        f"{python} -m pinflow auth status --output json",
        f"{python} -m pinflow auth refresh",
        f"unset ACCESS_TOKEN ACCESS_TOKEN_V5; {python} -m pinflow run get_user --output json",
        f"{python} -m pinflow auth login --client-credentials --scopes boards:read own",
        f"{python} {shlex.quote(str(script))}",
    ]
    command = [sys.executable, "-m", "pinflow", "sandbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        for line in commands:
            done = subprocess.run(
                ["/bin/sh", "-c", f"{printed}\n{line}"],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                env=environ,
                cwd=tmp_path,
            )
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            if "get_user" in line or "script" in line:
                assert "garden_studio" in done.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "PINFLOW_ALLOW_HOST" not in printed


def test_a_real_token_is_not_sent_to_the_sandbox_that_a_shell_still_has_in_its_environment(
    tmp_path: Path, stranger: Service
) -> None:
    from pinflow import TokenRules

    world = World(tmp_path, TokenRules())
    try:
        with pytest.raises(CredentialError, match="which is not a host of its service"):
            world.run(
                "{name: n, api: v5, steps: [{uses: get_user}]}",
                ACCESS_TOKEN="pina_real",
                PINTEREST_API_URI=stranger.url,
            )
    finally:
        world.close()
    assert stranger.seen == []
