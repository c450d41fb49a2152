"""Terms say in a person's words what is paid, are refused by name where they mean nothing, and show as a balance."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.conftest import Ledger
from tests.given import NOON, World
from tests.test_commission_ledger import AFTER_HOLD, Shop, refund
from tracker.catalog import terms
from tracker.catalog.fields import problems
from tracker.catalog.terms import NewTerms, TermsQuery
from tracker.errors import BadInput, Conflict, NotFound
from tracker.reports import _shape
from tracker.reports._shape import Row, Scope


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Shop:
    return Shop(sqlite_ledger)


def agreed(shop: Shop, **said: Any) -> terms.TermsView:
    with shop.desk() as desk:
        return terms.add(desk, NewTerms.model_validate(said))


def test_terms_are_shown_as_they_were_said(small: Shop) -> None:
    view = agreed(small, partner=small.alice, percent="7.50 %", returning_flat="5", assist_percent=0.5, hold_days=14)
    assert (view.percent, view.flat, view.returning_percent, view.returning_flat) == ("7.5", None, None, "5.00")
    assert (view.assist_percent, view.currency, view.hold_days) == ("0.5", "EUR", 14)
    assert (view.partner, view.campaign, view.valid_from) == (small.alice, None, NOON)
    same = agreed(small, percent=10)
    assert (same.percent, same.returning_percent, same.assist_percent, same.hold_days) == ("10", "10", None, 30)
    with small.desk() as desk:
        assert terms.page(desk, TermsQuery()).data == [view, same]
        assert terms.page(desk, TermsQuery(partner=small.alice)).data == [view]


def test_a_day_begins_at_midnight_of_the_brand(small: Shop) -> None:
    assert agreed(small, percent=1, valid_from="2026-04-01").valid_from.isoformat() == "2026-03-31T22:00:00+00:00"


def test_a_flat_amount_has_the_digits_of_its_currency(small: Shop) -> None:
    view = agreed(small, flat="500", currency="jpy")
    assert (view.flat, view.currency) == ("500", "JPY")


def test_of_one_scope_one_version_begins_at_a_moment(ledger: Ledger) -> None:
    shop = Shop(ledger)
    agreed(shop, percent=10, valid_from="2026-03-01")
    agreed(shop, percent=10, valid_from="2026-03-01", partner=shop.alice)
    agreed(shop, percent=10, valid_from="2026-03-02")
    with pytest.raises(Conflict, match="begin at that moment"):
        agreed(shop, percent=20, valid_from="2026-03-01")


@pytest.mark.parametrize(
    ("field", "said", "words"),
    [
        ("percent", {"percent": "101"}, "from 0 to 100"),
        ("percent", {"percent": "ten"}, "such as 7.5"),
        ("flat", {"flat": "-5"}, "such as 5.00"),
        ("currency", {"flat": "5", "currency": "EURO"}, "ISO 4217"),
        ("hold_days", {"percent": 1, "hold_days": 400}, "365"),
    ],
)
def test_terms_that_mean_nothing_are_refused_by_name(field: str, said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        NewTerms.model_validate(said)
    ((name, message),) = problems(caught.value)
    assert name == field
    assert words in message


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("percent", {}),
        ("percent", {"returning_percent": 5}),
        ("flat", {"percent": 5, "flat": 5}),
        ("returning_flat", {"percent": 5, "returning_percent": 5, "returning_flat": 5}),
    ],
)
def test_a_percentage_or_a_flat_amount_and_one_of_them(small: Shop, field: str, said: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        agreed(small, **said)
    assert caught.value.field == field


def test_another_brands_partner_has_no_terms_here(small: Shop) -> None:
    stranger = World(small.ledger, name="Atelier").alice
    with pytest.raises(NotFound):
        agreed(small, percent=10, partner=stranger)


# --- the report -------------------------------------------------------------------------------------------------------


def owed(shop: Shop, start: date, end: date, **filters: Any) -> list[Row]:
    with shop.ledger.session() as session:
        result = _shape.run(session, "owed", Scope(shop.brand, start, end, **filters))
        _shape.as_csv(result)
        return list(result.rows)


def figures(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in ("recorded", "pending", "approved", "paid", "reversed", "orders"))


def test_what_is_owed_is_a_balance_as_of_the_last_day(ledger: Ledger) -> None:
    shop = Shop(ledger)
    shop.agree(percent="10", partner=shop.alice)
    order = shop.by_alice()
    shop.by_alice(net="50.00")
    shop.by_alice(currency="USD")
    shop.order(clicks=[shop.click(shop.bob_link, days=1)])
    shop.owe()
    refund(shop, order, 4000, NOON + timedelta(days=2))
    shop.owe(AFTER_HOLD)
    shop.pay(shop.alice, AFTER_HOLD + timedelta(days=1), currency="EUR")
    first, today = NOON.date(), NOON.date() + timedelta(days=40)
    at_first = owed(shop, first, first)
    assert [(row["partner"], row["currency"], row["without_terms"]) for row in at_first] == [
        ("Alice", "EUR", 0),
        ("Bob", "EUR", 1),
        ("Alice", "USD", 0),
    ]
    assert figures(at_first[0]) == (1500, 1500, 0, 0, 0, 2)
    at_approval = owed(shop, AFTER_HOLD.date(), AFTER_HOLD.date(), partner_id=shop.alice)
    assert [figures(row) for row in at_approval] == [(0, 0, 900, 0, 600, 2), (0, 0, 1000, 0, 0, 1)]
    at_last = owed(shop, first, today, channel="influence")
    assert [figures(row) for row in at_last] == [(900, 0, 0, 900, 600, 2), (1000, 0, 1000, 0, 0, 1)]
    assert owed(shop, first, today, campaign_id="0" * 32) == []
