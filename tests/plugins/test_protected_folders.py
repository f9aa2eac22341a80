"""Folders of pinflow's own, wherever they lie: no path of a recipe or of a person leads into them, by any name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pinflow.errors import UsageError
from pinflow.plan import file_opening
from pinflow.plan.file_opening import FilePlace, open_folder, open_to_read
from pinflow.plan.file_rules import FileRules

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli import Cli

WRITE = """
name: n
inputs: {{p: {{type: file, default: ok.json}}}}
steps:
  - {{id: a, uses: log, with: {{text: begun}}}}
  - {{id: w, uses: write_json, with: {{path: {path}, data: {{token: x}}, if_exists: replace}}}}
"""
READ = 'name: n\nsteps:\n  - {{id: r, uses: read_csv, with: {{path: "{path}"}}}}\n'
OWN = {  # which are all in the folder where the person is
    "PINFLOW_STATE_DIR": "state",
    "PINFLOW_CACHE_DIR": "cache",
    "PINTEREST_OAUTH_TOKEN_DIR": "tokens",
}
PATHS = [
    "state/allowed-plugins.json",
    "state/approvals/x.json",
    "state/new/deep/x.json",
    "./state//x.json",
    "STATE/x.json",
    "\uff53tate/x.json",
    "tokens/garden.json",
    "cache/x.json",
    "plugins/x.json",
]


@pytest.fixture
def here(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person is, with all of pinflow's own folders in it."""
    folder = tmp_path / "here"
    (folder / "plugins").mkdir(parents=True)
    (folder / "plugins" / "acme.py").write_text("")
    for variable, name in OWN.items():
        cli.environ[variable] = f"./{name}"
        (folder / name).mkdir()
    (folder / "state").chmod(0o700)
    monkeypatch.chdir(folder)
    return folder


def run(cli: Cli, *words: object) -> int:
    return cli("--plugin", "plugins/acme.py", "run", "r.yaml", *words)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("late", [False, True])
def test_a_recipe_writes_into_none_below_the_output_folder(cli: Cli, here: Path, path: str, late: bool) -> None:
    text = WRITE.format(path='"${{ steps.late }}"' if late else f'"{path}"')
    if late:
        (here / "plugins" / "acme.py").write_text(ECHO)
        text = text.replace("steps:\n", f'steps:\n  - {{id: late, uses: echo_path, with: {{text: "{path}"}}}}\n')
    (here / "r.yaml").write_text(text)
    assert run(cli, "--output-dir", ".") == 2, cli.stderr
    assert "pinflow's own" in cli.stderr
    assert ("begun" in cli.stderr) is late  # what stands in the recipe is refused before anything is done
    assert run(cli, "--output-dir", ".", "--dry-run") == 2
    assert not [entry for entry in here.rglob("*.json") if b"token" in entry.read_bytes()]
    assert not (here / "STATE").exists()


ECHO = """
from pinflow import Context, action, hookimpl

@action("echo_path")
def echo_path(ctx: Context, *, text: str) -> str:
    \"\"\"Give a text back, which is not known before the run.\"\"\"
    return text

@hookimpl
def pinflow_actions():
    return [echo_path]
"""


@pytest.mark.parametrize("path", PATHS)
def test_nor_does_it_where_the_usual_output_folder_holds_them(cli: Cli, here: Path, path: str) -> None:
    for variable, name in OWN.items():
        cli.environ[variable] = f"./out/{name}"
    (here / "out").mkdir()
    (here / "plugins").rename(here / "out" / "plugins")
    (here / "r.yaml").write_text(WRITE.format(path=f'"{path}"'))
    assert cli("--plugin", "out/plugins/acme.py", "run", "r.yaml") == 2
    assert "r.yaml:6:" in cli.stderr
    assert "pinflow's own" in cli.stderr


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ("STATE/x.json", "\uff53tate/x.json")])
def test_nor_does_a_person_by_accident(cli: Cli, here: Path, path: str) -> None:
    (here / "r.yaml").write_text(WRITE.format(path='"${{ inputs.p }}"'))
    assert run(cli, "-i", f"p={path}") == 2
    assert "pinflow's own" in cli.stderr
    (here / "way").symlink_to(here)
    assert run(cli, "-i", f"p=way/{path}") == 2


def test_a_persons_state_in_the_very_folder_keeps_what_is_its_own(cli: Cli, here: Path) -> None:
    cli.environ["PINFLOW_STATE_DIR"] = "."
    for name, code in {"allowed-plugins.json": 2, "approvals/x.json": 2, "undo/x.json": 2, "mine.json": 0}.items():
        (here / "r.yaml").write_text(WRITE.format(path=name))
        assert run(cli, "--output-dir", ".") == code, (name, cli.stderr)


