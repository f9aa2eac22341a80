"""The default state: a folder of this machine, and nothing else."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pinflow.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.state.folder.approvals import FolderApprovals
    from pinflow.state.folder.audit import FolderAudit
    from pinflow.state.folder.content import FolderContent
    from pinflow.state.folder.events import FolderEvents
    from pinflow.state.folder.inventory import Inventory
    from pinflow.state.folder.notices import FolderNotices
    from pinflow.state.folder.places import FolderPlaces
    from pinflow.state.folder.plugin_rows import FolderRows
    from pinflow.state.folder.runs import FolderRuns
    from pinflow.state.folder.schedule import FolderSchedule
    from pinflow.state.folder.usage import FolderUsage
    from pinflow.state.protocol import Vault
    from pinflow.state.records import Keep, Stored


class FolderState:
    """The stores below ``folder``. Each is imported at its first use: most commands need none, and sqlite3 is slow.

    To get at one raises StateError where others can change the folder or what is above it.
    """

    vault: Vault | None = None  # tokens stay in files beside recipes, where users put them

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.place = str(folder)
        self._clock = clock or Clock()

    @cached_property
    def runs(self) -> FolderRuns:
        from pinflow.state.folder.runs import FolderRuns

        self._room("runs")
        return FolderRuns(self.folder, self._clock)

    @cached_property
    def places(self) -> FolderPlaces:
        from pinflow.state.folder.places import FolderPlaces

        return FolderPlaces(self._room("places"))

    @cached_property
    def approvals(self) -> FolderApprovals:
        from pinflow.state.folder.approvals import FolderApprovals

        return FolderApprovals(self._room("approvals"))

    @cached_property
    def notices(self) -> FolderNotices:
        from pinflow.state.folder.notices import FolderNotices

        return FolderNotices(self._room("notices"))

    @cached_property
    def events(self) -> FolderEvents:
        from pinflow.state.folder.events import FolderEvents

        return FolderEvents(self._room("runs"))

    @cached_property
    def audit(self) -> FolderAudit:
        from pinflow.state.folder.audit import FolderAudit

        return FolderAudit(self._room() / "audit.jsonl", self._clock.now)

    @cached_property
    def content(self) -> FolderContent:
        from pinflow.state.folder.content import FolderContent

        return FolderContent(self._room("content"))

    def rows(self, plugin: str) -> FolderRows:
        """The rows of one plugin."""
        from pinflow.state.folder.plugin_rows import FolderRows

        return FolderRows(self._room("plugins") / plugin)

    def open_usage(self) -> FolderUsage:
        """The shared counters of quotas, created if need be. Close it. Raises StateError."""
        from pinflow.state.folder.filesystem import MOUNTS, check_place
        from pinflow.state.folder.usage import FolderUsage

        check_place(self.folder, MOUNTS)
        return FolderUsage(self._room("quota"), self._clock.now)

    def open_schedule(self, owner: str) -> FolderSchedule:
        """The schedule, made if need be, for an owner of this name. Close it. Raises StateError."""
        from pinflow.state.folder.schedule import FolderSchedule

        self._room("schedule")
        return FolderSchedule(self.folder, owner=owner)

    def secret(self, name: str) -> bytes:
        """32 random bytes, made at first use and the same for all processes. Raises StateError."""
        from pinflow.state.folder.secret_file import load_secret

        return load_secret(self._room() / f"{name}.key")

    def inventory(self) -> list[Stored]:
        """How much there is of each kind of state. Raises StateError."""
        return self._inventory.all()

    def prune(self, keep: Keep, *, dry_run: bool = False) -> list[Stored]:
        """Remove all that need not be kept, of every kind; what that was, or would be. Raises StateError."""
        return self._inventory.prune(keep, dry_run=dry_run)

    @cached_property
    def _inventory(self) -> Inventory:
        from pinflow.state.folder.inventory import Inventory

        return Inventory(self._room(), self.runs.pruning, self.places, now=self.now, open_schedule=self.open_schedule)

    def _room(self, name: str = "") -> Path:
        """A folder of the state, which may not be there yet. Raises StateError for one that others can change."""
        from pinflow.state.folder.ownership import check_own_folder

        room = self.folder / name
        check_own_folder(room, otherwise="or name a folder of your own with PINFLOW_STATE_DIR")
        return room

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    def close(self) -> None:
        """Nothing is left open: runs, usage and schedule are closed by those who opened them."""
