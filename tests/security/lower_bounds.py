"""Do the lower bounds in pyproject.toml exclude releases with known faults?

Run as ``python -m tests.security.lower_bounds``; the faults are in ``known_bad.toml``. It asks nobody: what is new is
found by people, and stands in the table from then on. What libraries bring along is not looked at.
"""

from __future__ import annotations

import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("known_bad.toml")


def find_faults(project: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[str]:
    """A line for each requirement that lets a bad release in, and for each row of the table that is about nothing."""
    named = list(_requirements(project))
    for advisory in table["advisory"]:
        package = canonicalize_name(advisory["package"])
        about = [requirement for requirement in named if canonicalize_name(requirement.name) == package]
        if not about:
            yield f"{advisory['id']}: nothing requires {package}; remove it from {TABLE.name}"
        for requirement in about:
            lowest = _lower_bound(requirement)
            if lowest is None or lowest < Version(advisory["fixed"]):
                yield (
                    f"{requirement}: lets releases before {advisory['fixed']} in ({advisory['id']}: "
                    f"{advisory['fault']}); require {requirement.name}>={advisory['fixed']}"
                )


def _requirements(project: Mapping[str, Any]) -> Iterator[Requirement]:
    facts = project["project"]
    extras = facts.get("optional-dependencies", {}).values()
    for texts in (facts["dependencies"], project["build-system"]["requires"], *extras):
        yield from map(Requirement, texts)


def _lower_bound(requirement: Requirement) -> Version | None:
    """The lowest release that a requirement lets in; None if it has no lower bound."""
    bounds = []
    for part in requirement.specifier:
        with suppress(InvalidVersion):  # of ===, which takes any text
            if part.operator in (">=", "~=", "==", "===", ">"):
                bounds.append(Version(part.version.removesuffix(".*")))
    return max(bounds, default=None)


def main() -> int:
    """Print the faults; 1 if there are any."""
    faults = list(
        find_faults(
            tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8")), tomllib.loads(TABLE.read_text("utf-8"))
        )
    )
    print("\n".join(faults) or "the lower bounds exclude every release in the table")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
