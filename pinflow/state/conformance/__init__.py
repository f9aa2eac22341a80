"""The tests that every state must pass, one class for each protocol of `pinflow.state.protocol`.

An implementation's own tests subclass them, and define the fixture ``make_state``: a
function that opens the state, the same one each time, as another process would.

    from pinflow.testing import state_conformance

    @pytest.fixture
    def make_state(tmp_path):
        return lambda: FolderState(tmp_path / "state")

    class TestRuns(state_conformance.RunsConformance): ...
"""

from __future__ import annotations

from pinflow.state.conformance.places import PlaceIndexConformance
from pinflow.state.conformance.runs import JournalConformance, RunsConformance
from pinflow.state.conformance.schedule import OccurrenceStoreConformance, ScheduleStoreConformance
from pinflow.state.conformance.stores import (
    ApprovalsConformance,
    AuditLogConformance,
    ContentStoreConformance,
    NoticeBookConformance,
    PluginRowsConformance,
    RunEventsConformance,
    StateConformance,
)
from pinflow.state.conformance.usage import UsageStoreConformance
from pinflow.state.conformance.vault import VaultConformance

__all__ = [
    "ApprovalsConformance",
    "AuditLogConformance",
    "ContentStoreConformance",
    "JournalConformance",
    "NoticeBookConformance",
    "OccurrenceStoreConformance",
    "PlaceIndexConformance",
    "PluginRowsConformance",
    "RunEventsConformance",
    "RunsConformance",
    "ScheduleStoreConformance",
    "StateConformance",
    "UsageStoreConformance",
    "VaultConformance",
]
