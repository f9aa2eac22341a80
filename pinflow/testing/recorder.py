"""Records the calls of actions: their requests, their outputs, and whether the service changed."""

from __future__ import annotations

import copy
import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pinflow.engine.effects import Skip
from pinflow.http.client import Client
from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.testing.project import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.engine.context import Context
    from pinflow.engine.effect_runner import EffectRunner
    from pinflow.engine.effects import Effect, Outcome
    from pinflow.plugin.action import Action

LOOKS = 20  # comparisons of the service's state for one call: a listing may have thousands of items, each is slow
ITEMS = 50  # of a listing that are stored; the shape of more is the same


@dataclass(slots=True)
class CallRecord:
    """One call of an action."""

    action: Action
    step: str
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # role, method, path
    outputs: list[Any] = field(default_factory=list)  # its one output, or its first items
    error: BaseException | None = None
    changed: bool = False  # whether the service had other data afterwards


class Recorder:
    """Records every call of the actions that :meth:`wrap` wraps, those for which ``is_recorded`` is true.

    ``state`` returns the data of the services, to be compared before and after the calls for which ``compare`` is
    true. With ``lose`` the run is killed when the ``lose``-th effect of those actions has its answer, before that is
    recorded.
    """

    def __init__(
        self,
        is_recorded: Callable[[Action], bool],
        *,
        state: Callable[[], object],
        compare: Callable[[Action], bool],
        lose: int = 0,
    ) -> None:
        self.calls: list[CallRecord] = []
        self._is_recorded = is_recorded
        self._state = state
        self._compare = compare
        self._lose = lose
        self._effects = 0
        self._busy = 0
        self._lock = threading.Lock()  # parallel loops call actions in several threads

    def wrap(self, action: Action) -> Action:
        """The action, recorded; or unchanged if it is not to be recorded."""
        if not self._is_recorded(action):
            return action
        if (variants := action.variants) is not None:  # it stands for other actions, which are called instead
            return replace(action, variants=replace(variants, find=self._wrap_variants(variants.find)))
        function = action.function

        @functools.wraps(function)
        def record_call(ctx: Context, **arguments: Any) -> Any:
            call = self._start(action, ctx)
            with self._observe(call, looks=1):
                output = function(self._record_context(ctx, call), **arguments)
            call.outputs.append(output)
            return output

        @functools.wraps(function)
        def record_items(ctx: Context, **arguments: Any) -> Iterator[Any]:
            call = self._start(action, ctx)
            items = iter(function(self._record_context(ctx, call), **arguments))
            looks = LOOKS
            while True:
                with self._observe(call, looks=looks):
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                looks -= 1
                if len(call.outputs) < ITEMS:
                    call.outputs.append(item)
                yield item

        return replace(action, function=record_items if action.yields else record_call)

    def _wrap_variants(self, find: Callable[[str, bool], Action | None]) -> Callable[[str, bool], Action | None]:
        def find_wrapped(name: str, items: bool) -> Action | None:
            variant = find(name, items)
            return self.wrap(variant) if variant is not None else None

        return find_wrapped

    def _start(self, action: Action, ctx: Context) -> CallRecord:
        call = CallRecord(action, ctx.step)
        with self._lock:
            self.calls.append(call)
        return call

    @contextmanager
    def _observe(self, call: CallRecord, *, looks: int) -> Iterator[None]:
        """Record the error, and whether the service changed; the latter only if no other call runs at the time."""
        with self._lock:
            self._busy += 1
            alone = self._busy == 1
        comparing = looks > 0 and alone and self._compare(call.action)
        before = self._state() if comparing else None
        try:
            yield
        except BaseException as error:
            call.error = error
            raise
        finally:
            with self._lock:
                alone = alone and self._busy == 1
                self._busy -= 1
            if comparing and alone and self._state() != before:
                call.changed = True

    def _record_context(self, ctx: Context, call: CallRecord) -> Context:
        recorded = copy.copy(ctx)
        recorded._clients = {role: _record_client(client, role, call) for role, client in ctx._clients.items()}
        if self._lose:
            recorded._effects = _LossyEffects(ctx._effects, self._count_answer)  # type: ignore[assignment]  # same methods
        return recorded

    def _count_answer(self) -> None:
        with self._lock:
            self._effects += 1
            is_lost = self._effects == self._lose
        if is_lost:
            raise Killed


class _RecordedClient(Client):
    """A client that shares its state with another one, and reports each request."""

    __slots__ = ("_note",)

    _note: Callable[[str, str], None]

    def request(self, method: str, path: str, **options: Any) -> Any:
        self._note(method.upper(), path)
        return super().request(method, path, **options)


def _record_client(client: Client, role: str, call: CallRecord) -> Client:
    recorded = object.__new__(_RecordedClient)
    recorded.__dict__ = client.__dict__
    recorded._note = lambda method, path: call.requests.append((role, method, path))
    return recorded


class _LossyEffects:
    """The effects of a run, which report when one has its answer."""

    def __init__(self, effects: EffectRunner, count_answer: Callable[[], None]) -> None:
        self._effects = effects
        self._count_answer = count_answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._effects, name)

    def perform(self, effect: Effect[Any]) -> tuple[Any, Outcome]:
        def do() -> Any:
            result = effect.do()
            if not isinstance(result, Skip):
                self._count_answer()
            return result

        return self._effects.perform(replace(effect, do=do))
