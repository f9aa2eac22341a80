"""The door that every plugin comes through: what is found, what is refused, and who is named as guilty."""

from __future__ import annotations

import os
from textwrap import dedent
from typing import TYPE_CHECKING, Any, cast

import pytest

from pinflow import (
    Action,
    Api,
    Command,
    Context,
    Credential,
    CredentialError,
    CredentialRequest,
    RemoteError,
    Simulator,
    action,
    hookimpl,
)
from pinflow.app import App, Options
from pinflow.errors import PluginError
from pinflow.plugin.loader import collect, commands, credential, find_installed, load, token_places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pinflow.engine.results import RunResult
    from pinflow.events import Event
    from pinflow.plugin.registry import Registry


@action("greet")
def greet(ctx: Context, *, name: str = "you") -> str:
    """Say hello."""
    ctx.log(f"hello {name}")
    return f"hello {name}"


ACTION = """
    from pinflow import Context, action, hookimpl

    @action("{name}")
    def act(ctx: Context) -> str:
        return "{name}"

    @hookimpl
    def pinflow_actions():
        return [act]
"""


def read_error(status: int, headers: Mapping[str, str], body: object) -> RemoteError:
    raise AssertionError("nothing is called here")


def api(name: str) -> Api:
    return Api(
        id=name,
        service="shop",
        title="Shop",
        origin="https://shop.example",
        prefix="/v1",
        origin_variable="SHOP",
        operation=lambda method, path: None,
        read_error=read_error,
        quotas={},
    )


class Site:
    """A folder on the path that distributions are installed into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, module: str, code: str, *, version: str = "1.0", entry: str = "") -> None:
        """A distribution ``name`` with one plugin: ``code`` as ``module``."""
        (self.folder / f"{module}.py").write_text(dedent(code), "utf-8")
        facts = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
        (facts / "entry_points.txt").write_text(f"[pinflow]\n{entry or module} = {module}\n", "utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return Site(folder)


def opened(*disabled: str, files: Sequence[Path] = ()) -> App:
    """The app as a person's program opens it."""
    return App.installed({**os.environ, "PINFLOW_DISABLE": ",".join(disabled)}, plugins_from=files)


def registry_of(*plugins: object) -> Registry:
    """What plugins that are there already offer."""
    return collect(*load([], objects=plugins))


def offering(hook: str, answer: Any) -> object:
    """A plugin whose ``hook`` answers ``answer``."""

    def say(self: object) -> Any:
        return answer

    return type("Shop", (), {hook: hookimpl(say)})()


def ran(folder: Path, recipe: str, *plugins: object) -> tuple[RunResult, list[Event]]:
    """A recipe's run with some plugins, and everything that was told of it."""
    manager, infos = load([], objects=plugins)
    app = App(collect(manager, infos), manager, {}, state=folder / "state")
    path = folder / "recipe.yaml"
    path.write_text(dedent(recipe), "utf-8")
    told: list[Event] = []
    return app.run(app.plan(path, inputs={}), Options(report=[told.append])), told


# -- what is found


def test_an_installed_plugin_is_named_with_its_distribution_and_version(site: Site) -> None:
    site.install("acme-pins", "acme_pins", ACTION.format(name="dust"), version="3.1")
    info = next(each for each in opened().registry.plugins if each.name == "acme_pins")
    assert (info.module, info.distribution, info.version) == ("acme_pins", "acme-pins", "3.1")
    assert info.offers == ("action dust",)


def test_a_plugin_may_be_an_attribute_of_its_module(site: Site) -> None:
    code = """
        from pinflow import Command, hookimpl

        class Shop:
            @hookimpl
            def pinflow_commands(self):
                return [Command(name="open_shop", help="", add_arguments=print, run=print)]

        class Inside:
            shop = Shop()
    """
    site.install("acme", "acme_object", code)
    points = site.folder / "acme-1.0.dist-info" / "entry_points.txt"
    points.write_text("[pinflow]\nacme_object = acme_object:Inside.shop\n", "utf-8")
    assert "open_shop" in opened().registry.commands


