"""Rule sets are immutable rows: a brand begins with version 1, a change is a new version with a start date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tracker.domain.ids import derived_id
from tracker.domain.rules import Rules
from tracker.errors import Conflict, NotFound, say
from tracker.ledger import rules_due
from tracker.ledger.database import is_postgresql
from tracker.ledger.tables import RuleSet
from tracker.plugins import discover


def ensure_rule_set(session: Session, brand_id: str, now: datetime) -> None:
    """Give the brand version 1, the settings of today's defaults written out, unless it has one already."""
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    row = {
        "id": derived_id("rule set", brand_id, "1"),
        "brand_id": brand_id,
        "version": 1,
        "settings": first_rules().to_json(),
        "effective_from": now,
        "created_at": now,
    }
    session.execute(insert(RuleSet).values(row).on_conflict_do_nothing())


def current(session: Session, brand_id: str) -> RuleSet:
    """The brand's newest rule set. Raises NotFound where it has none."""
    newest = select(RuleSet).where(RuleSet.brand_id == brand_id).order_by(RuleSet.version.desc()).limit(1)
    row = session.execute(newest).scalar_one_or_none()
    if row is None:
        raise NotFound("the brand has no rule set")
    return row


def versions(session: Session, brand_id: str) -> Sequence[RuleSet]:
    """Every rule set of the brand, the first one first."""
    rows = select(RuleSet).where(RuleSet.brand_id == brand_id).order_by(RuleSet.version)
    return session.execute(rows).scalars().all()


def add_version(
    session: Session,
    brand_id: str,
    rules: Rules,
    now: datetime,
    *,
    start: datetime | None = None,
    wall: datetime | None = None,
) -> RuleSet:
    """The rules as a new version for the orders placed from `start` (else `now`) on, earlier versions or not.

    Orders that were credited before under an earlier version will be put under it: see `rules_due`. Raises Conflict
    where somebody else added that version.
    """
    row = RuleSet(
        id=derived_id("rule set", brand_id, str(rules.version)),
        brand_id=brand_id,
        version=rules.version,
        settings=rules.to_json(),
        effective_from=start or now,
        created_at=now,
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise Conflict("somebody else has just published rules: look at them, then try again") from None
    rules_due.begin(session, row, wall or now)
    return row


def first_rules() -> Rules:
    """The rules of a new brand, with every model's own settings, so that later defaults change nothing.

    Models that credit no single order are no matter of rules.
    """
    models = {name: model for name, model in discover("tracker.attribution").items() if hasattr(model, "weights")}
    return Rules(models={name: dict(model.SETTINGS) for name, model in models.items() if model.SETTINGS})


class Book:
    """All rule sets of some brands, read once.

    Of the versions that had begun when an order was placed the newest one holds, in whatever order they begin: who
    publishes later overrules who published before.
    """

    def __init__(self, session: Session, brand_ids: Iterable[str]) -> None:
        rows = session.execute(
            select(RuleSet.brand_id, RuleSet.version, RuleSet.effective_from, RuleSet.settings)
            .where(RuleSet.brand_id.in_(set(brand_ids)))
            .order_by(RuleSet.version)
        )
        self._of_brand: dict[str, list[tuple[datetime, Rules]]] = {}
        for row in rows:
            rules = Rules.from_json(row.version, row.settings)
            self._of_brand.setdefault(row.brand_id, []).append((row.effective_from, rules))

    def at(self, brand_id: str, at: datetime) -> Rules:
        """The newest version that had begun at `at`, or the first. Raises NotFound where the brand has none."""
        versions = self._versions(brand_id)
        begun = [rules for start, rules in versions if start <= at]
        return begun[-1] if begun else versions[0][1]

    def version(self, brand_id: str, version: int) -> Rules:
        """The brand's rules of that version. Raises NotFound."""
        for _, rules in self._versions(brand_id):
            if rules.version == version:
                return rules
        raise NotFound(say("the brand has no rule set %(version)s", version=version))

    def _versions(self, brand_id: str) -> list[tuple[datetime, Rules]]:
        if brand_id not in self._of_brand:
            raise NotFound("the brand has no rule set")
        return self._of_brand[brand_id]
