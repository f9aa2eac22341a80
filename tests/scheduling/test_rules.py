"""When the next time is: as an independent cron has it, through every change of the clock, and by hand in gaps."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from pinflow.recipe.model import Schedule
from pinflow.scheduling.rule_parser import parse_rule
from pinflow.scheduling.rules import (
    Calendar,
    EveryWeeks,
    Interval,
    Rule,
    clock_note,
    jitter,
    latest_times,
    next_after,
    times_between,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = bool(os.environ.get("PINFLOW_FULL"))

# both hemispheres, a half-hour change, changes at midnight, none at all, odd offsets, and a day that was left out
ZONES = (
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",  # 2017: at midnight
    "America/Havana",  # at midnight
    "America/Santiago",  # at 24:00
    "Africa/Cairo",  # at midnight
    "Asia/Beirut",  # at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Auckland",
    "Asia/Kathmandu",  # none; 5:45
    "Pacific/Apia",  # 30 December 2011 was left out
)
YEARS = (2011, 2017, 2024, 2026) if FULL else (2024,)
LINES = (
    "30 2 * * *",
    "30 0 * * *",
    "0 0 * * *",
    "15 1,2,3 * * *",
    "0 * * * *",
    "*/30 2 * * *",
    "5 */6 * * *",
    "0 12 29 2 *",
    "0 4 13 * fri",
    "45 23 * * 1-5",
    "10 3 */10 * *",
    "0 3 1 1,7 *",
    "59 1 * * sun",
    *(["*/20 * * * *"] if FULL else []),
)


DAY = 86_400


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def wall(moment: int | None, zone: str) -> str:
    assert moment is not None
    return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%Y-%m-%d %H:%M %z}"


def rule(**block: object) -> Rule:
    return parse_rule(Schedule(**block))  # type: ignore[arg-type]


def first(number: int, block: Rule, after: int) -> list[int]:
    return list(islice(times_between(block, after, after, 2**33), number))


def changes(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int]]:
    """When the offset of a zone changes, and by how many seconds."""
    found = []
    offset = datetime.fromtimestamp(start, zone).utcoffset()
    for moment in range(start, end, 3600):
        now = datetime.fromtimestamp(moment, zone).utcoffset()
        if now != offset:
            assert now is not None
            assert offset is not None
            found.append((moment, int((now - offset).total_seconds())))
            offset = now
    return found


def by_the_minute(line: str, zone: ZoneInfo, start: int, end: int) -> set[int]:
    """Every minute in which the wall clock shows what the line says, as cronsim reads the line."""
    line_as_read = CronSim(line, datetime.fromtimestamp(start, UTC))

    def matches(shown: datetime) -> bool:
        return (
            shown.minute in line_as_read.minutes
            and shown.hour in line_as_read.hours
            and shown.month in line_as_read.months
            and line_as_read.match_day(shown.date())
        )

    return {moment for moment in range(start, end, 60) if matches(datetime.fromtimestamp(moment, zone))}


def simulated(line: str, zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    """The same from cronsim, which keeps to the rules of Debian's cron."""
    for found in CronSim(line, datetime.fromtimestamp(start, zone)):
        moment = int(found.astimezone(UTC).timestamp())
        if moment > end:
            return
        if moment > start:
            yield moment


