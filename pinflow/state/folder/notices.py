"""Notices: what a person has to know though nobody is there, told once and not every minute.

A notice has a key. It is told when the key is new, and not again until the key was
resolved; that is kept in the state directory, so that a restarted daemon does not
repeat itself. Who is told, and how, is the plugins' affair (``pinflow_notify``).
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pinflow.errors import PinflowError, StateError
from pinflow.state.folder import atomic_file
from pinflow.state.records import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

AGAIN = 300.0  # seconds until a notifier that failed is tried once more


class Notices:
    """The notices below a folder. Thread-safe, and shared by processes.

    ``notifiers`` are called by name, each for itself: one that raises is complained
    of in a line, ends nothing, and is tried again later; one that returns False is not
    set up. ``clock`` is seconds since the epoch.
    """

    def __init__(
        self,
        folder: Path,
        notifiers: Mapping[str, Callable[[Notice], object]],
        *,
        clock: Callable[[], float],
        complain: Callable[[str], object],
    ) -> None:
        self._folder = folder
        self._notifiers = notifiers
        self._clock = clock
        self._complain = complain
        self._lock = threading.Lock()
        self._quiet: dict[str, float] = {}  # keys that need no look at the disk, and until when

    def tell(self, notice: Notice) -> bool:
        """Tell of something, unless that was done and it has not been resolved; whether anybody was told now.

        Never raises: a notice that can't be kept is told all the same, and complained of.
        """
        with self._lock:
            now = self._clock()
            if now < self._quiet.get(notice.key, 0.0) <= now + AGAIN:
                return False
            told = self._told(notice.key)
            if told is not None and not self._lacking(told):
                self._quiet[notice.key] = now + AGAIN
                return False
            if told is not None and now < told["tried"] + AGAIN and told["tried"] <= now:
                return False  # by another process, or in vain a short time ago
            return self._tell(notice, told or {"told": [], "failed": []}, now)

    def _tell(self, notice: Notice, before: Mapping[str, Any], now: float) -> bool:
        told, failed = set(before["told"]), set()
        self._keep(notice, told, set(before["failed"]), now)  # whoever else looks now leaves it to us
        for name in self._lacking(before):
            _, error = _tried(self._notifiers[name], notice)
            if not error:
                told.add(name)
                continue
            failed.add(name)
            if name not in before["failed"]:
                self._complain(f"the notifier {name} failed ({error}); it is tried again: {notice.title}")
        self._keep(notice, told, failed, now)
        self._quiet[notice.key] = now + AGAIN
        return bool(told - set(before["told"]))

    def resolve(self, key: str) -> bool:
        """The circumstance is over: should it come again, it is told again. Whether it was told. Raises StateError."""
        with self._lock:
            self._quiet.pop(key, None)
            file = self._file(key)
            try:
                file.unlink()
            except FileNotFoundError:
                return False
            except OSError as error:
                raise StateError(f"{file} can't be removed: {error.strerror}") from error
            return True

    def open(self) -> list[Notice]:
        """What was told and is not resolved, the newest first. What can't be read is left out."""
        found = []
        for file in self._folder.glob("*.json"):
            try:
                data = json.loads(atomic_file.read(file) or b"")["notice"]
                datetime.fromtimestamp(data["at"], UTC)  # it is shown as a date
                found.append(Notice(**{name: data[name] for name in Notice.__dataclass_fields__}))
            except (StateError, ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError):
                continue
        return sorted(found, key=lambda each: each.at, reverse=True)

    def test(self) -> dict[str, str]:
        """Have every notifier tell of nothing in particular; by name: "ok", "not set up", or how it failed."""
        notice = Notice(
            key="test",
            kind="test",
            title="a test of the notifiers",
            text="nothing is wrong",
            at=self._clock(),
            level="info",
        )
        told: dict[str, str] = {}
        for name, notify in self._notifiers.items():
            answer, error = _tried(notify, notice)
            told[name] = f"failed: {error}" if error else "not set up" if answer is False else "ok"
        return told

    def _lacking(self, told: Mapping[str, Any]) -> list[str]:
        return [name for name in self._notifiers if name not in told["told"]]

    def _told(self, key: str) -> dict[str, Any] | None:
        """Who was told, and when it was last tried. What is damaged counts as not told."""
        try:
            data = json.loads(atomic_file.read(self._file(key)) or b"{}")
            return {
                "told": [str(each) for each in data["told"]],
                "failed": [str(each) for each in data["failed"]],
                "tried": float(data["tried"]),
            }
        except (StateError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def _keep(self, notice: Notice, told: set[str], failed: set[str], now: float) -> None:
        data = {"notice": asdict(notice), "told": sorted(told), "failed": sorted(failed), "tried": now}
        try:
            atomic_file.write(self._file(notice.key), json.dumps(data).encode())
        except StateError as error:
            self._complain(f"the notice {notice.title!r} can't be kept, and may be told again: {error.message}")

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]}.json"


def _tried(notify: Callable[[Notice], object], notice: Notice) -> tuple[object, str]:
    """What a notifier answers, and how it failed ("": it did not). Of a stranger's error only the kind is shown."""
    try:
        return notify(notice), ""
    except PinflowError as error:
        return None, error.message or type(error).__name__
    except Exception as error:
        return None, type(error).__name__
