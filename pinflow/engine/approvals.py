"""Whether a run may begin and how many changes it may make; what a person approved to run unattended.

What an approval covers stands in `pinflow.engine.coverage`. What can be compared before
anything is sent is compared when a run begins; the files that it reads are compared
once more, byte for byte, as they are read.
"""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.engine.coverage import (
    changes_on_disk,
    coverage_digest,
    differences,
    digest_of,
    is_for_other_address,
    is_outdated,
    same_place,
    texts_of,
)
from pinflow.engine.options import Options
from pinflow.engine.plugin_defect import plugin_defect
from pinflow.engine.witness import Witness
from pinflow.engine.write_budget import WriteBudget
from pinflow.errors import ActionError, ApprovalRequired, PinflowError, StateError, UsageError
from pinflow.lazy_dataclass import dataclass, replace
from pinflow.plan.token_choices import option_words
from pinflow.state.records import MAX_WRITES, SHORT_DIGEST, Approval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pinflow.engine.notices import Notices
    from pinflow.engine.results import RunResult
    from pinflow.engine.session import Session
    from pinflow.engine.sign_in import TokenKey
    from pinflow.http.credentials import Credential
    from pinflow.plan import Plan, PlannedStep
    from pinflow.plugin.registry import Registry
    from pinflow.state.protocol import ApprovalStore, Journal
    from pinflow.state.records import Coverage, Notice

    OpenSession = Callable[[Plan, Options], AbstractContextManager[Session]]

LISTED = 20  # things that a question names: with the rest of it they fit on a terminal's screen
_LOOK = 10.0  # seconds that the look at the service before a run or a question may wait for a quota
_OUTDATED = "approvals-outdated"  # the one notice for all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """What a run may do: ``limit`` changes, or any number (None). One that nobody watches has a ``witness``.

    ``credentials`` are those whose accounts were compared with the approval; None where nobody did.
    """

    limit: int | None = None
    witness: Witness | None = None
    credentials: Mapping[TokenKey, Credential] | None = None


UNBOUNDED = Clearance()


def command(plan: Plan, file: str = "") -> str:
    """The command that approves a plan, to be pasted into a shell. The person fills in secrets.

    ``file`` is the recipe's, in place of how it was named, which may be by a path from another folder.
    """
    words = ["pinflow"]
    for plugin in plan.registry.plugins:
        words += ["--plugin", str(plugin.file)] if plugin.file is not None else []
    words += ["approve", file or plan.source.name]
    given = plan.public_inputs() | dict.fromkeys(plan.given & plan.secrets, "...")
    for name in sorted(given):
        words += option_words(name, _word(given[name]))
    return shlex.join([*words, *(["--api", plan.forced_api] if plan.forced_api else [])])


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


class Question(str):
    """What a person is asked, in one or more lines. If ``number`` isn't 0, they type it in place of y."""

    number = 0


