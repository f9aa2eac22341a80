"""``pinflow operations``: lists the API's operations, shows one, or imports another description."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pinflow import UsageError, inert, table
from pinflow_pinterest.catalogue.importer import import_description
from pinflow_pinterest.catalogue.operations import ARGUMENTS, BUNDLED, CATALOGUE, open_catalogue
from pinflow_pinterest_v5.calls.action import TOKEN, argument_schema, operation_action
from pinflow_pinterest_v5.calls.catalogues import HINT, CatalogueChoice, catalogue_error, own_folder
from pinflow_pinterest_v5.calls.descriptions import Describer
from pinflow_pinterest_v5.calls.read_back import ReadBack
from pinflow_pinterest_v5.calls.samples import sample
from pinflow_pinterest_v5.importing.yaml_writer import items

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from pinflow import Host
    from pinflow_pinterest.catalogue.operations import Catalogue, Operation

DESCRIPTION: Final = "List the operations of Pinterest's API v5, or show one: its arguments, and a step that calls it."
EXAMPLES: Final = """\
examples:
  pinflow operations                                     all of them
  pinflow operations keywords ads_write                  those that match all of these words
  pinflow operations boards/update                       one: parameters, body, scopes, a step to paste
  pinflow operations --import openapi.json               use another version of the vendor's description
  pinflow operations --bundled                           use the bundled version again"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("words", nargs="*", metavar="OPERATION", help="an operation's id, or words to search for")
    parser.add_argument("--names", action="store_true", help="print only ids, one a line")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--import", dest="imported", type=Path, metavar="FILE", help="use this OpenAPI description (JSON) from now on"
    )
    other.add_argument("--bundled", action="store_true", help="use the bundled description again")


def run(args: argparse.Namespace, app: Host) -> int:
    """List or show operations, or change the catalogue. Returns the exit code."""
    if (args.imported or args.bundled) and args.words:
        raise UsageError("--import and --bundled can't be combined with words")
    if args.imported:
        return _import(args.imported, app, human=args.output == "human")
    if args.bundled:
        return _use_bundled(app, human=args.output == "human")
    catalogue = CatalogueChoice(app.environ).catalogue
    try:
        if args.words and args.words[0] in catalogue.operations and len(args.words) == 1 and not args.names:
            _show(catalogue, args.words[0], human=args.output == "human")
        else:
            _list(catalogue, find_operations(catalogue, args.words), names=args.names, human=args.output == "human")
    except ValueError as error:
        raise catalogue_error(error) from error
    return 0


