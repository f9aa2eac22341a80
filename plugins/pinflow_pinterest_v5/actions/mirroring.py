"""The action that makes a board follow another one.

Source: https://developers.pinterest.com/docs/api/v5/ (boards, board_sections, pins)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest.copying import mirror_action
from pinflow_pinterest_v5.actions.pins import READ, WRITE

mirror_board: Final = replace(mirror_action.mirror_board, api="v5", scopes={"source": READ, "target": WRITE})

ACTIONS: Final = (mirror_board,)
