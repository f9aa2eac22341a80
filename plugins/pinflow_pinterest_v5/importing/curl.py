"""Importing a curl command as a recipe with one call. Its secrets are never written, shown or quoted.

Source: https://curl.se/docs/manpage.html
"""

from __future__ import annotations

import codecs
import json
import re
import shlex
from dataclasses import field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pinflow import UsageError, dataclass
from pinflow_pinterest.catalogue.operations import is_parameter
from pinflow_pinterest_v5.calls.action import APP_GRANT, TOKEN
from pinflow_pinterest_v5.importing.draft import (
    RecipeDraft,
    check_depth,
    find_faults,
    identifier,
    is_secret,
    parse_value,
    too_deep,
    without_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow import Imported
    from pinflow_pinterest.catalogue.operations import Catalogue, Operation

HOSTS: Final = ("api.pinterest.com", "api-sandbox.pinterest.com")

_DATA: Final = ("-d", "--data", "--data-raw", "--data-ascii", "--data-binary", "--json", "--data-urlencode")
_LONG: Final = {"--request": "-X", "--header": "-H", "--get": "-G", "--head": "-I"}
# options with a value, without one, and those of the latter that need no note: they are about the connection
_WITH_VALUE: Final = """-A --user-agent -b --cookie -c --cookie-jar -e --referer -o --output -m --max-time
    --connect-timeout --retry --retry-delay --retry-max-time -x --proxy --cacert --cert --key -w --write-out --resolve
    --limit-rate -u --user --oauth2-bearer -D --dump-header -F --form -T --upload-file --max-redirs"""
_ALONE: Final = """-k --insecure -L --location --globoff --http1.1 --http2 --fail-with-body -N --no-buffer -4 -6 -0
    --tlsv1.2 -j -O"""
_SILENT: Final = "-s --silent -S --show-error -i --include -v --verbose --compressed -f --fail -g -# --progress-bar"
_VALUED: Final = frozenset(_WITH_VALUE.split())
_QUIET: Final = frozenset(_SILENT.split())
_BARE: Final = _QUIET | frozenset(_ALONE.split())
_PLACEHOLDER: Final = re.compile(
    r"\{+(\w+)\}+|<([\w -]+)>|\$\{?(\w+)\}?|:([a-z_]+)|%7B(\w+)%7D", re.ASCII | re.IGNORECASE
)
_SHELL: Final = re.compile(r"\|\|?|&&?|;|\d?>>?\S*|<")  # where the curl command ends in a shell line
_ANSI: Final = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)


@dataclass(slots=True)
class _Command:
    """What a curl command asks for."""

    method: str = ""
    url: str = ""
    get: bool = False
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    secret: bool = False  # there was one outside the URL and the body
    omissions: list[str] = field(default_factory=list)


def read(text: str, catalogue: Catalogue) -> Imported:
    """The recipe of a curl command. Raises UsageError for any other text, and for another API than Pinterest's."""
    command = _parse_command(text)
    path, query = _address(command)
    method = command.method or ("GET" if command.get or not command.data else "POST")
    operation = _operation(method, path, catalogue)
    draft = RecipeDraft(name=f"Call {operation.id}")
    values: dict[str, Any] = {"operation": operation.id, **_path_values(operation, path, draft)}
    arguments = catalogue.arguments(operation.id)
    body = None
    if command.get:
        query = "&".join(filter(None, [query, *command.data]))
    elif command.data:
        body = _body(command)
    if operation.id == TOKEN and isinstance(body, dict) and body.get("grant_type") != APP_GRANT:
        problem = "a recipe can't send a code or a refresh token: it is used up, and the new one would be lost"
        raise UsageError(problem, hint="use pinflow auth login or pinflow auth refresh; in a recipe, refresh_token")
    for name, value in _group(query).items():
        if name not in arguments.query:
            draft.leave(f"parameter {name!r}, which {operation.id} does not take")
            command.secret = command.secret or is_secret(name, value)
        else:
            values[name] = _fill(value, parse_value(value, arguments.query[name], catalogue), name, draft)
    if body is not None and arguments.body is None:
        draft.leave(f"the body, which {operation.id} does not take")
    elif body is not None:
        values["body"] = _with_inputs(body, draft)
    for omission in command.omissions:
        draft.leave(omission)
    if command.secret:
        draft.leave("the token of the command: recipes hold no secrets; revoke it if anyone else has seen it")
    step = identifier(operation.id)
    draft.steps.append({"id": step, "uses": "call", "with": values})
    draft.outputs["answer"] = "${{ steps." + step + " }}"
    draft.notes += find_faults(operation.id, values, catalogue)
    return draft.as_imported()


