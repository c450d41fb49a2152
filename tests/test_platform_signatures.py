"""Signatures of every platform: only the right secret over the raw bytes verifies, and nothing ever crashes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from tests.payloads import (
    PLATFORMS,
    RECEIVED,
    SECRETS,
    delivery,
    shopify_order,
    standard_order,
    stripe_event,
    stripe_session,
    woo_order,
)
from tracker.domain.deliveries import Delivery, Platform, Reply
from tracker.errors import BadSignature
from tracker.platforms import standard, stripe, woocommerce
from tracker.plugins import discover

NAMES = sorted(PLATFORMS)
SIGNATURES = {
    "shopify": "x-shopify-hmac-sha256",
    "woocommerce": "x-wc-webhook-signature",
    "stripe": "stripe-signature",
    "standard": "webhook-signature",
}
BODIES = {
    "shopify": shopify_order(),
    "woocommerce": woo_order(),
    "stripe": stripe_event("checkout.session.completed", stripe_session()),
    "standard": standard_order(),
}
TIMED = ["standard", "stripe"]


def signed(name: str) -> Delivery:
    return delivery(name, BODIES[name])


def platform(name: str) -> Platform:
    return PLATFORMS[name]


def refused(name: str, sent: Delivery, *secrets: str, wall: datetime = RECEIVED) -> None:
    with pytest.raises(BadSignature):
        platform(name).verify(sent, secrets or (SECRETS[name],), wall)


def with_header(sent: Delivery, **headers: str) -> Delivery:
    return replace(sent, headers={**sent.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})


def with_signature(name: str, sent: Delivery, value: str) -> Delivery:
    return replace(sent, headers={**sent.headers, SIGNATURES[name]: value})


def test_the_platforms_are_found_by_their_files_and_have_the_shape() -> None:
    found: Mapping[str, ModuleType] = discover("tracker.platforms")
    assert sorted(found) == NAMES
    for module in found.values():
        assert module.TITLE
        assert module.SIGNATURE_HELP
        for function in ("check_secret", "handshake", "verify", "dedupe_key", "topic", "parse", "sign"):
            assert callable(getattr(module, function))


@pytest.mark.parametrize("name", NAMES)
def test_a_signed_delivery_verifies_and_tells_which_secret_signed(name: str) -> None:
    other = standard.new_secret()
    assert platform(name).verify(signed(name), (SECRETS[name],), RECEIVED) == 0
    assert platform(name).verify(signed(name), (other, SECRETS[name]), RECEIVED) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_that_was_removed_no_longer_verifies(name: str) -> None:
    refused(name, signed(name), standard.new_secret())
    with pytest.raises(BadSignature):
        platform(name).verify(signed(name), (), RECEIVED)


@pytest.mark.parametrize("name", NAMES)
def test_a_signature_that_is_absent_empty_wrong_or_short_is_refused(name: str) -> None:
    sent = signed(name)
    refused(name, replace(sent, headers={}))
    good = sent.headers[SIGNATURES[name]]
    for value in ("", " ", good[:40], good[:-1], good + "A", good + "\n", "x", "v1,", "t=1,v1="):
        refused(name, with_signature(name, sent, value))


@pytest.mark.parametrize("name", NAMES)
def test_the_right_digest_in_another_writing_is_refused(name: str) -> None:
    sent = signed(name)
    head, mark, text = sent.headers[SIGNATURES[name]].rpartition("v1=" if name == "stripe" else "v1,")
    if name == "stripe":
        digest = bytes.fromhex(text)
        others = [text.upper(), base64.b64encode(digest).decode(), " " + text, text[:10] + " " + text[10:]]
    else:
        digest = base64.b64decode(text)
        others = [digest.hex(), text.rstrip("="), text[:10] + "\t" + text[10:], text[:10] + "!" + text[10:], text + "="]
    for other in others:
        refused(name, with_signature(name, sent, head + mark + other))


def test_url_safe_base64_is_refused() -> None:
    for number in range(50):  # some of them have a character that the alphabets write differently
        sent = delivery("shopify", b"{}" + b" " * number)
        text = sent.headers[SIGNATURES["shopify"]]
        safe = text.replace("+", "-").replace("/", "_")
        if safe != text:
            refused("shopify", with_signature("shopify", sent, safe))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["é", "v1,é", "t=é,v1=é", "\ud800", "v1=" + "é" * 64, "\x00"])
def test_a_header_that_is_not_ascii_is_refused_and_does_not_crash(name: str, value: str) -> None:
    refused(name, with_signature(name, signed(name), value))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_json_in_other_bytes_is_refused(name: str) -> None:
    sent = signed(name)
    payload = json.loads(sent.body)
    others = [
        json.dumps(payload).encode(),
        json.dumps(payload, sort_keys=True, separators=(",", ":")).encode(),
        sent.body.replace(b"\\/", b"/"),
        sent.body + b"\n",
        sent.body + b"\r\n",
        b"\xef\xbb\xbf" + sent.body,
    ]
    for other in others:
        if other != sent.body:
            refused(name, replace(sent, body=other))


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_secret_is_refused_when_it_is_set_and_when_it_is_used(name: str) -> None:
    for secret in ("", " ", "\t\n"):
        with pytest.raises(ValueError, match="secret"):
            platform(name).check_secret(secret)
    if name != "standard":  # there the signer itself refuses an empty key
        sent = delivery(name, BODIES[name])
        forged = PLATFORMS[name].sign(sent.body, "", RECEIVED, "d1")
        refused(name, replace(sent, headers={key.lower(): value for key, value in forged.items()}), "")
    refused(name, signed(name), "", "  ")


def test_an_empty_key_behind_the_prefix_signs_nothing() -> None:
    key = base64.b64encode(b"").decode()
    assert key == ""
    with pytest.raises(ValueError, match="24 to 64"):
        standard.check_secret("whsec_")
    refused("standard", signed("standard"), "whsec_")


@pytest.mark.parametrize("name", NAMES)
def test_a_good_secret_may_be_set(name: str) -> None:
    platform(name).check_secret(SECRETS[name])


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("stripe", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
        ("stripe", "rk_live_4eC39HqLyjWDarjtT1zdp7dc"),
        ("stripe", "whsec_with space"),
        ("standard", "whsec_tooshort"),
        ("standard", "whsec_" + "A" * 200),
        ("standard", "not base64!"),
        ("shopify", " copied-with-space"),
        ("woocommerce", "two\nlines"),
    ],
)
def test_a_secret_that_the_platform_cannot_have_given_is_refused_with_what_would_do(name: str, secret: str) -> None:
    with pytest.raises(ValueError, match="secret") as refusal:
        platform(name).check_secret(secret)
    assert secret not in str(refusal.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_test_header_or_the_vendors_user_agent_opens_nothing(name: str) -> None:
    headers = {"x-shopify-test": "true", "user-agent": "Shopify-Captain-Hook", "x-wc-webhook-source": "https://shop/"}
    refused(name, replace(signed(name), headers=headers))


def test_stripes_secret_given_to_standard_webhooks_and_the_reverse_fail_without_crashing() -> None:
    for name, other in (("stripe", "standard"), ("standard", "stripe")):
        refused(name, signed(name), SECRETS[other])
        refused(name, signed(other))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_no_headers_at_all_can_crash_a_verifier(name: str, data: st.DataObject) -> None:
    sent = signed(name)
    names = st.sampled_from([*sent.headers, "svix-id", "svix-signature", "svix-timestamp"])
    pieces = st.sampled_from(["v1,", "v1=", "t=", "1772443860", ",", " ", "=", "é", ".", "v0="]) | st.text(max_size=8)
    values = st.lists(pieces, max_size=6).map("".join)
    changed = data.draw(st.dictionaries(names, values, min_size=1))
    good = sent.headers[SIGNATURES[name]]
    changed[SIGNATURES[name]] = data.draw(
        values.filter(lambda value: good.partition("v1=")[2] not in value or not value)
    )
    refused(name, replace(sent, headers={**sent.headers, **changed}))


# --- timestamps ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seconds", [-300, -299, 0, 60, 299, 300])
def test_a_timestamp_up_to_the_tolerance_is_accepted(name: str, seconds: int) -> None:
    assert platform(name).verify(signed(name), (SECRETS[name],), RECEIVED + timedelta(seconds=seconds)) == 0


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seconds", [-86400, -600, -301, 301, 600, 86400 * 365])
def test_a_timestamp_beyond_the_tolerance_is_refused_in_the_past_and_in_the_future(name: str, seconds: int) -> None:
    refused(name, signed(name), wall=RECEIVED + timedelta(seconds=seconds))


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("written", ["{}.9", "+{}", " {}", "0x{}", "1_{}", "-{}", "{}e0", "", "٣"])
def test_a_timestamp_must_be_plain_digits(name: str, written: str) -> None:
    text = written.format(int(RECEIVED.timestamp()))
    sent = signed(name)
    if name == "stripe":
        now = int(RECEIVED.timestamp())
        refused(name, with_signature(name, sent, sent.headers["stripe-signature"].replace(f"t={now}", f"t={text}")))
    else:
        refused(name, with_header(sent, webhook_timestamp=text))


@pytest.mark.parametrize("name", ["shopify", "woocommerce"])
def test_a_scheme_without_a_timestamp_verifies_months_later(name: str) -> None:
    assert platform(name).verify(signed(name), (SECRETS[name],), RECEIVED + timedelta(days=200)) == 0


# --- each scheme's own ways ------------------------------------------------------------------------------------------


def test_shopifys_unprefixed_headers_are_read_too() -> None:
    sent = signed("shopify")
    moved = {name.removeprefix("x-"): value for name, value in sent.headers.items()}
    again = replace(sent, headers=moved)
    assert platform("shopify").verify(again, (SECRETS["shopify"],), RECEIVED) == 0
    assert platform("shopify").topic(again) == "orders/updated"


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("a&amp;b", b"a&b"),
        ("&lt;x&gt;", b"<x>"),
        ("&quot;&#039;&#39;&#x27;", b"\"'''"),
        ("&amp;lt;", b"&lt;"),
        ("caf\u00e9 &eacute; &", "caf\u00e9 &eacute; &".encode()),
    ],
)
def test_woocommerce_signs_with_the_secret_after_wordpress_decoded_it(secret: str, key: bytes) -> None:
    import hmac  # noqa: PLC0415

    signature = base64.b64encode(hmac.digest(key, b"{}", "sha256")).decode()
    sent = Delivery({"x-wc-webhook-signature": signature}, b"{}", RECEIVED)
    assert woocommerce.verify(sent, (secret,), RECEIVED) == 0


def test_woocommerces_ping_is_answered_and_nothing_else_is() -> None:
    ping = Delivery({"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=17", RECEIVED)
    assert woocommerce.handshake(ping) == Reply(200)
    for body in (b"", b"webhook_id=", b"webhook_id=17&x=1", b"webhook_id=1e5", b'{"webhook_id":17}', b"x" * 100):
        assert woocommerce.handshake(Delivery({}, body, RECEIVED)) is None
    for name in ("shopify", "stripe", "standard"):
        assert platform(name).handshake(ping) is None


def test_stripe_ignores_other_schemes_and_accepts_any_of_several_signatures() -> None:
    sent = signed("stripe")
    timestamp, _, signature = sent.headers["stripe-signature"].partition(",v1=")
    assert (
        stripe.verify(
            with_header(sent, stripe_signature=f"{timestamp},v1={'0' * 64},v1={signature},v0=1"),
            (SECRETS["stripe"],),
            RECEIVED,
        )
        == 0
    )
    refused("stripe", with_header(sent, stripe_signature=f"{timestamp},v0={signature}"))
    refused("stripe", with_header(sent, stripe_signature=f"{timestamp},{timestamp},v1={signature}"))
    refused("stripe", with_header(sent, stripe_signature=f"v1={signature}"))


def test_stripes_scheme_matches_a_vector_that_openssl_computed() -> None:
    # printf '1772443860.{}' | openssl dgst -sha256 -hmac whsec_test
    header = "t=1772443860,v1=47f5ea4914b8b0349882699237b5bc1514f0a50f32dc8bef98b3218b1ceaf068"
    wall = datetime.fromtimestamp(1772443860, UTC)
    assert stripe.verify(Delivery({"stripe-signature": header}, b"{}", wall), ("whsec_test",), wall) == 0


def test_standard_webhooks_published_vector_verifies() -> None:
    # The example of the specification, v1.0.0.
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    wall = datetime.fromtimestamp(1614265330, UTC)
    sent = Delivery(headers, b'{"test": 2432232314}', wall)
    assert standard.verify(sent, ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",), wall) == 0


def test_standard_webhooks_agrees_with_the_reference_library() -> None:
    wall = datetime.now(UTC)
    secret = standard.new_secret()
    reference = standardwebhooks.Webhook(secret)
    headers = {name.lower(): value for name, value in standard.sign(b'{"a":1}', secret, wall, "msg_1").items()}
    assert reference.verify(b'{"a":1}', headers) == {"a": 1}
    theirs = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(int(wall.timestamp())),
        "webhook-signature": reference.sign("msg_2", wall, '{"a":2}'),
    }
    assert standard.verify(Delivery(theirs, b'{"a":2}', wall), (secret,), wall) == 0


def test_standard_webhooks_takes_several_signatures_other_header_names_and_a_bare_secret() -> None:
    sent = signed("standard")
    good = sent.headers["webhook-signature"]
    several = with_header(sent, webhook_signature=f"v1a,abc v2,def v1,{'A' * 43}= {good}")
    assert standard.verify(several, (SECRETS["standard"],), RECEIVED) == 0
    svix = {name.replace("webhook-", "svix-"): value for name, value in sent.headers.items()}
    assert standard.verify(replace(sent, headers=svix), (SECRETS["standard"],), RECEIVED) == 0
    assert standard.verify(sent, (SECRETS["standard"].removeprefix("whsec_"),), RECEIVED) == 0
    refused("standard", with_header(sent, webhook_signature=good.replace("v1,", "v1a,")))
    refused("standard", with_header(sent, webhook_id="another"))
    refused("standard", with_header(sent, webhook_id="with space"))


def test_a_secret_whose_padding_was_lost_is_the_same_secret() -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    bare = secret.rstrip("=")
    standard.check_secret(bare)
    headers = {name.lower(): value for name, value in standard.sign(b"{}", secret, RECEIVED, "d1").items()}
    assert standard.verify(Delivery(headers, b"{}", RECEIVED), (bare,), RECEIVED) == 0


# --- what makes a delivery the same ----------------------------------------------------------------------------------


def test_shopifys_topics_of_one_action_are_two_deliveries_and_a_retry_is_one() -> None:
    created = delivery("shopify", shopify_order(), topic="orders/create", headers={"x-shopify-event-id": "e1"})
    paid = delivery("shopify", shopify_order(), topic="orders/paid", headers={"x-shopify-event-id": "e1"})
    again = delivery("shopify", shopify_order(), topic="orders/paid", headers={"x-shopify-event-id": "e2"})
    key = platform("shopify").dedupe_key
    assert key(created) != key(paid)
    assert key(paid) == key(again)


def test_two_woocommerce_orders_of_one_second_share_a_delivery_id_and_are_two() -> None:
    one = delivery("woocommerce", woo_order(order_id=1), delivery_id="same")
    other = delivery("woocommerce", woo_order(order_id=2), delivery_id="same")
    again = delivery("woocommerce", woo_order(order_id=1), delivery_id="another")
    key = platform("woocommerce").dedupe_key
    assert key(one) != key(other)
    assert key(one) == key(again)


def test_stripes_event_id_and_standards_webhook_id_are_signed_and_decide() -> None:
    event = stripe_event("checkout.session.completed", stripe_session(), event_id="evt_9")
    assert stripe.dedupe_key(delivery("stripe", event, received_at=RECEIVED + timedelta(minutes=5))) == "evt_9"
    assert standard.dedupe_key(delivery("standard", standard_order(), delivery_id="msg_7")) == "msg_7"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", ["x" * 5_000, "é", "\ud800", "a\x00b", ""])
def test_a_key_always_fits_its_column(name: str, odd: str) -> None:
    named = dict.fromkeys(("x-shopify-webhook-id", "x-shopify-topic", "x-wc-webhook-topic", "webhook-id"), odd)
    for body in (b'{"id":"' + b"e" * 5_000 + b'","type":"' + b"t" * 5_000 + b'"}', b"\xff", b"[]"):
        sent = Delivery(named, body, RECEIVED)
        key = platform(name).dedupe_key(sent)
        assert 0 < len(key) <= 200
        key.encode("ascii")
        label = platform(name).topic(sent)
        assert len(label) <= 100
        assert "\x00" not in label
        label.encode()
