"""Signed bodies are still strangers' text: every unreadable one is a BadPayload, never a crash, a guess or a hang."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.payloads import (
    CLICK,
    PLATFORMS,
    RECEIVED,
    SHOP,
    delivery,
    hashed,
    shopify_order,
    shopify_refund,
    standard_order,
    standard_refund,
    stripe_charge,
    stripe_event,
    stripe_invoice,
    stripe_refund,
    stripe_session,
    woo_order,
)
from tracker.domain.deliveries import Delivery
from tracker.domain.orders import Order, OrderEvent, Snapshot, change_to_json, fold
from tracker.errors import BadPayload
from tracker.platforms._json import read_object

NAMES = sorted(PLATFORMS)
ORDERS: dict[str, Callable[..., dict[str, Any]]] = {
    "shopify": shopify_order,
    "woocommerce": woo_order,
    "stripe": lambda **changes: stripe_event("checkout.session.completed", stripe_session(**changes)),
    "standard": standard_order,
}
TOTALS = {"shopify": "total_price", "woocommerce": "total", "stripe": "amount_total", "standard": "total"}


def parse(name: str, payload: dict[str, Any] | bytes) -> list[OrderEvent]:
    events: list[OrderEvent] = PLATFORMS[name].parse(delivery(name, payload), SHOP)
    return events


def order(platform: str, **changes: Any) -> Order:
    found = fold(parse(platform, ORDERS[platform](**changes)))
    assert found is not None
    return found


def nested(name: str, field: str, value: object, **more: object) -> dict[str, Any]:
    """The platform's order with that field changed, wherever the platform keeps it."""
    payload = ORDERS[name]()
    inner = payload["data"] if name in ("stripe", "standard") else payload
    (inner["object"] if name == "stripe" else inner).update({field: value, **more})
    return payload


def unreadable(name: str, payload: dict[str, Any] | bytes) -> str:
    with pytest.raises(BadPayload) as refusal:
        parse(name, payload)
    return str(refusal.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"null", b"[]", b'"x"', b"1", b"true", b"{}", b"{", b'{"a":1}x', b"{'a':1}"),
        *('{"name":"\xe9"}'.encode("latin-1"), '{"a":1}'.encode("utf-16"), b'{"a":"\xed\xa0\x80"}'),
        *(b'{"total":1,"total":2}', b'{"a":[{"b":{"c":1,"c":2}}]}'),
        *(
            b'{"a":NaN}',
            b'{"a":Infinity}',
            b'{"a":-Infinity}',
            b'{"a":1e400}',
            b'{"a":1E+1000000000}',
            b'{"a":1E-999999}',
        ),
        *(b'{"a":' + b"9" * 9_999 + b"}", b'{"a":0.' + b"1" * 9_999 + b"}"),
        *(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
def test_what_is_no_sound_json_object_is_unreadable(name: str, body: bytes) -> None:
    unreadable(name, body)


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_order_mark_is_accepted(name: str) -> None:
    plain = json.dumps(ORDERS[name]()).encode()
    assert parse(name, b"\xef\xbb\xbf" + plain) == parse(name, plain)


def test_numbers_are_exact() -> None:
    read = read_object(b'{"float":41.94,"sum":0.1,"id":820982911946154508}')
    assert str(read["float"]) == "41.94"
    assert read["id"] == 820982911946154508


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_order_is_the_same_on_every_platform(name: str) -> None:
    read = order(name)
    assert (read.total, read.goods, read.tax, read.shipping, read.net) == (9389, 7137, 1565, 687, 7137)
    assert (read.currency, read.status, read.test) == ("EUR", "paid", False)
    assert read.customer == hashed("camille.durand@example.com")


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "standard"])
@pytest.mark.parametrize("value", [1.5, None, True, {}, [], "", "a b", "x" * 101, "\u0000", "é", "\ud800"])
def test_an_id_that_is_none_is_unreadable_and_named(name: str, value: object) -> None:
    message = unreadable(name, json.dumps(nested(name, "id", value)).encode())
    assert "id " in message
    assert "want an id" in message


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["XXX", None, "", "EURO", "BTC", 978, {}])
def test_an_unknown_currency_is_quarantined_and_never_assumed(name: str, value: object) -> None:
    assert "currency" in unreadable(name, json.dumps(nested(name, "currency", value)).encode())


@pytest.mark.parametrize("name", NAMES)
def test_a_currency_in_lower_case_is_the_same(name: str) -> None:
    assert fold(parse(name, json.dumps(nested(name, "currency", "eur")).encode())) == order(name)


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "standard"])
@pytest.mark.parametrize("value", ["93,89", "1 349,00", "1,349.00", "٩٣", "1e2", "", "-10.00", True, {}, [], "9" * 16])
def test_a_total_that_is_no_plain_amount_is_quarantined(name: str, value: object) -> None:
    changes = {"current_total_price": None} if name == "shopify" else {}
    payload = nested(name, TOTALS[name], value, **changes)
    assert TOTALS[name] in unreadable(name, json.dumps(payload).encode())


