"""The fields of a body that is a form or a JSON object; API v3 accepts both. All values are texts.

A number, a flag or an object of a JSON body becomes the text that a form would have.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pinflow_sandbox.server.body_checks import is_encodable, parse_body
from pinflow_sandbox.server.errors import invalid_request, missing_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow_sandbox.server.messages import HttpRequest

FORM = "application/x-www-form-urlencoded"

_FLAGS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False, "": False}
_MOST_FIELDS = 100  # of a form; clients send at most a dozen


class FormFields(dict[str, str]):
    """Texts by field name. A null counts as absent."""

    def require(self, name: str) -> str:
        """A required text. Raises ApiError (400) if it is absent or empty."""
        if value := self.get(name):
            return value
        raise missing_field(name)

    def flag(self, name: str) -> bool:
        """True or false; false if absent. Raises ApiError (400) for anything else."""
        value = _FLAGS.get(self.get(name, "").lower())
        if value is None:
            raise invalid_request(f"Field '{name}' must be true or false (was {self[name][:40]})")
        return value


def parse_fields(call: HttpRequest) -> FormFields:
    """The fields of a body. Raises ApiError (400) if it is neither a form nor a JSON object."""
    kind = call.header("content-type").partition(";")[0].strip().lower()
    if kind == "application/json":
        sent = parse_body(call.body, kind).values()
        return FormFields({name: _text(name, value) for name, value in sent.items() if value is not None})
    if kind != FORM and call.body:
        raise invalid_request(f"the body must be {FORM} or application/json, not '{kind[:80]}'")
    try:
        pairs = parse_qsl(call.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise invalid_request("the body is not a form") from None
    return FormFields(pairs)


def _text(name: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not is_encodable(name + text):
        raise invalid_request("the body is not valid Unicode text")
    return text
