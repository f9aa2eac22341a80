"""Where a step and the steps inside it stand among all paths, in the tables of a run."""

from __future__ import annotations

# every path comes before this
LAST = "\x7f"


def spans(path: str) -> list[tuple[str, str]]:
    """Where a step and the steps inside it stand among all paths: from the first of each pair to before the second.

    A path inside another one goes on with "." or "["; the second is the character after it. "" has all inside.
    """
    if not path:
        return [("", LAST)]
    return [(path, path + "\0"), (path + ".", path + "/"), (path + "[", path + "\\")]
