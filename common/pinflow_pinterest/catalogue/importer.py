"""Make the operations catalogue from the vendor's OpenAPI description.

Run as ``python -m pinflow_pinterest.catalogue.importer DESCRIPTION.json [FOLDER]``; without a second argument the
catalogue inside this package is replaced. Only facts are taken over, none of the description's prose. There are two
files, so that what every run needs stays small: ``catalogue.json`` tells operations apart and what they count against,
and ``arguments.json`` says what each takes.

Every version of the description is read: what early ones do not say yet (a quota category, whether the vendor's
sandbox has the operation, client credentials) becomes "" or false.

Source: https://github.com/pinterest/api-description (v5/openapi.json, extensions.md)
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pinflow_pinterest.catalogue.operations import ARGUMENTS, BUNDLED, CATALOGUE, Operation
from pinflow_pinterest.catalogue.schemas import Schemas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

METHODS = ("get", "put", "post", "delete", "patch")
USER_SCHEME = "pinterest_oauth2"
APP_SCHEME = "client_credentials"
FORM = "application/x-www-form-urlencoded"
RESERVED = frozenset({"operation", "body", "all"})  # what `call` takes beside an operation's own parameters

_MOST_BYTES: Final = 50_000_000  # 25 times the description of v5


def read_description(description: Mapping[str, Any]) -> dict[str, Operation]:
    """Every operation of an OpenAPI description by its id, in the description's order.

    Raises ValueError, naming every place, if operations lack an id or share one, or if there is none at all.
    """
    read: dict[str, Operation] = {}
    problems: list[str] = []
    for method, path, declared in _declarations(description):
        id = declared.get("operationId")
        if not id:
            problems.append(f"{method} {path}: no operationId")
        elif id in read:
            problems.append(f"{method} {path}: operationId {id!r} is taken by {read[id].method} {read[id].path}")
        else:
            read[id] = _operation(id, method, path, declared, description)
    if problems or not read:
        raise ValueError("\n".join(problems) or "no operations: not an OpenAPI description with paths")
    return read


def catalogue_text(description: Mapping[str, Any]) -> str:
    """The text of catalogue.json for a description: one line an operation, so that two versions compare well."""
    operations = {id: operation.as_data() for id, operation in read_description(description).items()}
    return _text(description, operations=operations)


def arguments_text(description: Mapping[str, Any]) -> str:
    """The text of arguments.json for a description: what each operation takes, as JSON Schema.

    Raises ValueError for a reference that leads nowhere, or a parameter that could not be given.
    """
    schemas = Schemas(description)
    taken = {
        declared["operationId"]: _arguments(declared, shared, schemas)
        for _, path, declared in _declarations(description)
        for shared in [description["paths"][path].get("parameters", ())]
    }
    return _text(description, **{"$defs": dict(sorted(schemas.named.items()))}, operations=taken)


def import_description(source: Path, folder: Path) -> tuple[str, int]:
    """Make ``folder`` hold the catalogue of the description in ``source``; its version, and how many operations.

    Nothing is written unless all of it can be read. Raises OSError, and ValueError saying what is wrong.
    """
    description = _load(source)
    try:
        texts = {ARGUMENTS: arguments_text(description), CATALOGUE: catalogue_text(description)}
    except (LookupError, TypeError, AttributeError, RecursionError, StopIteration) as error:
        raise ValueError(f"not an OpenAPI description: {type(error).__name__}: {error}") from error
    if not any(operation.scopes for operation in read_description(description).values()):
        raise ValueError("none of its operations needs a Pinterest token: it describes another API")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        temporary = folder / f"{name}.{os.getpid()}"
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(folder / name)
    written = json.loads(texts[CATALOGUE])
    return written["description"], len(written["operations"])


def main(arguments: Sequence[str]) -> int:
    """Write the catalogue and say how many operations it has; the exit code."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m pinflow_pinterest.catalogue.importer DESCRIPTION.json [FOLDER]\n")
        return 2
    source, folder = Path(arguments[0]), Path(arguments[1]) if arguments[1:] else BUNDLED
    try:
        _, count = import_description(source, folder)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot make a catalogue in {folder} from {source}: {error}\n")
        return 1
    sys.stdout.write(f"{folder}: {count} operations\n")
    return 0


