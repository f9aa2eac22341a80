"""The checks of the tree find what they are for, and nothing in this tree."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.security import lower_bounds, secret_scan

if TYPE_CHECKING:
    from pathlib import Path

# put together here, so that this file holds none
RANDOM = "q7Zt9Lw2" + "Xk4Vb8Nc" + "5Rm1Hs6D" + "j3Pf0Gy7" + "Tu2Wn8Ea"
SECRETS = {
    "pinterest": "pina" + "_" + RANDOM,
    "pinterest refresh": "pinr" + "." + RANDOM,
    "github": "ghp" + "_" + RANDOM[:36],
    "pypi": "pypi" + "-" + RANDOM * 2,
    "aws": "AKIA" + "IOSFODNN7QWERTYU",
    "google": "AIza" + RANDOM[:35],
    "slack": "xoxb" + "-" + RANDOM,
    "stripe": "sk" + "_live_" + RANDOM,
    "jwt": "eyJ" + RANDOM + ".eyJ" + RANDOM + "." + RANDOM,
    "key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "bare key": "-----BEGIN " + "PRIVATE KEY-----",
    "address": "https://shop:" + RANDOM[:9] + "@shop.test/",
    "variable": "PINTEREST_APP_SECRET=" + RANDOM,
    "yaml": "api_key: " + RANDOM[:24],
    "json": '{"refresh_token": "' + RANDOM + '"}',
    "python": "PASSWORD = '" + RANDOM[:20] + "'",
    "ends with a word": "pinr" + "_" + RANDOM[:30] + "secret",
    "ends with another word": "access_token=" + RANDOM[:24] + "_token",
    "has a word inside": "api_key: " + RANDOM[:12] + "password" + RANDOM[12:24],
    "short name": "DB_PASS=" + RANDOM[:24],
    "header": "Authorization: Bearer " + RANDOM + RANDOM[:8],
    "header of curl": "curl -H 'authorization: basic " + RANDOM[:28] + "=='",
    "app secret": "PINTEREST_APP_SECRET=" + "7f3b9c2e" + "51d8a046",
    "app secret in capitals": "client_secret: " + "7F3B9C2E" + "51D8A046",
}
HARMLESS = {
    "marked": SECRETS["github"] + "  # made-up secret",
    "sandbox": "pina" + "_of_a_sandbox_" + RANDOM,
    "words": "token = find_token_of_account_or_fail",
    "code": "secret=registry.credentials.refresh_marker_file2",
    "address without a password": "https://shop.test:8080/a@b",
    "placeholder": "PINTEREST_APP_SECRET=<the secret of your app>",
    "digest": "sha256: " + "a1" * 32,
    "words around": "token=the_access_token_of_shop_2_and_its_password",
    "a header in words": "Authorization: Bearer token_of_the_second_account",
    "a sandbox's": "app_secret: secret_of_a_sandbox_" + "7f3b9c2e" + "51d8a046",
    "a pass": "bypass = 'q7Zt9Lw2Xk4Vb8Nc'",
}
NAMES = [
    "environment",
    "deploy/environment",
    ".env",
    ".env.production",
    "common/scripts/api_app_credentials",
    "common/oauth_tokens/access_token.json",
    "server.pem",
    "keys/id_ed25519",
    ".netrc",
]


def checkout(folder: Path, **files: str) -> Path:
    """A folder with these files that git would add."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("form", SECRETS)
