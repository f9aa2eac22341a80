"""Is there a secret in the tree?

Run as ``python -m tests.security.secret_scan [FOLDER]`` in a checkout. It reads what git tracks and what it would add,
names files that are there for secrets, and finds in the others what has the form of one: tokens by the prefix of their
service, private keys, passwords in addresses, and values beside words like "secret" that look random. A value that is
made up says so: it holds a word like "sandbox" or "example", or one like "token" and nothing that looks random beside
it, or its line ends with ``# made-up secret``.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
LARGEST = 64 * 2**20  # bytes; the catalogue of operations has 1.5 MB, and what is larger is no source
RANDOM = 3.6  # bits a character; words of a language have below 3.5 at this length, 20 random digits and letters 4
RANDOM_HEX = 2.6  # the same of hex digits, which are of 16 kinds: 16 random ones have 3.2, and below 2.6 one of 100
SHORTEST = 16  # characters of a random value: an app's secret

NAMES = re.compile(
    r"(^|/)(environment|\.env(\..+)?|\.netrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|api_app_credentials"
    r"|.+\.(pem|key|p12|pfx|jks|keystore)|oauth_tokens/.+\.json)$"
)
_FORMS = {
    "a token of Pinterest": re.compile(r"\bpin[arc][_.][A-Za-z0-9_.-]{20,}"),
    "a token of GitHub": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    "a token of PyPI": re.compile(r"\bpypi-[A-Za-z0-9_-]{60,}"),
    "a key of AWS": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a key of Google": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "a token of Slack": re.compile(r"\bxox[abeprs]-[0-9A-Za-z-]{20,}"),
    "a key of a payment or language service": re.compile(r"\b(sk|rk)[-_](live[-_]|ant-|proj-)?[0-9A-Za-z_-]{32,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a private key": re.compile(r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----"),
    "a password in an address": re.compile(
        r"\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"'{}<>\[\]]+:([^\s/@\"'{}<>\[\]]{6,})@"
    ),
}
_ASSIGNED = re.compile(
    r"(?i)(?P<word>secret|token|passw(or)?d|passphrase|(?<![a-z])(pass|pwd|pw)(?![a-z])|(api|access|private)[_-]?key"
    rf"|credential)[a-z0-9_-]{{0,40}}[\"']?\s*(:=|=>|[:=])\s*[\"']?(?P<value>[A-Za-z0-9+/_=.-]{{{SHORTEST},}})"
)
_HEADER = re.compile(rf"(?i)\b(?P<word>bearer|basic)\s+(?P<value>[A-Za-z0-9+/_=.~-]{{{SHORTEST},}})")
_MADE_UP = re.compile(r"(?i)(?<![a-z0-9])(sandbox|example|made[-_ ]?up|canary|dummy)(?![a-z0-9])")
_WORDS = re.compile(r"(?i)secret|token|password|0123456789|abcdef")  # a secret may end with one by chance
_ALLOWED = "made-up secret"


def find_secrets(folder: Path, files: list[str]) -> Iterator[str]:
    """A line for each secret in the files, which are named as seen from the folder; the secret itself is not in it."""
    for name in files:
        if NAMES.search(name):
            yield f"{name}: a file for secrets; add it to .gitignore"
        path = folder / name
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size > LARGEST:
            yield f"{name}: larger than {LARGEST >> 20} MiB: nobody would see a secret in it"
            continue
        # without the zeros that UTF-16 has beside each letter
        text = path.read_bytes().replace(b"\0", b"").decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if _ALLOWED not in line:
                yield from (f"{name}:{number}: {what}" for what in _secrets_of(line))


def _secrets_of(line: str) -> Iterator[str]:
    for what, form in _FORMS.items():
        if any(not _is_made_up(match[match.lastindex or 0] or match[0]) for match in form.finditer(line)):
            yield what
    for form in (_ASSIGNED, _HEADER):
        for match in form.finditer(line):
            value = match["value"]
            if _is_random(value) and not _is_made_up(value):
                yield f"what looks random, {len(value)} characters beside the word {match['word']!r}"


def _is_made_up(value: str) -> bool:
    rest = _WORDS.sub("", value)
    return _MADE_UP.search(value) is not None or (rest != value and not (len(rest) >= SHORTEST and _is_random(rest)))


def _is_random(text: str) -> bool:
    """Whether a text has figures and letters in no order: names and paths have words in them, and repeat letters."""
    if not (re.search(r"\d", text) and re.search(r"[A-Za-z]", text)):
        return False
    counts = Counter(text).values()
    entropy = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    least = RANDOM_HEX if re.fullmatch(r"[0-9a-fA-F]+", text) else RANDOM
    return entropy >= least and not re.fullmatch(r"[a-z_.]*\d{0,4}[a-z_.]*", text)


def files_of(folder: Path) -> list[str]:
    """What git tracks below a folder, or would add."""
    words = ["git", "-c", "core.quotePath=off", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=folder, capture_output=True, check=True).stdout.decode()
    return sorted({name for name in listed.splitlines() if name})


def main(words: list[str]) -> int:
    """Print what was found; 1 if there is anything."""
    folder = Path(words[0]) if words else PROJECT
    files = files_of(folder)
    secrets = list(find_secrets(folder, files))
    print("\n".join(secrets) or f"no secret in {len(files)} files")
    return 1 if secrets or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
