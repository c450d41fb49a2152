"""Real processes under load are killed, and nothing is lost, doubled or wrong; with a safeguard out, something is.

This is the short run; `python -m tests.kill` is the long one.
"""

from __future__ import annotations

import pytest

from tests.kill.mutants import MUTANTS, Mutant, mutated
from tests.kill.run import run

SQLITE = (
    "web worker",
    "redis",
    "at clicks.before_commit",
    "at webhook.committed",
    "redis wiped",
    "at orders.after_commit",
    "everything",
)
POSTGRESQL = (
    "database",
    "at clicks.after_commit",
    "shipper",
    "at orders.before_commit",
    "attribution worker",
    "at attribution.before_commit",
    "everything",
)


@pytest.mark.e2e
@pytest.mark.parametrize(("database", "faults"), [("sqlite", SQLITE), ("postgresql", POSTGRESQL)])
def test_nothing_is_lost_doubled_or_wrong(database: str, faults: tuple[str, ...]) -> None:
    outcome = run(faults, database=database, pause=1.0)
    assert outcome.verdict.complaints == []
    assert outcome.verdict.clicks > 100
    assert outcome.verdict.orders > 10
    assert outcome.struck.total() > len(faults) // 2


@pytest.mark.e2e
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_code_without_a_safeguard_is_caught(mutant: Mutant) -> None:
    with mutated(mutant) as code:
        outcome = run(mutant.faults, pause=1.0, patience=8, code=code)
    assert outcome.verdict.complaints != []
