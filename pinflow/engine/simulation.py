"""``--sandbox``: the services of a plan, simulated on this machine for as long as a run takes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pinflow.errors import UsageError
from pinflow.http.token_rules import ALLOWED_HOSTS, LISTED_TOKENS, variable_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.plan import Plan
    from pinflow.plugin.contributions import RunningSandbox


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
                add_variables(environ, stack.enter_context(simulator.start(now)), plan, service)
            elif service in signed_in:
                raise UsageError(f"no plugin simulates {service}: it can't run with --sandbox")
        yield environ


def services_of(plan: Plan) -> list[str]:
    """The services that a plan is about: its logins', and its default API's, whose tokens a step may be about."""
    apis = {api for _, api in (*plan.logins, *plan.item_logins)} | ({plan.api} if plan.api is not None else set())
    return sorted({plan.registry.apis[api].service for api in apis})


def add_variables(environ: dict[str, str], sandbox: RunningSandbox, plan: Plan, service: str) -> None:
    """Add to ``environ`` what logins need to reach a service's sandbox, and nothing of the service itself.

    A simulator calls a token's variable by the token's name; where that is not one of the service's, it becomes one.
    """
    tokens = tokens_of(plan, service)
    variables = dict(sandbox.environment(tokens))
    apis = [api for api in plan.registry.apis.values() if api.service == service]
    for token in tokens:
        plain = variable_of(token)
        own = [list(api.names.variables(token)) for api in apis]
        if plain in variables and not any(plain in names for names in own):
            secret = variables.pop(plain)
            variables.update({names[0]: secret for names in own})
    origins = {api.base_url(variables).removesuffix(api.prefix) for api in apis}
    consents = {variables.get(api.oauth.consent_origin_variable, "") for api in apis if api.oauth is not None}
    # the simulator's own words: what it gives out is meant for where it listens
    variables[ALLOWED_HOSTS] = " ".join(sorted({environ.get(ALLOWED_HOSTS, ""), *origins, *consents} - {""}))
    unknown = [
        name
        for api in apis
        for token in tokens
        for name in api.names.variables(token)
        if name in variables and not api.names.may_read(token, name, variables[name], environ)
    ]
    if unknown:
        variables[LISTED_TOKENS] = " ".join(dict.fromkeys((*environ.get(LISTED_TOKENS, "").split(), *unknown)))
    environ.update(variables)


def tokens_of(plan: Plan, service: str) -> list[str]:
    """The names of the tokens of a service that a plan's logins and inputs speak of, the first login's first."""
    apis = {id: api for id, api in plan.registry.apis.items() if api.service == service}
    logins = [login.token for login in plan.logins.values() if login.api in apis]
    listed = [name for login in plan.item_logins.values() if login.api in apis for name in login.names]
    inputs = [plan.inputs[name] for name, declared in plan.recipe.inputs.items() if declared.type == "token"]
    tokens = list(dict.fromkeys([*logins, *filter(None, inputs), *listed]))
    if not tokens:
        tokens = list(dict.fromkeys(api.tokens.default for api in apis.values()))
    # a recipe that goes through accounts has more than one to go through
    return [*tokens, f"second_{tokens[0]}"] if plan.item_logins and not listed and len(tokens) == 1 else tokens
