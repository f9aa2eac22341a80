"""One table of environment variables: what the code reads is in it, and what is in it is read."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow import Variable, hookimpl
from pinflow.app import App
from pinflow.errors import PluginError
from pinflow.plugin.loader import collect, load
from pinflow.plugin.variables import CORE, all_variables, service_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("pinflow", "plugins", "common") for path in (PROJECT / folder).rglob("*.py"))
# names that are taken from data, by where that is done: the data are an API's, a plan's, or a caller's with a name
BY_DATA = {
    "pinflow/app.py: secret": "Api.oauth.app_variables",
    "pinflow/app.py: api.version_variable": "Api",
    "pinflow/cli/words.py: variable": "Api.token_folder_variable",
    "pinflow/doctor/installation.py: name": "the table",
    "pinflow/engine/launcher.py: api.origin_variable": "Api",
    "pinflow/engine/protected_folders.py: variable": "Api.token_folder_variable",
    "pinflow/http/api.py: self.origin_variable": "Api",
    "pinflow/http/proxy.py: variable": "_OTHER_BUNDLES, whose names are in the table",
    "pinflow/http/proxy.py: name": "_IGNORED, whose names are in the table",
    "pinflow/plan/secret_inputs.py: variable_of(name)": "PINFLOW_INPUT_<NAME>",
    "pinflow/plugin/permission.py: variable": "names_in, whose callers name it",
    "pinflow/testing/guards.py: name": "what tests hide",
    "plugins/pinflow_auth/checkup.py: variable": "Api.oauth.app_variables",
    "plugins/pinflow_auth/commands/login.py: api.token_folder_variable": "Api",
    "plugins/pinflow_auth/commands/login.py: oauth_of(request).consent_origin_variable": "Api.oauth",
    "plugins/pinflow_auth/consent.py: oauth.landing_variable": "Api.oauth",
    "plugins/pinflow_auth/consent.py: variable": "Api.oauth.consent_origin_variable",
    "plugins/pinflow_auth/endpoint.py: id_variable": "Api.oauth.app_variables",
    "plugins/pinflow_auth/endpoint.py: secret_variable": "Api.oauth.app_variables",
    "plugins/pinflow_auth/endpoint.py: variable": "Api.oauth.app_variables",
    "plugins/pinflow_auth/names.py: variable": "TokenNames.variables",
    "plugins/pinflow_auth/refresh_variable.py: variable": "TokenNames.refresh_variables",
    "plugins/pinflow_auth/store.py: name": "TokenNames.variables",
    "plugins/pinflow_auth/token_locations.py: names.folder_variable": "Api",
    "plugins/pinflow_auth/token_locations.py: request.api.token_folder_variable": "Api",
    "plugins/pinflow_pinterest_v5/calls/action.py: name": "Api.oauth.app_variables",
    "plugins/pinflow_pinterest_v5/calls/action.py: pair[1]": "Api.oauth.app_variables",
}
# texts that look like variables and are something else
OTHER_TEXTS = {"PINFLOW_", "PINFLOW_INPUT_", "PINTEREST_TIME_ZONE"}
_LOOKS_LIKE_ONE = re.compile(r"(?:PINFLOW|PINTEREST)_[A-Z_]*")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def constants() -> dict[str, set[str]]:
    """The texts of every constant of the product, by its name."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        for node in tree(path).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = getattr(node, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and isinstance(targets[0], ast.Name):
                found.setdefault(targets[0].id, set()).add(value.value)
    return found


def is_environ(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2] in ("environ", "_environ")


