"""The handle on a running sandbox: look at the whole world, change how it behaves, let time pass.

The same from Python (``Control``) and over HTTP under ``/_sandbox/``, where every call needs the token of this start in
the header ``X-Sandbox-Token``, and no web page of another origin is heard.
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

_PRIVACIES: tuple[Privacy, ...] = ("PUBLIC", "PROTECTED", "SECRET")


class Control:
    """What the owner of a sandbox may do with it, beyond what the API offers."""

    def __init__(self, world: World, interference: FaultInjector) -> None:
        self._world = world
        self._interference = interference

    def state(self, board: str | None = None) -> JsonObject:
        """The whole world as JSON values, everything oldest first; or only the board with one id.

        A Pin's ``fingerprint`` stands for all it shows, its ``media`` for the pictures alone: both are equal for a
        faithful copy, whatever the addresses. Raises ValueError for a board that does not exist.
        """
        world = self._world
        self._interference.catch_up()
        with world.lock:
            if board is not None and board not in world.boards:
                raise ValueError(f"no board has the id {board!r}")
            chosen = sorted(world.boards) if board is None else [board]
            state: JsonObject = {"seed": world.seed, "now": world.clock.now()}
            state["boards"] = [_board(world, world.boards[id]) for id in chosen]
            if board is None:
                loose = [pin for pin in world.pins.values() if pin.board_id is None]
                state["profile_pins"] = [_pin(pin) for pin in loose]
                state["accounts"] = [render.account(record) for record in world.accounts.values()]
                state["media"] = [
                    {"id": record.id, "account": record.account, "content": record.content, "size": record.size}
                    for record in world.media.values()
                ]
            return state

    def reset(self, seed_number: int | None = None) -> None:
        """Start the world anew, from the same seed or another. Settings, clock and tokens stay."""
        self._interference.forget()
        with self._world.lock:
            seed.refill(self._world, self._world.seed if seed_number is None else seed_number)

    def settings(self) -> Settings:
        """How the sandbox behaves now."""
        return self._world.settings

    def change(self, **changes: object) -> Settings:
        """Change settings by name; ``faults`` takes a Profile or what names one, such as "hostile:42".

        Raises ValueError with all that is wrong, and then changes nothing.
        """
        faults = changes.pop("faults", None)
        chosen = faults if isinstance(faults, FaultProfile | None) else parse_profile(str(faults))
        with self._world.lock:
            self._world.settings = self._world.settings.with_changes(changes)
            if chosen is not None:
                self._interference.choose(chosen)
            return self._world.settings

    def faults(self) -> JsonObject:
        """The profile of what goes wrong, with its seed, and how often each fault came since it was chosen."""
        return {"profile": str(self._interference.profile), "counts": dict(self._interference.counts)}

    def advance(self, seconds: float) -> float:
        """Let time pass at once; the time it is then, in seconds since the epoch."""
        with self._world.lock:
            self._world.clock.advance(seconds)
            return self._world.clock.now()

    def requests(self) -> list[JsonObject]:
        """How often what was asked: counts by method, path template, status and account, most first."""
        with self._world.lock:
            counts = self._world.request_counts.most_common()
        names = ("method", "path", "status", "account")
        return [{**dict(zip(names, key, strict=True)), "count": count} for key, count in counts]

    def forget_requests(self) -> None:
        """Count requests from zero again, quotas too."""
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
        """Make a board with so many Pins, no two alike, spread evenly over board and sections; its id.

        Raises ValueError where the account does not exist.
        """
        with self._world.lock:
            self._require_account(account)
            board = seed.make_board(self._world, account, name, pins_count=pins, sections=sections, privacy=privacy)
            return board.id

    def account(self, username: str) -> None:
        """Make an empty account, unless there is one of that name."""
        with self._world.lock:
            self._world.add_account(username)

    def token(self, account: str, scopes: Iterable[str] = EVERY_SCOPE) -> str:
        """An access token of an account. Raises ValueError where it does not exist."""
        self._require_account(account)
        return self._world.token_for(account, scopes)

    def app(self, id: str, redirect_uris: Iterable[str], *, legacy: bool = False, owner: str = seed.STUDIO) -> str:
        """Register an app, or change one; its secret. Raises ValueError for URIs that can't be redirected to."""
        uris = list(redirect_uris)
        if bad := [uri for uri in uris if not (uri.isascii() and uri.isprintable() and "://" in uri)]:
            raise ValueError(f"not an absolute address in plain ASCII: {bad}")
        with self._world.lock:
            self._require_account(owner)
            return self._world.logins.register(id, owner=owner, redirect_uris=uris, legacy=legacy).secret

    def _require_account(self, account: str) -> None:
        if account not in self._world.accounts:
            raise ValueError(f"no account {account!r}; there are: {', '.join(self._world.accounts)}")


