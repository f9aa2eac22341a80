"""Every environment variable that is read: pinflow's own, those that APIs declare, and those of plugins.

One table, for the pages about variables and for ``pinflow doctor``. A test goes through the code and fails for a
variable that is read and not in here.
"""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

from pinflow.lazy_dataclass import replace
from pinflow.plugin.contributions import Variable
from pinflow.state.records import MAX_WRITES, Keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow.http.api import Api
    from pinflow.plugin.registry import Registry

_DAYS = 86_400.0
_EVERY, _RUNS, _CALLS = "every command", "commands that run recipes", "whatever asks a service"
_BOTH_RUN = "run, resume, approve"
_ANY = "A_NAME"  # of a token, to see in which variables one is looked for

CORE = (
    Variable(
        name="PINFLOW_STATE_DIR",
        meaning="the folder of runs, approvals, schedules and stored tokens",
        default="pinflow in the user's state folder: ~/.local/state/pinflow on Linux",
        reader=_EVERY,
    ),
    Variable(
        name="PINFLOW_STATE",
        meaning="the address of a state that a plugin offers, in place of a folder; it may hold a password",
        default="a folder",
        secret=True,
        reader=_EVERY,
    ),
    Variable(
        name="PINFLOW_CACHE_DIR",
        meaning="the folder of what can be made again at any time",
        default="pinflow in the user's cache folder: ~/.cache/pinflow on Linux",
        reader=_EVERY,
    ),
    Variable(
        name="PINFLOW_KEEP",
        meaning="how long runs that ended well are kept, such as 30d; those that failed are kept twice as long",
        default=f"{Keep().ok / _DAYS:g} days",
        reader="the scheduler; state prune",
    ),
    Variable(
        name="PINFLOW_MAX_WRITES",
        meaning="a run asks before it makes more changes than this; where nobody can be asked, it stops",
        default=f"{MAX_WRITES:,}",
        reader=f"{_BOTH_RUN}, undo",
    ),
    Variable(
        name="PINFLOW_TIER",
        meaning="the access tier of your app, standard or trial, which sets the quotas",
        default="standard",
        reader=f"{_BOTH_RUN}, quota, the scheduler",
    ),
    Variable(
        name="PINFLOW_INPUT_<NAME>",
        meaning="the value of the secret input <NAME> of a recipe, in capitals",
        secret=True,
        reader=_RUNS,
    ),
    Variable(
        name="PINFLOW_TOKENS",
        meaning="names of variables that hold tokens, apart by commas or spaces; any recipe may use these",
        reader=_CALLS,
    ),
    Variable(
        name="PINFLOW_ALLOW_HOST",
        meaning="further origins to which tokens may go, such as https://proxy.example.com, apart by commas or spaces",
        reader=_CALLS,
    ),
    Variable(
        name="PINFLOW_PROXY",
        meaning="the http:// address of a proxy, with its port; it may hold a user and a password",
        secret=True,
        reader=_CALLS,
    ),
    Variable(
        name="PINFLOW_CA_BUNDLE",
        meaning="a file of certificates (PEM) that are trusted besides the usual ones",
        reader=_CALLS,
    ),
    *(
        Variable(
            name=name,
            meaning="certificates (a PEM file, or a folder) that are trusted besides the usual ones",
            default=f"counts where {before} is not set",
            reader=_CALLS,
        )
        for before, name in pairwise(("PINFLOW_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"))
    ),
    Variable(
        name="PINFLOW_DISABLE",
        meaning="plugins to leave out, by name, apart by commas",
        reader=_EVERY,
    ),
    Variable(
        name="PINFLOW_PLUGINS",
        meaning="the only plugins of other distributions to load, apart by commas; empty for none",
        default="all but those that sign in and wait for: pinflow plugins allow",
        reader=_EVERY,
    ),
    Variable(name="NO_COLOR", meaning="not empty: no colours, as with --color never", reader=_EVERY),
    Variable(name="FORCE_COLOR", meaning="not empty: colours, also in files and pipes", reader=_EVERY),
    Variable(name="TERM", meaning="dumb: no colours, and progress as lines", reader=_EVERY),
    Variable(
        name="PAGER",
        meaning="the command that shows long texts page by page",
        default="less",
        reader="docs",
    ),
    Variable(name="LESS", meaning="the options of less, if that shows them", default="-RFX", reader="docs"),
    Variable(name="BROWSER", meaning="the browser that opens pages", default="that of the system", reader="docs"),
    Variable(name="PAGER", meaning="the program that shows long pages", default="less", reader="docs"),
    Variable(name="LESS", meaning="the options of less", default="-RFX", reader="docs"),
    Variable(
        name="PATH",
        meaning="the folders of commands, where that of PINFLOW_NOTIFY_COMMAND and the browser are looked for",
        reader="doctor; whatever runs a command",
    ),
    Variable(
        name="HOME",
        meaning="your home folder, where the folders below are, and what ~ in a path stands for",
        default="that of your user",
        reader=_EVERY,
    ),
    Variable(
        name="XDG_STATE_HOME",
        meaning="the user's state folder, on Linux",
        default="~/.local/state",
        reader=_EVERY,
    ),
    Variable(
        name="XDG_CACHE_HOME",
        meaning="the user's cache folder, on Linux",
        default="~/.cache",
        reader=_EVERY,
    ),
    Variable(
        name="TMPDIR",
        meaning="the folder of temporary files, such as long lists of Pins that are being copied",
        default="that of the system",
        reader=_RUNS,
    ),
    *(
        Variable(
            name=name,
            meaning="ignored, as a stray one would see what a token signs; errors of the network name it",
            reader=_CALLS,
            secret=True,
        )
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    ),
)


