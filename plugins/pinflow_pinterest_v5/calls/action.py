"""``call``: every operation of the API, checked and paced by the catalogue.

What an operation takes, needs and counts against is the catalogue's; nothing here knows a particular one, but for
those few that are signed or answered unlike all others.

Source: https://github.com/pinterest/api-description (v5/openapi.json)
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator  # noqa: TC003  what is returned is read at run time
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, Context, CredentialError, RemoteError, Repeated, Variants, action
from pinflow_pinterest.undo import OF_BOARD, OF_PIN
from pinflow_pinterest_v5.calls.catalogues import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow import Action
    from pinflow_pinterest.catalogue.operations import Catalogue, Operation, Takes
    from pinflow_pinterest_v5.calls.catalogues import Choice

    Reread = Callable[[Context, Mapping[str, Any]], Any]

_MANY: Final = 250  # items of a page, where the description sets no limit
CAP: Final = 10_000  # items that ``all`` may collect

# POSTs that ask: what they ask for does not fit into a URL, and they change nothing. A new one is a write until it is
# listed here, which is the safe side.
_ASK: Final = frozenset(
    {
        "ad_groups/audience_sizing",
        "ad_groups_bid_floor/get",
        "advanced_auction_items_get/post",
        "items/post",
        "products_by_product_group_filter/list",
    }
)
# those that have the service report on what there is: nothing of the account changes, and a second report is no harm
_REPORTS: Final = frozenset(
    {
        "analytics/create_conversion_product_report",
        "analytics/create_mmm_report",
        "analytics/create_report",
        "analytics/create_template_report",
        "reports/create",
    }
)
# what an operation makes that pinflow knows how to take back
_MAKES: Final = {"boards/create": "board", "pins/create": "pin", "pins/save": "pin"}
TOKEN: Final = "oauth/token"  # noqa: S105 - an operation
APP_GRANT: Final = "client_credentials"  # the one way to a token that uses up no other
# signed with the app's id and secret, as RFC 6749 has it for the token endpoint
_BY_APP: Final = frozenset({TOKEN, "token/revoke"})
_TOKENS: Final = ("access_token", "refresh_token", "id_token")  # never in an answer: recipes hold no secrets
# what a path's parameter may hold, where the description does not say: it must not lead elsewhere
_IN_PATH: Final = r"^(?!.*\.\.)(?!\.$)[^/?#\\\x00-\x20\x7f]+$"


@dataclass(frozen=True, slots=True)
class _Call:
    """One operation, ready to be called."""

    operation: Operation
    takes: Takes
    page_size: int | None  # the most that it gives at a time; None where that can't be asked for

    @property
    def reads(self) -> bool:
        return self.operation.method == "GET" or self.operation.id in _ASK

    def path(self, given: Mapping[str, Any]) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: str(given[found[1]]), self.operation.path)

    def query(self, given: Mapping[str, Any]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name in self.takes.query:
            value = given.get(name)
            if name in self.takes.nested and isinstance(value, dict):
                found |= {f"{name}[{key}]": part for key, part in _flat(value)}
            elif name in self.takes.repeated and isinstance(value, list):
                found[name] = Repeated(value)
            elif value is not None:
                found[name] = value
        return found

    def send(self, ctx: Context, given: Mapping[str, Any]) -> Any:
        """Send it once and give the answer, without the tokens that are in it."""
        body = given.get("body")
        content: dict[str, Any] = {"form" if self.takes.form else "json": body} if body is not None else {}
        try:
            answer = ctx.client.request(
                self.operation.method,
                self.path(given),
                params=self.query(given),
                read_only=self.reads and self.operation.method != "GET",
                sign=_app_signature(ctx) if self.operation.id in _BY_APP and not ctx.dry_run else None,
                **content,
            )
        except ValueError as error:
            raise _unsendable(error) from error
        return _without_tokens(answer, ctx)

    def pages(self, ctx: Context, given: Mapping[str, Any]) -> Iterator[Any]:
        """Every item of the listing, fetched page by page, with as many on a page as the operation takes."""
        params = {"page_size": self.page_size and min(self.page_size, ctx.client.api.page_size), **self.query(given)}
        try:
            yield from ctx.client.pages(self.path(given), params=params)
        except ValueError as error:
            raise _unsendable(error) from error


def _flat(value: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The fields of a parameter that is sent as name[field]=value; deeper ones as name[field][field]=value."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield from ((f"{name}][{key}", inner) for key, inner in _flat(part))
        else:
            yield name, part


def _app_signature(ctx: Context) -> Callable[[Any], Any]:
    """What signs a request with the app's id and secret. Raises CredentialError where there are none."""
    request = ctx.credential_request()
    pairs = request.api.oauth.app_variables if request.api.oauth is not None else ()
    pair = next((pair for pair in pairs if all(request.environ.get(name) for name in pair)), None)
    if pair is None:
        names = " and ".join(pairs[-1]) if pairs else "the app's id and secret"
        raise CredentialError(f"this is signed with the app's id and secret: set {names}")
    proof = b64encode(":".join(request.environ[name] for name in pair).encode()).decode()

    def sign(prepared: Any) -> Any:
        prepared.headers["Authorization"] = f"Basic {proof}"
        return prepared

    return sign


