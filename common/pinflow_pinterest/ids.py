"""The parameter types that actions share: ids and texts with the API's limits.

Each is a plain ``str`` to a type checker; the marker tells pinflow what to check in a recipe. Limits are numbers of
characters. The API states none for the name of a board, so there is none here: the service refuses an overlong name.

Source: https://github.com/pinterest/api-description (schemas PinCreate, BoardCreate, BoardSection)
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pinflow import Number, Text

TITLE_LENGTH: Final = 100
DESCRIPTION_LENGTH: Final = 800
ALT_TEXT_LENGTH: Final = 500
LINK_LENGTH: Final = 2048
SECTION_NAME_LENGTH: Final = 180

# 18 digits are common and more than a float can hold: an id is text, even if a recipe omits the quotes
PinterestId = Annotated[str, Text(pattern=r"^\d+$", max_length=32, format="id")]

Limit = Annotated[int, Number(ge=1)]  # objects of a listing

Title = Annotated[str, Text(max_length=TITLE_LENGTH)]
Description = Annotated[str, Text(max_length=DESCRIPTION_LENGTH)]
AltText = Annotated[str, Text(max_length=ALT_TEXT_LENGTH)]
# a Pin leads to a page of the web; the empty text is a link too: it takes away the one that is there
Link = Annotated[
    str, Text(max_length=LINK_LENGTH, format="address", path_hint="a Pin leads to a page of the web: give its address")
]
ImageAddress = Annotated[str, Text(min_length=1, format="address")]
DominantColor = Annotated[str, Text(pattern="^#[0-9A-Fa-f]{6}$")]

BoardName = Annotated[str, Text(min_length=1)]
SectionName = Annotated[str, Text(min_length=1, max_length=SECTION_NAME_LENGTH)]
Privacy = Literal["PUBLIC", "PROTECTED", "SECRET"]
