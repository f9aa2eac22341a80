"""Reports on ads: how they are asked for, every way that they can end, and the file that is fetched."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, RemoteError, UsageError
from pinflow_pinterest_v5.actions.analytics import create_ad_report
from pinflow_sandbox.server.messages import HttpResponse
from tests.plugins.conftest import Killed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.server.messages import HttpRequest
    from tests.plugins.conftest import Bench

REPORT: dict[str, Any] = {
    "ad_account": "Garden Studio Ads",
    "path": "report.csv",
    "level": "PIN_PROMOTION",
    "columns": ["SPEND_IN_DOLLAR", "IMPRESSION_1"],
}


def rows(bench: Bench, name: str = "report.csv") -> list[dict[str, str]]:
    with (bench.folder / "out" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(bench: Bench) -> list[str]:
    return sorted(path.name for path in bench.folder.rglob("*") if path.is_file())


def bodies(bench: Bench, path: str = "/reports") -> list[Any]:
    """What was sent to ask for reports, from now on."""
    sent: list[Any] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith(path):
            sent.append(json.loads(call.body))
        return apply()

    bench.fault = fault
    return sent


def test_a_report_is_made_waited_for_and_fetched(bench: Bench) -> None:
    bench.control.change(report_polls=10**6, report_seconds=25.0)
    result = bench.run(create_ad_report, **REPORT)
    assert bench.waits == [1.0, 2.0, 4.0, 8.0, 10.0]
    path = bench.folder / "out" / "report.csv"
    assert result == {"path": str(path), "size": path.stat().st_size}
    assert {row["DATE"] for row in rows(bench)} == {f"2026-12-{day:02}" for day in range(16, 32)} | {
        f"2027-01-{day:02}" for day in range(1, 15)
    }
    assert files(bench) == ["report.csv"]


def test_a_report_can_be_json(bench: Bench) -> None:
    bench.run(create_ad_report, **{**REPORT, "path": "report.json"}, report_format="JSON", granularity="TOTAL")
    found = json.loads((bench.folder / "out" / "report.json").read_text())
    assert [list(row) for row in found.values() for row in row] == [["AD_ID", "SPEND_IN_DOLLAR", "IMPRESSION_1"]] * 8


def test_metrics_filters_are_sent_under_the_services_key(bench: Bench) -> None:
    sent = bodies(bench)
    wanted = {"field": "SPEND_IN_DOLLAR", "operator": "GREATER_THAN", "values": [30]}
    bench.run(create_ad_report, **REPORT, metrics_filters=[wanted])
    assert (sent[0]["metrics_filters"], "filters" in sent[0]) == ([wanted], False)
    assert min(float(row["SPEND_IN_DOLLAR"]) for row in rows(bench)) > 30


def test_omitted_arguments_are_not_sent(bench: Bench) -> None:
    sent = bodies(bench)
    bench.run(create_ad_report, **REPORT, start_date="2026-12-24", end_date="1 week ago")
    assert sent == [
        {
            "start_date": "2026-12-24",
            "end_date": "2027-01-08",
            "level": "PIN_PROMOTION",
            "granularity": "DAY",
            "columns": ["SPEND_IN_DOLLAR", "IMPRESSION_1"],
            "report_format": "CSV",
        }
    ]


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ("FAILED", "the service could not make the report"),
        ("EXPIRED", "the report has expired"),
        ("CANCELLED", "the report was cancelled"),
        ("DOES_NOT_EXIST", "the service no longer has the report"),
        ("IN_PROGRESS", "the report is not ready after 120 seconds"),
    ],
)
def test_every_other_end_has_a_word_and_leaves_the_old_file(bench: Bench, outcome: str, message: str) -> None:
    bench.control.change(report_outcome=outcome)
    bench.wrote("report.csv", "yesterday's")
    with pytest.raises(ActionError, match=message) as caught:
        bench.run(create_ad_report, **REPORT, if_exists="replace", wait_seconds=120)
    assert caught.value.hint
    assert (files(bench), (bench.folder / "out" / "report.csv").read_text()) == (["report.csv"], "yesterday's")


def test_an_end_that_nobody_knows_is_told_as_it_is(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        return HttpResponse(200, answer.body.replace(b"FINISHED", b"MISLAID"))

    bench.fault = fault
    with pytest.raises(ActionError, match="the report ended as 'MISLAID'"):
        bench.run(create_ad_report, **REPORT)


def test_an_address_that_is_too_old_is_asked_for_again(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path.startswith("/_reports/") and not fetched:
            bench.now += 301
        if call.path.startswith("/_reports/"):
            fetched.append(call.headers)
        return apply()

    fetched: list[dict[str, str]] = []
    bench.fault = fault
    bench.run(create_ad_report, **REPORT)
    assert ["authorization" in headers for headers in fetched] == [False, False]
    assert rows(bench)


def test_a_file_that_breaks_off_is_fetched_again(bench: Bench) -> None:
    times: list[int] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path.startswith("/_reports/"):
            times.append(1)
            if len(times) == 1:
                return HttpResponse(502, b"<html>", "text/html")
        return apply()

    bench.fault = fault
    bench.run(create_ad_report, **REPORT)
    assert (len(times), bool(rows(bench)), files(bench)) == (2, True, ["report.csv"])


def test_a_report_is_only_fetched_from_the_services_hosts(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        return HttpResponse(answer.status, answer.body.replace(b"http://localhost:", b"https://evil.example:"))

    bench.fault = fault
    with pytest.raises(ActionError, match=r"the service named 'https://evil\.example' for a file"):
        bench.run(create_ad_report, **REPORT)
    assert files(bench) == []


def test_an_existing_file_prevents_the_report_request(bench: Bench) -> None:
    bench.wrote("report.csv", "yesterday's")
    bench.forget()
    with pytest.raises(ActionError, match=r"report\.csv already exists") as caught:
        bench.run(create_ad_report, **REPORT)
    assert caught.value.hint.startswith("move it, or set if_exists: replace")
    assert "analytics/create_report" not in [each.id for each in bench.operations()]


def test_a_report_is_resumed_with_another_one(bench: Bench) -> None:
    run = bench.kill(create_ad_report, **REPORT)
    bench.wrote("report.csv", "of the same run")
    bench.run(create_ad_report, run=run, **REPORT)
    assert rows(bench)
    assert bench.calls()["analytics/create_report"] == 2  # the first one's token was never on disk


def test_a_report_is_resumed_however_often_its_run_was_killed(bench: Bench) -> None:
    run = bench.kill(create_ad_report, **REPORT)
    for _ in range(2):
        bench.deadly_sleep = True
        with pytest.raises(Killed):
            bench.run(create_ad_report, run=run, **REPORT)
    bench.deadly_sleep = False
    bench.run(create_ad_report, run=run, **REPORT)
    assert rows(bench)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"7", b'{"token": null}', b'{"token": ""}', b'{"token": 5}'])
def test_a_report_without_a_token_is_asked_for_once(bench: Bench, body: bytes) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        return HttpResponse(201, body) if call.method == "POST" else answer

    bench.fault = fault
    with pytest.raises(ActionError, match="the service's answer has no token for the report"):
        bench.run(create_ad_report, **REPORT)
    assert bench.calls()["analytics/create_report"] == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"start_date": "915 days ago"},
            "start_date 2024-07-14 is too long ago: .* of the last 914 days",
        ),
        ({"start_date": "200 days ago"}, "is too long: at most 186 days at a time"),
        ({"start_date": "yesterday", "end_date": "2 days ago"}, "start_date 2027-01-14 is after end_date 2027-01-13"),
        ({"end_date": "2027-02-01"}, "end_date 2027-02-01 is in the future; it is 2027-01-15"),
        ({"start_date": "2027-02-30"}, "start_date 2027-02-30 is not a date"),
        ({"granularity": "HOUR"}, "there are metrics of the last 8 days"),
        ({"granularity": "HOUR", "start_date": "5 days ago"}, "at most 3 days at a time"),
        ({"level": "PRODUCT_ITEM", "start_date": "60 days ago"}, "at most 31 days at a time"),
        ({"level": "PRODUCT_ITEM", "ads": ["1"]}, "a report of level PRODUCT_ITEM can't be limited to ads"),
        ({"columns": []}, "columns is empty"),
        ({"ads": [str(number) for number in range(501)]}, "ads must have 1 to 500 ids, not 501"),
        (
            {"metrics_filters": [{"field": "SPEND_IN_DOLLAR", "operator": "LESS_THAN", "values": []}]},
            "each of metrics_filters needs at least one value",
        ),
        ({"path": "../report.csv"}, "is not inside the output folder"),
    ],
)
def test_invalid_report_arguments_are_found_before_any_request(
    bench: Bench, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        bench.run(create_ad_report, **{**REPORT, **given})
    assert bench.operations() == []


def test_a_place_without_a_folder_is_told_before_anything_is_asked_for(bench: Bench) -> None:
    path = bench.folder / "nowhere" / "report.csv"
    bench.typed.append(path)
    with pytest.raises(UsageError, match="does not exist"):
        bench.run(create_ad_report, **{**REPORT, "path": str(path)})
    assert bench.operations() == []


def test_a_dry_run_asks_for_nothing_and_writes_no_file(bench: Bench) -> None:
    assert bench.run(create_ad_report, dry_run=True, **REPORT)["size"] == 0
    assert files(bench) == []


def test_a_column_that_there_is_not_is_told_in_the_services_words(bench: Bench) -> None:
    with pytest.raises(RemoteError, match=r"unknown columns \['LUCK'\]"):
        bench.run(create_ad_report, **{**REPORT, "columns": ["LUCK"]})
