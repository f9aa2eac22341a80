"""The functions of texts, and those that make text of values or values of text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pinflow.expressions.function import (
    Items,
    anything,
    container,
    declare,
    items,
    text,
    text_or_items,
    whole,
)
from pinflow.expressions.lexer import NUMBER
from pinflow.expressions.values import (
    MAX_TEXT,
    NUMBERS,
    Evaluation,
    Room,
    as_text,
    check_bounds,
    equal,
    make_copy,
    plain,
)
from pinflow.schema.invalid import Invalid, describe, mismatch, out_of_bounds
from pinflow.suggestions import quote

if TYPE_CHECKING:
    from collections.abc import Mapping


def plain_items(values: Items) -> Items:
    """The items as plain values; raises Invalid for the first that is something else."""
    items = []
    for place, value in enumerate(values):
        try:
            items.append(plain(value))
        except Invalid as invalid:
            raise Invalid(f"item [{place}]: {invalid.message}", invalid.hint) from None
    return items


@declare("lower(text)", "The text in small letters.", (text,), examples=('lower("Garden Ideas")',))
def _lower(run: Evaluation, value: str) -> str:
    run.room_for_text(len(value))
    return run.text(value.lower())


@declare("upper(text)", "The text in capitals.", (text,), examples=('upper("soup")',))
def _upper(run: Evaluation, value: str) -> str:
    run.room_for_text(len(value))
    return run.text(value.upper())


@declare("trim(text)", "The text without white space at its start and end.", (text,), examples=('trim("  soup ")',))
def _trim(run: Evaluation, value: str) -> str:
    run.charge(len(value))
    return run.text(value.strip())


@declare(
    "replace(text, old, new)",
    "The text with every `old` replaced by `new`.",
    (text, text, text),
    examples=('replace("soup, stew, soup", "soup", "salad")',),
)
def _replace(run: Evaluation, value: str, old: str, new: str) -> str:
    _check_not_empty(old, "the text to replace")
    run.charge(len(value))
    run.room_for_text(len(value) + value.count(old) * (len(new) - len(old)))
    return value.replace(old, new)


@declare(
    "split(text, separator)",
    "The list of the parts between the separators.",
    (text, text),
    examples=('split("soup,stew", ",")', 'split("one", ",")'),
)
def _split(run: Evaluation, value: str, separator: str) -> Items:
    _check_not_empty(separator, "the separator")
    run.charge(len(value))
    run.room_for_items(value.count(separator) + 1)
    return list(value.split(separator))


@declare(
    "join(list, separator)",
    "The items as one text, with the separator between them.",
    (items, text),
    examples=('join(["soup", "stew", 3], ", ")',),
)
def _join(run: Evaluation, values: Items, separator: str) -> str:
    run.charge(len(values))
    texts = [_as_text(item, f"item [{place}]") for place, item in enumerate(plain_items(values))]
    run.room_for_text(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)


def _as_text(value: Any, name: str) -> str:
    try:
        return as_text(value)
    except Invalid as invalid:
        raise invalid.about(name) from None


def _check_not_empty(value: str, name: str) -> None:
    if not value:
        raise Invalid(f"{name} is empty")


@declare(
    "starts_with(text, start)",
    "Whether the text starts with `start`; capitals count.",
    (text, text),
    examples=('starts_with("Garden ideas", "Garden")', 'starts_with("Garden ideas", "garden")'),
)
def _starts_with(run: Evaluation, value: str, start: str) -> bool:
    run.charge(len(start))
    return value.startswith(start)


@declare(
    "ends_with(text, end)",
    "Whether the text ends with `end`; capitals count.",
    (text, text),
    examples=('ends_with("photo.jpg", ".jpg")',),
)
def _ends_with(run: Evaluation, value: str, end: str) -> bool:
    run.charge(len(end))
    return value.endswith(end)


@declare(
    "contains(container, value)",
    "Whether a text has a part, a list an item, or a mapping a field. The same as `value in container`.",
    (container, anything),
    examples=(
        'contains("pumpkin soup", "soup")',
        'contains(["soup", "stew"], "bread")',
        'contains({title: "Soup"}, "title")',
    ),
)
def contains(run: Evaluation, whole: str | Items | Mapping[str, Any], part: Any) -> bool:
    """Whether a text has a part, a list an item or a mapping a field; also the operator ``in``."""
    if isinstance(whole, list):
        run.charge(len(whole))
        return any(equal(run, item, part) for item in whole)
    if type(part) is not str:
        raise mismatch("text", part).about(f"what is looked for in {describe(whole)}")
    run.charge(len(whole) if isinstance(whole, str) else 1)
    return part in whole


@declare(
    "text(value)",
    "A number, or true or false, as text. Text stays as it is.",
    (anything,),
    examples=("text(12.5)", "text(true)"),
)
def _text(run: Evaluation, value: Any) -> str:
    return run.text(_as_text(value, "the value"))


_NUMBER: Final = rf"[ \t\r\n]*-?{NUMBER}[ \t\r\n]*"


@declare(
    "number(text)",
    "The number that the text spells. It has a point and no thousands separators.",
    (anything,),
    examples=('number("12.5")', 'number(" 7 ")'),
)
def _number(run: Evaluation, value: Any) -> int | float:
    if type(value) in NUMBERS:
        return value  # type: ignore[no-any-return]
    if type(value) is not str:
        raise mismatch("text or a number", value).about("the value")
    if len(value) > 400 or not re.fullmatch(_NUMBER, value):
        raise Invalid(f"{quote(value)} isn't a number")
    digits = value.strip()
    return check_bounds(int(digits) if digits.removeprefix("-").isdigit() else float(digits))


@declare(
    "length(value)",
    "How many characters a text, items a list, or fields a mapping has.",
    (container,),
    examples=('length("soup")', "length([1, 2, 3])", 'length({title: "Soup"})'),
)
def _length(run: Evaluation, value: str | Items | Mapping[str, Any]) -> int:
    return len(value)


@declare(
    "slice(value, from, to)",
    "The part of a text or list from place `from` up to, but without, place `to`. "
    "Places count from 0, negative ones from the end; without `to` it goes to the end.",
    (text_or_items, whole, whole),
    examples=('slice("pumpkin soup", 0, 7)', "slice([1, 2, 3, 4], -2)"),
    optional=1,
)
def _slice(run: Evaluation, value: str | Items, start: int, end: int | None = None) -> str | Items:
    part = range(len(value))[start:end]
    (run.room_for_text if isinstance(value, str) else run.room_for_items)(len(part))
    return value[start:end]


@declare(
    "truncate(text, n)",
    "The text with at most `n` characters. What was cut ends in an ellipsis, which counts.",
    (text, whole),
    examples=('truncate("Pumpkin soup with ginger", 13)', 'truncate("Soup", 13)'),
)
def _truncate(run: Evaluation, value: str, longest: int) -> str:
    if wrong := out_of_bounds(longest, 1, None):
        raise Invalid(f"the length {wrong}")
    if len(value) <= longest:
        return value
    run.room_for_text(longest)
    return value[: longest - 1].rstrip() + "…"


@declare(
    "strip_html(text)",
    "The text of HTML, without tags, comments, scripts and styles. Entities such as `&amp;` become characters, "
    "and each paragraph, list item or `<br>` ends a line.",
    (text,),
    examples=('strip_html("<p>Beds &amp; <b>pots</b></p><p>Cedar<br>Clay</p>")', 'strip_html("5 < 6")'),
)
def _strip_html(run: Evaluation, value: str) -> str:
    from pinflow.expressions.html_text import html_text  # its table of entities takes 2 ms to load

    run.room_for_text(len(value))
    return run.text(html_text(value))


_MARKS: Final = "[\u0300-\u036f]+"  # what is left over accents when letters are taken apart
_BETWEEN_WORDS: Final = r"[\W_]+"


@declare(
    "slug(text)",
    "Small letters and digits with `-` between the words, for addresses and file names.",
    (text,),
    examples=('slug("Crème brûlée: 3 ways")',),
)
def _slug(run: Evaluation, value: str) -> str:
    import unicodedata  # these are loaded when they are called for: most recipes get by without

    run.room_for_text(len(value))
    apart = run.text(unicodedata.normalize("NFKD", value))
    letters = unicodedata.normalize("NFC", re.sub(_MARKS, "", apart).casefold())
    return run.text(re.sub(_BETWEEN_WORDS, "-", letters).strip("-"))


@declare("json(value)", "The value as JSON text.", (anything,), examples=('json({title: "Soup", tags: ["warm"]})',))
def _json(run: Evaluation, value: Any) -> str:
    import json

    data = make_copy(value, Room(MAX_TEXT, 1))
    return run.text(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


@declare(
    "parse_json(text)",
    "The value that the JSON text holds.",
    (text,),
    examples=("parse_json('[1, {\"a\": null}]')", "parse_json('{\"saves\": 12}').saves"),
)
def _parse_json(run: Evaluation, value: str) -> Any:
    import json

    run.room_for_text(len(value))
    try:
        data = json.loads(value, parse_constant=_refuse_constant, parse_int=_json_whole)
        json.dumps(data, ensure_ascii=False).encode()
    except Invalid:
        raise
    except UnicodeEncodeError:
        raise Invalid("the JSON holds half of a character") from None
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        raise Invalid(f"the text isn't JSON{place}") from None
    return make_copy(data, Room(MAX_TEXT, 1))


def _refuse_constant(name: str) -> None:
    raise Invalid(f"JSON has no {name}")


def _json_whole(digits: str) -> int | float:
    return check_bounds(int(digits[:40]))


@declare("sha256(text)", "The SHA-256 hash of the text, in hexadecimal.", (text,), examples=('sha256("soup")',))
def _sha256(run: Evaluation, value: str) -> str:
    import hashlib  # seldom needed, and slow to load

    run.charge(len(value))
    try:
        return hashlib.sha256(value.encode()).hexdigest()
    except UnicodeEncodeError:
        raise Invalid("the text holds half of a character") from None