def names_read(node: ast.AST) -> Iterator[ast.expr]:
    """What stands where a variable's name does."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if (node.func.attr in ("get", "pop", "setdefault") and is_environ(node.func.value)) or node.func.attr in (
            "getenv",
            "putenv",
        ):
            yield node.args[0]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "names_in":
        yield node.args[1]
    elif isinstance(node, ast.Subscript) and is_environ(node.value):
        yield node.slice
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In) and is_environ(node.comparators[0]):
        yield node.left


def patterns(node: ast.expr, path: Path) -> set[str] | None:
    """The names that an expression stands for, as patterns; None if its text alone doesn't tell."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {re.escape(node.value)}
    if isinstance(node, ast.JoinedStr):
        return {"".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[A-Z]+" for p in node.values)}
    if isinstance(node, ast.Name) and node.id.isupper():
        own = {
            str(statement.value.value)
            for statement in tree(path).body
            if isinstance(statement, ast.Assign | ast.AnnAssign)
            and isinstance(statement.value, ast.Constant)
            and node.id in {ast.unparse(t) for t in getattr(statement, "targets", [getattr(statement, "target", None)])}
        }
        return {re.escape(text) for text in own or constants()[node.id]}  # what another module defines
    return None


def reads() -> Iterator[tuple[str, set[str] | None]]:
    """Where the environment is read and what, for every such place in the product."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            for name in names_read(node):
                yield f"{path.relative_to(PROJECT).as_posix()}: {ast.unparse(name)}", patterns(name, path)


def table() -> dict[str, Variable]:
    return all_variables(App.installed({"PINFLOW_STATE_DIR": "/nonexistent", "PINFLOW_PLUGINS": ""}).registry)


def test_every_variable_that_the_code_reads_is_in_the_table() -> None:
    found, names = list(reads()), table()
    assert len(found) > 30, "the search works"
    unknown = [
        f"{place} ({pattern})"
        for place, read in found
        for pattern in read or ()
        if not any(re.fullmatch(pattern, name) for name in names)
    ]
    assert unknown == []
    assert {place for place, read in found if read is None} == BY_DATA.keys()


def test_every_text_that_looks_like_a_variable_is_one_of_the_table() -> None:
    texts = {
        node.value
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _LOOKS_LIKE_ONE.fullmatch(node.value)
    }
    assert {"PINFLOW_PROXY", "PINTEREST_API_URI", "PINFLOW_NOTIFY_WEBHOOK"} <= texts
    assert texts - table().keys() - OTHER_TEXTS == set()


def test_the_table_has_no_variable_that_nothing_reads() -> None:
    code = "\n".join(path.read_text("utf-8") for path in FILES if path.name != "variables.py")
    computed = {"PINFLOW_STATE_DIR", "PINFLOW_CACHE_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"}  # of f"..._DIR"
    by_the_system = {"HOME", "TMPDIR"}  # read by the standard library for us
    for variable in CORE:
        if variable.name not in computed | by_the_system:
            assert f'"{variable.name.partition("<")[0]}"' in code, variable.name


def test_every_row_says_what_it_is_who_reads_it_and_nothing_that_wraps() -> None:
    for variable in table().values():
        assert variable.meaning
        assert variable.reader
        assert "\n" not in variable.meaning + variable.default
        assert re.fullmatch(r"[A-Za-z0-9_<>]+", variable.name)


def test_secret_are_tokens_secrets_and_addresses_that_may_hold_a_password() -> None:
    rows = table()
    assert {name for name in rows if re.search(r"SECRET|TOKEN(_V\d|>|$)|PROXY|WEBHOOK", name)} - {
        name for name, row in rows.items() if row.secret
    } == set()
    assert not rows["PINTEREST_APP_ID"].secret
    assert not rows["PINFLOW_TOKENS"].secret


def test_what_several_versions_of_a_service_read_is_told_once() -> None:
    rows = table()
    assert "v3 or v5" in rows["PINTEREST_API_VERSION"].meaning
    assert "alone" not in rows["ACCESS_TOKEN"].meaning
    assert rows["ACCESS_TOKEN_V5"].meaning.endswith("for v5 alone")


def test_a_service_of_a_plugin_has_its_own_rows() -> None:
    api = App.installed({"PINFLOW_STATE_DIR": "/nonexistent", "PINFLOW_PLUGINS": ""}).registry.apis["v5"]
    shop = replace(api, id="s1", service="shop", tokens=type(api.tokens)(), token_folder_variable="", oauth=None)
    names = {row.name for row in service_variables([shop])}
    assert {"SHOP_TOKEN", "SHOP_ACCESS_TOKEN", "SHOP_<TOKEN>"} <= names
    assert "ACCESS_TOKEN" not in names


def test_a_plugin_declares_its_variables_and_no_two_declare_one() -> None:
    class Weather:
        @hookimpl
        def pinflow_variables(self) -> list[Variable]:
            return [
                Variable(name="WEATHER_KEY", meaning="the key of the weather", reader="the action sky", secret=True)
            ]

    manager, infos = load([], objects=[Weather()])
    assert all_variables(collect(manager, infos))["WEATHER_KEY"].secret
    manager, infos = load([], objects=[Weather(), Weather()])
    with pytest.raises(PluginError, match="variable WEATHER_KEY is offered twice"):
        collect(manager, infos)
