"""The house keeps its shape: the direction of imports, the names that nothing but a string holds."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tracker import plugins, queue
from tracker.cli.up import WORKERS

ROOT = Path(__file__).parents[1]


def procfile() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: shlex.split(command) for name, command in (line.split(": ", 1) for line in lines)}


def test_imports_go_in_one_direction() -> None:
    linted = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("name", queue.JOBS)
def test_every_job_that_is_rung_for_by_name_exists(name: str) -> None:
    module, _, function = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


def test_every_job_has_a_queue_and_every_queue_a_worker() -> None:
    assert set(queue.JOBS.values()) == set(queue.QUEUES)
    assert set(queue.QUEUES) <= set(WORKERS)


@pytest.mark.parametrize("command", procfile().values(), ids=procfile())
def test_every_process_of_the_procfile_can_be_started(command: list[str]) -> None:
    if command[0] == "tracker":
        names = {module.__name__.rpartition(".")[2] for module in plugins.discover("tracker.cli").values()}
        assert command[1] in names
    else:
        assert command[:2] == ["python", "-m"]
        assert importlib.util.find_spec(command[2]) is not None


def test_one_machine_runs_what_production_runs() -> None:
    modules = {command[2] for command in procfile().values() if command[0] == "python"}
    assert modules == {f"workers.{name}" for name in WORKERS}


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("tracker", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if "os.environ" in path.read_text() or "os.getenv" in path.read_text()
    }
    # Those that hand it on to a process of their own; none of them reads a setting there.
    assert readers - {"tracker/supervise.py", "tracker/demo/stage.py", "tracker/web/on_granian.py"} == {
        "tracker/settings.py"
    }


def test_the_readme_names_every_setting() -> None:
    read = set(re.findall(r'"([A-Z][A-Z_]{3,})"', (ROOT / "tracker/settings.py").read_text()))
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("## Production")[0]
    # Tests alone arm failpoints.
    assert read - set(re.findall(r"`([A-Z_]+)`", table)) == {"TRACKER_FAILPOINTS"}
