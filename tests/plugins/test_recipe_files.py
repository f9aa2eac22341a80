"""What a recipe may read and write by itself, and what a person may let it: attacks, through the program."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Context, InputPath, OutputPath, action, hookimpl
from pinflow.app import App
from pinflow.engine.options import Options
from pinflow.errors import PinflowError, RecipeError, UsageError
from pinflow.plan import file_opening
from pinflow.recipe.bundled import bundled_recipes
from pinflow.state.folder.written_files import WrittenFiles
from pinflow.testing import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.engine.results import RunResult
    from tests.cli import Cli

KEY = f"-----BEGIN OPENSSH {'PRIVATE'} KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n"
TOKENS = json.dumps({"name": "access_token", "access_token": "pina_" + "A" * 40, "scopes": ["boards:read"]})
READ = """
name: n
inputs:
  f: {type: file, %s}
steps:
  - id: rows
    for_each: read_csv
    with: {path: "${{ inputs.f }}"}
    as: row
    do: [{uses: log, with: {text: "a row"}}]
"""
LITERAL = """
name: n
steps:
  - {id: rows, for_each: read_csv, with: {path: %s}, as: row, do: [{uses: log, with: {text: "a row"}}]}
"""
WRITE = """
name: n
inputs:
  f: {type: file, default: report.csv}
  if_exists: {default: fail}
steps:
  - {id: w, uses: write_csv, with: {path: "${{ inputs.f }}", rows: [{a: 1}], if_exists: "${{ inputs.if_exists }}"}}
