"""Each service has tokens of its own: nothing of one goes to another, whatever recipes and folders say."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import (
    Action,
    Api,
    App,
    Context,
    Credential,
    CredentialError,
    CredentialRequest,
    OAuth,
    RemoteError,
    TokenRules,
    action,
    hookimpl,
)
from pinflow.app import Options
from pinflow.clock import Clock
from pinflow.plugin.loader import collect, find_installed, load
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pinflow.engine.results import RunResult

NOW = 1_800_000_000.0
TASKS = "{name: n, api: taskbase, steps: [{id: a, uses: list_tasks}]}"
USER = "{name: n, api: v5, steps: [{id: a, uses: get_user}]}"
BOTH = """
name: n
auth:
  a: {token: TOKEN}
steps:
  - {id: tasks, uses: taskbase.list_tasks, auth: a}
  - {id: me, uses: v5.get_user, auth: a}
"""


class Service:
    """A service on loopback that gives out tokens and refuses the ``refused`` ones; ``seen`` is every secret it got."""

    def __init__(self, prefix: str) -> None:
        self.seen: list[str] = []
        self.paths: list[str] = []
        self.refused: set[str] = set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                secret = self.headers.get("Authorization", "").partition(" ")[2]
                basic = self.headers.get("Authorization", "").startswith("Basic")
                service.seen += [b64decode(secret).decode() if basic else secret, body]
                service.paths.append(self.path)
                status, answer = 200, {"id": "1", "username": "ann", "items": [], "code": 2, "message": "no"}
                if self.path.endswith("/oauth/token"):
                    answer = {"access_token": f"{prefix}new", "refresh_token": f"{prefix}next", "expires_in": 3600}
                elif secret in service.refused:
                    status = 401
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def got(self) -> str:
        """All that it was sent in headers and bodies."""
        return "\n".join(self.seen)


@action("list_tasks", api="taskbase")
def list_tasks(ctx: Context) -> str:
    """Who asks."""
    return str(ctx.client.get("/tasks")["id"])


class Taskbase:
    """A service of somebody else's, which says nothing about its tokens unless ``rules`` do."""

    def __init__(self, url: str, rules: TokenRules) -> None:
        self.url, self.rules = url, rules

    @hookimpl
    def pinflow_actions(self) -> list[Action]:
        return [list_tasks]

    @hookimpl
    def pinflow_apis(self) -> list[Api]:
        def read_error(status: int, headers: Mapping[str, str], body: object) -> RemoteError:
            return RemoteError("no", status=status)

        return [
            Api(
                id="taskbase",
                service="taskbase",
                title="Taskbase",
                origin=self.url,
                prefix="",
                origin_variable="TASKBASE_URL",
                operation=lambda method, path: None,
                read_error=read_error,
                tokens=self.rules,
                token_folder_variable="TASKBASE_TOKEN_DIR",
                oauth=OAuth(
                    consent_origin=self.url,
                    consent_origin_variable="TASKBASE_CONSENT_URL",
                    consent_path="/oauth",
                    token_path="/oauth/token",
                    answer={name: (name,) for name in ("access_token", "refresh_token", "expires_in")},
                    client_credentials=True,
                    scopes=frozenset({"tasks"}),
                    default_scopes=frozenset({"tasks"}),
                    app_variables=(("TASKBASE_APP_ID", "TASKBASE_APP_SECRET"),),
                ),
            )
        ]


