"""Who may know whom. Read from the imports, so that the layers stay layers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pinflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PROJECT = Path(__file__).parents[2]

# Part of pinflow/ -> the parts that it may use: at run time, inside functions and for types alike. Read it from the
# top: nothing names a part that stands below it. All may use EVERYWHERE.
MAY_USE: dict[str, str] = {
    "errors": "",
    "events": "",
    "suggestions": "",
    "clock": "",
    "lazy_dataclass": "",
    "masking": "",
    "schema": "",
    "expressions": "schema",
    "state": "schema",
    "http": "schema state",
    "recipe": "schema expressions state",
    "plugin": "schema expressions state http recipe",
    "plan": "schema expressions state http recipe plugin",
    "engine": "schema expressions state http recipe plugin plan",
    "app": "schema expressions state http recipe plugin plan engine",
    "scheduling": "schema expressions state http recipe plugin plan engine app",
    "reporters": "schema state engine",
    "__init__": "schema expressions state http recipe plugin plan engine app reporters",  # the public names
    "doctor": "schema expressions state http recipe plugin plan engine app __init__",
    "testing": "schema expressions state http recipe plugin plan engine app __init__",
    "reference": "schema expressions state http recipe plugin plan engine app scheduling reporters __init__",
    "cli": "schema expressions state http recipe plugin plan engine app doctor scheduling reporters reference testing "
    "__init__",
    "__main__": "cli __init__",
}
EVERYWHERE = {"errors", "events", "suggestions", "clock", "lazy_dataclass", "masking"}

# the fewest files that may name a library
ONLY_IN: dict[str, str] = {
    "requests": r"pinflow/http/transport\.py",
    "urllib3": r"pinflow/http/transport\.py",
    "rich": r"pinflow/reporters/\w+\.py",
    "yaml": r"pinflow/recipe/(source|text_offsets|yaml_events)\.py",
    "sqlite3": r"pinflow/state/folder/\w+\.py",
    "pluggy": r"pinflow/(plugin/(hookspecs|loader)|app)\.py",
    "platformdirs": r"pinflow/state/folder/paths\.py",
    "schedule": r"pinflow/scheduling/\w+\.py",
    "pytest": r"pinflow/testing/fixtures\.py",
    "h11": r"plugins/pinflow_sandbox/server/connection\.py",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a file imports."""

    file: str  # below the project
    line: int
    module: str
    name: str  # "" for a whole module
    for_types: bool  # not at run time

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}{' ' if self.name else ''}{self.name}"


@cache
def files(folder: str) -> list[tuple[str, ast.Module]]:
    found = sorted((PROJECT / folder).rglob("*.py"))
    assert found, folder
    return [(path.relative_to(PROJECT).as_posix(), ast.parse(path.read_text("utf-8"))) for path in found]


def imports(*folders: str) -> list[Import]:
    return [each for folder in folders for each in _imports_below(folder)]


