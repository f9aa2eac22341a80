"""What people ask about their accounts outside of a run: quotas, blocks, and what an account has to choose from."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from pinflow.engine.options import Options
from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.engine.launcher import Launcher
    from pinflow.plan import Plan
    from pinflow.plan.inputs import DeclaredInput
    from pinflow.state.protocol import State
    from pinflow.state.records import QuotaUse

MOST_CHOICES = 250  # the longest page of a listing, and more than a person reads on a terminal


@dataclass(frozen=True, slots=True)
class AccountAdmin:
    """Quotas, blocks and choices of the accounts that an app signs in to."""

    store: State
    launcher: Callable[[], Launcher]  # imports HTTP, which quotas need not

    def quotas(self) -> list[QuotaUse]:
        """How every quota stands that was used in the last day, or is paused. Raises StateError."""
        with closing(self.store.open_usage()) as usage:
            return usage.uses()

    def lift_block(self, token: str) -> None:
        """Let the account of a token write again that a spam block paused. Raises UsageError if none did."""
        with closing(self.store.open_usage()) as usage:
            if not usage.lift(token):
                raise UsageError(f"no account of the token {token!r} is blocked", hint="pinflow quota lists the blocks")

    def choices(self, declared: DeclaredInput, plan: Plan) -> list[tuple[str, str]]:
        """Values and labels that could be an input's, from the action ``list_<type>s`` of the recipe's API.

        Reads from the service with the plan's first login. [] where there is no such
        action. ``plan`` may have been made without inputs.
        """
        action = plan.registry.action(f"list_{declared.input.type}s", plan.api)
        if action is None or not action.yields or action.api is None:
            return []
        login = next((login for login in plan.logins.values() if login.api == action.api), None)
        if login is None:
            return []
        with self.launcher().open(plan, Options(dry_run=True), logins=[login]) as session:
            items = list(islice(action.function(session.reader(login)), MOST_CHOICES))
        return [(str(item["id"]), str(item.get("name", item["id"]))) for item in items if "id" in item]
