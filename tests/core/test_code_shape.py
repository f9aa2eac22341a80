"""How large and how named things may be, so that somebody else can find and carry them."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("pinflow", "plugins", "common") for path in (PROJECT / folder).rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# participles that don't end in -ed; a name that is one says neither what is done nor what is given back
IRREGULAR = {
    *("told", "kept", "found", "given", "made", "taken", "said", "shown", "known", "meant", "seen", "left", "held"),
    *("asked", "written", "drawn", "chosen", "lost", "gone", "thrown", "caught", "ended", "begun", "sent", "built"),
    *("paid", "spent", "done", "hidden", "bound", "broken", "understood", "brought"),
}
KNOWN = {"need", "installed"}  # a verb; and App.installed, which programs call


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def named(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path in FILES:
        yield from ((path, node) for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef))


def code_lines(path: Path) -> int:
    """Lines that hold code: neither blank, nor a comment, nor a docstring."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS))
            and ast.get_docstring(node, clean=False) is not None
        ):
            lines.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def is_participle(name: str) -> bool:
    return name not in KNOWN and (name in IRREGULAR or (name.isalpha() and name.endswith("ed")))


def test_no_file_holds_more_than_450_lines_of_code() -> None:
    sizes = {named(path): code_lines(path) for path in FILES}
    assert max(sizes.values()) > 100, "the count works"
    assert {path: size for path, size in sizes.items() if size > 450} == {}


def test_no_class_has_more_than_25_methods() -> None:
    counts = {
        f"{named(path)} {node.name}": sum(isinstance(part, FUNCTIONS) for part in node.body) for path, node in classes()
    }
    assert {where: count for where, count in counts.items() if count > 25} == {}


def test_no_constructor_that_is_written_by_hand_takes_more_than_8_arguments() -> None:
    taken = {
        f"{named(path)} {node.name}": len(part.args.args) + len(part.args.kwonlyargs) - 1
        for path, node in classes()
        for part in node.body
        if isinstance(part, FUNCTIONS) and part.name == "__init__"
    }
    assert {where: count for where, count in taken.items() if count > 8} == {}


def test_app_has_at_most_15_public_methods() -> None:
    (app,) = (node for path, node in classes() if node.name == "App" and path.name == "app.py")
    methods = [part for part in app.body if isinstance(part, FUNCTIONS) and not part.name.startswith("_")]
    properties = [part.name for part in methods if any("property" in ast.unparse(mark) for mark in part.decorator_list)]
    assert len(methods) - len(properties) <= 15, [part.name for part in methods]
    assert len(properties) <= 6, properties


def test_a_class_name_is_used_once_but_for_the_twins_of_v3_and_v5() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, node in classes():
        places[node.name].append(named(path).replace("_v3", "_v5").replace("/v3/", "/v5/"))
    assert {name: where for name, where in places.items() if len(set(where)) > 1} == {}


def test_no_public_function_is_named_by_a_bare_participle() -> None:
    wrong = [
        f"{named(path)}:{node.lineno} {node.name}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, FUNCTIONS) and is_participle(node.name) and "warn_renamed(" not in ast.unparse(node)
    ]
    assert wrong == []


def test_the_root_of_the_package_has_at_most_8_files() -> None:
    root = sorted(path.name for path in (PROJECT / "pinflow").glob("*.py"))
    assert len(root) <= 8, root


def test_a_plugin_package_of_more_than_25_files_has_rooms() -> None:
    packages = [path for folder in ("plugins", "common") for path in (PROJECT / folder).iterdir() if path.is_dir()]
    assert {path.name: count for path in packages if (count := len(list(path.glob("*.py")))) > 25} == {}
