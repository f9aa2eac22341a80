"""Scopes by name: which there are, which a recipe needs, and what was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pinflow import UsageError
from pinflow_auth.tokens import scopes_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pinflow import Api, Host, OAuth

ANY = ""  # stands for each token that there is, where a recipe goes through all of them


def requested_scopes(
    app: Host, api: Api, oauth: OAuth, token: str, *, given: str | None, recipes: Sequence[Path]
) -> frozenset[str]:
    """The scopes to ask for: those given and those of the recipes, else the API's default ones.

    ``given`` is a list with commas or spaces. Raises UsageError naming every unknown
    scope with the nearest known one, and RecipeError for a recipe that is wrong.
    """
    found = check_scopes(scopes_in(given), oauth, api) if given is not None else frozenset()
    for recipe in recipes:
        found |= recipe_scopes(app, recipe, api, token)
    return found or oauth.default_scopes


def check_scopes(names: frozenset[str], oauth: OAuth, api: Api) -> frozenset[str]:
    """``names``, if they are scopes of the API. Raises UsageError otherwise, or if there are none."""
    if not names:
        raise UsageError("--scopes names no scope", hint=f"the scopes are: {', '.join(sorted(oauth.scopes))}")
    unknown = sorted(names - oauth.scopes)
    if unknown:
        what = ", ".join(f"{name!r}{_suggestion(name, oauth.scopes)}" for name in unknown)
        raise UsageError(
            f"{api.title} has no scope {what}",
            hint=f"the scopes are: {', '.join(sorted(oauth.scopes))}; pinflow auth scopes tells what they allow",
        )
    return names


def _suggestion(name: str, scopes: Iterable[str]) -> str:
    near = get_close_matches(name.lower(), scopes, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def recipe_scopes(app: Host, recipe: Path, api: Api, token: str) -> frozenset[str]:
    """The scopes that a token needs for a recipe: of the logins with its name, or of all where none has it.

    Raises UsageError where the recipe has no login of this API.
    """
    return scopes_for(token, token_scopes(app, recipe, api))


def token_scopes(app: Host, recipe: Path, api: Api) -> Mapping[str, frozenset[str]]:
    """What each of a recipe's tokens must be allowed, by name; under ANY what it does for each that there is.

    Raises UsageError where the recipe has no login of this API.
    """
    needed = scope_needs(app, recipe)
    mine = _needs_of_api(needed, api) or _needs_on_api(app, recipe, api)
    if not mine:
        there = ", ".join(sorted({of for _, of in needed})) or "none"
        raise UsageError(
            f"the recipe {recipe} needs no login for {api.title}", hint=f"the APIs that it signs in to: {there}"
        )
    return mine


def _needs_of_api(needed: Mapping[tuple[str, str], frozenset[str]], api: Api) -> Mapping[str, frozenset[str]]:
    return {name: scopes for (name, of), scopes in needed.items() if of == api.id}


def _needs_on_api(app: Host, recipe: Path, api: Api) -> Mapping[str, frozenset[str]]:
    """What a recipe's tokens must be allowed when it runs with --api. Raises RecipeError for what the API lacks."""
    return _needs_of_api(scope_needs(app, recipe, api=api.id), api)


def scopes_for(token: str, needed: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """What a token must be allowed: as the login that it is, and as one of all; else whatever it is taken for."""
    if token in needed:
        return needed[token] | needed.get(ANY, frozenset())
    return frozenset().union(*needed.values())


def scope_needs(app: Host, recipe: Path, *, api: str | None = None) -> Mapping[tuple[str, str], frozenset[str]]:
    """What a recipe's tokens must be allowed: (token, API) -> scopes. Raises RecipeError and UsageError.

    ``api`` overrides the recipe's own. Under the name ANY: what it does for each token that there is.
    """
    plan = app.plan(recipe, inputs=None, api=api)
    found: dict[tuple[str, str], frozenset[str]] = {}
    logins = [(login.token, login.api, login.scopes) for login in plan.logins.values()]
    for token, of, scopes in [*logins, *((ANY, each.api, each.scopes) for each in plan.item_logins.values())]:
        found[token, of] = found.get((token, of), frozenset()) | scopes
    return found