@pytest.mark.slow
@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", YEARS)
def test_a_year_is_that_of_an_independent_cron_but_for_gaps(year: int, name: str) -> None:
    zone = ZoneInfo(name)
    start, end = utc(f"{year}-01-01"), utc(f"{year + 1}-01-01")
    around = changes(zone, start, end)
    for line in LINES:
        ours = set(times_between(rule(cron=line, timezone=name), start, start, end))
        differ = ours ^ set(simulated(line, zone, start, end))
        in_gaps = {each for each in differ if any(by > 0 and abs(each - at) <= DAY for at, by in around)}
        # cronsim goes by whole hours, and loses its way where the clock is set back by half an hour
        half = {each for each in differ - in_gaps if any(-3600 < by < 0 and abs(each - at) <= DAY for at, by in around)}
        assert differ - in_gaps - half == set(), line
        if half:
            for at, by in around:
                near = {each for each in ours if at - DAY <= each < at + DAY}
                assert by > 0 or near == by_the_minute(line, zone, at - DAY, at + DAY), line


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", YEARS)
def test_every_day_has_its_occurrence_once_whatever_the_clock_does(year: int, name: str) -> None:
    """A year of a daily time: the wall clock shows it, or the gap shifted it by just its own length."""
    zone = ZoneInfo(name)
    start, end = utc(f"{year}-01-01"), utc(f"{year + 1}-01-01")
    by_gap = {by for _, by in changes(zone, start, end) if by > 0}
    for at in ("00:00", "00:30", "02:00", "02:15", "02:30", "23:30"):
        found = list(times_between(rule(every="day", at=at, timezone=name), start, start, end))
        assert found == sorted(set(found))
        naive = [datetime.fromtimestamp(each, zone).replace(tzinfo=None) for each in found]
        hour, minute = map(int, at.split(":"))
        days = set()
        for moment in naive:
            wanted = moment.replace(hour=hour, minute=minute)
            late = (moment - wanted) % timedelta(days=1)
            assert not late or late.total_seconds() in by_gap, moment
            days.add((moment - late).date())
        assert len(days) == len(found)
        left_out = 1 if (name, year) == ("Pacific/Apia", 2011) else 0
        assert 364 - left_out <= len(found) <= 366, at


def test_a_time_in_the_gap_is_shifted_forward_by_the_gap_once() -> None:
    found = first(3, rule(every="day", at="02:30", timezone="Europe/Berlin"), utc("2026-03-28T00:00"))
    assert [wall(each, "Europe/Berlin") for each in found] == [
        "2026-03-28 02:30 +0100",
        "2026-03-29 03:30 +0200",
        "2026-03-30 02:30 +0200",
    ]


def test_a_gap_of_half_an_hour_shifts_by_half_an_hour() -> None:
    found = first(2, rule(every="day", at="02:15", timezone="Australia/Lord_Howe"), utc("2026-10-02T15:00"))
    assert [wall(each, "Australia/Lord_Howe") for each in found] == ["2026-10-03 02:15 +1030", "2026-10-04 02:45 +1100"]


def test_a_gap_at_midnight_shifts_midnight() -> None:
    found = first(2, rule(every="day", timezone="Africa/Cairo"), utc("2024-04-25T00:00"))
    assert [wall(each, "Africa/Cairo") for each in found] == ["2024-04-26 01:00 +0300", "2024-04-27 00:00 +0300"]


def test_of_a_time_that_comes_twice_the_first_counts() -> None:
    found = first(2, rule(every="day", at="02:30", timezone="Europe/Berlin"), utc("2026-10-24T12:00"))
    assert [wall(each, "Europe/Berlin") for each in found] == ["2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"]


def test_a_day_that_a_zone_left_out_is_made_up_with_the_next() -> None:
    found = first(3, rule(every="day", at="09:00", timezone="Pacific/Apia"), utc("2011-12-29T00:00"))
    assert [wall(each, "Pacific/Apia")[:16] for each in found] == [
        "2011-12-29 09:00",
        "2011-12-31 09:00",
        "2012-01-01 09:00",
    ]


def test_a_time_that_a_gap_shifts_past_midnight_comes_on_the_next_day() -> None:
    """In Nuuk the clock goes from 23:00 on Saturday to 00:00 on Sunday."""
    late = rule(every="day", at="23:30", timezone="America/Nuuk")
    anchor = utc("2024-03-29T12:00")
    shifted = ["2024-03-29 23:30 -0200", "2024-03-31 00:30 -0100", "2024-03-31 23:30 -0100"]
    assert [wall(each, "America/Nuuk") for each in first(3, late, anchor)] == shifted
    assert wall(next_after(late, anchor, utc("2024-03-31T01:10")), "America/Nuuk") == shifted[1]  # at 00:10 there
    assert wall(first(1, late, utc("2024-03-31T01:10"))[0], "America/Nuuk") == shifted[2]  # counted from that day


