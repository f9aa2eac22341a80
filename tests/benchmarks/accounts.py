"""What an account costs in a run that goes through many: the processor's work for two reads each."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes
from tests.benchmarks.runs import go, open_app
from tests.benchmarks.service import child, service

if TYPE_CHECKING:
    from collections.abc import Iterator


def accounts(size: Sizes, folder: Path) -> Iterator[Figure]:
    """CPU of an account in ``all_accounts``, start-up left out."""
    with service(accounts=size.accounts) as there:
        took = child("accounts", folder, environ=there.environ)
        reads = [count for call, count in there.asked().items() if call in ("GET /v5/user_account", "GET /v5/boards")]
        if reads != [size.accounts] * 2:
            raise SystemExit(f"{size.accounts} accounts were to be read twice: {there.asked()}")
    name = f"{size.accounts} accounts through all_accounts"
    yield Figure(name, took["cpu"] / size.accounts * 1000, "ms of CPU an account", 3.3)


def run_accounts(folder: str) -> int:
    """Go through the accounts; the seconds of CPU that the run took."""
    from pinflow.recipe.bundled import find_recipe

    app = open_app(Path(folder) / "state")
    plan = app.plan(find_recipe(Path("recipes/all_accounts.yaml")), inputs={})
    began = time.process_time()
    go(app, plan)
    print(json.dumps({"cpu": time.process_time() - began}))
    return 0
