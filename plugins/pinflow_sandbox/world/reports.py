"""Reports on ads that take a while: asked for, made, file_response from a host of their own, and gone after an hour.

An address of a file is signed: it carries all the right that it needs, for five minutes, and a request that brings an
Authorization header as well is refused, as the vendor's object store refuses it.

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

_OTHER_NAME: Final = {"127.0.0.1": "localhost", "localhost": "127.0.0.1", "[::1]": "localhost"}


def add(world: World, account: AdAccountRecord, file: bytes, *, csv_wanted: bool) -> ReportRecord:
    """Keep a report's file for whoever asks with its token, which is in no listing."""
    number = str(len(world.reports) + 1)
    token = images.fingerprint("report", str(world.seed), account.id, number) + images.fingerprint("token", number)
    name = f"report_{account.id}_{number}.{'csv' if csv_wanted else 'json'}"
    content_type = "text/csv" if csv_wanted else "application/json"
    world.reports[token] = ReportRecord(token, account.id, world.clock.now(), name, content_type, file)
    return world.reports[token]


def status(world: World, report: ReportRecord | None) -> str:
    """The state of a report: done after the time or the polls of the settings, and expired an hour later."""
    outcome = world.settings.report_outcome
    if report is None or outcome == "DOES_NOT_EXIST":
        return "DOES_NOT_EXIST"
    passed = world.clock.now() - report.asked
    if passed < world.settings.report_seconds and report.polls < world.settings.report_polls:
        return "IN_PROGRESS"
    if outcome == "FINISHED" and passed > world.settings.report_seconds + world.settings.report_life:
        return "EXPIRED"
    return outcome


def poll(world: World, account: AdAccountRecord, token: str, host: str) -> Row:
    """What is told of a report to somebody who waits for it; an address of its file once there is one."""
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
    """The file of a JSON report: rows by the id of what they are about."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(str(row[id_column]), []).append(row)
    return encode_json(by_id).encode()


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """The file of a CSV report: zero where a row has nothing."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval=0, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def file_response(world: World, call: HttpRequest) -> HttpResponse:
    """The file that a signed address leads to, as an object store gives it out."""
    if call.method not in ("GET", "HEAD"):
        return _store_error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    if "authorization" in call.headers:
        return _store_error(400, "InvalidArgument", "Only one auth mechanism allowed: the address is signed already")
    values = {name: texts[-1] for name, texts in call.query.items()}
    report = world.reports.get(values.get("report", ""))
    expires = values.get("X-Amz-Expires", "")
    if report is None or call.path != STORE_PATH + report.name or not expires.isdigit():
        return _store_error(403, "AccessDenied", "Access Denied")
    if not compare_digest(values.get("X-Amz-Signature", "").encode(), _signature(world, report, expires).encode()):
        return _store_error(403, "SignatureDoesNotMatch", "The signature does not match the address")
    if world.clock.now() > int(expires) or status(world, report) != "FINISHED":
        return _store_error(403, "AccessDenied", "Request has expired")
    return HttpResponse(200, report.file, report.content_type)


def check_filters(filters: Sequence[tuple[str, str, Sequence[float]]]) -> None:
    """Raise ApiError for a filter of figures that there is no such thing as."""
    for field, operator, _ in filters:
        if field not in ("SPEND_IN_DOLLAR", "TOTAL_IMPRESSION") or operator not in ("LESS_THAN", "GREATER_THAN"):
            raise invalid_request(f"no filter {field[:40]} {operator[:40]}")


def _address(world: World, report: ReportRecord, host: str) -> str:
    """Where the file is: the same server by another name, so that a client must send no token there."""
    name, colon, port = host.rpartition(":")
    other = _OTHER_NAME.get(name, "localhost") if colon else host
    expires = str(int(world.clock.now() + world.settings.report_url_seconds))
    query = f"report={report.token}&X-Amz-Expires={expires}&X-Amz-Signature={_signature(world, report, expires)}"
    return f"http://{other}{colon}{port if colon else ''}{STORE_PATH}{quote(report.name)}?{query}"


def _signature(world: World, report: ReportRecord, expires: str) -> str:
    return images.fingerprint("signed", str(world.seed), report.token, expires)


def _store_error(status: int, code: str, message: str) -> HttpResponse:
    return HttpResponse(status, store_error(code, message).encode(), "application/xml")
