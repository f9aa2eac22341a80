"""YAML text to plain data with places: what is read, what is refused, and where everything stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pinflow.errors import RecipeError
from pinflow.recipe.reader import parse
from pinflow.recipe.source import Source, load, read

if TYPE_CHECKING:
    from pathlib import Path


def refusal(text: str | bytes) -> str:
    with pytest.raises(RecipeError) as caught:
        load(text, "r")
    return str(caught.value)


def place(source: Source, *loc: str | int, key: bool = False, offset: int | None = None) -> str:
    line, column = source.where(loc, key=key, offset=offset)
    return f"{line}:{column}"


# ---- what the data is


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("123456789012345678", 123456789012345678),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("0123", "0123"),
        ("+5", "+5"),
        ("-0", "-0"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("0o17", "0o17"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e999", "1e999"),
        ("1" * 31, "1" * 31),
        ("=", "="),
        ("${{ inputs.a }}", "${{ inputs.a }}"),
        ('"12"', "12"),
        ("'true'", "true"),
        ('""', ""),
        ('"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says_and_else_is_text(written: str, meant: object) -> None:
    value = load(f"a: {written}\n", "r").data["a"]
    assert (type(value), value) == (type(meant), meant)


def test_keys_are_always_text() -> None:
    assert load("1: a\ntrue: b\nnull: c\n1.5: d\n2026-01-01: e\n", "r").data == {
        "1": "a",
        "true": "b",
        "null": "c",
        "1.5": "d",
        "2026-01-01": "e",
    }


def test_json_is_read_as_json_reads_it() -> None:
    data = {"a": [1, 2.5, None, True, "x\ny"], "b": {"c": "\u00e4 \U0001f600"}}
    assert load(json.dumps(data), "r").data == data


def test_a_byte_order_mark_is_passed_over_and_does_not_move_columns() -> None:
    source = load(b"\xef\xbb\xbfa: b\n", "r")
    assert (source.data, place(source, "a")) == ({"a": "b"}, "1:4")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_count_as_one_line(line_end: str) -> None:
    source = load(line_end.join(["a: 1", "b: |", "  x", "  y", "c: 3"]), "r")
    assert (source.data["b"], place(source, "c")) == ("x\ny\n", "5:4")


def test_the_spelling_of_a_number_is_kept_beside_its_value() -> None:
    source = load("a: [1.10, x]\n", "r")
    assert (source.data["a"][0], source.spelling(("a", 0))) == (1.1, "1.10")


# ---- where everything stands


def test_values_and_keys_have_places() -> None:
    source = load("a:\n  b: x\n  c: [1, {d: y}]\n", "r")
    assert [place(source, "a", "b"), place(source, "a", "b", key=True)] == ["2:6", "2:3"]
    assert [place(source, "a", "c", 1, "d"), place(source, "a", "c", 1, "d", key=True)] == ["3:14", "3:11"]
    assert place(source, "a", "c", 1, key=True) == "3:10"


def test_a_missing_key_stands_at_its_nearest_parent() -> None:
    source = load("a: 1\nsteps:\n  - id: x\n", "r")
    assert place(source, "steps", 0, "uses") == "3:5"
    assert place(source, "steps", 0, "with", "board") == "3:5"
    assert place(source, "steps", 7) == "3:3"
    assert place(source, "name") == "1:1"


def test_an_empty_value_stands_behind_its_colon() -> None:
    assert place(load("a:\nb: 1\n", "r"), "a") == "1:3"


@pytest.mark.parametrize(
    ("written", "value", "where"),
    [
        ("a: one X", "one X", "1:8"),
        ('a: "one X"', "one X", "1:9"),
        ('a: "X"', "X", "1:5"),
        ("a: '\\\\ud83d\\\\ude00X'", "\\\\ud83d\\\\ude00X", "1:19"),
        ("a: 'it''s X'", "it's X", "1:11"),
        ('a: "\\u00e4\\tX"', "\u00e4\tX", "1:13"),
        ('a: "\\ud83d\\ude00X"', "\U0001f600X", "1:17"),
        ("a: |\n  one\n  X\n", "one\nX\n", "3:3"),
        ("a: |-\n    one\n      X", "one\n  X", "3:7"),
        ("a: |\n\n  one\n\n  X\n", "\none\n\nX\n", "5:3"),
        ("a: >\n  one\n  two X\n", "one two X\n", "3:7"),
        ("a: >2\n  one\n\n  X\n", "one\nX\n", "4:3"),
        ("a: one\n  two X", "one two X", "2:7"),
        ('a: "one\n  two\\\n  X"', "one twoX", "3:3"),
        ("a: 'one\n\n  X'", "one\nX", "3:3"),
        ("a: [b, one X]", ["b", "one X"], "1:12"),
        ("a: \u00e4\u00f6 X", "\u00e4\u00f6 X", "1:7"),
    ],
)
def test_a_character_inside_a_text_has_its_exact_place(written: str, value: Any, where: str) -> None:
    source = load(written, "r")
    assert source.data["a"] == value
    loc, text = (("a", 1), value[1]) if isinstance(value, list) else (("a",), value)
    assert place(source, *loc, offset=text.index("X")) == where


@given(
    st.text(alphabet="ab X'\\\u00e4\U0001f600\n:#", min_size=1, max_size=30).filter(lambda text: "X" in text),
    st.sampled_from(["double", "single", "literal"]),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_a_place_inside_any_text_points_at_the_character_itself(text: str, style: str) -> None:
    if style == "double":
        written = "a: " + json.dumps(text)
    elif style == "single":
        text = text.replace("\n", "")
        written = "a: '" + text.replace("'", "''") + "'"
    else:
        text = text.strip(" \n")
        written = "a: |-\n" + "".join(f"  {line}\n" if line.strip() else "\n" for line in text.split("\n"))
    source = load(written, "r")
    assume(source.data["a"] == text)  # a line of spaces only loses them in a block
    line, column = source.where(("a",), offset=text.index("X"))
    assert source.text.split("\n")[line - 1][column - 1] == "X"


def test_a_problem_carries_the_name_the_place_and_the_advice() -> None:
    problem = load("a: b\n", "my recipe.yaml").problem(("a",), "is wrong", hint="write c")
    assert str(problem) == "my recipe.yaml:1:4: is wrong; write c"


# ---- mistakes that leave the data readable


def test_the_first_of_two_equal_keys_counts_and_both_are_named() -> None:
    source = load("a: 1\nb: 2\na: 3\n", "r")
    assert source.data == {"a": 1, "b": 2}
    assert [str(problem) for problem in source.problems] == [
        "r:3:1: the key 'a' stands here twice; the first is in line 1; delete one"
    ]


# ---- what is refused


def test_a_recipe_has_at_most_256_kb() -> None:
    assert load("#" * 256_000, "r").data is None
    assert refusal("#" * 256_001) == (
        "r:1:1: a recipe has at most 256 kB; make several recipes of it, or move data to a file"
    )
    assert refusal("\u00e4" * 128_001).startswith("r:1:1: a recipe has at most 256 kB")


def test_nesting_ends_at_forty_levels() -> None:
    assert load("[" * 40 + "]" * 40, "r").data is not None
    assert refusal("[" * 41 + "]" * 41) == "r:1:41: this is nested more than 40 levels deep; make the recipe flatter"
    blocks = "".join(" " * depth + "a:\n" for depth in range(41))
    assert refusal(blocks + " " * 41 + "b: c\n").startswith("r:41:41: this is nested more than 40 levels deep")


def test_entries_end_at_twenty_thousand_events() -> None:
    assert len(load("- a\n" * 19_990, "r").data) == 19_990
    assert "this recipe has too many entries; make several recipes of it, or move data to a file" in refusal(
        "- a\n" * 20_001
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b".encode("utf-16"), "r:1:1: this is UTF-16 or UTF-32, or not text at all; save the file as UTF-8"),
        ("a: b".encode("utf-16-le"), "r:1:1: this is UTF-16 or UTF-32, or not text at all; save the file as UTF-8"),
        ("a: b".encode("utf-32"), "r:1:1: this is UTF-16 or UTF-32, or not text at all; save the file as UTF-8"),
        (b"a: b\nc: \xe4\n", "r:2:4: byte 0xe4 is not UTF-8; save the file as UTF-8"),
        (b"a: \xed\xa0\x80\n", "r:1:4: byte 0xed is not UTF-8; save the file as UTF-8"),
        ("a: \ud800", "r:1:4: the invisible character U+D800 is not allowed; delete it"),
        ("a: b\x00c", "r:1:5: the invisible character U+0000 is not allowed; delete it"),
        ("a: b\n# \x85c: d", "r:2:3: the invisible character U+0085 is not allowed; delete it"),
    ],
)
def test_text_in_other_encodings_and_with_invisible_characters_is_refused(text: str | bytes, said: str) -> None:
    assert refusal(text) == said


@pytest.mark.parametrize("text", ["a: *b", "a: [*b]", "*b : c", "a: !!int 3", "a: !x {b: c}", "<<: {a: b}", "? {a: b}"])
def test_what_leaves_the_data_open_is_refused_at_once(text: str) -> None:
    assert refusal(text).startswith("r:1:")


def test_mistakes_before_a_syntax_error_are_reported_with_it() -> None:
    assert refusal('a: 1\na: 2\nb: "c\n').splitlines() == [
        "r:2:1: the key 'a' stands here twice; the first is in line 1; delete one",
        "r:3:4: this quote is never closed; close it, or double a quote that is part of the text",
    ]


# ---- files


def test_a_file_is_read_under_the_name_that_the_user_gave(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"a: b\n")
    source = read(tmp_path / "r.yaml", "recipes/r.yaml")
    assert (source.name, source.data) == ("recipes/r.yaml", {"a": "b"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "shown: this is a folder, not a recipe; name a .yaml file inside it"),
        ("missing", "shown: no such file; check the path"),
        ("big", "shown:1:1: a recipe has at most 256 kB; make several recipes of it, or move data to a file"),
        ("file/below", "shown: this file can't be read: Not a directory; check its path and permissions"),
        ("nul\0", "shown: no file can have such a name; check the path"),
    ],
)
def test_what_is_not_a_readable_file_is_refused_with_advice(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"a: b\n")
    (tmp_path / "big").write_bytes(b"#" * 300_000)
    with pytest.raises(RecipeError) as caught:
        read(tmp_path / name, "shown")
    assert str(caught.value) == said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecipeError, match="this is a device or a pipe, not a file"):
        read(tmp_path / "pipe", "shown")


# ---- any input ends well

PIECES = ["a", ":", " ", "\n", "  ", "- ", "? ", "[", "]", "{", "}", ",", "'", '"', "|", ">", "#", "&x", "*x", "!", "%"]
PIECES += [
    "${{",
    "}}",
    "\\",
    "\t",
    "---\n",
    "...\n",
    "<<",
    "~",
    "1",
    "name",
    "steps",
    "uses",
    "for_each",
    "do",
    "\u2028",
]
PIECES += ["inputs", "type", "default", "schedule", "every", "at", "if", "\ud800", "\ufeff", "\x00", "\\U", "\\x", "id"]


def ends_well(text: str | bytes) -> None:
    """Either a recipe, or a RecipeError whose places are inside the text."""
    try:
        parse(load(text, "r"))
    except RecipeError as error:
        assert error.problems
        assert all(problem.line >= 1 and problem.column >= 1 and problem.what for problem in error.problems)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_bytes_give_a_recipe_or_a_recipe_error(text: bytes) -> None:
    ends_well(text)


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(max_examples=600, deadline=None, derandomize=True)
def test_any_text_of_yaml_signs_gives_a_recipe_or_a_recipe_error(text: str) -> None:
    ends_well(text)


SEED = b"""name: Copy
inputs: {a: {type: integer, default: 5, choices: [5, 6]}, b: {pattern: "[a-z]+"}}
auth: {me: {token: "${{ inputs.b }}", scopes: [x]}}
schedule: {every: day, at: ["03:30"], timezone: Europe/Berlin, jitter: 1h 5m, until: 2030-01-01}
steps:
  - id: pins
    for_each: list_pins
    as: pin
    key: ${{ pin.id }}
    do:
      - uses: copy_pin
        if: pin.title != null && 'a' in pin.title
        retry: {attempts: 2, delay: 5 seconds}
        with:
          text: >-
            some ${{ pin.title ?? "text" }}
            folded
