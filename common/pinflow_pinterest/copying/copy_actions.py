"""The actions that copy Pins and boards, within an account or to another one; a version adds its name and its scopes.

The API has no operation that copies. A copy is a new Pin or board, made with everything that the API lets a new one
have; dates, comments, saves, figures and collaborators stay behind.

What does the copying is imported by the actions: looking at a recipe, and every start of the program, does without.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pinflow import (
    ActionError,
    Context,
    Diverged,
    InDoubt,
    MissingScope,
    Number,
    RateLimited,
    SpamBlocked,
    Text,
    action,
)
from pinflow_pinterest import undo
from pinflow_pinterest.boards import BOTH_QUOTAS, BoardRef, choose_board, find_board, owner_of
from pinflow_pinterest.copying.results import (
    BoardCopiesResult,
    BoardCopyResult,
    BoardMirrorResult,
    BoardPair,
    PinCounts,
    SectionCounts,
    SkippedObject,
)
from pinflow_pinterest.copying.source_pins import NAMED, Choices, copied_pin, too_long
from pinflow_pinterest.gateway import Gateway, gateway
from pinflow_pinterest.ids import BoardName, PinterestId, Privacy
from pinflow_pinterest.media.copyable import Carried, NotCarried
from pinflow_pinterest.media.uploads import check_media, chosen_video, with_video
from pinflow_pinterest.pins import add_pin, reread_pin
from pinflow_pinterest.types import Board, Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pinflow_pinterest.copying.board_copy import BoardCopy

TWO_LOGINS: Final[Mapping[str, Collection[str]]] = {"source": (), "target": ()}  # each version has its own scopes
GROUP_BOARD: Final = "it is a group board of another account"
NAME_TAKEN: Final = "the account that gets the copy has a board of its new name"

_STOP_ALL: Final = (RateLimited, SpamBlocked, MissingScope, InDoubt, Diverged)  # the next board would meet them too


@action(
    "copy_pin",
    effect="write",
    quota=BOTH_QUOTAS,
    reread=reread_pin,
    undo={"pin": undo.OF_PIN},
)
def copy_pin(
    ctx: Context,
    *,
    pin: PinterestId | dict[str, Any],
    board: PinterestId,
    section: PinterestId | None = None,
    media: Annotated[str, Text(min_length=1, format="file")] | None = None,
    videos: Literal["fail", "cover"] = "fail",
    on_too_long: Literal["fail", "truncate"] = "fail",
) -> Pin:
    """Put a copy of a Pin on a board. (get_pin and create_pin in one)

    Fails for a Pin that can't be made again, such as a video without its file; save_pin takes any Pin as it is.

    Arguments:
        pin: the Pin to copy, as a listing or get_pin gives it, or its id
        board: the id of the board that gets the copy
        section: the id of one of that board's sections
        media: the video that the copy shows, with the original's image as its cover: the id of an uploaded one, or a
          file (MP4, MOV, M4V) in the recipe's folder or from an input of type file; ./123 is a file, 123 an id
        videos: what to do with a video, whose file the API does not give out; cover copies its cover as an image
        on_too_long: truncate shortens texts that are longer than a new Pin's may be, but never a link
    """
    if media:
        check_media(ctx, media)
    service = gateway(ctx.client)
    original: Any = pin if isinstance(pin, dict) else service.pin(pin)
    # with a file of its own, a video is made of the picture that stands for it
    choices = Choices(videos="cover" if media or videos == "cover" else "skip", on_too_long=on_too_long)
    # as text, also where a dry run only planned the board or the section
    place = None if section is None else str(section)
    match copied_pin(service, original, board=str(board), section=place, choices=choices):
        case NotCarried(reason):
            raise ActionError(f"pin {original.get('id')} can't be copied: {reason}")
        case Carried(body):
            if wrong := too_long(body):
                raise ActionError(
                    f"pin {original.get('id')} can't be copied: {'; '.join(wrong)}",
                    hint="on_too_long: truncate shortens texts, but never links",
                )
            return add_pin(ctx, with_video(body, chosen_video(ctx, media)) if media else body)


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

    A copy that was begun by another run or by hand can be completed. Pins are then told apart by section, texts, link,
    kind of media and carousel, and where the service keeps them by the picture's size and main colour; Pins that are
    the same in all of these are counted. Nothing that is there goes.

    Arguments:
        board: the board to copy, by id or exact name
        name: the copy's name, the board's own if left out; must be new in the account that gets the copy
        description: the copy's description, the board's own if left out
        privacy: the copy's privacy, the board's own if left out
        sections: false puts all Pins on the board itself
        videos: what to do with videos, whose files the API does not give out; cover copies their covers as images
        on_too_long: truncate shortens texts that are longer than a new Pin's may be, but never links
        if_exists: what to do if the account has a board of the copy's name; resume adds what that one lacks, and
          mirror, which needs v5, gives it the description and privacy too
        parallel: so many Pins are sent at a time; with more than one they come in another order
    """
    from pinflow_pinterest.copying import board_copy, board_mirror

    source, target = both_logins(ctx)
    target_boards = list(target.boards())
    original = choose_board(target_boards, board) if source is target else find_board(source, board)
    body = board_copy.new_board_body(
        target, original, name or original["name"], {"description": description, "privacy": privacy}
    )
    choices = Choices(sections=sections, videos=videos, on_too_long=on_too_long, parallel=parallel)
    there = (
        None if if_exists == "fail" else board_mirror.standing_board(ctx, target, target_boards, original, body["name"])
    )
    if there is None:
        return board_copy.BoardCopy(ctx, source, target, choices).run(original, body, target_boards)
    details = board_mirror.board_details(body) if if_exists == "mirror" else {}
    mirror = board_mirror.BoardMirror(ctx, source, target, choices, board_mirror.Extra())
    return _completed(ctx, mirror.run(original, there, details))


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

    All names must be free before the first write. A board that can't be copied does not keep the others from it: the
    step then fails in the end, with the reasons. Group boards of others and boards for ads only are left out.

    Arguments:
        prefix: goes before each board's name
        suffix: goes behind each board's name
        if_exists: what to do with a board whose new name is taken; skip leaves it out
        include_group_boards: also boards of others that the account shares
        sections: false puts all Pins on the boards themselves
        videos: what to do with videos, whose files the API does not give out; cover copies their covers as images
        on_too_long: truncate shortens texts that are longer than a new Pin's may be, but never links
    """
    from pinflow_pinterest.copying.board_copy import BoardCopy

    source, target = both_logins(ctx)
    account, boards = source.account(), list(source.boards())
    target_boards = boards if source is target else list(target.boards())
    left: list[SkippedObject] = []
    jobs = _jobs(target, boards, None if include_group_boards else account.get("username"), (prefix, suffix), left)
    jobs = _free_jobs(ctx, jobs, target_boards, left, skip=if_exists == "skip")
    jobs = _frozen_jobs(ctx, jobs, left)
    for each in left:
        ctx.skip(f"board:{each['id']}", each["reason"], kind="board")
    choices = Choices(sections=sections, videos=videos, on_too_long=on_too_long)
    copies = _copy_each(ctx, jobs, lambda own: BoardCopy(own, source, target, choices), target_boards)
    return _summed(copies, left)


def both_logins(ctx: Context) -> tuple[Gateway, Gateway]:
    """The gateways of source and target; one and the same where one login is both."""
    source, target = ctx.login("source"), ctx.login("target")
    first = gateway(source)
    return first, first if source is target else gateway(target)


def _completed(ctx: Context, mirrored: BoardMirrorResult) -> BoardCopyResult:
    """What became of a board that was there, told as of one that was made."""
    pins, sections = mirrored["pins"], mirrored["sections"]
    if pins["extra"] or sections["extra"]:
        ctx.log(
            f"the board has {pins['extra']} Pins and {sections['extra']} sections that the source has not; they stay"
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
    }


# all boards: what is to be copied under which body, by the source's id

_Jobs = dict[str, tuple[Board, dict[str, Any]]]


def _jobs(
    target: Gateway, boards: Sequence[Board], owner: str | None, around: tuple[str, str], left: list[SkippedObject]
) -> _Jobs:
    """The boards that can be copied; those that can't are ``left``. ``owner`` None means whose they are matters not."""
    jobs: _Jobs = {}
    for board in boards:
        if owner is not None and owner_of(board) not in (owner, None):
            left.append({"id": board["id"], "reason": GROUP_BOARD})
            continue
        match target.copied_board(board, name=f"{around[0]}{board['name']}{around[1]}"):
            case NotCarried(reason):
                left.append({"id": board["id"], "reason": reason})
            case Carried(body):
                jobs[board["id"]] = board, body
    return jobs


