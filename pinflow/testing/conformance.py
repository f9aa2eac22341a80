"""Whether a plugin keeps the contract: what each action declares, and what it then does to the sandbox.

Every recipe that uses an action of the plugin, with its inputs' examples, is a case:
those beside or inside its package, those that come with pinflow, and those that are
named. Each is run dry, run for real, and killed and resumed, every time against a
sandbox of its own, in a time of its own.
"""

from __future__ import annotations

import os
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from pinflow.errors import DOUBT, PinflowError, UsageError
from pinflow.events import to_json
from pinflow.http.retry import READS
from pinflow.plan import all_steps
from pinflow.recipe.bundled import bundled_recipes
from pinflow.testing import guards
from pinflow.testing.declarations import declared_badly, misfits, place_of, undeclared
from pinflow.testing.leaks import Ears, found_in, secrets_of
from pinflow.testing.project import Killed, Project
from pinflow.testing.recorder import Seen, Watch
from pinflow.testing.state_diff import difference, essence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pinflow.engine.results import RunResult
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import PluginInfo, Registry

KILLS = 3  # of each recipe and kind: in the beginning, in the middle, at the end
_LARGEST = 1 << 20  # bytes of a file beside a recipe that it may read


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: by which rule, with which action, and where it was seen."""

    action: str  # its full name
    rule: str  # "read", "dry-run", "resume", "secret", "scope", "quota", "output", "description", "types", "run"
    what: str
    where: str  # a recipe, or file:line


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a check. ``notes`` are worth knowing, and break nothing."""

    plugin: str
    actions: tuple[str, ...]
    exercised: tuple[str, ...]
    recipes: tuple[str, ...]
    runs: int
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def not_exercised(self) -> tuple[str, ...]:
        """The actions that no recipe used, so that only their declarations were looked at."""
        return tuple(name for name in self.actions if name not in self.exercised)


def check_plugin(
    name: str,
    *,
    recipes: Iterable[Path] = (),
    files: Iterable[Path] = (),
    plugins: Iterable[object] = (),
    disabled: Iterable[str] = (),
    kills: int = KILLS,
) -> Report:
    """Check the plugin of this name. Raises UsageError if there is none, PluginError for one that does not load.

    ``recipes`` are further cases, files or folders; ``files`` and ``plugins`` are
    plugins that are not installed; ``kills`` is how often a run of each is killed,
    once right after an effect and once before its answer is recorded.
    """
    opened = partial(
        Project, files=tuple(path.resolve() for path in files), plugins=tuple(plugins), disabled=tuple(disabled)
    )
    with TemporaryDirectory(prefix="pinflow-check-") as folder, opened(Path(folder)) as project:
        registry = project.app().registry
        info = _plugin(registry, name)
        check = _Check(info, registry, opened, kills)
        check.declarations()
        for case in _cases(project, info, check.mine, recipes, check.find):
            check.case(case)
        return check.report()


def _plugin(registry: Registry, name: str) -> PluginInfo:
    from pinflow.suggestions import nearest

    found = {each.name: each for each in registry.plugins}
    if name not in found:
        near = nearest(name, found)
        meant = f"; did you mean {near!r}?" if near else ""
        raise UsageError(f"there is no plugin {name!r}{meant}", hint="pinflow plugins lists them")
    return found[name]


# which recipes


@dataclass(frozen=True, slots=True)
class Case:
    """A recipe that uses actions of the plugin, on one API."""

    path: Path
    api: str | None  # None: the recipe's own
    shown: str


def _cases(
    project: Project,
    info: PluginInfo,
    mine: Sequence[Action],
    named: Iterable[Path],
    find: Callable[[Finding], None],
) -> Iterator[Case]:
    own = dict.fromkeys(each.resolve() for each in (*_recipes(named), *_recipes(_own_folders(info))))
    bundled = [each.resolve() for each in project.app().recipes()]
    names = {each.full_name for each in mine}
    apis = [None, *sorted({each.api for each in mine if each.api is not None})]
    for path in dict.fromkeys((*own, *bundled)):
        mistakes: list[PinflowError] = []
        for api in apis:
            try:
                plan = project.plan(path, examples=True, api=api)
            except PinflowError as error:
                mistakes.append(error)
                continue
            if names & {step.action.full_name for step in all_steps((*plan.steps, *plan.finally_)) if step.action}:
                yield Case(path, api, _shown(path))
                break
        if len(mistakes) == len(apis) and path not in bundled:
            find(Finding("", "run", _one_line(mistakes[0]), _shown(path)))


