"""The settings of a sandbox, in one frozen value.

Where the vendor's documentation leaves the behaviour of the service open, there is a setting instead of a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from pinflow import dataclass

DAY = 86_400.0  # seconds
LOOPBACK = ("127.0.0.1", "::1", "localhost")  # the only hosts to listen on: a sandbox is for this machine alone

STANDARD_PER_MINUTE: Mapping[str, int] = {
    "org_read": 1000,
    "org_write": 100,
    "org_analytics": 60,
    "ads_read": 1000,
    "ads_analytics": 300,
}
TRIAL_PER_DAY: Mapping[str, int] = {"org_read": 1000, "org_write": 300, "ads_read": 1000, "ads_analytics": 1000}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a sandbox behaves. Times are seconds of the sandbox's clock, except ``latency``, which really waits."""

    latency: float = 0.0  # before each response of the API and the object store

    quotas: bool = True  # off: nothing is limited, no X-RateLimit headers
    universal_per_second: int = 100  # per account and app
    per_minute: Mapping[str, int] = field(default_factory=lambda: dict(STANDARD_PER_MINUTE))  # by category
    unlisted_per_minute: int = 1000  # a category that per_minute does not name
    trial: bool = False  # access tier "trial": daily quotas of the app, no Pins in production
    trial_total_per_day: int = 1000
    trial_per_day: Mapping[str, int] = field(default_factory=lambda: dict(TRIAL_PER_DAY))  # by category

    nulls: Literal["present", "omitted"] = "present"  # optional fields without a value, and the last bookmark
    originals: bool = False  # responses have the image size "originals", as they had until 2023
    created_status: Literal[200, 201] = 201  # of boards/create, pins/create and media/create
    duplicate_name_status: int = 409  # of code 58
    refused_grant_status: int = 401  # of a code or refresh token that is no longer valid
    order: Literal["newest", "oldest"] = "newest"  # first in a listing
    listing_lag: float = 0.0  # listings omit what was created or moved less than this ago
    deleted_section_pins: Literal["deleted", "kept"] = "deleted"  # "kept": they stay on the board
    pin_edit: bool = True  # whether the app has access to pins/update
    pinner_app: bool = True  # whether the app has access to v3's saving of Pins
    spam_block: bool = False  # new Pins are refused with a spam block
    spam_status: Literal[429, 403] = 429  # of a spam block in v5; in v3 it is 429
    story_tiles: bool = False  # v3: the Pins of a board include a tile that is not a Pin
    v3_large_image: Literal["1200x", "600x", "originals"] = "1200x"  # the size of image_large_url

    max_boards: int = 2000  # an account's own
    max_sections: int = 500  # of a board
    max_pins: int = 200_000  # of an account
    board_name_length: int = 180

    processing_seconds: float = 10.0  # an uploaded video is ready after this time,
    processing_polls: int = 2  # or after this many polls, whichever comes first
    processing_outcome: Literal["succeeded", "failed"] = "succeeded"  # of a file that is not empty

    report_seconds: float = 10.0  # a report on ads is ready after this time,
    report_polls: int = 2  # or after this many polls, whichever comes first
    report_outcome: Literal["FINISHED", "FAILED", "CANCELLED", "EXPIRED", "DOES_NOT_EXIST", "IN_PROGRESS"] = "FINISHED"
    report_life: float = 3600.0  # how long a finished report exists
    report_url_seconds: float = 300.0  # how long the URL of its file is valid

    scope_required: bool = True  # off: a consent page without scopes asks for all of v3
    code_seconds: float = 600.0
    access_seconds: float = 30 * DAY
    refresh_seconds: float = 60 * DAY  # a continuous refresh token; each refresh issues a new one
    legacy_refresh_seconds: float = 365 * DAY  # a legacy one, from the day of consent
    refresh_grace: float = 0.0  # a used refresh token still works this long without revoking its family

    def with_changes(self, changes: Mapping[str, object]) -> Settings:
        """These settings with some replaced by values from JSON.

        Raises ValueError that lists every unknown name and every invalid value, one per line.
        """
        hints = get_type_hints(Settings)
        problems = [problem for name, value in changes.items() if (problem := _problem(hints, name, value))]
        if problems:
            raise ValueError("\n".join(problems))
        values: dict[str, Any] = {name: _value(hints[name], value) for name, value in changes.items()}
        return replace(self, **values)

    def as_json(self) -> dict[str, object]:
        """Every setting by name, as ``with_changes`` accepts them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _value(hint: Any, value: object) -> object:
    if hint is float and isinstance(value, int):
        return float(value)
    return dict(value) if isinstance(value, Mapping) else value


def _problem(hints: Mapping[str, Any], name: str, value: object) -> str | None:
    if name not in hints:
        return f"unknown setting {name!r}; must be one of {', '.join(hints)}"
    hint = hints[name]
    choices = get_args(hint)
    if choices == (str, int):
        good = isinstance(value, Mapping) and all(_is_count(item) for item in value.values())
        return None if good else f"{name}: must be an object of whole numbers of at least 0, not {value!r}"
    if choices:
        return None if value in choices else f"{name}: must be one of {', '.join(map(str, choices))}, not {value!r}"
    if hint is bool:
        return None if isinstance(value, bool) else f"{name}: must be true or false, not {value!r}"
    if hint is int:
        return None if _is_count(value) else f"{name}: must be a whole number of at least 0, not {value!r}"
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    return None if good else f"{name}: must be seconds, at least 0, not {value!r}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
