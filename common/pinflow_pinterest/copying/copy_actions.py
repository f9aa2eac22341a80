"""The actions that copy Pins and boards, in an account or to another one; each API version adds its name and scopes.

The API has no operation that copies. A copy is a new Pin or board, made with everything that the API lets a new one
have; dates, comments, saves, metrics and collaborators are not copied.

The copying itself is imported inside the actions: reading a recipe, and every start of the program, doesn't need it.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pinflow import (
    AccessTooLow,
    ActionError,
    Context,
    Diverged,
    InDoubt,
    MissingScope,
    Number,
    RateLimited,
    RemoteError,
    SpamBlocked,
    Text,
    action,
)
from pinflow_pinterest import undo
from pinflow_pinterest.boards import (
    BOTH_QUOTAS,
    BoardRef,
    board_owner,
    boards_with,
    choose_board,
    find_board,
    find_board_id,
)
from pinflow_pinterest.copying.results import (
    BoardCopiesResult,
    BoardCopyResult,
    BoardMirrorResult,
    BoardPair,
    PinCounts,
    SectionCounts,
    SkippedObject,
)
from pinflow_pinterest.copying.source_pins import (
    MAX_LISTED,
    TRUNCATE_HINT,
    CopyOptions,
    make_copy_body,
    too_long_texts,
)
from pinflow_pinterest.gateway import Gateway, gateway
from pinflow_pinterest.ids import BoardName, PinterestId, Privacy
from pinflow_pinterest.listings import read_account_boards
from pinflow_pinterest.media.copyable import CopyBody, NotCopyable
from pinflow_pinterest.media.uploads import add_video, check_media, resolve_video
from pinflow_pinterest.pins import add_pin, reread_pin
from pinflow_pinterest.types import Board, Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pinflow_pinterest.copying.board_copy import BoardCopy

TOPIC = "copying"  # of its actions, in lists and on pages

TWO_LOGINS: Final[Mapping[str, Collection[str]]] = {"source": (), "target": ()}  # each version has its own scopes
GROUP_BOARD: Final = "it is a group board of another account"
NOT_LISTED: Final = "it is no longer listed among the account's boards"
NAME_TAKEN: Final = "the target account already has a board of its new name"

_STOP_ALL: Final = (
    RateLimited,
    SpamBlocked,
    MissingScope,
    InDoubt,
    Diverged,
    AccessTooLow,
)  # every further board would meet them too


@action(
    "copy_pin",
    effect="write",
    quota=BOTH_QUOTAS,
    reread=reread_pin,
    undo=undo.PIN,
)
def copy_pin(
    ctx: Context,
    *,
    pin: PinterestId | dict[str, Any],
    board: BoardRef,
    section: PinterestId | None = None,
    media: Annotated[str, Text(min_length=1, format="file-or-id")] | None = None,
    videos: Literal["fail", "cover"] = "fail",
    on_too_long: Literal["fail", "truncate"] = "fail",
) -> Pin:
    """Put a copy of a Pin on a board. (get_pin and create_pin in one)

    Fails for a Pin that can't be made again, such as a video without its file; save_pin works for any Pin.

    Arguments:
        pin: the Pin to copy, as a listing or get_pin returns it, or its id
        board: the board that gets the copy, by id or exact name
        section: the id of one of that board's sections
        media: the video that the copy shows, with the original's image as its cover: the id of an uploaded one, or a
          file (MP4, MOV, M4V) in the recipe's folder or from an input of type file
        videos: what to do with a video, whose file the API does not give out; cover copies its cover as an image
        on_too_long: truncate shortens texts that are too long for a new Pin, but never a link
    """
    if media:
        check_media(ctx, media)
    service = gateway(ctx.client)
    original: Any = pin if isinstance(pin, dict) else service.pin(pin)
    # with a file of its own, a video is copied with its image as the cover
    options = CopyOptions(videos="cover" if media or videos == "cover" else "skip", on_too_long=on_too_long)
    # as text, also where a dry run only planned the board or the section
    section_id = None if section is None else str(section)
    board_id = str(find_board_id(service, board))
    match make_copy_body(service, original, board=board_id, section=section_id, options=options):
        case NotCopyable(reason):
            raise ActionError(f"pin {original.get('id')} can't be copied: {reason}")
        case CopyBody(body):
            if texts := too_long_texts(body):
                raise ActionError(
                    f"pin {original.get('id')} can't be copied: {'; '.join(texts)}",
                    hint=TRUNCATE_HINT,
                )
            return add_pin(ctx, add_video(body, resolve_video(ctx, media)) if media else body)


@action(
    "copy_board",
    effect="write",
    scopes=TWO_LOGINS,
    quota=BOTH_QUOTAS,
    undo=undo.OF_COPY,
)
def copy_board(
    ctx: Context,
    *,
    board: BoardRef,
    name: BoardName | None = None,
    description: str | None = None,
    privacy: Privacy | None = None,
    sections: bool = True,
    videos: Literal["skip", "cover"] = "skip",
    on_too_long: Literal["fail", "truncate"] = "fail",
    if_exists: Literal["fail", "resume", "mirror"] = "fail",
    parallel: Annotated[int, Number(ge=1, le=16)] = 1,
) -> BoardCopyResult:
    """Copy a board with its sections and Pins, within an account or to another one.

    Everything is read and checked before the first write. Pins that the API can't make again are skipped, with the
    reason. The copy is listed at the end and compared with what was made.

    A copy that another run or a person began can be completed. Pins are then compared by section, texts, link, kind of
    media and carousel, and, if the service keeps them, by the image's size and main colour; Pins that are equal in all
    of these are counted. Nothing is deleted.

    A board lists Pins in the order in which they were made. One that was refused at first, and made when the run was
    resumed, comes after the others: it is named, in the recap and as ``moved``.

    Arguments:
        board: the board to copy, by id or exact name
        name: the copy's name, default: the board's own; must be new in the target account
        description: the copy's description, default: the board's own
        privacy: the copy's privacy, default: the board's own
        sections: false puts all Pins on the board itself
        videos: what to do with videos, whose files the API does not give out; cover copies their covers as images
        on_too_long: truncate shortens texts that are too long for a new Pin, but never links
        if_exists: what to do if the target account has a board of the copy's name; resume adds what that one lacks,
          and mirror, which needs v5, gives it the description and privacy too
        parallel: how many Pins are sent at a time; with more than one their order may change
    """
    from pinflow_pinterest.copying import board_copy, board_mirror

    source, target = both_logins(ctx)
    target_boards = boards_with(source, board) if source is target else list(target.boards())
    original = choose_board(target_boards, board) if source is target else find_board(source, board)
    body = board_copy.new_board_body(
        target, original, name or original["name"], {"description": description, "privacy": privacy}
    )
    options = CopyOptions(sections=sections, videos=videos, on_too_long=on_too_long, parallel=parallel)
    existing = None
    if if_exists != "fail":
        existing = board_mirror.find_existing_board(ctx, target, target_boards, original, body["name"])
    if existing is None:
        return board_copy.BoardCopy(ctx, source, target, options).run(original, body, target_boards)
    details = board_mirror.board_details(body) if if_exists == "mirror" else {}
    mirror = board_mirror.BoardMirror(ctx, source, target, options, board_mirror.ExtraPolicy())
    return _as_copy_result(ctx, mirror.run(original, existing, details))


@action(
    "copy_all_boards",
    effect="write",
    scopes=TWO_LOGINS,
    quota=BOTH_QUOTAS,
    undo=undo.OF_COPY,
)
def copy_all_boards(
    ctx: Context,
    *,
    prefix: str = "",
    suffix: str = "",
    if_exists: Literal["fail", "skip"] = "fail",
    include_group_boards: bool = False,
    sections: bool = True,
    videos: Literal["skip", "cover"] = "skip",
    on_too_long: Literal["fail", "truncate"] = "fail",
) -> BoardCopiesResult:
    """Copy every board of an account with its sections and Pins, to another account or under other names.

    All names must be free before the first write. If a board can't be copied, the others still are, and the step
    fails at the end with the reasons. Group boards of others and ads-only boards are skipped.

    Arguments:
        prefix: goes before each board's name
        suffix: goes after each board's name
        if_exists: what to do with a board whose new name is taken
        include_group_boards: also copy boards of others that the account shares
        sections: false puts all Pins on the boards themselves
        videos: what to do with videos, whose files the API does not give out; cover copies their covers as images
        on_too_long: truncate shortens texts that are too long for a new Pin, but never links
    """
    from pinflow_pinterest.copying.board_copy import BoardCopy

    source, target = both_logins(ctx)
    ctx.log("reading the boards of the source and of the target")
    account, boards = read_account_boards(ctx, source)
    target_boards = boards if source is target else list(target.boards())
    skipped: list[SkippedObject] = []
    jobs = _make_jobs(
        target, boards, None if include_group_boards else account.get("username"), (prefix, suffix), skipped
    )
    jobs = _drop_taken_names(ctx, jobs, target_boards, skipped, skip=if_exists == "skip")
    jobs = _freeze_jobs(ctx, source, jobs, skipped)
    for board in skipped:
        ctx.skip(f"board:{board['id']}", board["reason"], kind="board")
    options = CopyOptions(sections=sections, videos=videos, on_too_long=on_too_long)
    copies = _copy_boards(ctx, jobs, lambda board_ctx: BoardCopy(board_ctx, source, target, options), target_boards)
    return _sum_results(copies, skipped)


def both_logins(ctx: Context) -> tuple[Gateway, Gateway]:
    """The gateways of source and target; the same one if one login is both."""
    source, target = ctx.login("source"), ctx.login("target")
    first = gateway(source)
    return first, first if source is target else gateway(target)


def _as_copy_result(ctx: Context, mirrored: BoardMirrorResult) -> BoardCopyResult:
    """The result of a mirror, in the form of a new copy's."""
    pins, sections = mirrored["pins"], mirrored["sections"]
    if pins["extra"] or sections["extra"]:
        ctx.log(
            f"the board has {pins['extra']} Pins and {sections['extra']} sections that the source lacks; they are kept"
        )
    return {
        "board": mirrored["board"],
        "sections": {"created": sections["created"], "already": sections["kept"]},
        "pins": {
            "total": pins["total"],
            "created": pins["created"],
            "adopted": pins["adopted"],
            "already": pins["already"] + pins["kept"],
            "skipped": pins["skipped"],
            "failed": pins["failed"],
        },
        "skipped": mirrored["skipped"],
        "moved": mirrored["moved"],
    }


