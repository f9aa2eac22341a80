# ruff: noqa: E501  a step stands in one line here
"""Recipes of up to 256 kB that are as hard to check as we could make them, by what makes them hard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.recipe.yaml_events import MAX_EVENTS, events
from pinflow.schema.invalid import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_ENTRIES = MAX_EVENTS - 50  # lines are counted by one of them
LARGEST = 255_900  # bytes; one that is larger is refused for that
HEAD = "name: n\nsteps:\n"
LOG = "  - {uses: log, with: {text: hi}}\n"


def _fill(line: Callable[[int], str], *, head: str = HEAD, tail: str = "", entries: int = 0) -> str:
    """As many lines as fit into both bounds, or ``entries`` of them if that is fewer."""
    number = (MOST_ENTRIES - _entries(head + tail)) // _entries(line(1))
    number = min(number, entries or number)
    lines, left = [], LARGEST - len((head + tail).encode())
    for text in map(line, range(number)):
        left -= len(text.encode())
        if left < 0:
            break
        lines.append(text)
    return head + "".join(lines) + tail


def _entries(text: str) -> int:
    """How much of the bound on entries a part takes, or a little more; 1 for what can't be read."""
    try:
        return sum(1 for _ in events(text)) - 4
    except Invalid:
        return 1


def _inputs(line: Callable[[int], str], number: int = 200) -> str:
    return _fill(line, head="name: n\ninputs:\n", tail="steps:\n" + LOG, entries=number)


def _steps(step: str) -> Callable[[], str]:
    return lambda: _fill(lambda number: f"  - {step.replace('@', str(number))}\n")


def _few(step: str, number: int) -> Callable[[], str]:
    return lambda: _fill(lambda index: f"  - {step.replace('@', str(index))}\n", entries=number)


def _nested(opening: str, closing: str, depth: int) -> str:
    return opening * depth + "1" + closing * depth


LONG_SUM = " + ".join(["1"] * 2400)
LONG_CALLS = "lower(" * 30 + "inputs" + ")" * 30

