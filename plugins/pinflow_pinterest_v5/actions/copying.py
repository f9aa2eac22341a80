"""The actions that copy Pins and boards, in an account or to another one, and that make a board follow another.

Source: https://developers.pinterest.com/docs/api/v5/ (boards, board_sections, pins)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest.copying import copy_actions, mirror_action
from pinflow_pinterest_v5.actions.pins import READ, WRITE

copy_pin: Final = replace(copy_actions.copy_pin, api="v5", scopes={"": WRITE})
copy_board: Final = replace(copy_actions.copy_board, api="v5", scopes={"source": READ, "target": WRITE})
copy_all_boards: Final = replace(
    copy_actions.copy_all_boards, api="v5", scopes={"source": READ | {"user_accounts:read"}, "target": WRITE}
)
mirror_board: Final = replace(mirror_action.mirror_board, api="v5", scopes={"source": READ, "target": WRITE})

ACTIONS: Final = (copy_pin, copy_board, copy_all_boards, mirror_board)
