"""How long old state is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import UsageError
from pinflow.recipe.validators import seconds
from pinflow.schema.invalid import Invalid
from pinflow.state.records import Keep

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "PINFLOW_KEEP"


def keep_for(environ: Mapping[str, str]) -> Keep:
    """How long the environment says that what ended is kept: 90 days, and twice as long what failed.

    PINFLOW_KEEP is another duration: "30d". Raises UsageError for one that is none.
    """
    text = environ.get(VARIABLE, "")
    if not text:
        return Keep()
    try:
        kept = seconds(text)
    except Invalid as invalid:
        raise UsageError(f"{VARIABLE} {invalid.show(text)}", hint="write it like PINFLOW_KEEP=30d") from None
    return Keep(ok=kept, failed=2 * kept)