def test_a_distribution_that_is_on_the_path_twice_counts_once_and_the_first_wins(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("acme-pins", "acme_twice", ACTION.format(name="old"), version="1.0")
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.syspath_prepend(str(other))
    Site(other).install("Acme.Pins", "acme_twice", ACTION.format(name="new"), version="2.0")
    infos = [each for each in opened().registry.plugins if each.name == "acme_twice"]
    assert [(each.version, each.offers) for each in infos] == [("2.0", ("action new",))]


def test_a_disabled_plugin_is_not_even_imported(site: Site) -> None:
    site.install("acme-pins", "acme_off", "raise RuntimeError('imported')")
    assert "acme_off" not in [each.name for each in opened("acme_off").registry.plugins]
    assert "acme_off" not in [each.name for each in opened("x", " acme-pins ").registry.plugins]


def test_local_plugins_are_loaded_on_request_only(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "polish.py").write_text(dedent(ACTION.format(name="polish")), "utf-8")
    (folder / "_parts.py").write_text("raise RuntimeError('not a plugin')", "utf-8")
    recipe = tmp_path / "shine.yaml"
    recipe.write_text("name: n\nsteps:\n  - uses: polish\n", "utf-8")
    with pytest.raises(Exception, match="unknown action 'polish'"):
        opened().plan(recipe, inputs={})
    for wanted in (folder, folder / "polish.py"):
        plan = opened(files=[wanted]).plan(recipe, inputs={})
        assert plan.steps[0].action is not None
        assert plan.steps[0].action.name == "polish"


def test_what_was_offered_is_remembered_by_plugin() -> None:
    class Shop:
        @hookimpl
        def pinflow_actions(self) -> list[Action]:
            return [greet]

        @hookimpl
        def pinflow_apis(self) -> list[Api]:
            return [api("shop")]

        @hookimpl
        def pinflow_executors(self) -> dict[str, Any]:
            return {"far": lambda workers: None}

    class Deaf:
        @hookimpl
        def pinflow_event(self, event: Event) -> None:
            """Hears and does nothing."""

    registry = registry_of(Shop(), Deaf(), Deaf())
    assert [(each.name, each.offers) for each in registry.plugins] == [
        ("Shop", ("action greet", "api shop", "executor far")),
        ("Deaf", ()),
        ("Deaf_2", ()),
    ]


def test_one_action_may_be_there_for_each_of_several_apis() -> None:
    shop = offering("pinflow_apis", [api("one"), api("two")])

    @action("greet", api="one")
    def first(ctx: Context) -> None: ...

    @action("greet", api="two")
    def second(ctx: Context) -> None: ...

    registry = registry_of(shop, offering("pinflow_actions", [first, second, greet]))
    assert [registry.action("greet", each) for each in ("one", "two", None)] == [first, second, greet]
    assert registry.apis_with("greet") == ["one", "two"]


def test_offers_may_come_from_a_generator_or_one_alone() -> None:
    assert set(registry_of(offering("pinflow_actions", (each for each in [greet]))).actions) == {(None, "greet")}
    assert set(registry_of(offering("pinflow_actions", greet)).actions) == {(None, "greet")}


def test_commands_can_be_asked_for_alone() -> None:
    command = Command(name="open_shop", help="", add_arguments=lambda parser: None, run=lambda args, app: 0)

    class Shop:
        @hookimpl
        def pinflow_commands(self) -> list[Command]:
            return [command]

        @hookimpl
        def pinflow_actions(self) -> list[Action]:
            raise AssertionError("nobody asked for actions")

    assert commands(*load([], objects=[Shop()])) == {"open_shop": command}


# -- how fast it is found


def test_the_scan_is_kept_until_something_is_installed(site: Site, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "plugins.cache"
    before = find_installed(str(cache))
    marked = "\x1f".join(["marked", "marked", "marked", "1"])
    cache.write_text(f"{cache.read_text('utf-8')}\x1e{marked}", "utf-8")
    assert "marked" in [plugin.name for plugin in find_installed(str(cache))]
    site.install("acme-pins", "acme_new", ACTION.format(name="dust"))
    assert [plugin.name for plugin in find_installed(str(cache))] == sorted(
        [*(plugin.name for plugin in before), "acme_new"]
    )


@pytest.mark.parametrize("text", ["", "{", "\x1d", "\x1d\x1d", "\x1d\x1d\x1d", "a\x1db\x1dc", "\udcff", "[[" * 9])
def test_a_broken_cache_does_no_harm(text: str, tmp_path: Path) -> None:
    cache = tmp_path / "plugins.cache"
    cache.write_text(text, "utf-8", errors="surrogateescape")
    assert find_installed(str(cache)) == find_installed(None)
    assert cache.read_text("utf-8").count("\x1e") > len(find_installed(None)), "it is written anew"


@pytest.mark.parametrize("rows", ["few", "too\x1ffew", "a\x1fb\x1fc\x1fd\x1fe"])
def test_a_cache_of_another_form_does_no_harm(rows: str, tmp_path: Path) -> None:
    cache = tmp_path / "plugins.cache"
    find_installed(str(cache))
    stamp, files, _ = cache.read_text("utf-8").split("\x1d")
    cache.write_text("\x1d".join([stamp, files, rows]), "utf-8")
    assert find_installed(str(cache)) == find_installed(None)


def test_a_cache_that_can_not_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    assert find_installed(str(tmp_path / "file" / "plugins.cache")) == find_installed(None)


# -- what is refused


def refused(*plugins: object) -> str:
    with pytest.raises(PluginError) as caught:
        registry_of(*plugins)
    return str(caught.value)


WRONG: list[tuple[str, object, str]] = [
    ("pinflow_actions", None, "a list of Action, not NoneType"),
    ("pinflow_actions", "greet", "a list of Action, not str"),
    ("pinflow_actions", {"greet": greet}, "a list of Action, not dict"),
    ("pinflow_actions", [greet, len], "Action, not builtin_function_or_method"),
    ("pinflow_apis", [greet], "Api, not Action"),
    ("pinflow_apis", 3, "a list of Api, not int"),
    ("pinflow_commands", ["open_shop"], "Command, not str"),
    ("pinflow_commands", True, "a list of Command, not bool"),
    ("pinflow_sandbox", {"shop": 1}, "a list of Simulator, not dict"),
    ("pinflow_sandbox", [None], "Simulator, not NoneType"),
    ("pinflow_executors", [("far", len)], "a mapping of names to factories, not list"),
    ("pinflow_executors", {"far": 3}, "a mapping of names to factories, not dict"),
]


@pytest.mark.parametrize(("hook", "answer", "wanted"), WRONG)
def test_a_wrong_answer_names_plugin_hook_and_type(hook: str, answer: object, wanted: str) -> None:
    assert refused(offering(hook, answer)) == f"plugin 'Shop' ({__name__}): {hook} must return {wanted}"


@pytest.mark.parametrize("hook", ["actions", "apis", "commands", "executors", "sandbox"])
def test_a_hook_that_raises_is_named_with_its_error(hook: str) -> None:
    def fail(self: object) -> None:
        raise KeyError("shelf")

    shop = type("Shop", (), {f"pinflow_{hook}": hookimpl(fail)})()
    assert refused(shop) == f"plugin 'Shop' ({__name__}): pinflow_{hook} failed: KeyError: 'shelf'"


DOUBLE: list[tuple[str, Any, Any, str]] = [
    ("pinflow_actions", [greet], [greet], "action greet"),
    ("pinflow_apis", [api("shop")], [api("shop")], "api shop"),
    ("pinflow_executors", {"far": len}, {"far": len}, "executor far"),
    (
        "pinflow_commands",
        [Command(name="tidy", help="", add_arguments=lambda parser: None, run=lambda args, app: 0)],
        [Command(name="tidy", help="", add_arguments=lambda parser: None, run=lambda args, app: 1)],
        "command tidy",
    ),
    (
        "pinflow_sandbox",
        Simulator(service="shop", start=lambda now: pytest.fail("nobody starts it")),
        Simulator(service="shop", start=lambda now: pytest.fail("nobody starts it")),
        "sandbox shop",
    ),
]


@pytest.mark.parametrize(("hook", "one", "other", "shown"), DOUBLE)
def test_one_name_from_two_plugins_names_both(hook: str, one: Any, other: Any, shown: str) -> None:
    said = refused(offering(hook, one), offering(hook, other))
    assert said.splitlines()[0] == (f"{shown} is offered twice, by both 'Shop' ({__name__}) and 'Shop_2' ({__name__})")


def test_a_command_that_the_program_has_names_both() -> None:
    run = offering(
        "pinflow_commands", [Command(name="run", help="", add_arguments=lambda parser: None, run=lambda args, app: 0)]
    )
    with pytest.raises(PluginError) as caught:
        collect(*load([], objects=[run]), reserved={"run", "help"})
    assert str(caught.value) == (
        f"command run is offered twice, by both pinflow itself and 'Shop' ({__name__})\n"
        "  rename it, or leave the plugin out: PINFLOW_DISABLE=Shop"
    )


def test_one_name_twice_from_one_plugin_is_refused() -> None:
    assert refused(offering("pinflow_actions", [greet, greet])).startswith(
        f"action greet is offered twice, by 'Shop' ({__name__})\n"
    )


def test_two_distributions_with_one_action_are_both_named(site: Site) -> None:
    site.install("acme-pins", "acme_one", ACTION.format(name="dust"), version="1.0")
    site.install("other-pins", "acme_two", ACTION.format(name="dust"), version="2.0")
    with pytest.raises(PluginError) as caught:
        opened()
    assert str(caught.value) == (
        "action dust is offered twice, by both 'acme_one' (acme_one of acme-pins 1.0) "
        "and 'acme_two' (acme_two of other-pins 2.0)\n"
        "  rename one of them, or leave a plugin out: PINFLOW_DISABLE=acme_two"
    )
    assert (None, "dust") in opened("acme_two").registry.actions


def test_two_distributions_with_one_plugin_name_are_both_named(site: Site) -> None:
    site.install("acme-pins", "acme_first", ACTION.format(name="dust"), entry="pins")
    site.install("other-pins", "acme_second", ACTION.format(name="wipe"), entry="pins")
    with pytest.raises(PluginError, match="two plugins are named 'pins'") as caught:
        opened()
    assert "(acme_first of acme-pins 1.0)" in str(caught.value)
    assert "(acme_second of other-pins 1.0)" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from pinflow import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("def (", "SyntaxError: "),
    ],
)
def test_a_plugin_that_does_not_load_is_named_and_can_be_left_out(site: Site, code: str, said: str) -> None:
    site.install("acme-pins", "acme_broken", code, version="0.9")
    with pytest.raises(PluginError) as caught:
        opened()
    assert caught.value.message.startswith(f"plugin 'acme_broken' (acme_broken of acme-pins 0.9) does not load: {said}")
    assert caught.value.hint == "to continue without it: PINFLOW_DISABLE=acme_broken"
    assert opened("acme_broken").registry.plugins


