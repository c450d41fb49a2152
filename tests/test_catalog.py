"""The catalog's operations: what is accepted, what is refused and how, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import intake, payloads
from tests.conftest import NOW, Ledger
from tests.given import World
from tracker import pipeline
from tracker.catalog import ORDERS_DUE, Desk, brands, campaigns, codes, links, partners, placements, shops
from tracker.catalog.brands import BrandChange, BrandView, NewBrand
from tracker.catalog.campaigns import CampaignChange, NewCampaign
from tracker.catalog.codes import CodeQuery, CodeView, NewCode, NewOwner
from tracker.catalog.fields import Input, problems
from tracker.catalog.links import LinkChange, LinkQuery, LinkView, NewLink
from tracker.catalog.partners import NewPartner, PartnerChange, PartnerQuery
from tracker.catalog.placements import NewPlacement, PlacementChange
from tracker.catalog.shops import NewSecret, NewShop, ShopChange
from tracker.domain.catalog import Channel, Format, PartnerKind
from tracker.domain.orders import NetFormula
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger import due
from tracker.ledger.links import links_version
from tracker.ledger.rules import Book
from tracker.ledger.tables import AttributionDue, Credit, CreditSet, Receipt, ShopSecret
from tracker.sealing import seal

PUBLIC_URL = "https://go.example.com"
SECRET_KEY = "0" * 64
SIGNING = "shpss_0123456789abcdef0123456789abcdef"


def add_brand(ledger: Ledger, name: str = "Maison", **fields: object) -> BrandView:
    """A brand with a landing domain and the host that nobody has yet."""
    wanted = NewBrand.model_validate({"name": name, "landing_domains": ["shop.example.com"], **fields})
    with ledger.writing() as session:
        return brands.add(session, wanted, now=NOW, public_url=PUBLIC_URL)


@contextmanager
def at(ledger: Ledger, brand: BrandView, now: datetime = NOW) -> Iterator[Desk]:
    """A desk of the brand, in a transaction that is committed."""
    with ledger.writing() as session:
        yield Desk(session, brand.id, now, now, PUBLIC_URL, SECRET_KEY)


def add_partner(ledger: Ledger, brand: BrandView, name: str = "Léa") -> str:
    with at(ledger, brand) as desk:
        return partners.add(desk, NewPartner(name=name)).id


def add_link(ledger: Ledger, brand: BrandView, partner: str, **fields: object) -> LinkView:
    wanted = {"partner": partner, "landing_url": "https://shop.example.com/p", **fields}
    with at(ledger, brand) as desk:
        return links.add(desk, NewLink.model_validate(wanted))


def add_code(ledger: Ledger, brand: BrandView, partner: str, text: str = "LEA15", **fields: object) -> CodeView:
    with at(ledger, brand) as desk:
        return codes.add(desk, NewCode.model_validate({"code": text, "partner": partner, **fields}))


def refused(model: type[Input], **fields: object) -> list[tuple[str, str]]:
    """Which fields an input refuses, and why."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(fields)
    return problems(caught.value)


# --- brands ----------------------------------------------------------------------------------------------------------


def test_a_brand_without_hosts_gets_the_one_of_the_installation_if_it_is_free(ledger: Ledger) -> None:
    assert add_brand(ledger).hosts == ["go.example.com"]
    with pytest.raises(BadInput, match="a tracking host of its own"):
        add_brand(ledger, "Second")


def test_a_brand_begins_with_rule_set_1_and_a_new_version_of_the_links(ledger: Ledger) -> None:
    with ledger.session() as session:
        before = links_version(session)
    brand = add_brand(ledger)
    with ledger.session() as session:
        assert Book(session, [brand.id]).at(brand.id, NOW).version == 1
        assert links_version(session) > before


def test_hosts_and_domains_may_be_pasted_as_addresses(sqlite_ledger: Ledger) -> None:
    brand = add_brand(
        sqlite_ledger,
        hosts=["https://GO.Example.com/", "z.example.com:443", "127.0.0.1:8000", "a.example.com"],
        landing_domains=["https://Shop.example.com/", "*.example.org", "shop.example.com"],
    )
    assert brand.hosts == ["go.example.com", "z.example.com", "127.0.0.1:8000", "a.example.com"]
    assert brand.landing_domains == ["shop.example.com", "example.org"]


