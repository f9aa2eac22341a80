"""The folder is a state: it passes the tests that every state must pass."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pinflow import CredentialRequest
from pinflow.state.folder.state import FolderState
from pinflow.testing import state_conformance
from pinflow_auth.file_vault import FileVault
from pinflow_pinterest_v5.api import API

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make_state(tmp_path: Path) -> Callable[[], FolderState]:
    return lambda: FolderState(tmp_path / "state")


class TestState(state_conformance.StateConformance):
    pass


class TestRuns(state_conformance.RunsConformance):
    pass


class TestJournal(state_conformance.JournalConformance):
    pass


class TestPlaceIndex(state_conformance.PlaceIndexConformance):
    pass


class TestApprovals(state_conformance.ApprovalsConformance):
    pass


class TestNoticeBook(state_conformance.NoticeBookConformance):
    pass


class TestRunEvents(state_conformance.RunEventsConformance):
    pass


class TestAuditLog(state_conformance.AuditLogConformance):
    pass


class TestPluginRows(state_conformance.PluginRowsConformance):
    pass


class TestScheduleStore(state_conformance.ScheduleStoreConformance):
    pass


class TestOccurrenceStore(state_conformance.OccurrenceStoreConformance):
    pass


class TestUsageStore(state_conformance.UsageStoreConformance):
    pass


@pytest.fixture
def make_vault(tmp_path: Path) -> Callable[[], FileVault]:
    request = CredentialRequest(api=API, token="shop", scopes=frozenset(), environ={}, folders=[tmp_path / "tokens"])
    return lambda: FileVault(request)


class TestFileVault(state_conformance.VaultConformance):
    service = API.id


class TestContentStore(state_conformance.ContentStoreConformance):
    pass


def test_a_line_that_a_killed_process_left_is_dropped(tmp_path: Path) -> None:
    events = FolderState(tmp_path).events
    events.append("run", {"n": 1})
    with (tmp_path / "runs" / "run.events").open("a") as stream:
        stream.write('{"n": 2')
    assert list(FolderState(tmp_path).events.read("run")) == [(1, {"n": 1})]
    assert FolderState(tmp_path).events.append("run", {"n": 2}) == 2
    assert list(events.read("run")) == [(1, {"n": 1}), (2, {"n": 2})]


@pytest.mark.parametrize("harm", ["take out", "change", "cut off"])
def test_an_audit_log_that_was_edited_says_where(tmp_path: Path, harm: str) -> None:
    audit = FolderState(tmp_path).audit
    for number in range(4):
        audit.append("ann", "cli", {"number": number})
    file = tmp_path / "audit.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    match harm:
        case "take out":
            lines.pop(1)
        case "change":
            lines[0] = lines[0].replace(b"ann", b"eve")
        case _:
            lines[1] = b'{"number": \n'
    file.write_bytes(b"".join(lines))
    assert audit.check() == 2


def test_stored_content_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    content = FolderState(tmp_path).content
    digest = content.put(b"name: n\n")
    (tmp_path / "content" / digest).write_bytes(b"name: m\n")
    with pytest.raises(Exception, match="is damaged"):
        content.get(digest)


def test_a_run_takes_its_events_with_it(tmp_path: Path) -> None:
    from pinflow.state.records import Keep, RunRecord

    state = FolderState(tmp_path)
    journal = state.runs.create(RunRecord("20261125", "r", "d", "n", {}, {}, {}, 0.0))
    journal.set_state("ok")
    state.events.append("20261125", {"n": 1})
    journal.close()
    assert state.runs.prune(Keep(ok=-60.0)) == ["20261125"]
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_secret_is_made_once_however_many_ask(tmp_path: Path) -> None:
    secrets: list[bytes] = []
    state = FolderState(tmp_path)
    threads = [threading.Thread(target=lambda: secrets.append(state.secret("fingerprint"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(secrets), len(set(secrets))) == (8, 1)
