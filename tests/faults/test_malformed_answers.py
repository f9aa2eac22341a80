"""Answers that no service should give: each ends in one clear error, or does no harm; never in a traceback.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_malformed_answers.py --timeout=0``
"""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pinflow import Client, Context, Credential, PinflowError
from pinflow.clock import Clock
from pinflow.engine.effect_runner import EffectRunner
from pinflow.engine.safe_journal import SafeJournal
from pinflow.http.client import ClientServices
from pinflow.http.rate_limiter import RateLimiter
from pinflow.http.transport import Transport
from pinflow.reporters.text import inert
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.folder.usage import MemoryUsage
from pinflow.state.records import RunRecord
from pinflow_pinterest_v5.api import API
from pinflow_sandbox import Settings, start
from tests.faults.conftest import STUDIO, Time, scaled
from tests.run_contexts import files_of, run_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow import Action
    from pinflow.app import App
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**40, 0.5, 1e300, "", "0", "x" * 3000, "\ud800", "\x1b]52;c;eA==\x07", "../ads",
    "${{ inputs }}", "2026-13-45T99:99:99", [], {}, [[]], {"id": None}, [None], {"": ""}, "810000000000000065",
)  # fmt: skip
RAW: tuple[Callable[[bytes], bytes], ...] = (
    lambda body: body[: len(body) // 2],
    lambda body: b"",
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: body.decode().encode("utf-16"),
    lambda body: b"\xff\xfe\x00" + body,
    lambda body: b"[" * 5000 + b"]" * 5000,
    lambda body: b'{"a":' * 300 + b"1" + b"}" * 300,
    lambda body: b'{"items": NaN, "bookmark": -Infinity}',
    lambda body: b"9" * 6000,
    lambda body: body[:-1] + b', "id": 7, "items": 7, "bookmark": 7}',
    lambda body: b"<html>" + body,
    lambda body: body + body,
    lambda body: b'"\\ud83d"',
)
STATUSES = (200, 201, 204, 206, 301, 400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 503, 599)


class Mutator:
    """Changes some of the answers; ``last`` is what it made of the last one."""

    def __init__(self) -> None:
        self.chance = random.Random(0)
        self.bodies = 0
        self.last = b""

    def __call__(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if self.chance.random() < 0.5:
            return answer
        self.bodies += 1
        body = self._body(answer.body)
        status = self.chance.choice(STATUSES) if self.chance.random() < 0.1 else answer.status
        self.last = b"%d %s" % (status, body[:2000])
        return replace(answer, status=status, body=body)

    def _body(self, body: bytes) -> bytes:
        if self.chance.random() < 0.15:
            return self.chance.choice(RAW)(body)
        value = json.loads(body or b"{}")
        for _ in range(self.chance.randint(1, 4)):
            value = self._changed(value)
        return json.dumps(value).encode()

    def _changed(self, value: Any) -> Any:
        """The value with one part of it replaced, removed, doubled or added to."""
        if not isinstance(value, dict | list) or not value or self.chance.random() < 0.1:
            return self.chance.choice(VALUES)
        key = self.chance.choice(list(value)) if isinstance(value, dict) else self.chance.randrange(len(value))
        changed: Any = dict(value) if isinstance(value, dict) else list(value)
        match self.chance.randrange(5):
            case 0:
                del changed[key]
            case 1 if isinstance(changed, list):
                changed.append(changed[key])
            case 1:
                changed["unknown"] = self.chance.choice(VALUES)
            case _:
                changed[key] = self._changed(value[key])
        return changed


class Caller:
    """Calls actions as a run does, on a time of its own."""

    def __init__(self, folder: Path, mutator: Callable[[HttpRequest, Any], HttpResponse]) -> None:
        self.time = Time()
        self._folder = folder
        self._open = ExitStack()
        self._sandbox = self._open.enter_context(
            start(now=self.time.now, settings=Settings(quotas=False), faults=mutator)
        )
        self._transport = Transport()
        self._open.callback(self._transport.close)
        self._runs = 0
        boards: Any = self._sandbox.control.state()["boards"]
        self.board = next(board for board in boards if board["name"] == "Garden ideas")

    def close(self) -> None:
        self._open.close()

    def reset(self) -> None:
        self._sandbox.control.reset()

    def call(self, action: Action, given: dict[str, Any]) -> None:
        self._runs += 1
        record = RunRecord(f"20270115-080000-{self._runs:06x}", "r", "d", "n", {}, {}, {}, self.time.now())
        with SafeJournal(FolderRuns(self._folder, Clock(self.time.now, self.time.now)).create(record)) as journal:
            clock = Clock(self.time.now, self.time.now, self.time.sleep)
            effects = EffectRunner(run_context(journal, clock, files=files_of(self._folder)), repeatable=API.idempotent)
            client = self._client(effects)
            clients = dict.fromkeys(action.roles, client)
            context = Context(effects.run, effects, clients, step="step", ask=_no_token)
            result = action.function(context, **action.parameters.convert(given))
            if action.yields:
                list(result)

    def _client(self, effects: EffectRunner) -> Client:
        token = self._sandbox.world.token_for(STUDIO)
        clock = Clock(self.time.now, self.time.now, self.time.sleep)
        return Client(
            API,
            Credential(token, name=STUDIO, source="test", origin=self._sandbox.url),
            base_url=self._sandbox.url + API.prefix,
            login=STUDIO,
            limiter=RateLimiter({}, MemoryUsage(self.time.now), clock),
            services=ClientServices(transport=self._transport, clock=clock, random=lambda: 0.5),
            gate=effects,
        )


def _no_token(token: str, api: str | None) -> NoReturn:
    raise AssertionError("no action here asks for a token")


@pytest.fixture
def mutator() -> Mutator:
    return Mutator()


@pytest.fixture
def caller(folder: Path, mutator: Mutator) -> Iterator[Caller]:
    made = Caller(folder, mutator)
    yield made
    made.close()


def calls(board: dict[str, Any], number: int) -> dict[str, dict[str, Any]]:
    """Actions with what they take."""
    id, pin, section = board["id"], board["pins"][0]["id"], board["sections"][0]["id"]
    return {
        "list_boards": {},
        "get_board": {"board": "Garden ideas"},
        "create_board": {"name": f"New {number}"},
        "update_board": {"board": id, "description": f"Text {number}"},
        "list_sections": {"board": id},
        "list_section_pins": {"board": id, "section": section},
        "create_section": {"board": id, "name": f"New {number}"},
        "list_pins": {"limit": 40},
        "list_board_pins": {"board": "Garden ideas"},
        "get_pin": {"pin": pin},
        "create_pin": {"board": id, "image_url": "https://example.com/a.jpg", "title": f"New {number}"},
        "update_pin": {"pin": pin, "title": f"New {number}"},
        "copy_pin": {"pin": pin, "board": id},
        "copy_board": {"board": "Garden ideas", "name": f"Copy {number}"},
        "copy_all_boards": {"prefix": f"{number} "},
    }


@pytest.mark.parametrize("part", range(10))
def test_no_answer_is_a_surprise(installed: App, caller: Caller, mutator: Mutator, part: int) -> None:
    wanted, number, refused = scaled(200, 2000), 0, 0
    while mutator.bodies < wanted:
        number += 1
        seed = f"{part}/{number}"
        mutator.chance = random.Random(seed)
        name, given = mutator.chance.choice(list(calls(caller.board, number).items()))
        action = installed.registry.action(name, "v5")
        assert action is not None, name
        try:
            caller.call(action, given)
        except PinflowError as error:
            refused += 1
            shown = [inert(line) for line in f"{error.message}\n{error.hint}".splitlines()]
            assert all(line.isprintable() for line in shown), (seed, error.message)
        except Exception as error:
            raise AssertionError(f"{name} {seed}: after {mutator.last!r}") from error
        if not number % 100:
            caller.reset()
    assert 20 < refused < number


@pytest.mark.parametrize("named", ["no id at all", "../813", 7, None, {"id": "813"}])
def test_a_change_whose_answer_names_no_board_is_read_back_all_the_same(
    installed: App, folder: Path, named: object
) -> None:
    """By the Pin itself, in place of the listing of its board."""

    def answer(call: HttpRequest, apply: Any) -> HttpResponse:
        given: HttpResponse = apply()
        if call.method != "PATCH":
            return given
        return replace(given, body=json.dumps({**json.loads(given.body), "board_id": named}).encode())

    caller = Caller(folder, answer)
    try:
        action = installed.registry.action("update_pin", "v5")
        assert action is not None
        caller.call(action, {"pin": caller.board["pins"][0]["id"], "title": "New"})
    finally:
        caller.close()
