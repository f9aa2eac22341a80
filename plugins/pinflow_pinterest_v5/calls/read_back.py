"""How what an operation writes is read back: by rule, from the catalogue.

What a POST creates is listed by the GET of the same path, if there is one whose things have ids; what a PATCH changes
and a DELETE removes is read by the GET of the same path. Pins, boards and sections are read back as their own actions
do it. The rest nothing reads back: it is told as not checked, and after a lost answer its outcome is unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from pinflow import ActionError, Check, Forbidden, InDoubt, MissingScope, Seen, dataclass
from pinflow_pinterest.answers import found_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow import Client, Context, Place
    from pinflow_pinterest.catalogue.operations import Catalogue, Operation

UNSEEN: Final = "the service shows none"
UNSEEN_CHANGE: Final = "the service does not show what was changed"
UNSEEN_CREATION: Final = "the service shows none; after a lost answer its outcome is unknown"
STILL_SHOWN: Final = "the service may show what was deleted"
NOT_ALLOWED: Final = "the token may not read them"

# what does no harm if it is sent again: nothing of the account changes, but for the service's work
_HARMLESS: Final = frozenset(
    {"ad_previews/create", "bulk_download/create", "feeds/ingest", "leads_export/create", "media/create"}
)
_TOKENS: Final = frozenset({"oauth/conversion_token", "oauth/token", "token/revoke"})  # nothing of the account
_OWN_CREATIONS: Final = frozenset({"boards/create", "board_sections/create", "pins/create", "pins/save"})
# their twin lists something else, or things without an id
_UNLISTED: Final = frozenset({"media/create", "verify_website/update"})
_NEWEST_FIRST: Final = "DESCENDING"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_MAX_PAGE: Final = 250
_MAX_NAMED: Final = 30  # things of one request, as the service allows

_readable: WeakKeyDictionary[Client, dict[str, bool]] = WeakKeyDictionary()  # whether a login may read a path


@dataclass(frozen=True, slots=True)
class CallPlace:
    """What a listing of the API lists, or (without ``query``) one object that is read by itself.

    ``single`` is the path that one of its things has, with "{id}"; "" if there is none. ``in_list`` says that an
    operation answers with a list of what it made.
    """

    client: Client
    key: str
    path: str
    query: Mapping[str, object] | None
    single: str = ""
    in_list: bool = False
    category: str = ""

    @property
    def label(self) -> str:
        return self.path

    def pages(self) -> Iterator[Sequence[Seen]]:
        if self.query is None:
            return
        for page in self.client.page_iter(self.path, params=self.query):
            yield [self._show(item) for item in page.items]

    def count(self) -> None:
        return None

    def see(self, answer: Any) -> Seen:
        """The first of the things that an answer shows."""
        things = things_of(answer)
        if not things:
            raise ActionError(f"the answer of {self.path} shows nothing that has an id")
        return self._show(things[0])

    def read(self, id_: str, /) -> Seen | None:
        if not self.single:
            return next((seen for page in self.pages() for seen in page if seen.id == id_), None)
        path = self.single.replace("{id}", id_)
        return found_or_none(lambda: self._show({"id": id_, **self.client.get(path)}))

    def _show(self, thing: Any) -> Seen:
        if not isinstance(thing, dict) or not isinstance(thing.get("id"), str):
            raise ActionError(f"{self.path} lists something that has no id")
        shown = {"items": [{"data": thing, "exceptions": []}]} if self.in_list else thing
        return Seen(thing["id"], plain_fields(thing), thing=shown)


@dataclass(frozen=True, slots=True)
class ReadBack:
    """How what one operation writes is read back."""

    catalogue: Catalogue
    operation: Operation

    @property
    def is_harmless(self) -> bool:
        """Whether it may be sent again blindly, although it is a POST."""
        return self.operation.id in _HARMLESS

    @property
    def finds_lost(self) -> bool:
        """Whether what became of it can be told after a lost answer, as far as the plan knows."""
        if self.operation.method != "POST" or self.is_harmless or self.operation.id in _OWN_CREATIONS:
            return True
        return self._twin(lists=True) is not None and self.operation.id not in _UNLISTED

    @property
    def categories(self) -> set[str]:
        """The quotas of what the write is read back by."""
        return {twin.category for lists in (True, False) if (twin := self._twin(lists=lists)) is not None}

    def durable_arguments(self, ctx: Context, values: Mapping[str, Any]) -> dict[str, Any]:
        """What ``ctx.once`` is told of the write, so that it is found again and read back."""
        if self.operation.id in _TOKENS:
            return {}
        own = self._own(ctx, values)
        if own is not None:
            return own
        if self.is_harmless:
            return {"find": lambda: None}
        if self.operation.method == "POST":
            return self._creation(ctx, values)
        return self._change(ctx, values)

    # Pins, boards and sections

    def _own(self, ctx: Context, values: Mapping[str, Any]) -> dict[str, Any] | None:
        from pinflow_pinterest import checks
        from pinflow_pinterest.gateway import gateway
        from pinflow_pinterest.pin_places import new_pin_likeness, pin_place_of, saved_pin_likeness

        body: Mapping[str, Any] = values.get("body") or {}
        service, sent_before = gateway(ctx.client), ctx.sent_at("call") is not None
        match self.operation.id:
            case "pins/create" if "board_id" in body and "media_source" in body:
                return {"place": pin_place_of(service, body["board_id"]), "likeness": new_pin_likeness(body)}
            case "pins/save" if body.get("board_id"):
                board, section = body["board_id"], body.get("board_section_id")
                likeness = saved_pin_likeness(service, values["pin_id"], board, section)
                return {"place": pin_place_of(service, board), "likeness": likeness}
            case "boards/create" if not body.get("is_ads_only"):
                return {"place": checks.BoardsPlace(service), "likeness": checks.board_likeness(body)}
            case "board_sections/create":
                return {
                    "place": checks.SectionsPlace(service, str(values["board_id"])),
                    "likeness": checks.section_likeness(body),
                }
            case "pins/update" if set(body) - {"carousel_slots"}:
                changes = {name: value for name, value in body.items() if name != "carousel_slots"}
                pin = str(values["pin_id"])
                return {"check": lambda it: checks.changed_pin(service, pin, changes, it, sent_before=sent_before)}
            case "pins/delete":
                return {"check": lambda _: checks.deleted_pin(service, str(values["pin_id"]))}
            case "boards/update" if body:
                board = str(values["board_id"])
                return {
                    "check": lambda it: checks.changed_board(service, board, body, it, sent_before=sent_before),
                    "unchecked": checks.HIDDEN,
                }
            case "boards/delete":
                return {"check": lambda _: checks.deleted_board(service, str(values["board_id"]))}
            case "board_sections/update":
                return {"check": lambda it: checks.made_section(service, values["board_id"], it)}
            case "board_sections/delete":
                return {
                    "check": lambda _: checks.deleted_section(service, values["board_id"], str(values["section_id"]))
                }
        return None

    # all else

    def _creation(self, ctx: Context, values: Mapping[str, Any]) -> dict[str, Any]:
        if _is_repeatable_event(self.operation.id, values.get("body")):
            return {"find": lambda: None, "unchecked": UNSEEN}
        listing = self._twin(lists=True)
        if listing is None or self.operation.id in _UNLISTED:
            return {"unchecked": UNSEEN_CREATION}
        body = values.get("body")
        place = self.place_of(ctx, listing, values, in_list=isinstance(body, list))
        sent = [thing for thing in (body if isinstance(body, list) else [body]) if isinstance(thing, dict)]
        if place is None or not sent:
            return {"unchecked": UNSEEN_CREATION}
        if not _may_list(ctx, listing, place):
            return {"unchecked": NOT_ALLOWED}
        if len(sent) == 1:
            return {"place": place, "likeness": _identifying_fields(sent[0])}
        return _BatchCreation(ctx, place, sent, self.operation).durable_arguments()

    def _change(self, ctx: Context, values: Mapping[str, Any]) -> dict[str, Any]:
        """A PATCH, PUT or DELETE."""
        body, category = values.get("body"), self.operation.category
        sent_before = ctx.sent_at("call") is not None
        listing, getter = self._twin(lists=True), self._twin(lists=False)
        twin = listing or getter
        if twin is None:
            return {"unchecked": UNSEEN_CHANGE}
        place = self.place_of(ctx, twin, values)
        if place is None:
            return {"unchecked": UNSEEN_CHANGE}
        if listing is not None:
            changed = [thing for thing in body if isinstance(thing, dict)] if isinstance(body, list) else []
            changed = [thing for thing in changed if isinstance(thing.get("id"), str)]
            if not changed or self.operation.method != "PATCH":
                return {"unchecked": UNSEEN_CHANGE}

            def check_all(answer: Any) -> list[Check]:
                both = [(thing["id"], _changes(thing, answer, sent_before=sent_before)) for thing in changed]
                return [Check(place, id, fields, category=category) for id, fields in both if fields]

            return {"check": check_all, "unchecked": UNSEEN_CHANGE}
        id = place.key.rpartition(":")[2].rpartition("/")[2]
        if self.operation.method == "DELETE":
            gone = Check(place, id, None, listed=False, category=category)
            return {"check": lambda _: None if sent_before else gone, "unchecked": STILL_SHOWN}

        def check(answer: Any) -> Check | None:
            fields = _changes(body, answer, sent_before=sent_before) if isinstance(body, dict) else None
            return Check(place, id, fields, listed=False, category=category) if fields else None

        return {"check": check, "unchecked": UNSEEN_CHANGE}

    def _twin(self, *, lists: bool) -> Operation | None:
        """The GET of the same path, if its answer is a listing, or if it is not."""
        twin = self.catalogue.match("GET", self.operation.path)
        if twin is None or twin.path != self.operation.path:
            return None
        arguments = self.catalogue.arguments(twin.id)
        return twin if arguments.lists == lists and not arguments.required else None

    def place_of(
        self, ctx: Context, twin: Operation, values: Mapping[str, Any], *, in_list: bool = False
    ) -> CallPlace | None:
        """The place that an operation reads; None if its path holds what can't be a key."""
        names = re.findall(r"\{(\w+)\}", twin.path)
        parts = [str(values[name]) for name in names]
        if not all(_PLAIN.fullmatch(part) for part in parts):
            return None
        arguments = self.catalogue.arguments(twin.id)
        path = re.sub(r"\{(\w+)\}", lambda match: str(values[match[1]]), twin.path)
        key = f"{ctx.client.api.id}:{twin.id.replace('/', '.')}:{'/'.join(parts) or 'all'}"
        if not arguments.lists:
            return CallPlace(ctx.client, key, path, None, single=path, category=twin.category)
        single = self.catalogue.match("GET", f"{twin.path}/{{id}}")
        return CallPlace(
            ctx.client,
            key,
            path,
            self._query(twin, values),
            f"{path}/{{id}}" if single else "",
            in_list=in_list,
            category=twin.category,
        )

    def _query(self, listing: Operation, values: Mapping[str, Any]) -> dict[str, object]:
        """What makes a listing show all that there is, the newest first where it can."""
        known = self.catalogue.arguments(listing.id).query
        query: dict[str, object] = {}
        if "page_size" in known:
            size = _resolve(known["page_size"], self.catalogue).get("maximum", _MAX_PAGE)
            query["page_size"] = min(size, _MAX_PAGE)
        if _NEWEST_FIRST in _resolve(known.get("order"), self.catalogue).get("enum", ()):
            query["order"] = _NEWEST_FIRST
        statuses = _resolve(_resolve(known.get("entity_statuses"), self.catalogue).get("items"), self.catalogue)
        if statuses.get("enum"):
            query["entity_statuses"] = list(statuses["enum"])  # the default hides some
        if "ad_account_id" in known and values.get("ad_account_id"):
            query["ad_account_id"] = values["ad_account_id"]
        return query