@pytest.mark.parametrize("value", ["9389", 93.89, -1, True, None, {}, 10**20])
def test_stripes_total_is_a_whole_number(value: object) -> None:
    assert "amount_total" in unreadable("stripe", json.dumps(ORDERS["stripe"](amount_total=value)).encode())


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "standard"])
@pytest.mark.parametrize("value", [1772443860, "yesterday", "2026-13-40T00:00:00Z", {}, "9999-12-31T23:59:59Z", ""])
def test_a_version_that_is_no_time_is_quarantined(name: str, value: object) -> None:
    dates = {
        "shopify": ["updated_at", "created_at"],
        "woocommerce": ["date_modified_gmt", "date_created_gmt"],
        "standard": ["updated_at"],
    }[name]
    payload = nested(name, dates[0], value, **dict.fromkeys(dates[1:], value))
    if name == "standard":
        payload["timestamp"] = value
    unreadable(name, json.dumps(payload).encode())


OPTIONAL: dict[str, list[str]] = {
    "shopify": [
        *("discount_codes", "discount_applications", "customer", "email", "contact_email", "landing_site", "refunds"),
        *("note_attributes", "line_items", "source_name", "name", "test", "shipping_lines", "total_discounts"),
        *("total_shipping_price_set", "presentment_currency", "referring_site", "processed_at", "financial_status"),
    ],
    "woocommerce": [
        *("coupon_lines", "meta_data", "line_items", "billing", "created_via", "number", "fee_lines", "discount_total"),
        *("date_paid_gmt", "customer_id", "refunds"),
    ],
    "stripe": [
        *("client_reference_id", "customer_details", "discounts", "metadata", "total_details", "shipping_cost", "mode"),
        *("payment_status", "created"),
    ],
    "standard": ["landing_url", "customer"],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [None, [], {}, "x", 7, 1.5, True, [None, 1, "x"], {"a": {}}])
def test_a_bad_optional_field_is_treated_as_absent(name: str, value: object) -> None:
    for field in OPTIONAL[name]:
        read = fold(parse(name, json.dumps(nested(name, field, value)).encode()))
        assert read is not None, field
        assert read.total == 9389, field


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "stripe"])
def test_what_was_ignored_is_noted_on_the_event(name: str) -> None:
    field = {"shopify": "discount_codes", "woocommerce": "coupon_lines", "stripe": "metadata"}[name]
    read = fold(parse(name, nested(name, field, "x")))
    assert read is not None
    assert f"ignored:{field}" in read.flags


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "standard"])
def test_an_amount_finer_than_the_currency_is_rounded_once_and_flagged(name: str) -> None:
    payload = nested(name, TOTALS[name], "9.999", **({"current_total_price": None} if name == "shopify" else {}))
    read = fold(parse(name, payload))
    assert read is not None
    assert read.total == 1000
    assert f"rounded:{'data.' if name == 'standard' else ''}{TOTALS[name]}" in read.flags


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "standard"])
@pytest.mark.parametrize(("text", "units"), [("93.89000", 9389), ("93.9", 9390), ("94", 9400)])
def test_an_amount_may_be_written_in_any_plain_way(name: str, text: str, units: int) -> None:
    for value in (text, float(text)):
        payload = nested(name, TOTALS[name], value, **({"current_total_price": None} if name == "shopify" else {}))
        read = fold(parse(name, payload))
        assert read is not None
        assert read.total == units


NASTY = "A\u0000\ud800\u202e<script>=cmd|'/C calc'!A0"


@pytest.mark.parametrize("name", NAMES)
def test_control_characters_and_lone_surrogates_never_reach_the_ledger(name: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "shopify": {"name": NASTY, "codes": (NASTY,), "landing_site": f"/{NASTY}?rk={CLICK}", "email": f"{NASTY}@x.fr"},
        "woocommerce": {
            "number": NASTY,
            "codes": (NASTY,),
            "meta": {NASTY: NASTY, "rk": CLICK},
            "email": f"{NASTY}@x.fr",
        },
        "stripe": {"metadata": {"order_id": NASTY, "code": NASTY, "rk": CLICK}, "customer_email": f"{NASTY}@x.fr"},
        "standard": {"number": NASTY, "codes": [NASTY], "landing_url": f"/{NASTY}?rk={CLICK}"},
    }
    body = json.dumps(ORDERS[name](**changes[name])).encode()
    events = parse(name, body)
    kept = json.dumps([change_to_json(event.change) for event in events], ensure_ascii=False)
    assert "\u0000" not in kept
    assert "\u202e" not in kept
    kept.encode()
    read = fold(events)
    assert read is not None
    assert read.codes == ("A<script>=cmd|'/C calc'!A0",)
    assert read.click_ids == (CLICK,)


