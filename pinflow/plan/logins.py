"""Which login does which part of a step, and what each must be allowed to do."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from pinflow.expressions.expression import parse_template
from pinflow.http.token_rules import TokenRules
from pinflow.lazy_dataclass import dataclass, field
from pinflow.plan.inputs import is_token_name
from pinflow.plan.model import ItemLogin, PlannedLogin
from pinflow.plan.token_choices import DEFAULT_LOGIN
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.plan.checker import Checker
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import Registry
    from pinflow.recipe import model
    from pinflow.recipe.includes import IncludePlace, PlacedStep


_LOOP_HINT = "; in a loop over tokens, write auth: and the loop's name for its item at the step"
_LIST_HINT = (
    "name the tokens in an input of type list, and loop over that: for_each: ${{ inputs.accounts }}, "
    "with -i accounts=garden,shop"
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A loop whose items name tokens, for the steps in it."""

    path: str
    field: str  # of an item; "" where the item is the name itself
    outright: bool  # an action says so; else it is a list that may be anything
    names: tuple[str, ...] = ()  # of the tokens, where they are known before the run


# the loops that a step is in, by their variables; None for one whose items are data, and name no tokens
Around: TypeAlias = "Mapping[str, Tokens | None]"


@dataclass(frozen=True, slots=True)
class Bound:
    """The logins of a step by role: by name, and by the path of the loop whose item names the token."""

    logins: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)


def _unloaded(plugin: str, registry: Registry) -> str:
    from pinflow.plugin.permission import where_else

    return where_else([info for info in registry.held if info.name == plugin], what="")