def _shown(path: Path) -> str:
    """A recipe's path as short as it can be told: below here, or its name where it comes with pinflow."""
    if path.parent == bundled_recipes().resolve():
        return path.stem
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _recipes(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if not place.exists():
            raise UsageError(f"there is no {place}", hint="name a recipe, or a folder of recipes")
        yield from sorted(place.glob("*.yaml")) if place.is_dir() else [place]


def _own_folders(info: PluginInfo) -> Iterator[Path]:
    """Where a plugin keeps its recipes: inside its package, or beside it; a local plugin's lie beside its file."""
    from importlib.util import find_spec

    module = info.module.partition(":")[0]
    folders: list[Path] = []
    if module.endswith(".py"):
        folders = [Path(module).parent]
    elif info.distribution and (spec := find_spec(module)) is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        above = [folder for folder in (package.parent, package.parent.parent) if (folder / "pyproject.toml").is_file()]
        folders = [package, *above]
    yield from (each / "recipes" for each in folders if (each / "recipes").is_dir())


# what is looked at


class _Check:
    """One check of one plugin, as far as it is."""

    def __init__(self, info: PluginInfo, registry: Registry, opened: Callable[[Path], Project], kills: int) -> None:
        offered = {each.removeprefix("action ") for each in info.offers if each.startswith("action ")}
        self.mine = [each for each in registry.actions.values() if each.full_name in offered]
        self._info = info
        self._registry = registry
        self._opened = opened
        self._kills = kills
        self._names = {each.full_name for each in self.mine}
        self._deleting = {each.full_name for each in self.mine if each.destructive}
        self._findings: dict[tuple[str, str, str], Finding] = {}
        self._notes: dict[tuple[str, str], Finding] = {}
        self._exercised: set[str] = set()
        self._recipes: list[str] = []
        self._runs = 0

    def report(self) -> Report:
        return Report(
            plugin=self._info.name,
            actions=tuple(sorted(self._names)),
            exercised=tuple(sorted(self._exercised)),
            recipes=tuple(self._recipes),
            runs=self._runs,
            findings=tuple(sorted(self._findings.values(), key=lambda each: (each.action, each.rule, each.what))),
            notes=tuple(self._notes.values()),
        )

    def find(self, finding: Finding) -> None:
        self._findings.setdefault((finding.action, finding.rule, finding.what), finding)

    def declarations(self) -> None:
        for action in self.mine:
            for rule, what in declared_badly(action):
                self.find(Finding(action.full_name, rule, what, place_of(action)))

    def case(self, case: Case) -> None:
        """Everything that one recipe can show."""
        self._recipes.append(case.shown)
        self._dry(case)
        with self._trial(case, compare=lambda action: action.effect == "read") as trial:
            result = trial.run()
            for seen in trial.watch.seen:
                self._exercised.add(seen.action.full_name)
                self._judge(seen, case)
            if result is None or not result.ok:
                return
            effects = [event.step for event in trial.project.told("EffectDone")]
            after = _After(trial.project.held(), _counts(trial.project))
        own = {seen.step: seen.action.full_name for seen in trial.watch.seen}
        whole = [(number, own[step]) for number, step in enumerate(effects, 1) if step in own]
        for number, name in _spread(whole, self._kills):
            self._killed(case, name, after, number)
        lost = [(number, name) for number, (_, name) in enumerate(whole, 1)]
        for number, name in _spread(lost, self._kills):
            self._lost(case, name, after, number)

    def _dry(self, case: Case) -> None:
        with self._trial(case, compare=lambda action: True) as trial:
            trial.run(dry_run=True)
            for seen in trial.watch.seen:
                if seen.changed:
                    what = "changes the service, or a file, in a dry run: write with ctx.once or ctx.each alone"
                    self.find(Finding(seen.action.full_name, "dry-run", what, case.shown))

    def _judge(self, seen: Seen, case: Case) -> None:
        """What one call shows of its action."""
        name, action = seen.action.full_name, seen.action
        found = partial(self._found, name, where=f"{case.shown}, step {seen.step}")
        written = [f"{method} {path}" for _, method, path in seen.requests if method not in READS]
        if action.effect == "read" and (written or seen.changed):
            how = written[0] if written else "the service holds something else afterwards"
            found("read", f'is marked as reading, and writes ({how}): it needs effect="write"')
        api = self._registry.apis.get(action.api or "")
        for role, method, path in seen.requests:
            facts = api.operation(method, path) if api is not None else None
            if facts is None:
                continue
            if lacking := sorted(facts.scopes - action.scopes.get(role, frozenset())):
                found("scope", f"calls {facts.id}, which needs the scope {', '.join(lacking)}: declare it in scopes")
            if facts.category not in action.quota:
                found("quota", f"calls {facts.id}, which counts as {facts.category}: declare it in quota")
        if seen.error is None:
            schema = action.parameters.output_schema()
            for output in seen.outputs:
                for what in misfits(output, schema):
                    found("output", what)
                if more := undeclared(output, schema):
                    what = f"gives fields that are not declared, so that no recipe can use them: {', '.join(more)}"
                    self._notes.setdefault((name, "undeclared"), Finding(name, "output", what, case.shown))

    def _found(self, action: str, rule: str, what: str, *, where: str) -> None:
        self.find(Finding(action, rule, what, where))

    def _killed(self, case: Case, name: str, whole: _After, number: int) -> None:
        """Kill right after an effect is recorded, resume, and compare."""
        with self._trial(case) as trial:
            if trial.run(kill=number) is None:
                self._resume(trial, case, name, whole, f"killed after effect {number}")

    def _lost(self, case: Case, name: str, whole: _After, number: int) -> None:
        """Kill when an effect has its answer and nobody knows of it, resume, and compare."""
        with self._trial(case, lose=number) as trial:
            if trial.run(kill=-1) is None:
                self._resume(trial, case, name, whole, f"killed before the answer of effect {number} was recorded")

    def _resume(self, trial: Trial, case: Case, name: str, whole: _After, when: str) -> None:
        result = trial.run(resume=True)
        if result is None:
            return
        if result.exit_code == DOUBT:
            what = "stops in doubt where an answer was lost: give ctx.once a find that looks on the target"
            self._notes.setdefault((name, what), Finding(name, "resume", what, case.shown))
            return
        if not result.ok:
            found = Finding(name, "resume", f"{when}, it can't be resumed: {_one_line(result.error)}", case.shown)
            if name in self._deleting:  # what is deleted can't be read again
                self._notes.setdefault((name, case.shown), found)
            else:
                self.find(found)
            return
        held, counts = trial.project.held(), _counts(trial.project)
        if held and essence(held) != essence(whole.held):
            self.find(Finding(name, "resume", f"{when} and resumed: {difference(whole.held, held)}", case.shown))
        elif counts != whole.counts:
            what = f"{when} and resumed, it made {_said(counts)} instead of {_said(whole.counts)}"
            if held:  # the service knows better
                what += "; no mistake, as the service holds the same"
                self._notes.setdefault((name, "counts"), Finding(name, "resume", what, case.shown))
            else:
                self.find(Finding(name, "resume", what, case.shown))

    # one run

    @contextmanager
    def _trial(
        self, case: Case, *, compare: Callable[[Action], bool] = lambda action: False, lose: int = 0
    ) -> Iterator[Trial]:
        """A recipe on a fresh desk; whatever was written there is searched for secrets at the end."""
        with TemporaryDirectory(prefix="pinflow-check-") as folder, self._opened(Path(folder)) as project:

            def state() -> object:
                return project.held(), _files(project.folder)

            watch = Watch(lambda action: action.full_name in self._names, state=state, compare=compare, lose=lose)
            project.offered = watch.over
            trial = Trial(project, watch, _brought(case.path, project.folder), case)
            yield trial
            self._runs += trial.runs
            self._trouble(trial, case)
            self._secrets(trial, case)

    def _trouble(self, trial: Trial, case: Case) -> None:
        """What ended a run that should have come to its end."""
        for what in trial.trouble:
            failed = next((seen.action.full_name for seen in reversed(trial.watch.seen) if seen.error), "")
            self.find(Finding(failed or next(iter(sorted(self._names)), ""), "run", what, case.shown))

    def _secrets(self, trial: Trial, case: Case) -> None:
        secrets = secrets_of(trial.project.variables)
        steps = {seen.step: seen.action.full_name for seen in trial.watch.seen}
        said = [
            *((seen.step, "its output", repr(seen.outputs)) for seen in trial.watch.seen),
            *((seen.step, "an exception", _error_text(seen.error)) for seen in trial.watch.seen if seen.error),
            *((getattr(event, "step", ""), "an event", repr(to_json(event))) for event in trial.events),
            *((step, "a line of the log", text) for step, text in trial.ears.logged),
            *((step, "what it prints", text) for step, text in trial.ears.printed),
        ]
        for step, where, text in said:
            if step in steps and found_in(text.encode(errors="replace"), secrets):
                what = f"lets a token out in {where}"
                self.find(Finding(steps[step], "secret", what, f"{case.shown}, step {step}"))
        for path in _files(Path(trial.project.state.parent)):
            if found_in(Path(path).read_bytes(), secrets):
                what = f"lets a token out in a file: {Path(path).name}"
                self.find(Finding(next(iter(steps.values()), ""), "secret", what, case.shown))


class Trial:
    """A desk with one recipe on it, and what became of its runs."""

    def __init__(self, project: Project, watch: Watch, path: Path, case: Case) -> None:
        self.project = project
        self.watch = watch
        self.ears = Ears()
        self.events: list[Any] = []
        self.trouble: list[str] = []
        self.runs = 0
        self._path = path
        self._api = case.api

    def run(self, *, dry_run: bool = False, kill: int = 0, resume: bool = False) -> RunResult | None:
        """The run's result; None if it was killed as asked, or ended in a way that no run should (``trouble``)."""
        self.runs += 1
        result: RunResult | None = None
        try:
            # a file that a recipe names is looked for from here, and what goes to the home is looked at as well
            home = self.project.folder / "home"
            home.mkdir(exist_ok=True)
            with (
                chdir(self.project.folder),
                guards.other_home(home, os.environ, ()),
                guards.loopback_only(_stray),
                self.ears.listening(),
            ):
                result = self._started(dry_run=dry_run, kill=kill, resume=resume)
        except Killed:
            pass
        except _Stray as error:
            self.trouble.append(str(error))
        except PinflowError as error:
            self.trouble.append(f"it can't be run: {_one_line(error)}")
        except Exception as error:  # a plugin's own defect, of whatever kind
            self.trouble.append(f"it breaks the run: {type(error).__name__}: {error}")
        self.events += self.project.events
        if result is not None and not result.ok and not resume:
            what = "dry run" if dry_run else "run"
            self.trouble.append(f"the {what} ends as {result.status}: {_one_line(result.error)}")
        return result

    def _started(self, *, dry_run: bool, kill: int, resume: bool) -> RunResult | None:
        if resume:
            return self.project.resume(patience=86_400.0)
        given: dict[str, Any] = {"examples": True, "api": self._api, "patience": 86_400.0}
        if kill > 0:
            self.project.kill(self._path, after=kill, **given)
            return None
        return self.project.run(self._path, dry_run=dry_run, **given)


@dataclass(frozen=True, slots=True)
class _After:
    """What an uninterrupted run leaves."""

    held: object
    counts: dict[str, int]


class _Stray(BaseException):
    """A plugin wants to reach another machine. No Exception: nothing may take it for a broken network."""


def _stray(why: str) -> NoReturn:
    raise _Stray(why.replace("this test", "it"))


def _counts(project: Project) -> dict[str, int]:
    """How many effects of each kind the last run's journal knows as done."""
    record = project.app().runs()[0]
    counts = project.app().show(record.id).counts
    return {kind: sum(of.get(outcome, 0) for outcome in ("done", "adopted")) for kind, of in counts.items()}


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind or 'effects'}" for kind, number in sorted(counts.items())) or "nothing"


def _spread(points: Sequence[tuple[int, str]], most: int) -> list[tuple[int, str]]:
    """So many of the points, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    if most <= 1:
        return list(points[len(points) // 2 :][:most])
    return [points[round(index * (len(points) - 1) / (most - 1))] for index in range(most)]


def _brought(path: Path, folder: Path) -> Path:
    """A copy of a recipe and of the small files beside it: what a run writes there is nobody's."""
    for each in path.parent.iterdir():
        if each.is_file() and each.stat().st_size <= _LARGEST:
            (folder / each.name).write_bytes(each.read_bytes())
    return folder / path.name


def _files(folder: Path) -> dict[str, int]:
    """Every file below a folder, with when it was changed (nanoseconds)."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def _one_line(error: object) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines())


def _error_text(error: BaseException) -> str:
    return f"{error} {getattr(error, 'hint', '')}"
