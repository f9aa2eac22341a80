"""Which secrets a run knows, and listening to what is logged and printed meanwhile."""

from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.engine.run_context import STEP
from pinflow.testing.secrets import needles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHORTEST = 12  # characters of a secret
_PUBLIC = ("_URI", "_URL", "_ID", "_VERSION", "_DIR", "_FILE", "_HOST", "_PORT")  # what such names end with


def secrets_of(variables: Mapping[str, str]) -> tuple[bytes, ...]:
    """What to look for, of the variables that a sandbox gives its clients and of the token files that they name."""
    found = {value for name, value in variables.items() if not name.endswith(_PUBLIC) and len(value) >= SHORTEST}
    for name, value in variables.items():
        if name.endswith("_DIR") and Path(value).is_dir():
            for path in Path(value).glob("*.json"):
                found |= set(_tokens(json.loads(path.read_text("utf-8"))))
    return needles(sorted(found))


def _tokens(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _tokens(part, str(key))
    elif isinstance(value, str) and "token" in name and len(value) >= SHORTEST and " " not in value:
        yield value


def found_in(content: bytes, secrets: tuple[bytes, ...]) -> bool:
    """Whether one of the secrets is in it."""
    return any(secret in content for secret in secrets)


class Ears:
    """Hears what is logged and printed, and which step was at work then."""

    def __init__(self) -> None:
        self.logged: list[tuple[str, str]] = []
        self.printed: list[tuple[str, str]] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Meanwhile nobody else hears any of it."""
        handler, root = _Handler(self.logged), logging.getLogger()
        level, handlers = root.level, root.handlers
        root.handlers = [handler]
        root.setLevel(logging.DEBUG)
        try:
            with redirect_stdout(_Printed(self.printed)), redirect_stderr(_Printed(self.printed)):
                yield
        finally:
            root.setLevel(level)
            root.handlers = handlers


class _Handler(logging.Handler):
    def __init__(self, heard: list[tuple[str, str]]) -> None:
        super().__init__()
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append((STEP.get(), self.format(record)))


class _Printed(io.StringIO):
    def __init__(self, heard: list[tuple[str, str]]) -> None:
        super().__init__()
        self._heard = heard

    def write(self, text: str) -> int:
        self._heard.append((STEP.get(), text))
        return len(text)
