"""Tokens: those of environment variables, and those of token files, which are refreshed when needed.

Works for any Api; the names of variables and folders are the Api's data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import Checkup, Command, Variable, hookimpl

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pinflow import Action, Credential, CredentialRequest, Finding, Host


@hookimpl
def pinflow_credential(request: CredentialRequest) -> Credential | None:
    """The credential of a variable, else of a token file, else None."""
    from pinflow_auth.credential import credential

    return credential(request)


@hookimpl
def pinflow_token_places(request: CredentialRequest) -> list[str]:
    """The variables and the files of the token."""
    from pinflow_auth.store import describe_places

    return list(describe_places(request))


@hookimpl
def pinflow_actions() -> list[Action]:
    """Actions about tokens themselves."""
    from pinflow_auth.actions import list_tokens, refresh_token

    return [list_tokens, refresh_token]


@hookimpl
def pinflow_commands() -> list[Command]:
    """``pinflow auth``."""
    return [
        Command(
            name="auth", help="sign in, and manage tokens", add_arguments=_add_arguments, run=_run, group="Accounts"
        )
    ]


@hookimpl
def pinflow_checkups() -> list[Checkup]:
    """The app of each service, and every token."""
    return [Checkup(topic="sign-in", run=_examine)]


def _examine(app: Host, offline: bool) -> Iterator[Finding]:
    from pinflow_auth.checkup import examine

    return examine(app, offline=offline)


@hookimpl
def pinflow_variables() -> list[Variable]:
    """Where new tokens are stored."""
    return [
        Variable(
            name="PINFLOW_TOKEN_STORAGE",
            meaning="where new tokens are stored: file, or keyring for the system's key store",
            default="where the token of that name is, else file",
            reader="auth login",
        )
    ]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from pinflow_auth.commands.subcommands import add_arguments

    add_arguments(parser)


def _run(args: argparse.Namespace, app: Host) -> int:
    from pinflow_auth.commands.subcommands import run

    return run(args, app)
