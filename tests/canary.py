"""Secrets of the sandbox are marked: whatever a test writes is searched for the mark, in every usual encoding.

The sandbox's tokens and app secrets begin with fixed words, so that their
encodings have fixed parts too, wherever in a text they stand.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pinflow.testing.secrets import needles

MARKS = (b"pina_sandbox_", b"pinr_sandbox_", b"pinc_sandbox_", b"sandbox_secret_")
_CODE = (".py", ".pyc")  # the sandbox's own, which makes the marks
LARGEST = 8 * 2**20  # bytes of a file; tests write smaller ones


NEEDLES = needles(mark.decode() for mark in MARKS)


def leaks(content: bytes) -> list[str]:
    """Every line of ``content`` that holds a secret, shortened to where it begins."""
    if not any(needle in content for needle in NEEDLES):
        return []
    return [line[:60].decode(errors="replace") for line in content.splitlines() if any(n in line for n in NEEDLES)]


def files_with_secrets(folder: Path) -> list[str]:
    """Files below ``folder`` that hold a secret and are no token file."""
    found = []
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST or path.suffix in _CODE:
            continue
        if not os.access(path, os.R_OK):
            path.chmod(0o600)  # a test took the right away, and is over
        content = path.read_bytes()
        if not _keeps_tokens(path, content) and leaks(content) and content not in _pages():
            found.append(str(path.relative_to(folder)))
    return found


@cache
def _pages() -> frozenset[bytes]:
    """The documentation as this checkout has it, which shows made-up tokens of the sandbox; tests copy it."""
    docs = Path(__file__).parents[1] / "docs"
    return frozenset(path.read_bytes() for path in docs.rglob("*") if path.suffix in (".md", ".html", ".js"))


def _keeps_tokens(path: Path, content: bytes) -> bool:
    """Whether a file is where a token belongs: a token file, or one on its way to be one."""
    return b'"access_token"' in content or path.name.startswith(".")
