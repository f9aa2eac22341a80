"""Copies of Pins and boards, within an account or to another one.

Source: https://github.com/pinterest/api-quickstart (python/scripts/copy_pin.py and copy_board.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest import copies
from pinflow_pinterest_v3.pins import FIND, WRITE

copy_pin: Final = replace(copies.copy_pin, api="v3", scopes={"": WRITE})
copy_board: Final = replace(copies.copy_board, api="v3", scopes={"source": FIND, "target": FIND | WRITE})
copy_all_boards: Final = replace(copies.copy_all_boards, api="v3", scopes={"source": FIND, "target": FIND | WRITE})

ACTIONS: Final = (copy_pin, copy_board, copy_all_boards)
