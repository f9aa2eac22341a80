"""Sections of boards.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/board.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest import section_actions
from pinflow_pinterest_v3.actions.boards import FIND, WRITE

list_sections: Final = replace(
    section_actions.list_sections, api="v3", scopes={"": FIND}, call="GET /board/{board_id}/sections/"
)
list_section_pins: Final = replace(
    section_actions.list_section_pins,
    api="v3",
    scopes={"": FIND | {"read_pins"}},
    call="GET /board/sections/{section_id}/pins/",
)
create_section: Final = replace(
    section_actions.create_section, api="v3", scopes={"": WRITE}, call="PUT /board/{board_id}/sections/"
)

ACTIONS: Final = (list_sections, list_section_pins, create_section)
