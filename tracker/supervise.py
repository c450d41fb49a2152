"""A supervised process lives as long as its supervisor: restarted when it dies, stopped in order, never left behind.

Our own, because the libraries at hand miss the point: honcho does not restart, supervisord and circus are daemons with
their own configuration, and under all three the children outlive a supervisor that was killed.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from types import FrameType

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_PROVEN = 30.0  # seconds a process must have lived for its next death to count as the first
_TURN = 0.1
_LONGEST_LINE = 65536
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep alive. Programs of a higher `stage` are stopped before those of a lower one.

    `environment` is added to ours; `keep_open` are file descriptors that the process inherits.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stage: int = 0
    keep_open: tuple[int, ...] = ()


def python(*arguments: str) -> tuple[str, ...]:
    """A command line of this very Python that imports nothing from the folder it happens to run in."""
    return (sys.executable, "-P", *arguments)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends; die at once where `parent` is gone."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


class _Child:
    """One incarnation of a program and what it has printed of its current line."""

    def __init__(self, program: Program, pause: float) -> None:
        ours = os.getpid()
        self.program = program
        self.pause = pause
        self.started = time.monotonic()
        self.line = b""
        # Between fork and exec we only call prctl: safe, since the supervisor has a single thread.
        self.process = subprocess.Popen(  # noqa: S603 (the command lines are ours)
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **program.environment},
            process_group=0,  # a Ctrl-C on the terminal is for the supervisor, who stops the others in order
            pass_fds=program.keep_open,
            preexec_fn=lambda: die_with_parent(ours),  # noqa: PLW1509
        )
        assert self.process.stdout is not None
        self.stdout = self.process.stdout
        os.set_blocking(self.stdout.fileno(), False)

    def signal(self, number: int) -> None:
        """Send a signal; SIGKILL goes to everything that the process has started."""
        with suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)

    def next_pause(self) -> float:
        """Seconds to wait before the next incarnation: doubled with every early death."""
        lived = time.monotonic() - self.started
        return _FIRST_PAUSE if lived >= _PROVEN else min(self.pause * 2, _LONGEST_PAUSE)


class Supervisor:
    """Runs programs until it is told to stop by SIGTERM, SIGINT, SIGHUP or `stop()`."""

    def __init__(self, write: Callable[[str], object] = sys.stderr.write, *, deadline: float = 20.0) -> None:
        self._write = write
        self._deadline = deadline
        self._children: dict[str, _Child] = {}
        self._waiting: list[tuple[float, Program, float]] = []
        self._selector = selectors.DefaultSelector()
        self._signals = 0

    def start(self, *programs: Program) -> None:
        """Start `programs` now; from here on they are restarted whenever they end."""
        for program in programs:
            self._start(program, _FIRST_PAUSE / 2)

    def run(self, each_turn: Callable[[], object] = lambda: None) -> None:
        """Keep everything alive, calling `each_turn` some ten times a second, until told to stop; then stop in order.

        Call it from the main thread. An exception of `each_turn` stops everything and is raised again.
        """
        before = {
            number: signal.signal(number, self._told) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            while not self._signals:
                self._turn()
                self._restart_the_dead()
                each_turn()
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Stop every stage, highest first: SIGTERM, and SIGKILL at the deadline or at a second signal to us."""
        self._waiting.clear()
        patience = time.monotonic() + self._deadline
        told_before = self._signals

        def stage(child: _Child) -> int:
            return -child.program.stage

        for _, group in groupby(sorted(self._children.values(), key=stage), key=stage):
            children = list(group)
            for child in children:
                child.signal(signal.SIGTERM)
            while any(child.process.poll() is None for child in children):
                if time.monotonic() > patience or self._signals > told_before + 1:
                    for child in children:
                        child.signal(signal.SIGKILL)
                self._turn()
        for child in list(self._children.values()):
            self._bury(child)

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _start(self, program: Program, pause: float) -> None:
        child = _Child(program, pause)
        self._children[program.name] = child
        self._selector.register(child.stdout, selectors.EVENT_READ, child)

    def _turn(self) -> None:
        ready = self._selector.select(_TURN)
        if not self._selector.get_map():
            time.sleep(_TURN)
        for key, _ in ready:
            self._relay(key.data)

    def _restart_the_dead(self) -> None:
        for name, child in list(self._children.items()):
            if (code := child.process.poll()) is not None:
                self._bury(child)
                pause = child.next_pause()
                self._say(name, f"ended with {code}; starting it again in {pause:g} s")
                self._waiting.append((time.monotonic() + pause, child.program, pause))
        due = [entry for entry in self._waiting if entry[0] <= time.monotonic()]
        self._waiting = [entry for entry in self._waiting if entry not in due]
        for _, program, pause in due:
            self._start(program, pause)

    def _bury(self, child: _Child) -> None:
        """Relay the last words and leave nothing of a dead process: no pipe, no children of its own."""
        child.signal(signal.SIGKILL)
        while self._relay(child):
            pass
        if child.line:
            self._say(child.program.name, child.line)
        self._forget(child)
        child.stdout.close()
        del self._children[child.program.name]

    def _relay(self, child: _Child) -> bool:
        """Pass on some of what the process has printed, line by line. False where there is nothing more by now."""
        try:
            chunk = os.read(child.stdout.fileno(), _LONGEST_LINE)
        except BlockingIOError:
            return False
        if not chunk:
            self._forget(child)
        *lines, child.line = (child.line + chunk).split(b"\n")
        if len(child.line) > _LONGEST_LINE:
            lines, child.line = [*lines, child.line], b""
        for line in lines:
            self._say(child.program.name, line)
        return bool(chunk)

    def _forget(self, child: _Child) -> None:
        if child.stdout in self._selector.get_map():
            self._selector.unregister(child.stdout)

    def _say(self, name: str, line: bytes | str) -> None:
        text = line if isinstance(line, str) else line.decode(errors="replace")
        with suppress(OSError):  # nobody reads our log any more; the processes matter more
            self._write(f"{name:<12}| {text}\n")
