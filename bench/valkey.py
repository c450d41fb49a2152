"""A Redis of our own for one measurement."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracker import embedded


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of an empty server that lives in `folder`."""
    socket = folder / "redis" / "redis.sock"
    command = embedded.redis_command(embedded.prepare_redis_folder(socket), socket)
    process = subprocess.Popen(command)
    try:
        embedded.wait_for_redis(f"unix://{socket}", process)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait()