def test_a_host_belongs_to_one_brand(ledger: Ledger) -> None:
    add_brand(ledger, hosts=["go.example.com"])
    with pytest.raises(Conflict, match=r"go\.example\.com serves another brand"):
        add_brand(ledger, "Second", hosts=["GO.example.com"])
    with ledger.session() as session:
        assert [brand.name for brand in brands.every(session)] == ["Maison"]


def test_two_brands_of_one_name_are_a_conflict(ledger: Ledger) -> None:
    add_brand(ledger)
    with pytest.raises(Conflict, match="called Maison"):
        add_brand(ledger, hosts=["other.example.com"])


def test_a_time_zone_is_known_or_the_right_one_is_named() -> None:
    assert NewBrand(name="x", time_zone="europe/paris").time_zone == "Europe/Paris"
    assert refused(NewBrand, name="x", time_zone="Paris") == [
        ("time_zone", "unknown time zone 'Paris': did you mean Europe/Paris?")
    ]


def test_a_currency_is_known_and_written_in_capitals() -> None:
    assert NewBrand(name="x", currency="jpy").currency == "JPY"
    assert refused(NewBrand, name="x", currency="EURO")[0][0] == "currency"


@pytest.mark.parametrize("name", ["", "   ", "a\0b", "line\nbreak", "x" * 201])
def test_a_name_is_a_line_of_text(name: str) -> None:
    assert [field for field, _ in refused(NewBrand, name=name)] == ["name"]


def test_a_misspelt_field_is_an_error_and_not_ignored() -> None:
    assert refused(NewBrand, name="x", curency="EUR") == [("curency", "there is no such field")]


def test_the_fallback_is_checked_against_the_landing_domains(sqlite_ledger: Ledger) -> None:
    with pytest.raises(BadInput) as caught:
        add_brand(sqlite_ledger, fallback_url="https://elsewhere.example/")
    assert caught.value.field == "fallback_url"
    assert add_brand(sqlite_ledger, fallback_url="https://shop.example.com").fallback_url == "https://shop.example.com/"


def test_a_host_that_carries_links_stays(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger, hosts=["a.example.com", "b.example.com"])
    link = add_link(sqlite_ledger, brand, add_partner(sqlite_ledger, brand))
    assert link.host == "a.example.com"
    with at(sqlite_ledger, brand) as desk:
        assert brands.edit(desk, BrandChange(hosts=("a.example.com", "c.example.com"))).hosts == [
            "a.example.com",
            "c.example.com",
        ]
    with pytest.raises(Conflict, match="carries 1 links"), at(sqlite_ledger, brand) as desk:
        brands.edit(desk, BrandChange(hosts=("c.example.com",)))


