"""pinflow as people get it: a wheel, in an environment of its own, called from some other folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The wheel is built once: where tests run in several processes, these go to the same one."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("packaging"))
            item.add_marker(pytest.mark.timeout(300))


def call(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """A finished process, with its output."""
    return subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def done(*words: str | Path, folder: Path) -> str:
    """What a process printed that must not fail."""
    finished = call(*words, folder=folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@dataclass(frozen=True, slots=True)
class Place:
    """A Python environment with pinflow's wheel in it, and an empty folder to work in."""

    root: Path
    folder: Path

    @property
    def python(self) -> Path:
        return self.root / ("Scripts" if os.name == "nt" else "bin") / "python"

    @property
    def program(self) -> Path:
        return self.python.with_name("pinflow")

    @property
    def packages(self) -> Path:
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.root)}))

    def pip(self, *words: str | Path) -> str:
        """Install without the network and without looking for dependencies."""
        pip = (sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check")
        return done(*pip, "install", "--quiet", "--no-index", "--no-deps", *words, folder=self.folder)

    def install(self, source: Path, *, editable: bool = False) -> None:
        """Install a distribution from its source."""
        self.pip("--no-build-isolation", *(["--editable"] if editable else []), source)

    def pinflow(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return call(self.python, "-m", "pinflow", *words, folder=self.folder)

    def pytest(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """The tests of the folder, as somebody else's pytest runs them."""
        return call(self.python, "-m", "pytest", "-p", "no:cacheprovider", *words, folder=self.folder)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    done(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, PROJECT, folder=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def _installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("installed")
    done(sys.executable, "-m", "venv", "--without-pip", folder / "venv", folder=folder)
    place = Place(folder / "venv", folder)
    # what pinflow depends on is taken from where these tests run
    libraries = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (place.packages / "libraries.pth").write_text("\n".join(libraries), "utf-8")
    place.pip(wheel)
    return place


@pytest.fixture
def place(_installed: Place, tmp_path: Path) -> Place:
    """The environment as it is after installing the wheel; nobody may change it."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Place(_installed.root, folder)


@pytest.fixture
def fresh(_installed: Place, tmp_path: Path) -> Place:
    """The same as a copy, to install more into."""
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copytree(_installed.root, tmp_path / "venv", symlinks=True)
    return Place(tmp_path / "venv", folder)


@pytest.fixture
def stranger(tmp_path: Path) -> Callable[..., Path]:
    """The source of a stranger's distribution, as it is or under other names and with other code."""

    def make(
        *, name: str = "stranger-shelf", plugin: str = "shelf", module: str = "stranger_shelf", code: str = ""
    ) -> Path:
        source = tmp_path / name
        shutil.copytree(HERE / "stranger", source, ignore=shutil.ignore_patterns("__pycache__"))
        (source / "stranger_shelf").rename(source / module)
        if code:
            (source / module / "__init__.py").write_text(code, "utf-8")
        project = source / "pyproject.toml"
        text = project.read_text("utf-8").replace("stranger-shelf", name).replace("stranger_shelf", module)
        project.write_text(text.replace("shelf =", f"{plugin} ="), "utf-8")
        return source

    return make
