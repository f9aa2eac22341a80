"""Loops over accounts: each works for its own, and the trouble of one is no other's."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import App
from pinflow.app import Options
from pinflow.clock import Clock
from pinflow.errors import RecipeError
from pinflow.reporters.summary import Recap, accounts_table, as_data
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world import boards
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.engine.results import RunResult
    from pinflow_sandbox.server.messages import HttpRequest

HEAD = "pinflow: 1\nname: Everyone\napi: v5\n"
MAKE = """
steps:
  - id: each
    for_each: list_tokens
    with: {broken: list}
    as: account
    key: ${{ account.name }}
    parallel: PARALLEL
    do:
      - id: one
        uses: create_board
        auth: account
        with: {name: First}
      - id: two
        uses: create_board
        auth: account
        with: {name: Second}
"""


class Agency:
    """A sandbox with accounts whose tokens are in files, and what each token asked for."""

    def __init__(self, folder: Path, *names: str, **settings: Any) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self.blocked: set[str] = set()  # accounts that the service takes for spammers
        self.full: set[str] = set()  # accounts whose quota is used up
        self.asked: list[tuple[str, str]] = []  # account, "GET /boards"
        self.fault: Callable[[str, HttpRequest], HttpResponse | None] = lambda account, call: None
        self._lock = threading.Lock()
        self.sandbox: Sandbox = start(
            now=lambda: self.now, settings=Settings(**{"quotas": False, **settings}), faults=self._faults
        )
        self.environ = {**self.sandbox.environment(()), "PINFLOW_CACHE_DIR": str(folder / "cache")}
        self.environ.pop("ACCESS_TOKEN", None)
        self.tokens = Path(self.environ["PINTEREST_OAUTH_TOKEN_DIR"])
        for file in self.tokens.glob("*.json"):
            file.unlink()
        self._whose: dict[str, str] = {}
        self.add(*names)

    def add(self, *names: str) -> None:
        for name in names:
            self.sandbox.world.add_account(name)
            token = self.sandbox.world.token_for(name)
            self._whose[token] = name
            self.put(name, {"name": name, "access_token": token, "scopes": None, "origin": self.sandbox.url})

    def put(self, name: str, content: object) -> None:
        path = self.tokens / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        path.chmod(0o600)

    def _faults(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        account = self._whose.get(call.header("authorization").removeprefix("Bearer "), "?")
        with self._lock:
            self.asked.append((account, f"{call.method} {call.path.removeprefix('/v5')}"))
        if (told := self.fault(account, call)) is not None:
            return told
        if account in self.full:
            return HttpResponse(429, b'{"code": 8, "message": "limit"}', headers=(("Retry-After", "7200"),))
        if account in self.blocked and call.method != "GET":
            return HttpResponse(429, b'{"code": 9, "message": "We blocked this as it may be spam"}')
        return apply()

    def app(self) -> App:
        return App.installed(
            self.environ,
            state=self.folder / "state",
            clock=Clock(lambda: self.now, lambda: self.now, self._sleep),
        )

    def _sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    def run(self, steps: str, *, parallel: int = 1, inputs: Any = None, **options: Any) -> RunResult:
        path = self.folder / "recipe.yaml"
        path.write_text(HEAD + steps.replace("PARALLEL", str(parallel)), "utf-8")
        app = self.app()
        return app.run(app.plan(path, inputs=inputs or {}), Options(**options))

    def resume(self) -> RunResult:
        return self.app().resume(None)

    def boards(self) -> dict[str, list[str]]:
        state: Any = self.sandbox.control.state()
        found: dict[str, list[str]] = {}
        for board in state["boards"]:
            if board["owner"] in self._whose.values():
                found.setdefault(board["owner"], []).append(board["name"])
        return {owner: sorted(names) for owner, names in found.items()}


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    made = Agency(tmp_path, "ann", "bob", "cem", "dan", "eva")
    yield made
    made.sandbox.stop()


def states(result: RunResult) -> dict[str, str]:
    return {each.account: each.status for each in result.accounts}


BOTH = ["First", "Second"]


# -- each for its own


@pytest.mark.parametrize("parallel", [1, 4])
def test_every_account_gets_what_is_its_own(agency: Agency, parallel: int) -> None:
    result = agency.run(MAKE, parallel=parallel)
    assert result.ok, result.error
    assert agency.boards() == dict.fromkeys(("ann", "bob", "cem", "dan", "eva"), BOTH)
    assert [each.account for each in result.accounts] == ["ann", "bob", "cem", "dan", "eva"]
    assert all(each.counts == {"board": {"done": 2}} for each in result.accounts)
    assert result.calls == {each.account: each.calls for each in result.accounts}
    for name in ("ann", "eva"):  # the steps of one account keep their order
        posts = [what for account, what in agency.asked if account == name and what.startswith("POST")]
        assert len(posts) == 2


@pytest.mark.parametrize("parallel", [1, 4])
def test_the_trouble_of_one_account_ends_no_other(agency: Agency, parallel: int) -> None:
    agency.put("ann", "{")
    agency.full.add("bob")
    agency.blocked.add("cem")
    agency.put("dan", {"name": "dan", "access_token": "pina_sandbox_gone", "origin": agency.sandbox.url})
    result = agency.run(MAKE, parallel=parallel)
    assert (result.exit_code, result.status) == (1, "failed")
    assert states(result) == {"ann": "failed", "bob": "paused", "cem": "paused", "dan": "failed", "eva": "ok"}
    assert agency.boards() == {"eva": BOTH}
    why = {each.account: str(each.error) for each in result.accounts if each.error is not None}
    assert "is not JSON" in why["ann"]
    assert "limit" in why["bob"]
    assert "spam" in why["cem"]
    assert "refused" in why["dan"]
    assert "pinflow auth login dan" in why["dan"]
    assert Counter(account for account, _ in agency.asked) == {"eva": 5, "cem": 2, "bob": 1, "?": 1}  # nobody hammers


def test_a_resumed_run_does_what_is_left_and_nothing_twice(agency: Agency) -> None:
    agency.full.add("bob")
    agency.put("dan", "{")
    assert agency.run(MAKE, parallel=2).exit_code == 1
    agency.full.clear()
    agency.add("dan")
    agency.now += 7200
    result = agency.resume()
    assert result.ok, result.error
    assert states(result) == {"ann": "already", "bob": "ok", "cem": "already", "dan": "ok", "eva": "already"}
    assert agency.boards() == dict.fromkeys(("ann", "bob", "cem", "dan", "eva"), BOTH)


def test_where_all_that_is_left_is_paused_the_run_is_paused_until_the_first_may_go_on(agency: Agency) -> None:
    agency.full |= {"bob", "eva"}
    result = agency.run(MAKE)
    assert (result.exit_code, result.status) == (6, "paused")
    assert "2 accounts are paused, the others are done" in str(result.error)
    (run,) = agency.app().runs()
    assert run.resume_after == pytest.approx(agency.now + 7200, abs=120)
    agency.full.clear()
    agency.now += 7300
    assert agency.resume().ok


def test_a_write_in_doubt_is_its_accounts_own_and_the_run_says_so(agency: Agency) -> None:
    def lost(account: str, call: HttpRequest) -> HttpResponse | None:
        broken = account == "bob" and (call.method == "POST" or "/boards" in call.path)
        return HttpResponse(500, b"{}") if broken else None

    agency.fault = lost
    result = agency.run(MAKE)
    assert states(result)["eva"] == "ok"
    assert agency.boards().keys() == {"ann", "cem", "dan", "eva"}
    assert result.status in ("in_doubt", "failed")
    agency.fault = lambda account, call: None
    assert agency.resume().ok
    assert agency.boards()["bob"] == BOTH


def test_two_names_of_one_account_never_work_at_the_same_time(agency: Agency) -> None:
    for number in range(6):
        content = json.loads((agency.tokens / "ann.json").read_text("utf-8"))
        agency.put(f"ann{number}", content | {"name": f"ann{number}"})
    names = "[" + ", ".join(["ann", "bob"] * 6) + "]"
    at_work: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()

    def watch(account: str, call: HttpRequest) -> None:
        with lock:
            at_work[account] += 1
            most[account] = max(most[account], at_work[account])
        threading.Event().wait(0.01)
        with lock:
            at_work[account] -= 1

    agency.fault = watch
    steps = f"""
