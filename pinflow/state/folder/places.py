"""Which runs of this state create things on a place, what they made there, and whose turn it is.

Each place is a file of lines, ``places/<digest>.log``, with a lock beside it. A line says that a run creates things
there, or what one of its writes made: ``R run``, ``I run ref id``, each with a check value. Lines about things need not
be on disk: they tell other processes what a run's journal will say with its next commit, and after a power loss no
process is left that was told.

The log's own lock is held while a write's intent is recorded, so that of two runs that check what is open one sees the
other. The second lock is shared by what is under way, and exclusive for a look.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.state.folder.atomic_file import sync_folder
from pinflow.state.folder.filesystem import MOUNTS, make_folder
from pinflow.state.folder.lock import is_still, try_lock, unlock
from pinflow.state.folder.ownership import open_own
from pinflow.state.folder.secret_file import load_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_LONG = 1 << 20  # bytes that are read before others are forgotten: 12,000 things, a few milliseconds
_OPEN = 64  # places whose files are open at a time: two each, and a process may have 1,024, sometimes 256
_PAUSE = 0.02  # seconds between two tries of a lock: no system has one that waits and can be interrupted
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND


class FolderPlaces:
    """The places below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[FolderPlace, None] = {}  # those whose files are open, the one used last at the end
        self._lock = threading.Lock()

    def key(self) -> bytes:
        """What digests of likenesses are keyed with: 32 bytes, the same for all runs of the state."""
        return load_secret(self._folder.parent / "places.key")

    def open(self, place: str, run_id: str, sleep: Callable[[float], None]) -> FolderPlace:
        """One place, for a run. Close it. Raises StateError."""
        make_folder(self._folder, MOUNTS)
        name = hashlib.sha256(place.encode(errors="surrogatepass")).hexdigest()[:32]
        return FolderPlace(self._folder / f"{name}.log", run_id, sleep, self._note_use)

    def _note_use(self, place: FolderPlace) -> None:
        """Let the files of the place go that was not used for longest, where many are open."""
        with self._lock:
            self._open.pop(place, None)
            self._open[place] = None
            oldest = next(iter(self._open)) if len(self._open) > _OPEN else None
            if oldest is not None:
                del self._open[oldest]
        if oldest is not None:
            oldest.close_if_idle()

    def prune(self, is_kept: Callable[[str], bool]) -> int:
        """Remove the places of which no run is left; how many they were. Those in use stay."""
        removed = 0
        for file in sorted(self._folder.glob("*.log")):
            place = FolderPlace(file, "", lambda _: None)
            try:
                if not any(map(is_kept, place.runs())) and place.try_remove():
                    removed += 1
            finally:
                place.close()
        return removed


