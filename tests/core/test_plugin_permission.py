"""Of other distributions, what chooses the tokens that sign is loaded only when a person said so."""

from __future__ import annotations

import json
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli import Cli

ACTIONS = """
    from pathlib import Path
    from pinflow import action, hookimpl

    Path({mark!r}).touch()

    @action("dust", effect="read")
    def dust(ctx):
        return None

    @hookimpl
    def pinflow_actions():
        return [dust]
"""
SIGNER = (
    ACTIONS
    + """
    @hookimpl
    def pinflow_credential(request):
        return None
"""
)
COMMAND = (
    SIGNER
    + """
    from pinflow import Command

    @hookimpl
    def pinflow_commands():
        return [Command(name="sweep", help="sweep", add_arguments=lambda p: None, run=lambda args, app: 0)]
"""
)
HIDDEN = (  # its source has the hook's name nowhere
    ACTIONS
    + """
    def _answer(request):
        return None

    globals()["pinflow_" + "credential"] = hookimpl(_answer)
"""
)
RENAMED = (
    ACTIONS
    + """
    @hookimpl(specname="pinflow_credential")
    def sign(request):
        return None
"""
)
TALKS = f"""
    '''It has no pinflow_credential.'''
    # pinflow_credential, neither{ACTIONS}"""