@pytest.mark.parametrize("name", NAMES)
def test_values_of_any_length_fit_and_lose_no_click(name: str) -> None:
    long = "x" * 10_000
    changes: dict[str, dict[str, Any]] = {
        "shopify": {
            "name": long,
            "codes": (long,),
            "landing_site": f"/{long}?a={long}&rk={CLICK}",
            "source_name": long,
        },
        "woocommerce": {"number": long, "codes": (long,), "meta": {long: long, "_rk": CLICK}, "created_via": long},
        "stripe": {"metadata": {"order_id": long, "code": long, long: long, "rk": CLICK}},
        "standard": {"number": long, "codes": [long], "landing_url": f"https://x/{long}?rk={CLICK}", "source": long},
    }
    read = order(name, **changes[name])
    assert read.click_ids == (CLICK,)
    assert len(read.number) <= 100
    assert len(read.landing) <= 500
    assert [len(code) for code in read.codes] == [255]
    assert all(len(flag) <= 60 for flag in read.flags)


PEOPLE = ("camille", "durand", "jean", "rue du port", "+33", "@")


@pytest.mark.parametrize("name", NAMES)
def test_no_personal_data_survives_into_the_events(name: str) -> None:
    landing = "/p?rk=x&email=jean%40example.com&utm_source=ig&utm_term=jean@example.com"
    changes: dict[str, dict[str, Any]] = {
        "shopify": {"landing_site": landing, "shipping_address": {"name": "Jean", "address1": "1 rue du Port"}},
        "woocommerce": {"meta": {"_wc_order_attribution_session_entry": f"https://x{landing}"}},
        "stripe": {"customer_details": {"email": "camille@example.com", "phone": "+33 6"}},
        "standard": {"landing_url": f"https://x{landing}", "customer": {"email": "Camille@x.fr", "name": "Durand"}},
    }
    kept = json.dumps([change_to_json(event.change) for event in parse(name, ORDERS[name](**changes[name]))]).lower()
    assert not [word for word in PEOPLE if word in kept]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("email", "known"),
    [
        ("Camille.Durand+ig@Example.com ", "camille.durand+ig@example.com"),
        ("", None),
        (None, None),
        ("nobody", None),
        (7, None),
    ],
)
def test_a_customer_is_the_trimmed_lower_cased_address_or_nobody(name: str, email: object, known: str | None) -> None:
    changes: dict[str, dict[str, Any]] = {
        "shopify": {"email": email, "contact_email": None, "customer": None},
        "woocommerce": {"billing": {"email": email}},
        "stripe": {"customer_details": None, "customer_email": email},
        "standard": {"customer": {"email": email}},
    }
    assert order(name, **changes[name]).customer == (hashed(known) if known else None)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["1.00", "EUR", "paid", CLICK]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WHOLE = [
    *[("shopify", payload) for payload in (shopify_order(refunds=(shopify_refund(),)), shopify_refund())],
    ("woocommerce", woo_order(codes=("lea",), refunds=("-1.00",), meta={"rk": CLICK})),
    *[
        ("stripe", stripe_event(kind, about))
        for kind, about in (
            ("checkout.session.completed", stripe_session()),
            ("invoice.paid", stripe_invoice()),
            ("charge.refunded", stripe_charge(100)),
            ("refund.failed", stripe_refund()),
            ("charge.dispute.funds_withdrawn", stripe_refund(id="dp_1")),
        )
    ],
    *[("standard", payload) for payload in (standard_order(), standard_refund())],
]


@given(st.data())
def test_any_value_in_any_place_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    name, payload = data.draw(st.sampled_from(WHOLE))
    changed: Any = json.loads(json.dumps(payload))
    place = changed
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(JUNK)
        break
    try:
        events = parse(name, json.dumps(changed).encode())
    except BadPayload:
        return
    fold(events)
    for event in events:
        assert 0 < len(event.external_id) <= 100
        json.dumps(change_to_json(event.change), ensure_ascii=False).encode()


def test_snapshots_have_no_field_for_a_person_but_the_hash() -> None:
    assert {field.name for field in fields(Snapshot)} == {
        *("status", "currency", "amounts", "placed_at", "number", "test", "refunded", "codes", "click_ids"),
        *("customer", "source", "landing", "flags", "region", "marks"),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["camille.durand@example.com", {"email": "camille.durand@example.com"}])
def test_messages_name_fields_and_never_repeat_values(name: str, value: object) -> None:
    for field in ("currency", TOTALS[name]):
        more = {"current_total_price": None} if name == "shopify" else {}
        assert "camille" not in unreadable(name, nested(name, field, value, **more))


def test_a_delivery_of_another_platform_is_refused_or_concerns_nobody() -> None:
    for name in NAMES:
        for other in NAMES:
            if other != name:
                body = json.dumps(ORDERS[other]()).encode()
                with contextlib.suppress(BadPayload):
                    assert PLATFORMS[name].parse(Delivery({}, body, RECEIVED), SHOP) == []
