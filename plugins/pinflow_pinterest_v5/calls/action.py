"""The action ``call``: every operation of the API, checked and paced by the catalogue.

The catalogue says what an operation takes, needs and counts against; only the few operations that are signed or
answered differently are known here.

Source: https://github.com/pinterest/api-description (v5/openapi.json)
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator  # noqa: TC003  what is returned is read at run time
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pinflow import (
    ActionError,
    Context,
    CredentialError,
    RemoteError,
    Repeated,
    Variants,
    action,
    check_host,
    dataclass,
)
from pinflow_pinterest.undo import OF_BOARD, OF_PIN
from pinflow_pinterest_v5.calls.catalogues import catalogue_error
from pinflow_pinterest_v5.calls.read_back import ReadBack, find_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow import Action
    from pinflow_pinterest.catalogue.operations import Catalogue, Operation, OperationArguments
    from pinflow_pinterest_v5.calls.catalogues import CatalogueChoice

    Reread = Callable[[Context, Mapping[str, Any]], Any]

TOPIC = "call"  # of its actions, in lists and on pages

_MAX_PAGE: Final = 250  # items of a page, if the description sets no limit; the largest limit that it has
CAP: Final = 10_000  # items that ``all`` may collect: some 20 MB of Pins

# POSTs that only read: their query does not fit into a URL. A new one counts as a write until it is listed here, which
# is the safe side.
_READING_POSTS: Final = frozenset(
    {
        "ad_groups/audience_sizing",
        "ad_groups_bid_floor/get",
        "advanced_auction_items_get/post",
        "items/post",
        "products_by_product_group_filter/list",
    }
)
# those that make the service write a report: nothing of the account changes, and a second report does no harm
_REPORTS: Final = frozenset(
    {
        "analytics/create_conversion_product_report",
        "analytics/create_mmm_report",
        "analytics/create_report",
        "analytics/create_template_report",
        "reports/create",
    }
)
# what an operation creates that pinflow can undo
_MAKES: Final = {"boards/create": "board", "pins/create": "pin", "pins/save": "pin"}
TOKEN: Final = "oauth/token"  # noqa: S105 - an operation
APP_GRANT: Final = "client_credentials"  # the only grant that uses up no other token
# signed with the app's id and secret, as RFC 6749 says for the token endpoint
_BY_APP: Final = frozenset({TOKEN, "token/revoke"})
_TOKENS: Final = ("access_token", "refresh_token", "id_token")  # never in an answer: recipes hold no secrets
# what a path parameter may be, if the description does not say: it must not lead to another path
_IN_PATH: Final = r"^(?:\.?[^./?#\\\x00-\x20\x7f])+\.?$"


@dataclass(frozen=True, slots=True)
class _OperationCall:
    """One operation, ready to be called."""

    operation: Operation
    arguments: OperationArguments
    page_size: int | None  # the largest page; None if it has no page_size

    @property
    def reads(self) -> bool:
        return self.operation.method == "GET" or self.operation.id in _READING_POSTS

    def path(self, values: Mapping[str, Any]) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: str(values[match[1]]), self.operation.path)

    def query(self, values: Mapping[str, Any]) -> dict[str, object]:
        query: dict[str, object] = {}
        for name in self.arguments.query:
            value = values.get(name)
            if name in self.arguments.nested and isinstance(value, dict):
                query |= {f"{name}[{key}]": part for key, part in _nested_fields(value)}
            elif name in self.arguments.repeated and isinstance(value, list):
                query[name] = Repeated(value)
            elif value is not None:
                query[name] = value
        return query

    def send(self, ctx: Context, values: Mapping[str, Any]) -> Any:
        """Send it once. Returns the answer without the tokens in it."""
        body = values.get("body")
        content: dict[str, Any] = {"form" if self.arguments.form else "json": body} if body is not None else {}
        try:
            answer = ctx.client.request(
                self.operation.method,
                self.path(values),
                params=self.query(values),
                read_only=self.reads and self.operation.method != "GET",
                sign=_app_signature(ctx) if self.operation.id in _BY_APP and not ctx.dry_run else None,
                **content,
            )
        except ValueError as error:
            raise _unsendable(error) from error
        return _without_tokens(answer, ctx)

    def pages(self, ctx: Context, values: Mapping[str, Any]) -> Iterator[Any]:
        """Every item of the listing, fetched in the largest pages that the operation allows."""
        params = {"page_size": self.page_size and min(self.page_size, ctx.client.api.page_size), **self.query(values)}
        try:
            yield from ctx.client.pages(self.path(values), params=params)
        except ValueError as error:
            raise _unsendable(error) from error


def _nested_fields(value: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The fields of a parameter that is sent as name[field]=value; deeper ones as name[field][field]=value."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield from ((f"{name}][{key}", inner) for key, inner in _nested_fields(part))
        else:
            yield name, part


def _app_signature(ctx: Context) -> Callable[[Any], Any]:
    """A function that signs a request with the app's id and secret.

    Raises CredentialError if there are none, or if they may not go where the API is.
    """
    request = ctx.credential_request(api=ctx.client.api.id)  # whatever the recipe's own API is
    pairs = request.api.oauth.app_variables if request.api.oauth is not None else ()
    pair = next((pair for pair in pairs if all(request.environ.get(name) for name in pair)), None)
    if pair is None:
        names = " and ".join(pairs[-1]) if pairs else "the app's id and secret"
        raise CredentialError(f"this operation needs the app's id and secret: set {names}")
    check_host(
        request.environ[pair[1]],
        request.api.base_url(request.environ).removesuffix(request.api.prefix),
        homes=request.api.homes,
        rules=request.api.tokens,
        environ=request.environ,
        label=f"the app's secret ({pair[1]})",
        variables=pair,
        others=request.others,
    )
    proof = b64encode(":".join(request.environ[name] for name in pair).encode()).decode()

    def sign(prepared: Any) -> Any:
        prepared.headers["Authorization"] = f"Basic {proof}"
        return prepared

    return sign


def _without_tokens(answer: Any, ctx: Context) -> Any:
    # a dry run's placeholder is a dict too, and of another type
    if type(answer) is not dict or not any(name in answer for name in _TOKENS):
        return answer
    ctx.log("the tokens in the answer were removed: recipes hold no secrets; pinflow auth stores tokens", warning=True)
    return {name: value for name, value in answer.items() if name not in _TOKENS}


# -- the action of an operation


def operation_action(catalogue: Catalogue, id: str, *, items: bool) -> Action:
    """The action that calls an operation; with ``items`` one that yields the items of its listing, if it has one."""
    arguments = catalogue.arguments(id)
    size = _resolve(arguments.query.get("page_size"), catalogue)
    call = _OperationCall(catalogue.operation(id), arguments, size.get("maximum", _MAX_PAGE) if size else None)
    reread = _reread(catalogue, call.operation)
    read_back = ReadBack(catalogue, call.operation)
    operation, loops = call.operation, items and call.arguments.lists and call.operation.method == "GET"
    return replace(
        _any_operation,
        function=_function(call, reread, read_back, items=loops),
        effect="read" if call.reads else "write",
        scopes={"": operation.scopes},
        quota=frozenset({operation.category, *(() if call.reads else read_back.categories)} - {""}),
        destructive=operation.method == "DELETE",
        local=id in _REPORTS,
        reread=reread,
        accepts=argument_schema(catalogue, id, items=loops),
        variant=id,
        place=None if call.reads else partial(find_place, catalogue, call.operation),
    )


def _reread(catalogue: Catalogue, operation: Operation) -> Reread | None:
    """A function that reads a finished write's object again after a resume, by its stored id.

    None if no operation gets such an object by its id alone, with scopes that the write has as well.
    """
    if operation.method == "DELETE":
        return None
    getting = catalogue.match("GET", operation.path + ("" if operation.method in ("PATCH", "PUT") else "/{id}"))
    if getting is None or not getting.scopes <= operation.scopes:
        return None
    head, _, rest = getting.path.partition("{")
    if rest.partition("}")[2] or not rest:
        return None  # it needs more than the id

    def reread(ctx: Context, stored: Mapping[str, Any]) -> Any:
        try:
            return ctx.client.get(f"{head}{stored['id']}") if "id" in stored else stored
        except RemoteError as error:
            if error.status == 404:  # a later step has deleted it
                return stored
            raise

    return reread


def _function(call: _OperationCall, reread: Reread | None, read_back: ReadBack, *, items: bool) -> Callable[..., Any]:
    if items:

        def list_items(ctx: Context, **values: Any) -> Iterator[Any]:
            yield from call.pages(ctx, values)

        return list_items

    def read(ctx: Context, **values: Any) -> Any:
        if values.get("all"):
            return _collect(call.pages(ctx, values), call.operation.id)
        return call.send(ctx, values)

    def write(ctx: Context, **values: Any) -> Any:
        sent_before = ctx.sent_at("call") is not None
        answers: list[Any] = []

        def do() -> Any:
            try:
                answers.append(call.send(ctx, values))
            except RemoteError as error:
                if not (sent_before and error.status == 404 and call.operation.method == "DELETE"):
                    raise
                answers.append(None)  # an earlier attempt, whose answer was lost, deleted it
            return answers[-1]

        # after a lost answer, what can be applied twice to the same effect is sent again, and so is what does no harm,
        # such as a report's request; what its listing shows is looked for there; the outcome of anything else stays
        # unknown, and the run ends with exit code 7
        kind, report = _MAKES.get(call.operation.id, call.operation.id), call.operation.id in _REPORTS
        told = {"find": lambda: None} if report else read_back.durable_arguments(ctx, values)
        stored = ctx.once("call", do, **told, kind=kind, counts_as_change=not report)
        if answers or reread is None or ctx.dry_run or not isinstance(stored, dict):
            return answers[-1] if answers else stored
        return reread(ctx, stored)

    return read if call.reads else write


def _unsendable(error: ValueError) -> ActionError:
    return ActionError(f"the call can't be sent: {error}")


def _collect(items: Iterator[Any], id: str) -> dict[str, Any]:
    collected = list(islice(items, CAP + 1))
    if len(collected) > CAP:
        message = f"{id} has more than {CAP:,} items, too many to collect"
        raise ActionError(message, hint="process them one by one: for_each: call")
    return {"items": collected, "count": len(collected)}


def argument_schema(catalogue: Catalogue, id: str, *, items: bool = False) -> dict[str, Any]:
    """The arguments of an operation's step, as JSON Schema: its parameters by name, its body under "body"."""
    arguments = catalogue.arguments(id)
    properties: dict[str, Any] = {"operation": {"enum": [id]}}
    properties |= {name: _path_schema(schema, catalogue) for name, schema in arguments.path.items()}
    properties |= arguments.query
    if arguments.body is not None:
        properties["body"] = _without_lossy_grants(arguments.body, id, catalogue)
    if arguments.pages and not items and catalogue.operation(id).method == "GET":
        properties["all"] = {"type": "boolean"}
    return {
        "type": "object",
        "properties": properties,
        "required": ["operation", *arguments.path, *sorted(arguments.required)],
        "$defs": catalogue.definitions,
    }


