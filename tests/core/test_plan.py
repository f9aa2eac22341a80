"""A recipe is bound and checked as a whole: everything that is wrong is told at once, each with its place."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator  # actions' annotations are read at run time
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
import yaml

from pinflow import Action, Api, Context, Number, Text, action, hookimpl
from pinflow.errors import PinflowError, RecipeError, UsageError
from pinflow.plan.inputs import MissingInputs

CASES = yaml.safe_load((Path(__file__).parent / "wrong_plans.yaml").read_text("utf-8"))
Id = Annotated[str, Text(pattern=r"^\d+$", format="id")]


class Cover(TypedDict):
    url: str
    size: int


class Board(TypedDict):
    id: str
    name: str
    pin_count: int
    owner: NotRequired[dict[str, Any]]
    cover: NotRequired[Cover | None]


class Media(TypedDict):
    source: Literal["url", "file"]
    url: NotRequired[str]


class Copied(TypedDict):
    board: Board
    pins: int


def actions() -> list[Action]:
    """What two versions of an API offer, and two actions that need none."""
    found: list[Action] = []
    for api in ("v3", "v5"):

        @action("get_user", api=api, scopes={"user:read"})
        def get_user(ctx: Context) -> dict[str, Any]:
            raise AssertionError

        @action("copy_board", api=api, effect="write", scopes={"source": {"boards:read"}, "target": {"boards:write"}})
        def copy_board(ctx: Context, *, board: str, name: str = "") -> Copied:
            raise AssertionError

        found += [get_user, copy_board]

    @action("list_boards", api="v5", scopes={"boards:read"})
    def list_boards(ctx: Context, *, privacy: Literal["ALL", "PUBLIC"] = "ALL") -> Iterator[Board]:
        yield from ()

    @action("get_board", api="v5", scopes={"boards:read"})
    def get_board(ctx: Context, *, board: Id) -> Board:
        raise AssertionError

    @action("create_pin", api="v5", effect="write", scopes={"pins:write"})
    def create_pin(
        ctx: Context,
        *,
        board: Id,
        title: Annotated[str, Text(max_length=10)] = "",
        media: Media,
        tags: list[str] | None = None,
        rank: Annotated[int, Number(ge=1, le=9)] = 1,
        public: bool = True,
        extra: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        raise AssertionError

    @action("delete_board", api="v5", effect="write", scopes={"boards:write"}, destructive=True)
    def delete_board(ctx: Context, *, board: Id) -> None:
        raise AssertionError

    @action("archive_board", api="v3", effect="write", scopes={"boards:write"})
    def archive_board(ctx: Context, *, board: str) -> None:
        raise AssertionError

    @action("find_boards", api="v3", scopes={"boards:read"})
    def find_boards(ctx: Context, *, word: str) -> list[Board]:
        raise AssertionError

    @action("find_boards", api="v5", scopes={"boards:read"})
    def find_more_boards(ctx: Context, *, word: str, archived: bool = False) -> list[Board]:
        raise AssertionError

    def ids_fit(level: str, ids: list[str] | None) -> None:
        if (level == "all") != (ids is None):
            raise UsageError(
                f"level {level} {'needs' if ids is None else 'takes no'} ids", hint="list_boards tells them"
            )

    @action("count_boards", api="v5", scopes={"boards:read"}, checks=[ids_fit])
    def count_boards(ctx: Context, *, level: Literal["all", "some"] = "all", ids: list[Id] | None = None) -> int:
        raise AssertionError

    @action("log")
    def log(ctx: Context, *, text: str) -> None:
        raise AssertionError

    found += [find_boards, find_more_boards, count_boards]
    return [*found, list_boards, get_board, create_pin, delete_board, archive_board, log]


def api(name: str) -> Api:
    def read_error(*_: object) -> Any:
        raise AssertionError

    return Api(
        id=name,
        service="shop",
        title=f"Shop {name}",
        origin="https://shop.example",
        prefix=f"/{name}",
        origin_variable="SHOP",
        operation=lambda method, path: None,
        read_error=read_error,
    )


class Shop:
    @hookimpl
    def pinflow_apis(self) -> list[Api]:
        return [api("v3"), api("v5")]

    @hookimpl
    def pinflow_actions(self) -> list[Action]:
        return actions()


@pytest.fixture
def shop(project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project with the shop's actions, and no way to any network."""

    def connect(*_: object) -> None:
        raise AssertionError("a plan opens no connection")

    monkeypatch.setattr(socket.socket, "connect", connect)
    project.plugins.append(Shop())
    return project