def test_a_local_plugin_that_does_not_load_is_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "polish.py"
    path.write_text("import no_such_module", "utf-8")
    with pytest.raises(PluginError, match=r"polish\.py does not load: ModuleNotFoundError"):
        opened(files=[path])


def test_a_local_plugin_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"unknown plugin .*xx"):
        opened(files=[tmp_path.with_name("x" * 300)])
    with pytest.raises(PluginError, match=r"unknown plugin .*polish\.py"):
        opened(files=[tmp_path / "polish.py"])


def test_an_unknown_hook_is_named_beside_those_there_are() -> None:
    said = refused(offering("pinflow_action", [greet]))
    assert said.startswith(f"plugin 'Shop' ({__name__}) has an unknown hook: unknown hook 'pinflow_action'")
    assert "the hooks are: pinflow_actions, pinflow_apis, pinflow_checkups, pinflow_commands, pinflow_" in said


def test_a_hook_with_a_wrong_signature_is_named() -> None:
    class Shop:
        @hookimpl
        def pinflow_event(self, happening: Event) -> None: ...

    said = refused(Shop())
    assert said.startswith(f"plugin 'Shop' ({__name__}) does not fit: ")
    assert "pinflow_event" in said
    assert "happening" in said


def test_an_action_for_an_api_that_nobody_speaks_is_refused() -> None:
    @action("dust", api="v9")
    def dust(ctx: Context) -> None: ...

    said = refused(offering("pinflow_actions", [dust]))
    assert said.splitlines() == [
        f"plugin 'Shop' ({__name__}): action v9.dust needs API 'v9', which no installed plugin provides",
        "  to continue without it: PINFLOW_DISABLE=Shop",
    ]