def _resolve(schema: Any, catalogue: Catalogue) -> Any:
    pointer = schema.get("$ref", "") if isinstance(schema, dict) else ""
    return catalogue.definitions[pointer.removeprefix("#/$defs/")] if pointer else schema


def _path_schema(schema: Any, catalogue: Catalogue) -> Any:
    resolved = _resolve(schema, catalogue)
    free = resolved.get("type") == "string" and not {"pattern", "enum"} & set(resolved)
    return {**resolved, "pattern": _IN_PATH, "format": "segment"} if free else schema


def _without_lossy_grants(body: Any, id: str, catalogue: Catalogue) -> Any:
    """The body without the grants that lose a token: those that use up a code or a refresh token."""
    if id != TOKEN:
        return body
    resolved = _resolve(body, catalogue)
    discriminator = resolved.get("discriminator", {})
    number = discriminator.get("mapping", {}).get(APP_GRANT)
    if number is None:
        return body
    branch = resolved["anyOf"][number]
    grant = {discriminator["propertyName"]: {"enum": [APP_GRANT]}}
    harmless = {**branch, "properties": {**branch.get("properties", {}), **grant}}
    return {"anyOf": [harmless], "discriminator": {**discriminator, "mapping": {APP_GRANT: 0}}}


@action("call", api="v5", undo={"board": OF_BOARD, "pin": OF_PIN})
def _any_operation(ctx: Context, *, operation: str) -> Any:
    """Call any operation of the API. (pinflow operations lists them and their arguments)

    Set its parameters beside ``operation``, its body under ``body``; all are checked before the run. ``for_each: call``
    goes through a listing page by page; ``all: true`` collects all of its pages in one step.

    Arguments:
        operation: the operation's id, such as boards/update
    """
    raise AssertionError("a plan replaces this action with the operation's own")


def make_call_action(catalogue_choice: CatalogueChoice) -> Action:
    """The action ``call``, with a variant for every operation of the catalogue in use."""

    actions: dict[tuple[str, bool], Action] = {}  # a recipe often calls one operation many times

    def find(id: str, items: bool) -> Action | None:
        if (id, items) not in actions:
            try:
                if id not in catalogue_choice.catalogue.operations:
                    return None
                actions[id, items] = operation_action(catalogue_choice.catalogue, id, items=items)
            except ValueError as error:
                raise catalogue_error(error) from error
        return actions[id, items]

    def names() -> list[str]:
        try:
            return list(catalogue_choice.catalogue.operations)
        except ValueError as error:
            raise catalogue_error(error) from error

    hint = "pinflow operations WORD searches them"
    return replace(_any_operation, variants=Variants(by="operation", find=find, names=names, hint=hint))
