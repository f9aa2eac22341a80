"""``pinflow explain``: exit codes, the codes of services, and kinds of errors."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import pytest

import pinflow
from pinflow import Api, ErrorCode, RemoteError, hookimpl
from pinflow.errors import PinflowError
from pinflow.reference.exit_codes import error_kinds, exit_codes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli import Cli


class Shop:
    """A service of two versions, whose code 5 means the same in both, and 6 does not."""

    @hookimpl
    def pinflow_apis(self) -> list[Api]:
        def read_error(*_: object) -> RemoteError:
            return RemoteError("no", status=400)

        return [
            Api(
                id=id_,
                title=f"Shop {id_}",
                prefix=f"/{id_}",
                service="shop",
                origin="https://shop.example",
                origin_variable="SHOP_URI",
                operation=lambda method, path: None,
                read_error=read_error,
                quotas={},
            )
            for id_ in ("s1", "s2")
        ]

    @hookimpl
    def pinflow_error_codes(self) -> list[ErrorCode]:
        return [
            ErrorCode(
                api=api,
                code=code,
                statuses=(418, 400),
                meaning=meaning,
                causes=("it is Sunday",),
                remedies=("come back on Monday",),
            )
            for api, code, meaning in (
                ("s1", 5, "The shop is closed"),
                ("s2", 5, "The shop is closed"),
                ("s1", 6, "The shelf is empty"),
                ("s2", 6, "The till is broken"),
                ("s2", "LOST_KEY", "Nobody has the key"),
            )
        ]


@pytest.fixture
def cli(cli: Cli) -> Cli:
    cli.use_plugins(Shop())
    return cli


def test_an_exit_code_says_what_it_means_why_and_what_to_do(cli: Cli) -> None:
    assert cli("explain", "exit", "4") == 0
    lines = cli.stdout.splitlines()
    assert lines[0] == "exit code 4: sign-in needed"
    assert [line for line in lines if line.startswith("  ") and not line.startswith("   ")][1:] == [
        "  why",
        "  what to do",
        "  to continue",
        "  kinds of errors",
        "  more",
    ]
    assert "pinflow auth login --recipe RECIPE" in cli.stdout
    assert cli.stderr == ""


def test_a_code_of_a_service_says_what_it_means_and_which_other_version_has_it(cli: Cli) -> None:
    assert cli("explain", "code", "5") == 0
    assert cli.stdout.splitlines() == [
        "code 5 of API s2 (HTTP 418 or 400)",
        "  The shop is closed",
        "  why",
        "    - it is Sunday",
        "  what to do",
        "    - come back on Monday",
        "  what pinflow does",
        "    - the step fails: exit code 1",
        "  in other APIs",
        "    - pinflow explain code 5 --api s1",
    ]
    assert cli("explain", "code", "5", "--api", "s1") == 0
    assert cli.stdout.startswith("code 5 of API s1")


def test_a_code_that_means_something_else_in_each_version_is_shown_for_both(cli: Cli) -> None:
    assert cli("explain", "code", "6") == 0
    assert "The shelf is empty" in cli.stdout
    assert "The till is broken" in cli.stdout
    assert "in other APIs" not in cli.stdout


def test_a_code_may_be_a_word(cli: Cli) -> None:
    assert cli("explain", "code", "LOST_KEY") == 0
    assert "Nobody has the key" in cli.stdout


def test_an_exit_code_is_explained_although_a_plugin_is_broken(cli: Cli, tmp_path: Path) -> None:
    cli.open_app = None
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    assert cli("explain", "code", "5", "--plugin", broken) == 2
    assert cli("explain", "exit", "2", "--plugin", broken) == 0
    assert "exit code 2: wrong usage" in cli.stdout


def test_a_number_alone_is_looked_up_as_exit_code_and_as_code(cli: Cli) -> None:
    assert cli("explain", "6") == 0
    assert "exit code 6: paused" in cli.stdout
    assert "code 6 of API s2" in cli.stdout
    assert cli("explain", "exit", "6") == 0
    assert "API" not in cli.stdout


def test_a_kind_of_error_as_json_names_it_leads_to_its_exit_code(cli: Cli) -> None:
    assert cli("explain", "rate_limited") == 0
    assert cli.stdout.startswith("kind rate_limited\n")
    assert cli.stdout.endswith("- pinflow explain exit 6\n")


def test_without_words_everything_is_listed(cli: Cli) -> None:
    assert cli("explain") == 0
    for text in ("exit codes (", "  143  The system stopped it", "codes of s2 (", "  in_doubt", "kinds of errors ("):
        assert text in cli.stdout


def test_for_programs_it_is_one_object_with_all_three(cli: Cli) -> None:
    everything = cli.data("explain")
    assert [code["code"] for code in everything["exit_codes"]] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 130, 141, 143]
    assert {kind["name"] for kind in everything["kinds"]} >= {"defect", "usage_error", "missing_inputs"}
    one = cli.data("explain", "code", "5", "--api", "s2")
    assert one["error_codes"][0] == {
        "api": "s2",
        "code": 5,
        "statuses": [418, 400],
        "meaning": "The shop is closed",
        "causes": ["it is Sunday"],
        "remedies": ["come back on Monday"],
        "outcome": "the step fails: exit code 1",
        "source": "",
    }
    assert (one["exit_codes"], one["kinds"]) == ([], [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exit", "9"], "no command of pinflow ends with exit code '9'\n  the codes are: 0, 1, 2, 3, 4, 5, 6, 7, 8,"),
        (["code", "99"], "nothing is known of the code '99'"),
        (["code", "418"], "no code '418' is known; as the status of HTTP it comes with 5, 6 and LOST_KEY"),
        (["exit"], "name one number after exit\n  such as: pinflow explain exit 4"),
        (["exit", "4", "5"], "name one number after exit"),
        (["4", "5"], "explain one thing at a time"),
        (["rate_limted"], "unknown kind of error 'rate_limted'; did you mean 'rate_limited'?"),
        (["exi", "--api", "s3"], "unknown API 's3'"),
        (["exti"], "did you mean 'exit'?"),
    ],
)
def test_what_is_unknown_is_told_with_what_there_is(cli: Cli, words: list[str], said: str) -> None:
    assert cli("explain", *words) == 2
    assert said in cli.stderr
    assert cli.stdout == ""


def test_the_names_for_completion_are_one_a_line(cli: Cli) -> None:
    assert cli("explain", "--names") == 0
    assert {"exit", "code", "rate_limited", "5", "LOST_KEY"} <= set(cli.stdout.splitlines())


def test_every_kind_of_error_of_the_core_is_known() -> None:
    for module in pkgutil.walk_packages(pinflow.__path__, "pinflow."):
        if not module.name.startswith(("pinflow.__main__", "pinflow.testing", "pinflow.templates")):
            importlib.import_module(module.name)

    def below(kind: type[PinflowError]) -> set[type[PinflowError]]:
        return {kind, *(inner for direct in kind.__subclasses__() for inner in below(direct))}

    core = {kind.__name__ for kind in below(PinflowError) if kind.__module__.partition(".")[0] == "pinflow"}
    known = {"".join(part.capitalize() for part in kind.name.split("_")) for kind in error_kinds()}
    assert {name.lower() for name in core} == {name.lower() for name in known} - {"defect"}


def test_every_exit_code_has_text_and_those_of_errors_name_their_kinds() -> None:
    for code in exit_codes():
        assert code.title and code.meaning and code.causes and code.remedies and code.again, code.code
        assert not any(text.endswith(".") for text in (code.meaning, *code.causes, *code.remedies, code.again))
    assert {kind.exit_code for kind in error_kinds()} <= {code.code for code in exit_codes()}