def _free_jobs(
    ctx: Context, jobs: _Jobs, target_boards: Sequence[Board], left: list[SkippedObject], *, skip: bool
) -> _Jobs:
    """Those whose names are free, or taken by this run's own copies. Raises ActionError if others shall not be left."""
    from pinflow_pinterest.copying.board_copy import name_problems

    taken: dict[str, str] = {}
    names: set[str] = set()
    for id, (_, body) in jobs.items():
        name = body["name"].strip().casefold()
        if ctx.within(id).sent_at("board") is None:
            found = name_problems(id, body["name"], target_boards)
            if name in names:
                found.append(f"another one of them would be named {body['name']!r} too")
            if found:
                taken[id] = "; ".join(found)
        names.add(name)
    if taken and not skip:
        lines = [f"board {id}: {problem}" for id, problem in islice(taken.items(), NAMED)]
        raise ActionError(
            "\n  ".join([f"{len(taken)} boards can't be copied, and nothing was written:", *lines]),
            hint="give the copies other names with prefix or suffix, or leave these out with if_exists: skip",
        )
    left += ({"id": id, "reason": NAME_TAKEN} for id in taken)
    return {id: job for id, job in jobs.items() if id not in taken}


def _frozen_jobs(ctx: Context, jobs: _Jobs, left: list[SkippedObject]) -> _Jobs:
    """Those that were there when the run began, in the order of then."""
    from pinflow_pinterest.copying.pin_copies import GONE

    then = list(ctx.freeze("boards", list(jobs)))
    if new := len(jobs.keys() - set(then)):
        ctx.log(f"{new} boards came to the source since this run began; they are not copied", warning=True)
    left += ({"id": id, "reason": GONE} for id in then if id not in jobs)
    return {id: jobs[id] for id in then if id in jobs}


