"""Daemons on one store, killed at each state change: no occurrence runs twice, and none is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow.clock import Clock
from pinflow.scheduling.jobs import job_of
from pinflow.scheduling.rules import times_between
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.folder.schedule import FolderSchedule

if TYPE_CHECKING:
    from tests.scheduling.rig import Rig

pytestmark = pytest.mark.slow

FULL = bool(os.environ.get("PINFLOW_FULL"))
SETTINGS = [(16, 90.0, seed) for seed in range(3)] if FULL else [(5, 9.0, 1)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("daemons", "seconds", "seed"), SETTINGS)
def test_none_is_lost_and_none_runs_twice(rig: Rig, tmp_path: Path, daemons: int, seconds: float, seed: int) -> None:
    shop = rig.project.shop
    (tmp_path / "shop").write_text(shop.url, "utf-8")
    for name in ("a", "b", "c"):
        rig.project.write(
            f"""
            name: {name}
            api: v1
            schedule: {{every: minute, missed: all, overlap: queue}}
            auth: {{main: {{token: {name}}}}}
            steps: [uses: mark]
            """,
            f"{name}.yaml",
        )
    words = ["-m", "tests.scheduling.killed", str(tmp_path), str(daemons), str(seconds), str(seed)]
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert sum(said["killed"].values()) >= (60 if FULL else 3), said

    with closing(FolderSchedule(tmp_path / "state", owner="reader")) as store:
        rows, job_rows = store.occurrences.history(number=100_000), store.jobs.all()
    runs_store = FolderRuns(tmp_path / "state", Clock())
    # every time has its row, each row an end, and each end its run
    for job_row in job_rows.values():
        dues = {row.due for row in rows if row.job == job_row.name}
        assert dues == set(times_between(job_of(job_row).rule, job_row.anchor, job_row.anchor, job_row.seen))
        assert len(dues) >= seconds * 0.5
    assert {row.state for row in rows} == {"done"}, [
        (row.state, row.reason, *((run.state, run.error) for run in runs_store.list() if run.id == row.run))
        for row in rows
        if row.state != "done"
    ][:3]
    runs = [row.run for row in rows]
    assert len(runs) == len(set(runs))
    # a run made what it had to make, once; and there is no other
    assert sorted(shop.names()) == sorted(runs)
    begun = [run for run in runs_store.list() if run.state != "unreadable"]
    assert sorted(run.id for run in begun) == sorted(runs)
    assert {run.state for run in begun} == {"ok"}
    print(f"{daemons} daemons, {said['lives']} lives, kills {said['killed']}, {len(rows)} occurrences")
