"""What a run says at its end, and what others say of it: the recap, JSON, `runs`, the outputs. Through the program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from pinflow_sandbox.world import boards
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow_sandbox.server.messages import HttpRequest

    Fault = Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse]

STUDIO, BOARD = "garden_studio", "Table"


class Program(Cli):
    """The program, and a sandbox with an empty board; ``fault`` stands between the two."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder)
        self.fault: Fault = lambda call, apply: apply()
        self.sandbox: Sandbox = start(
            now=lambda: self.now,
            settings=Settings(**{"quotas": False, **settings}),
            faults=lambda call, apply: self.fault(call, apply),
        )
        self.environ |= self.sandbox.environment()
        self.use_app(App.installed(self.environ, state=folder / "state", clock=self.clock))
        boards.add_board(self.sandbox.world, STUDIO, BOARD, created=self.now - 1e6)

    def table(self, number: int) -> list[str]:
        """The arguments of create_pins for a table of so many rows."""
        file = self.folder / "pins.csv"
        rows = [f"Pin {n},https://example.com/{n}.jpg" for n in range(1, number + 1)]
        file.write_text("\n".join(["title,image_url", *rows]) + "\n")
        return ["create_pins", "-i", f"file={file}", "-i", f"board={BOARD}"]

    def titles(self) -> list[str]:
        """The titles of the Pins on the board, in the order in which they were made."""
        world = self.sandbox.world
        (board,) = [board for board in world.boards.values() if board.name == BOARD]
        pins = sorted((pin for pin in world.pins.values() if pin.board_id == board.id), key=lambda pin: pin.id)
        return [pin.content.title or "" for pin in pins]

    def events(self) -> list[dict[str, Any]]:
        """What the last command wrote with ``--output ndjson``."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    with made.sandbox:
        yield made


def is_creation(call: HttpRequest) -> bool:
    return (call.method, call.path) == ("POST", "/v5/pins")


def doubled(title: str) -> Fault:
    """A Pin of this title is made twice, and the answer is lost."""

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if is_creation(call) and json.loads(call.body).get("title") == title:
            apply()
            apply()
            raise ConnectionDropped
        return apply()

    return fault


def lost_and_blind(number: int, *, path: str = "/pins") -> Fault:
    """From the ``number``-th creation on answers are lost, and the listings of Pins answer 503."""
    creations = 0

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        nonlocal creations
        creations += is_creation(call)
        if is_creation(call) and creations >= number:
            apply()
            raise ConnectionDropped
        if creations >= number and call.method == "GET" and call.path.endswith(path):
            return HttpResponse(503, b'{"code": 503, "message": "busy"}')
        return apply()

    return fault


# an unknown outcome


def test_a_lost_write_that_can_not_be_looked_for_is_told_as_unknown_everywhere(program: Program) -> None:
    program.fault = lost_and_blind(3)
    assert program("run", *program.table(4), "--yes") == 7
    assert "Create Pins from a table: outcome unknown" in program.stdout
    counts = [line.split() for line in program.stdout.splitlines() if line.startswith(("       ", "  pin"))]
    assert counts[:2] == [["done", "outcome", "unknown"], ["pin", "2", "1"]]
    assert "doubt" not in program.stdout + program.stderr

    (run,) = program.data("runs")["runs"]
    assert (run["state"], run["state_alias"], run["exit_code"]) == ("unknown", "in_doubt", 7)
    shown = program.data("runs", "show", "--items")
    assert shown["counts"]["pin"] == {"done": 2, "unknown": 1, "doubt": 1}
    assert sorted(item["state"] for item in shown["items"]) == ["done", "done", "unknown"]
    assert program("runs") == 0
    assert "outcome unknown, at 127.0.0.1:" in program.stdout
    assert "  access_token  pin: 2 done, 1 outcome unknown" in program.stdout
    assert program("runs", "show") == 0
    assert "  error    outcome unknown, exit 7\n" in program.stdout
    assert "doubt" not in program.stdout


@pytest.mark.parametrize("output", ["json", "ndjson"])
def test_programs_read_unknown_and_the_word_of_before_beside_it(program: Program, output: str) -> None:
    program.fault = lost_and_blind(1)
    assert program("run", *program.table(2), "--yes", "--output", output) == 7
    data = program.json if output == "json" else program.events()[-1]
    assert (data["status"], data["status_alias"], data["exit_code"]) == ("unknown", "in_doubt", 7)
    assert data["counts"] == {"pin": {"unknown": 1}}
    steps = (
        data["steps"]
        if output == "json"
        else [event for event in program.events() if event["event"] == "StepFinished" and "[" not in event["step"]]
    )
    assert [(step["status"], step.get("status_alias")) for step in steps] == [("ok", None), ("unknown", "in_doubt")]


def test_an_unknown_write_is_settled_by_the_resume(program: Program) -> None:
    program.fault = lost_and_blind(2)
    assert program("run", *program.table(3), "--yes") == 7
    program.fault = lambda call, apply: apply()
    assert program("resume", "--output", "json") == 0
    assert program.titles() == ["Pin 1", "Pin 2", "Pin 3"]
    assert program.json["outputs"] == {"rows": 3, "created": 3, "failed": 0}
    assert program.json["counts"] == {"pin": {"done": 2, "adopted": 1}}


def test_a_page_in_answer_to_a_write_is_told_at_once_and_settled_by_the_resume(program: Program) -> None:
    """Whether it was applied is unknown, but to wait and to send it again would meet the page again."""

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "GET":
            return apply()
        apply()
        return HttpResponse(200, b"<html>sign in</html>", "text/html")

    program.fault = fault
    began = program.now + program.pause
    assert program("run", *program.table(2), "--yes") == 7
    assert program.now == began
    assert "a page, not the API: a proxy or sign-in page answered in place of 127.0.0.1:" in program.stdout
    assert (
        "\n  sign in to the network or its VPN, check PINFLOW_PROXY and, if it is set, PINTEREST_API_URI"
        in program.stdout
    )
    program.fault = lambda call, apply: apply()
    assert program("resume", "--output", "json") == 0
    assert program.titles() == ["Pin 1", "Pin 2"]
    assert program.json["counts"] == {"pin": {"done": 1, "adopted": 1}}


# what to do next


def test_a_missing_scope_is_told_with_the_command_that_grants_it(program: Program) -> None:
    body = b'{"code": 3, "message": "Not permitted. Missing: [\'boards:read\']"}'
    program.fault = lambda call, apply: HttpResponse(403, body)
    assert program("run", *program.table(1), "--yes") == 4
    assert (
        "\n  sign in again and grant the missing scopes: boards:read; with: pinflow auth login access_token --scopes "
        "boards:read,boards:write,pins:read,pins:write,user_accounts:read\n"
        "  then unset ACCESS_TOKEN, which comes before what a sign-in stores\n" in program.stdout
    )


def test_the_one_way_to_go_on_is_told_once(program: Program) -> None:
    assert program("run", *program.table(3), "--max-writes", "2") == 5
    run = program.data("runs")["runs"][0]["id"]
    program("runs")
    assert program("run", *program.table(3), "--max-writes", "2") == 5
    (resume,) = [line for line in program.stdout.splitlines() if "pinflow resume" in line]
    assert resume.endswith("--yes")
    assert run not in resume


# totals


@pytest.mark.parametrize("output", ["human", "json", "ndjson"])
def test_totals_after_a_resume_are_the_runs(program: Program, output: str) -> None:
    """The first process makes 28 of 60 Pins, and then it is told to come back later."""
    creations = 0

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        nonlocal creations
        creations += is_creation(call)
        if creations == 29:
            return HttpResponse(429, b'{"code": 8, "message": "later"}', headers=(("Retry-After", "900"),))
        return apply()

    program.fault = fault
    assert program("run", *program.table(60), "--yes") == 6
    program.now += 900
    creations = 100
    assert program("resume", "--output", output) == 0
    if output == "human":
        assert [line.split() for line in program.stdout.splitlines()[1:3]] == [["done"], ["pin", "60"]]
        assert [line for line in program.stdout.splitlines() if "created" in line or "rows" in line] == [
            "  rows: 60",
            "  created: 60",
        ]
        return
    data = program.json if output == "json" else program.events()[-1]
    assert data["outputs"] == {"rows": 60, "created": 60, "failed": 0}
    assert data["counts"] == {"pin": {"done": 60}}
    assert data["calls"]["access_token"]["org_write"] == 61
    shown = program.data("runs", "show")
    assert shown["calls"] == data["calls"]
    assert shown["counts"]["pin"]["done"] == 60


def test_a_copy_that_was_resumed_counts_all_that_it_made(program: Program) -> None:
    creations = 0

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        nonlocal creations
        creations += is_creation(call)
        if creations == 10:
            return HttpResponse(429, b'{"code": 8, "message": "later"}', headers=(("Retry-After", "900"),))
        return apply()

    program.fault = fault
    words = ["copy_board", "-i", "board=Garden ideas", "-i", "name=Copy"]
    assert program("run", *words, "--yes") == 6
    program.now += 900
    creations = 100
    assert program("resume", "--output", "json") == 0
    outputs = program.json["outputs"]
    assert outputs["pins"]["created"] == outputs["pins"]["total"] - outputs["pins"]["skipped"]
    assert (outputs["pins"]["already"], outputs["sections"]) == (0, 3)
    assert program.json["counts"]["pin"]["done"] == outputs["pins"]["created"]


# trial access


REMEDY = (
    "with trial access an app can't create Pins in production: apply for standard access, or set "
    "PINTEREST_API_URI=https://api-sandbox.pinterest.com and use a token of that environment"
)


@pytest.mark.parametrize("output", ["human", "json"])
def test_a_trial_app_stops_at_the_first_pin_with_the_whole_remedy(program: Program, output: str) -> None:
    program.sandbox.control.change(trial=True)
    sent: list[HttpRequest] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        sent.extend([call] if is_creation(call) else [])
        return apply()

    program.fault = fault
    assert program("run", *program.table(40), "--yes", "--output", output) == 4
    assert len(sent) == 1
    if output == "human":
        assert "Apps with Trial access cannot create Pins in production" in program.stdout
        assert f"\nnext\n  {REMEDY}\n" in program.stdout
        assert "done" not in program.stdout
    else:
        assert (program.json["error"]["kind"], program.json["error"]["hint"]) == ("access_too_low", REMEDY)
    program.sandbox.control.change(trial=False)  # the app has got standard access
    assert program("resume", "--output", "json") == 0
    assert program.json["outputs"] == {"rows": 40, "created": 40, "failed": 0}


def test_another_refusal_with_the_same_code_is_one_rows_failure(program: Program) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if is_creation(call) and b"Pin 2" in call.body:
            return HttpResponse(403, b'{"code": 29, "message": "You are not permitted to access that resource."}')
        return apply()

    program.fault = fault
    assert program("run", *program.table(3), "--yes", "--output", "json") == 1
    assert program.json["counts"]["pin"] == {"done": 2}
    (failure,) = program.json["failed"]
    assert "You are not permitted to access that resource. (HTTP 403, code 29" in failure["error"]
    assert program.titles() == ["Pin 1", "Pin 3"]


def test_a_dry_run_with_trial_access_says_no(program: Program) -> None:
    words = program.table(2)
    program.environ["PINFLOW_TIER"] = "trial"
    assert program("run", *words, "--dry-run") == 4
    first, *lines = program.stdout.splitlines()
    assert first.startswith("Create Pins from a table: dry run, the service would refuse it (")
    assert [line.split() for line in lines[:2]] == [["would", "be", "refused"], ["pin", "2"]]
    assert REMEDY in program.stdout
    assert "done" not in program.stdout
    assert "created" not in program.stdout
    assert program("run", *words, "--dry-run", "--output", "json") == 4
    assert (program.json["status"], program.json["outputs"], program.json["counts"]) == (
        "failed",
        {},
        {"pin": {"refused": 2}},
    )
    assert program("run", *words, "--dry-run", "--tier", "standard") == 0


# a quota that the service tells


@pytest.mark.slow
@pytest.mark.parametrize(
    ("windows", "rows", "least"),
    [
        ([(40, 4)], 200, 0.95),  # in place of the 100 a minute that are assumed
        ([(100, 1), (120, 60)], 240, 0.95),
        ([(30, 60)], 90, 0.95),  # less than assumed
    ],
)
def test_the_quota_that_the_service_tells_is_used(
    program: Program, windows: list[tuple[int, int]], rows: int, least: float
) -> None:
    """The share of what a fixed window of the service's clock allows. The first window is given away."""
    used: dict[tuple[int, int], int] = {}
    refused = 0
    made: list[float] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        nonlocal refused
        if not is_creation(call):
            return apply()
        left = []
        for limit, seconds in windows:
            place = (seconds, int(program.now // seconds))
            used[place] = used.get(place, 0) + 1
            left.append((limit - used[place], limit, seconds))
        remaining, limit, seconds = min(left)
        told = ", ".join(f"{limit};w={seconds}" for limit, seconds in windows)
        headers = (
            ("X-RateLimit-Limit", f"{limit}, {told}"),
            ("X-RateLimit-Remaining", str(max(0, remaining))),
            ("X-RateLimit-Reset", str(int(seconds - program.now % seconds) or 1)),
        )
        if remaining < 0:
            refused += 1
            return HttpResponse(429, b'{"code": 8, "message": "limit"}', headers=headers)
        made.append(program.now)
        answer = apply()
        return HttpResponse(answer.status, answer.body, headers=headers)

    program.fault = fault
    assert program("run", *program.table(rows), "--yes", "--max-writes", "2000", "--patience", "1h") == 0
    limit, seconds = windows[-1]
    took = made[-1] - made[0]
    assert refused == 0
    assert (rows - limit) / took >= least * limit / seconds


@pytest.mark.parametrize("trial", [False, True])
def test_which_limit_binds_and_who_says_so_is_told(tmp_path: Path, trial: bool) -> None:
    """Trial access is not assumed here: the service tells its windows, and those of the assumed tier are gone."""
    program = Program(tmp_path, quotas=True, trial=trial, per_minute={"org_read": 1000, "org_write": 600})
    with program.sandbox:
        program("run", *program.table(3), "--yes")
        told = {
            use["category"]: (use["limit"], use["seconds"], use["source"], use["binds"])
            for use in program.data("quota")["quotas"]
        }
        assert program("quota") == 0
    others = [line.partition(": ")[2] for line in program.stdout.splitlines() if not line.startswith(("API ", "v5 "))]
    if trial:
        assert told == {
            "*": (1000, 86_400, "header", True),
            "org_read": (1000, 86_400, "header", False),
            "org_write": (300, 86_400, "header", True),
        }
        limit = "all calls, 1,000 a day, as the service tells"
        assert others == [f"calls of org_read reach another limit first: {limit}"]
    else:
        assert told == {
            "*": (100, 1, "table", False),
            "org_read": (1000, 60, "table", True),
            "org_write": (600, 60, "header", True),
        }
        assert others == []


# rows by their numbers


def test_a_row_is_called_by_its_number_wherever_it_waits_is_listed_and_is_asked_for(program: Program) -> None:
    program.fault = doubled("Pin 2")
    assert program("run", *program.table(3), "--yes") == 7
    assert "pins, row 3: whether a write to board " in program.stderr
    run = program.data("runs")["runs"][0]["id"]
    ids = [pin.id for pin in program.sandbox.world.pins.values() if pin.content.title == "Pin 2"]
    assert program("runs", "show", "--items") == 0
    listed = [line.split()[0] for line in program.stdout.splitlines() if line.startswith("  pins[")]
    assert listed[:3] == ["pins[2].pin", "pins[3].pin", "pins[4].pin"]
    assert sorted(listed[3:]) == ["pins[2].pin:", "pins[3].pin:", "pins[4].pin:"]
    assert sorted(item["item"] for item in program.data("runs", "show", "--items")["items"]) == listed[:3]
    assert program("resume", "--output", "json") == 7
    assert program.json["next_steps"] == [
        f"look which of them it is, and say so: pinflow resume {run} --made 3={ids[0]}",
        f"if it made none: pinflow resume {run} --not-made 3",
    ]
    assert program("resume", run, answers="yes\n\n") == 7
    assert 'pins.csv:3 ("Pin 2"): pin of item 3, sent to ' in program.stderr
    assert "It can't be 'yes': it is not an id." in program.stderr
    assert program("resume", run, "--made", "3=1234") == 2
    assert program("resume", run, "--made", f"2={ids[0]}") == 2
    assert "error: item 2 was made already: " in program.stderr
    assert program("resume", run, "--made", f"3={ids[0]}") == 0


def test_a_row_is_called_by_its_number_while_its_place_can_not_be_read(program: Program) -> None:
    program.fault = lost_and_blind(2)
    assert program("run", *program.table(3), "--yes") == 7
    assert "pins, row 3: trying again in " in program.stderr
    assert "pins, row 3: whether a write to board " in program.stderr
    assert "pins[" not in program.stderr


# dry runs


def test_a_dry_run_names_what_would_be_deleted(program: Program) -> None:
    assert program("run", *program.table(2), "--yes") == 0
    words = ("run", "delete_board", "-i", f"board={BOARD}", "--dry-run")
    assert program(*words) == 0
    lines = program.stdout.splitlines()
    assert lines[lines.index("would be deleted") + 1] == f"  board '{BOARD}' (2 Pins) of {STUDIO}"
    assert "outputs would be" in lines
    assert lines[-1] == f"  to run it: pinflow run delete_board -i board={BOARD}"
    assert program.data(*words)["would_be_deleted"] == [f"board '{BOARD}' (2 Pins) of {STUDIO}"]
    assert len(program.titles()) == 2
    assert program("run", "delete_board", "-i", "board=*", "--dry-run") == 0
    assert f"  board '{BOARD}' (2 Pins) of {STUDIO}" in program.stdout.splitlines()
    assert program.data("run", *program.table(2), "--dry-run")["would_be_deleted"] == []


def test_a_dry_run_in_the_embedded_sandbox_leads_to_a_command_that_runs_as_it_is(program: Program) -> None:
    assert program("run", "delete_board", "--dry-run", "--sandbox", "--tier", "trial", "--max-writes", "5") == 0
    again = "pinflow run delete_board --sandbox --tier trial --max-writes 5"
    assert program.stdout.endswith(f"  to run it: {again}\n")
    assert "  board 'Empty for now' (0 Pins) of garden_studio" in program.stdout.splitlines()
    assert program(*again.split()[1:]) == 0


def test_a_dry_run_of_a_mirror_names_what_it_would_delete(program: Program) -> None:
    assert program("run", *program.table(2), "--yes") == 0
    ids = [pin.id for pin in program.sandbox.world.pins.values() if (pin.content.title or "").startswith("Pin ")]
    words = ["-i", "board=Surprise party", "-i", f"to_board={BOARD}", "-i", "extra=delete", "-i", "max_delete=9"]
    assert program("run", "mirror_board", *words, "--dry-run") == 0
    told = next(line for line in program.stdout.splitlines() if "would delete 2 Pins (" in line)
    assert all(id_ in told for id_ in ids)
    assert len(program.titles()) == 2


@pytest.mark.parametrize(("limit", "is_told"), [("2", True), ("3", False)])
def test_a_dry_run_says_where_the_real_one_would_ask(program: Program, limit: str, is_told: bool) -> None:
    assert program("run", *program.table(3), "--dry-run", "--max-writes", limit) == 0
    text = "the real run makes 3 changes, and asks before there are more than 2; where nobody can be asked"
    assert (f"  {text}, it needs --max-writes 3" in program.stdout.splitlines()) == is_told
    assert (f"! warning: {text}" in program.stderr) == is_told
    assert program("run", *program.table(3), "--dry-run", "--yes") == 0
    assert "the real run makes" not in program.stdout
