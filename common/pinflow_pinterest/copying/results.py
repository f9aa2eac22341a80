"""What the actions that copy and mirror return."""

# annotations that are evaluated here, and not kept as texts: typing compiles each text, which takes 12 us a field
from typing import Required, TypedDict


class NamedBoard(TypedDict, total=False):
    """A board, by id and name."""

    id: Required[str]
    name: Required[str]


class SectionCounts(TypedDict, total=False):
    """The counts of sections, of all processes of the run; ``already`` existed before it."""

    created: Required[int]
    already: Required[int]


class PinCounts(TypedDict, total=False):
    """The counts of a board's Pins, of all processes of the run.

    ``adopted`` were found on the target after their answer was lost; ``already`` existed before the run.
    """

    total: Required[int]
    created: Required[int]
    adopted: Required[int]
    already: Required[int]
    skipped: Required[int]
    failed: Required[int]


class SkippedObject(TypedDict, total=False):
    """An object that was not copied, and why."""

    id: Required[str]
    reason: Required[str]


class MovedPin(TypedDict, total=False):
    """A Pin whose copy is not where the source has it, by the order of creation, which is that of the board.

    ``copy`` comes after the copy of ``after``, in place of that of ``source_after``; "" is the beginning. All but
    ``copy`` are Pins of the source.
    """

    id: Required[str]
    copy: Required[str]
    after: Required[str]
    source_after: Required[str]


class BoardCopyResult(TypedDict, total=False):
    """A board's copy, and the counts of its contents. ``skipped`` and ``moved`` name the first 100."""

    board: Required[NamedBoard]
    sections: Required[SectionCounts]
    pins: Required[PinCounts]
    skipped: Required[list[SkippedObject]]
    moved: Required[list[MovedPin]]


class MirrorSectionCounts(TypedDict, total=False):
    """The counts of sections of a board that follows another; ``extra`` are only on the target."""

    created: Required[int]
    kept: Required[int]
    deleted: Required[int]
    extra: Required[int]


class MirrorPinCounts(TypedDict, total=False):
    """The counts of Pins of a board that follows another, of all processes of the run.

    ``kept`` were on both boards before the run, and ``extra`` are only on the target. ``adopted`` were found on the
    target after their answer was lost; ``already`` is 0, and goes with 0.3.
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
    """A board that follows another, and the counts of both contents. ``skipped`` and ``moved`` name the first 100."""

    board: Required[NamedBoard]
    sections: Required[MirrorSectionCounts]
    pins: Required[MirrorPinCounts]
    skipped: Required[list[SkippedObject]]
    moved: Required[list[MovedPin]]  # of those that were added


class BoardCounts(TypedDict, total=False):
    """The counts of an account's boards."""

    total: Required[int]
    copied: Required[int]
    skipped: Required[int]


class BoardPair(TypedDict, total=False):
    """A board and its copy."""

    source: Required[str]
    id: Required[str]
    name: Required[str]


class BoardCopiesResult(TypedDict, total=False):
    """The copies of an account's boards, with the sums of the counts of their contents.

    ``skipped`` names the boards that were not copied; ``skipped_pins`` the first 100 Pins, ``moved_pins`` likewise.
    """

    boards: Required[BoardCounts]
    sections: Required[SectionCounts]
    pins: Required[PinCounts]
    copies: Required[list[BoardPair]]
    skipped: Required[list[SkippedObject]]
    skipped_pins: Required[list[SkippedObject]]
    moved_pins: Required[list[MovedPin]]