def test_an_action_that_names_the_tokens_of_its_items_has_items() -> None:
    @action("dust", tokens="name")
    def dust(ctx: Context) -> None: ...

    said = refused(offering("pinflow_actions", [dust]))
    assert "action dust names its items' tokens but yields none\n  make it a generator" in said


def test_a_misspelt_effect_is_refused_because_a_dry_run_would_do_it() -> None:
    @action("dust", effect="wirte")  # type: ignore[arg-type]
    def dust(ctx: Context) -> None: ...

    assert "action dust has the effect 'wirte'\n  the effects are: read, write" in refused(
        offering("pinflow_actions", [dust])
    )


# -- those who listen


def test_a_listener_that_raises_is_left_out_with_one_notice_and_the_run_goes_on(tmp_path: Path) -> None:
    heard: list[str] = []

    class Clumsy:
        @hookimpl
        def pinflow_event(self, event: Event) -> None:
            heard.append(type(event).__name__)
            raise ValueError("dropped it")

    recipe = "name: n\nsteps:\n  - uses: greet\n  - uses: greet\n"
    result, told = ran(tmp_path, recipe, Clumsy(), offering("pinflow_actions", [greet]))
    assert result.ok
    assert heard == ["RunStarted"]
    notices = [event.text for event in told if hasattr(event, "text") and "dropped it" in event.text]
    assert len(notices) == 1
    assert "Clumsy" in notices[0]
    assert "left out: ValueError: dropped it" in notices[0]