# -- the words of the command


def _parse_command(text: str) -> _Command:
    words = _words(text)
    if not words or words[0].rpartition("/")[2] not in ("curl", "curl.exe"):
        raise UsageError(
            "this is not a curl command: it must begin with curl", hint="put quotes around the whole command"
        )
    command = _Command()
    rest = iter(words[1:])
    for word in rest:
        if word.startswith("-") and word != "-":
            for name, value in _options(word, rest):
                _apply_option(command, name, value)
        elif _SHELL.fullmatch(word):
            command.omissions.append(f"what follows {word[:2]} in the command")
            break
        elif command.url:
            raise UsageError("the curl command has two addresses", hint="make a recipe of each")
        else:
            command.url = word
    return command


def _words(text: str) -> list[str]:
    joined = re.sub(r"[\\^]\r?\n", " ", text)
    if '^"' in joined:  # as a browser on Windows copies it for cmd
        joined = re.sub(r"\^(.)", r"\1", joined)

    def plain(match: re.Match[str]) -> str:
        return shlex.quote(codecs.decode(match[1].encode("latin-1", "backslashreplace"), "unicode_escape"))

    try:
        return shlex.split(_ANSI.sub(plain, joined))
    except ValueError as error:
        raise UsageError(f"the curl command can't be read: {str(error).lower()}") from None


def _options(word: str, rest: Iterator[str]) -> Iterator[tuple[str, str | None]]:
    """The options of a word with their values: ``-sSX PATCH`` has three."""
    if word.startswith("--"):
        name, has_value, value = word.partition("=")
        name = _LONG.get(name, name)
        takes = name in _VALUED or name in _DATA or name in ("-X", "-H", "--url")
        yield name, (value if has_value else _next(word, rest)) if takes else None
        return
    letters = word[1:]
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        if name in _VALUED or name in ("-X", "-H", "-d"):
            yield name, letters or _next(name, rest)
            return
        yield name, None


