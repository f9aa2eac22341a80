"""Converting Arazzo's runtime expressions to expressions of a recipe.

Source: https://spec.openapis.org/arazzo/v1.0.1.html (runtime expressions)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Loc = tuple[str | int, ...]

OMITTED: Final = object()  # a value that could not be imported

_RUNTIME: Final = re.compile(
    r"\$(?:inputs|steps|workflows|outputs|response|request|statusCode|url|method|components)\b\S*"
)
_EMBEDDED: Final = re.compile(r"\{(\$[^{}]+)\}")
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class ArazzoScope:
    """The names that expressions of the workflows can use so far. ``leave`` is called for other names."""

    def __init__(self, leave: Callable[[Loc, str], None]) -> None:
        self._leave = leave
        self.workflow = ""
        self.inputs: dict[str, str] = {}  # input -> its name in the recipe
        self.steps: dict[str, str] = {}  # step of this workflow -> its id in the recipe
        self.outputs: dict[tuple[str, str, str], str] = {}  # workflow, step ("" for its own), name -> expression

    def enter(self, workflow: str) -> None:
        """Start another workflow."""
        self.workflow = workflow
        self.steps = {}

    def value(self, value: Any, loc: Loc) -> Any:
        """A value with its expressions converted; OMITTED, with a note, if they can't be."""
        match value:
            case dict():
                pairs = ((key, self.value(part, (*loc, key))) for key, part in value.items())
                return {key: part for key, part in pairs if part is not OMITTED}
            case list():
                parts = (self.value(part, (*loc, index)) for index, part in enumerate(value))
                return [part for part in parts if part is not OMITTED]
            case str():
                return self._text(value, loc)
        return value

    def _text(self, text: str, loc: Loc) -> Any:
        if _RUNTIME.fullmatch(text):
            expression = self.expression(text, loc)
            return OMITTED if expression is None else "${{ " + expression + " }}"
        if "${{" in text:
            self._leave(loc, f"the text {text[:40]!r}: a recipe would read it as an expression")
            return OMITTED
        parts: list[str] = []
        for index, part in enumerate(_EMBEDDED.split(text)):
            if index % 2 == 0:
                parts.append(part)
                continue
            expression = self.expression(part, loc)
            if expression is None:
                return OMITTED
            parts.append("${{ " + expression + " }}")
        return "".join(parts)

    def expression(self, text: str, loc: Loc, *, answer: str = "") -> str | None:
        """A recipe's expression for a runtime expression; None, with a note, if there is none.

        ``answer`` is the step whose answer is ``$response``.
        """
        name, _, pointer = text.partition("#")
        reference = self._reference(name.removeprefix("$").split("."), answer)
        if reference is None:
            self._leave(loc, f"the expression {text[:80]!r}")
            return None
        return reference + _steps(pointer)

    def _reference(self, parts: list[str], answer: str) -> str | None:
        match parts:
            case ["response", "body"] if answer:
                return f"steps.{answer}"
            case ["inputs", name, *rest] if name in self.inputs:
                return f"inputs.{self.inputs[name]}" + "".join(map(_field, rest))
            case ["steps", step, "outputs", name, *rest]:
                reference = self.outputs.get((self.workflow, step, name))
            case ["workflows", workflow, "outputs", name, *rest]:
                reference = self.outputs.get((workflow, "", name))
            case ["workflows", _, "inputs", name, *rest] if name in self.inputs:
                reference = f"inputs.{self.inputs[name]}"
            case ["outputs", name, *rest]:
                reference = self.outputs.get((self.workflow, "", name))
            case _:
                return None
        if reference is None:
            return None
        return reference.removeprefix("${{ ").removesuffix(" }}") + "".join(map(_field, rest))


def _steps(pointer: str) -> str:
    """A JSON pointer, "/items/0/id", as the end of an expression: ".items[0].id"."""
    parts = pointer.removeprefix("/").split("/") if pointer not in ("", "/") else []
    return "".join(_field(part.replace("~1", "/").replace("~0", "~")) for part in parts)


def _field(name: str) -> str:
    if name.isascii() and name.isdigit():
        return f"[{int(name)}]"
    return f".{name}" if _NAME.fullmatch(name) else "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"