def find_operations(catalogue: Catalogue, words: Iterable[str]) -> list[Operation]:
    """The operations that match every word. Raises UsageError if there are none."""
    terms = [word.lower() for word in words]
    matches = [
        operation for operation in catalogue.operations.values() if all(word in _text(operation) for word in terms)
    ]
    if matches:
        return matches
    from difflib import get_close_matches  # only a mistake needs it

    suggestions = get_close_matches(" ".join(terms), catalogue.operations, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else "pinflow operations lists them"
    raise UsageError(f"no operation matches {' '.join(terms)[:80]!r}", hint=hint)


def _text(operation: Operation) -> str:
    return " ".join((operation.id, operation.method, operation.path, operation.category, *operation.scopes)).lower()


# -- all of them


def _list(catalogue: Catalogue, operations: Iterable[Operation], *, names: bool, human: bool) -> None:
    if names:
        _print(operation.id for operation in operations)
        return
    if not human:
        listing = [{"id": operation.id, **operation.as_data()} for operation in operations]
        _print_json({**_origin(catalogue), "operations": listing})
        return
    rows = [
        (operation.id, operation.method, operation.path, operation.category, " ".join(sorted(operation.scopes)))
        for operation in operations
    ]
    _print(table([tuple(map(inert, row)) for row in rows], width=_width()))
    sys.stderr.write(f"{len(rows)} operation{'s' if len(rows) > 1 else ''}; {_version(catalogue)}\n")


def _origin(catalogue: Catalogue) -> dict[str, Any]:
    return {"description": catalogue.version, "bundled": catalogue.folder == BUNDLED}


def _version(catalogue: Catalogue) -> str:
    origin = "bundled" if catalogue.folder == BUNDLED else f"imported; {HINT}"
    return f"description {inert(catalogue.version)} ({origin})"


# -- one


def _show(catalogue: Catalogue, id: str, *, human: bool) -> None:
    operation = catalogue.operation(id)
    if not human:
        facts = {"id": id, **operation.as_data(), **_facts(catalogue, id)}
        _print_json({**_origin(catalogue), **facts, "arguments": schema_of(catalogue, id)})
        return
    _print([f"{inert(id)}: {operation.method} {inert(operation.path)}"])
    for title, lines in _parts(catalogue, id):
        _print(["", title, *(f"  {line}" for line in lines)])
    _print([""])
    sys.stderr.write(f"{_version(catalogue)}\n")


def _facts(catalogue: Catalogue, id: str) -> dict[str, Any]:
    action, arguments = operation_action(catalogue, id, items=False), catalogue.arguments(id)
    return {
        "effect": action.effect,
        "destructive": action.destructive,
        "lists": arguments.lists,
        "pages": arguments.pages,
    }


def schema_of(catalogue: Catalogue, id: str) -> dict[str, Any]:
    """The arguments of a step, as JSON Schema with only the definitions that it needs."""
    schema = argument_schema(catalogue, id)
    used: dict[str, Any] = {}
    pending = [schema["properties"]]
    while pending:
        part = pending.pop()
        match part:
            case {"$ref": str(pointer)}:
                name = pointer.removeprefix("#/$defs/")
                if name not in used:
                    used[name] = catalogue.definitions[name]
                    pending.append(used[name])
            case dict():
                pending += part.values()
            case list():
                pending += part
    return {**schema, "$defs": used}


def _parts(catalogue: Catalogue, id: str) -> Iterator[tuple[str, list[str]]]:
    schema, arguments, describer = (
        argument_schema(catalogue, id),
        catalogue.arguments(id),
        Describer(catalogue.definitions),
    )
    names = [name for name in schema["properties"] if name not in ("operation", "body", "all")]
    rows = [
        (name, "required" if name in schema["required"] else "", describer.words(schema["properties"][name]))
        for name in names
    ]
    yield "parameters", _table(rows) or ["none"]
    if arguments.body is not None:
        lines = list(describer.lines(schema["properties"]["body"]))
        form = ", sent as a form" if arguments.form else ""
        rows = [(line.name, "required" if line.required else "", line.words) for line in lines]
        yield f"body ({describer.words(schema['properties']['body'])}{form})", _table(rows) or ["anything"]
    yield "needs", list(need_lines(catalogue, id))
    yield "step", step_lines(catalogue, id)


def need_lines(catalogue: Catalogue, id: str) -> Iterator[str]:
    """What a call of the operation needs and costs, a line each."""
    operation, arguments, action = (
        catalogue.operation(id),
        catalogue.arguments(id),
        operation_action(catalogue, id, items=False),
    )
    if operation.method == "DELETE":
        yield "deletes data: asks for confirmation, or needs --yes"
    else:
        yield f"effect {action.effect}"
    yield f"login: {', '.join(map(inert, sorted(operation.scopes))) or 'no scope'}" + (
        "; a client-credentials token is enough" if operation.client_credentials else ""
    )
    yield f"quota: {inert(operation.category or 'not known')}"
    if arguments.pages and operation.method == "GET":
        yield "pages: for_each: call goes through all of them; all: true collects them"
    if action.effect == "write" and not action.local and not ReadBack(catalogue, operation).finds_lost:
        yield "after a lost answer its outcome is unknown: the run ends with exit code 7"
    if id == TOKEN:
        yield "for other grants use pinflow auth, which stores the tokens"
    if not operation.sandbox:
        yield "the vendor's own sandbox does not have it"


def step_lines(catalogue: Catalogue, id: str) -> list[str]:
    """A step that calls the operation, as YAML."""
    return list(items([{"uses": "call", "with": example(catalogue, id)}]))


def example(catalogue: Catalogue, id: str) -> dict[str, Any]:
    """Valid arguments: the required ones; for a body without required fields, all of them."""
    schema, definitions = argument_schema(catalogue, id), catalogue.definitions
    values: dict[str, Any] = sample(schema, definitions, full=False)
    if values.get("body") == {}:
        fields = Describer(definitions).resolve(schema["properties"]["body"]).get("properties", {})
        values["body"] = {name: sample(part, definitions, full=False) for name, part in fields.items()}
    return values


def _table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    return table([tuple(map(inert, row)) for row in rows], width=_width())


# -- another version


def _import(source: Path, app: Host, *, human: bool) -> int:
    before = set(_current_operations(app))
    try:
        version, count = import_description(source, own_folder(app.environ))
    except (OSError, ValueError) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else error
        raise UsageError(
            f"{source} can't be imported: {reason}",
            hint="nothing was changed; the description is v5/openapi.json of github.com/pinterest/api-description",
        ) from error
    open_catalogue.cache_clear()
    now = set(CatalogueChoice(app.environ).catalogue.operations)
    if not human:
        _print_json(
            {"description": version, "operations": count, "new": sorted(now - before), "gone": sorted(before - now)}
        )
        return 0
    _print([f"now in use: description {inert(version)}, {count} operations"])
    for title, ids in (("new", now - before), ("gone", before - now)):
        if ids:
            _print([f"{title}: {', '.join(map(inert, sorted(ids)))}"])
    sys.stderr.write(f"{HINT}\n")
    return 0


def _current_operations(app: Host) -> Mapping[str, Operation]:
    try:
        return CatalogueChoice(app.environ).catalogue.operations
    except ValueError:
        return {}  # the one to be replaced can't be read


def _use_bundled(app: Host, *, human: bool) -> int:
    for name in (CATALOGUE, ARGUMENTS):  # in this order: without the first the other is ignored
        (own_folder(app.environ) / name).unlink(missing_ok=True)
    catalogue = open_catalogue(BUNDLED)
    if human:
        _print([f"now in use: description {catalogue.version} (bundled)"])
    else:
        _print_json(_origin(catalogue))
    return 0


def _width() -> int:
    """The number of cells in a line of a terminal; what is none is taken for wide."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
