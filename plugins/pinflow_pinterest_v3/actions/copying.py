"""The actions that copy Pins and boards, in an account or to another one.

Source: https://github.com/pinterest/api-quickstart (python/scripts/copy_pin.py and copy_board.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow import UsageError
from pinflow_pinterest.copying import copy_actions
from pinflow_pinterest_v3.actions.pins import FIND, WRITE


def _changes_no_board(if_exists: str) -> None:
    """API v3 has no call that changes a board."""
    if if_exists == "mirror":
        raise UsageError(
            "API v3 can't change a board, as if_exists: mirror does",
            hint="resume adds what the board lacks; v5.copy_board changes its details too",
        )


copy_pin: Final = replace(copy_actions.copy_pin, api="v3", scopes={"": WRITE})
copy_board: Final = replace(
    copy_actions.copy_board, api="v3", scopes={"source": FIND, "target": FIND | WRITE}, checks=(_changes_no_board,)
)
copy_all_boards: Final = replace(
    copy_actions.copy_all_boards, api="v3", scopes={"source": FIND, "target": FIND | WRITE}
)

ACTIONS: Final = (copy_pin, copy_board, copy_all_boards)