def test_a_time_shifted_past_midnight_comes_after_those_before_it_on_the_next_day() -> None:
    found = first(4, rule(every="day", at=("00:15", "23:45"), timezone="America/Nuuk"), utc("2024-03-30T12:00"))
    assert [wall(each, "America/Nuuk") for each in found] == [
        "2024-03-31 00:15 -0100",
        "2024-03-31 00:45 -0100",
        "2024-03-31 23:45 -0100",
        "2024-04-01 00:15 -0100",
    ]


def test_a_star_in_a_gap_is_shifted_once_and_not_back() -> None:
    found = first(3, rule(cron="*/30 2 * * *", timezone="Europe/Berlin"), utc("2026-03-28T12:00"))
    assert [wall(each, "Europe/Berlin") for each in found] == [
        "2026-03-29 03:00 +0200",
        "2026-03-29 03:30 +0200",
        "2026-03-30 02:00 +0200",
    ]


def test_an_hourly_star_goes_on_through_the_repeated_hour() -> None:
    found = first(4, rule(cron="0 * * * *", timezone="Europe/Berlin"), utc("2026-10-24T23:30"))
    assert [b - a for a, b in pairwise(found)] == [3600] * 3


def test_a_distance_takes_no_notice_of_the_clock_on_the_wall() -> None:
    found = first(8_784, rule(every="hour", timezone="America/New_York"), utc("2024-01-01"))
    assert found == [utc("2024-01-01") + 3600 * n for n in range(1, 8_785)]


def test_a_distance_counts_from_its_anchor_and_not_from_the_last_look() -> None:
    six_hours = Rule(Interval(6 * 3600))
    assert next_after(six_hours, 100, 100 + 5 * 3600) == 100 + 6 * 3600
    assert next_after(six_hours, 100, 100 + 6 * 3600) == 100 + 12 * 3600
    assert next_after(six_hours, 100, 0) == 100 + 6 * 3600


def test_a_fraction_of_a_second_is_part_of_it() -> None:
    assert next_after(Rule(Interval(10)), 0, 9.9) == 10
    assert next_after(Rule(Interval(10)), 0, 10.0) == next_after(Rule(Interval(10)), 0, 19.9) == 20


def test_until_ends_an_interval_too() -> None:
    assert list(times_between(Rule(Interval(10), until=20), 0, 0, 99)) == [10, 20]
    assert list(times_between(Rule(Interval(10), until=19), 0, 0, 99)) == [10]


def test_a_span_ends_with_its_last_second() -> None:
    assert list(times_between(Rule(Interval(10)), 0, 0, 20)) == [10, 20]
    assert list(times_between(Rule(Interval(10)), 0, 0, 19.9)) == [10]


def test_only_days_on_which_the_clock_changes_are_gone_through_time_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Iterator[int]:
        raise ZeroDivisionError

    monkeypatch.setattr("pinflow.scheduling.rules._passes", refuse)
    daily = rule(every="day", at=("02:30", "23:30"), timezone="Europe/Berlin")
    assert wall(next_after(daily, 0, utc("2026-03-28T12:00")), "Europe/Berlin") == "2026-03-28 23:30 +0100"
    with pytest.raises(ZeroDivisionError):
        next_after(daily, 0, utc("2026-03-28T23:00"))


def test_a_leap_day_is_waited_for_over_a_century_without_one() -> None:
    found = first(2, rule(cron="0 12 29 2 *"), utc("2095-01-01"))
    assert [wall(each, "UTC")[:10] for each in found] == ["2096-02-29", "2104-02-29"]


