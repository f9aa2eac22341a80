"""A recipe to start from: one step that uses an action, with every required argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.reporters.text import inert, json_text
from pinflow.schema.patterns import fits_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow.plugin.action import Action
    from pinflow.plugin.parameters import Parameter

# tried in turn until one fits the argument's pattern and length limits; they cover every pattern of the bundled actions
_SAMPLES = (
    "text",
    "1234567890",
    "2026-01-31",
    "https://example.com/image.jpg",
    "#aabbcc",
    "image/jpeg",
    "US",
    "USD",
    "aGVsbG8=",
    "2026-01-31T09:30:00Z",
)


def snippet(action: Action) -> str:
    """YAML of a whole recipe. Arguments that may be left out are comments with their defaults."""
    lines = ["pinflow: 1", f"name: {_title(action.name)}"]
    if action.api is not None:
        lines.append(f"api: {action.api}")
    if len(action.roles) > 1:
        lines += ["auth:", *(f"  {role}: {{token: access_token}}" for role in action.roles)]
    lines += ["steps:", f"  - id: {action.name}", f"    uses: {action.name}"]
    if len(action.roles) > 1:
        lines.append("    auth: {" + ", ".join(f"{role}: {role}" for role in action.roles) + "}")
    return "\n".join(lines + _arguments(action)) + "\n"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _arguments(action: Action) -> list[str]:
    listing = action.parameters.listing()
    schema = action.parameters.schema()
    required = [
        _argument_line(each, sample(schema["properties"][each.name], schema)) for each in listing if each.required
    ]
    others = [_argument_line(each, each.default) for each in listing if not each.required]
    if required:
        return ["    with:", *(f"      {line}" for line in required), *(f"      # {line}" for line in others)]
    return ["    # with:", *(f"    #   {line}" for line in others)] if others else []


def _argument_line(parameter: Parameter, value: Any) -> str:
    """``board: "1234"  # the board's id``. JSON is YAML too."""
    note = f"  # {inert(parameter.help)}" if parameter.help else ""
    return f"{parameter.name}: {json_text(value)}{note}"


def sample(part: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """A value that fits a part of a JSON Schema: the first choice, the smallest number, a text of the right form."""
    match part:
        case {"$ref": str(pointer)}:
            return sample(_resolve(pointer, document), document)
        case {"enum": [first, *_]} | {"const": first}:
            return first
        case {"anyOf": [first, *_]}:
            return sample(first, document)
        case {"type": "array", "items": items}:
            return [sample(items, document) for _ in range(part.get("minItems", 1))]
        case {"type": "object"}:
            needed: Sequence[str] = part.get("required", ())
            return {name: sample(part["properties"][name], document) for name in needed}
        case {"type": "integer" | "number"}:
            return part.get("minimum", 1)
        case {"type": "boolean"}:
            return True
        case {"type": "null"}:
            return None
    return _sample_text(part)


def _sample_text(part: Mapping[str, Any]) -> str:
    pattern = part.get("pattern", "")
    low, high = part.get("minLength", 0), part.get("maxLength", 1 << 20)
    return next(
        (s for s in _SAMPLES if low <= len(s) <= high and fits_pattern(pattern, s)), _SAMPLES[0][:high].ljust(low, "x")
    )


def _resolve(pointer: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    part: Any = document
    for name in pointer.removeprefix("#/").split("/"):
        part = part[name]
    return part  # type: ignore[no-any-return]
