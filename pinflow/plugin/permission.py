"""Which plugins of other distributions are loaded.

PINFLOW_PLUGINS names the distributions; unset, all are but those that offer credentials, which a person allows. Any
distribution on the path can have plugins, often one that was only pulled in by another, and what answers
``pinflow_credential`` chooses the token that signs. It is no wall against the code of a distribution, which runs as the
user from the moment that anything imports it; so one whose source says that it offers credentials is not imported.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
from types import CodeType
from typing import TYPE_CHECKING

from pinflow.errors import StateError, UsageError
from pinflow.lazy_dataclass import replace
from pinflow.plugin.registry import PluginInfo
from pinflow.state.folder import atomic_file, paths
from pinflow.state.folder.ownership import check_own_folder
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path

VARIABLE = "PINFLOW_PLUGINS"
CREDENTIAL = "pinflow_credential"

_OWN = "pinflow"
_FILE = "allowed-plugins.json"
_MOST = 5  # plugins in a hint: more are not read
_TO_ALLOW = "to allow that: "
_NOT_NAMED = f"{VARIABLE} doesn't name it"


def comparable(distribution: str) -> str:
    """A distribution's name in the form in which two spellings of it are equal."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def is_own(info: PluginInfo) -> bool:
    """Whether a plugin comes with pinflow."""
    return comparable(info.distribution) == _OWN


def allowed_file(environ: Mapping[str, str]) -> Path:
    """The file with the distributions that a person allowed to offer credentials."""
    return paths.state_folder(environ) / _FILE


class Permission:
    """Decides for each installed plugin, before and after its import, and remembers which were held back."""

    def __init__(self, environ: Mapping[str, str], installed: Sequence[PluginInfo]) -> None:
        self._installed = installed
        self._named: dict[str, str] | None = None  # distribution -> the word that names it
        if VARIABLE in environ:
            words = names_in(environ, VARIABLE)
            self._named = {name: word for word in words if (name := find_distribution(word, installed)) is not None}
        self._environ = environ
        self._allowed: frozenset[str] | None = None  # read when it first matters: most people have no such plugin
        self.held: list[PluginInfo] = list(_absent(names_in(environ, VARIABLE), installed))

    def may_import(self, info: PluginInfo) -> bool:
        """Whether the plugin may be imported, as far as that can be said without importing it."""
        if is_own(info):
            return True
        if self._named is not None:
            return comparable(info.distribution) in self._named or self._hold(info, self._reason(info, self._named))
        return not _claims_credentials(info) or self._is_allowed(info)

    def may_register(self, info: PluginInfo, hooks: Collection[str]) -> bool:
        """Whether the imported plugin may take part with these hooks: its source need not have told of them."""
        if is_own(info) or self._named is not None or CREDENTIAL not in hooks:
            return True
        return self._is_allowed(info)

    def _reason(self, info: PluginInfo, named: Mapping[str, str]) -> str:
        """Why a plugin that is not named doesn't load; it may have been meant."""
        if info.name not in named.values():
            return _NOT_NAMED
        return f"{info.name} in {VARIABLE} is the distribution of that name, not {info.distribution}"

    def _is_allowed(self, info: PluginInfo) -> bool:
        if self._allowed is None:
            self._allowed = read_allowed(allowed_file(self._environ))
        leads_here = _owners(info.name, self._installed) == [comparable(info.distribution)]
        name = info.name if leads_here else info.distribution
        return _release(info) in self._allowed or self._hold(
            info, f"it offers credentials; {_TO_ALLOW}pinflow plugins allow {name}"
        )

    def _hold(self, info: PluginInfo, reason: str) -> bool:
        self.held.append(replace(info, held=reason))
        return False


def read_allowed(file: Path) -> frozenset[str]:
    """The releases that may offer credentials, such as "acme-pins 1.2".

    Raises StateError for a file that others can change, or a damaged one.
    """
    check_own_folder(file.parent, otherwise="or name a folder of your own with PINFLOW_STATE_DIR")
    content = atomic_file.read(file)
    if content is None:
        return frozenset()
    try:
        releases = json.loads(content)["allowed"]
        return frozenset(release for release in releases if isinstance(release, str))
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise StateError(f"{file} is damaged", hint="remove it, and allow the plugins again") from error


def write_allowed(environ: Mapping[str, str], info: PluginInfo, *, allow: bool) -> bool:
    """Allow a plugin's release to offer credentials, or take that back; whether it changed. Raises StateError."""
    file = allowed_file(environ)
    before = read_allowed(file)
    after = before | {_release(info)} if allow else before - _releases_of(info, before)
    if after != before:
        atomic_file.write(file, json.dumps({"allowed": sorted(after)}).encode())
    return after != before


