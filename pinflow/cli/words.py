"""What a shell may offer for a word: recipes, inputs, run ids, tokens and so on, one a line.

Completion scripts ask with ``pinflow completion --words KIND [WORDS OF THE LINE...]``, at every press of a key: so this
loads no plugin, but keeps what plugins offer in a cache, and no parser. It never fails: what can't be found out is not
offered. Words with characters that mean something to a shell are left out: bash would run what they say.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from pinflow.plugin.registry import Registry

_SAFE = re.compile(r"[\w./:=@%+,-]+")
_MOST_RUNS = 50  # the newest; more than a screen of them is not chosen from
_TOKEN_HEAD = 65_536  # bytes of a file that are looked at for a token
# what plugins offer, by kind: these words are cached
OFFERED = ("actions", "operations", "plugins", "codes", "executors", "apis", "plugin_recipes", "tokens")
_TOKEN_FOLDER, _TOKEN_VARIABLE, _TOKEN_SUFFIX = "token_folder", "token_variable", "token_suffix"


def print_words(arguments: Sequence[str], environ: Mapping[str, str], write: Callable[[str], object]) -> None:
    """Write what fits KIND, the first of the arguments; the rest are the words of the line so far."""
    kind, *line = [*arguments, ""] if len(arguments) < 2 else arguments
    with suppress(Exception):
        find = _KINDS.get(kind)
        words = find(line, environ) if find is not None else (word for word, _ in _offered(environ, kind))
        for word in dict.fromkeys(words):
            if _SAFE.fullmatch(word):
                write(f"{word}\n")


# -- what is found without plugins


def _recipes(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    from pinflow.recipe.bundled import bundled_recipes

    yield from sorted(file.stem for file in bundled_recipes().glob("*.yaml"))
    yield from (name for name, _ in _offered(environ, "plugin_recipes"))


def _templates(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    from pinflow.recipe.bundled import bundled_templates

    yield from sorted(file.stem for file in (bundled_templates() / "recipe").glob("*.yaml"))
    yield from _recipes(line, environ)


def _inputs(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """``NAME=`` for each input of the recipe in the line, and ``NAME=VALUE`` where the values are known."""
    given = {word.partition("=")[0] for word in line[:-1] if "=" in word}
    for name, declared in _mapping(_recipe_in(line, environ).get("inputs")).items():
        if name not in given or line[-1].startswith(f"{name}="):
            yield f"{name}="
            yield from (f"{name}={value}" for value in _values(_mapping(declared), environ))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _values(declared: Mapping[str, Any], environ: Mapping[str, str]) -> Iterable[str]:
    if choices := declared.get("choices"):
        return map(str, choices)
    if declared.get("type") == "boolean":
        return ["true", "false"]
    return _tokens((), environ) if declared.get("type") == "token" else []


def _recipe_in(line: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, Any]:
    """The recipe among the words of a line, as it is written: the first word that is one. Empty if there is none."""
    from pathlib import Path

    from pinflow.recipe.bundled import bundled_recipes
    from pinflow.recipe.folders import ENDINGS

    known = {name: Path(file) for name, file in _offered(environ, "plugin_recipes")}
    known |= {file.stem: file for file in bundled_recipes().glob("*.yaml")}
    for word in line[:-1]:
        file = known.get(word) or Path(os.path.expanduser(word))  # noqa: PTH111 - of what was typed
        if file.suffix in ENDINGS and file.is_file():
            from pinflow.recipe.source import read  # without what checks it, which would take as long again

            data = read(file, str(file)).data
            return data if isinstance(data, dict) else {}
    return {}


def _pages(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    from pinflow.recipe.bundled import bundled_docs

    folder = bundled_docs()
    names = sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.md"))
    for name in (*names, *(name for name, _ in _offered(environ, "facts"))):
        yield name
        yield name.rpartition("/")[2]


def _runs(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    from pinflow.clock import Clock
    from pinflow.state.choose import open_state

    yield from (run.id for run in open_state(environ, Clock()).runs.list(number=_MOST_RUNS))


def _jobs(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    from contextlib import closing

    from pinflow.clock import Clock
    from pinflow.state.choose import open_state

    with closing(open_state(environ, Clock()).open_schedule("completion")) as store:
        yield from sorted(store.jobs.all())


def _functions(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    from pinflow.expressions.functions import FUNCTIONS, LOOPS

    yield from sorted({*FUNCTIONS, *LOOPS})


def _tokens(line: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Names of tokens: the usual ones, those of variables, and those of token files. No value is read but to see that
    a file holds a token.
    """
    for login in _logins(line, environ):
        yield f"{login}="
    prefix = line[-1].partition("=")[0] + "=" if line and "=" in line[-1] else ""
    suffixes = tuple(f"_{suffix}" for suffix, _ in _offered(environ, _TOKEN_SUFFIX))
    names = [name for name, _ in _offered(environ, "tokens")]
    names += [
        variable[: variable.rindex("_")].lower()
        for variable in sorted(environ)
        if suffixes and variable.endswith(suffixes)
    ]
    for folder in _token_folders(environ):
        with suppress(OSError):
            names += sorted(file.stem for file in folder.glob("*.json") if _holds_token(file))
    yield from (f"{prefix}{name}" for name in names)