def _next(name: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise UsageError(f"the curl command ends after {name}, which needs a value")
    return value


def _apply_option(command: _Command, name: str, value: str | None) -> None:
    match name:
        case "-X":
            command.method = str(value).upper()
        case "-G":
            command.get = True
        case "-I":
            command.method = "HEAD"
        case "--url":
            command.url = str(value)
        case "-H":
            _header(command, str(value))
        case "-u" | "--user" | "--oauth2-bearer" | "-b" | "--cookie":
            command.secret = True
        case "-F" | "--form" | "-T" | "--upload-file":
            raise UsageError(f"curl {name} sends files, which no operation of the API accepts")
        case _ if name in _DATA:
            _data(command, name, str(value))
        case _ if name in _VALUED or name in _BARE:
            if name not in _QUIET:
                command.omissions.append(f"option {name}: pinflow has its own connection settings")
        case _:
            raise UsageError(f"the curl option {without_tokens(name)} is unknown", hint="remove it")


def _header(command: _Command, text: str) -> None:
    name, _, value = text.partition(":")
    lowered = name.strip().lower()
    secret = lowered in ("authorization", "cookie", "proxy-authorization", "x-api-key")
    command.secret = command.secret or secret or without_tokens(text) != text
    if not secret and lowered not in (
        "content-type",
        "accept",
        "user-agent",
        "accept-encoding",
        "content-length",
        "host",
    ):
        command.omissions.append(f"header {name.strip()[:40]!r}")
    command.headers.append((lowered, value.strip()))


def _data(command: _Command, name: str, value: str) -> None:
    if value.startswith("@") and name not in ("--data-raw", "--data-urlencode"):
        raise UsageError(f"curl {name} @... reads a file, which is not imported", hint="paste its text instead")
    if name == "--json":
        command.headers.append(("content-type", "application/json"))
    if name == "--data-urlencode":
        field, equals, part = value.partition("=")
        if "@" in field or (not equals and "@" in value):
            raise UsageError("curl --data-urlencode with @ reads a file, which is not imported")
        from urllib.parse import quote

        value = f"{field}={quote(part)}" if equals and field else quote(part or value)
    command.data.append(value)


# -- the address


def _address(command: _Command) -> tuple[str, str]:
    """Path below /v5 and query of the command's address."""
    url = command.url
    if not url:
        raise UsageError("the curl command has no address")
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host = (parts.hostname or "").lower()
    except ValueError:
        raise UsageError("the curl command's address is not a URL") from None
    if parts.username or parts.password:
        command.secret = True
    if host not in HOSTS:
        raise UsageError(
            f"{without_tokens(host[:80]) or 'this'} is not Pinterest's API", hint=f"the hosts are: {', '.join(HOSTS)}"
        )
    if host != HOSTS[0]:
        command.omissions.append(f"host {host}: to use it, set PINTEREST_API_URI=https://{host}")
    version, _, path = parts.path.lstrip("/").partition("/")
    if version != "v5":
        raise UsageError(f"/{version[:20]} is not API v5", hint="its addresses begin with /v5/")
    return "/" + path.rstrip("/"), parts.query


def _operation(method: str, path: str, catalogue: Catalogue) -> Operation:
    operation = catalogue.match(method, path)
    if operation is not None:
        return operation
    alternatives = [
        other for verb in ("GET", "POST", "PATCH", "PUT", "DELETE") if (other := catalogue.match(verb, path))
    ]
    if alternatives:
        have = ", ".join(f"{other.method} ({other.id})" for other in alternatives)
        raise UsageError(f"there is no operation {method} {_path_text(path)}", hint=f"this path has: {have}")
    paths = {f"{other.method} {other.path}": other.id for other in catalogue.operations.values()}
    near = get_close_matches(f"{method} {path}", paths, n=3, cutoff=0.5)
    hint = "; ".join(f"{paths[other]} is {other}" for other in near) or "pinflow operations lists them"
    raise UsageError(f"there is no operation {method} {_path_text(path)}", hint=f"nearest: {hint}" if near else hint)


def _path_text(path: str) -> str:
    text = without_tokens(path)
    return text if len(text) <= 100 else text[:99] + "…"


def _path_values(operation: Operation, path: str, draft: RecipeDraft) -> dict[str, Any]:
    """The values of the path's parameters."""
    pairs = zip(operation.path.split("/"), path.split("/"), strict=True)
    values = {template[1:-1]: unquote(text) for template, text in pairs if is_parameter(template)}
    return {name: _fill(value, value, name, draft) for name, value in values.items()}


# -- values


def _fill(text: str, value: Any, name: str, draft: RecipeDraft) -> Any:
    """The value; an input if it is a placeholder such as {board_id} or $BOARD_ID."""
    if not _PLACEHOLDER.fullmatch(text):
        return draft.literal(value, name)
    return draft.input(name, {"type": "id" if name.endswith("_id") else "string", "required": True})


def _group(query: str) -> dict[str, str]:
    """Parameters by name; repeated ones are joined by commas, as lists are."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _body(command: _Command) -> Any:
    """The data as JSON, or as the fields of a form."""
    text = "&".join(command.data)
    kind = dict(command.headers).get("content-type", "")
    if text.lstrip()[:1] in ("{", "[") or "json" in kind:
        try:
            body = json.loads(text)
        except RecursionError:
            raise too_deep() from None
        except ValueError as error:
            where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            hint = "put quotes around the whole command, so that the shell keeps those inside"
            raise UsageError(f"the curl command's data is not JSON ({where})", hint=hint) from None
        check_depth(body)
        return body
    return dict(parse_qsl(text, keep_blank_values=True))


def _with_inputs(body: Any, draft: RecipeDraft, name: str = "") -> Any:
    """The body with an input in place of each placeholder."""
    match body:
        case dict():
            return {key: _with_inputs(part, draft, key) for key, part in body.items()}
        case list():
            return [_with_inputs(part, draft, name) for part in body]
        case str() if (match := _PLACEHOLDER.fullmatch(body)) and not is_secret(name, body):
            word = next(filter(None, match.groups())).lower()
            return draft.input(word, {"type": "id" if name.endswith("_id") else "string", "required": True})
    return draft.literal(body, name)
