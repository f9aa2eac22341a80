"""Token files and tables that no program writes: each is read or refused, soon and in little memory.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_fuzzed_files.py --timeout=0``
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import CredentialError, CredentialRequest, testing
from pinflow.errors import PinflowError
from pinflow_auth.store import find_tokens
from pinflow_pinterest_v5.api import API
from tests.faults.conftest import scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PARTS = 5
SECONDS, MEGABYTES = 2.0, 200.0
SECRET = "pina_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

TOKEN: dict[str, Any] = {
    "name": "access_token",
    "access_token": SECRET,
    "refresh_token": f"r{SECRET}",
    "scopes": "boards:read pins:read",
    "expires_at": "2027-01-01T00:00:00Z",
    "issued_at": 1_796_000_000,
}
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**400, 1e308, 0.5, "", " ", "x" * 9000, "\n", "\ud800", "\x1b[2J", "é", [], {}, [[[]]],
    {"a": {}}, "9999-99-99", "2027-01-01T00:00:00+99:99", "0001-01-01", 1e18,
    -(2**63), f"{SECRET}\r\nX: y", "keyring", "file",
)  # fmt: skip
TABLE = "title,board,link,image_url\r\n" + "".join(
    f'"Raised beds {number}",Garden ideas,https://example.com/{number},https://example.com/{number}.jpg\r\n'
    for number in range(12)
)
CELLS = (
    '"', '""', '"a', 'a"b', ",", ";", "\t", "|", "\r", "\n", "\r\n", "\0", "\x1a", "\ufeff", "\u200b", "=1+1",
    "sep=;\n", "x" * 140_000, "," * 3000, "\n" * 3000, '"' * 3001, "title", "Title", " title ",
    "${{ inputs }}", "\u2028", "é",
)  # fmt: skip
RAW: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data[: len(data) // 2],
    lambda data: b"",
    lambda data: b"\xff\xfe" + data,
    lambda data: data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass"),
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: b"PK\x03\x04" + data,
    lambda data: b"[" * 30_000 + data,
    lambda data: b'{"a":' * 10_000,
    lambda data: data * 40,
    lambda data: b"9" * 60_000,
    lambda data: data.replace(b"\r\n", b"\r"),
)


def broken(data: bytes, chance: random.Random) -> bytes:
    """Some bytes with a few of them changed, or all of them."""
    if chance.random() < 0.15:
        data = chance.choice(RAW)(data)
    changed = bytearray(data)
    if changed and chance.random() < 0.3:
        for _ in range(chance.randint(1, 5)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def token_file(chance: random.Random) -> bytes:
    data: Any = dict(TOKEN)
    for _ in range(chance.randint(1, 4)):
        key = chance.choice([*TOKEN, "storage", "api", "origin", "account", "token_type"])
        if chance.random() < 0.3:
            data.pop(key, None)
        else:
            data[key] = chance.choice(VALUES)
    return broken(json.dumps(chance.choice((data, data, data, [data], chance.choice(VALUES)))).encode(), chance)


def table(chance: random.Random) -> bytes:
    text = TABLE
    for _ in range(chance.randint(1, 5)):
        place = chance.randint(0, len(text))
        match chance.randrange(4):
            case 0:
                text = text[:place] + chance.choice(CELLS) + text[place:]
            case 1:
                text = text[:place] + text[min(len(text), place + chance.randint(1, 40)) :]
            case 2:
                text = chance.choice(CELLS) + text
            case _:
                text = text.replace(",", chance.choice((";", "\t", "|", ",,")), chance.choice((1, 4, -1)))
    return broken(text.encode("utf-8", "surrogatepass"), chance)


def peak() -> float:
    """The most memory that this process has had, in megabytes; 0 where that is not told."""
    if sys.platform == "win32":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[testing.Project]:
    with testing.Project(tmp_path) as made:
        yield made


@pytest.mark.parametrize("part", range(PARTS))
def test_no_token_file_is_a_surprise(tmp_path: Path, part: int) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir(mode=0o700)
    file = folder / "access_token.json"
    file.touch(mode=0o600)
    request = CredentialRequest(api=API, token="access_token", scopes=frozenset(), environ={}, folders=[folder])
    read = refused = 0
    before = peak()
    for number in range(scaled(200, 4000)):
        seed = f"{part}/{number}"
        file.write_bytes(token_file(random.Random(seed)))
        began = time.process_time()
        try:
            read += find_tokens(request) is not None
        except CredentialError as error:
            refused += 1
            assert SECRET not in str(error), seed
        except Exception as error:
            raise AssertionError(f"token file {seed}: {file.read_bytes()[:2000]!r}") from error
        assert time.process_time() - began < SECONDS, seed
    assert read > 10
    assert refused > 50
    assert peak() - before < MEGABYTES


@pytest.mark.parametrize("part", range(PARTS))
def test_no_table_is_a_surprise(project: testing.Project, part: int) -> None:
    path = project.write(
        """
        name: n
        steps:
          - id: rows
            for_each: read_csv
            with: {path: table.csv}
            as: row
            do:
              - {uses: log, with: {text: "${{ row.title ?? 'none' }}"}}
        """
    )
    app = project.app()
    endings: Counter[str] = Counter()
    before = peak()
    for number in range(scaled(25, 4000)):
        seed = f"{part}/{number}"
        (project.folder / "table.csv").write_bytes(table(random.Random(seed)))
        began = time.process_time()
        try:
            result = app.run(app.plan(path, inputs={}), dry_run())
            ending = result.status
            assert result.error is None or isinstance(result.error, PinflowError)
        except PinflowError as error:
            assert error.exit_code in (1, 2), (seed, error)
            ending = "refused"
        except Exception as error:
            content = (project.folder / "table.csv").read_bytes()[:2000]
            raise AssertionError(f"table {seed}: {content!r}") from error
        endings[ending] += 1
        assert time.process_time() - began < SECONDS, seed
    assert endings["planned"] > 0, endings
    assert sum(endings.values()) - endings["planned"] > 0, endings
    assert peak() - before < MEGABYTES


def dry_run() -> Any:
    from pinflow.engine.options import Options

    return Options(dry_run=True)
