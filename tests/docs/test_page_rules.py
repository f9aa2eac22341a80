"""What holds for every page that is written by hand, without running anything."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from pinflow.recipe.bundled import bundled_recipes
from tests.docs.examples import KINDS
from tests.docs.pages import DOCS, PROJECT, Page, is_generated, pages, read_page
from tests.docs.vocabulary import all_options, facts, product_words, variables, wrong_command

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = DOCS / "explanation" / "words.md"
_FOR_USERS = ("README.md", "docs/index.md", "docs/lessons/", "docs/tasks/")
_OTHER_PROGRAMS = ("CONTRIBUTING.md",)  # whose options and variables are those of the tests
_DIRECTIVES = {"{toctree}"}
_LINK = re.compile(r"\[[^]\[]*(?:\[[^]]*\][^]\[]*)*\]\((?P<target>[^)\s]+)\)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


def spans(page: Page) -> list[str]:
    """What stands in backquotes in the prose, each on one line."""
    return [" ".join(span[1].split()) for span in _SPAN.findall(page.prose)]


def broken_rules(page: Page) -> Iterator[str]:
    """What is wrong with a page, one line each."""
    yield from kinds(page)
    yield from indented_code(page)
    yield from names(page)
    yield from links(page)
    if page.name.startswith(_FOR_USERS):
        yield from twins(page)
    if page.name.startswith("docs/") and not page.name.endswith("index.md"):
        yield from ends(page)


def kinds(page: Page) -> Iterator[str]:
    for block in page.blocks:
        if block.kind not in KINDS and block.kind not in _DIRECTIVES:
            yield f"{block.place}: a block of kind {block.kind!r}; it must be one of {', '.join(KINDS)}"


def indented_code(page: Page) -> Iterator[str]:
    """Code that is only indented has no kind. In a list, what is indented belongs to its point."""
    before, in_list = "", False
    for number, line in enumerate(page.prose.splitlines(), 1):
        if re.match(r" {0,3}([-*+]|\d+[.)]) ", line):
            in_list = True
        elif line.strip() and not line.startswith(" "):
            in_list = False
        if line.startswith("    ") and not before.strip() and not in_list:
            yield f"{page.name}:{number}: code without a fence, and so without a kind"
        before = line


def names(page: Page) -> Iterator[str]:
    """Options, variables, commands, recipes and actions that there aren't."""
    for variable in re.findall(r"(?<!secrets\.)\bP(?:INFLOW|INTEREST)_[A-Z0-9_]*[A-Z0-9]\b(?!\*)", page.text):
        known = product_words() if page.name in _OTHER_PROGRAMS else variables()
        if variable not in known and not variable.startswith("PINFLOW_INPUT_"):
            yield f"{page.name}: no variable {variable}"
    own = set(re.findall(r"\w+", "\n".join(block.text for block in page.blocks)))
    for span in spans(page):
        option = re.match(r"--[a-z][a-z-]*(?=[ =]|$)", span)
        if option is not None and option[0] not in all_options() and page.name not in _OTHER_PROGRAMS:
            yield f"{page.name}: no option `{span}`"
        elif span.startswith("pinflow "):
            yield from (f"{page.name}: `{span}`: {mistake}" for mistake in wrong_pinflow(span))
        elif re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", span) and span not in product_words() | own:
            yield f"{page.name}: nothing is called `{span}`"


def wrong_pinflow(span: str) -> Iterator[str]:
    words = shlex.split(span, comments=True)[1:]
    if mistake := wrong_command(words):
        yield mistake
        return
    recipes = [word for word in words[1:2] if words[0] in ("run", "approve") and re.fullmatch(r"[a-z_]+", word)]
    yield from (f"no bundled recipe {name!r}" for name in recipes if not (bundled_recipes() / f"{name}.yaml").exists())


