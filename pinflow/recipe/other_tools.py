"""What a word of another tool is called here: of GitHub Actions, Ansible, n8n, Airflow, Jinja, cron and the like.

People begin with what they know. These words are like no key of ours, so that similarity finds nothing or something
wrong: ``when`` is ``if`` here, ``args`` is not ``as``. Only imported after a mistake.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pinflow.recipe import model
from pinflow.recipe.model import Input, Login, Recipe, Retry, Schedule, Step, table
from pinflow.recipe.schedule_words import every_hint
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.recipe.model import Section
    from pinflow.schema.invalid import Location


class Meant(NamedTuple):
    """The key that another tool's key means here ("" if there is none), and what to do."""

    key: str
    hint: str


# words, the key of ours, and what to do ("": did you mean KEY?)
_Row = tuple[str, str, str]

_LOOP = "write `for_each: ...`, and put the step below it under `do:`"
_INPUT = "make it an input: `inputs: {NAME: {default: ...}}`, read with ${{ inputs.NAME }}"
_NO_SHELL = "a recipe runs no programs; `uses` names an action, and pinflow actions lists them"
_RESULT = "give the step an id: later steps read its result with ${{ steps.ID }}"
_SCHEDULE = 'write `schedule: {every: day, at: "03:30"}`, or a cron line under schedule'
_LOGIN = "write `auth: {account: {token: NAME}}`"
_DELETE = "delete it"
_MOST_KEYS = 30  # of a step are looked at: it has 19 at most

_STEP: Final[tuple[_Row, ...]] = (
    ("when only_if condition conditions", "if", ""),
    ("unless", "if", 'write `if: "!(...)"`'),
    (
        "with_items with_list with_dict with_together loop foreach each items for in of iterate over matrix strategy",
        "for_each",
        _LOOP,
    ),
    ("run runs shell command cmd script exec bash sh python code", "", _NO_SHELL),
    ("action module task call operation operator function type kind job do_action", "uses", ""),
    ("args arguments params parameters input inputs options payload data body values", "with", ""),
    ("vars env environment variables set set_fact", "", _INPUT),
    ("needs depends_on dependsOn requires after", "", "delete it: steps run in their order, each after the one before"),
    ("register output outputs result results save_as set_output returns", "id", _RESULT),
    (
        "continue-on-error continue_on_error continueOnFail ignore_errors allow_failure failed_when on_failure "
        "on-failure ignore_failure",
        "on_error",
        "write `on_error: continue`",
    ),
    (
        "timeout-minutes timeout_minutes timeout_seconds timeoutMinutes execution_timeout max_time",
        "timeout",
        "write `timeout: 10 minutes`",
    ),
    ("retries attempts max_attempts max_retries maxTries tries retryOnFail", "retry", "write `retry: {attempts: 3}`"),
    ("delay wait sleep backoff retry_delay retry_wait", "retry", "write `retry: {attempts: 3, delay: 30 seconds}`"),
    ("until while repeat", "", "there is no such loop; for_each goes through a list, and retry tries a step again"),
    (
        "token login account credential credentials user as_user as_account connection become conn_id",
        "auth",
        "write `auth: NAME`, which is a login under `auth` of the recipe",
    ),
    ("description desc comment label title display_name displayName notes", "name", ""),
    ("tags notify changed_when no_log", "", _DELETE),
    ("steps tasks block actions then jobs", "do", "steps in a step stand under `do:`, and only in a loop"),
    ("else otherwise elif", "", "write another step, with the opposite under `if`"),
    (
        "rescue catch except on_exception",
        "",
        "write `on_error: continue`; what runs in any case stands under `finally` of the recipe",
    ),
    ("always ensure cleanup", "", "what runs in any case stands under `finally` of the recipe"),
    ("max_parallel max-parallel concurrency forks threads workers async batch_size batch parallelism", "parallel", ""),
    ("include_tasks import import_tasks include_recipe import_recipe recipe workflow extends template", "include", ""),
    ("filter where select", "", "put `if: ...` into the steps under `do`, or loop over ${{ filter(LIST, x, ...) }}"),
    ("item item_name loop_var loop_control iterator variable var", "as", ""),
    ("max max_items first take top count number", "limit", ""),
    ("unique dedupe distinct", "duplicates", "write `duplicates: once`"),
)

_RECIPE: Final[tuple[_Row, ...]] = (
    ("jobs tasks pipeline stages nodes actions plays workflow workflows flow dag", "steps", ""),
    ("on trigger triggers schedule_interval cron_schedule interval when repeat crons daily", "schedule", _SCHEDULE),
    (
        "env environment vars variables params parameters args arguments options settings config default defaults",
        "inputs",
        _INPUT,
    ),
    ("secrets secret", "inputs", "make it an input: `inputs: {NAME: {type: secret}}`"),
    (
        "token tokens login logins account accounts credential credentials connection connections user users",
        "auth",
        _LOGIN,
    ),
    (
        "hosts runs-on runs_on container image services permissions author authors tags id namespace plugins "
        "schema $schema owner start_date catchup",
        "",
        _DELETE,
    ),
    ("scopes", "", "delete it: the scopes are worked out from the steps"),
    ("version apiVersion", "pinflow", "write `pinflow: 1`"),
    ("title label display_name displayName", "name", ""),
    ("desc summary doc docs comment about", "description", ""),
    ("result results output returns", "outputs", ""),
    ("cleanup always handlers after post ensure teardown", "finally", ""),
    ("imports import includes extends", "", "it is a step: `- include: FILE`"),
    ("concurrency max_parallel retries", "", "it belongs to a step: parallel to a loop, retry to any"),
)

