"""A long listing on its way through a temporary file."""

from __future__ import annotations

import tempfile
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError
from pinflow_pinterest.copying.page_buffer import PageBuffer

if TYPE_CHECKING:
    from pathlib import Path

PAGES: list[list[dict[str, Any]]] = [
    [{"id": "1", "title": "Büsche"}, {"id": "2", "title": None}],
    [],
    [{"id": "3", "title": "\ud800"}],
    [{"id": "4"}, {"id": "5", "nested": {"a": [1, 2.5, True]}}],
]


@pytest.mark.parametrize("in_memory", [0, 1, 40, 1_000_000])
def test_a_page_buffer_reads_back_from_either_end(in_memory: int) -> None:
    objects = list(chain.from_iterable(PAGES))
    with PageBuffer(in_memory=in_memory) as spool:
        for page in PAGES:
            spool.append(page)
        assert len(spool) == 5
        assert list(spool) == objects
        assert list(reversed(spool)) == objects[::-1]
        assert list(spool) == objects


def test_a_page_buffer_can_be_appended_to_after_reading() -> None:
    with PageBuffer() as spool:
        spool.append(PAGES[0])
        assert len(list(reversed(spool))) == 2
        spool.append(PAGES[3])
        assert [each["id"] for each in spool] == ["1", "2", "4", "5"]


def test_a_page_buffer_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = PageBuffer(in_memory=1)
    spool.append(PAGES[0])
    assert list(tmp_path.iterdir()) == []
    spool.close()


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with (
        PageBuffer(in_memory=1) as spool,
        pytest.raises(ActionError, match="can't be stored in the temporary folder") as caught,
    ):
        spool.append(PAGES[0])
    assert "TMPDIR" in caught.value.hint
