"""What stands in place of a secret, however it is written."""

from __future__ import annotations

import base64
import codecs
import html
import json
import random
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from pinflow.engine.sanitize import error_facts, plain_key, sanitize
from pinflow.errors import PinflowError, RemoteError
from pinflow.masking.known import harmless_words, mask, mask_answer, remember_secrets, remember_token
from pinflow.masking.secret_mask import SecretMask

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "shop" + "_Ab9+x/z-7.Q~k0123456789EF"
ODD = 'pässwort & "more" {}'


def _each(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(byte) for byte in text.encode())


def _mixed(text: str) -> str:
    forms = ("%{:02x}", "%25{:02X}", "&#{};", "\\u{:04x}", "\\x{:02x}", "&#x{:x};")
    chosen = random.Random(7)
    return "".join(chosen.choice(forms).format(byte) if chosen.random() < 0.5 else chr(byte) for byte in text.encode())


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "backwards": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "percent": lambda text: quote(text, safe=""),
    "percent of every character": _each("%{:02X}"),
    "percent in lower case": _each("%{:02x}"),
    "double percent": lambda text: quote(_each("%{:02X}")(text)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after one byte": lambda text: base64.b64encode(b":" + text.encode()).decode(),
    "base64 after two bytes": lambda text: base64.b64encode(b"ab" + text.encode() + b"c").decode(),
    "base64 for URLs, not padded": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: "\n".join(
        base64.b64encode(text.encode()).decode()[i : i + 9] for i in range(0, 60, 9)
    ),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex in upper case": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex of UTF-16": lambda text: text.encode("utf-16-le").hex(),
    "hex of UTF-16, big end first": lambda text: text.encode("utf-16-be").hex(),
    "JSON": lambda text: json.dumps(text),
    "JSON of every character": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "JSON in JSON": lambda text: json.dumps("".join(f"\\u{ord(character):04x}" for character in text)),
    "escapes of programs": _each("\\x{:02x}"),
    "octal": _each("\\{:o}"),
    "HTML": html.escape,
    "HTML by numbers": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "HTML by hex numbers": lambda text: "".join(f"&#x{ord(character):X};" for character in text),
    "quoted-printable": _each("={:02X}"),
    "one character a line": "\n".join,
    "spaced": " ".join,
    "with escaped line ends": lambda text: "\\n".join(text[i : i + 7] for i in range(0, len(text), 7)),
    "with marks that nobody sees": "\u200b".join,
    "a list of characters": lambda text: str(list(text)),
    "a list of bytes": lambda text: str(list(text.encode())),
    "binary": _each("{:08b} "),
    "mixed": _mixed,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding(encoding: str) -> None:
    written = ENCODINGS[encoding](SECRET)
    shown = SecretMask([SECRET])(f"refused: {written} is not known")
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
