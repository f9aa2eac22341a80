"""Asynchronous reports on ads: requested, polled, downloaded from another host, deleted after an hour.

The URL of a file is signed and valid for five minutes. A request with an Authorization header as well is refused, as
the vendor's object store refuses it.

Source: https://developers.pinterest.com/docs/api/v5/ (analytics/create_report, analytics/get_report)
"""

from __future__ import annotations

import csv
import io
from hmac import compare_digest
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pinflow_sandbox.server.errors import invalid_request, store_error
from pinflow_sandbox.server.json_encoding import encode_json
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world import images
from pinflow_sandbox.world.records import ReportRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.world.records import AdAccountRecord
    from pinflow_sandbox.world.world import World

    Row = dict[str, object]

STORE_PATH: Final = "/_reports/"

_OTHER_HOST: Final = {"127.0.0.1": "localhost", "localhost": "127.0.0.1", "[::1]": "localhost"}


def add(world: World, account: AdAccountRecord, file: bytes, *, csv_wanted: bool) -> ReportRecord:
    """Store a report's file under a new token, which no listing shows."""
    number = str(len(world.reports) + 1)
    token = images.fingerprint("report", str(world.seed), account.id, number) + images.fingerprint("token", number)
    name = f"report_{account.id}_{number}.{'csv' if csv_wanted else 'json'}"
    content_type = "text/csv" if csv_wanted else "application/json"
    world.reports[token] = ReportRecord(token, account.id, world.clock.now(), name, content_type, file)
    return world.reports[token]


def status(world: World, report: ReportRecord | None) -> str:
    """The status of a report: finished after the time or the polls of the settings, expired an hour later."""
    outcome = world.settings.report_outcome
    if report is None or outcome == "DOES_NOT_EXIST":
        return "DOES_NOT_EXIST"
    elapsed = world.clock.now() - report.requested
    if elapsed < world.settings.report_seconds and report.polls < world.settings.report_polls:
        return "IN_PROGRESS"
    if outcome == "FINISHED" and elapsed > world.settings.report_seconds + world.settings.report_life:
        return "EXPIRED"
    return outcome


def poll(world: World, account: AdAccountRecord, token: str, host: str) -> Row:
    """The status of a report, counted as a poll, and the URL of its file once it is finished."""
    report = world.reports.get(token)
    if report is not None and report.ad_account_id != account.id:
        report = None
    state = status(world, report)
    answer: Row = {"report_status": state, "url": None, "size": None}
    if report is not None:
        report.polls += 1
        if state == "FINISHED":
            answer |= {"url": _address(world, report, host), "size": len(report.file)}
    return answer


def as_json(rows: Iterable[Row], id_column: str) -> bytes:
    """The file of a JSON report: rows by the id of their entity."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(str(row[id_column]), []).append(row)
    return encode_json(by_id).encode()


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """The file of a CSV report, with zero for absent values."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval=0, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def file_response(world: World, call: HttpRequest) -> HttpResponse:
    """The response of the object store to a signed URL."""
    if call.method not in ("GET", "HEAD"):
        return store_error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    if "authorization" in call.headers:
        return store_error(400, "InvalidArgument", "Only one auth mechanism allowed: the address is signed already")
    values = call.last_values
    report = world.reports.get(values.get("report", ""))
    expires = values.get("X-Amz-Expires", "")
    if report is None or call.path != STORE_PATH + report.name or not expires.isdigit():
        return store_error(403, "AccessDenied", "Access Denied")
    if not compare_digest(values.get("X-Amz-Signature", "").encode(), _signature(world, report, expires).encode()):
        return store_error(403, "SignatureDoesNotMatch", "The signature does not match the address")
    if world.clock.now() > int(expires) or status(world, report) != "FINISHED":
        return store_error(403, "AccessDenied", "Request has expired")
    return HttpResponse(200, report.file, report.content_type)


def check_filters(filters: Sequence[tuple[str, str, Sequence[float]]]) -> None:
    """Raise ApiError for an unknown field or operator of a metrics filter."""
    for field, operator, _ in filters:
        if field not in ("SPEND_IN_DOLLAR", "TOTAL_IMPRESSION") or operator not in ("LESS_THAN", "GREATER_THAN"):
            raise invalid_request(f"no filter {field[:40]} {operator[:40]}")


def _address(world: World, report: ReportRecord, host: str) -> str:
    """The URL of the file: this server by another host name, so that clients must not send a token there."""
    name, colon, port = host.rpartition(":")
    other = _OTHER_HOST.get(name, "localhost") if colon else host
    expires = str(int(world.clock.now() + world.settings.report_url_seconds))
    query = f"report={report.token}&X-Amz-Expires={expires}&X-Amz-Signature={_signature(world, report, expires)}"
    return f"http://{other}{colon}{port if colon else ''}{STORE_PATH}{quote(report.name)}?{query}"


def _signature(world: World, report: ReportRecord, expires: str) -> str:
    return images.fingerprint("signed", str(world.seed), report.token, expires)
