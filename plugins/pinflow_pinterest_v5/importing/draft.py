"""A recipe that is being imported: its parts, and what could not be imported."""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from pinflow import Imported, UsageError, dataclass, inert
from pinflow_pinterest_v5.calls.action import operation_action
from pinflow_pinterest_v5.calls.descriptions import Describer
from pinflow_pinterest_v5.importing.yaml_writer import block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow_pinterest.catalogue.operations import Catalogue

SECRETS: Final = frozenset(
    {"access_token", "refresh_token", "token", "client_secret", "code", "password", "authorization"}
)

MAX_DEPTH: Final = 30  # of data: recipes end at 40, and some levels are around it

_TOKEN = re.compile(r"pin[arc]_\w+")  # access, refresh and client-credentials tokens
_INSIDE = re.compile(r"pin[arc]_[A-Za-z0-9]{20,}")  # one in a longer text, but not pina_colada
_WHOLE = re.compile(r"-?\d{1,18}")
_RESERVED = frozenset({"inputs", "steps", "auth", "run", "in", "true", "false", "null"})  # words of the recipe language


@dataclass(slots=True)
class RecipeDraft:
    """A recipe of calls. ``notes`` say what could not be imported, and what must be corrected."""

    name: str
    description: str = ""
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_imported(self) -> Imported:
        """The recipe's text, which begins with the notes, and the notes."""
        name, description = as_literal(self.name), as_literal(self.description)
        parts: dict[str, Any] = {"pinflow": 1, "name": name, "description": description, "api": "v5"}
        parts |= {"inputs": self.inputs, "steps": self.steps, "outputs": self.outputs}
        lines = [f"# {inert(note)}" for note in self.notes]
        for key, part in parts.items():
            if part:
                lines += block({key: part}, open_to=1)
        return Imported("\n".join(lines) + "\n", tuple(self.notes))

    def leave(self, text: str) -> None:
        """Note something that could not be imported, once."""
        if (note := f"left out: {without_tokens(text)}") not in self.notes:
            self.notes.append(note)

    def input(self, name: str, declared: dict[str, Any]) -> str:
        """Add an input to the recipe. Returns its expression."""
        input_name = identifier(name)
        self.inputs.setdefault(input_name, declared)
        return "${{ inputs." + input_name + " }}"

    def without_secrets(self, value: Any, name: str = "") -> Any:
        """The value with a secret input in place of each literal secret."""
        match value:
            case dict():
                return {key: self.without_secrets(part, key) for key, part in value.items()}
            case list():
                return [self.without_secrets(part, name) for part in value]
            case str() if "${{" not in value and is_secret(name, value):
                return self.input(name or "token", {"type": "secret", "required": True})
        return value

    def literal(self, value: Any, name: str = "") -> Any:
        """Data of others as a recipe holds it: a secret input for each secret, and no expression becomes live."""
        match value:
            case dict():
                return {key: self.literal(part, key) for key, part in value.items()}
            case list():
                return [self.literal(part, name) for part in value]
            case str() if is_secret(name, value):
                return self.input(name or "token", {"type": "secret", "required": True})
            case str():
                return as_literal(value)
        return value


def as_literal(value: Any) -> Any:
    """Data as a recipe writes it where expressions are looked for: those that its texts hold stay text."""
    match value:
        case dict():
            return {key: as_literal(part) for key, part in value.items()}
        case list():
            return [as_literal(part) for part in value]
        case str():
            return value.replace("${{", "$${{")
    return value


def check_depth(value: Any) -> None:
    """Raise UsageError for JSON that no recipe can hold."""
    level, depth = [value], 0
    while level := [
        part
        for outer in level
        if isinstance(outer, dict | list)
        for part in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
        if depth > MAX_DEPTH:
            raise too_deep()


def too_deep() -> UsageError:
    """JSON that no recipe can hold."""
    return UsageError(f"the data is nested more than {MAX_DEPTH} levels deep", hint="no recipe can hold it")


def is_secret(name: str, value: str) -> bool:
    """Whether a value is a secret: by its name, or because it looks like one of Pinterest's tokens."""
    return name.lower() in SECRETS or _TOKEN.match(value) is not None or _INSIDE.search(value) is not None


def without_tokens(text: str) -> str:
    """A text to show, with dots in place of Pinterest's tokens."""
    return _TOKEN.sub("...", text)


def find_faults(id: str, arguments: dict[str, Any], catalogue: Catalogue) -> list[str]:
    """A note for each argument that the operation would refuse; expressions are not checked."""
    notes = []
    for problem in operation_action(catalogue, id, items=False).parameters.problems(arguments):
        value: Any = arguments
        for part in problem.location:
            inside = isinstance(value, list) or (isinstance(value, dict) and part in value)
            value = value[part] if inside else None
        if not (isinstance(value, str) and "${{" in value):
            notes.append(f"to correct: {id}: {without_tokens(problem.message)}")
    return notes


def identifier(text: str, taken: Mapping[str, Any] | None = None) -> str:
    """A valid name made of ``text``, with a number appended if it is ``taken``."""
    base = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "value"
    base = f"_{base}" if base[0].isdigit() or base in _RESERVED else base
    number, name = 1, base
    while taken is not None and name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def parse_value(text: str, schema: Any, catalogue: Catalogue) -> Any:
    """A query text as the value that its schema says; the text itself if it doesn't fit."""
    resolved = Describer(catalogue.definitions).resolve(schema)
    for branch in resolved.get("anyOf", ()):
        resolved = Describer(catalogue.definitions).resolve(branch)
        break
    match resolved.get("type"):
        case "array":
            return [parse_value(part, resolved.get("items"), catalogue) for part in text.split(",")]
        case "integer" if _WHOLE.fullmatch(text):
            return int(text)
        case "number" if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text):
            return float(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
    return text