class Site:
    """A folder on the path that distributions are installed into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self, name: str, module: str, code: str, *, plugin: str = "", version: str = "1.0", package: bool = False
    ) -> Path:
        """A distribution ``name`` with one plugin, called as its module is. Returns the file that its import makes."""
        mark = self.folder / f"{module}.imported"
        text = dedent(code.format(mark=str(mark)))
        if package:
            (self.folder / module).mkdir()
            (self.folder / module / "__init__.py").write_text(f"open({str(mark)!r}, 'w').close()\n", "utf-8")
            (self.folder / module / "plugin.py").write_text(text, "utf-8")
        else:
            (self.folder / f"{module}.py").write_text(text, "utf-8")
        facts = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
        entry = f"{module}.plugin" if package else module
        (facts / "entry_points.txt").write_text(f"[pinflow]\n{plugin or module} = {entry}\n", "utf-8")
        return mark

    def upgrade(self, name: str, before: str, after: str) -> None:
        stem = name.replace("-", "_")
        facts = (self.folder / f"{stem}-{before}.dist-info").rename(self.folder / f"{stem}-{after}.dist-info")
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {after}\n", "utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.startswith(("acme_", "dusty", "other"))]:
        monkeypatch.delitem(sys.modules, name)  # of another test's folder
    yield Site(folder)
    for name, module in list(sys.modules.items()):
        if str(folder) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def plugins(cli: Cli) -> dict[str, dict[str, Any]]:
    assert cli("plugins", "--output", "json") == 0
    return {plugin["name"]: plugin for plugin in cli.json["plugins"]}


def loaded(cli: Cli) -> set[str]:
    return {name for name, plugin in plugins(cli).items() if not plugin["held"]}


@pytest.mark.parametrize("package", [False, True])
def test_one_that_offers_credentials_is_not_even_imported(site: Site, cli: Cli, package: bool) -> None:
    mark = site.install("acme-pins", "acme_pins", SIGNER, package=package)
    held = plugins(cli)["acme_pins"]
    assert held["held"] == "it offers credentials; to allow that: pinflow plugins allow acme_pins"
    assert not held["offers"]
    assert cli("run", "copy_board", "-i", "board=1", "--dry-run") != 0
    assert cli("--help") == 0
    assert not mark.exists()


@pytest.mark.parametrize("code", [HIDDEN, RENAMED], ids=["hidden", "renamed"])
def test_what_its_source_does_not_tell_its_hooks_do(site: Site, cli: Cli, code: str) -> None:
    site.install("acme-pins", "acme_pins", code)
    assert "acme_pins" not in loaded(cli)
    assert cli("actions", "dust") == 2


@pytest.mark.parametrize("code", [ACTIONS, TALKS], ids=["none", "in words"])
def test_others_are_loaded_as_ever(site: Site, cli: Cli, code: str) -> None:
    site.install("acme-pins", "acme_pins", code)
    assert plugins(cli)["acme_pins"]["hooks"] == ["pinflow_actions"]


def test_the_list_shows_the_hooks_of_each_and_who_waits(site: Site, cli: Cli) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    site.install("dusty", "dusty", ACTIONS)
    assert cli("plugins") == 0
    assert cli.stdout.splitlines()[0].split()[-1] == "HOOKS"
    rows = {line.split()[0]: line.split() for line in cli.stdout.splitlines()}
    assert rows["dusty"][1:] == ["dusty", "1.0", "1", "action", "actions"]
    hooks = ["actions,", "checkups,", "commands,", "credential,", "token_places,", "variables"]
    assert rows["pinflow_auth"][-len(hooks) :] == hooks
    assert cli.stdout.splitlines()[-1] == (
        "not loaded: acme_pins (acme-pins 1.0): it offers credentials; to allow that: pinflow plugins allow acme_pins"
    )


def test_who_misses_what_it_offers_is_told_of_it(site: Site, cli: Cli) -> None:
    site.install("acme-pins", "acme_pins", COMMAND)
    note = "note: the plugin acme_pins (acme-pins 1.0) is not loaded: it offers credentials; "
    assert cli("sweep") == 2
    assert note in cli.stderr
    assert cli("actions", "dust") == 2
    assert note in cli.stderr
    cli.environ["PINFLOW_DISABLE"] = "acme_pins"
    assert cli("actions", "dust") == 2
    assert note not in cli.stderr


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: n\napi: v5\nsteps:\n  - uses: acme_list_boards\n")
    return path


@pytest.mark.parametrize("command", ["run", "validate"])
@pytest.mark.parametrize("quiet", [[], ["-q"]], ids=["", "quiet"])
def test_an_action_that_is_missing_may_be_that_of_a_plugin_that_waits(
    site: Site, cli: Cli, recipe: Path, command: str, quiet: list[str]
) -> None:
    assert cli(command, recipe, *quiet) == 2
    assert "did you mean 'list_boards'?" in cli.stderr
    site.install("acme-pins", "acme_pins", SIGNER.replace("dust", "acme_list_boards"))
    assert cli(command, recipe, *quiet) == 2
    assert "unknown action 'acme_list_boards'" in cli.stderr
    assert (
        "the plugin acme_pins is installed and not loaded, and may have it: pinflow plugins allow acme_pins"
        in cli.stderr
    )
    assert "did you mean" not in cli.stderr
    assert cli("plugins", "allow", "acme_pins", "--yes") == 0
    assert cli("validate", recipe) == 0


def test_a_misspelling_and_a_plugin_that_waits_are_both_told(site: Site, cli: Cli, recipe: Path) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    recipe.write_text(recipe.read_text().replace("acme_list_boards", "list_bords"))
    assert cli("validate", recipe) == 2
    assert "did you mean 'list_boards'?; the plugin acme_pins is installed and not loaded" in cli.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("api: acme\nsteps: [{uses: list_boards}]", "unknown API 'acme'"),
        ("steps: [{uses: acme.list_boards}]", "unknown API 'acme'"),
        ("api: v5\nauth: {a: {plugin: acme_pins}}\nsteps: [{uses: list_boards}]", "unknown plugin 'acme_pins'"),
    ],
)
def test_so_may_an_api_and_a_login_s_plugin(site: Site, cli: Cli, recipe: Path, text: str, problem: str) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    recipe.write_text(f"name: n\n{text}\n")
    assert cli("validate", "-q", recipe) == 2
    assert problem in cli.stderr
    assert "the plugin acme_pins is installed and not loaded" in cli.stderr
    assert ": pinflow plugins allow acme_pins" in cli.stderr


def test_one_that_the_variable_leaves_out_is_told_with_the_variable(site: Site, cli: Cli, recipe: Path) -> None:
    site.install("acme-pins", "acme_pins", ACTIONS)
    cli.environ["PINFLOW_PLUGINS"] = ""
    way = "the plugin acme_pins is installed and not loaded, and may have it: add it to PINFLOW_PLUGINS"
    for words in (["validate", "-q", recipe], ["actions", "-q", "dust"], ["sweep"]):
        assert cli(*words) == 2
        assert way in cli.stderr


def test_a_name_in_the_variable_that_no_plugin_has_is_told(site: Site, cli: Cli, recipe: Path) -> None:
    site.install("acme-pins", "acme_pins", ACTIONS)
    cli.environ["PINFLOW_PLUGINS"] = "acme_pin, pinflow"
    reason = "PINFLOW_PLUGINS names it, and no such plugin is installed; did you mean 'acme_pins'?"
    assert cli("validate", "-q", recipe) == 2
    assert f"the plugin acme_pin is not loaded: {reason}" in cli.stderr
    assert cli("validate", "copy_board") == 0
    assert cli.stderr == f"warning: the plugin acme_pin is not loaded: {reason}\n"
    assert cli("plugins") == 0
    assert f"not loaded: acme_pin: {reason}" in cli.stdout
    cli.environ["PINFLOW_PLUGINS"] = "acme_pins"
    assert cli("validate", "copy_board") == 0
    assert cli.stderr == ""


def test_a_person_allows_it_until_a_larger_release(site: Site, cli: Cli) -> None:
    mark = site.install("acme-pins", "acme_pins", COMMAND, version="1.2.3")
    assert cli("--help") == 0
    assert "sweep" not in cli.stdout
    assert cli("plugins", "allow", "acme_pins", answers="n\n") == 1
    assert "acme_pins" not in loaded(cli)
    assert not mark.exists()
    assert cli("plugins", "allow", "acme_pins", answers="y\n") == 0
    assert "acme_pins (acme-pins 1.2.3, module acme_pins)" in cli.stderr
    assert plugins(cli)["acme_pins"]["hooks"] == ["pinflow_actions", "pinflow_commands", "pinflow_credential"]
    assert cli("sweep") == 0
    assert cli("--help") == 0
    assert "sweep" in cli.stdout
    site.upgrade("acme-pins", "1.2.3", "1.2.9")
    assert "acme_pins" in loaded(cli)
    site.upgrade("acme-pins", "1.2.9", "1.3.0")
    assert "acme_pins" not in loaded(cli)
    assert cli("plugins", "allow", "Acme.Pins", "--yes") == 0
    assert "acme_pins" in loaded(cli)
    assert cli("plugins", "forbid", "acme_pins") == 0
    assert "acme_pins" not in loaded(cli)
    assert cli("--help") == 0
    assert "sweep" not in cli.stdout


def test_without_a_person_nothing_is_allowed(site: Site, cli: Cli) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    assert cli("plugins", "allow", "acme_pins") == 2
    assert "needs a person at a terminal" in cli.stderr
    assert "acme_pins" not in loaded(cli)


def test_an_unknown_name_can_not_be_allowed(site: Site, cli: Cli) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    assert cli("plugins", "allow", "acme_pin", "--yes") == 2
    assert "did you mean 'acme_pins'?" in cli.stderr
    assert cli("plugins", "allow", "pinflow_auth", "--yes") == 2


@pytest.mark.parametrize("named", ["acme_pins", "acme-pins", "Acme.Pins", " dusty , acme_pins "])
def test_the_variable_names_the_only_ones_that_load(site: Site, cli: Cli, named: str) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    mark = site.install("other", "other", ACTIONS)
    before = {name for name in loaded(cli) if name.startswith("pinflow")}
    mark.unlink()
    del sys.modules["other"]
    cli.environ["PINFLOW_PLUGINS"] = named
    assert loaded(cli) == {*before, "acme_pins"}
    assert plugins(cli)["other"]["held"] == "PINFLOW_PLUGINS doesn't name it"
    assert not mark.exists()
    assert cli("actions", "dust") == 0
    assert "note:" not in cli.stderr


def test_an_empty_variable_leaves_only_those_of_pinflow(site: Site, cli: Cli) -> None:
    mark = site.install("other", "other", ACTIONS)
    cli.environ["PINFLOW_PLUGINS"] = ""
    assert "pinflow_auth" in loaded(cli)
    assert "other" not in loaded(cli)
    assert not mark.exists()


def test_a_plugin_can_not_take_the_name_of_a_distribution(site: Site, cli: Cli) -> None:
    site.install("acme-pins", "acme_real", ACTIONS)
    mark = site.install("evil", "acme_pins", SIGNER)
    cli.environ["PINFLOW_PLUGINS"] = "acme_pins"
    assert {"acme_real"} == {name for name in loaded(cli) if not name.startswith("pinflow")}
    assert not mark.exists()


def test_a_local_file_is_a_person_s_word(site: Site, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(dedent(SIGNER.format(mark=str(tmp_path / "mark"))), "utf-8")
    cli.environ["PINFLOW_PLUGINS"] = ""
    assert cli("plugins", "--output", "json", "--plugin", path) == 0
    (mine,) = (plugin for plugin in cli.json["plugins"] if plugin["name"] == "mine")
    assert mine["hooks"] == ["pinflow_actions", "pinflow_credential"]


def test_to_check_a_plugin_imports_it_and_no_other_that_waits(site: Site, cli: Cli) -> None:
    mine = site.install("acme-pins", "acme_pins", SIGNER)
    other = site.install("other", "other", SIGNER)
    cli("plugins", "check", "acme_pins")
    assert (mine.exists(), other.exists()) == (True, False), cli.stderr


def test_a_list_that_others_can_write_is_not_believed(site: Site, cli: Cli) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    file = cli.folder / "state" / "allowed-plugins.json"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(json.dumps({"allowed": ["acme-pins 1.0"]}), "utf-8")
    file.chmod(0o600)
    assert "acme_pins" in loaded(cli)
    file.chmod(0o666)
    assert cli("plugins") == 8
    assert "others can change" in cli.stderr
    file.chmod(0o600)
    file.parent.chmod(0o777)
    assert cli("plugins") == 8
    file.parent.chmod(0o700)
    assert "acme_pins" in loaded(cli)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"allowed": 7}', "[" * 100_000])
def test_a_damaged_list_is_named(site: Site, cli: Cli, text: str) -> None:
    site.install("acme-pins", "acme_pins", SIGNER)
    file = cli.folder / "state" / "allowed-plugins.json"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    assert cli("plugins") == 8
    assert f"{file} is damaged" in cli.stderr


def test_an_allowed_one_signs(site: Site, cli: Cli, tmp_path: Path) -> None:
    """The hook of one that waits is not asked for any token; once it is allowed it is."""
    asked = tmp_path / "asked"
    head, _, body = SIGNER.rpartition("return None")
    site.install("acme-pins", "acme_pins", f"{head}open({str(asked)!r}, 'w').close(){body}")
    cli.environ["ACCESS_TOKEN"] = ""
    recipe = tmp_path / "me.yaml"
    recipe.write_text("name: me\nsteps: [{id: a, uses: v5.get_user}]\n", "utf-8")
    cli("run", recipe)
    assert not asked.exists()
    assert cli("plugins", "allow", "acme_pins", "--yes") == 0
    cli("run", recipe)
    assert asked.exists()


CLAIM = """
    from pinflow import Api, OAuth, RemoteError, hookimpl

    oauth = OAuth(
        consent_origin="https://tasks.example",
        consent_origin_variable="",
        consent_path="/oauth",
        token_path="/t",
        app_variables=(("PINTEREST_APP_ID", "PINTEREST_APP_SECRET"),),
    )
    task = Api(
        id="task",
        service="task",
        title="Tasks",
        origin="https://tasks.example",
        prefix="",
        origin_variable="TASK_URL",
        operation=lambda method, path: None,
        read_error=lambda status, headers, body: RemoteError("no", status=status),
        oauth=oauth,
    )

    @hookimpl
    def pinflow_apis():
        return [task]