outputs: {at: "${{ steps.w.path }}"}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person is, with what must not be read."""
    folder = tmp_path / "here"
    (folder / ".ssh").mkdir(parents=True)
    (folder / ".ssh" / "id_rsa").write_text(KEY)
    (folder / "id_rsa").write_text(KEY)
    (folder / "key.csv").write_text(KEY)
    (folder / "utf16.csv").write_bytes(KEY.encode("utf-16"))
    (folder / ".env").write_text("ACCESS_TOKEN=pina_A\n")
    (folder / "environment").write_text("PINTEREST_APP_SECRET=A\n")
    (folder / "common" / "oauth_tokens").mkdir(parents=True)
    (folder / "common" / "oauth_tokens" / "access_token.json").write_text(TOKENS)
    (folder / "common" / "oauth_tokens" / "notes.csv").write_text("a\n1\n")
    (folder / "copy.json").write_text(TOKENS)
    (folder / "link.csv").symlink_to("/etc/passwd")
    (folder / "linked").symlink_to("/etc")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "data").mkdir()
    (folder / "data" / "good.csv").write_text("a\n1\n")
    (folder / "good.bin").write_text("a\n1\n")
    (folder / "to_good.csv").symlink_to("data/good.csv")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, here: Path) -> Iterator[Project]:
    (tmp_path / "project").mkdir()
    with Project(tmp_path / "project") as project:
        yield project


SECRET = [
    ".ssh/id_rsa",
    "id_rsa",
    "key.csv",
    "utf16.csv",
    ".env",
    "environment",
    "common/oauth_tokens/access_token.json",
    "COMMON/OAUTH_TOKENS/access_token.json",
    "common/oauth_tokens/notes.csv",
    "copy.json",
]
FOREIGN = [
    "link.csv",
    "linked/passwd.csv",
    "loop.csv",
    "/etc/passwd",
    "~/x.csv",
    "../here/data/good.csv",
    "data/../../x.csv",
    "C:/x.csv",
    "\\\\\\\\host\\\\share\\\\x.csv",
    "file:///etc/passwd.csv",
    "good.bin",
    "data/.hidden.csv",
    ".GIT/x.csv",
    "\uff0egit/x.csv",
    ".g\u200cit/x.csv",
    "good.csv.",
    "good.csv ",
    "good.csv:stream",
    "con.csv",
    "/proc/self/environ",
    "/dev/stdin",
]


@pytest.mark.parametrize("path", [*SECRET, *FOREIGN])
@pytest.mark.parametrize("word", ["default", "example"])
def test_a_recipes_own_word_names_no_such_file(project: Project, path: str, word: str) -> None:
    with pytest.raises(RecipeError) as caught:
        project.run(READ % f'{word}: "{path}"', examples=True)
    (problem, *_) = caught.value.problems
    assert problem.line in (4, 8)
    with pytest.raises(RecipeError):  # validate
        project.check(READ % f'{word}: "{path}"')


@pytest.mark.parametrize("path", [*SECRET, *FOREIGN])
def test_a_path_in_the_recipe_is_no_such_file(project: Project, here: Path, path: str) -> None:
    for entry in here.iterdir():  # its own folder has the same
        entry.rename(project.folder / entry.name)
    with pytest.raises(RecipeError) as caught:
        project.run(LITERAL % f'"{path}"')
    assert caught.value.problems[0].line == 4


@pytest.mark.parametrize("path", [*SECRET, *FOREIGN])
def test_what_comes_through_a_program_is_the_recipes_word(project: Project, path: str) -> None:
    with pytest.raises(PinflowError):
        project.run(READ % "required: true", inputs={"f": path.replace("\\\\", "\\")}, typed=())


@pytest.mark.parametrize("path", [*SECRET, "/proc/self/environ"])
def test_keys_and_tokens_are_nobodys_to_read(project: Project, path: str) -> None:
    if path == "COMMON/OAUTH_TOKENS/access_token.json":
        pytest.skip("on this file system that is another path")
    with pytest.raises(RecipeError, match=r"keys or tokens|holds a key"):
        project.run(READ % "required: true", inputs={"f": path})


def test_a_link_to_a_key_is_a_key(project: Project, here: Path) -> None:
    (here / "pins.csv").symlink_to(".ssh/id_rsa")
    with pytest.raises(RecipeError, match="keys or tokens"):
        project.run(READ % "required: true", inputs={"f": "pins.csv"})


def test_the_state_folder_is_nobodys_to_read(project: Project, here: Path) -> None:
    state = project.app().state
    state.mkdir(parents=True, exist_ok=True)
    (state / "x.csv").write_text("a\n1\n")
    (here / "state").symlink_to(state)
    for path in (str(state / "x.csv"), "state/x.csv"):
        with pytest.raises(RecipeError, match="keys or tokens"):
            project.run(READ % "required: true", inputs={"f": path})


@pytest.mark.parametrize("path", ["data/good.csv", "to_good.csv", "good.bin", "../here/good.bin"])
def test_what_a_person_gives_is_read_as_it_is(project: Project, path: str) -> None:
    assert project.run(READ % "required: true", inputs={"f": path}).ok


def test_a_default_below_the_current_folder_is_read(project: Project) -> None:
    assert project.run(READ % "default: data/good.csv").ok
    assert project.run(READ % "required: true", inputs={"f": "data/good.csv"}, typed=()).ok


def test_a_link_that_is_put_there_after_the_look_is_not_followed(project: Project, here: Path) -> None:
    class Racing:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            @action("race")
            def race(ctx: Context, *, path: InputPath) -> str:
                """Open a file that became a link."""
                file = ctx.input_file(path)
                (here / "data" / "good.csv").unlink()
                (here / "data" / "good.csv").symlink_to("/etc/passwd")
                with file.open() as opened:
                    return opened.read().decode()

            return [race]

    project.plugins.append(Racing())
    recipe = "name: n\ninputs: {f: {type: file, default: data/good.csv}}\n" + (
        'steps: [{id: s, uses: race, with: {path: "${{ inputs.f }}"}}]\noutputs: {read: "${{ steps.s }}"}'
    )
    result = project.run(recipe)
    assert not result.ok
    assert "root:" not in f"{result}"


def test_a_plugin_that_opens_paths_itself_is_protected_by_the_declared_kind(project: Project, here: Path) -> None:
    class Careless:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            @action("careless")
            def careless(ctx: Context, *, files: list[InputPath], to: OutputPath | None = None) -> None:
                """Never reached."""
                raise ActionError("was called")

            return [careless]

    project.plugins.append(Careless())
    late = "${{ steps.a }}"
    for files, to in (['"a.csv", "/etc/passwd"', "x.csv"], ['"a.csv"', ".git/config"]):
        with pytest.raises(RecipeError):
            project.run(f"{{name: n, steps: [{{uses: careless, with: {{files: [{files}], to: {to}}}}}]}}")
    (here / "x").mkdir()
    recipe = (
        "name: n\nsteps:\n  - {id: rows, for_each: read_csv, with: {path: t.csv}, as: row, on_error: continue,"
        ' do: [{id: c, uses: careless, with: {files: ["${{ row.f }}"]}}]}'
    )
    (project.folder / "t.csv").write_text("f\n/etc/passwd\n../x.csv\n")
    result = project.run(recipe)
    assert [("was called" in error, "folder" in error) for _, _, error in result.failed] == [(False, True)] * 2, late


# tables and folders that a person named, and the pictures below them

PICTURES = """
name: n
api: v5
inputs: {t: {type: file, required: true}}
auth: {a: {token: access_token}}
steps:
  - {id: rows, for_each: read_csv, with: {path: "${{ inputs.t }}"}, as: row, do: [
      {id: p, uses: create_pin, with: {board: "1", title: t, image_file: "${{ row.f }}"}}]}
