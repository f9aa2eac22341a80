"""What may run unattended: one recipe's very text with these very inputs, after a person approved it.

An approval is stored under a digest of the recipe, of what it includes, of the API,
and of the inputs that were given. A change to any of these gives another digest, and
so has no approval. The values of secret inputs are not part of it, and of a file that
an input names only its path is.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.errors import ApprovalRequired, UsageError
from pinflow.state.records import MAX_WRITES, SHORT_DIGEST, Approval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinflow.plan import Plan
    from pinflow.state.protocol import ApprovalStore

_VERSION = 1  # of the facts that are digested


def digest_of(plan: Plan) -> str:
    """What an approval is for: the recipe and its includes, the API, and the inputs that were given."""
    facts = [_VERSION, plan.digest, plan.api, plan.forced_api, _public_inputs(plan)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _public_inputs(plan: Plan) -> dict[str, Any]:
    return {name: plan.inputs[name] for name in sorted(plan.given - plan.secrets)}


def approval_of(plan: Plan, *, by: str, at: float, max_writes: int = MAX_WRITES) -> Approval:
    """The approval of a plan."""
    return Approval(
        digest=digest_of(plan),
        name=plan.recipe.name,
        recipe=str(Path(plan.source.name).resolve()),
        recipe_digest=plan.digest,
        api=plan.forced_api,
        inputs=_public_inputs(plan),
        deletes=tuple(step.path for step in plan.destructive),
        max_writes=max_writes,
        by=by,
        at=at,
    )


def command(plan: Plan) -> str:
    """The command that approves a plan, to be pasted into a shell. The person fills in secrets."""
    words = ["pinflow", "approve", plan.source.name]
    for name in sorted(plan.given):
        words += ["-i", f"{name}={'...' if name in plan.secrets else _word(plan.inputs[name])}"]
    return shlex.join([*words, *(["--api", plan.forced_api] if plan.forced_api else [])])


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


class Approvals:
    """The approvals of a state. Every method raises StateError where they can't be read or written."""

    def __init__(self, store: ApprovalStore) -> None:
        self._store = store

    def add(self, approval: Approval) -> None:
        """Store an approval, in place of an earlier one of the same."""
        self._store.put(approval)

    def all(self) -> tuple[list[Approval], list[str]]:
        """Every approval, newest first; and what is wrong with those that can't be used."""
        return self._store.all()

    def require(self, plan: Plan) -> Approval:
        """The approval of just this plan. Raises ApprovalRequired, saying how it differs from what was approved."""
        approval = self._store.get(digest_of(plan))
        if approval is not None:
            return approval
        writing = ", ".join(step.path for step in plan.unattended_writes)
        raise ApprovalRequired(
            f"{plan.source.name} makes changes (step {writing}) and isn't approved to run unattended"
            f"{self._difference(plan)}",
            hint=f"check it, then approve it with: {command(plan)}",
        )

    def _difference(self, plan: Plan) -> str:
        path = str(Path(plan.source.name).resolve())
        earlier = [approval for approval in self.all()[0] if approval.recipe == path]
        if not earlier:
            return ""
        when = f"{datetime.fromtimestamp(earlier[0].at).astimezone():%Y-%m-%d %H:%M}"
        same = any(approval.recipe_digest == plan.digest for approval in earlier)
        return f"; it was approved on {when}, {'with other inputs' if same else 'and has changed since'}"

    def revoke(self, name: str) -> Sequence[str]:
        """Revoke the approvals whose id begins so, or that are for this recipe; their ids.

        Raises UsageError where there is none, or where an id may mean several.
        """
        digests = [digest for digest in self._store.digests() if len(name) >= 4 and digest.startswith(name.lower())]
        if len(digests) > 1:
            raise UsageError(f"{name!r} is the beginning of {len(digests)} approvals", hint="give more of its digits")
        if not digests:
            path = str(Path(name).resolve())
            for approval in self.all()[0]:
                if name in (approval.name, Path(approval.recipe).stem) or path == approval.recipe:
                    digests.append(approval.digest)
        if not digests:
            raise UsageError(f"no approval matches {name!r}", hint="pinflow approve --list shows them")
        for digest in digests:
            self._store.remove(digest)
        return [digest[:SHORT_DIGEST] for digest in digests]
