"""The search for secrets finds them, in every encoding and at every place."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.canary import MARKS, files_with_secrets, leaks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("before", range(6))
def test_a_secret_is_found_however_it_is_written(mark: bytes, before: int) -> None:
    secret = b"x" * before + mark + b"0123456789abcdef"
    for written in (secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret)):
        assert leaks(b"some text " + written + b" and more") != []


def test_what_holds_no_secret_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run.txt").write_text("pin 813 of the sandbox")
    assert leaks(b"pina, sandbox") == []
    assert files_with_secrets(tmp_path) == []


def test_a_secret_in_a_file_is_found_but_for_token_files(tmp_path: Path) -> None:
    token = "pina_" + "sandbox_6e1d"  # in two parts: this file is no leak
    (tmp_path / "access_token.json").write_text(f'{{"access_token": "{token}"}}')
    (tmp_path / "log.txt").write_text(f"signed with {token}")
    assert files_with_secrets(tmp_path) == ["log.txt"]
    (tmp_path / "log.txt").unlink()
