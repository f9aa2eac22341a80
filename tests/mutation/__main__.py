"""Mutation testing: does some test fail when the code is a little wrong?

Run as ``python -m tests.mutation`` in a checkout with ``pip install -e '.[dev,mutation]'``. It draws mutants of the
modules in `SUITES` by a fixed seed, runs the tests that are meant to notice each, and prints those that nothing
noticed. Mutants that change nothing that anybody could see are listed with the reason in ``equivalent.yaml``.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROJECT = Path(__file__).parents[2]
SEED = 20261130
NUMBER = 300
MOST_ALIVE = 0.05

# module or folder -> the tests that are meant to notice a mistake in it, the quickest first
SUITES: dict[str, tuple[str, ...]] = {
    f"pinflow/{place}": tuple(f"tests/{name}.py" for name in names)
    for place, names in {
        **{
            f"engine/{name}.py": ("core/test_durable", "core/test_loops")
            for name in ("durable", "each_run", "effect_runner")
        },
        "engine/loops.py": ("core/test_loops", "core/test_accounts"),
        "engine/parallel.py": ("core/test_parallel", "core/test_durable", "core/test_loops"),
        "expressions": ("core/test_expressions", "core/test_templates", "core/test_plan"),
        "http/rate_limit_headers.py": ("core/test_rate_limit_headers", "core/test_rate_limiter"),
        "http/rate_limiter.py": ("core/test_rate_limiter", "core/test_usage"),
        "http/retry.py": ("core/test_retry",),
        "state/folder/token_bucket.py": ("core/test_rate_limiter", "core/test_usage"),
        "scheduling/rules.py": ("scheduling/test_rules", "scheduling/test_policy"),
    }.items()
}
TEST_TIMEOUT = 60  # seconds for one test: the slowest takes 13 on a busy machine, and a mutant may loop for ever
IN_MEMORY = Path("/dev/shm")  # where there is one: the state's tests wait for the disk three quarters of their time
LEFT_OUT = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One small change to one file."""

    file: str
    line: int
    column: int
    operator: str
    occurrence: int

    def code(self) -> str:
        """The whole text of the file with the change."""
        text = (PROJECT / self.file).read_text("utf-8")
        return str(mutate_code(text, get_operator(self.operator)(), self.occurrence))

    def change(self) -> tuple[str, str]:
        """The changed lines as they are, and as they would be."""
        before = (PROJECT / self.file).read_text("utf-8").splitlines()
        lines = list(difflib.unified_diff(before, self.code().splitlines(), n=0, lineterm=""))[3:]
        removed, added = ([line[1:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
        return " / ".join(filter(None, removed)), " / ".join(filter(None, added))

    def is_same(self) -> bool:
        """Whether it compares with None, or a class, by ``==`` in place of ``is``."""
        before, _ = self.change()
        spells = self.operator.endswith(("_Is_Eq", "_IsNot_NotEq")) and before.count(" is ") == 1
        return spells and re.search(r"type\(\w+\) is |is (not )?None\b", before) is not None

    def __str__(self) -> str:
        before, after = self.change()
        return f"{self.file}:{self.line} {self.operator.removeprefix('core/')}\n    - {before}\n    + {after}"


def mutants() -> list[Mutant]:
    """Every mutant of every module, in a fixed order. What is only there for types is left alone: it is never run."""
    found: list[Mutant] = []
    for place in SUITES:
        files = sorted((PROJECT / place).rglob("*.py")) if (PROJECT / place).is_dir() else [PROJECT / place]
        for path in files:
            text = path.read_text("utf-8")
            unseen = list(_places_for_types(ast.parse(text)))
            tree = get_ast(text)
            for name in operator_names():
                operator = get_operator(name)
                if operator.arguments():
                    continue
                positions = [start for node in ast_nodes(tree) for start, _ in operator().mutation_positions(node)]
                for occurrence, (line, column) in enumerate(positions):
                    if not any(_holds(node, line, column) for node in unseen):
                        found.append(Mutant(path.relative_to(PROJECT).as_posix(), line, column, name, occurrence))
    return sorted(found)


def _holds(node: Any, line: int, column: int) -> bool:
    return bool((node.lineno, node.col_offset) <= (line, column) < (node.end_lineno, node.end_col_offset))


def _places_for_types(tree: ast.AST) -> Iterator[ast.AST]:
    """What only a type checker reads: annotations, imports for types, and what a dataclass is declared to be."""
    for node in ast.walk(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield node
            case ast.AnnAssign():
                yield node.annotation
            case ast.arg(annotation=ast.AST() as annotation):
                yield annotation
            case ast.FunctionDef(returns=ast.AST() as returns):
                yield returns
            case ast.ClassDef():
                yield from node.decorator_list


def draw(every: Sequence[Mutant], number: int, seed: int) -> list[Mutant]:
    """So many mutants, each at a place of its own: an operator that could be many others counts as one place."""
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for mutant in every:
        places.setdefault((mutant.file, mutant.line, mutant.column), []).append(mutant)
    chance = random.Random(seed)
    drawn = chance.sample(sorted(places), min(number, len(places)))
    return sorted(chance.choice(places[place]) for place in drawn)


def listed(every: Sequence[Mutant], output: str) -> list[Mutant]:
    """The mutants that an earlier run printed, wherever their lines are now."""
    changes = set(re.findall(r"^(\S+):\d+ (\S+)\n    - (.*)\n    \+ (.*)$", output, re.MULTILINE))
    operators = {(file, operator) for file, operator, _, _ in changes}
    possible = [mutant for mutant in every if (mutant.file, mutant.operator.removeprefix("core/")) in operators]
    return [m for m in possible if (m.file, m.operator.removeprefix("core/"), *m.change()) in changes]


def tests_for(file: str) -> tuple[str, ...]:
    """The tests that are meant to notice a mistake in a file."""
    return next(tests for place, tests in SUITES.items() if file == place or file.startswith(f"{place}/"))


class Bench:
    """Copies of the project, one for each worker, in which a file can be changed and tested."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._workers = workers
        self._free: Queue[Path] = Queue()
        self._first = folder / "0" / "project"
        shutil.copytree(PROJECT, self._first, ignore=lambda _, names: LEFT_OUT.intersection(names))

    def failing(self, tests: Sequence[str]) -> list[str]:
        """Which tests fail without any change. Their bytecode stays: compiling takes longer than most mutants live."""
        with ThreadPoolExecutor(self._workers) as pool:
            passed = pool.map(lambda path: passes(self._first, path, settings={"PYTHONDONTWRITEBYTECODE": ""}), tests)
            return [path for path, ok in zip(tests, passed, strict=True) if not ok]

    def open(self) -> None:
        """Make the copies."""
        self._free.put(self._first)
        for number in range(1, self._workers):
            copy = self._first.parents[1] / str(number) / "project"
            shutil.copytree(self._first, copy)
            self._free.put(copy)

    def is_noticed(self, mutant: Mutant) -> bool:
        """Whether a test fails, or does not end, with this change: examples before properties, the quickest first."""
        copy = self._free.get()
        target = copy / mutant.file
        original = target.read_text("utf-8")
        try:
            target.write_text(mutant.code(), "utf-8")
            tests = tests_for(mutant.file)
            examples = all(passes(copy, path, "-m", "not hypothesis") for path in tests)
            return not (examples and passes(copy, *tests, "-m", "hypothesis"))
        finally:
            target.write_text(original, "utf-8")
            self._free.put(copy)


def passes(folder: Path, *tests: str, settings: Mapping[str, str] | None = None) -> bool:
    """Whether tests (arguments of pytest) pass in a copy of the project, or there are none."""
    paths = [str(folder), str(folder / "common"), str(folder / "plugins")]
    own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder.parent)}
    environ = {**os.environ, **own, **(settings or {})}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += [f"--timeout={TEST_TIMEOUT}", *tests]
    try:
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=300)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode in (0, pytest.ExitCode.NO_TESTS_COLLECTED)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw, test, report; 1 if too many are alive."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--number", type=int, default=NUMBER, help=f"how many mutants (default: {NUMBER})")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", metavar="PATH", help="only mutants of files that begin so")
    parser.add_argument("--again", type=Path, metavar="FILE", help="only those that an earlier run printed to FILE")
    args = parser.parse_args(argv)
    every = [mutant for mutant in mutants() if mutant.file.startswith(args.only)]
    drawn = listed(every, args.again.read_text("utf-8")) if args.again else draw(every, args.number, args.seed)
    entries = yaml.safe_load((Path(__file__).parent / "equivalent.yaml").read_text("utf-8")) or []
    equivalent = {(entry["file"], entry["before"], entry["after"]) for entry in entries}
    left: list[Mutant] = []
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        bench = Bench(Path(folder), args.workers)
        if failing := bench.failing(sorted({tests for mutant in drawn for tests in tests_for(mutant.file)})):
            print("these fail without any change:", *failing)
            return 2
        bench.open()
        began = time.monotonic()
        excused = [mutant for mutant in drawn if mutant.is_same() or (mutant.file, *mutant.change()) in equivalent]
        tested = [mutant for mutant in drawn if mutant not in excused]
        with ThreadPoolExecutor(args.workers) as pool:
            for mutant, noticed in zip(tested, pool.map(bench.is_noticed, tested), strict=True):
                if not noticed:
                    left.append(mutant)
                    print(mutant, flush=True)
    counted = len(tested)
    print(
        f"{len(every)} mutants, {len(drawn)} drawn by seed {args.seed}, {len(excused)} equivalent, "
        f"{len(left)} of {counted} alive ({len(left) / max(counted, 1):.1%}), {time.monotonic() - began:.0f} s"
    )
    return int(len(left) > MOST_ALIVE * counted)


if __name__ == "__main__":
    sys.exit(main())