@dataclass(frozen=True, slots=True)
class _BatchCreation:
    """Several things that one request creates; the service may have made a part of them."""

    ctx: Context
    place: CallPlace
    sent: Sequence[Mapping[str, Any]]
    operation: Operation

    def durable_arguments(self) -> dict[str, Any]:
        known = self.ctx.freeze("listed", (seen.id for page in self.place.pages() for seen in page))
        category = self.operation.category

        def check(answer: Any) -> list[Check]:
            return [Check(self.place, thing["id"], {}, category=category) for thing in things_of(answer)]

        return {"find": lambda: self._find(set(known)), "check": check}

    def _find(self, known: set[str]) -> dict[str, Any] | None:
        """All of them as the answer would show them, or None if there is none. Raises InDoubt for anything between."""
        new = [seen for page in self.place.pages() for seen in page if seen.id not in known]
        fields = sorted({name for thing in self.sent for name in _identifying_fields(thing)})
        wanted = [tuple(_identifying_fields(thing).get(name, "") for name in fields) for thing in self.sent]
        by_likeness: dict[tuple[str, ...], list[Seen]] = {}
        for seen in new:
            by_likeness.setdefault(tuple(seen.likeness.get(name, "") for name in fields), []).append(seen)
        ours = {key: of for key, of in by_likeness.items() if key in wanted}
        if not ours and (fields or not new):
            return None
        if fields and {key: len(of) for key, of in ours.items()} == Counter(wanted):
            return {"items": [ours[key].pop(0).thing["items"][0] for key in wanted]}
        ids = ", ".join(seen.id for seen in new[:_MAX_NAMED])
        raise InDoubt(
            f"{self.operation.id} was to make {len(self.sent)}, and {len(new)} are new in {self.place.path}: {ids}",
            hint="look which of them are yours; then start a new run with those that are missing",
        )


