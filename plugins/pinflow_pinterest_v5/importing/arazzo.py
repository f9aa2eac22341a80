"""Importing an Arazzo 1.0 description as a recipe: its workflows' steps become calls, in an order that works.

What a recipe can't express is left out, with a note of its place. Workflows that others depend on come first;
``file.yaml#name`` imports only that workflow and those that it needs.

Source: https://spec.openapis.org/arazzo/v1.0.1.html
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pinflow import Source, UsageError
from pinflow_pinterest_v5.importing.arazzo_inputs import make_input, unsupported_keys
from pinflow_pinterest_v5.importing.arazzo_values import OMITTED, ArazzoScope
from pinflow_pinterest_v5.importing.draft import (
    RecipeDraft,
    check_depth,
    find_faults,
    identifier,
    parse_value,
    too_deep,
)

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
    """The recipe of an Arazzo description. Raises UsageError for any other file, RecipeError for invalid YAML."""
    file, _, workflow = text.partition("#")
    source = Source.of_file(Path(file), file)
    data = source.data
    if not isinstance(data, dict) or not str(data.get("arazzo", "")).startswith("1."):
        raise UsageError(f"{file} is not an Arazzo 1 description", hint="it begins with arazzo: 1.0.1")
    if not isinstance(data.get("workflows"), list) or not all(isinstance(flow, dict) for flow in data["workflows"]):
        raise UsageError(f"{file} has no list of workflows")
    info = data.get("info") if isinstance(data.get("info"), dict) else {}
    draft = RecipeDraft(name=str((info or {}).get("title") or Path(file).stem)[:100])
    reader = _ArazzoReader(source, catalogue, draft)
    for index in reader.order(workflow):
        reader.workflow(index)
    reader.drop_inputs()
    if not draft.steps:
        raise UsageError(
            f"no step of {file} calls Pinterest's API v5", hint="; ".join(draft.notes[:3]) or "it has no steps"
        )
    return draft.as_imported()


class _ArazzoReader:
    """Reads the workflows of one description into a draft."""

    def __init__(self, source: Source, catalogue: Catalogue, draft: RecipeDraft) -> None:
        self._source = source
        self._data: Any = source.data
        self._catalogue = catalogue
        self._draft = draft
        self._scope = ArazzoScope(self._leave)
        self._taken: dict[str, Any] = {}
        self._declared: dict[str, Loc] = {}  # input of the recipe -> where the workflow declares it

    def _leave(self, loc: Loc, text: str) -> None:
        line, column = self._source.where(loc)
        self._draft.leave(f"{text} ({self._source.name}:{line}:{column})")

    # -- workflows

    def order(self, workflow: str) -> list[int]:
        """The numbers of the needed workflows, each after those that it depends on."""
        by_id = {str(flow.get("workflowId")): number for number, flow in enumerate(self._data["workflows"])}
        if workflow and workflow not in by_id:
            matches = get_close_matches(workflow, by_id, n=1)
            hint = f"did you mean {matches[0]!r}?" if matches else f"there are: {', '.join(by_id)}"
            raise UsageError(f"{self._source.name} has no workflow {workflow!r}", hint=hint)
        numbers: list[int] = []
        for name in [workflow] if workflow else by_id:
            self._before(name, by_id, numbers, ())
        return numbers

    def _before(self, name: str, by_id: Mapping[str, int], numbers: list[int], path: tuple[str, ...]) -> None:
        if name in path:
            raise UsageError(f"{self._source.name}: the workflow {name!r} depends on itself")
        number = by_id[name]
        for index, other in enumerate(self._list(self._data["workflows"][number], "dependsOn")):
            if isinstance(other, str) and other in by_id:
                self._before(other, by_id, numbers, (*path, name))
            else:
                self._leave(("workflows", number, "dependsOn", index), f"workflow {other!r} of another description")
        if number not in numbers:
            numbers.append(number)

    def workflow(self, number: int) -> None:
        """Import one workflow."""
        flow, loc = self._data["workflows"][number], ("workflows", number)
        name = str(flow.get("workflowId"))
        self._scope.enter(name)
        self._draft.description = self._draft.description or str(flow.get("summary") or "")
        self._inputs(flow, (*loc, "inputs"))
        for key in ("successActions", "failureActions"):
            if self._list(flow, key):
                self._leave((*loc, key), f"{key} of workflow {name!r}")
        shared = self._parameters(flow, loc)
        for index, step in enumerate(self._list(flow, "steps")):
            if isinstance(step, dict):
                self._step(step, (*loc, "steps", index), shared)
        for output, value in self._mapping(flow, "outputs").items():
            expression = self._scope.value(value, (*loc, "outputs", output))
            if expression is not OMITTED:
                output_name = identifier(str(output), self._draft.outputs)
                self._draft.outputs[output_name] = expression
                self._scope.outputs[name, "", str(output)] = str(expression)

    def _inputs(self, flow: Mapping[str, Any], loc: Loc) -> None:
        schema = self._resolve(flow.get("inputs") or {}, loc)
        for name, part in self._mapping(schema, "properties").items():
            property_schema = self._resolve(part, (*loc, "properties", name))
            declaration = make_input(str(name), property_schema, required=name in self._list(schema, "required"))
            if isinstance(declaration, str):
                self._leave((*loc, "properties", name), f"input {name!r}: {declaration}")
                continue
            for key in unsupported_keys(property_schema):
                self._leave((*loc, "properties", name), f"{key} of input {name!r}")
            input_name = self._scope.inputs.setdefault(str(name), identifier(str(name)))
            self._draft.inputs.setdefault(input_name, declaration)
            self._declared.setdefault(input_name, (*loc, "properties", name))

    def drop_inputs(self) -> None:
        """Remove the inputs that nothing reads, so that a recipe doesn't ask for a token that it doesn't use."""
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
        arguments: dict[str, Any] = {"operation": operation.id}
        for parameter, at in (*shared, *self._parameters(step, loc)):
            self._parameter(parameter, at, operation, arguments)
        if isinstance(step.get("requestBody"), dict):
            body = self._body(step["requestBody"], (*loc, "requestBody"))
            if body is not OMITTED:
                arguments["body"] = self._draft.without_secrets(body)
        head: dict[str, Any] = {"id": id}
        if step.get("description"):
            head["name"] = " ".join(str(step["description"]).split())[:80].replace("${{", "$ {{")
        self._draft.steps.append({**head, "uses": "call", "with": arguments, **self._retry(step, loc)})
        self._draft.notes += find_faults(operation.id, arguments, self._catalogue)
        self._rest(step, loc)
        self._scope.steps[str(step.get("stepId"))] = id
        for name, value in self._mapping(step, "outputs").items():
            expression = self._scope.expression(str(value), (*loc, "outputs", name), answer=id)
            if expression is not None:
                self._scope.outputs[self._scope.workflow, str(step.get("stepId")), str(name)] = expression

    def _operation(self, step: Mapping[str, Any], loc: Loc) -> Operation | None:
        label = f"step {step.get('stepId')!r}"
        if "workflowId" in step:
            self._leave((*loc, "workflowId"), f"{label}, which runs the workflow {step['workflowId']!r}")
            return None
        key = "operationPath" if "operationPath" in step else "operationId"
        reference = str(step.get(key))
        operation = self._by_path(reference) if key == "operationPath" else self._by_id(reference)
        if operation is None:
            matches = get_close_matches(reference.rpartition(".")[2], self._catalogue.operations, n=1)
            hint = f"; did you mean {matches[0]}?" if matches else ""
            self._leave((*loc, key), f"{label}: {reference[:100]} is not an operation of Pinterest's API v5{hint}")
        return operation

    def _by_id(self, reference: str) -> Operation | None:
        if reference.startswith("$sourceDescriptions."):
            reference = reference.split(".", 2)[-1]
        return self._catalogue.operations.get(reference)

    def _by_path(self, reference: str) -> Operation | None:
        match = _OPERATION_PATH.fullmatch(reference)
        if match is None:
            return None
        path = match[1].replace("~1", "/").replace("~0", "~")
        operations = self._catalogue.operations.values()
        return next(
            (operation for operation in operations if (operation.path, operation.method) == (path, match[2].upper())),
            None,
        )

    def _parameters(self, part: Mapping[str, Any], loc: Loc) -> list[tuple[Any, Loc]]:
        """The parameters of a workflow or step, each with its place."""
        return [
            (declared, (*loc, "parameters", index)) for index, declared in enumerate(self._list(part, "parameters"))
        ]

    def _parameter(self, declared: Any, loc: Loc, operation: Operation, values: dict[str, Any]) -> None:
        parameter = self._resolve(declared, loc)
        name, location = str(parameter.get("name")), parameter.get("in")
        arguments = self._catalogue.arguments(operation.id)
        schema = {**arguments.path, **arguments.query}.get(name)
        if location in ("header", "cookie"):
            secret = name.lower() in ("authorization", "cookie")
            why = "pinflow signs each call itself" if secret else "recipes send none"
            self._leave(loc, f"{location} {name!r}: {why}")
        elif schema is None:
            matches = get_close_matches(name, [*arguments.path, *arguments.query], n=1)
            hint = f"; did you mean {matches[0]!r}?" if matches else ""
            self._leave(loc, f"parameter {name!r}, which {operation.id} does not take{hint}")
        else:
            value = self._scope.value(parameter.get("value"), (*loc, "value"))
            if value is not OMITTED:
                literal = isinstance(value, str) and "${{" not in value
                parsed = parse_value(value, schema, self._catalogue) if literal else value
                values[name] = self._draft.without_secrets(parsed, name)

    def _body(self, body: Mapping[str, Any], loc: Loc) -> Any:
        payload = body.get("payload")
        if isinstance(payload, str) and payload.lstrip()[:1] in ("{", "["):
            try:
                payload = json.loads(payload)
            except RecursionError:
                raise too_deep() from None
            except ValueError:
                self._leave((*loc, "payload"), "the body: its text is not JSON")
                return OMITTED
        check_depth(payload)
        content = self._scope.value(payload, (*loc, "payload"))
        for index, replacement in enumerate(self._list(body, "replacements")):
            at = (*loc, "replacements", index)
            replacement = replacement if isinstance(replacement, dict) else {}
            value = self._scope.value(replacement.get("value"), (*at, "value"))
            if value is not OMITTED and not _replace(content, str(replacement.get("target", "")), value):
                self._leave((*at, "target"), f"the replacement of {replacement.get('target')!r} in the body")
        return content

    def _retry(self, step: Mapping[str, Any], loc: Loc) -> dict[str, Any]:
        """The step's retries, as far as a recipe can express them."""
        retry: dict[str, Any] = {}
        for index, declared in enumerate(self._list(step, "onFailure")):
            at = (*loc, "onFailure", index)
            action = self._resolve(declared, at)
            kind, elsewhere = action.get("type"), {"stepId", "workflowId"} & set(action)
            if kind == "retry" and not elsewhere and "retry" not in retry:
                if not self._is_simple(self._list(action, "criteria")):
                    self._leave(at, f"the conditions of onFailure {str(action.get('name'))!r}: what passes is retried")
                tries = min(_whole(action.get("retryLimit")), 9) + 1
                retry["retry"] = {"attempts": tries, "delay": _whole(action.get("retryAfter"))}
            elif kind != "end" or elsewhere:
                self._leave(at, f"onFailure {str(action.get('name') or kind)!r} of step {step.get('stepId')!r}")
        return retry

    def _rest(self, step: Mapping[str, Any], loc: Loc) -> None:
        """Note what else the step says: a recipe ends at a failure, and continues after a success."""
        suffix = f"of step {step.get('stepId')!r}"
        for index, criterion in enumerate(self._list(step, "successCriteria")):
            if not self._is_simple([criterion]):
                condition = criterion.get("condition") if isinstance(criterion, dict) else criterion
                self._leave((*loc, "successCriteria", index), f"the condition {str(condition)[:80]!r} {suffix}")
        for index, declared in enumerate(self._list(step, "onSuccess")):
            name = str(self._resolve(declared, (*loc, "onSuccess", index)).get("name", ""))
            self._leave((*loc, "onSuccess", index), f"onSuccess {name!r} {suffix}")
        for key in step:
            if key not in _STEP_KEYS and not str(key).startswith("x-"):
                self._leave((*loc, key), f"{key} {suffix}")

    @staticmethod
    def _is_simple(criteria: Sequence[Any]) -> bool:
        """Whether they only check the status, as every call does."""
        for criterion in criteria:
            if not isinstance(criterion, dict) or "context" in criterion or criterion.get("type", "simple") != "simple":
                return False
            if not all(map(_STATUS.fullmatch, str(criterion.get("condition", "")).split("&&"))):
                return False
        return True

    # -- reading

    def _resolve(self, part: Any, loc: Loc) -> Mapping[str, Any]:
        """The component that a part refers to, or the part itself."""
        if not isinstance(part, dict):
            return {}
        reference = str(part.get("reference") or part.get("$ref") or "")
        if not reference:
            return part
        names = [name for name in re.split(r"[./]", reference.removeprefix("$").removeprefix("#/")) if name]
        target: Any = self._data
        for name in names:
            target = target.get(name) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            self._leave(loc, f"{reference[:80]}, which does not exist")
            return {}
        return {**target, **{key: value for key, value in part.items() if key not in ("reference", "$ref")}}

    @staticmethod
    def _list(part: Any, key: str | int) -> list[Any]:
        value = part.get(key) if isinstance(part, dict) else None
        return value if isinstance(value, list) else []

    @staticmethod
    def _mapping(part: Any, key: str | int) -> dict[str, Any]:
        value = part[key] if isinstance(part, list) and isinstance(key, int) else part.get(key)
        return value if isinstance(value, dict) else {}


def _whole(number: object) -> int:
    """A whole number of at least 1; 1 for anything that is not a number."""
    try:
        return max(1, int(float(str(number))))
    except (ValueError, OverflowError):
        return 1


def _replace(body: Any, target: str, value: Any) -> bool:
    """Set the value at a JSON pointer. Returns False if the pointer leads nowhere."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in target.removeprefix("/").split("/")]
    for part in parents:
        body = body.get(part) if isinstance(body, dict) else None
    if not isinstance(body, dict) or not target.startswith("/"):
        return False
    body[last] = value
    return True
