"""What stands in place of a secret, however it is written."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pinflow.cli.error_exit import run_guarded
from pinflow.engine.sanitize import error_facts, plain_key, sanitize
from pinflow.errors import PinflowError, RemoteError
from pinflow.http.proxy import network_settings
from pinflow.masking.known import harmless_words, mask, mask_answer, remember_secrets, remember_token
from pinflow.masking.secret_mask import SecretMask
from pinflow.reporters.text import json_text
from pinflow_notify.webhook import check_address
from tests.encodings import ENCODINGS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli import Cli

SECRET = "shop" + "_Ab9+x/z-7.Q~k0123456789EF"
ODD = 'pässwort & "more" {}'


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding(encoding: str) -> None:
    written = ENCODINGS[encoding](SECRET)
    hide = SecretMask([SECRET])
    shown = hide(f"refused: {written} is not known")
    assert hide.hides_in(f"refused: {written} is not known".encode(errors="surrogatepass"))
    assert shown.startswith("refused: ") and shown.endswith(" is not known")
    left = shown.removeprefix("refused: ").removesuffix(" is not known")
    assert "***" in left
    assert len(left) <= 13  # what stands beside it in a group of base64 or base85, or in quotes


@pytest.mark.parametrize("encoding", sorted(set(ENCODINGS) - {"mixed", "rot13"}))
def test_a_secret_of_odd_characters_is_masked(encoding: str) -> None:
    assert "***" in SecretMask([ODD])(f"refused: {ENCODINGS[encoding](ODD)} is not known")


def test_each_of_many_secrets_is_masked_and_nothing_else() -> None:
    secrets = [f"pin{random.Random(number).randbytes(20).hex()}" for number in range(300)]
    hide = SecretMask(secrets)
    text = "The board 'Garden ideas' of https://shop.example/a?b=%20c&d=e has 813 Pins"
    assert hide(text) == text
    assert hide(f"{secrets[0]}, {secrets[299]}; {secrets[17].encode().hex()}") == "***, ***; ***"


@pytest.mark.parametrize("number", [1, 300, 600, 1200, 2400])
def test_a_secret_is_masked_wherever_it_begins_and_however_many_there_are(number: int) -> None:
    secrets = [f"pin{random.Random(number).randbytes(6).hex()}" for number in range(number)]
    hide = SecretMask([*secrets, "Ab9+x/z-"])
    for before in range(17):
        text = f"{'é' * before}{secrets[-1]}, {'b' * before}Ab9+x/z-."
        assert hide(text) == f"{'é' * before}***, {'b' * before}***."
        assert hide(f"{'a' * before}{secrets[0][:-1]}?") == f"{'a' * before}{secrets[0][:-1]}?"


def test_a_short_text_is_no_secret_and_the_oldest_of_thousands_are_forgotten() -> None:
    hide = SecretMask(["seven77", *(f"secret-{number:08}" for number in range(4097))])
    assert hide("seven77, secret-00000000") == "seven77, secret-00000000"
    assert hide("secret-00000001 and secret-00004096") == "*** and ***"


def test_signs_alone_are_masked_as_they_are() -> None:
    assert SecretMask(["!?!?!?!?"])("it is !?!?!?!? or !?") == "it is *** or !?"


def test_data_are_masked_inside_and_keep_their_form() -> None:
    hide = SecretMask(["123456789012", SECRET])
    data = {"id": 123456789012, SECRET: [True, None, 1.5, (SECRET, "Garden")]}
    assert hide.data(data) == {"id": "***", "***": [True, None, 1.5, ("***", "Garden")]}


@pytest.mark.parametrize("number", [12345678, -12345678, 12345678.0, -1234.5678, 9912345678, 12345678e20, 0.12345678])
def test_numbers_whose_digits_hold_a_secret_are_masked_in_data(number: float) -> None:
    hide = SecretMask(["12345678"])
    assert hide.data({"board_count": number, "rows": [number, 5]}) == {"board_count": "***", "rows": ["***", 5]}
    assert SecretMask([number]).data([number, 813, 0.5, True, None]) == ["***", 813, 0.5, True, None]


def test_values_that_are_a_secret_only_together_are_masked_and_no_others() -> None:
    hide = SecretMask([SECRET])
    row = {"name": "Garden", "characters": list(SECRET), "bytes": tuple(SECRET.encode()), "more": [1, 2]}
    masked = hide.data([row, {"name": "Roses"}])
    assert masked[1] == {"name": "Roses"}
    assert {name: masked[0][name] for name in ("name", "more")} == {"name": "Garden", "more": [1, 2]}
    assert set(masked[0]["characters"]) == {"***"}
    assert len(masked[0]["bytes"]) == len(SECRET) and set(masked[0]["bytes"]) == {"***"}
    assert SecretMask(["12345678"]).data({"a": [1234, 5678], "c": 9}) == {"a": ["***", "***"], "c": 9}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_with_secrets_masked_is_json(encoding: str) -> None:
    remember_token(SECRET, "12345678")
    written = ENCODINGS[encoding](SECRET)
    data = {"count": 12345678, "half": -1234.5678, "pair": [1234, 5678], "text": f"no {written}.", "other": 813}
    for indent in (None, 2):
        text = json_text(data, indent=indent)
        assert mask(text) == text
        shown = json.loads(text)
        assert "***" in shown.pop("text")
        assert shown == {"count": "***", "half": "***", "pair": ["***", "***"], "other": 813}


def test_what_a_run_keeps_has_no_number_with_a_secret() -> None:
    remember_token("12345678")
    assert sanitize({"a": -12345678, "b": 1234.5678, "c": 12345678, "d": 1.5}) == {"d": 1.5}


def test_markup_and_marks_beside_a_text_stay() -> None:
    hide = SecretMask([SECRET])
    text = f"\x1b[1mÄpfel\x1b[0m <b>{SECRET[:5]}<br>{SECRET[5:]}</b> größer als ½ a\bb"
    assert hide(text) == "\x1b[1mÄpfel\x1b[0m <b>***</b> größer als ½ a\bb"


@pytest.mark.parametrize(
    "text", ["<a" * 200_000, "\x1b]" * 200_000, "\x9d" * 400_000, "x" * 200_000 + "\b" * 200_000, "\\u" * 200_000]
)
def test_texts_that_are_hard_to_search_take_no_longer(text: str) -> None:
    hide = SecretMask([SECRET])
    began = time.process_time()
    assert hide(text) == text
    assert hide(text + SECRET).endswith("***")
    assert time.process_time() - began < 4


def test_a_long_text_is_searched_in_time() -> None:
    hide = SecretMask(f"pin{random.Random(number).randbytes(20).hex()}" for number in range(10))
    text = "a Pin of https://shop.example/a?b=%20c&d=e \\u00e9\n" * 10_000
    began = time.process_time()
    assert hide(text) == text
    assert time.process_time() - began < 2  # 0.1 s for these 500 kB when measured
    hostile = text + SECRET
    assert SecretMask([SECRET])(hostile) == text + "***"
    assert SecretMask([SECRET])(hostile * 3) == "***"


def test_errors_have_no_secret_in_any_text() -> None:
    remember_token(SECRET)
    error = PinflowError(f"no {SECRET}", hint=f"use {SECRET.encode().hex()}")
    assert (error.message, error.hint, str(error)) == ("no ***", "use ***", "no ***\n  use ***")
    remote = RemoteError(SECRET, status=400, code=SECRET, request_id=SECRET)
    assert (remote.text, remote.code, remote.request_id) == ("***", None, "")
    assert str(remote) == "*** (HTTP 400)"


@pytest.mark.parametrize(
    ("given", "kept"), [("813", "813"), ("a-UUID.9_1", "a-UUID.9_1"), ("9" * 41, ""), ("a b", ""), ("é", ""), ("-", "")]
)
def test_a_request_id_is_kept_if_it_looks_like_one(given: str, kept: str) -> None:
    assert RemoteError("no", status=400, request_id=given).request_id == kept


def test_codes_are_kept_if_they_look_like_codes() -> None:
    codes: list[int | str] = [3, "rate_limit", "a sentence", "x" * 19, 10**19]
    assert [RemoteError("no", status=400, code=code).code for code in codes] == [3, "rate_limit", None, None, None]


def test_what_is_kept_has_no_secret_that_looks_like_an_id_or_a_word() -> None:
    secret = "WORD_OF_CAPITALS_1234"  # made-up secret
    remember_token(secret, "98765432109876")
    value = {"a": secret, "b": "98765432109876", "c": 98765432109876, secret: 1, "d": "DONE", "e": [secret]}
    assert sanitize(value) == {"d": "DONE", "e": [None]}
    assert secret not in plain_key(f"813/{secret}") and plain_key("813/814") == "813/814"
    assert (
        error_facts(RemoteError("no", status=400, code=secret, request_id=secret)) == "remote_error, exit 1, HTTP 400"
    )


def test_answers_of_a_service_are_masked_for_tokens_alone() -> None:
    remember_secrets(["Garden ideas"])
    remember_token(SECRET)
    value = {"name": "Garden ideas", "note": SECRET.encode().hex()}
    assert mask_answer(json.dumps(value).encode(), value) == {"name": "Garden ideas", "note": "***"}
    assert mask("Garden ideas") == "***"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_crash_of_the_program_writes_no_core() -> None:
    program = (
        "import resource; from pinflow.__main__ import main; main(); print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    words = [sys.executable, "-c", program, "actions", "-q"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "(0, 0)"


def test_a_report_of_a_defect_holds_no_secret_that_is_known_or_looks_like_one(cli: Cli, tmp_path: Path) -> None:
    remember_secrets(["correct horse"])

    def work() -> int:
        try:
            raise ValueError("'abcdefghij' is wrong, and so is hunter2abc")
        except ValueError as error:
            raise RuntimeError(f"it is {b'correct horse'.hex()} or correct horse") from error

    assert run_guarded(cli.shell(), work) == 3
    (report,) = (tmp_path / "state").iterdir()
    text = report.read_text()
    assert "builtins.ValueError: '[...]' is wrong, and so is [...]\n" in text
    assert "builtins.RuntimeError: it is *** or ***\n" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the column is not there", "the column is not there"),
        ("'hunterabcd'", "'[...]'"),
        ("'title' of (8)", "'title' of (8)"),
        ("refused hunter2abc today", "refused [...] today"),
        ("no correcthorsebatterystaple", "no [...]"),
        ("isn't there, can't be read", "isn't there, can't be read"),
        ("invalid literal for int() with base 10: 'secretword'", "invalid literal for int() with base 10: '[...]'"),
    ],
)
def test_strange_exceptions_are_told_without_what_may_be_a_secret(text: str, shown: str) -> None:
    assert harmless_words(ValueError(text)) == shown


def test_what_lets_through_a_proxy_or_posts_a_notice_is_a_secret_as_well() -> None:
    network_settings({"PINFLOW_PROXY": "http://me:pass%2Fword-of-a-proxy@127.0.0.1:3128"})  # made-up secret
    check_address("https://hooks.example.com/services/T0001/B0001/x8y7z6w5v4u3")
    check_address("https://hooks.example.com/alerts")
    shown = mask("pass%2Fword-of-a-proxy pass/word-of-a-proxy /services/T0001/B0001/x8y7z6w5v4u3 and its alerts")
    assert shown == "*** *** /*** and its alerts"


def test_a_thread_of_a_plugin_that_fails_shows_no_token(tmp_path: Path) -> None:
    plugin = tmp_path / "threaded.py"
    plugin.write_text(
        "import threading\nfrom pinflow import Context, action, hookimpl, remember_token\n"
        "def fail():\n    raise KeyError('a-token-of-a-test')\n"
        "@action('threaded')\ndef threaded(ctx: Context) -> None:\n    remember_token('a-token-of-a-test')\n"
        "    thread = threading.Thread(target=fail)\n    thread.start()\n    thread.join()\n"
        "@hookimpl\ndef pinflow_actions():\n    return [threaded]\n"
    )
    (tmp_path / "recipe.yaml").write_text("name: n\nsteps:\n  - uses: threaded\n")
    words = [sys.executable, "-m", "pinflow", "run", "recipe.yaml", "--plugin", str(plugin)]
    environ = {**os.environ, "PINFLOW_STATE_DIR": str(tmp_path / "state"), "PINFLOW_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Exception in thread" in done.stderr and "KeyError: '***'" in done.stderr
    assert "a-token" not in done.stdout + done.stderr