class Approvals:
    """The approvals of a state, and what runs may do by them; ``notices`` tells people what waits.

    ``environ`` says where services are. Every method raises StateError where approvals can't be read or written.
    """

    def __init__(self, store: ApprovalStore, notices: Notices, environ: Mapping[str, str]) -> None:
        self._store = store
        self._notices = notices
        self._environ = environ

    def approve(self, plan: Plan, covers: Coverage, *, by: str, at: float, max_writes: int) -> Approval:
        """Store the approval of a plan for what its dry run saw, in place of an earlier one of the same."""
        approval = Approval(
            digest=coverage_digest(covers),
            name=plan.recipe.name,
            recipe=_file(plan),
            recipe_digest=plan.digest,
            api=plan.forced_api,
            inputs=plan.public_inputs(),
            deletes=tuple(step.path for step in plan.destructive),
            max_writes=max_writes,
            by=by,
            at=at,
            covers=covers,
        )
        for earlier in self.all()[0]:
            if earlier.digest != approval.digest and (
                same_place(earlier, approval) or self._renews(approval, earlier, plan.registry)
            ):
                self._store.remove(earlier.digest)
        self._store.put(approval)
        of_file = _notice_key("approval-missing", plan).partition("-of-")[0]
        for notice in self._notices.open():  # with these inputs, or with those that the recipe ran with before
            if notice.key.partition("-of-")[0] == of_file or _is_earlier_notice(notice, plan):
                self._notices.resolve(notice.key)
        self._resolve_outdated()
        return approval

    def changes(self, approval: Approval, registry: Registry) -> list[str]:
        """Why an approval holds no longer, in words; [] if it does, as far as its accounts aren't asked for.

        One for a service that is at another address now says so and nothing else: it holds for that one.
        """
        if is_outdated(approval) or approval.covers is None:
            return ["an earlier version of pinflow made it"]
        if is_for_other_address(approval.covers, registry, self._environ):
            return [f"it is for {' and '.join(sorted(approval.covers.addresses.values()))}"]
        return changes_on_disk(approval.covers, registry)

    def list_stale(self, registry: Registry) -> list[tuple[Approval, list[str]]]:
        """The approvals that hold no longer and may be renewed, with what changed, in words."""
        stale = [(approval, self.changes(approval, registry)) for approval in self.all()[0]]
        return [
            (approval, changes) for approval, changes in stale if changes and not self.is_elsewhere(approval, registry)
        ]

    def is_elsewhere(self, approval: Approval, registry: Registry) -> bool:
        """Whether an approval is for a service that is at another address now: that one can't be renewed here."""
        covers = approval.covers
        return (
            covers is not None and not is_outdated(approval) and is_for_other_address(covers, registry, self._environ)
        )

    def _renews(self, approval: Approval, earlier: Approval, registry: Registry) -> bool:
        """Whether a new approval takes the place of an earlier one of the same recipe that holds no longer."""
        facts = [(one.recipe, one.api, _as_stored(one.inputs)) for one in (approval, earlier)]
        if facts[0] != facts[1] or self.is_elsewhere(earlier, registry):
            return False
        return bool(self.changes(earlier, registry))

    def list_outdated(self) -> list[Approval]:
        """The approvals that an earlier version of pinflow made, and that hold for nothing any more."""
        return [approval for approval in self.all()[0] if is_outdated(approval)]

    def coverage_that_holds(self, plan: Plan) -> Coverage | None:
        """What a plan is approved for, if nothing of it has changed; the accounts are not asked for.

        With it an approval can be renewed where no dry run works: of a run that is half done it may fail on what the
        run has made itself.
        """
        request = digest_of(plan)
        for approval in self.all()[0]:
            covers = approval.covers
            if covers is not None and covers.request == request and not any(differences(covers, plan, self._environ)):
                return covers
        return None

    def _resolve_outdated(self) -> None:
        if not self.list_outdated():
            self._notices.resolve(_OUTDATED)

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
        self._resolve_outdated()
        return [digest[:SHORT_DIGEST] for digest in digests]

    # what a run may do

    def clearance(self, plan: Plan, options: Options, open_session: OpenSession) -> Clearance:
        """What the run may do. Raises ApprovalRequired if it must not run at all.

        A person is asked before things are deleted; what they are, and whose the tokens of an unattended run are, is
        read in a session of ``open_session``. Raises what that look raises.
        """
        if options.dry_run or options.sandbox:
            return UNBOUNDED
        if options.unattended:
            return self._stored_clearance(plan, options, open_session) if plan.unattended_writes else Clearance(limit=0)
        deleting = [] if options.assume_yes else plan.destructive
        if deleting and (options.approve is None or not options.approve(_question(plan, options, open_session))):
            text = "; ".join(_sentence(plan, step) for step in deleting)
            hint = "check it with --dry-run, then run it with --yes"
            if options.approve is not None:  # who was asked knows what it was about
                raise ApprovalRequired("nothing was deleted, as you did not agree", hint=hint)
            raise ApprovalRequired(f"{text}, which isn't approved", hint=hint)
        return Clearance(limit=options.max_writes)

    def deletions(self, plan: Plan, options: Options, open_session: OpenSession) -> list[str]:
        """What a run would delete, as far as it can be known before, as people call it. Nothing is changed."""
        reading = replace(_reading(options), sandbox=options.sandbox)
        return [target for step in plan.destructive for target in _preview(plan, step, reading, open_session)[0]]

    def _stored_clearance(self, plan: Plan, options: Options, open_session: OpenSession) -> Clearance:
        """What a stored approval lets an unattended run do.

        Raises ApprovalRequired after an alert, saying what has changed since it was approved.
        """
        approvals, problems = self.all()
        request, changes = digest_of(plan), ""
        for approval in approvals:
            if approval.covers is None or approval.covers.request != request or is_outdated(approval):
                continue
            if not (changed := ", ".join(differences(approval.covers, plan, self._environ))):
                witness = Witness(approval.covers, approved=_when(approval), hint=_approve_again(plan))
                try:
                    credentials = _check_accounts(plan, witness, options, open_session)
                except ApprovalRequired as error:
                    raise self._refusal(plan, error.message) from None
                self._notices.resolve(_notice_key("approval-missing", plan))
                return Clearance(limit=approval.max_writes, witness=witness, credentials=credentials)
            changes = changes or f"{changed} since it was approved on {_when(approval)}"
        if problems:
            raise StateError("\n".join(problems))
        if any(_is_of(plan, approval) and is_outdated(approval) for approval in approvals) and not changes:
            raise self._outdated_refusal(plan)
        raise self._refusal(plan, changes or _difference(plan, approvals))

    def _refusal(self, plan: Plan, reason: str) -> ApprovalRequired:
        reason = f"; {reason}" if reason else ""
        hint = "look, then approve it again with: " if reason else "check it, then approve it with: "
        file = _file(plan)
        text = f"{_needs(plan, file)}{reason}; {hint}{command(plan, file)}"
        self._notices.alert(_notice_key("approval-missing", plan), "approval_missing", _waiting(plan), text)
        return ApprovalRequired(f"{_needs(plan)}{reason}", hint=f"{hint}{command(plan)}")

    def _outdated_refusal(self, plan: Plan) -> ApprovalRequired:
        names = sorted({approval.recipe for approval in self.list_outdated()})
        title = f"{len(names)} approval{'s' * (len(names) > 1)} of an earlier version of pinflow must be renewed"
        text = f"{', '.join(names)}; look at them and renew them with: pinflow approve --renew"
        self._notices.alert(_OUTDATED, "approval_missing", title, text)
        reason = "it was approved with an earlier version of pinflow, whose approvals don't hold any more"
        return ApprovalRequired(f"{_needs(plan)}; {reason}", hint="look, then renew it with: pinflow approve --renew")

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
        key, run = _notice_key("run-paused", plan), f"(run {result.run})"
        if result.status in ("paused", "in_doubt") and options.unattended:
            words = "is paused" if result.status == "paused" else "has an unknown outcome"
            text = f"{_file(plan)}: {_in_a_line(result.error)}; continue with: pinflow resume {result.run}"
            self._notices.alert(key, "run_paused", f"{plan.recipe.name} {words} {run}", text)
        elif result.ok:
            self._notices.resolve(key)
            for notice in self._notices.open():  # it may go on with other inputs than it was paused with
                if notice.kind == "run_paused" and (run in notice.title or _is_earlier_notice(notice, plan)):
                    self._notices.resolve(notice.key)
        return result