def test_a_domain_that_links_lead_to_stays(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    link = add_link(sqlite_ledger, brand, add_partner(sqlite_ledger, brand))
    change = BrandChange(landing_domains=("example.org",))
    with pytest.raises(Conflict, match="disable it"), at(sqlite_ledger, brand) as desk:
        brands.edit(desk, change)
    with at(sqlite_ledger, brand) as desk:
        links.edit(desk, link.id, LinkChange(disabled=True))
        assert brands.edit(desk, change).landing_domains == ["example.org"]


def test_what_gives_recorded_days_and_amounts_their_meaning_stays_once_there_are_orders(ledger: Ledger) -> None:
    world = World(ledger)
    world.order(net="10.00")
    brand = add_brand(ledger, "Second")
    by_total = NetFormula.TOTAL_LESS_REFUNDS
    with at(ledger, brand) as desk:
        changed = brands.edit(desk, BrandChange(time_zone="UTC", currency="USD", net_formula=by_total))
        assert (changed.time_zone, changed.currency, changed.net_formula) == ("UTC", "USD", by_total)
    for change in (BrandChange(time_zone="UTC"), BrandChange(currency="USD"), BrandChange(net_formula=by_total)):
        with ledger.writing() as session, pytest.raises(Conflict, match="cannot change any more"):
            brands.edit(Desk(session, world.brand, NOW, NOW, PUBLIC_URL, SECRET_KEY), change)


def test_a_brand_may_credit_all_that_the_buyer_paid(ledger: Ledger) -> None:
    formula = NetFormula.TOTAL_LESS_REFUNDS
    brand = add_brand(ledger, net_formula="total-less-refunds_v1")
    add_code(ledger, brand, add_partner(ledger, brand))
    shop = intake.add_shop(ledger, brand_id=brand.id)
    order = payloads.standard_order(goods="71.37", total="93.89", codes=["LEA15"])
    intake.tell(ledger, shop, order, payloads.standard_refund(amount="10.00"))
    assert pipeline.attribute_due(ledger.session, 10, NOW) == 1
    row = intake.the_order(ledger)
    assert (row["net"], row["net_formula"]) == (8389, formula)
    assert {(one["net"], one["net_formula"]) for one in intake.rows(ledger, CreditSet)} == {(8389, formula)}
    (receipt,) = intake.rows(ledger, Receipt)
    assert (receipt["body"]["order"]["net"], receipt["body"]["order"]["net_formula"]) == ("83.89", formula)


def test_null_is_no_value_for_what_must_have_one() -> None:
    assert [field for field, _ in refused(BrandChange, name=None)] == ["name"]
    assert BrandChange(fallback_url=None).given() == {"fallback_url": None}


def test_a_brand_is_found_by_id_by_name_or_by_being_the_only_one(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    partner = add_partner(sqlite_ledger, brand)
    with sqlite_ledger.session() as session:
        assert brands.named(session, None) == brands.named(session, "MAISON") == brands.named(session, brand.id)
    add_brand(sqlite_ledger, "Second", hosts=["other.example.com"])
    with sqlite_ledger.session() as session:
        assert brands.named(session, None, None, "lea", partner) == brand.id
        with pytest.raises(BadInput, match="Maison, Second"):
            brands.named(session, None)
        with pytest.raises(NotFound, match="Maison, Second"):
            brands.named(session, "Third")


# --- shops and their secrets -----------------------------------------------------------------------------------------


def test_a_shop_may_wait_for_its_secret_and_has_an_unguessable_url(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    with at(sqlite_ledger, brand) as desk:
        first, second = shops.add(desk, NewShop(platform="Shopify")), shops.add(desk, NewShop(platform="shopify"))
    assert first.secrets == []
    assert first.webhook_url.startswith("https://go.example.com/webhooks/shopify/")
    assert len(first.webhook_url.rpartition("/")[2]) == 43
    assert first.webhook_url != second.webhook_url


def test_an_unknown_platform_is_refused_with_the_known_ones() -> None:
    ((field, message),) = refused(NewShop, platform="magento")
    assert field == "platform"
    assert "shopify" in message


def test_several_secrets_are_in_force_and_only_their_ends_are_shown(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    with at(ledger, brand) as desk:
        shop = shops.add(desk, NewShop(platform="shopify", secret=SIGNING))
        shops.add_secret(desk, shop.id, NewSecret(secret=SIGNING[::-1]))
        shown = shops.one(desk, shop.id)
    assert [secret.hint for secret in shown.secrets] == [SIGNING[-4:], SIGNING[:4][::-1]]
    assert SIGNING not in shown.model_dump_json()
    with ledger.session() as session:
        sealed = session.execute(select(ShopSecret.sealed).order_by(ShopSecret.id)).scalars().all()
    assert [seal(SECRET_KEY).open(box) for box in sealed] == [SIGNING, SIGNING[::-1]]


def test_a_secret_is_never_empty_never_twice_and_never_taken_away_without_another(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    assert [field for field, _ in refused(NewSecret, secret="  ")] == ["secret"]
    with at(ledger, brand) as desk:
        shop = shops.add(desk, NewShop(platform="shopify", secret=SIGNING))
        with pytest.raises(Conflict, match="has this secret"):
            shops.add_secret(desk, shop.id, NewSecret(secret=SIGNING))
        with pytest.raises(Conflict, match="only secret"):
            shops.remove_secret(desk, shop.id, shop.secrets[0].id)
        shops.add_secret(desk, shop.id, NewSecret(secret=SIGNING[::-1]))
        kept = shops.remove_secret(desk, shop.id, SIGNING[-4:])
        assert [secret.hint for secret in kept.secrets] == [SIGNING[:4][::-1]]
        with pytest.raises(NotFound):
            shops.remove_secret(desk, shop.id, SIGNING[-4:])


def test_a_secret_that_the_platform_cannot_have_given_is_refused(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    with at(sqlite_ledger, brand) as desk, pytest.raises(BadInput) as caught:
        shops.add(desk, NewShop(platform="stripe", secret="sk_live_0123456789"))
    assert caught.value.field == "secret"


def test_a_shop_that_lets_us_choose_its_secret_gets_one_and_it_is_told_once(sqlite_ledger: Ledger) -> None:
    with at(sqlite_ledger, add_brand(sqlite_ledger)) as desk:
        made = shops.add(desk, NewShop(platform="standard"))
        assert isinstance(made, shops.AddedShop)
        assert made.secret is not None
        assert made.secret.startswith("whsec_")
        assert [one.hint for one in made.secrets] == [made.secret[-4:]]
        assert "secret" not in shops.one(desk, made.id).model_dump()
        given, waiting = NewShop(platform="standard", secret=made.secret), NewShop(platform="shopify")
        for wanted in (given, waiting):
            assert not isinstance(shops.add(desk, wanted), shops.AddedShop)


def test_a_shop_is_disabled_once_and_enabled_again(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    with at(sqlite_ledger, brand) as desk:
        shop = shops.add(desk, NewShop(platform="shopify"))
        assert shops.edit(desk, shop.id, ShopChange(disabled=True)).disabled_at == NOW
    with at(sqlite_ledger, brand, NOW + timedelta(days=1)) as desk:
        assert shops.edit(desk, shop.id, ShopChange(disabled=True, name="Paris")).disabled_at == NOW
        assert shops.edit(desk, shop.id, ShopChange(disabled=False)).disabled_at is None
        assert shops.named(desk, "paris") == shop.id


# --- partners, campaigns, placements ---------------------------------------------------------------------------------


def test_a_partner_is_in_its_kinds_channel_unless_it_is_said_otherwise(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    with at(sqlite_ledger, brand) as desk:
        assert partners.add(desk, NewPartner(name="Léa")).channel is Channel.INFLUENCE
        assert partners.add(desk, NewPartner(name="Deals", kind=PartnerKind.COUPON)).channel is Channel.AFFILIATE
        asked = NewPartner.model_validate({"name": "Vlog", "kind": "Influencer", "channel": "AFFILIATE"})
        assert partners.add(desk, asked).channel is Channel.AFFILIATE
        found = partners.page(desk, PartnerQuery(channel=Channel.AFFILIATE)).data
    assert [partner.name for partner in found] == ["Deals", "Vlog"]


@pytest.mark.parametrize(("said", "meant"), [("12000", 12000), ("12 000", 12000), ("1,200,000", 1200000), (5, 5)])
def test_followers_may_be_written_with_separators(said: object, meant: int) -> None:
    assert NewPartner.model_validate({"name": "x", "followers": said}).followers == meant


@pytest.mark.parametrize("said", ["12.5", "-1", "many", 10**11])
def test_followers_that_are_no_count_are_refused(said: object) -> None:
    assert [field for field, _ in refused(NewPartner, name="x", followers=said)] == ["followers"]


def test_a_name_that_several_have_is_no_name(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    first, second = add_partner(ledger, brand), add_partner(ledger, brand)
    other = add_partner(ledger, brand, "LÉA")
    with at(ledger, brand) as desk:
        assert partners.named(desk, " LÉA ") == other
        assert partners.named(desk, first) == first
        with pytest.raises(BadInput, match=second):
            partners.named(desk, "Léa")
        with pytest.raises(NotFound, match="no partner is called Zoé"):
            partners.named(desk, "Zoé")


def test_a_partner_can_be_changed(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    partner = add_partner(sqlite_ledger, brand)
    with at(sqlite_ledger, brand) as desk:
        partners.edit(desk, partner, PartnerChange(email="lea@example.com", followers=7))
        changed = partners.edit(desk, partner, PartnerChange(followers=None))
    assert (changed.name, changed.email, changed.followers) == ("Léa", "lea@example.com", None)


def test_a_campaign_ends_after_it_starts(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    with at(sqlite_ledger, brand) as desk:
        wanted = NewCampaign(name="Spring", starts_on=date(2026, 3, 1), utm={"source": "instagram", "utm_medium": "x"})
        campaign = campaigns.add(desk, wanted)
        assert campaign.utm == {"utm_source": "instagram", "utm_medium": "x"}
    with pytest.raises(BadInput, match="before the first"), at(sqlite_ledger, brand) as desk:
        campaigns.edit(desk, campaign.id, CampaignChange(ends_on=date(2026, 2, 28)))
    with at(sqlite_ledger, brand) as desk:
        assert campaigns.one(desk, campaign.id).ends_on is None


def test_a_placements_time_is_the_brands(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger, time_zone="America/New_York")
    partner = add_partner(sqlite_ledger, brand)
    with at(sqlite_ledger, brand) as desk:
        wanted = {"partner": partner, "network": "TikTok", "format": "Video", "published_at": "2026-03-01T18:00"}
        placement = placements.add(desk, NewPlacement.model_validate(wanted))
        assert (placement.network, placement.format) == ("tiktok", Format.VIDEO)
        assert placement.published_at == datetime(2026, 3, 1, 23, tzinfo=UTC)
        changed = placements.edit(
            desk, placement.id, PlacementChange.model_validate({"published_at": "2026-03-02T00:00:00+01:00"})
        )
        assert changed.published_at == datetime(2026, 3, 1, 23, tzinfo=UTC)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "www.example.com", "https://a b", "https://"])
def test_a_placements_address_is_a_web_address(address: str) -> None:
    assert [field for field, _ in refused(NewPlacement, partner="x", network="x", url=address)] == ["url"]


# --- links -----------------------------------------------------------------------------------------------------------


def test_a_link_gets_the_brands_first_host_and_a_random_slug(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    link = add_link(sqlite_ledger, brand, add_partner(sqlite_ledger, brand))
    assert len(link.slug) == 8
    assert link.url == f"https://go.example.com/r/{link.slug}"


def test_links_of_an_installation_without_https_say_so() -> None:
    assert links.short_url("127.0.0.1:8000", "lea", "http://127.0.0.1:8000") == "http://127.0.0.1:8000/r/lea"
    assert links.short_url("go.example.com", "lea", "http://127.0.0.1:8000") == "https://go.example.com/r/lea"


def test_a_link_made_before_the_installation_had_a_name_is_published_under_that_name(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger, hosts=["127.0.0.1:8000"])
    partner = add_partner(sqlite_ledger, brand)
    first = add_link(sqlite_ledger, brand, partner, slug="lea")
    assert (first.host, first.url) == ("127.0.0.1:8000", "https://go.example.com/r/lea")
    with at(sqlite_ledger, brand) as desk:
        brands.edit(desk, BrandChange(hosts=("127.0.0.1:8000", "go.example.com")))
    assert add_link(sqlite_ledger, brand, partner).host == "go.example.com"
    with pytest.raises(Conflict, match="/r/lea is a link already"):
        add_link(sqlite_ledger, brand, partner, slug="lea")


def test_the_hosts_of_a_brand_keep_the_order_in_which_they_were_given(ledger: Ledger) -> None:
    brand = add_brand(ledger, hosts=["a.example.com", "b.example.com"])
    wanted = ["c.example.com", "b.example.com", "a.example.com"]
    with at(ledger, brand) as desk:
        assert brands.edit(desk, BrandChange(hosts=tuple(wanted))).hosts == wanted
    assert add_link(ledger, brand, add_partner(ledger, brand)).host == "c.example.com"


def test_a_slug_is_taken_once_per_host_and_case_matters(ledger: Ledger) -> None:
    brand = add_brand(ledger, hosts=["a.example.com", "b.example.com"])
    partner = add_partner(ledger, brand)
    add_link(ledger, brand, partner, slug="lea")
    add_link(ledger, brand, partner, slug="Lea")
    add_link(ledger, brand, partner, slug="lea", host="b.example.com")
    with pytest.raises(Conflict, match=r"a\.example\.com has a link lea already"):
        add_link(ledger, brand, partner, slug="lea")


@pytest.mark.parametrize("slug", ["", "a b", "a/b", "é", "a%41", "-a", "?", "x" * 101])
def test_a_slug_reads_the_same_in_every_url(slug: str) -> None:
    assert [field for field, _ in refused(NewLink, partner="x", landing_url="x", slug=slug)] == ["slug"]


def test_a_landing_url_is_on_the_brands_domains(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    partner = add_partner(sqlite_ledger, brand)
    for url in ("https://evil.example/", "http://shop.example.com/", "https://shop.example.com@evil.example/"):
        with pytest.raises(BadInput, match=r"landing domains: shop\.example\.com") as caught:
            add_link(sqlite_ledger, brand, partner, landing_url=url)
        assert caught.value.field == "landing_url"
    assert add_link(sqlite_ledger, brand, partner, landing_url="https://SHOP.example.com").landing_url.endswith(".com/")


def test_a_host_that_is_not_the_brands_is_refused(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    add_brand(sqlite_ledger, "Second", hosts=["other.example.com"])
    with pytest.raises(BadInput, match=r"it has go\.example\.com"):
        add_link(sqlite_ledger, brand, add_partner(sqlite_ledger, brand), host="other.example.com")


def test_a_link_in_a_placement_is_its_partners_and_of_its_campaign(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    lea, tom = add_partner(sqlite_ledger, brand), add_partner(sqlite_ledger, brand, "Tom")
    with at(sqlite_ledger, brand) as desk:
        campaign = campaigns.add(desk, NewCampaign(name="Spring")).id
        placement = placements.add(desk, NewPlacement(partner=lea, campaign=campaign, network="tiktok")).id
    assert add_link(sqlite_ledger, brand, lea, placement=placement).campaign == campaign
    with pytest.raises(BadInput, match="another partner's"):
        add_link(sqlite_ledger, brand, tom, placement=placement)


def test_a_day_as_a_links_end_is_its_last_day(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    link = add_link(sqlite_ledger, brand, add_partner(sqlite_ledger, brand), expires_at="2026-03-28")
    assert link.expires_at == datetime(2026, 3, 28, 23, tzinfo=UTC)


def test_whatever_the_redirect_must_know_is_a_new_version_of_the_links(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    partner = add_partner(ledger, brand)
    link = add_link(ledger, brand, partner)
    with at(ledger, brand) as desk:
        campaign = campaigns.add(desk, NewCampaign(name="Spring")).id
    changes: list[Callable[[Desk], object]] = [
        lambda desk: links.edit(desk, link.id, LinkChange(disabled=True)),
        lambda desk: campaigns.edit(desk, campaign, CampaignChange(name="Summer")),
        lambda desk: partners.edit(desk, partner, PartnerChange(name="Lea")),
        lambda desk: brands.edit(desk, BrandChange(fallback_url=None)),
    ]
    for change in changes:
        with at(ledger, brand) as desk:
            before = links_version(desk.session)
            change(desk)
            assert links_version(desk.session) > before


def test_a_link_is_found_by_slug_and_by_url(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    link = add_link(sqlite_ledger, brand, add_partner(sqlite_ledger, brand), slug="lea")
    with at(sqlite_ledger, brand) as desk:
        assert links.named(desk, "lea") == links.named(desk, link.url) == links.named(desk, link.id) == link.id


def test_lists_come_in_pages(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    partner = add_partner(ledger, brand)
    made = [add_link(ledger, brand, partner).id for _ in range(5)]
    with at(ledger, brand) as desk:
        first = links.page(desk, LinkQuery(limit=2))
        second = links.page(desk, LinkQuery(limit=2, cursor=first.next_cursor))
        last = links.page(desk, LinkQuery(limit=2, cursor=second.next_cursor))
        with pytest.raises(BadInput, match="not a cursor of ours"):
            links.page(desk, LinkQuery(cursor="nonsense"))
    assert [link.id for part in (first, second, last) for link in part.data] == made
    assert last.next_cursor is None


# --- codes -----------------------------------------------------------------------------------------------------------


def test_a_first_owner_without_a_date_has_always_had_the_code(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    partner = add_partner(ledger, brand)
    code = add_code(ledger, brand, partner)
    assert (code.partner, code.owners[0].valid_from, code.owners[0].valid_to) == (partner, None, None)


def test_spellings_that_a_shopper_cannot_tell_apart_are_one_code(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    partner = add_partner(sqlite_ledger, brand)
    code = add_code(sqlite_ledger, brand, partner)
    for spelling in ("lea15", "ＬＥＡ１５", " Lea15"):
        with pytest.raises(Conflict, match="written LEA15"):
            add_code(sqlite_ledger, brand, partner, spelling)
    with at(sqlite_ledger, brand) as desk:
        assert codes.named(desk, "lea15\u00a0") == code.id
        assert [found.id for found in codes.page(desk, CodeQuery(code="LEA15")).data] == [code.id]


def test_two_brands_may_have_the_same_code(ledger: Ledger) -> None:
    first, second = add_brand(ledger), add_brand(ledger, "Second", hosts=["other.example.com"])
    assert add_code(ledger, first, add_partner(ledger, first)).code == "LEA15"
    assert add_code(ledger, second, add_partner(ledger, second)).code == "LEA15"


@pytest.mark.parametrize("text", ["", "\u200b", "x" * 256, "a\nb"])
def test_a_code_is_something_visible(text: str) -> None:
    assert [field for field, _ in refused(NewCode, code=text, partner="x")] == ["code"]


def test_giving_a_code_ends_the_period_before_and_keeps_the_one_after(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    lea, tom, zoe = (add_partner(ledger, brand, name) for name in ("Léa", "Tom", "Zoé"))
    code = add_code(ledger, brand, lea)
    with at(ledger, brand) as desk:
        codes.give(desk, code.id, NewOwner.model_validate({"partner": zoe, "from": "2026-03-20"}))
        given_ = codes.give(desk, code.id, NewOwner.model_validate({"partner": tom, "from": "2026-03-10"}))
    tenth, twentieth = datetime(2026, 3, 9, 23, tzinfo=UTC), datetime(2026, 3, 19, 23, tzinfo=UTC)
    assert [(owner.partner, owner.valid_from, owner.valid_to) for owner in given_.owners] == [
        (lea, None, tenth),
        (tom, tenth, twentieth),
        (zoe, twentieth, None),
    ]
    assert given_.partner == lea


def test_giving_at_the_moment_when_a_period_begins_corrects_it(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    lea, tom = add_partner(ledger, brand), add_partner(ledger, brand, "Tom")
    code = add_code(ledger, brand, lea, valid_from="2026-03-01")
    with at(ledger, brand) as desk:
        corrected = codes.give(desk, code.id, NewOwner.model_validate({"partner": tom, "valid_from": "2026-03-01"}))
    assert [owner.partner for owner in corrected.owners] == [tom]


def test_a_code_given_to_nobody_is_nobodys(sqlite_ledger: Ledger) -> None:
    brand = add_brand(sqlite_ledger)
    code = add_code(sqlite_ledger, brand, add_partner(sqlite_ledger, brand))
    with at(sqlite_ledger, brand) as desk:
        retired = codes.give(desk, code.id, NewOwner())
    assert retired.partner is None
    assert [(owner.valid_from, owner.valid_to) for owner in retired.owners] == [(None, NOW)]


def test_orders_that_carry_a_code_are_due_when_it_is_added_and_when_it_is_given(ledger: Ledger) -> None:
    world = World(ledger)
    order = world.order(net="90.00", codes=["lea15"])
    world.order(net="90.00", codes=["other"])
    world.attribute()
    for add in (True, False):
        with ledger.writing() as session:
            desk = Desk(session, world.brand, NOW, NOW, PUBLIC_URL, SECRET_KEY)
            if add:
                code = codes.add(desk, NewCode(code="LEA15", partner=world.alice))
            else:
                codes.give(desk, code.id, NewOwner(partner=world.bob, valid_from=date(2026, 1, 1)))
        with ledger.writing() as session:
            assert [claim.order_id for claim in due.claim_due(session, 10)] == [order]
        world.attribute()
        assert world.credits(order) == ({"Alice": "90.00"} if add else {"Bob": "90.00"})


def due_orders(ledger: Ledger) -> set[str]:
    with ledger.writing() as session:
        return {claim.order_id for claim in due.claim_due(session, 100)}


def channels(world: World, order: str) -> list[str]:
    """The channels of the order's credits under the paying model."""
    return [row["channel"] for row in world.all(Credit) if row["order_id"] == order and row["weight"] == "1"][:1]


def test_a_partners_new_channel_reaches_every_order_that_the_partner_led_to(ledger: Ledger) -> None:
    world = World(ledger)
    world.code("ALICE10", world.alice)
    visit = world.click(world.alice_link, days=3, visitor="v")
    theirs = [
        world.order(clicks=[visit]),
        world.order(codes=["alice10"]),
        world.order(clicks=[world.click(None, days=1, visitor="v")]),
        world.order(clicks=[world.click(world.alice_link, days=9)], customer="c", days=8),
        world.order(customer="c", hours=1),
    ]
    other = world.order(clicks=[world.click(world.bob_link, days=2)])
    world.attribute()
    assert {channel for order in theirs[:4] for channel in channels(world, order)} == {"influence"}
    desk = Desk(None, world.brand, NOW, NOW, PUBLIC_URL, SECRET_KEY)  # type: ignore[arg-type]
    for change in (PartnerChange(name="Alicia"), PartnerChange(channel=Channel.INFLUENCE)):
        with ledger.writing() as session:
            partners.edit(replace(desk, session=session), world.alice, change)
        assert due_orders(ledger) == set()
    with ledger.writing() as session:
        partners.edit(replace(desk, session=session), world.alice, PartnerChange(channel=Channel.AFFILIATE))
        assert session.info.get(ORDERS_DUE), "attribution is told after the commit"
    assert due_orders(ledger) == set(theirs)
    assert {row["cause"] for row in world.all(AttributionDue)} == {"catalog"}
    world.attribute()
    assert {channel for order in theirs[:4] for channel in channels(world, order)} == {"affiliate"}
    assert channels(world, other) == ["affiliate"]


@pytest.mark.parametrize("field", ["channel", "campaign", "placement"])
def test_what_credits_carry_of_a_link_reaches_the_orders_of_its_clicks(ledger: Ledger, field: str) -> None:
    world = World(ledger)
    order = world.order(clicks=[world.click(world.alice_link, days=3)])
    world.order(clicks=[world.click(world.link(world.alice), days=3)])
    world.attribute()
    with ledger.writing() as session:
        desk = Desk(session, world.brand, NOW, NOW, PUBLIC_URL, SECRET_KEY)
        placement = NewPlacement(partner=world.alice, network="tiktok")
        values = {
            "channel": "affiliate",
            "campaign": campaigns.add(desk, NewCampaign(name="Spring")).id,
            "placement": placements.add(desk, placement).id,
        }
        links.edit(desk, world.alice_link, LinkChange(landing_url="https://shop.example/new"))
        assert not session.info.get(ORDERS_DUE)
        links.edit(desk, world.alice_link, LinkChange.model_validate({field: values[field]}))
        assert session.info.get(ORDERS_DUE), "attribution is told after the commit"
    assert due_orders(ledger) == {order}
    world.attribute()
    column = field if field == "channel" else f"{field}_id"
    assert {row[column] for row in world.all(Credit) if row["order_id"] == order} == {values[field]}


@settings(max_examples=30)
@given(gifts=st.lists(st.tuples(st.sampled_from(["Léa", "Tom", None]), st.integers(0, 12)), max_size=8))
def test_periods_of_ownership_never_overlap_and_each_gift_holds_until_the_next_known_one(
    sqlite_ledger: Ledger, gifts: list[tuple[str | None, int]]
) -> None:
    """Against a model: the day from which each gift holds. A second "nobody" in a row is no change."""
    with sqlite_ledger.session() as session:
        desk = _fresh_desk(session)
        ids = {name: partners.add(desk, NewPartner(name=name)).id for name in ("Zoé", "Léa", "Tom")}
        code = codes.add(desk, NewCode(code="LEA15", partner=ids["Zoé"]))
        model: dict[int, str | None] = {-1: ids["Zoé"]}
        for name, day in gifts:
            partner = ids[name] if name else None
            code = codes.give(desk, code.id, NewOwner(partner=partner, valid_from=_day(day)))
            model = _merged({**model, day: partner})
    for before, after in pairwise(code.owners):
        assert before.valid_to is not None
        assert after.valid_from is not None
        assert before.valid_to <= after.valid_from
    for day in range(-1, 14):
        assert _owner_on(code, day) == model[max(known for known in model if known <= day)]


def _fresh_desk(session: Session) -> Desk:
    """A desk of a brand that is gone with the transaction."""
    brand = brands.add(session, NewBrand(name="Maison"), now=NOW, public_url=PUBLIC_URL)
    return Desk(session, brand.id, NOW, NOW, PUBLIC_URL, SECRET_KEY)


def _day(number: int) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number)


def _merged(model: dict[int, str | None]) -> dict[int, str | None]:
    merged: dict[int, str | None] = {}
    for day in sorted(model):
        if model[day] is not None or not merged or merged[max(merged)] is not None:
            merged[day] = model[day]
    return merged


def _owner_on(code: CodeView, day: int) -> str | None:
    for owner in code.owners:
        begun = owner.valid_from is None or owner.valid_from <= _day(day)
        if begun and (owner.valid_to is None or _day(day) < owner.valid_to):
            return owner.partner
    return None