@cache
def _imports_below(folder: str) -> list[Import]:
    found: list[Import] = []
    for file, tree in files(folder):
        for_types = {id(inner) for node in ast.walk(tree) if _is_for_types(node) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            found += (Import(file, *what, id(node) in for_types) for what in _imported(node))
    return found


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _imported(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        yield from ((node.lineno, module, alias.name) for alias in node.names)


def wrong(found: Iterable[Import], is_wrong: Callable[[Import], bool]) -> list[str]:
    seen = list(found)
    assert seen, "there is nothing to look at"
    return [str(each) for each in seen if is_wrong(each)]


def part_of_file(file: str) -> str:
    return Path(file).parts[1].removesuffix(".py")


def part_of_import(each: Import) -> str:
    if each.module != "pinflow":
        return each.module.split(".")[1]
    inside = PROJECT / "pinflow" / each.name
    return each.name if inside.is_dir() or inside.with_suffix(".py").is_file() else "__init__"


def test_every_part_uses_only_the_parts_above_it() -> None:
    def is_wrong(each: Import) -> bool:
        mine, its = part_of_file(each.file), part_of_import(each)
        return its not in {mine, *EVERYWHERE, *MAY_USE[mine].split()}

    inside = [each for each in imports("pinflow") if each.top == "pinflow"]
    assert wrong(inside, is_wrong) == []


def test_the_table_of_parts_can_be_read_from_the_top() -> None:
    order = [*MAY_USE]
    assert [part for part in order if not set(MAY_USE[part].split()) <= set(order[: order.index(part)])] == []


def modules() -> dict[str, str]:
    """Every module of the product by name -> its file."""
    named: dict[str, str] = {}
    for folder in ("pinflow", "plugins", "common"):
        for file, _ in files(folder):
            dotted = ".".join(Path(file).with_suffix("").parts).removeprefix(
                f"{folder}." if folder != "pinflow" else ""
            )
            named[dotted.removesuffix(".__init__")] = file
    return named


def test_no_file_imports_itself_by_way_of_others() -> None:
    named = modules()
    by_file = {file: name for name, file in named.items()}
    arrows: dict[str, set[str]] = {name: set() for name in named}
    for each in imports("pinflow", "plugins", "common"):
        target = f"{each.module}.{each.name}" if f"{each.module}.{each.name}" in named else each.module
        if target in named and target != by_file[each.file]:
            arrows[by_file[each.file]].add(target)
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_the_engine_imports_no_plugin_and_nothing_that_plugins_share() -> None:
    assert wrong(imports("pinflow"), lambda each: each.top.startswith("pinflow_")) == []


def test_plugins_know_only_the_public_names() -> None:
    def is_wrong(each: Import) -> bool:
        return each.top == "pinflow" and (each.module != "pinflow" or each.name not in pinflow.__all__)

    assert wrong(imports("plugins", "common"), is_wrong) == []


def test_only_the_choice_of_a_state_knows_how_it_is_stored() -> None:
    # what belongs to files and not to a state; and the counters of one process, which need none
    stores = re.compile(r"pinflow\.state\.folder\.(?!(paths|atomic_file|lock|filesystem|ownership|written_files)$)\w+")

    def is_wrong(each: Import) -> bool:
        return stores.fullmatch(each.module) is not None and each.name != "MemoryUsage"

    outside_of_state = [each for each in imports("pinflow") if part_of_file(each.file) != "state"]
    assert wrong(outside_of_state, is_wrong) == []


def test_no_plugin_knows_another() -> None:
    plugins = {path.name for path in (PROJECT / "plugins").iterdir() if path.is_dir()}

    def is_wrong(each: Import) -> bool:
        return each.top in plugins and each.top != Path(each.file).parts[1]

    assert wrong(imports("plugins", "common"), is_wrong) == []


def test_every_public_name_is_there() -> None:
    assert [name for name in pinflow.__all__ if not hasattr(pinflow, name)] == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_named_in_the_fewest_files(library: str) -> None:
    def is_wrong(each: Import) -> bool:
        named = (
            each.module == library or each.module.startswith(f"{library}.") or f"{each.module}.{each.name}" == library
        )
        return named and not re.fullmatch(ONLY_IN[library], each.file)

    assert wrong(imports("pinflow", "plugins", "common"), is_wrong) == []


def test_every_library_is_a_declared_dependency() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [each for name, each in project["optional-dependencies"].items() if name != "dev"]
    declared = {_normal(re.split(r"[<>=!~\[; ]", each)[0]) for each in sum(groups, project["dependencies"])}
    # pytest loads what names it, and nobody else does
    own = {
        "pinflow",
        "pytest",
        *(path.name for folder in ("plugins", "common") for path in (PROJECT / folder).iterdir()),
    }
    distributions = packages_distributions()

    def is_wrong(each: Import) -> bool:
        if each.top in sys.stdlib_module_names or each.top in own:
            return False
        return not declared & {_normal(name) for name in distributions.get(each.top, [each.top])}

    assert wrong(imports("pinflow", "plugins", "common"), is_wrong) == []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_engine_knows_no_service_by_name() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in sorted((PROJECT / "pinflow").rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if "pinterest" in line.lower()
    ]
    assert found == []


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def uses(pattern: str, *folders: str, calls: bool) -> list[str]:
    """Where a dotted name is called (or only mentioned, with ``calls`` false), as "file:line name"."""
    found: list[str] = []
    for folder in folders:
        for file, tree in files(folder):
            for node in ast.walk(tree):
                target = node.func if isinstance(node, ast.Call) else None if calls else node
                if target is not None and re.fullmatch(pattern, _dotted(target)):
                    found.append(f"{file}:{getattr(node, 'lineno', 0)} {_dotted(target)}")
    return found


def outside(found: Iterable[str], allowed: str) -> list[str]:
    return [each for each in found if not re.match(allowed, each)]


def test_the_environment_of_the_process_is_read_at_the_programs_edge_only() -> None:
    found = uses(r"os\.(environb?|getenv|putenv)", "pinflow", "plugins", "common", calls=False)
    assert outside(found, r"pinflow/(__main__|cli/\w+|testing/(fixtures|conformance))\.py:") == []
    assert found, "the edge does read it"


def test_nothing_prints_but_the_program() -> None:
    assert outside(uses("print", "pinflow", "plugins", "common", calls=True), r"pinflow/(cli|reporters)/") == []


def test_nobody_takes_the_time_or_sleeps_but_with_what_they_were_given() -> None:
    clocks = r"time\.(sleep|(time|monotonic|perf_counter)(_ns)?)|([\w.]+\.)?(datetime|date)\.(now|utcnow|today)"
    found = uses(clocks, "pinflow", "plugins", "common", calls=True)
    # the program's edge; and Windows, where a file can't be replaced in the moment in which it is read
    assert outside(found, r"pinflow/cli/|plugins/pinflow_auth/files\.py:\d+ time\.sleep$") == []


def test_no_part_of_python_that_runs_text_or_unpickles_is_used() -> None:
    banned = (
        r"eval|exec|compile|__import__|os\.(system|popen)|pickle\.\w+|marshal\.\w+|shelve\.\w+|yaml\.(load|unsafe_load)"
    )
    found = uses(banned, "pinflow", "plugins", "common", calls=True)
    # methods of dataclasses, of field names alone, as the standard library compiles them
    assert outside(found, r"pinflow/lazy_dataclass\.py:\d+ exec$") == []
    assert len(found) == 1


LIGHT: list[tuple[list[str], set[str]]] = [
    (
        ["--version"],
        {"argparse", "http.client", "inspect", "pinflow.app", "platformdirs", "pluggy", "requests", "yaml"},
    ),
    (
        ["--help"],
        {"h11", "http.client", "http.server", "importlib.metadata", "requests", "rich", "sqlite3", "ssl", "yaml"},
    ),
    (["validate", "--help"], {"h11", "http.client", "http.server", "requests", "rich", "sqlite3", "ssl"}),
    (["sandbox", "--help"], {"h11", "http.client", "requests", "rich", "ssl"}),
    (["validate", "RECIPE"], {"h11", "http.client", "http.server", "jinja2", "requests", "rich", "sqlite3", "ssl"}),
]

PROBE = """
import sys
from pinflow.__main__ import main
code = main(sys.argv[1:])
sys.stderr.write("\\nLOADED " + " ".join(sorted(sys.modules)))
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("words", "heavy"), LIGHT, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_what_needs_no_network_loads_nothing_heavy(words: list[str], heavy: set[str], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: n\napi: v5\nsteps:\n  - uses: get_user\n", "utf-8")
    argv = [str(recipe) if word == "RECIPE" else word for word in words]
    for _ in range(2):  # the first start fills the caches
        done = subprocess.run([sys.executable, "-c", PROBE, *argv], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.rpartition("LOADED ")[2].split())
    assert "pinflow" in loaded
    assert heavy & loaded == set()


PAGE = PROJECT / "ARCHITECTURE.md"


def test_every_path_on_the_page_about_the_architecture_is_there() -> None:
    tops = {path.name for path in PROJECT.iterdir()}
    paths = {path for path in re.findall(r"`([\w./]+)`", PAGE.read_text("utf-8")) if path.partition("/")[0] in tops}
    assert len(paths) > 40
    assert sorted(path for path in paths if not (PROJECT / path).exists()) == []


def test_the_page_about_the_architecture_has_every_folder_and_is_linked_from_where_people_start() -> None:
    text = PAGE.read_text("utf-8")
    folders = [path for path in (PROJECT / "pinflow").iterdir() if (path / "__init__.py").is_file()]
    assert [path.name for path in folders if f"| `pinflow/{path.name}/` |" not in text] == []
    for page in ("README.md", "CONTRIBUTING.md"):
        assert "](ARCHITECTURE.md)" in (PROJECT / page).read_text("utf-8"), page
