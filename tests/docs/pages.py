"""The pages of the documentation as tests read them: their code blocks, headings, links and prose."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
BESIDE = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "plugins/README.md")
GENERATED = ("docs/facts/", "docs/site/")  # by docs/generate.py, which evaluates their examples, and by the build

_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
_HEADING = re.compile(r"^(#{1,6}) +(.*?) *#*$")


@dataclass(frozen=True)
class Block:
    """A fenced code block. ``kind`` is its language with the word behind it: "yaml recipe", "console", "text"."""

    page: str
    line: int  # of its fence, from 1
    kind: str
    options: dict[str, str]  # name=FILE, exit=2
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """A page. ``name`` is its path in the project, with slashes."""

    name: str
    text: str
    blocks: tuple[Block, ...]
    prose: str  # the text, with the lines of code blocks and comments left empty

    @property
    def path(self) -> Path:
        return PROJECT / self.name

    @property
    def anchors(self) -> set[str]:
        """What a link may name behind #."""
        found: set[str] = set()
        for line in self.prose.splitlines():
            heading = _HEADING.match(line)
            if heading:
                base = slug(heading[2])
                taken = (base if number == 0 else f"{base}-{number}" for number in range(100))
                found.add(next(name for name in taken if name not in found))
        return found | set(re.findall(r"^\((\S+)\)=$", self.prose, re.MULTILINE))


def slug(heading: str) -> str:
    """The anchor of a heading, as MyST and code hosts make it."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def is_generated(name: str) -> bool:
    """Whether docs/generate.py, or the build, writes this page of docs/."""
    return name.startswith(GENERATED)


@cache
def pages() -> dict[str, Page]:
    """Every page that is written by hand, by name."""
    written = [path.relative_to(PROJECT).as_posix() for path in sorted(DOCS.rglob("*.md"))]
    names = [*(name for name in written if not is_generated(name)), *BESIDE]
    return {name: read_page(name, (PROJECT / name).read_text("utf-8")) for name in names}


def read_page(name: str, text: str) -> Page:
    """The page of a text. Raises ValueError for a code block that has no end."""
    text = re.sub(r"<!--.*?-->", lambda comment: re.sub("[^\n]", "", comment[0]), text, flags=re.DOTALL)
    blocks: list[Block] = []
    prose: list[str] = []
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            prose.append(line)
            continue
        content: list[str] = []
        for _, inner in lines:
            if inner.strip().startswith(fence["marks"]) and not inner.strip(" `~"):
                break
            content.append(inner.removeprefix(fence["indent"]))
        else:
            raise ValueError(f"{name}:{number}: this block has no end")
        kind, options = _read_info(fence["info"])
        blocks.append(Block(name, number, kind, options, "".join(f"{line}\n" for line in content)))
        prose += [""] * (len(content) + 2)
    return Page(name, text, tuple(blocks), "\n".join(prose))


def _read_info(info: str) -> tuple[str, dict[str, str]]:
    words = shlex.split(info)
    options = dict(word.split("=", 1) for word in words if "=" in word)
    return " ".join(word for word in words if "=" not in word), options


def settings(name: str) -> dict[str, str]:
    """What a comment in a page says of its examples: ``<!-- examples: tokens=none -->``."""
    comment = re.search(r"^<!-- examples: (.*?) -->", (PROJECT / name).read_text("utf-8"), re.MULTILINE)
    return {} if comment is None else _read_info(comment[1])[1]
