"""Supervised processes: restarted, relayed, stopped in order, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tracker.supervise import Program, Supervisor, python

SLEEP = "import time; time.sleep(60)"


def waits_for(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Log:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def run_until(supervisor: Supervisor, done: Callable[[], bool], seconds: float = 10.0) -> None:
    """Run the supervisor here and tell it to stop, as a terminal would, once `done`."""
    end = time.monotonic() + seconds

    def each_turn() -> None:
        if done() or time.monotonic() > end:
            os.kill(os.getpid(), signal.SIGTERM)

    supervisor.run(each_turn)


def test_every_line_of_a_process_carries_its_name() -> None:
    log = Log()
    supervisor = Supervisor(log.write)
    code = "import sys, time; print('one'); print('two', file=sys.stderr); sys.stdout.flush(); time.sleep(60)"
    supervisor.start(Program("talker", python("-u", "-c", code)))
    run_until(supervisor, lambda: log.text.count("\n") == 2)
    assert sorted(log.text.splitlines()) == ["talker      | one", "talker      | two"]


def test_the_last_words_of_a_process_are_relayed_without_a_newline() -> None:
    log = Log()
    supervisor = Supervisor(log.write)
    supervisor.start(Program("brief", python("-c", "import sys; sys.stdout.write('bye')")))
    run_until(supervisor, lambda: "starting it again" in log.text)
    assert "brief       | bye\nbrief       | ended with 0; starting it again in 0.2 s" in log.text


def test_a_process_that_dies_is_started_again_with_longer_and_longer_pauses() -> None:
    log = Log()
    supervisor = Supervisor(log.write)
    supervisor.start(Program("broken", (sys.executable, "-S", "-c", "raise SystemExit(3)")))
    run_until(supervisor, lambda: "in 0.8 s" in log.text)
    pauses = [line.split("again in ")[1] for line in log.text.splitlines()]
    assert pauses == ["0.2 s", "0.4 s", "0.8 s"]


def test_a_killed_process_comes_back(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"import os, time; open({str(pids)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(60)"
    supervisor = Supervisor(Log().write)
    supervisor.start(Program("victim", python("-c", code)))

    def killed_and_back() -> bool:
        seen = pids.read_text().split() if pids.exists() else []
        if len(seen) == 1 and is_alive(int(seen[0])):
            os.kill(int(seen[0]), signal.SIGKILL)
        return len(seen) >= 2

    run_until(supervisor, killed_and_back)
    first, second = pids.read_text().split()
    assert first != second
    assert not is_alive(int(second))


def test_stages_stop_one_after_the_other_highest_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = """
import signal, sys, time
def stop(*_):
    time.sleep(0.2)
    open({log!r}, 'a').write(sys.argv[1] + ' ')
    raise SystemExit
signal.signal(signal.SIGTERM, stop)
open({log!r}, 'a').write('up ')
time.sleep(60)
""".format(log=str(log))
    supervisor = Supervisor(Log().write)
    for name, stage in (("redis", 0), ("worker", 1), ("web", 2)):
        supervisor.start(Program(name, python("-c", code, name), stage=stage))
    run_until(supervisor, lambda: log.exists() and log.read_text().count("up") == 3)
    assert log.read_text() == "up up up web worker redis "


def test_a_process_that_will_not_stop_is_killed_at_the_deadline() -> None:
    log = Log()
    supervisor = Supervisor(log.write, deadline=0.3)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    supervisor.start(Program("deaf", python("-c", code)))
    started = time.monotonic()
    run_until(supervisor, lambda: "deaf" in log.text.replace("deaf  ", ""))
    assert time.monotonic() - started < 5


def test_an_error_of_the_caller_stops_everything_and_is_raised() -> None:
    supervisor = Supervisor(Log().write)
    supervisor.start(Program("sleeper", python("-c", SLEEP)))
    (child,) = supervisor._children.values()

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        supervisor.run(fail)
    assert not is_alive(child.process.pid)


def test_the_grandchildren_go_with_a_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])
pathlib.Path({str(pid)!r}).write_text(str(child.pid))
"""
    log = Log()
    supervisor = Supervisor(log.write)
    supervisor.start(Program("parent", python("-c", code)))
    run_until(supervisor, lambda: "starting it again" in log.text)
    assert waits_for(lambda: not is_alive(int(pid.read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux's")
def test_the_processes_die_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    child = f"import os, time; open({str(pid)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(60)"
    code = f"""
from tracker.supervise import Program, Supervisor, python
supervisor = Supervisor()
supervisor.start(Program('orphan', python('-c', {child!r})))
supervisor.run()
"""
    with subprocess.Popen([sys.executable, "-c", code]) as supervisor:
        assert waits_for(lambda: pid.exists() and pid.read_text().endswith("."))
        orphan = int(pid.read_text().rstrip("."))
        assert is_alive(orphan)
        supervisor.kill()
    assert waits_for(lambda: not is_alive(orphan))
