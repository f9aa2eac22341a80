"""The pages of facts: made from what the program uses, with an example or a text for everything that is public."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

import pinflow_sandbox.control.reference as sandbox_reference
from pinflow import events
from pinflow.errors import UsageError
from pinflow.recipe import model
from pinflow.recipe.source import load
from pinflow.reference import event_pages, input_types, library_pages, recipe_keys
from pinflow.reference.action_facts import topic_of
from pinflow.reference.fields import field_texts
from pinflow.reporters.markdown import code, from_docstring, table
from pinflow_pinterest_v5.calls import operation_groups, operation_texts
from pinflow_sandbox.command import _settings
from pinflow_sandbox.control.faults import FaultProfile
from pinflow_sandbox.control.settings import Settings
from tests.cli import Cli

if TYPE_CHECKING:
    from pinflow.plugin.contributions import FactsPage
    from pinflow.recipe.model import Section


@pytest.fixture(scope="module")
def pages() -> dict[str, FactsPage]:
    from pinflow.cli.docs import facts_pages
    from pinflow.cli.shell import Shell

    return {page.name: page for page in facts_pages(Shell.of_process())}


# Examples and texts


@pytest.mark.parametrize("part", recipe_keys.EXAMPLES, ids=lambda part: part.__name__)
def test_every_key_of_a_recipe_has_an_example_that_is_read(part: type[Section]) -> None:
    keys = model.table(part)
    assert list(recipe_keys.EXAMPLES[part]) == list(keys)
    for name, example in recipe_keys.EXAMPLES[part].items():
        written: Any = load(example, "example").data
        assert list(written) == [name]
        keys[name].kind(written[name])


def test_the_examples_of_a_recipe_make_one_that_is_valid(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    examples = recipe_keys.EXAMPLES[model.Recipe].values()
    assert cli("validate", cli.recipe("\n".join(examples))) == 0, cli.stderr


def test_every_kind_of_notice_has_a_text() -> None:
    root = Path(__file__).parents[2]
    sources = [path.read_text("utf-8") for folder in ("pinflow", "plugins") for path in (root / folder).rglob("*.py")]
    sent = {
        kind
        for text in sources
        for pattern in (
            r'(?:alert|_send)\((?:f?"[^"]*"|[^",]+(?:\("[^()]*\))?), "(\w+)"',
            r'notify\([^"]*?kind="(\w+)"',
        )
        for kind in re.findall(pattern, text)
    }
    assert {"job_failed", "run_paused", "sign_in_ends"} <= sent, "the search works"
    assert sent <= set(event_pages.KINDS)


def test_every_part_of_a_recipe_has_its_keys_on_the_page() -> None:
    parts = {part for part in model.Section.__subclasses__() if model.table(part)}
    assert parts == set(recipe_keys.EXAMPLES)
    assert all(inspect.getdoc(part) for part in parts)


def test_every_type_of_inputs_has_examples_that_are_taken() -> None:
    assert sorted(entry.type for entry in input_types.TYPES) == sorted(get_args(model.InputType))
    for entry in input_types.TYPES:
        assert entry.examples or entry.type == "secret", "a secret is never typed"
        for example in entry.examples:
            input_types.evaluate(entry, example)


def test_every_event_has_an_example_and_a_text_for_each_field() -> None:
    assert {type(example) for example in event_pages.EXAMPLES} == set(events.Event.__subclasses__())
    for part in events.Event.__subclasses__():
        own = [field for field in part.__dataclass_fields__ if field not in events.Event.__dataclass_fields__]
        texts = field_texts(part)
        assert [field.name for field in texts] == own
        assert all(map(event_pages.field_text, texts))


@pytest.mark.parametrize("name", library_pages.public_names())
def test_every_public_name_has_a_docstring_and_so_has_what_it_offers(name: str) -> None:
    value = library_pages.public_names()[name]
    if inspect.isclass(value):
        about = value.__dict__.get("__doc__") or ""
        assert about not in ("", value.__name__)
        assert [member for member, plain in library_pages.public_members(value) if not inspect.getdoc(plain)] == []
    elif name in library_pages.TYPES:
        assert not inspect.isroutine(value), "a function has a docstring of its own"
    elif callable(value) or inspect.ismodule(value):
        assert inspect.getdoc(value)


@pytest.mark.parametrize("name", library_pages.hooks())
def test_every_hook_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(library_pages.hooks()[name])


def test_every_setting_of_the_sandbox_has_an_example_that_changes_it() -> None:
    settings = list(sandbox_reference.setting_texts())
    assert [setting.name for setting in settings] == [field.name for field in fields(Settings)]
    for setting in settings:
        changed = _settings([setting.example], "v5")
        assert getattr(changed, setting.name) != getattr(Settings(), setting.name), setting.name
    with pytest.raises(UsageError):
        _settings(["latency=often"], "v5")


def test_every_fault_of_the_sandbox_has_a_text() -> None:
    names = [name for name, _, _ in sandbox_reference.fault_texts()]
    assert names == [field.name for field in fields(FaultProfile) if field.name not in ("name", "seed")]


def test_the_sandbox_lists_its_settings_for_people_and_programs(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert cli("sandbox", "--settings") == 0
    assert "latency\n    how long each answer takes, in seconds that really pass\n    default 0.0\n" in cli.stdout
    assert "    --set 'per_minute={\"org_write\": 5}'\n" in cli.stdout
    assert cli("sandbox", "--settings", "--output", "json") == 0
    data = json.loads(cli.stdout)
    assert {"name": "trial", "default": "false", "example": "trial=true"}.items() <= data["settings"][5].items()
    late = next(fault for fault in data["faults"] if fault["name"] == "late")
    assert late["profiles"]["hostile"] > 0


# The pages


def test_every_page_can_be_made_and_leads_on(pages: dict[str, FactsPage]) -> None:
    for page in pages.values():
        assert page.text().strip(), page.name
        assert re.fullmatch(r"[A-Z].*\.", page.about), page.name
        assert page.see or page.name == "index", page.name
        assert page.words or page.name == "index", page.name
        assert not page.parent or page.parent in pages


@pytest.mark.parametrize("name", ["exit-codes", "variables"])
def test_a_table_that_stays_in_the_repository_is_up_to_date(pages: dict[str, FactsPage], name: str) -> None:
    from pinflow.reference.pages import as_markdown

    text = (Path(__file__).parents[2] / "docs" / "facts" / f"{name}.md").read_text("utf-8")
    assert as_markdown(pages[name], list(pages.values())) == text, "run: python docs/generate.py"


def test_every_link_of_a_page_leads_to_a_page(pages: dict[str, FactsPage]) -> None:
    from pinflow.reference.pages import as_text

    papers = {"plugin-guide"}  # of the project, which only the site has
    for page in pages.values():
        folder = page.name.rpartition("/")[0]
        for target in re.findall(r"\]\(([\w./-]+)\.md", as_text(page)):
            name = target.removeprefix("../") if target.startswith("../") else "/".join(filter(None, [folder, target]))
            assert name in pages or name in papers, f"{page.name}: {target}"


def test_every_action_is_on_the_page_of_its_topic(pages: dict[str, FactsPage]) -> None:
    from pinflow.cli.shell import Shell

    actions = Shell.of_process().app().registry.actions.values()
    assert len(actions) > 60
    for action in actions:
        assert f"## {action.name}\n" in pages[f"actions-{topic_of(action)}"].text()


def test_every_operation_is_in_a_group_and_few_are_in_none() -> None:
    groups = operation_texts.groups()
    assert sum(map(len, groups.values())) == 231
    assert all(groups.values())
    assert len(groups[operation_groups.OTHERS]) < 10


def test_the_index_lists_every_page_that_no_other_lists(pages: dict[str, FactsPage]) -> None:
    index = pages["index"].text()
    assert [
        name for name, page in pages.items() if not page.parent and name != "index" and f"({name}.md)" not in index
    ] == []


# Markdown


def test_a_cell_of_a_table_keeps_its_bars_and_loses_its_line_ends() -> None:
    assert table(("a", "b"), [("x | y", "one\ntwo")]) == "| a | b |\n| --- | --- |\n| x \\| y | one two |\n"
    assert table(("a", "b"), [("x", "")]) == "| a |\n| --- |\n| x |\n", "a column of nothing is left out"
    assert table(("a",), []) == ""


def test_code_may_hold_backquotes() -> None:
    assert code("a `b` c") == "``a `b` c``"
    assert code("`b`") == "`` `b` ``"
    assert code("") == ""


def test_a_docstring_becomes_markdown() -> None:
    text = "Use ``x`` and :class:`pinflow.Row`, as in::\n\n    ctx.log()\n\nThen go on."
    assert from_docstring(text) == "Use `x` and `pinflow.Row`, as in:\n\n```text\nctx.log()\n```\n\nThen go on."
