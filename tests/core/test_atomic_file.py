"""Small files of pinflow's own are replaced whole, and are there after a power loss."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no modes, and no folders to put on disk")


def test_atomic_file_syncs_the_file_and_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "made" / "note.json"
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, file.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    atomic_file.write(file, b"one")
    assert synced == [("file", False), ("folder", True)]
    assert atomic_file.read(file) == b"one"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_cant_be_replaced_keeps_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "note.json"
    atomic_file.write(file, b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match=r"note\.json can't be written: No space left on device"):
        atomic_file.write(file, b"two")
    assert atomic_file.read(file) == b"one"
    assert [each.name for each in tmp_path.iterdir()] == ["note.json"]


def test_atomic_file_reports_a_folder_in_place_of_a_file_as_an_error(tmp_path: Path) -> None:
    (tmp_path / "note.json").mkdir()
    with pytest.raises(StateError, match=r"note\.json can't be read: Is a directory"):
        atomic_file.read(tmp_path / "note.json")
