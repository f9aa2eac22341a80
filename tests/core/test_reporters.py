"""What people and programs are shown of a run."""

from __future__ import annotations

import io
import json
import re
import sys
import time
import unicodedata
from types import MappingProxyType

import pytest

from pinflow.clock import moment
from pinflow.engine.next_steps import RunEnd, steps_to_go_on
from pinflow.engine.placeholder import PLANNED
from pinflow.engine.results import Forecast, RunResult, StepResult
from pinflow.errors import ActionError, CredentialError, InDoubt, Interrupted, PinflowError, RateLimited
from pinflow.events import (
    EffectDone,
    Event,
    ItemSkipped,
    Note,
    Progress,
    Retrying,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    Waiting,
)
from pinflow.reporters.console import open_console
from pinflow.reporters.jsonl import JsonLines
from pinflow.reporters.lines import Lines
from pinflow.reporters.live import Live
from pinflow.reporters.summary import Recap, as_data
from pinflow.reporters.text import cells, fit, inert, json_text, table, wrap
from pinflow.reporters.throughput import Pace
from pinflow.reporters.wording import duration

NOON = 1_772_366_400.0  # 2026-03-01 12:00:00 UTC
HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\r\n00:00:00 forged\u202e\x9b31m\x7f\u2028"


def started(at: float = NOON, **facts: object) -> RunStarted:
    values = {"name": "Copy a board", "recipe": "copy.yaml", "dry_run": False, "resumed": False, "steps": 1, **facts}
    return RunStarted(run="r1", at=at, **values)  # type: ignore[arg-type]


def progress(done: int, at: float, *, total: int | None = 100, skipped: int = 0, failed: int = 0) -> Progress:
    return Progress(run="r1", at=at, step="copy", done=done, total=total, skipped=skipped, failed=failed, what="pins")


def ended(step: str = "copy", status: str = "ok", error: str = "", at: float = NOON + 12) -> StepFinished:
    return StepFinished(run="r1", at=at, step=step, status=status, seconds=12.0, error=error)  # type: ignore[arg-type]


def written(*told: Event, verbosity: int = 0, ascii_only: bool = False) -> list[str]:
    lines: list[str] = []
    reporter = Lines(lines.append, verbosity=verbosity, ascii_only=ascii_only, local=time.gmtime)
    for event in told:
        reporter.pinflow_event(event)
    return lines


def test_a_failure_is_one_line_with_all_that_it_lists() -> None:
    told = written(ended(status="failed", error="board 7 can't be copied:\n  too long\n  taken\n  choose another"))
    assert told[-1].endswith(": board 7 can't be copied: too long; taken; choose another")


def test_a_wait_of_the_whole_run_names_no_step() -> None:
    wait = Waiting(run="r1", at=NOON, step="", until=NOON + 60, reason="the quota")
    assert written(wait)[-1] == "12:00:00 the quota, continuing at 12:01:00"


# -- text from data


def test_no_character_of_any_text_acts_on_a_terminal() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if character.isprintable() or character in "\u200c\u200d":
            continue
        shown = inert(character)
        kinds = {unicodedata.category(c) for c in shown}
        assert shown and not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}, hex(code)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Garden ideas", "Garden ideas"),
        ("Größe 日本 👩\u200d🌾", "Größe 日本 👩\u200d🌾"),
        ("\x1b[31m", "^[[31m"),
        ("a\nb\rc\td", "a^Jb^Mc^Id"),
        ("\x7f\x9b", "^?\\u009b"),
        ("\u202egnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
        ("a\u00a0b", "a b"),
        ("\U000e0067", "\\U000e0067"),
    ],
)
def test_what_would_act_is_shown_as_what_it_is(raw: str, shown: str) -> None:
    assert inert(raw) == shown


