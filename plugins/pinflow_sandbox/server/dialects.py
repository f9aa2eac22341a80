"""The dialects of the API, and which of them a path belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.v3 import routes as v3
from pinflow_sandbox.v4 import ads as v4_ads
from pinflow_sandbox.v5 import routes as v5

if TYPE_CHECKING:
    from pinflow_sandbox.server.dialect import Dialect

_OLDER: tuple[tuple[str, Dialect], ...] = ((f"{v3.PREFIX}/", v3.DIALECT), (f"{v4_ads.PREFIX}/", v4_ads.DIALECT))


def dialect_of(path: str) -> Dialect:
    """The dialect of a path; v5's for paths of no dialect."""
    return next((dialect for prefix, dialect in _OLDER if path.startswith(prefix)), v5.DIALECT)
