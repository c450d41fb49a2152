"""`python -m tracker.web.on_granian`: the web server. Each worker builds its own application, after the fork.

Behind it should stand a proxy that speaks TLS; what granian is told here is what makes it safe to stand alone too.
"""

from __future__ import annotations

import gc
import multiprocessing
import os

from apiflask import APIFlask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from tracker import supervise
from tracker.settings import Settings
from tracker.web import create_app

# A request's line and headers together; longer ones are answered 431 before any of our code sees them.
_LONGEST_HEAD = 64 * 1024
# granian's WSGI environment starts as a copy of the process's own; nothing in it may pass for a part of the request.
_REQUEST_NAMES = ("HTTP_", "CONTENT_", "REMOTE_")


def load() -> APIFlask:
    """The application of one worker process, which ends with its server however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        supervise.die_with_parent(parent.pid)
    for name in [name for name in os.environ if name.startswith(_REQUEST_NAMES)]:
        del os.environ[name]
    app = create_app()
    collect_garbage_seldom()
    return app


def collect_garbage_seldom() -> None:
    """A report makes some ten thousand lists that die with it: looking through all that lives, every second report,
    costs as much as the report.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


def main() -> None:
    """Serve until SIGTERM or SIGINT. No access log: it would keep addresses that the ledger does not."""
    settings = Settings.from_env()
    Server(
        "tracker.web",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.web_workers,
        blocking_threads=settings.web_threads,
        http1_settings=HTTP1Settings(max_buffer_size=_LONGEST_HEAD),
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_access=False,
        log_level=LogLevels(settings.log_level if settings.log_level in ("debug", "error") else "warning"),
    ).serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    main()