def _without_tokens(answer: Any, ctx: Context) -> Any:
    # a dry run's placeholder is a dict too, and of another type
    if type(answer) is not dict or not any(name in answer for name in _TOKENS):
        return answer
    ctx.log("the tokens in the answer were left out: recipes hold no secrets; pinflow auth keeps tokens", warning=True)
    return {name: value for name, value in answer.items() if name not in _TOKENS}


# -- the action of an operation


def action_of(catalogue: Catalogue, id: str, *, items: bool) -> Action:
    """The action that calls an operation; with ``items`` one that yields what it lists, if it lists anything."""
    takes = catalogue.takes(id)
    size = _resolved(takes.query.get("page_size"), catalogue)
    one = _Call(catalogue.operation(id), takes, size.get("maximum", _MANY) if size else None)
    reread = _reread(catalogue, one.operation)
    operation, loops = one.operation, items and one.takes.lists and one.operation.method == "GET"
    return replace(
        _any_operation,
        function=_function(one, reread, items=loops),
        effect="read" if one.reads else "write",
        scopes={"": operation.scopes},
        quota=frozenset({operation.category} - {""}),
        destructive=operation.method == "DELETE",
        local=id in _REPORTS,
        reread=reread,
        accepts=accepted(catalogue, id, items=loops),
        variant=id,
    )


def _reread(catalogue: Catalogue, operation: Operation) -> Reread | None:
    """What gets a finished write's whole answer again after a resume, by the id that was kept of it.

    None where no operation gets a thing of this kind by its id alone, with scopes that the write has as well.
    """
    if operation.method == "DELETE":
        return None
    getting = catalogue.match("GET", operation.path + ("" if operation.method in ("PATCH", "PUT") else "/{id}"))
    if getting is None or not getting.scopes <= operation.scopes:
        return None
    head, _, rest = getting.path.partition("{")
    if rest.partition("}")[2] or not rest:
        return None  # the id alone does not lead there

    def reread(ctx: Context, kept: Mapping[str, Any]) -> Any:
        try:
            return ctx.client.get(f"{head}{kept['id']}") if "id" in kept else kept
        except RemoteError as error:
            if error.status == 404:  # a later step has deleted it
                return kept
            raise

    return reread


def _function(one: _Call, reread: Reread | None, *, items: bool) -> Callable[..., Any]:
    if items:

        def each(ctx: Context, **given: Any) -> Iterator[Any]:
            yield from one.pages(ctx, given)

        return each

    def read(ctx: Context, **given: Any) -> Any:
        if given.get("all"):
            return _collected(one.pages(ctx, given), one.operation.id)
        return one.send(ctx, given)

    def write(ctx: Context, **given: Any) -> Any:
        sent_before = ctx.sent_at("call") is not None
        answers: list[Any] = []

        def do() -> Any:
            try:
                answers.append(one.send(ctx, given))
            except RemoteError as error:
                if not (sent_before and error.status == 404 and one.operation.method == "DELETE"):
                    raise
                answers.append(None)  # an earlier try, whose answer was lost, has deleted it
            return answers[-1]

        # what the service applies twice to the same effect is sent again after a lost answer, and so is what asks
        # for a report, which is no harm; of anything else
        # nobody can tell whether it happened, and the run ends in doubt
        kind, report = _MAKES.get(one.operation.id, one.operation.id), one.operation.id in _REPORTS
        kept = ctx.once("call", do, find=(lambda: None) if report else None, kind=kind, counts_as_change=not report)
        if answers or reread is None or ctx.dry_run or not isinstance(kept, dict):
            return answers[-1] if answers else kept
        return reread(ctx, kept)

    return read if one.reads else write