def test_days_and_weeks_count_from_the_anchor() -> None:
    anchor = utc("2026-11-25T22:00")  # a Wednesday
    every_third = rule(every="3 days", at="06:00")
    assert wall(next_after(every_third, anchor, utc("2026-12-01")), "UTC")[:16] == "2026-12-01 06:00"
    assert wall(next_after(every_third, anchor, utc("2026-12-01T06:00")), "UTC")[:16] == "2026-12-04 06:00"
    fortnightly = rule(every="2 weeks", at=("06:00", "18:00"))
    found = list(islice(times_between(fortnightly, anchor, anchor, 2**33), 3))
    assert [wall(each, "UTC")[:16] for each in found] == ["2026-12-09 06:00", "2026-12-09 18:00", "2026-12-23 06:00"]


@pytest.mark.parametrize(
    ("step", "weekday", "days"),
    [
        (1, 0, ["2026-11-30", "2026-12-07", "2026-12-14"]),
        (2, 0, ["2026-12-07", "2026-12-21", "2027-01-04"]),  # the Monday of the anchor's week has passed
        (2, 2, ["2026-11-25", "2026-12-09", "2026-12-23"]),
        (3, 4, ["2026-11-27", "2026-12-18", "2027-01-08"]),
        (2, None, ["2026-11-25", "2026-12-09", "2026-12-23"]),
    ],
)
def test_weeks_count_from_the_week_of_the_anchor(step: int, weekday: int | None, days: list[str]) -> None:
    weekly = Rule(Calendar(EveryWeeks(step, weekday), (23 * 60,), ZoneInfo("UTC")))
    anchor = utc("2026-11-25T22:00")  # a Wednesday
    assert [wall(each, "UTC") for each in first(3, weekly, anchor)] == [f"{day} 23:00 +0000" for day in days]
    assert wall(next_after(weekly, anchor, utc(f"{days[1]}T23:00") - 1), "UTC")[:10] == days[1]
    assert wall(next_after(weekly, anchor, utc(f"{days[1]}T23:00")), "UTC")[:10] == days[2]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_time_ends_before_the_last_day_that_a_date_can_be(zone: str) -> None:
    daily = rule(every="day", at="23:59", timezone=zone)
    (*_, last) = times_between(daily, utc("9999-12-25"), utc("9999-12-25"), 2**40)
    assert wall(last, zone)[:16] == "9999-12-30 23:59"
    assert next_after(daily, utc("9999-12-25"), utc("9999-12-31T06:00")) is None


def test_a_weekday_is_in_the_zones_own_week() -> None:
    found = first(2, rule(every="monday", at="00:30", timezone="Pacific/Auckland"), utc("2026-11-25"))
    assert [wall(each, "Pacific/Auckland") for each in found] == ["2026-11-30 00:30 +1300", "2026-12-07 00:30 +1300"]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("2026-12-02", "2026-12-02 06:00 +0100"),
        ("2026-12-02T06:00", "2026-12-02 06:00 +0100"),
        ("2026-12-02T05:59", "2026-12-01 06:00 +0100"),
        ("2026-12-02T05:00:00+00:00", "2026-12-02 06:00 +0100"),
    ],
)
def test_until_is_the_last_day_or_moment(until: str, last: str) -> None:
    found = first(99, rule(every="day", at="06:00", timezone="Europe/Berlin", until=until), utc("2026-11-29"))
    assert wall(found[-1], "Europe/Berlin") == last


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_until_may_be_the_last_day_that_there_is(zone: str) -> None:
    found = first(2, rule(every="day", at="06:00", timezone=zone, until="9999-12-31"), utc("2026-11-29"))
    assert len(found) == 2


def test_the_latest_of_a_year_of_minutes_are_found_without_going_through_it() -> None:
    every_minute = rule(cron="* * * * *", timezone="Europe/Berlin")
    start, end = utc("2026-01-01"), utc("2027-01-01")
    assert latest_times(every_minute, start, start, end, 3) == [end - 120, end - 60, end]
    yearly = rule(cron="0 0 1 6 *")
    assert latest_times(yearly, start, start, end, 3) == [utc("2026-06-01")]
    assert latest_times(yearly, start, utc("2026-06-01"), end, 3) == []