# all boards: source id -> board and the body of its copy

_CopyJobs = dict[str, tuple[Board, dict[str, Any]]]


def _make_jobs(
    target: Gateway, boards: Sequence[Board], owner: str | None, affixes: tuple[str, str], skipped: list[SkippedObject]
) -> _CopyJobs:
    """The boards that can be copied; the others go to ``skipped``. ``owner`` None: boards of any owner."""
    jobs: _CopyJobs = {}
    for board in boards:
        if owner is not None and board_owner(board) not in (owner, None):
            skipped.append({"id": board["id"], "reason": GROUP_BOARD})
            continue
        match target.board_copy_body(board, name=f"{affixes[0]}{board['name']}{affixes[1]}"):
            case NotCopyable(reason):
                skipped.append({"id": board["id"], "reason": reason})
            case CopyBody(body):
                jobs[board["id"]] = board, body
    return jobs


def _drop_taken_names(
    ctx: Context, jobs: _CopyJobs, target_boards: Sequence[Board], skipped: list[SkippedObject], *, skip: bool
) -> _CopyJobs:
    """The jobs whose names are free, or taken by this run's own copies. Raises ActionError unless ``skip``."""
    from pinflow_pinterest.copying.board_copy import name_problems

    taken: dict[str, str] = {}
    names: set[str] = set()
    for id, (_, body) in jobs.items():
        name = body["name"].strip().casefold()
        if ctx.within(id).sent_at("board") is None:
            problems = name_problems(id, body["name"], target_boards)
            if name in names:
                problems.append(f"another copy would be named {body['name']!r} too")
            if problems:
                taken[id] = "; ".join(problems)
        names.add(name)
    if taken and not skip:
        lines = [f"board {id}: {problem}" for id, problem in islice(taken.items(), MAX_LISTED)]
        raise ActionError(
            "\n  ".join([f"{len(taken)} boards can't be copied, and nothing was written:", *lines]),
            hint="choose other names with prefix or suffix, or skip these with if_exists: skip",
        )
    skipped += ({"id": id, "reason": NAME_TAKEN} for id in taken)
    return {id: job for id, job in jobs.items() if id not in taken}