@pytest.mark.parametrize(
    ("raw", "width", "shown"),
    [
        ("board", 5, "board"),
        ("boards", 5, "boar…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("\x1b\x1b\x1b", 4, "^[^…"),
    ],
)
def test_a_text_is_cut_by_the_cells_that_it_takes(raw: str, width: int, shown: str) -> None:
    assert fit(raw, width) == shown
    assert cells(shown) <= width


def test_marks_without_width_do_not_make_a_line_endless() -> None:
    assert len(fit("a" + "\u0301" * 100_000, 20)) <= 161


def test_columns_stay_aligned_beside_wide_characters() -> None:
    assert table([("日本", "1"), ("ab", "20")], right=frozenset({1})) == ["日本   1", "ab    20"]


def test_json_for_programs_is_ascii_without_control_characters() -> None:
    text = json_text({"title": HOSTILE, "way": MappingProxyType({"a": {3, 1}})})
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == {"title": HOSTILE, "way": {"a": [1, 3]}}


def test_something_only_planned_is_told_in_json() -> None:
    assert json_text({"board": PLANNED}) == '{"board": "(planned)"}'


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (130, "2 min 10 s"),
        (3780, "1 h 03 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_lengths_of_time_are_said_in_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_time_on_another_day_has_its_date() -> None:
    assert moment(NOON + 60, NOON, time.gmtime) == "12:01:00"
    assert moment(NOON + 86_400, NOON, time.gmtime) == "2026-03-02 12:00"


# -- plain lines


def test_a_log_has_a_line_with_the_time_per_step() -> None:
    assert written(started(), ended(), ended("make", "failed", "no such board")) == [
        "12:00:00 Copy a board: started (run r1)",
        "12:00:12 ✓ copy: ok (12 s)",
        "12:00:12 ✗ make: failed (12 s): no such board",
    ]


def test_marks_are_ascii_where_the_stream_has_no_others() -> None:
    assert written(ended(), ended(status="failed"), ascii_only=True) == [
        "12:00:12 + copy: ok (12 s)",
        "12:00:12 x copy: failed (12 s)",
    ]
    log = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    lines: list[str] = []
    open_console(log, lines.append, terminal=False, color=False, verbosity=0).pinflow_event(ended())
    assert lines[0].endswith("+ copy: ok (12 s)")


def test_steps_inside_a_loop_are_told_only_when_they_fail_or_everything_is_wanted() -> None:
    inner, bad = ended("pins[8].copied"), ended("pins[9].copied", "failed", "gone")
    assert written(inner, bad) == ["12:00:12 ✗ pins[9].copied: failed (12 s): gone"]
    assert len(written(inner, bad, verbosity=1)) == 2


def test_a_wait_says_why_and_until_when() -> None:
    wait = Waiting(run="r1", at=NOON, step="copy", until=NOON + 7400, reason="rate limit", category="org_write")
    assert written(wait) == ["12:00:00 copy: rate limit for org_write, continuing at 14:03:20"]


def test_quiet_leaves_warnings_alone() -> None:
    warning = Note(run="r1", at=NOON, step="copy", text="an old token", level="warning")
    note = Note(run="r1", at=NOON, step="copy", text="reading")
    assert written(started(), note, warning, progress(50, NOON), ended(), verbosity=-1) == [
        "12:00:00 ! warning: copy: an old token"
    ]


def test_verbose_tells_of_every_effect() -> None:
    effect = EffectDone(run="r1", at=NOON, step="copy", key="pin:8", kind="pin", outcome="adopted")
    skip = ItemSkipped(run="r1", at=NOON, step="copy", key="pin:9", kind="pin", reason="a video")
    begin = StepStarted(run="r1", at=NOON, step="copy", name="", action="v5.copy_board")
    assert written(begin, effect, skip) == []
    assert written(begin, effect, skip, verbosity=1) == [
        "12:00:00 copy: started (v5.copy_board)",
        "12:00:00 copy: pin:8: adopted",
        "12:00:00 copy: pin:9: skipped: a video",
    ]


def test_short_retries_are_told_only_on_request() -> None:
    def again(delay: float) -> Retrying:
        return Retrying(run="r1", at=NOON, step="copy", attempt=2, delay=delay, reason="HTTP 503")

    assert written(again(0.2), again(4)) == ["12:00:00 copy: trying again in 4.0 s (attempt 2): HTTP 503"]
    assert len(written(again(0.2), again(4), verbosity=1)) == 2


def test_a_slow_loop_gets_a_line_every_five_seconds() -> None:
    lines = written(*(progress(n, NOON + n, total=10_000) for n in range(61)))
    assert len(lines) == 12
    assert lines[-1] == "12:01:00 copy: 60 of 10000 pins (0 %), 1.0/s, ends about 14:46:40"


def test_a_fast_loop_gets_a_line_every_tenth() -> None:
    lines = written(*(progress(n, NOON + n / 1000, total=1000) for n in range(1001)))
    assert len(lines) == 10
    assert lines[-1] == "12:00:01 copy: 1000 of 1000 pins (100 %), 1000.0/s"


def test_a_loop_whose_length_is_unknown_is_told_by_time_alone() -> None:
    lines = written(*(progress(n, NOON + n / 10, total=None) for n in range(120)))
    assert lines == ["12:00:05 copy: 50 pins, 10.0/s", "12:00:10 copy: 100 pins, 10.0/s"]


def test_skipped_and_failed_items_count_as_passed() -> None:
    pace = Pace(progress(0, NOON), progress(40, NOON + 10, skipped=8, failed=2))
    assert (pace.percent, pace.rate, pace.ends) == (50, 5.0, NOON + 20)


def test_more_than_there_are_now_is_no_more_than_all() -> None:
    """Rows that were done and are gone from the table since are counted."""
    (line,) = written(progress(7, NOON, total=7, skipped=1))
    assert line.endswith("copy: 7 of 7 pins (100 %), 1 skipped")


def test_the_speed_after_a_resume_is_that_of_this_process() -> None:
    assert Pace(progress(90, NOON), progress(95, NOON + 5)).rate == 1.0


def test_an_error_and_its_hint_are_one_line() -> None:
    (line,) = written(ended("report", "failed", "report.csv is there already\n  move it away\nforged"))
    assert line.endswith("report: failed (12 s): report.csv is there already; move it away^Jforged")


def test_a_hostile_title_stays_on_its_line() -> None:
    (line,) = written(Note(run="r1", at=NOON, step="copy", text=HOSTILE))
    assert line == "12:00:00 copy: ^[]52;c;aGk=^G^[[2J^M^J00:00:00 forged\\u202e\\u009b31m^?\\u2028"


# -- lines for programs


def test_every_event_is_a_line_of_json_and_the_last_one_ends_the_run() -> None:
    lines: list[str] = []
    reporter = JsonLines(lines.append)
    finish = RunFinished(run="r1", at=NOON, status="ok", seconds=1.0, exit_code=0, outputs={"title": HOSTILE})
    for event in (started(), progress(1, NOON), finish):
        reporter.pinflow_event(event)
    assert [json.loads(line)["event"] for line in lines] == ["RunStarted", "Progress", "RunFinished"]
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert json.loads(lines[-1])["outputs"] == {"title": HOSTILE}
    assert json.loads(lines[0])["version"] == 1


# -- the live view

CSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown_live(*told: Event, color: bool = False, width: int = 100, at: float = NOON) -> tuple[str, Live]:
    stream = io.StringIO()
    view = Live(stream, color=color, local=time.gmtime, clock=lambda: at, width=width, refresh=False)
    for event in told:
        view.pinflow_event(event)
    view._region.refresh()  # what its own thread does four times a second
    view.close()
    return stream.getvalue(), view


def test_the_live_view_shows_how_far_a_loop_is() -> None:
    begin = StepStarted(run="r1", at=NOON, step="copy", name="", action="v5.copy_board")
    text, _ = shown_live(started(), begin, progress(0, NOON), progress(30, NOON + 10, skipped=3), at=NOON + 10)
    assert "copy" in text
    assert "30 of 100 pins, 3 skipped, 3.3/s, ends about 12:00:30" in text


def test_a_step_without_items_tells_what_it_does_instead_of_a_bar() -> None:
    begin = StepStarted(run="r1", at=NOON, step="copy", name="", action="v5.copy_all_boards")
    note = Note(run="r1", at=NOON, step="copy", text="board 2 of 5: 'Ideas'")
    text, _ = shown_live(started(), begin, note, progress(0, NOON + 3, total=0), at=NOON + 4)
    assert "running for 4.0 s board 2 of 5: 'Ideas'" in CSI.sub("", text)
    assert "of 0 pins" not in text


def test_the_bar_of_one_part_of_a_step_goes_when_the_next_part_begins() -> None:
    begin = StepStarted(run="r1", at=NOON, step="copy", name="", action="v5.copy_all_boards")
    parts = (
        progress(0, NOON),
        progress(100, NOON + 10),
        Note(run="r1", at=NOON + 10, step="copy", text="board 2 of 2"),
    )
    text, _ = shown_live(started(), begin, *parts, at=NOON + 12)
    assert "running for 12 s board 2 of 2" in CSI.sub("", text)
    text, _ = shown_live(started(), begin, *parts, progress(0, NOON + 20), progress(20, NOON + 30), at=NOON + 30)
    assert "20 of 100 pins, 2.0/s" in text  # not of the first part's begin


def test_lines_say_nothing_of_a_loop_over_nothing() -> None:
    lines: list[str] = []
    Lines(lines.append).pinflow_event(progress(0, NOON, total=0))
    assert lines == []


def test_the_live_view_counts_a_wait_down() -> None:
    wait = Waiting(run="r1", at=NOON, step="copy", until=NOON + 90, reason="rate limit for org_write")
    text, _ = shown_live(started(), wait, at=NOON + 30)
    assert "copy: rate limit for org_write, continuing at 12:01:30 (in 1 min 00 s)" in text


def test_a_wait_that_is_over_is_shown_no_more() -> None:
    wait = Waiting(run="r1", at=NOON, step="copy", until=NOON + 90, reason="rate limit")
    text, _ = shown_live(started(), wait, at=NOON + 91)
    assert "rate limit" not in text


def test_ended_steps_leave_a_line_and_no_bar() -> None:
    begin = StepStarted(run="r1", at=NOON, step="copy", name="", action="")
    text, _ = shown_live(started(), begin, progress(10, NOON), ended())
    rest = CSI.sub("", text)[CSI.sub("", text).index("✓ copy: ok (12 s)") :]
    assert "of 100 pins" not in rest


def test_a_notice_stays_below_the_view() -> None:
    stream = io.StringIO()
    view = Live(stream, color=False, width=100, refresh=False)
    view.pinflow_event(started())
    view.notice("stopping after the current call")
    view._region.refresh()
    view.close()
    assert "stopping after the current call" in stream.getvalue()


def test_the_terminal_gets_its_cursor_back() -> None:
    stream = io.StringIO()
    view = Live(stream, color=True, width=100, refresh=False)
    view.pinflow_event(started())
    assert stream.getvalue().count("\x1b[?25l") == 1
    view.pinflow_event(RunFinished(run="r1", at=NOON, status="ok", seconds=1, exit_code=0))
    assert stream.getvalue().count("\x1b[?25h") == 1


def test_a_question_gets_the_terminal_to_itself() -> None:
    stream = io.StringIO()
    view = Live(stream, color=True, width=100, refresh=False)
    view.pinflow_event(started())
    with view.pause():
        assert (stream.getvalue().count("\x1b[?25l"), stream.getvalue().count("\x1b[?25h")) == (1, 1)
    assert stream.getvalue().count("\x1b[?25l") == 2
    view.close()


@pytest.mark.parametrize("width", [20, 40, 100])
def test_hostile_titles_send_the_live_terminal_nothing(width: int) -> None:
    step = HOSTILE
    told = [
        started(name=HOSTILE),
        StepStarted(run="r1", at=NOON, step=step, name=HOSTILE, action=HOSTILE),
        Progress(run="r1", at=NOON, step=step, done=1, total=9, skipped=0, failed=0, what=HOSTILE),
        Waiting(run="r1", at=NOON, step=step, until=NOON + 9, reason=HOSTILE),
        Note(run="r1", at=NOON, step=step, text=HOSTILE, level="warning"),
        ended(step, "failed", HOSTILE),
    ]
    for count in range(1, len(told) + 1):
        text, _ = shown_live(*told[:count], width=width)
        rest = CSI.sub("", text).replace("\n", "").replace("\r", "")
        assert rest.isprintable()
        assert "[2J" not in "".join(CSI.findall(text))


# -- the recap


def recap(result: RunResult, **facts: object) -> str:
    about = {"command": "pinflow run copy.yaml", "now": NOON, "local": time.gmtime, **facts}
    return "\n".join(Recap("Copy a board", result, **about).lines(lambda text, style: text))  # type: ignore[arg-type]


def result(status: str = "ok", **facts: object) -> RunResult:
    values = {"run": "r1", "status": status, "steps": (), "seconds": 133.0, **facts}
    return RunResult(**values)  # type: ignore[arg-type]


COUNTS = {
    "board": {"done": 1, "adopted": 0, "already": 0, "skipped": 0, "failed": 0},
    "section": {"done": 3},
    "pin": {"done": 806, "adopted": 1, "skipped": 4, "failed": 1},
}


def test_the_recap_of_a_run_that_is_done() -> None:
    skipped = tuple(("copy", f"pin:{n}", "a video: its file is not given out") for n in (8, 9))
    done = result(
        counts=COUNTS,
        calls={"access_token": {"org_read": 5, "org_write": 814}},
        skipped=(*skipped, ("copy", "pin:10", "gone")),
        outputs={
            "board": "813",
            "pins": {"made": 806, "title": HOSTILE},
            "none": None,
            "boards": [{"id": "1", "name": "日本", "pins": 3}, {"id": "22", "name": None, "pins": 40}],
            "names": ["a", HOSTILE],
        },
    )
    assert recap(done) == (
        "Copy a board: done, 1 failed (2 min 13 s, run r1)\n"
        "           done  adopted  skipped  failed\n"
        "  board       1\n"
        "  section     3\n"
        "  pin       806        1        4       1\n"
        "skipped\n"
        "  2 x a video: its file is not given out: pin:8, pin:9\n"
        "  1 x gone: pin:10\n"
        "  1 more: pinflow runs show r1 --items\n"
        "calls\n"
        "  access_token  org_read     5\n"
        "  access_token  org_write  814\n"
        "outputs\n"
        "  board: 813\n"
        "  pins:\n"
        "    made   806\n"
        "    title  ^[]52;c;aGk=^G^[[2J^M^J00:00:00 forged\\u202e\\u009b31m^?\\u20…\n"
        "  none: null\n"
        "  boards:\n"
        "    ID  NAME  PINS\n"
        "    1   日本  3\n"
        "    22  null  40\n"
        "  names:\n"
        "    [\n"
        '      "a",\n'
        '      "\\u001b]52;c;aGk=\\u0007\\u001b[2J\\r\\n00:00:00 forged\\u202e\\u009b31m\\u007f\\u2028"\n'
        "    ]"
    )


def test_the_recap_of_a_failed_run_lists_the_first_ten_and_says_how_to_go_on() -> None:
    failed = tuple(("copy", f"pin:{n}", "HTTP 400") for n in range(12))
    error = ActionError("12 of 20 pins failed")
    steps = (StepResult("copy", "failed", None, error, 3.0),)
    failing = result("failed", failed=failed, steps=steps, error=error, next_steps=("to try again: pinflow resume r1",))
    assert recap(failing) == (
        "Copy a board: failed (2 min 13 s, run r1)\n"
        "failed\n"
        + "".join(f"  copy: pin:{n}: HTTP 400\n" for n in range(10))
        + "  2 others: pinflow runs show r1 --items\n"
        "next\n"
        "  to try again: pinflow resume r1"
    )


def test_a_dry_run_tells_of_every_failure_as_no_journal_has_them() -> None:
    failed = tuple(("copy", f"pin:{n}", "HTTP 400") for n in range(120))
    skipped = (("copy", "pin:x", "gone"),)
    forecast = Forecast(calls={}, seconds=0.0)
    counts = {"pin": {"failed": 125, "skipped": 3}}
    lines = recap(result("failed", failed=failed, skipped=skipped, forecast=forecast, counts=counts)).splitlines()
    assert [line for line in lines if "HTTP 400" in line] == [f"  copy: pin:{n}: HTTP 400" for n in range(120)]
    assert "  5 others: --output ndjson" in lines
    assert "  2 more: --output ndjson" in lines
    assert not any("pinflow runs show" in line for line in lines)


def test_a_step_that_failed_as_a_whole_is_told_with_its_reason() -> None:
    error = ActionError("board 8: title too long\nboard 9: title too long", hint="shorten them")
    steps = (StepResult("copy", "failed", None, error, 3.0),)
    failing = result("failed", steps=steps, error=error, next_steps=("to try again: pinflow resume r1",))
    assert recap(failing) == (
        "Copy a board: failed (2 min 13 s, run r1)\n"
        "failed\n"
        "  copy: board 8: title too long\n"
        "    board 9: title too long\n"
        "next\n"
        "  shorten them\n"
        "  to try again: pinflow resume r1"
    )


@pytest.mark.parametrize(
    ("status", "error", "why", "advice"),
    [
        (
            "paused",
            RateLimited("slow down", retry_after=3600.0),
            "  copy: slow down (HTTP 429)",
            ["  continue after 13:00:00: pinflow resume r1"],
        ),
        (
            "paused",
            RateLimited("slow down"),
            "  copy: slow down (HTTP 429)",
            ["  continue: pinflow resume r1"],
        ),
        (
            "in_doubt",
            InDoubt("no answer"),
            "  copy: no answer",
            ["  to see what is unknown: pinflow runs show r1 --items", "  to look again, and go on: pinflow resume r1"],
        ),
        (
            "in_doubt",
            InDoubt("no answer", hint="say so: pinflow resume r1 --made 7=8\nor: pinflow resume r1 --not-made 7"),
            "  copy: no answer",
            ["  say so: pinflow resume r1 --made 7=8", "  or: pinflow resume r1 --not-made 7"],
        ),
        (
            "cancelled",
            Interrupted("told to stop"),
            "  told to stop",
            ["  to continue where it stopped: pinflow resume r1"],
        ),
    ],
)
def test_the_recap_says_why_a_run_did_not_end_and_what_to_do(
    status: str, error: BaseException, why: str, advice: list[str]
) -> None:
    wait = getattr(error, "retry_after", None)
    step = StepResult("copy", status, None, error, 3.0)  # type: ignore[arg-type]
    after = NOON + wait if wait is not None else None
    assert isinstance(error, PinflowError)
    end = RunEnd(id="r1", error=error, results=[step], resume_after=after, now=NOON, local=time.gmtime)
    next_steps = steps_to_go_on(end, error)
    ended = result(status, error=error, steps=(step,), resume_after=after, next_steps=next_steps)
    assert recap(ended).splitlines()[1:] == ["why", why, "next", *advice]
    assert as_data("Copy a board", ended)["next_steps"] == [line.strip() for line in advice]


def test_on_a_narrow_terminal_a_command_has_a_line_of_its_own() -> None:
    steps = ("look which of them it is, and say so: pinflow resume r1 --made 3=810000000000190520", "or: pinflow runs")
    ended = result("in_doubt", error=InDoubt("no answer"), next_steps=steps)
    assert recap(ended, width=80).splitlines()[-3:] == [
        "  look which of them it is, and say so:",
        "    pinflow resume r1 --made 3=810000000000190520",
        "  or: pinflow runs",
    ]
    assert recap(ended, width=120).splitlines()[-2:] == [f"  {step}" for step in steps]


def test_the_message_of_a_step_is_wrapped_between_words() -> None:
    error = ActionError(f"board 700000000000000822 can't be copied:\n  {'a ' * 30}(700000000000001148)")
    failing = result("failed", steps=(StepResult("copy", "failed", None, error, 3.0),), error=error)
    assert recap(failing, width=80).splitlines()[2:] == [
        "  copy: board 700000000000000822 can't be copied:",
        f"      {('a ' * 30).rstrip()}",
        "        (700000000000001148)",
    ]


def test_what_a_failure_says_at_its_end_is_not_cut_on_a_narrow_terminal() -> None:
    ids = ", ".join(str(810000000000190520 + number) for number in range(20))
    failing = result("failed", failed=(("pins", "a", f"it may be {ids}"),), error=ActionError("failed"))
    text = recap(failing, width=80)
    assert all(id_ in text for id_ in ids.split(", "))
    assert max(map(cells, text.splitlines())) <= 80


def test_the_recap_of_a_dry_run_says_what_the_real_one_costs() -> None:
    forecast = Forecast(calls={"access_token": {"org_write": 814}}, seconds=130.0)
    planned = result("planned", counts={"pin": {"planned": 812, "skipped": 3}}, forecast=forecast)
    assert recap(planned) == (
        "Copy a board: dry run, nothing was changed (2 min 13 s)\n"
        "       would be done  skipped\n"
        "  pin            812        3\n"
        "calls of the real run\n"
        "  access_token  org_write  814\n"
        "  takes about 2 min 10 s at the standard tier's limits\n"
        "next\n"
        "  to run it: pinflow run copy.yaml"
    )


def test_the_recap_of_a_dry_run_says_what_the_service_refuses() -> None:
    forecast = Forecast(calls={"access_token": {"org_write": 1}}, seconds=0.2, refusals=("no Pins with trial access",))
    planned = result("planned", forecast=forecast)
    assert "  the service will refuse some: no Pins with trial access\n  takes less" in recap(planned)
    data = as_data("Copy a board", planned)
    assert data["forecast"]["refusals"] == ("no Pins with trial access",)


def test_a_dry_run_in_the_sandbox_leads_to_a_run_in_the_sandbox() -> None:
    forecast = Forecast(calls={"access_token": {"org_write": 1}}, seconds=0.2)
    text = recap(result("planned", sandbox=True, forecast=forecast), again="pinflow run copy.yaml --sandbox")
    assert "  takes less than a second at the standard tier's limits\n" in text
    assert text.endswith("  to run it: pinflow run copy.yaml --sandbox")


def test_the_recap_of_a_sandbox_run_leads_to_the_real_one() -> None:
    assert recap(result(sandbox=True), sign_in=["pinflow auth login"]) == (
        "Copy a board: done in the sandbox (2 min 13 s, run r1)\n"
        "next\n"
        "  this was the sandbox; your account was not changed. To run it on your account:\n"
        "  pinflow auth login\n"
        "  pinflow run copy.yaml"
    )


def test_a_sandbox_run_that_failed_leads_nowhere_but_to_its_mending() -> None:
    error = ActionError("no board 'Garden'", hint="did you mean 'Garden ideas'?")
    said = ("this was the sandbox; your account was not changed",)
    failed = result("failed", sandbox=True, error=error, next_steps=said)
    lines = recap(failed, sign_in=["pinflow auth login"]).splitlines()
    assert lines[-3:] == [
        "next",
        "  did you mean 'Garden ideas'?",
        "  this was the sandbox; your account was not changed",
    ]


@pytest.mark.parametrize("pin", [{"id": "1"}, {"media": {"id": "1"}}])
def test_a_long_output_is_cut_and_says_where_the_rest_is(pin: dict[str, object]) -> None:
    lines = recap(result(outputs={"pins": [pin] * 100})).splitlines()
    assert len(lines) == 1 + 1 + 1 + 40 + 1
    assert lines[-1].endswith(" more lines; to see them: --output json)")


def test_the_recap_has_what_was_warned_of_on_the_way() -> None:
    lines = recap(result(warnings=tuple(f"row {n} is odd" for n in range(1, 13)))).splitlines()
    assert lines[1:] == ["notes", *(f"  row {n} is odd" for n in range(1, 11)), "  2 more; to see them: --output json"]


def test_every_line_of_a_recap_is_harmless() -> None:
    hostile = result(
        "failed",
        counts={HOSTILE: {"failed": 1}},
        calls={HOSTILE: {HOSTILE: 1}},
        skipped=((HOSTILE, HOSTILE, HOSTILE),),
        failed=((HOSTILE, HOSTILE, HOSTILE),),
        warnings=(HOSTILE,),
        outputs={HOSTILE: HOSTILE},
        error=ActionError(HOSTILE, hint=HOSTILE),
        steps=(StepResult(HOSTILE, "failed", None, ActionError(HOSTILE)),),
    )
    lines = Recap(HOSTILE, hostile, width=60).lines(lambda text, style: text)
    assert all(line.isprintable() for line in lines)


def test_the_result_for_programs_has_every_fact() -> None:
    error = CredentialError("no token", hint="pinflow auth login")
    data = as_data("Copy", result("failed", error=error, failed=(("copy", "pin:8", "no"),), skipped=(("a", "b", "c"),)))
    assert json.loads(json_text(data)) == {
        "run": "r1",
        "name": "Copy",
        "status": "failed",
        "exit_code": 4,
        "sandbox": False,
        "seconds": 133.0,
        "left": {},
        "resume_after": None,
        "outputs": {},
        "files": [],
        "counts": {},
        "calls": {},
        "accounts": [],
        "next_steps": [],
        "not_checked": [],
        "would_be_deleted": [],
        "warnings": [],
        "skipped": [{"step": "a", "key": "b", "reason": "c"}],
        "skipped_count": 1,
        "failed": [{"step": "copy", "key": "pin:8", "error": "no"}],
        "failed_count": 1,
        "steps": [],
        "forecast": None,
        "error": {
            "kind": "credential_error",
            "message": "no token",
            "hint": "pinflow auth login",
            "exit_code": 4,
            "problems": [],
        },
    }


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["  short"]),
        ("", ["  "]),
        ("one two three four", ["  one two", "    three four"]),
        ("abcdefghijklmnopqrst", ["  abcdefghijkl", "    mnopqrst"]),
        ("花花花花花花花花", ["  花花花花花花", "    花花"]),
        ("a b c d e f g h i j k l m n o p", ["  a b c d e f", "    g h i j k", "    l m n o p"]),
        ("x " * 60, ["  x x x x x x", *["    x x x x x"] * 3, "    x x x x x…"]),
    ],
)
def test_a_long_line_is_wrapped_and_not_cut_before_its_end(text: str, lines: list[str]) -> None:
    wrapped = wrap(text, 14, indent="  ")
    assert wrapped == lines
    assert all(cells(line) <= 14 for line in wrapped)


