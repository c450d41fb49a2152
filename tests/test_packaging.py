"""The wheel holds everything that runs: nothing of the service needs the checkout."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tracker

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("dist")), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def files(folder: str, pattern: str = "*") -> set[str]:
    """The files under a folder of the checkout, by their paths in it."""
    found = (path for path in (ROOT / folder).rglob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT / folder)) for path in found if not path.name.startswith(".")}


def test_the_wheel_holds_every_module(wheel: set[str]) -> None:
    for package in ("tracker", "workers"):
        assert {f"{package}/{name}" for name in files(package, "*.py")} <= wheel


def test_the_wheel_holds_the_templates(wheel: set[str]) -> None:
    assert files("templates", "*.html")
    assert {f"tracker/_templates/{name}" for name in files("templates")} <= wheel


def test_the_wheel_holds_the_migrations_and_their_template(wheel: set[str]) -> None:
    assert any(re.fullmatch(r"tracker/ledger/migrations/versions/0001_\w+\.py", name) for name in wheel)
    assert "tracker/ledger/migrations/script.py.mako" in wheel


def test_the_wheel_holds_the_static_files(wheel: set[str]) -> None:
    assert files("tracker/web/static")
    assert {f"tracker/web/static/{name}" for name in files("tracker/web/static")} <= wheel


def test_the_wheel_holds_no_tests_and_no_state(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel} <= {"tracker", "workers", f"tracker-{tracker.__version__}.dist-info"}


def test_the_version_is_one() -> None:
    assert PROJECT["version"] == tracker.__version__
    assert f"## {tracker.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ()), ("requirements-dev.lock", ("dev",))], ids=["run", "develop"]
)
def test_the_lock_names_every_dependency_with_its_hashes_and_no_index(lock: str, extras: tuple[str, ...]) -> None:
    text = (ROOT / lock).read_text()
    pinned = {canonicalize_name(name): version for name, version in re.findall(r"(?m)^([\w.-]+)==([\w.!+]+)", text)}
    wanted = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    for requirement in map(Requirement, [*wanted, "hatchling", "editables"]):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement
    entries = re.split(r"(?m)^(?=[\w.-]+==)", text)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "-index" not in text