def _freeze_jobs(ctx: Context, source: Gateway, jobs: _CopyJobs, skipped: list[SkippedObject]) -> _CopyJobs:
    """The jobs of the run's beginning, in their order then."""
    from pinflow_pinterest.copying.pin_copies import DELETED

    frozen_ids = list(ctx.freeze("boards", list(jobs)))
    if new := len(jobs.keys() - set(frozen_ids)):
        ctx.log(f"{new} boards were added to the source since this run began; they are not copied", warning=True)
    listed_elsewhere = {board["id"] for board in skipped}
    for id in frozen_ids:
        if id not in jobs and id not in listed_elsewhere:
            skipped.append({"id": id, "reason": NOT_LISTED if _is_there(source, id) else DELETED})
    return {id: jobs[id] for id in frozen_ids if id in jobs}


def _is_there(source: Gateway, board: str) -> bool:
    """Whether a board that is not listed is there all the same: the service may list it later, or never again."""
    try:
        source.board(board)
    except RemoteError as error:
        return error.status != 404
    return True


def _copy_boards(
    ctx: Context, jobs: _CopyJobs, copier: Callable[[Context], BoardCopy], target_boards: Sequence[Board]
) -> list[tuple[str, BoardCopyResult]]:
    """Copy one board after the other. Raises ActionError at the end, with the reasons, if some could not be copied."""
    copies: list[tuple[str, BoardCopyResult]] = []
    failed: list[ActionError] = []
    for number, (id, (board, body)) in enumerate(jobs.items(), 1):
        board_ctx = ctx.within(id)
        ctx.log(f"board {number} of {len(jobs)}: {board['name']!r}")
        try:
            copies.append((id, copier(board_ctx).run(board, body, target_boards)))
        except ActionError as error:
            # one whose own listing can't be trusted keeps no other from its copy
            unread = isinstance(error, InDoubt) and board_ctx.sent_at("board") is None
            if isinstance(error, _STOP_ALL) and not unread:
                raise
            failed.append(error)
    if failed:
        kind = InDoubt if any(isinstance(error, InDoubt) for error in failed) else ActionError
        raise kind("\n".join([f"{len(failed)} of {len(jobs)} boards were not copied:", *map(str, failed)]))
    return copies


def _sum_results(
    copies: Sequence[tuple[str, BoardCopyResult]], skipped_boards: list[SkippedObject]
) -> BoardCopiesResult:
    pairs: list[BoardPair] = [{"source": id, **copy["board"]} for id, copy in copies]
    skipped_pins = [pin for _, copy in copies for pin in copy["skipped"]]
    sections: Counter[str] = Counter(dict.fromkeys(("created", "already"), 0))
    pins: Counter[str] = Counter(dict.fromkeys(("total", "created", "adopted", "already", "skipped", "failed"), 0))
    for _, copy in copies:
        sections.update(cast("dict[str, int]", copy["sections"]))
        pins.update(cast("dict[str, int]", copy["pins"]))
    return {
        "boards": {"total": len(copies) + len(skipped_boards), "copied": len(copies), "skipped": len(skipped_boards)},
        "sections": cast("SectionCounts", dict(sections)),
        "pins": cast("PinCounts", dict(pins)),
        "copies": pairs,
        "skipped": skipped_boards[:MAX_LISTED],
        "skipped_pins": skipped_pins[:MAX_LISTED],
        "moved_pins": [pin for _, copy in copies for pin in copy["moved"]][:MAX_LISTED],
    }
