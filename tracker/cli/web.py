"""`tracker web`: the web server and this host's shipper, supervised together."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import click
from redis import RedisError

from tracker import log, stream, wiring
from tracker.errors import BadSetting
from tracker.settings import Settings
from tracker.supervise import Program, Supervisor, python


def register(root: click.Group) -> None:
    """Add the `web` command."""
    root.add_command(web)


@click.command(short_help="Run the web server alone, without workers.")
def web() -> None:
    """Serve redirects, webhooks, pages and API, and ship this host's clicks, until told to stop."""
    settings = Settings.from_env()
    wiring.build(settings)  # a ledger that is missing, old or not ours stops us here, not in every worker
    require_free_port(settings)
    warn_of_redis(settings)
    supervisor = Supervisor()
    for program in programs(settings):
        supervisor.start(program)
    supervisor.run()


def warn_of_redis(settings: Settings) -> None:
    """Say in the log what is wrong with the way Redis keeps things. Where it does not answer we start all the same."""
    redis = wiring.Wiring(settings).hasty_redis
    try:
        for concern in stream.keeping(redis).concerns:
            log.warning(concern, advice=stream.CONCERNS[concern])
    except (RedisError, OSError) as error:
        log.warning("redis_not_checked", error=type(error).__name__)
    finally:
        redis.close()


def programs(settings: Settings, *, stage: int = 0) -> list[Program]:
    """The two processes of a web host. The server stops first, so that the shipper sees its last clicks."""
    return [
        Program("shipper", python("-m", "workers.shipper"), environment(settings), stage),
        Program("web", python("-m", "tracker.web.on_granian"), environment(settings), stage + 1),
    ]


def environment(settings: Settings) -> Mapping[str, str]:
    """What a process of ours must be told so that it reads the same settings wherever it runs."""
    return {"TRACKER_STATE": str(settings.state), "PYTHONUNBUFFERED": "1"}


def require_free_port(settings: Settings) -> None:
    """Raise BadSetting where somebody listens already: granian would silently share the port with them."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise BadSetting(f"PORT: cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