class FolderPlace:
    """One place, as one run of this process uses it. Thread-safe. Raises StateError for what can't be written."""

    def __init__(
        self,
        file: Path,
        run_id: str,
        sleep: Callable[[float], None],
        note_use: Callable[[FolderPlace], None] = lambda _: None,
    ) -> None:
        self._file = file
        self._run = run_id
        self._sleep = sleep
        self._note_use = note_use
        self._log = self._lock = -1
        self._mutex = threading.Lock()  # of the log's lock, which belongs to the descriptor that threads share
        self._inside = 0  # writes of this process that are under way
        self._inside_lock = threading.Lock()
        self._lines_lock = threading.Lock()  # of all that is below
        self._end = 0  # of the lines that were read
        self._runs: dict[str, int] = {}  # how often each joined
        self._made: dict[str, tuple[str, str]] = {}  # id -> the run and the write that made it
        self._open()

    def _open(self) -> None:
        if self._log >= 0:
            return
        try:
            self._log = open_own(self._file, _FLAGS)
            self._lock = open_own(self._file.with_suffix(".lock"), _FLAGS)
        except OSError as error:
            self.close()
            raise self._error(error) from error
        except BaseException:
            self.close()
            raise

    def join(self, is_over: Callable[[str], bool]) -> None:
        """Tell other runs, durably, that this one creates things here.

        Forgets the others if all of them are over and there is much to read.
        """
        while not self._try_join(is_over):  # it was removed this very moment
            self.close()
            self._open()

    def _try_join(self, is_over: Callable[[str], bool]) -> bool:
        with self._turn():
            if not is_still(self._log, self._file):
                return False
            self._take_in()
            if self._end > _LONG and self._run not in self._runs and all(map(is_over, self._runs)):
                os.ftruncate(self._log, 0)
            elif os.fstat(self._log).st_size > self._end:
                os.write(self._log, b"\n")  # the last line was cut off
            self._append("R", self._run)
            os.fsync(self._log)
            sync_folder(self._file.parent)
            self._take_in()
        return True

    def runs(self) -> dict[str, int]:
        """The other runs that created things here, also those that ended, and how often they joined."""
        self._take_in()
        with self._lines_lock:
            return {run: joined for run, joined in self._runs.items() if run != self._run}

    def makers(self, *, own: bool = False) -> dict[str, tuple[str, str]]:
        """What other runs (or this one) made here: id -> run and write."""
        self._take_in()
        with self._lines_lock:
            return {id_: maker for id_, maker in self._made.items() if (maker[0] == self._run) == own}

    def add(self, ref: str, id_: str) -> None:
        """Tell other runs what a write of this one made."""
        self._append("I", f"{self._run} {ref} {id_}")

    def enter(self) -> None:
        """Begin to send, which `leave` ends. Waits while another process looks at the place."""
        with self._turn():
            self._count_in()

    @contextmanager
    def entering(self) -> Iterator[Mapping[str, int]]:
        """The same; the other runs, of which none begins or looks inside the block."""
        with self._turn():
            self._count_in()
            try:
                yield self.runs()
            except BaseException:
                self.leave()
                raise

    def _count_in(self) -> None:
        with self._inside_lock:
            if not self._inside:
                self._wait_for(self._lock, shared=True)
            self._inside += 1

    def leave(self) -> None:
        """The outcome of a write that entered is recorded, or it was not sent."""
        with self._inside_lock:
            self._inside -= 1
            if not self._inside:
                unlock(self._lock)
        self._note_use(self)

    @contextmanager
    def looking(self) -> Iterator[Mapping[str, int]]:
        """Keep every process from sending inside the block; the other runs. No write of this one may be under way."""
        with self._turn(), self._inside_lock:
            self._wait_for(self._lock)
            try:
                yield self.runs()
            finally:
                unlock(self._lock)

    def try_remove(self) -> bool:
        """Remove the place, unless a process uses it; whether that was so."""
        if not try_lock(self._log):
            return False
        for path in (self._file, self._file.with_suffix(".lock")):
            path.unlink(missing_ok=True)
        return True

    def close_if_idle(self) -> None:
        """Let the files go, unless a thread uses them; they are opened again when they are needed."""
        if not self._mutex.acquire(blocking=False):
            return
        try:
            with self._inside_lock, self._lines_lock:
                if not self._inside:
                    self.close()
        finally:
            self._mutex.release()

    def close(self) -> None:
        """Let the files go."""
        for descriptor in (self._log, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._log = self._lock = -1

    # the locks

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._mutex:
            with self._lines_lock:
                self._open()
            self._wait_for(self._log)
            try:
                yield
            finally:
                unlock(self._log)

    def _wait_for(self, descriptor: int, *, shared: bool = False) -> None:
        try:
            while not try_lock(descriptor, shared=shared):
                self._sleep(_PAUSE)
        except OSError as error:
            raise self._error(error) from error

    # the lines

    def _append(self, kind: str, text: str) -> None:
        line = f"{kind} {text}"
        try:
            os.write(self._log, f"{line} {_check(line)}\n".encode())
        except OSError as error:
            raise self._error(error) from error

    def _take_in(self) -> None:
        """Read the lines that were added since; what was cut off, or is not as it was written, says nothing."""
        with self._lines_lock:
            self._open()
            try:
                size = os.fstat(self._log).st_size
                if size < self._end:  # another process has begun it anew
                    self._end = 0
                    self._runs.clear()
                    self._made.clear()
                if size == self._end:
                    return
                os.lseek(self._log, self._end, os.SEEK_SET)
                added = os.read(self._log, size - self._end)
            except OSError as error:
                raise self._error(error) from error
            whole = added[: added.rfind(b"\n") + 1]
            self._end += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                text, _, check = line.rpartition(" ")
                if check == _check(text):
                    self._add_line(text.split(" "))

    def _add_line(self, words: list[str]) -> None:
        match words:
            case ["R", run]:
                self._runs[run] = self._runs.get(run, 0) + 1
            case ["I", run, ref, id_]:
                self._made[id_] = (run, ref)

    def _error(self, error: OSError) -> StateError:
        return StateError(
            f"{self._file} can't be used: {error.strerror}", hint="free some space, or make the folder writable"
        )


def _check(line: str) -> str:
    return f"{zlib.crc32(line.encode()):08x}"
