"""Checks that a plugin keeps the contract: compares what each action declares with what it does to the sandbox.

Every recipe that uses an action of the plugin, with its inputs' examples, is a case: those beside or inside the
plugin's package, those that come with pinflow, and those that are named. Each is run dry, run for real, and killed
and resumed, each time against its own sandbox and with its own clock.
"""

from __future__ import annotations

import os
from contextlib import chdir, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from pinflow.errors import DOUBT, PinflowError, UsageError
from pinflow.events import to_json
from pinflow.http.retry import READS
from pinflow.lazy_dataclass import dataclass
from pinflow.masking.known import secrets_shown
from pinflow.plan import all_steps
from pinflow.recipe.bundled import bundled_recipes
from pinflow.suggestions import did_you_mean
from pinflow.testing import guards
from pinflow.testing.declarations import declaration_problems, place_of, shape_problems, undeclared_fields
from pinflow.testing.leaks import OutputCapture, contains_secret, secrets_of
from pinflow.testing.project import Killed, Project
from pinflow.testing.recorder import CallRecord, Recorder
from pinflow.testing.state_diff import comparable, difference_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pinflow.engine.results import RunResult
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import PluginInfo, Registry

KILLS = 3  # of each recipe and kind: at the start, in the middle, at the end
_LARGEST = 1 << 20  # bytes; larger files beside a recipe are not copied for it, as that would slow every run