TABLE = [
    ("NAME", "LIMIT", "LEFT", "WHY"),
    ("access_token", "1,000 a minute", "861", "action_error, HTTP 404, code 50, request 1000000000000004"),
    ("日本", "100 a second", "7", "outcome unknown: look at the board"),
]


@pytest.mark.parametrize("width", [30, 40, 50, 60, 70, 80, 100, 200])
def test_a_table_is_never_wider_than_the_screen_and_no_word_of_it_is_lost(width: int) -> None:
    lines = table(TABLE, right=frozenset({2}), indent="  ", width=width)
    assert all(cells(line) <= width for line in lines)
    words = [word for row in TABLE for text in row for word in text.split()]
    assert sorted(" ".join(lines).split()) == sorted(words)
    assert "…" not in "".join(lines)


def test_the_widest_column_of_a_table_goes_on_below_itself() -> None:
    assert table(TABLE[:2], right=frozenset({2}), width=64) == [
        "NAME          LIMIT           LEFT  WHY",
        "access_token  1,000 a minute   861  action_error, HTTP 404, code",
        "                                    50, request 1000000000000004",
    ]


def test_a_row_that_fits_in_no_way_is_a_paragraph() -> None:
    assert table(TABLE[1:2], width=24) == [
        "access_token",
        "    1,000 a minute  861",
        "      action_error, HTTP",
        "      404, code 50,",
        "      request",
        "      1000000000000004",
    ]


def test_an_output_of_rows_fits_the_terminal() -> None:
    rows = [{"id": "813744226420795884", "name": "Garden ideas for the shady corner", "about": "Beds of old wood " * 3}]
    lines = recap(result("ok", outputs={"boards": rows}), width=70).splitlines()
    assert all(cells(line) <= 70 for line in lines)
    assert "…" not in "".join(lines)
    assert {"813744226420795884", "shady", "corner", "wood"} <= set(" ".join(lines).split())
