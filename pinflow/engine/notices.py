"""Telling people what they have to know when runs go on unattended: once, and not every minute.

A notice has a key. It is told when the key is new, and not again until the key was
resolved; the state's `NoticeBook` remembers that for all processes. Who is told, and
how, is up to plugins (``pinflow_notify``).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pinflow.errors import PinflowError, StateError, ends_program
from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.masking.known import mask
from pinflow.state.records import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow.state.protocol import NoticeBook
    from pinflow.state.records import Level, NoticeAttempt

AGAIN = 300.0  # seconds until a notifier that failed is tried again: long enough for a mail server to come back


@dataclass(slots=True)
class Notices:
    """The notices of a state and the notifiers that tell them. Thread-safe.

    ``notifiers`` are called by name, each independently: one that raises causes one line
    to ``complain``, stops nothing, and is tried again later; one that returns False is
    not set up. ``clock`` is seconds since the epoch.
    """

    book: NoticeBook
    notifiers: Mapping[str, Callable[[Notice], object]]
    clock: Callable[[], float]
    complain: Callable[[str], object]
    # two threads of a process must not tell the same notice side by side
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    # keys that need no look at the store, and until when
    _quiet: dict[str, float] = field(init=False, default_factory=dict)

    def tell(self, notice: Notice) -> bool:
        """Tell of something, unless that was done and it has not been resolved; whether a notifier told it now.

        Never raises: a notice that can't be stored is told nevertheless, with a complaint.
        """
        notice = replace(notice, title=mask(notice.title), text=mask(notice.text))
        with self._lock:
            now = self.clock()
            if now < self._quiet.get(notice.key, 0.0) <= now + AGAIN:
                return False
            attempt = self.book.begin(notice, self.notifiers, now=now, again_after=AGAIN)
            if attempt is None:  # by another process, or in vain a short time ago
                return False
            return self._tell(notice, attempt, now)

    def alert(self, key: str, kind: str, title: str, text: str = "", *, level: Level = "warning") -> bool:
        """:meth:`tell` of a notice of this moment, with these texts."""
        return self.tell(Notice(key=key, kind=kind, title=title, text=text, at=self.clock(), level=level))

    def _tell(self, notice: Notice, attempt: NoticeAttempt, now: float) -> bool:
        told, failed = set(attempt.told), set()
        if attempt.problem:
            self._complain_of_store(notice, attempt.problem)
        for name in attempt.lacking:
            _, error = _call(self.notifiers[name], notice)
            if not error:
                told.add(name)
                continue
            failed.add(name)
            if name not in attempt.failed:
                self.complain(f"the notifier {name} failed ({error}); it is tried again: {notice.title}")
        try:
            self.book.finish(notice, told, failed, now=now)
        except StateError as error:
            self._complain_of_store(notice, error.message)
        self._quiet[notice.key] = now + AGAIN
        return told > attempt.told

    def _complain_of_store(self, notice: Notice, problem: str) -> None:
        self.complain(f"the notice {notice.title!r} can't be stored, and may be told again: {problem}")

    def resolve(self, key: str) -> bool:
        """The circumstance is over: should it come again, it is told again. Whether it was open. Raises StateError."""
        with self._lock:
            self._quiet.pop(key, None)
            return self.book.resolve(key)

    def open(self) -> list[Notice]:
        """What was told and is not resolved, newest first."""
        return self.book.open()

    def test(self) -> dict[str, str]:
        """Send a test to every notifier; by name: "ok", "not set up", or how it failed."""
        notice = Notice(
            key="test",
            kind="test",
            title="a test of the notifiers",
            text="nothing is wrong",
            at=self.clock(),
            level="info",
        )
        outcomes: dict[str, str] = {}
        for name, notify in self.notifiers.items():
            answer, error = _call(notify, notice)
            outcomes[name] = f"failed: {error}" if error else "not set up" if answer is False else "ok"
        return outcomes


def _call(notify: Callable[[Notice], object], notice: Notice) -> tuple[object, str]:
    """A notifier's answer, and how it failed ("": it did not). Of a plugin's own error only the kind is shown."""
    try:
        return notify(notice), ""
    except PinflowError as error:
        return None, error.message or type(error).__name__
    except (Exception, SystemExit) as error:
        if ends_program(error):
            raise
        return None, type(error).__name__
