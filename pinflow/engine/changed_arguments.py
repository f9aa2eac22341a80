"""Writes whose arguments render otherwise than when they were sent: a row, an input or the recipe was edited since.

What was made stays and is told. What may have been made is looked for as it was sent; if
the target does not show it, only a person lets the new form go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.engine.run_frame import current_frame
from pinflow.errors import InDoubt

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.engine.effects import Effect
    from pinflow.engine.run_context import RunContext
    from pinflow.state.records import EffectRecord


class ChangedArguments:
    """What becomes of a run's writes whose arguments changed. ``ask`` is None where nobody can be asked."""

    def __init__(self, run: RunContext, *, accept: bool = False, ask: Callable[[str], bool] | None = None) -> None:
        self._run = run
        self._accept = accept
        self._ask = ask
        self._told: set[tuple[str, str]] = set()  # steps and keys

    def concern(self, record: EffectRecord) -> bool:
        """Whether the step at work is given something else than when the effect was sent."""
        now = current_frame().arguments
        return bool(now and record.arguments and now != record.arguments)

    def tell_made(self, effect: Effect[Any], record: EffectRecord, result: object) -> None:
        """Tell that an effect was made before its arguments changed, once."""
        if not self.concern(record) or (effect.step, effect.key) in self._told:
            return
        self._told.add((effect.step, effect.key))
        id_ = result.get("id") if isinstance(result, dict) else None
        made = f"{effect.kind.capitalize() or 'Effect'} {id_}" if id_ else str(effect)
        name = current_frame().item or f"step {effect.step}"
        self._run.warn(f"{name} was made before it changed: {made}", effect.step)

    def check_may_be_sent(self, effect: Effect[Any], record: EffectRecord) -> None:
        """Raise InDoubt unless the new form of an effect may be sent whose earlier one the target does not show."""
        if not self.concern(record) or self._accept:
            return
        name = current_frame().item or str(effect)
        what = f"{name} was sent before it changed, and the target does not show it"
        if self._ask is None or not self._ask(f"{what}. Send it as it is now?"):
            run = "" if self._run.journal is None else f" {self._run.journal.run.id}"
            raise InDoubt(
                f"{what}: as it is now it was not sent, for that could make it twice",
                hint=f"look at the target; to send it as it is now: pinflow resume{run} --accept-changes",
            )
