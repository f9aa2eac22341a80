"""What people approved to run unattended: one file for each, named by its digest."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file
from pinflow.state.records import Approval, Coverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_VERSION = 2  # of a file's form; another one is refused, but for that of the version before
_WITHOUT_COVERAGE = 1


class FolderApprovals:
    """The approvals below ``folder``. Every method raises StateError where they can't be read or written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, approval: Approval) -> None:
        """Store an approval, in place of an earlier one of the same digest."""
        content = {"version": _VERSION, **asdict(approval)}
        atomic_file.write(self._file(approval.digest), (json.dumps(content, indent=2, default=str) + "\n").encode())

    def get(self, digest: str) -> Approval | None:
        """The approval of a digest."""
        content = atomic_file.read(self._file(digest))
        if content is None:
            return None
        try:
            return _parse(json.loads(content), digest)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError):
            raise StateError(
                f"the approval {self._file(digest)} is damaged",
                hint=f"revoke it, and approve again: pinflow approve --revoke {digest}",
            ) from None

    def all(self) -> tuple[list[Approval], list[str]]:
        """Every approval, newest first; and what is wrong with those that can't be read."""
        approvals: list[Approval] = []
        problems: list[str] = []
        for digest in self.digests():
            try:
                approval = self.get(digest)
            except StateError as error:
                problems.append(str(error))
            else:
                approvals += [approval] if approval is not None else []
        return sorted(approvals, key=lambda approval: approval.at, reverse=True), problems

    def digests(self) -> Sequence[str]:
        """The digests of all, readable or not."""
        return sorted(file.stem for file in self._folder.glob("*.json"))

    def remove(self, digest: str) -> bool:
        """Remove an approval, readable or not; whether there was one."""
        return atomic_file.remove(self._file(digest))

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"


def _parse(row: Mapping[str, Any], digest: str) -> Approval:
    if row["version"] not in (_VERSION, _WITHOUT_COVERAGE) or row["digest"] != digest:
        raise ValueError("another form, or another name")
    most = row["max_writes"]
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        raise ValueError("max_writes")
    at = float(row["at"])
    datetime.fromtimestamp(at)  # it is shown as a date
    return Approval(
        digest=digest,
        name=str(row["name"]),
        recipe=str(row["recipe"]),
        recipe_digest=str(row["recipe_digest"]),
        api=None if row["api"] is None else str(row["api"]),
        inputs=dict(row["inputs"]),
        deletes=tuple(map(str, row["deletes"])),
        max_writes=most,
        by=str(row["by"]),
        at=at,
        covers=None if row["version"] == _WITHOUT_COVERAGE or row["covers"] is None else _coverage(row["covers"]),
    )


def _coverage(row: Mapping[str, Any]) -> Coverage:
    names = ("files", "inputs", "addresses", "accounts", "software")
    facts = {name: {str(key): str(value) for key, value in dict(row[name]).items()} for name in names}
    facts["texts"] = {str(key): str(value) for key, value in dict(row.get("texts", {})).items()}
    return Coverage(request=str(row["request"]), **facts)
