"""What pinflow costs, mostly as ratios that repeat: from start-up to ten thousand scheduled recipes.

    python -m tests.benchmarks.bench [--quick] [--against COMMIT] [PART ...]

Both sides of a ratio are measured in turns, pair by pair, and the median of the pairs' ratios counts. The service is
the sandbox, in a process of its own, without quotas; what it was asked is counted, so that a fast run that lost or
doubled something is an error and no figure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.accounts import accounts, run_accounts
from tests.benchmarks.calls import checks
from tests.benchmarks.copies import copies, run_copies
from tests.benchmarks.engine import engine, run_engine
from tests.benchmarks.journal import journal
from tests.benchmarks.kept_runs import kept_runs
from tests.benchmarks.measuring import SIZES, Figure, Sizes
from tests.benchmarks.memory import memory, run_copy
from tests.benchmarks.pacing import pacing
from tests.benchmarks.rows import rows
from tests.benchmarks.sandbox import sandbox
from tests.benchmarks.scheduling import run_schedule, scheduling
from tests.benchmarks.service import serve
from tests.benchmarks.starting import start_up
from tests.benchmarks.writes import run_writes, writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PARTS: Mapping[str, Callable[[Sizes, Path], Iterator[Figure]]] = {
    "start": start_up,
    "kept": kept_runs,
    "calls": checks,
    "engine": engine,
    "accounts": accounts,
    "rows": rows,
    "writes": writes,
    "copies": copies,
    "memory": memory,
    "journal": journal,
    "pacing": pacing,
    "sandbox": sandbox,
    "schedule": scheduling,
}
CHILDREN: Mapping[str, Callable[..., int]] = {
    "serve": serve,
    "accounts": run_accounts,
    "engine": run_engine,
    "writes": run_writes,
    "copies": run_copies,
    "copy": run_copy,
    "schedule": run_schedule,
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench", description="Measure pinflow.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure (default: all): {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller: about four minutes")
    parser.add_argument("--size", choices=SIZES, default="full", help="how much of everything (default: full)")
    parser.add_argument("--against", metavar="COMMIT", default="", help="compare rows with the project at this commit")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        name, *rest = args.child
        return CHILDREN[name](*rest)
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    size = replace(SIZES["quick" if args.quick else args.size], against=args.against)
    with tempfile.TemporaryDirectory(prefix="pinflow-bench-") as folder:
        for part in args.parts or PARTS:
            for figure in PARTS[part](size, Path(folder)):
                print(figure, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