def things_of(answer: Any) -> list[dict[str, Any]]:
    """The things with an id that an answer shows: itself, or those in its list, each perhaps under "data"."""
    if isinstance(answer, dict) and isinstance(answer.get("id"), str):
        return [answer]
    rows = answer if isinstance(answer, list) else []
    if isinstance(answer, dict):
        lists = [answer["items"]] if "items" in answer else list(answer.values())
        rows = next((rows for rows in lists if isinstance(rows, list)), [])
    inner = [row["data"] if isinstance(row, dict) and isinstance(row.get("data"), dict) else row for row in rows]
    return [thing for thing in inner if isinstance(thing, dict) and isinstance(thing.get("id"), str)]


def plain_fields(thing: Mapping[str, Any]) -> dict[str, str]:
    """The texts, numbers and booleans of an object, as texts that can be compared."""
    return {
        name: str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
        for name, value in thing.items()
        if name != "id" and isinstance(value, str | int | float)
    }


def _identifying_fields(thing: Mapping[str, Any]) -> dict[str, str]:
    """What tells a thing from others of its kind: its name and what it belongs to, else all of it."""
    fields = plain_fields(thing)
    named = {name: value for name, value in fields.items() if name == "name" or name.endswith("_id")}
    return named if "name" in named else fields


def _changes(thing: Mapping[str, Any], answer: Any, *, sent_before: bool) -> dict[str, str] | None:
    """What a changed thing must show, of what the answer shows of it; None if that is nothing.

    That is what was sent; of what was sent before in vain, what the answer shows.
    """
    shown = [plain_fields(other) for other in things_of(answer) if other["id"] == thing.get("id", other["id"])]
    sent = plain_fields(thing)
    common = {name for name in sent if shown and name in shown[0]}
    return {name: (shown[0] if sent_before else sent)[name] for name in common} or None