steps:
  - id: each
    for_each: {names}
    as: who
    key: ${{{{ who }}}}
    parallel: 8
    do: [{{uses: get_user, auth: who}}, {{uses: get_user, auth: who}}]
"""
    result = agency.run(steps)
    assert result.ok, result.error
    assert most == {"ann": 1, "bob": 1}


def test_accounts_may_be_listed_by_an_input(agency: Agency) -> None:
    steps = """
inputs: {accounts: {type: list, required: true}}
steps:
  - id: each
    for_each: ${{ inputs.accounts }}
    as: who
    do: [{uses: create_board, auth: who, with: {name: First}}]
"""
    with pytest.raises(RecipeError, match=r"item 4 of for_each: '\.\./ann' can't name a token"):
        agency.run(steps, inputs={"accounts": ["eva", "ann", "nobody", "../ann"]})
    assert agency.asked == []
    result = agency.run(steps, inputs={"accounts": ["eva", "ann", "nobody"]})
    assert agency.boards() == {"ann": ["First"], "eva": ["First"]}
    assert states(result) == {"eva": "ok", "ann": "ok", "nobody": "failed"}
    assert any("no token 'nobody'" in error for _, _, error in result.failed)


def test_an_action_with_two_logins_takes_one_of_them_from_the_loop(agency: Agency) -> None:
    world = agency.sandbox.world
    board = boards.add_board(world, "ann", "Original", created=agency.now - 1e6)
    assert board is not None
    steps = """
