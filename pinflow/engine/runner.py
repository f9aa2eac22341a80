"""Plan -> Run: steps in order, conditions, retries, and what happened to each.

The runner is given its clock, its sleep, its clients and its listeners. What
touches the world goes through the durable calls; what is durably finished is not
done again when a run is resumed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from pinflow.engine.action_arguments import WrongArguments, check_arguments
from pinflow.engine.context import Context
from pinflow.engine.item_history import ItemHistory
from pinflow.engine.item_keys import ItemKeys, arguments_digest, noun_of, number_of
from pinflow.engine.item_names import RowErrors, item_name, locate_row
from pinflow.engine.loops import LoopRun, tell_failure
from pinflow.engine.old_items import OldItems
from pinflow.engine.placeholder import PLANNED, TEXT, NeedsPlanned, holds_planned
from pinflow.engine.plugin_defect import plugin_defect
from pinflow.engine.results import StepResult, ends_run, status_of
from pinflow.engine.row_checks import RowChecks, refuses_mistakes
from pinflow.engine.row_lists import with_rows
from pinflow.engine.run_frame import current_frame, frame, time_limit
from pinflow.engine.source_pass import LoopSource, SourcePass, can_be_read_again
from pinflow.engine.step_audit import StepAudit
from pinflow.engine.step_log import StepLog
from pinflow.engine.table_columns import TableColumns
from pinflow.engine.totals import run_counts
from pinflow.errors import ActionError, InDoubt, PinflowError, UsageError, mask_error
from pinflow.events import Retrying, StepFinished, StepStarted
from pinflow.expressions.template import Scope, Unknown, Value, evaluate
from pinflow.masking.known import remember_secrets
from pinflow.plugin.row import Row
from pinflow.schema.invalid import Invalid, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pinflow.engine.accounts import Accounts
    from pinflow.engine.effect_runner import EffectRunner
    from pinflow.engine.options import Options
    from pinflow.engine.run_context import RunContext
    from pinflow.events import Status
    from pinflow.http.client import Client
    from pinflow.http.credentials import CredentialRequest
    from pinflow.plan import Loop, Plan, PlannedStep
    from pinflow.plugin.action import Action
    from pinflow.state.records import StepRecord

LIST_CAP = 10_000  # items that a step may hold at once; some 10 MB of a service's objects
LONGEST_DELAY = 600.0  # seconds between two tries of a step, unless the service asks for more; no outage needs longer


class Runner:
    """The steps of one run. ``resumed``: an earlier process has done a part of them."""

    def __init__(
        self,
        plan: Plan,
        run: RunContext,
        effects: EffectRunner,
        *,
        clients: Mapping[tuple[str, str], Client],
        accounts: Accounts,
        ask: Callable[[str, str | None], CredentialRequest],
        resumed: bool,
        options: Options,
    ) -> None:
        """``clients`` by login and API."""
        self._plan = plan
        self._run = run
        self._effects = effects
        self._clients = clients
        self._accounts = accounts
        self._ask = ask
        self._log = StepLog(plan, run.journal, resumed=resumed)
        self._audit = StepAudit(run, plan, effects.audit, effects.places, self._context)
        self._row_errors = RowErrors((*plan.steps, *plan.finally_))
        self._resumed = resumed
        self._columns = TableColumns(run)
        self._histories: dict[str, ItemHistory] = {}  # by the path of the loop
        self._sources = SourcePass(
            plan,
            open_items=self._items,
            make_keys=self._make_keys,
            visitors=[self._look_back, self._check_rows] if resumed else [self._columns.visitor, self._check_rows],
            is_done=lambda step: self._log.find(step, step.path) is not None,
        )
        self._patience = options.patience  # seconds that a retry may be told to wait
        self._remake = options.remake
        self._accepts_changes = options.accept_changes
        self.results: list[StepResult] = []  # of the outermost steps so far

    def run(self) -> tuple[dict[str, Any], PinflowError | None]:
        """Run every step. The outputs, and the error that ended it, if one did."""
        scope = Scope({"inputs": self._plan.inputs, "steps": {}}, set())
        refusal = self._sources.before_run(scope)
        if refusal is not None:  # nothing was begun that the last steps could see to
            return {}, refusal
        error = self._run_steps(self._plan.steps, scope, "", self.results)
        if error is None or not ends_run(error):
            # a paused or interrupted run goes on later, and its last steps with it
            for step in self._plan.steps:  # those that were not reached are like skipped ones
                scope.names["steps"].setdefault(step.id, None)
            late = self._run_steps(self._plan.finally_, scope, "finally.", self.results)
            error = late if late is not None and (error is None or ends_run(late)) else error
        if error is None:
            error = self._unknown_left()
        if error is not None:
            return {}, error
        return self._outputs(scope)

    def _unknown_left(self) -> PinflowError | None:
        """The error of a run all whose steps ended while an earlier write's outcome is unknown, as its item is gone."""
        journal = self._run.journal
        counts = {} if journal is None else journal.counts()
        kinds = {kind or "write": outcomes["doubt"] for kind, outcomes in counts.items() if outcomes["doubt"]}
        if not kinds:
            return None
        text = ", ".join(f"{number:,} {kind}{'' if number == 1 else 's'}" for kind, number in kinds.items())
        return InDoubt(
            f"{text} may have been made, and what would have looked for them is no longer in the recipe or its data",
            hint="put it back and resume the run; or say what became of it: pinflow resume "
            f"{'' if journal is None else journal.run.id} --made ITEM=ID, or --not-made ITEM",
        )

    def _outputs(self, scope: Scope) -> tuple[dict[str, Any], PinflowError | None]:
        outputs: dict[str, Any] = {}
        for name, value in self._plan.outputs.items():
            try:
                if not value.mentions_unknown(scope):
                    outputs[name] = value.render(scope, now=self._plan.moment)
            except Invalid as error:
                problem = self._plan.source.problem(("outputs", name), error.message, offset=error.offset)
                return outputs, ActionError(str(problem), hint=error.hint or "")
        return outputs, None

    # -- a list of steps

    def _run_steps(
        self, steps: Sequence[PlannedStep], scope: Scope, prefix: str, results: list[StepResult]
    ) -> PinflowError | None:
        """Run steps in order until one ends the list; its error. ``scope`` and ``results`` learn how each ended."""
        for step in steps:
            result = self._step(step, prefix + step.id, scope)
            results.append(result)
            if result.error is not None and (ends_run(result.error) or not step.keep_going):
                return result.error
            output = result.output if step.path in self._plan.needed else None
            scope.learn(step.id, output, planned=result.status == "planned")
        return None

    def _step(self, step: PlannedStep, path: str, scope: Scope) -> StepResult:
        began = self._run.clock.monotonic()
        earlier = self._log.find(step, path)
        if earlier is not None and self._has_new_items(step, path, scope):
            self._log.take_up_again(path)
            earlier = None
        if earlier is not None and not self._log.must_reread(step, earlier):
            status: Status = "ok" if earlier.status == "ok" else "skipped"
            return StepResult(path, status, earlier.output, None, earlier.seconds)
        name = self._name(step, scope)
        self._run.emit(StepStarted, step=path, name=name, action=step.action.full_name if step.action else "")
        with frame(step=path, action=step.action.full_name if step.action else ""):
            status, output, error = self._run_step(step, path, scope, earlier)
            by_account = step.loop is not None and step.loop.account is not None  # then each turn looks at its own
            if "[" not in path and not by_account and (late := self._audit.check(path, scope, error)) is not error:
                status, output, error = "failed" if late is None else status_of(late), None, late
        seconds = self._run.clock.monotonic() - began
        result = StepResult(path, status, output, error, seconds)
        if earlier is None:
            self._log.add(step, result)
        self._run.emit(
            StepFinished,
            step=path,
            status=status,
            seconds=seconds,
            error=str(error) if error else "",
            counts=run_counts(self._run.emit.tally.step_counts(path), self._run.journal, path)
            if "[" not in path
            else {},
            item=error.item if error else "",
        )
        return result

    def _has_new_items(self, step: PlannedStep, path: str, scope: Scope) -> bool:
        """Whether the source of a loop that an earlier process has finished has items now that it had not."""
        if step.loop is None or not can_be_read_again(step, step.loop):
            return False
        try:
            self._sources.before_loop(LoopSource(step, step.loop, path, scope))
        except (Invalid, PinflowError):  # the loop meets it again, and tells it
            return True
        history = self._histories.get(path)
        return history is not None and history.new_items > 0

    def _name(self, step: PlannedStep, scope: Scope) -> str:
        """What people see of the step."""
        if step.name.constant:
            return str(step.name.tree)
        try:
            return str(step.name.render(scope, now=self._plan.moment, unknown=TEXT))
        except Invalid:  # a name is no reason to fail
            return step.id

    def _run_step(
        self, step: PlannedStep, path: str, scope: Scope, earlier: StepRecord | None
    ) -> tuple[Status, Any, PinflowError | None]:
        """Status, output and error of a step; only pinflow's own defects raise."""
        try:
            self._run.check_stop()
            if earlier is not None:
                return "ok", self._reread(step, path, scope, earlier), None
            if not self._is_due(step, scope):
                return "skipped", None, None
            with time_limit(step.timeout, path, self._run.clock.monotonic):
                output = self._do_with_retries(step, path, scope)
            if (failure := self._run.emit.tally.step_error(path)) is not None:
                return "failed", output, failure
        except (Unknown, NeedsPlanned):
            return "planned", None, None
        except Invalid as error:
            wrong = _step_error(step, error.message, error.hint or "")
            return "failed", None, mask_error(self._row_errors.locate(wrong, step, scope))
        except PinflowError as error:
            return status_of(error), None, mask_error(self._row_errors.locate(error, step, scope))
        except (Exception, SystemExit) as error:  # a plugin's code may raise anything
            if (defect := plugin_defect(error, self._run.plugins)) is None:
                raise
            return "failed", None, mask_error(self._row_errors.locate(defect, step, scope))
        return ("planned" if self._run.dry_run and step.writes else "ok"), output, None

    def _is_due(self, step: PlannedStep, scope: Scope) -> bool:
        if step.condition is None:
            return True
        value = evaluate(step.condition, scope, now=self._plan.moment)
        if not isinstance(value, bool):
            what = f"if: must be true or false, not {describe(value)}"
            raise _step_error(step, what, "compare it: ... != null")
        return value

    def _reread(self, step: PlannedStep, path: str, scope: Scope, earlier: StepRecord) -> Any:
        if step.action is None or step.action.reread is None:
            raise AssertionError(f"step {path} has nothing to read again")
        return step.action.reread(self._context(step, path, scope), earlier.output)

    # -- one step

    def _do_with_retries(self, step: PlannedStep, path: str, scope: Scope) -> Any:
        """Do the step, again if its ``retry`` says so and the error lets it."""
        attempts = step.retry.attempts if step.retry else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._do(step, path, scope)
            except ActionError as error:
                delay = self._retry_delay(step, error, attempt)
                if attempt == attempts or delay is None:
                    raise
                item = current_frame().item
                self._run.emit(Retrying, step=path, attempt=attempt + 1, delay=delay, reason=error.message, item=item)
                self._run.emit.begin_again(path)
                self._run.clock.sleep(delay)
        raise AssertionError("attempts is at least 1")

    def _retry_delay(self, step: PlannedStep, error: ActionError, attempt: int) -> float | None:
        """Seconds to wait before the next try; None if there must be none."""
        retry_after = getattr(error, "retry_after", None)
        if retry_after is not None:
            return float(retry_after) if retry_after <= self._patience else None
        if not error.retryable or ends_run(error) or step.retry is None:
            return None
        return float(min(step.retry.delay * 2 ** (attempt - 1), LONGEST_DELAY))

    def _do(self, step: PlannedStep, path: str, scope: Scope) -> Any:
        if step.loop is not None:
            return self._loop(step, step.loop, path, scope)
        if step.action is None:
            raise AssertionError(f"step {path} has nothing to do: the plan would have said so")
        output = self._call(step, step.action, path, scope)
        return _collect(output, step.action) if step.action.yields else output

    def _call(self, step: PlannedStep, action: Action, path: str, scope: Scope) -> Any:
        for expression in step.secrets:  # of what is wrong with one, its argument tells
            with suppress(Invalid, Unknown):
                remember_secrets([evaluate(expression, scope, now=self._plan.moment)])
        arguments = step.arguments.render(scope, now=self._plan.moment, unknown=PLANNED)
        if self._run.dry_run and action.api is not None and not step.writes and holds_planned(arguments):
            raise NeedsPlanned("what is only planned can't be asked for")
        checked = check_arguments(step, action, arguments, partly_planned=self._run.dry_run)
        self._run.files.check(step, action, checked)
        context = self._context(step, path, scope)
        if self._run.dry_run or not step.writes:
            return action.function(context, **checked)
        with frame(arguments=arguments_digest(self._run.secret, arguments)):
            return action.function(context, **checked)

    def _context(self, step: PlannedStep, path: str, scope: Scope) -> Context:
        api = step.api or ""
        clients = {role: self._clients[login, api] for role, login in step.logins.items()}
        for role, loop in step.item_logins.items():
            login = self._plan.item_logins[loop, api]
            token = login.token_in(scope.names[login.variable])
            clients[role] = self._accounts.client(token, login)
        return Context(self._run, self._effects, clients, step=path, ask=self._ask)

    # -- loops

    def _loop(self, step: PlannedStep, loop: Loop, path: str, scope: Scope) -> dict[str, Any]:
        rows: dict[str, Any] = {}  # what is collected of each item, by key
        self._accounts.begin(path)
        source = LoopSource(step, loop, path, scope)
        self._sources.before_loop(source)
        items = self._items(source) if self._resumed else self._columns.watch(source, self._items(source))
        by_account = loop.account is not None
        run = LoopRun(
            self._run,
            loop,
            path,
            body=partial(self._run_item, step, loop, path, scope, rows),
            keys=self._make_keys(source),
            history=self._history(source),
            total=len(items[: loop.limit]) if isinstance(items, list) else None,
            on_done=lambda key, item: self._accounts.add_done(path, key, loop.token_in(item)) if by_account else None,
        )
        counts: dict[str, Any] = run.run(_at_most(LIST_CAP, items) if loop.collect is not None else iter(items))
        if not counts["count"] and step.action is not None and step.action.table:
            self._run.warn("the table has no rows", path)
        if loop.collect is not None:
            counts["rows"] = [rows[key] for key in run.order if key in rows]
        if loop.account is not None and (error := self._accounts.loop_error(path)) is not None:
            raise error
        return counts

    def _run_item(
        self, step: PlannedStep, loop: Loop, path: str, scope: Scope, rows: dict[str, Any], key: str, item: Any
    ) -> tuple[str, PinflowError | None]:
        """Run a loop's body for one item, which may be an account's turn."""
        if loop.account is None:
            return self._run_body(step, loop, path, scope, rows, key, item)
        token = loop.token_in(item)
        if not token:
            return "failed", _step_error(step, f"for_each: the item {key!r} names no token")
        if self._accounts.skip_uncovered(path, key, token):
            return "skipped", None
        with self._accounts.turn(path, key, token) as turn:
            status, error = self._run_body(step, loop, path, scope, rows, key, item)
            late = self._audit.check(f"{path}[{key}]", scope.with_name(loop.variable, item), error)
            status, error = (status, error) if late is error else ("failed", late)
            turn.facts = rows.get(key, {})
            return turn.end(status, error)

    def _run_body(
        self, step: PlannedStep, loop: Loop, path: str, scope: Scope, rows: dict[str, Any], key: str, item: Any
    ) -> tuple[str, PinflowError | None]:
        """Run a loop's body for one item, and collect what is wanted of it in ``rows``.

        "ok", "skipped" (none of its steps ran), or "failed" and why.
        """
        if isinstance(item, Row) and item.mistake:
            return "failed", locate_row(ActionError(item.mistake), loop, item)
        inside = scope.inside(loop.variable, item)
        results: list[StepResult] = []
        number = number_of(item, 0)
        name = f"{noun_of(item, loop.variable)} {f'{number:,}' if number else key}"
        with frame(item=name, label=partial(item_name, loop, item, key) if isinstance(item, Row) else None):
            error = self._run_steps(loop.body, inside, f"{path}[{key}].", results)
        error = error or _mistake_of_row(item, results)
        if error is not None:
            return "failed", error
        if all(result.status == "skipped" for result in results):
            return "skipped", None
        if passed := next((result.error for result in results if result.error is not None), None):
            tell_failure(self._run, loop, path, key, item, passed, passed=True)
        if loop.collect is not None:
            try:
                rows[key] = loop.collect.render(inside, now=self._plan.moment, unknown=TEXT)
            except Invalid as invalid:
                return "failed", _step_error(step, f"collect: {invalid.message}", invalid.hint or "")
        return "ok", None

    def _make_keys(self, source: LoopSource) -> ItemKeys:
        step, loop, _, scope = source
        key = lambda item: self._key(step, loop, scope.with_name(loop.variable, item))  # noqa: E731
        return ItemKeys(loop, self._run.secret, key, rules=self._run.rules)

    def _history(self, source: LoopSource) -> ItemHistory | None:
        """What is kept of a loop's items, where these can be edited before the run goes on."""
        journal = self._run.journal
        if journal is None or self._run.rules == 1 or not can_be_read_again(source.step, source.loop):
            return None
        if source.path not in self._histories:
            keys = self._make_keys(source)
            self._histories[source.path] = ItemHistory(self._run, journal, source, keys, remake=self._remake)
        return self._histories[source.path]

    def _look_back(self, source: LoopSource) -> ItemHistory | OldItems | None:
        if self._run.rules == 1 and self._run.journal is not None and not self._accepts_changes:
            return OldItems(self._run.journal, source)
        history = self._history(source)
        return history if history is not None and history.look_back() else None

    def _check_rows(self, source: LoopSource) -> RowChecks | None:
        if not refuses_mistakes(source):
            return None
        history, journal = self._history(source), self._run.journal

        def needs_no_work(key: str) -> bool:
            if history is not None and history.is_done(key):
                return True
            began = key if history is None else history.key_of(key)
            return journal is not None and journal.is_item_done(source.path, began)

        asks = needs_no_work if self._resumed else None
        return RowChecks(self._plan, self._run, source, self._make_keys(source), needs_no_work=asks)

    def _items(self, source: LoopSource) -> Iterable[Any]:
        step, loop, path, scope = source
        if loop.items is None:
            if step.action is None:
                raise AssertionError(f"step {path} has nothing to loop over: the plan would have said so")
            stream: Iterable[Any] = self._call(step, step.action, path, scope)
            return stream
        if isinstance(loop.items, Value):
            if loop.items.mentions_unknown(scope):
                raise Unknown
            items = loop.items.render(scope, now=self._plan.moment)
        else:
            items = evaluate(loop.items, scope, now=self._plan.moment)
        if not isinstance(items, list):
            raise _step_error(step, f"for_each: must be a list, not {describe(items)}")
        return with_rows(items, loop, scope)

    def _key(self, step: PlannedStep, loop: Loop, scope: Scope) -> str:
        if loop.key is None or loop.key.mentions_unknown(scope):
            raise Unknown
        value = loop.key.render(scope, now=self._plan.moment)
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise _step_error(step, f"key: must be text or a whole number, not {type(value).__name__}")
        return str(value)


