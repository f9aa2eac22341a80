"""``pinflow operations``: every operation of the API, what one takes, and which description they are from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pinflow import UsageError, inert, table
from pinflow_pinterest.catalogue.importer import import_description
from pinflow_pinterest.catalogue.operations import ARGUMENTS, BUNDLED, CATALOGUE, catalogue
from pinflow_pinterest_v5.calls.action import TOKEN, accepted, action_of
from pinflow_pinterest_v5.calls.catalogues import HINT, Choice, own_folder, unreadable
from pinflow_pinterest_v5.calls.descriptions import Describer
from pinflow_pinterest_v5.calls.samples import sample
from pinflow_pinterest_v5.importing.yaml_writer import items

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from pinflow import Host
    from pinflow_pinterest.catalogue.operations import Catalogue, Operation

DESCRIPTION: Final = "List the operations of Pinterest's API v5, or show one: what it takes, and a step that calls it."
EXAMPLES: Final = """\
examples:
  pinflow operations                                     all of them
  pinflow operations keywords ads_write                  those that have to do with these words
  pinflow operations boards/update                       one: parameters, body, scopes, a step to paste
  pinflow operations --import openapi.json               use another version of the vendor's description
  pinflow operations --bundled                           go back to the version that comes with pinflow"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("words", nargs="*", metavar="WORD", help="an operation's id, or words to search for")
    parser.add_argument("--names", action="store_true", help="print only ids, one a line")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--import", dest="imported", type=Path, metavar="FILE", help="use this OpenAPI description (JSON) from now on"
    )
    other.add_argument("--bundled", action="store_true", help="use the description that comes with pinflow again")


def run(args: argparse.Namespace, app: Host) -> int:
    """List, show or change; the exit code."""
    if (args.imported or args.bundled) and args.words:
        raise UsageError("--import and --bundled take no words")
    if args.imported:
        return _import(args.imported, app, human=args.output == "human")
    if args.bundled:
        return _go_back(app, human=args.output == "human")
    held = Choice(app.environ).catalogue
    try:
        if args.words and args.words[0] in held.operations and len(args.words) == 1 and not args.names:
            _show(held, args.words[0], human=args.output == "human")
        else:
            _list(held, found(held, args.words), names=args.names, human=args.output == "human")
    except ValueError as error:
        raise unreadable(error) from error
    return 0