def _is_repeatable_event(operation: str, body: Any) -> bool:
    """Whether these are events that the service knows again by their ids."""
    if operation != "events/create" or not isinstance(body, dict):
        return False
    events = body.get("data")
    return isinstance(events, list) and all(isinstance(event, dict) and event.get("event_id") for event in events)


def _may_list(ctx: Context, listing: Operation, place: CallPlace) -> bool:
    """Whether the login may read a listing; one of unknown scopes is tried once."""
    scopes = ctx.client.scopes
    if scopes is not None:
        return listing.scopes <= scopes
    known = _readable.setdefault(ctx.client, {})
    if place.path not in known:
        try:
            next(iter(place.pages()), None)
            known[place.path] = True
        except (MissingScope, Forbidden):
            known[place.path] = False
    return known[place.path]


def _resolve(schema: Any, catalogue: Catalogue) -> Mapping[str, Any]:
    while isinstance(schema, dict) and "$ref" in schema:
        schema = catalogue.definitions[schema["$ref"].removeprefix("#/$defs/")]
    return schema if isinstance(schema, dict) else {}


def find_place(catalogue: Catalogue, operation: Operation, ctx: Context, key: str) -> Place | None:
    """The place of a key, as an earlier process of the run wrote to it."""
    from pinflow_pinterest.checks import find_place as find_own_place

    _, _, rest = key.partition(":")
    twin_id, _, ids = rest.partition(":")
    twin = catalogue.operations.get(twin_id.replace(".", "/"))
    if twin is None:
        return find_own_place(ctx, key)
    names = re.findall(r"\{(\w+)\}", twin.path)
    values = dict(zip(names, ids.split("/"), strict=False))
    return ReadBack(catalogue, operation).place_of(ctx, twin, values)
