"""Which names a token may have, and which variable and file a name stands for.

A recipe chooses names, so a name must lead to nothing but a token: it is not a path or a device, and never makes
pinflow read a variable that holds something else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow import CredentialError

if TYPE_CHECKING:
    from pinflow import Api

PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?"  # the core's grammar, which also forbids ".."

_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)

# variables of the process: found in any environment without being tokens
_OF_THE_PROCESS = """
    APPDATA COLORTERM COMSPEC DISPLAY EDITOR HISTFILE HOME HOMEDRIVE HOMEPATH HOST HOSTNAME HOSTTYPE IFS KUBECONFIG
    LANG LANGUAGE LD_PRELOAD LOCALAPPDATA LOGNAME LS_COLORS MACHTYPE MAIL MANPATH NO_COLOR OLDPWD OS OSTYPE PAGER PATH
    PATHEXT PROGRAMDATA PROGRAMFILES PROMPT PS1 PS2 PS4 PWD PYTHONHOME PYTHONPATH SHELL SHLVL SYSTEMDRIVE SYSTEMROOT
    TEMP TERM TMP TMPDIR TZ UID USER USERDOMAIN USERNAME USERPROFILE VIRTUAL_ENV VISUAL WINDIR
"""
_OF_OTHERS = """
    ANTHROPIC_ AWS_ AZURE_ CI_DEPLOY_ CI_JOB_ CI_REGISTRY_ CLOUDFLARE_ CODECOV_ DIGITALOCEAN_ DOCKER_ GCP_ GH_ GITHUB_
    GITLAB_ GOOGLE_ GPG_ HEROKU_ HF_ HUGGINGFACE_ KUBERNETES_ LC_ LD_ NETLIFY_ NPM_ OPENAI_ PINFLOW_ PYPI_ SLACK_ SSH_
    SSL_ STRIPE_ SUDO_ TWILIO_ TWINE_ VAULT_ VERCEL_ XDG_
"""
_OTHER_WORDS = "CREDENTIALS PASSPHRASE PASSWD PASSWORD SECRET"  # at the end, whatever is before it: PGPASSWORD
_OTHER_ENDS = "_DIR _DSN _KEY _PASS _PATH _PROXY _PWD _URI _URL"


def check_name(name: str, api: Api) -> str:
    """``name``, if it may name a token.

    Raises CredentialError for anything but letters, digits, _ . and - (64 at most), for the name of a device, and if
    the variable of that name belongs to the process (PATH, HOME), to another service (AWS_..., GITHUB_...) or to the
    API's settings, or ends like a password or a key: such a variable is never read.
    """
    from pinflow import is_token_name

    if not is_token_name(name) or _DEVICE.fullmatch(name):
        raise CredentialError(
            f"{name[:40]!r} can't name a token",
            hint="a token's name has letters, digits, _ . and -, 64 at most; it is not a path",
        )
    variable = variable_of(name)
    if _is_reserved(variable, api):
        raise CredentialError(
            f"{name!r} can't name a token: the variable {variable} has another meaning",
            hint="choose another name, such as access_token",
        )
    return name


def variable_of(name: str) -> str:
    """The variable that a name stands for; characters that a variable can't have become underscores."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def name_variants(name: str, api: str) -> tuple[str, str]:
    """The names to look for, in order: the one with the API's id is more specific than the plain one."""
    return f"{name}_{api}", name


def _is_reserved(variable: str, api: Api) -> bool:
    return (
        variable in _OF_THE_PROCESS.split()
        or variable in _api_variables(api)
        or variable.startswith(tuple(_OF_OTHERS.split()))
        or variable.endswith(tuple(_OTHER_WORDS.split()))
        or f"_{variable}".endswith(tuple(_OTHER_ENDS.split()))
    )


def _api_variables(api: Api) -> set[str]:
    """The variables that configure this API."""
    variables = {api.origin_variable, api.token_folder_variable}
    if api.oauth is not None:
        variables |= {api.oauth.consent_origin_variable, api.oauth.landing_variable}
        variables.update(variable for pair in api.oauth.app_variables for variable in pair)
    return variables - {""}
