"""Reports on ads: asked for, waited for, and fetched into a file, with a clear word for every way that they can end.

Source: https://developers.pinterest.com/docs/api/v5/ (analytics/create_report, analytics/get_report)
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal

from pinflow import ActionError, RemoteError
from pinflow_pinterest.polling import waited_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pinflow import Client, Context
    from pinflow_pinterest.gateway import Reports

_FIRST: Final = "report1"  # the key of the effect that asks for a report
WAIT_SECONDS: Final = 1800  # for the service to make a report

_STORES: Final = ("*.amazonaws.com", "*.pinterest.com", "*.pinimg.com")
_FINISHED, _BUSY = "FINISHED", "IN_PROGRESS"
_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "FAILED": ("the service could not make the report", "ask for fewer columns or days, or try again later"),
    "EXPIRED": ("the report has expired", "a report is kept for an hour: run this again for a new one"),
    "CANCELLED": ("the report was cancelled", "run this again for a new one"),
    "DOES_NOT_EXIST": ("the service does not know the report any more", "run this again for a new one"),
}


def check_place(ctx: Context, to: Path, if_exists: Literal["fail", "replace"]) -> None:
    """Raise ActionError where a report's file can't go: no folder, or something in the way that is not to be replaced.

    What this run may have put there itself, in an earlier process, is not in the way.
    """
    if not to.parent.is_dir():
        raise ActionError(f"there is no folder {to.parent}", hint="make it first")
    if to.exists() and (not to.is_file() or (if_exists == "fail" and ctx.sent_at(_FIRST) is None)):
        raise ActionError(
            f"{to} is there already",
            hint="move it away, or say if_exists: replace (as an input: -i if_exists=replace)",
        )


def fetch_report(ctx: Context, client: Client, service: Reports, *, to: Path, wait_seconds: float) -> int:
    """Have a report made and put its file at ``to``; its size in bytes. A dry run's is 0, and nothing is written.

    Raises ActionError saying how it ended where there is no file, and not in time. What is at ``to`` stays until the
    new file is whole.
    """
    for number in count(1):
        key = _FIRST if number == 1 else f"report{number}"
        before = ctx.sent_at(key) is not None
        asked = ctx.once(key, service.ask, find=lambda: None, kind="report", counts_as_change=False)
        if ctx.dry_run:
            return 0
        token = asked.get("token") if isinstance(asked, dict) else None
        if isinstance(token, str) and token:
            return _fetched(ctx, client, service, token, to, wait_seconds)
        if not before:
            raise ActionError("the service's answer names no token of the report")
        # asked for earlier in the run: a token can't be kept, and the report is asked for once more
    raise AssertionError("unreachable")


def _fetched(ctx: Context, client: Client, service: Reports, token: str, to: Path, wait_seconds: float) -> int:
    def look() -> Mapping[str, Any]:
        return service.look(token)

    def busy(found: Mapping[str, Any]) -> bool:
        return _status(found) == _BUSY

    for last in (False, True):
        state = waited_for(ctx, look, busy=busy, seconds=wait_seconds, what="the report")
        if _status(state) != _FINISHED:
            what, hint = _ENDS.get(_status(state), (f"the report ended as {_status(state)!r}", ""))
            raise ActionError(what, hint=hint)
        address = state.get("url")
        if not isinstance(address, str):
            raise ActionError("the report is finished, but the service names no address of its file")
        try:
            return client.files.fetch(address, to=to, hosts=_STORES)
        except RemoteError as error:
            if last or error.status != 403:  # an address is good for five minutes: a fresh one may be
                raise
    raise AssertionError("unreachable")


def _status(found: Mapping[str, Any]) -> str:
    status = found.get("report_status") if isinstance(found, dict) else None
    if not isinstance(status, str):
        raise ActionError("the service does not tell how far the report is")
    return status