auth: {main: {token: ann}}
steps:
  - id: each
    for_each: [bob, cem]
    as: who
    do:
      - uses: copy_board
        auth: {source: main, target: who}
        with: {board: Original, name: Copy}
"""
    result = agency.run(steps)
    assert result.ok, result.error
    assert agency.boards() == {"ann": ["Original"], "bob": ["Copy"], "cem": ["Copy"]}


def test_the_trouble_of_a_login_that_all_share_ends_the_loop(agency: Agency) -> None:
    agency.full.add("ann")
    steps = """
auth: {main: {token: ann}}
steps:
  - id: each
    for_each: list_tokens
    as: account
    do: [{uses: get_user, auth: main}, {uses: get_user, auth: account}]
"""
    result = agency.run(steps)
    assert result.exit_code == 6
    assert [account for account, _ in agency.asked] == ["ann"]


def test_loops_inside_work_for_the_account_around_them(agency: Agency) -> None:
    for name in ("ann", "bob"):
        for number in range(3):
            boards.add_board(agency.sandbox.world, name, f"B{number}", created=agency.now - 1e6)
    agency.full.add("bob")
    steps = """
steps:
  - id: each
    for_each: list_tokens
    as: account
    collect: {boards: "${{ steps.mine.count }}", name: "${{ account.name }}"}
    do:
      - id: mine
        for_each: list_boards
        auth: account
        as: board
        do:
          - uses: update_board
            auth: account
            with: {board: "${{ board.id }}", description: "of ${{ account.name }}"}
  - id: told
    uses: get_user
    auth: me