class World:
    """Both services, and a person with tokens."""

    def __init__(self, folder: Path, rules: TokenRules) -> None:
        self.pinterest, self.taskbase = Service("pina_"), Service("tb_")
        self.folder = folder
        self.state = folder / "state"
        self.plugin = Taskbase(self.taskbase.url, rules)
        self.environ = {
            "PINTEREST_API_URI": self.pinterest.url,
            "PINFLOW_ALLOW_HOST": self.pinterest.url,  # the vendor's secrets are meant to arrive in these tests
            "PINTEREST_APP_ID": "1",
            "PINTEREST_APP_SECRET": "secret-of-pinterest",
            "TASKBASE_APP_ID": "2",
            "TASKBASE_APP_SECRET": "secret-of-taskbase",
            "PINFLOW_STATE_DIR": str(self.state),
        }

    def app(self, environ: Mapping[str, str] | None = None) -> App:
        environ = {**self.environ, **(environ or {})}
        manager, infos = load(find_installed(None), objects=[self.plugin])
        clock = Clock(lambda: NOW, lambda: NOW, lambda seconds: None)
        return App(collect(manager, infos, environ), manager, environ, state=self.state, clock=clock)

    def run(self, text: str, *, typed: Any = None, inputs: Any = None, **environ: str) -> RunResult:
        recipe = self.folder / "recipes" / "r.yaml"
        recipe.parent.mkdir(exist_ok=True)
        recipe.write_text(text)
        app = self.app(environ)
        return app.run(app.plan(recipe, inputs=inputs or {}, typed=typed), Options())

    def put(self, path: str, **content: str) -> Path:
        """A token file, below the project's folder."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(json.dumps(content))
        file.chmod(0o600)
        return file

    def cli(self, monkeypatch: pytest.MonkeyPatch, **environ: str) -> Cli:
        monkeypatch.chdir(self.folder)
        cli = Cli(self.folder, **{**self.environ, **environ})
        cli.use_app(self.app(environ))
        return cli

    def close(self) -> None:
        self.pinterest.close()
        self.taskbase.close()


@pytest.fixture(params=["says nothing", "has rules"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    tmp_path.chmod(0o700)
    rules = TokenRules() if request.param == "says nothing" else TokenRules(prefixes=("tb_",))
    made = World(tmp_path, rules)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["ACCESS_TOKEN", "ACCESS_TOKEN_V5", "ACCESS_TOKEN_V3"])
def test_a_variable_of_pinterests_goes_to_no_other_service(world: World, name: str) -> None:
    for recipe in (TASKS, BOTH.replace("TOKEN", "access_token")):
        with pytest.raises(CredentialError, match="no token 'access_token'"):
            world.run(recipe, **{"ACCESS_TOKEN": "opaque-of-pinterest", name: "opaque-of-pinterest"})
    assert world.taskbase.seen == []


@pytest.mark.parametrize("name", ["TASKBASE_TOKEN", "TASKBASE_ACCESS_TOKEN", "ACCESS_TOKEN_TASKBASE"])
def test_a_variable_of_the_other_service_goes_there_and_not_to_pinterest(world: World, name: str) -> None:
    recipe = (
        TASKS if name != "TASKBASE_ACCESS_TOKEN" else TASKS.replace("steps", "auth: {a: {token: access_token}}, steps")
    )
    assert world.run(recipe, **{name: "tb_it", "PINFLOW_TOKENS": name}).ok
    assert "tb_it" in world.taskbase.got
    for token in (name.lower(), "access_token", "taskbase_token"):
        with pytest.raises(CredentialError):
            world.run(
                f"{{name: n, api: v5, auth: {{a: {{token: {token}}}}}, steps: [{{uses: get_user}}]}}",
                **{name: "tb_it", "PINFLOW_TOKENS": name},
            )
    assert world.pinterest.seen == []


def test_a_variable_with_the_name_of_a_service_is_of_no_other_even_if_a_person_lists_it(world: World) -> None:
    recipe = "{name: n, api: v5, auth: {a: {token: taskbase_client}}, steps: [{uses: get_user}]}"
    with pytest.raises(CredentialError, match="TASKBASE_CLIENT is for tokens of another service"):
        world.run(recipe, TASKBASE_CLIENT="opaque", PINFLOW_TOKENS="TASKBASE_CLIENT")
    assert world.pinterest.seen == []


def test_each_service_gets_its_own_in_one_run(world: World) -> None:
    both = "{name: n, steps: [{id: t, uses: taskbase.list_tasks}, {id: me, uses: v5.get_user}]}"
    assert world.run(both, ACCESS_TOKEN="opaque-1", TASKBASE_TOKEN="opaque-2").ok
    assert "opaque-1" in world.pinterest.got and "opaque-2" not in world.pinterest.got
    assert "opaque-2" in world.taskbase.got and "opaque-1" not in world.taskbase.got


@pytest.mark.parametrize("variable", ["TASKBASE_TOKEN", "CLIENT_TASKBASE", "TASKBASE_CLIENT"])
def test_a_token_that_is_plainly_pinterests_goes_to_no_other_service_even_if_a_person_says_so(
    world: World, variable: str
) -> None:
    token = "taskbase_token" if variable == "TASKBASE_TOKEN" else "client"
    recipe = "{name: n, api: taskbase, inputs: {t: {type: token}}, steps: [{uses: list_tasks}],"
    recipe += " auth: {a: {token: '${{ inputs.t }}'}}}"
    with pytest.raises(CredentialError, match="is of another service than Taskbase"):
        world.run(recipe, inputs={"t": token}, **{variable: "pina_abc", "PINFLOW_TOKENS": variable})
    assert world.taskbase.seen == []


@pytest.mark.parametrize("folder", ["common/oauth_tokens", "recipes/common/oauth_tokens", "state/tokens", "."])
@pytest.mark.parametrize("name", ["access_token", "taskbase_token", "access_token_taskbase"])
def test_a_file_in_pinterests_folder_that_names_no_service_is_pinterests(
    world: World, folder: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    world.put(f"{folder}/{name}.json", access_token="of-pinterest", refresh_token="refreshing-pinterest")
    world.taskbase.refused.add("of-pinterest")
    for token in (name, "access_token", "taskbase_token"):
        recipe = f"{{name: n, api: taskbase, auth: {{a: {{token: {token}}}}}, steps: [{{uses: list_tasks}}]}}"
        with pytest.raises(CredentialError, match="no token"):
            world.run(recipe)
    assert world.taskbase.seen == []
    recipe = f"{{name: n, api: v5, auth: {{a: {{token: {name}}}}}, steps: [{{uses: get_user}}]}}"
    assert world.run(recipe).ok and "of-pinterest" in world.pinterest.got


def test_a_file_that_a_version_before_wrote_for_the_other_service_is_found_where_it_is(world: World) -> None:
    world.put(
        "common/oauth_tokens/access_token_taskbase.json",
        access_token="tb_old",
        api="taskbase",
        origin=world.taskbase.url,
    )
    recipe = "{name: n, api: taskbase, auth: {a: {token: access_token}}, steps: [{uses: list_tasks}]}"
    assert world.run(recipe).ok and "tb_old" in world.taskbase.got
    with pytest.raises(CredentialError, match=r"is for the API taskbase|no token|is for http"):
        world.run(
            recipe.replace("taskbase", "v5")
            .replace("access_token", "access_token_taskbase")
            .replace("list_tasks", "get_user")
        )
    assert world.pinterest.seen == []


def test_a_refused_token_is_refreshed_with_its_own_services_secrets(world: World) -> None:
    world.put("common/oauth_tokens/taskbase/access_token.json", access_token="tb_1", refresh_token="tb_r1")
    world.put("common/oauth_tokens/access_token.json", access_token="pina_1", refresh_token="pinr_1")
    world.taskbase.refused.add("tb_1")
    world.pinterest.refused.add("pina_1")
    both = "{name: n, steps: [{id: t, uses: taskbase.list_tasks}, {id: me, uses: v5.get_user}]}"
    assert world.run(both).ok
    assert "tb_r1" in world.taskbase.got and "2:secret-of-taskbase" in world.taskbase.got
    assert "pinr_1" in world.pinterest.got and "1:secret-of-pinterest" in world.pinterest.got
    for secret in ("pina_", "pinr_", "secret-of-pinterest"):
        assert secret not in world.taskbase.got
    for secret in ("tb_", "secret-of-taskbase"):
        assert secret not in world.pinterest.got


@pytest.mark.parametrize("case", ["two variables", "a link", "a default folder"])
def test_a_folder_that_two_services_are_pointed_at_is_the_one_services(
    world: World, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = world.folder / ("common/oauth_tokens" if case == "a default folder" else "mine")
    quickstart = world.put(f"{folder.relative_to(world.folder)}/access_token.json", access_token="of-pinterest")
    other = folder
    if case == "a link":
        other = world.folder / "link"
        other.symlink_to(folder)
    environ = {"PINTEREST_OAUTH_TOKEN_DIR": str(folder), "TASKBASE_TOKEN_DIR": str(other)}
    if case == "a default folder":
        del environ["PINTEREST_OAUTH_TOKEN_DIR"]
    with pytest.raises(CredentialError, match="no token 'access_token'"):
        world.run(TASKS, **environ)
    before = quickstart.read_text()
    cli = world.cli(monkeypatch, **environ)
    assert cli("auth", "login", "--api", "taskbase", "--client-credentials", "--scopes", "tasks") == 0, cli.stderr
    assert quickstart.read_text() == before and (folder / "taskbase" / "access_token.json").is_file()
    assert world.run(TASKS, **environ).ok and "of-pinterest" not in world.taskbase.got
    assert world.run(USER, **environ).ok and "of-pinterest" in world.pinterest.got


def test_a_service_has_the_folder_that_its_own_variable_names(world: World) -> None:
    world.put("its/access_token.json", access_token="tb_1")
    assert world.run(TASKS, TASKBASE_TOKEN_DIR=str(world.folder / "its")).ok and "tb_1" in world.taskbase.got


def test_signing_in_to_one_service_leaves_the_others_tokens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        world.put(f"{folder}access_token{kind}.json", access_token="of-pinterest")
        for folder in ("common/oauth_tokens/", "state/tokens/", "")
        for kind in ("", "_taskbase", "_v5")
    ]
    before = [file.read_text() for file in files]
    cli = world.cli(monkeypatch)
    for name in ([], ["access_token"], ["taskbase_token"]):
        code = cli("auth", "login", *name, "--api", "taskbase", "--client-credentials", "--scopes", "tasks")
        assert code == 0, cli.stderr
    assert [file.read_text() for file in files] == before
    assert world.pinterest.seen == [] and "2:secret-of-taskbase" in world.taskbase.got
    stored = {path.relative_to(world.folder).as_posix() for path in world.folder.rglob("taskbase/*.json")}
    assert stored == {"state/tokens/taskbase/taskbase_token.json", "state/tokens/taskbase/access_token.json"}
    assert world.run(TASKS).ok and "tb_new" in world.taskbase.got


def test_signing_in_to_pinterest_leaves_the_other_services_tokens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"access_token": "tb_1", "api": "taskbase", "origin": world.taskbase.url}
    files = [
        world.put("state/tokens/taskbase/access_token.json", **facts),
        world.put("state/tokens/access_token.json", **facts),
        world.put("common/oauth_tokens/access_token.json", **facts),
    ]
    before = [file.read_text() for file in files]
    cli = world.cli(monkeypatch)
    assert cli("auth", "login", "--client-credentials", "--scopes", "boards:read") == 0, cli.stderr
    assert [file.read_text() for file in files] == before
    assert world.taskbase.seen == [] and "1:secret-of-pinterest" in world.pinterest.got


def test_the_list_of_tokens_says_whose_each_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("common/oauth_tokens/garden.json", access_token="pina_1")
    world.put("common/oauth_tokens/taskbase/client.json", access_token="tb_1")
    cli = world.cli(monkeypatch, ACCESS_TOKEN="pina_2", TASKBASE_TOKEN="tb_2")
    assert cli("auth", "status", "--output", "json") == 0, cli.stdout
    rows = {(row["token"], *sorted(row["apis"])) for row in json.loads(cli.stdout)["tokens"]}
    assert rows == {
        ("access_token", "v3", "v5"),
        ("garden", "v3", "v5"),
        ("access_token", "taskbase"),
        ("client", "taskbase"),
    }


@pytest.mark.parametrize(
    ("api", "names"), [("taskbase", {"access_token", "client"}), ("v5", {"access_token", "garden"})]
)
def test_a_recipe_lists_the_tokens_of_one_service(world: World, api: str, names: set[str]) -> None:
    world.put("common/oauth_tokens/garden.json", access_token="pina_1")
    world.put("common/oauth_tokens/taskbase/client.json", access_token="tb_1")
    recipe = f"""
