"""What the actions that copy and mirror return."""

from __future__ import annotations

from typing import Required, TypedDict


class NamedBoard(TypedDict, total=False):
    """A board, by id and name."""

    id: Required[str]
    name: Required[str]


class SectionCounts(TypedDict, total=False):
    """What became of the sections; ``already`` were there, or made earlier in the same run."""

    created: Required[int]
    already: Required[int]


class PinCounts(TypedDict, total=False):
    """What became of a board's Pins.

    ``adopted`` were found on the target after their answer was lost; ``already`` were there before the run, or made
    earlier in it.
    """

    total: Required[int]
    created: Required[int]
    adopted: Required[int]
    already: Required[int]
    skipped: Required[int]
    failed: Required[int]


class SkippedObject(TypedDict, total=False):
    """Something that was not copied, and why."""

    id: Required[str]
    reason: Required[str]


class BoardCopyResult(TypedDict, total=False):
    """A board's copy, and what became of what the board held. ``skipped`` names the first 100."""

    board: Required[NamedBoard]
    sections: Required[SectionCounts]
    pins: Required[PinCounts]
    skipped: Required[list[SkippedObject]]


class MirrorSectionCounts(TypedDict, total=False):
    """What became of the sections of a board that follows another; ``extra`` are there and not on the source."""

    created: Required[int]
    kept: Required[int]
    deleted: Required[int]
    extra: Required[int]


class MirrorPinCounts(TypedDict, total=False):
    """What became of the Pins of a board that follows another.

    ``kept`` were there before the run, as on the source, and ``extra`` are there and not on the source. ``adopted``
    were found on the target after their answer was lost; ``already`` were made earlier in the same run.
    """

    total: Required[int]
    created: Required[int]
    adopted: Required[int]
    already: Required[int]
    kept: Required[int]
    deleted: Required[int]
    extra: Required[int]
    skipped: Required[int]
    failed: Required[int]


class BoardMirrorResult(TypedDict, total=False):
    """A board that follows another, and what became of what either holds. ``skipped`` names the first 100."""

    board: Required[NamedBoard]
    sections: Required[MirrorSectionCounts]
    pins: Required[MirrorPinCounts]
    skipped: Required[list[SkippedObject]]


class BoardCounts(TypedDict, total=False):
    """What became of an account's boards."""

    total: Required[int]
    copied: Required[int]
    skipped: Required[int]


class BoardPair(TypedDict, total=False):
    """A board and its copy."""

    source: Required[str]
    id: Required[str]
    name: Required[str]


class BoardCopiesResult(TypedDict, total=False):
    """The copies of an account's boards, with the sums of what became of their contents.

    ``skipped`` names the boards that were left out; ``skipped_pins`` the first 100 Pins.
    """

    boards: Required[BoardCounts]
    sections: Required[SectionCounts]
    pins: Required[PinCounts]
    copies: Required[list[BoardPair]]
    skipped: Required[list[SkippedObject]]
    skipped_pins: Required[list[SkippedObject]]
