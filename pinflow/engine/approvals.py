"""Whether a run may begin and how many changes it may make; what a person approved to run unattended.

An approval is of one recipe's very text with these very inputs: it is stored under a
digest of the recipe, of what it includes, of the API, and of the inputs that were
given. A change to any of these gives another digest, and so has no approval. The values
of secret inputs are not part of it, and of a file that an input names only its path is.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.engine.options import Options
from pinflow.engine.plugin_defect import plugin_defect
from pinflow.engine.write_budget import WriteBudget
from pinflow.errors import ActionError, ApprovalRequired, PinflowError, UsageError
from pinflow.lazy_dataclass import replace
from pinflow.state.records import MAX_WRITES, SHORT_DIGEST, Approval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from pinflow.engine.notices import Notices
    from pinflow.engine.results import RunResult
    from pinflow.engine.session import Session
    from pinflow.plan import Plan, PlannedStep
    from pinflow.state.protocol import ApprovalStore, Journal

    OpenSession = Callable[[Plan, Options], AbstractContextManager[Session]]

_VERSION = 1  # of the facts that are digested
LISTED = 20  # things that a question names: with the rest of it they fit on a terminal's screen


def digest_of(plan: Plan) -> str:
    """What an approval is for: the recipe and its includes, the API, and the inputs that were given."""
    facts = [_VERSION, plan.digest, plan.api, plan.forced_api, _public_inputs(plan)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _public_inputs(plan: Plan) -> dict[str, Any]:
    return {name: plan.inputs[name] for name in sorted(plan.given - plan.secrets)}


def command(plan: Plan) -> str:
    """The command that approves a plan, to be pasted into a shell. The person fills in secrets."""
    words = ["pinflow", "approve", plan.source.name]
    for name in sorted(plan.given):
        words += ["-i", f"{name}={'...' if name in plan.secrets else _word(plan.inputs[name])}"]
    return shlex.join([*words, *(["--api", plan.forced_api] if plan.forced_api else [])])


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


class Question(str):
    """What a person is asked, in one or more lines. If ``number`` isn't 0, they type it in place of y."""

    number = 0


