"""Loops: items as they come, some side by side, each once, and what becomes of those that fail."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pinflow import ActionError, Context, RateLimited, action
from pinflow.errors import PAUSED, Unreachable
from pinflow.events import StepStarted


class Work:
    """An action ``work`` that notes its items; ``bad`` ones fail, ``worse`` ones end the run."""

    def __init__(self, project: Any) -> None:
        self.done: list[Any] = []
        self.bad: set[Any] = set()
        self.worse: dict[Any, Exception] = {}
        self.meet: threading.Barrier | None = None

        @action("work")
        def work(ctx: Context, *, on: Any = None) -> None:
            if self.meet is not None:
                self.meet.wait(10)
            if on in self.worse:
                raise self.worse[on]
            if on in self.bad:
                raise ActionError(f"{on} is bad")
            self.done.append(on)

        project.offer(work)


LOOP = """
    name: n
    steps:
      - id: all
        for_each: %s
        %s
        do: [{id: w, uses: work, with: {on: "${{ item }}"}}]
    outputs: {count: "${{ steps.all.count }}", ok: "${{ steps.all.ok }}", already: "${{ steps.all.already }}"}
"""


def loop(items: str, more: str = "") -> str:
    return LOOP % (items, more)


# -- what is looped over


@pytest.mark.parametrize(
    "items", ["[1, 2, 3]", "${{ inputs.numbers }}", "inputs.numbers", '"[1, 2] + [3]"', '"${{ [1, 2] + [3] }}"']
)
def test_a_loop_goes_over_a_list_in_its_order(project: Any, items: str) -> None:
    work = Work(project)
    recipe = loop(items).replace("name: n", "name: n\n    inputs: {numbers: {type: list, default: [1, 2, 3]}}", 1)
    assert project.run(recipe).ok
    assert work.done == [1, 2, 3]


def test_a_loop_goes_over_what_an_earlier_step_gave(project: Any) -> None:
    project.shop.fill(3)
    work = Work(project)
    recipe = """
        name: n
        steps:
          - {id: list, uses: list_things}
          - for_each: steps.list.items
            as: thing
            do: [{uses: work, with: {on: "${{ thing.name }}"}}]
    """
    assert project.run(recipe).ok
    assert work.done == ["thing 0", "thing 1", "thing 2"]


def test_a_loop_in_a_loop_goes_over_the_outer_ones_item(project: Any) -> None:
    work = Work(project)
    recipe = """
        name: n
        steps:
          - for_each: [{name: a, parts: [1, 2]}, {name: b, parts: [3]}]
            as: box
            do:
              - for_each: box.parts
                as: part
                do: [{uses: work, with: {on: "${{ box.name }}${{ part }}"}}]
    """
    assert project.run(recipe).ok
    assert work.done == ["a1", "a2", "b3"]


def test_what_is_no_list_fails_with_its_place(project: Any) -> None:
    Work(project)
    recipe = "name: n\nsteps:\n- for_each: [7]\n  do:\n  - for_each: item\n    do: [{uses: work, with: {on: a}}]\n"
    result = project.run(recipe)
    assert "recipe.yaml:5:5: for_each: must be a list, not a whole number" in str(result.error)


def test_work_starts_after_the_first_page(project: Any) -> None:
    shop = project.shop
    shop.fill(12)
    recipe = """
        name: n
        steps:
          - for_each: list_things
            as: thing
            do: [{uses: get_me}]
    """
    assert project.run(recipe).ok
    page = ["GET /things"]
    assert shop.asked == [*page, *["GET /me"] * 5, *page, *["GET /me"] * 5, *page, *["GET /me"] * 2]


def test_a_loop_does_not_keep_its_items_in_memory(project: Any) -> None:
    @action("many")
    def many(ctx: Context, *, count: int) -> Any:
        for number in range(count):
            yield {"id": str(number), "text": "x" * 10_000}

    @action("look")
    def look(ctx: Context, *, text: str) -> None:
        seen.append(len(text))

    seen: list[int] = []
    project.offer(many, look)

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            look = "{uses: look, with: {text: '${{ item.text }}'}}"
            assert project.run(f"{{name: n, steps: [{{for_each: many, with: {{count: {count}}}, do: [{look}]}}]}}").ok
            project.events.clear()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    small, large = peak(100), peak(500)
    assert len(seen) == 610
    assert large - small < 1_500_000, "400 more items of 10 kB each would be 4 MB"


def test_a_limit_ends_the_loop_and_the_listing(project: Any) -> None:
    shop = project.shop
    shop.fill(40)
    work = Work(project)
    result = project.run(loop("list_things", "limit: 7").replace("${{ item }}", "${{ item.name }}"))
    assert result.outputs == {"count": 7, "ok": 7, "already": 0}
    assert work.done == [f"thing {n}" for n in range(7)]
    assert shop.asked == ["GET /things"] * 2


def test_an_empty_list_is_no_mistake(project: Any) -> None:
    Work(project)
    assert project.run(loop('"${{ [] }}"')).outputs == {"count": 0, "ok": 0, "already": 0}


# -- steps of a body


def test_steps_of_a_body_see_each_other_but_not_those_of_another_item(project: Any) -> None:
    seen: list[Any] = []

    @action("keep")
    def keep(ctx: Context, *, value: int) -> dict[str, int]:
        return {"value": value}

    @action("see")
    def see(ctx: Context, *, value: Any) -> None:
        seen.append(value)

    project.offer(keep, see)
    recipe = """
        name: n
        steps:
          - for_each: [1, 2]
            do:
              - {id: first, if: item == 1, uses: keep, with: {value: "${{ item }}"}}
              - {uses: see, with: {value: "${{ steps.first?.value }}"}}
    """
    assert project.run(recipe).ok
    assert seen == [1, None]


def test_items_of_which_no_step_ran_are_skipped(project: Any) -> None:
    Work(project)
    recipe = """
        name: n
        steps:
          - id: all
            for_each: [1, 2, 3]
            do: [{if: item == 2, uses: work}]
        outputs: {ok: "${{ steps.all.ok }}", skipped: "${{ steps.all.skipped }}"}
    """
    assert project.run(recipe).outputs == {"ok": 1, "skipped": 2}


# -- keys


def test_equal_items_are_items_of_their_own(project: Any) -> None:
    work = Work(project)
    assert project.run(loop("[a, b, a, a]")).outputs == {"count": 4, "ok": 4, "already": 0}
    assert work.done == ["a", "b", "a", "a"]


def test_equal_items_are_done_once_where_the_loop_says_so_and_each_is_told(project: Any) -> None:
    work = Work(project)
    result = project.run(loop("[a, b, a, a]", "duplicates: once"))
    assert (result.outputs, work.done) == ({"count": 4, "ok": 2, "already": 0}, ["a", "b"])
    assert result.skipped == (("all", "a#2", "the same as item 1"), ("all", "a#3", "the same as item 1"))


def test_of_an_item_that_a_recipe_gives_a_key_only_the_key_counts(project: Any) -> None:
    work = Work(project)
    items = "[{n: 1, v: a}, {n: 2, v: b}, {n: 1, v: a}]"
    recipe = loop(items, 'key: "${{ item.n }}"').replace("{{ item }}", "{{ item.v }}")
    result = project.run(recipe)
    assert (result.outputs, work.done) == ({"count": 3, "ok": 2, "already": 0}, ["a", "b"])
    assert result.skipped == (("all", "1", "it has the key of item 1"),)


def test_a_thing_that_a_service_lists_twice_is_worked_on_once(project: Any) -> None:
    project.shop.fill(3)
    project.shop.things.append(project.shop.things[0])
    work = Work(project)
    recipe = loop("list_things").replace("{{ item }}", "{{ item.name }}")
    assert project.run(recipe).outputs == {"count": 4, "ok": 3, "already": 1}
    assert work.done == ["thing 0", "thing 1", "thing 2"]


def test_a_dry_run_counts_items_that_come_twice_as_the_real_one_does(project: Any) -> None:
    Work(project)
    assert project.run(loop("[a, b, c, a]"), dry_run=True).outputs == {"count": 4, "ok": 4, "already": 0}


def test_a_loop_that_collects_has_a_row_for_every_item(project: Any) -> None:
    work = Work(project)
    recipe = loop("[a, b, a]", 'collect: {it: "${{ item }}"}').replace("steps.all.already", "steps.all.rows")
    assert project.run(recipe).outputs == {"count": 3, "ok": 3, "already": [{"it": "a"}, {"it": "b"}, {"it": "a"}]}
    assert work.done == ["a", "b", "a"]


def test_a_loops_key_tells_its_items_apart(project: Any) -> None:
    work = Work(project)
    recipe = loop("[{n: 1, v: a}, {n: 2, v: a}, {n: 1, v: b}]", 'key: "${{ item.n }}"').replace(
        "{{ item }}", "{{ item.v }}"
    )
    assert project.run(recipe).outputs["ok"] == 2
    assert work.done == ["a", "a"]


def test_a_key_that_is_neither_text_nor_number_fails_with_its_place(project: Any) -> None:
    Work(project)
    result = project.run(loop("[1]", 'key: "${{ [item] }}"'))
    assert "recipe.yaml:4:5: key: must be text or a whole number, not list" in str(result.error)


# -- side by side


def test_as_many_items_are_at_work_as_are_wanted_and_no_more(project: Any) -> None:
    shop = project.shop
    both = threading.Barrier(3)
    shop.before = lambda method, path, body: (both.wait(10) >= 9 and None) or None
    recipe = "{name: n, steps: [{for_each: [1, 2, 3, 4, 5, 6], parallel: 3, do: [{uses: get_me}]}]}"
    assert project.run(recipe).ok
    assert (shop.most, len(shop.asked)) == (3, 6)


def test_the_listing_does_not_run_ahead_of_the_work(project: Any) -> None:
    listed: list[int] = []
    done: list[int] = []
    ahead: list[int] = []

    @action("numbers")
    def numbers(ctx: Context) -> Any:
        for number in range(50):
            listed.append(number)
            ahead.append(len(listed) - len(done))
            yield number

    @action("note")
    def note(ctx: Context, *, number: int) -> None:
        done.append(number)

    project.offer(numbers, note)
    recipe = "{name: n, steps: [{for_each: numbers, parallel: 4, do: [{uses: note, with: {number: '${{ item }}'}}]}]}"
    assert project.run(recipe).ok
    assert sorted(done) == list(range(50))
    assert max(ahead) <= 5


def test_events_of_items_side_by_side_name_their_own_step(project: Any) -> None:
    work = Work(project)
    work.meet = threading.Barrier(2)
    assert project.run(loop("[a, b, c, d]", "parallel: 2")).ok
    started = [event.step for event in project.events_of("StepStarted")]
    assert sorted(started) == ["all", "all[a].w", "all[b].w", "all[c].w", "all[d].w"]


def test_equal_items_side_by_side_are_each_worked_on(project: Any) -> None:
    work = Work(project)
    assert project.run(loop("[a, a, a, b, a]", "parallel: 4")).outputs == {"count": 5, "ok": 5, "already": 0}
    assert sorted(work.done) == ["a", "a", "a", "a", "b"]


# -- items that fail


@pytest.mark.parametrize("more", ["", "parallel: 3"])
def test_an_item_that_fails_does_not_lose_the_others(project: Any, more: str) -> None:
    work = Work(project)
    work.bad = {2, 4}
    result = project.run(loop("[1, 2, 3, 4, 5]", more))
    assert sorted(work.done) == [1, 3, 5]
    assert (result.status, result.exit_code) == ("failed", 1)
    assert str(result.error).startswith("step all: 2 failed, the first: ")
    assert sorted(result.failed) == [("all", "2", "2 is bad"), ("all", "4", "4 is bad")]
    assert result.counts == {"item": {"failed": 2}}


def test_the_error_of_a_single_failed_item_is_the_steps_error(project: Any) -> None:
    work = Work(project)
    work.bad = {2}
    assert str(project.run(loop("[1, 2]")).error) == "step all: 2: 2 is bad"


def test_what_concerns_everything_ends_the_loop(project: Any) -> None:
    work = Work(project)
    work.worse = {3: RateLimited("slow down", retry_after=9000)}
    result = project.run(loop("range(100)"))
    assert (result.status, result.exit_code) == ("paused", PAUSED)
    assert work.done == [0, 1, 2]


def test_what_concerns_everything_ends_a_loop_side_by_side(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, shutdown = threading.Event(), ThreadPoolExecutor.shutdown
    done: list[int] = []

    def noted(self: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
        ended.set()
        shutdown(self, wait, cancel_futures=cancel_futures)

    @action("work")
    def work(ctx: Context, *, on: int) -> None:
        if on == 3:
            raise RateLimited("slow down", retry_after=9000)
        if on > 3:
            assert ended.wait(10)  # holds the other place until the loop has taken in what became of item 3
        done.append(on)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", noted)
    project.offer(work)
    result = project.run(loop("range(100)", "parallel: 2"))
    assert (result.status, result.exit_code) == ("paused", PAUSED)
    assert sorted(done) in ([0, 1, 2], [0, 1, 2, 4])


def test_what_is_under_way_ends_before_the_loop_does(project: Any) -> None:
    started, finished = threading.Barrier(2), threading.Event()
    ended: list[str] = []

    @action("slow")
    def slow(ctx: Context) -> None:
        started.wait(10)
        finished.wait(10)
        ended.append("slow")

    @action("fatal")
    def fatal(ctx: Context) -> None:
        started.wait(10)
        finished.set()
        raise RateLimited("slow down")

    project.offer(slow, fatal)
    recipe = """
        name: n
        steps:
          - for_each: [1, 2, 3, 4]
            parallel: 2
            do: [{if: item == 1, uses: slow}, {if: item == 2, uses: fatal}]
    """
    assert project.run(recipe).status == "paused"
    assert ended == ["slow"]


def test_an_item_that_was_done_while_another_ended_the_loop_is_not_done_again(project: Any) -> None:
    work = Work(project)
    work.worse = {2: RateLimited("slow down")}
    work.meet = threading.Barrier(2)
    assert project.run(loop("[1, 2]", "parallel: 2")).status == "paused"
    work.worse, work.meet = {}, None
    assert project.resume().outputs == {"count": 2, "ok": 2, "already": 0}
    assert work.done == [1, 2]


def test_a_listing_that_breaks_off_fails_after_its_items_are_done(project: Any) -> None:
    work = Work(project)

    @action("half")
    def half(ctx: Context) -> Any:
        yield from (1, 2)
        raise Unreachable("the line is dead")

    project.offer(half)
    for more in ("", "parallel: 2"):
        work.done.clear()
        result = project.run(loop("half", more))
        assert (str(result.error), sorted(work.done)) == ("the line is dead", [1, 2])


def test_a_body_step_with_on_error_continue_keeps_its_item(project: Any) -> None:
    work = Work(project)
    work.bad = {1}
    recipe = """
        name: n
        steps:
          - id: all
            for_each: [1, 2]
            do:
              - {uses: work, on_error: continue, with: {on: "${{ item }}"}}
              - {uses: work, with: {on: "${{ item * 10 }}"}}
    """
    assert project.run(recipe).ok
    assert work.done == [10, 2, 20]


def test_a_loop_that_failed_can_be_passed_over(project: Any) -> None:
    work = Work(project)
    work.bad = {1}
    recipe = """
        name: n
        steps:
          - {for_each: [1, 2], on_error: continue, do: [{uses: work, with: {on: "${{ item }}"}}]}
          - {uses: work, with: {on: after}}
    """
    assert project.run(recipe).ok
    assert work.done == [2, "after"]


def test_an_item_is_tried_again_by_its_own_steps(project: Any) -> None:
    tries: list[int] = []

    @action("flaky")
    def flaky(ctx: Context, *, on: int) -> None:
        tries.append(on)
        if on == 2 and tries.count(2) == 1:
            raise RateLimited("slow down", retry_after=3)

    project.offer(flaky)
    recipe = """
        name: n
        steps:
          - for_each: [1, 2, 3]
            do: [{uses: flaky, retry: {attempts: 2}, with: {on: "${{ item }}"}}]
    """
    assert project.run(recipe).ok
    assert (tries, project.waits) == ([1, 2, 2, 3], [3])


# -- progress


def test_progress_tells_how_far_the_loop_is(project: Any) -> None:
    work = Work(project)
    work.bad = {3}

    def tick(event: Any) -> None:
        if type(event).__name__ == "StepFinished":
            project.clock.now += 1

    project.run(loop("[1, 2, 3, 4]", "limit: 3"), report=[tick])
    told = [(event.done, event.failed, event.total, event.what) for event in project.events_of("Progress")]
    assert told == [(1, 0, 3, "items"), (2, 0, 3, "items"), (2, 1, 3, "items"), (2, 1, 3, "items")]


# -- the key of an item


def keys_of(project: Any, items: str, value: str = "${{ item }}") -> list[str]:
    """What tells the items of a list apart of which a loop uses ``value``."""
    if not project.plugins:
        Work(project)
    assert project.run(loop(items).replace("${{ item }}", value)).ok
    steps = [event.step for event in project.events if isinstance(event, StepStarted)]
    return [step.removeprefix("all[").removesuffix("].w") for step in steps if "[" in step]


def test_text_and_numbers_are_their_own_keys(project: Any) -> None:
    assert keys_of(project, "[text, 5, true, text]") == ["text", "5", "True", "text#2"]


def test_what_a_service_lists_is_called_by_its_id(project: Any) -> None:
    Work(project)
    project.shop.fill(2)
    assert keys_of(project, "list_things", "${{ item.name }}") == [thing["id"] for thing in project.shop.things]


@pytest.mark.parametrize(
    ("one", "other", "value", "same"),
    [
        ("{x: 1, y: 2}", "{y: 2, x: 1}", "${{ json(item) }}", True),  # the order of fields is nothing
        ("{x: 1, y: 2}", "{x: 1, y: 3}", "${{ item.x }}", True),  # y is not used
        ("{x: 1}", "{x: 1, z: 5}", "${{ item.x }}", True),  # nor is a new column
        ("{x: 1}", "{x: 1, y: null}", "${{ json(item) }}", True),  # an empty one holds nothing
        ("{x: 1}", "{x: 1, y: 5}", "${{ json(item) }}", False),
        ("{x: 1, y: 2}", "{x: 1, y: 3}", "${{ item['x'] + item.y }}", False),
        ("{x: 1, y: 2}", "{x: 1, y: 3}", "${{ item[slice('xy', 0, 1)] }}", False),  # a computed field may be any
        ("{id: 7, name: a, x: 1}", "{id: 7, name: a, x: 2}", "${{ item.x }}", False),  # a table's own id says nothing
    ],
)
def test_an_item_is_what_the_steps_use_of_it(project: Any, one: str, other: str, value: str, same: bool) -> None:
    first, second = keys_of(project, f"[{one}, {other}]", value)
    assert (second == f"{first}#2") is same


def test_conditions_inner_loops_and_what_is_collected_count_as_used_and_names_do_not(project: Any) -> None:
    Work(project)
    recipe = """
        name: n
        steps:
          - for_each: [{a: 1, b: 2, c: [3], d: 4, e: 5, f: 6}]
            as: row
            collect: {d: "${{ row.d }}"}
            do:
              - {name: "${{ row.f }}", if: row.a == 1, uses: work, with: {on: "${{ row.b }}"}}
              - for_each: row.c
                do: [{uses: work, with: {on: "${{ row.e }}"}}]
              - for_each: [{x: 1}]
                as: row
                do: [{uses: work, with: {on: "${{ row.x }}"}}]
    """
    assert project.plan(recipe).steps[0].loop.fields == ("a", "b", "c", "d", "e")


def test_the_key_of_an_item_can_not_be_guessed_from_its_text(project: Any) -> None:
    (first,) = keys_of(project, "[{x: red}]", "${{ item.x }}")
    (second,) = keys_of(project, "[{x: red}]", "${{ item.x }}")
    assert first != second, "each run has a secret of its own"