@pytest.mark.parametrize(
    ("seconds", "number", "spans"),
    [(60, 3, [3600]), (3600, 3, [3600, 7200, 14_400]), (DAY, 2, [3600, 7200, 14_400, 28_800, 57_600, 115_200])],
)
def test_the_latest_are_looked_for_in_spans_that_grow_slowly_once_there_are_some(
    monkeypatch: pytest.MonkeyPatch, seconds: int, number: int, spans: list[int]
) -> None:
    asked: list[float] = []

    def watched(rule: Rule, anchor: int, after: float, to: float) -> Iterator[int]:
        asked.append(to - after)
        return times_between(rule, anchor, after, to)

    monkeypatch.setattr("pinflow.scheduling.rules.times_between", watched)
    end = 400 * DAY
    assert latest_times(Rule(Interval(seconds)), 0, 0, end, number) == [end - n * seconds for n in range(number)][::-1]
    assert asked == spans


def test_spans_without_a_time_grow_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def none(rule: Rule, anchor: int, after: float, to: float) -> Iterator[int]:
        asked.append(to - after)
        return iter(())

    monkeypatch.setattr("pinflow.scheduling.rules.times_between", none)
    assert latest_times(Rule(Interval(60)), 0, 0, 400 * DAY, 1) == []
    assert asked == [3600 * 8**n for n in range(5)] + [400 * DAY]


def test_jitter_is_the_same_for_whoever_asks_and_spreads_over_its_span() -> None:
    found = {jitter("refresh", due, 1200) for due in range(0, 86_400 * 400, 86_400)}
    assert jitter("refresh", 86_400, 1200) == jitter("refresh", 86_400, 1200) == 1191
    assert min(found) >= 0
    assert max(found) <= 1200
    assert len(found) > 300
    assert jitter("refresh", 86_400, 0) == 0


def test_jitter_reaches_both_ends_of_its_span() -> None:
    assert {jitter("refresh", due, 2) for due in range(0, DAY, 60)} == {0, 1, 2}


def test_a_moment_in_words_is_in_utc() -> None:
    assert utc_text(utc("2030-12-31T03:30:07") + 0.9) == "2030-12-31 03:30:07 UTC"


def test_a_preview_marks_what_the_clock_did() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    daily = rule(every="day", at="02:30", timezone="Europe/Berlin")
    assert clock_note(daily, utc("2026-03-29T01:30"), berlin) == "shifted: the clock skips this time"
    assert clock_note(daily, utc("2026-10-25T00:30"), berlin) == "first pass of this hour"
    assert clock_note(rule(every="hour"), utc("2026-10-25T01:30"), berlin) == "second pass of this hour"
    assert clock_note(daily, utc("2026-11-25T01:30"), berlin) == ""
    assert clock_note(daily, utc("2026-10-24T00:30"), berlin) == ""  # the day before
    assert clock_note(rule(cron="0 2 * * *", timezone="Europe/Berlin"), utc("2026-10-25T00:59"), berlin) != ""
    assert clock_note(rule(every="hour"), utc("2026-03-29T01:30"), berlin) == ""  # an interval is never shifted


@settings(max_examples=2_000 if FULL else 150, deadline=None)
@given(
    name=st.sampled_from(ZONES),
    line=st.sampled_from(LINES),
    moment=st.integers(utc("2010-01-01"), utc("2037-01-01")),
    steps=st.integers(1, 4),
)
def test_going_step_by_step_or_at_once_gives_the_same(name: str, line: str, moment: int, steps: int) -> None:
    found = rule(cron=line, timezone=name)
    at_once = list(islice(times_between(found, moment, moment, 2**33), steps))
    for before, each in zip([moment, *at_once], at_once, strict=False):
        assert next_after(found, moment, before) == next_after(found, moment, each - 1) == each


def test_a_calendar_says_which_of_its_times_come_twice() -> None:
    calendar = rule(cron="*/30 2 * * *", timezone="Europe/Berlin").when
    assert isinstance(calendar, Calendar)
    assert (calendar.minutes, calendar.both) == ((120, 150), True)