def _notice_key(kind: str, plan: Plan) -> str:
    """The key of a notice of a recipe's file with these inputs, whatever its text and its name are meanwhile."""
    request = _as_stored([plan.forced_api, plan.public_inputs()])
    file, inputs = (sha256(part.encode(errors="surrogatepass")).hexdigest() for part in (_file(plan), request))
    return f"{kind}:{file[:SHORT_DIGEST]}-of-{inputs[:SHORT_DIGEST]}"


def _is_earlier_notice(notice: Notice, plan: Plan) -> bool:
    """Whether the version before told the notice, of this recipe: its key was a digest of the text."""
    if "-of-" in notice.key:
        return False
    if notice.kind == "run_paused":
        return notice.key == f"run-paused:{digest_of(plan)[:SHORT_DIGEST]}"
    return notice.key.startswith("approval-missing:") and notice.title == _waiting(plan)


def _file(plan: Plan) -> str:
    """The recipe's file, as a person finds it from any folder."""
    return str(Path(plan.source.name).resolve())


def _waiting(plan: Plan) -> str:
    return f"{plan.recipe.name} waits for an approval"


def _needs(plan: Plan, file: str = "") -> str:
    writing = ", ".join(step.path for step in plan.unattended_writes)
    return f"{file or plan.source.name} makes changes (step {writing}) and isn't approved to run unattended"


def _approve_again(plan: Plan) -> str:
    return f"look, then approve it again with: {command(plan)}"


def _as_stored(inputs: object) -> str:
    return json.dumps(inputs, sort_keys=True, default=str)


def _is_of(plan: Plan, approval: Approval) -> bool:
    return approval.recipe == _file(plan)


def _when(approval: Approval) -> str:
    return f"{datetime.fromtimestamp(approval.at).astimezone():%Y-%m-%d %H:%M}"


def _difference(plan: Plan, approvals: Sequence[Approval]) -> str:
    earlier = [approval for approval in approvals if _is_of(plan, approval)]
    if not earlier:
        return ""
    same = [approval for approval in earlier if approval.recipe_digest == plan.digest]
    inputs = _as_stored(plan.public_inputs())
    if not same:
        nearest = min(earlier, key=lambda approval: (_as_stored(approval.inputs) != inputs, -approval.at))
        includes = _changed_includes(plan, nearest)
        if includes:
            return f"{', '.join(includes)} changed since it was approved on {_when(nearest)}"
        return f"it was approved on {_when(nearest)}, and has changed since"
    same_inputs = any(_as_stored(approval.inputs) == inputs for approval in same)
    return f"it was approved on {_when(earlier[0])}, {'with another API' if same_inputs else 'with other inputs'}"


def _changed_includes(plan: Plan, approval: Approval) -> list[str]:
    """The included recipes that changed; with the recipe itself, if that did as well."""
    before, now = {} if approval.covers is None else approval.covers.texts, texts_of(plan)
    changed = [path for path, digest in now.items() if before.get(path, digest) != digest]
    return [] if changed == [approval.recipe] else changed


def _check_accounts(
    plan: Plan, witness: Witness, options: Options, open_session: OpenSession
) -> Mapping[TokenKey, Credential]:
    """Compare whose the tokens of the plan's logins are. Returns the credentials that were looked at.

    The run signs with these and no others: a token file may be replaced meanwhile.
    """
    with open_session(plan, _reading(options)) as session:
        witness.check_accounts(session.pool.signed.items())
        return session.pool.credentials


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
    return Options(dry_run=True, tier=options.tier, patience=_LOOK, stop=options.stop)


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
    for loop in step.item_logins.values():
        tokens += plan.item_logins[loop, step.api or ""].names or ["every account"]
    owner = f" of {' or '.join(dict.fromkeys(tokens))}" if tokens else ""
    return f"Step {step.path!r} of {Path(plan.source.name).name} deletes things{owner}"
