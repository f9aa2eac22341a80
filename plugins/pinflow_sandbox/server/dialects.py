"""The dialects of the API, and which of them a path belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinflow_sandbox.server.dialect import Dialect


def dialect_of(path: str) -> Dialect:
    """The dialect of a path; v5's for paths of no dialect.

    Each is imported when it is first spoken: a sandbox for one run needs one of them, and all take a tenth of its time.
    """
    if path.startswith("/v3/"):
        from pinflow_sandbox.v3.routes import DIALECT as V3

        return V3
    if path.startswith("/ads/v4/"):
        from pinflow_sandbox.v4.ads import DIALECT as V4

        return V4
    from pinflow_sandbox.v5.routes import DIALECT as V5

    return V5