def _load(source: Path) -> Mapping[str, Any]:
    # opening a pipe would block, and a device may have no end
    if not stat.S_ISREG(source.stat().st_mode):
        raise ValueError("it is a folder, a device or a pipe, not a file")
    if source.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES // 1_000_000} MB")
    try:
        loaded = json.loads(source.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # that it is no UTF-8 is one too
        raise ValueError(f"it is not JSON ({error})") from error
    if not isinstance(loaded, dict):
        raise ValueError("the file does not hold a JSON object")
    return loaded


def _text(description: Mapping[str, Any], **parts: Mapping[str, object]) -> str:
    """A JSON object with a line for each member of each part."""
    version = json.dumps(str(description.get("info", {}).get("version", "")))
    sections = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f"{json.dumps(id)}: {json.dumps(member)}" for id, member in part.items())
        for name, part in parts.items()
    ]
    return f'{{"description": {version}, ' + "\n}, ".join(sections) + "\n}}\n"


def _declarations(description: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and declaration of each operation; a path also holds what its operations share."""
    for path, item in description.get("paths", {}).items():
        for method, declared in item.items():
            if method in METHODS:
                yield method.upper(), path, declared


def _operation(
    id: str, method: str, path: str, declared: Mapping[str, Any], description: Mapping[str, Any]
) -> Operation:
    # OpenAPI: an operation without its own security has the document's
    security = declared.get("security", description.get("security", []))
    return Operation(
        id=id,
        method=method,
        path=path,
        scopes=frozenset(scope for alternative in security for scope in alternative.get(USER_SCHEME, ())),
        category=declared.get("x-ratelimit-category", ""),
        client_credentials=any(APP_SCHEME in alternative for alternative in security),
        sandbox=declared.get("x-sandbox") == "enabled",
    )


def _arguments(declared: Mapping[str, Any], shared: Sequence[Mapping[str, Any]], schemas: Schemas) -> dict[str, object]:
    """What an operation takes and whether it lists things; keys that say nothing are left out."""
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}}
    required: list[str] = []
    styles: dict[str, list[str]] = {"repeated": [], "nested": []}
    for written in (*shared, *declared.get("parameters", ())):
        parameter = schemas.resolve(written)
        name, place = parameter["name"], parameter["in"]
        if place not in places:
            continue  # no operation has needed one in a header or a cookie
        if name in RESERVED:
            raise ValueError(f"{declared['operationId']}: a parameter named {name!r} can't be given")
        places[place][name] = schemas.parameter(parameter, written.get("$ref", ""))
        if place == "query" and parameter.get("required"):
            required.append(name)
        if parameter.get("style") == "deepObject":
            styles["nested"].append(name)
        elif parameter.get("explode") is True and schemas.resolve(parameter["schema"]).get("type") == "array":
            styles["repeated"].append(name)
    entry = {**places, **_body(declared, required, schemas), **styles, **_listing(declared, schemas)}
    return {key: value for key, value in {**entry, "required": required}.items() if value}


def _body(declared: Mapping[str, Any], required: list[str], schemas: Schemas) -> dict[str, object]:
    if "requestBody" not in declared:
        return {}
    body = schemas.resolve(declared["requestBody"])
    if body.get("required"):
        required.append("body")
    kind, content = next(iter(body["content"].items()))
    return {"body": schemas.small(content.get("schema", {})) or True, "form": kind == FORM}


def _listing(declared: Mapping[str, Any], schemas: Schemas) -> dict[str, object]:
    """Whether the answer is a listing: of objects in an envelope, or bare."""
    answers = [schemas.resolve(answer) for status, answer in declared.get("responses", {}).items() if status[:1] == "2"]
    content = answers[0].get("content", {}) if answers else {}
    schema = content.get("application/json", {}).get("schema", {})
    return {"lists": schemas.resolve(schema).get("type") == "array" or "items" in _fields(schema, schemas)}


def _fields(schema: Mapping[str, Any], schemas: Schemas) -> set[str]:
    resolved = schemas.resolve(schema)
    return set(resolved.get("properties", ())).union(*(_fields(part, schemas) for part in resolved.get("allOf", ())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
