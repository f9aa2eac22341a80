"""What each setting of a sandbox and each fault means, for people: ``pinflow sandbox --settings`` and its page."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pinflow import dataclass, markdown_code, markdown_sections, markdown_table
from pinflow_sandbox.control.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class SettingText:
    """A setting: what it means, its default, and an example as it is typed behind ``--set``. Times are seconds."""

    name: str
    meaning: str
    default: str
    example: str

    @property
    def option(self) -> str:
        """The example as it is typed in a shell."""
        return f"--set {shlex.quote(self.example)}"


# name -> what it means, an example's value
_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "latency": ("how long each answer takes, in seconds that really pass", "0.08"),
    "quotas": ("whether calls are limited and counted; off: no X-RateLimit headers", "false"),
    "universal_per_second": ("calls in a second, for each account and app", "10"),
    "per_minute": ("calls in a minute, by quota category", '{"org_write": 5}'),
    "unlisted_per_minute": ("calls in a minute of a category that per_minute doesn't name", "60"),
    "trial": ("trial access: quotas of a day for the whole app, and no Pins in production", "true"),
    "trial_total_per_day": ("with trial: calls in a day, of all categories together", "50"),
    "trial_per_day": ("with trial: calls in a day, by quota category", '{"org_write": 20}'),
    "nulls": ("whether fields without a value are null or left out", "omitted"),
    "originals": ("whether answers have the image size 'originals', as they had until 2023", "true"),
    "created_status": ("HTTP status when a board, Pin or upload was created", "200"),
    "duplicate_name_status": ("HTTP status of code 58: a board of this name exists", "400"),
    "refused_grant_status": ("HTTP status when a code or refresh token no longer counts", "400"),
    "order": ("what comes first in a listing", "oldest"),
    "listing_lag": ("listings leave out what was made or moved within this time", "5"),
    "deleted_section_pins": ("what becomes of the Pins of a section that is deleted", "kept"),
    "pin_edit": ("whether the app may change Pins", "false"),
    "pinner_app": ("whether the app may save Pins in v3", "false"),
    "spam_block": ("whether new Pins are refused as spam", "true"),
    "spam_status": ("HTTP status of a spam block in v5", "403"),
    "story_tiles": ("v3: whether a board's Pins include a tile that isn't a Pin", "true"),
    "v3_large_image": ("v3: the size that image_large_url has", "600x"),
    "max_boards": ("boards that an account may have", "50"),
    "max_sections": ("sections that a board may have", "10"),
    "max_pins": ("Pins that an account may have", "100"),
    "board_name_length": ("characters of a board's name", "50"),
    "processing_seconds": ("an uploaded video is ready after this time, or after processing_polls", "60"),
    "processing_polls": ("an uploaded video is ready after it was asked for so often", "5"),
    "processing_outcome": ("what becomes of an uploaded video that isn't empty", "failed"),
    "report_seconds": ("an ad report is ready after this time, or after report_polls", "60"),
    "report_polls": ("an ad report is ready after it was asked for so often", "5"),
    "report_outcome": ("what becomes of an ad report", "FAILED"),
    "report_life": ("how long a finished report exists", "60"),
    "report_url_seconds": ("how long the address of a report's file counts", "10"),
    "scope_required": ("whether the consent page must name scopes; off: without any it asks for all of v3", "false"),
    "code_seconds": ("how long the code of a sign-in counts", "10"),
    "access_seconds": ("how long an access token counts", "60"),
    "refresh_seconds": ("how long a continuous refresh token counts; each refresh gives a new one", "120"),
    "legacy_refresh_seconds": ("how long a legacy refresh token counts, from the day of consent", "3600"),
    "refresh_grace": ("how long a used refresh token still counts without revoking those that came of it", "30"),
}
# what a rate means is the share of requests or things that are hit
_FAULT_TEXTS: Final[Mapping[str, str]] = {
    "error_before": "HTTP 500, 502, 503 or 504, some with a page of HTML; the request isn't applied",
    "error_after": "the same, but the request is applied",
    "reset_before": "no answer; the request isn't applied",
    "reset_after": "no answer; the request is applied",
    "truncated": "the answer is cut off; the request is applied",
    "limited": "HTTP 429, with every form of Retry-After and X-RateLimit headers",
    "late": "no answer, and a change is applied some time later",
    "busy": "of changes of sections: HTTP 409, another change is under way",
    "expired": "the access token ends early, if it can be refreshed",
    "late_seconds": "how much later, at most",
    "listing_lag": "how long listings leave out what is new, at most; drawn for each change",
    "small_pages": "pages have 1 to 25 items, whatever was asked for",
    "extra_fields": "answers have fields that nobody documented",
    "daily": "the quotas of a day that trial access has",
    "vanished": "of new Pins: deleted some time later",
    "stranger": "of new Pins: another Pin appears on the board",
    "nothing_made": "of creations: the answer says it was made, and nothing was",
    "nothing_done": "of changes and deletions: the answer says it was done, and nothing was",
    "suppressed": "of new Pins like one on their board: the answer is that one, and nothing is made",
    "rewritten": "of new and changed Pins: title and description are stored in capital letters",
    "lie_seconds": "how long until a Pin vanishes or appears, at most",
    "list_empty": "of pages of listings: no items, and the last page",
    "list_null": "of pages of listings: null in place of the items",
    "list_short": "of pages of listings: some items at the end are missing, and all further pages",
    "list_stale": "of pages of listings: what the same request was answered at first",
    "list_repeated": "of pages of listings: the bookmark leads to the same page again",
    "list_operation": "the only listing that lies; empty: all",
    "list_lies": "so many lies about listings, then none",
}


def setting_texts() -> Iterator[SettingText]:
    """Every setting, in the order of ``Settings``."""
    for name, default in Settings().as_json().items():
        meaning, example = _TEXTS[name]
        yield SettingText(name, meaning, _typed(default), f"{name}={example}")


def fault_texts() -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Every fault: its name, what it means, and its value in each profile that has it."""
    from dataclasses import fields

    from pinflow_sandbox.control.faults import PROFILES, FaultProfile

    for field in fields(FaultProfile):
        if field.name not in ("name", "seed"):
            values = {name: getattr(profile, field.name) for name, profile in PROFILES.items()}
            yield field.name, _FAULT_TEXTS[field.name], {name: value for name, value in values.items() if value}


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def print_settings(*, human: bool) -> int:
    """List every setting and fault on standard output. Returns the exit code."""
    settings, faults = list(setting_texts()), list(fault_texts())
    if not human:
        data = {
            "settings": [asdict(setting) for setting in settings],
            "faults": [
                {"name": name, "meaning": meaning, "profiles": dict(values)} for name, meaning, values in faults
            ],
        }
        sys.stdout.write(json.dumps(data) + "\n")
        return 0
    lines = ["Settings, for --set NAME=VALUE. Times are seconds of the sandbox's clock, but for latency.", ""]
    for setting in settings:
        lines += [setting.name, f"    {setting.meaning}", f"    default {setting.default}", f"    {setting.option}"]
    lines += ["", "Faults, for --faults PROFILE:", ""]
    for name, meaning, values in faults:
        shown = ", ".join(f"{profile} {_typed(value)}" for profile, value in values.items())
        lines += [name, f"    {meaning}", f"    {shown or 'in no profile'}"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def page_text() -> str:
    """The page on settings and faults, as Markdown."""
    from pinflow_sandbox.control.faults import PROFILES

    profiles = [name for name in PROFILES if name != "none"]
    rows = [
        (
            markdown_code(setting.name),
            setting.meaning,
            markdown_code(setting.default),
            markdown_code(setting.option),
        )
        for setting in setting_texts()
    ]
    faults = [
        (markdown_code(name), meaning, *(_typed(values[profile]) if profile in values else "" for profile in profiles))
        for name, meaning, values in fault_texts()
    ]
    return markdown_sections(
        "Times are seconds of the sandbox's clock, but for `latency`. "
        "Where the service's documentation leaves open what it does, there is a setting.",
        "## Settings",
        markdown_table(("setting", "what it means", "default", "example"), rows),
        "## Faults",
        "A profile is a set of faults: `pinflow sandbox --faults hostile:42`. A number is the share of requests that "
        "are hit; `hostile*1.5` has 1.5 times as many. With the same number behind the colon, the same requests are "
        "hit again.",
        markdown_table(("fault", "what it does", *map(markdown_code, profiles)), faults),
    )
