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

import yaml
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROJECT = Path(__file__).parents[2]
SEED = 20261130
NUMBER = 300
MOST_ALIVE = 0.05

# module or folder -> the tests that are meant to notice a mistake in it, the quickest first
SUITES: dict[str, tuple[str, ...]] = {
    f"pinflow/{place}": tuple(f"tests/{name}.py" for name in names)
    for place, names in {
        **{
            f"engine/{name}.py": ("core/test_parallel", "core/test_durable", "core/test_loops", "core/test_resume")
            for name in ("durable", "each_run", "effect_runner", "parallel")
        },
        "engine/loops.py": ("core/test_loops", "core/test_accounts", "core/test_resume"),
        "expressions": ("core/test_expressions", "core/test_plan"),
        "http/rate_limit_headers.py": ("core/test_rate_limit_headers", "core/test_rate_limiter"),
        "http/rate_limiter.py": ("core/test_rate_limiter", "core/test_usage", "core/test_client"),
        "http/retry.py": ("core/test_retry", "core/test_client"),
        "state/folder/token_bucket.py": ("core/test_rate_limiter", "core/test_usage"),
        "scheduling/rules.py": ("scheduling/test_rules", "scheduling/test_scheduler"),
    }.items()
}
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
        return " / ".join(removed), " / ".join(added)

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


def tests_for(file: str) -> tuple[str, ...]:
    """The tests that are meant to notice a mistake in a file."""
    return next(tests for place, tests in SUITES.items() if file == place or file.startswith(f"{place}/"))


class Bench:
    """Copies of the project, one for each worker, in which a file can be changed and tested."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._free: Queue[Path] = Queue()
        for number in range(workers):
            copy = folder / str(number) / "project"
            shutil.copytree(PROJECT, copy, ignore=lambda _, names: LEFT_OUT.intersection(names))
            self._free.put(copy)

    def is_noticed(self, mutant: Mutant) -> bool:
        """Whether a test fails, or does not end, with this change. Each file of tests runs only if none before did."""
        copy = self._free.get()
        target = copy / mutant.file
        original = target.read_text("utf-8")
        try:
            target.write_text(mutant.code(), "utf-8")
            return any(not passes(copy, tests) for tests in tests_for(mutant.file))
        finally:
            target.write_text(original, "utf-8")
            self._free.put(copy)


def passes(folder: Path, tests: str) -> bool:
    """Whether a file of tests passes in a copy of the project."""
    paths = [str(folder), str(folder / "common"), str(folder / "plugins")]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", tests]
    try:
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=300)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main(argv: Sequence[str] | None = None) -> int:
    """Draw, test, report; 1 if too many are alive."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--number", type=int, default=NUMBER, help=f"how many mutants (default: {NUMBER})")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", metavar="PATH", help="only mutants of files that begin so")
    args = parser.parse_args(argv)
    every = [mutant for mutant in mutants() if mutant.file.startswith(args.only)]
    drawn = draw(every, args.number, args.seed)
    entries = yaml.safe_load((Path(__file__).parent / "equivalent.yaml").read_text("utf-8")) or []
    equivalent = {(entry["file"], entry["before"], entry["after"]) for entry in entries}
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), args.workers)
        wrong = sorted({tests for mutant in drawn for tests in tests_for(mutant.file)})
        if failing := [tests for tests in wrong if not passes(Path(folder) / "0" / "project", tests)]:
            print("these fail without any change:", *failing)
            return 2
        began = time.monotonic()
        with ThreadPoolExecutor(args.workers) as pool:
            noticed = list(pool.map(bench.is_noticed, drawn))
    alive = [mutant for mutant, seen in zip(drawn, noticed, strict=True) if not seen]
    excused = [mutant for mutant in alive if (mutant.file, *mutant.change()) in equivalent]
    left = [mutant for mutant in alive if mutant not in excused]
    for mutant in left:
        print(mutant)
    counted = len(drawn) - len(excused)
    print(
        f"{len(every)} mutants, {len(drawn)} drawn by seed {args.seed}, {len(excused)} equivalent, "
        f"{len(left)} of {counted} alive ({len(left) / max(counted, 1):.1%}), {time.monotonic() - began:.0f} s"
    )
    return int(len(left) > MOST_ALIVE * counted)


if __name__ == "__main__":
    sys.exit(main())
