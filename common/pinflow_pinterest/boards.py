"""Boards by id or name: finding, making and deleting them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, cast

from pinflow import ActionError, Diverged, InDoubt, RemoteError, Text
from pinflow_pinterest.answers import found_or_none
from pinflow_pinterest.gateway import gateway, shows_secret_boards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow import Action, Check, Context, Place
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Board, Deleted

BoardRef = Annotated[str, Text(min_length=1, format="board", description="A board's id or its exact name.")]
T = TypeVar("T", bound=Mapping[str, object])

IfGone = Literal["fail", "skip"]
PrivacyFilter = Literal["ALL", "PUBLIC", "PROTECTED", "SECRET", "PUBLIC_AND_SECRET"]

BOTH_QUOTAS: Final = frozenset({"org_read", "org_write"})
_MAX_NAMED: Final = 20  # ids in a message


def with_places(action: Action) -> Action:
    """A write that finds the places that it wrote to again, for the audit of a resumed run."""
    return replace(action, place=_find_place) if action.effect == "write" else action


def _find_place(ctx: Context, key: str) -> Place | None:
    from pinflow_pinterest.checks import find_place  # reading a recipe doesn't need it

    return find_place(ctx, key)


def reread_board(ctx: Context, stored: Mapping[str, Any]) -> Board:
    """A board that an earlier process of the run made or changed, read again."""
    return gateway(ctx.client).board(stored["id"])


def make_board(ctx: Context, body: Mapping[str, Any]) -> Board:
    """Make the board that ``body`` describes, once. Raises ActionError if the account already has one of its name."""
    from pinflow_pinterest import checks  # reading a recipe doesn't need it

    service, name = gateway(ctx.client), body["name"]
    before: list[list[Board]] = []  # the boards as they were listed before the first request

    def list_before() -> Iterator[str]:
        before.append(list(service.boards()))
        yield from (board["id"] for board in before[0])

    # what was there before the first request is never adopted; a run that the version before began has sent one
    # without this list, and takes what has the name
    known_ids = ctx.freeze("boards", () if ctx.sent_at("create") is not None else list_before())

    def make() -> Board:
        require_free(before.pop() if before else list(service.boards()), name)
        return service.make_board(body)

    def find() -> Board | None:
        boards, known = list(service.boards()), set(known_ids)
        board = find_made_board([board for board in boards if board["id"] not in known], name)
        shows_secret = shows_secret_boards(service)
        if shows_secret is None:  # only what the token shows can tell
            shows_secret = any(board.get("privacy") == "SECRET" for board in boards)
        if board is None and body.get("privacy") == "SECRET" and not shows_secret:
            scope = service.listings.hidden_boards_scope
            command = service.client.login_command(frozenset({scope}))
            raise InDoubt(
                f"the secret board may have been made: no listing shows secret boards without the scope {scope}",
                hint=f"get a token that has it with: {command}, then resume the run",
            )
        return board

    made = ctx.once(
        "create",
        make,
        find=find,
        find_is_proof=True,
        check=lambda board: checks.made_board(service, body, board),
        unchecked=checks.HIDDEN,
        kind="board",
    )
    board_index(service).add(name, made["id"])
    return made


def as_targets(ctx: Context, *, board: str, **_: object) -> list[str]:
    """What is deleted with the board of this id or exact name, for people."""
    return [board_text(find_board(gateway(ctx.client), board))]


def board_text(board: Board) -> str:
    """A board with the number of its Pins and its owner, for people."""
    pins, owner = board.get("pin_count"), board_owner(board)
    contents = "" if pins is None else f" ({pins:,} Pin{'' if pins == 1 else 's'})"
    return f"board {board['name']!r}{contents}" + (f" of {owner}" if owner else "")


def remove_board(ctx: Context, board: str, *, if_gone: IfGone) -> Deleted:
    """Delete the board of this id or exact name, once.

    A name is resolved before the deletion: afterwards no board may have it, or another one.
    """
    from pinflow_pinterest.checks import deleted_board  # reading a recipe doesn't need it

    service = gateway(ctx.client)
    if ctx.dry_run and if_gone == "fail" and isinstance(board, str):  # not a planned one
        find_board(service, board)
    id = settle_board_id(ctx, board)
    check = deleted_board(service, id)
    deleted = delete(ctx, service.delete_board, service.board, id, check=check, kind="board", if_gone=if_gone)
    board_index(service).clear()
    return deleted


def delete(
    ctx: Context,
    remove: Callable[[str], None],
    read: Callable[[str], object],
    id: str,
    *,
    check: Check,
    kind: str,
    if_gone: IfGone,
) -> Deleted:
    """Delete something; after a lost answer it counts as done if it is no longer there. ``check`` is for the audit.

    ``remove`` and ``read`` raise RemoteError with status 404 for what is not there.
    """
    do, find = partial(send_deletion, remove, id, if_gone=if_gone), partial(find_deleted, read, id)
    return ctx.once("delete", do, find=find, check=lambda _: check, kind=kind)


def send_deletion(remove: Callable[[str], None], id: str, *, if_gone: IfGone) -> Deleted:
    """Delete something by its id; what is gone already counts as deleted, or raises RemoteError."""
    try:
        remove(id)
    except RemoteError as error:
        if error.status != 404 or if_gone == "fail":
            raise
    return {"id": id}


def find_deleted(read: Callable[[str], object], id: str) -> Deleted | None:
    """The deletion of what ``read`` no longer finds, or None if it is still there."""
    return {"id": id} if found_or_none(partial(read, id)) is None else None


def find_board(service: Gateway, board: str) -> Board:
    """The board of this id or exact name; digits are an id.

    Raises ActionError if no board, or more than one, has the name.
    """
    if is_id(board):
        return service.board(board)
    return choose_board(boards_with(service, board), board)


def boards_with(service: Gateway, reference: str) -> list[Board]:
    """The account's boards; read a second time if none of the first has this id or name, as one listing may lack it."""
    boards = list(service.boards())
    if any(board["id"] == reference for board in boards) or boards_named(boards, reference):
        return boards
    return list(service.boards())


