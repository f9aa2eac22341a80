"""The secrets of a run, and capturing what is logged and printed during it."""

from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.engine.run_frame import current_frame
from pinflow.http.token_rules import LISTED_TOKENS
from pinflow.testing.secrets import needles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHORTEST = 12  # characters of a secret: shorter values, such as "v5", occur in harmless texts
_PUBLIC = (
    "_URI",
    "_URL",
    "_ID",
    "_VERSION",
    "_DIR",
    "_FILE",
    "_HOST",
    "_PORT",
)  # endings of the names of variables without secrets


def secrets_of(variables: Mapping[str, str]) -> tuple[bytes, ...]:
    """The secrets in the variables that a sandbox gives its clients, and in the token files that they name."""
    private = {name: value for name, value in variables.items() if not name.endswith(_PUBLIC) and name != LISTED_TOKENS}
    secrets = {value for value in private.values() if len(value) >= SHORTEST}
    for name, value in variables.items():
        if name.endswith("_DIR") and Path(value).is_dir():
            for path in Path(value).glob("*.json"):
                secrets |= set(_tokens(json.loads(path.read_text("utf-8"))))
    return needles(sorted(secrets))


def _tokens(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _tokens(part, str(key))
    elif isinstance(value, str) and "token" in name and len(value) >= SHORTEST and " " not in value:
        yield value


def contains_secret(content: bytes, secrets: tuple[bytes, ...]) -> bool:
    """Whether ``content`` contains one of the secrets."""
    return any(secret in content for secret in secrets)


class OutputCapture:
    """Captures what is logged and printed, with the step that was running."""

    def __init__(self) -> None:
        self.logged: list[tuple[str, str]] = []
        self.printed: list[tuple[str, str]] = []

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Captures logs and output inside the block; other handlers see nothing."""
        handler, root = _LogCapture(self.logged), logging.getLogger()
        level, handlers = root.level, root.handlers
        root.handlers = [handler]
        root.setLevel(logging.DEBUG)
        try:
            with redirect_stdout(_PrintCapture(self.printed)), redirect_stderr(_PrintCapture(self.printed)):
                yield
        finally:
            root.setLevel(level)
            root.handlers = handlers


class _LogCapture(logging.Handler):
    def __init__(self, captured: list[tuple[str, str]]) -> None:
        super().__init__()
        self._captured = captured

    def emit(self, record: logging.LogRecord) -> None:
        self._captured.append((current_frame().step, self.format(record)))


class _PrintCapture(io.StringIO):
    def __init__(self, captured: list[tuple[str, str]]) -> None:
        super().__init__()
        self._captured = captured

    def write(self, text: str) -> int:
        self._captured.append((current_frame().step, text))
        return len(text)
