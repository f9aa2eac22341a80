"""Files that hold secrets are known by their content: no recipe reads them, and none makes a token file."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow.plan.secret_content import holds_secrets

if TYPE_CHECKING:
    from tests.cli import Cli

PROJECT = Path(__file__).parents[2]
SECRET = "0123456789abcdef"
LONG = {"rows": ["x" * 60] * 2000}
READ = """
name: n
inputs: {f: {type: file, required: true}}
steps:
  - {id: rows, for_each: read_csv, with: {path: "${{ inputs.f }}"}, as: row, do: [
      {uses: log, with: {text: "a row"}}]}
"""
WRITE = "name: n\nsteps:\n  - {id: w, uses: write_json, with: {path: garden.json, data: %s}}\n"
CREDENTIALS = (PROJECT / "common/scripts/api_app_credentials.template").read_text()
REFUSED = {
    "api_app_credentials": CREDENTIALS.replace("SECRET=''", f"SECRET='{SECRET}'"),
    "plain.csv": f"PINTEREST_ACCESS_TOKEN={SECRET}\n",
    "late.txt": "# " + "x" * 30_000 + f"\nexport DB_PASSWORD={SECRET}\n",
    "quoted.txt": f'A=1\r\nexport API_KEY = "{SECRET}"\r\n',
    "one_line.txt": f"export A='1' B=2 APP_SECRET={SECRET}\n",
    "after.txt": f"export A='1'; export APP_SECRET={SECRET}\n",
    "small.txt": f"client_secret={SECRET}\n",
    "shell.txt": f"$env:X_TOKEN='{SECRET}'\n",
    "late.json": json.dumps({**LONG, "access_token": SECRET}),
    "escaped.json": '{"acc\\u0065ss_t\\u006Fken": "' + SECRET + '"}',
    "nested.json": json.dumps([{"a": {"refresh_token": SECRET}}]),
    "spaced.json": '\ufeff\n {"access_token"\n:\n"' + SECRET + '"}',
    "table.csv": f"name,access_token\na,{SECRET}\n",
    "quoted.csv": f'sep=;\n"Name";"Refresh Token"\na;{SECRET}\n',
    "one.csv": f"access_token\n{SECRET}\n",
    "tabs.txt": f"name\taccess_token\na\t{SECRET}\n",
    "x.xml": f"<a><access_token>{SECRET}</access_token></a>",
}
READABLE = {
    "template.txt": CREDENTIALS,
    "table.csv": "title,link,token\na KEY=VALUE explained,https://x.example/?TOKEN=1,second_account\n",
    "words.txt": "keywords=garden\nKEYWORDS=garden\nmonkey=1\ntokenize = 1\nA TOKEN is = a word\n",
    "names.txt": "access_token\nsecond_account\n",
    "masked.json": '{"access_token": "***", "b": null}',
    "about.json": '{"text": "the \\"access_token\\": \\"x\\" of a file", "refresh_token": null, "access_tokens": 2}',
    "prose.csv": "text\nput the access_token in a file\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_secrets_is_nobodys_to_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(REFUSED[name].encode(encoding))
    Path("r.yaml").write_text(READ)
    assert cli("run", "r.yaml", "-i", f"f={name}") == 2
    assert "holds a key, a password or tokens" in cli.stderr
    assert SECRET not in cli.stdout + cli.stderr
    if name != "api_app_credentials":
        Path("r.yaml").write_text(READ.replace("required: true", f"default: {name}"))
        assert cli("run", "r.yaml") == 2


@pytest.mark.parametrize("name", READABLE)
def test_what_only_speaks_of_secrets_is_read(name: str) -> None:
    assert not holds_secrets(io.BytesIO(READABLE[name].encode()), is_table=name.endswith(".csv"))


@pytest.mark.parametrize(
    "text",
    ["KEY" * 30_000, "A= " + ("KEY" * 19 + " ") * 2000, "A=;\n" * 16_000, '{"' + "a" * 1_100_000, "[" * 1_100_000],
)
def test_no_file_takes_long_to_look_at(text: str) -> None:
    began = time.process_time()
    assert not holds_secrets(io.BytesIO(text.encode()))
    assert time.process_time() - began < 1  # s; the worst takes 0.1 s


def test_a_recipe_makes_no_token_file(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where token files are looked for as well
    recipe = Path("r.yaml")
    recipe.write_text(WRITE % json.dumps({"name": "garden", "access_token": "planted-token"}))
    assert cli("run", "r.yaml", "--output-dir", ".") == 1
    assert "would be a file of tokens" in cli.stderr
    assert [path.name for path in tmp_path.iterdir() if "garden" in path.name] == []
    recipe.write_text(WRITE % json.dumps({"name": "garden", "access_token": "***"}))
    assert cli("run", "r.yaml", "--output-dir", ".") == 0, cli.stderr
