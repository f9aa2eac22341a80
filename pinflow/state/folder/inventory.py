"""How much a state folder holds of each kind, and the removal of all that need not be kept."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from pinflow.state.folder import atomic_file
from pinflow.state.folder.pruning import total_size
from pinflow.state.records import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pinflow.state.folder.places import FolderPlaces
    from pinflow.state.folder.pruning import RunPruning
    from pinflow.state.folder.run_index import RunFacts
    from pinflow.state.folder.schedule import FolderSchedule
    from pinflow.state.records import Keep

# of a run, with the words for people
_RUNS = {
    "ok": "runs that ended ok",
    "failed": "runs that failed or were cancelled",
    "open": "runs that can be resumed",
    "begun": "runs at work",
    "damaged": "runs that can't be read",
}
# of the runs above; people see it in `pinflow state`, and may prune by hand
_IN_DOUBT = "runs that no start removes for their age: the clock has jumped ahead by months"
_ALERTS = "open alerts"
_COUNTERS = "counters of quotas"
_PLACES = "places where runs created things"
# where the others are, below the folder
_OTHERS = {
    "approvals": "approvals/*.json",
    _ALERTS: "notices/*.json",
    _COUNTERS: "quota/*.page",
    _PLACES: "places/*.log",
    "schedule": "schedule/*.db",
    "rows of plugins": "plugins/*/*/*.json",
    "stored files": "content/*",
    "files that recipes wrote": "written/*.json",
    "audit log": "audit.jsonl",
}
# of these, what nobody wrote for as long as failed runs are kept, and not for 90 days: an alert that still holds is
# sent and stored again, and no quota's window is longer than a day
_WHEN_UNUSED = (_ALERTS, _COUNTERS)
_USE = 90 * 86_400.0  # seconds


class Inventory:
    """The state in ``folder``. ``open_schedule`` opens its schedule, for an owner of the given name."""

    def __init__(
        self,
        folder: Path,
        runs: RunPruning,
        places: FolderPlaces,
        *,
        now: Callable[[], float],
        open_schedule: Callable[[str], FolderSchedule],
    ) -> None:
        self._folder = folder
        self._runs = runs
        self._places = places
        self._now = now
        self._open_schedule = open_schedule

    def all(self) -> list[Stored]:
        """How much there is of each kind, runs first. All runs are looked into that the index does not know."""
        others = (Stored(kind, *_sums(self._folder.glob(pattern))) for kind, pattern in _OTHERS.items())
        runs = self._runs.all()
        in_doubt = sum(facts.kind != "begun" for facts in runs) if self._runs.index.is_clock_in_doubt() else 0
        return [row for row in (*_by_kind(runs), *others, Stored(_IN_DOUBT, in_doubt, 0)) if row.count]

    def prune(self, keep: Keep, *, dry_run: bool) -> list[Stored]:
        """Remove all that need not be kept; what that was, or would be. Raises StateError.

        Approvals, stored files, the index of written ones, rows of plugins and the audit log stay: they are removed by
        those who made them. What the schedule remembers of ended times is kept for 400 days,
        so that nothing is made up for twice.
        """
        due = self._runs.due(keep)
        since = self._now() - max(keep.failed, _USE)
        unused = {
            kind: [file for file in self._folder.glob(_OTHERS[kind]) if _mtime(file) < since] for kind in _WHEN_UNUSED
        }
        removed = [Stored(kind, *_sums(files)) for kind, files in unused.items()]
        if not dry_run:
            due = [facts for facts in due if self._runs.remove(facts)]
            for files in unused.values():
                for file in files:
                    atomic_file.remove(file)
            removed.append(Stored(_PLACES, self._places.prune(self._runs.is_kept), 0))
            removed.append(Stored("leftovers of runs", self._runs.remove_leftovers(), 0))
            if (self._folder / "schedule" / "table.db").exists():
                with closing(self._open_schedule("prune")) as schedule:
                    schedule.prune(self._now())
        return [row for row in (*_by_kind(due), *removed) if row.count]


def _by_kind(runs: Sequence[RunFacts]) -> Iterator[Stored]:
    for kind, words in _RUNS.items():
        of_kind = [facts for facts in runs if facts.kind == kind]
        yield Stored(words, len(of_kind), total_size(of_kind))


def _sums(files: Iterable[Path]) -> tuple[int, int]:
    """How many files, and their bytes."""
    sizes = []
    for file in files:
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    return len(sizes), sum(sizes)


def _mtime(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # removed just now
        return float("inf")
