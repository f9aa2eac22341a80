"""The subcommands of ``pinflow auth``: arguments in, exit code out; the modules beside this one do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import dataclass, recipe_path
from pinflow_auth.commands import login, status, tokens
from pinflow_auth.terminal import Terminal
from pinflow_auth.token_locations import STORAGE_VARIABLE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pinflow import Host

    Run = Callable[[argparse.Namespace, Host, Terminal], int]

DESCRIPTION = """\
Sign in, and manage tokens. A token is found by its name: first in the environment
(access_token is ACCESS_TOKEN_V5, then ACCESS_TOKEN), then in a token file. Each service has
tokens of its own: that of a service "shop" is in SHOP_TOKEN, its files are in a folder "shop"."""
EXAMPLES = """\
examples:
  pinflow auth login                                get a token with the browser
  pinflow auth status                               every token, and the recipes it is enough for
  pinflow auth refresh --all --if-expires-within 10d
  pinflow auth login --help                         more on one subcommand"""


DEFAULT = "the service's usual one, mostly access_token"


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A subcommand."""

    name: str
    help: str
    description: str
    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their options."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    below = parser.add_subparsers(title="subcommands", dest="subcommand", metavar="SUBCOMMAND", required=True)
    for sub in SUBCOMMANDS:
        inner = below.add_parser(
            sub.name, help=sub.help, description=sub.description, epilog=f"examples:\n{sub.examples}"
        )
        sub.add_arguments(inner)


def run(args: argparse.Namespace, app: Host) -> int:
    """Run a subcommand. Raises PinflowError."""
    return next(sub for sub in SUBCOMMANDS if sub.name == args.subcommand).run(args, app, Terminal.of(args))


def _add_name(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("name", nargs="?", default="", metavar="TOKEN", help=f"{what} (default: {DEFAULT})")


def _add_api(parser: argparse.ArgumentParser, what: str = "API version, such as v5 (default: the newest)") -> None:
    parser.add_argument("--api", metavar="API", help=what)


def _add_recipes(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--recipe", action="append", default=[], type=recipe_path, metavar="RECIPE", help=what)


def _login_arguments(parser: argparse.ArgumentParser) -> None:
    _add_name(parser, "name of the token")
    _add_api(parser, "API version, such as v5 (default: that of the recipes, else the newest)")
    parser.add_argument("--scopes", metavar="A,B", help="scopes to request (default: those it has, and for reading)")
    _add_recipes(parser, "request what this recipe needs (repeatable; a bundled recipe's name is enough)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--no-browser", action="store_true", help="print the address, and paste the answer")
    modes.add_argument(
        "--client-credentials", action="store_true", help="a token for the app itself, without a browser"
    )
    parser.add_argument(
        "--expect-account",
        default="",
        metavar="NAME",
        help="store the token only if it is this account's (name or id)",
    )
    parser.add_argument("--sandbox", action="store_true", help="try it with the embedded sandbox; nothing is stored")
    parser.add_argument("--port", type=login.parse_port, help="port for the browser's answer (default: 8085)")
    parser.add_argument(
        "--storage",
        choices=("file", "keyring"),
        help=f"where to store the token (default: where it is, else {STORAGE_VARIABLE}, else file)",
    )
    parser.add_argument(
        "--timeout",
        type=login.parse_duration,
        default=300.0,  # reading the page, and a password and a second factor, take two or three minutes
        metavar="TIME",
        help="how long to wait for the browser's answer (default: 5m)",
    )


def _status_arguments(parser: argparse.ArgumentParser) -> None:
    _add_recipes(parser, "check the tokens for this recipe instead of the bundled ones (repeatable)")


def _refresh_arguments(parser: argparse.ArgumentParser) -> None:
    selection = parser.add_mutually_exclusive_group()
    selection.add_argument("name", nargs="?", metavar="TOKEN", help=f"name of the token (default: {DEFAULT})")
    selection.add_argument("--all", action="store_true", help="every token that can be refreshed")
    parser.add_argument(
        "--if-expires-within",
        type=login.parse_duration,
        metavar="TIME",
        help="skip tokens that last longer than this, such as 10d",
    )
    _add_api(parser, "API version, such as v5 (default: the token's own, else the newest)")


def _scopes_arguments(parser: argparse.ArgumentParser) -> None:
    _add_api(parser, "API version, such as v5 (default: that of the recipes, else the newest)")
    _add_recipes(parser, "only those that this recipe needs (repeatable; a bundled recipe's name is enough)")


def _logout_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="TOKEN", help="name of the token")
    _add_api(parser, "API version, such as v5 (default: the token's own, else the newest)")
    parser.add_argument("--yes", action="store_true", help="don't ask")


SUBCOMMANDS = (
    Subcommand(
        "login",
        "get a token: with the browser, by hand, or for the app itself",
        """\
Get a token and store it. Your browser asks you for access; the answer comes back to
http://localhost:8085/, which must be one of the app's registered redirect URIs. The
app's id and secret are read from the environment (see common/scripts/api_env). You are
asked whether the account is right before anything is stored; that of the token before,
or of --expect-account, needs no question.""",
        """\
  pinflow auth login                                     with the default scopes, and those it has
  pinflow auth login --recipe copy_board                 with what one recipe needs
  pinflow auth login client --scopes boards:read,pins:read
  pinflow auth login --no-browser                        on a machine without one, over SSH
  pinflow auth login --client-credentials --scopes boards:read
  pinflow auth login --sandbox                           try it without an account""",
        _login_arguments,
        login.run,
    ),
    Subcommand(
        "status",
        "every token, and the recipes it is enough for",
        """\
List every token: its account, where it is stored, when it ends, its scopes, and the recipes
they are enough for. No service is asked. Values are never shown: the eight digits behind a
token are the same for the same token on this machine. More than ten tokens get a line each;
-v shows each in full. Exits with 4 if one is broken or has ended, or if none is enough for
a recipe that was named.""",
        """\
  pinflow auth status
  pinflow auth status --recipe copy_board                which scopes are lacking?
  pinflow auth status --output json""",
        _status_arguments,
        status.run,
    ),
    Subcommand(
        "refresh",
        "get new access tokens for stored ones",
        "Replace a stored access token with a new one. Runs do this themselves when needed.",
        """\
  pinflow auth refresh
  pinflow auth refresh --all --if-expires-within 10d     for a schedule""",
        _refresh_arguments,
        tokens.refresh,
    ),
    Subcommand(
        "scopes",
        "list the scopes that tokens can have",
        "List the scopes of an API. Those with * are requested by default.",
        """\
  pinflow auth scopes
  pinflow auth scopes --recipe copy_board                what does a recipe need?
  pinflow auth scopes --api v3""",
        _scopes_arguments,
        tokens.scopes,
    ),
    Subcommand(
        "logout",
        "remove a stored token",
        "Revoke a token, if the service can, and remove its file.",
        """\
  pinflow auth logout access_token
  pinflow auth logout client --yes""",
        _logout_arguments,
        tokens.logout,
    ),
)
