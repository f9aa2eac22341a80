"""The retry table, cell by cell: what each outcome means for a read, a create, an update and a removal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinflow.http.retry import (
    READS,
    Accept,
    Decision,
    Fail,
    Limits,
    Outcome,
    OutcomeUnknown,
    Pause,
    Renew,
    Resend,
    Tries,
    Wait,
    backoff,
    decide,
)

LIMITS = Limits()
IDEMPOTENT = frozenset({"GET", "HEAD", "PATCH", "DELETE"})
FIRST = Tries()
LAST = Tries(number=LIMITS.attempts)


def judge(method: str, outcome: Outcome, tries: Tries = FIRST, jitter: float = 0.0) -> Decision:
    return decide(method, outcome, tries, idempotent=method in IDEMPOTENT, limits=LIMITS, jitter=jitter)


def answered(status: int, **facts: object) -> Outcome:
    return Outcome(phase="answered", status=status, **facts)  # type: ignore[arg-type]


NOTHING_SENT = Outcome(phase="nothing_sent")
MAYBE_SENT = Outcome(phase="maybe_sent")
AGAIN, DOUBT, FAIL, ACCEPT = Resend(0.5), OutcomeUnknown(), Fail(), Accept()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

FIRST_TRY: dict[str, tuple[Outcome, tuple[Decision, ...]]] = {
    #                                             GET     HEAD    POST    PUT     PATCH   DELETE
    "nothing sent": (NOTHING_SENT, (AGAIN, AGAIN, AGAIN, AGAIN, AGAIN, AGAIN)),
    "lost": (MAYBE_SENT, (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
    "200": (answered(200), (ACCEPT,) * 6),
    "201": (answered(201), (ACCEPT,) * 6),
    "204": (answered(204), (ACCEPT,) * 6),
    "200, broken": (answered(200, body="broken"), (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
    "200, hostile": (answered(200, body="refused"), (FAIL, FAIL, DOUBT, DOUBT, DOUBT, DOUBT)),
    "199": (answered(199), (FAIL,) * 6),
    "299": (answered(299), (ACCEPT,) * 6),
    "300": (answered(300), (FAIL,) * 6),
    "301": (answered(301), (FAIL,) * 6),
    "302": (answered(302), (FAIL,) * 6),
    "304": (answered(304), (FAIL,) * 6),
    "307": (answered(307), (FAIL,) * 6),
    "308": (answered(308), (FAIL,) * 6),
    "400": (answered(400), (FAIL,) * 6),
    "401": (answered(401), (Renew(),) * 6),
    "401, scope": (answered(401, kind="scope"), (FAIL,) * 6),
    "403": (answered(403), (FAIL,) * 6),
    "403, spam": (answered(403, kind="spam"), (FAIL,) * 6),
    "404": (answered(404), (FAIL,) * 6),
    "405": (answered(405), (FAIL,) * 6),
    "408": (answered(408), (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
    "409": (answered(409), (FAIL,) * 6),
    "422": (answered(422), (FAIL,) * 6),
    "428": (answered(428), (FAIL,) * 6),
    "429": (answered(429), (Wait(0.5),) * 6),
    "429, told": (answered(429, retry_after=7.0), (Wait(7.0),) * 6),
    "429, told 0": (answered(429, retry_after=0.0), (Wait(0.5),) * 6),
    "429, told more than patience": (answered(429, retry_after=3600.0), (Pause(3600.0),) * 6),
    "429, spam": (answered(429, kind="spam"), (FAIL,) * 6),
    "431": (answered(431), (FAIL,) * 6),
    "499": (answered(499), (FAIL,) * 6),
    "500, spam": (answered(500, kind="spam"), (FAIL,) * 6),
    "503, limited": (answered(503, kind="limited", retry_after=7.0), (Wait(7.0),) * 6),
    "500": (answered(500), (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
    "501": (answered(501), (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
    "502": (answered(502), (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
    "503": (answered(503), (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
    "503, told": (answered(503, retry_after=7.0), (Resend(7.0), Resend(7.0), DOUBT, DOUBT, Resend(7.0), Resend(7.0))),
    "503, told more than patience": (answered(503, retry_after=3600.0), (FAIL, FAIL, DOUBT, DOUBT, DOUBT, DOUBT)),
    "504": (answered(504), (AGAIN, AGAIN, DOUBT, DOUBT, AGAIN, AGAIN)),
}

# where the last try is judged in another way than the first
LAST_TRY: dict[str, tuple[Decision, ...]] = {
    "nothing sent": (FAIL,) * 6,
    **dict.fromkeys(
        ("lost", "200, broken", "408", "500", "501", "502", "503", "503, told", "504"),
        (FAIL, FAIL, DOUBT, DOUBT, DOUBT, DOUBT),
    ),
    **dict.fromkeys(("429", "429, told 0"), (Wait(16.0),) * 6),
}


@pytest.mark.parametrize("name", FIRST_TRY)
@pytest.mark.parametrize("column", range(6), ids=METHODS)
def test_the_first_try_is_judged_by_the_table(name: str, column: int) -> None:
    outcome, expected = FIRST_TRY[name]
    assert judge(METHODS[column], outcome) == expected[column]


@pytest.mark.parametrize("name", FIRST_TRY)
@pytest.mark.parametrize("column", range(6), ids=METHODS)
def test_the_last_try_is_judged_by_the_table(name: str, column: int) -> None:
    outcome, expected = FIRST_TRY[name]
    assert judge(METHODS[column], outcome, LAST) == LAST_TRY.get(name, expected)[column]


@pytest.mark.parametrize("name", FIRST_TRY)
@pytest.mark.parametrize("column", range(6), ids=METHODS)
def test_a_write_with_a_lost_try_never_ends_as_if_nothing_had_happened(name: str, column: int) -> None:
    outcome, expected = FIRST_TRY[name]
    method, decision = METHODS[column], expected[column]
    if method not in READS and isinstance(decision, Fail | Pause):
        decision = ACCEPT if (method, name) == ("DELETE", "404") else DOUBT
    assert judge(method, outcome, Tries(lost=True)) == decision
    if method not in READS:
        assert not isinstance(judge(method, outcome, Tries(number=LIMITS.attempts, lost=True)), Fail | Pause)


@pytest.mark.parametrize("method", METHODS)
def test_a_removal_that_is_not_found_after_a_lost_answer_was_done(method: str) -> None:
    decision = judge(method, answered(404), Tries(number=2, lost=True))
    assert decision == {"DELETE": ACCEPT, "GET": FAIL, "HEAD": FAIL}.get(method, DOUBT)


@pytest.mark.parametrize("method", METHODS)
def test_a_credential_is_renewed_once_a_call(method: str) -> None:
    assert judge(method, answered(401), Tries(number=2, renewed=True)) == FAIL


def test_a_wait_that_was_asked_for_is_spread_by_adding_to_it() -> None:
    assert judge("POST", answered(429, retry_after=7.0), jitter=1.0) == Wait(8.0)
    assert judge("GET", answered(503, retry_after=7.0), jitter=1.0) == Resend(8.0)


def test_a_service_that_asks_for_just_the_patience_is_waited_for() -> None:
    assert judge("GET", answered(503, retry_after=LIMITS.patience)) == Resend(LIMITS.patience)
    assert judge("GET", answered(429, retry_after=LIMITS.patience)) == Wait(LIMITS.patience)


def test_a_service_that_asks_for_more_than_the_patience_is_not_waited_for() -> None:
    assert judge("GET", answered(503, retry_after=LIMITS.patience + 0.5)) == FAIL
    assert judge("GET", answered(429, retry_after=LIMITS.patience + 0.5)) == Pause(LIMITS.patience + 0.5)


def test_a_short_wait_that_was_asked_for_is_no_shorter_than_the_back_off() -> None:
    assert judge("GET", answered(503, retry_after=0.1)) == AGAIN


def test_a_part_of_the_back_off_spreads_a_wait_that_was_asked_for() -> None:
    slow = Limits(backoff=2.0)
    asked, tries = answered(503, retry_after=7.0), Tries(number=1)
    assert decide("GET", asked, tries, idempotent=True, limits=slow, jitter=0.25) == Resend(7.5)
    refused = answered(429, retry_after=7.0)
    assert decide("GET", refused, tries, idempotent=True, limits=slow, jitter=0.25) == Wait(7.5)


def test_a_call_that_was_tried_too_often_is_not_tried_again() -> None:
    assert judge("GET", MAYBE_SENT, Tries(number=LIMITS.attempts + 1)) == FAIL


def test_a_try_without_an_answer_is_never_a_success() -> None:
    assert answered(200).is_success
    assert not Outcome(phase="maybe_sent", status=200).is_success
    assert not Outcome(phase="nothing_sent", status=200).is_success


def test_a_call_is_bounded_without_being_asked_to() -> None:
    assert (LIMITS.deadline, LIMITS.connect, LIMITS.read) == (60, 10, 30)
    assert (LIMITS.max_bytes, LIMITS.max_pages) == (33_554_432, 10_000)
    assert (LIMITS.attempts, LIMITS.patience, LIMITS.backoff, LIMITS.backoff_cap) == (6, 120, 1, 60)


def test_waits_for_a_quota_add_up_against_patience() -> None:
    refused = answered(429, retry_after=50.0)
    assert judge("POST", refused, Tries(number=2, waited=70.0)) == Wait(50.0)
    assert judge("POST", refused, Tries(number=3, waited=71.0)) == Pause(50.0)


@pytest.mark.parametrize("name", FIRST_TRY)
def test_an_outcome_is_uncertain_exactly_where_a_create_is_in_doubt(name: str) -> None:
    outcome, expected = FIRST_TRY[name]
    assert outcome.is_uncertain == (expected[METHODS.index("POST")] == DOUBT)


def test_backoff_doubles_and_is_capped() -> None:
    assert [backoff(n, LIMITS, 1.0) for n in (1, 2, 3, 7, 1000)] == [1, 2, 4, 60, 60]
    assert backoff(1000, Limits(backoff=0.5**30, backoff_cap=9.0), 1.0) == 1.0  # no number overflows


outcomes = st.builds(
    Outcome,
    phase=st.sampled_from(["nothing_sent", "maybe_sent", "answered"]),
    status=st.integers(200, 999),
    body=st.sampled_from(["ok", "broken", "refused"]),
    kind=st.sampled_from(["", "spam", "limited", "scope"]),
    retry_after=st.none() | st.floats(0, 1e5),
)
histories = st.builds(
    Tries, number=st.integers(1, 20), lost=st.booleans(), renewed=st.booleans(), waited=st.floats(0, 500)
)


@given(st.sampled_from(METHODS), outcomes, histories, st.floats(0, 1))
def test_no_wait_is_shorter_than_the_service_asked_for(
    method: str, outcome: Outcome, tries: Tries, jitter: float
) -> None:
    decision = judge(method, outcome, tries, jitter)
    if isinstance(decision, Resend | Wait | Pause) and outcome.phase == "answered":
        assert decision.after >= (outcome.retry_after or 0.0)
        assert decision.after > 0


@given(outcomes, histories, st.floats(0, 1))
def test_a_create_is_never_sent_again_when_it_may_have_been_applied(
    outcome: Outcome, tries: Tries, jitter: float
) -> None:
    if outcome.is_uncertain:
        assert judge("POST", outcome, tries, jitter) == OutcomeUnknown()


@given(outcomes, histories, st.floats(0, 1))
def test_reads_are_never_in_doubt(outcome: Outcome, tries: Tries, jitter: float) -> None:
    for method in READS:
        assert judge(method, outcome, tries, jitter) != OutcomeUnknown()
