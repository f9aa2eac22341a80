"""What people type who know another tool: each word points to what it is called here."""

from __future__ import annotations

import pytest

from pinflow.errors import RecipeError
from pinflow.recipe import other_tools, schedule_words
from pinflow.recipe.model import Section, table
from pinflow.recipe.reader import parse
from pinflow.recipe.source import load

STEPS = "steps: [{uses: log}]"
FOR_EACH = "write `for_each: ...`, and put the step below it under `do:`"
INPUT = "make it an input: `inputs: {NAME: {default: ...}}`, read with ${{ inputs.NAME }}"
NO_SHELL = "a recipe runs no programs; `uses` names an action, and pinflow actions lists them"
AS_LIST = "begin each step in a line of its own with `- `"


def hints(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse(load(f"name: n\n{text}\n", "r.yaml"))
    return [problem.hint for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        # GitHub Actions
        ("uses: log, run: echo a", NO_SHELL),
        ("uses: log, needs: [a]", "delete it: steps run in their order, each after the one before"),
        ("uses: log, env: {A: 1}", INPUT),
        ("uses: log, continue-on-error: true", "write `on_error: continue`"),
        ("uses: log, timeout-minutes: 5", "write `timeout: 10 minutes`"),
        ("uses: log, strategy: {matrix: {a: [1]}}", FOR_EACH),
        # Ansible
        ("uses: log, when: a", "did you mean if?"),
        ("uses: log, with_items: [1]", FOR_EACH),
        ("uses: log, loop: [1]", FOR_EACH),
        ("uses: log, vars: {a: 1}", INPUT),
        ("uses: log, register: a", "give the step an id: later steps read its result with ${{ steps.ID }}"),
        ("uses: log, ignore_errors: true", "write `on_error: continue`"),
        ("uses: log, args: {a: 1}", "did you mean with?"),
        ("uses: log, retries: 3", "write `retry: {attempts: 3}`"),
        ("module: log", "did you mean uses?"),
        ("shell: echo a", NO_SHELL),
        ("log: {text: a}", "if log is an action, write `uses: log`, with its arguments under `with:`"),
        ("id: a, if: true, log: {text: a}", "if log is an action, write `uses: log`, with its arguments under `with:`"),
        # n8n, Airflow and others
        ("type: log", "did you mean uses?"),
        ("action: log", "did you mean uses?"),
        ("uses: log, parameters: {a: 1}", "did you mean with?"),
        ("uses: log, depends_on: a", "delete it: steps run in their order, each after the one before"),
        ("uses: log, account: me", "write `auth: NAME`, which is a login under `auth` of the recipe"),
        ("uses: log, else: []", "write another step, with the opposite under `if`"),
        ("uses: log, inputs: {a: 1}", "did you mean with?"),
        ("uses: log, schedule: {every: day}", "it belongs to the recipe itself, beside steps"),
        ("uses: log, retry: 3", "write `retry: {attempts: 3}`"),
        ("uses: log, retry: {times: 3}", "did you mean attempts?"),
        ("uses: log, on_error: ignore", "did you mean continue?"),
        ("uses: log, on_error: abort", "did you mean fail?"),
        ("uses: log, with: text", "write each argument as `NAME: VALUE`"),
        ("for_each: [1], do: {uses: log}", AS_LIST),
        ("for_each: 3, do: [{uses: log}]", 'write "${{ range(3) }}"'),
    ],
)
def test_a_word_in_a_step(written: str, hint: str) -> None:
    assert hints(f"steps: [{{{written}}}]") == [hint]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("jobs: {a: {}}", "did you mean steps?"),
        ("env: {A: 1}", INPUT),
        ("secrets: {A: 1}", "make it an input: `inputs: {NAME: {type: secret}}`"),
        ("on: push", 'write `schedule: {every: day, at: "03:30"}`, or a cron line under schedule'),
        ("cron: 0 3 * * *", "it belongs under schedule"),
        ("timeout: 5", "it belongs to a step"),
        ("runs-on: ubuntu", "delete it"),
        ("version: 1", "write `pinflow: 1`"),
        ("accounts: [a]", "write `auth: {account: {token: NAME}}`"),
        ("cleanup: []", "did you mean finally?"),
        ("finally: {uses: log}", AS_LIST),
        ("auth: garden", "write `auth: {account: {token: garden}}`"),
        ("auth: {me: garden}", "write `me: {token: garden}`"),
        ("inputs: [a]", "write each as `NAME: {type: string}`, without a dash"),
        ("inputs: {a: string}", "write `a: {type: string}`"),
        ("inputs: {a: int}", "write `a: {type: integer}`"),
        ("inputs: {a: hello}", "write `a: {default: hello}`"),
        ("inputs: {a: {options: [b]}}", "did you mean choices?"),
        ("inputs: {a: {optional: true}}", "delete it: an input may be left out unless it has `required: true`"),
        ("inputs: {a: {type: password}}", "did you mean secret?"),
        ("inputs: {a: {type: enum}}", "leave type out, and write `choices: [...]`"),
        ("inputs: {a: {type: dict}}", "an input holds no mapping; make an input of each of its values"),
        ("outputs: [a]", "write each as `NAME: ${{ ... }}`, without a dash"),
    ],
)
def test_a_word_in_a_recipe(written: str, hint: str) -> None:
    told = hints(f"{written}\n{STEPS}" if "jobs" not in written else written)
    assert told == [hint]


