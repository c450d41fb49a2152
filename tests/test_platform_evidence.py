"""Evidence: every click id and code an order carries is found wherever the shop kept it, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.payloads import (
    CLICK,
    OTHER_CLICK,
    SHOP,
    delivery,
    shopify_order,
    stripe_event,
    stripe_invoice,
)
from tests.test_platform_parsing import NAMES, order
from tracker.domain.deliveries import ShopContext
from tracker.domain.orders import Order, fold
from tracker.platforms import _evidence, shopify, stripe

THIRD = "0195565a2d6e7a3fb1c20d4e5f607184"


@pytest.mark.parametrize(
    "url",
    [
        f"/robe?rk={CLICK}",
        f"/robe?x=1&rk={CLICK}&utm_source=ig#top",
        f"https://shop.example.com/robe?rk={CLICK}",
        f"https://shop.example.com?rk={CLICK}",
        f"?rk={CLICK}",
        f"/?_rk={CLICK}",
        f"/?RK={CLICK}",
        f"/?a=%zz&b=%&rk={CLICK}&c=%E9%ff",
        f"/é?q=été&rk={CLICK}",
        f"/?rk=%20{CLICK}+",
        f"/?rk={CLICK}&rk={CLICK}",
        f"/?rk={CLICK}&rk={OTHER_CLICK}",
        f"/?rk=undefined&rk={CLICK}",
        f"/?a=1&amp;rk={CLICK}",
        f"/?a=1&#038;rk={CLICK}",
        f"//user@evil/?rk={CLICK}",
        f"http://[broken?rk={CLICK}",
        f"/?{'a=b&' * 2_000}rk={CLICK}",
    ],
)
def test_the_click_id_is_found_in_any_form_of_landing_url(url: str) -> None:
    assert _evidence.click_ids(SHOP, [url]) == (CLICK,)


@pytest.mark.parametrize(
    "url",
    [
        *(None, "", 7, [], {}, "/", "/p?x=1", "#", f"#rk={CLICK}", f"/{CLICK}", f"/?other={CLICK}", f"/?xrk={CLICK}"),
        *(f"/?rk={CLICK[:-1]}", f"/?rk={CLICK}0", f"/?rk={CLICK.upper()}", "/?rk=", "/?rk", "/?rk=null"),
        *(
            "/?rk={click_id}",
            "/?rk=!!!clickRef!!!",
            "/?rk=undefined",
            "/?rk=%7Bclick_id%7D",
            "/?rk=[click]",
            "/?rk=${id}",
        ),
        f"/?rk=' OR 1=1 --{CLICK}",
    ],
)
def test_anything_else_is_no_click_id(url: object) -> None:
    assert _evidence.click_ids(SHOP, [url]) == ()


def test_the_name_of_the_parameter_is_the_shops_setting() -> None:
    other = ShopContext("visit", SHOP.hash_customer)
    url = f"/?rk={CLICK}&visit={OTHER_CLICK}"
    assert _evidence.click_ids(other, [url]) == (OTHER_CLICK,)


def test_one_value_may_hand_over_all_clicks_of_a_visit() -> None:
    for between in (",", " ", ", ", ";", "|", "\n"):
        value = between.join([CLICK, OTHER_CLICK, "junk", CLICK])
        assert _evidence.click_ids(SHOP, (), [("_rk", value)]) == (CLICK, OTHER_CLICK)


def test_an_order_holds_at_most_fifty() -> None:
    many = ",".join(f"{number:032x}" for number in range(10_000))
    found = _evidence.click_ids(SHOP, (), [("rk", many)])
    assert len(found) == 50
    assert found[0] == "0" * 32


def test_shopify_keeps_them_in_the_landing_site_the_cart_and_the_lines() -> None:
    read = order(
        "shopify",
        landing_site=f"/robe?rk={CLICK}",
        note_attributes=[{"name": "gift", "value": "oui"}, {"name": "_rk", "value": OTHER_CLICK}],
        line_items=[{"id": 1, "properties": [{"name": "Taille", "value": "M"}, {"name": "_rk", "value": THIRD}]}],
    )
    assert read.click_ids == (CLICK, OTHER_CLICK, THIRD)
    as_object = order("shopify", line_items=[{"properties": {"_rk": CLICK}}], attributes={"rk": OTHER_CLICK})
    assert as_object.click_ids == (OTHER_CLICK, CLICK)


def test_woocommerce_keeps_them_in_the_session_entry_and_the_meta_data() -> None:
    read = order(
        "woocommerce",
        meta={
            "_wc_order_attribution_session_entry": f"https://shop/robe?rk={CLICK}",
            "_rk": OTHER_CLICK,
            "x": {"y": 1},
        },
        line_items=[{"id": 1, "meta_data": [{"key": "rk", "value": THIRD}, {"key": "_rk", "value": 7}]}],
    )
    assert read.click_ids == (CLICK, OTHER_CLICK, THIRD)
    assert read.landing == "/robe"


def test_stripe_keeps_them_in_the_metadata_and_the_client_reference() -> None:
    read = order("stripe", metadata={"rk": CLICK, "cart": OTHER_CLICK}, client_reference_id=OTHER_CLICK)
    assert read.click_ids == (CLICK, OTHER_CLICK)
    assert order("stripe", client_reference_id="cart_17").click_ids == ()


@pytest.mark.parametrize(
    "where",
    [
        {"metadata": {"rk": CLICK}},
        {"parent": {"subscription_details": {"metadata": {"_rk": CLICK}}}},
        {"subscription_details": {"metadata": {"rk": CLICK}}},
        {"lines": {"data": [{"metadata": {"rk": CLICK}}]}},
    ],
)
def test_a_renewal_carries_the_subscriptions_click_wherever_the_api_version_keeps_it(where: dict[str, Any]) -> None:
    event = stripe_event("invoice.paid", stripe_invoice(billing_reason="subscription_cycle", **where))
    read = fold(stripe.parse(delivery("stripe", event), SHOP))
    assert read is not None
    assert read.click_ids == (CLICK,)


def test_the_canonical_order_keeps_them_in_a_list_and_in_the_landing_url() -> None:
    read = order("standard", click_ids=[OTHER_CLICK, "junk", 7], landing_url=f"https://shop/?rk={CLICK}")
    assert read.click_ids == (CLICK, OTHER_CLICK)


def with_codes(name: str, *codes: Any) -> Order:
    changes: dict[str, dict[str, Any]] = {
        "shopify": {"discount_codes": [{"code": code, "amount": "1.00"} for code in codes]},
        "woocommerce": {"coupon_lines": [{"code": code} for code in codes]},
        "stripe": {"metadata": dict(zip(("promo_code", "code", "coupon"), codes, strict=False))},
        "standard": {"codes": list(codes)},
    }
    return order(name, **changes[name])


@pytest.mark.parametrize("name", NAMES)
def test_all_codes_are_kept_as_they_were_written_and_each_once(name: str) -> None:
    assert with_codes(name, " lea15 ", "NOEL20", "LEA15").codes == ("lea15", "NOEL20")
    assert with_codes(name, "", "\u200b", "Noe\u0308l20").codes == ("Noe\u0308l20",)
    assert with_codes(name).codes == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_code_that_is_no_text_is_ignored(name: str) -> None:
    assert with_codes(name, 7, None, "LEA15").codes == ("LEA15",)


def test_shopify_names_codes_in_two_places_and_automatic_discounts_are_none() -> None:
    applied = [
        {"type": "discount_code", "code": "lea15"},
        {"type": "automatic", "title": "SOLDES"},
        {"type": "manual", "title": "GESTE", "code": "NOT"},
    ]
    read = order("shopify", discount_codes=[{"code": "LEA15"}], discount_applications=applied)
    assert read.codes == ("LEA15",)


@pytest.mark.parametrize(
    ("promotion", "code"),
    [("promo_1", "promo_1"), ({"id": "promo_1", "code": "LEA15"}, "LEA15"), ({"id": "promo_1"}, "promo_1")],
)
def test_stripe_names_a_promotion_code_by_its_text_if_expanded_else_by_its_id(promotion: object, code: str) -> None:
    assert order("stripe", discounts=[{"coupon": None, "promotion_code": promotion}]).codes == (code,)
    breakdown = {"breakdown": {"discounts": [{"amount": 500, "discount": {"promotion_code": promotion}}]}}
    assert order("stripe", total_details=breakdown).codes == (code,)


def test_a_body_that_cannot_know_the_codes_leaves_the_known_ones() -> None:
    later = shopify_order(updated_at="2026-03-02T10:00:00Z")
    del later["discount_codes"], later["discount_applications"]
    events = [
        *shopify.parse(delivery("shopify", shopify_order(codes=("LEA15",))), SHOP),
        *shopify.parse(delivery("shopify", later), SHOP),
    ]
    read = fold(events)
    assert read is not None
    assert read.codes == ("LEA15",)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://shop.example.com/robe?rk=1&utm_source=ig&gclid=2", "/robe?utm_source=ig"),
        ("/robe#x", "/robe"),
        ("//shop/robe", "//shop/robe"),
        ("", ""),
        (None, ""),
        ("/account/jean@example.com?utm_campaign=jean%40example.com", "/"),
        ("/" + "x" * 10_000, "/" + "x" * 299),
    ],
)
def test_of_a_landing_page_only_the_path_and_campaign_tags_are_shown(url: object, shown: str) -> None:
    assert _evidence.landing(url) == shown


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_url_can_raise(text: str) -> None:
    for url in (text, f"/?{text}", f"https://{text}?rk={CLICK}"):
        _evidence.click_ids(SHOP, [url], [(text, text)], [text])
        json.dumps(_evidence.landing(url), ensure_ascii=False).encode()
