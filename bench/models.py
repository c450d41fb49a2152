"""`python -m bench.models`: what models cost beside other packages, on the same journeys and in the same run.

Every measurement is a process of its own, one thread for all: it reads the journeys, one row each
with its path as a text, and then what is measured begins: CPU seconds of the best of some runs, and how much memory the
first one took over its input. The peers are the extra `peers`; where they live in an environment of their own, say
`--peers-python`. A peer that is missing is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FIGURES = ("total_conversions", "total_conversion_value", "total_null")
RULES = (
    "first_click", "last_click", "linear", "position_based", "time_decay", "opener_assist_closer", "participation",
    "code_first",
)  # fmt: skip

# What is measured: a title, journeys, names, ours, and the peers with how many times our CPU seconds they should take.
# Another measurement is another line here and, where it needs one, another task below.
MEASUREMENTS: list[tuple[str, int, int, str, dict[str, float]]] = [
    ("eight rules", 1_000_000, 20, "rules", {"channelattribution_rules": 5, "mam_rules": 12}),
    ("eight rules", 1_000_000, 200, "rules", {"channelattribution_rules": 5, "mam_rules": 12}),
    ("eight rules", 100_000, 20, "rules", {"channelattribution_rules": 5, "mam_rules": 12}),
    ("eight rules", 10_000, 20, "rules", {"channelattribution_rules": 1, "mam_rules": 1}),
    ("Markov 1 and value", 100_000, 200, "markov_1", {"channelattribution_markov_1": 150}),
    ("Markov 1 and value", 1_000_000, 20, "markov_1", {"channelattribution_markov_1": 1}),
    ("Markov 2 and value", 100_000, 200, "markov_2", {"channelattribution_markov_2": 100}),
    ("Markov 3 and value", 1_000_000, 20, "markov_3", {"channelattribution_markov_3": 12}),
]


def main() -> None:
    """Print a line a measurement: our CPU seconds and memory, and each peer's with the ratio and what it should be."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--peers-python", default=os.environ.get("PEERS_PYTHON", sys.executable))
    options.add_argument("--only", default="", help="measurements whose task begins so, such as markov_1")
    options.add_argument("--at-most", type=int, default=1_000_000, help="journeys")
    options.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.task:
        print(json.dumps(measured(given.task[0], Path(given.task[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="trk-bench-") as folder:
        for measurement in MEASUREMENTS:
            if measurement[3].startswith(given.only) and measurement[1] <= given.at_most:
                report(Path(folder), given.peers_python, *measurement)
    for order in (1, 2, 3):
        print(f"Markov {order} against a dense solve without each name: {error(order):.0e} at most")


def report(
    folder: Path, peers_python: str, title: str, journeys: int, names: int, task: str, peers: dict[str, float]
) -> None:
    """Measure ours and each peer on the same file and print the line."""
    file = folder / f"{journeys}x{names}.csv"
    if not file.exists():
        write(file, journeys, names)
    ours = _child(sys.executable, task, file)
    line = f"{title}, {journeys:,} × {names}: {ours['seconds']:.2f} s, {ours['megabytes']:.0f} MB over the input"
    for peer, wanted in peers.items():
        theirs = _child(peers_python, peer, file)
        name = peer.partition("_")[0]
        if "missing" in theirs:
            line += f"; {name} is missing ({theirs['missing']})"
        else:
            ratio = theirs["seconds"] / ours["seconds"]
            line += (
                f"; {name} {theirs['seconds']:.1f} s = {ratio:.1f}× (want {wanted:.0f}×), {theirs['megabytes']:.0f} MB"
            )
    print(line, flush=True)


def _child(python: str, task: str, file: Path) -> dict[str, Any]:
    """The measurement in a process of its own, on one thread."""
    ran = subprocess.run(
        [python, "-m", "bench.models", "--task", task, str(file)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


# --- journeys ---------------------------------------------------------------------------------------------------------


def journeys_of(count: int, names: int, seed: int = 1) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Paths, whether they were bought along, and for how much: 3.5 touches on average and at most 30, names by Zipf's
    law, 4 to 8 % buy."""
    dice = np.random.default_rng(seed)
    lengths = np.minimum(dice.geometric(1 / 3.5, count), 30)
    rank = np.arange(1, names + 1)
    codes = dice.choice(names, lengths.sum(), p=1 / rank / (1 / rank).sum())
    score = np.bincount(np.repeat(np.arange(count), lengths), dice.normal(0, 0.25, names)[codes], count)
    bought = dice.random(count) < 1 / (1 + np.exp(np.log(1 / 0.06 - 1) + score.mean() - score))
    values = np.where(bought, np.round(dice.lognormal(4, 0.7, count), 2), 0)
    known = [f"channel {number}" for number in range(names)]
    ends = np.cumsum(lengths)
    paths = [
        " > ".join([known[code] for code in codes[begin:end]])
        for begin, end in zip(ends - lengths, ends, strict=True)
    ]  # fmt: skip
    return paths, bought, values


def write(file: Path, count: int, names: int) -> None:
    """The journeys as a file, one row each; with how many hours before the end each touch was, a day apart."""
    paths, bought, values = journeys_of(count, names)
    with file.open("w") as out:
        out.write(f"path,{','.join(FIGURES)},hours\n")
        for path, sold, value in zip(paths, bought, values, strict=True):
            hours = " > ".join([f"{24 * left}.0" for left in range(path.count(" > "), -1, -1)])
            out.write(f"{path},{int(sold)},{value},{int(not sold)},{hours}\n")


# --- in the child -----------------------------------------------------------------------------------------------------


def measured(task: str, file: Path) -> dict[str, Any]:
    """CPU seconds of the best of three runs (one, where it takes longer than ten seconds), and memory in megabytes."""
    try:
        run = TASKS[task](file)
    except ImportError as error:
        return {"missing": str(error)}
    before, best = _peak(reset=True), float("inf")
    megabytes = None
    for _ in range(3):
        began = _cpu()
        run()
        took = _cpu() - began
        megabytes = megabytes if megabytes is not None else (_peak() - before) / 1e6
        best = min(best, took)
        if took > 10:
            break
    return {"seconds": best, "megabytes": megabytes}


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak(*, reset: bool = False) -> float:
    """The most memory held so far, in bytes; counted anew from now where the kernel allows it."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * float(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def _ours(models: tuple[str, ...], settings: dict[str, str]) -> Callable[[Path], Callable[[], object]]:
    def prepare(file: Path) -> Callable[[], object]:
        import polars as pl  # noqa: PLC0415  (the peers' environment need not have what ours has)

        from tracker.attribution import _csv  # noqa: PLC0415
        from tracker.plugins import discover  # noqa: PLC0415

        known = discover("tracker.attribution")
        frame = pl.read_csv(file, columns=["path", *FIGURES]).cast(dict.fromkeys(FIGURES, pl.Float64))

        def run() -> object:
            paths = _aged(_csv.to_paths(frame)) if "time_decay" in models else _csv.to_paths(frame)
            return [known[name].over(paths, settings) for name in models]

        return run

    return prepare


def _aged(paths: Any) -> Any:
    """The paths with their touches a day apart, as the journeys are."""
    from dataclasses import replace  # noqa: PLC0415

    ends = np.repeat(paths.offsets[1:], paths.lengths)
    return replace(paths, ages=(ends - 1.0) - np.arange(len(paths.codes)))


def _channelattribution(order: int) -> Callable[[Path], Callable[[], object]]:
    def prepare(file: Path) -> Callable[[], object]:
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415
        from ChannelAttribution import (  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
            heuristic_models,
            markov_model,
        )

        frame = pd.read_csv(file, usecols=["path", *FIGURES])
        columns = ("path", *FIGURES[:2])
        if order == 0:
            return lambda: heuristic_models(frame, *columns, flg_pro=False)
        return lambda: markov_model(frame, *columns, FIGURES[2], order=order, verbose=False, flg_pro=False)

    return prepare


def _mam(file: Path) -> Callable[[], object]:
    import polars as pl  # noqa: PLC0415
    from mam.core import MAM  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    frame = pl.read_csv(file, schema_overrides={"hours": pl.String}).with_columns(
        pl.col(FIGURES[0]).cast(pl.Boolean), journey_id=pl.int_range(pl.len()).cast(pl.String)
    )

    def run() -> object:
        mam = MAM(
            df=frame, format_type="journey", channels_colname="path", journey_with_conv_colname=FIGURES[0],
            time_till_conv_colname="hours",
        )  # fmt: skip
        models = (mam.run_last_click, mam.run_first_click, mam.run_linear, mam.run_position_based, mam.run_time_decay)
        return [model().to_polars() for model in models]

    return run


TASKS: dict[str, Callable[[Path], Callable[[], object]]] = {
    "rules": _ours(RULES, {}),
    "markov_1": _ours(("markov",), {"order": "1"}),
    "markov_2": _ours(("markov",), {"order": "2"}),
    "markov_3": _ours(("markov",), {"order": "3"}),
    "channelattribution_rules": _channelattribution(0),
    "channelattribution_markov_1": _channelattribution(1),
    "channelattribution_markov_2": _channelattribution(2),
    "channelattribution_markov_3": _channelattribution(3),
    "mam_rules": _mam,
}


# --- exactness --------------------------------------------------------------------------------------------------------


def error(order: int) -> float:
    """By how much a removal effect is wrong at most, beside a dense solve without each name, on 3 000 journeys."""
    import polars as pl  # noqa: PLC0415

    from tests.test_markov import Dense  # noqa: PLC0415
    from tracker.attribution import _csv, markov  # noqa: PLC0415

    paths, bought, values = journeys_of(3_000, 12)
    columns = [paths, bought.astype(float), values, (~bought).astype(float)]
    found = _csv.to_paths(pl.DataFrame(dict(zip(("path", *FIGURES), columns, strict=True))))
    effects = markov.over(found, {"order": str(order)}).removal_effect
    assert effects is not None
    return float(np.abs(effects - Dense(found, order).effects()[:, 0]).max())


if __name__ == "__main__":
    main()