def problems_of(shop: Any, text: str, *, files: dict[str, str], inputs: dict[str, Any] | None, api: str | None) -> Any:
    for name, content in files.items():
        shop.write(content, name)
    try:
        shop.app().plan(shop.write(text), inputs=inputs, api=api)
    except (RecipeError, MissingInputs) as error:
        here = re.compile(rf"{re.escape(str(shop.folder))}(/?)")
        told = (here.sub(lambda found: "" if found[1] else ".", str(problem)) for problem in error.problems)
        return [line.removeprefix("recipe.yaml:") for line in told]
    except UsageError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_every_mistake_of_a_plan_is_reported_with_its_place_and_a_hint(shop: Any, case: dict[str, Any]) -> None:
    found = problems_of(shop, case["text"], files=case.get("files", {}), inputs=case.get("inputs"), api=case.get("api"))
    assert found == case["problems"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_no_mistake_is_told_twice(shop: Any, case: dict[str, Any]) -> None:
    """Not two complaints at one place, but where two things are wrong there."""
    places = [found[0] for line in case["problems"] if (found := re.match(r"([^:]*:)?\d+:\d+", line))]
    assert len(set(places)) == len(places) or case.get("twice")


def test_the_corpus_of_wrong_plans_has_many_cases() -> None:
    assert len(CASES) >= 80
    assert len({case["case"] for case in CASES}) == len(CASES)


# -- right ones

RIGHT = """
    name: n
    api: v5
    inputs:
      board: {type: id, required: true, example: 123}
      to: {type: token, default: access_token}
    auth:
      source: {token: access_token}
      target: {token: "${{ inputs.to }}"}
    steps:
      - {id: me, uses: get_user, auth: source}
      - id: boards
        for_each: list_boards
        auth: source
        as: board
        key: ${{ board.id }}
        do:
          - {id: copied, uses: copy_board, auth: {source: source, target: target}, with: {board: "${{ board.id }}"}}
          - {uses: log, with: {text: "${{ steps.copied.board.name }} ${{ steps.copied.board.cover?.url ?? '' }}"}}
      - {uses: v3.archive_board, auth: target, with: {board: "${{ inputs.board }}"}}
    finally:
      - {uses: log, with: {text: "${{ steps.boards.ok }}"}}
    outputs: {n: "${{ steps.boards.count }}"}
"""


def test_a_plan_says_what_its_logins_must_be_able_to_do(shop: Any) -> None:
    plan = shop.plan(RIGHT, inputs={"board": "7", "to": "other"})
    assert {(each.name, each.api, each.token): set(each.scopes) for each in plan.logins.values()} == {
        ("source", "v5", "access_token"): {"user:read", "boards:read"},
        ("target", "v5", "other"): {"boards:write"},
        ("target", "v3", "other"): {"boards:write"},
    }


def test_a_plan_knows_which_outputs_are_read(shop: Any) -> None:
    assert shop.plan(RIGHT, inputs={"board": "7"}).needed == {"boards", "boards.copied"}


def test_steps_have_paths_that_do_not_depend_on_the_run(shop: Any) -> None:
    from pinflow.plan import all_steps

    plan = shop.check(RIGHT)
    paths = [step.path for step in all_steps((*plan.steps, *plan.finally_))]
    assert paths == ["me", "boards", "boards.copied", "boards.log", "archive_board", "finally.log"]


def test_a_recipe_is_checked_without_its_inputs(shop: Any) -> None:
    assert shop.check(RIGHT).inputs == {"board": "123", "to": "access_token"}


def test_the_api_of_a_recipe_can_be_overridden(shop: Any) -> None:
    recipe = "{name: n, api: v5, steps: [{uses: get_user}, {uses: get_user, api: v5}, {uses: v5.get_user}]}"
    plan = shop.plan(recipe, api="v3")
    assert [step.action.full_name for step in plan.steps] == ["v3.get_user", "v5.get_user", "v5.get_user"]


def test_an_action_that_one_api_alone_has_needs_no_api(shop: Any) -> None:
    (step,) = shop.plan("{name: n, steps: [{uses: archive_board, with: {board: a}}]}").steps
    assert step.action.full_name == "v3.archive_board"


def test_an_included_recipe_keeps_its_own_api(shop: Any) -> None:
    shop.write("{name: n, api: v3, steps: [{uses: get_user}]}", "old.yaml")
    recipe = "{name: n, api: v5, steps: [{uses: get_user}, {include: old.yaml}]}"
    assert [step.action.full_name for step in shop.plan(recipe).steps] == ["v5.get_user", "v3.get_user"]
    assert [step.action.full_name for step in shop.plan(recipe, api="v5").steps] == ["v5.get_user", "v5.get_user"]


def test_the_steps_that_delete_are_known(shop: Any) -> None:
    recipe = """
        name: n
        api: v5
        steps:
          - {for_each: [1], do: [{uses: delete_board, with: {board: "${{ item }}"}}]}
        finally:
          - {uses: delete_board, with: {board: 7}}
    """
    assert [step.path for step in shop.plan(recipe).destructive] == ["step.delete_board", "finally.delete_board"]


def test_scopes_that_are_written_out_are_asked_for_as_well(shop: Any) -> None:
    recipe = "{name: n, api: v5, auth: {me: {token: t, scopes: [user:read, ads:read]}}, steps: [{uses: get_user}]}"
    (login,) = shop.plan(recipe).logins.values()
    assert login.scopes == {"user:read", "ads:read"}


def test_the_digest_changes_with_any_recipe_that_takes_part(shop: Any) -> None:
    recipe = "{name: n, steps: [{include: a.yaml}]}"
    digests = set()
    for text in ("one", "two"):
        shop.write(f"{{name: n, steps: [{{uses: log, with: {{text: {text}}}}}]}}", "a.yaml")
        digests.add(shop.plan(recipe).digest)
    digests.add(shop.plan(f"{recipe} # the same, said otherwise").digest)
    assert len(digests) == 3


def test_a_recipe_of_a_thousand_steps_is_planned(shop: Any) -> None:
    steps = "".join(
        f"  - {{id: s{n}, uses: log, with: {{text: '${{{{ steps.s{n - 1}?.x }}}}'}}}}\n" for n in range(1, 1000)
    )
    plan = shop.plan("name: n\nsteps:\n  - {id: s0, uses: log, with: {text: a}}\n" + steps)
    assert len(plan.steps) == 1000


@pytest.mark.parametrize("inputs", [None, {}])
def test_any_mistake_is_told_before_missing_inputs_are_asked_for(shop: Any, inputs: dict[str, Any] | None) -> None:
    recipe = "name: n\ninputs: {board: {required: true}}\nsteps: [{uses: lgo}]\n"
    shop.write(recipe)
    with pytest.raises(PinflowError) as caught:
        shop.app().plan(shop.write(recipe), inputs=inputs)
    assert type(caught.value) is RecipeError
    assert "unknown action 'lgo'" in str(caught.value)