def test_steps_as_a_mapping() -> None:
    assert hints("steps:\n  a: {uses: log}\n  b: {uses: log}") == [AS_LIST]


WEEKDAYS = 'write cron: "30 3 * * 1-5" in place of every'


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("'@daily'", "write schedule: {every: day}"),
        ("0 3 * * *", 'write schedule: {cron: "0 3 * * *"}'),
        ("day", "write schedule: {every: day}"),
        ("[{cron: 0 3 * * *}]", "delete the dash before cron"),
        ("{every: '@daily'}", "write every: day"),
        ("{every: daily}", "write every: day"),
        ("{every: every hour}", "write every: hour"),
        ("{every: weekday}", WEEKDAYS),
        ("{every: weekdays}", WEEKDAYS),
        ("{every: mon-fri}", WEEKDAYS),
        ("{every: weekend}", 'write cron: "30 3 * * 6,0" in place of every'),
        ("{every: month}", 'write cron: "30 3 1 * *" in place of every'),
        ("{every: fortnight}", "write every: 2 weeks"),
        ("{every: rate(5 minutes)}", "write every: 5 minutes"),
        ("{every: 0 3 * * *}", 'write cron: "0 3 * * *" in place of every'),
        ("{cron: '@weekly'}", "write every: week in place of cron"),
        ("{cron: 0 0 3 * * *}", "delete the first field: there are no seconds"),
        ("{cron: '0 3 ? * *'}", "write * in place of ?"),
        ("{every: day, at: 3pm}", 'write "15:00"'),
        ("{every: day, at: 12am}", 'write "00:00"'),
        ("{every: day, at: 3}", 'write "03:00"'),
        ("{every: day, at: '03:30:00'}", 'write "03:30"'),
        ("{every: day, time: '03:30'}", "did you mean at?"),
        ("{every: day, tz: UTC}", "did you mean timezone?"),
        ("{interval: day}", "did you mean every?"),
        (
            "{every: day, timezone: CEST}",
            "an abbreviation or offset doesn't follow summer time; "
            "write it like Europe/Berlin, America/New_York or UTC",
        ),
    ],
)
def test_a_word_in_a_schedule(written: str, hint: str) -> None:
    assert hints(f"schedule: {written}\n{STEPS}") == [hint]


def test_every_word_is_of_another_tool_and_leads_to_a_key_that_there_is() -> None:
    for part, rows in other_tools._ROWS.items():
        words = [word for words, _, _ in rows for word in words.split()]
        assert len(set(words)) == len(words)
        assert not set(words) & table(part).keys()
        assert {key for _, key, _ in rows} <= {"", *table(part)}


@pytest.mark.parametrize("part", other_tools._ROWS)
def test_a_word_that_nobody_knows_is_left_to_similarity(part: type[Section]) -> None:
    assert other_tools.key_meant(part, "quux") is None


@pytest.mark.parametrize("words", sorted(set(schedule_words.EVERY.values())))
def test_what_is_suggested_for_every_is_right_itself(words: str) -> None:
    assert parse(load(f"name: n\nschedule: {{every: {words}}}\n{STEPS}\n", "r.yaml")).schedule


@pytest.mark.parametrize("line", sorted(set(schedule_words.CRON.values())))
def test_what_is_suggested_for_cron_is_right_itself(line: str) -> None:
    assert parse(load(f"name: n\nschedule: {{cron: '{line}'}}\n{STEPS}\n", "r.yaml")).schedule
