"""Writing plain data as YAML that people would write: blocks, quotes only where needed, no tags.

Reading it back gives the same data, whatever texts it holds. PyYAML's writer chooses
between block and flow by nesting alone, not by width.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# text that needs no quotes in YAML 1.1 and 1.2: not a number, date, keyword or indicator
_PLAIN: Final = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*", re.I
)
_EXPRESSION: Final = re.compile(r"\$\{\{[^\"'\n:#}]*\}\}")
_WIDE: Final = 88  # characters of a list or mapping on one line: with its key and indentation it stays below 100


def scalar(value: object) -> str:
    """A text, number, boolean or null."""
    if isinstance(value, str) and (_PLAIN.fullmatch(value) or _EXPRESSION.fullmatch(value)):
        return value
    return json.dumps(value)  # JSON is YAML too


def flow(value: Any) -> str:
    """Any value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(name)}: {_inside(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inside, value)) + "]"
    return scalar(value)


def _inside(value: Any) -> str:
    """A value inside braces; quoted if it has braces of its own, as expressions do."""
    return (
        json.dumps(value) if isinstance(value, str) and "{" in value else flow(value) if _deep(value) else scalar(value)
    )


def _deep(value: Any) -> bool:
    return isinstance(value, (dict, list))


def block(value: dict[str, Any], indent: int = 0, *, open_to: int = 0) -> Iterator[str]:
    """The lines of a mapping. Down to the level ``open_to``, nested values get lines of their own."""
    space = " " * indent
    for name, part in value.items():
        if _deep(part) and part and (open_to > 0 or len(flow(part)) > _WIDE - indent):
            yield f"{space}{scalar(name)}:"
            yield from (
                block(part, indent + 2, open_to=open_to - 1) if isinstance(part, dict) else items(part, indent + 2)
            )
        else:
            yield f"{space}{scalar(name)}: {flow(part) if _deep(part) else scalar(part)}"


def items(value: list[Any], indent: int = 0) -> Iterator[str]:
    """The lines of a list."""
    space = " " * indent
    for part in value:
        if isinstance(part, dict) and part:
            first, *rest = block(part, indent + 2)
            yield f"{space}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{space}- {flow(part) if _deep(part) else scalar(part)}"
