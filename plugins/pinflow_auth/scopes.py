"""Scopes by name: which exist, which a recipe needs, and suggestions for misspelt ones."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pinflow import UsageError
from pinflow_auth.tokens import scopes_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pinflow import Api, Host, OAuth

ANY = ""  # the name that stands for every token, of a recipe that goes through all of them


def requested_scopes(
    app: Host, api: Api, oauth: OAuth, token: str, *, option: str | None, recipes: Sequence[Path]
) -> frozenset[str]:
    """The scopes to ask for: those of --scopes and of the recipes, else the API's default ones.

    ``option`` is a list separated by commas or spaces. Raises UsageError naming every unknown scope with the nearest
    known one, and RecipeError for a wrong recipe.
    """
    scopes = check_scopes(scopes_in(option), oauth, api) if option is not None else frozenset()
    for recipe in recipes:
        scopes |= scopes_for(token, token_scopes(app, recipe, api))
    return scopes or oauth.default_scopes


def check_scopes(names: frozenset[str], oauth: OAuth, api: Api) -> frozenset[str]:
    """``names``, if all are scopes of the API. Raises UsageError otherwise, or if there are none."""
    if not names:
        raise UsageError("--scopes is empty", hint=f"the scopes are: {', '.join(sorted(oauth.scopes))}")
    unknown = sorted(names - oauth.scopes)
    if unknown:
        wrong = ", ".join(f"{name!r}{_suggestion(name, oauth.scopes)}" for name in unknown)
        raise UsageError(
            f"{api.title} has no scope {wrong}",
            hint=f"the scopes are: {', '.join(sorted(oauth.scopes))}; pinflow auth scopes says what they allow",
        )
    return names


def _suggestion(name: str, scopes: Iterable[str]) -> str:
    near = get_close_matches(name.lower(), scopes, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def token_scopes(app: Host, recipe: Path, api: Api) -> Mapping[str, frozenset[str]]:
    """The scopes that each of a recipe's tokens needs, by name; under ANY those that every token needs.

    Raises UsageError if the recipe has no login of this API.
    """
    needed = scope_needs(app, recipe)
    # a recipe of another API is asked as if it ran with --api; RecipeError if the API lacks an action
    by_token = _needs_of_api(needed, api) or _needs_of_api(scope_needs(app, recipe, api=api.id), api)
    if not by_token:
        apis = ", ".join(sorted({of for _, of in needed})) or "none"
        raise UsageError(f"the recipe {recipe} needs no login for {api.title}", hint=f"it signs in to: {apis}")
    return by_token


def _needs_of_api(needed: Mapping[tuple[str, str], frozenset[str]], api: Api) -> Mapping[str, frozenset[str]]:
    return {name: scopes for (name, of), scopes in needed.items() if of == api.id}


def scopes_for(token: str, needed: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The scopes that a token of this name needs; those of all logins if the recipe has no such name."""
    if token in needed:
        return needed[token] | needed.get(ANY, frozenset())
    return frozenset().union(*needed.values())


def scope_needs(app: Host, recipe: Path, *, api: str | None = None) -> Mapping[tuple[str, str], frozenset[str]]:
    """The scopes that a recipe's tokens need: (token, API) -> scopes. Raises RecipeError and UsageError.

    ``api`` overrides the recipe's own. Under the name ANY are the scopes that every token needs.
    """
    plan = app.plan(recipe, inputs=None, api=api)
    needed: dict[tuple[str, str], frozenset[str]] = {}
    logins = [(login.token, login.api, login.scopes) for login in plan.logins.values()]
    for token, of, scopes in [*logins, *((ANY, login.api, login.scopes) for login in plan.item_logins.values())]:
        needed[token, of] = needed.get((token, of), frozenset()) | scopes
    return needed
