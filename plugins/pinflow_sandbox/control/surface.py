"""The control surface of a running sandbox: inspect the world, change settings, advance the clock.

The same from Python (``Control``) and over HTTP under ``/_sandbox/``. Every HTTP request needs the control token of
this start in the header ``X-Sandbox-Token``; requests of web pages of another origin are refused.
"""

from __future__ import annotations

import json
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from pinflow_sandbox.control.faults import FaultProfile, parse_profile
from pinflow_sandbox.seed import example as seed
from pinflow_sandbox.server.json_encoding import encode_json
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.v5 import render
from pinflow_sandbox.world.logins import EVERY_SCOPE
from pinflow_sandbox.world.records import PRIVACIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow_sandbox.control.faults import FaultInjector
    from pinflow_sandbox.control.settings import Settings
    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.world.records import BoardRecord, PinRecord, Privacy
    from pinflow_sandbox.world.world import World

    JsonObject = dict[str, object]

PREFIX = "/_sandbox/"
TOKEN_HEADER = "x-sandbox-token"  # noqa: S105 (a header's name)


class Control:
    """What the owner of a sandbox can do beyond the API."""

    def __init__(self, world: World, injector: FaultInjector) -> None:
        self._world = world
        self._injector = injector

    def state(self, board: str | None = None) -> JsonObject:
        """The whole world as JSON values, oldest first; or only the board with this id.

        A Pin's ``fingerprint`` covers all it shows, its ``media`` only the pictures: both are equal for a faithful
        copy, even if the URLs differ. Raises ValueError for an unknown board.
        """
        world = self._world
        self._injector.catch_up()
        with world.lock:
            if board is not None and board not in world.boards:
                raise ValueError(f"unknown board {board!r}")
            chosen = sorted(world.boards) if board is None else [board]
            state: JsonObject = {"seed": world.seed, "now": world.clock.now()}
            state["boards"] = [_board(world, world.boards[id]) for id in chosen]
            if board is None:
                loose = [pin for pin in world.pins.values() if pin.board_id is None]
                state["profile_pins"] = [_pin(pin) for pin in loose]
                state["accounts"] = [render.account(record) for record in world.accounts.values()]
                state["media"] = [_fields(media, "id", "account", "content", "size") for media in world.media.values()]
            return state

    def reset(self, seed_number: int | None = None) -> None:
        """Rebuild the world from the same seed or another. Settings, clock and tokens stay."""
        self._injector.forget()
        with self._world.lock:
            seed.refill(self._world, self._world.seed if seed_number is None else seed_number)

    def settings(self) -> Settings:
        """The current settings."""
        return self._world.settings

    def change(self, **changes: object) -> Settings:
        """Change settings by name; ``faults`` is a FaultProfile or the text of one, such as "hostile:42".

        Raises ValueError that lists all that is wrong; nothing is changed then.
        """
        faults = changes.pop("faults", None)
        profile = faults if isinstance(faults, FaultProfile | None) else parse_profile(str(faults))
        with self._world.lock:
            self._world.settings = self._world.settings.with_changes(changes)
            if profile is not None:
                self._injector.choose(profile)
            return self._world.settings

    def faults(self) -> JsonObject:
        """The fault profile with its seed, and the number of each injected fault since it was chosen."""
        return {"profile": str(self._injector.profile), "counts": dict(self._injector.counts)}

    def advance(self, seconds: float) -> float:
        """Advance the clock. Returns the new time in seconds since the epoch."""
        with self._world.lock:
            self._world.clock.advance(seconds)
            return self._world.clock.now()

    def requests(self) -> list[JsonObject]:
        """Counts of requests by method, path template, status and account, highest first."""
        with self._world.lock:
            counts = self._world.request_counts.most_common()
        names = ("method", "path", "status", "account")
        return [{**dict(zip(names, key, strict=True)), "count": count} for key, count in counts]

    def forget_requests(self) -> None:
        """Reset the counts of requests and the quotas."""
        with self._world.lock:
            self._world.request_counts.clear()
            self._world.limits.clear()

    def board(
        self,
        account: str = seed.STUDIO,
        *,
        name: str,
        pins: int = 0,
        sections: Sequence[str] = (),
        privacy: Privacy = "PUBLIC",
    ) -> str:
        """Create a board with ``pins`` distinct Pins, spread evenly over board and sections. Returns its id.

        Raises ValueError if the account does not exist.
        """
        with self._world.lock:
            self._require_account(account)
            board = seed.make_board(self._world, account, name, pins_count=pins, sections=sections, privacy=privacy)
            return board.id

    def account(self, username: str) -> None:
        """Create an empty account, unless one of that name exists."""
        with self._world.lock:
            self._world.add_account(username)

    def token(self, account: str, scopes: Iterable[str] = EVERY_SCOPE) -> str:
        """An access token of an account. Raises ValueError if the account does not exist."""
        self._require_account(account)
        return self._world.token_for(account, scopes)

    def app(self, id: str, redirect_uris: Iterable[str], *, legacy: bool = False, owner: str = seed.STUDIO) -> str:
        """Register or change an app. Returns its secret. Raises ValueError for invalid redirect URIs."""
        uris = list(redirect_uris)
        if invalid := [uri for uri in uris if not (uri.isascii() and uri.isprintable() and "://" in uri)]:
            raise ValueError(f"redirect_uris must be absolute URIs in ASCII, not {invalid}")
        with self._world.lock:
            self._require_account(owner)
            return self._world.logins.register(id, owner=owner, redirect_uris=uris, legacy=legacy).secret

    def _require_account(self, account: str) -> None:
        if account not in self._world.accounts:
            raise ValueError(f"unknown account {account!r}; must be one of {', '.join(self._world.accounts)}")