_INPUT_KEYS: Final[tuple[_Row, ...]] = (
    ("desc help prompt label title comment doc hint", "description", ""),
    ("optional", "", "delete it: an input may be left out unless it has `required: true`"),
    ("options enum values oneOf one_of allowed allowed_values choice in", "choices", ""),
    ("value initial fallback", "default", ""),
    ("regex regexp match matches validation", "pattern", ""),
    ("format", "type", "write `type: date`, or a pattern"),
    ("minimum minLength min_length minimum_length gte at_least", "min", ""),
    ("maximum maxLength max_length maximum_length lte at_most", "max", ""),
    ("env env_var envvar variable", "", "delete it: the value is given with -i NAME=VALUE"),
    ("sensitive hidden private masked no_log", "type", "write `type: secret`"),
    ("name id", "", "delete it: the name stands before the colon"),
    ("multiple many repeated array items", "type", "write `type: list`"),
)

_SCHEDULE_KEYS: Final[tuple[_Row, ...]] = (
    ("tz time_zone zone timeZone", "timezone", ""),
    ("time hour hours clock", "at", ""),
    ("days day weekday weekdays on dow", "every", 'write `every: monday`, or a cron line: cron: "30 3 * * 1-5"'),
    ("interval frequency repeat rate minutes often", "every", ""),
    ("crontab expression cron_expression", "cron", ""),
    ("end ends end_date stop until_date last", "until", ""),
    ("start starts start_date from begin first", "", "delete it: it runs from when it is scheduled"),
    ("catchup catch_up backfill misfire persistent", "missed", ""),
    ("concurrency max_active_runs", "overlap", ""),
    ("delay random_delay RandomizedDelaySec splay random", "jitter", ""),
    ("enabled disabled paused active", "", "delete it; pinflow schedule pause stops a recipe for a time"),
)

_RETRY: Final[tuple[_Row, ...]] = (
    ("times max count tries retries max_attempts max_retries limit number", "attempts", ""),
    ("wait backoff interval sleep delay_seconds pause every", "delay", ""),
)

_LOGIN_KEYS: Final[tuple[_Row, ...]] = (
    ("name account user access_token token_name credential", "token", ""),
    ("scope permissions", "scopes", ""),
)

_ROWS: Final[Mapping[type[Section], tuple[_Row, ...]]] = {
    Step: _STEP,
    Recipe: _RECIPE,
    Input: _INPUT_KEYS,
    Schedule: _SCHEDULE_KEYS,
    Retry: _RETRY,
    Login: _LOGIN_KEYS,
}
_ELSEWHERE: Final[Mapping[type[Section], str]] = {
    Step: "it belongs to a step",
    Recipe: "it belongs to the recipe itself, beside steps",
    Schedule: "it belongs under schedule",
    Retry: "it belongs under retry",
    Input: "it belongs to an input",
}


def key_meant(part: type[Section], name: str) -> Meant | None:
    """What a key that a part does not have is called here, or None if no other tool has it either."""
    if name in (meanings := _meanings()[part]):
        return meanings[name]
    for other, hint in _ELSEWHERE.items():
        belongs = other is not part and name in table(other) and name not in ("name", "description", "type")
        if belongs and (other is not Retry or part is Step) and (other is not Input or part is Recipe):
            return Meant("", hint)
    return None


@cache
def _meanings() -> Mapping[type[Section], Mapping[str, Meant]]:
    return {
        part: {word: Meant(key, hint or f"did you mean {key}?") for words, key, hint in rows for word in words.split()}
        for part, rows in _ROWS.items()
    }


def stands_for(step: Mapping[str, Any], key: str) -> bool:
    """Whether a key that no step has means ``key`` ("uses", "for_each"), so that this is said already."""
    names = [name for name in list(step)[:_MOST_KEYS] if name not in table(Step)]
    meanings = [meant for name in names if (meant := key_meant(Step, name))]
    if key == "uses" and any(meant.hint == _NO_SHELL for meant in meanings):
        return True
    return any(meant.key == key for meant in meanings) or (
        key == "uses" and any(action_as_key(name, step) for name in names)
    )


