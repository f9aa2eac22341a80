"""What the service's error answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinflow_pinterest.errors import ErrorFacts, read_error

SPAM = "Sorry! You've hit a block (Pins) we have in place to combat spam. Please try again later!"
TRIAL = "Apps with Trial access may not create Pins in production; use API Sandbox instead."
FEATURE = "Your application does not have access to this restricted feature: pin_edit"
BUSY = "Could not get exclusive access to the board to create a new section."
TAKEN = "Try a different name. You already have a board with this name!"


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (401, 2, "Authentication failed.", "auth"),
        (401, 401, "Unauthorized", "auth"),
        (404, 2, "AdAccount not found.", "not_found"),
        (401, 3, "Your token does not have sufficient permissions.", "scope"),
        (403, 3, "... Missing: ['boards:write']", "scope"),
        (400, 3, "... Missing: ['read_advertisers']", "scope"),
        (401, 3, FEATURE, "forbidden"),
        (401, 7, "Not authorized to access board or Pin.", "forbidden"),
        (401, 29, "You are not permitted to access that resource.", "forbidden"),
        (403, 29, "You are not permitted to access that resource.", "forbidden"),
        (403, 403, "Not authorized to update board section.", "forbidden"),
        (403, 2625, "Your account has been disapproved.", "forbidden"),
        (403, 29, TRIAL, "trial"),
        (429, 8, "This request exceeded a rate limit.", "rate"),
        (429, 30, "This request exceeded a rate limit.", "rate"),
        (429, 9, SPAM, "spam"),
        (403, 9, SPAM, "spam"),
        (403, 29, SPAM, "spam"),
        (429, 8, "Blocked as spam", "spam"),
        (403, 235, "Sorry! We blocked this link because it may lead to spam.", "forbidden"),
        (404, 30, "User not found.", "not_found"),
        (404, 40, "Board not found.", "not_found"),
        (404, 50, "Pin not found.", "not_found"),
        (404, 2031, "Sorry! We couldn't find this board section.", "not_found"),
        (404, 404, "Board not found.", "not_found"),
        (400, 40, "Board not found.", "not_found"),
        (400, 58, TAKEN, "duplicate_name"),
        (409, 58, TAKEN, "duplicate_name"),
        (403, 58, TAKEN, "duplicate_name"),
        (422, 4170, "The feed name already exists.", "duplicate_name"),
        (409, 409, BUSY, "exclusive"),
        (409, 409, "Board section conflict.", "exclusive"),
        (409, 409, "This account is not a brand account.", "other"),
        (409, 4176, "We can't delete a Catalogs Product Group with active promotions.", "other"),
        (400, 1, "Parameter 'page_size' was not numeric (was 3e)", "other"),
        (405, 5, "Method not allowed", "other"),
        (500, 500, "Could not create a new board section.", "other"),
        (503, 4197, "The endpoint has been ramped down.", "other"),
    ],
)
def test_an_error_is_of_the_kind_that_its_status_code_and_words_say(
    status: int, code: int, message: str, kind: str
) -> None:
    facts = read_error(status, {}, {"code": code, "message": message})
    assert (facts.kind, facts.status, facts.code, facts.message) == (kind, status, code, message)


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ("... scopes. Missing: ['boards:write']", {"boards:write"}),
        ("... Missing: ['boards:read', 'pins:read_secret']", {"boards:read", "pins:read_secret"}),
        ('... Missing: ["user_accounts:read"]', {"user_accounts:read"}),
        ("... Missing: ['read_boards', 'write_pins']", {"read_boards", "write_pins"}),
        ("... Missing: boards:write, pins:write. See https://example.com/", {"boards:write", "pins:write"}),
        ("You have pins:read. That is not enough.", set()),
    ],
)
def test_the_missing_scopes_are_named(message: str, missing: set[str]) -> None:
    facts = read_error(401, {}, {"code": 3, "message": message})
    assert facts.kind == "scope"
    assert set(facts.missing) == missing


@pytest.mark.parametrize("name", ["x-pinterest-rid", "X-Pinterest-Rid"])
def test_the_request_id_is_kept(name: str) -> None:
    assert read_error(500, {"Date": "now", name: "123"}, None).request_id == "123"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (502, "<html><h1>Bad gateway</h1></html>", "other", "502 Bad Gateway"),
        (503, b"\xff\xfe\x00", "other", "503 Service Unavailable"),
        (429, "", "rate", "429 Too Many Requests"),
        (401, None, "auth", "401 Unauthorized"),
        (404, [], "not_found", "404 Not Found"),
        (599, {"code": "x", "message": None}, "other", "599"),
        (500, {"code": True, "message": ["no"]}, "other", "500 Internal Server Error"),
    ],
)
def test_an_answer_that_is_no_error_of_the_api_is_told_by_its_status(
    status: int, body: object, kind: str, message: str
) -> None:
    assert read_error(status, {}, body) == ErrorFacts(kind, status, None, message, None)  # type: ignore[arg-type]


def test_text_that_holds_json_is_read() -> None:
    assert read_error(401, {}, b'{"code": 2, "message": "Authentication failed."}').code == 2


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ({"code": 8, "message": "m", "message_detail": "flagged as spam"}, "spam", "flagged as spam"),
        ({"code": 8, "message": "slow down", "data": None}, "rate", "slow down"),
        ({"code": 1, "message": "Invalid parameters:", "data": "no scope"}, "rate", "Invalid parameters: no scope"),
    ],
)
def test_the_older_envelope_is_read_with_its_detail_first(error: dict[str, Any], kind: str, message: str) -> None:
    facts = read_error(429, {}, {"status": "failure", **error})
    assert (facts.kind, facts.message) == (kind, message)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x, max_size=2), max_leaves=4
)
BODIES = st.binary() | st.text() | ANYTHING | st.fixed_dictionaries({"code": ANYTHING, "message": ANYTHING})


@given(st.integers(400, 599), BODIES)
def test_no_answer_is_beyond_reading(status: int, body: object) -> None:
    as_received = json.dumps(body) if isinstance(body, dict) else body
    facts = read_error(status, {}, as_received)
    assert facts.message
    assert facts == read_error(status, {}, body)