def names_in(environ: Mapping[str, str], variable: str) -> list[str]:
    """The names in a variable that lists plugins, separated by commas."""
    return list(dict.fromkeys(filter(None, map(str.strip, environ.get(variable, "").split(",")))))


def _absent(words: Iterable[str], installed: Sequence[PluginInfo]) -> Iterator[PluginInfo]:
    """What the variable names and nobody installed: a name alone, with the reason."""
    known = {name for info in installed for name in (info.name, comparable(info.distribution))}
    for word in words:
        if word not in known and comparable(word) not in known:
            reason = f"{VARIABLE} names it, and no such plugin is installed{did_you_mean(word, sorted(known))}"
            yield PluginInfo(word, "", "", "", held=reason)


def where_else(held: Sequence[PluginInfo], *, what: str = ", and may have it") -> str:
    """The hint for a name that nothing loaded has: what is not loaded, and how it gets loaded; "" if all is.

    ``what`` goes on about a plugin that is installed.
    """
    return "; ".join(f"{_state(info)}{what if info.distribution else ''}: {_remedy(info)}" for info in held[:_MOST])


def _state(info: PluginInfo) -> str:
    return f"the plugin {info.name} is {'installed and ' if info.distribution else ''}not loaded"


def _remedy(info: PluginInfo) -> str:
    """What a person does to have it loaded; of one that is not installed, why it is not."""
    if not info.distribution:
        return info.held
    if info.held == _NOT_NAMED:
        return f"add it to {VARIABLE}"
    _, allowed, command = info.held.partition(_TO_ALLOW)
    return command if allowed else f"add {info.distribution} to {VARIABLE}"


def held_notes(held: Iterable[PluginInfo]) -> Iterator[str]:
    """What a person is told of plugins that nobody decided about yet, and of names that are none's."""
    for info in held:
        if not info.distribution:
            yield f"warning: {_state(info)}: {_remedy(info)}"
        elif info.held != _NOT_NAMED:
            yield (
                f"note: the plugin {info.name} ({info.distribution} {info.version}) is not loaded: {info.held}; to "
                f"leave it out: PINFLOW_DISABLE={info.name}"
            )


def find_distribution(word: str, installed: Iterable[PluginInfo]) -> str | None:
    """The distribution that a person means by ``word``, in comparable form; None if there is none.

    Its own name comes first, so that no plugin can take it; else it is the name of a plugin that only one distribution
    has. Raises UsageError where several have it.
    """
    owners = _owners(word, installed)
    if len(owners) > 1:
        raise UsageError(
            f"{word[:40]!r} is the name of a plugin of {' and of one of '.join(owners)}",
            hint="name the distribution that you mean",
        )
    return owners[0] if owners else None


def _owners(word: str, installed: Iterable[PluginInfo]) -> list[str]:
    plugins = list(installed)
    distributions = {comparable(info.distribution) for info in plugins}
    if comparable(word) in distributions:
        return [comparable(word)]
    return sorted({comparable(info.distribution) for info in plugins if info.name == word})


def _release(info: PluginInfo) -> str:
    """What a permission is for: a patch release keeps it, a larger one is looked at again."""
    return f"{comparable(info.distribution)} {'.'.join(info.version.split('.')[:2])}"


def _releases_of(info: PluginInfo, releases: Iterable[str]) -> frozenset[str]:
    return frozenset(release for release in releases if release.split(" ")[0] == comparable(info.distribution))


def _claims_credentials(info: PluginInfo) -> bool:
    """Whether the source of a plugin's module names the credential hook. Nothing of it is executed."""
    spec = _find_spec(info.module.partition(":")[0])
    loader = spec.loader if spec is not None else None
    if spec is None or not isinstance(loader, importlib.machinery.SourceFileLoader):
        return False  # it can't be read: then its hooks are looked at when it was imported
    try:
        source = loader.get_data(loader.get_filename(spec.name))
        return CREDENTIAL.encode() in source and _names_credential(loader.source_to_code(source, spec.name))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False  # the import says what is wrong with it


def _names_credential(code: CodeType) -> bool:
    """Whether code has the hook as a name or a text, in anything that it defines. A comment or a docstring is none."""
    if CREDENTIAL in (code.co_name, *code.co_names, *code.co_varnames):
        return True
    defined = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return CREDENTIAL in code.co_consts or any(map(_names_credential, defined))


def _find_spec(module: str) -> ModuleSpec | None:
    """Where a module is. Unlike importlib's own search it imports none of the packages above it."""
    first, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
        for part in below:
            if spec is None:
                return None
            spec = importlib.machinery.PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
    except (ImportError, ValueError):
        return None
    return spec