class Logins:
    """The logins that recipes declare, bound to steps one by one.

    ``chosen`` are tokens in place of those that they name, by login. ``complete``: no include is missing.
    """

    def __init__(
        self,
        declared: Mapping[str, tuple[model.Login, IncludePlace]],
        checker: Checker,
        registry: Registry,
        *,
        chosen: Mapping[str, str] = MappingProxyType({}),
        complete: bool = True,
    ) -> None:
        self._chosen = chosen
        self._apis = registry.apis
        self._declared = declared
        self._checker = checker
        self._complete = complete
        self._tokens = {name: self._token(name, login, place) for name, (login, place) in declared.items()}
        plugins = [plugin.name for plugin in registry.plugins]
        for login, place in declared.values():
            if login.plugin is not None and login.plugin not in plugins:
                hint = _unloaded(login.plugin, registry) or suggest(login.plugin, plugins, "the plugins are")
                checker.add(place.at("plugin"), f"unknown plugin {login.plugin!r}", hint)
        self._scopes: dict[tuple[str, str], set[str]] = {}
        self._items: dict[tuple[str, str], ItemLogin] = {}

    def _token(self, name: str, login: model.Login, place: IncludePlace) -> str | None:
        place = place.at("token")
        token = self._checker.early_text(login.token, place, of_loop=_LOOP_HINT)
        if token is not None and not is_token_name(token):
            message = f"login {name!r}: {token[:40]!r} can't name a token"
            self._checker.add(place, message, "a token's name has letters, digits, _ . and -; it is not a path")
            return None
        return token

    def all(self) -> dict[tuple[str, str], PlannedLogin]:
        """Every login that steps use, by name and API."""
        return {(name, api): self._login(name, api, scopes) for (name, api), scopes in self._scopes.items()}

    def _login(self, name: str, api: str, needed: set[str]) -> PlannedLogin:
        rules = self._apis[api].tokens if api in self._apis else TokenRules()
        token = self._chosen.get(name) or self._tokens.get(name) or rules.default
        if name not in self._declared:
            return PlannedLogin(name, api, token, frozenset(needed))
        login, _ = self._declared[name]
        return PlannedLogin(name, api, token, frozenset((*needed, *(login.scopes or ()))), login.plugin or "")

    def items(self) -> dict[tuple[str, str], ItemLogin]:
        """The logins that are other ones for each item of a loop, by the loop's path and API."""
        return dict(self._items)

    def acts_for_items(self, loop: str) -> bool:
        """Whether any step acts for the accounts that this loop goes through."""
        return any(path == loop for path, _ in self._items)

    def bind(self, part: PlacedStep, action: Action | None, around: Around) -> Bound:
        """The logins of a step, which is in the loops ``around`` it."""
        if action is None:
            return Bound()
        if action.api is None:
            if part.step.auth is not None:
                self._checker.add(part.place.at("auth"), f"{action.name} needs no login", "delete auth", key=True)
            return Bound()
        chosen = self._by_action(part, action, around)
        items: dict[str, str] = {}
        for role, name in chosen.items():
            if (tokens := around.get(name)) is not None:
                items[role] = tokens.path
                self._add_item(name, tokens, action.api, action.scopes[role])
            else:
                self._scopes.setdefault((name, action.api), set()).update(action.scopes[role])
                self._check_scopes(name, action, role)
        return Bound({role: name for role, name in chosen.items() if role not in items}, items)

    def _add_item(self, variable: str, tokens: Tokens, api: str, scopes: frozenset[str]) -> None:
        key = (tokens.path, api)
        before = self._items[key].scopes if key in self._items else frozenset()
        self._items[key] = ItemLogin(variable, tokens.field, api, before | scopes, tokens.names)

    def _check_scopes(self, name: str, action: Action, role: str) -> None:
        """A login whose scopes are written out must have those that its steps need."""
        if name not in self._declared:
            return
        login, place = self._declared[name]
        lacking = () if login.scopes is None else sorted(action.scopes[role].difference(login.scopes))
        if lacking:
            message = f"login {name!r} lacks the scope {' and '.join(lacking)}, which {action.title} needs"
            self._checker.add(place.at("scopes"), message, "add it, or leave scopes out")

    def _by_action(self, part: PlacedStep, action: Action, around: Around) -> dict[str, str]:
        auth = part.step.auth
        if isinstance(auth, str):
            login = self._login_name(auth, part.place.at("auth"), around)
            return dict.fromkeys(action.roles, login) if login else {}
        if auth is not None:
            return self._by_role(auth, part.place.at("auth"), action, around)
        only = self._only(part, action, around)
        return dict.fromkeys(action.roles, only) if only else {}

    def _only(self, part: PlacedStep, action: Action, around: Around) -> str | None:
        """The one login that there is."""
        accounts = [variable for variable, tokens in around.items() if tokens is not None and tokens.outright]
        if not self._declared and not accounts:
            return DEFAULT_LOGIN
        if len(self._declared) == 1 and not accounts:
            return next(iter(self._declared))
        place = part.place.at("uses" if part.step.uses is not None else "for_each")
        hint = f"write auth: {' or '.join([*accounts, *self._declared])}"
        self._checker.add(place, f"{action.title} must know its login", hint)
        return None

    def _by_role(self, auth: Mapping[str, str], place: IncludePlace, action: Action, around: Around) -> dict[str, str]:
        roles = [role for role in action.roles if role]
        if not roles:
            self._checker.add(place, f"{action.name} has one login", "write auth: with one name")
            return {}
        chosen: dict[str, str] = {}
        for role, name in auth.items():
            login = self._login_name(name, place.at(role), around)
            if role not in roles:
                message = f"{action.name} has no login {role!r}"
                self._checker.add(place.at(role), message, f"it has {' and '.join(roles)}", key=True)
            elif login:
                chosen[role] = login
        lacking = [role for role in roles if role not in auth]
        if lacking:
            self._checker.add(place, f"{action.name} also needs the login {' and '.join(map(repr, lacking))}")
        return chosen

    def _login_name(self, raw: str, place: IncludePlace, around: Around) -> str | None:
        item = self._item_named(raw, around)
        name = item or self._checker.early_text(raw, place, of_loop=_LOOP_HINT)
        if name is None:
            return None
        if name in around and around[name] is None and (item or name not in self._declared):
            message = f"{name!r} is data: it can't choose for which account a step works"
            self._checker.add(place, message, _LIST_HINT)
            return None
        if name in self._declared and around.get(name) is not None:
            message = f"{name!r} is a login under auth and the item of a loop"
            self._checker.add(place, message, "rename one of them")
            return None
        if name in self._declared or name in around or (not self._declared and name == DEFAULT_LOGIN):
            return name
        if self._complete:
            message = f"unknown login {name!r} under auth"
            known = [*self._declared, *(variable for variable, tokens in around.items() if tokens is not None)]
            hint = suggest(name, known, "the logins are")
            self._checker.add(place, message, hint if known else "begin with auth: and its name and token")
        return None

    @staticmethod
    def _item_named(raw: str, around: Around) -> str | None:
        """The loop's variable that an expression stands for: ``${{ account }}``, or the field that names its token."""
        try:
            template = parse_template(raw)
        except Invalid:
            return None  # whoever reads it as a text tells that
        if template is None or not template.single or len(template.references) != 1:
            return None
        (reference,) = template.references
        text = next(part[0].text for part in template.parts if not isinstance(part, str))
        if reference.root not in around or text != ".".join(map(str, (reference.root, *reference.path))):
            return None
        tokens = around[reference.root]
        names_token = tokens is None or reference.path in ((), (tokens.field,))
        return reference.root if names_token else None
