"""What the fields of a class are: the comments beside them, as they stand in its source."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, NamedTuple


class FieldText(NamedTuple):
    """A field of a dataclass, for people. ``default`` is None where it must be given."""

    name: str
    type: str
    text: str
    default: str | None


def field_texts(part: type) -> list[FieldText]:
    """The fields that a dataclass declares itself, with the comment of each."""
    declared = {field.name: field for field in dataclasses.fields(part)}
    texts = []
    for match in re.finditer(r"^    (\w+): ([^=#\n]+?)(?: = [^#\n]+?)?(?:  # (.+))?$", inspect.getsource(part), re.M):
        if match[1] in declared and not match[1].startswith("_"):
            texts.append(FieldText(match[1], match[2].strip(), match[3] or "", _default(declared[match[1]])))
    return texts


def _default(field: dataclasses.Field[Any]) -> str | None:
    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not dataclasses.MISSING else None
