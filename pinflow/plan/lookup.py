"""Which API and which action a step means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.suggestions import nearest, suggest

if TYPE_CHECKING:
    from pinflow.plan.checker import Checker
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import Registry
    from pinflow.recipe.includes import IncludePlace, PlacedStep
    from pinflow.recipe.model import Recipe


class ActionLookup:
    """Looks up APIs and actions. ``forced`` is the API that overrides what recipes say."""

    def __init__(self, registry: Registry, checker: Checker, forced: str | None) -> None:
        self._registry = registry
        self._checker = checker
        self._forced = forced
        self._wrong: set[str] = set()  # unknown APIs: one message each is enough

    def check_api(self, place: IncludePlace, recipe: Recipe) -> None:
        """Note a recipe's own API if it is unknown."""
        if recipe.api is not None and self._forced is None:
            self._check_known(recipe.api, place)

    def default_api(self, recipe: Recipe) -> str | None:
        """The API of a recipe's bare action names."""
        if self._forced or recipe.api:
            return self._forced or recipe.api
        return next(iter(self._registry.apis)) if len(self._registry.apis) == 1 else None

    def api(self, part: PlacedStep) -> str | None:
        """The API of a step's bare action name; None if the recipe names none and several are installed."""
        if part.step.api is None:
            return self.default_api(part.recipe)
        place = part.place.at("api")
        api = self._checker.early_text(part.step.api, place)
        if api is None:
            self._wrong.add("")
            return ""
        self._check_known(api, place)
        return api

    def _check_known(self, api: str, place: IncludePlace) -> None:
        if api not in self._registry.apis:
            self._checker.add(place, f"unknown API {api!r}", self._suggest_api(api))
            self._wrong.add(api)

    def action(self, raw: str, place: IncludePlace, api: str | None) -> Action | None:
        """The action that ``raw`` names; None, with a problem noted, if it doesn't exist."""
        name = self._checker.early_text(raw, place)
        if name is None:
            return None
        action = self._registry.action(name, api)
        if action is None and ("." in name or api not in self._wrong):
            self._checker.add(place, *self._missing(name, api))
        return action

    def variant(self, action: Action | None, part: PlacedStep, *, items: bool) -> Action | None:
        """Which of an action's variants a step means; an action without any as it is. None if it isn't known.

        ``items`` says that the step loops over what it gives.
        """
        if action is None or action.variants is None or part.step.broken:
            return action
        by = action.variants.by
        if by not in part.step.with_:
            message = f"{action.name}: missing argument {by!r}"
            self._checker.add(part.place.at("for_each" if items else "uses"), message, action.variants.hint)
            return None
        place = part.place.at("with", by)
        name = self._checker.early_text(part.step.with_[by], place)
        if name is None:
            return None
        variant = action.variants.find(name, items)
        if variant is None:
            meant = nearest(name, action.variants.names())
            hint = f"did you mean {meant!r}?" if meant else action.variants.hint
            self._checker.add(place, f"{action.full_name} has no {by} {name[:80]!r}", hint)
        return variant

    def _missing(self, name: str, api: str | None) -> tuple[str, str]:
        outright, _, bare = name.rpartition(".")
        elsewhere = self._registry.apis_with(bare)
        if outright and outright not in self._registry.apis:
            return f"unknown API {outright!r}", self._suggest_api(outright)
        if elsewhere and api is None and not outright:
            return f"{name!r} needs to know its API", f"write api: {elsewhere[-1]}"
        if elsewhere:
            has = "has" if len(elsewhere) == 1 else "have"
            message = f"{outright or api} has no action {bare!r}; {' and '.join(elsewhere)} {has} it"
            # the user who chose the API on the command line may not be the recipe's author
            again = f"run it with --api {elsewhere[-1]}, or " if self._forced == api and not outright else ""
            return message, f"{again}write {elsewhere[-1]}.{bare}"
        if outright and self._registry.action(bare, None) is not None:
            return f"{bare!r} belongs to no API", f"write {bare}"
        from pinflow.plan.names_meant import action_meant, no_action_hint  # only a mistake pays for this import

        names = list(self._registry.action_names(outright or api))
        meant = action_meant(bare, names)
        if meant is None and (reason := no_action_hint(bare)):
            return f"unknown action {name!r}", reason
        meant = meant or nearest(bare, names)
        suggestion = f"did you mean {f'{outright}.{meant}' if outright else meant!r}?" if meant else ""
        if self._registry.held:
            # a longer name than one that there is, such as acme_hide_board, is no misspelling of that
            is_longer = meant is not None and f"_{meant}_" in f"_{bare}_"
            return f"unknown action {name!r}", self._or_elsewhere("" if is_longer else suggestion)
        return f"unknown action {name!r}", suggestion or "pinflow actions lists them"

    def _suggest_api(self, api: str) -> str:
        suggestion = suggest(api, self._registry.apis, "the APIs are")
        return self._or_elsewhere(suggestion) if self._registry.held else suggestion

    def _or_elsewhere(self, suggestion: str) -> str:
        """A hint that also tells which plugins that are not loaded may have the name."""
        from pinflow.plugin.permission import where_else

        return "; ".join(filter(None, (suggestion, where_else(self._registry.held))))
