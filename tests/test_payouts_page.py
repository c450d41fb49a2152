"""The page of payouts: a marketer notes what was paid, of exactly the sum that was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.given import NOON, World
from tests.test_commission_ledger import Shop, refund


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


@pytest.fixture
def shop(desk: Desk) -> Shop:
    """A brand that owes Alice ten euros and 1,000 yen, past their hold."""
    shop = Shop(Ledger("", desk.wiring.engine, desk.wiring.sessions))
    shop.agree(percent="10", hold_days=0)
    shop.by_alice()
    shop.by_alice(net="10000", currency="JPY")
    shop.owe()
    return shop


def pay(desk: Desk, shop: Shop, **form: str) -> tuple[int, str]:
    """The status, and what is said of an error."""
    asked = {"partner": shop.alice, "currency": "EUR", "amount": "10.00", "reference": "transfer 7", **form}
    answer = desk.post("/payouts", desk.token("/payouts"), **asked)
    return answer.status_code, " ".join(re.findall(r'<p class="error">(.*?)</p>', answer.text))


def test_what_is_shown_is_noted_as_paid_once(desk: Desk, shop: Shop) -> None:
    text = desk.get("/payouts").text
    for told in ("Alice", "€10.00", "¥1,000"):
        assert told in text
    assert pay(desk, shop) == (303, "")
    assert "transfer 7" in desk.get("/payouts").text
    status, said = pay(desk, shop)
    assert (status, "nothing to pay" in said) == (422, True)
    assert pay(desk, shop, currency="JPY", amount="1000") == (303, "")
    assert "Nothing to be paid" in desk.get("/payouts").text


def test_a_sum_that_is_another_one_by_now_is_not_noted(desk: Desk, shop: Shop) -> None:
    shop.by_alice(net="50.00")
    shop.owe()
    assert pay(desk, shop) == (422, "nothing was noted: by now 15.00 EUR are to be paid")
    assert "transfer 7" not in desk.get("/payouts").text
    assert pay(desk, shop, amount="15.00") == (303, "")


def test_what_was_taken_back_after_the_payment_is_carried_over(desk: Desk, shop: Shop) -> None:
    order = shop.by_alice()
    shop.owe()
    shop.pay(shop.alice, currency="EUR")
    refund(shop, order, 4000, NOON + timedelta(days=1))
    text = desk.get("/payouts").text
    assert "-€6.00" in text
    assert "carried over" in text
    assert text.count('name="reference"') == 1


def test_a_payout_needs_a_reference_a_token_and_a_partner_of_the_brand(desk: Desk, shop: Shop) -> None:
    assert pay(desk, shop, reference=" ")[0] == 422
    assert desk.post("/payouts", partner=shop.alice, reference="x").status_code == 400
    assert desk.another_browser().get("/payouts").status_code == 302
    assert pay(desk, shop, partner=World(shop.ledger, name="Rue").alice) == (422, "no such partner")
    assert "Paid so far" not in desk.get("/payouts").text
