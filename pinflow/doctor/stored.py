"""What is stored: the state folder, quotas that are used up, and open alerts."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from pinflow.errors import PinflowError
from pinflow.plugin.contributions import Finding
from pinflow.state.folder.lock import try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.app import App

_LITTLE = 500_000_000  # bytes: a nightly copy of large accounts takes some 10 MB a run for 90 days
_TOO_LITTLE = 50_000_000  # bytes: one long run with its log may take as much
_LATEST = 50  # runs that are looked at: the newest


def examine_state(app: App) -> Iterator[Finding]:
    """Whether the state can be read, written and locked, and how much room there is."""
    store = app.store
    if store.place != str(app.state):  # not a folder
        store.runs.count()
        yield Finding(topic="state", text=f"in {store.place}")
        return
    yield from _examine_folder(app.state)
    if not app.state.is_dir():
        return
    store.inventory()
    with ExitStack() as opened:  # each checks its form as it is opened
        opened.enter_context(closing(store.open_usage()))
        if (app.state / "schedule").is_dir():
            opened.enter_context(closing(store.open_schedule(f"doctor-{app.new_run_id()}")))
    runs = store.runs.list(number=_LATEST)
    unreadable = [run.id for run in runs if run.state == "unreadable"]
    if unreadable:
        yield Finding(
            topic="state",
            text=f"{len(unreadable):,} of the {len(runs):,} newest runs can't be read: {', '.join(unreadable[:3])}",
            hint=f"to see why: pinflow runs show {unreadable[0]}",
            level="problem",
        )
    for damage in app.approvals.all()[1]:
        yield Finding(topic="state", text=damage, level="problem")


def _examine_folder(folder: Path) -> Iterator[Finding]:
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        hint = "remove it, or name another folder with PINFLOW_STATE_DIR"
        yield Finding(topic="state", text=f"in {folder}, but {place} is not a folder", hint=hint, level="problem")
        return
    text = f"in {folder}" if place == folder else f"in {folder}, which the first run makes"
    hint = f"make {place} yours and writable, or name another folder with PINFLOW_STATE_DIR"
    try:
        with tempfile.TemporaryFile(dir=place, prefix=".pinflow-doctor-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
            locked = try_lock(file.fileno())
        free = shutil.disk_usage(place).free
    except OSError as error:
        reason = error.strerror or type(error).__name__
        yield Finding(topic="state", text=f"{text}; nothing can be written there: {reason}", hint=hint, level="problem")
        return
    if not locked:
        yield Finding(topic="state", text=f"{text}; files can't be locked there", hint=hint, level="problem")
        return
    yield Finding(topic="state", text=text)
    room = f"{free / 1e9:,.1f} GB free" if free >= 1e9 else f"{free / 1e6:,.0f} MB free"
    if free < _LITTLE:
        yield Finding(
            topic="space",
            text=f"{room}{'' if free < _TOO_LITTLE else ', which may not last'}",
            hint="free some, or remove old runs: pinflow state prune",
            level="problem" if free < _TOO_LITTLE else "note",
        )
    else:
        yield Finding(topic="space", text=room)


def examine_quotas(app: App) -> Iterator[Finding]:
    """The quotas that let no call through now, and accounts that may not write for a while."""
    if not app.state.is_dir():
        return
    uses = app.accounts.quotas()
    full = sorted(
        {f"{use.category} of {use.login or 'the app'}" for use in uses if use.category and use.remaining == 0}
    )
    if full:
        yield Finding(
            topic="quota",
            text=f"used up: {', '.join(full)}",
            hint="when it is free again: pinflow quota",
            level="note",
        )
    for use in uses:
        if not use.category and use.paused_until is not None:
            yield Finding(
                topic="quota",
                text=f"writes of {use.login} are paused after a spam block",
                hint="pinflow quota says until when",
                level="problem",
            )
    if not full and not any(not use.category for use in uses):
        yield Finding(topic="quota", text=f"{len(uses):,} in use, none is used up" if uses else "none was used lately")


def examine_alerts(app: App) -> Iterator[Finding]:
    """What of unattended runs somebody has to see to."""
    if not app.state.is_dir():
        return
    try:
        alerts = list(app.notices.open())
    except PinflowError as error:
        yield Finding(topic="alerts", text=error.message, hint=error.hint, level="problem")
        return
    if alerts:
        more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
        yield Finding(
            topic="alerts", text=f"{alerts[0].title}{more}", hint="what to do about it: pinflow notify", level="note"
        )
    else:
        yield Finding(topic="alerts", text="none is open")
