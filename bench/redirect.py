"""`python -m bench.redirect`: what a redirect with its click recorded costs beside doing nothing.

Every server is one worker pinned to core 0; wrk, Redis and the shipper share the other. Windows alternate between the
servers, so that a slow moment of the machine hits all of them; each figure is the median of its windows.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import servers, world

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ add_header Cache-Control no-store; return 302 {landing}; }} }}
}}
"""


@dataclass
class Contestant:
    """A server on a port, and what its windows measured."""

    name: str
    port: int
    rates: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def rate(self) -> float:
        """Requests per second, median."""
        return statistics.median(self.rates)

    @property
    def p99(self) -> float:
        """Milliseconds, median of the windows' 99th percentiles."""
        return statistics.median(self.p99s)


@contextmanager
def running(argv: list[str], env: dict[str, str] | None = None, *, core: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process pinned to `core`, ended with the block."""
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *argv], env={**os.environ, **(env or {})}, stdout=sys.stderr
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def granian(target: str, port: int, threads: int) -> list[str]:
    """The command line that `tracker web` uses, for any target."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--blocking-threads", str(threads), "--no-ws", "--log-level", "error", target),
    ]


def window(contestant: Contestant, seconds: int, connections: int) -> None:
    """Measure one window with wrk on core 1."""
    argv = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    agent = "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Instagram 380.0"
    url = f"http://127.0.0.1:{contestant.port}/r/{world.SLUG}"
    out = subprocess.run([*argv, "-H", agent, url], capture_output=True, text=True, check=True).stdout
    contestant.rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]))  # type: ignore[index]
    amount, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()  # type: ignore[union-attr]
    contestant.p99s.append(float(amount) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit])
    if found := re.search(r"Non-2xx or 3xx responses: (\d+)", out):
        contestant.errors += int(found[1])


def wait_until_it_answers(port: int) -> None:
    """Return once something on `port` speaks HTTP."""
    for _ in range(300):
        try:
            urllib.request.build_opener(_NoRedirect).open(f"http://127.0.0.1:{port}/r/{world.SLUG}", timeout=1)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing answers on port {port}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


def main() -> None:
    """Run the contest and print the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--threads", type=int, default=world.default_threads())
    given = options.parse_args()
    missing = [
        name for name in ("wrk", "nginx", "taskset") if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    ]
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)}; apt-get install wrk nginx-light util-linux")
    with ExitStack() as stack:
        contestants = _start(stack, given.threads)
        for contestant in contestants:
            wait_until_it_answers(contestant.port)
            window(contestant, 1, given.connections)
            contestant.rates.clear()
            contestant.p99s.clear()
        for _ in range(given.rounds):
            for contestant in contestants:
                window(contestant, given.seconds, given.connections)
        _print(contestants, given)


def _start(stack: ExitStack, threads: int) -> list[Contestant]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trk-bench-")))
    ports = iter(world.free_ports(6))
    contestants = []

    def enter(name: str, argv: list[str], env: dict[str, str] | None = None, port: int = 0) -> None:
        stack.enter_context(running(argv, env, core=0))
        contestants.append(Contestant(name, port))

    port = next(ports)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, landing=servers.LANDING))
    enter("nginx return 302", [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(folder / "nginx.conf")], port=port)
    port = next(ports)
    enter("raw WSGI", granian("bench.servers:raw", port, threads), port=port)
    port = next(ports)
    enter("bare Flask", granian("bench.servers:flask", port, threads), port=port)
    for name, with_redis in (("tracker", True), ("tracker, Redis down", False)):
        port = next(ports)
        env = stack.enter_context(
            world.installation(folder / name.replace(", ", "-").replace(" ", "-"), port, redis=with_redis)
        )
        enter(name, [*granian("tracker.web:create_app", port, threads), "--factory"], env, port=port)
        if with_redis:
            stack.enter_context(running([sys.executable, "-m", "workers.shipper"], env, core=1))
    return contestants


def _print(contestants: list[Contestant], given: argparse.Namespace) -> None:
    by_name = {contestant.name: contestant for contestant in contestants}
    table = Table(title=f"median of {given.rounds} windows of {given.seconds} s, {given.connections} connections")
    for title in ("server", "req/s", "p99 ms", "× nginx", "× raw WSGI", "× bare Flask", "p99 × raw", "errors"):
        table.add_column(title, justify="left" if title == "server" else "right")
    for contestant in contestants:
        ratios = [contestant.rate / by_name[name].rate for name in ("nginx return 302", "raw WSGI", "bare Flask")]
        table.add_row(
            contestant.name,
            f"{contestant.rate:,.0f}",
            f"{contestant.p99:.1f}",
            *(f"{ratio:.2f}" for ratio in ratios),
            f"{contestant.p99 / by_name['raw WSGI'].p99:.2f}",
            str(contestant.errors),
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
