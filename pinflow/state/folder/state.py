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
    """The stores below ``folder``. Each is imported at its first use: most commands need none, and sqlite3 is slow."""

    vault: Vault | None = None  # tokens stay in files beside recipes, where users put them

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.place = str(folder)
        self._clock = clock or Clock()

    @cached_property
    def runs(self) -> FolderRuns:
        from pinflow.state.folder.runs import FolderRuns

        return FolderRuns(self.folder, self._clock)

    @cached_property
    def places(self) -> FolderPlaces:
        from pinflow.state.folder.places import FolderPlaces

        return FolderPlaces(self.folder / "places")

    @cached_property
    def approvals(self) -> FolderApprovals:
        from pinflow.state.folder.approvals import FolderApprovals

        return FolderApprovals(self.folder / "approvals")

    @cached_property
    def notices(self) -> FolderNotices:
        from pinflow.state.folder.notices import FolderNotices

        return FolderNotices(self.folder / "notices")

    @cached_property
    def events(self) -> FolderEvents:
        from pinflow.state.folder.events import FolderEvents

        return FolderEvents(self.folder / "runs")

    @cached_property
    def audit(self) -> FolderAudit:
        from pinflow.state.folder.audit import FolderAudit

        return FolderAudit(self.folder / "audit.jsonl", self._clock.now)

    @cached_property
    def content(self) -> FolderContent:
        from pinflow.state.folder.content import FolderContent

        return FolderContent(self.folder / "content")

    def rows(self, plugin: str) -> FolderRows:
        """The rows of one plugin."""
        from pinflow.state.folder.plugin_rows import FolderRows

        return FolderRows(self.folder / "plugins" / plugin)

    def open_usage(self) -> FolderUsage:
        """The shared counters of quotas, created if need be. Close it. Raises StateError."""
        from pinflow.state.folder.filesystem import MOUNTS, check_place
        from pinflow.state.folder.usage import FolderUsage

        check_place(self.folder, MOUNTS)
        return FolderUsage(self.folder / "quota", self._clock.now)

    def open_schedule(self, owner: str) -> FolderSchedule:
        """The schedule, made if need be, for an owner of this name. Close it. Raises StateError."""
        from pinflow.state.folder.schedule import FolderSchedule

        return FolderSchedule(self.folder, owner=owner)

    def secret(self, name: str) -> bytes:
        """32 random bytes, made at first use and the same for all processes. Raises StateError."""
        from pinflow.state.folder.secret_file import load_secret

        return load_secret(self.folder / f"{name}.key")

    def inventory(self) -> list[Stored]:
        """How much there is of each kind of state. Raises StateError."""
        return self._inventory.all()

    def prune(self, keep: Keep, *, dry_run: bool = False) -> list[Stored]:
        """Remove all that need not be kept, of every kind; what that was, or would be. Raises StateError."""
        return self._inventory.prune(keep, dry_run=dry_run)

    @cached_property
    def _inventory(self) -> Inventory:
        from pinflow.state.folder.inventory import Inventory

        return Inventory(self.folder, self.runs.pruning, self.places, now=self.now, open_schedule=self.open_schedule)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    def close(self) -> None:
        """Nothing is left open: runs, usage and schedule are closed by those who opened them."""
