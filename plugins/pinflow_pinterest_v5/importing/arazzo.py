"""An Arazzo 1.0 description as a recipe: its workflows' steps become calls, in an order in which each can be made.

What a recipe can't say is left out and told with its place. Workflows that others depend on come first; the name of
one behind the file, ``file.yaml#name``, leaves out those that it does not need.

Source: https://spec.openapis.org/arazzo/v1.0.1.html
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pinflow import Source, UsageError
from pinflow_pinterest_v5.importing.arazzo_inputs import declared, unread
from pinflow_pinterest_v5.importing.arazzo_values import GONE, Scope
from pinflow_pinterest_v5.importing.draft import Draft, identifier, typed, unfit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow import Imported
    from pinflow_pinterest.catalogue.operations import Catalogue, Operation

Loc = tuple[str | int, ...]

_OPERATION_PATH: Final = re.compile(r"\{?\$sourceDescriptions\.[\w-]+\.url\}?#/paths/([^/]+)/(\w+)")
_STATUS: Final = re.compile(
    r"\s*\$(?:response\.)?statusCode\s*(?:==\s*(?:2\d\d|429|5\d\d)|>=\s*(?:200|500)|<\s*(?:300|400)|<=\s*299)\s*"
)
_KNOWN: Final = """stepId description operationId operationPath workflowId parameters requestBody successCriteria
    onSuccess onFailure outputs"""
_STEP_KEYS: Final = frozenset(_KNOWN.split())


def read(text: str, catalogue: Catalogue) -> Imported:
    """The recipe of an Arazzo description. Raises UsageError for what is none, RecipeError for what is no YAML."""
    file, _, wanted = text.partition("#")
    source = Source.of_file(Path(file), file)
    data = source.data
    if not isinstance(data, dict) or not str(data.get("arazzo", "")).startswith("1."):
        raise UsageError(f"{file} is no Arazzo 1 description", hint="it begins with arazzo: 1.0.1")
    if not isinstance(data.get("workflows"), list) or not all(isinstance(each, dict) for each in data["workflows"]):
        raise UsageError(f"{file} has no list of workflows")
    info = data.get("info") if isinstance(data.get("info"), dict) else {}
    draft = Draft(name=str((info or {}).get("title") or Path(file).stem)[:100])
    reader = _Reader(source, catalogue, draft)
    for index in reader.order(wanted):
        reader.workflow(index)
    reader.drop_inputs()
    if not draft.steps:
        raise UsageError(
            f"no step of {file} is a call of Pinterest's API v5", hint="; ".join(draft.notes[:3]) or "it has no steps"
        )
    return draft.imported()


class _Reader:
    """Goes through the workflows of one description."""

    def __init__(self, source: Source, catalogue: Catalogue, draft: Draft) -> None:
        self._source = source
        self._data: Any = source.data
        self._catalogue = catalogue
        self._draft = draft
        self._scope = Scope(self._leave)
        self._taken: dict[str, Any] = {}
        self._declared: dict[str, Loc] = {}  # input of the recipe -> where the workflow declares it

    def _leave(self, loc: Loc, what: str) -> None:
        line, column = self._source.where(loc)
        self._draft.leave(f"{what} ({self._source.name}:{line}:{column})")

    # -- workflows

    def order(self, wanted: str) -> list[int]:
        """The numbers of the workflows that are needed, each after those that it depends on."""
        by_id = {str(each.get("workflowId")): number for number, each in enumerate(self._data["workflows"])}
        if wanted and wanted not in by_id:
            near = get_close_matches(wanted, by_id, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(by_id)}"
            raise UsageError(f"{self._source.name} has no workflow {wanted!r}", hint=hint)
        found: list[int] = []
        for name in [wanted] if wanted else by_id:
            self._before(name, by_id, found, ())
        return found

    def _before(self, name: str, by_id: Mapping[str, int], found: list[int], above: tuple[str, ...]) -> None:
        if name in above:
            raise UsageError(f"{self._source.name}: the workflow {name!r} depends on itself")
        number = by_id[name]
        for index, other in enumerate(self._list(self._data["workflows"][number], "dependsOn")):
            if isinstance(other, str) and other in by_id:
                self._before(other, by_id, found, (*above, name))
            else:
                self._leave(("workflows", number, "dependsOn", index), f"workflow {other!r} of another description")
        if number not in found:
            found.append(number)

    def workflow(self, number: int) -> None:
        """Take over one workflow."""
        flow, loc = self._data["workflows"][number], ("workflows", number)
        name = str(flow.get("workflowId"))
        self._scope.enter(name)
        self._draft.description = self._draft.description or str(flow.get("summary") or "")
        self._inputs(flow, (*loc, "inputs"))
        for key in ("successActions", "failureActions"):
            if self._list(flow, key):
                self._leave((*loc, key), f"{key} of workflow {name!r}")
        shared = [(each, (*loc, "parameters", index)) for index, each in enumerate(self._list(flow, "parameters"))]
        for index, step in enumerate(self._list(flow, "steps")):
            if isinstance(step, dict):
                self._step(step, (*loc, "steps", index), shared)
        for output, value in self._mapping(flow, "outputs").items():
            found = self._scope.value(value, (*loc, "outputs", output))
            if found is not GONE:
                own = identifier(str(output), self._draft.outputs)
                self._draft.outputs[own] = found
                self._scope.outputs[name, "", str(output)] = str(found)

    def _inputs(self, flow: Mapping[str, Any], loc: Loc) -> None:
        schema = self._referred(flow.get("inputs") or {}, loc)
        for name, part in self._mapping(schema, "properties").items():
            told = self._referred(part, (*loc, "properties", name))
            found = declared(str(name), told, required=name in self._list(schema, "required"))
            if isinstance(found, str):
                self._leave((*loc, "properties", name), f"input {name!r}: {found}")
                continue
            for key in unread(told):
                self._leave((*loc, "properties", name), f"{key} of input {name!r}")
            own = self._scope.inputs.setdefault(str(name), identifier(str(name)))
            self._draft.inputs.setdefault(own, found)
            self._declared.setdefault(own, (*loc, "properties", name))

    def drop_inputs(self) -> None:
        """Leave out the inputs that nothing is left to read, so that nobody is asked for a token that goes nowhere."""
        read = set(re.findall(r"\binputs\.(\w+)", json.dumps([self._draft.steps, self._draft.outputs])))
        for name, loc in self._declared.items():
            if name not in read:
                del self._draft.inputs[name]
                self._leave(loc, f"input {name!r}, which nothing reads")

    # -- steps

    def _step(self, step: Mapping[str, Any], loc: Loc, shared: Sequence[tuple[Any, Loc]]) -> None:
        operation = self._operation(step, loc)
        if operation is None:
            return
        id = identifier(str(step.get("stepId") or operation.id), self._taken)
        self._taken[id] = True
        given: dict[str, Any] = {"operation": operation.id}
        own = [(each, (*loc, "parameters", index)) for index, each in enumerate(self._list(step, "parameters"))]
        for parameter, at in (*shared, *own):
            self._parameter(parameter, at, operation, given)
        if isinstance(step.get("requestBody"), dict):
            body = self._body(step["requestBody"], (*loc, "requestBody"))
            if body is not GONE:
                given["body"] = self._draft.without_secrets(body)
        made: dict[str, Any] = {"id": id}
        if step.get("description"):
            made["name"] = " ".join(str(step["description"]).split())[:80].replace("${{", "$ {{")
        self._draft.steps.append({**made, "uses": "call", "with": given, **self._retry(step, loc)})
        self._draft.notes += unfit(operation.id, given, self._catalogue)
        self._rest(step, loc)
        self._scope.steps[str(step.get("stepId"))] = id
        for name, value in self._mapping(step, "outputs").items():
            found = self._scope.expression(str(value), (*loc, "outputs", name), answer=id)
            if found is not None:
                self._scope.outputs[self._scope.workflow, str(step.get("stepId")), str(name)] = found

    def _operation(self, step: Mapping[str, Any], loc: Loc) -> Operation | None:
        shown = f"step {step.get('stepId')!r}"
        if "workflowId" in step:
            self._leave((*loc, "workflowId"), f"{shown}, which runs the workflow {step['workflowId']!r}")
            return None
        key = "operationPath" if "operationPath" in step else "operationId"
        told = str(step.get(key))
        found = self._by_path(told) if key == "operationPath" else self._by_id(told)
        if found is None:
            near = get_close_matches(told.rpartition(".")[2], self._catalogue.operations, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self._leave((*loc, key), f"{shown}: {told[:100]} is no operation of Pinterest's API v5{hint}")
        return found

    def _by_id(self, told: str) -> Operation | None:
        if told.startswith("$sourceDescriptions."):
            told = told.split(".", 2)[-1]
        return self._catalogue.operations.get(told)

    def _by_path(self, told: str) -> Operation | None:
        match = _OPERATION_PATH.fullmatch(told)
        if match is None:
            return None
        path = match[1].replace("~1", "/").replace("~0", "~")
        operations = self._catalogue.operations.values()
        return next((each for each in operations if (each.path, each.method) == (path, match[2].upper())), None)

    def _parameter(self, written: Any, loc: Loc, operation: Operation, given: dict[str, Any]) -> None:
        parameter = self._referred(written, loc)
        name, place = str(parameter.get("name")), parameter.get("in")
        takes = self._catalogue.takes(operation.id)
        schema = {**takes.path, **takes.query}.get(name)
        if place in ("header", "cookie"):
            secret = name.lower() in ("authorization", "cookie")
            why = "pinflow signs each call itself" if secret else "recipes send none"
            self._leave(loc, f"{place} {name!r}: {why}")
        elif schema is None:
            near = get_close_matches(name, [*takes.path, *takes.query], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            self._leave(loc, f"parameter {name!r}, which {operation.id} does not take{hint}")
        else:
            value = self._scope.value(parameter.get("value"), (*loc, "value"))
            if value is not GONE:
                literal = isinstance(value, str) and "${{" not in value
                found = typed(value, schema, self._catalogue) if literal else value
                given[name] = self._draft.without_secrets(found, name)

    def _body(self, body: Mapping[str, Any], loc: Loc) -> Any:
        payload = body.get("payload")
        if isinstance(payload, str) and payload.lstrip()[:1] in ("{", "["):
            try:
                payload = json.loads(payload)
            except ValueError:
                self._leave((*loc, "payload"), "the body: its text is not JSON")
                return GONE
        found = self._scope.value(payload, (*loc, "payload"))
        for index, each in enumerate(self._list(body, "replacements")):
            at = (*loc, "replacements", index)
            each = each if isinstance(each, dict) else {}
            value = self._scope.value(each.get("value"), (*at, "value"))
            if value is not GONE and not _replace(found, str(each.get("target", "")), value):
                self._leave((*at, "target"), f"the replacement of {each.get('target')!r} in the body")
        return found

    def _retry(self, step: Mapping[str, Any], loc: Loc) -> dict[str, Any]:
        """What is to be done after a failure, as far as a recipe can say it."""
        found: dict[str, Any] = {}
        for index, written in enumerate(self._list(step, "onFailure")):
            at = (*loc, "onFailure", index)
            action = self._referred(written, at)
            kind, elsewhere = action.get("type"), {"stepId", "workflowId"} & set(action)
            if kind == "retry" and not elsewhere and "retry" not in found:
                if not self._is_simple(self._list(action, "criteria")):
                    self._leave(at, f"the conditions of onFailure {str(action.get('name'))!r}: what passes is retried")
                tries = min(_whole(action.get("retryLimit")), 9) + 1
                found["retry"] = {"attempts": tries, "delay": _whole(action.get("retryAfter"))}
            elif kind != "end" or elsewhere:
                self._leave(at, f"onFailure {str(action.get('name') or kind)!r} of step {step.get('stepId')!r}")
        return found

    def _rest(self, step: Mapping[str, Any], loc: Loc) -> None:
        """Tell what else the step says: a recipe ends at a failure, and goes on after a success."""
        shown = f"of step {step.get('stepId')!r}"
        for index, criterion in enumerate(self._list(step, "successCriteria")):
            if not self._is_simple([criterion]):
                condition = criterion.get("condition") if isinstance(criterion, dict) else criterion
                self._leave((*loc, "successCriteria", index), f"the condition {str(condition)[:80]!r} {shown}")
        for index, written in enumerate(self._list(step, "onSuccess")):
            name = str(self._referred(written, (*loc, "onSuccess", index)).get("name", ""))
            self._leave((*loc, "onSuccess", index), f"onSuccess {name!r} {shown}")
        for key in step:
            if key not in _STEP_KEYS and not str(key).startswith("x-"):
                self._leave((*loc, key), f"{key} {shown}")

    @staticmethod
    def _is_simple(criteria: Sequence[Any]) -> bool:
        """Whether they ask for no more than a status, which every call is judged by."""
        for each in criteria:
            if not isinstance(each, dict) or "context" in each or each.get("type", "simple") != "simple":
                return False
            if not all(map(_STATUS.fullmatch, str(each.get("condition", "")).split("&&"))):
                return False
        return True

    # -- reading

    def _referred(self, part: Any, loc: Loc) -> Mapping[str, Any]:
        """A part itself, where it only names one of the components."""
        if not isinstance(part, dict):
            return {}
        told = str(part.get("reference") or part.get("$ref") or "")
        if not told:
            return part
        names = [each for each in re.split(r"[./]", told.removeprefix("$").removeprefix("#/")) if each]
        found: Any = self._data
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            self._leave(loc, f"{told[:80]}, which leads nowhere")
            return {}
        return {**found, **{key: value for key, value in part.items() if key not in ("reference", "$ref")}}

    @staticmethod
    def _list(part: Any, key: str | int) -> list[Any]:
        found = part.get(key) if isinstance(part, dict) else None
        return found if isinstance(found, list) else []

    @staticmethod
    def _mapping(part: Any, key: str | int) -> dict[str, Any]:
        found = part[key] if isinstance(part, list) and isinstance(key, int) else part.get(key)
        return found if isinstance(found, dict) else {}


def _whole(number: object) -> int:
    """A number of at least 1, whole; 1 for what is none."""
    try:
        return max(1, int(float(str(number))))
    except (ValueError, OverflowError):
        return 1


def _replace(body: Any, target: str, value: Any) -> bool:
    """Put a value where a JSON pointer leads to; whether it leads anywhere."""
    *around, last = [part.replace("~1", "/").replace("~0", "~") for part in target.removeprefix("/").split("/")]
    for part in around:
        body = body.get(part) if isinstance(body, dict) else None
    if not isinstance(body, dict) or not target.startswith("/"):
        return False
    body[last] = value
    return True
