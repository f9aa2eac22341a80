"""An action's signature: its parameters, checked and described, and the shape of what it gives."""

from __future__ import annotations

import copy
import inspect
import re
import typing
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pinflow.errors import PluginError, UsageError
from pinflow.lazy_dataclass import dataclass
from pinflow.schema.constraints import PATH_FORMATS, Number, Text
from pinflow.schema.types import FieldsType, Type, shape, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence, Set

    from pinflow.schema.invalid import Invalid, Location


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, for people."""

    name: str
    type: str
    required: bool
    default: Any
    help: str


class Parameters:
    """What the function of an action takes and gives.

    ``name`` is the action's, for messages. ``variants`` is the argument that tells its variants apart, and what lists
    their names.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        checks: Sequence[Callable[..., None]] = (),
        variants: tuple[str, Callable[[], Iterable[str]]] | None = None,
    ) -> None:
        self._function = function
        self._name = name
        self._raw_checks = checks
        self._variants = variants

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return typing.get_type_hints(self._function, include_extras=True)
        except (NameError, TypeError, AttributeError) as error:
            raise self._error(f"its annotations can't be read: {error}") from error

    @cached_property
    def _signature(self) -> dict[str, inspect.Parameter]:
        kinds = inspect.Parameter
        parameters = list(inspect.signature(self._function).parameters.values())
        if not parameters or parameters[0].kind not in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
            raise self._error("its first parameter must be the context")
        context, *rest = parameters
        starred = [p.name for p in rest if p.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
        if starred:
            raise self._error(f"every parameter must have a name of its own (leave out the stars of {starred[0]})")
        positional = [p.name for p in rest if p.kind is not kinds.KEYWORD_ONLY]
        if positional:
            raise self._error(f"parameters after {context.name} must be keyword-only (put * before {positional[0]})")
        return {p.name: p for p in rest}

    def _error(self, what: str) -> PluginError:
        module = getattr(self._function, "__module__", "?")
        return PluginError(f"action {self._name} ({module}): {what}", hint=_RULES)

    @cached_property
    def _type(self) -> FieldsType:
        """What the arguments are checked with."""
        optional = frozenset(name for name, p in self._signature.items() if p.default is not inspect.Parameter.empty)
        return FieldsType({name: self._type_of(name) for name in self._signature}, optional)

    def _type_of(self, name: str) -> Type:
        try:
            return type_of(self._hints.get(name, Any))
        except TypeError as error:
            raise self._error(f"parameter {name} can't be checked: {error}") from error

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._signature)

    def check(
        self, arguments: Mapping[str, Any], *, unknown: Set[str] = frozenset()
    ) -> tuple[dict[str, Any], list[Invalid]]:
        """``arguments`` as the function wants them, without defaults, and all that is wrong with them.

        Nothing is said of those that are ``unknown``, which are not among them.
        """
        if self._required <= (arguments.keys() | unknown if unknown else arguments.keys()):
            matchers = self._matchers
            for name, value in arguments.items():
                if name not in matchers or not matchers[name](value):
                    break
            else:
                return dict(arguments), []
        problems: list[Invalid] = []
        values = self._type.convert(dict(arguments), (), problems)
        return values, [problem for problem in problems if problem.location[:1] not in {(name,) for name in unknown}]

    @cached_property
    def paths_in(self) -> PathFinder:
        """Finds the paths of files among arguments. Which parameters take paths is looked up once."""
        return PathFinder(self.schema() if self._variants is None else {})  # variants take no files

    @cached_property
    def _matchers(self) -> dict[str, Callable[[Any], bool]]:
        return {name: type_.matcher() for name, type_ in self._type.fields.items()}

    @cached_property
    def _required(self) -> Set[str]:
        return self._type.fields.keys() - self._type.optional

    def problems(self, arguments: Mapping[str, Any]) -> list[Invalid]:
        """All that is wrong with ``arguments``, each as a sentence."""
        return sentences(self.check(arguments)[1])

    @cached_property
    def _checks(self) -> list[tuple[Callable[..., None], dict[str, Any], Set[str]]]:
        """The action's checks, with the parameters that each looks at, their defaults, and those that have none."""
        checks = [(check, tuple(inspect.signature(check).parameters)) for check in self._raw_checks]
        for check, names in checks:
            strange = [name for name in names if name not in self._signature]
            if strange:
                raise self._error(f"its check {check.__name__} looks at {strange[0]!r}, which isn't a parameter")
        defaults = [{name: self._signature[name].default for name in names} for _, names in checks]
        return [
            (check, by_name, {name for name, default in by_name.items() if default is inspect.Parameter.empty})
            for (check, _), by_name in zip(checks, defaults, strict=True)
        ]

    def clashes(
        self, arguments: Mapping[str, Any], *, unknown: Set[str], converted: bool = False
    ) -> list[tuple[tuple[str, ...], UsageError]]:
        """What the action's checks say against ``arguments`` that are each right, with the names of those involved.

        A check is left out while something that it looks at is ``unknown``, missing, or has a problem of its own.
        ``converted`` says that they are what :meth:`check` gave, without problems.
        """
        clashes = []
        for check, defaults, required in self._checks:
            if (unknown and not unknown.isdisjoint(defaults)) or not required <= arguments.keys():
                continue
            if check in self._passed_by_defaults and arguments.keys().isdisjoint(defaults):
                continue
            values = {name: arguments.get(name, default) for name, default in defaults.items()}
            if not converted and not self._convert_all(values, arguments):
                continue
            try:
                check(**values)
            except UsageError as error:
                clashes.append((tuple(name for name in defaults if name in arguments), error))
        return clashes

    @cached_property
    def _passed_by_defaults(self) -> Set[Callable[..., None]]:
        """The checks that say nothing where all that they look at is left out."""
        passed = set()
        for check, defaults, required in self._checks:
            if not required:
                with suppress(UsageError):
                    check(**defaults)
                    passed.add(check)
        return passed

    def _convert_all(self, values: dict[str, Any], given: Container[str]) -> bool:
        """Convert those of ``values`` that were ``given``, in place; whether they are all right."""
        problems: list[Invalid] = []
        for name, value in values.items():
            if name in given:
                values[name] = self._type.fields[name].convert(value, (), problems)
        return not problems

    def convert(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function wants them: defaults filled in, ids as text.

        Call it only with arguments that have no :meth:`problems`.
        """
        return self.with_defaults(self.check(arguments)[0])

    def with_defaults(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as they are, with defaults: those that :meth:`check` gave, or planned ones of a dry run."""
        constant, mutable = self._defaults
        fresh = {name: copy.copy(default) for name, default in mutable.items() if name not in arguments}
        return {**constant, **fresh, **arguments}

    @cached_property
    def _defaults(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The defaults that all calls can share, and those that each call gets a copy of."""
        defaults = {name: p.default for name, p in self._signature.items() if p.default is not inspect.Parameter.empty}
        mutable = {name: default for name, default in defaults.items() if isinstance(default, (list, dict, set))}
        return {name: default for name, default in defaults.items() if name not in mutable}, mutable

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments. Every caller gets the same one: it is only to be read."""
        return self._schema

    @cached_property
    def _schema(self) -> dict[str, Any]:
        schema = self._type.schema()
        for name, part in schema["properties"].items():
            parameter = self._signature[name]
            if parameter.default is not inspect.Parameter.empty:
                part["default"] = parameter.default
            if name in self._help:
                part["description"] = self._help[name]
        if self._variants is not None:  # each takes arguments of its own
            by, names = self._variants
            schema["properties"][by]["enum"] = list(names())
            schema["additionalProperties"] = True
        return schema

    def output_schema(self) -> dict[str, Any]:
        """JSON Schema of what it gives (of one item, where it yields). Empty where nothing is declared.

        Every caller gets the same one: it is only to be read.
        """
        return self._output_schema

    @cached_property
    def _output_schema(self) -> dict[str, Any]:
        output = self._hints.get("return", Any)
        if inspect.isgeneratorfunction(self._function):
            output = (get_args(output) or (Any,))[0]
        return shape(output)

    def listing(self) -> Sequence[Parameter]:
        """Every parameter with its type in plain words, default and help."""
        return [
            Parameter(
                name,
                self._type.fields[name].label,
                parameter.default is inspect.Parameter.empty,
                None if parameter.default is inspect.Parameter.empty else parameter.default,
                self._help.get(name, "") or note_of(self._hints.get(name, Any)),
            )
            for name, parameter in self._signature.items()
        ]

    @cached_property
    def _help(self) -> dict[str, str]:
        """Help per parameter: docstring lines ``name: text`` (a deeper line goes on)."""
        texts: dict[str, str] = {}
        current = ""
        for line in (inspect.getdoc(self._function) or "").splitlines():
            match = re.match(r"^ {4}(\w+): (.+)$", line)
            if match and match[1] in self._signature:
                current = match[1]
                texts[current] = match[2]
            elif current and line.startswith(" " * 6):
                texts[current] += " " + line.strip()
            else:
                current = ""
        return texts


class SchemaParameters(Parameters):
    """What an action takes that is described by a JSON Schema instead of its signature."""

    def __init__(
        self,
        schema: Mapping[str, Any],
        function: Callable[..., Any],
        name: str,
        checks: Sequence[Callable[..., None]] = (),
    ) -> None:
        super().__init__(function, name, checks)
        self._accepts = schema

    @cached_property
    def _type(self) -> FieldsType:
        from pinflow.schema.from_json_schema import fields_of

        return fields_of(self._accepts)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._accepts["properties"])

    def with_defaults(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return dict(arguments)

    def schema(self) -> dict[str, Any]:
        return dict(self._accepts)

    def listing(self) -> Sequence[Parameter]:
        required = self._accepts.get("required", ())
        return [
            Parameter(name, self._type.fields[name].label, name in required, None, part.get("description", ""))
            for name, part in self._accepts["properties"].items()
        ]


_RULES = (
    "after the context come keyword-only parameters of text, numbers, booleans, lists, mappings, Literal, TypedDict"
)


class PathFinder:
    """Finds the paths of files among arguments of one action: where each stands, the path, and how it is used.

    "file" and "file-or-id" are read, "output" is written. Nothing is said of what is not text yet. A table of 100,000
    rows asks twice as often. ``may_write``: whether the action takes the path of a file that it writes.
    """

    __slots__ = ("_document", "_shapes", "may_write")

    def __init__(self, document: Mapping[str, Any]) -> None:
        """``document`` is the JSON Schema of all the action's parameters."""
        properties = document.get("properties", {})
        self._document = document
        self._shapes = {name: shape for name, shape in properties.items() if _may_hold_paths(shape, PATH_FORMATS)}
        self.may_write = _may_hold_paths(list(self._shapes.values()), ("output",))

    def __call__(self, arguments: Mapping[str, Any]) -> list[tuple[Location, str, str]]:
        return [
            path
            for name, shape in self._shapes.items()
            if name in arguments
            for path in _paths(arguments[name], shape, self._document, (name,))
        ]


def _may_hold_paths(shape: object, formats: Collection[str]) -> bool:
    if isinstance(shape, dict):
        inner = any(_may_hold_paths(part, formats) for part in shape.values())
        return inner or "$ref" in shape or shape.get("format") in formats
    return isinstance(shape, list) and any(_may_hold_paths(part, formats) for part in shape)


def _paths(
    value: object, shape: Mapping[str, Any], document: Mapping[str, Any], location: Location
) -> Iterator[tuple[Location, str, str]]:
    """The paths in a value of a shape, which may refer to other parts of its document."""
    while "$ref" in shape:
        target: Any = document
        for name in str(shape["$ref"]).removeprefix("#/").split("/"):
            target = target[name]
        shape = target
    for branch in shape.get("anyOf", ()):
        yield from _paths(value, branch, document, location)
    match value:
        case str() if shape.get("format") in PATH_FORMATS:
            yield location, value, str(shape["format"])
        case list() if "items" in shape:
            for index, item in enumerate(value):
                yield from _paths(item, shape["items"], document, (*location, index))
        case dict() if type(value) is dict:  # and not what a dry run has in place of one
            for name, item in value.items():
                if isinstance(inner := shape.get("properties", {}).get(name, shape.get("additionalProperties")), dict):
                    yield from _paths(item, inner, document, (*location, name))


def sentences(problems: list[Invalid]) -> list[Invalid]:
    """What is wrong with arguments, each as a sentence that names its argument."""
    for problem in problems:
        if problem.reason not in ("missing", "unknown"):  # those name the argument themselves
            problem.about(name_of(problem.location))
    return problems


def name_of(location: Location) -> str:
    """What a message calls the argument at ``location``, or the part of one."""
    *_, name = location
    return f"item {name + 1} of {location[-2]!r}" if len(location) > 1 and isinstance(name, int) else repr(name)


def note_of(hint: Any) -> str:
    """The description that an ``Annotated`` type carries itself."""
    if get_origin(hint) is Annotated:
        notes: list[Any] = list(get_args(hint)[1:])
        return next((note.description for note in notes if isinstance(note, (Text, Number))), "")
    return ""