class BoardIndex:
    """The ids of a login's boards by name, listed once for all that a run does by names. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held while boards are listed: whoever waits needs the same answer
        self._ids: dict[str, str] = {}  # of the names that were asked for
        self._mistakes: dict[str, ActionError] = {}  # names that no board has, or several: a table may repeat one
        self._boards: Sequence[Board] = ()

    def id_of(self, service: Gateway, name: str) -> str:
        """The id of the one board of exactly this name. Raises ActionError if there is none, or more than one."""
        with self._lock:
            if (mistake := self._mistakes.get(name)) is not None:
                raise ActionError(mistake.message, hint=mistake.hint)
            if name not in self._ids:
                if all(board.get("name") != name for board in self._boards):
                    self._boards = boards_with(service, name)
                try:
                    self._ids[name] = choose_board(self._boards, name)["id"]
                except ActionError as error:
                    self._mistakes[name] = error
                    raise
            return self._ids[name]

    def add(self, name: str, id: str) -> None:
        """Learn of a board that the run has made; in a dry run its id is a placeholder."""
        with self._lock:
            self._ids[name] = id
            self._mistakes.pop(name, None)

    def clear(self) -> None:
        """Forget everything: a board was deleted, or its name was changed."""
        with self._lock:
            self._ids.clear()
            self._mistakes.clear()
            self._boards = ()


def board_index(service: Gateway) -> BoardIndex:
    """The index of a login's boards, the same one for all that asks during a run."""
    return cast("BoardIndex", service.client.memory.setdefault("pinterest boards", BoardIndex()))


def find_board_id(service: Gateway, board: str) -> str:
    """The id of the board of this id or exact name; an id is returned as it is, without a request.

    So is a board that a dry run only planned. A name costs one listing of the boards for all calls of a run.
    """
    return board if not isinstance(board, str) or is_id(board) else board_index(service).id_of(service, board)


def settle_board_id(ctx: Context, board: str) -> str:
    """`find_board_id` for a change: a name is looked up before the change, and means the same board after a resume."""
    if not isinstance(board, str) or is_id(board):
        return board
    service = gateway(ctx.client)
    if ctx.dry_run:
        return find_board_id(service, board)
    (id,) = ctx.freeze("board", (find_board(service, name)["id"] for name in (board,)))
    return id


def is_id(text: str) -> bool:
    """Whether ``text`` is an id rather than a name."""
    return text.isascii() and text.isdigit()


def choose_board(boards: Sequence[Board], reference: str) -> Board:
    """The one board among ``boards`` with this id, else with exactly this name.

    Raises ActionError with the nearest names, or with the ids of all boards of the name.
    """
    matches = [board for board in boards if board["id"] == reference]
    matches = matches or [board for board in boards if board.get("name") == reference]
    if len(matches) == 1:
        return matches[0]
    if matches:
        ids = ", ".join(board["id"] for board in matches)
        raise ActionError(f"{len(matches)} boards are named {reference!r}: {ids}", hint="choose one by its id")
    raise ActionError(f"the account has no board {reference!r}", hint=_nearest(boards, reference))


def boards_named(boards: Sequence[Board], name: str) -> list[Board]:
    """The boards whose name the service treats as equal to ``name``: outer spaces and case don't count."""
    return [board for board in boards if plain_name(board.get("name", "")) == plain_name(name)]


def board_owner(board: Board) -> str | None:
    """The name of the account that owns a board; None if the service doesn't tell it."""
    return (board.get("owner") or {}).get("username")


def plain_name(name: str) -> str:
    """A board's or section's name as the service compares names."""
    return name.strip().casefold()


def require_free(boards: Sequence[Board], name: str) -> None:
    """Raise ActionError if one of ``boards`` has this name: an existing board is never taken over."""
    taken = boards_named(boards, name)
    if taken:
        raise ActionError(
            f"a board named {name!r} already exists ({taken[0]['id']})", hint="choose another name for the new one"
        )


def find_made_board(boards: Sequence[Board], name: str) -> Board | None:
    """The board that a run made under a name that was free, or None. Raises Diverged if there are several."""
    return single_or_none(boards_named(boards, name), "boards of this name")


def single_or_none(matches: Sequence[T], label: str) -> T | None:
    """The only one of ``matches``, or None if there are none. Raises Diverged naming them if there are several."""
    if len(matches) > 1:
        ids = ", ".join(str(match["id"]) for match in matches[:_MAX_NAMED])
        raise Diverged(
            f"{len(matches)} {label} appeared, but this run made one: {ids}",
            hint="something else writes to the account: see which is the run's, then pinflow resume RUN --made ITEM=ID",
        )
    return matches[0] if matches else None


def applied_or_none(current: T, changes: Mapping[str, object]) -> T | None:
    """``current`` if it already has these ``changes``, else None. Null and "" are equal here."""
    same = all((current.get(name) or "") == (value or "") for name, value in changes.items())
    return current if same else None


def without_none(**fields: object) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _nearest(boards: Sequence[Board], reference: str) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    by_name = {board.get("name", "").casefold(): board.get("name", "") for board in boards}
    suggestions = get_close_matches(reference.casefold(), by_name, n=3)
    if suggestions:
        return f"did you mean {' or '.join(repr(by_name[name]) for name in suggestions)}?"
    return "list_boards lists them; secret boards need the scope boards:read_secret (v3: read_secret_boards)"