def test_a_secret_is_found_and_not_repeated(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkout(tmp_path, **{"a/notes.txt": f"first\n  {SECRETS[form]}\n"})
    assert secret_scan.main([str(folder)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("a/notes.txt:2: ")
    assert SECRETS[form] not in printed and RANDOM[:9] not in printed


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_secret_is_found_in_files_of_other_encodings(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkout(tmp_path)
    (folder / "notes.txt").write_bytes(f"first\n  {SECRETS['pinterest']}\n".encode(encoding))
    assert secret_scan.main([str(folder)]) == 1
    assert capsys.readouterr().out.startswith("notes.txt:2: a token of Pinterest")


@pytest.mark.slow
def test_a_secret_is_found_in_a_large_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "a line of many\n" * 400_000 + "\n" + "7f3b9c2e.-" * 200_000 + "\n" + SECRETS["github"]
    assert secret_scan.main([str(checkout(tmp_path, **{"large.txt": text}))]) == 1
    assert capsys.readouterr().out == "large.txt:400003: a token of GitHub\n"


@pytest.mark.slow
def test_a_file_that_is_too_large_to_be_searched_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkout(tmp_path)
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(secret_scan.LARGEST + 1)
    assert secret_scan.main([str(folder)]) == 1
    assert capsys.readouterr().out == "huge.bin: larger than 64 MiB: nobody would see a secret in it\n"


@pytest.mark.parametrize("form", HARMLESS)
def test_what_only_looks_like_one_is_not(form: str, tmp_path: Path) -> None:
    assert secret_scan.main([str(checkout(tmp_path, **{"notes.txt": HARMLESS[form]}))]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_files_for_secrets_are_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkout(tmp_path, **{name: ""})
    assert secret_scan.main([str(folder)]) == 1
    assert capsys.readouterr().out == f"{name}: a file for secrets; add it to .gitignore\n"
    (folder / ".gitignore").write_text(f"/{name}\n", "utf-8")
    assert secret_scan.main([str(folder)]) == 0


def test_a_folder_in_which_nothing_was_read_is_not_clean(tmp_path: Path) -> None:
    assert secret_scan.main([str(checkout(tmp_path))]) == 1


def test_there_is_no_secret_in_this_tree() -> None:
    if not (secret_scan.PROJECT / ".git").exists():
        pytest.skip("not a checkout")
    files = secret_scan.files_of(secret_scan.PROJECT)
    assert "pinflow/app.py" in files
    assert list(secret_scan.find_secrets(secret_scan.PROJECT, files)) == []


def project(*dependencies: str, **extras: list[str]) -> dict[str, Any]:
    facts = {"dependencies": list(dependencies), "optional-dependencies": extras}
    return {"project": facts, "build-system": {"requires": ["hatchling>=1.27"]}}


TABLE = {"advisory": [{"package": "Shop.Lib", "fixed": "2.6.3", "id": "CVE-1", "fault": "it leaks"}]}


@pytest.mark.parametrize(
    "wrong",
    [
        *("shop-lib", "shop-lib<3", "shop_lib>=2.6", "shop-lib>=2.6.2", "shop-lib!=2.6.2", "shop-lib>2.6.2"),
        *("shop-lib==2.6.*", "shop-lib===2.6.2", "shop-lib===any"),
    ],
)
def test_a_bound_that_lets_a_bad_release_in_is_named(wrong: str) -> None:
    (fault,) = lower_bounds.find_faults(project(wrong), TABLE)
    assert "lets releases before 2.6.3 in (CVE-1: it leaks); require" in fault
    (fault,) = lower_bounds.find_faults(project("shop-lib>=3", more=[wrong]), TABLE)
    assert fault.startswith(re.split("[<>=!]", wrong)[0])


@pytest.mark.parametrize(
    "right",
    [
        *("shop-lib>=2.6.3", "Shop_Lib>=2.7,<4", "shop-lib~=2.10", "shop-lib==3.0"),
        *("shop-lib==2.31.*", "shop-lib===3.0", "shop-lib>2.6.3"),
    ],
)
def test_a_bound_that_keeps_it_out_is_good(right: str) -> None:
    assert list(lower_bounds.find_faults(project(right), TABLE)) == []


def test_a_row_about_nothing_is_named() -> None:
    (fault,) = lower_bounds.find_faults(project("other>=1"), TABLE)
    assert fault == "CVE-1: nothing requires shop-lib; remove it from known_bad.toml"


def test_the_bounds_of_this_project_keep_all_of_the_table_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert lower_bounds.main() == 0, capsys.readouterr().out
