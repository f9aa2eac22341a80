"""What a service declares is its own: a plugin that claims another's variables, folder or hosts is not loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Api, App, CredentialError, OAuth, TokenRules, hookimpl
from pinflow.errors import PluginError
from pinflow.plugin.loader import collect, find_installed, load
from pinflow_auth.consent import make_consent_page
from tests.plugins.test_token_services import REVOKE, TASKS, USER, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PINTERESTS = (("PINTEREST_APP_ID", "PINTEREST_APP_SECRET"),)


class Claimant:
    """A plugin whose API is another one than its service's own."""

    def __init__(self, api: Api) -> None:
        self.api = api

    @hookimpl
    def pinflow_apis(self) -> list[Api]:
        return [self.api]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    tmp_path.chmod(0o700)
    made = World(tmp_path, TokenRules())
    yield made
    made.close()


def claim(world: World, **changes: Any) -> Api:
    """Taskbase's API with other facts; those of OAuth may stand among them."""
    (api,) = world.plugin.pinflow_apis()
    oauth = {name: changes.pop(name) for name in list(changes) if name in OAuth.__dataclass_fields__}
    assert api.oauth is not None
    return replace(api, oauth=replace(api.oauth, **oauth), **changes)


def refuse(*apis: Api) -> PluginError:
    """The error with which plugins of these APIs are not loaded beside pinflow's own."""
    manager, infos = load(find_installed(None), objects=[Claimant(api) for api in apis])
    with pytest.raises(PluginError) as caught:
        collect(manager, infos, {})
    return caught.value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tokens": TokenRules(folder="")}, "the folder of their tokens is the same"),
        ({"service": "pinterest"}, "is not one of its hosts"),
        ({"tokens": TokenRules(variables=("ACCESS_TOKEN",))}, "both read tokens from ACCESS_TOKEN"),
        ({"service": "access"}, "both read tokens from ACCESS_TOKEN"),
        ({"app_variables": PINTERESTS}, "claim the variable PINTEREST_APP_ID"),
        ({"app_variables": (("TASKBASE_APP_ID", "PINTEREST_APP_SECRET"),)}, "claim the variable PINTEREST_APP_SECRET"),
        ({"app_variables": (("TASKBASE_APP_ID", "pinterest_app_secret"),)}, "claim the variable PINTEREST_APP_SECRET"),
        ({"app_variables": (("PINTEREST_V3_APP_SECRET", "TASKBASE_X"),)}, "claim the variable PINTEREST_V3_APP_SECRET"),
        ({"app_variables": (("TASKBASE_APP_ID", "ACCESS_TOKEN"),)}, "claim the variable ACCESS_TOKEN"),
        ({"tokens": TokenRules(variables=("PINTEREST_APP_SECRET",))}, "claim the variable PINTEREST_APP_SECRET"),
        ({"token_folder_variable": "PINTEREST_OAUTH_TOKEN_DIR"}, "claim the variable PINTEREST_OAUTH_TOKEN_DIR"),
        ({"origin_variable": "PINTEREST_API_URI"}, "claim the variable PINTEREST_API_URI"),
        ({"consent_origin_variable": "PINTEREST_OAUTH_URI"}, "claim the variable PINTEREST_OAUTH_URI"),
        ({"tokens": TokenRules(prefixes=("pin",))}, "the tokens of both begin with pin"),
        ({"tokens": TokenRules(prefixes=("pina_x",))}, "the tokens of both begin with pina_x"),
    ],
)
def test_a_plugin_that_claims_another_services_tokens_is_not_loaded(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    error = refuse(claim(world, **changes))
    assert reason in str(error) and "could get the tokens of API v" in str(error)
    assert "plugin 'Claimant'" in str(error) and "pinflow_pinterest_v" in str(error)
    assert error.hint.endswith("PINFLOW_DISABLE=Claimant")


def test_a_service_of_two_plugins_has_no_more_hosts_for_the_second(world: World) -> None:
    home: dict[str, Any] = {"service": "pinterest", "origin": "https://api.pinterest.com"}
    elsewhere = "https://evil.example"
    for more in ({"consent_origin": elsewhere}, {"tokens": TokenRules(hosts=(elsewhere,))}):
        changes = {"consent_origin": "https://www.pinterest.com", **home, **more}
        assert f"{elsewhere} is not one of its hosts" in str(refuse(claim(world, **changes)))


def test_strangers_have_their_own_as_well(world: World) -> None:
    def other(**changes: Any) -> Api:
        facts: dict[str, Any] = {
            "id": "other",
            "service": "other",
            "origin_variable": "OTHER_URL",
            "token_folder_variable": "",
        }
        facts |= {"consent_origin_variable": "", "app_variables": (("OTHER_APP_ID", "OTHER_APP_SECRET"),)}
        return claim(world, **{**facts, **changes})

    manager, infos = load(find_installed(None), objects=[Claimant(claim(world)), Claimant(other())])
    assert {"taskbase", "other", "v3", "v5"} <= set(collect(manager, infos, {}).apis)
    for changes in (
        {"app_variables": (("OTHER_APP_ID", "TASKBASE_APP_SECRET"),)},
        {"tokens": TokenRules(variables=("TASKBASE_CLIENT",))},  # a token may be there, by Taskbase's own name
        {"tokens": TokenRules(folder="TaskBase")},
    ):
        for pair in ((claim(world), other(**changes)), (other(**changes), claim(world))):
            error = refuse(*pair)
            assert "API taskbase" in str(error) and "API other" in str(error)
            assert error.hint.endswith("PINFLOW_DISABLE=Claimant_2")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        *(
            ({"tokens": TokenRules(folder=folder)}, "the folder of its tokens must be one name")
            for folder in (
                ".",
                "./",
                "..",
                "../oauth_tokens",
                "a/../.",
                "a/b",
                "/tmp/a",
                "a\\b",
                "C:",
                "nul",
                "COM1",
                " ",
                "a\n",
            )
        ),
        ({"tokens": TokenRules(variables=("PINFLOW_INPUT_S",))}, "PINFLOW_INPUT_S is a variable of pinflow's own"),
        ({"app_variables": (("TASKBASE_ID", "PINFLOW_PROXY"),)}, "PINFLOW_PROXY is a variable of pinflow's own"),
        ({"tokens": TokenRules(prefixes=("tb_", ""))}, "an empty prefix"),
        ({"tokens": TokenRules(simulated=("",))}, "an empty prefix"),
        ({"token_path": ".evil.example/t"}, "the path '.evil.example/t' must begin with /"),
        ({"consent_path": "@evil.example"}, "must begin with /"),
        ({"prefix": ".evil.example"}, "must begin with /"),
    ],
)
def test_an_api_that_could_reach_into_others_is_not_loaded(world: World, changes: dict[str, Any], problem: str) -> None:
    error = refuse(claim(world, **changes))
    assert problem in str(error) and "plugin 'Claimant'" in str(error) and "API taskbase" in str(error)
    assert error.hint.endswith("PINFLOW_DISABLE=Claimant")


