"""Which names a token may have, and in which variable and file it may be.

A recipe chooses names, so a name must lead to nothing but a token: it is not a path or a device, and leads only to a
variable that is known to hold a token of the service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow import LISTED_TOKENS, CredentialError

if TYPE_CHECKING:
    from pinflow import CredentialRequest

PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?"  # the core's grammar, which also forbids ".."

_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def check_name(name: str) -> str:
    """``name``, if it may name a token.

    Raises CredentialError for anything but letters, digits, _ . and - (64 at most), and for the name of a device.
    """
    from pinflow import is_token_name

    if not is_token_name(name) or _DEVICE.fullmatch(name):
        raise CredentialError(
            f"{name[:40]!r} can't name a token",
            hint="a token's name has letters, digits, _ . and -, 64 at most; it is not a path",
        )
    return name


def name_variants(name: str, api: str) -> tuple[str, str]:
    """The names of files to look for, in order: the one with the API's id is more specific than the plain one."""
    return f"{name}_{api}", name


def set_variable(request: CredentialRequest) -> tuple[str, str] | None:
    """The variable that has the request's token, and its value; None if none is set.

    Raises CredentialError for a name that can't name a token, and for a variable that is not known to hold a token of
    the request's service: a recipe could have any secret sent.
    """
    name, api = check_name(request.token), request.api
    for variable in api.names.variables(name):
        if not (secret := request.environ.get(variable)):
            continue
        known = variable in api.names.known_variables
        if any(other.declares(variable) or (other.owns(variable) and not known) for other in request.others):
            raise CredentialError(
                f"the variable {variable} is for tokens of another service than {api.title}",
                hint=f"unset it, or choose another name for the token {name!r}",
            )
        if not request.named and not api.names.may_read(name, variable, secret, request.environ):
            raise CredentialError(
                f"the token {name!r} would be read from the variable {variable}, which is not known to hold a token "
                f"of {api.title}",
                hint=f"if it does: {LISTED_TOKENS}={variable}; else choose another name for the token",
            )
        return variable, secret
    return None
