"""The page on limits: of pinflow itself, and the quotas of each service."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pinflow.expressions import lexer, values
from pinflow.http import file_transfer
from pinflow.plan import inputs
from pinflow.plugin.contributions import FactsPage
from pinflow.recipe import checks, includes, model, source, validators, yaml_events
from pinflow.reporters.markdown import code, sections, table
from pinflow.scheduling import policy
from pinflow.schema import pattern_parser
from pinflow.state.records import MAX_WRITES

if TYPE_CHECKING:
    from pinflow.http.api import Api, Quota
    from pinflow.plugin.registry import Registry
    from pinflow.recipe.model import Key


def page(registry: Registry) -> FactsPage:
    """The page."""
    return FactsPage(
        name="limits",
        title="Limits",
        about="How large and how many things may be, and how often a service may be asked.",
        text=partial(_text, registry),
        words=("quota", "rate limit", "maximum", "how many", "size", "trial access"),
        see="[recipe keys](recipe-keys.md), or [error codes](error-codes.md). "
        "What is used and left of each quota: `pinflow quota`.",
    )


def _text(registry: Registry) -> str:
    step = model.table(model.Step)
    recipe = [
        ("size of a recipe, and of all that it includes", _bytes(source.MAX_BYTES)),
        ("keys, values and list entries in it", f"{yaml_events.MAX_EVENTS:,}"),
        ("levels of nesting", str(yaml_events.MAX_DEPTH)),
        ("expressions in it", f"{checks.MAX_EXPRESSIONS:,}"),
        ("recipes that are included", str(includes.MOST)),
        ("inputs", str(inputs.MOST_INPUTS)),
        ("a duration, such as a timeout", f"{validators.MAX_SECONDS // 86_400} days"),
        ("characters of a pattern", str(pattern_parser.MAX_LENGTH)),
        ("tries of a step (`retry.attempts`)", _most(model.table(model.Retry)["attempts"])),
        ("items of a loop side by side (`parallel`)", _most(step["parallel"])),
    ]
    expressions = [
        ("characters of an expression", f"{lexer.MAX_SOURCE:,}"),
        ("steps of its evaluation", f"{values.MAX_STEPS:,}"),
        ("levels of nesting", str(values.MAX_DEPTH)),
        ("characters of a text that it makes", f"{values.MAX_TEXT:,}"),
        ("items of a list that it makes", f"{values.MAX_ITEMS:,}"),
        ("a whole number", "10 to the power of 30"),
    ]
    runs = [
        ("changes of a run before you are asked (`--max-writes`)", f"{MAX_WRITES:,}"),
        ("runs that are made up with `missed: all`", str(policy.MOST_MADE_UP)),
        ("size of a fetched file", _bytes(file_transfer.LARGEST)),
    ]
    return sections(
        "## A recipe",
        table(("what", "at most"), recipe),
        "## An expression",
        table(("what", "at most"), expressions),
        "## A run",
        table(("what", "at most"), runs),
        *(_quotas(api) for api in sorted(registry.apis.values(), key=lambda api: api.id, reverse=True)),
    )


def _most(key: Key) -> str:
    return str(key.kind.most) if isinstance(key.kind, validators.Whole) else ""


def _bytes(size: int) -> str:
    for unit, name in ((2**30, "GiB"), (1_000_000, "MB"), (1_000, "kB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size} bytes"


def _quotas(api: Api) -> str:
    rows = [
        (
            tier,
            code(category) if category != "*" else "all calls",
            f"{quota.limit:,}",
            _window(quota),
            f"each {_owner(quota)}",
        )
        for tier, categories in api.quotas.items()
        for category, quota in categories.items()
    ]
    return sections(
        f"## Quotas of {api.title}",
        "pinflow keeps to them in all processes of a machine together, and to what the service says in its answers.",
        table(("access tier", "category", "calls", "in", "for"), rows),
    )


def _owner(quota: Quota) -> str:
    return quota.per.replace("_", " ")


def _window(quota: Quota) -> str:
    names = {1: "a second", 60: "a minute", 3600: "an hour", 86_400: "a day"}
    return names.get(int(quota.seconds), f"{quota.seconds:g} seconds")
