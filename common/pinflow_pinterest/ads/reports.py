"""Ad reports: requested, waited for, and downloaded, with a clear message for every way that they can end.

Source: https://developers.pinterest.com/docs/api/v5/ (analytics/create_report, analytics/get_report)
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal

from pinflow import ActionError, RemoteError, UsageError
from pinflow_pinterest.polling import poll

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow import Client, Context, OutputFile
    from pinflow_pinterest.gateway import Reports

_FIRST: Final = "report1"  # the key of the effect that requests a report
WAIT_SECONDS: Final = 1800  # for the service to make a report; the largest take some minutes, and it has busy hours

_STORES: Final = ("*.amazonaws.com", "*.pinterest.com", "*.pinimg.com")
_FINISHED, _BUSY = "FINISHED", "IN_PROGRESS"
_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "FAILED": ("the service could not make the report", "request fewer columns or days, or try again later"),
    "EXPIRED": ("the report has expired", "reports expire after an hour: run this again for a new one"),
    "CANCELLED": ("the report was cancelled", "run this again for a new one"),
    "DOES_NOT_EXIST": ("the service no longer has the report", "run this again for a new one"),
}


def may_replace(ctx: Context, to: OutputFile, if_exists: Literal["fail", "replace"]) -> bool:
    """Whether a report's file may take the place of another. Raises an error if it can't be written as things are.

    A file that this run may have written itself, in an earlier process, is replaced.
    """
    replace = if_exists == "replace" or ctx.sent_at(_FIRST) is not None
    to.check(replace=replace)
    if to.is_there and not replace:
        raise ActionError(
            f"{to.path} already exists", hint="move it, or set if_exists: replace (as an input: -i if_exists=replace)"
        )
    return replace


def fetch_report(
    ctx: Context, client: Client, service: Reports, *, to: OutputFile, replace: bool, wait_seconds: float
) -> int:
    """Request a report and download it to ``to``. Returns its size in bytes; 0 in a dry run, which writes nothing.

    Raises ActionError if the report fails or is late. An existing file stays until the new one is complete.
    """
    for number in count(1):
        key = _FIRST if number == 1 else f"report{number}"
        sent_before = ctx.sent_at(key) is not None
        answer = ctx.once(key, service.request, find=lambda: None, kind="report", counts_as_change=False)
        if ctx.dry_run:
            return 0
        token = answer.get("token") if isinstance(answer, dict) else None
        if isinstance(token, str) and token:
            return _fetch(ctx, client, partial(service.status, token), to, replace=replace, seconds=wait_seconds)
        if not sent_before:
            raise ActionError("the service's answer has no token for the report")
        # requested earlier in the run: a token can't be stored, so the report is requested again
    raise AssertionError("unreachable")


def _fetch(
    ctx: Context,
    client: Client,
    look: Callable[[], Mapping[str, Any]],
    to: OutputFile,
    *,
    replace: bool,
    seconds: float,
) -> int:
    def busy(state: Mapping[str, Any]) -> bool:
        return _status(state) == _BUSY

    for last in (False, True):
        state = poll(ctx, look, is_busy=busy, seconds=seconds, label="the report")
        if _status(state) != _FINISHED:
            problem, hint = _ENDS.get(_status(state), (f"the report ended as {_status(state)!r}", ""))
            raise ActionError(problem, hint=hint)
        address = state.get("url")
        if not isinstance(address, str):
            raise ActionError("the report is finished, but the service's answer has no address for its file")
        try:
            with to.draft(replace=replace) as draft:
                return client.files.fetch(address, to=draft, hosts=_STORES, name=to.path.name)
        except OSError as error:
            raise UsageError(f"{to.path.name} can't be written: {error.strerror}") from None
        except RemoteError as error:
            if last or error.status != 403:  # an address expires after five minutes: a new one may work
                raise
    raise AssertionError("unreachable")


def _status(state: Mapping[str, Any]) -> str:
    status = state.get("report_status") if isinstance(state, dict) else None
    if not isinstance(status, str):
        raise ActionError("the service's answer has no report status")
    return status
