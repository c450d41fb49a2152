"""Copies of the code with one safeguard taken out. The kill test is worth something as long as it catches them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`; `faults` are those under which the missing safeguard shows."""

    name: str
    file: str
    old: str
    new: str
    faults: tuple[str, ...]


MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant(
            "acknowledges before the commit",
            "workers/clicks.py",
            '        failpoints.reached("clicks.after_read")\n',
            '        self._take_out(batch.entries)\n        failpoints.reached("clicks.after_read")\n',
            ("at clicks.after_read", "at clicks.before_commit") * 2,
        ),
        Mutant(
            "has no unique constraint",
            "tracker/ledger/migrations/versions/0001_the_spine.py",
            "sa.PrimaryKeyConstraint('id', name=op.f('pk_clicks'))",
            "",
            ("at clicks.after_commit",) * 4,
        ),
        Mutant(
            "keeps no journal",
            "tracker/web/redirect.py",
            "        self.append = self._journal.append\n",
            "        self.append = self._ship\n",
            ("redis wiped", "redis frozen") * 2,
        ),
    )
}


@contextmanager
def mutated(mutant: Mutant) -> Iterator[Path]:
    """A copy of the code with the mutation in it. Raises ValueError where the code no longer has what it changes."""
    with tempfile.TemporaryDirectory(prefix="trk-mutant-") as folder:
        copy = Path(folder)
        for name in ("tracker", "workers", "templates"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / mutant.file
        text = file.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.file} no longer has exactly one {mutant.old.strip()!r}")
        file.write_text(text.replace(mutant.old, mutant.new))
        yield copy
