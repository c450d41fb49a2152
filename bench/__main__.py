"""`python -m bench`: every measurement, one after the other."""

from __future__ import annotations

import subprocess
import sys

PARTS = (
    "bench.redirect",
    "bench.ingest",
    "bench.orders",
    "bench.attribution",
    "bench.events",
    "bench.uncertainty",
    "bench.models",
    "bench.reports",
)

if __name__ == "__main__":
    wanted = sys.argv[1:] or [part.removeprefix("bench.") for part in PARTS]
    for part in PARTS:
        if part.removeprefix("bench.") in wanted:
            print(f"== {part}", flush=True)
            subprocess.run([sys.executable, "-m", part], check=True)
