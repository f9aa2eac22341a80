"""Loops of every action that writes, over a table, and what they must come to: what undisturbed ones come to."""

from __future__ import annotations

import csv
import json
import os
import time as machine_time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.recipe import bundled
from pinflow_sandbox.control.faults import FaultProfile
from pinflow_sandbox.world import boards, pins
from pinflow_sandbox.world.records import PinContent, numbered_content
from tests.faults.conftest import NOON, STUDIO
from tests.faults.programs import MODULES, OK, UNKNOWN, Kill, Program, serve, watch
from tests.faults.shared_time import SharedTime

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pinflow.app import App
    from pinflow_sandbox import Sandbox
    from tests.faults.conftest import Service

ROWS = 10
SOURCE, TARGET = "Source", "Target"
SHADOW = 301.0  # seconds after which a person may say that something was not made
PROCESSES = 40  # of one run, until it counts as one that can't be finished
ENDS = (-9, OK, 1, UNKNOWN)  # killed; done; something failed, such as a read that was answered with 503; not known
LOG = os.environ.get("PINFLOW_FAULTS_LOG")
LONGEST_LATE = 55.0  # seconds until what is applied late is listed; what takes a minute needs not be exact
YEAR = 365 * 86_400.0  # seconds
# one request in ten
FAULTS = dict.fromkeys(("error_before", "error_after", "reset_before", "reset_after", "truncated"), 0.02)

Thing = tuple[object, ...]  # all that two worlds have in common of a Pin, a section or a board
Source = tuple[int, str]  # what a thing is made of: the number of a row, and a step


# -- what is run

TEXTS: Mapping[str, Callable[[int], str]] = {
    "distinct": lambda number: f"Title {number}",
    "equal": lambda number: "The same",
    "absent": lambda number: "",
}


def _new_pin(number: int, texts: str) -> Mapping[str, str]:
    """Where texts are equal, each second row is the row before it once more."""
    image = number // 2 if texts == "equal" else number
    return {"title": TEXTS[texts](number), "image_url": f"https://example.com/{image}.jpg"}