outputs: {rows: "${{ steps.each.rows }}"}
auth: {me: {token: ann}}
"""
    result = agency.run(
        steps.replace("for_each: list_tokens", "for_each: [ann, cem]").replace("account.name", "account")
    )
    assert result.outputs["rows"] == [{"boards": 3, "name": "ann"}, {"boards": 0, "name": "cem"}]
    result = agency.run(steps)
    assert states(result) == {"ann": "ok", "bob": "paused", "cem": "ok", "dan": "ok", "eva": "ok"}
    state: Any = agency.sandbox.control.state()
    found = {each["owner"]: each["description"] for each in state["boards"] if each["name"] == "B0"}
    assert found["ann"] == "of ann"


def test_collected_values_are_complete_after_a_resume(agency: Agency) -> None:
    agency.full.add("cem")
    steps = MAKE.replace(
        "    do:", "    collect: {me: '${{ steps.me.username }}', board: '${{ steps.one.id }}'}\n    do:", 1
    )
    steps = steps + "      - {id: me, uses: get_user, auth: account}\noutputs: {rows: '${{ steps.each.rows }}'}\n"
    assert agency.run(steps).status == "paused"
    agency.full.clear()
    agency.now += 7300
    result = agency.resume()
    assert result.ok, result.error
    assert [row["me"] for row in result.outputs["rows"]] == ["ann", "bob", "cem", "dan", "eva"]
    assert all(row["board"].isdigit() for row in result.outputs["rows"])
    assert agency.boards() == dict.fromkeys(("ann", "bob", "cem", "dan", "eva"), BOTH)


def test_a_dry_run_goes_through_the_accounts_and_writes_nothing(agency: Agency) -> None:
    agency.put("bob", "{")
    result = agency.run(MAKE, dry_run=True)
    assert states(result) == {"ann": "ok", "bob": "failed", "cem": "ok", "dan": "ok", "eva": "ok"}
    assert agency.boards() == {}
    assert result.forecast is not None
    assert result.forecast.calls["ann"]["org_write"] == 2


@pytest.mark.parametrize(("parallel", "seconds"), [(1, 5.0), (2, 2.5), (10, 1.0)])
def test_a_forecast_knows_how_many_accounts_go_at_a_time(agency: Agency, parallel: int, seconds: float) -> None:
    agency.fault = lambda account, call: agency._sleep(1.0)
    steps = """
steps:
  - for_each: list_tokens
    as: account
    parallel: PARALLEL
    do: [{id: me, uses: get_user, auth: account}]