@pytest.fixture
def unchecked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A plugin that got past the check when it was loaded: what is left is the check where a secret is used."""
    monkeypatch.setattr("pinflow.plugin.loader.token_conflict", lambda apis, sources: None)
    return world


def app_of(world: World, **changes: Any) -> App:
    api = claim(world, **changes)
    world.plugin.pinflow_apis = lambda: [api]  # type: ignore[method-assign]
    hookimpl(world.plugin.pinflow_apis)
    return world.app()


def test_another_services_app_secret_is_not_sent_to_refresh(unchecked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unchecked
    world.put("common/oauth_tokens/taskbase/access_token.json", access_token="tb_1", refresh_token="tb_r1")
    world.taskbase.refused.add("tb_1")
    app_of(world, app_variables=PINTERESTS)
    assert not world.run(TASKS).ok
    cli = world.cli(monkeypatch)
    assert cli("auth", "login", "--api", "taskbase", "--client-credentials", "--scopes", "tasks") == 4
    assert "PINTEREST_APP_ID is of the service pinterest" in cli.stderr
    assert "tb_1" in world.taskbase.got and "secret-of-pinterest" not in world.taskbase.got
    assert not any(path.startswith("/oauth") for path in world.taskbase.paths)


def test_a_consent_page_names_no_app_of_another_service(unchecked: World) -> None:
    request = app_of(unchecked, app_variables=PINTERESTS).credential_request("", api="taskbase")
    with pytest.raises(CredentialError, match="PINTEREST_APP_ID is of the service pinterest"):
        make_consent_page(request, {"tasks"})


@pytest.mark.parametrize("allowed", [False, True])
def test_another_services_app_secret_signs_nothing_as_a_token(unchecked: World, allowed: bool) -> None:
    world = unchecked
    app_of(world, tokens=TokenRules(variables=("PINTEREST_APP_SECRET",)))
    environ = {"PINFLOW_TOKENS": "PINTEREST_APP_SECRET", "PINFLOW_ALLOW_HOST": world.taskbase.url} if allowed else {}
    with pytest.raises(CredentialError, match="PINTEREST_APP_SECRET is for tokens of another service"):
        world.run(TASKS, **environ)
    assert world.taskbase.seen == []


def test_a_service_whose_name_begins_another_ones_variables_is_not_loaded(world: World) -> None:
    assert "claim the variable PINTEREST_APP_" in str(refuse(claim(world, service="pinterest_app")))


def test_a_recipe_names_no_app_secret_of_another_service_as_a_token(world: World) -> None:
    app_of(world, app_variables=(("TASKS_ID", "TASKS_SECRET"),))
    recipe = "{name: n, api: v5, auth: {a: {token: tasks_secret}}, steps: [{uses: get_user}]}"
    with pytest.raises(CredentialError, match="TASKS_SECRET is for tokens of another service"):
        world.run(recipe, TASKS_SECRET="secret-of-taskbase", PINFLOW_TOKENS="TASKS_SECRET")
    assert world.pinterest.seen == []


def test_a_call_that_the_app_signs_is_signed_by_no_other_app(unchecked: World) -> None:
    world = unchecked
    app_of(world, origin_variable="TASKBASE_URL", tokens=TokenRules(variables=("PINTEREST_APP_SECRET",)))
    result = world.run(REVOKE, ACCESS_TOKEN="pina_1")
    assert isinstance(result.error, CredentialError) and "is of the service taskbase" in result.error.message
    assert "secret-of-pinterest" not in world.pinterest.got


OPAQUE = "of-pinterest"


@pytest.mark.parametrize("base", ["common/oauth_tokens", "state/tokens"])
@pytest.mark.parametrize("target", [".", "../oauth_tokens", "{base}"])
def test_a_link_gives_no_service_the_folder_of_another(world: World, base: str, target: str) -> None:
    folder = world.folder / base
    for place in ("common/oauth_tokens", "state/tokens"):
        world.put(f"{place}/access_token.json", access_token=OPAQUE)
    (world.folder / "state" / "oauth_tokens").symlink_to("tokens")
    (folder / "taskbase").symlink_to(target.format(base=folder))
    with pytest.raises(CredentialError, match="of the tokens of taskbase is that of pinterest as well"):
        world.run(TASKS)
    assert world.taskbase.seen == []
    assert world.run(USER).ok and OPAQUE in world.pinterest.got


@pytest.mark.parametrize("inner", ["", "/../taskbase", "/link"])
def test_a_variable_gives_no_service_the_folder_of_another(world: World, inner: str) -> None:
    file = world.put("state/tokens/taskbase/access_token.json", access_token="of-taskbase")
    (file.parent / "link").symlink_to(".")
    with pytest.raises(CredentialError, match="PINTEREST_OAUTH_TOKEN_DIR"):
        world.run(USER, PINTEREST_OAUTH_TOKEN_DIR=f"{file.parent}{inner}")
    assert world.pinterest.seen == []


def test_the_current_folder_is_not_looked_into_if_it_is_another_services(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.put("state/tokens/taskbase/access_token.json", access_token="of-taskbase")
    monkeypatch.chdir(file.parent)
    with pytest.raises(CredentialError, match="no token 'access_token'"):
        world.run(USER)
    assert world.pinterest.seen == []
    assert world.run(TASKS).ok and "of-taskbase" in world.taskbase.got


def test_two_strangers_do_not_share_a_folder(world: World) -> None:
    other = claim(
        world,
        id="other",
        service="other",
        origin_variable="OTHER_URL",
        token_folder_variable="OTHER_DIR",
        consent_origin_variable="",
        app_variables=(),
    )
    (api,) = world.plugin.pinflow_apis()
    world.plugin.pinflow_apis = hookimpl(lambda: [api, other])  # type: ignore[method-assign]
    file = world.put("state/tokens/other/access_token.json", access_token="of-other")
    (file.parent.parent / "taskbase").symlink_to("other")
    with pytest.raises(CredentialError, match="of the tokens of taskbase is that of other as well"):
        world.run(TASKS)
    with pytest.raises(CredentialError, match="of the tokens of taskbase is that of other as well"):
        world.run(TASKS, TASKBASE_TOKEN_DIR=str(file.parent))
    assert world.taskbase.seen == []
