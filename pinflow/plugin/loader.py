"""Load installed and local plugins, check what they offer, and collect it into a Registry."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

import pluggy

from pinflow.errors import PinflowError, PluginError, ends_program
from pinflow.http.api import Api
from pinflow.lazy_dataclass import replace
from pinflow.masking.known import harmless_words
from pinflow.plugin import hookspecs
from pinflow.plugin.action import Action, Effect
from pinflow.plugin.contributions import Checkup, Command, ErrorCode, FactsPage, Importer, Simulator, Variable
from pinflow.plugin.import_cache import ImportCache
from pinflow.plugin.permission import Permission, comparable, is_own, names_in
from pinflow.plugin.registry import PluginInfo, Registry
from pinflow.plugin.services import token_conflict, token_problem, with_login_hints

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pluggy import HookImpl

    from pinflow.http.credentials import Credential, CredentialRequest

GROUP = "pinflow"


def find_installed(cache: str | None) -> list[PluginInfo]:
    """Every plugin that an installed distribution names, in a stable order.

    Scanning all distributions costs more than the rest of a start, so the result
    is kept in the file ``cache``, valid while no folder of ``sys.path`` changed.
    Raises StateError for a file that others can change.
    """
    if cache is None:
        return _scan()
    import_cache = ImportCache(cache)
    import_cache.check()
    if (rows := import_cache.read(4)) is not None:
        return [PluginInfo(*row) for row in rows]
    plugins = _scan()
    import_cache.write((plugin.name, plugin.module, plugin.distribution, plugin.version) for plugin in plugins)
    return plugins


def _scan() -> list[PluginInfo]:
    from importlib.metadata import distributions

    # what the import system would take, where a distribution is there twice
    first: dict[str, list[PluginInfo]] = {}
    for dist in distributions():
        entries = [entry for entry in dist.entry_points if entry.group == GROUP]
        if entries:
            name = dist.name or ""
            plugins = [PluginInfo(entry.name, entry.value, name, dist.version or "") for entry in entries]
            first.setdefault(comparable(name), plugins)
    listed = (plugin for plugins in first.values() for plugin in plugins)
    return sorted(listed, key=lambda plugin: (plugin.name, plugin.distribution))


def load_installed(
    environ: Mapping[str, str], cache: str, *, files: Iterable[Path] = ()
) -> tuple[pluggy.PluginManager, list[PluginInfo], list[PluginInfo]]:
    """The installed plugins that may load and local ``files``, as :func:`load` gives them, and those held back.

    ``environ`` has PINFLOW_DISABLE and PINFLOW_PLUGINS. ``cache`` is where :func:`find_installed` keeps its result.
    """
    installed = find_installed(cache)
    permission = Permission(environ, installed)
    manager, infos = load(installed, disabled=disabled_in(environ), files=files, permission=permission)
    return manager, infos, permission.held


def disabled_in(environ: Mapping[str, str]) -> frozenset[str]:
    """The plugins and distributions that PINFLOW_DISABLE leaves out."""
    return frozenset(names_in(environ, "PINFLOW_DISABLE"))


def load(
    plugins: Iterable[PluginInfo],
    *,
    disabled: Iterable[str] = (),
    files: Iterable[Path] = (),
    objects: Iterable[object] = (),
    permission: Permission | None = None,
) -> tuple[pluggy.PluginManager, list[PluginInfo]]:
    """A plugin manager with everything in it, and who is in it.

    ``disabled`` names plugins or distributions to leave out. ``files`` are local
    plugins, each a module or a folder of modules. ``objects`` are plugins that are
    there already; they may share a name. ``permission`` holds back some of ``plugins``;
    files and objects are a person's word. Raises PluginError naming plugin, module
    and distribution.
    """
    manager = pluggy.PluginManager("pinflow")
    manager.add_hookspecs(hookspecs)
    left_out = set(disabled)
    infos: dict[str, PluginInfo] = {}
    for info in plugins:
        if left_out & {info.name, info.distribution} or (permission is not None and not permission.may_import(info)):
            continue
        _register(manager, _import(info), info, infos)
        if permission is not None and not permission.may_register(info, infos[info.name].hooks):
            manager.unregister(name=info.name)
            del infos[info.name]
    for path in files:
        for module in _modules(path):
            _register(manager, _import_file(module), PluginInfo(module.stem, str(module), "", ""), infos)
    for plugin in objects:
        info = PluginInfo(_free_name(plugin, infos), type(plugin).__module__, "", "")
        _register(manager, plugin, info, infos)
    _check_hooks(manager, infos)
    return manager, list(infos.values())


def _free_name(plugin: object, taken: Collection[str]) -> str:
    """A name for a plugin without one: its module's or class's, numbered after the first."""
    name = getattr(plugin, "__name__", type(plugin).__name__)
    return next(free for n in count(1) if (free := f"{name}_{n}" if n > 1 else name) not in taken)


def _import(info: PluginInfo) -> object:
    module, _, attribute = info.module.partition(":")
    try:
        plugin: object = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            plugin = getattr(plugin, part)
    except (Exception, SystemExit) as error:  # a module that exits would end the program without a word
        raise PluginError(
            f"plugin {_who(info)} does not load: {type(error).__name__}: {error}", hint=_leave_out(info)
        ) from error
    return plugin


def _modules(path: Path) -> list[Path]:
    if os.path.isdir(path):  # noqa: PTH112 - never raises, for any text
        return sorted(p for p in path.glob("*.py") if not p.name.startswith("_"))
    if os.path.isfile(path):  # noqa: PTH113 - the same
        return [path]
    raise PluginError(f"unknown plugin {path}", hint="name a Python file, or a folder of them")


def _import_file(path: Path) -> object:
    name = f"pinflow_local_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(f"plugin {path} does not load: {type(error).__name__}: {error}") from error
    return module


def _register(manager: pluggy.PluginManager, plugin: object, info: PluginInfo, infos: dict[str, PluginInfo]) -> None:
    if info.name in infos:
        raise PluginError(
            f"two plugins are named {info.name!r}: {_who(infos[info.name])} and {_who(info)}", hint=_leave_out(info)
        )
    try:
        manager.register(plugin, name=info.name)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(f"plugin {_who(info)} does not fit: {_one_line(error)}", hint=_leave_out(info)) from error
    hooks = sorted(caller.name for caller in manager.get_hookcallers(plugin) or ())
    infos[info.name] = replace(info, hooks=tuple(hooks))


def _check_hooks(manager: pluggy.PluginManager, infos: Mapping[str, PluginInfo]) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = sorted(name for name in vars(hookspecs) if name.startswith("pinflow_"))
        who = _who(infos[manager.get_name(error.plugin) or ""])
        raise PluginError(
            f"plugin {who} has an unknown hook: {_one_line(error)}", hint=f"the hooks are: {', '.join(known)}"
        ) from error
    for name, plugin in manager.list_name_plugin():
        for caller in manager.get_hookcallers(plugin) or ():
            if any(impl.plugin is plugin and _is_asynchronous(impl.function) for impl in caller.get_hookimpls()):
                raise PluginError(
                    f"plugin {_who(infos[name])}: {caller.name} is async def", hint="write def in place of async def"
                )


def _is_asynchronous(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _who(info: PluginInfo) -> str:
    origin = f" of {info.distribution} {info.version}" if info.distribution else ""
    return f"{info.name!r} ({info.module}{origin})"


def _leave_out(info: PluginInfo) -> str:
    return f"to continue without it: PINFLOW_DISABLE={info.name}"


def collect(
    manager: pluggy.PluginManager,
    infos: Iterable[PluginInfo],
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    reserved: Collection[str] = (),
    held: Iterable[PluginInfo] = (),
) -> Registry:
    """Ask every plugin what it offers. Raises PluginError for a wrong type, or one name offered twice.

    ``environ`` is the environment that hooks are told of; ``reserved`` are the names of commands that no plugin may
    have, because the program has them; ``held`` are the plugins that were held back.
    """
    offers = _Offers(manager, infos, environ)
    actions = offers.by_name("pinflow_actions", Action, lambda a: (a.api, a.name), lambda a: f"action {a.full_name}")
    apis = with_login_hints(offers.by_name("pinflow_apis", Api, lambda a: a.id, lambda a: f"api {a.id}"))
    offers.check_tokens(apis)
    commands = offers.commands(reserved)
    simulators = offers.by_name("pinflow_sandbox", Simulator, lambda s: s.service, lambda s: f"sandbox {s.service}")
    importers = offers.by_name("pinflow_importers", Importer, lambda i: i.name, lambda i: f"importer {i.name}")
    variables = offers.by_name("pinflow_variables", Variable, lambda v: v.name, lambda v: f"variable {v.name}")
    codes = offers.by_name(
        "pinflow_error_codes", ErrorCode, lambda c: (c.api, str(c.code)), lambda c: f"error_code {c.api}.{c.code}"
    )
    recipes = offers.by_name("pinflow_recipes", Path, lambda path: path.stem, lambda path: f"recipe {path.stem}")
    checkups = offers.by_name("pinflow_checkups", Checkup, lambda c: c.topic, lambda c: f"checkup {c.topic}")
    executors = offers.executors()
    pages = offers.by_name("pinflow_pages", FactsPage, lambda p: p.name, lambda p: f"page {p.name}")
    for action in actions.values():
        offers.check(action, apis)
    plugins = [replace(info, offers=tuple(offers.offers_of.get(info.name, ()))) for info in offers.infos.values()]
    return Registry(
        actions=actions,
        apis=apis,
        commands=commands,
        simulators=simulators,
        plugins=tuple(plugins),
        pages=pages,
        importers=importers,
        executors=executors,
        variables=variables,
        error_codes=codes,
        recipes={name: path.absolute() for name, path in recipes.items()},
        checkups=checkups,
        held=tuple(held),
    )


def commands(
    manager: pluggy.PluginManager, infos: Iterable[PluginInfo], *, reserved: Collection[str] = ()
) -> Mapping[str, Command]:
    """The commands alone, which cost less to ask for than everything. Raises PluginError as :func:`collect` does."""
    return _Offers(manager, infos).commands(reserved)


def credential(
    manager: pluggy.PluginManager, infos: Iterable[PluginInfo], request: CredentialRequest, *, only: str = ""
) -> Credential | None:
    """The first credential that a plugin has for a request, or None. The plugin that came last is asked first.

    ``only`` names the one plugin that is asked. Raises PinflowError as the plugins
    do, and PluginError for any other error of theirs, or a wrong type.
    """
    from pinflow.http.credentials import Credential

    by_name = {info.name: info for info in infos}
    for impl in reversed(manager.hook.pinflow_credential.get_hookimpls()):
        if only and impl.plugin_name != only:
            continue
        who = f"plugin {_who(by_name[impl.plugin_name])}: pinflow_credential"
        answer = _call_about_token(impl, request, who)
        if answer is not None and not isinstance(answer, Credential):
            raise PluginError(f"{who} must return Credential or None, not {type(answer).__name__}")
        if answer is not None:
            return answer
    return None


def token_places(manager: pluggy.PluginManager, infos: Iterable[PluginInfo], request: CredentialRequest) -> list[str]:
    """Where the plugins that sign in look for a token, in lines for people. Raises as `credential` does."""
    by_name = {info.name: info for info in infos}
    lines: list[str] = []
    for impl in reversed(manager.hook.pinflow_token_places.get_hookimpls()):
        who = f"plugin {_who(by_name[impl.plugin_name])}: pinflow_token_places"
        answer = _call_about_token(impl, request, who)
        if not isinstance(answer, Iterable) or isinstance(answer, str):
            raise PluginError(f"{who} must return lines of text, not {type(answer).__name__}")
        lines += map(str, answer)
    return lines


def _call_about_token(impl: HookImpl, request: CredentialRequest, who: str) -> object:
    try:
        return call_hook(impl, request=request)
    except PinflowError:
        raise
    except (Exception, SystemExit) as error:
        if ends_program(error):
            raise
        raise PluginError(f"{who} failed: {type(error).__name__}: {harmless_words(error)}") from error


def call_hook(impl: HookImpl, **facts: object) -> object:
    """What a hook answers to those of the facts that it takes: it may leave some out."""
    names = (*impl.argnames, *impl.kwargnames)  # those with a default are for direct calls
    answer: object = impl.function(**{name: facts[name] for name in names if name in facts})
    return answer


class _Offers:
    """Collects offers, remembering who made which."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        infos: Iterable[PluginInfo],
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._manager = manager
        self._environ = environ
        self.infos = {info.name: info for info in infos}
        self.offers_of: dict[str, list[str]] = {}
        self._owner: dict[str, str] = {}

    def by_name(
        self, hook: str, kind: type[Any], key: Callable[[Any], Any], describe: Callable[[Any], str]
    ) -> Mapping[Any, Any]:
        """Every offer of one hook, by its key."""
        offers: dict[Any, Any] = {}
        for impl, answer in self._answers(hook):
            for offer in [answer] if isinstance(answer, kind) else self._check_list(answer, impl, hook, kind):
                self._claim(impl.plugin_name, describe(offer))
                offers[key(offer)] = offer
        return offers

    def commands(self, reserved: Collection[str]) -> Mapping[str, Command]:
        offers = self.by_name("pinflow_commands", Command, lambda c: c.name, lambda c: f"command {c.name}")
        for name in sorted(offers.keys() & set(reserved)):
            owner = self._owner[f"command {name}"]
            raise PluginError(
                f"command {name} is offered twice, by both pinflow itself and {self._describe(owner)}",
                hint=f"rename it, or leave the plugin out: PINFLOW_DISABLE={owner}",
            )
        return offers

    def check(self, action: Action, apis: Collection[str]) -> None:
        """Raise PluginError for an action that would do something else than its declaration says."""
        owner = self._owner[f"action {action.full_name}"]
        who = f"plugin {self._describe(owner)}: action {action.full_name}"
        functions = filter(None, (action.function, action.targets, action.reread, action.place, *action.checks))
        if any(map(_is_asynchronous, functions)):  # called, it would do nothing and look like success
            raise PluginError(f"{who} is async def, or has such a function", hint="write def in place of async def")
        if action.api is not None and action.api not in apis:
            problem = f"{who} needs API {action.api!r}, which no installed plugin provides"
            raise PluginError(problem, hint=_leave_out(self.infos[owner]))
        if action.effect not in get_args(Effect):  # a misspelt "write" would be done in a dry run
            effects = ", ".join(get_args(Effect))
            raise PluginError(f"{who} has the effect {action.effect!r}", hint=f"the effects are: {effects}")
        if action.tokens and not action.yields:
            hint = "make it a generator, or leave tokens out"
            raise PluginError(f"{who} names its items' tokens but yields none", hint=hint)

    def check_tokens(self, apis: Mapping[str, Api]) -> None:
        """Raise PluginError for an API that could get the tokens of another plugin's service.

        It is the stranger's where one of the two is pinflow's own, else the one that came later.
        """
        owners = {api.id: self.infos[self._owner[f"api {api.id}"]] for api in apis.values()}
        for api in apis.values():
            if problem := token_problem(api):
                info = owners[api.id]
                raise PluginError(f"plugin {_who(info)}: API {api.id}: {problem}", hint=_leave_out(info))
        ordered = sorted(apis.values(), key=lambda api: not is_own(owners[api.id]))
        sources = {id: info.distribution or info.name for id, info in owners.items()}
        if (conflict := token_conflict(ordered, sources)) is not None:
            api, other, reason = conflict
            raise PluginError(
                f"plugin {_who(owners[api.id])}: API {api.id} could get the tokens of API {other.id} "
                f"({_who(owners[other.id])}): {reason}",
                hint=f"leave one of the plugins out: PINFLOW_DISABLE={owners[api.id].name}",
            )

    def executors(self) -> Mapping[str, Any]:
        factories: dict[str, Any] = {}
        for impl, answer in self._answers("pinflow_executors"):
            if not isinstance(answer, Mapping) or not all(callable(factory) for factory in answer.values()):
                raise self._wrong(impl, "pinflow_executors", "a mapping of names to factories", answer)
            for name, factory in answer.items():
                self._claim(impl.plugin_name, f"executor {name}")
                factories[name] = factory
        return factories

    def _answers(self, hook: str) -> Iterator[tuple[HookImpl, Any]]:
        """What each plugin's hook returns, in the order of registration (pluggy would call the latest first)."""
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                answer = call_hook(impl, environ=self._environ)
            except (Exception, SystemExit) as error:
                if ends_program(error):
                    raise
                who = self._describe(impl.plugin_name)
                words = harmless_words(error)
                raise PluginError(f"plugin {who}: {hook} failed: {type(error).__name__}: {words}") from error
            yield impl, answer

    def _check_list(self, answer: Any, impl: HookImpl, hook: str, kind: type[Any]) -> list[Any]:
        if not isinstance(answer, Iterable) or isinstance(answer, (str, Mapping)):
            raise self._wrong(impl, hook, f"a list of {kind.__name__}", answer)
        offers = list(answer)
        for offer in offers:
            if not isinstance(offer, kind):
                raise self._wrong(impl, hook, kind.__name__, offer)
        return offers

    def _claim(self, plugin: str, offer: str) -> None:
        other = self._owner.setdefault(offer, plugin)
        if other != plugin or offer in self.offers_of.get(plugin, ()):
            both = f"both {self._describe(other)} and " if other != plugin else ""
            raise PluginError(
                f"{offer} is offered twice, by {both}{self._describe(plugin)}",
                hint=f"rename one of them, or leave a plugin out: PINFLOW_DISABLE={plugin}",
            )
        self.offers_of.setdefault(plugin, []).append(offer)

    def _wrong(self, impl: HookImpl, hook: str, expected: str, answer: object) -> PluginError:
        return PluginError(
            f"plugin {self._describe(impl.plugin_name)}: {hook} must return {expected}, not {type(answer).__name__}"
        )

    def _describe(self, name: str) -> str:
        return _who(self.infos[name])