def _mistake_of_row(item: Any, results: Iterable[StepResult]) -> PinflowError | None:
    """What is wrong with a row of a table that a step refused, although its on_error lets the others go on."""
    errors = (result.error for result in results if isinstance(result.error, (WrongArguments, UsageError)))
    return next(errors, None) if isinstance(item, Row) else None


def _step_error(step: PlannedStep, what: str, hint: str = "") -> ActionError:
    """An error at the step's place in the recipe."""
    return ActionError(str(replace(step.problem, what=what)), hint=hint)


def _at_most(number: int, items: Iterable[Any]) -> Iterator[Any]:
    for index, item in enumerate(items):
        if index >= number:
            raise ActionError(f"collect takes at most {number:,} items", hint="give the loop a limit")
        yield item


def _collect(items: Iterable[Any], action: Action) -> dict[str, Any]:
    """What a step without a loop gets from an action that yields."""
    collected = list(islice(items, LIST_CAP + 1))
    for item in collected:
        if isinstance(item, Row) and item.mistake:
            raise ActionError(f"{item.where(next(filter(None, item.values()), ''))}: {item.mistake}")
    if len(collected) > LIST_CAP:
        raise ActionError(
            f"{action.name} has more than {LIST_CAP} items, too many to hold at once",
            hint=f"go through them one by one: for_each: {action.name}",
        )
    return {"items": collected, "count": len(collected)}
