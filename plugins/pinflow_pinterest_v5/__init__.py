"""Pinterest's API v5: accounts, boards, Pins, videos, ads and metrics as actions for recipes.

Source: https://developers.pinterest.com/docs/api/v5/
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pinflow import Command, Importer, hookimpl

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pinflow import Action, Api, ErrorCode, FactsPage, Host, Imported


NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@hookimpl
def pinflow_actions(environ: Mapping[str, str] = NOTHING) -> list[Action]:
    """Every action of this version."""
    from pinflow_pinterest.boards import with_places
    from pinflow_pinterest_v5.actions import ads, analytics, boards, copying, pins, sections, terms, users
    from pinflow_pinterest_v5.calls import action as calls
    from pinflow_pinterest_v5.calls.catalogues import CatalogueChoice

    modules = (users, boards, sections, pins, copying, ads, analytics, terms)
    return [
        *(with_places(action) for module in modules for action in module.ACTIONS),
        calls.make_call_action(CatalogueChoice(environ)),
    ]


@hookimpl
def pinflow_apis(environ: Mapping[str, str] = NOTHING) -> list[Api]:
    """This version."""
    from pinflow_pinterest_v5.api import API
    from pinflow_pinterest_v5.calls.catalogues import CatalogueChoice

    return [replace(API, operation=CatalogueChoice(environ).match)]


@hookimpl
def pinflow_commands() -> list[Command]:
    """``pinflow operations``."""
    return [
        Command(
            name="operations",
            help="list the operations of API v5, or show one",
            add_arguments=_add_arguments,
            run=_run,
            group="Look things up",
        )
    ]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from pinflow_pinterest_v5.calls.command import add_arguments

    add_arguments(parser)


def _run(args: argparse.Namespace, app: Host) -> int:
    from pinflow_pinterest_v5.calls.command import run

    return run(args, app)


@hookimpl
def pinflow_importers() -> list[Importer]:
    """Importers of curl commands and Arazzo workflows."""
    return [
        Importer(
            name="curl",
            metavar="COMMAND",
            help="a recipe that makes the call of a curl command (- reads it)",
            read=_curl,
        ),
        Importer(
            name="arazzo",
            metavar="FILE",
            help="a recipe of the steps of an Arazzo 1.0 description; FILE#ID for one of its workflows",
            read=_arazzo,
        ),
    ]


def _curl(text: str, app: Host) -> Imported:
    from pinflow_pinterest_v5.calls.catalogues import CatalogueChoice
    from pinflow_pinterest_v5.importing import curl as from_curl

    return from_curl.read(text, CatalogueChoice(app.environ).catalogue)


def _arazzo(text: str, app: Host) -> Imported:
    from pinflow_pinterest_v5.calls.catalogues import CatalogueChoice
    from pinflow_pinterest_v5.importing import arazzo as from_arazzo

    return from_arazzo.read(text, CatalogueChoice(app.environ).catalogue)


@hookimpl
def pinflow_error_codes() -> list[ErrorCode]:
    """What the codes in this version's error answers mean."""
    from pinflow_pinterest_v5.error_codes import error_codes

    return error_codes()


@hookimpl
def pinflow_pages() -> list[FactsPage]:
    """The operations that ``call`` reaches, a page a group."""
    from pinflow_pinterest_v5.calls.operation_pages import pages

    return pages()