def _logins(line: Sequence[str], environ: Mapping[str, str]) -> Iterable[str]:
    """The logins of the recipe in a line, where it has several: ``--token LOGIN=NAME``."""
    logins = _mapping(_recipe_in(line, environ).get("auth"))
    return logins if len(logins) > 1 else ()


def _token_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    from pathlib import Path

    from pinflow.engine.sign_in import token_folders
    from pinflow.state.folder.paths import current_folder, state_folder

    below = [folder for folder, _ in _offered(environ, _TOKEN_FOLDER)]
    variables = [variable for variable, _ in _offered(environ, _TOKEN_VARIABLE)]
    named = [environ[variable] for variable in variables if variable in environ]
    for place in (*map(Path, named), *token_folders(current_folder() / "recipes", state_folder(environ))):
        yield from dict.fromkeys(place / folder for folder in ("", *below))


def _holds_token(file: Path) -> bool:
    with suppress(OSError):
        if file.is_file():  # a pipe would never end
            with file.open("rb") as text:
                return b'"access_token"' in text.read(_TOKEN_HEAD)
    return False


# -- what plugins offer


def _offered(environ: Mapping[str, str], kind: str) -> list[tuple[str, str]]:
    """The words of a kind that plugins offer, each with what belongs to it; from the cache while no plugin changed."""
    from pinflow.cli import VERSION_LINE
    from pinflow.plugin.import_cache import ImportCache
    from pinflow.state.folder.paths import cache_file

    choices = (environ.get("PINFLOW_DISABLE", ""), environ.get("PINFLOW_PLUGINS", "unset"))
    cache = ImportCache(cache_file(environ, "words.cache"), VERSION_LINE, *choices)
    rows = cache.read(3)
    if rows is None:
        rows, files = _ask_plugins(environ)
        cache.write(rows, files)
    return [(word, more) for row_kind, word, more in rows if row_kind == kind]


def _ask_plugins(environ: Mapping[str, str]) -> tuple[list[list[str]], list[str]]:
    """Rows of kind, word, and what belongs to it; and the files that they depend on."""
    import sys

    from pinflow.cli.commands import RESERVED
    from pinflow.cli.docs import facts_pages
    from pinflow.cli.shell import Shell
    from pinflow.lazy_dataclass import replace
    from pinflow.plugin.permission import allowed_file

    shell = replace(Shell.of_process(), environ=environ, reserved=RESERVED)
    registry = shell.app(notes=False).registry
    rows = [[kind, word, more] for kind, word, more in _rows(registry)]
    rows += [["facts", f"facts/{page.name}", ""] for page in facts_pages(shell)]
    modules = [sys.modules.get(plugin.module.partition(":")[0]) for plugin in registry.plugins]
    return rows, [
        *(str(getattr(module, "__file__", None) or "") for module in modules),
        str(allowed_file(environ)),
        __file__,
    ]


def _rows(registry: Registry) -> Iterator[tuple[str, str, str]]:
    from pinflow.cli.explain import explained_words

    for action in registry.actions.values():
        yield "actions", action.name, ""
        yield "actions", action.full_name, ""
        if action.variants is not None:
            yield from ((f"{action.variants.by}s", name, "") for name in action.variants.names())
    yield from (("plugins", plugin.name, "") for plugin in registry.plugins)
    yield from (("codes", word, "") for word in explained_words(registry.error_codes.values()))
    yield from (("executors", name, "") for name in ("threads", "serial", *registry.executors))
    yield from (("plugin_recipes", name, str(file)) for name, file in registry.recipes.items())
    for api in registry.apis.values():
        yield "apis", api.id, ""
        yield "tokens", api.tokens.default, ""
        yield _TOKEN_SUFFIX, api.id.upper(), ""
        if folder := api.names.folder:
            yield _TOKEN_FOLDER, folder, ""
        if variable := api.token_folder_variable:
            yield _TOKEN_VARIABLE, variable, ""


_KINDS: dict[str, Callable[[Sequence[str], Mapping[str, str]], Iterator[str]]] = {
    "recipes": _recipes,
    "templates": _templates,
    "inputs": _inputs,
    "pages": _pages,
    "runs": _runs,
    "jobs": _jobs,
    "functions": _functions,
    "tokens": _tokens,
}
