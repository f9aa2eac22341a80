"""The pages for people who program: hooks of plugins, and pinflow as a library."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pinflow.plugin import hookspecs
from pinflow.plugin.contributions import FactsPage
from pinflow.reference.fields import field_texts
from pinflow.reporters.markdown import code, codes, fence, from_docstring, sections, table

if TYPE_CHECKING:
    from collections.abc import Iterator

HOOK: Final = "pinflow_"
_WIDEST = 88  # characters of a signature on one line: a page has no more
# types that are written for an action's parameters, and have no docstring of their own
TYPES: Final = {
    "pinflow.InputPath": "The path of a file that the action reads, for its parameters: `picture: InputPath`. "
    "Where a recipe may read is checked before the run; the action opens it with `ctx.input_file`.",
    "pinflow.OutputPath": "The path of a file that the action writes, for its parameters: `file: OutputPath`. "
    "Where a recipe may write is checked before the run; the action opens it with `ctx.output_file`.",
}


def pages() -> list[FactsPage]:
    """The pages, in their order."""
    return [
        FactsPage(
            name="hooks",
            title="Hooks",
            about="Everything that a plugin can offer: each hook with what it gets and returns.",
            text=_hooks,
            words=("plugin", "hookimpl", "extension", "pluggy", "credential plugin", "secret store", "vault"),
            see="[the library](library.md), whose names hooks use, or the [plugin guide](plugin-guide.md).",
        ),
        FactsPage(
            name="library",
            title="Python library",
            about="Every public name of `pinflow` and `pinflow.testing`, for plugins and programs.",
            text=_library,
            words=("python", "api", "import pinflow", "App", "Context", "testing", "fixture"),
            see="[hooks](hooks.md), or the [plugin guide](plugin-guide.md).",
        ),
    ]


def hooks() -> dict[str, Any]:
    """The specifications of the hooks, by name, in the order of their module."""
    return {name: value for name, value in vars(hookspecs).items() if name.startswith(HOOK)}


def public_names() -> dict[str, Any]:
    """What plugins and programs may import, by its dotted name."""
    modules = [import_module(name) for name in ("pinflow", "pinflow.testing")]
    return {f"{module.__name__}.{name}": getattr(module, name) for module in modules for name in module.__all__}


def _hooks() -> str:
    return sections(
        "A plugin is a module, named in the entry-point group `pinflow`, with functions that are marked `@hookimpl`. "
        "A function has the name of a hook and takes as many of its arguments as it needs.",
        table(
            ("hook", "what it offers"),
            [(f"[{code(name)}](#{name.lower().replace('_', '-')})", _first(hook)) for name, hook in hooks().items()],
        ),
        *(_named(name, hook) for name, hook in hooks().items()),
    )


def _library() -> str:
    groups: dict[str, list[str]] = {}
    for name, value in public_names().items():
        groups.setdefault(_kind(name, value), []).append(name)
    return sections(
        "What isn't listed here is no part of the public interface and may change at any time.",
        *(
            sections(f"## {kind}", *(_named(name, public_names()[name], "###") for name in sorted(groups[kind])))
            for kind in ("Functions and decorators", "Classes", "Types", "Errors", "Values", "For tests")
            if kind in groups
        ),
    )


def _kind(name: str, value: Any) -> str:
    if name.startswith("pinflow.testing."):
        return "For tests"
    if name in TYPES:
        return "Types"
    if not inspect.isclass(value):
        return "Functions and decorators" if callable(value) else "Values"
    return "Errors" if issubclass(value, Exception) else "Classes"


def _named(name: str, value: Any, heading: str = "##") -> str:
    title = sections(f"{heading} {name}")
    if name in TYPES:
        return sections(title, TYPES[name])
    if inspect.isclass(value):
        return sections(
            title, _bases(value), from_docstring(inspect.getdoc(value) or ""), _fields(value), *_methods(value)
        )
    if callable(value):
        return sections(title, fence(_signature(name, value), "text"), from_docstring(inspect.getdoc(value) or ""))
    if inspect.ismodule(value):
        return sections(title, from_docstring(inspect.getdoc(value) or ""))
    return sections(title, f"Its value: {code(sorted(value) if isinstance(value, (set, frozenset)) else value)}.")


def _first(value: Any) -> str:
    return from_docstring((inspect.getdoc(value) or "").partition("\n\n")[0])


def _signature(name: str, value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return name
    shown = f"{name.rpartition('.')[2]}{_short_types(text)}"
    if len(shown) <= _WIDEST:
        return shown
    head, rest = shown.split("(", 1)
    arguments, tail = rest.rsplit(") -> ", 1) if ") -> " in rest else (rest.removesuffix(")"), "")
    lines = "".join(f"    {argument},\n" for argument in _split(arguments))
    return f"{head}(\n{lines}){f' -> {tail}' if tail else ''}"


def _split(arguments: str) -> list[str]:
    """Arguments apart, but not at commas inside brackets or texts."""
    parts, depth, start, quoted = [], 0, 0, False
    for place, char in enumerate(arguments):
        quoted ^= char in "\"'"
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth and not quoted:
            parts.append(arguments[start:place].strip())
            start = place + 1
    return [*parts, arguments[start:].strip()]


def _short_types(text: str) -> str:
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text.replace("'", ""))


def _bases(value: type) -> str:
    bases = [base.__name__ for base in value.__bases__ if base.__name__ not in ("object", "Protocol")]
    return f"A kind of {codes(bases)}." if bases else ""


def _fields(value: type) -> str:
    if not hasattr(value, "__dataclass_fields__"):
        return ""
    rows = [
        (
            code(field.name),
            code(field.type),
            "must be given" if field.default is None else code(field.default),
            field.text,
        )
        for field in field_texts(value)
    ]
    return table(("field", "type", "default", "what it is"), rows)


def public_members(value: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class declares itself."""
    for name, member in vars(value).items():
        plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if not name.startswith("_") and (inspect.isfunction(plain) or isinstance(member, property)):
            yield name, plain


def _methods(value: type) -> Iterator[str]:
    for name, member in public_members(value):
        shown = f"{value.__name__}.{name}"
        signature = shown if isinstance(member, property) else f"{value.__name__}.{_signature(name, member)}"
        yield sections(fence(signature, "text"), from_docstring(inspect.getdoc(member) or ""))
