"""A failpoint is a named line where a test may kill the process; without the setting it costs one comparison."""

from __future__ import annotations

import os
import signal
from pathlib import Path

_armed: dict[str, Path] = {}


def arm(setting: str) -> None:
    """Arm failpoints from `name=/path/of/a/token,…`: the process that reaches `name` first takes the token and dies.

    The token file makes each armed failpoint fire once in a whole installation, whatever number of processes reach it.
    """
    for part in filter(None, setting.split(",")):
        name, _, token = part.partition("=")
        _armed[name] = Path(token)


def reached(name: str) -> None:
    """Die here by SIGKILL where `name` is armed and its token is still there."""
    if not _armed or name not in _armed:
        return
    try:
        _armed[name].unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
