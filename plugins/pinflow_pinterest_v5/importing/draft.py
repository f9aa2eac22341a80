"""A recipe in the making, from something that people had already: its parts, and what could not be carried over."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pinflow import Imported, inert
from pinflow_pinterest_v5.calls.action import action_of
from pinflow_pinterest_v5.calls.descriptions import Describer
from pinflow_pinterest_v5.importing.yaml_writer import block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow_pinterest.catalogue.operations import Catalogue

SECRETS: Final = frozenset(
    {"access_token", "refresh_token", "token", "client_secret", "code", "password", "authorization"}
)

_TOKEN = re.compile(r"pin[arc]_\w+")  # access, refresh and client-credentials tokens
_INSIDE = re.compile(r"pin[arc]_[A-Za-z0-9]{20,}")  # one in a longer text, where pina_colada is none
_WHOLE = re.compile(r"-?\d{1,18}")
_RESERVED = frozenset({"inputs", "steps", "auth", "run", "in", "true", "false", "null"})  # words of the recipe language


@dataclass(slots=True)
class Draft:
    """A recipe of calls. ``notes`` tell what it lacks of what it was made from, and what is to be mended."""

    name: str
    description: str = ""
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def imported(self) -> Imported:
        """The recipe's text, and what it lacks, which stands at its head as well."""
        parts: dict[str, Any] = {"pinflow": 1, "name": self.name, "description": self.description, "api": "v5"}
        parts |= {"inputs": self.inputs, "steps": self.steps, "outputs": self.outputs}
        lines = [f"# {inert(each)}" for each in self.notes]
        for key, part in parts.items():
            if part:
                lines += block({key: part}, open_to=1)
        return Imported("\n".join(lines) + "\n", tuple(self.notes))

    def leave(self, what: str) -> None:
        """Note something that could not be carried over, once."""
        if (note := f"left out: {without_tokens(what)}") not in self.notes:
            self.notes.append(note)

    def input(self, name: str, declared: dict[str, Any]) -> str:
        """The expression of an input, which the recipe has from now on."""
        own = identifier(name)
        self.inputs.setdefault(own, declared)
        return "${{ inputs." + own + " }}"

    def without_secrets(self, value: Any, name: str = "") -> Any:
        """The value with a secret input in place of each secret that is written out in it."""
        match value:
            case dict():
                return {key: self.without_secrets(part, key) for key, part in value.items()}
            case list():
                return [self.without_secrets(part, name) for part in value]
            case str() if "${{" not in value and is_secret(name, value):
                return self.input(name or "token", {"type": "secret", "required": True})
        return value


def is_secret(name: str, value: str) -> bool:
    """Whether a value is one that nobody should see: by its name, or because it is one of Pinterest's tokens."""
    return name.lower() in SECRETS or _TOKEN.match(value) is not None or _INSIDE.search(value) is not None


def without_tokens(text: str) -> str:
    """A text to show, with dots in place of Pinterest's tokens, whoever put them there."""
    return _TOKEN.sub("...", text)


def unfit(id: str, given: dict[str, Any], catalogue: Catalogue) -> list[str]:
    """What an operation would refuse of its arguments, expressions left aside."""
    found = []
    for problem in action_of(catalogue, id, items=False).parameters.problems(given):
        value: Any = given
        for part in problem.location:
            inside = isinstance(value, list) or (isinstance(value, dict) and part in value)
            value = value[part] if inside else None
        if not (isinstance(value, str) and "${{" in value):
            found.append(f"to mend: {id}: {without_tokens(problem.message)}")
    return found


def identifier(text: str, taken: Mapping[str, Any] | None = None) -> str:
    """A name that a recipe may use, made of ``text``; with a number behind it where it is ``taken``."""
    found = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "value"
    found = f"_{found}" if found[0].isdigit() or found in _RESERVED else found
    number, name = 1, found
    while taken is not None and name in taken:
        number += 1
        name = f"{found}_{number}"
    return name


def typed(text: str, schema: Any, catalogue: Catalogue) -> Any:
    """A text of a query as the value that it stands for there; as it is, where it stands for none."""
    found = Describer(catalogue.definitions).resolved(schema)
    for branch in found.get("anyOf", ()):
        found = Describer(catalogue.definitions).resolved(branch)
        break
    match found.get("type"):
        case "array":
            return [typed(part, found.get("items"), catalogue) for part in text.split(",")]
        case "integer" if _WHOLE.fullmatch(text):
            return int(text)
        case "number" if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text):
            return float(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
    return text
