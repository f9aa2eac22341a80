"""Make the operations catalogue from the vendor's OpenAPI description.

Run as ``python -m pinflow_pinterest.importer DESCRIPTION.json [CATALOGUE.json]``; without a second argument the
catalogue inside this package is replaced. Only facts are taken over, none of the description's prose.

Every version of the description is read: what early ones do not say yet (a quota category, whether the vendor's
sandbox has the operation, client credentials) becomes "" or false.

Source: https://github.com/pinterest/api-description (v5/openapi.json, extensions.md)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow_pinterest.operations import CATALOGUE, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

METHODS = ("get", "put", "post", "delete", "patch")
USER_SCHEME = "pinterest_oauth2"
APP_SCHEME = "client_credentials"


def read_description(description: Mapping[str, Any]) -> dict[str, Operation]:
    """Every operation of an OpenAPI description by its id, in the description's order.

    Raises ValueError, naming every place, if operations lack an id or share one, or if there is none at all.
    """
    read: dict[str, Operation] = {}
    problems: list[str] = []
    for method, path, declared in _declared(description):
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
    lines = [f"{json.dumps(id)}: {json.dumps(_entry(each))}" for id, each in read_description(description).items()]
    version = json.dumps(description.get("info", {}).get("version", ""))
    return f'{{"description": {version}, "operations": {{\n' + ",\n".join(lines) + "\n}}\n"


def main(arguments: Sequence[str]) -> int:
    """Write the catalogue and say how many operations it has; the exit code."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m pinflow_pinterest.importer DESCRIPTION.json [CATALOGUE.json]\n")
        return 2
    source, target = Path(arguments[0]), Path(arguments[1]) if arguments[1:] else CATALOGUE
    try:
        text = catalogue_text(_load(source))
        target.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot make {target} from {source}: {error}\n")
        return 1
    sys.stdout.write(f"{target}: {len(json.loads(text)['operations'])} operations\n")
    return 0


def _load(source: Path) -> Mapping[str, Any]:
    loaded = json.loads(source.read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        raise ValueError("the file does not hold a JSON object")
    return loaded


def _declared(description: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
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
        scopes=frozenset(scope for way in security for scope in way.get(USER_SCHEME, ())),
        category=declared.get("x-ratelimit-category", ""),
        client_credentials=any(APP_SCHEME in way for way in security),
        sandbox=declared.get("x-sandbox") == "enabled",
    )


def _entry(each: Operation) -> dict[str, object]:
    return {
        "method": each.method,
        "path": each.path,
        "scopes": sorted(each.scopes),
        "category": each.category,
        "client_credentials": each.client_credentials,
        "sandbox": each.sandbox,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