"""
    result = agency.run(steps, parallel=parallel, dry_run=True, executor="serial")
    assert result.forecast is not None
    assert result.forecast.seconds == pytest.approx(seconds)


def test_a_token_that_may_not_do_enough_is_told_with_what_it_lacks(agency: Agency) -> None:
    token = agency.sandbox.world.token_for("bob", ["user_accounts:read"])
    agency.put(
        "bob", {"name": "bob", "access_token": token, "scopes": "user_accounts:read", "origin": agency.sandbox.url}
    )
    result = agency.run(MAKE)
    (row,) = [each for each in result.accounts if each.account == "bob"]
    assert "lacks the scopes boards:read, boards:write" in str(row.error)
    assert agency.boards().keys() == {"ann", "cem", "dan", "eva"}


@pytest.mark.parametrize("key", ["    key: ${{ account.name }}\n", ""])
def test_undo_deletes_each_accounts_objects_with_its_own_login(agency: Agency, key: str) -> None:
    result = agency.run(MAKE.replace("    key: ${{ account.name }}\n", key))
    app = agency.app()
    undoing = app.plan_undo(result.run)
    assert undoing.counts() == {"board": 10}
    assert {made.token for made in undoing.targets} == {"ann", "bob", "cem", "dan", "eva"}
    assert app.undo(undoing).ok
    assert agency.boards() == {}


# -- what is told


def test_the_recap_is_a_table_of_accounts(agency: Agency) -> None:
    agency.put("ann", "{")
    agency.full.add("bob")
    result = agency.run(MAKE)
    lines = Recap("Everyone", result, width=200).lines(lambda text, style: text)
    table = lines[lines.index("accounts") + 1 :][:6]
    assert table[0].split() == ["ACCOUNT", "STATE", "DONE", "CALLS", "WHY"]
    assert [line.split()[:2] for line in table[1:]] == [
        ["ann", "failed"],
        ["bob", "paused"],
        ["cem", "done"],
        ["dan", "done"],
        ["eva", "done"],
    ]
    assert "is not JSON" in table[1]
    assert "  for 2 h 00 min: GET " in table[2]
    assert "failed" not in lines  # no section: the table says why
    data = as_data("Everyone", result)
    assert [each["status"] for each in data["accounts"]] == ["failed", "paused", "ok", "ok", "ok"]
    assert data["accounts"][1]["error"]["kind"] == "rate_limited"
    text = "\n".join(lines) + json.dumps(data)
    assert "pina_sandbox" not in text


def test_accounts_are_worked_for_and_told_in_the_order_of_their_numbers_what_failed_first(agency: Agency) -> None:
    names = ["client1", "client2", "client10", "client20", "client100"]
    agency.add(*reversed(names))
    agency.put("client20", "{")
    agency.put("client2", "{")
    result = agency.run(MAKE)
    assert [row.account for row in result.accounts] == ["ann", "bob", "cem", *names, "dan", "eva"]
    lines = Recap("Everyone", result, width=200).lines(lambda text, style: text)
    told = [line.split()[0] for line in lines[lines.index("accounts") + 2 :][:10]]
    assert told == ["client2", "client20", "ann", "bob", "cem", "client1", "client10", "client100", "dan", "eva"]
    skipped = [replace(row, status="skipped") if row.account == "client10" else row for row in result.accounts]
    told = [line.split()[0] for line in accounts_table(skipped)[2:]]
    assert told == ["client2", "client20", "client10", "ann", "bob", "cem", "client1", "client100", "dan", "eva"]


def test_a_name_that_is_there_twice_stands_with_its_place(agency: Agency) -> None:
    agency.environ["BOB"] = agency.sandbox.world.token_for("bob")
    app = agency.app()
    result = app.run(app.plan(Path("refresh_all_tokens"), inputs={}), Options())
    lines = Recap("Everyone", result, width=200).lines(lambda text, style: text)
    names = [line.rsplit(maxsplit=1)[0].strip() for line in lines[lines.index("accounts") + 2 :][:6]]
    file = f"bob (file {agency.tokens / 'bob.json'})"
    assert names == ["ann", "bob (environment variable BOB)", file, "cem", "dan", "eva"]


def test_the_bundled_recipe_shows_what_is_behind_each_token(agency: Agency) -> None:
    boards.add_board(agency.sandbox.world, "eva", "Garden", created=agency.now - 1e6)
    agency.put("dan", "{")
    app = agency.app()
    result = app.run(app.plan(Path("all_accounts"), inputs={}), Options())
    facts = {each.account: dict(each.facts) for each in result.accounts}
    assert facts["eva"]["boards"] == 1
    assert facts["ann"]["username"] == "ann"
    assert facts["dan"] == {}
    assert states(result)["dan"] == "failed"


def test_many_accounts_need_no_more_than_the_few_that_are_at_work(agency: Agency, tmp_path: Path) -> None:
    from pinflow.state.folder.counters import TableFiles

    names = [f"shop{number:03}" for number in range(60)]
    agency.add(*names)
    most = 0
    original = TableFiles.open

    def counted(self: TableFiles, key: Any) -> Any:
        nonlocal most
        table = original(self, key)
        most = max(most, len(self._maps))
        return table

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TableFiles, "open", counted)
        result = agency.run(MAKE, parallel=4)
    assert result.ok, result.error
    assert len(result.accounts) == 65
    assert most <= 4 * 6


# -- lists of tokens that a person gave


LISTED = """
inputs: {accounts: {type: list, required: true}}
steps:
  - id: each
    for_each: ${{ inputs.accounts }}
    as: account
    collect: {me: "${{ steps.me.username }}"}
    do:
      - {id: me, uses: get_user, auth: AUTH}
      - {uses: create_board, auth: AUTH, with: {name: "Of ${{ account }}"}}
