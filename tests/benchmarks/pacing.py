"""What keeping to the quotas costs a call, with the counters that all processes share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST = 300  # microseconds


def pacing(size: Sizes, folder: Path) -> Iterator[Figure]:
    """The processor's time from asking for a permit to releasing it, for a call that need not wait."""
    from pinflow.clock import Clock
    from pinflow.http.api import Quota
    from pinflow.http.rate_limiter import UNIVERSAL, RateLimiter
    from pinflow.state.folder.usage import FolderUsage

    clock = Clock()
    usage = FolderUsage(folder / "quota", clock.now)
    quotas = {UNIVERSAL: Quota(10 * size.calls, 1), "write": Quota(10 * size.calls, 60)}
    limiter = RateLimiter(quotas, usage, clock, api="v5", origin="https://api.example.com")
    headers = {
        "x-ratelimit-limit": f"{quotas['write'].limit}, {quotas['write'].limit};w=60",
        "x-ratelimit-remaining": str(9 * size.calls),
        "x-ratelimit-reset": "30",
    }
    limiter.open("me", ["write"])
    began = time.process_time()
    for _ in range(size.calls):
        limiter.release(limiter.acquire("me", "write", patience=0), headers)
    spent = time.process_time() - began
    usage.close()
    yield Figure("pacing: a call, of a shared quota", spent / size.calls * 1e6, "us of CPU", MOST)
