"""`python -m tests.kill`: the long run, on both databases, and the mutants that it must catch."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from tests.kill.mutants import MUTANTS, mutated
from tests.kill.run import run


def main() -> int:
    """Run and print faults × lost × doubled. Exit code 1 when anything was lost, doubled or wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--faults", type=int, default=200, help="faults on each database")
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--no-mutants", action="store_true")
    given = options.parse_args()
    console = Console()
    failed = False
    for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        outcome = run(given.faults, database=database, seed=given.seed, tell=lambda line: console.print(f"  {line}"))
        console.print(f"{database}: {outcome.summary()}")
        for name, count in sorted(outcome.struck.items()):
            console.print(f"  {count:4} × {name}")
        for complaint in outcome.verdict.complaints:
            console.print(f"  [red]{complaint}")
        failed |= not outcome.passed
    if not given.no_mutants:
        for mutant in MUTANTS.values():
            with mutated(mutant) as code:
                outcome = run(mutant.faults, seed=given.seed, patience=20, code=code)
            verdict = "caught" if not outcome.passed else "[red]NOT CAUGHT"
            console.print(f"mutant {mutant.name}: {verdict}; {outcome.summary()}")
            failed |= outcome.passed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
