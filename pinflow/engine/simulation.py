"""``--sandbox``: the services of a plan, simulated on this machine for as long as a run takes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pinflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.plan import Plan


@contextmanager
def simulate_services(plan: Plan, now: Callable[[], float]) -> Iterator[Mapping[str, str]]:
    """The environment in which logins reach the simulators of the plan's services.

    Raises UsageError for a service that no plugin simulates.
    """
    apis = plan.registry.apis
    signed_in = {apis[api].service for _, api in (*plan.logins, *plan.item_logins)}
    with ExitStack() as stack:
        environ: dict[str, str] = {}
        for service in services_of(plan):
            simulator = plan.registry.simulators.get(service)
            if simulator is not None:
                environ.update(stack.enter_context(simulator.start(now)).environment(tokens_of(plan)))
            elif service in signed_in:
                raise UsageError(f"no plugin simulates {service}: it can't run with --sandbox")
        yield environ


def services_of(plan: Plan) -> list[str]:
    """The services that a plan is about: its logins', and its default API's, whose tokens a step may be about."""
    apis = {api for _, api in (*plan.logins, *plan.item_logins)} | ({plan.api} if plan.api is not None else set())
    return sorted({plan.registry.apis[api].service for api in apis})


def tokens_of(plan: Plan) -> list[str]:
    """The names of the tokens that a plan's logins and inputs speak of, the first login's first."""
    logins = [login.token for login in plan.logins.values()]
    inputs = [plan.inputs[name] for name, declared in plan.recipe.inputs.items() if declared.type == "token"]
    tokens = list(dict.fromkeys([*logins, *filter(None, inputs)])) or ["access_token"]
    # a recipe that goes through accounts has more than one to go through
    return [*tokens, "second_access_token"] if plan.item_logins and len(tokens) == 1 else tokens