def found(held: Catalogue, words: Iterable[str]) -> list[Operation]:
    """The operations that have to do with every one of the words. Raises UsageError if there are none."""
    wanted = [word.lower() for word in words]
    listed = [each for each in held.operations.values() if all(word in _text(each) for word in wanted)]
    if listed:
        return listed
    from difflib import get_close_matches  # only a mistake pays for it

    near = get_close_matches(" ".join(wanted), held.operations, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "pinflow operations lists them"
    raise UsageError(f"no operation has to do with {' '.join(wanted)[:80]!r}", hint=hint)


def _text(each: Operation) -> str:
    return " ".join((each.id, each.method, each.path, each.category, *each.scopes)).lower()


# -- all of them


def _list(held: Catalogue, listed: Iterable[Operation], *, names: bool, human: bool) -> None:
    if names:
        _say(each.id for each in listed)
        return
    if not human:
        _data({**_origin(held), "operations": [as_data(each) for each in listed]})
        return
    rows = [(each.id, each.method, each.path, each.category, " ".join(sorted(each.scopes))) for each in listed]
    _say(table([tuple(map(inert, row)) for row in rows]))
    sys.stderr.write(f"{len(rows)} operation{'s' if len(rows) > 1 else ''}; {_version(held)}\n")


def as_data(each: Operation) -> dict[str, Any]:
    """An operation as plain data."""
    return {
        "id": each.id,
        "method": each.method,
        "path": each.path,
        "scopes": sorted(each.scopes),
        "category": each.category,
        "client_credentials": each.client_credentials,
        "sandbox": each.sandbox,
    }


def _origin(held: Catalogue) -> dict[str, Any]:
    return {"description": held.version, "bundled": held.folder == BUNDLED}


def _version(held: Catalogue) -> str:
    whose = "comes with pinflow" if held.folder == BUNDLED else f"imported; {HINT}"
    return f"description {inert(held.version)} ({whose})"


# -- one


def _show(held: Catalogue, id: str, *, human: bool) -> None:
    operation = held.operation(id)
    if not human:
        _data({**_origin(held), **as_data(operation), **_facts(held, id), "arguments": schema_of(held, id)})
        return
    _say([f"{inert(id)}: {operation.method} {inert(operation.path)}"])
    for title, lines in _parts(held, id):
        _say(["", title, *(f"  {line}" for line in lines)])
    _say([""])
    sys.stderr.write(f"{_version(held)}\n")


def _facts(held: Catalogue, id: str) -> dict[str, Any]:
    action, takes = action_of(held, id, items=False), held.takes(id)
    return {"effect": action.effect, "destructive": action.destructive, "lists": takes.lists, "pages": takes.pages}


def schema_of(held: Catalogue, id: str) -> dict[str, Any]:
    """What a step may give, as JSON Schema with no more definitions than it needs."""
    schema = accepted(held, id)
    used: dict[str, Any] = {}
    left = [schema["properties"]]
    while left:
        part = left.pop()
        match part:
            case {"$ref": str(pointer)}:
                name = pointer.removeprefix("#/$defs/")
                if name not in used:
                    used[name] = held.definitions[name]
                    left.append(used[name])
            case dict():
                left += part.values()
            case list():
                left += part
    return {**schema, "$defs": used}


def _parts(held: Catalogue, id: str) -> Iterator[tuple[str, list[str]]]:
    schema, takes, words = accepted(held, id), held.takes(id), Describer(held.definitions)
    own = [name for name in schema["properties"] if name not in ("operation", "body", "all")]
    rows = [
        (name, "required" if name in schema["required"] else "", words.words(schema["properties"][name]))
        for name in own
    ]
    yield "parameters", _table(rows) or ["none"]
    if takes.body is not None:
        lines = list(words.lines(schema["properties"]["body"]))
        form = ", sent as a form" if takes.form else ""
        rows = [(line.name, "required" if line.required else "", line.words) for line in lines]
        yield f"body ({words.words(schema['properties']['body'])}{form})", _table(rows) or ["anything"]
    yield "needs", list(_needs(held, id))
    yield "step", _step(held, id)


def _needs(held: Catalogue, id: str) -> Iterator[str]:
    operation, takes, action = held.operation(id), held.takes(id), action_of(held, id, items=False)
    if operation.method == "DELETE":
        yield "deletes things: asks first, or needs --yes"
    else:
        yield f"effect {action.effect}"
    yield f"login: {', '.join(map(inert, sorted(operation.scopes))) or 'no scope'}" + (
        "; a client-credentials token will do" if operation.client_credentials else ""
    )
    yield f"quota: {inert(operation.category or 'not known')}"
    if takes.pages and operation.method == "GET":
        yield "pages: for_each: call goes through all of them; all: true collects them"
    if action.effect == "write" and operation.method == "POST":
        yield "after a lost answer nobody can tell whether it was done: the run ends in doubt (exit 7)"
    if id == TOKEN:
        yield "other grants are for pinflow auth, which keeps the tokens that they give"
    if not operation.sandbox:
        yield "the vendor's own sandbox does not have it"


def _step(held: Catalogue, id: str) -> list[str]:
    return list(items([{"uses": "call", "with": example(held, id)}]))


def example(held: Catalogue, id: str) -> dict[str, Any]:
    """Arguments that fit: what must be given, and of a body without anything of the kind, what may."""
    schema, definitions = accepted(held, id), held.definitions
    given: dict[str, Any] = sample(schema, definitions, full=False)
    if given.get("body") == {}:
        fields = Describer(definitions).resolved(schema["properties"]["body"]).get("properties", {})
        given["body"] = {name: sample(part, definitions, full=False) for name, part in fields.items()}
    return given


def _table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    return table([tuple(map(inert, row)) for row in rows])


# -- another version


def _import(source: Path, app: Host, *, human: bool) -> int:
    before = set(_known(app))
    try:
        version, count = import_description(source, own_folder(app.environ))
    except (OSError, ValueError) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else error
        raise UsageError(
            f"{source} can't be imported: {reason}",
            hint="nothing was changed; the description is v5/openapi.json of github.com/pinterest/api-description",
        ) from error
    catalogue.cache_clear()
    now = set(Choice(app.environ).catalogue.operations)
    if not human:
        _data({"description": version, "operations": count, "new": sorted(now - before), "gone": sorted(before - now)})
        return 0
    _say([f"in use from now on: description {inert(version)}, {count} operations"])
    for title, ids in (("new", now - before), ("gone", before - now)):
        if ids:
            _say([f"{title}: {', '.join(map(inert, sorted(ids)))}"])
    sys.stderr.write(f"{HINT}\n")
    return 0


def _known(app: Host) -> Mapping[str, Operation]:
    try:
        return Choice(app.environ).catalogue.operations
    except ValueError:
        return {}  # what is replaced could not be read


def _go_back(app: Host, *, human: bool) -> int:
    for name in (CATALOGUE, ARGUMENTS):  # in this order: without the first the other is not looked at
        (own_folder(app.environ) / name).unlink(missing_ok=True)
    held = catalogue(BUNDLED)
    if human:
        _say([f"in use from now on: description {held.version}, which comes with pinflow"])
    else:
        _data(_origin(held))
    return 0


def _say(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _data(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
