"""The real processes of an installation, kept alive as an init system would, and killed on request."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.kill.databases import Database
from tracker import embedded

FAILPOINTS = (
    "clicks.after_read",
    "clicks.before_commit",
    "clicks.after_commit",
    "clicks.after_ack",
    "clicks.claiming",
    "webhook.received",
    "webhook.inserted",
    "webhook.committed",
    "webhook.before_reply",
    "orders.before_commit",
    "orders.after_commit",
    "attribution.before_commit",
    "attribution.after_commit",
    "commissions.before_commit",
    "shipper.shipped",
    "shipper.before_drop",
)


class Fleet:
    """Starts everything, restarts what dies, and offers its faults by name.

    `code` is a checkout to run instead of this one: a mutated copy that the test must catch.
    """

    def __init__(self, folder: Path, database: Database, port: int, *, code: Path | None = None) -> None:
        self.folder = folder
        self.database = database
        self.port = port
        self._socket = folder / "redis" / "redis.sock"
        self._tokens = folder / "failpoints"
        self._tokens.mkdir(parents=True)
        self.env = {
            **os.environ,
            "TRACKER_STATE": str(folder),
            "DATABASE_URL": database.url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": "k" * 64,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "WEB_WORKERS": "2",
            "JOURNAL_GRACE": "3",
            "LOG_LEVEL": "warning",
            "TRACKER_FAILPOINTS": ",".join(f"{name}={self._tokens / name}" for name in FAILPOINTS),
        }
        if code is not None:
            self.env["PYTHONPATH"] = str(code)
        python = sys.executable
        self._commands: dict[str, list[str]] = {
            "redis": embedded.redis_command(embedded.prepare_redis_folder(self._socket), self._socket),
            "web": [python, "-m", "tracker", "web"],
            "clicks": [python, "-m", "workers.clicks"],
            "clicks2": [python, "-m", "workers.clicks"],
            "orders": [python, "-m", "workers.orders"],
            "attribution": [python, "-m", "workers.attribution"],
            "commissions": [python, "-m", "workers.commissions"],
            "scheduler": [python, "-m", "workers.schedule"],
        }
        self._code = code
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._held: set[str] = set()
        self._stopping = threading.Event()
        self._guard = threading.Thread(target=self._keep_alive, daemon=True)

    @property
    def redis_url(self) -> str:
        """Where the fleet's Redis listens."""
        return f"unix://{self._socket}"

    def run(self, *arguments: str) -> str:
        """Run `tracker …` to its end; its standard output."""
        argv = [sys.executable, "-m", "tracker", *arguments]
        return subprocess.run(argv, env=self.env, check=True, capture_output=True, text=True, cwd=self._cwd).stdout

    def start(self) -> None:
        """Start every process and the guard that restarts them."""
        self._start("redis")
        embedded.wait_for_redis(self.redis_url, self._processes["redis"])
        for name in self._commands:
            if name != "redis":
                self._start(name)
        self._guard.start()

    def stop(self) -> None:
        """End every process that is ours."""
        self._stopping.set()
        if self._guard.is_alive():
            self._guard.join()
        for name in sorted(self._processes, key=lambda name: name == "redis"):
            self._kill_tree(self._processes[name], signal.SIGTERM if name != "redis" else signal.SIGKILL)
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                self._kill_tree(process, signal.SIGKILL)
                process.wait()

    def faults(self) -> dict[str, Callable[[], bool | None]]:
        """Every fault by name; each returns once it has struck and what it took is on its way back.

        False where nothing was there to strike: no process came by the failpoint.
        """
        return {
            "web worker": lambda: self._kill_child("web", "granian"),
            "web": lambda: self.kill("web"),
            "shipper": lambda: self._kill_child("web", "workers.shipper"),
            "redis": lambda: self.kill("redis"),
            "redis frozen": self._freeze_redis,
            "redis wiped": self._wipe_redis,
            "click worker": lambda: self.kill(random.choice(["clicks", "clicks2"])),
            "orders worker": lambda: self.kill("orders"),
            "attribution worker": lambda: self.kill("attribution"),
            "commissions worker": lambda: self.kill("commissions"),
            "scheduler": lambda: self.kill("scheduler"),
            "database": self._crash_database,
            "everything": self._kill_everything,
            **{f"at {name}": lambda name=name: self._arm(name) for name in FAILPOINTS},  # type: ignore[misc]
        }

    def kill(self, name: str) -> None:
        """SIGKILL one process and all of its children."""
        self._kill_tree(self._processes[name], signal.SIGKILL)

    @property
    def _cwd(self) -> Path:
        return self._code or Path(__file__).parents[2]

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._commands[name], env=self.env, stdout=log, stderr=log, cwd=self._cwd, start_new_session=True
            )

    def _keep_alive(self) -> None:
        while not self._stopping.wait(0.1):
            for name, process in list(self._processes.items()):
                if process.poll() is not None and name not in self._held:
                    self._start(name)

    def _kill_tree(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(process.pid)
            family = [parent] if number is signal.SIGTERM else [parent, *parent.children(recursive=True)]
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(number)

    def _kill_child(self, name: str, word: str) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._processes[name].pid).children(recursive=True)
            matching = [child for child in children if word in " ".join(child.cmdline())]
            if matching:
                random.choice(matching).kill()
                return True
        return False

    def _freeze_redis(self) -> None:
        process = self._processes["redis"]
        process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        process.send_signal(signal.SIGCONT)

    def _wipe_redis(self) -> None:
        self._held.add("redis")
        try:
            self.kill("redis")
            self._processes["redis"].wait()
            shutil.rmtree(self._socket.parent)
            self._socket.parent.mkdir()
        finally:
            self._held.discard("redis")

    def _crash_database(self) -> None:
        self.database.crash()
        time.sleep(0.5)
        self.database.recover()

    def _kill_everything(self) -> None:
        for name in self._processes:
            self.kill(name)
        self.database.crash()
        self.database.recover()

    def _arm(self, name: str) -> bool:
        """Put the token there and give the fleet some time to step on it."""
        token = self._tokens / name
        token.touch()
        deadline = time.monotonic() + 3
        while token.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        struck = not token.exists()
        token.unlink(missing_ok=True)
        return struck