def _copy_each(
    ctx: Context, jobs: _Jobs, copier: Callable[[Context], BoardCopy], target_boards: Sequence[Board]
) -> list[tuple[str, BoardCopyResult]]:
    """Copy one board after the other. Raises ActionError in the end, with the reasons, if some could not be copied."""
    copies: list[tuple[str, BoardCopyResult]] = []
    failed: list[str] = []
    for id, (board, body) in jobs.items():
        try:
            copies.append((id, copier(ctx.within(id)).run(board, body, target_boards)))
        except _STOP_ALL:
            raise
        except ActionError as error:
            failed.append(str(error))
    if failed:
        raise ActionError("\n".join([f"{len(failed)} of {len(jobs)} boards were not copied:", *failed]))
    return copies


def _summed(copies: Sequence[tuple[str, BoardCopyResult]], left: list[SkippedObject]) -> BoardCopiesResult:
    pairs: list[BoardPair] = [{"source": id, **copy["board"]} for id, copy in copies]
    skipped = [each for _, copy in copies for each in copy["skipped"]]
    sections: Counter[str] = Counter(dict.fromkeys(("created", "already"), 0))
    pins: Counter[str] = Counter(dict.fromkeys(("total", "created", "adopted", "already", "skipped", "failed"), 0))
    for _, copy in copies:
        sections.update(cast("dict[str, int]", copy["sections"]))
        pins.update(cast("dict[str, int]", copy["pins"]))
    return {
        "boards": {"total": len(copies) + len(left), "copied": len(copies), "skipped": len(left)},
        "sections": cast("SectionCounts", dict(sections)),
        "pins": cast("PinCounts", dict(pins)),
        "copies": pairs,
        "skipped": left[:NAMED],
        "skipped_pins": skipped[:NAMED],
    }