class Approvals:
    """The approvals of a state, and what runs may do by them; ``notices`` tells people what waits.

    Every method raises StateError where approvals can't be read or written.
    """

    def __init__(self, store: ApprovalStore, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def approve(self, plan: Plan, *, by: str, at: float, max_writes: int) -> Approval:
        """Store the approval of a plan, in place of an earlier one of the same."""
        approval = Approval(
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
        self._store.put(approval)
        self._notices.resolve(f"approval-missing:{approval.id}")
        return approval

    def all(self) -> tuple[list[Approval], list[str]]:
        """Every approval, newest first; and what is wrong with those that can't be used."""
        return self._store.all()

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

    # what a run may do

    def change_limit(self, plan: Plan, options: Options, open_session: OpenSession) -> int | None:
        """How many changes the run may make; None for any number. Raises ApprovalRequired if it must not run at all.

        A person is asked before things are deleted; what they are is read in a session of ``open_session``.
        """
        if options.dry_run or options.sandbox:
            return None
        if options.unattended:
            return self._stored_limit(plan) if plan.unattended_writes else 0
        deleting = [] if options.assume_yes else plan.destructive
        if deleting and (options.approve is None or not options.approve(_question(plan, options, open_session))):
            text = "; ".join(_sentence(plan, step) for step in deleting)
            hint = "check it with --dry-run, then run it with --yes"
            raise ApprovalRequired(f"{text}, which isn't approved", hint=hint)
        return options.max_writes

    def deletions(self, plan: Plan, options: Options, open_session: OpenSession) -> list[str]:
        """What a run would delete, as far as it can be known before, as people call it. Nothing is changed."""
        reading = replace(_reading(options), sandbox=options.sandbox)
        return [target for step in plan.destructive for target in _preview(plan, step, reading, open_session)[0]]

    def _stored_limit(self, plan: Plan) -> int:
        """How many changes a stored approval lets an unattended run make.

        Raises ApprovalRequired after an alert, saying how the plan differs from what was approved.
        """
        digest = digest_of(plan)
        key = f"approval-missing:{digest[:SHORT_DIGEST]}"
        if (approval := self._store.get(digest)) is not None:
            self._notices.resolve(key)
            return approval.max_writes
        writing = ", ".join(step.path for step in plan.unattended_writes)
        error = ApprovalRequired(
            f"{plan.source.name} makes changes (step {writing}) and isn't approved to run unattended"
            f"{self._difference(plan)}",
            hint=f"check it, then approve it with: {command(plan)}",
        )
        self._notices.alert(key, "approval_missing", f"{plan.recipe.name} waits for an approval", _in_a_line(error))
        raise error

    def _difference(self, plan: Plan) -> str:
        path = str(Path(plan.source.name).resolve())
        earlier = [approval for approval in self.all()[0] if approval.recipe == path]
        if not earlier:
            return ""
        when = f"{datetime.fromtimestamp(earlier[0].at).astimezone():%Y-%m-%d %H:%M}"
        same = any(approval.recipe_digest == plan.digest for approval in earlier)
        return f"; it was approved on {when}, {'with other inputs' if same else 'and has changed since'}"

    def budget(
        self, plan: Plan, options: Options, *, journal: Journal | None, limit: int | None, run_id: str
    ) -> WriteBudget:
        """The changes that the run may still make, of ``limit`` in all its processes."""
        if journal is None or limit is None:
            return WriteBudget(None)
        counts = journal.counts().values()
        used = sum(
            number for by_outcome in counts for name, number in by_outcome.items() if name in ("done", "adopted")
        )
        if options.unattended:
            approve = f"{command(plan)} --max-writes {max(10 * limit, MAX_WRITES)}"
            return WriteBudget(limit, used=used, hint=f"if more is meant: {approve} && pinflow resume {run_id}")
        hint = f"look at what it did, then let it go on: pinflow resume {run_id} --yes"
        return WriteBudget(limit, used=used, ask=options.approve, hint=hint)

    def report_pause(self, plan: Plan, options: Options, result: RunResult) -> RunResult:
        """Alert people to an unattended run that is paused, or whose outcome is unknown, until one has ended well."""
        key = f"run-paused:{digest_of(plan)[:SHORT_DIGEST]}"
        if result.status in ("paused", "in_doubt") and options.unattended:
            words = "is paused" if result.status == "paused" else "has an unknown outcome"
            text = f"{_in_a_line(result.error)}; continue with: pinflow resume {result.run}"
            self._notices.alert(key, "run_paused", f"{plan.recipe.name} {words} (run {result.run})", text)
        elif result.ok:
            self._notices.resolve(key)
        return result


def _in_a_line(error: PinflowError | None) -> str:
    """An error with its hint, for a notice."""
    return "" if error is None else f"{error.message}; {error.hint}" if error.hint else error.message


# what is asked before things are deleted


def _question(plan: Plan, options: Options, open_session: OpenSession) -> Question:
    previews = [_preview(plan, step, _reading(options), open_session) for step in plan.destructive]
    targets = [target for known, _ in previews for target in known]
    number, kinds = len(targets), {target.partition(" ")[0] for target in targets}
    lines = [f"Delete {target}?" for target in targets]
    if number > 1:
        lines = [f"Delete {number:,} {kinds.pop() if len(kinds) == 1 else 'thing'}s?"]
        lines += [f"  {target}" for target in targets[:LISTED]]
        lines += [f"  and {number - LISTED:,} more"] if number > LISTED else []
    lines += [sentence for _, sentence in previews if sentence]
    question = Question("\n".join(line.replace("\n", " ") for line in lines))
    question.number = number if number > 1 else 0
    return question


def _reading(options: Options) -> Options:
    """How to look at what would be deleted, by the options of the run."""
    return Options(dry_run=True, tier=options.tier, patience=10.0, stop=options.stop)  # seconds; a person waits


def _preview(plan: Plan, step: PlannedStep, options: Options, open_session: OpenSession) -> tuple[list[str], str]:
    """What a step would delete; if that can't be known before the run, [] and a sentence about the step."""
    sentence, action, arguments = _sentence(plan, step), step.action, plan.known_arguments(step)
    if action is None or action.targets is None or step.item_logins or arguments is None:
        return [], sentence
    logins = [plan.logins[name, step.api or ""] for name in step.logins.values()]
    try:
        with open_session(plan, options) as session:
            targets = list(action.targets(session.reader(*logins, roles=step.logins), **arguments))
    except ActionError as error:  # an earlier step may make what isn't there yet
        return [], f"{sentence} ({error.message})"
    except (Exception, SystemExit) as error:  # a plugin's code may raise anything
        if (defect := plugin_defect(error, ())) is None:
            raise
        return [], f"{sentence} ({defect.message})"
    return targets, "" if targets else sentence


def _sentence(plan: Plan, step: PlannedStep) -> str:
    """What is known before anything is read: the recipe, the step, and the tokens of its logins."""
    tokens = [plan.logins[name, step.api or ""].token for name in step.logins.values()]
    tokens += ["every account"] if step.item_logins else []
    owner = f" of {' or '.join(dict.fromkeys(tokens))}" if tokens else ""
    return f"Step {step.path!r} of {Path(plan.source.name).name} deletes things{owner}"