name: n
api: {api}
steps:
  - id: each
    for_each: list_tokens
    as: account
    collect: {{name: '${{{{ account.name }}}}'}}
    do: [{{uses: log, with: {{text: '${{{{ account.name }}}}'}}}}]
outputs: {{names: '${{{{ steps.each.rows }}}}'}}
"""
    result = world.run(recipe, ACCESS_TOKEN="pina_2", TASKBASE_TOKEN="tb_2")
    assert result.ok and {row["name"] for row in result.outputs["names"]} == names


def test_all_tokens_are_refreshed_each_at_its_own_service(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("common/oauth_tokens/taskbase/access_token.json", access_token="tb_1", refresh_token="tb_r1")
    world.put("common/oauth_tokens/access_token.json", access_token="pina_1", refresh_token="pinr_1")
    cli = world.cli(monkeypatch)
    assert cli("auth", "refresh", "--all") == 0, cli.stderr
    assert "tb_r1" in world.taskbase.got and "pinr_1" not in world.taskbase.got
    assert "pinr_1" in world.pinterest.got and "tb_r1" not in world.pinterest.got


def test_the_hint_for_a_missing_token_signs_in_to_the_right_service(world: World) -> None:
    with pytest.raises(CredentialError) as caught:
        world.run(TASKS)
    assert "pinflow auth login access_token --api taskbase" in caught.value.hint


def test_versions_of_one_service_share_its_tokens(world: World) -> None:
    world.put("common/oauth_tokens/garden.json", access_token="pina_1")
    for version in ("v3", "v5"):
        recipe = f"{{name: n, api: {version}, auth: {{a: {{token: garden}}}}, steps: [{{uses: get_user}}]}}"
        world.run(recipe)  # the answer is nobody's account in v3; what counts is what was sent
        assert world.pinterest.got.count("pina_1") == int(version == "v5") + 1


@pytest.mark.parametrize("secret", ["pina_of_a_vault", "pinc_of_a_vault"])
def test_a_plugin_that_signs_in_can_not_mix_up_services(world: World, secret: str) -> None:
    class Safe:
        @hookimpl
        def pinflow_credential(self, request: CredentialRequest) -> Credential:
            origin = request.api.base_url(request.environ)
            return Credential(secret, name=request.token, source="a safe", origin=origin)

    world.plugin.pinflow_credential = Safe().pinflow_credential  # type: ignore[attr-defined]
    with pytest.raises(CredentialError, match="is of another service than Taskbase"):
        world.run(TASKS)
    assert world.taskbase.seen == []


REVOKE = """
name: n
api: taskbase
steps:
  - uses: v5.call
    with: {operation: token/revoke, body: {token: abc}}
"""


def test_a_call_that_the_app_signs_is_signed_by_the_services_own_app(world: World) -> None:
    world.run(REVOKE, ACCESS_TOKEN="pina_1")
    assert "1:secret-of-pinterest" in world.pinterest.got and "taskbase" not in world.pinterest.got


def test_a_call_that_the_app_signs_goes_to_no_host_but_its_services(world: World) -> None:
    world.put("common/oauth_tokens/access_token.json", access_token="pina_1", origin=world.pinterest.url)
    result = world.run(REVOKE, PINFLOW_ALLOW_HOST="")
    assert isinstance(result.error, CredentialError) and "the app's secret" in result.error.message
    assert "secret-of-pinterest" not in world.pinterest.got
