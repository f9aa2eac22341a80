"""What keeping to the quotas costs a call, with the pages that all processes share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST = 300  # microseconds


def pacing(size: Sizes, folder: Path) -> Iterator[Figure]:
    """The processor's time from asking for a turn to telling that it is done, for a call that need not wait."""
    from pinflow.http.api import Quota
    from pinflow.http.rate_limiter import UNIVERSAL, Pacer
    from pinflow.state.folder.usage import Ledger

    ledger = Ledger(folder / "quota")
    quotas = {UNIVERSAL: Quota(10 * size.calls, 1), "write": Quota(10 * size.calls, 60)}
    pacer = Pacer(
        quotas,
        monotonic=time.monotonic,
        clock=time.time,
        sleep=time.sleep,
        book=ledger.of("v5", "https://api.example.com"),
    )
    headers = {
        "x-ratelimit-limit": f"{quotas['write'].limit}, {quotas['write'].limit};w=60",
        "x-ratelimit-remaining": str(9 * size.calls),
        "x-ratelimit-reset": "30",
    }
    pacer.open("me", ["write"])
    began = time.process_time()
    for _ in range(size.calls):
        pacer.done(pacer.enter("me", "write", patience=0), headers)
    spent = time.process_time() - began
    ledger.close()
    yield Figure("pacing: a call, of a shared quota", spent / size.calls * 1e6, "us of CPU", MOST)
