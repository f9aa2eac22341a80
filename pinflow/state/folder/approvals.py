"""What people have approved to run with nobody there: one recipe's very text with these very inputs.

An approval is a file of its owner's in the state directory, named by a digest of the
recipe, of what it includes, of the API, and of the inputs that were given. Whatever
of these is changed has another digest, and so no approval. The values of secret
inputs are not part of it, and of a file that an input names only its path is.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.errors import ApprovalRequired, StateError, UsageError
from pinflow.state.folder import atomic_file
from pinflow.state.records import MAX_WRITES, Approval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow.plan import Plan

_VERSION = 1
_SHORT = 12  # digits that people see and type


def digest_of(plan: Plan) -> str:
    """What an approval is for: the recipe and its includes, the API, and the inputs that were given."""
    facts = [_VERSION, plan.digest, plan.api, plan.forced_api, _given(plan)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _given(plan: Plan) -> dict[str, Any]:
    return {name: plan.inputs[name] for name in sorted(plan.given - plan.secrets)}


def approval_of(plan: Plan, *, by: str, at: float, max_writes: int = MAX_WRITES) -> Approval:
    """The approval of a plan."""
    return Approval(
        digest=digest_of(plan),
        name=plan.recipe.name,
        recipe=str(Path(plan.source.name).resolve()),
        recipe_digest=plan.digest,
        api=plan.forced_api,
        inputs=_given(plan),
        deletes=tuple(step.path for step in plan.destructive),
        max_writes=max_writes,
        by=by,
        at=at,
    )


def command(plan: Plan) -> str:
    """The command that approves a plan, to be pasted into a shell. Secrets are left for the person to fill in."""
    words = ["pinflow", "approve", plan.source.name]
    for name in sorted(plan.given):
        words += ["-i", f"{name}={'...' if name in plan.secrets else _word(plan.inputs[name])}"]
    return shlex.join([*words, *(["--api", plan.forced_api] if plan.forced_api else [])])


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


class Approvals:
    """The approvals below a folder. Every method raises StateError where they can't be read or written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, approval: Approval) -> None:
        """Keep an approval, in place of an earlier one of the same."""
        content = {"version": _VERSION, **asdict(approval)}
        atomic_file.write(self._file(approval.digest), (json.dumps(content, indent=2, default=str) + "\n").encode())

    def of(self, plan: Plan) -> Approval | None:
        """The approval of just this plan."""
        return self._read(self._file(digest_of(plan)))

    def needed(self, plan: Plan) -> Approval:
        """The approval of just this plan. Raises ApprovalRequired, saying what is other than what was approved."""
        found = self.of(plan)
        if found is not None:
            return found
        writing = ", ".join(step.path for step in plan.unattended_writes)
        raise ApprovalRequired(
            f"{plan.source.name} writes (step {writing}), and nobody approved that it does so unattended"
            f"{self._why(plan)}",
            hint=f"look at it and approve it with: {command(plan)}",
        )

    def _why(self, plan: Plan) -> str:
        path = str(Path(plan.source.name).resolve())
        earlier = [each for each in self.all()[0] if each.recipe == path]
        if not earlier:
            return ""
        last = earlier[0]
        when = f"{datetime.fromtimestamp(last.at).astimezone():%Y-%m-%d %H:%M}"
        same = any(each.recipe_digest == plan.digest for each in earlier)
        return f"; it was approved on {when}, {'with other inputs' if same else 'and was changed since'}"

    def all(self) -> tuple[list[Approval], list[str]]:
        """Every approval, newest first; and what is wrong with those that can't be used."""
        found: list[Approval] = []
        wrong: list[str] = []
        for file in sorted(self._folder.glob("*.json")):
            try:
                approval = self._read(file)
            except StateError as error:
                wrong.append(str(error))
            else:
                found += [approval] if approval is not None else []
        return sorted(found, key=lambda each: each.at, reverse=True), wrong

    def revoke(self, what: str) -> Sequence[str]:
        """Take back the approvals whose id begins so, or that are for this recipe; their ids.

        Raises UsageError where there is none, or where an id may mean several.
        """
        files = {file.stem: file for file in self._folder.glob("*.json")}
        meant = [name for name in files if len(what) >= 4 and name.startswith(what.lower())]
        if len(meant) > 1:
            raise UsageError(f"{what!r} is the beginning of {len(meant)} approvals", hint="give more of its digits")
        if not meant:
            path = str(Path(what).resolve())
            for each in self.all()[0]:
                if what in (each.name, Path(each.recipe).stem) or path == each.recipe:
                    meant.append(each.digest)
        if not meant:
            raise UsageError(f"there is no approval {what!r}", hint="pinflow approve --list shows them")
        for name in meant:
            try:
                files[name].unlink(missing_ok=True)
            except OSError as error:
                raise StateError(f"{files[name]} can't be removed: {error.strerror}") from error
        return [name[:_SHORT] for name in meant]

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"

    def _read(self, file: Path) -> Approval | None:
        content = atomic_file.read(file)
        if content is None:
            return None
        try:
            return _approval(json.loads(content), file.stem)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError):
            raise StateError(
                f"the approval {file} is damaged",
                hint=f"take it back, and approve anew: pinflow approve --revoke {file.stem}",
            ) from None


def _approval(data: Mapping[str, Any], digest: str) -> Approval:
    if data["version"] != _VERSION or data["digest"] != digest:
        raise ValueError("another form, or another name")
    most = data["max_writes"]
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        raise ValueError("max_writes")
    at = float(data["at"])
    datetime.fromtimestamp(at)  # it is shown as a date
    return Approval(
        digest=digest,
        name=str(data["name"]),
        recipe=str(data["recipe"]),
        recipe_digest=str(data["recipe_digest"]),
        api=None if data["api"] is None else str(data["api"]),
        inputs=dict(data["inputs"]),
        deletes=tuple(map(str, data["deletes"])),
        max_writes=most,
        by=str(data["by"]),
        at=at,
    )
