"""Paths of API v3 and the ads API v4: v3's end with a slash, v4's do not.

Source: https://github.com/pinterest/api-quickstart (python/src/v3, as of 2022)
"""

from __future__ import annotations

from typing import Final

ADS: Final = "/ads/v4"  # the prefix of the ads API


def sections_path(board: str) -> str:
    """Where a board's sections are listed and made."""
    return f"/board/{board}/sections/"


def section_pins_path(section: str) -> str:
    """Where a section's Pins are listed."""
    return f"/board/sections/{section}/pins/"
