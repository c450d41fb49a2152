"""Secrets are unreadable at rest, and a customer is a hash that only this installation can make."""

from __future__ import annotations

import pytest

from tracker.errors import BadSetting
from tracker.sealing import hash_customer, seal

KEY, OTHER_KEY = "a" * 64, "b" * 64


def test_a_sealed_secret_opens_with_the_same_key_and_shows_nothing() -> None:
    sealed = seal(KEY).close("shpss_très-secret")
    assert b"secret" not in sealed
    assert seal(KEY).open(sealed) == "shpss_très-secret"


def test_sealing_twice_gives_two_texts() -> None:
    assert seal(KEY).close("same") != seal(KEY).close("same")


def test_another_key_another_purpose_or_a_changed_byte_opens_nothing() -> None:
    sealed = seal(KEY).close("secret")
    changed = sealed[:-8] + b"AAAAAAA="
    for opener, text in (
        (seal(OTHER_KEY), sealed),
        (seal(KEY, "shops"), sealed),
        (seal(KEY), changed),
        (seal(KEY), b""),
    ):
        with pytest.raises(BadSetting, match="SECRET_KEY"):
            opener.open(text)


def test_a_seal_does_not_show_its_key() -> None:
    assert KEY not in repr(seal(KEY))


def test_an_address_is_one_customer_whatever_its_capitals_and_spaces() -> None:
    hashed = hash_customer(KEY, "0" * 32)
    assert hashed(" Camille.Durand+ig@Example.com ") == hashed("camille.durand+ig@example.com")
    assert hashed("camille.durand@example.com") != hashed("camilledurand@example.com")
    assert len(hashed("a@example.com")) == 64


def test_two_brands_and_two_installations_do_not_share_customers() -> None:
    hashes = {hash_customer(key, brand)("a@example.com") for key in (KEY, OTHER_KEY) for brand in ("0" * 32, "1" * 32)}
    assert len(hashes) == 4


def test_an_address_with_a_lone_surrogate_does_not_raise_from_hashing() -> None:
    assert len(hash_customer(KEY, "0" * 32)("a\ud800@example.com")) == 64