"""


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("img/a.jpg", False),
        ("img/none.jpg", False),  # which is refused because it is missing, and not forbidden
        ("img/link.jpg", True),
        ("../a.jpg", True),
        ("img/.a.jpg", True),
        ("img/a.txt", False),  # is looked for in the recipe's folder alone
        ("/etc/a.jpg", True),
        ("img/key.png", True),
    ],
)
def test_a_table_that_a_person_named_names_pictures_below_its_folder(
    project: Project, here: Path, name: str, refused: bool
) -> None:
    shop = here / "shop"
    (shop / "img").mkdir(parents=True)
    (shop / "img" / "a.jpg").write_bytes(b"\xff\xd8\xff picture")
    (shop / "img" / "a.txt").write_bytes(b"\xff\xd8\xff picture")
    (shop / "img" / "link.jpg").symlink_to(shop / "img" / "a.jpg")
    (shop / "img" / "key.png").write_text(KEY)
    (shop / "pins.csv").write_text(f"f\n{name}\n")
    result = project.run(PICTURES, inputs={"t": "shop/pins.csv"}, dry_run=True)
    text = str(result.error or "")
    assert any(word in text for word in ("is not inside", "link", "hidden", "end in", "key")) == refused, text
    assert (result.exit_code == 2 and "1 of 1 rows" in text) is (name != "img/a.jpg")
    assert not project.run(PICTURES, inputs={"t": "shop/pins.csv"}, typed=(), dry_run=True).ok  # not for a program


def test_a_folder_that_a_person_named_has_pictures(project: Project, here: Path) -> None:
    rules = project.plan(READ % "required: true", inputs={"f": "data"}).file_rules
    (here / "data" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert rules.to_read(str(here / "data" / "a.png")).path == here / "data" / "a.png"
    assert rules.to_read("a.png").path == here / "data" / "a.png"
    for name in (str(here / "data" / "good.csv"), str(here / "a.png"), "../a.png"):
        with pytest.raises(UsageError):
            rules.to_read(name)


def test_a_video_that_a_person_named_opens_no_folder(project: Project, here: Path) -> None:
    rules = project.plan(READ % "required: true", inputs={"f": str(here / "data" / "film.mp4")}).file_rules
    (here / "data" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UsageError, match="is not inside the recipe's folder"):
        rules.to_read(str(here / "data" / "a.png"))
    assert rules.to_read("a.png").path == project.folder / "a.png"


@pytest.mark.parametrize("path", [*SECRET, ".hidden.yaml", "sub/.hidden/x.yaml", "notes.txt", "con.yaml"])
def test_only_recipes_are_included(project: Project, here: Path, path: str) -> None:
    for entry in here.iterdir():
        entry.rename(project.folder / entry.name)
    for where, value in ((f'"{path}"', ""), ('"${{ inputs.p }}"', f'inputs: {{p: {{default: "{path}"}}}}\n')):
        with pytest.raises(RecipeError) as caught:
            project.run(f"name: n\n{value}steps:\n  - include: {where}\n")
        assert caught.value.problems[0].file.endswith("recipe.yaml"), "nothing of the file is shown"


# writing

OWN = [
    *(".git/config", ".profile", ".ssh/authorized_keys", ".config/autostart/x.desktop", "second.yaml", "x.yml", "x.py"),
    *(
        "../x.csv",
        "/tmp/x.csv",
        "~/x.csv",
        "C:/x.csv",
        "a/../../x.csv",
        "x",
        "x.csv.",
        "x.csv:s",
        "nul.csv",
        "Makefile",
    ),
    *(
        "common/oauth_tokens/access_token.json",
        ".GIT/x.csv",
        "\uff0egit/x.csv",
        "x.sh",
        "x.exe",
        "a\\\\..\\\\..\\\\x.csv",
    ),
]


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("how", ["default", "literal", "program"])
def test_a_recipe_chooses_no_place_that_something_reads(project: Project, here: Path, path: str, how: str) -> None:
    recipe, inputs = WRITE, {}
    if how == "default":
        recipe = WRITE.replace("report.csv", f'"{path}"')
    elif how == "literal":
        recipe = WRITE.replace('"${{ inputs.f }}"', f'"{path}"')
    else:
        inputs = {"f": path.replace("\\\\", "\\")}
    before = sorted(here.rglob("*"))
    with pytest.raises(RecipeError):
        project.run(recipe, inputs=inputs, typed=())
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".profile", "second.yaml", "x.py", "Makefile", "x.command", "sub/.git/x.csv", ".env", "x.pem"),
        *("common/oauth_tokens/x.json", "repo.git/config", "autostart/x.txt", "site-packages/x.txt"),
    ],
)
def test_a_person_neither(project: Project, here: Path, path: str) -> None:
    (here / path).parent.mkdir(parents=True, exist_ok=True)
    before = sorted(here.rglob("*"))
    with pytest.raises(RecipeError):
        project.run(WRITE, inputs={"f": path})
    assert sorted(here.rglob("*")) == before


def run_here(project: Project, recipe: str, **given: Any) -> RunResult:
    """A run whose own files go where they go from a command line."""
    return project.run(recipe, output=None, **given)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_recipes_own_files_go_to_the_output_folder_for_their_owner_alone(project: Project, here: Path) -> None:
    old = os.umask(0o022)
    try:
        result = run_here(project, WRITE)
        typed = run_here(project, WRITE, inputs={"f": "mine.bin"})
    finally:
        os.umask(old)
    assert (result.outputs, result.files) == ({"at": str(here / "out/report.csv")}, (str(here / "out/report.csv"),))
    assert (here / "out" / "report.csv").read_text() == "a\n1\n"
    assert typed.files == (str(here / "mine.bin"),)
    if os.name == "posix":
        assert (mode(here / "out" / "report.csv"), mode(here / "mine.bin")) == (0o600, 0o644)


def test_a_recipe_replaces_only_what_a_recipe_wrote(project: Project, here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "report.csv").write_text("mine")
    result = run_here(project, WRITE, inputs={"if_exists": "replace"})
    assert "was not written by a recipe" in str(result.error)
    assert (here / "out" / "report.csv").read_text() == "mine"
    (here / "out" / "report.csv").unlink()
    assert run_here(project, WRITE).ok
    again = WRITE.replace("[{a: 1}]", "[{a: 2}]")
    assert "already exists with other content" in str(run_here(project, again).error)
    assert run_here(project, again, inputs={"if_exists": "replace"}).ok
    assert (here / "out" / "report.csv").read_text() == "a\n2\n"


def test_what_somebody_changed_since_is_not_replaced(project: Project, here: Path) -> None:
    again, path = WRITE.replace("[{a: 1}]", "[{a: 2}]"), here / "out" / "report.csv"
    assert run_here(project, WRITE).ok
    path.write_text("a\n1\nmy note\n")
    result = run_here(project, again, inputs={"if_exists": "replace"})
    assert "was changed since a recipe wrote it, so a recipe doesn't replace it" in str(result.error)
    assert "-i NAME=PATH" in (result.error.hint if result.error else "")
    assert path.read_text() == "a\n1\nmy note\n"
    assert run_here(project, again, inputs={"f": str(path), "if_exists": "replace"}).ok, "a person named it"
    assert path.read_text() == "a\n2\n"
    assert run_here(project, WRITE, inputs={"if_exists": "replace"}).ok, "a recipe wrote it again"


def test_what_the_version_before_noted_as_written_is_replaced(project: Project, here: Path) -> None:
    assert run_here(project, WRITE).ok
    for entry in (project.app().state / "written").iterdir():
        entry.write_text(json.dumps({"run": json.loads(entry.read_text())["run"]}))
    assert run_here(project, WRITE.replace("[{a: 1}]", "[{a: 2}]"), inputs={"if_exists": "replace"}).ok


@pytest.mark.parametrize("is_put", [False, True])
def test_a_kill_in_the_middle_of_replacing_protects_no_file(tmp_path: Path, is_put: bool) -> None:
    index, path = WrittenFiles(tmp_path / "state"), tmp_path / "report.csv"
    one, two, three, other = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two", b"three", b"a person's"))
    index.add(path, "r1", one, None)
    index.add(path, "r2", two, one)  # and the file was replaced, or not
    assert index.has_content(path, two if is_put else one)
    index.add(path, "r3", three, other)
    assert not index.has_content(path, other)


@pytest.mark.parametrize("typed", [False, True])
def test_a_resumed_step_writes_no_edited_file_again(project: Project, here: Path, typed: bool) -> None:
    numbers, fail = iter(range(9)), iter([True, False])

    @action("stumble")
    def stumble(ctx: Context) -> None:
        """Fail the first time."""
        if next(fail):
            raise ActionError("stumbled")

    @action("tick", effect="read")
    def tick(ctx: Context) -> int:
        """Another number each time."""
        return next(numbers)

    class Stumbling:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            return [stumble, tick]

    project.plugins.append(Stumbling())
    recipe = WRITE.replace("outputs:", "  - {id: a, uses: stumble}\noutputs:")
    recipe = recipe.replace("{a: 1}", "{a: '${{ steps.now }}'}").replace(
        "steps:\n", "steps:\n  - {id: now, uses: tick}\n"
    )
    path = here / ("mine.csv" if typed else "out/report.csv")
    assert not run_here(project, recipe, inputs={"f": "mine.csv"} if typed else {}).ok
    path.write_text("mine")
    result = project.resume(output=None)
    assert "already exists with other content" in str(result.error)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("sandbox", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("charts/x.csv", "the folder {here}/charts does not exist; make it first"),
        ("afile/x.csv", "{here}/afile is a file, not a folder"),
        ("data", "{here}/data is not a file"),
    ],
)
def test_a_path_that_cant_be_written_is_told_before_anything_is_done(
    cli: Cli, here: Path, sandbox: list[str], path: str, message: str
) -> None:
    (here / "afile").write_text("")
    first = "  - {uses: write_csv, with: {path: first.csv, rows: [{a: 1}]}}\n  - {id: w, uses"
    (here / "r.yaml").write_text(WRITE.replace("  - {id: w, uses", first))
    assert cli("run", "r.yaml", "-i", f"f={path}", *sandbox) == 2
    assert "r.yaml:8:" in cli.stderr
    assert message.format(here=here) in cli.stderr
    assert not (here / "out").exists()
    (here / "charts").mkdir()
    assert cli("run", "r.yaml", "-i", "f=charts/x.csv", *sandbox) == 0, cli.stderr


@pytest.mark.parametrize("folder", ["afile", "afile/sub/folder", "../here/afile"])
def test_an_output_folder_that_is_a_file_is_told_before_anything_is_done(cli: Cli, here: Path, folder: str) -> None:
    (here / "afile").write_text("")
    (here / "r.yaml").write_text("name: n\nsteps: [{uses: log, with: {text: hello}}]\n")
    assert cli("run", "r.yaml", "--output-dir", folder) == 2
    assert cli.stderr == f"error: {here}/afile is a file, not a folder\n  name a folder with --output-dir\n"


def test_the_output_folder_is_shown_without_dots(cli: Cli, here: Path) -> None:
    (here / "r.yaml").write_text(WRITE)
    assert cli("run", "r.yaml", "--output-dir", "..", "--output", "json") == 0
    assert json.loads(cli.stdout)["files"] == [str(here.parent.resolve() / "report.csv")]


def test_at_a_persons_path_replace_replaces_what_is_there(project: Project, here: Path) -> None:
    (here / "mine.csv").write_text("mine")
    assert not run_here(project, WRITE, inputs={"f": "mine.csv"}).ok
    assert run_here(project, WRITE, inputs={"f": "mine.csv", "if_exists": "replace"}).ok
    assert (here / "mine.csv").read_text() == "a\n1\n"


@pytest.mark.parametrize("place", ["out", "out/sub", "out/report.csv"])
def test_no_link_leads_out_of_the_output_folder(project: Project, here: Path, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (here / place).parent.mkdir(exist_ok=True)
    (here / place).symlink_to(elsewhere / "x" if place.endswith(".csv") else elsewhere)
    recipe = WRITE.replace("report.csv", "sub/report.csv") if place == "out/sub" else WRITE
    result = run_here(project, recipe, inputs={"if_exists": "replace"})
    assert not result.ok
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("folder", [".git/hooks", ".config", "common/oauth_tokens", "state", "bundled"])
def test_the_output_folder_is_none_that_something_reads(project: Project, here: Path, folder: str) -> None:
    place = {"state": project.app().state, "bundled": bundled_recipes()}.get(folder, here / folder)
    with pytest.raises(UsageError, match=r"read by other programs|pinflow's own"):
        project.run(WRITE, output=place)
    assert not (place / "report.csv").exists()


def test_a_run_reads_back_what_it_wrote_and_nothing_else_of_the_output_folder(project: Project, here: Path) -> None:
    reading = '  - {id: rows, uses: read_csv, with: {path: "${{ inputs.f }}"}}\noutputs:'
    both = WRITE.replace("outputs:", reading)
    assert run_here(project, both).ok
    assert not run_here(project, READ % "default: report.csv").ok  # of another run: there is none in the folder


def test_an_earlier_version_of_a_run_keeps_its_folder(
    project: Project, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = project.write(WRITE.replace("steps:", "steps:\n  - {id: a, uses: fail_once}"))
    fail = iter([True, False])

    @action("fail_once")
    def fail_once(ctx: Context) -> None:
        """Fail the first time."""
        if next(fail):
            raise ActionError("stumbled")

    class Failing:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            return [fail_once]

    project.plugins.append(Failing())
    assert not run_here(project, str(recipe.read_text())).ok
    monkeypatch.chdir(here.parent)
    result = project.resume(output=None)
    assert result.files == (str(here / "out" / "report.csv"),)


def test_the_program_says_where_files_are(cli: Cli, here: Path) -> None:
    (here / "r.yaml").write_text(WRITE)
    assert cli("run", "r.yaml") == 0
    assert f"files\n  {here / 'out' / 'report.csv'}\n" in cli.stdout
    assert cli("run", "r.yaml", "--output-dir", "else/where", "--output", "json") == 0
    assert json.loads(cli.stdout)["files"] == [str(here / "else" / "where" / "report.csv")]
    assert cli("run", "r.yaml", "--output-dir", ".git") == 2
    assert cli("run", "r.yaml", "-i", "f=.git/config") == 2
    assert "r.yaml:7:" in cli.stderr
    (here / "bad.yaml").write_text(READ % "default: .ssh/id_rsa")
    assert cli("validate", "bad.yaml") == 2
    assert "bad.yaml:4:3: the default of input 'f': '.ssh/id_rsa' is hidden" in cli.stdout + cli.stderr
    assert KEY[40:60] not in cli.stdout + cli.stderr


def test_a_scheduled_job_writes_where_it_was_registered(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "job.yaml").write_text(WRITE + "\nschedule: {every: minute}\n")
    cli.use_app(App.installed(cli.environ))
    assert cli("tick", "job.yaml", "-i", "if_exists=replace") == 0
    monkeypatch.chdir(here.parent)
    cli.now += 120
    assert cli("tick", here / "job.yaml", "-i", "if_exists=replace") == 0
    assert (here / "out" / "report.csv").is_file(), cli.stderr
    assert not (here.parent / "out").exists()


def test_names_are_compared_in_every_form(project: Project, here: Path) -> None:
    name = "Gärten.csv"
    (here / unicodedata.normalize("NFC", name)).write_text("a\n1\n")
    assert project.run(READ % f"default: {unicodedata.normalize('NFC', name)}").ok


def test_everything_that_takes_a_path_declares_how_it_is_used(project: Project) -> None:
    declared = {
        (name, path): {use for _, _, use in act.parameters.paths_in({path: "x"})}
        for (_, name), act in project.app().registry.actions.items()
        for path in act.parameters.names
        if path in ("path", "file", "image_file", "media")
    }
    assert declared[("read_csv", "path")] == {"file"}
    assert declared[("write_csv", "path")] == declared[("create_ad_report", "path")] == {"output"}
    assert declared[("create_pin", "image_file")] == declared[("upload_video", "file")] == {"file"}
    assert declared[("copy_pin", "media")] == {"file-or-id"}
    assert all(found for (name, _), found in declared.items() if name != "call"), declared
    assert Options().output is None


def test_a_resumed_run_knows_where_its_files_are(project: Project, here: Path) -> None:
    stumble = iter([True, False])

    @action("stumble")
    def fail_once(ctx: Context) -> None:
        """Fail the first time."""
        if next(stumble):
            raise ActionError("stumbled")

    @action("tick", effect="read")
    def tick(ctx: Context) -> int:
        """Another number each time, as what is read on a later day."""
        return next(numbers)

    numbers = iter(range(9))

    class Stumbling:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            return [fail_once, tick]

    project.plugins.append(Stumbling())
    recipe = WRITE.replace("outputs:", "  - {id: a, uses: stumble}\noutputs:")
    recipe = recipe.replace("{a: 1}", "{a: '${{ steps.now }}'}").replace(
        "steps:\n", "steps:\n  - {id: now, uses: tick}\n"
    )
    assert not run_here(project, recipe).ok
    result = project.resume(output=None)
    assert (result.ok, result.outputs) == (True, {"at": str(here / "out" / "report.csv")}), result.error


def test_no_file_name_shows_or_keeps_a_secret(project: Project, here: Path) -> None:
    recipe = WRITE.replace("report.csv}", "report.csv}\n  s: {type: secret}").replace(
        '"${{ inputs.f }}"', '"${{ inputs.s }}.csv"'
    )
    result = run_here(project, recipe.partition("outputs:")[0], inputs={"s": "a-long-secret-word"})
    assert "the path holds a secret" in str(result.error)
    assert (result.exit_code, result.files, (here / "out").exists()) == (2, (), False)
    kept = [path for path in project.app().state.rglob("*") if path.is_file()]
    assert not any(b"a-long-secret-word" in path.read_bytes() for path in kept)


def test_without_open_folders_the_same_is_refused(
    project: Project, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_opening, "_BY_DESCRIPTOR", False)  # as on Windows
    assert run_here(project, WRITE.replace("report.csv", "sub/report.csv")).ok
    assert (here / "out" / "sub" / "report.csv").read_text() == "a\n1\n"
    assert project.run(READ % "default: data/good.csv").ok
    (tmp_path / "elsewhere").mkdir()
    (here / "out" / "other").symlink_to(tmp_path / "elsewhere")
    assert not run_here(project, WRITE.replace("report.csv", "other/report.csv")).ok
    assert list((tmp_path / "elsewhere").iterdir()) == []
    with pytest.raises(RecipeError):
        project.run(READ % "default: link.csv")


def test_folders_of_tokens_and_of_plugins_are_known_by_what_the_person_set(
    cli: Cli, here: Path, tmp_path: Path
) -> None:
    tokens, plugins = tmp_path / "tokens", tmp_path / "plugins"
    tokens.mkdir()
    plugins.mkdir()
    (tokens / "x.csv").write_text("a\n1\n")
    (plugins / "acme.py").write_text("")
    (here / "read.yaml").write_text(READ % "required: true")
    (here / "write.yaml").write_text(WRITE)
    cli.environ["PINTEREST_OAUTH_TOKEN_DIR"] = str(tokens)
    assert cli("run", "read.yaml", "-i", f"f={tokens / 'x.csv'}") == 2
    assert "keys or tokens" in cli.stderr
    for folder in (tokens, plugins):
        assert cli("--plugin", plugins / "acme.py", "run", "write.yaml", "--output-dir", folder) == 2, folder
        assert "pinflow's own" in cli.stderr
        assert cli("--plugin", plugins / "acme.py", "run", "write.yaml", "-i", f"f={folder / 'r.csv'}") == 2, folder
    assert sorted(path.name for path in (*tokens.iterdir(), *plugins.iterdir()) if path.is_file()) == [
        "acme.py",
        "x.csv",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder that is used")
def test_a_folder_that_was_removed_and_a_person_without_a_home_are_no_defects(
    project: Project, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwd = pytest.importorskip("pwd")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: pwd.struct_passwd(("a", "x", number, 0, "", "~", "")))
    assert run_here(project, WRITE).ok
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = run_here(project, WRITE.replace("type: file, ", ""))
    assert (result.exit_code, "can be found" in str(result.error)) == (2, True), result.error
