"""Seeing what actions do: what they were given, what they asked of the service, and what they gave."""

from __future__ import annotations

import copy
import functools
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pinflow.engine.durable import Skip
from pinflow.http.client import Client
from pinflow.testing.project import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pinflow.engine.context import Context
    from pinflow.engine.durable import Durable, EachResult
    from pinflow.plugin.action import Action

LOOKS = 20  # how often the service's state is compared for one call: a listing may have thousands of items
ITEMS = 50  # of a listing that are remembered


@dataclass(slots=True)
class Seen:
    """One call of an action."""

    action: Action
    step: str
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # role, method, path
    outputs: list[Any] = field(default_factory=list)  # the one thing it gave, or the first items
    error: BaseException | None = None
    changed: bool = False  # whether the service held something else afterwards


class Watch:
    """Sees every call of the actions that :meth:`over` wraps.

    ``state`` tells what the services hold, as something that can be compared; it is asked around the calls for
    which ``compare`` is true. With ``lose`` the run is killed when the ``lose``-th effect of those actions has its
    answer, which by then nobody has recorded.
    """

    def __init__(
        self,
        mine: Callable[[Action], bool],
        *,
        state: Callable[[], object],
        compare: Callable[[Action], bool],
        lose: int = 0,
    ) -> None:
        self.seen: list[Seen] = []
        self._mine = mine
        self._state = state
        self._compare = compare
        self._lose = lose
        self._effects = 0
        self._busy = 0
        self._lock = threading.Lock()

    def over(self, action: Action) -> Action:
        """The action, seen; or as it is if it is none of those."""
        if not self._mine(action):
            return action
        if (variants := action.variants) is not None:  # it stands for others, which are what is called
            return replace(action, variants=replace(variants, find=self._over_found(variants.find)))
        function = action.function

        @functools.wraps(function)
        def seen_call(ctx: Context, **given: Any) -> Any:
            seen = self._begin(action, ctx)
            with self._during(seen, looks=1):
                output = function(self._watched(ctx, seen), **given)
            seen.outputs.append(output)
            return output

        @functools.wraps(function)
        def seen_items(ctx: Context, **given: Any) -> Iterator[Any]:
            seen = self._begin(action, ctx)
            items = iter(function(self._watched(ctx, seen), **given))
            looks = LOOKS
            while True:
                with self._during(seen, looks=looks):
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                looks -= 1
                if len(seen.outputs) < ITEMS:
                    seen.outputs.append(item)
                yield item

        return replace(action, function=seen_items if action.yields else seen_call)

    def _over_found(self, find: Callable[[str, bool], Action | None]) -> Callable[[str, bool], Action | None]:
        def found(name: str, items: bool) -> Action | None:
            variant = find(name, items)
            return self.over(variant) if variant is not None else None

        return found

    def _begin(self, action: Action, ctx: Context) -> Seen:
        seen = Seen(action, ctx.step)
        with self._lock:
            self.seen.append(seen)
        return seen

    @contextmanager
    def _during(self, seen: Seen, *, looks: int) -> Iterator[None]:
        """Keep the error, and see whether the service changed: only where nothing else is at work meanwhile."""
        with self._lock:
            self._busy += 1
            alone = self._busy == 1
        comparing = looks > 0 and alone and self._compare(seen.action)
        before = self._state() if comparing else None
        try:
            yield
        except BaseException as error:
            seen.error = error
            raise
        finally:
            with self._lock:
                alone = alone and self._busy == 1
                self._busy -= 1
            if comparing and alone and self._state() != before:
                seen.changed = True

    def _watched(self, ctx: Context, seen: Seen) -> Context:
        watched = copy.copy(ctx)
        watched._clients = {role: _watched_client(client, role, seen) for role, client in ctx._clients.items()}
        if self._lose:
            watched._durable = _Losing(ctx._durable, self._answered)  # type: ignore[assignment]  # it looks like one
        return watched

    def _answered(self) -> None:
        with self._lock:
            self._effects += 1
            lost = self._effects == self._lose
        if lost:
            raise Killed


class _WatchedClient(Client):
    """A client that shares everything with another one, and tells what it is asked for."""

    __slots__ = ("_note",)

    _note: Callable[[str, str], None]

    def request(self, method: str, path: str, **given: Any) -> Any:
        self._note(method.upper(), path)
        return super().request(method, path, **given)


def _watched_client(client: Client, role: str, seen: Seen) -> Client:
    watched = object.__new__(_WatchedClient)
    watched.__dict__ = client.__dict__
    watched._note = lambda method, path: seen.requests.append((role, method, path))
    return watched


class _Losing:
    """The durable calls of a run, which tell when an effect has its answer."""

    def __init__(self, durable: Durable, answered: Callable[[], None]) -> None:
        self._durable = durable
        self._answered = answered

    def __getattr__(self, name: str) -> Any:
        return getattr(self._durable, name)

    def once(self, step: str, key: str, do: Callable[[], Any], **rest: Any) -> Any:
        return self._durable.once(step, key, lambda: self._told(do()), **rest)

    def each(
        self, step: str, items: Iterable[Any], *, do: Callable[[Any], Any], **rest: Mapping[str, Any]
    ) -> EachResult:
        return self._durable.each(step, items, do=lambda item: self._told(do(item)), **rest)  # type: ignore[arg-type]

    def _told(self, result: Any) -> Any:
        if not isinstance(result, Skip):
            self._answered()
        return result
