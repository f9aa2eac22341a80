"""What pinflow is told of API v5, and what the API's errors become."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Action, Forbidden, MissingScope, RateLimited, RemoteError, SpamBlocked
from pinflow_pinterest_v3.api import API as V3
from pinflow_pinterest_v5 import pinflow_actions, pinflow_apis
from pinflow_pinterest_v5.actions.pins import create_pin
from pinflow_pinterest_v5.api import API

if TYPE_CHECKING:
    from pinflow import Api
    from tests.plugins.conftest import Bench


def test_the_plugin_offers_the_api_and_its_actions() -> None:
    assert [replace(api, operation=API.operation) for api in pinflow_apis()] == [API]
    assert {action.name for action in pinflow_actions()} == {
        "get_user",
        "list_boards",
        "get_board",
        "create_board",
        "update_board",
        "delete_board",
        "list_sections",
        "list_section_pins",
        "create_section",
        "delete_section",
        "list_pins",
        "list_board_pins",
        "get_pin",
        "create_pin",
        "update_pin",
        "delete_pin",
        "save_pin",
        "copy_pin",
        "copy_board",
        "copy_all_boards",
        "mirror_board",
        "delete_all_boards",
        "list_businesses",
        "upload_video",
        "list_ad_accounts",
        "list_campaigns",
        "list_ad_groups",
        "list_ads",
        "list_delivery_metrics",
        "get_ad_analytics",
        "get_user_analytics",
        "get_pin_analytics",
        "top_pins",
        "top_video_pins",
        "create_ad_report",
        "related_terms",
        "suggested_terms",
        "call",
    }


def test_the_environment_may_lead_to_the_vendors_sandbox() -> None:
    assert API.base_url({}) == "https://api.pinterest.com/v5"
    sandbox = {"PINTEREST_API_URI": "https://api-sandbox.pinterest.com"}
    assert API.base_url(sandbox) == "https://api-sandbox.pinterest.com/v5"


@pytest.mark.parametrize(
    ("method", "path", "category"),
    [("GET", "/boards/1/pins", "org_read"), ("POST", "/pins", "org_write"), ("POST", "/pins/1/save", "org_write")],
)
def test_calls_are_known_with_their_quota(method: str, path: str, category: str) -> None:
    facts = API.operation(method, path)
    assert facts is not None
    assert facts.category == category
    assert category in API.quotas["standard"]
    assert category in API.quotas["trial"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "hint"),
    [
        (401, {"code": 2, "message": "Authentication failed."}, RemoteError, "for the other environment"),
        (401, {"code": 3, "message": "Missing: ['boards:write']"}, MissingScope, "missing scopes: boards:write"),
        (401, {"code": 3, "message": "restricted feature: pin_edit"}, Forbidden, "has no access"),
        (403, {"code": 29, "message": "You are not permitted"}, Forbidden, "scopes ending in _secret"),
        (403, {"code": 29, "message": "Apps with Trial access"}, Forbidden, "https://api-sandbox.pinterest.com"),
        (404, {"code": 50, "message": "Pin not found."}, RemoteError, "check the id"),
        (409, {"code": 58, "message": "Try a different name."}, RemoteError, "choose another name"),
        (409, {"code": 409, "message": "Could not get exclusive access"}, RemoteError, "try again in a moment"),
        (429, {"code": 8, "message": "exceeded a rate limit"}, RateLimited, ""),
        (403, {"code": 9, "message": "in place to combat spam"}, SpamBlocked, "resume the run after that"),
        (502, None, RemoteError, ""),
    ],
)
def test_an_error_is_the_narrowest_kind_with_what_to_do(status: int, body: Any, kind: type, hint: str) -> None:
    error = API.read_error(status, {"x-pinterest-rid": "77"}, body)
    assert type(error) is kind
    assert (error.status, error.request_id) == (status, "77")
    assert error.code == (body["code"] if body else None)
    assert hint in error.hint


@pytest.mark.parametrize("api", [API, V3])
@pytest.mark.parametrize(
    ("status", "body", "may_be_secret"),
    [
        (404, {"code": 40, "message": "Board not found."}, True),
        (404, {"code": 404, "message": "We could not find this pin"}, True),
        (404, {"code": 2031, "message": "Sorry!"}, True),
        (401, {"code": 7, "message": "Not authorized to access board or Pin."}, True),
        (404, {"code": 404, "message": "AdAccount not found."}, False),
        (404, {"code": 404, "message": "Campaign not found."}, False),
        (404, {"code": 30, "message": "User not found."}, False),
        (403, {"code": 403, "message": "The account has no role in this ad account."}, False),
        (404, None, False),
    ],
)
def test_secret_boards_are_spoken_of_only_where_the_thing_may_be_on_one(
    api: Api, status: int, body: Any, may_be_secret: bool
) -> None:
    error = api.read_error(status, {}, body)
    assert ("secret" in error.hint) is may_be_secret
    assert error.hint


def test_trial_apps_are_refused_only_to_create_pins() -> None:
    assert API.closed("trial", "POST", "/pins").startswith("with trial access an app can't create Pins in production")
    assert {API.closed("standard", "POST", "/pins"), API.closed("trial", "POST", "/boards")} == {""}


def test_a_trial_app_is_told_where_it_may_create_pins(bench: Bench) -> None:
    bench.control.change(trial=True)
    with pytest.raises(Forbidden) as caught:
        bench.run(create_pin, board=bench.board_id("Empty for now"), image_url="https://example.com/a.jpg")
    assert "with trial access an app can't create Pins in production" in str(caught.value)


@pytest.mark.parametrize(
    "action", [each for each in pinflow_actions() if not each.variants], ids=lambda each: each.name
)
def test_a_recipe_knows_the_fields_of_what_an_action_gives(action: Action) -> None:
    assert action.parameters.output_schema().keys() & {"$ref", "properties", "items"}


def test_the_plugin_is_light_to_load() -> None:
    heavy = (
        "requests",
        "pydantic",
        "sqlite3",
        "tempfile",
        "http.client",
        "pinflow.engine.effect_runner",
        "pinflow.events",
        "difflib",
    )
    code = (
        "import sys, pinflow_pinterest_v5 as p; p.pinflow_actions(); p.pinflow_apis();"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
