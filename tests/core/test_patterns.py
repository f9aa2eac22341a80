"""Patterns of strangers: Python's meaning, in linear time."""

from __future__ import annotations

import random
import re
import time
import warnings
from typing import Any

import pytest

from pinflow.errors import RecipeError
from pinflow.schema.from_json_schema import fields_of
from pinflow.schema.patterns import Effort, PatternError, TooMuchEffort, is_pattern, matches, parse_pattern

PIECES = (
    *("a", "b", "(", "(?:", ")", "|", "*", "+", "?", "{2}", "{1,3}", "{,2}", "{2,}", "[ab]", "[^a]", r"[a-c\d]", "."),
    *("^", "$", r"\b", r"\B", r"\w", r"\d", r"\s", r"\A", r"\Z", "(?i:", r"\n", r"\x61", "é", "A", "{", "}", "]", "-"),
    *("[]a]", r"\.", "(?P<n>", "(?s:", "(?m:", "*?", "_", "1", "(?a:", r"\W", r"\D", r"\S", r"[^\W_]", r"\101"),
    *(r"\u00e9", "(?#x)", r"[\b]"),
)
LETTERS = "abAB1é_ .\n-{}]٣\u00a0"


def compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except re.error:
        return None


def is_refused(pattern: str) -> bool:
    try:
        parse_pattern(pattern)
    except PatternError as error:
        # what Python takes and needs backtracking: *+ and \1, which the pieces make by chance
        return compiled(pattern) is None or "linear time" not in str(error)
    return compiled(pattern) is None


def test_patterns_mean_what_they_mean_in_python() -> None:
    chance = random.Random(12)
    compared = 0
    for _ in range(4000):
        pattern = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 8)))
        theirs = compiled(pattern)
        assert is_refused(pattern) == (theirs is None), pattern
        if theirs is None or not is_pattern(pattern):
            continue
        for _ in range(6):
            text = "".join(chance.choice(LETTERS) for _ in range(chance.randint(0, 6)))
            assert matches(pattern, text, Effort()) == bool(theirs.fullmatch(text)), (pattern, text)
            assert matches(pattern, text, Effort(), anywhere=True) == bool(theirs.search(text)), (pattern, text)
            compared += 1
    assert compared > 2000


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+b", "(a|a)*b", "(a|aa)+$", "(.*)*x", "(a*)*(a*)*(a*)*b", r"(\w+\s?)*!", "(?i)(([a-z])+.)+[A-Z]([a-z])+$"],
)
def test_a_pattern_that_backtracks_takes_no_longer_than_another(pattern: str) -> None:
    began = time.process_time()
    assert not matches(pattern, "a" * 50_000 + "\n-", Effort())
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a|b)*a(a|b){400}", "ab"), ("(a?){999}b", "a"), ("(((a?){9}){9}){9}", "a"), ("(.?.?.?.?){300}x", "aé")],
)
def test_what_is_made_to_take_long_is_given_up_soon(pattern: str, text: str) -> None:
    chance = random.Random(1)
    began = time.process_time()
    effort = Effort()
    with pytest.raises(TooMuchEffort):
        for _ in range(1000):
            matches(pattern, "".join(chance.choice(text) for _ in range(3000)), effort)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("pattern", "said", "column"),
    [
        ("x(?=a)b", "can't have look-ahead, (?=", 2),
        ("(?!a)b", "can't have look-ahead, (?!", 1),
        ("(?<=a)b", "can't have look-behind, (?<", 1),
        ("(?<!a)b", "can't have look-behind, (?<", 1),
        (r"(a)\1", r"can't have a back reference, \1", 4),
        ("(?P<n>a)(?P=n)", "can't have a back reference, (?P=", 9),
        ("(a)?(?(1)b|c)", "can't have a condition, (?(", 5),
        ("(?>a)b", "can't have an atomic group, (?>", 1),
        ("ab++", "can't have a possessive repetition, +", 4),
    ],
)
def test_what_needs_backtracking_is_refused_at_its_line(project: Any, pattern: str, said: str, column: int) -> None:
    with pytest.raises(RecipeError) as caught:
        project.plan(f"name: n\ninputs:\n  word:\n    pattern: '{pattern}'\nsteps: []\n")
    problem = next(problem for problem in caught.value.problems if problem.line == 4)
    assert said in str(problem)
    assert problem.column == len("    pattern: '") + column


@pytest.mark.parametrize("pattern", ["(a+)+b", "(?i)" + r"[\x00-\U0010ffff]" * 26, "(a?){999}", "(((a|b|c){9}){9}){9}"])
def test_many_of_them_in_one_recipe_are_checked_within_a_second(project: Any, pattern: str) -> None:
    line = "  i{}: {{pattern: '{}', default: {}}}"
    lines = [line.format(number, pattern, "a" * 30) for number in range(200_000 // (60 + len(pattern)))]
    began = time.process_time()
    with pytest.raises(RecipeError):
        project.plan("\n".join(["name: n", "inputs:", *lines, "steps: []", ""]))
    assert time.process_time() - began < 5  # a second of it is the matching, the rest is reading so long a text


def test_a_pattern_of_a_description_is_matched_in_linear_time_too() -> None:
    text = fields_of({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}).fields["a"]
    began = time.process_time()
    assert not text.matcher()("a" * 20_000 + "!")
    assert text.matcher()("a" * 20_000)
    assert time.process_time() - began < 1