def test_every_listener_hears_every_event_in_order(tmp_path: Path) -> None:
    heard: dict[str, list[Event]] = {"one": [], "other": []}

    def listener(name: str) -> object:
        def hear(self: object, event: Event) -> None:
            heard[name].append(event)

        return type("Shop", (), {"pinflow_event": hookimpl(hear)})()

    plugins = [listener("one"), listener("other"), offering("pinflow_actions", [greet])]
    result, told = ran(tmp_path, "name: n\nsteps:\n  - uses: greet\n    with: {name: Ada}\n", *plugins)
    assert result.ok
    assert heard["one"] == heard["other"] == told
    assert [type(event).__name__ for event in told] == [
        "RunStarted",
        "StepStarted",
        "Note",
        "StepFinished",
        "RunFinished",
    ]


# -- those who sign


ASKED = CredentialRequest(api=api("shop"), token="t", scopes=frozenset(), environ={}, folders=[])


def signing(answer: object) -> object:
    def sign(self: object, request: CredentialRequest) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return type("Keys", (), {"pinflow_credential": hookimpl(sign)})()


def signed_by(*plugins: object) -> object:
    return credential(*load([], objects=plugins), ASKED)


def test_the_last_plugin_with_a_credential_signs() -> None:
    first = Credential("one", name="t", source="first", origin="https://shop.example")
    last = Credential("two", name="t", source="last", origin="https://shop.example")
    assert signed_by(signing(first), signing(last)) is last
    assert signed_by(signing(first), signing(None)) is first
    assert signed_by(signing(None)) is None
    assert signed_by() is None


def test_what_a_plugin_tells_of_a_missing_credential_is_passed_on() -> None:
    error = CredentialError("there is no token 't'", hint="get one")
    with pytest.raises(CredentialError) as caught:
        signed_by(signing(error))
    assert caught.value is error


@pytest.mark.parametrize(
    ("answer", "said"),
    [("secret", "must return Credential or None, not str"), (KeyError("t"), "failed: KeyError: 't'")],
)
def test_a_plugin_that_signs_wrongly_is_named(answer: object, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        signed_by(signing(answer))
    assert str(caught.value) == f"plugin 'Keys' ({__name__}): pinflow_credential {said}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [("one line", "must return lines of text, not str"), (None, "must return lines of text, not NoneType")],
)
def test_where_a_plugin_looks_for_tokens_must_be_lines(answer: object, told: str) -> None:
    class Signer:
        @hookimpl
        def pinflow_token_places(self) -> object:
            return answer

    manager, infos = load([], objects=[Signer()])
    with pytest.raises(PluginError, match=told):
        token_places(manager, infos, cast("CredentialRequest", None))


def test_a_plugin_that_fails_to_say_where_it_looks_is_named() -> None:
    class Signer:
        @hookimpl
        def pinflow_token_places(self) -> object:
            raise KeyError("x")

    manager, infos = load([], objects=[Signer()])
    with pytest.raises(PluginError, match=r"Signer.*pinflow_token_places failed: KeyError"):
        token_places(manager, infos, cast("CredentialRequest", None))