def all_variables(registry: Registry) -> dict[str, Variable]:
    """Every variable by name: pinflow's own first, then those of each service, then those of plugins."""
    services: dict[str, list[Api]] = {}
    for api in sorted(registry.apis.values(), key=lambda api: api.id, reverse=True):
        services.setdefault(api.service, []).append(api)
    rows = [*CORE, *chain.from_iterable(map(service_variables, services.values())), *registry.variables.values()]
    return {row.name: row for row in rows}


def service_variables(apis: Sequence[Api]) -> Iterator[Variable]:
    """The variables that the versions of one service declare, the newest first: where it is, its app, its tokens.

    What several versions read is told once, what only one reads says of which.
    """
    readers: dict[str, list[Api]] = {}
    rows: dict[str, Variable] = {}
    for api in apis:
        for variable in _api_variables(api, " or ".join(sorted(api.id for api in apis))):
            rows.setdefault(variable.name, variable)
            readers.setdefault(variable.name, []).append(api)
    for name, row in rows.items():
        only = len(apis) > 1 and len(readers[name]) == 1
        yield replace(row, meaning=f"{row.meaning}, for {readers[name][0].id} alone") if only else row


def _api_variables(api: Api, ids: str) -> Iterator[Variable]:
    if api.version_variable:
        yield Variable(
            name=api.version_variable,
            meaning=f"the API of recipes that name none: {ids}",
            default="the API whose actions the recipe uses",
            reader=f"{_RUNS}; auth",
        )
    yield Variable(
        name=api.origin_variable,
        meaning=f"where the API of {api.service} is: scheme and host",
        default=api.origin,
        reader=_CALLS,
    )
    yield from _app_variables(api)
    yield from _token_variables(api)


def _app_variables(api: Api) -> Iterator[Variable]:
    if (oauth := api.oauth) is None:
        return
    reader = "auth; whatever refreshes a token"
    for id_variable, secret_variable in reversed(oauth.app_variables):
        yield Variable(name=id_variable, meaning="the id of your app", reader=reader)
        yield Variable(name=secret_variable, meaning="the secret of your app", reader=reader, secret=True)
    yield Variable(
        name=oauth.consent_origin_variable,
        meaning="where the page is that asks for your consent: scheme and host",
        default=oauth.consent_origin,
        reader="auth login",
    )
    if oauth.landing_variable:
        yield Variable(
            name=oauth.landing_variable,
            meaning="the address that the browser ends at when you have signed in",
            default="a page of pinflow's own",
            reader="auth login",
        )


def _token_variables(api: Api) -> Iterator[Variable]:
    names, default = api.names, api.tokens.default
    if api.token_folder_variable:
        yield Variable(
            name=api.token_folder_variable,
            meaning=f"the only folder of token files of {names.service}",
            default="common/oauth_tokens beside the recipe or in the current folder, else tokens in the state folder",
            reader=f"{_CALLS}; auth",
        )
    for variable in names.variables(default):
        yield Variable(name=variable, meaning=f"the access token {default!r}", reader=_CALLS, secret=True)
    if api.oauth is not None:
        plain = names.refresh_variables(default)[-1]
        (named,) = names.refresh_variables(_ANY)
        meaning = "a refresh token, from which {} is got where no variable has that token itself"
        told = {plain: meaning.format(f"the access token {default!r}")}
        told[named.replace(_ANY, "<TOKEN>")] = meaning.format("the token of that name, in capitals,")
        for name, text in told.items():
            yield Variable(name=name, meaning=text, reader=_CALLS, secret=True)
    for variable in names.variables(_ANY):
        shown = variable.replace(_ANY, "<TOKEN>")
        yield Variable(name=shown, meaning="the access token of that name, in capitals", reader=_CALLS, secret=True)