def _saved_pin(number: int, texts: str) -> Mapping[str, str]:
    return {"pin": str(number // 2 if texts == "equal" else number)}


def _changed_pin(number: int, texts: str) -> Mapping[str, str]:
    return {"pin": str(number), "title": TEXTS[texts](number), "description": f"{0 if texts == 'equal' else number}"}


def _deleted_pin(number: int, texts: str) -> Mapping[str, str]:
    return {"pin": str(number)}


def _new_section(number: int, texts: str) -> Mapping[str, str]:
    return {"name": f"Section {number}"}


def _mixed(number: int, texts: str) -> Mapping[str, str]:
    return {**_new_pin(number, texts), **_saved_pin(number, texts)}


@dataclass(frozen=True)
class LoopKind:
    """A loop over a table. ``row`` makes the number-th row, given what texts are; "pin" in it is a number too."""

    row: Callable[[int, str], Mapping[str, str]]
    steps: Sequence[str] = ()  # actions and their arguments, in YAML
    bundled: str = ""  # the recipe that comes with pinflow, in place of steps

    def recipe(self, parallel: int) -> str:
        if self.bundled:
            text = (bundled.bundled_recipes() / f"{self.bundled}.yaml").read_text("utf-8")
            return text.replace("    duplicates: once\n", f"    duplicates: once\n    parallel: {parallel}\n")
        steps = "".join(f"      - {{id: step{number}, uses: {step}}}\n" for number, step in enumerate(self.steps))
        return f"""
name: A loop
api: v5
inputs:
  file: {{type: file, required: true}}
  board: {{type: board, required: true}}
steps:
  - id: board
    uses: get_board
    with:
      board: ${{{{ inputs.board }}}}
  - id: pins
    for_each: read_csv
    with:
      path: ${{{{ inputs.file }}}}
    as: row
    parallel: {parallel}
    do:
{steps}"""


_BOARD = 'board: "${{ steps.board.id }}"'
_CREATE = f'create_pin, with: {{{_BOARD}, title: "${{{{ row.title }}}}", image_url: "${{{{ row.image_url }}}}"}}'
_SAVE = f'save_pin, with: {{{_BOARD}, pin: "${{{{ row.pin }}}}"}}'
_UPDATE = (
    'update_pin, with: {pin: "${{ row.pin }}", title: "${{ row.title ?? \'\' }}", '
    'description: "${{ row.description }}"}'
)
KINDS: Mapping[str, LoopKind] = {
    "create_pin": LoopKind(_new_pin, [_CREATE]),
    "create_pins": LoopKind(_new_pin, bundled="create_pins"),
    "save_pin": LoopKind(_saved_pin, [_SAVE]),
    "create and save": LoopKind(_mixed, [_CREATE, _SAVE]),
    "update_pin": LoopKind(_changed_pin, [_UPDATE]),
    "update_pin twice": LoopKind(
        _changed_pin, ['update_pin, with: {pin: "${{ row.pin }}", title: First, description: First}', _UPDATE]
    ),
    "delete_pin": LoopKind(_deleted_pin, ['delete_pin, with: {pin: "${{ row.pin }}"}']),
    "create_board": LoopKind(_new_section, ['create_board, with: {name: "${{ row.name }}"}']),
    "create_section": LoopKind(_new_section, [f'create_section, with: {{{_BOARD}, name: "${{{{ row.name }}}}"}}']),
}


# -- the world


def fill(texts: str, sandbox: Sandbox) -> None:
    """Two boards with Pins: those of the first are saved, changed and deleted, the second gets what is made."""
    world = sandbox.world
    world.clear(1)
    world.add_account(STUDIO)
    for name, number_of_pins in ((SOURCE, 2 * ROWS + 2), (TARGET, 3)):
        board = boards.add_board(world, STUDIO, name, created=NOON - 1e6)
        for number in range(number_of_pins):
            slots = numbered_content(number + (1000 if name == TARGET else 0)).slots
            content = PinContent("image", slots, title=TEXTS[texts](number) or None)
            pins.add_pin(world, board, content, created=NOON - 1e6 + 60 * number)


def things(service: Service, before: Collection[str] = ()) -> dict[str, Thing]:
    """All that there is, by id; what was there ``before`` is told by its id too."""
    found: dict[str, Thing] = {}
    service.touch()
    for board in service.ask("GET", "state")["boards"]:
        found[board["id"]] = ("board", board["name"])
        names = {section["id"]: section["name"] for section in board["sections"]}
        found |= {id_: ("section", board["name"], name) for id_, name in names.items()}
        for pin in board["pins"]:
            texts = tuple(pin[name] or "" for name in ("title", "description", "link", "alt_text"))
            place = (board["name"], names.get(pin["section_id"], ""))
            own = pin["id"] if pin["id"] in before else ""
            found[pin["id"]] = ("pin", own, *place, *texts, *pin["media"], pin["parent_pin_id"])
    return found


# -- a loop, from its start to its end


@dataclass
class Loop:
    """One loop of one program, from its start to its end."""

    program: Program
    kind: LoopKind
    recipe: str
    table: str
    before: Collection[str]  # what was there
    rows: Mapping[Source, Thing]  # what is to be made of each row, if something is
    run_id: str = ""
    answers: list[str] = field(default_factory=list)  # what a person had to say
    codes: list[int] = field(default_factory=list)

    def words(self) -> list[str]:
        """The next command."""
        if not self.run_id:
            return ["run", self.recipe, "-i", f"file={self.table}", "-i", f"board={TARGET}", "--yes", "-q"]
        return ["resume", self.run_id, "--yes", "-q"]

    def is_over(self) -> bool:
        """Whether it is done: by a wrong clock that may be long ago, and its run forgotten."""
        return self.program.is_over(self.run_id, self.codes[-1] == OK) if self.run_id else False

    def made_ids(self) -> list[str]:
        """The ids that its run knows."""
        return [id_ for _, _, id_ in self.program.effects(self.run_id)] if self.run_id else []

    def ended(self, code: int, claimed: Collection[str] = ()) -> list[str]:
        """Take in how a process ended. What a person says before the next: the truth."""
        self.codes.append(code)
        if not self.run_id:
            self.run_id = self.program.run_of(self.recipe)
        if code != UNKNOWN:
            return []
        said = self._truth(claimed)
        self.answers += said
        if "--not-made" in said:
            self.program.time.sleep(SHADOW)
        return said

    def _truth(self, claimed: Collection[str]) -> list[str]:
        effects = self.program.effects(self.run_id)
        open_paths = [path for path, state, _ in effects if state in ("intent", "doubt")]
        if not open_paths or not self.rows:
            return []
        taken = {id_ for _, _, id_ in effects} | set(self.before) | set(claimed)
        there = {id_: thing for id_, thing in things(self.program.service, self.before).items() if id_ not in taken}
        numbers = self.program.rows_of(self.run_id)
        said = []
        for path in open_paths:
            made = next((id_ for id_, thing in there.items() if thing == self.rows[source_of(path, numbers)]), None)
            item = path if len(self.kind.steps) > 1 else item_of(path)
            if made is None:
                said += ["--not-made", item]
            else:
                del there[made]
                said += ["--made", f"{item}={made}"]
        return said


def item_of(path: str) -> str:
    """The key of the item in the path of a step in the loop."""
    return path.partition("[")[2].partition("]")[0]


def source_of(path: str, numbers: Mapping[str, int]) -> Source:
    """What a write is about, by the path of its step and the numbers of the items."""
    return numbers[item_of(path)], path.rpartition(".")[2]


def write_table(kind: LoopKind, texts: str, path: Path, sources: Sequence[str], first: int = 0) -> None:
    """The table of a loop, from the ``first`` row on; ``sources`` are the Pins that its rows are about."""
    rows = [dict(kind.row(number, texts)) for number in range(first, first + ROWS)]
    for row in rows:
        if "pin" in row:
            row["pin"] = sources[int(row["pin"])]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["n", *rows[0]])
        writer.writeheader()
        writer.writerows({"n": number, **row} for number, row in enumerate(rows))


def make_loop(
    program: Program,
    kind: LoopKind,
    texts: str,
    parallel: int,
    rows: Mapping[Source, Thing],
    *,
    name: str = "loop",
    first: int = 0,
) -> Loop:
    """A loop that has not begun, in files of this name in the folder of its program."""
    (recipe := program.folder / f"{name}.yaml").write_text(kind.recipe(parallel), "utf-8")
    state = program.service.ask("GET", "state")["boards"]
    (source,) = [[pin["id"] for pin in board["pins"]] for board in state if board["name"] == SOURCE]
    write_table(kind, texts, table := program.folder / f"{name}.csv", source, first)
    return Loop(program, kind, str(recipe), str(table), set(things(program.service)), rows)


@dataclass(frozen=True)
class Undisturbed:
    """What a loop comes to where nothing goes wrong, and how long it takes."""

    world: Counter[Thing]
    rows: Mapping[Source, Thing]  # what was made of each row
    shared: float
    machine: float


def undisturbed(installed: App, folder: Path, name: str, texts: str, parallel: int, first: int = 0) -> Undisturbed:
    """Run a loop in a world of its own."""
    kind, time = KINDS[name], SharedTime()
    with serve(time, folder, partial(fill, texts)) as service:
        program = Program(installed, service, folder, time)
        loop = make_loop(program, kind, texts, parallel, {}, first=first)
        shared, machine = time.now(), machine_time.monotonic()
        code = program(*loop.words())
        assert code == OK, program.story
        for module in (folder / MODULES).read_text("utf-8").split():
            with suppress(ImportError):  # later processes have them
                import_module(module)
        shared, machine = time.now() - shared, machine_time.monotonic() - machine
        loop.ended(code)
        after, numbers, rows = things(service, loop.before), program.rows_of(loop.run_id), {}
        for path, _, id_ in program.effects(loop.run_id):
            if id_ in after and id_ not in loop.before:
                rows[source_of(path, numbers)] = after[id_]
        return Undisturbed(Counter(after.values()), rows, shared, machine)


def finish(loops: Sequence[Loop], chance: random.Random, usual: Undisturbed, *, kills: int, shifts: bool) -> None:
    """Run loops side by side, and kill and resume each until it is over.

    ``kills`` are those of each; with ``shifts`` each process has another clock. Raises AssertionError where one can't
    be finished.
    """
    left, said = {id(loop): kills for loop in loops}, {id(loop): list[str]() for loop in loops}
    for _ in range(PROCESSES):
        if not (going := [loop for loop in loops if not loop.is_over()]):
            return
        processes, deaths = [], []
        for loop in going:
            loop.program.shift = chance.uniform(-YEAR, YEAR) if shifts else 0.0
            deaths.append(draw_kill(chance, usual) if left[id(loop)] else None)
            left[id(loop)] -= deaths[-1] is not None
            processes.append(loop.program.start(*loop.words(), *said[id(loop)]))
        watch(processes, deaths, loops[0].program.time)
        codes = [loop.program.end(process, kill) for loop, process, kill in zip(going, processes, deaths, strict=True)]
        claimed: list[str] = []
        for loop, code in zip(going, codes, strict=True):
            assert code in ENDS, loop.program.tell(f"exit code {code}")
            taken = [id_ for other in loops if other is not loop for id_ in other.made_ids()]
            said[id(loop)] = loop.ended(code, [*claimed, *taken])
            claimed += [word.rpartition("=")[2] for word in said[id(loop)]]
        if min(codes) < 0:
            loops[0].program.time.sleep(chance.choice((0.0, 1.0, 30.0, 100.0)))
    raise AssertionError(loops[0].program.tell("it can't be finished"))


def draw_kill(chance: random.Random, usual: Undisturbed) -> Kill:
    """A random moment; three of four are between requests."""
    if chance.random() < 0.25:
        return Kill(None, chance.uniform(0.0, 1.2 * usual.machine))
    return Kill(chance.uniform(0.0, 1.1 * usual.shared), chance.uniform(0.0, 0.008))


def draw_faults(chance: random.Random, seed: int) -> tuple[FaultProfile | None, float]:
    """Lost answers in one request of ten, some applied late, and how much listings lag; in one of four worlds none."""
    if chance.random() < 0.25:
        return None, 0.0
    lag = chance.choice((0.0, 10.0, 30.0))
    late = chance.choice((0.0, LONGEST_LATE - lag))
    rates: dict[str, Any] = {**FAULTS, "late": 0.02} if late else FAULTS
    return FaultProfile(seed=seed, **rates, late_seconds=late), lag


def differences(found: Counter[Thing], wanted: Counter[Thing]) -> str:
    """What of a world is not as it must be."""
    lost, doubled = wanted - found, found - wanted
    return "".join(f"\n  lost {thing}" for thing in lost.elements()) + "".join(
        f"\n  too much {thing}" for thing in doubled.elements()
    )


def log(**facts: Any) -> None:
    """Write down what a story came to, where PINFLOW_FAULTS_LOG names a file."""
    if LOG:
        with Path(LOG).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(facts)}\n")
