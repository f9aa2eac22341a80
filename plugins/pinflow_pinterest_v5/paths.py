"""Paths of API v5 below its prefix.

Source: https://developers.pinterest.com/docs/api/v5/ (boards, board_sections)
"""

from __future__ import annotations


def pins_path(board: str) -> str:
    """Where a board's Pins are listed."""
    return f"/boards/{board}/pins"


def sections_path(board: str) -> str:
    """Where a board's sections are listed and made."""
    return f"/boards/{board}/sections"