@pytest.mark.parametrize("folder", ["state", "tokens", "cache"])
def test_nothing_of_them_is_read(cli: Cli, here: Path, folder: str) -> None:
    (here / folder / "x.csv").write_text("a\n1\n")
    (here / "r.yaml").write_text(READ.format(path=f"{folder}/x.csv"))
    assert run(cli) == 2
    assert "keys or tokens" in cli.stderr
    (here / "r.yaml").write_text("inputs: {p: {type: file}}\n" + READ.format(path="${{ inputs.p }}"))
    assert run(cli, "-i", f"p={folder}/x.csv") == 2
    assert run(cli, "-i", "p=plugins/acme.py") == 2
    assert "keys or tokens" in cli.stderr


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_what_is_opened_is_compared_as_a_folder_and_not_as_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool
) -> None:
    if not by_descriptor:
        monkeypatch.setattr(file_opening, "_BY_DESCRIPTOR", False)  # as on Windows
    (tmp_path / "out" / "inner").mkdir(parents=True)
    (tmp_path / "out" / "inner" / "x.json").write_text("{}")
    (tmp_path / "other_name").symlink_to(tmp_path / "out")  # as a bind mount, or a case-insensitive disk, has it
    for closed in ("other_name", "other_name/inner", ""):
        place = FilePlace(tmp_path / "out/inner/x.json", tmp_path, ("out", "inner", "x.json"), (tmp_path / closed,))
        for way in (place, FilePlace(place.path, closed=place.closed)):
            with pytest.raises(UsageError, match="pinflow's own"):
                open_to_read(way)
            with pytest.raises(UsageError, match="pinflow's own"), open_folder(way, make=way is place):
                pass
    beside = FilePlace(tmp_path / "out/inner/x.json", tmp_path, ("out", "inner", "x.json"), (tmp_path / "none",))
    open_to_read(beside).close()


@pytest.mark.skipif(os.name == "nt", reason="a link stands for a folder with two names")
def test_a_folder_that_takes_the_place_of_another_after_the_look_is_not_written_to(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (tmp_path / "out" / "sub").mkdir(parents=True)
    state.mkdir()
    rules = FileRules(tmp_path, tmp_path, secret=(state,))
    place = rules.to_write("sub/x.json", rules.usual_output)
    (tmp_path / "out" / "sub").rmdir()
    state.rename(tmp_path / "out" / "sub")
    state.symlink_to(tmp_path / "out" / "sub")  # pinflow's own name still leads there
    with pytest.raises(UsageError, match="pinflow's own"), open_folder(place, make=True):
        pass
    assert list((tmp_path / "out" / "sub").iterdir()) == []


BELIEVED = [
    "venv/lib/site-packages/evil-9.dist-info/entry_points.txt",
    "evil.dist-info/x.txt",
    "evil.EGG-INFO/x.txt",
    "autostart/x.txt",
    "r.git/info/x.txt",
    "hooks/x.txt",
    "node_modules/x/index.json",
    "CMakeLists.txt",
    "sub/CMAKELISTS.txt",
    "package.json",
    "p\uff41ckage.json",
    "composer.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "babel.config.json",
    "requirements.txt",
    "requirements-dev.txt",
    "dev_requirements.txt",
    "requirements/base.txt",
    "CLAUDE.md",
    "AGENTS.md",
    "docs/review.instructions.md",
    ".github/x.txt",
]


@pytest.mark.parametrize("path", BELIEVED)
def test_a_recipe_writes_nothing_that_programs_believe_by_its_name(cli: Cli, here: Path, path: str) -> None:
    (here / "r.yaml").write_text(WRITE.format(path=f'"{path}"'))
    for words in ([], ["--output-dir", "."], ["--output-dir", "else/where"]):
        assert run(cli, *words) == 2, cli.stderr
        assert "r.yaml:6:" in cli.stderr
    assert not any((here / folder / path).exists() for folder in ("out", ".", "else/where"))
    (here / "r.yaml").write_text(WRITE.format(path='"${{ inputs.p }}"').replace("ok.json", f'"{path}"'))
    assert run(cli, "--output-dir", ".") == 2  # a default is the recipe's word


@pytest.mark.parametrize("path", ["packages.json", "my_requirements.md", "configuration.json", "git/hook.txt"])
def test_other_names_are_free(cli: Cli, here: Path, path: str) -> None:
    (here / "r.yaml").write_text(WRITE.format(path=path))
    assert run(cli) == 0, cli.stderr
    assert (here / "out" / path).is_file()


def test_a_person_may_have_folders_and_settings_of_such_names(cli: Cli, here: Path) -> None:
    (here / "hooks").mkdir()
    (here / "r.yaml").write_text(WRITE.format(path='"${{ inputs.p }}"'))
    assert run(cli, "-i", "p=hooks/package.json") == 0, cli.stderr
    assert run(cli, "--output-dir", "hooks") == 0, cli.stderr
    (here / "evil.dist-info").mkdir()
    assert run(cli, "-i", "p=evil.dist-info/entry_points.txt") == 2
    assert "other programs" in cli.stderr


@pytest.mark.parametrize("output", [[], ["--dry-run"]])
def test_what_a_service_echoes_of_a_secret_names_no_file(cli: Cli, here: Path, output: list[str]) -> None:
    (here / "plugins" / "acme.py").write_text(ECHO)
    recipe = WRITE.format(path='"out/${{ steps.u }}.json"').replace(
        "steps:\n", 'steps:\n  - {id: u, uses: echo_path, with: {text: "${{ inputs.s }}"}}\n'
    )
    (here / "r.yaml").write_text(recipe.replace("inputs: {", "inputs: {s: {type: secret}, "))
    for secret in ("garden-secret-word", "Z2FyZGVu/c2VjcmV0d29yZA"):
        cli.environ["PINFLOW_INPUT_S"] = secret
        assert run(cli, *output) == 2, cli.stderr
        assert "the path holds a secret" in cli.stderr
        assert secret not in cli.stderr + cli.stdout
    assert not (here / "out").exists()