class ControlSurface:
    """``Control`` over HTTP."""

    def __init__(self, control: Control, token: str) -> None:
        self._control = control
        self._token = token

    def respond(self, call: HttpRequest) -> HttpResponse:
        """Do what a call under ``/_sandbox/`` asks for."""
        if problem := self._rejection(call):
            return _json_response(403, {"message": problem})
        name = call.path.removeprefix(PREFIX)
        method = "GET" if call.method == "HEAD" else call.method
        act = _ROUTES.get((method, name))
        if act is None:
            known = sorted(f"{method} {PREFIX}{name}" for method, name in _ROUTES)
            return _json_response(404, {"message": f"no such control; there are: {', '.join(known)}"})
        try:
            arguments = (
                _parse_arguments(call)
                if method == "POST"
                else {name: values[-1] for name, values in call.query.items()}
            )
            return _json_response(200, act(self._control, arguments))
        except (TypeError, ValueError) as error:
            return _json_response(400, {"message": str(error)})

    def _rejection(self, call: HttpRequest) -> str | None:
        """Why a call is not to be heard, or None if it is the owner's."""
        if call.header("origin") not in ("", f"http://{call.host}"):
            return "refused: another web page sent this"
        if call.header("sec-fetch-site") in ("cross-site", "same-site"):
            return "refused: another web site sent this"
        if not compare_digest(call.header(TOKEN_HEADER).encode(), self._token.encode()):
            return "refused: the header X-Sandbox-Token must have the control token of this start"
        return None


def _board(world: World, board: BoardRecord) -> JsonObject:
    return {
        "id": board.id,
        "owner": board.owner,
        "name": board.name,
        "description": board.description,
        "privacy": board.privacy,
        "collaborators": sorted(board.collaborators),
        "created": board.created,
        "sections": [{"id": id, "name": world.sections[id].name} for id in board.sections],
        "pins": [_pin(world.pins[id]) for id in board.pins],
    }


def _pin(pin: PinRecord) -> JsonObject:
    content = pin.content
    return {
        "id": pin.id,
        "account": pin.account,
        "section_id": pin.section_id,
        "parent_pin_id": pin.parent_id,
        "created": pin.created,
        "title": content.title,
        "description": content.description,
        "link": content.link,
        "alt_text": content.alt_text,
        "dominant_color": content.dominant_color,
        "media_type": content.kind,
        "media": content.media_fingerprints,
        "fingerprint": content.fingerprint,
    }


def _json_response(status: int, value: object) -> HttpResponse:
    headers = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
    return HttpResponse(status, encode_json(value).encode("utf-8", "backslashreplace"), headers=headers)


def _parse_arguments(call: HttpRequest) -> dict[str, Any]:
    if call.method != "POST":
        return {name: values[-1] for name, values in call.query.items()}
    if call.header("content-type").partition(";")[0].strip().lower() != "application/json":
        raise ValueError("the body must be application/json")
    value = json.loads(call.body) if call.body else {}
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value


def _argument(arguments: Mapping[str, Any], name: str, kind: type, default: Any = ...) -> Any:
    """A value of the right type. Raises ValueError if it is another's, or missing without a default."""
    value = arguments.get(name, default)
    if value is ...:
        raise ValueError(f"{name}: is required")
    if value is not default and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise ValueError(f"{name}: wants a value of type {kind.__name__}, not {value!r}")
    return value


def _texts(arguments: Mapping[str, Any], name: str, default: Iterable[str]) -> list[str]:
    values = _argument(arguments, name, list, list(default))
    if not all(isinstance(item, str) for item in values):
        raise ValueError(f"{name}: wants a list of texts")
    return list(values)


def _state(control: Control, arguments: Mapping[str, Any]) -> object:
    return control.state(arguments.get("board"))


def _reset(control: Control, arguments: Mapping[str, Any]) -> object:
    control.reset(_argument(arguments, "seed", int, None))
    return {}


def _settings(control: Control, arguments: Mapping[str, Any]) -> object:
    return control.settings().as_json()


def _change(control: Control, arguments: Mapping[str, Any]) -> object:
    return control.change(**arguments).as_json()


def _faults(control: Control, arguments: Mapping[str, Any]) -> object:
    return control.faults()


def _advance(control: Control, arguments: Mapping[str, Any]) -> object:
    value = arguments.get("advance")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("advance: wants seconds")
    return {"now": control.advance(value)}


def _requests(control: Control, arguments: Mapping[str, Any]) -> object:
    return {"requests": control.requests()}


def _forget(control: Control, arguments: Mapping[str, Any]) -> object:
    control.forget_requests()
    return {}


def _make_board(control: Control, arguments: Mapping[str, Any]) -> object:
    privacy = arguments.get("privacy", "PUBLIC")
    if privacy not in _PRIVACIES:
        raise ValueError(f"privacy: wants one of {list(_PRIVACIES)}, not {privacy!r}")
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


def _account(control: Control, arguments: Mapping[str, Any]) -> object:
    control.account(_argument(arguments, "username", str))
    return {}


def _app(control: Control, arguments: Mapping[str, Any]) -> object:
    id, legacy = _argument(arguments, "id", str), _argument(arguments, "legacy", bool, False)
    return {"id": id, "secret": control.app(id, _texts(arguments, "redirect_uris", ()), legacy=legacy)}


_ROUTES: Mapping[tuple[str, str], Callable[[Control, Mapping[str, Any]], object]] = {
    ("GET", "state"): _state,
    ("GET", "settings"): _settings,
    ("GET", "faults"): _faults,
    ("GET", "requests"): _requests,
    ("POST", "reset"): _reset,
    ("POST", "settings"): _change,
    ("POST", "clock"): _advance,
    ("POST", "requests"): _forget,
    ("POST", "boards"): _make_board,
    ("POST", "accounts"): _account,
    ("POST", "tokens"): _token,
    ("POST", "apps"): _app,
}