def links(page: Page) -> Iterator[str]:
    for link in _LINK.finditer(re.sub(r"(`+).+?\1", "", page.prose)):
        target, _, anchor = link["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.path.parent / target).resolve() if target else page.path
        if not file.is_relative_to(PROJECT):
            yield f"{page.name}: {link['target']} leads out of the project"
            continue
        name = file.relative_to(PROJECT).as_posix()
        if is_generated(name):
            if name not in facts():
                yield f"{page.name}: no page of facts {target}"
            elif anchor and anchor not in facts()[name].anchors:
                yield f"{page.name}: no heading #{anchor} in {name}"
        elif not file.exists():
            yield f"{page.name}: nothing at {target}"
        elif anchor and name.endswith(".md") and anchor not in read_page(name, file.read_text("utf-8")).anchors:
            yield f"{page.name}: no heading #{anchor} in {name}"


def twins(page: Page) -> Iterator[str]:
    """Words for which the project has another one, outside of code."""
    prose = re.sub(r"(`+).+?\1", "", page.prose, flags=re.DOTALL)
    for word, right in forbidden():
        if re.search(rf"\b{re.escape(word)}s?\b", prose, re.IGNORECASE):
            yield f"{page.name}: {word!r} is called {right} here (docs/explanation/words.md)"


def forbidden() -> list[tuple[str, str]]:
    """The words that are not used, each with the one that is."""
    rows = [line.split("|")[1:4] for line in WORDS.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    return [(word.strip(), row[0].strip()) for row in rows for word in row[2].split(",") if word.strip()]


def ends(page: Page) -> Iterator[str]:
    """A page has a title, says at once what one can do after it, and ends with where to go next."""
    prose = page.prose.strip()
    if not prose.startswith("# "):
        yield f"{page.name}: doesn't begin with a title"
    parts = [part for part in prose.split("\n\n") if part.strip()]
    if len(parts) < 2 or parts[1].lstrip().startswith(("#", "|")):
        yield f"{page.name}: no sentence below the title that says what one can do after this page"
    if not _LINK.search(re.split(r"^#+ ", prose, flags=re.MULTILINE)[-1]):
        yield f"{page.name}: doesn't end with a link to where to go next"


@pytest.mark.parametrize("page", pages().values(), ids=pages())
def test_a_page_keeps_the_rules(page: Page) -> None:
    mistakes = list(broken_rules(page))
    assert not mistakes, "\n".join(mistakes)


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_no_word_is_forbidden_that_is_used() -> None:
    words = [line.split("|")[1].strip() for line in WORDS.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert {"recipe", "step", "action", "token", "account", "run", "item", "notice", "approval"} <= set(words)
    assert {"workflow", "job run", "credential"} <= {word for word, _ in forbidden()}
    assert not {word for word, _ in forbidden()} & set(words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```\nhello\n```", "a block of kind ''"),
        ("```bash\nhello\n```", "a block of kind 'bash'"),
        ("Type:\n\n    pinflow resume\n", "code without a fence"),
        ("Give `--dry-rnu`.", "no option `--dry-rnu`"),
        ("Set PINFLOW_STATE_DRI.", "no variable PINFLOW_STATE_DRI"),
        ("Type `pinflow rnu`.", "no command 'rnu'"),
        ("Type `pinflow runs show\n--yes`.", "runs show has no option --yes"),
        ("Type `pinflow run copy_bored`.", "no bundled recipe 'copy_bored'"),
        ("Use `copy_bored`.", "nothing is called `copy_bored`"),
        ("A [link](none.md).", "nothing at none.md"),
        ("A [link](../explanation/words.md#none).", "no heading #none"),
        ("A [link](../facts/none.md).", "no page of facts ../facts/none.md"),
        ("A workflow.", "'workflow' is called recipe here"),
        ("No title. [Next](../explanation/words.md)", "doesn't begin with a title"),
        ("# Title\n\n## Part\n\n[Next](../explanation/words.md)", "no sentence below the title"),
        ("# Title\n\nYou can. [Next](../explanation/words.md)\n\n## Part\n\nEnd.", "doesn't end with a link"),
    ],
)
def test_a_broken_rule_is_found(text: str, said: str) -> None:
    assert said in "\n".join(broken_rules(read_page("docs/lessons/page.md", text)))


def test_a_page_that_keeps_the_rules_passes() -> None:
    text = (
        "# Copy a board\n\nAfter this page you can copy a board: `copy_board`.\n\n- Type `pinflow run copy_board`:\n\n"
        "      indented in a list\n\n```console\n$ pinflow run copy_board --sandbox\n```\n\n"
        "## Next\n\nSee [words](../explanation/words.md#where-to-go-next), `--dry-run` and `PINFLOW_STATE_DIR`.\n"
    )
    assert list(broken_rules(read_page("docs/lessons/page.md", text))) == []