outputs: {rows: "${{ steps.each.rows }}"}
"""


@pytest.mark.parametrize("auth", ["account", '"${{ account }}"'])
def test_a_list_that_a_person_gave_says_for_which_accounts_steps_work(agency: Agency, auth: str) -> None:
    steps = LISTED.replace("AUTH", auth)
    rehearsed = agency.run(steps, inputs={"accounts": "ann,cem"}, dry_run=True)
    assert (rehearsed.status, states(rehearsed)) == ("planned", {"ann": "ok", "cem": "ok"})
    assert rehearsed.forecast is not None
    assert {name: calls["org_write"] for name, calls in rehearsed.forecast.calls.items()} == {"ann": 1, "cem": 1}
    result = agency.run(steps, inputs={"accounts": "ann,cem"})
    assert result.outputs["rows"] == [{"me": "ann"}, {"me": "cem"}]
    assert agency.boards() == {"ann": ["Of ann"], "cem": ["Of cem"]}


def test_one_account_of_a_list_that_has_no_token_fails_alone_and_is_done_by_a_resume(agency: Agency) -> None:
    result = agency.run(LISTED.replace("AUTH", "account"), inputs={"accounts": ["ann", "new", "bob"]})
    assert states(result) == {"ann": "ok", "new": "failed", "bob": "ok"}
    agency.add("new")
    assert states(agency.resume())["new"] == "ok"
    assert agency.boards() == {"ann": ["Of ann"], "bob": ["Of bob"], "new": ["Of new"]}


def test_all_names_of_a_list_are_known_before_the_run(agency: Agency) -> None:
    path = agency.folder / "recipe.yaml"
    path.write_text(HEAD + LISTED.replace("AUTH", "account"), "utf-8")
    plan = agency.app().plan(path, inputs={"accounts": "ann,cem"})
    assert [login.names for login in plan.item_logins.values()] == [("ann", "cem")]
    assert plan.named_tokens == {"ann", "cem"}
    with pytest.raises(RecipeError, match=r"item 1 of for_each: 'a/b' can't name a token"):
        agency.app().plan(path, inputs={"accounts": "a/b,cem"})
    assert [login.names for login in agency.app().plan(path, inputs=None).item_logins.values()] == [()]
    path.write_text(
        path.read_text("utf-8").replace("  - id: each", "  - id: each\n    if: length(inputs.accounts) > 1")
    )
    plan = agency.app().plan(path, inputs={"accounts": "ann,cem"})
    assert [login.names for login in plan.item_logins.values()] == [("ann", "cem")]


def test_the_sandbox_has_an_account_for_each_name_of_a_list(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    (tmp_path / "recipe.yaml").write_text(HEAD + LISTED.replace("AUTH", "account"), "utf-8")
    words = ("run", str(tmp_path / "recipe.yaml"), "-i", "accounts=garden,shop", "--sandbox")
    assert cli(*words, "--output", "json") == 0
    assert [row["account"] for row in cli.json["accounts"]] == ["garden", "shop"]
    assert len({row["me"] for row in cli.json["outputs"]["rows"]}) == 2
    assert cli(*words) == 0
    assert "  pinflow auth login garden --recipe" in cli.stdout and "  pinflow auth login shop --recipe" in cli.stdout


def test_an_approval_of_a_list_names_its_tokens(agency: Agency) -> None:
    cli = Cli(agency.folder)
    cli.open_app = lambda environ, plugins: agency.app()
    path = agency.folder / "recipe.yaml"
    path.write_text(HEAD + LISTED.replace("AUTH", "account"), "utf-8")
    assert cli("approve", str(path), "-i", "accounts=ann,cem", "--yes") == 0
    assert "account  tokens ann, cem" in cli.stderr
    assert cli("run", str(path), "-i", "accounts=ann,bob", "--unattended") == 5
    assert cli("run", str(path), "-i", "accounts=ann,cem", "--unattended") == 0
    assert agency.boards() == {"ann": ["Of ann"], "cem": ["Of cem"]}


# -- what is found before the run

WRONG = [
    ("for_each: list_tokens\n    as: account\n    do: [{uses: get_user}]", "must know its login; write auth: account"),
    (
        "for_each: list_tokens\n    as: account\n    do: [{uses: get_user, auth: acount}]",
        "unknown login 'acount' under auth; did you mean 'account'?",
    ),
    (
        "for_each: list_boards\n    as: board\n    do: [{uses: get_user, auth: board}]",
        "'board' is data: it can't choose",
    ),
    (
        "for_each: read_csv\n    with: {path: a.csv}\n    as: row\n"
        "    do: [{uses: get_user, auth: '${{ row.account }}'}]",
        "'row' is data: it can't choose for which account a step works; name the tokens in an input of type list",
    ),
    (
        "for_each: [ann, ../bob]\n    as: account\n    do: [{uses: get_user, auth: account}]",
        "item 2 of for_each: '../bob' can't name a token",
    ),
    (
        "for_each: [ann, [bob]]\n    as: account\n    do: [{uses: get_user, auth: account}]",
        "item 2 of for_each must be the name of a token, not a list",
    ),
    (
        "for_each: [ann]\n    as: account\n    do: [{uses: get_user, auth: '${{ account.name }}'}]",
        "'account' is not known before the run; use inputs only here; in a loop over tokens, write auth: and the",
    ),
    (
        "for_each: list_tokens\n    as: a\n    do:\n"
        "      - {for_each: list_boards, auth: a, as: a, do: [{uses: get_user, auth: a}]}",
        "'a' is data",
    ),
    (
        "for_each: list_tokens\n    as: a\n    collect: {x: '${{ steps.nope.y }}'}\n"
        "    do: [{uses: get_user, auth: a}]",
        "unknown step 'nope'",
    ),
    ("for_each: list_tokens\n    as: a\n    collect: [x]\n    do: [{uses: get_user, auth: a}]", "collect must be"),
    ("uses: get_user\n    collect: {x: 1}", "collect belongs to a loop"),
]


@pytest.mark.parametrize(("step", "said"), WRONG)
def test_mistakes_in_a_loop_over_accounts_are_found_before_the_run(tmp_path: Path, step: str, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"{HEAD}steps:\n  - {step}\n", "utf-8")
    with pytest.raises(RecipeError) as caught:
        App.installed({"PINFLOW_CACHE_DIR": str(tmp_path)}, state=tmp_path).plan(path, inputs={})
    assert said in str(caught.value)


def test_a_login_and_an_item_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        HEAD + "auth: {a: {token: t}}\nsteps:\n  - {for_each: list_tokens, as: a, do: [{uses: get_user, auth: a}]}\n"
    )
    with pytest.raises(RecipeError, match="is a login under auth and the item of a loop; rename one of them"):
        App.installed({"PINFLOW_CACHE_DIR": str(tmp_path)}, state=tmp_path).plan(path, inputs={})


def test_a_services_answer_can_not_choose_the_account_of_a_step(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        HEAD
        + "steps:\n  - {id: b, uses: list_boards}\n"
        + "  - {for_each: 'map(steps.b.items, x, x.name)', as: who, do: [{uses: get_user, auth: who}]}\n"
    )
    with pytest.raises(RecipeError, match="'who' is data: it can't choose"):
        App.installed({"PINFLOW_CACHE_DIR": str(tmp_path)}, state=tmp_path).plan(path, inputs={})


def test_the_scopes_of_an_account_are_those_of_all_its_steps(agency: Agency) -> None:
    path = agency.folder / "recipe.yaml"
    path.write_text(HEAD + MAKE.replace("PARALLEL", "1"), "utf-8")
    plan = agency.app().plan(path, inputs={})
    (login,) = plan.item_logins.values()
    assert (login.variable, login.scopes) == ("account", frozenset({"boards:read", "boards:write"}))
    assert plan.logins == {}