@dataclass(frozen=True, slots=True)
class ConformanceFinding:
    """A violation of the contract: the action, the rule, and where it was seen."""

    action: str  # its full name
    rule: str  # "read", "dry-run", "resume", "secret", "scope", "quota", "output", "description", "types", "run"
    what: str
    where: str  # a recipe, or file:line


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceReport:
    """The result of a check. ``findings`` break the contract, ``notes`` do not."""

    plugin: str
    actions: tuple[str, ...]
    exercised: tuple[str, ...]
    recipes: tuple[str, ...]
    runs: int
    findings: tuple[ConformanceFinding, ...]
    notes: tuple[ConformanceFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings

    @property
    def not_exercised(self) -> tuple[str, ...]:
        """The actions that no recipe uses, so that only their declarations were checked."""
        return tuple(name for name in self.actions if name not in self.exercised)


def check_plugin(
    name: str,
    *,
    recipes: Iterable[Path] = (),
    files: Iterable[Path] = (),
    plugins: Iterable[object] = (),
    disabled: Iterable[str] = (),
    kills: int = KILLS,
) -> ConformanceReport:
    """Check the plugin of this name. Raises UsageError for an unknown plugin, PluginError if it can't be loaded.

    ``recipes`` are more cases, as files or folders; ``files`` and ``plugins`` are plugins that are not installed.
    ``kills`` is how many of each recipe's runs are killed right after an effect, and how many before its answer is
    recorded.
    """
    open_project = partial(
        Project, files=tuple(path.resolve() for path in files), plugins=tuple(plugins), disabled=tuple(disabled)
    )
    with TemporaryDirectory(prefix="pinflow-check-") as folder, open_project(Path(folder)) as project:
        registry = project.app().registry
        info = _plugin(registry, name)
        check = _PluginCheck(info, registry, open_project, kills)
        check.declarations()
        for case in _find_cases(project, info, check.actions, recipes, check.find):
            check.case(case)
        return check.report()


def _plugin(registry: Registry, name: str) -> PluginInfo:
    plugins = {plugin.name: plugin for plugin in registry.plugins}
    if name not in plugins:
        message = f"unknown plugin {name!r}{did_you_mean(name, plugins)}"
        raise UsageError(message, hint="pinflow plugins lists them")
    return plugins[name]


# recipes


@dataclass(frozen=True, slots=True)
class Case:
    """A recipe that uses actions of the plugin, on one API."""

    path: Path
    api: str | None  # None: the recipe's own
    shown: str


def _find_cases(
    project: Project,
    info: PluginInfo,
    actions: Sequence[Action],
    recipes: Iterable[Path],
    find: Callable[[ConformanceFinding], None],
) -> Iterator[Case]:
    offered = project.app().registry.recipes
    files = [file for name, file in offered.items() if f"recipe {name}" in info.offers]
    own = dict.fromkeys(path.resolve() for path in _recipe_files([*recipes, *files, *_own_folders(info)]))
    bundled = [path.resolve() for path in project.app().recipes()]
    names = {action.full_name for action in actions}
    apis = [None, *sorted({action.api for action in actions if action.api is not None})]
    for path in dict.fromkeys((*own, *bundled)):
        mistakes: list[PinflowError] = []
        for api in apis:
            try:
                plan = project.plan(path, examples=True, api=api)
            except PinflowError as error:
                mistakes.append(error)
                continue
            if names & {step.action.full_name for step in all_steps((*plan.steps, *plan.finally_)) if step.action}:
                yield Case(path, api, _short_path(path))
                break
        if len(mistakes) == len(apis) and path not in bundled:
            find(ConformanceFinding("", "run", _one_line(mistakes[0]), _short_path(path)))


def _short_path(path: Path) -> str:
    """A recipe's path for people: relative to the current folder, or the name of a bundled recipe."""
    if path.parent == bundled_recipes().resolve():
        return path.stem
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _recipe_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist", hint="name a recipe, or a folder of recipes")
        yield from sorted(path.glob("*.yaml")) if path.is_dir() else [path]


def _own_folders(info: PluginInfo) -> Iterator[Path]:
    """The folders of a plugin's recipes: inside its package or beside it, or beside the file of a local plugin."""
    from importlib.util import find_spec

    module = info.module.partition(":")[0]
    folders: list[Path] = []
    if module.endswith(".py"):
        folders = [Path(module).parent]
    elif info.distribution and (spec := find_spec(module)) is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        parents = [
            folder for folder in (package.parent, package.parent.parent) if (folder / "pyproject.toml").is_file()
        ]
        folders = [package, *parents]
    yield from (folder / "recipes" for folder in folders if (folder / "recipes").is_dir())


# checks


class _PluginCheck:
    """One check of one plugin: what was found so far."""

    def __init__(
        self, info: PluginInfo, registry: Registry, open_project: Callable[[Path], Project], kills: int
    ) -> None:
        names = {offer.removeprefix("action ") for offer in info.offers if offer.startswith("action ")}
        self.actions = [action for action in registry.actions.values() if action.full_name in names]
        self._info = info
        self._registry = registry
        self._open_project = open_project
        self._kills = kills
        self._names = {action.full_name for action in self.actions}
        self._deleting = {action.full_name for action in self.actions if action.destructive}
        self._findings: dict[tuple[str, str, str], ConformanceFinding] = {}
        self._notes: dict[tuple[str, str], ConformanceFinding] = {}
        self._exercised: set[str] = set()
        self._recipes: list[str] = []
        self._runs = 0

    def report(self) -> ConformanceReport:
        return ConformanceReport(
            plugin=self._info.name,
            actions=tuple(sorted(self._names)),
            exercised=tuple(sorted(self._exercised)),
            recipes=tuple(self._recipes),
            runs=self._runs,
            findings=tuple(
                sorted(self._findings.values(), key=lambda finding: (finding.action, finding.rule, finding.what))
            ),
            notes=tuple(self._notes.values()),
        )

    def find(self, finding: ConformanceFinding) -> None:
        self._findings.setdefault((finding.action, finding.rule, finding.what), finding)

    def declarations(self) -> None:
        for action in self.actions:
            for rule, what in declaration_problems(action):
                self.find(ConformanceFinding(action.full_name, rule, what, place_of(action)))

    def case(self, case: Case) -> None:
        """Run everything for one recipe."""
        self._recipes.append(case.shown)
        self._dry(case)
        with self._trial(case, compare=lambda action: action.effect == "read") as trial:
            result = trial.run()
            for call in trial.recorder.calls:
                self._exercised.add(call.action.full_name)
                self._check_call(call, case)
            if result is None or not result.ok:
                return
            effects = [event.step for event in trial.project.events_of("EffectDone")]
            final = _FinalState(trial.project.sandbox_state(), _counts(trial.project))
        names = {call.step: call.action.full_name for call in trial.recorder.calls}
        own = [(number, names[step]) for number, step in enumerate(effects, 1) if step in names]
        for number, name in _choose_points(own, self._kills):
            self._check_kill(case, name, final, kill=number, when=f"killed after effect {number}")
        # the recorder counts only the effects of these actions
        for number, name in _choose_points([(n, name) for n, (_, name) in enumerate(own, 1)], self._kills):
            when = f"killed before the answer of effect {number} was recorded"
            self._check_kill(case, name, final, kill=-1, lose=number, when=when)

    def _dry(self, case: Case) -> None:
        with self._trial(case, compare=lambda action: True) as trial:
            trial.run(dry_run=True)
            for call in trial.recorder.calls:
                if call.changed:
                    what = "changes the service or a file in a dry run: make all changes in ctx.once or ctx.each"
                    self.find(ConformanceFinding(call.action.full_name, "dry-run", what, case.shown))

    def _check_call(self, call: CallRecord, case: Case) -> None:
        """Compare one call with the declarations of its action."""
        name, action = call.action.full_name, call.action

        def find(rule: str, what: str) -> None:
            self.find(ConformanceFinding(name, rule, what, f"{case.shown}, step {call.step}"))

        writes = [f"{method} {path}" for _, method, path in call.requests if method not in READS]
        if action.effect == "read" and (writes or call.changed):
            change = writes[0] if writes else "the service has other data afterwards"
            find("read", f'declares effect="read", but writes ({change}): it needs effect="write"')
        api = self._registry.apis.get(action.api or "")
        for role, method, path in call.requests:
            facts = api.operation(method, path) if api is not None else None
            if facts is None:
                continue
            if lacking := sorted(facts.scopes - action.scopes.get(role, frozenset())):
                find("scope", f"calls {facts.id}, which needs the scope {', '.join(lacking)}: declare it in scopes")
            if facts.category not in action.quota:
                find("quota", f"calls {facts.id}, which counts as {facts.category}: declare it in quota")
        if call.error is None:
            schema = action.parameters.output_schema()
            for output in call.outputs:
                for what in shape_problems(output, schema):
                    find("output", what)
                if more := undeclared_fields(output, schema):
                    what = f"returns undeclared fields, which recipes can't use: {', '.join(more)}"
                    self._note("undeclared", ConformanceFinding(name, "output", what, case.shown))

    def _note(self, topic: str, finding: ConformanceFinding) -> None:
        """Note something harmless, once for each action and topic."""
        self._notes.setdefault((finding.action, topic), finding)

    def _check_kill(self, case: Case, name: str, final: _FinalState, *, kill: int, lose: int = 0, when: str) -> None:
        """Kill right after an effect is recorded, or (``lose``) before its answer is; resume, and compare."""
        with self._trial(case, lose=lose) as trial:
            if trial.run(kill=kill) is None:
                self._check_resume(trial, case, name, final, when)

    def _check_resume(self, trial: Trial, case: Case, name: str, final: _FinalState, when: str) -> None:
        result = trial.run(resume=True)
        if result is None:
            return
        if result.exit_code == DOUBT:
            what = "ends with an unknown outcome after a lost answer: give ctx.once a find that checks the target"
            self._note(what, ConformanceFinding(name, "resume", what, case.shown))
            return
        topic = ""  # of a difference that is harmless
        state, counts = trial.project.sandbox_state(), _counts(trial.project)
        if not result.ok:
            what = f"{when}, it can't be resumed: {_one_line(result.error)}"
            topic = case.shown if name in self._deleting else ""  # what is deleted can't be read again
        elif state and comparable(state) != comparable(final.state):
            what = f"{when} and resumed: {difference_text(final.state, state)}"
        elif counts != final.counts:
            what = f"{when} and resumed, it made {_counts_text(counts)} instead of {_counts_text(final.counts)}"
            if state:  # the service's state is the better proof
                what, topic = f"{what}; harmless, because the service has the same data", "counts"
        else:
            return
        finding = ConformanceFinding(name, "resume", what, case.shown)
        if topic:
            self._note(topic, finding)
        else:
            self.find(finding)

    # one run

    @contextmanager
    def _trial(
        self, case: Case, *, compare: Callable[[Action], bool] = lambda action: False, lose: int = 0
    ) -> Iterator[Trial]:
        """A recipe in a new project. At the end, everything that was written there is searched for secrets."""
        folder = TemporaryDirectory(prefix="pinflow-check-")
        with secrets_shown(), folder as path, self._open_project(Path(path)) as project:

            def state() -> object:
                return project.sandbox_state(), _files(project.folder)

            names = self._names
            recorder = Recorder(lambda action: action.full_name in names, state=state, compare=compare, lose=lose)
            project.wrap_action = recorder.wrap
            trial = Trial(project, recorder, _copy_recipe(case.path, project.folder), case)
            yield trial
            self._runs += trial.runs
            self._check_failures(trial, case)
            self._check_secrets(trial, case)

    def _check_failures(self, trial: Trial, case: Case) -> None:
        """Report what ended runs that should not have failed."""
        for failure in trial.failures:
            name = next((call.action.full_name for call in reversed(trial.recorder.calls) if call.error), "")
            self.find(ConformanceFinding(name or next(iter(sorted(self._names)), ""), "run", failure, case.shown))

    def _check_secrets(self, trial: Trial, case: Case) -> None:
        secrets = secrets_of(trial.project.variables)
        calls = trial.recorder.calls
        steps = {call.step: call.action.full_name for call in calls}
        texts = [
            *((call.step, "its output", repr(call.outputs)) for call in calls),
            *((call.step, "an exception", _error_text(call.error)) for call in calls if call.error),
            *((getattr(event, "step", ""), "an event", repr(to_json(event))) for event in trial.events),
            *((step, "a line of the log", text) for step, text in trial.capture.logged),
            *((step, "what it prints", text) for step, text in trial.capture.printed),
        ]
        for step, where, text in texts:
            if step in steps and contains_secret(text.encode(errors="replace"), secrets):
                what = f"leaks a token in {where}"
                self.find(ConformanceFinding(steps[step], "secret", what, f"{case.shown}, step {step}"))
        for path in _files(Path(trial.project.state.parent)):
            if contains_secret(Path(path).read_bytes(), secrets):
                what = f"leaks a token in a file: {Path(path).name}"
                self.find(ConformanceFinding(next(iter(steps.values()), ""), "secret", what, case.shown))


class Trial:
    """A project with one recipe, and what its runs did."""

    def __init__(self, project: Project, recorder: Recorder, path: Path, case: Case) -> None:
        self.project = project
        self.recorder = recorder
        self.capture = OutputCapture()
        self.events: list[Any] = []
        self.failures: list[str] = []
        self.runs = 0
        self._path = path
        self._api = case.api

    def run(self, *, dry_run: bool = False, kill: int = 0, resume: bool = False) -> RunResult | None:
        """Run the recipe. Returns the result; None if the run was killed on purpose or failed (see ``failures``)."""
        self.runs += 1
        result: RunResult | None = None
        try:
            # the recipe's file names are relative to this folder; files in the home folder are checked as well
            home = self.project.folder / "home"
            home.mkdir(exist_ok=True)
            with (
                chdir(self.project.folder),
                guards.other_home(home, os.environ, ()),
                guards.loopback_only(_forbid_connection),
                self.capture.capturing(),
            ):
                result = self._start(dry_run=dry_run, kill=kill, resume=resume)
        except Killed:
            pass
        except _ForeignConnection as error:
            self.failures.append(str(error))
        except PinflowError as error:
            self.failures.append(f"it can't be run: {_one_line(error)}")
        except Exception as error:  # a defect of the plugin
            self.failures.append(f"it breaks the run: {type(error).__name__}: {error}")
        self.events += self.project.events
        if result is not None and not result.ok and not resume:
            kind = "dry run" if dry_run else "run"
            self.failures.append(f"the {kind} ends as {result.status}: {_one_line(result.error)}")
        return result

    def _start(self, *, dry_run: bool, kill: int, resume: bool) -> RunResult | None:
        if resume:
            return self.project.resume(patience=86_400.0)
        options: dict[str, Any] = {"examples": True, "api": self._api, "patience": 86_400.0}
        if kill > 0:
            self.project.kill(self._path, after=kill, **options)
            return None
        return self.project.run(self._path, dry_run=dry_run, **options)


@dataclass(frozen=True, slots=True)
class _FinalState:
    """What an uninterrupted run leaves."""

    state: object  # of the sandboxes
    counts: dict[str, int]


class _ForeignConnection(BaseException):
    """A plugin connects to another machine. A BaseException, so that nothing handles it as a network failure."""


def _forbid_connection(why: str) -> NoReturn:
    raise _ForeignConnection(why.replace("this test", "it"))


def _counts(project: Project) -> dict[str, int]:
    """How many effects of each kind are done, in the last run's journal."""
    record = project.app().runs()[0]
    counts = project.app().show(record.id).counts
    return {kind: sum(outcomes.get(name, 0) for name in ("done", "adopted")) for kind, outcomes in counts.items()}


def _counts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind or 'effects'}" for kind, number in sorted(counts.items())) or "nothing"


def _choose_points(points: Sequence[tuple[int, str]], most: int) -> list[tuple[int, str]]:
    """At most ``most`` of the points, evenly spread, including the first and the last."""
    if len(points) <= most:
        return list(points)
    if most <= 1:
        return list(points[len(points) // 2 :][:most])
    return [points[round(index * (len(points) - 1) / (most - 1))] for index in range(most)]


def _copy_recipe(path: Path, folder: Path) -> Path:
    """Copy a recipe and the small files beside it, so that runs write only to ``folder``. Returns the copy."""
    for file in path.parent.iterdir():
        if file.is_file() and file.stat().st_size <= _LARGEST:
            (folder / file.name).write_bytes(file.read_bytes())
    return folder / path.name


def _files(folder: Path) -> dict[str, int]:
    """Every file below a folder, with the time of its last change (nanoseconds)."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def _one_line(error: object) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines())


def _error_text(error: BaseException) -> str:
    return f"{error} {getattr(error, 'hint', '')}"
