"""Orders of a file: the same fold as by webhooks in any order, nothing twice, and every bad line named."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests import payloads
from tests.conftest import NOW, Ledger
from tests.intake import OpenedShop, add_shop, all_text, context, due, rows, settle_all, tell, the_order
from tracker import backfill
from tracker.errors import BadInput
from tracker.importing import _file, _values
from tracker.importing._file import Orders
from tracker.importing._values import Writing
from tracker.ledger import orders
from tracker.ledger.tables import OrderEventRow, OrderRow

PARIS = ZoneInfo("Europe/Paris")
WRITING = Writing(zone=PARIS, latest=datetime(2026, 12, 31, tzinfo=UTC))
EMAIL = "camille.durand@example.com"
ID = "820982911946154508"

SHOPIFY = {
    "Name": "#1042",
    "Email": EMAIL,
    "Financial Status": "paid",
    "Paid at": "2026-03-02 10:30:00 +0100",
    "Currency": "EUR",
    "Subtotal": "85.65",
    "Shipping": "8.24",
    "Taxes": "15.65",
    "Total": "93.89",
    "Discount Code": "LEA15",
    "Discount Amount": "5.00",
    "Created at": "2026-03-02 10:30:00 +0100",
    "Lineitem name": "Robe",
    "Cancelled at": "",
    "Shipping Name": "Camille Durand",
    "Shipping Zip": "'75011",
    "Shipping Country": "FR",
    "Refunded Amount": "0.00",
    "Outstanding Balance": "0.00",
    "Id": ID,
    "Note Attributes": "",
    "Source": "web",
}
WOO = {
    "order_id": "727",
    "order_number": "727",
    "order_date": "2026-03-02 10:30:00",
    "paid_date": "2026-03-02 10:30:00",
    "status": "processing",
    "shipping_total": "6.87",
    "tax_total": "15.65",
    "order_total": "93.89",
    "order_currency": "EUR",
    "billing_email": EMAIL,
    "coupon_items": "code:lea15|amount:5.00",
    "refunded_total": "0",
}
MAPPED = {"N°": "1042", "Date": "02/03/2026 10:30", "Montant": "93,89 €", "État": "Payée", "Devise": "EUR"}
COLUMNS = {"id": "N°", "placed_at": "date", "total": "Montant", "status": "Etat", "currency": "Devise"}


def sheet(*told: Mapping[str, str], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """The rows as a file; the first names the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(told[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(told)
    return text.getvalue().encode(encoding)


def read(data: bytes, format_: str = "shopify", mapping: Mapping[str, str] | None = None, **writing: Any) -> Orders:
    """What the file holds."""
    return _file.read(data, format_, mapping or {}, replace(WRITING, **writing), payloads.SHOP)


def run(ledger: Ledger, shop: OpenedShop, data: bytes, format_: str = "shopify", **how: Any) -> dict[str, int]:
    """Import the file, or look (`dry=True`); how many orders of each effect there were."""
    dry, mapping = how.pop("dry", False), how.pop("mapping", {})
    found = _file.read(data, format_, mapping, WRITING, context(shop.brand_id))
    home = orders.Home(shop.id, shop.brand_id, "Europe/Paris", "goods_less_refunds_v1")
    if dry:
        tally = backfill.look(ledger.session, home, found, lambda _: None)
    else:
        tally = backfill.apply(ledger.session, home, found, lambda _: None, now=NOW, wall=NOW)
    return {effect.value: count for effect, count in tally.effects.items() if count}


# --- beside the webhooks ---------------------------------------------------------------------------------------------


def test_a_file_that_tells_what_webhooks_told_changes_nothing(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    tell(ledger, shop, payloads.shopify_order(codes=("LEA15",), landing_site=f"/?rk={payloads.CLICK}"))
    before = the_order(ledger)
    settle_all(ledger)
    told = sheet(SHOPIFY | {"Shipping Zip": "", "Shipping Country": "", "Note Attributes": f"rk: {payloads.CLICK}"})
    assert run(ledger, shop, told, dry=True) == run(ledger, shop, told) == {"unchanged": 1}
    assert the_order(ledger) == before
    assert due(ledger) == set()


def test_a_file_imported_again_changes_nothing_at_all(ledger: Ledger) -> None:
    shop, told = add_shop(ledger, "shopify"), sheet(SHOPIFY | {"Refunded Amount": "20.00"})
    assert run(ledger, shop, told) == {"new": 1}
    assert len(due(ledger)) == 1
    settle_all(ledger)
    before = rows(ledger, OrderRow), rows(ledger, OrderEventRow)
    assert run(ledger, shop, told) == {"unchanged": 1}
    assert (rows(ledger, OrderRow), rows(ledger, OrderEventRow), due(ledger)) == (*before, set())


def test_a_dry_run_writes_nothing(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    assert run(ledger, shop, sheet(SHOPIFY), dry=True) == {"new": 1}
    assert rows(ledger, OrderRow) == rows(ledger, OrderEventRow) == []


VARIES = {"id", "brand_id", "shop_id", "folded_at", "customer"}
REFUND = payloads.shopify_refund("20.00", created_at="2026-03-05T12:00:00Z")
MIXED = {
    "shopify": (
        payloads.shopify_order(status="pending"),
        payloads.shopify_order(updated_at="2026-03-05T12:00:00Z", status="partially_refunded", refunds=(REFUND,)),
        sheet(SHOPIFY | {"Refunded Amount": "20.00", "Financial Status": "partially_refunded"}),
    ),
    "woocommerce": (
        payloads.woo_order(status="pending"),
        payloads.woo_order(modified="2026-03-05T12:00:00", refunds=("-20.00",)),
        sheet(WOO | {"refunded_total": "-20.00", "date_modified_gmt": "2026-03-05 12:00:00"}),
    ),
}


@pytest.mark.parametrize("platform", MIXED)
def test_webhooks_and_files_come_to_one_fold_in_any_order_and_however_often(ledger: Ledger, platform: str) -> None:
    *webhooks, file = MIXED[platform]
    results = []
    for turn in dict.fromkeys(itertools.permutations([0, 1, 2, 2])):
        shop = add_shop(ledger, platform)
        for place in turn:
            if place == 2:
                run(ledger, shop, file, platform)
            else:
                tell(ledger, shop, webhooks[place])
        told = [row for row in rows(ledger, OrderRow) if row["shop_id"] == shop.id]
        results.append([{k: v for k, v in row.items() if k not in VARIES} for row in told])
    assert all(result == results[0] for result in results)
    (row,) = results[0]
    assert (row["status"], row["total"], row["goods"], row["refunded"]) == ("paid", 9389, 7137, 2000)


def test_a_refund_that_both_told_is_no_second_refund_and_one_that_only_the_file_knows_counts(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    tell(ledger, shop, payloads.shopify_order(), REFUND)
    assert the_order(ledger)["refunded"] == 2000
    assert run(ledger, shop, sheet(SHOPIFY | {"Refunded Amount": "20.00", "Shipping Country": ""})) == {"unchanged": 1}
    assert run(ledger, shop, sheet(SHOPIFY | {"Refunded Amount": "50.00"})) == {"changed": 1}
    assert the_order(ledger)["refunded"] == 5000


def test_the_file_knows_of_a_payment_that_no_webhook_told_and_never_overrules_a_newer_one(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    tell(ledger, shop, payloads.shopify_order(status="pending", total="93.89"))
    file = sheet(SHOPIFY | {"Paid at": "2026-03-03 09:00:00 +0100", "Total": "193.89", "Subtotal": "185.65"})
    run(ledger, shop, file)
    assert (the_order(ledger)["status"], the_order(ledger)["total"]) == ("paid", 9389)
    tell(ledger, shop, payloads.shopify_order(cancelled_at="2026-03-04T08:00:00Z", updated_at="2026-03-04T08:00:00Z"))
    assert run(ledger, shop, file, dry=True) == {"unchanged": 1}
    assert the_order(ledger)["status"] == "cancelled"


def test_a_moment_to_the_minute_leaves_the_webhooks_second_alone(ledger: Ledger) -> None:
    shop = add_shop(ledger, "woocommerce")
    tell(ledger, shop, payloads.woo_order(date_created_gmt="2026-03-02T09:30:27", modified="2026-03-02T09:30:27"))
    told = WOO | {"order_date": "2026-03-02 10:30", "paid_date": "2026-03-02", "coupon_items": ""}
    assert run(ledger, shop, sheet(told), "woocommerce") == {"unchanged": 1}
    assert the_order(ledger)["placed_at"] == datetime(2026, 3, 2, 9, 30, 27, tzinfo=UTC)


def test_nobody_is_named_in_the_ledger_and_the_customer_is_the_webhooks(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    run(ledger, shop, sheet(SHOPIFY))
    assert the_order(ledger)["customer"] == context(shop.brand_id).hash_customer(EMAIL)
    kept = all_text(ledger, (OrderRow, OrderEventRow))
    assert not any(word in kept for word in (EMAIL, "Camille", "75011"))


# --- the formats -----------------------------------------------------------------------------------------------------


def test_a_shopify_order_over_several_rows_is_one_order() -> None:
    item = dict.fromkeys(SHOPIFY, "") | {"Name": "#1042", "Email": EMAIL, "Lineitem name": "Chemise"}
    other = SHOPIFY | {"Name": "#1043", "Id": "7", "Note Attributes": f"gift: yes\n_rk: {payloads.CLICK}"}
    found = read(sheet(SHOPIFY, item, other, item))
    first, second = (line.told for line in found.lines)
    assert (first.external_id, first.snapshot.number, first.snapshot.codes) == (ID, "#1042", ("LEA15",))
    assert (first.amounts.total, first.amounts.goods, first.amounts.shipping) == (9389, 7137, 687)
    assert (first.snapshot.region, first.snapshot.source, first.refunded) == ("FR-75", "", 0)
    assert second.click_ids == (payloads.CLICK,)
    assert [one.line for one in found.refused] == [6]  # the line break in the note takes a line


def test_prices_without_tax_are_told_by_the_orders_own_sum() -> None:
    (line,) = read(sheet(SHOPIFY | {"Subtotal": "71.37", "Shipping": "6.87"})).lines
    assert (line.told.amounts.goods, line.told.amounts.shipping) == (7137, 687)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_delimiters_encodings_and_french_spreadsheets_are_understood(delimiter: str, encoding: str) -> None:
    data = sheet(MAPPED, MAPPED | {"N°": "1043", "Date": "28/02/2026"}, delimiter=delimiter, encoding=encoding)
    first, second = (line.told for line in read(data, "mapped", COLUMNS).lines)
    assert (first.external_id, first.amounts.total, first.status) == ("1042", 9389, "paid")
    assert first.placed.first == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert second.snapshot.placed_at == datetime(2026, 2, 28, 22, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("93.89", "93.89"),
        ("93,89", "93.89"),
        ("1 234,56 €", "1234.56"),
        ("1\u202f234,5", "1234.5"),
        ("1.234,56", "1234.56"),
        ("$1,234.56", "1234.56"),
        ("1,234,567", "1234567"),
        ("EUR 12", "12"),
        ("0.125", "0.125"),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, plain: str) -> None:
    assert _values.decimal(text, 2) == plain


@pytest.mark.parametrize("text", ["1.234", "1,234", "12abc", "1e5", "abc", "1.2.3", "1,23,456.7", "--1", "€"])
def test_an_amount_that_may_mean_two_things_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="want"):
        _values.decimal(text, 2)


def refusal(format_: str, row: Mapping[str, str], **how: Any) -> str:
    """Why the one order of a file is refused."""
    found = read(sheet(row), format_, **how)
    assert found.lines == ()
    (one,) = found.refused
    assert one.line == 2
    return one.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Id": ""}, "Id is empty"),
        ({"Id": "8.20983E+17"}, "Id was rounded by a spreadsheet"),
        ({"Created at": "yesterday"}, "Created at is “yesterday”"),
        ({"Created at": "2026-02-30 10:00:00"}, "want a date"),
        ({"Created at": "03/02/2026"}, "--dates"),
        ({"Created at": "2031-03-02 10:00:00 +0100"}, "still to come"),
        ({"Total": ""}, "Total is empty"),
        ({"Total": "a lot"}, "Total is “a lot”"),
        ({"Total": "-5.00"}, "below zero"),
        ({"Currency": "EURO"}, "ISO 4217"),
        ({"Refunded Amount": "1,234"}, "1234.00"),
    ],
)
def test_a_bad_line_says_which_column_and_what_would_do(change: dict[str, str], words: str) -> None:
    assert words in refusal("shopify", SHOPIFY | change)


def test_a_file_without_the_shops_id_is_refused_line_by_line() -> None:
    told = {name: value for name, value in SHOPIFY.items() if name != "Id"}
    assert "without the shop's own id" in refusal("shopify", told)


def test_an_order_that_stands_twice_and_differs_is_refused_once() -> None:
    found = read(sheet(WOO, WOO, WOO | {"order_total": "10"}), "woocommerce")
    assert (len(found.lines), [(one.line, one.reason) for one in found.refused]) == (
        1,
        [(4, "order 727 stands twice and differs from line 2")],
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04....", "XLSX"),
        (b"only\none\n", "single column"),
        (b"a|b|c\n1|2|3\n", "single column"),
        (b"a,b\n\x81\x8d,1\n", "UTF-8"),
        (b"a,b\n1,2,3\n", "line 2 has 3 cells"),
        (b"Name,Id,Total\n#1,1,2\n", "status (such as “financial_status”), placed_at"),
    ],
)
def test_a_bad_file_says_what_would_do(data: bytes, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(data)
    assert words in str(caught.value)


def test_a_mapping_that_names_nothing_is_refused() -> None:
    for mapping, words in (({"totl": "Montant"}, "no field"), ({"total": "Somme"}, "no column “Somme”")):
        with pytest.raises(BadInput, match=words):
            read(sheet(MAPPED), "mapped", mapping)


def test_the_day_first_is_told_by_the_file_or_by_the_person() -> None:
    row = MAPPED | {"Date": "03/02/2026 10:30"}
    assert "--dates" in refusal("mapped", row, mapping=COLUMNS)
    for day_first, month in ((True, 2), (False, 3)):
        (line,) = read(sheet(row), "mapped", COLUMNS, day_first=day_first).lines
        assert line.told.placed.first.month == month


def test_what_no_column_says_may_be_said_once_for_all() -> None:
    row = {"id": "1", "placed_at": "2026-03-02 10:30:00", "total": "10"}
    (line,) = read(sheet(row), "mapped", currency="JPY", status="paid").lines
    assert (line.told.amounts.total, line.told.status, line.told.snapshot.currency) == (10, "paid", "JPY")


# --- size ------------------------------------------------------------------------------------------------------------


def test_an_import_that_stops_between_two_batches_goes_on_where_it_was(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BATCH", 10)
    shop = add_shop(sqlite_ledger, "shopify")
    many = [
        SHOPIFY | {"Id": str(number), "Name": f"#{number}", "Email": f"p{number % 9}@example.com"}
        for number in range(1, 31)
    ]
    record, calls = orders.record, itertools.count()

    def failing(*arguments: Any, **named: Any) -> Any:
        if next(calls) == 2:
            raise RuntimeError("stopped")
        return record(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(orders, "record", failing)
        with pytest.raises(RuntimeError):
            run(sqlite_ledger, shop, sheet(*many))
    assert len(rows(sqlite_ledger, OrderRow)) == 20
    assert run(sqlite_ledger, shop, sheet(*many)) == {"unchanged": 20, "new": 10}