def action_as_key(name: str, step: Mapping[str, Any]) -> str:
    """What to do about ``- log: {text: a}``, where an action's name stands as the key; "" if it isn't that."""
    others = step.keys() - {name} - table(Step).keys()
    if (
        others
        or not {"uses", "for_each", "include"}.isdisjoint(step)
        or not re.fullmatch(r"[a-z]\w*(?:\.[a-z]\w*)?", name)
        or nearest(name, table(Step))
    ):
        return ""
    return f"if {name} is an action, write `uses: {name}`, with its arguments under `with:`"


# ---- types of inputs

_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("str", "text", "url", "uri", "varchar", "char", "email", "line", "multiline"), "string"),
    **dict.fromkeys(("int", "long", "whole", "count"), "integer"),
    **dict.fromkeys(("float", "double", "decimal", "numeric"), "number"),
    **dict.fromkeys(("bool", "flag", "checkbox", "switch"), "boolean"),
    **dict.fromkeys(("array", "strings", "sequence", "tuple", "lines", "set", "ids"), "list"),
    **dict.fromkeys(("path", "filepath", "filename", "csv", "table", "image", "video", "folder"), "file"),
    **dict.fromkeys(("datetime", "time", "timestamp", "day"), "date"),
    **dict.fromkeys(("password", "credential", "sensitive", "secure"), "secret"),
    **dict.fromkeys(("account", "login", "user", "access_token"), "token"),
    **dict.fromkeys(("pin", "pin_id", "board_id", "uuid"), "id"),
}
_CHOICES = ("choice", "choices", "enum", "select", "options", "dropdown")
_MAPPINGS = ("object", "dict", "mapping", "map", "json", "any")


def type_hint(written: str) -> str:
    """Which type of an input another tool's type is, as advice; "" if none."""
    name = written.lower()
    if name in _CHOICES:
        return "leave type out, and write `choices: [...]`"
    if name in _MAPPINGS:
        return "an input holds no mapping; make an input of each of its values"
    return f"did you mean {_TYPES[name]}?" if name in _TYPES else ""


# ---- shapes


def shape_hint(loc: Location, written: Any) -> str:
    """What to write where a list, a mapping or a text stands in place of another; "" where that isn't known."""
    match loc, written:
        case ((("steps" | "finally",) | (*_, "do")), dict()):
            return "begin each step in a line of its own with `- `"
        case ("inputs",), list():
            return "write each as `NAME: {type: string}`, without a dash"
        case ("auth",), str() if written:
            return f"write `auth: {{account: {{token: {written[:40]}}}}}`"
        case ("outputs",), list():
            return "write each as `NAME: ${{ ... }}`, without a dash"
        case ("schedule",), str() if written:
            return _schedule_hint(written)
        case ("schedule",), [{"cron": _}]:
            return "delete the dash before cron"
        case ("schedule", "every"), list():
            return 'write a cron line in place of every: cron: "30 3 * * 1,5" is Monday and Friday'
        case ((*_, "with"), str() | list()):
            return "write each argument as `NAME: VALUE`"
        case ((*_, "retry"), int()) if not isinstance(written, bool):
            return f"write `retry: {{attempts: {written}}}`"
        case ((*_, "for_each"), int()) if not isinstance(written, bool):
            return f'write "${{{{ range({written}) }}}}"'
        case ((*_, "on_error"), str() | bool()):
            return _on_error_hint(written)
        case _:
            return ""


def section_hint(loc: Location, written: Any) -> str:
    """What to write where a mapping of keys is needed and something else stands; "" where that isn't known."""
    match loc, written:
        case ("inputs", str() as name), str():
            kind = written if written in get_args(model.InputType) else ""
            if kind or type_hint(written).startswith("did you mean"):
                return f"write `{name}: {{type: {kind or _TYPES[written.lower()]}}}`"
            return f"write `{name}: {{default: {written[:40]}}}`"
        case ("inputs", str() as name), None:
            return f"write `{name}: {{}}`, or say more of it: type, description, required, default"
        case ("inputs", str() as name), int() | float() | list():
            return f"write `{name}: {{default: ...}}`"
        case ("auth", str() as name), str() if written:
            return f"write `{name}: {{token: {written[:40]}}}`" if name != "token" else _LOGIN
        case _:
            return shape_hint(loc, written)


def _schedule_hint(written: str) -> str:
    from pinflow.recipe.interval import parse_every
    from pinflow.schema.invalid import Invalid

    hint = every_hint(written)
    if hint:
        return "write schedule: {" + hint.removeprefix("write ").removesuffix(" in place of every") + "}"
    try:
        parse_every(written)
    except Invalid:
        return _SCHEDULE
    return f"write schedule: {{every: {written.strip()}}}"


def _on_error_hint(written: str | bool) -> str:
    name = str(written).lower()
    if name in ("ignore", "skip", "true", "pass", "next", "resume", "resume_next", "warn", "log"):
        return "did you mean continue?"
    if name in ("stop", "abort", "false", "raise", "exit", "error", "break"):
        return "did you mean fail?"
    return "did you mean retry? That is a key of its own: `retry: {attempts: 3}`" if name == "retry" else ""