outputs: {a: "${{ steps.pins.count }}"}
"""


@given(
    st.lists(
        st.tuples(st.integers(0, len(SEED)), st.integers(0, 12), st.sampled_from(PIECES)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_any_damage_to_a_recipe_gives_a_recipe_or_a_recipe_error(damage: list[tuple[int, int, str]]) -> None:
    text = SEED
    for at, length, piece in damage:
        text = text[:at] + piece.encode("utf-8", "surrogatepass") + text[at + length :]
    ends_well(text)


HEAD = "name: n\nsteps: [uses: x]\n"
HOSTILE = {
    "brackets": "[" * 30_000,
    "braces": "{" * 256_000,
    "dashes": "- " * 128_000,
    "one line": "a" * 256_000,
    "line ends": "\n" * 256_000,
    "entries": "[" + "1," * 100_000,
    "keys": "".join(f"k{number}: v\n" for number in range(9_900)),
    "alias bomb": "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 2_000)),
    "merge bomb": "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 2_000)),
    "escapes": 'name: "' + "\\ude00\\ud83d" * 21_000 + '"',
    "digits": "name: " + "1" * 250_000 + "." + "1" * 2_000,
    "steps": "name: n\nsteps:\n" + "-\n" * 19_000,
    "expressions": HEAD + "outputs:\n" + "".join(f" a{n}: ${{{{ steps.a{n} + {n} }}}}\n" for n in range(9_000)),
    "wrong expressions": HEAD + "outputs:\n" + "".join(f" a{n}: ${{{{ foo{n}( }}}}\n" for n in range(9_000)),
    "open expressions": HEAD + 'outputs: {a: "' + "${{ " * 60_000 + '"}',
    "a long expression": HEAD + 'outputs: {a: "${{ ' + "1+" * 120_000 + '1 }}"}',
    "a place far down": HEAD + "description: >\n" + "  a\n" * 60_000 + "  ${{ 1 + }}\n",
    "spaces before a place": HEAD + "description: '" + " " * 100_000 + "x" + " " * 100_000 + "${{ 1 + }}'\n",
    "words before a place": HEAD + 'description: "' + "a " * 100_000 + '${{ 1 + }}"\n',
    "wrong defaults": HEAD + "inputs:\n" + "".join(f" a{n}: {{choices: [b], default: c}}\n" for n in range(2_000)),
    "patterns": HEAD + "inputs: {a: {pattern: '" + "(" * 400 + "'}}",
}

JUDGE = """
import json, resource, sys, time
from pinflow.errors import RecipeError
from pinflow.recipe.reader import parse
from pinflow.recipe.source import load

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

def judge(text):
    begin = time.process_time()
    try:
        parse(load(text, "r"))
        said = ""
    except RecipeError as error:
        said = str(error.problems[0])
    return time.process_time() - begin, said

judge("name: n\\nsteps: [{uses: x, if: a == 1}]\\nfoo: 1")
before = peak()
found = {name: judge(text) for name, text in json.load(sys.stdin).items()}
print(json.dumps({"found": found, "grown": peak() - before}))
"""


@pytest.mark.slow
def test_hostile_recipes_are_judged_within_a_second_and_a_hundred_megabytes() -> None:
    pytest.importorskip("resource", reason="this system does not tell a process's peak memory")
    done = subprocess.run(
        [sys.executable, "-c", JUDGE], input=json.dumps(HOSTILE), capture_output=True, text=True, check=True
    )
    judged = json.loads(done.stdout)
    assert {name for name, (_, said) in judged["found"].items() if not said.startswith("r:")} == set()
    assert {name: seconds for name, (seconds, _) in judged["found"].items() if seconds > 1} == {}
    assert judged["grown"] < 100_000_000
