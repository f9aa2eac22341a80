"""``pinflow doctor``: whether what pinflow needs is there and works, and what to do where it doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import OK, CredentialError, PinflowError, ends_program
from pinflow.masking.known import harmless_words
from pinflow.plugin.contributions import Checkup, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pinflow.app import App


def examine(app: App, *, offline: bool) -> Iterator[Finding]:
    """What is found, one thing after the other; the service is asked last. Secrets are in none of it."""
    from pinflow.doctor.installation import examine_plugins, examine_python, examine_variables
    from pinflow.doctor.network import examine_network
    from pinflow.doctor.stored import examine_alerts, examine_quotas, examine_state

    own = (
        Checkup(topic="python", run=lambda host, offline: examine_python(app)),
        Checkup(topic="plugins", run=lambda host, offline: examine_plugins(app)),
        Checkup(topic="variables", run=lambda host, offline: examine_variables(app)),
        Checkup(topic="state", run=lambda host, offline: examine_state(app)),
        Checkup(topic="quotas", run=lambda host, offline: examine_quotas(app)),
        Checkup(topic="alerts", run=lambda host, offline: examine_alerts(app)),
        Checkup(topic="network", run=lambda host, offline: examine_network(app, offline=offline)),
    )
    told: set[str] = set()  # a fault of the state meets whatever looks into it, each time by another path
    for checkup in (*own, *app.registry.checkups.values()):
        for finding in _findings(checkup, app, offline=offline):
            if checkup.topic == "network" and finding.level == "problem":
                offline = True  # what can't be reached, or is a page in its way, is asked nothing with a token
            remedy = finding.hint or finding.text
            if finding.level != "problem" or remedy not in told:
                told.add(remedy)
                yield finding


def _findings(checkup: Checkup, app: App, *, offline: bool) -> Iterator[Finding]:
    try:
        yield from checkup.run(app, offline)
    except PinflowError as error:
        yield problem_of(checkup.topic, error)
    except (Exception, SystemExit) as error:  # a plugin's checkup may fail in any way; the others go on
        if ends_program(error):
            raise
        yield Finding(
            topic=checkup.topic,
            text=f"can't be examined: {type(error).__name__}: {harmless_words(error)}",
            level="problem",
        )


def problem_of(topic: str, error: PinflowError) -> Finding:
    """A finding that says what an error says."""
    return Finding(topic=topic, text=error.message, hint=error.hint, level="problem", exit_code=_code_of(error))


def _code_of(error: PinflowError) -> int:
    return CredentialError.exit_code if isinstance(error, CredentialError) else 1


def exit_code(findings: Iterable[Finding]) -> int:
    """0 if there is no problem, 4 if all are about signing in, else 1."""
    codes = {finding.exit_code for finding in findings if finding.level == "problem"}
    return OK if not codes else codes.pop() if len(codes) == 1 else 1
