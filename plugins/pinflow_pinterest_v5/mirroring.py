"""Boards that follow other boards.

Source: https://developers.pinterest.com/docs/api/v5/ (boards, board_sections, pins)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest import mirrors
from pinflow_pinterest_v5.pins import READ, WRITE

mirror_board: Final = replace(mirrors.mirror_board, api="v5", scopes={"source": READ, "target": WRITE})

ACTIONS: Final = (mirror_board,)