WORST: dict[str, Callable[[], str]] = {
    # what was meant is looked for
    "operations": _steps("{uses: call, with: {operation: boards/updat@}}"),
    "operations, long": _steps("{uses: call, with: {operation: " + "ad_accounts_lists_x" * 3 + "@}}"),
    "operations in 1,300 steps": _few("{uses: call, with: {operation: boards/updat@}}", 1300),
    "actions": _steps("{uses: creat_pn@}"),
    "actions, long": _steps("{uses: " + "creat_pin_of_boards_" * 3 + "@}"),
    "arguments": _steps("{uses: create_pin, with: {bord: 1, titel: 2, descripton: 3, lnk: 4}}"),
    "arguments of an operation": _few(
        "{uses: call, with: {operation: boards/update, bord_id: a, body: {nam: a, privcy: b, descripton: c}}}", 1800
    ),
    "bodies of ads": _few(
        "{uses: call, with: {operation: campaigns/create, body: [{nam: a, statu: b, object_type: c, x@: 1}]}}", 1400
    ),
    "keys of steps": _steps("{uses: log, wiht: {}, iff: 1, retr: 2, on_eror: x}"),
    "keys of the recipe": lambda: _fill(lambda number: f"step_{number}: 1\n", tail=HEAD + LOG, head=""),
    "references to steps": lambda: _fill(
        lambda number: (
            f"  - {{id: step_of_many_{number}, uses: log, with: {{text: '${{{{ steps.step_of_may_{number}.x }}}}'}}}}\n"
        )
    ),
    "references to inputs": lambda: _fill(
        lambda number: f"  - {{uses: log, with: {{text: '${{{{ inputs.inptu_name_{number} }}}}'}}}}\n",
        head="name: n\ninputs:\n" + "".join(f"  input_name_{number}: {{}}\n" for number in range(200)) + "steps:\n",
    ),
    "fields": _steps("{id: s@, uses: get_user, with: {x: '${{ steps.s0.usernam.acount_tpe }}'}}"),
    "functions": _steps("{uses: log, with: {text: '${{ lwer(trm(repace(1))) }}'}}"),
    "same ids": _steps("{id: same, uses: log, with: {text: hi}}"),
    "logins": _steps("{uses: get_user, auth: sorce@}"),
    "types": _steps("{uses: create_pins, with: {board: [], file: {}, limit: x, parallel: []}}"),
    # expressions
    "long sums": lambda: _fill(lambda number: f"  - {{uses: log, with: {{text: '${{{{ {LONG_SUM} }}}}'}}}}\n"),
    "long calls": lambda: _fill(lambda number: f"  - {{uses: log, with: {{text: '${{{{ {LONG_CALLS} }}}}'}}}}\n"),
    "short expressions": lambda: _fill(
        lambda number: f"  - {{uses: log, with: {{text: '{'${{ 1 }}' * 25}'}}}}\n", entries=159
    ),
    "parentheses": lambda: _fill(
        lambda number: f"  - {{uses: log, with: {{text: '${{{{ {'(' * 4000}1{')' * 4000} }}}}'}}}}\n"
    ),
    "operators without operands": _steps("{uses: log, with: {text: '${{ + * / ?? && || ! }}'}}"),
    "unfinished": _steps("{uses: log, with: {text: '${{ ${{ ${{ ${{'}}"),
    "conditions that are known": lambda: _fill(
        lambda number: (
            f"  - {{if: 'all([{'1, 2, 3, 4, 5, 6, 7, 8, 9, ' * 40}1], x, any([1, 2, 3], y, y != x))', uses: log, with: {{text: a}}}}\n"
        )
    ),
    "conditions over a long text": lambda: _fill(
        lambda number: "  - {if: \"split(replace(inputs.long, 'aa', 'b'), 'b') != []\", uses: log, with: {text: a}}\n",
        head="name: n\ninputs:\n  long: {default: " + "a" * 50_000 + "}\nsteps:\n",
    ),
    "texts that double": lambda: _inputs(
        lambda number: (
            f"  i{number}: {{default: '${{{{ inputs.i{number + 1} + inputs.i{number + 1} }}}}'}}\n"
            if number < 29
            else f"  i{number}: {{default: {'x' * 900}}}\n"
        )
    ),
    "lists that double": lambda: _inputs(
        lambda number: (
            f"  i{number}: {{type: list, default: '${{{{ [inputs.i{number + 1}, inputs.i{number + 1}] }}}}'}}\n"
            if number < 29
            else f"  i{number}: {{default: x}}\n"
        )
    ),
    "lists that are doubled, then copied": lambda: _inputs(
        lambda number: (
            f"  i{number}: {{type: list, default: '${{{{ [inputs.i{number + 1}, inputs.i{number + 1}] }}}}'}}\n"
            if number < 17
            else f"  i{number}: {{default: x}}\n"
            if number == 17
            else f"  i{number}: {{type: list, default: '${{{{ inputs.i0 }}}}'}}\n"
        )
    ),
    "long lists of references": lambda: _fill(
        lambda number: f"  - {{uses: log, with: {{text: {'${{ inputs.i0 }}'!r}}}}}\n",
        head="name: n\ninputs:\n"
        + "".join(
            f"  i{n}: {{type: list, default: '${{{{ [inputs.i{n + 1}, inputs.i{n + 1}] }}}}'}}\n" for n in range(15)
        )
        + "  i15: {default: x}\nsteps:\n",
    ),
    "loops in expressions": lambda: _fill(
        lambda number: (
            '  - {uses: log, if: "map(inputs.l, a, map(inputs.l, b, map(inputs.l, c, c))) != 1", with: {text: a}}\n'
        ),
        head="name: n\ninputs:\n  l: {type: list, default: [" + "1, " * 200 + "1]}\nsteps:\n",
    ),
    "large numbers": lambda: _fill(
        lambda number: f"  - {{uses: log, if: '{' * '.join(['9' * 40] * 30)} == 1', with: {{text: a}}}}\n"
    ),
    # inputs and patterns
    "patterns": lambda: _inputs(lambda number: f"  i{number}: {{pattern: '{'(a|b)*c' * 70}', default: abc}}\n"),
    "repeated patterns": lambda: _inputs(
        lambda number: f"  i{number}: {{pattern: '((a{{1,30}}){{1,30}})b', default: {'a' * 900}}}\n"
    ),
    "optional patterns": lambda: _inputs(
        lambda number: f"  i{number}: {{pattern: '{'a?' * 160}{'a' * 160}', default: {'a' * 160}}}\n"
    ),
    "patterns of classes": lambda: _inputs(
        lambda number: f"  i{number}: {{pattern: '[\\W\\d\\s]{{1,90}}{'[^a-z]*' * 60}', default: {'é' * 200}}}\n"
    ),
    "patterns and choices": lambda: _inputs(
        lambda number: (
            f"  i{number}: {{pattern: '(a+)+b', choices: [{', '.join('a' * 30 + str(n) for n in range(30))}]}}\n"
        )
    ),
    "choices": lambda: _inputs(
        lambda number: f"  i{number}: {{choices: [{', '.join(f'choice_{n}' for n in range(90))}], default: chocie}}\n"
    ),
    "inputs with wrong keys": lambda: _inputs(lambda number: f"  i{number}: {{typ: a, requird: 1, defalt: 2}}\n"),
    "too many inputs": lambda: _fill(
        lambda number: f"  i{number}: {{default: '${{{{ inputs }}}}'}}\n",
        head="name: n\ninputs:\n",
        tail=HEAD[8:] + LOG,
    ),
    # the text
    "deep mappings": lambda: f"{HEAD}  - uses: log\n    with: {_nested('{a: ', '}', 50_000)}\n",
    "deep lists": lambda: f"{HEAD}  - uses: log\n    with: {_nested('[', ']', 120_000)}\n",
    "deep blocks": lambda: (
        HEAD + "  - uses: log\n    with:\n" + "".join(f"{' ' * (6 + depth)}a:\n" for depth in range(650))
    ),
    "anchors": lambda: _fill(
        lambda number: f"a{number + 1}: &a{number + 1} [*a{number}, *a{number}, *a{number}]\n",
        head="a0: &a0 [1, 2, 3]\n",
        tail=HEAD + LOG,
    ),
    "merge keys": lambda: _fill(
        lambda number: f"k{number}: {{<<: {{a: 1}}, <<: {{b: 2}}}}\n", tail=HEAD + LOG, head=""
    ),
    "tags": lambda: _fill(lambda number: f"  - !!python/object/apply:os.system [x{number}]\n"),
    "documents": lambda: _fill(lambda number: "---\na: 1\n"),
    "equal keys": lambda: _fill(lambda number: "name: n\n", tail=HEAD + LOG, head=""),
    "one long line": lambda: HEAD + "  - {uses: log, with: {text: " + "x" * 250_000 + "}}\n",
    "one long key": lambda: HEAD + "  - {uses: log, with: {" + "x" * 250_000 + ": 1}}\n",
    "a long unquoted text": lambda: (
        HEAD + "  - uses: log\n    with:\n      text: a\n" + "       b c d e f g\n" * 13_000
    ),
    "escapes": lambda: HEAD + '  - {uses: log, with: {text: "' + "\\u00e9\\x41\\n" * 15_000 + '"}}\n',
    "empty lines": lambda: HEAD + LOG + "\n" * 250_000,
    "comments": lambda: HEAD + LOG + "# a\n" * 62_000,
    "tabs and colons": lambda: HEAD + "\t: : : ? - - -\n" * 16_000,
    "question marks": lambda: HEAD + "? " * 120_000,
    "dashes": lambda: HEAD + "- " * 120_000,
    "commas": lambda: f"{HEAD}  - [{',' * 240_000}]\n",
    "scalars": lambda: f"{HEAD}  - [{'1,' * 9_900}1]\n",
    "wide characters": lambda: HEAD + "  - {uses: log, with: {text: '" + "\U0001f4cc" * 60_000 + "'}}\n",
    "null bytes": lambda: HEAD + LOG + "\0" * 250_000,
    # steps
    "steps": _few("{uses: log, with: {text: hi}}", 3300),
    "loops in loops": lambda: (
        HEAD
        + "".join(f"{'    ' * depth}  - for_each: '${{{{ [1] }}}}'\n{'    ' * depth}    do:\n" for depth in range(18))
        + "    " * 18
        + "  - {uses: log, with: {text: hi}}\n"
    ),
    "loops": _few("{for_each: '${{ [1, 2] }}', as: x, do: [{uses: log, with: {text: '${{ x }}'}}]}", 1500),
    "steps that read the one before": lambda: _fill(
        lambda number: f"  - {{id: s{number}, uses: get_user, if: 'steps.s{max(0, number - 1)}.username != null'}}\n"
    ),
    "steps with everything": _few(
        "{id: s@, name: 'n ${{ 1 + @ }}', uses: get_user, timeout: 3m, retry: {attempts: 3, delay: 2s}, "
        "on_error: continue, if: '@ > 1'}",
        900,
    ),
    "includes that aren't there": _few("{include: gone@.yaml}", 3000),
    "schedules": lambda: (
        "name: n\nschedule: {cron: '" + ",".join(str(n % 60) for n in range(80_000)) + " * * * *'}\n" + HEAD[8:] + LOG
    ),
    "schedules that never come": lambda: "name: n\nschedule: {cron: '0 0 30 2 *'}\n" + HEAD[8:] + LOG,
    "outputs": lambda: _fill(
        lambda number: f"  o{number}: ${{{{ steps.nope_{number}.x }}}}\n", entries=3900, head=HEAD + LOG + "outputs:\n"
    ),
    "calls that are right": _few(
        "{uses: call, with: {operation: boards/update, board_id: '1', body: {name: a, description: b, privacy: SECRET}}}",
        1300,
    ),
    "searches that are right": _few("{uses: call, with: {operation: boards/list, page_size: 25, privacy: ALL}}", 1700),
}
