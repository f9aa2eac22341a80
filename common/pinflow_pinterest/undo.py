"""How created objects are undone: Pins, sections and boards are deleted, boards with everything on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pinflow import Undo

if TYPE_CHECKING:
    from collections.abc import Mapping

_GONE: Final = {"if_gone": "skip"}

OF_PIN: Final = Undo(action="delete_pin", given={"pin": "id"}, also=_GONE)
# the service may keep a deleted section's Pins on the board: they are deleted before it
OF_SECTION: Final = Undo(
    action="delete_section",
    given={"board": "board_id", "section": "id"},
    also=_GONE,
    contents=("list_section_pins", {"board": "board_id", "section": "id"}),
)
OF_BOARD: Final = Undo(
    action="delete_board",
    given={"board": "id"},
    also=_GONE,
    contents=("list_board_pins", {"board": "id"}),
    with_contents=True,
)

# of the actions that make one thing
PIN: Final[Mapping[str, Undo]] = {"pin": OF_PIN}
SECTION: Final[Mapping[str, Undo]] = {"section": OF_SECTION}
BOARD: Final[Mapping[str, Undo]] = {"board": OF_BOARD}
# of the actions that copy, which have a source and a target login
OF_COPY: Final[Mapping[str, Undo]] = {
    "pin": replace(OF_PIN, role="target"),
    "section": replace(OF_SECTION, role="target"),
    "board": replace(OF_BOARD, role="target"),
}