def _unsendable(error: ValueError) -> ActionError:
    return ActionError(f"this can't be sent: {error}")


def _collected(items: Iterator[Any], id: str) -> dict[str, Any]:
    found = list(islice(items, CAP + 1))
    if len(found) > CAP:
        what = f"{id} has more than {CAP:,} items, too many to hold at once"
        raise ActionError(what, hint="go through them one by one: for_each: call")
    return {"items": found, "count": len(found)}


def accepted(catalogue: Catalogue, id: str, *, items: bool = False) -> dict[str, Any]:
    """What a step may give to an operation, as JSON Schema: its parameters beside each other, its body under "body"."""
    takes = catalogue.takes(id)
    properties: dict[str, Any] = {"operation": {"enum": [id]}}
    properties |= {name: _safe(schema, catalogue) for name, schema in takes.path.items()}
    properties |= takes.query
    if takes.body is not None:
        properties["body"] = _harmless(takes.body, id, catalogue)
    if takes.pages and not items and catalogue.operation(id).method == "GET":
        properties["all"] = {"type": "boolean"}
    return {
        "type": "object",
        "properties": properties,
        "required": ["operation", *takes.path, *sorted(takes.required)],
        "$defs": catalogue.definitions,
    }


def _resolved(schema: Any, catalogue: Catalogue) -> Any:
    pointer = schema.get("$ref", "") if isinstance(schema, dict) else ""
    return catalogue.definitions[pointer.removeprefix("#/$defs/")] if pointer else schema


def _safe(schema: Any, catalogue: Catalogue) -> Any:
    found = _resolved(schema, catalogue)
    free = found.get("type") == "string" and not {"pattern", "enum"} & set(found)
    return {**found, "pattern": _IN_PATH, "format": "segment"} if free else schema


def _harmless(body: Any, id: str, catalogue: Catalogue) -> Any:
    """The body without what would lose a token: a grant that uses up a code or a refresh token."""
    if id != TOKEN:
        return body
    found = _resolved(body, catalogue)
    told = found.get("discriminator", {})
    number = told.get("mapping", {}).get(APP_GRANT)
    if number is None:
        return body
    one = found["anyOf"][number]
    grant = {told["propertyName"]: {"enum": [APP_GRANT]}}
    harmless = {**one, "properties": {**one.get("properties", {}), **grant}}
    return {"anyOf": [harmless], "discriminator": {**told, "mapping": {APP_GRANT: 0}}}


@action("call", api="v5", undo={"board": OF_BOARD, "pin": OF_PIN})
def _any_operation(ctx: Context, *, operation: str) -> Any:
    """Call any operation of the API. (pinflow operations lists them, and tells what each takes)

    Its parameters are given beside ``operation``, its body under ``body``; all are checked before the run. A listing
    is gone through page by page with ``for_each: call``; ``all: true`` collects all of its pages in one step.

    Arguments:
        operation: which one, such as boards/update
    """
    raise AssertionError("a plan has the operation's own action in place of this one")


def call_of(choice: Choice) -> Action:
    """The action that stands for every operation of the catalogue that is in use."""

    made: dict[tuple[str, bool], Action] = {}  # a recipe often calls one operation many times

    def find(id: str, items: bool) -> Action | None:
        if (id, items) not in made:
            try:
                if id not in choice.catalogue.operations:
                    return None
                made[id, items] = action_of(choice.catalogue, id, items=items)
            except ValueError as error:
                raise unreadable(error) from error
        return made[id, items]

    def names() -> list[str]:
        try:
            return list(choice.catalogue.operations)
        except ValueError as error:
            raise unreadable(error) from error

    hint = "pinflow operations WORD searches them"
    return replace(_any_operation, variants=Variants(by="operation", find=find, names=names, hint=hint))
