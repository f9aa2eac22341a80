"""What an approval covers, and what of it has changed since.

The recipe with its includes, the inputs that were given, the bytes of the files that the
dry run read, the addresses of the APIs, the accounts of the tokens, pinflow, and the
plugins whose actions are used. Not covered: the values of secret inputs, what the
service has, and corrections of pinflow and of plugins that change the last part of
their version alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.errors import PinflowError, RecipeError
from pinflow.plan import all_steps
from pinflow.state.folder.written_files import content_digest
from pinflow.state.records import Coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.engine.witness import Witness
    from pinflow.plan import Plan
    from pinflow.plugin.registry import Registry
    from pinflow.state.records import Approval

_VERSION = 2  # of the facts that are digested
_OWN = "pinflow"


def digest_of(plan: Plan) -> str:
    """What is asked for: the recipe and its includes, the API, the inputs and tokens that were given, the folder."""
    folder = str(Path(plan.source.name).resolve().parent)
    facts = [_VERSION, plan.digest, plan.api, plan.forced_api, plan.public_inputs(), folder]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def coverage_of(plan: Plan, environ: Mapping[str, str], witness: Witness) -> Coverage:
    """What an approval of a plan covers, after the dry run that ``witness`` saw."""
    return Coverage(
        request=digest_of(plan),
        files=dict(witness.files),
        inputs={name: path for name, path in _file_inputs(plan).items() if path in witness.files},
        addresses=addresses_of(plan, environ),
        accounts=dict(witness.accounts),
        software=software_of(plan),
        texts=texts_of(plan),
    )


def texts_of(plan: Plan) -> dict[str, str]:
    """The digests of the texts of the recipe and its includes, by absolute path, as in `Coverage`."""
    outer = str(Path(plan.source.name).resolve())
    paths = [outer if name == plan.source.name else str(Path(name).absolute()) for name in plan.recipe_files]
    return {path: _sha256(text) for path, text in zip(paths, plan.texts, strict=True)}


def coverage_digest(coverage: Coverage) -> str:
    """What tells two approvals apart."""
    return hashlib.sha256(json.dumps(asdict(coverage), sort_keys=True).encode()).hexdigest()


def addresses_of(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    """Where the APIs of a plan's logins are, by their ids. Raises UsageError for an address that won't do."""
    apis = sorted({api for _, api in (*plan.logins, *plan.item_logins)})
    return {api: plan.registry.apis[api].base_url(environ) for api in apis}


def software_of(plan: Plan) -> dict[str, str]:
    """Pinflow, and the plugins whose actions a plan uses, with the first two parts of their versions.

    Local plugins are all there, since each may hear and change everything: with the digest of their text.
    """
    steps = all_steps((*plan.steps, *plan.finally_))
    offers = {f"action {step.action.full_name}" for step in steps if step.action is not None}
    software = {_OWN: _own_version()}
    for plugin in plan.registry.plugins:
        if plugin.file is not None:
            software[str(plugin.file)] = _file_digest(plugin.file) or ""  # gone since it was loaded
        elif not offers.isdisjoint(plugin.offers) and plugin.distribution != _OWN:
            software[plugin.distribution or plugin.name] = _minor(plugin.version)
    return software


def _file_inputs(plan: Plan) -> dict[str, str]:
    return {name: value for name, value in plan.inputs.items() if isinstance(value, str) and value in plan.files}


def _own_version() -> str:
    try:
        return _minor(version(_OWN))
    except PackageNotFoundError:
        return ""  # it runs from a folder that was never installed


def _minor(whole: str) -> str:
    return ".".join(whole.split(".")[:2])


def is_outdated(approval: Approval) -> bool:
    """Whether an earlier version of pinflow made it, so that it holds for nothing any more."""
    covers = approval.covers
    return covers is None or covers.software.get(_OWN) != _own_version()


def same_place(one: Approval, other: Approval) -> bool:
    """Whether one takes the place of the other: the same request for the same files at the same address."""
    if one.covers is None or other.covers is None or one.recipe != other.recipe:
        return False
    facts = [(covers.request, covers.files.keys(), covers.addresses) for covers in (one.covers, other.covers)]
    return facts[0] == facts[1]


def differences(covers: Coverage, plan: Plan, environ: Mapping[str, str]) -> Iterator[str]:
    """What is no longer as it was approved, in words; the accounts are not asked for."""
    yield from _changed_files(covers.files, _file_digest)
    named = _file_inputs(plan)
    for name, path in covers.inputs.items():
        if named.get(name) != path:
            yield f"input {name!r} became {named.get(name)} in place of {path}"
    for api, address in addresses_of(plan, environ).items():
        if (approved := covers.addresses.get(api)) != address:
            yield f"the address of API {api} became {address} in place of {approved}"
    software = software_of(plan)
    for name in sorted(software.keys() | covers.software.keys()):
        before, after = covers.software.get(name), software.get(name)
        if before != after:
            yield _software_difference(name, before, after)


def changes_on_disk(covers: Coverage, registry: Registry) -> list[str]:
    """What of the files and of the software isn't as it was approved, in words; the recipe need not make a plan.

    An approval's own recipe is not planned for this, since that may need secret inputs, which are stored nowhere.
    """
    changes = [*_changed_files(covers.texts, _text_digest_of_recipe), *_changed_files(covers.files, _file_digest)]
    now = {_OWN: _own_version()}
    for plugin in registry.plugins:
        if plugin.file is not None:
            now[str(plugin.file)] = _file_digest(plugin.file) or ""
        elif (name := plugin.distribution or plugin.name) in covers.software and name != _OWN:
            now[name] = _minor(plugin.version)
    names = sorted(now.keys() | covers.software.keys())
    pairs = [(name, covers.software.get(name), now.get(name)) for name in names]
    return changes + [_software_difference(name, before, after) for name, before, after in pairs if before != after]


def is_for_other_address(covers: Coverage, registry: Registry, environ: Mapping[str, str]) -> bool:
    """Whether it was approved for a service that is reached elsewhere now, such as a sandbox."""
    apis = {api: registry.apis[api] for api in covers.addresses if api in registry.apis}
    try:
        return {api: offer.base_url(environ) for api, offer in apis.items()} != covers.addresses
    except PinflowError:  # an address that won't do
        return True


def _changed_files(digests: Mapping[str, str], digest_now: Callable[[Path], str | None]) -> Iterator[str]:
    for path, digest in digests.items():
        now = digest_now(Path(path))
        if now != digest:
            yield f"{path} changed" if now is not None else f"{path} can't be read any more"


def _software_difference(name: str, before: str | None, after: str | None) -> str:
    if before is None:
        return f"the plugin {name} was added"
    if after is None:
        return f"the plugin {name} was taken away"
    if name.endswith(".py"):
        return f"the plugin {name} changed"
    return f"{name} became version {after} in place of {before}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _text_digest_of_recipe(path: Path) -> str | None:
    """The digest of a recipe's text as it is now; "" if it isn't a recipe any more, None if it is gone."""
    from pinflow.recipe.source import read  # a run by an approval does without

    try:
        return _sha256(read(path, str(path)).text)
    except RecipeError:
        return "" if path.is_file() else None


def _file_digest(path: Path) -> str | None:
    """The digest of a file as it is now; None if it can't be read. Opening a pipe would wait for its writer."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return content_digest(file)
    except OSError:
        return None
