"""Where the code that runs now belongs: which step, until when, which effect, how many side by side, whose account."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pinflow.engine.effects import Attempt


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the time of a step with a ``timeout`` is up (monotonic seconds), and the message for then."""

    at: float
    message: str


class RunFrame(NamedTuple):
    """The surroundings of the code that runs now, on its thread."""

    step: str = ""  # its path; "" outside of any
    action: str = ""  # its full name; "" where none is at work
    item: str = ""  # of the innermost loop, as people call it: "row 7"
    # the same with its place and content, 'pins.csv:7 ("Raised beds")': shown, never kept, and made only if it is asked
    label: Callable[[], str] | None = None
    arguments: str = ""  # keyed digest of what the step was given
    deadline: Deadline | None = None
    effect: Attempt | None = None  # that writes belong to; None forbids them
    concurrency: int = 1  # how many like this go side by side
    accounts: frozenset[str] = frozenset()  # tokens whose turn it is


# One variable, because what an action calls (client, durable calls, log handlers) gets no argument for it, and each
# thread has its own. It is copied into the workers of a loop, so executors must run in this process.
_frame: ContextVar[RunFrame] = ContextVar("run_frame", default=RunFrame())  # noqa: B039  frozen


def current_frame() -> RunFrame:
    """The frame of the code that asks."""
    return _frame.get()


class frame:  # a generator would take three times as long, and each step has three of them
    """Run the block in a frame with these fields changed."""

    __slots__ = ("_changes", "_token")

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def __enter__(self) -> RunFrame:
        changed = _frame.get()._replace(**self._changes)
        self._token = _frame.set(changed)
        return changed

    def __exit__(self, *_: object) -> None:
        _frame.reset(self._token)


@contextmanager
def side_by_side(parallel: int) -> Iterator[None]:
    """Run the block as one of ``parallel`` at a time, inside what is side by side already."""
    with frame(concurrency=_frame.get().concurrency * parallel):
        yield


def time_limit(
    seconds: float | None, path: str, monotonic: Callable[[], float]
) -> AbstractContextManager[RunFrame | None]:
    """Let no call of the step leave once its time is up. Of limits in each other the one that ends first counts."""
    if seconds is None:
        return nullcontext()
    limit = Deadline(monotonic() + seconds, f"step {path} took longer than {seconds:g} s")
    outer = _frame.get().deadline
    return frame(deadline=limit if outer is None or limit.at < outer.at else outer)
