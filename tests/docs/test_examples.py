"""Every code block of the documentation is run, or checked by what reads its language.

CONTRIBUTING.md says which kinds of blocks there are.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.docs.examples import KINDS, PageRun
from tests.docs.pages import pages, read_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.docs.pages import Block, Page

pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("bash") is None, reason="the examples are typed into bash"
)


@pytest.fixture(scope="session")
def open_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Page], PageRun]]:
    """A function that gives the run of a page, which is one for all tests of this process."""
    runs: dict[str, PageRun] = {}

    def find(page: Page) -> PageRun:
        if page.name not in runs:
            runs[page.name] = PageRun(page, tmp_path_factory.mktemp("home"))
        return runs[page.name]

    yield find
    for run in runs.values():
        run.close()


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            block,
            id=block.place,
            marks=[
                pytest.mark.xdist_group(f"docs {page.name}"),
                *([] if page.name == "README.md" else [pytest.mark.slow]),
            ],
        )
        for page in pages().values()
        for block in page.blocks
        if block.kind != "text" and not block.kind.startswith("{")
    ],
)
def test_example(block: Block, open_run: Callable[[Page], PageRun]) -> None:
    assert block.kind in KINDS, f"{block.place}: {block.kind!r} must be one of {', '.join(KINDS)}"
    open_run(pages()[block.page]).run(block)


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Runs every block of a page with this text."""
    runs: list[PageRun] = []

    def run_all(text: str) -> None:
        page = read_page("page.md", text)
        home = tmp_path / str(len(runs))
        home.mkdir()
        runs.append(PageRun(page, home))
        for block in page.blocks:
            runs[-1].run(block)

    yield run_all
    for run in runs:
        run.close()


STEP = "steps: [{uses: log, with: {text: hello}}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```console\n$ pinflow validate none.yaml\n```", "exit code 2, not 0"),
        ("```console\n$ pinflow --version\npinflow 0.0.0\n```", "-pinflow 0.0.0"),
        ("```console\n$ false\n```", "exit code 1, not 0"),
        ("```console answers=y\n$ pinflow --version\n```", "nobody asked for"),
        ("```yaml recipe\nname: n\nsteps: [{uses: log}]\n```", "exit code 2, not 0"),
        (f"```yaml recipe\nname: n\n{STEP}\n```\n```output\nn: failed\n```", "-n: failed"),
        (f"```yaml broken\nname: n\n{STEP}\n```\n```output\n...\n```", "exit code 0, not 2"),
        ("```yaml broken\nname: n\nsteps: 3\n```\nNothing.", "no output block"),
        ("```yaml steps\n- uses: lgo\n```", "did you mean 'log'"),
        ("```sh\npinflow run copy_board --sandbxo\n```", "unknown option --sandbxo"),
        ("```python\n1 / 0\n```", "division by zero"),
        ("```json\n{]\n```", "Expecting property name"),
        ("```output\nhello\n```", "no block above said anything"),
    ],
)
def test_an_example_that_is_not_true_is_found(check: Callable[[str], None], text: str, said: str) -> None:
    with pytest.raises(Exception, match=re.escape(said)):
        check(text)


GOOD = """
```yaml recipe name=hello.yaml
name: Hello
steps: [{uses: log, with: {text: "hello ${{ inputs.who }}"}}]
inputs: {who: {type: string, default: you}}
```

```console
$ pinflow run hello.yaml -i who=me --sandbox
Hello: done ... (0.1 s, run 20260101-000000-aaaaaa)
...
$ pinflow runs show 20260101-000000-aaaaaa
...20260101-000000-aaaaaa...
$ cd /home/you/pinflow && pinflow validate none.yaml
...
$ echo $?
2
```

```yaml broken
- uses: lgo
```

```output
recipe.yaml:1:9: unknown action 'lgo'...
```

```python
print(6 * 7)
```

```output
42
```
"""


def test_what_is_shown_once_is_known_later(check: Callable[[str], None]) -> None:
    check(GOOD)
    with pytest.raises(AssertionError, match="20260101-000000-aaaaaa"):
        check(GOOD.replace("...20260101-000000-aaaaaa...", "...20260101-000000-bbbbbb...20260101-000000-aaaaaa..."))


def test_another_sandbox_becomes_the_service(check: Callable[[str], None]) -> None:
    check(
        '```console\n$ eval "$(pinflow sandbox --port 8080 --token second & echo "export SANDBOX=$!")"\n'
        "...The sandbox listens on http://127.0.0.1:8080 and serves...\n"
        "$ pinflow run list_boards -q --output json > boards.json\n"
        "$ curl -s $PINTEREST_API_URI/v5/boards | wc -l\n...\n$ kill $SANDBOX\n```"
    )
