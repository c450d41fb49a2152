"""The commissions worker: rung for after crediting, and one order that cannot be reckoned holds up nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

import workers.attribution
import workers.commissions
from tests.conftest import Ledger
from tests.given import NOON
from tests.test_commission_ledger import Shop
from tracker import pipeline, queue
from tracker.domain.commissions import Row
from tracker.ledger import commissions, commissions_due
from tracker.ledger.tables import CommissionsDue, CommissionStep
from tracker.settings import Settings
from tracker.wiring import Wiring

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def hands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    wiring = Wiring(settings)
    for worker in (workers.attribution, workers.commissions):
        monkeypatch.setattr(worker, "wiring", lambda: wiring)
    yield wiring
    wiring.engine.dispose()
    wiring.redis.close()


@pytest.fixture
def shop(hands: Wiring) -> Shop:
    shop = Shop(Ledger(hands.settings.database_url, hands.engine, hands.sessions))
    shop.agree(percent="10", hold_days=0)
    return shop


def test_crediting_rings_for_the_commissions_and_the_worker_approves_what_needs_no_hold(
    shop: Shop, hands: Wiring
) -> None:
    for _ in range(25):
        shop.by_alice()
    workers.attribution.attribute_due()
    assert hands.redis.exists(queue.bell(queue.ACCRUE)) == 1
    assert workers.commissions.accrue_due() == 25
    assert workers.commissions.accrue_due() == 0
    assert len(shop.all(CommissionStep)) == 25


def test_a_hold_that_is_over_is_noticed_by_the_clock_alone(shop: Shop) -> None:
    shop.agree(percent="10", hold_days=5, partner=shop.alice)
    for _ in range(3):
        shop.by_alice()
    shop.owe(NOON + timedelta(days=1))
    assert shop.all(CommissionStep) == []
    assert workers.commissions.approve() == 3
    assert workers.commissions.approve() == 0
    assert {state for _, _, state in shop.of(shop.alice)} == {"approved"}


def test_an_order_that_cannot_be_reckoned_goes_behind_the_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [shop.by_alice() for _ in range(3)]
    shop.attribute()
    with shop.ledger.session() as session:
        first = (
            session.execute(select(CommissionsDue.order_id).order_by(CommissionsDue.since, CommissionsDue.order_id))
            .scalars()
            .first()
        )
    reckon = pipeline._owed

    def broken(case: commissions.Case) -> list[Row]:
        if case.order_id == first:
            raise ZeroDivisionError
        return reckon(case)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_owed", broken)
        assert workers.commissions._batch() == 2
    with shop.ledger.session() as session:
        assert commissions_due.count(session) == 1
    assert workers.commissions.accrue_due() == 1
    assert len(shop.of(shop.alice)) == len(orders)


def test_nothing_due_is_nothing_done(shop: Shop) -> None:
    done: list[Any] = [workers.commissions.accrue_due(), workers.commissions.approve()]
    assert done == [0, 0]
    with shop.ledger.writing() as session:
        assert commissions_due.postpone_longest(session, NOON) is None
        assert commissions_due.oldest(session) is None