class ControlSurface:
    """``Control`` over HTTP."""

    def __init__(self, control: Control, token: str) -> None:
        self._control = control
        self._token = token

    def respond(self, call: HttpRequest) -> HttpResponse:
        """The response to a request under ``/_sandbox/``."""
        if problem := self._rejection(call):
            return _json_response(403, {"message": problem})
        name = call.path.removeprefix(PREFIX)
        method = "GET" if call.method == "HEAD" else call.method
        handler = _ROUTES.get((method, name))
        if handler is None:
            known = sorted(f"{method} {PREFIX}{name}" for method, name in _ROUTES)
            return _json_response(404, {"message": f"unknown control; must be one of {', '.join(known)}"})
        try:
            value = handler(self._control, _parse_arguments(call))
            return _json_response(200, {} if value is None else value)
        except (TypeError, ValueError) as error:
            return _json_response(400, {"message": str(error)})

    def _rejection(self, call: HttpRequest) -> str | None:
        """Why a request is refused, or None if it is the owner's."""
        if call.header("origin") not in ("", f"http://{call.host}"):
            return "refused: sent by another web page"
        if call.header("sec-fetch-site") in ("cross-site", "same-site"):
            return "refused: sent by another web site"
        if not compare_digest(call.header(TOKEN_HEADER).encode(), self._token.encode()):
            return "refused: X-Sandbox-Token must be the control token of this start"
        return None


def _board(world: World, board: BoardRecord) -> JsonObject:
    return {
        **_fields(board, "id", "owner", "name", "description", "privacy"),
        "collaborators": sorted(board.collaborators),
        "created": board.created,
        "sections": [{"id": id, "name": world.sections[id].name} for id in board.sections],
        "pins": [_pin(world.pins[id]) for id in board.pins],
    }


def _pin(pin: PinRecord) -> JsonObject:
    content = pin.content
    return {
        **_fields(pin, "id", "account", "section_id"),
        "parent_pin_id": pin.parent_id,
        "created": pin.created,
        **_fields(content, "title", "description", "link", "alt_text", "dominant_color"),
        "media_type": content.kind,
        "media": content.media_fingerprints,
        "fingerprint": content.fingerprint,
    }


def _fields(record: object, *names: str) -> JsonObject:
    return {name: getattr(record, name) for name in names}


def _json_response(status: int, value: object) -> HttpResponse:
    headers = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
    return HttpResponse(status, encode_json(value).encode("utf-8", "backslashreplace"), headers=headers)


def _parse_arguments(call: HttpRequest) -> dict[str, Any]:
    if call.method != "POST":
        return call.last_values
    if call.header("content-type").partition(";")[0].strip().lower() != "application/json":
        raise ValueError("the body must be application/json")
    value = json.loads(call.body) if call.body else {}
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value


def _argument(arguments: Mapping[str, Any], name: str, kind: type, default: Any = ...) -> Any:
    """An argument of this type. Raises ValueError if it has another type, or is absent without a default."""
    value = arguments.get(name, default)
    if value is ...:
        raise ValueError(f"{name}: is required")
    if value is not default and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise ValueError(f"{name}: must be of type {kind.__name__}, not {value!r}")
    return value


def _texts(arguments: Mapping[str, Any], name: str, default: Iterable[str]) -> list[str]:
    values = _argument(arguments, name, list, list(default))
    if not all(isinstance(item, str) for item in values):
        raise ValueError(f"{name}: must be a list of texts")
    return list(values)


def _advance(control: Control, arguments: Mapping[str, Any]) -> object:
    value = arguments.get("advance")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("advance: must be seconds")
    return {"now": control.advance(value)}


def _make_board(control: Control, arguments: Mapping[str, Any]) -> object:
    privacy = arguments.get("privacy", "PUBLIC")
    if privacy not in PRIVACIES:
        raise ValueError(f"privacy: must be one of {', '.join(PRIVACIES)}, not {privacy!r}")
    count = _argument(arguments, "pins", int, 0)
    id = control.board(
        _argument(arguments, "account", str, seed.STUDIO),
        name=_argument(arguments, "name", str),
        pins=count,
        sections=_texts(arguments, "sections", ()),
        privacy=privacy,
    )
    return {"id": id}


def _token(control: Control, arguments: Mapping[str, Any]) -> object:
    account = _argument(arguments, "account", str, seed.STUDIO)
    return {"access_token": control.token(account, _texts(arguments, "scopes", EVERY_SCOPE))}


def _app(control: Control, arguments: Mapping[str, Any]) -> object:
    id, legacy = _argument(arguments, "id", str), _argument(arguments, "legacy", bool, False)
    return {"id": id, "secret": control.app(id, _texts(arguments, "redirect_uris", ()), legacy=legacy)}


_ROUTES: Mapping[tuple[str, str], Callable[[Control, Mapping[str, Any]], object]] = {
    ("GET", "state"): lambda control, arguments: control.state(arguments.get("board")),
    ("GET", "settings"): lambda control, arguments: control.settings().as_json(),
    ("GET", "faults"): lambda control, arguments: control.faults(),
    ("GET", "requests"): lambda control, arguments: {"requests": control.requests()},
    ("POST", "reset"): lambda control, arguments: control.reset(_argument(arguments, "seed", int, None)),
    ("POST", "settings"): lambda control, arguments: control.change(**arguments).as_json(),
    ("POST", "clock"): _advance,
    ("POST", "requests"): lambda control, arguments: control.forget_requests(),
    ("POST", "boards"): _make_board,
    ("POST", "accounts"): lambda control, arguments: control.account(_argument(arguments, "username", str)),
    ("POST", "tokens"): _token,
    ("POST", "apps"): _app,
}