"""


@pytest.mark.parametrize("module", ["acme_first", "zeta"])
def test_pinflows_own_services_win_whatever_is_loaded_first(site: Site, cli: Cli, module: str) -> None:
    site.install("acme", module, CLAIM)
    assert cli("actions") == 2
    assert f"plugin '{module}' ({module} of acme 1.0): API task could get the tokens of API v" in cli.stderr
    assert "claim the variable PINTEREST_APP_ID" in cli.stderr
    assert f"PINFLOW_DISABLE={module}" in cli.stderr
    cli.environ["PINFLOW_DISABLE"] = module
    assert cli("actions") == 0


def test_a_namesake_of_another_distribution_is_not_imported(site: Site, cli: Cli) -> None:
    evil = site.install("evil", "acme_a", ACTIONS, plugin="acme")
    good = site.install("good", "acme_b", ACTIONS, plugin="acme")
    cli.environ["PINFLOW_PLUGINS"] = "good"
    assert cli("actions", "dust") == 0, cli.stderr
    assert cli("plugins", "--output", "json") == 0
    rows = {plugin["distribution"]: plugin["held"] for plugin in cli.json["plugins"]}
    assert (rows["good"], rows["evil"]) == ("", "PINFLOW_PLUGINS doesn't name it")
    cli("plugins", "check", "acme")
    assert "acme: ran 0 of 1 action" in cli.stdout, cli.stderr
    assert (good.exists(), evil.exists()) == (True, False)


@pytest.mark.parametrize("use", ["variable", "allow"])
def test_a_name_that_two_distributions_plugins_have_is_refused(site: Site, cli: Cli, use: str) -> None:
    marks = [site.install(name, f"acme_{name}", SIGNER, plugin="acme") for name in ("evil", "good")]
    if use == "variable":
        cli.environ["PINFLOW_PLUGINS"] = "acme"
        assert cli("actions") == 2
    else:
        assert cli("plugins", "allow", "acme", "--yes") == 2
    assert "'acme' is the name of a plugin of evil and of one of good" in cli.stderr
    assert "name the distribution that you mean" in cli.stderr
    assert not any(mark.exists() for mark in marks)


@pytest.mark.parametrize("use", ["variable", "allow"])
def test_the_name_of_a_distribution_comes_before_that_of_a_plugin(site: Site, cli: Cli, use: str) -> None:
    named = site.install("acme2", "acme_x", SIGNER, plugin="other2")
    other = site.install("pinflow-acme2", "acme_y", SIGNER, plugin="acme2")
    if use == "variable":
        cli.environ["PINFLOW_PLUGINS"] = "acme2"
    else:
        assert plugins(cli)["acme2"]["held"].endswith("pinflow plugins allow pinflow-acme2")
        assert plugins(cli)["other2"]["held"].endswith("pinflow plugins allow other2")
        assert cli("actions", "dust") == 2
        assert "may have it: pinflow plugins allow pinflow-acme2" in cli.stderr
        assert cli("plugins", "allow", "acme2", "--yes") == 0
        assert "other2 (acme2 1.0" in cli.stderr + cli.stdout
    assert {name for name in loaded(cli) if not name.startswith("pinflow")} == {"other2"}
    assert (named.exists(), other.exists()) == (True, False)
    if use == "variable":
        reason = "acme2 in PINFLOW_PLUGINS is the distribution of that name, not pinflow-acme2"
        assert plugins(cli)["acme2"]["held"] == reason
        assert cli("actions", "nothing") == 2
        assert reason in cli.stderr and "add pinflow-acme2 to PINFLOW_PLUGINS" in cli.stderr
        cli.environ["PINFLOW_PLUGINS"] = "pinflow-acme2"
        assert {name for name in loaded(cli) if not name.startswith("pinflow")} == {"acme2"}


def test_a_plugin_s_name_is_enough_where_only_one_distribution_has_it(site: Site, cli: Cli) -> None:
    site.install("pinflow-acme2", "acme_y", SIGNER, plugin="acme2")
    mark = site.install("other", "other", ACTIONS)
    cli.environ["PINFLOW_PLUGINS"] = "acme2"
    assert {name for name in loaded(cli) if not name.startswith("pinflow")} == {"acme2"}
    assert not mark.exists()
