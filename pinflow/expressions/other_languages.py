"""What a name, a function or a sign of another language is called in expressions: of Jinja, GitHub, Python, JavaScript.

Only imported after a mistake.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pinflow.expressions.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_INPUT = "a recipe reads no variables; make it an input, and give it with -i NAME=VALUE"
_HIDDEN = "make it an input of type secret; its value comes from a file or from PINFLOW_INPUT_NAME"
_CHANCE = "there is no chance in a recipe, so that a run can be resumed"
_ITEM = "a loop's item is known only in the steps below its `do:`"
_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("env", "environ", "ENV", "os", "process", "vars", "var", "variables", "config", "settings"), _INPUT
    ),
    **dict.fromkeys(("secrets", "secret", "credentials", "credential"), _HIDDEN),
    **dict.fromkeys(("params", "param", "parameters", "args", "flags", "options"), "write inputs.NAME"),
    **dict.fromkeys(("needs", "jobs", "job", "tasks", "nodes", "ti", "registered"), "write steps.ID"),
    **dict.fromkeys(("outputs", "output", "result", "results", "prev", "previous"), "write steps.ID of the step"),
    **dict.fromkeys(("github", "gitlab", "runner", "workflow", "ctx", "context", "hostvars", "self", "this"), _INPUT),
    **dict.fromkeys(("matrix", "loop", "index", "element", "current"), _ITEM),
    **dict.fromkeys(("None", "nil", "undefined", "none", "NULL", "Null", "nothing", "NaN"), "did you mean null?"),
    **dict.fromkeys(("True", "TRUE", "yes", "Yes", "on"), "did you mean true?"),
    **dict.fromkeys(("False", "FALSE", "no", "No", "off"), "did you mean false?"),
}
_FUNCTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("str", "string", "String", "to_string", "toString", "unicode"), "did you mean text()?"),
    **dict.fromkeys(
        ("int", "float", "parseInt", "parseFloat", "to_number", "Number", "decimal"), "did you mean number()?"
    ),
    **dict.fromkeys(("len", "size", "count"), "did you mean length()?"),
    **dict.fromkeys(("tojson", "toJSON", "toJson", "to_json", "dumps", "stringify"), "did you mean json()?"),
    **dict.fromkeys(("fromjson", "fromJSON", "fromJson", "from_json", "loads", "parse"), "did you mean parse_json()?"),
    **dict.fromkeys(("strftime", "format_date", "formatDate", "dateformat", "date"), "did you mean date_format()?"),
    **dict.fromkeys(("utcnow", "current_timestamp", "timestamp", "Date", "getdate"), "did you mean now()?"),
    **dict.fromkeys(("substring", "substr", "left", "right", "mid", "cut"), "did you mean slice()?"),
    **dict.fromkeys(("strip", "lstrip", "rstrip", "chomp"), "did you mean trim()?"),
    **dict.fromkeys(("striptags", "strip_tags", "html2text"), "did you mean strip_html()?"),
    **dict.fromkeys(("hash", "md5", "sha1", "hashFiles"), "did you mean sha256()?"),
    **dict.fromkeys(("indexOf", "index_of", "includes", "has", "match", "search"), "did you mean contains()?"),
    **dict.fromkeys(("select", "selectattr", "where", "grep"), "did you mean filter()?"),
    **dict.fromkeys(("average", "avg", "mean"), "write sum(LIST) / length(LIST)"),
    **dict.fromkeys(("format", "printf", "sprintf", "f"), "put ${{ }} into the text: Pins of ${{ inputs.board }}"),
    **dict.fromkeys(("concat", "append"), "texts and lists are joined with +"),
    **dict.fromkeys(("default", "coalesce", "ifnull", "nvl", "d"), "write VALUE ?? OTHER"),
    **dict.fromkeys(("ternary", "iif", "cond", "when"), "write CONDITION ? ONE : OTHER"),
    **dict.fromkeys(("isset", "defined", "exists", "is_null", "isnull", "empty"), "compare it: VALUE != null"),
    **dict.fromkeys(("env", "getenv", "environ", "var", "vars", "lookup"), _INPUT),
    **dict.fromkeys(("secret", "secrets"), _HIDDEN),
    **dict.fromkeys(("uuid", "uuid4", "random", "rand", "randint", "choice", "shuffle"), _CHANCE),
    **dict.fromkeys(
        ("success", "always", "failure", "cancelled"),
        "a step runs if those before it went well; what runs in any case stands under finally",
    ),
}
# two signs beside each other, which are one sign elsewhere
_PAIRS: Final[Mapping[tuple[str, str], str]] = {
    ("<", ">"): "use != for '<>'",
    ("*", "*"): "there is no power; multiply",
    ("/", "/"): "write floor(a / b)",
    ("{", "{"): "the expression stands here without braces, or in ${{ }}",
}


def name_hint(name: str, roots: Collection[str]) -> str:
    """What to write for a name that means nothing here; ``roots`` are those that do. "" if that isn't known."""
    if name in FUNCTIONS:
        return f"write {FUNCTIONS[name].usage}"
    hint = _ITEM if name == "item" else _NAMES.get(name, "")
    if hint == _ITEM and not {"inputs", "steps"}.issuperset(roots):
        return "a loop's item is item" if "item" in roots else ""  # or the loop calls it by another name
    return hint


def function_hint(name: str) -> str:
    """What to write for a function that there isn't; "" if that isn't known."""
    return _FUNCTIONS.get(name, "")


def filter_hint(source: str, offset: int) -> str:
    """What to write for a filter of Jinja, whose ``|`` stands at ``offset``; "" if it isn't one that is known."""
    before, after = source[:offset].strip(), source[offset + 1 :]
    match = re.match(r"\s*(\w+)(?:\(([^()]*)\))?", after)
    if not match:
        return ""
    value = before if len(before) <= 40 and "|" not in before else "VALUE"
    name, given = match[1], match[2] or ""
    if name in ("default", "d"):
        return f"write {value} ?? {given or 'OTHER'}"
    meant = name if name in FUNCTIONS else function_hint(name).removeprefix("did you mean ").removesuffix("()?")
    if meant not in FUNCTIONS:
        return ""
    return f"write {meant}({', '.join(filter(None, (value, given)))})"


def pair_hint(first: object, second: object) -> str:
    """What to write for two signs that are one elsewhere; "" if they aren't."""
    return _PAIRS.get((str(first), str(second)), "")


def field_hint(path: str, part: str | int, *, of_text: bool = False) -> str:
    """The function that a person from another language meant by a field of a text or list; "" if none."""
    if isinstance(part, int):
        return f"write last({path}) for the last one" if part == -1 and not of_text else ""
    name = "length" if part in ("size", "count", "len") else part
    known = _OF_TEXT if of_text else FUNCTIONS
    return f"write {name}({path})" if name in known else ""


def result_hint(path: str, rest: Sequence[str | int], fields: Collection[str]) -> str:
    """What to write for ``steps.ID.outputs.NAME``, as other tools wrap results; "" if it isn't that."""
    wrapper = rest[0] if rest else ""
    if not path.startswith("steps.") or wrapper not in _WRAPPERS:
        return ""
    inner = rest[1] if len(rest) > 1 else ""
    return (
        f"write {path}.{inner}"
        if inner in fields
        else f"{path} is the result itself; its fields are {', '.join(fields)}"
    )


_OF_TEXT: Final = ("length", "lower", "upper", "trim", "slug")
_WRAPPERS: Final = ("outputs", "output", "result", "results", "value", "json", "data", "body", "response", "stdout")
